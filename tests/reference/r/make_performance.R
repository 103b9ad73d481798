# The truth that haemony's measures of predictions are held against.
#
#   Rscript make_performance.R INPUT.csv OUTPUT.csv
#
# The input is what `stacked()` of tests/support/cohorts_performance.py writes as CSV: for each
# cohort its follow-up, two covariates, three horizons and two models' risks by each. Writes one
# number per row with 17 digits, as dataset,analysis,quantity,label,value. Nothing written here
# describes a single patient.

suppressPackageStartupMessages({
  library(survival)
  library(prodlim)
  library(riskRegression)
})
arguments <- commandArgs(trailingOnly = TRUE)
everything <- read.csv(arguments[1], stringsAsFactors = FALSE)
control <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
kept <- list()

keep <- function(dataset, analysis, quantity, value, label = seq_along(value)) {
  kept[[length(kept) + 1]] <<- data.frame(
    dataset = dataset, analysis = analysis, quantity = quantity,
    label = trimws(as.character(label)), value = sprintf("%.17g", as.numeric(value))
  )
}

matrix_of <- function(data, model) as.matrix(as.data.frame(data)[, paste0(model, 0:2)])

keep_score <- function(dataset, analysis, found, what, column, full) {
  score <- as.data.frame(found[[what]]$score)
  contrast <- as.data.frame(found[[what]]$contrasts)
  label <- paste(score$model, score$times, sep = " @ ")
  pair <- paste(contrast$model, "-", contrast$reference, "@", contrast$times)
  keep(dataset, analysis, column, score[[column]], label)
  keep(dataset, analysis, "std.err", score$se, label)
  if (full) {
    keep(dataset, analysis, "difference", contrast[[paste0("delta.", column)]], pair)
    keep(dataset, analysis, "difference std.err", contrast$se, pair)
    keep(dataset, analysis, "p", contrast$p, pair)
  }
  if (what == "Brier" && full) {
    keep(dataset, analysis, "IPA", score$IPA, label)
    last <- score[score$times == max(score$times), ]
    keep(dataset, analysis, "IBS", last$IBS, last$model)
  }
}

scores <- function(dataset, data, times) {
  models <- list(a = matrix_of(data, "a"), b = matrix_of(data, "b"))
  competing <- any(data$event == 2)
  plain <- if (competing) Hist(time, event) ~ 1 else Surv(time, event) ~ 1
  covariates <- if (competing) Hist(time, event) ~ x1 + x2 else Surv(time, event) ~ x1 + x2
  judge <- function(formula, model, conservative, summary = NULL) {
    Score(models,
      formula = formula, data = data, times = times, cause = 1, cens.model = model,
      metrics = c("auc", "brier"), summary = summary, conservative = conservative,
      progress.bar = 0
    )
  }
  full <- judge(plain, "km", FALSE, c("ibs", "ipa"))
  keep_score(dataset, "auc", full, "AUC", "AUC", TRUE)
  keep_score(dataset, "brier", full, "Brier", "Brier", TRUE)
  known <- judge(plain, "km", TRUE)
  keep_score(dataset, "auc conservative", known, "AUC", "AUC", FALSE)
  keep_score(dataset, "brier conservative", known, "Brier", "Brier", FALSE)
  cox <- judge(covariates, "cox", TRUE)
  keep_score(dataset, "auc cox", cox, "AUC", "AUC", FALSE)
  keep_score(dataset, "brier cox", cox, "Brier", "Brier", FALSE)
}

# With ties the full standard errors under a Cox model of censoring are not those of the derivative
# by each patient's weight; without ties they are, so the comparison parts tied times by a little.
untied_scores <- function(dataset, data, times) {
  data$time <- data$time + seq_len(nrow(data)) * 1e-5
  models <- list(a = matrix_of(data, "a"), b = matrix_of(data, "b"))
  judge <- function(formula, model, conservative) {
    Score(models,
      formula = formula, data = data, times = times, cause = 1, cens.model = model,
      metrics = c("auc", "brier"), conservative = conservative, progress.bar = 0
    )
  }
  found <- judge(Hist(time, event) ~ x1 + x2, "cox", FALSE)
  keep_score(dataset, "auc untied cox", found, "AUC", "AUC", FALSE)
  keep_score(dataset, "brier untied cox", found, "Brier", "Brier", FALSE)
}

concordances <- function(dataset, data, times) {
  data$stop <- ifelse(data$event == 2, 2 * max(data$time), data$time)
  data$own <- as.numeric(data$event == 1)
  for (tau in c(times[2], times[3])) {
    for (model in c("a2", "b2")) {
      data$risk <- data[[model]]
      weights <- if (any(data$event == 2)) "n" else c("n", "n/G2")
      for (weight in weights) {
        found <- concordance(Surv(stop, own) ~ risk, data,
          timewt = weight, ymax = tau, reverse = TRUE
        )
        label <- paste(substr(model, 1, 1), "@", tau)
        keep(dataset, paste("concordance", weight), "C", found$concordance, label)
        keep(dataset, paste("concordance", weight), "std.err", sqrt(found$var), label)
      }
    }
  }
}

# Risks of 0 and 1 lie off this scale: no intercept, slope or curve is fitted to them.
cloglog <- function(risk) log(-log(1 - risk))
on_the_scale <- function(risk) risk > 1e-10 & risk < 1 - 1e-10

pseudo_values <- function(data, time) {
  competing <- any(data$event == 2)
  fit <- prodlim(Hist(time, event) ~ 1, data = data)
  values <- if (competing) jackknife(fit, times = time, cause = 1) else 1 - jackknife(fit, times = time)
  as.numeric(values)
}

# glm stops where the deviance hardly falls, which leaves 1e-8 of the coefficients: a few more steps.
polished <- function(x, fit, shift) {
  beta <- coef(fit)
  for (step in 1:20) {
    eta <- shift + drop(x %*% beta)
    slope <- exp(eta - exp(eta))
    score <- crossprod(x, slope * (fit$y - 1 + exp(-exp(eta))))
    beta <- beta + drop(solve(crossprod(x * slope), score))
  }
  beta
}

white <- function(x, fit) {
  eta <- fit$linear.predictors
  slope <- exp(eta - exp(eta))
  bread <- solve(crossprod(x * slope))
  meat <- crossprod(x * slope * (fit$y - fitted(fit)))
  sqrt(diag(bread %*% meat %*% bread))
}

pseudo_fits <- function(dataset, data, time, model) {
  values <- pseudo_values(data, time)
  label <- paste(model, "@", time)
  keep(dataset, "pseudo-values", "mean", mean(values), label)
  keep(dataset, "pseudo-values", "sum of squares", sum(values^2), label)
  between <- on_the_scale(data$risk)
  values <- values[between]
  scale <- cloglog(data$risk[between])
  tight <- glm.control(epsilon = 1e-15, maxit = 200)
  link <- quasi(link = "cloglog", variance = "constant")
  level <- glm(values ~ 1 + offset(scale), family = link, start = 0, control = tight)
  slope <- glm(values ~ scale, family = link, start = c(0, 1), control = tight)
  ones <- matrix(1, length(scale), 1)
  columns <- cbind(1, scale)
  keep(dataset, "calibration", "intercept", polished(ones, level, scale), label)
  keep(dataset, "calibration", "intercept std.err", white(ones, level), label)
  keep(dataset, "calibration", "slope", polished(columns, slope, 0)[2], label)
  keep(dataset, "calibration", "slope std.err", white(columns, slope)[2], label)
}

smooth_fits <- function(dataset, data, time, model) {
  between <- on_the_scale(data$risk)
  scale <- cloglog(data$risk[between])
  knots <- unique(quantile(scale, c(.05, .35, .65, .95)))
  inner <- knots[-c(1, length(knots))]
  basis <- splines::ns(scale, knots = inner, Boundary.knots = range(knots))
  if (length(knots) < 3) basis <- scale
  fit <- coxph(Surv(time, event == 1) ~ basis, data = data[between, ], control = control)
  hazard <- basehaz(fit, centered = TRUE)
  until <- max(c(0, hazard$hazard[hazard$time <= time]))
  observed <- numeric(nrow(data))
  observed[between] <- 1 - exp(-until * exp(predict(fit, type = "lp")))
  values <- pseudo_values(data, time)
  for (certain in list(data$risk <= 1e-10, data$risk >= 1 - 1e-10)) {
    if (any(certain)) observed[certain] <- min(max(mean(values[certain]), 0), 1)
  }
  distance <- abs(observed - data$risk)
  label <- paste(model, "@", time)
  keep(dataset, "calibration", "ICI", mean(distance), label)
  keep(dataset, "calibration", "E50", quantile(distance, 0.5), label)
  keep(dataset, "calibration", "E90", quantile(distance, 0.9), label)
}

risk_until <- function(data, time) {
  if (nrow(data) == 0) {
    return(c(0, 0))
  }
  state <- factor(data$event, 0:2, c("censored", "event", "other"))
  fit <- survfit(Surv(data$time, state) ~ 1)
  found <- summary(fit, times = time, extend = TRUE)
  place <- which(found$states == "event")
  c(found$pstate[1, place], found$std.err[1, place])
}

benefits <- function(dataset, data, time, model) {
  for (threshold in c(0.05, 0.1, 0.25, 0.4)) {
    above <- data[data$risk >= threshold, ]
    share <- nrow(above) / nrow(data)
    if (nrow(above) > 0 && max(above$time) < time) next
    risk <- risk_until(above, time)[1]
    benefit <- share * risk - share * (1 - risk) * threshold / (1 - threshold)
    keep(dataset, "net benefit", model, benefit, paste(threshold, "@", time))
  }
  whole <- risk_until(data, time)
  label <- paste(model, "@", time)
  keep(dataset, "calibration", "observed/expected", whole[1] / mean(data$risk), label)
  keep(dataset, "calibration", "observed/expected std.err", whole[2] / mean(data$risk), label)
}

cause_specific <- function(dataset, data, times) {
  fit <- CSC(Hist(time, event) ~ x1 + x2, data = data, control = control)
  risk <- predictRisk(fit, newdata = data, times = times, cause = 1)
  keep(dataset, "cause-specific", "mean risk", colMeans(risk), times)
  keep(dataset, "cause-specific", "mean squared risk", colMeans(risk^2), times)
}

for (dataset in unique(everything$dataset)) {
  data <- everything[everything$dataset == dataset, ]
  times <- as.numeric(data[1, c("t0", "t1", "t2")])
  if (dataset == "follic") untied_scores(dataset, data, times)
  scores(dataset, data, times)
  concordances(dataset, data, times)
  for (model in c("a", "b")) {
    for (i in 1:3) {
      data$risk <- data[[paste0(model, i - 1)]]
      pseudo_fits(dataset, data, times[i], model)
      benefits(dataset, data, times[i], model)
      if (!any(data$event == 2)) smooth_fits(dataset, data, times[i], model)
    }
  }
  if (any(data$event == 2)) cause_specific(dataset, data, times)
}
write.csv(do.call(rbind, kept), arguments[2], row.names = FALSE, quote = FALSE)
