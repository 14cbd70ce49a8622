"""What the course's notebooks import: one job per module, open any of them and read."""
