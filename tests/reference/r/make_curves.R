# The truth that haemony's curves, tests and competing-risks models are held against.
#
#   Rscript make_curves.R FOLDER OUTPUT.csv
#
# The folder holds what `cohort(...)` of tests/support/cohorts_curves.py writes, one CSV per cohort.
# Writes R's answers, one number per row with 17 digits, as dataset,analysis,quantity,label,value.
# Nothing written here describes a single patient.

suppressPackageStartupMessages({
  library(survival)
  library(cmprsk)
  library(mvtnorm)
})
arguments <- commandArgs(trailingOnly = TRUE)
invisible(Sys.setlocale("LC_COLLATE", "C"))
control <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
kept <- list()
dataset <- ""

keep <- function(analysis, quantity, value, label = seq_along(value)) {
  kept[[length(kept) + 1]] <<- data.frame(
    dataset = dataset, analysis = analysis, quantity = quantity, label = as.character(label),
    value = sprintf("%.17g", as.numeric(value))
  )
}

three_times <- function(time) sort(time)[ceiling(length(time) * c(0.25, 0.5, 0.75))]

# --- curves -----------------------------------------------------------------------------------

survivals <- function(table, at) {
  models <- list(
    "km robust" = survfit(Surv(time, died) ~ arm, table, robust = TRUE),
    "km weights" = survfit(Surv(time, died) ~ arm, table, weights = weight, robust = TRUE),
    "km all" = survfit(
      Surv(start, time, died) ~ arm, table,
      weights = weight, id = id, cluster = cluster, robust = TRUE
    )
  )
  for (name in names(models)) {
    found <- summary(models[[name]], times = at)
    keep(name, "survival", found$surv)
    keep(name, "std_err", found$std.err)
    keep(name, "lower", found$lower)
  }
  for (ctype in 1:2) {
    fits <- list(
      model = survfit(
        Surv(start, time, died) ~ 1, table,
        stype = 2, ctype = ctype, weights = weight, robust = FALSE
      ),
      robust = survfit(
        Surv(start, time, died) ~ 1, table,
        stype = 2, ctype = ctype, weights = weight, id = id, cluster = cluster, robust = TRUE
      )
    )
    for (name in names(fits)) {
      found <- summary(fits[[name]], times = at)
      keep(paste("na", ctype, name), "hazard", found$cumhaz)
      keep(paste("na", ctype, name), "hazard_std_err", found$std.chaz)
      if (name == "model") {
        keep(paste("na", ctype, name), "survival", found$surv)
        keep(paste("na", ctype, name), "std_err", found$std.err)
        keep(paste("na", ctype, name), "upper", found$upper)
      }
    }
  }
}

# What survfit does by itself with weights that are no counts, and with their doubles, which are.
unasked <- function(table, at) {
  for (times in 1:2) {
    table$w <- times * table$weight
    found <- summary(survfit(Surv(time, died) ~ 1, table, weights = w), times = at)
    name <- paste("unasked", times)
    keep(name, "std_err", found$std.err)
    keep(name, "hazard_std_err", found$std.chaz)
  }
}

restricted <- function(table, tau) {
  rows <- summary(survfit(Surv(time, died) ~ group, table), rmean = tau)$table
  mean <- rows[, "rmean"]
  error <- rows[, "se(rmean)"]
  keep("rmst", "mean", mean)
  keep("rmst", "std_err", error)
  difference <- mean[-1] - mean[1]
  spread <- sqrt(error[-1]^2 + error[1]^2)
  keep("rmst", "difference", difference)
  keep("rmst", "difference_p", 2 * pnorm(-abs(difference / spread)))
  ratio <- mean[-1] / mean[1]
  relative <- sqrt((error[-1] / mean[-1])^2 + (error[1] / mean[1])^2)
  keep("rmst", "ratio_upper", ratio * exp(qnorm(0.975) * relative))
  keep("rmst", "ratio_p", 2 * pnorm(-abs(log(ratio) / relative)))
}

# --- the log-rank family ----------------------------------------------------------------------

# At risk and events of each group at the event times of one stratum, by plain counting.
counted <- function(table) {
  times <- sort(unique(table$time[table$died == 1]))
  groups <- sort(unique(table$of))
  risk <- sapply(groups, function(g) {
    sapply(times, function(t) sum(table$of == g & table$time >= t))
  })
  died <- sapply(groups, function(g) {
    sapply(times, function(t) sum(table$of == g & table$time == t & table$died == 1))
  })
  shape <- c(length(times), length(groups))
  list(risk = array(risk, shape), died = array(died, shape))
}

weights_of <- function(name, part) {
  y <- rowSums(part$risk)
  d <- rowSums(part$died)
  before <- c(1, cumprod(1 - d / y))[seq_along(d)]
  switch(name,
    "gehan" = y, "tarone-ware" = sqrt(y), "0 0" = rep(1, length(y)), "1 0" = before,
    "0 1" = 1 - before, "1 1" = before * (1 - before), "0.5 2" = sqrt(before) * (1 - before)^2
  )
}

weighted_test <- function(parts, name) {
  score <- 0
  covariance <- 0
  for (part in parts) {
    w <- weights_of(name, part)
    y <- rowSums(part$risk)
    d <- rowSums(part$died)
    share <- part$risk / y
    score <- score + colSums(w * (part$died - d * share))
    spread <- w^2 * d * (y - d) / pmax(y - 1, 1)
    covariance <- covariance + diag(colSums(spread * share)) - t(share) %*% (spread * share)
  }
  keep_out <- -1
  drop(score[keep_out] %*% solve(covariance[keep_out, keep_out], score[keep_out]))
}

tests <- function(table) {
  table$of <- table$group
  whole <- list(counted(table))
  parts <- lapply(split(table, table$stratum), counted)
  same <- all(sapply(parts, function(part) ncol(part$risk)) == ncol(whole[[1]]$risk))
  for (name in c("gehan", "tarone-ware", "0 1", "1 1", "0.5 2")) {
    keep("logrank", name, weighted_test(whole, name))
    if (same) keep("logrank", paste(name, "strata"), weighted_test(parts, name))
  }
  plain <- survdiff(Surv(time, died) ~ group, table)
  keep("logrank", "1 0", survdiff(Surv(time, died) ~ group, table, rho = 1)$chisq)
  keep("logrank", "0 0 strata", survdiff(Surv(time, died) ~ group + strata(stratum), table)$chisq)
  for (power in 1:2) {
    score <- (seq_along(plain$n))^power
    z <- sum(score * (plain$obs - plain$exp)) / sqrt(drop(score %*% plain$var %*% score))
    keep("trend", paste("z", power), z)
  }
  groups <- sort(unique(table$group))
  p <- apply(combn(groups, 2), 2, function(pair) {
    test <- survdiff(Surv(time, died) ~ group, table[table$group %in% pair, ])
    pchisq(test$chisq, 1, lower.tail = FALSE)
  })
  keep("pairwise", "p", p)
  for (method in c("holm", "BH", "BY", "hochberg")) keep("pairwise", method, p.adjust(p, method))
}

maxcombo <- function(table) {
  table$of <- table$arm
  part <- counted(table)
  y <- rowSums(part$risk)
  d <- rowSums(part$died)
  share <- part$risk[, 2] / y
  spread <- d * (y - d) / pmax(y - 1, 1) * share * (1 - share)
  choices <- list(c("0 0", "0 1", "1 1"), c("0 0", "0 1", "1 1", "1 0"))
  for (names in choices[if (nrow(table) < 300) 1:2 else 1]) {
    w <- sapply(names, weights_of, part)
    score <- colSums(w * (part$died[, 2] - d * share))
    covariance <- t(w) %*% (spread * w)
    z <- score / sqrt(diag(covariance))
    correlation <- cov2cor(covariance)
    set.seed(1)
    m <- length(names)
    inside <- if (m == 3) {
      pmvnorm(rep(-max(abs(z)), m), rep(max(abs(z)), m), sigma = correlation, algorithm = Miwa(4096))
    } else {
      pmvnorm(
        rep(-max(abs(z)), m), rep(max(abs(z)), m),
        sigma = correlation, algorithm = GenzBretz(2e6, 1e-9, 0)
      )
    }
    keep(paste("maxcombo", m), "z", z)
    keep(paste("maxcombo", m), "p", 1 - inside)
  }
}

# --- competing risks --------------------------------------------------------------------------

# Areas up to tau under each patient's influence on the state probabilities.
areas <- function(fit, tau) {
  times <- c(0, pmin(fit$time, tau))
  width <- diff(c(times, max(tau, times)))
  apply(fit$influence.pstate, c(1, 3), function(row) sum(row * width))
}

incidences <- function(table, at, tau) {
  table$ev <- factor(table$event)
  # survfit ignores clusters of several states, so its influences are summed here
  whole <- survfit(Surv(time, ev) ~ 1, table, weights = weight, influence = TRUE)
  place <- findInterval(at, whole$time)
  keep("aj weights", "incidence", whole$pstate[place, -1])
  keep("aj weights", "std_err", whole$std.err[place, -1])
  keep("aj weights", "lower", whole$lower[place, -1])
  moved <- whole$influence.pstate[, place + 1, -1, drop = FALSE] * table$weight
  clustered <- apply(moved, c(2, 3), function(part) sqrt(sum(rowsum(part, table$cluster)^2)))
  keep("aj cluster", "std_err", clustered)
  late <- survfit(Surv(start, time, ev) ~ 1, table, weights = weight, id = id)
  place <- findInterval(at, late$time)
  keep("aj late", "incidence", late$pstate[place, -1])
  keep("aj late", "std_err", late$std.err[place, -1])

  arms <- sort(unique(table$arm))
  lost <- lapply(arms, function(arm) {
    rows <- table[table$arm == arm, ]
    fit <- survfit(Surv(time, ev) ~ 1, rows, weights = weight, influence = TRUE)
    width <- diff(c(0, pmin(fit$time, tau), tau))
    area <- areas(fit, tau)[, -1, drop = FALSE]
    height <- rbind(0, fit$pstate[, -1, drop = FALSE])
    list(mean = colSums(height * width), error = sqrt(colSums((rows$weight * area)^2)))
  })
  keep("rmtl", "mean", sapply(lost, function(one) one$mean))
  keep("rmtl", "std_err", sapply(lost, function(one) one$error))
  keep("rmtl", "difference", lost[[2]]$mean - lost[[1]]$mean)
  plain <- survfit(Surv(time, ev) ~ 1, table, influence = TRUE)
  rows <- summary(plain, rmean = tau)$table[-1, , drop = FALSE]
  keep("rmtl plain", "mean", rows[, "rmean"])
  keep("rmtl plain", "std_err", rows[, "se(rmean)"])
}

gray <- function(table) {
  fits <- list(
    "gray" = cuminc(table$time, table$event, table$group),
    "gray strata" = cuminc(table$time, table$event, table$arm, strata = table$stratum),
    "gray rho" = cuminc(table$time, table$event, table$group, strata = table$arm, rho = 1)
  )
  for (name in names(fits)) {
    keep(name, "statistic", fits[[name]]$Tests[, "stat"], rownames(fits[[name]]$Tests))
  }
}

models <- function(table, at) {
  x <- as.matrix(table[, c("x1", "x2", "x3")])
  for (cause in 1:2) {
    fit <- crr(table$time, table$event, x, failcode = cause, gtol = 1e-13, maxiter = 200)
    name <- paste("crr", cause)
    keep(name, "coefficient", fit$coef)
    keep(name, "standard error", sqrt(diag(fit$var)))
    keep(name, "log-likelihood", c(fit$loglik.null, fit$loglik))
    predicted <- predict(fit, x[1:2, ])
    keep(name, "predicted", rbind(0, predicted[, -1])[findInterval(at, predicted[, 1]) + 1, ])
  }
  grouped <- crr(
    table$time, table$event, x, cengroup = table$stratum, gtol = 1e-13, maxiter = 200
  )
  keep("crr grouped", "coefficient", grouped$coef)
  table$ev <- factor(table$event)
  table$within <- table$stratum
  columns <- ~ x1 + x2 + x3 + id + within + cluster
  expanded <- list(
    "finegray" = finegray(update(columns, Surv(time, ev) ~ .), table),
    "finegray weights" = finegray(update(columns, Surv(time, ev) ~ .), table, weights = weight),
    "finegray late" = finegray(update(columns, Surv(start, time, ev) ~ .), table, id = id),
    "finegray strata" = finegray(
      update(columns, Surv(start, time, ev) ~ . + strata(stratum)), table, id = id
    )
  )
  for (name in names(expanded)) {
    rows <- expanded[[name]]
    right <- if (name == "finegray strata") ~ x1 + x2 + x3 + strata(within) else ~ x1 + x2 + x3
    rows$patient <- if (name == "finegray weights") rows$cluster else rows$id
    fit <- coxph(
      update(right, Surv(fgstart, fgstop, fgstatus) ~ .), rows,
      weights = fgwt, control = control, cluster = patient
    )
    keep(name, "coefficient", coef(fit))
    keep(name, "standard error", sqrt(diag(vcov(fit))))
    keep(name, "naive", sqrt(diag(fit$naive.var)))
    keep(name, "log-likelihood", fit$loglik)
  }
  cause_specific(table, at)
}

cause_specific <- function(table, at) {
  for (cause in 1:2) {
    fit <- coxph(Surv(time, event == cause) ~ x1 + x2 + x3, table, control = control)
    keep(paste("cause", cause), "coefficient", coef(fit))
    keep(paste("cause", cause), "standard error", sqrt(diag(vcov(fit))))
  }
  rows <- table[, c("time", "event", "x1", "x2", "x3")]
  names(rows)[1:2] <- c("days", "outcome")
  fit <- riskRegression::CSC(prodlim::Hist(days, outcome) ~ x1 + x2 + x3, rows, control = control)
  for (product in c(TRUE, FALSE)) {
    found <- predict(fit, newdata = rows[1:2, ], times = at, cause = 1, product.limit = product)
    keep(if (product) "csc product" else "csc exponential", "predicted", t(found$absRisk))
  }
}

files <- sort(list.files(arguments[1], pattern = "[.]csv$", full.names = TRUE))
for (file in files) {
  table <- read.csv(file, stringsAsFactors = FALSE, colClasses = c(
    arm = "character", group = "character", stratum = "character"
  ))
  dataset <- sub("[.]csv$", "", basename(file))
  at <- three_times(table$time)
  survivals(table, at)
  unasked(table, at)
  restricted(table, at[3])
  if (nrow(table) < 2500) {
    tests(table)
    maxcombo(table)
  }
  if (length(unique(table$event)) > 2) {
    gray(table)
    if (nrow(table) < 1600) {
      incidences(table, at, at[3])
      suppressWarnings(models(table, at))
    }
  }
}
write.csv(do.call(rbind, kept), arguments[2], row.names = FALSE, quote = FALSE)
