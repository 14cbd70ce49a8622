import platform

import numpy as np

from helpers.config import machine


def test_versions_are_those_that_are_loaded():
    versions = machine.versions()
    assert versions["python"] == platform.python_version()
    assert versions["numpy"] == np.__version__


def test_the_peak_holds_what_was_used():
    before = machine.peak_bytes()
    used = np.ones(200_000_000 // 8)
    assert machine.peak_bytes() >= before
    assert machine.peak_bytes() > used.nbytes


def test_there_is_always_a_device():
    assert machine.device()
