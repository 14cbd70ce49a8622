import sys
import types

import pytest

from helpers.config import drive


@pytest.fixture
def colab(monkeypatch, tmp_path):
    """A Colab that mounts Drive in a temporary folder; `asked` lists the mount points."""
    asked = []

    def mount(mountpoint):
        asked.append(mountpoint)
        (tmp_path / "MyDrive").mkdir()

    monkeypatch.setattr(drive, "DRIVE", tmp_path / "MyDrive")
    module = types.ModuleType("google.colab")
    module.drive = types.SimpleNamespace(mount=mount)
    monkeypatch.setitem(sys.modules, "google.colab", module)
    return types.SimpleNamespace(asked=asked, module=module, parent=str(tmp_path))


def test_access_is_asked_for_once(colab):
    assert drive.folder() is None
    assert "KEEP_ON_DRIVE" in drive.offer()
    drive.mount()
    drive.mount()
    assert colab.asked == [colab.parent]
    assert drive.folder() == drive.DRIVE / "brain-mri-course"
    assert "also kept on your Google Drive" in drive.offer()


def test_a_refusal_is_reported_in_one_line(colab, capsys):
    def mount(mountpoint):
        raise RuntimeError("no credentials")

    colab.module.drive.mount = mount
    drive.mount()
    assert capsys.readouterr().out.splitlines() == [
        "Google Drive is not mounted (no credentials); the course continues without it."
    ]


def test_a_broken_mount_counts_as_none(monkeypatch):
    class Broken:
        def is_dir(self):
            raise OSError(107, "Transport endpoint is not connected")

    monkeypatch.setattr(drive, "DRIVE", Broken())
    assert drive.folder() is None
