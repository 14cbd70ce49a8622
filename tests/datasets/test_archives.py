import io
import shutil
import stat
import struct
import tracemalloc
import types
import zipfile

import numpy as np
import pytest

from helpers._common import HOST
from helpers.datasets import archives
from helpers.datasets.archives import SourceError, unpack
from helpers.datasets.assembly import assemble
from helpers.datasets.matfile import MatFileError
from helpers.datasets.sources import find_folds, list_slices

CENTRAL = b"PK\x01\x02"  # starts a member's entry in the directory at the end of an archive
FLAGS, SIZE = 8, 24  # offsets in that entry


def archive_of(path, content, method=zipfile.ZIP_DEFLATED):
    """Writes an archive: the names of its members and their bytes."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def patch(path, at, layout, value):
    """Makes an archive lie: overwrites a number in the entry of its first member."""
    content = bytearray(path.read_bytes())
    struct.pack_into(layout, content, content.index(CENTRAL) + at, value)
    path.write_bytes(content)


@pytest.fixture
def slices(phantom_folder):
    """Three slices and the folds, by their names in an archive."""
    return {name: (phantom_folder / name).read_bytes() for name in ("1.mat", "10.mat", "25.mat", "cvind.mat")}


@pytest.fixture
def target(tmp_path):
    return tmp_path / "unpacked" / "a.zip"


def test_an_archive_is_unpacked_once(slices, tmp_path, target, monkeypatch):
    archive = archive_of(tmp_path / "a.zip", slices | {"readme.txt": b"x"})
    files = unpack(archive, target)
    assert sorted(files) == sorted(slices)
    assert (target / "10.mat").read_bytes() == slices["10.mat"]
    monkeypatch.setattr(archives, "_extract", lambda *_: pytest.fail("unpacked twice"))
    assert unpack(archive, target) == files
    assert [path.name for path in target.parent.iterdir()] == ["a.zip"]


def test_a_changed_archive_or_a_deleted_file_is_unpacked_again(slices, tmp_path, target):
    archive = archive_of(tmp_path / "a.zip", {"1.mat": slices["1.mat"], "2.mat": slices["10.mat"]})
    unpack(archive, target)
    (target / "2.mat").unlink()
    assert sorted(unpack(archive, target)) == ["1.mat", "2.mat"]
    assert (target / "2.mat").is_file()
    archive_of(archive, {"1.mat": slices["25.mat"]})
    assert list(unpack(archive, target)) == ["1.mat"]
    assert (target / "1.mat").read_bytes() == slices["25.mat"]
    assert not (target / "2.mat").exists()


def test_an_unpacking_that_is_interrupted_is_not_taken_for_complete(slices, tmp_path, target, monkeypatch):
    archive = archive_of(tmp_path / "a.zip", slices)
    extract = zipfile.ZipFile.extract

    def interrupted(self, member, folder):
        if member.filename == "10.mat":
            raise KeyboardInterrupt
        return extract(self, member, folder)

    monkeypatch.setattr(zipfile.ZipFile, "extract", interrupted)
    with pytest.raises(KeyboardInterrupt):
        unpack(archive, target)
    monkeypatch.undo()
    assert not target.exists()
    partial = target.with_name(
        f"a.zip.partial-{HOST}-99999999-x"
    )  # as if the process had been killed instead
    partial.mkdir(parents=True, exist_ok=True)
    (partial / "99.mat").write_bytes(b"x")
    assert sorted(unpack(archive, target)) == sorted(slices)
    assert not (target / "99.mat").exists()
    assert not partial.exists()


@pytest.mark.parametrize(
    "name", ["../1.mat", "/1.mat", "a/../../1.mat", "C:\\1.mat", "..\\..\\1.mat", "/etc/x"]
)
def test_paths_out_of_the_folder_are_refused(slices, tmp_path, home, name):
    archive_of(tmp_path / "a.zip", {"10.mat": slices["10.mat"], name: slices["1.mat"]})
    with pytest.raises(SourceError, match=r"a\.zip holds a link or an unsafe path.*Move it out"):
        list_slices(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_links_are_refused(slices, tmp_path, target):
    link = zipfile.ZipInfo("2.mat")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive = archive_of(tmp_path / "a.zip", {"1.mat": slices["1.mat"], link: b"/etc/passwd"})
    with pytest.raises(SourceError, match=r"a\.zip holds a link or an unsafe path, '2\.mat'"):
        unpack(archive, target)


def test_a_bomb_is_refused_before_anything_is_written(slices, tmp_path, target, monkeypatch):
    archive = archive_of(tmp_path / "a.zip", slices)
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda path: types.SimpleNamespace(free=1000))
    with pytest.raises(SourceError, match=r"a\.zip would unpack to .* and 0\.0 GB are free\. Make room"):
        unpack(archive, target)
    monkeypatch.undo()
    monkeypatch.setattr(archives, "MAX_TOTAL_BYTES", 1000)
    with pytest.raises(SourceError, match=r"a\.zip would unpack to .*; at most 0 GB are accepted"):
        unpack(archive, target)
    assert list(target.parent.iterdir()) == []


def test_a_bomb_whose_header_lies_unpacks_no_further_than_it_says(tmp_path, target):
    archive = archive_of(tmp_path / "a.zip", {"1.mat": bytes(64 << 20)})
    patch(archive, SIZE, "<I", 1000)
    tracemalloc.start()
    with pytest.raises(SourceError, match=r"a\.zip/1\.mat cannot be unpacked \(Bad CRC-32"):
        unpack(archive, target)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_an_encrypted_member_is_named(slices, tmp_path, target):
    archive = archive_of(tmp_path / "a.zip", {"1.mat": slices["1.mat"], "10.mat": slices["10.mat"]})
    patch(archive, FLAGS, "<H", 1)
    with pytest.raises(SourceError, match=r"1\.mat cannot be unpacked \(.*is encrypted.*unpack it by hand"):
        unpack(archive, target)


def test_a_damaged_member_is_named(slices, tmp_path, target):
    archive = archive_of(tmp_path / "a.zip", slices, zipfile.ZIP_STORED)
    content = bytearray(archive.read_bytes())
    content[5000] ^= 255
    archive.write_bytes(content)
    with pytest.raises(SourceError, match=r"a\.zip/1\.mat cannot be unpacked .* download it again"):
        unpack(archive, target)
    assert list(target.parent.iterdir()) == []


def test_a_full_disk_is_named(slices, tmp_path, target, monkeypatch):
    archive = archive_of(tmp_path / "a.zip", slices)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "extract", full)
    with pytest.raises(SourceError, match=r"a\.zip/1\.mat cannot be unpacked .*No space left.*COURSE_HOME"):
        unpack(archive, target)
    monkeypatch.undo()
    monkeypatch.setattr(archives, "write_json", full)
    with pytest.raises(SourceError, match=r"cannot be written \(No space left.*Make room.*COURSE_HOME"):
        unpack(archive, target)
    assert list(target.parent.iterdir()) == []


def test_two_notebooks_unpack_at_once(slices, tmp_path, target, monkeypatch):
    archive = archive_of(tmp_path / "a.zip", slices)
    extract, inner = archives._extract, []

    def meanwhile(*arguments):
        if not inner:
            inner.append(None)
            inner.append(unpack(archive, target))
        return extract(*arguments)

    monkeypatch.setattr(archives, "_extract", meanwhile)
    assert unpack(archive, target) == inner[1]
    assert [path.name for path in target.parent.iterdir()] == ["a.zip"]
    assert (target / "10.mat").read_bytes() == slices["10.mat"]


def test_a_damaged_archive_stops_even_if_bad_files_are_skipped(slices, tmp_path):
    archive = archive_of(tmp_path / "a.zip", slices, zipfile.ZIP_STORED)
    content = bytearray(archive.read_bytes())
    content[5000] ^= 255
    archive.write_bytes(content)
    with pytest.raises(SourceError, match=r"a\.zip/1\.mat cannot be unpacked .* download it again"):
        assemble(tmp_path, tmp_path / "set", on_bad="skip", progress=False)


def test_a_number_twice_in_one_archive(slices, tmp_path):
    archive_of(tmp_path / "a.zip", {"1.mat": slices["1.mat"], "copy/1.mat": slices["1.mat"]})
    with pytest.raises(SourceError, match=r"slice 1 is there twice: .*1\.mat and .*1\.mat\. Keep one"):
        list_slices(tmp_path)


def test_other_members_are_ignored(slices, tmp_path):
    others = dict.fromkeys(("readme.txt", "__MACOSX/._1.mat", "__MACOSX/._a.zip", "9" * 50 + ".mat"), b"x")
    archive_of(tmp_path / "a.zip", {**slices, **others, "pictures/": b""})
    assert [file.number for file in list_slices(tmp_path)] == [1, 10, 25]


def test_an_archive_without_slices_is_named(tmp_path):
    archive_of(tmp_path / "photos.zip", {"beach.jpg": b"x"})
    with pytest.raises(SourceError, match=r"it holds photos\.zip\. Put the files"):
        list_slices(tmp_path)


def test_folds_in_an_archive(slices, phantom_folder, tmp_path):
    path = archive_of(tmp_path / "all.zip", {f"inner/{name}": data for name, data in slices.items()})
    np.testing.assert_array_equal(find_folds(tmp_path), find_folds(phantom_folder))
    shutil.copy(path, tmp_path / "second.zip")
    assert find_folds(tmp_path) is not None
    path.unlink()
    archive_of(tmp_path / "second.zip", {"cvind.mat": slices["1.mat"]})
    with pytest.raises(MatFileError, match=r"second\.zip.cvind\.mat.*this is a slice"):
        find_folds(tmp_path)


def whole_article(path, slices, method):
    """The archive of figshare's "download all": the archives in it, and cvind.mat next to them."""
    parts = {}
    for part, names in (("part_1.zip", ("1.mat", "10.mat")), ("part_2.zip", ("25.mat",))):
        parts[part] = io.BytesIO()
        archive_of(parts[part], {name: slices[name] for name in names})
    whole = {name: part.getvalue() for name, part in parts.items()}
    return archive_of(path, whole | {"cvind.mat": slices["cvind.mat"]}, method)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_archives_in_an_archive(slices, phantom_folder, tmp_path, home, method):
    whole_article(tmp_path / "1512427.zip", slices, method)
    files = list_slices(tmp_path)
    names = [f"1512427.zip/{name}" for name in ("part_1.zip/1.mat", "part_1.zip/10.mat", "part_2.zip/25.mat")]
    assert [file.name for file in files] == names
    assert [file.path.read_bytes() for file in files] == [slices[f"{file.number}.mat"] for file in files]
    np.testing.assert_array_equal(find_folds(tmp_path), find_folds(phantom_folder))
    assert len(assemble(tmp_path, tmp_path / "set", progress=False)) == 3
    assert not list(home.rglob("*.packed"))


def test_a_third_level_must_be_unpacked_by_hand(slices, tmp_path):
    inner = whole_article(tmp_path / "inner.zip", slices, zipfile.ZIP_STORED).read_bytes()
    (tmp_path / "inner.zip").unlink()
    archive_of(tmp_path / "outer.zip", {"inner.zip": inner}, zipfile.ZIP_STORED)
    with pytest.raises(SourceError, match=r"an archive in an archive in an archive: unpack it"):
        list_slices(tmp_path)


def test_a_damaged_archive_in_an_archive_is_named(tmp_path):
    archive_of(tmp_path / "outer.zip", {"part_1.zip": b"<html>challenge</html>"}, zipfile.ZIP_STORED)
    with pytest.raises(SourceError, match=r"outer\.zip/part_1\.zip cannot be unpacked"):
        list_slices(tmp_path)


def test_random_damage_is_always_a_source_error(slices, tmp_path, target, rng):
    content = whole_article(tmp_path / "a.zip", slices, zipfile.ZIP_STORED).read_bytes()
    ends = [at for at in range(len(content)) if content.startswith((CENTRAL, b"PK\x05\x06"), at)]
    for _ in range(60):
        damaged = bytearray(content)
        for at in rng.choice(ends, 2) + rng.integers(0, 46, 2):
            damaged[min(at, len(content) - 1)] = rng.integers(256)
        (tmp_path / "a.zip").write_bytes(damaged)
        try:
            unpack(tmp_path / "a.zip", target)
        except SourceError:
            continue
