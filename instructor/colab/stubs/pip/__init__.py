"""Replacement for pip: replicas have what a notebook may install (colab/installed.txt), so none calls it."""

raise SystemExit("A notebook called pip. The replica should have what it installs: see colab/installed.txt.")
