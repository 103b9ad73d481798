"""One language: from a partner's columns to facts, and from facts to OMOP and back."""
