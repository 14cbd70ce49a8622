"""What caretakers measure; the figures are in docs/results.md."""
