# What R says of the allograft in the AMLSG trials: from its day on, naive, and from a landmark.
#
#   Rscript make_studies.R INPUT.csv OUTPUT.csv
#
# The input is what tests/reference/test_amlsg_statistics.py writes from the release. Writes
# dataset,analysis,quantity,label,value with 17 digits. Nothing written describes a single patient.

suppressPackageStartupMessages(library(survival))
arguments <- commandArgs(trailingOnly = TRUE)
control <- coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 100)
table <- read.csv(arguments[1], stringsAsFactors = FALSE)
kept <- list()

keep <- function(analysis, fit) {
  for (quantity in c("coefficient", "standard error", "n", "events")) {
    value <- switch(quantity,
      "coefficient" = coef(fit)[["exposed"]],
      "standard error" = sqrt(vcov(fit)["exposed", "exposed"]),
      "n" = fit$n, "events" = fit$nevent
    )
    kept[[length(kept) + 1]] <<- data.frame(
      dataset = "amlsg", analysis = analysis, quantity = quantity, label = "exposed",
      value = sprintf("%.17g", value)
    )
  }
}

three <- function(name, rows, terms, landmark = NA) {
  form <- function(left) as.formula(paste(left, "~ exposed +", terms))
  rows <- rows[rows$stop > 0, ]
  ever <- !is.na(rows$at) & rows$at < rows$stop
  naive <- transform(rows, start = 0, exposed = as.numeric(ever))
  changes <- ever & rows$at > 0
  before <- transform(rows[changes, ], start = 0, stop = at, died = FALSE, exposed = 0)
  after <- naive
  after$start[changes] <- rows$at[changes]
  split <- rbind(before[names(after)], after)
  keep(paste(name, "time-dependent"), coxph(form("Surv(start, stop, died)"), split, control = control))
  keep(paste(name, "naive"), coxph(form("Surv(start, stop, died)"), naive, control = control))
  if (!is.na(landmark)) {
    late <- rows[rows$stop > landmark, ]
    late$exposed <- as.numeric(!is.na(late$at) & late$at <= landmark)
    late$stop <- late$stop - landmark
    keep(paste(name, "landmark"), coxph(form("Surv(stop, died)"), late, control = control))
  }
}

clinical <- c("sex", "ecog", "eln_2010", "age_at_diagnosis", "wbc", "platelets", "haemoglobin",
              "marrow_blasts")
complete <- function(columns) {
  rows <- table[complete.cases(table[, columns]), ]
  for (name in intersect(columns, c("sex", "ecog", "eln_2010"))) rows[[name]] <- factor(rows[[name]])
  rows
}
remission <- complete(c("complete_remission_day", clinical))
remission$stop <- remission$os_days - remission$complete_remission_day
remission$at <- pmax(remission$transplant - remission$complete_remission_day, 0)
remission$died <- remission$os_event
three("from remission", remission, paste(
  "I(age_at_diagnosis / 10) + sex + ecog + log2(wbc) + log2(platelets) + haemoglobin +",
  "marrow_blasts + eln_2010"
), 183)
diagnosis <- complete(c("age_at_diagnosis", "eln_2010"))
diagnosis$stop <- diagnosis$os_days
diagnosis$at <- diagnosis$transplant
diagnosis$died <- diagnosis$os_event
three("from diagnosis", diagnosis, "I(age_at_diagnosis / 10) + eln_2010")

write.csv(do.call(rbind, kept), arguments[2], row.names = FALSE)
