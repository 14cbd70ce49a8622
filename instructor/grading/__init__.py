"""Grading: run submissions in a sandbox, mark their answers, and write feedback pages."""
