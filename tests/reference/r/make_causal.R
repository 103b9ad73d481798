# The truth that haemony's causal and pooled analyses are held against.
#
#   Rscript make_causal.R FOLDER OUTPUT.csv
#
# The folder holds what tests/support/cohorts_causal.py writes as CSV. R's answers are written one
# number per row with 17 digits, as dataset,analysis,quantity,label,value; none describes a single
# patient. survival and riskRegression are needed; what needs metafor and mice is left out without.

suppressPackageStartupMessages({library(survival); library(riskRegression)})
arguments <- commandArgs(trailingOnly = TRUE)
invisible(Sys.setlocale("LC_COLLATE", "C"))
options(stringsAsFactors = FALSE)
read <- function(name) read.csv(file.path(arguments[1], paste0(name, ".csv")))
control <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
tight <- glm.control(epsilon = 1e-15, maxit = 100)
kept <- list()

keep <- function(dataset, analysis, quantity, value, label = seq_along(value)) {
  kept[[length(kept) + 1]] <<- data.frame(
    dataset = dataset, analysis = analysis, quantity = quantity,
    label = trimws(as.character(label)), value = sprintf("%.17g", as.numeric(value))
  )
}

keep_cox <- function(dataset, analysis, fit) {
  keep(dataset, analysis, "coefficient", coef(fit))
  keep(dataset, analysis, "standard error", sqrt(diag(vcov(fit))))
  keep(dataset, analysis, "n", fit$n, "all")
  keep(dataset, analysis, "events", fit$nevent, "all")
}

# Transplant, where the clock starts and what it does to the estimate ---------------------------

split_at <- function(d, end, from) {
  early <- !is.na(d[[from]]) & d[[from]] < d[[end]]
  before <- d
  before$start <- 0
  before$stop <- ifelse(early, d[[from]], d[[end]])
  before$event <- ifelse(early, 0, d$died)
  before$transplant <- 0
  after <- d[early, ]
  after$start <- after[[from]]
  after$stop <- after[[end]]
  after$event <- after$died
  after$transplant <- 1
  rows <- rbind(before, after)
  rows[rows$stop > rows$start, ]
}

adjusted <- "age + sex + wbc + eln"

transplant <- function() {
  all <- read("remission")
  all <- all[complete.cases(all[, c("age", "sex", "wbc", "eln")]), ]
  remitted <- all[!is.na(all$cr_day), ]
  clocks <- list(remission = list(remitted, "days", "graft"), diagnosis = list(all, "os_days", "graft_day"))
  for (clock in names(clocks)) {
    d <- clocks[[clock]][[1]]
    end <- clocks[[clock]][[2]]
    from <- clocks[[clock]][[3]]
    rows <- split_at(d, end, from)
    model <- as.formula(paste("Surv(start, stop, event) ~ transplant +", adjusted))
    keep_cox("remission", paste("time-dependent from", clock), coxph(model, rows, control = control))
    d$transplant <- as.numeric(!is.na(d[[from]]) & d[[from]] < d[[end]])
    naive <- as.formula(paste0("Surv(", end, ", died) ~ transplant + ", adjusted))
    keep_cox("remission", paste("naive from", clock), coxph(naive, d, control = control))
  }
  there <- remitted[remitted$days > 183, ]
  there$transplant <- as.numeric(!is.na(there$graft) & there$graft <= 183 & there$graft < there$days)
  there$left <- there$days - 183
  landmark <- as.formula(paste("Surv(left, died) ~ transplant +", adjusted))
  keep_cox("remission", "landmark", coxph(landmark, there, control = control))

  began <- ifelse(is.na(remitted$graft) | remitted$graft >= remitted$days, Inf, remitted$graft)
  trials <- do.call(rbind, lapply(0:ceiling(max(began[is.finite(began)]) / 60), function(k) {
    at <- 60 * k
    who <- which(remitted$days > at & began > at - 60)
    one <- remitted[who, ]
    one$transplant <- as.numeric(began[who] <= at)
    end <- ifelse(one$transplant == 1, one$days, pmin(one$days, began[who]))
    one$event <- ifelse(end < one$days, 0, one$died)
    one$stop <- end - at
    one$trial <- k
    if (length(unique(one$transplant)) < 2) NULL else one[one$stop > 0, ]
  }))
  pooled <- as.formula(paste("Surv(stop, event) ~ transplant +", adjusted, "+ strata(trial)"))
  keep_cox("remission", "sequential", coxph(pooled, trials, cluster = patient, control = control))
  clones(remitted, began, 120)
}

clones <- function(d, began, grace) {
  exposed <- began <= grace
  # must start: censored at the end of grace
  first <- data.frame(patient = d$patient, start = 0, stop = pmin(d$days, grace),
    event = ifelse(d$days <= grace, d$died, 0), weight = 1, transplant = 1)
  there <- d$days > grace
  d$exposed <- as.numeric(exposed)
  chance <- fitted(glm(as.formula(paste("exposed ~", adjusted)), binomial, d[there, ], control = tight))
  late <- which(exposed[there])
  inside <- which(there)[late]
  second <- data.frame(patient = d$patient[inside], start = grace, stop = d$days[inside],
    event = d$died[inside], weight = mean(exposed[there]) / chance[late], transplant = 1)
  # must wait: censored at exposure
  until <- pmin(began, d$days, grace)
  d$before <- -1
  d$until <- until
  hazard <- function(formula) {
    fit <- coxph(formula, d, control = control)
    base <- basehaz(fit, centered = FALSE)
    relative <- if (length(coef(fit))) exp(as.vector(model.matrix(fit) %*% coef(fit))) else rep(1, nrow(d))
    function(t, who) {
      step <- base$hazard[findInterval(t, base$time)]
      (if (length(step)) step else 0) * relative[who]
    }
  }
  with <- hazard(as.formula(paste("Surv(before, until, exposed) ~", adjusted)))
  none <- survfit(Surv(before, until, exposed) ~ 1, d, stype = 2, ctype = 2)
  without <- function(t) { k <- findInterval(t, none$time); if (k) none$cumhaz[k] else 0 }
  stop <- ifelse(exposed, began, d$days)
  event <- ifelse(exposed, 0, d$died)
  cuts <- c(sort(unique(c(0, began[exposed]))), Inf)
  third <- do.call(rbind, lapply(seq_len(length(cuts) - 1), function(k) {
    who <- which(stop > cuts[k])
    data.frame(patient = d$patient[who], start = cuts[k], stop = pmin(stop[who], cuts[k + 1]),
      event = ifelse(stop[who] <= cuts[k + 1], event[who], 0),
      weight = exp(with(cuts[k], who) - without(cuts[k])), transplant = 0)
  }))
  rows <- rbind(first, second, third)
  fit <- coxph(Surv(start, stop, event) ~ transplant, rows, weights = weight, cluster = patient, control = control)
  keep("remission", "clones", "coefficient", coef(fit))
  keep("remission", "clones", "standard error", sqrt(diag(vcov(fit))))
  curves <- survfit(Surv(start, stop, event) ~ transplant, rows, weights = weight, id = patient, cluster = patient)
  keep("remission", "clones", "weights", c(sum(rows$weight), max(rows$weight)))
  found <- summary(curves, times = c(365, 1095, 1826))
  keep("remission", "clones", "survival", found$surv)
  keep("remission", "clones", "survival se", found$std.err)
}

# Propensity, weights, curves, models -----------------------------------------------------------

weighted <- function(dataset, d, treatment, given, time, event, times) {
  fit <- glm(as.formula(paste(treatment, "~", given)), binomial, d, control = tight)
  keep(dataset, "propensity", "coefficient", coef(fit))
  keep(dataset, "propensity", "standard error", sqrt(diag(vcov(fit))))
  keep(dataset, "propensity", "deviance", c(fit$null.deviance, fit$deviance), c("null", "fitted"))
  e <- fitted(fit)
  z <- d[[treatment]]
  chance <- ifelse(z == 1, e, 1 - e)
  tilts <- list(ate = 1, att = e, atc = 1 - e, overlap = e * (1 - e), matching = pmin(e, 1 - e))
  x <- model.matrix(fit)[, -1, drop = FALSE]
  for (name in names(tilts)) {
    d$w <- tilts[[name]] / chance
    effective <- sapply(1:0, function(k) sum(d$w[z == k])^2 / sum(d$w[z == k]^2))
    keep(dataset, paste("weights", name), "effective", effective, c("treated", "untreated"))
    cox <- coxph(as.formula(paste0("Surv(", time, ", ", event, ") ~ ", treatment)), d,
      weights = w, robust = TRUE, control = control)
    keep(dataset, paste("weights", name), "coefficient", coef(cox), "treatment")
    keep(dataset, paste("weights", name), "standard error", sqrt(vcov(cox)), "treatment")
    smd <- apply(x, 2, function(v) {
      binary <- all(v %in% 0:1)
      spread <- function(u) if (binary) mean(u) * (1 - mean(u)) else var(u)
      scale <- sqrt((spread(v[z == 1]) + spread(v[z == 0])) / 2)
      c((mean(v[z == 1]) - mean(v[z == 0])) / scale,
        (weighted.mean(v[z == 1], d$w[z == 1]) - weighted.mean(v[z == 0], d$w[z == 0])) / scale)
    })
    if (name == "ate") keep(dataset, "weights ate", "difference before", smd[1, ])
    keep(dataset, paste("weights", name), "difference after", smd[2, ])
  }
  d$w <- 1 / chance
  curves <- survfit(as.formula(paste0("Surv(", time, ", ", event, ") ~ ", treatment)), d,
    weights = w, robust = TRUE)
  found <- summary(curves, times = times)
  for (part in c("surv", "std.err", "lower", "upper")) keep(dataset, "curves", part, found[[part]])
  d$w <- mean(z) * z / e + mean(1 - z) * (1 - z) / (1 - e)
  d$w <- pmin(pmax(d$w, quantile(d$w, 0.01)), quantile(d$w, 0.99))
  cox <- coxph(as.formula(paste0("Surv(", time, ", ", event, ") ~ ", treatment)), d,
    weights = w, robust = TRUE, control = control)
  keep(dataset, "truncated", "coefficient", coef(cox), "treatment")
  keep(dataset, "truncated", "standard error", sqrt(vcov(cox)), "treatment")
}

incidences <- function(d) {
  fit <- glm(combined ~ age + sex + bulk + stage, binomial, d, control = tight)
  d$w <- 1 / ifelse(d$combined == 1, fitted(fit), 1 - fitted(fit))
  d$kind <- factor(d$outcome, levels = 0:2)
  for (arm in 0:1) {
    one <- survfit(Surv(years, kind) ~ 1, d[d$combined == arm, ], weights = w)
    found <- summary(one, times = c(2, 5, 10, 20))
    keep("hodgkin", "incidences", paste("pstate", arm), t(found$pstate[, 2:3]))
    keep("hodgkin", "incidences", paste("std.err", arm), t(found$std.err[, 2:3]))
  }
}

averages <- function(dataset, d, treatment, outcome, given, censoring, times, ties) {
  d[[treatment]] <- factor(d[[treatment]])
  d <<- d
  model <- function(text, ties) coxph(as.formula(text), d, x = TRUE, y = TRUE, ties = ties, control = control)
  for (one in ties) {
    fit <- model(paste("Surv(apart, failed) ~", outcome), one)
    found <- ate(fit, data = d, treatment = treatment, times = times, se = TRUE, verbose = FALSE)
    keep(dataset, paste("standardised", one), "risk", found$meanRisk$estimate)
    keep(dataset, paste("standardised", one), "risk se", found$meanRisk$se)
    keep(dataset, paste("standardised", one), "difference", found$diffRisk$estimate)
    keep(dataset, paste("standardised", one), "difference se", found$diffRisk$se)
  }
  who <- glm(as.formula(paste(treatment, "~", given)), binomial, d, control = tight)
  leaves <- coxph(as.formula(paste("Surv(apart, failed == 0) ~", censoring)), d, x = TRUE, y = TRUE, control = control)
  fit <- model(paste("Surv(apart, failed) ~", outcome), "efron")
  found <- ate(fit, treatment = who, censor = leaves, data = d, times = times, se = TRUE,
    verbose = FALSE, estimator = "AIPTW", known.nuisance = TRUE)
  keep(dataset, "doubly robust", "risk", found$meanRisk$estimate)
  keep(dataset, "doubly robust", "risk se", found$meanRisk$se)
  keep(dataset, "doubly robust", "difference", found$diffRisk$estimate)
  keep(dataset, "doubly robust", "difference se", found$diffRisk$se)
}

# Averages of a fixed cohort: survfit's curves, averaged; their error by numerical differentiation.
fixed_cohort <- function(analysis, d, cohort, given, known) {
  control <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
  times <- c(365, 1826)
  fit <- coxph(as.formula(paste("Surv(os_days, os_event) ~", paste(given, collapse = " + "),
    "+ offset(known)")), transform(d, known = known(d)), control = control)
  baseline <- function(beta) {
    eta <- drop(as.matrix(d[, given]) %*% beta) + known(d)
    held <- coxph(Surv(os_days, os_event) ~ offset(eta), transform(d, eta = eta))
    curve <- survfit(held, newdata = data.frame(eta = 0))
    list(
      hazard = approx(curve$time, curve$cumhaz, times, method = "constant")$y,
      noise = approx(curve$time, curve$std.err^2, times, method = "constant")$y
    )
  }
  average <- function(beta, value) {
    hazard <- baseline(beta)$hazard
    set <- transform(cohort, NPM1 = value)
    relative <- exp(drop(as.matrix(set[, given]) %*% beta) + known(set))
    list(
      survival = sapply(hazard, function(h) mean(exp(-h * relative))),
      height = sapply(hazard, function(h) -mean(relative * exp(-h * relative)))
    )
  }
  noise <- baseline(coef(fit))$noise
  for (value in 0:1) {
    now <- average(coef(fit), value)
    steps <- c(age = 1e-4, NPM1 = 1e-3, FLT3_ITD = 1e-3)[given]
    slopes <- sapply(seq_along(given), function(j) {
      h <- replace(numeric(length(given)), j, steps[j])
      side <- function(k) average(coef(fit) + k * h, value)$survival
      (8 * (side(1) - side(-1)) - (side(2) - side(-2))) / (12 * steps[j])
    })
    variance <- diag(slopes %*% vcov(fit) %*% t(slopes)) + now$height^2 * noise
    keep("trials", analysis, "survival", now$survival, paste(value, times))
    keep("trials", analysis, "survival error", sqrt(variance), paste(value, times))
  }
}

# Pooling ---------------------------------------------------------------------------------------

sources <- function() {
  d <- read("districts")
  whole <- coxph(Surv(days, died) ~ age + sex + wbc + strata(district), d, control = control)
  keep_cox("districts", "one stage", whole)
  alone <- lapply(split(d, d$district), function(p) coxph(Surv(days, died) ~ age + sex + wbc, p, control = control))
  gain <- sum(sapply(alone, function(f) f$loglik[2])) - whole$loglik[2]
  keep("districts", "one stage", "heterogeneity", 2 * gain, "all")
  if (!requireNamespace("metafor", quietly = TRUE)) return(invisible())
  for (term in c("age", "sex", "wbc")) {
    y <- sapply(alone, function(f) coef(f)[term])
    v <- sapply(alone, function(f) vcov(f)[term, term])
    for (method in c("FE", "DL", "REML", "PM")) {
      for (test in c("z", "knha")) {
        fit <- suppressWarnings(metafor::rma(y, v, method = method, test = test,
          control = list(threshold = 1e-15, maxiter = 10000, tol = 1e-14)))
        name <- paste("meta", term, method, test)
        limits <- predict(fit)
        keep("districts", name, "pooled", c(fit$b, fit$se, fit$ci.lb, fit$ci.ub, fit$pval))
        keep("districts", name, "heterogeneity", c(fit$tau2, fit$I2, fit$H2, fit$QE))
        if (method == "FE") next
        keep("districts", name, "prediction", c(limits$pi.lb, limits$pi.ub))
        if (test == "z") {
          half <- qt(0.975, length(y) - 2) * sqrt(fit$se^2 + fit$tau2)
          keep("districts", name, "prediction higgins", c(fit$b - half, fit$b + half))
        }
      }
      if (method == "REML") {
        without <- metafor::leave1out(metafor::rma(y, v, method = "REML",
          control = list(threshold = 1e-15, maxiter = 10000)))
        keep("districts", paste("meta", term, "left out"), "estimate", without$estimate)
        keep("districts", paste("meta", term, "left out"), "tau2", without$tau2)
        profile <- confint(metafor::rma(y, v, method = "REML"), control = list(tol = 1e-12))$random
        keep("districts", paste("meta", term, "profile"), "tau2", profile[1, 2:3])
        alike <- mean(y) + (y - mean(y)) / 10
        for (test in c("knha", "adhoc")) {
          fit <- metafor::rma(alike, v, method = "REML", test = test)
          name <- paste("meta", term, "alike", test)
          keep("districts", name, "pooled", c(fit$b, fit$se, fit$ci.lb, fit$ci.ub, fit$pval))
        }
      }
    }
  }
}

imputations <- function() {
  if (!requireNamespace("mice", quietly = TRUE)) return(invisible())
  fits <- lapply(1:5, function(k) {
    coxph(Surv(os_days, died) ~ age + wbc + ecog + NPM1, read(paste0("filled", k)), control = control)
  })
  for (complete in c(50, 890)) {
    found <- mice::pool(mice::as.mira(fits), dfcom = complete)$pooled
    for (part in c("estimate", "ubar", "b", "t", "df", "riv", "lambda", "fmi")) {
      keep("filled", paste("rubin", complete), part, found[[part]])
    }
  }
}

transplant()
hodgkin <- read("hodgkin")
weighted("hodgkin", hodgkin, "combined", "age + sex + bulk + stage", "years", "failed", c(2, 5, 10, 20))
incidences(hodgkin)
averages("hodgkin", hodgkin, "combined", "combined + age + sex + bulk + stage", "age + sex + bulk + stage",
  "combined + age", c(2, 5, 10), c("efron", "breslow"))
platelets <- read("platelets")
weighted("platelets", platelets, "depleted", "disease + age + mismatch", "days", "failed", c(100, 365, 1000))
averages("platelets", platelets, "depleted", "depleted + age + mismatch + strata(disease)",
  "disease + age + mismatch", "disease", c(100, 365, 1000), "efron")
trials <- read("trials")
fixed_cohort("standardised fixed cohort", trials, trials, c("age", "NPM1", "FLT3_ITD"),
  function(d) rep(0, nrow(d)))
fixed_cohort("standardised another cohort", trials[trials$study != 3, ], trials[trials$study == 3, ],
  c("NPM1", "FLT3_ITD"), function(d) d$age / 30)
sources()
imputations()
write.csv(do.call(rbind, kept), arguments[2], row.names = FALSE, quote = TRUE)
