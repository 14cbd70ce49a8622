"""`python -m helpers.phantoms FOLDER` writes synthetic slices."""

from helpers.phantoms.drawing import main

main()
