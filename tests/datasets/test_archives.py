import io
import shutil
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from helpers.datasets import archives
from helpers.datasets.archives import SourceError, members
from helpers.datasets.assembly import AssemblyError, assemble
from helpers.datasets.matfile import MatFileError
from helpers.datasets.sources import find_folds, list_slices

CENTRAL = b"PK\x01\x02"  # starts a member's entry in the list at the end of an archive
FLAGS, PACKED_SIZE, SIZE = 8, 20, 24  # where these stand in it


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
    """Three slices and the folds, by the names that they have in an archive."""
    return {name: (phantom_folder / name).read_bytes() for name in ("1.mat", "10.mat", "25.mat", "cvind.mat")}


@pytest.mark.parametrize(
    "name", ["../1.mat", "/1.mat", "a/../../1.mat", "C:\\1.mat", "..\\..\\1.mat", "/etc/x"]
)
def test_paths_that_lead_out_are_refused(slices, tmp_path, name):
    archive_of(tmp_path / "a.zip", {"10.mat": slices["10.mat"], name: slices["1.mat"]})
    with pytest.raises(SourceError, match=r"a\.zip holds a file with an unsafe path.*Move a\.zip out"):
        list_slices(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_a_bomb_is_refused_before_it_goes_off(slices, tmp_path):
    archive_of(tmp_path / "a.zip", {"1.mat": bytes(archives.MAX_MEMBER_BYTES + 1)})
    archive_of(tmp_path / "b.zip", {"2.mat": bytes(archives.MAX_MEMBER_BYTES)})
    large, dense = list_slices(tmp_path)
    tracemalloc.start()
    with pytest.raises(MatFileError, match=r"a\.zip/1\.mat: would unpack to 16,777,217 bytes, more than"):
        large.read()
    with pytest.raises(MatFileError, match=r"b\.zip/2\.mat: would unpack from .* as no slice does"):
        dense.read()
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_a_bomb_whose_header_lies_goes_off_no_further_than_it_says(tmp_path):
    path = archive_of(tmp_path / "a.zip", {"1.mat": bytes(4 * archives.MAX_MEMBER_BYTES)})
    patch(path, SIZE, "<I", 1000)
    (file,) = list_slices(tmp_path)
    tracemalloc.start()
    with pytest.raises(MatFileError, match=r"cannot be unpacked \(Bad CRC-32"):
        file.read()
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_uncompressed_slices_are_no_bombs(phantom_folder, tmp_path):
    archive_of(tmp_path / "a.zip", {"1.mat": (phantom_folder / "1.mat").read_bytes() + bytes(1 << 20)})
    assert len(list_slices(tmp_path)[0].open().read()) > 1 << 20


def test_an_encrypted_member_is_a_bad_file(slices, tmp_path):
    path = archive_of(tmp_path / "a.zip", {"1.mat": slices["1.mat"], "10.mat": slices["10.mat"]})
    patch(path, FLAGS, "<H", archives.ENCRYPTED)
    with pytest.raises(MatFileError, match=r"a\.zip/1\.mat: is encrypted.*Unpack the archive by hand"):
        list_slices(tmp_path)[0].read()
    with pytest.raises(AssemblyError, match=r"1 of 2 files are bad: a\.zip/1\.mat: file is encrypted"):
        assemble(tmp_path, tmp_path / "set", progress=False)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_packing_is_named(slices, tmp_path, method):
    archive_of(tmp_path / "a.zip", {"1.mat": slices["1.mat"]}, method)
    with pytest.raises(MatFileError, match=r"is packed by the method '(bzip2|lzma)', not 'deflate'"):
        list_slices(tmp_path)[0].read()


def test_a_number_twice_in_one_archive(slices, tmp_path):
    archive_of(tmp_path / "a.zip", {"1.mat": slices["1.mat"], "copy/1.mat": slices["1.mat"]})
    with pytest.raises(SourceError, match=r"slice 1 is there twice: .*1\.mat and .*copy.1\.mat\. No"):
        list_slices(tmp_path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_in_one_archive(slices, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("1.mat", slices["1.mat"])
        archive.writestr("1.mat", slices["10.mat"])
    with pytest.raises(SourceError, match="slice 1 is there twice"):
        list_slices(tmp_path)


def test_other_members_are_passed_over(slices, tmp_path):
    others = dict.fromkeys(("readme.txt", "__MACOSX/._1.mat", "__MACOSX/._a.zip", "9" * 5000 + ".mat"), b"x")
    archive_of(tmp_path / "a.zip", {**slices, **others, "pictures/": b""})
    assert [file.number for file in list_slices(tmp_path)] == [1, 10, 25]


def test_an_archive_without_slices_is_named(tmp_path):
    archive_of(tmp_path / "photos.zip", {"beach.jpg": b"x"})
    with pytest.raises(SourceError, match=r"it holds photos\.zip, no archive with slices"):
        list_slices(tmp_path)


def test_folds_in_an_archive(slices, phantom_folder, tmp_path):
    path = archive_of(tmp_path / "all.zip", {f"inner/{name}": data for name, data in slices.items()})
    np.testing.assert_array_equal(find_folds(tmp_path), find_folds(phantom_folder))
    shutil.copy(path, tmp_path / "second.zip")
    assert find_folds(tmp_path) is not None
    path.unlink()
    archive_of(tmp_path / "second.zip", {"cvind.mat": slices["1.mat"]})
    with pytest.raises(MatFileError, match=r"second\.zip/cvind\.mat.*this is a slice"):
        find_folds(tmp_path)


def whole_article(path, slices, method):
    """The archive of figshare's "download all": the archives in it, and cvind.mat beside them."""
    parts = {}
    for part, names in (("part_1.zip", ("1.mat", "10.mat")), ("part_2.zip", ("25.mat",))):
        parts[part] = io.BytesIO()
        archive_of(parts[part], {name: slices[name] for name in names})
    whole = {name: part.getvalue() for name, part in parts.items()}
    return archive_of(path, whole | {"cvind.mat": slices["cvind.mat"]}, method)


def test_archives_in_an_archive_are_read_in_place(slices, phantom_folder, tmp_path):
    whole_article(tmp_path / "1512427.zip", slices, zipfile.ZIP_STORED)
    files = list_slices(tmp_path)
    names = [f"1512427.zip/{name}" for name in ("part_1.zip/1.mat", "part_1.zip/10.mat", "part_2.zip/25.mat")]
    assert [file.name for file in files] == names
    assert [file.open().read() for file in files] == [slices[f"{file.number}.mat"] for file in files]
    np.testing.assert_array_equal(find_folds(tmp_path), find_folds(phantom_folder))
    assert len(assemble(tmp_path, tmp_path / "set", progress=False)) == 3


def test_packed_archives_in_an_archive_must_be_unpacked_once(slices, tmp_path):
    whole_article(tmp_path / "1512427.zip", slices, zipfile.ZIP_DEFLATED)
    with pytest.raises(SourceError, match=r"1512427\.zip/part_1\.zip is a packed archive .*unpack it once"):
        list_slices(tmp_path)


def test_a_third_layer_must_be_unpacked_once(slices, tmp_path):
    inner = whole_article(tmp_path / "inner.zip", slices, zipfile.ZIP_STORED).read_bytes()
    (tmp_path / "inner.zip").unlink()
    archive_of(tmp_path / "outer.zip", {"inner.zip": inner}, zipfile.ZIP_STORED)
    with pytest.raises(SourceError, match="an archive in an archive in an archive: unpack it once"):
        list_slices(tmp_path)


def test_a_damaged_archive_in_an_archive_is_named(slices, tmp_path):
    archive_of(tmp_path / "outer.zip", {"part_1.zip": b"<html>challenge</html>"}, zipfile.ZIP_STORED)
    with pytest.raises(SourceError, match=r"outer\.zip/part_1\.zip cannot be read as a zip archive"):
        list_slices(tmp_path)
    archive_of(tmp_path / "outer.zip", {"part_1.zip": b"x"}, zipfile.ZIP_STORED)
    content = (tmp_path / "outer.zip").read_bytes()
    (tmp_path / "outer.zip").write_bytes(b"XX" + content[2:])
    with pytest.raises(SourceError, match=r"outer\.zip is damaged at part_1\.zip"):
        list_slices(tmp_path)


def test_random_damage_is_always_a_message(slices, tmp_path, rng):
    content = whole_article(tmp_path / "a.zip", slices, zipfile.ZIP_STORED).read_bytes()
    ends = [at for at in range(len(content)) if content.startswith((CENTRAL, b"PK\x05\x06"), at)]
    for _ in range(60):
        damaged = bytearray(content)
        for at in rng.choice(ends, 2) + rng.integers(0, 46, 2):
            damaged[min(at, len(content) - 1)] = rng.integers(256)
        (tmp_path / "a.zip").write_bytes(damaged)
        try:
            for member in members(tmp_path / "a.zip"):
                member.open()
        except (SourceError, MatFileError):
            continue
