# The truth that haemony's multi-state analyses are held against.
#
#   Rscript make_multistate.R INPUT.csv OUTPUT.csv DATASET
#
# The input is what a loader of tests/support/cohorts_multistate.py gives as start-stop rows: patient,
# from, to (empty where observation ends), start, stop, entered and covariates. Writes R's answers as
# dataset,analysis,quantity,label,value. Nothing written here describes a single patient.

suppressPackageStartupMessages(library(survival))
arguments <- commandArgs(trailingOnly = TRUE)
invisible(Sys.setlocale("LC_COLLATE", "C"))
rows <- read.csv(arguments[1], stringsAsFactors = FALSE)
dataset <- arguments[3]
control <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
kept <- list()

keep <- function(analysis, quantity, value, label = seq_along(value)) {
  kept[[length(kept) + 1]] <<- data.frame(
    dataset = dataset, analysis = analysis, quantity = quantity,
    label = trimws(as.character(label)), value = sprintf("%.17g", as.numeric(value))
  )
}

rows$to[rows$to == ""] <- NA
censored <- "censored"
rows$state <- factor(ifelse(is.na(rows$to), censored, rows$to), c(censored, unique(na.omit(rows$to))))
settings <- list(
  amlsg = list(times = c(91, 365, 1095, 1826, 3650), group = "study", land = c("remission", "365.25"),
               tau = NA, covariates = c("age", "NPM1"), person = list(age = 6.1, NPM1 = 1)),
  ebmt3 = list(times = c(30, 100, 365, 1000, 2000), group = "over40", land = c("transplant", "60.25"),
               tau = 1826, covariates = c("over40", "depleted"), person = list(over40 = 1, depleted = 0)),
  mgus2 = list(times = c(12, 60, 120, 240), group = "male", land = c("malignancy", "100.25"),
               tau = 240, covariates = c("age", "male"), person = list(age = 7, male = 1)),
  mgus2_age = list(times = c(60, 70, 80, 90), group = NA, land = c("mgus", "75.01"),
                   tau = NA, covariates = "male", person = list(male = 1)),
  myeloid = list(times = c(60, 180, 365, 1000), group = "armB", land = c("transplant", "200.25"),
                 tau = 1200, covariates = c("armB", "male"), person = list(armB = 1, male = 0)),
  bmt = list(times = c(20, 50, 200, 700), group = NA, land = c("platelets", "60.25"),
             tau = 1000, covariates = c("age", "mtx"), person = list(age = 3, mtx = 0))
)
set <- settings[[dataset]]

keep_states <- function(analysis, fit, times = set$times, parts = c("pstate", "std.err", "lower", "upper")) {
  found <- summary(fit, times = times)
  label <- outer(sprintf("%.10g", found$time), fit$states, paste, sep = " @ ")
  if (!is.null(found$strata)) {
    label <- outer(paste(found$strata, sprintf("%.10g", found$time), sep = " @ "), fit$states, paste, sep = " @ ")
  }
  for (part in parts) keep(analysis, part, found[[part]], label)
}

occupied <- function(data, by = "1", ...) {
  formula <- as.formula(paste("Surv(start, stop, state) ~", by))
  survfit(formula, data = data, id = patient, istate = from, ...)
}

everyone <- occupied(rows)
keep_states("all", everyone)
keep("all", "n.risk", summary(everyone, times = set$times)$n.risk,
     outer(sprintf("%.10g", set$times), everyone$states, paste, sep = " @ "))
if (dataset %in% c("bmt", "myeloid")) keep_states("log-log", occupied(rows, conf.type = "log-log"), parts = c("lower", "upper"))
if (!is.na(set$group)) keep_states("groups", occupied(rows, set$group), parts = c("pstate", "std.err"))
rows$weight <- 1 + rows$patient %% 3 / 2
if (dataset %in% c("bmt", "myeloid", "mgus2_age")) {
  weighted <- survfit(Surv(start, stop, state) ~ 1, rows, id = patient, istate = from, weights = weight)
  keep_states("weights", weighted, parts = c("pstate", "std.err"))
}

since <- as.numeric(set$land[2])
later <- set$times[set$times > since]
keep_states("since", occupied(rows, start.time = since), later, c("pstate", "std.err"))
states <- everyone$states
from_one <- as.numeric(states == set$land[1])
keep_states("from state", occupied(rows, start.time = since, p0 = from_one), later, c("pstate", "std.err"))
there <- rows$patient[rows$from == set$land[1] & rows$start <= since & since < rows$stop]
landed <- subset(rows, patient %in% there & stop > since)
landed$start <- pmax(landed$start, since)
keep_states("landmark", occupied(landed), later, c("pstate", "std.err"))

if (!is.na(set$tau)) {
  pull <- occupied(rows, influence = TRUE)
  mean <- summary(pull, rmean = set$tau)$table
  keep("stay", "rmean", mean[, "rmean"], pull$states)
  keep("stay", "se(rmean)", mean[, "se(rmean)"], pull$states)
}
if (dataset == "bmt") {
  cut <- subset(rows, stop > since)
  cut$start <- pmax(cut$start, since)
  pull <- occupied(cut, influence = TRUE)$influence.pstate
  curve <- occupied(cut)
  at <- findInterval(later, curve$time) + 1
  for (i in seq_along(at)) {
    keep("estimated shares", "std.err", sqrt(colSums(pull[, at[i], ]^2)),
         paste(sprintf("%.10g", later[i]), curve$states, sep = " @ "))
  }
}

arrows <- unique(rows[!is.na(rows$to), c("from", "to")])
place <- function(state) match(state, states)
names <- sprintf("%s -> %s", arrows$from, arrows$to)
by_arrow <- sprintf("%d:%d", place(arrows$from), place(arrows$to))
right <- paste(set$covariates, collapse = " + ")
spec <- c(list(Surv(start, stop, state) ~ 1), lapply(by_arrow, function(arrow) {
  as.formula(paste(arrow, "~", right))
}))
environment_free <- lapply(spec, function(one) { environment(one) <- globalenv(); one })
label_of <- function(fit) {
  at <- which(fit$cmap > 0, arr.ind = TRUE)
  arrow <- colnames(fit$cmap)[at[, 2]]
  text <- names[match(arrow, by_arrow)]
  paste(text, rownames(fit$cmap)[at[, 1]], sep = " @ ")[order(fit$cmap[at])]
}
keep_cox <- function(analysis, fit, label) {
  keep(analysis, "coefficient", coef(fit), label)
  keep(analysis, "naive se", sqrt(diag(fit$naive.var)), label)
  keep(analysis, "robust se", sqrt(diag(fit$var)), label)
  keep(analysis, "log-likelihood", fit$loglik, c("null", "fitted"))
}
fit_states <- function(...) {
  fit <- suppressWarnings(coxph(
    environment_free, data = rows, id = patient, istate = from, control = control, ...
  ))
}
if (dataset != "mgus2_age") {
  full <- fit_states()
  keep_cox("cox", full, label_of(full))
  flat <- fit_states(ties = "breslow")
  keep("cox breslow", "coefficient", coef(flat), label_of(flat))
  person <- as.data.frame(set$person)
  first <- as.numeric(states == states[1])
  # The matrix exponential of this version of survival fails on some data sets.
  predicted <- try(survfit(flat, newdata = person, p0 = first), silent = TRUE)
  if (!inherits(predicted, "try-error")) {
    at <- findInterval(set$times, predicted$time)
    label <- outer(sprintf("%.10g", set$times), predicted$states, paste, sep = " @ ")
    keep("cox breslow", "predicted", predicted$pstate[at, 1, ], label)
  }

  for (i in seq_len(nrow(arrows))) {
    mine <- subset(rows, from == arrows$from[i])
    mine$moved <- as.numeric(!is.na(mine$to) & mine$to == arrows$to[i])
    reset <- suppressWarnings(coxph(as.formula(paste("Surv(start - entered, stop - entered, moved) ~", right)), mine, control = control))
    keep("clock reset", "coefficient", coef(reset), paste(names[i], base::names(coef(reset)), sep = " @ "))
    keep("clock reset", "naive se", sqrt(diag(vcov(reset))), paste(names[i], base::names(coef(reset)), sep = " @ "))
    if (diff(range(mine$entered)) > 0) {
      plain <- suppressWarnings(coxph(as.formula(paste("Surv(start, stop, moved) ~", right)), mine, control = control))
      aged <- suppressWarnings(coxph(as.formula(paste("Surv(start, stop, moved) ~", right, "+ entered")), mine, control = control))
      keep("markov", "coefficient", coef(aged)["entered"], names[i])
      keep("markov", "statistic", 2 * (aged$loglik[2] - plain$loglik[2]), names[i])
    }
  }
}
if (dataset == "ebmt3") {
  shared <- coxph(
    list(Surv(start, stop, state) ~ 1, 1:2 ~ over40, 1:3 + 2:3 ~ over40 / common + shared),
    data = rows, id = patient, istate = from, control = control
  )
  keep_cox("cox shared", shared, c("recovery", "common", "baseline"))
}

write.csv(do.call(rbind, kept), arguments[2], row.names = FALSE, quote = TRUE)
