# One analysis by R, timed as survival_tasks.py does: Rscript survival_tasks.R TASK FOLDER
suppressPackageStartupMessages(library(survival))
given <- commandArgs(TRUE)
task <- given[1]
folder <- given[2]
numbers <- function(name) {
  path <- file.path(folder, name)
  readBin(path, "double", file.info(path)$size / 8)
}
days <- numbers("days")
kind <- numbers("kind")
x <- matrix(numbers("x"), nrow = length(days))
status <- function(field) {
  line <- grep(field, readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) / 1024
}
when <- 1000

tasks <- list(
  "Cox" = function(days, kind, x) {
    fit <- coxph(Surv(days, kind > 0) ~ x)
    c(coef(fit), sqrt(diag(vcov(fit))))
  },
  "Kaplan–Meier" = function(days, kind, x) {
    found <- summary(survfit(Surv(days, kind > 0) ~ 1), times = when)
    c(found$surv, found$std.err)
  },
  "log-rank" = function(days, kind, x) survdiff(Surv(days, kind > 0) ~ (x[, 1] > 0))$chisq,
  "Aalen–Johansen with SE" = function(days, kind, x) {
    found <- summary(survfit(Surv(days, factor(kind, 0:2)) ~ 1), times = when)
    c(found$pstate[, -1], found$std.err[, -1])
  },
  "concordance with SE" = function(days, kind, x) {
    found <- concordance(Surv(days, kind > 0) ~ rowSums(x), reverse = TRUE)
    c(coef(found), sqrt(vcov(found)))
  },
  "Fine–Gray" = function(days, kind, x) {
    fit <- cmprsk::crr(days, kind, x)
    c(fit$coef, sqrt(diag(fit$var)))
  },
  "1,000 bootstraps of Cox" = function(days, kind, x) {
    set.seed(1)
    first <- replicate(10, {
      rows <- sample(length(days), replace = TRUE)
      coef(coxph(Surv(days[rows], kind[rows] > 0) ~ x[rows, ]))[1]
    })
    sd(first)
  }
)
run <- tasks[[task]]
few <- seq_len(min(400, length(days)))
if (!startsWith(task, "1,000")) {
  columns <- seq_len(min(2, ncol(x)))
  invisible(run(days[few], kind[few], x[few, columns, drop = FALSE]))
}
invisible(gc(reset = TRUE))
writeLines("5", "/proc/self/clear_refs")
before <- status("VmRSS")
times <- c()
peak <- NA
while (length(times) == 0 || (sum(times) < 1 && length(times) < 20)) {
  begun <- sum(proc.time()[1:2])
  answer <- run(days, kind, x)
  times <- c(times, sum(proc.time()[1:2]) - begun)
  if (is.na(peak)) peak <- status("VmHWM")
}
scale <- if (startsWith(task, "1,000")) 100 else 1
cat(sprintf(
  '{"seconds": %.6g, "megabytes": %.6g, "peak": %.6g, "answer": [%s]}\n',
  min(times) * scale, peak - before, peak, paste(sprintf("%.17g", answer), collapse = ", ")
))
