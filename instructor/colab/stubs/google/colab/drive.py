"""Replacement for `google.colab.drive`: a student who denies access."""


def mount(mountpoint, force_remount=False, timeout_ms=120000, readonly=False):
    raise ValueError("mount failed")
