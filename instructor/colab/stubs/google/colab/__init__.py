"""Minimal replacement for Colab's own package, so that the course detects Colab."""
