"""Stands in for `google.colab.drive`, with a student who does not give access."""


def mount(mountpoint, force_remount=False, timeout_ms=120000, readonly=False):
    raise ValueError("mount failed")
