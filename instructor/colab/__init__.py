"""Replicas of Colab's runtimes, in which the course is opened and run as in Colab."""
