"""What caretakers measure; the figures stand in the README."""
