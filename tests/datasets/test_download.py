"""The data is downloaded and verified whatever a host does, or a message says what to do."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
import types

import pytest

from helpers.config import settings
from helpers.datasets import download, sources
from helpers.datasets.download import DownloadError, PublishedFile, fetch_published
from tests.support.misbehaving_server import CONTENT, HALF, running

MD5 = hashlib.md5(CONTENT).hexdigest()
REGISTRY = download.REGISTRY
MATLAB = b"MATLAB 7.3 MAT-file, Platform: GLNXA64"
REST = f"bytes={HALF}-"

# What the student reads if one URL never gives the file.
HOPELESS = {
    "challenge": "HTTP 202 Accepted with 0 bytes of text/html",
    "missing": "HTTP 404 Not Found",
    "busy": "HTTP 429 Too Many Requests",
    "broken": "HTTP 500 Internal Server Error",
    "loop": "Exceeded 30 redirects",
    "redirect_nowhere": "No connection adapters were found",
    "silent": "timed out",
    "hang_up": "Remote end closed connection without response",
    "reset": "Connection",
    "cut": "IncompleteRead",
    "wrong_bytes": "wrong md5",
    "other_length": f"HTTP 200 OK with {HALF} bytes of application/zip, expected {len(CONTENT)} bytes",
    "endless": "HTTP 200 OK with an unknown number of bytes",
    "gzip": "HTTP 200 OK with",
    "page": "HTTP 200 OK with 57 bytes of text/html",
}
# If trying again helps: the Range headers of the requests.
MENDED = {
    "right": [None],
    "redirect": [None, None],
    "broken_once": [None, None],
    "cut_once": [None, REST],
    "cut_then_range_ignored": [None, REST],
}


@pytest.fixture(autouse=True)
def slept(monkeypatch, tmp_path):
    """One small published file; no waiting, no Drive, no kagglehub. The list of the pauses in seconds."""
    pauses = []
    monkeypatch.setattr(download, "REGISTRY", {"a.zip": PublishedFile(1, len(CONTENT), MD5)})
    monkeypatch.setattr(download, "DATASET_BYTES", 0)
    monkeypatch.setattr(download, "DRIVE", tmp_path / "MyDrive")
    monkeypatch.setattr(download, "COLAB_UPLOADS", tmp_path / "content")
    monkeypatch.setattr(download, "SLICES", 3)
    monkeypatch.setattr(download, "TIMEOUT_SECONDS", (1, 0.4))
    clock = types.SimpleNamespace(sleep=pauses.append, time=time.time)
    monkeypatch.setattr(download, "time", clock)
    monkeypatch.setitem(sys.modules, "kagglehub", None)  # importing it fails
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return pauses


@pytest.fixture
def two_files(monkeypatch):
    files = {name: PublishedFile(id, len(CONTENT), MD5) for id, name in enumerate(("a.zip", "b.zip"))}
    monkeypatch.setattr(download, "REGISTRY", files)
    return files


@pytest.fixture
def server(monkeypatch):
    with running() as server:
        monkeypatch.setattr(download, "ROUTES", (server.route("right"),))
        yield server


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "home" / "figshare"


def use(monkeypatch, server, *behaviours):
    monkeypatch.setattr(download, "ROUTES", tuple(server.route(behaviour) for behaviour in behaviours))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write_slices(folder, count=3):
    folder.mkdir(parents=True)
    for name in ("cvind", *range(1, count + 1)):
        (folder / f"{name}.mat").write_bytes(MATLAB)


def test_the_registry_is_the_published_one():
    assert len(REGISTRY) == 5
    assert REGISTRY["brainTumorDataPublic_1533-2298.zip"].id == 3381293
    assert sum(file.bytes for file in REGISTRY.values()) == 879_499_062
    assert all(len(file.md5) == 32 for file in REGISTRY.values())


# ---- one file ----


@pytest.mark.parametrize("behaviour", HOPELESS)
def test_a_wrong_file_never_gets_the_final_name(server, monkeypatch, folder, behaviour):
    use(monkeypatch, server, behaviour)
    with pytest.raises(DownloadError, match=HOPELESS[behaviour]) as caught:
        fetch_published(folder)
    reason = str(caught.value).splitlines()[1]
    assert reason.startswith(f"- 127.0.0.1:{server.server_port}: ") and len(reason) < 250
    assert set(names(folder)) <= {"a.zip.part"}
    assert len(server.asked) <= 31  # a loop is the longest
    use(monkeypatch, server, "right")
    assert fetch_published(folder) == folder
    assert (folder / "a.zip").read_bytes() == CONTENT
    assert names(folder) == ["a.zip"]


@pytest.mark.parametrize("behaviour", MENDED)
def test_trying_again_helps(server, monkeypatch, folder, behaviour):
    use(monkeypatch, server, behaviour)
    monkeypatch.setattr(download, "CHUNK_BYTES", HALF // 2)
    fetch_published(folder)
    assert (folder / "a.zip").read_bytes() == CONTENT
    assert names(folder) == ["a.zip"]
    assert server.ranges() == MENDED[behaviour]


def test_a_reset_connection_is_resumed(server, monkeypatch, folder, capsys):
    use(monkeypatch, server, "reset_once")
    fetch_published(folder)
    assert (folder / "a.zip").read_bytes() == CONTENT
    first, rest = server.ranges()
    assert first is None and rest.startswith("bytes=")
    assert "a.zip: resuming at 0.1 of 0.3 MB." in capsys.readouterr().out


def test_pauses_grow(server, monkeypatch, folder, slept):
    use(monkeypatch, server, "broken")
    with pytest.raises(DownloadError):
        fetch_published(folder)
    assert len(server.asked) == download.ATTEMPTS
    assert slept == [1, 2, 4]


def test_attempts_that_bring_much_do_not_count(server, monkeypatch, folder):
    use(monkeypatch, server, "cut_once")
    monkeypatch.setattr(download, "PROGRESS_BYTES", 1000)
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    fetch_published(folder)
    assert (folder / "a.zip").exists()


@pytest.mark.parametrize("behaviour", ["cut", "reset"])
def test_no_host_is_asked_for_ever(server, monkeypatch, folder, behaviour):
    use(monkeypatch, server, behaviour)
    monkeypatch.setattr(download, "PROGRESS_BYTES", 1)
    monkeypatch.setattr(download, "ATTEMPTS", 3)
    with pytest.raises(DownloadError):
        fetch_published(folder)
    assert len(server.asked) <= 6


def test_a_refusal_leaves_the_part(server, monkeypatch, folder):
    folder.mkdir(parents=True)
    (folder / "a.zip.part").write_bytes(CONTENT[:HALF])
    refusals = ("challenge", "page", "endless", "gzip", "broken", "loop")
    use(monkeypatch, server, *refusals)
    with pytest.raises(DownloadError):
        fetch_published(folder)
    assert {behaviour for behaviour, _ in server.asked} == set(refusals)
    assert (folder / "a.zip.part").read_bytes() == CONTENT[:HALF]


@pytest.mark.parametrize(
    ("part", "ranges"),
    [
        (CONTENT[:HALF], [REST]),
        (CONTENT, []),  # killed just before it was renamed
        (b"", [None]),
        (CONTENT + b"more", [None]),
        (bytes(HALF), [REST, None]),  # of another file, as the md5 shows
        (bytes(len(CONTENT)), [None]),
    ],
    ids=["half", "complete", "empty", "too long", "half of another file", "another file"],
)
def test_the_part_of_an_earlier_run(server, monkeypatch, folder, part, ranges):
    use(monkeypatch, server, "right", "right")
    folder.mkdir(parents=True)
    (folder / "a.zip.part").write_bytes(part)
    fetch_published(folder)
    assert (folder / "a.zip").read_bytes() == CONTENT
    assert server.ranges() == ranges


def test_a_killed_process_is_resumed(server, monkeypatch, folder):
    monkeypatch.undo()
    program = f"""
from helpers.datasets import download
download.REGISTRY = {{"a.zip": download.PublishedFile(1, {len(CONTENT)}, {MD5!r})}}
download.ROUTES, download.DATASET_BYTES, download.CHUNK_BYTES = ({server.route("slow")!r},), 0, 1000
download.fetch_published({str(folder)!r})
"""
    command, environment = [sys.executable, "-c", program], os.environ | {"NO_PROXY": "127.0.0.1"}
    place = settings.COURSE_FOLDER
    process = subprocess.Popen(command, cwd=place, env=environment, stdout=subprocess.DEVNULL)
    part = folder / "a.zip.part"
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size > 50_000):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    held = part.stat().st_size
    assert names(folder) == ["a.zip.part"] and held < len(CONTENT)
    subprocess.run(command, cwd=place, env=environment, check=True, stdout=subprocess.DEVNULL)
    assert server.ranges() == [None, f"bytes={held}-"]
    assert (folder / "a.zip").read_bytes() == CONTENT


def test_an_interrupted_cell_is_resumed(server, monkeypatch, folder):
    def interrupted(answer, size):
        yield next(pieces(answer, size))[:1000]
        raise KeyboardInterrupt

    pieces = download.requests.Response.iter_content
    monkeypatch.setattr(download.requests.Response, "iter_content", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch_published(folder)
    assert names(folder) == ["a.zip.part"]
    monkeypatch.setattr(download.requests.Response, "iter_content", pieces)
    fetch_published(folder)
    assert server.ranges() == [None, "bytes=1000-"]


def test_no_network(monkeypatch, folder, slept):
    with running() as server:
        use(monkeypatch, server, "right")
    with pytest.raises(DownloadError, match="Connection refused"):
        fetch_published(folder)
    assert len(slept) == download.ATTEMPTS - 1
    assert names(folder) == []


# ---- the whole data set ----


def test_files_are_downloaded_and_hashed_once(server, monkeypatch, folder, two_files):
    fetch_published(folder)
    assert names(folder) == ["a.zip", "b.zip"]
    hashed = []
    real = download.pooch.file_hash
    monkeypatch.setattr(
        download.pooch, "file_hash", lambda path, alg: hashed.append(path.name) or real(path, alg)
    )
    fetch_published(folder)
    assert hashed == ["a.zip", "b.zip"]
    assert len(server.asked) == 2


def test_the_next_route_is_tried(server, monkeypatch, folder):
    use(monkeypatch, server, "missing", "challenge", "page", "wrong_bytes", "right")
    fetch_published(folder)
    asked = [behaviour for behaviour, _ in server.asked]
    assert asked == ["missing", "challenge", "page", "wrong_bytes", "right"]
    assert (folder / "a.zip").read_bytes() == CONTENT


def test_a_route_resumes_where_another_stopped(server, monkeypatch, folder):
    use(monkeypatch, server, "cut", "right")
    monkeypatch.setattr(download, "CHUNK_BYTES", HALF // 2)
    fetch_published(folder)
    assert ("right", REST) in server.asked
    assert (folder / "a.zip").read_bytes() == CONTENT


def test_the_message_says_why_and_what_to_do(server, monkeypatch, folder, two_files):
    use(monkeypatch, server, "challenge", "missing", "wrong_bytes")
    with pytest.raises(DownloadError) as caught:
        fetch_published(folder)
    text = str(caught.value)
    host = f"127.0.0.1:{server.server_port}"
    assert text.splitlines()[:5] == [
        "a.zip could not be downloaded. Tried:",
        f"- {host}: HTTP 202 Accepted with 0 bytes of text/html, expected {len(CONTENT)} bytes",
        f"- {host}: HTTP 404 Not Found with 24 bytes of application/json, expected {len(CONTENT)} bytes",
        f"- {host}: wrong md5 (other bytes of the right length)",
        "- Kaggle mirror: kagglehub is not installed",
    ]
    size = f"b.zip  ({len(CONTENT):,} bytes)"
    for part in (download.PAGE, size, str(folder), "your Drive", "1.", "2.", "3."):
        assert part in text
    assert names(folder) == []
    assert caught.value._render_traceback_()[0].startswith("DownloadError: a.zip could not")


@pytest.mark.parametrize("damaged", [CONTENT[:100], b"", bytes(len(CONTENT))], ids=["cut", "empty", "other"])
def test_a_damaged_file_is_replaced(server, folder, damaged):
    folder.mkdir(parents=True)
    (folder / "a.zip").write_bytes(damaged)
    fetch_published(folder)
    assert (folder / "a.zip").read_bytes() == CONTENT


@pytest.mark.parametrize("place", ["MyDrive", "MyDrive/brain-mri-course", "content", "named"])
def test_copies_on_this_computer_are_used(server, tmp_path, folder, two_files, place):
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / place / "a.zip").write_bytes(CONTENT)
    (tmp_path / place / "b.zip").write_bytes(CONTENT[:-1])
    folder.mkdir(parents=True)
    (folder / "a.zip.part").write_bytes(CONTENT[:HALF])
    fetch_published(folder, look_in=[tmp_path / "named"])
    assert names(folder) == ["a.zip", "b.zip"]
    assert (folder / "b.zip").read_bytes() == CONTENT
    assert len(server.asked) == 1
    assert (tmp_path / place / "a.zip").exists()


def test_a_wrong_copy_is_reported(server, monkeypatch, tmp_path, folder, two_files):
    use(monkeypatch, server, "missing")
    for name, content in (("a.zip", CONTENT[:7]), ("b.zip", bytes(len(CONTENT)))):
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DownloadError) as caught:
        fetch_published(folder, look_in=[str(tmp_path)])
    assert f"a.zip: wrong length (7 of {len(CONTENT):,} bytes)" in str(caught.value)
    assert "b.zip: wrong md5" in str(caught.value)
    assert names(folder) == []


def test_a_copy_of_the_wrong_length_is_not_copied(server, monkeypatch, tmp_path, folder):
    (tmp_path / "a.zip").write_bytes(CONTENT + b"x")
    monkeypatch.setattr(download.shutil, "copyfile", lambda *_: pytest.fail("copied"))
    fetch_published(folder, look_in=[tmp_path])
    assert (folder / "a.zip").read_bytes() == CONTENT


def test_a_drive_that_is_disconnected(server, monkeypatch, tmp_path, folder):
    (tmp_path / "a.zip").write_bytes(CONTENT)

    def broken_off(source, copy):
        copy.write_bytes(CONTENT[:HALF])
        raise OSError(107, "Transport endpoint is not connected")

    monkeypatch.setattr(download.shutil, "copyfile", broken_off)
    fetch_published(folder, look_in=[tmp_path])
    assert names(folder) == ["a.zip"]
    assert len(server.asked) == 1


def test_the_disk_is_checked_first(server, monkeypatch, folder):
    monkeypatch.setattr(download, "DATASET_BYTES", 4_000_000_000)
    usage = types.SimpleNamespace(free=2_500_000_000)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(
        DownloadError, match=r"has 2\.50 GB free, which is too little: .* takes about 4\.00 GB"
    ):
        fetch_published(folder)
    assert server.asked == []
    usage.free = 5_000_000_000
    fetch_published(folder)
    usage.free = 0  # nothing is missing any more
    fetch_published(folder)


def test_a_folder_that_cannot_be_written_to(server, monkeypatch, folder):
    folder.parent.mkdir()
    folder.write_text("a file")
    with pytest.raises(DownloadError, match="cannot be written to"):
        fetch_published(folder)
    folder.unlink()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download, "_receive", full)
    with pytest.raises(DownloadError, match="No space left on device"):
        fetch_published(folder)


def test_fetch_looks_in_the_home_of_the_course(server, tmp_path):
    course = settings.Settings("figshare", settings.PROFILES["quick"], tmp_path, colab=False)
    (tmp_path / "a.zip").write_bytes(CONTENT)
    assert sources.fetch(course) == tmp_path / "figshare"
    assert server.asked == []


# ---- the mirror ----


def stub_kagglehub(monkeypatch, answer):
    """Replaces the module `kagglehub`; returns the list of its calls."""
    calls = []

    def dataset_download(handle):
        calls.append(handle)
        return answer()

    monkeypatch.setitem(sys.modules, "kagglehub", types.SimpleNamespace(dataset_download=dataset_download))
    return calls


def test_the_mirror_comes_last_and_is_remembered(server, monkeypatch, tmp_path, folder):
    use(monkeypatch, server, "challenge")
    place = tmp_path / "cache" / "versions" / "1"
    write_slices(place / "dataset" / "data")
    shutil.move(place / "dataset" / "data" / "cvind.mat", place / "dataset")
    calls = stub_kagglehub(monkeypatch, lambda: str(place))
    for _ in range(2):
        assert fetch_published(folder) == place
    assert calls == [download.MIRROR]
    assert len(server.asked) == 1
    shutil.rmtree(place)  # the cache was emptied
    use(monkeypatch, server, "right")
    assert fetch_published(folder) == folder


def test_a_failing_mirror_is_one_more_reason(server, monkeypatch, tmp_path, folder):
    use(monkeypatch, server, "challenge")

    def fail():
        raise RuntimeError("403 Client Error.\n\nDetails over\nmany lines")

    stub_kagglehub(monkeypatch, fail)
    with pytest.raises(DownloadError, match=r"- Kaggle mirror: 403 Client Error\. Details .*\nWhat was"):
        fetch_published(folder)
    stub_kagglehub(monkeypatch, lambda: str(tmp_path))
    with pytest.raises(DownloadError, match=r"Kaggle mirror: not all of 1\.mat to"):
        fetch_published(folder)
