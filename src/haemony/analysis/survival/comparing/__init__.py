"""Do groups of patients differ? The log-rank family and its relatives."""
