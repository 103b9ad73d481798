"""Diseases: tables first, code second. They import the model alone and are found by entry point."""
