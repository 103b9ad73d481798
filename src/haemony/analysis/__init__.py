"""Analysis: cohorts, description, survival, reports, and patients made in silico."""
