"""Stands in for Colab's own package: there to be found, and able to do next to nothing."""
