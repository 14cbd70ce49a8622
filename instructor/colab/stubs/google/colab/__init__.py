"""Replacement for Colab's own package: the course detects Colab, and its functions do nothing.

In the replica, `drive.mount` fails as if the student had denied access.
"""

import os
import sys
from types import ModuleType

PARTS = ["ai", "auth", "data_table", "drive", "files", "html", "kernel", "output", "patches", "runtime"]
PARTS += ["sheets", "snippets", "syntax", "userdata", "widgets"]
RESULTS = {"upload": {}, "get": ""}  # of files and userdata


class _Part(ModuleType):
    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: RESULTS.get(name)


def _mount(mountpoint, force_remount=False, timeout_ms=120000, readonly=False):
    if "GRADING_SHARED" not in os.environ:
        raise ValueError("mount failed")
    print(f"Mounted at {mountpoint}")


for _name in PARTS:
    globals()[_name] = sys.modules[f"{__name__}.{_name}"] = _Part(f"{__name__}.{_name}")
sys.modules[f"{__name__}.drive"].mount = _mount
