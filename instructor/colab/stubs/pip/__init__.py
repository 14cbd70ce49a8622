"""Replacement for pip: the course installs nothing on Colab, so a cell that tries to fails."""

raise SystemExit("A notebook called pip. Nothing is installed on Colab.")
