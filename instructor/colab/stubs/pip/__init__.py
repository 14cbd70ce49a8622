"""Stands in for pip: nothing is ever installed on Colab, and a cell that tries fails."""

raise SystemExit("A notebook called pip. Nothing is installed on Colab.")
