"""Cox's model: likelihood, fits of every kind, diagnostics, and what follows from a fit."""
