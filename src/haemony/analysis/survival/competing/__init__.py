"""Regression where one event rules out another."""
