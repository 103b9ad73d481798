# The truth that haemony's survival analyses are held against.
#
#   Rscript make_reference.R INPUT.csv OUTPUT.csv synthetic|amlsg
#
# The input is what `synthetic()` or `amlsg()` of tests/support/survival_cohorts.py writes as CSV.
# Reads one row per patient and writes R's answers, one number per row with 15 digits, as
# analysis,quantity,label,value. Nothing written here describes a single AMLSG patient.

suppressPackageStartupMessages(library(survival))
arguments <- commandArgs(trailingOnly = TRUE)
invisible(Sys.setlocale("LC_COLLATE", "C"))
table <- read.csv(arguments[1], stringsAsFactors = FALSE)
control <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
kept <- list()

keep <- function(analysis, quantity, value, label = seq_along(value)) {
  kept[[length(kept) + 1]] <<- data.frame(
    analysis = analysis, quantity = quantity, label = trimws(as.character(label)),
    value = sprintf("%.15g", as.numeric(value))
  )
}

keep_curves <- function(analysis, fit, times = NULL) {
  found <- if (is.null(times)) summary(fit, censored = TRUE) else summary(fit, times = times)
  group <- if (is.null(found$strata)) "all" else trimws(as.character(found$strata))
  label <- paste(group, sprintf("%.10g", found$time), sep = " @ ")
  for (part in c("n.risk", "surv", "std.err", "lower", "upper")) {
    keep(analysis, part, found[[part]], label)
  }
  if (is.null(times)) {
    keep(analysis, "n.event", found$n.event, label)
    keep(analysis, "n.censor", found$n.censor, label)
  }
  middle <- quantile(fit, 0.5)
  groups <- if (is.null(fit$strata)) "all" else names(fit$strata)
  keep(analysis, "median", middle$quantile, groups)
  keep(analysis, "median lower", middle$lower, groups)
  keep(analysis, "median upper", middle$upper, groups)
}

keep_mean <- function(analysis, fit, tau) {
  rows <- summary(fit, rmean = tau)$table
  if (is.null(dim(rows))) rows <- t(as.matrix(rows))
  groups <- if (is.null(fit$strata)) "all" else names(fit$strata)
  keep(analysis, "restricted mean", rows[, "rmean"], groups)
  keep(analysis, "restricted mean se", rows[, "se(rmean)"], groups)
}

keep_logrank <- function(analysis, fit) {
  total <- function(part) if (is.null(dim(part))) part else rowSums(part)
  keep(analysis, "statistic", fit$chisq, "all")
  keep(analysis, "observed", total(fit$obs))
  keep(analysis, "expected", total(fit$exp))
}

keep_cox <- function(analysis, fit) {
  keep(analysis, "coefficient", coef(fit))
  keep(analysis, "standard error", sqrt(diag(vcov(fit))))
  keep(analysis, "log-likelihood", fit$loglik, c("null", "fitted"))
  keep(analysis, "score test", fit$score, "all")
  keep(analysis, "wald test", fit$wald.test, "all")
  keep(analysis, "concordance", fit$concordance["concordance"], "all")
  keep(analysis, "concordance se", fit$concordance["std"], "all")
}

keep_zph <- function(analysis, fit) {
  for (transform in c("km", "rank", "identity", "log")) {
    found <- cox.zph(fit, transform = transform)$table
    keep(analysis, paste("zph", transform), found[, "chisq"])
  }
}

keep_residuals <- function(analysis, fit) {
  for (type in c("martingale", "deviance", "score", "dfbeta", "schoenfeld", "scaledsch")) {
    rows <- as.matrix(residuals(fit, type = type))
    keep(analysis, type, t(head(rows, 40)))
  }
}

keep_concordance <- function(analysis, fit) {
  keep(analysis, "concordance", fit$concordance, "all")
  keep(analysis, "concordance se", sqrt(fit$var), "all")
}

keep_incidence <- function(analysis, fit, times = NULL) {
  found <- if (is.null(times)) summary(fit, censored = TRUE) else summary(fit, times = times)
  group <- if (is.null(found$strata)) "all" else trimws(as.character(found$strata))
  states <- which(fit$states != "(s0)")
  for (part in c("pstate", "std.err", "lower", "upper")) {
    label <- outer(
      paste(group, sprintf("%.10g", found$time), sep = " @ "), fit$states[states], paste, sep = " @ "
    )
    keep(analysis, part, found[[part]][, states], label)
  }
}

synthetic <- function() {
  table$gene <- factor(table$gene, levels = c("negative", "positive"))
  table$eln <- factor(table$eln, levels = c("favourable", "intermediate", "adverse"))
  table$outcome <- factor(table$outcome, levels = c("censored", "relapse", "death"))
  at <- c("log", "log-log", "plain", "arcsin", "logit")
  for (scale in at) {
    keep_curves(paste("km", scale), survfit(Surv(stop, event) ~ gene, table, conf.type = scale))
  }
  keep_curves("km delayed", survfit(Surv(start, stop, event) ~ gene, table))
  keep_curves("km years", survfit(Surv(years, event) ~ 1, table))
  keep_curves("km weights", survfit(Surv(stop, event) ~ gene, table, weights = weight, robust = FALSE))
  keep_curves("follow-up", survfit(Surv(stop, 1 - event) ~ gene, table))
  keep_mean("km log", survfit(Surv(stop, event) ~ gene, table), 20)

  keep_logrank("logrank", survdiff(Surv(stop, event) ~ eln, table))
  keep_logrank("logrank peto", survdiff(Surv(stop, event) ~ eln, table, rho = 1))
  keep_logrank("logrank strata", survdiff(Surv(stop, event) ~ eln + strata(site), table))

  models <- list(
    "cox efron" = coxph(Surv(stop, event) ~ age + gene + eln, table, control = control),
    "cox breslow" = coxph(Surv(stop, event) ~ age + gene + eln, table, ties = "breslow", control = control),
    "cox strata" = coxph(Surv(stop, event) ~ age + gene + eln + strata(site), table, control = control),
    "cox weights" = coxph(
      Surv(stop, event) ~ age + gene + eln, table, weights = weight, robust = FALSE, control = control
    ),
    "cox delayed" = coxph(
      Surv(start, stop, event) ~ age + gene + eln + strata(site), table, control = control
    ),
    "cox delayed breslow" = coxph(
      Surv(start, stop, event) ~ age + gene, table, ties = "breslow", control = control
    ),
    "cox offset" = coxph(Surv(stop, event) ~ age + gene + offset(wbc / 16), table, control = control),
    "cox interaction" = coxph(Surv(years, event) ~ age * gene + log(wbc), table, control = control)
  )
  for (name in names(models)) {
    keep_cox(name, models[[name]])
    keep_zph(name, models[[name]])
    if (name %in% c("cox breslow", "cox weights", "cox delayed")) keep_residuals(name, models[[name]])
  }
  clustered <- list(
    "cox cluster" = coxph(
      Surv(stop, event) ~ age + gene + eln, table, cluster = patient, control = control
    ),
    "cox cluster all" = coxph(
      Surv(start, stop, event) ~ age + gene + strata(site), table,
      weights = weight, cluster = patient, control = control
    )
  )
  for (name in names(clustered)) keep_cox(name, clustered[[name]])

  for (name in c("cox efron", "cox breslow", "cox weights", "cox delayed")) {
    fit <- models[[name]]
    hazard <- basehaz(fit, centered = FALSE)
    hazard <- hazard[c(TRUE, diff(hazard$hazard) > 0), ]
    hazard <- hazard[hazard$hazard > 0, ]
    group <- if (is.null(hazard$strata)) "all" else as.character(hazard$strata)
    keep(name, "baseline", hazard$hazard, paste(group, sprintf("%.10g", hazard$time), sep = " @ "))
    new <- table[c(1, 2, 3), ]
    predicted <- survfit(fit, newdata = new, conf.type = "log")
    for (i in 1:3) {
      found <- summary(predicted[i], times = c(2, 9, 17))
      keep(name, paste("predicted", i), found$surv)
      keep(name, paste("predicted lower", i), found$lower)
      keep(name, paste("predicted upper", i), found$upper)
    }
  }

  keep_concordance("concordance", concordance(Surv(stop, event) ~ score, table))
  keep_concordance("concordance shorter", concordance(Surv(stop, event) ~ score, table, reverse = TRUE))
  keep_concordance(
    "concordance weights", concordance(Surv(stop, event) ~ score, table, weights = weight)
  )
  keep_concordance("concordance strata", concordance(Surv(stop, event) ~ score + strata(site), table))
  keep_concordance("concordance delayed", concordance(Surv(start, stop, event) ~ score, table))

  keep_incidence("incidence", survfit(Surv(stop, outcome) ~ gene, table))
  keep_incidence("incidence years", survfit(Surv(years, outcome) ~ 1, table))
}

amlsg <- function() {
  days <- c(90, 180, 365, 730, 1095, 1461, 1826, 2557)
  os <- Surv(table$os_days, table$os_event)
  keep_curves("km", survfit(os ~ 1), days)
  keep_curves("km log-log", survfit(os ~ 1, conf.type = "log-log"), days)
  keep_curves("km study", survfit(Surv(os_days, os_event) ~ study, table), days)
  keep_curves("km class", survfit(Surv(os_days, os_event) ~ class, table), days[1:3])
  keep_curves("follow-up study", survfit(Surv(os_days, 1 - os_event) ~ study, table), days)
  keep_mean("km study", survfit(Surv(os_days, os_event) ~ study, table), 1826)
  keep_logrank("logrank class", survdiff(Surv(os_days, os_event) ~ class, table))
  keep_logrank(
    "logrank class within study", survdiff(Surv(os_days, os_event) ~ class + strata(study), table)
  )
  models <- list(
    "cox" = coxph(Surv(os_days, os_event) ~ age + NPM1 + FLT3_ITD + log1p(wbc), table, control = control),
    "cox breslow" = coxph(
      Surv(os_days, os_event) ~ age + NPM1 + FLT3_ITD + log1p(wbc), table,
      ties = "breslow", control = control
    ),
    "cox study" = coxph(
      Surv(os_days, os_event) ~ age + NPM1 * FLT3_ITD + log1p(wbc) + strata(study), table, control = control
    ),
    "cox class" = coxph(Surv(os_days, os_event) ~ age + class + strata(study), table, control = control)
  )
  for (name in names(models)) {
    keep_cox(name, models[[name]])
    keep_zph(name, models[[name]])
  }
  first <- table[!is.na(table$efs_cause), ]
  first$cause <- factor(first$efs_cause, levels = c("censored", "failure", "relapse", "death"))
  keep_incidence("incidence efs", survfit(Surv(efs_days, cause) ~ 1, first), days)
}

switch(arguments[3], synthetic = synthetic(), amlsg = amlsg())
write.csv(do.call(rbind, kept), arguments[2], row.names = FALSE, quote = TRUE)
