"""Colab's twin: the course opened and run here as Colab would."""
