"""Contributions whose dictionaries are the project's own work; the data stay with their owners."""
