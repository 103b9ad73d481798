"""The OMOP Common Data Model 5.4: its tables, writing facts into them, reading facts back."""
