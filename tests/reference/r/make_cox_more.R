# The truth for Cox models with extras: exact ties, penalties, frailty, splines, changing covariates.
#
#   Rscript make_cox_more.R FOLDER OUTPUT.csv
#
# The folder holds one CSV per cohort of tests/support/cohorts_cox_more.py. One number per row is
# written with 17 digits, as dataset,analysis,quantity,label,value. No row describes one patient,
# but for the first few residuals of public cohorts. Lasso figures need glmnet and are left out
# where it is absent.

suppressPackageStartupMessages({library(survival); library(splines)})
arguments <- commandArgs(trailingOnly = TRUE)
control <- suppressWarnings(
  coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100, outer.max = 300)
)
cohort <- function(name) read.csv(file.path(arguments[1], paste0(name, ".csv")))
kept <- list()

keep <- function(dataset, analysis, quantity, value, label = seq_along(value)) {
  kept[[length(kept) + 1]] <<- data.frame(
    dataset = dataset, analysis = analysis, quantity = quantity,
    label = as.character(label), value = sprintf("%.17g", as.numeric(value))
  )
}

keep_fit <- function(dataset, analysis, fit) {
  keep(dataset, analysis, "coefficient", coef(fit))
  keep(dataset, analysis, "standard error", sqrt(diag(vcov(fit))))
  keep(dataset, analysis, "log-likelihood", fit$loglik, c("null", "fitted"))
}

keep_frailty <- function(dataset, analysis, fit, count = 4) {
  fixed <- seq_len(count)
  keep(dataset, analysis, "coefficient", coef(fit)[fixed])
  keep(dataset, analysis, "standard error", sqrt(diag(vcov(fit)))[fixed])
  history <- fit$history[[1]]
  keep(dataset, analysis, "log-likelihood", fit$loglik[2], "fitted")
  keep(dataset, analysis, "df", fit$df[length(fit$df)], "frailty")
  keep(dataset, analysis, "variance", history$theta, "all")
  if (!is.null(history$c.loglik)) { # R's Gaussian penalty holds a constant, so it is not compared
    keep(dataset, analysis, "penalty", fit$penalty[2], "all")
    keep(dataset, analysis, "marginal log-likelihood", history$c.loglik, "all")
  }
}

profile_limit <- function(data, response, others, name, estimate, top, side) {
  height <- function(value) {
    data$held <- value * data[[name]]
    found <- coxph(
      as.formula(paste(response, "~", others, "+ offset(held)")), data, control = control
    )
    found$loglik[2] - (top - qchisq(0.95, 1) / 2)
  }
  uniroot(height, sort(estimate + side * c(0, 6)), tol = 1e-13)$root
}

# Exact ties, profile limits, contrasts, Firth: 65 patients with myeloma, 42 children.
krall <- cohort("krall")
exact <- coxph(Surv(time, status) ~ bun + hgb, krall, ties = "exact", control = control)
keep_fit("krall", "exact", exact)
keep("krall", "exact", "score test", exact$score, "all")
keep("krall", "exact", "martingale", residuals(exact)[1:10])
efron <- coxph(Surv(time, status) ~ bun + hgb, krall, control = control)
for (pair in list(c("bun", "hgb"), c("hgb", "bun"))) {
  for (side in c(-1, 1)) {
    limit <- profile_limit(
      krall, "Surv(time, status)", pair[2], pair[1], coef(efron)[pair[1]], efron$loglik[2], side
    )
    keep("krall", "profile", pair[1], limit, if (side < 0) "lower" else "upper")
  }
}
weights <- c(1, -2)
keep("krall", "contrast", "estimate", sum(weights * coef(efron)), "all")
keep("krall", "contrast", "standard error", sqrt(weights %*% vcov(efron) %*% weights), "all")

firth <- function(ties) {
  height <- function(beta) {
    found <- suppressWarnings(coxph(
      Surv(time, status) ~ bun + hgb, krall, init = beta, ties = ties,
      control = coxph.control(iter.max = 0)
    ))
    found$loglik[1] - 0.5 * log(det(found$var))
  }
  best <- optim(
    c(1, 0), function(b) -height(b), method = "BFGS",
    control = list(reltol = 1e-16, parscale = c(1, 0.1))
  )
  best <- nlm(
    function(b) -height(b), best$par, gradtol = 1e-10, steptol = 1e-12, typsize = c(1, 0.1)
  )
  keep("krall", paste("firth", ties), "firth coefficient", best$estimate)
  keep("krall", paste("firth", ties), "firth log-likelihood", -best$minimum, "fitted")
  keep("krall", paste("firth", ties), "firth log-likelihood", height(c(0, 0)), "null")
}
firth("efron")
firth("breslow")

gehan <- cohort("gehan")
exact <- coxph(Surv(time, cens) ~ treated, gehan, ties = "exact", control = control)
keep_fit("gehan", "exact", exact)
keep("gehan", "exact", "score test", exact$score, "all")
keep_frailty("gehan", "gaussian", coxph(
  Surv(time, cens) ~ treated + frailty(pair, dist = "gauss", theta = 0.5, sparse = FALSE),
  gehan, control = control
), 1)

# Whole months: many ties.
mgus2 <- cohort("mgus2")
exact <- coxph(Surv(futime, death) ~ age + male, mgus2, ties = "exact", control = control)
keep_fit("mgus2", "exact", exact)
small <- coxph(Surv(futime, death) ~ age, mgus2, control = control)
large <- coxph(Surv(futime, death) ~ age + male + ns(hgb, df = 4), mgus2, control = control)
keep_fit("mgus2", "spline", large)
found <- anova(small, large)
keep("mgus2", "compare", "statistic", found$Chisq[2], "all")
keep("mgus2", "compare", "p", found[2, 4], "all")

# Frailty, ridge, robust, splines: districts of north-west England.
leuksurv <- cohort("leuksurv")
formula <- Surv(time, event) ~ age + sex + wbc + tpi
for (case in c("gamma", "gaussian")) {
  frail <- update(formula, as.formula(sprintf(
    ". ~ . + frailty(district, dist = '%s', eps = 1e-11, sparse = FALSE)", case
  )))
  keep_frailty("leuksurv", case, suppressWarnings(coxph(frail, leuksurv, control = control)))
}
keep_frailty("leuksurv", "gamma fixed", coxph(
  update(formula, . ~ . + frailty(district, theta = 0.3, sparse = FALSE)),
  leuksurv, control = control
))
ridge <- coxph(
  Surv(time, event) ~ sex + ridge(age, wbc, tpi, theta = 10), leuksurv, control = control
)
keep_fit("leuksurv", "ridge", ridge)
keep("leuksurv", "ridge", "penalty", ridge$penalty[2], "all")
keep("leuksurv", "ridge", "df", ridge$df[2] + 1, "all")
plain <- coxph(
  Surv(time, event) ~ ridge(age, wbc, tpi, theta = 2, scale = FALSE), leuksurv, control = control
)
keep_fit("leuksurv", "ridge unscaled", plain)
robust <- coxph(formula, leuksurv, robust = TRUE, control = control)
keep_fit("leuksurv", "robust", robust)
keep("leuksurv", "robust", "robust score test", robust$rscore, "all")
keep("leuksurv", "robust", "dfbetas", t(residuals(robust, type = "dfbetas")[1:5, ]))
clustered <- coxph(formula, leuksurv, cluster = district, control = control)
keep_fit("leuksurv", "cluster", clustered)
keep("leuksurv", "cluster", "robust score test", clustered$rscore, "all")
keep("leuksurv", "cluster", "collapsed", t(residuals(clustered, type = "dfbeta", collapse = leuksurv$district)[1:5, ]))
bent <- coxph(Surv(time, event) ~ ns(age, df = 4) + sex, leuksurv, control = control)
keep_fit("leuksurv", "ns", bent)
keep("leuksurv", "ns", "zph km", cox.zph(bent)$table[, "chisq"])
pair <- predict(
  bent, data.frame(age = c(70, 50), sex = 0), type = "terms", reference = "zero"
)
keep("leuksurv", "ns", "hazard ratio", diff(rev(pair[, 1])), "70 against 50")
knots <- quantile(leuksurv$age, c(0.05, 0.35, 0.65, 0.95))
harrell <- coxph(
  Surv(time, event) ~ ns(age, knots = knots[2:3], Boundary.knots = knots[c(1, 4)]) + sex,
  leuksurv, control = control
)
keep("leuksurv", "rcs", "log-likelihood", harrell$loglik, c("null", "fitted"))
pair <- predict(
  harrell, data.frame(age = c(70, 50), sex = 0), type = "terms", reference = "zero"
)
keep("leuksurv", "rcs", "hazard ratio", diff(rev(pair[, 1])), "70 against 50")

# Covariates that change, cut follow-up, events that recur.
bmt <- cohort("bmt")
rows <- tmerge(bmt[, c("id", "age", "fab", "group")], bmt, id = id, end = event(days, failed))
rows <- tmerge(rows, bmt, id = id, gvhd = tdc(gvhd_day), platelet = tdc(platelet_day))
names(rows)[names(rows) == "end"] <- "final"
changing <- coxph(
  Surv(tstart, tstop, final) ~ age + fab + gvhd + platelet + strata(group),
  rows, cluster = id, control = control
)
keep_fit("bmt", "changing", changing)
keep("bmt", "changing", "rows", nrow(rows), "all")
keep("bmt", "changing", "collapsed martingale", residuals(changing, collapse = rows$id)[1:10])

ebmt3 <- cohort("ebmt3")
rows <- tmerge(ebmt3[, c("id", "young", "old", "cml", "depleted")], ebmt3, id = id, end = event(days, failed))
rows <- tmerge(rows, ebmt3, id = id, platelet = tdc(platelet_day))
names(rows)[names(rows) == "end"] <- "final"
keep_fit("ebmt3", "changing", coxph(
  Surv(tstart, tstop, final) ~ young + old + cml + depleted + platelet, rows, control = control
))
cut <- survSplit(
  Surv(days, failed) ~ ., ebmt3, cut = c(100, 365), episode = "episode", zero = 0
)
cut$early <- cut$old * (cut$episode == 1)
keep_fit("ebmt3", "split", coxph(
  Surv(tstart, days, failed) ~ old + early + cml, cut, control = control
))
keep("ebmt3", "split", "rows", nrow(cut), "all")

myeloid <- cohort("myeloid")
long <- with(myeloid, data.frame(
  id = rep(id, 3), time = c(txtime, crtime, rltime), end = rep(futime, 3)
))
long <- unique(long[!is.na(long$time) & long$time < long$end, c("id", "time")])
rows <- tmerge(myeloid[, c("id", "arm", "male")], myeloid, id = id, tstop = futime)
rows <- tmerge(rows, long, id = id, happened = event(time))
rows <- rows[order(rows$id, rows$tstart), ]
rows$number <- ave(rows$tstart, rows$id, FUN = seq_along)
keep("myeloid", "recurrent", "rows", nrow(rows), "all")
keep_fit("myeloid", "recurrent", coxph(
  Surv(tstart, tstop, happened) ~ arm + male, rows, cluster = id, control = control
))
rows <- rows[rows$number <= 3, ]
keep_fit("myeloid", "recurrent total", coxph(
  Surv(tstart, tstop, happened) ~ arm + male + strata(number), rows, cluster = id,
  control = control
))
keep_fit("myeloid", "recurrent gap", coxph(
  Surv(tstop - tstart, happened) ~ arm + male + strata(number), rows, cluster = id,
  control = control
))

# Exact ties of months in three trials.
trials <- transform(cohort("trials"), months = ceiling(os_days / 30))
keep_fit("trials", "exact", coxph(
  Surv(months, os_event) ~ age + NPM1 * FLT3_ITD + strata(study), trials, ties = "exact",
  control = control
))

# The lasso, where glmnet is installed.
if (requireNamespace("glmnet", quietly = TRUE)) {
  glmnet::glmnet.control(fdev = 0, devmax = 1)
  scaled <- with(leuksurv, cbind(
    a = (age - 60) / 15, s = sex, w = log1p(wbc) - 2, t = tpi / 4, e = east - 0.5, n = north - 0.5
  ))
  x <- cbind(scaled, scaled[, c(1, 3:6)]^2, scaled[, 1] * scaled[, 2:6])
  # glmnet mistakes the order where a death and a censoring share a day, so censoring comes later.
  response <- with(leuksurv, Surv(time + 0.5 * (1 - event), event))
  folds <- (seq_len(nrow(x)) - 1) %% 5 + 1
  for (mix in c(1, 0.5)) {
    fit <- glmnet::glmnet(
      x, response, family = "cox", alpha = mix, nlambda = 20, lambda.min.ratio = 0.01,
      thresh = 1e-22, maxit = 1e8
    )
    tested <- glmnet::cv.glmnet(
      x, response, family = "cox", alpha = mix, foldid = folds, lambda = fit$lambda,
      thresh = 1e-22, maxit = 1e8
    )
    name <- paste("elastic net", mix)
    keep("leuksurv", name, "penalty size", fit$lambda[c(1, 5, 10)])
    keep("leuksurv", name, "net coefficient", as.matrix(coef(fit))[, c(5, 10)])
    keep("leuksurv", name, "deviance", tested$cvm[c(1, 5, 10)])
    keep("leuksurv", name, "deviance error", tested$cvsd[c(1, 5, 10)])
    chosen <- match(c(tested$lambda.min, tested$lambda.1se), fit$lambda)
    keep("leuksurv", name, "chosen", chosen, c("best", "simple"))
  }
}

write.csv(do.call(rbind, kept), arguments[2], row.names = FALSE, quote = FALSE)
