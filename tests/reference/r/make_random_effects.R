# The truth that random effects and gene pairs are held against.
#
#   Rscript make_random_effects.R AMLSG.csv MADE_UP.csv OUTPUT.csv
#
# The inputs are what tests/support/cohorts_random_effects.py writes as CSV; "-" for absent ones.

suppressPackageStartupMessages(library(survival))
arguments <- commandArgs(trailingOnly = TRUE)
control <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100, outer.max = 100)
kept <- list()

keep <- function(dataset, analysis, quantity, value, label = seq_along(value)) {
  kept[[length(kept) + 1]] <<- data.frame(
    dataset = dataset, analysis = analysis, quantity = quantity,
    label = trimws(as.character(label)), value = sprintf("%.17g", as.numeric(value))
  )
}

keep_ridge <- function(dataset, analysis, fit) {
  keep(dataset, analysis, "coefficient", coef(fit))
  keep(dataset, analysis, "log-likelihood", fit$loglik, c("null", "fitted"))
  keep(dataset, analysis, "posterior se", sqrt(diag(fit$var)))
  keep(dataset, analysis, "sampling se", sqrt(diag(fit$var2)))
  keep(dataset, analysis, "df", sum(fit$df), "all")
}

# The conditional estimate and limits to rounding error: fisher.test stops uniroot early.
exact <- function(first, second) {
  counts <- table(factor(first, 0:1), factor(second, 0:1))
  a <- counts[2, 2]; m <- sum(counts[2, ]); n <- sum(counts[1, ]); k <- sum(counts[, 2])
  cells <- max(0, k - n):min(k, m)
  central <- dhyper(cells, m, n, k, log = TRUE)
  density <- function(log_odds) {
    d <- central + cells * log_odds
    d <- exp(d - max(d))
    d / sum(d)
  }
  root <- function(f) exp(uniroot(f, c(-30, 30), tol = 1e-15, maxiter = 10000)$root)
  test <- fisher.test(counts)
  list(
    counts = c(counts[2, 2], counts[2, 1], counts[1, 2], counts[1, 1]), p = test$p.value, rough = unname(test$estimate),
    estimate = root(function(t) sum(cells * density(t)) - a),
    lower = root(function(t) sum(density(t)[cells >= a]) - 0.025),
    upper = root(function(t) 0.025 - sum(density(t)[cells <= a]))
  )
}

amlsg <- function(table) {
  for (ties in c("efron", "breslow")) {
    keep_ridge("amlsg", paste("ridge", ties), coxph(
      Surv(os_days, os_event) ~ age + strata(study) +
        ridge(NPM1, FLT3_ITD, FLT3_TKD, DNMT3A, KIT, RUNX1, SRSF2, RAD21, theta = 20, scale = FALSE),
      table, ties = ties, control = control
    ))
  }
  keep_ridge("amlsg", "two ridges", coxph(
    Surv(os_days, os_event) ~ ridge(NPM1, FLT3_ITD, DNMT3A, KIT, theta = 5, scale = FALSE) +
      ridge(minus_7, plus_8, complex, theta = 50, scale = FALSE),
    table, control = control
  ))
  pairs <- list(c("DNMT3A", "NPM1"), c("KIT", "t_8_21"), c("RUNX1", "SRSF2"), c("NPM1", "RUNX1"))
  p <- c()
  for (pair in pairs) {
    found <- exact(table[[pair[1]]], table[[pair[2]]])
    name <- paste(pair, collapse = ":")
    for (part in names(found)) {
      keep("amlsg", paste("fisher", name), part, found[[part]])
    }
    p <- c(p, found$p)
  }
  for (method in c("BH", "BY", "holm", "bonferroni")) {
    given <- c(0.01, 0.011, 0.2, NA, 0.04, 0.5, 0.04, 1)
    keep("amlsg", "adjust", method, p.adjust(given, method))
  }
  for (pair in list(c("FLT3_ITD", "NPM1"), c("DNMT3A", "FLT3_ITD"), c("DNMT3A", "RAD21"),
                    c("NPM1", "complex"), c("minus_7", "complex"))) {
    known <- table[complete.cases(table[pair]), ]
    known$a <- known[[pair[1]]]; known$b <- known[[pair[2]]]; known$ab <- known$a * known$b
    null <- coxph(Surv(os_days, os_event) ~ a + b + strata(study), known,
                  ties = "breslow", control = control)
    full <- coxph(Surv(os_days, os_event) ~ a + b + ab + strata(study), known,
                  ties = "breslow", control = control)
    start <- coxph(Surv(os_days, os_event) ~ a + b + ab + strata(study), known,
                   ties = "breslow", init = c(coef(null), 0), control = coxph.control(iter.max = 0))
    name <- paste("pair", paste(pair, collapse = ":"))
    keep("amlsg", name, "effects", coef(null))
    keep("amlsg", name, "full", coef(full))
    keep("amlsg", name, "std_err", sqrt(diag(vcov(full)))[3])
    keep("amlsg", name, "statistic", 2 * (full$loglik[2] - null$loglik[2]))
    keep("amlsg", name, "score statistic", start$score)
  }
}

made_up <- function(table) {
  keep_ridge("made_up", "ridge delayed offset", coxph(
    Surv(start, stop, event) ~ age + offset(wbc / 16) + strata(site) +
      ridge(gene, young, high, theta = 4, scale = FALSE),
    table, control = control
  ))
  free <- coxph(Surv(start, stop, event) ~ age + gene + young + high + strata(site),
                table, control = control)
  keep("made_up", "no shrinkage", "coefficient", coef(free))
  keep("made_up", "no shrinkage", "posterior se", sqrt(diag(vcov(free))))
  keep("made_up", "no shrinkage", "log-likelihood", free$loglik, c("null", "fitted"))
}

if (arguments[1] != "-") amlsg(read.csv(arguments[1]))
made_up(read.csv(arguments[2]))
write.csv(do.call(rbind, kept), arguments[3], row.names = FALSE, quote = TRUE)
