"""The course's package: what the notebooks import, one subpackage per subject.

    config      settings from COURSE_*, the banner, Google Drive in Colab
    datasets    download, read MATLAB files, preprocess, assemble and validate the data set; other images
    splits      training and test sets: by slice, by patient, by family; cross-validation folds
    models      the classifier and the U-Net of the report
    training    data loader, augmentation, metric, checkpoints, training log, run record
    evaluation  prediction, overlap measures, bootstrap intervals, calibration, a baseline, near duplicates
    plots       every figure, with a description for screen readers
    tables      every table
    checks      the exercises: `check`, `hint`, `rubric`
    reference   the report's numbers and published ones, each with its source
    phantoms    the embedded synthetic data set: `python -m helpers.phantoms FOLDER`

Notebooks import from these alone: `from helpers import datasets`, then `datasets.read_slice(path)`.
Each subpackage's `__init__.py` lists its public names and loads a file when a name of it is first
used. Inside the package, imports point one way:

    reference, config < splits < phantoms < datasets < models < evaluation < training < tables

`plots` and `checks` use everything up to `evaluation`, never `training`.
"""
