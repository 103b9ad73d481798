"""Curves of groups of patients: survival, cumulative hazard, incidence, mean time."""
