# What R says of cohorts drawn at random by tests/reference/test_random_cohorts_against_r.py.
#
#   Rscript random_cohorts.R FOLDER OUTPUT.csv
#
# The folder holds one CSV per cohort: start, stop, status (0, 1, 2), x1 to x3, stratum, centre,
# cluster, known, weight. Times are from 0 if nobody enters late. One number per row is written
# with 17 digits, as dataset,analysis,quantity,label,value.

suppressPackageStartupMessages({
  library(survival)
  library(cmprsk)
})
arguments <- commandArgs(trailingOnly = TRUE)
control <- suppressWarnings(coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100))
kept <- list()

keep <- function(analysis, quantity, value) {
  kept[[length(kept) + 1]] <<- data.frame(
    dataset = dataset, analysis = analysis, quantity = quantity, label = seq_along(value),
    value = sprintf("%.17g", as.numeric(value))
  )
}

for (path in sort(list.files(arguments[1], "\\.csv$", full.names = TRUE))) {
  dataset <- sub("\\.csv$", "", basename(path))
  table <- read.csv(path)
  table$died <- as.numeric(table$status == 1)
  table$row <- seq_len(nrow(table))
  late <- any(table$start > 0)
  answer <- if (late) "Surv(start, stop, died)" else "Surv(stop, died)"
  formula <- as.formula(paste(answer, "~ x1 + x2 + x3 + strata(stratum) + offset(known)"))
  for (ties in c("efron", "breslow")) {
    fit <- coxph(
      formula, table,
      weights = weight, cluster = cluster, ties = ties, control = control, x = TRUE, y = TRUE
    )
    keep(ties, "coefficient", coef(fit))
    keep(ties, "standard error", sqrt(diag(fit$var)))
    keep(ties, "naive", sqrt(diag(fit$naive.var)))
    keep(ties, "log-likelihood", fit$loglik)
    keep(ties, "score test", fit$score)
    keep(ties, "concordance", fit$concordance[c("concordance", "std")])
    for (transform in c("km", "rank")) {
      keep(ties, paste("zph", transform), cox.zph(fit, transform = transform)$table[, "chisq"])
    }
    some <- unique(round(seq(1, nrow(table), length.out = 20)))
    keep(ties, "martingale", residuals(fit)[some])
    keep(ties, "dfbeta", t(residuals(fit, type = "dfbeta")[some, ]))
    new <- survfit(fit, newdata = table[1:3, ])
    middle <- quantile(table$stop, 0.4, type = 1)
    for (patient in 1:3) {
      at <- summary(new[patient], times = middle, extend = TRUE)
      keep(ties, paste("new patient", patient), c(at$surv, at$lower))
    }
    scaled <- residuals(fit, type = "scaledsch")
    keep(ties, "scaledsch", t(scaled[unique(round(seq(1, nrow(scaled), length.out = 20))), ]))
  }
  ranks <- concordance(
    as.formula(paste(answer, "~ x3")), table,
    weights = weight, cluster = cluster
  )
  keep("ranks", "clustered", c(ranks$concordance, sqrt(ranks$var)))
  curves <- survfit(
    as.formula(paste(answer, "~ centre")), table,
    weights = weight, cluster = cluster, robust = TRUE
  )
  found <- summary(curves, censored = TRUE)
  keep("curve", "survival", found$surv)
  keep("curve", "std_err", ifelse(is.nan(found$std.err), 0, found$std.err))
  if (!late) {
    tied <- survival:::aeqSurv(Surv(table$stop, table$status > 0))[, 1]
    x <- scale(as.matrix(table[, c("x1", "x2", "x3")]), scale = FALSE)
    fit <- crr(tied, table$status, x, gtol = 1e-13, maxiter = 200)
    keep("crr", "coefficient", fit$coef)
    keep("crr", "standard error", sqrt(diag(fit$var)))
    fit <- crr(tied, table$status, x, cengroup = table$centre, gtol = 1e-13, maxiter = 200)
    keep("crr grouped", "coefficient", fit$coef)
    keep("gray", "statistic", cuminc(tied, table$status, table$centre)$Tests[, "stat"])
  }
}
write.csv(do.call(rbind, kept), arguments[2], row.names = FALSE, quote = FALSE)
