import dataclasses
import os
import shutil
import sys
import zipfile

import numpy as np
import pytest

from helpers.config import settings
from helpers.datasets import sources
from helpers.datasets.archives import parse_name
from helpers.datasets.matfile import MatFileError
from helpers.datasets.sources import SourceError, find_folds, list_slices, one_per_class


def pack(folder, archive, numbers, prefix=""):
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for number in numbers:
            packed.write(folder / f"{number}.mat", f"{prefix}{number}.mat")


def test_loose_files_are_found_by_number(phantom_folder):
    files = list_slices(phantom_folder)
    assert [file.number for file in files] == list(range(1, 31))
    assert files[9].name == "10.mat"


def test_archives_are_unpacked_in_the_home_of_the_course(phantom_folder, tmp_path, home):
    pack(phantom_folder, tmp_path / "a.zip", range(1, 20))
    pack(phantom_folder, tmp_path / "b.zip", range(20, 31), prefix="inner/")
    files = list_slices(tmp_path)
    assert [file.number for file in files] == list(range(1, 31))
    assert (files[0].name, files[29].name) == ("a.zip/1.mat", "b.zip/inner/30.mat")
    for number in (1, 25):
        loose = list_slices(phantom_folder)[number - 1].read()
        unpacked = files[number - 1].read()
        np.testing.assert_array_equal(unpacked.image, loose.image)
        assert unpacked.pid == loose.pid
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "b.zip"]
    assert all(file.path.is_relative_to(home / "unpacked") for file in files)


def test_unpacked_files_below_the_source_are_not_found_twice(phantom_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "course"))
    pack(phantom_folder, tmp_path / "a.zip", (1, 2))
    first = list_slices(tmp_path)
    assert list_slices(tmp_path) == first


def test_phantoms_below_the_source_are_not_mixed_with_its_slices(phantom_folder, tmp_path):
    pack(phantom_folder, tmp_path / "a.zip", (1, 2))
    shutil.copytree(phantom_folder, tmp_path / "course" / "phantoms" / "30")
    assert [file.name for file in list_slices(tmp_path)] == ["a.zip/1.mat", "a.zip/2.mat"]
    assert find_folds(tmp_path) is None
    assert len(list_slices(tmp_path / "course" / "phantoms" / "30")) == 30


def test_a_loose_file_takes_precedence_over_an_archived_one(phantom_folder, tmp_path):
    pack(phantom_folder, tmp_path / "a.zip", (1, 2))
    shutil.copy(phantom_folder / "2.mat", tmp_path)
    assert [file.name for file in list_slices(tmp_path)] == ["a.zip/1.mat", "2.mat"]


def test_files_that_are_not_slices_are_ignored(phantom_folder, tmp_path):
    for name in ("1.mat", "cvind.mat"):
        shutil.copy(phantom_folder / name, tmp_path)
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "._1.mat").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("x")
    assert [file.name for file in list_slices(tmp_path)] == ["1.mat"]


def test_a_number_twice_is_refused(phantom_folder, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(phantom_folder / "7.mat", tmp_path / folder)
    with pytest.raises(SourceError, match=r"slice 7 is there twice: .*a.7\.mat and .*b.7\.mat"):
        list_slices(tmp_path)


def test_folders_without_slices(phantom_folder, tmp_path):
    with pytest.raises(SourceError, match="it is empty"):
        list_slices(tmp_path)
    shutil.copy(phantom_folder / "cvind.mat", tmp_path)
    with pytest.raises(SourceError, match=r"holds cvind\.mat\. Put"):
        list_slices(tmp_path)
    (tmp_path / "tumours.csv").write_text("")
    with pytest.raises(SourceError, match=r"it holds cvind\.mat, tumours\.csv"):
        list_slices(tmp_path)
    with pytest.raises(SourceError, match="is not a folder"):
        list_slices(tmp_path / "none")


def test_a_broken_archive_is_named(tmp_path):
    (tmp_path / "brainTumorDataPublic_1-766.zip").write_bytes(b"<html>challenge</html>")
    with pytest.raises(SourceError, match=r"brainTumorDataPublic_1-766\.zip cannot be unpacked"):
        list_slices(tmp_path)


def test_one_of_each_class(phantom_folder):
    files = list_slices(phantom_folder)
    assert [file.read().label for file in one_per_class(files)] == [1, 2, 3]
    with pytest.raises(SourceError, match="no meningioma and no pituitary among these 3 slices"):
        one_per_class(files[10:13])


def test_folds(phantom_folder, tmp_path):
    assert len(find_folds(phantom_folder)) == 30
    assert find_folds(tmp_path) is None
    shutil.copy(phantom_folder / "1.mat", tmp_path / "cvind.mat")
    with pytest.raises(MatFileError, match="this is a slice"):
        find_folds(tmp_path)


def test_phantoms_are_written_once(tmp_path, monkeypatch):
    small = dataclasses.replace(settings.PROFILES["quick"], phantoms=20)
    course = settings.Settings("phantoms", small, tmp_path, colab=False)
    folder = sources.fetch(course)
    written = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.mat")}
    assert len(written) == 21
    sources.fetch(course)
    assert {path.name: path.stat().st_mtime_ns for path in folder.glob("*.mat")} == written


def test_a_folder_of_your_own_is_used_as_it_is(phantom_folder, tmp_path):
    course = settings.Settings(str(phantom_folder), settings.PROFILES["quick"], tmp_path, colab=False)
    assert sources.fetch(course) == phantom_folder


# ---- names ----


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("12.mat", ("slice", 12)),
        ("012.MAT", ("slice", 12)),
        ("a b\\12.Mat", ("slice", 12)),
        ("a\\b/12.mat", ("slice", 12)),
        ("CVind.mat", ("folds", -1)),
        ("a\\A.ZIP", ("archive", -1)),
        ("2 (1).mat", ("passed over", -1)),
        ("2 copy.MAT", ("passed over", -1)),
        ("slice2.mat", ("passed over", -1)),
        ("cvind (1).mat", ("passed over", -1)),
        ("2.mat.txt", ("passed over", -1)),
        ("2.mat.crdownload", ("passed over", -1)),
        ("a.zip.001", ("passed over", -1)),
        ("a.RAR", ("passed over", -1)),
        ("._2.mat", ("", -1)),
        ("__MACOSX\\._a.zip", ("", -1)),
        (".mat", ("", -1)),
        ("2.matrix", ("", -1)),
        ("notes.txt", ("", -1)),
    ],
)
def test_what_a_file_is_by_its_name(name, kind):
    assert parse_name(name) == kind


@pytest.fixture
def named(tmp_path):
    """Puts files with these names into the folder, or into an archive there; the list of their numbers."""

    def found(*names, archive=None):
        if archive:
            with zipfile.ZipFile(tmp_path / archive, "w") as packed:
                for name in names:
                    member = zipfile.ZipInfo()
                    member.filename = name  # given to ZipInfo(), Windows would replace the backslashes
                    packed.writestr(member, b"x")
        else:
            for name in names:
                (tmp_path / name).write_bytes(b"x")
        return [file.number for file in list_slices(tmp_path)]

    return found


@pytest.mark.parametrize("archive", [None, "A.ZIP", "b.Zip"])
def test_letter_case_does_not_matter(named, archive):
    assert named("1.mat", "2.MAT", "03.Mat", archive=archive) == [1, 2, 3]


def test_archives_made_on_windows(phantom_folder, named, tmp_path):
    assert named("x\\1.mat", "x\\y\\2.MAT", "x\\", archive="a.zip") == [1, 2]
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as packed:
        member = zipfile.ZipInfo()
        member.filename = "x\\CVIND.MAT"
        packed.writestr(member, (phantom_folder / "cvind.mat").read_bytes())
    assert len(find_folds(tmp_path)) == 30


@pytest.mark.skipif(sys.platform == "win32", reason="such names are not allowed")
def test_loose_names_with_backslashes(named):
    assert named("x\\1.mat", "y\\2.MAT") == [1, 2]


@pytest.mark.parametrize("archive", [None, "a.zip"])
def test_near_misses_are_named(named, capsys, archive):
    assert named("1.mat", "2 (1).mat", "2 copy.MAT", "notes.txt", "._3.mat", archive=archive) == [1]
    said = capsys.readouterr().out
    prefix = f"{archive}/" if archive else ""
    assert said.startswith(f"passed over: {prefix}2 (1).mat, {prefix}2 copy.MAT. Slices are named 1.mat")
    assert named("1.mat") == [1]
    named(*(f"copy of {number}.mat" for number in range(20)))
    assert "and 12 more" in capsys.readouterr().out


def test_the_same_number_in_other_letters_is_refused(named):
    with pytest.raises(SourceError, match="slice 2 is there twice"):
        named("2.mat", "02.mat")


def test_a_member_that_is_twice_in_an_archive_is_refused(named):
    with pytest.raises(SourceError, match=r"a\.zip/x/1\.mat is in the archive twice"):
        named("x/1.mat", "x\\1.mat", archive="a.zip")


# ---- links, and what cannot be read ----

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")


@needs_links
def test_linked_folders_and_files_are_followed_once(phantom_folder, tmp_path):
    source, drive = tmp_path / "source", tmp_path / "drive"
    source.mkdir()
    (drive / "part").mkdir(parents=True)
    for name, place in (("1.mat", source), ("2.mat", drive), ("3.mat", drive / "part")):
        shutil.copy(phantom_folder / name, place)
    (source / "shortcut").symlink_to(drive)
    (source / "again").symlink_to(drive / "part")
    (source / "file").mkdir()
    (source / "file" / "4.mat").symlink_to(phantom_folder / "4.mat")
    for name, target in (("itself", source), ("up", tmp_path), ("root", "/"), ("loop", source / "loop")):
        (source / name).symlink_to(target)
    (drive / "back").symlink_to(source)
    assert [file.number for file in list_slices(source)] == [1, 2, 3, 4]
    assert list_slices(source)[1].read().label == 1
    (tmp_path / "whole").symlink_to(source)
    assert len(list_slices(tmp_path / "whole")) == 4


@needs_links
@pytest.mark.parametrize("name", ["2.mat", "a.ZIP", "cvind.mat"])
@pytest.mark.parametrize("target", ["none", None])
def test_a_link_to_nothing_is_named(phantom_folder, tmp_path, name, target):
    shutil.copy(phantom_folder / "1.mat", tmp_path)
    (tmp_path / name).symlink_to(tmp_path / (target or name))
    for call in (list_slices, find_folds):
        with pytest.raises(SourceError, match=r"cannot be read \(.*If it is a link") as caught:
            call(tmp_path)
        assert str(tmp_path / name) in str(caught.value)


@needs_links
@pytest.mark.parametrize("name", ["2 (1).mat", "backup.tar.gz"])
def test_a_link_to_nothing_that_is_no_slice_is_passed_over(phantom_folder, tmp_path, capsys, name):
    shutil.copy(phantom_folder / "1.mat", tmp_path)
    (tmp_path / name).symlink_to(tmp_path / "gone")
    assert [file.number for file in list_slices(tmp_path)] == [1]
    assert f"passed over: {name}." in capsys.readouterr().out


def test_a_folder_that_cannot_be_listed_is_named(phantom_folder, tmp_path, monkeypatch):
    shutil.copy(phantom_folder / "1.mat", tmp_path)
    (tmp_path / "inner").mkdir()
    scandir = os.scandir

    def broken(path):
        if str(path).endswith("inner"):
            raise OSError(5, "Input/output error", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", broken)
    with pytest.raises(SourceError, match=r"inner cannot be read \(Input/output error\).*Google Drive"):
        list_slices(tmp_path)


# ---- a class that is missing because files cannot be read ----


def unreadable(path):
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:ab\n")


def test_the_reason_is_raised_if_no_file_can_be_read(tmp_path):
    for number in range(1, 5):
        unreadable(tmp_path / f"{number}.mat")
    (tmp_path / "1.mat").write_text("x")
    with pytest.raises(MatFileError, match=r"1\.mat: is not a MATLAB v7\.3 file"):
        one_per_class(list_slices(tmp_path))


def test_unreadable_files_are_mentioned_if_a_class_is_missing(phantom_folder, tmp_path):
    shutil.copy(phantom_folder / "1.mat", tmp_path)
    shutil.copy(phantom_folder / "30.mat", tmp_path)
    for number in (10, 11):
        unreadable(tmp_path / f"{number}.mat")
    with pytest.raises(SourceError, match=r"no glioma among.*2 of the slices.*10\.mat: is a Git LFS pointer"):
        one_per_class(list_slices(tmp_path))
