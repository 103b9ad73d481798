"""The rows of an analysis: formulas, responses, covariates, and how rows are counted."""
