"""Tests of helpers/datasets/download.py: one URL -> one verified file, whatever the host does."""

import hashlib
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers.datasets import download
from helpers.datasets.answers import RouteError
from helpers.datasets.verified import PublishedFile
from tests.support.misbehaving_server import CONTENT, HALF, running

FILE = PublishedFile("a.zip", 1, len(CONTENT), hashlib.md5(CONTENT).hexdigest())
COURSE_FOLDER = Path(__file__).resolve().parents[2]

# What the student reads, where one URL never gives the file.
HOPELESS = {
    "challenge": "HTTP 202: no file: the host takes this computer for a robot",
    "forbidden": "HTTP 403: refused to this computer",
    "missing": "HTTP 404: not found there",
    "busy_for_an_hour": "HTTP 429: too many requests; it asks to come back in 3600 s",
    "busy_until_a_date": "HTTP 503: Service Unavailable; it asks to come back in",
    "broken": "HTTP 500: Internal Server Error",
    "loop": "it redirects in a circle",
    "redirect_nowhere": "it redirects to something that is no web address",
    "drip": "too slow",
    "silent": "it stopped sending",
    "hang_up": "the host hung up without an answer",
    "reset": "the connection broke in the middle of the file",
    "cut": "cut short",
    "wrong_bytes": "wrong md5",
    "other_length": f"wrong length: it announces {HALF} bytes, not {len(CONTENT)}",
    "endless": f"wrong length: more than {len(CONTENT):,} bytes",
    "gzip": r"a compressed body \(gzip\)",
    "page": r"a web page \(HTML\) in place of the file",
    "page_called_a_zip": r"a web page \(HTML\) in place of the file",
    "json": "a JSON text in place of the file",
    "empty": r"an empty answer \(zero bytes\)",
}
REST = f"bytes={HALF}-"
# Where trying again helps: the Range headers of the requests.
MENDED = {
    "right": [None],
    "redirect": [None, None],
    "busy_once": [None, None],
    "broken_once": [None, None],
    "reset_once": [None, REST],
    "cut_once": [None, REST],
    "cut_then_range_ignored": [None, REST],
    "cut_then_range_wrong": [None, REST, None],
    "cut_then_range_refused": [None, REST, None],
}


@pytest.fixture(autouse=True)
def slept(monkeypatch):
    """No waiting; the list of the pauses in seconds."""
    pauses = []
    monkeypatch.setattr(download, "sleep", pauses.append)
    monkeypatch.setattr(download, "PACE_SECONDS", 0.2)
    monkeypatch.setattr(download, "READ_SECONDS", 0.4)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return pauses


@pytest.fixture
def server():
    with running() as server:
        yield server


def get(server, behaviour, folder, **options):
    url = server.route(behaviour).format(id=1)
    download.download(url, FILE, folder, rng=random.Random(0), **options)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("behaviour", HOPELESS)
def test_what_is_wrong_never_gets_the_files_name(server, tmp_path, behaviour):
    with pytest.raises(RouteError, match=HOPELESS[behaviour]) as caught:
        get(server, behaviour, tmp_path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 100
    assert set(names(tmp_path)) <= {"a.zip.part"}
    assert len(server.asked) <= 11  # a loop is the longest
    get(server, "right", tmp_path)
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert names(tmp_path) == ["a.zip"]


@pytest.mark.parametrize("behaviour", MENDED)
def test_trying_again_helps(server, tmp_path, behaviour):
    get(server, behaviour, tmp_path)
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert names(tmp_path) == ["a.zip"]
    assert server.ranges() == MENDED[behaviour]


def test_a_drip_is_left_and_taken_up_again(server, tmp_path):
    get(server, "drip_once", tmp_path)
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    first, rest = server.ranges()
    assert first is None and rest.startswith("bytes=")


def test_pauses_grow_differ_and_heed_the_host(server, tmp_path, slept, capsys):
    with pytest.raises(RouteError):
        get(server, "broken", tmp_path)
    assert len(slept) == download.ATTEMPTS - 1
    assert all(0.5 * 2**i <= pause <= 2**i for i, pause in enumerate(slept))
    assert capsys.readouterr().out == ""
    slept.clear()
    get(server, "busy_once", tmp_path)
    assert len(slept) == 1 and 7.5 <= slept[0] <= 8
    assert "too many requests" in capsys.readouterr().out


def test_attempts_that_bring_much_do_not_count(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "PROGRESS_BYTES", 1000)
    get(server, "cut_once", tmp_path, attempts=2)
    assert (tmp_path / "a.zip").exists()


@pytest.mark.parametrize("behaviour", ["cut", "cut_wrong_bytes", "reset", "drip"])
def test_no_host_is_asked_for_ever(server, tmp_path, monkeypatch, behaviour):
    monkeypatch.setattr(download, "PROGRESS_BYTES", 1)  # bytes won anew, not bytes won back
    with pytest.raises(RouteError):
        get(server, behaviour, tmp_path, attempts=3)
    assert len(server.asked) <= 6


def test_another_part_than_asked_for_is_not_written(server, tmp_path):
    part = tmp_path / "a.zip.part"
    part.write_bytes(CONTENT[:HALF])
    server.asked.append(("cut_then_range_wrong", None))  # its first visit is past
    with pytest.raises(RouteError, match="HTTP 206: not the part of the file that was asked for"):
        get(server, "cut_then_range_wrong", tmp_path, attempts=1)
    assert part.read_bytes() == CONTENT[:HALF]


def test_a_refusal_leaves_the_part(server, tmp_path):
    part = tmp_path / "a.zip.part"
    part.write_bytes(CONTENT[:HALF])
    for behaviour in ("challenge", "page", "page_called_a_zip", "gzip", "broken", "loop", "empty"):
        with pytest.raises(RouteError):
            get(server, behaviour, tmp_path)
        assert part.read_bytes() == CONTENT[:HALF], behaviour


@pytest.mark.parametrize(
    ("part", "ranges"),
    [
        (CONTENT[:HALF], [REST]),
        (CONTENT, []),  # killed just before the renaming
        (b"", [None]),
        (CONTENT + b"more", [None]),
        (bytes(HALF), [REST, None]),  # of something else: found out by the md5
        (bytes(len(CONTENT)), [None]),
    ],
    ids=["half", "whole", "empty", "too long", "of another file", "another file"],
)
def test_a_part_of_an_earlier_run(server, tmp_path, part, ranges):
    (tmp_path / "a.zip.part").write_bytes(part)
    get(server, "right", tmp_path)
    assert (tmp_path / "a.zip").read_bytes() == CONTENT
    assert server.ranges() == ranges


def test_a_killed_process_is_taken_up_where_it_was(server, tmp_path):
    program = (
        "import random\nfrom pathlib import Path\nfrom helpers import download, verified\n"
        f"file = verified.PublishedFile({FILE.name!r}, 1, {FILE.bytes}, {FILE.md5!r})\n"
        f"download.download({server.route('slow').format(id=1)!r}, file, Path({str(tmp_path)!r}),"
        " rng=random.Random(0))\n"
    )
    environment = {**os.environ, "NO_PROXY": "127.0.0.1"}
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=COURSE_FOLDER, env=environment, stdout=subprocess.DEVNULL
    )
    part = tmp_path / "a.zip.part"
    deadline = time.monotonic() + 20
    while not (part.exists() and part.stat().st_size > 50_000):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    held = part.stat().st_size
    assert names(tmp_path) == ["a.zip.part"] and held < len(CONTENT)
    get(server, "slow", tmp_path)
    assert server.ranges() == [None, f"bytes={held}-"]
    assert (tmp_path / "a.zip").read_bytes() == CONTENT


def test_an_interrupted_cell_is_taken_up_where_it_was(server, tmp_path, monkeypatch):
    pieces = download._pieces

    def interrupted(answer):
        yield next(pieces(answer))[:1000]
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "_pieces", interrupted)
    with pytest.raises(KeyboardInterrupt):
        get(server, "right", tmp_path)
    assert (tmp_path / "a.zip.part").read_bytes() == CONTENT[:1000]
    monkeypatch.setattr(download, "_pieces", pieces)
    get(server, "right", tmp_path)
    assert server.ranges() == [None, "bytes=1000-"]


def test_no_network(tmp_path, slept):
    with running() as server:
        url = server.route("right").format(id=1)
    with pytest.raises(RouteError, match="no connection: is this computer online"):
        download.download(url, FILE, tmp_path, rng=random.Random(0))
    assert names(tmp_path) == [] and len(slept) == download.ATTEMPTS - 1
