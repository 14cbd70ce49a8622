"""Notebooks: execution, export, lint, student editions and publishing."""
