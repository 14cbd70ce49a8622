"""Tests of helpers/figshare.py, found.py, verified.py: the data is there, or it is said what to do."""

import hashlib
import os
import random
import shutil
import sys
import types

import pytest

from helpers.config import settings
from helpers.datasets import download, figshare, found, sources, verified
from helpers.datasets.figshare import DownloadError
from helpers.datasets.verified import Memory, PublishedFile
from tests.support.misbehaving_server import CONTENT, HALF, running

MD5 = hashlib.md5(CONTENT).hexdigest()
MATLAB = b"MATLAB 7.3 MAT-file, Platform: GLNXA64"


@pytest.fixture
def registry(monkeypatch, tmp_path):
    """Two small published files; no waiting, no Drive, no kagglehub."""
    files = {
        name: PublishedFile(name, number, len(CONTENT), MD5) for number, name in enumerate(("a.zip", "b.zip"))
    }
    monkeypatch.setattr(figshare, "REGISTRY", files)
    monkeypatch.setattr(figshare, "DATASET_BYTES", 0)
    monkeypatch.setattr(download, "sleep", lambda seconds: None)
    monkeypatch.setattr(found, "DRIVE", tmp_path / "MyDrive")
    monkeypatch.setattr(found, "COLAB_UPLOADS", tmp_path / "content")
    monkeypatch.setattr(found, "SLICES", 3)
    monkeypatch.setitem(sys.modules, "kagglehub", None)  # importing it fails
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return files


@pytest.fixture
def server(registry, monkeypatch):
    with running() as server:
        monkeypatch.setattr(figshare, "ROUTES", (server.route("right"),))
        yield server


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "home" / "figshare"


def routes(monkeypatch, server, *behaviours):
    monkeypatch.setattr(figshare, "ROUTES", tuple(server.route(behaviour) for behaviour in behaviours))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write_slices(folder, count=3):
    folder.mkdir(parents=True)
    for name in ("cvind", *range(1, count + 1)):
        (folder / f"{name}.mat").write_bytes(MATLAB)


def stub_kagglehub(monkeypatch, download):
    """Puts a module `kagglehub` in the way; returns the list of its calls."""
    calls = []

    def dataset_download(handle, path=None, *, force_download=False):
        calls.append((handle, force_download))
        return download(force_download)

    monkeypatch.setitem(sys.modules, "kagglehub", types.SimpleNamespace(dataset_download=dataset_download))
    return calls


def test_the_registry_is_the_published_one():
    assert len(figshare.REGISTRY) == 5
    assert figshare.REGISTRY["brainTumorDataPublic_1533-2298.zip"].figshare_id == 3381293
    assert sum(file.bytes for file in figshare.REGISTRY.values()) == 879_499_062
    assert all(len(file.md5) == 32 and file.name == name for name, file in figshare.REGISTRY.items())


def test_files_are_fetched_once(server, folder):
    for _ in range(2):
        assert figshare.fetch(folder) == folder
    assert names(folder) == ["a.zip", "b.zip", "verified.json"]
    assert len(server.asked) == 2


def test_the_next_route_is_tried(server, monkeypatch, folder):
    routes(monkeypatch, server, "missing", "challenge", "page", "wrong_bytes", "right")
    figshare.fetch(folder)
    assert [behaviour for behaviour, _ in server.asked][:5] == [
        "missing", "challenge", "page", "wrong_bytes", "right",
    ]  # fmt: skip
    assert (folder / "a.zip").read_bytes() == CONTENT


def test_a_route_goes_on_where_another_stopped(server, monkeypatch, folder):
    routes(monkeypatch, server, "cut", "right")
    figshare.fetch(folder)
    assert ("right", f"bytes={HALF}-") in server.asked
    assert (folder / "a.zip").read_bytes() == (folder / "b.zip").read_bytes() == CONTENT


def test_the_message_says_why_and_what_to_do(server, monkeypatch, folder):
    routes(monkeypatch, server, "challenge", "forbidden", "wrong_bytes")
    with pytest.raises(DownloadError) as caught:
        figshare.fetch(folder)
    text = str(caught.value)
    host = f"127.0.0.1:{server.server_port}"
    lines = text.splitlines()
    assert lines[:5] == [
        "a.zip could not be downloaded. Tried:",
        f"- {host}: HTTP 202: no file: the host takes this computer for a robot",
        f"- {host}: HTTP 403: refused to this computer",
        f"- {host}: wrong md5 (other bytes of the right length)",
        "- Kaggle mirror: kagglehub is not installed",
    ]
    for part in (
        figshare.PAGE,
        f"b.zip  ({len(CONTENT):,} bytes)",
        str(folder),
        "your Drive",
        "1.",
        "2.",
        "3.",
    ):
        assert part in text
    assert names(folder) == []
    assert caught.value._render_traceback_()[0].startswith("DownloadError: a.zip could not")


def test_what_can_be_had_is_kept(server, monkeypatch, folder, registry):
    registry["a.zip"] = PublishedFile("a.zip", 0, len(CONTENT), "0" * 32)
    with pytest.raises(DownloadError) as caught:
        figshare.fetch(folder)
    assert "a.zip  (" in str(caught.value) and "b.zip" not in str(caught.value)
    assert names(folder) == ["b.zip", "verified.json"]


def test_no_network(registry, monkeypatch, folder):
    with running() as server:
        routes(monkeypatch, server, "right")
    with pytest.raises(DownloadError, match="no connection: is this computer online"):
        figshare.fetch(folder)


@pytest.mark.parametrize("damaged", [CONTENT[:100], b"", bytes(len(CONTENT))], ids=["cut", "empty", "other"])
def test_a_damaged_file_is_replaced(server, monkeypatch, folder, damaged):
    folder.mkdir(parents=True)
    (folder / "b.zip").write_bytes(damaged)
    routes(monkeypatch, server, "missing")
    with pytest.raises(DownloadError, match=r"replace what is damaged there: b\.zip"):
        figshare.fetch(folder)
    routes(monkeypatch, server, "right")
    figshare.fetch(folder)
    assert (folder / "b.zip").read_bytes() == CONTENT


def test_the_md5_is_remembered_until_the_file_changes(server, monkeypatch, folder):
    figshare.fetch(folder)
    hashed = []
    monkeypatch.setattr(verified, "file_md5", lambda path: hashed.append(path.name) or MD5)
    figshare.fetch(folder)
    assert hashed == []
    os.utime(folder / "a.zip", ns=(1, 1))
    figshare.fetch(folder)
    assert hashed == ["a.zip"]
    monkeypatch.undo()
    monkeypatch.setattr(found, "SLICES", 3)
    file = PublishedFile("b.zip", 1, len(CONTENT), MD5)
    assert Memory(folder / "verified.json").holds(file)
    (folder / "b.zip").write_bytes(bytes(len(CONTENT)))
    assert not Memory(folder / "verified.json").holds(file)


@pytest.mark.parametrize("note", ["", "[]", '{"a.zip": 1}', '{"mirror": 3}'])
def test_a_torn_memory_is_no_harm(server, folder, note):
    folder.mkdir(parents=True)
    (folder / "verified.json").write_text(note)
    assert figshare.fetch(folder) == folder


@pytest.mark.parametrize("place", ["MyDrive", "MyDrive/brain-mri-course", "content", "named"])
def test_files_are_found_elsewhere(server, tmp_path, folder, place):
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / place / "a.zip").write_bytes(CONTENT)
    (tmp_path / place / "b.zip").write_bytes(CONTENT[:-1])
    folder.mkdir(parents=True)
    (folder / "a.zip.part").write_bytes(CONTENT[:HALF])
    figshare.fetch(folder, look_in=tmp_path / "named")
    assert names(folder) == ["a.zip", "b.zip", "verified.json"]
    assert (folder / "b.zip").read_bytes() == CONTENT
    assert len(server.asked) == 1
    assert (tmp_path / place / "a.zip").exists()


def test_what_is_wrong_elsewhere_is_told(server, monkeypatch, tmp_path, folder):
    routes(monkeypatch, server, "missing")
    for name, content in (("a.zip", CONTENT[:7]), ("b.zip", bytes(len(CONTENT)))):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DownloadError) as caught:
        figshare.fetch(folder, look_in=[str(tmp_path)])
    assert f"a.zip: wrong length (7 of {len(CONTENT):,} bytes)" in str(caught.value)
    assert "b.zip: wrong md5" in str(caught.value)
    assert names(folder) == []


def test_a_drive_that_goes_away(server, monkeypatch, tmp_path, folder):
    (tmp_path / "a.zip").write_bytes(CONTENT)

    def broken_off(path):
        yield CONTENT[:HALF]

    monkeypatch.setattr(found, "_chunks", broken_off)
    figshare.fetch(folder, look_in=[tmp_path])
    assert names(folder) == ["a.zip", "b.zip", "verified.json"]
    assert len(server.asked) == 2


@pytest.mark.parametrize("inside", found.SLICE_FOLDERS)
def test_unpacked_slices_are_taken_as_they_are(server, tmp_path, folder, inside):
    write_slices(tmp_path / "named" / inside)
    assert figshare.fetch(folder, look_in=[tmp_path / "named"]) == tmp_path / "named" / inside
    assert server.asked == [] and not folder.exists()


def test_some_unpacked_slices_are_not_enough(server, tmp_path, folder):
    write_slices(tmp_path / "named", count=2)
    (tmp_path / "named" / "3.mat").write_bytes(b"<html>")
    assert figshare.fetch(folder, look_in=[tmp_path / "named"]) == folder


def test_the_mirror_comes_last_and_is_remembered(server, monkeypatch, tmp_path, folder):
    routes(monkeypatch, server, "challenge")
    place = tmp_path / "cache" / "versions" / "1"
    write_slices(place / "dataset" / "data")
    shutil.move(place / "dataset" / "data" / "cvind.mat", place / "dataset")
    calls = stub_kagglehub(monkeypatch, lambda force: str(place))
    for _ in range(2):
        assert figshare.fetch(folder) == place / "dataset"
    assert calls == [(figshare.MIRROR, False)]
    assert len(server.asked) == 1
    shutil.rmtree(place)  # the cache was emptied
    routes(monkeypatch, server, "right")
    assert figshare.fetch(folder) == folder


def test_a_damaged_cache_of_the_mirror_is_fetched_again(server, monkeypatch, tmp_path, folder):
    routes(monkeypatch, server, "challenge")
    place = tmp_path / "cache"
    place.mkdir()

    def fetch(force):
        if force:
            write_slices(place / "data")
        return str(place)

    calls = stub_kagglehub(monkeypatch, fetch)
    assert figshare.fetch(folder) == place / "data"
    assert [force for _, force in calls] == [False, True]


def test_a_failing_mirror_is_one_more_reason(server, monkeypatch, tmp_path, folder):
    routes(monkeypatch, server, "challenge")

    def fail(force):
        raise RuntimeError("403 Client Error.\n\nDetails over\nmany lines")

    stub_kagglehub(monkeypatch, fail)
    with pytest.raises(DownloadError, match=r"- Kaggle mirror: 403 Client Error\.\nWhat was"):
        figshare.fetch(folder)
    stub_kagglehub(monkeypatch, lambda force: str(tmp_path))
    with pytest.raises(DownloadError, match=r"Kaggle mirror: not all of 1\.mat to"):
        figshare.fetch(folder)


def test_the_disk_is_looked_at_first(server, monkeypatch, folder):
    monkeypatch.setattr(figshare, "DATASET_BYTES", 3_000_000_000)
    usage = types.SimpleNamespace(free=2_500_000_000)
    monkeypatch.setattr(figshare.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(DownloadError, match=r"has 2\.5 GB free, too little: .* takes about 3 GB"):
        figshare.fetch(folder)
    assert server.asked == []
    usage.free = 4_000_000_000
    figshare.fetch(folder)
    usage.free = 0  # nothing is missing any more
    figshare.fetch(folder)


def test_a_folder_that_cannot_be_written(server, monkeypatch, folder):
    folder.parent.mkdir()
    folder.write_text("a file")
    with pytest.raises(DownloadError, match="cannot be written to"):
        figshare.fetch(folder)
    folder.unlink()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download._Transfer, "_write", full)
    with pytest.raises(DownloadError, match="No space left on device"):
        figshare.fetch(folder)


def test_obtain_looks_in_the_course_s_home(server, tmp_path):
    course = settings.Settings("figshare", settings.PROFILES["quick"], tmp_path, colab=False)
    (tmp_path / "a.zip").write_bytes(CONTENT)
    assert sources.fetch(course) == tmp_path / "figshare"
    assert len(server.asked) == 1


def test_jitter_comes_from_the_generator_that_is_passed(server, monkeypatch, folder):
    pauses = []
    monkeypatch.setattr(download, "sleep", pauses.append)
    routes(monkeypatch, server, "broken")
    for _ in range(2):
        with pytest.raises(DownloadError):
            figshare.fetch(folder, rng=random.Random(3))
    assert pauses[: len(pauses) // 2] == pauses[len(pauses) // 2 :]
