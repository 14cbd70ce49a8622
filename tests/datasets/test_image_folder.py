"""Folders of PNG and JPEG images: what is read, and what is refused with the file's name."""

import numpy as np
import pytest
from PIL import Image

from helpers.datasets import ImageFolderError, read_image_folder


@pytest.fixture
def folder(tmp_path, rng):
    """A wide grey PNG, a JPEG in colour, and a PNG of 16 bits; hidden files among them."""
    for name in ("glioma", "no_tumour/deeper", ".hidden"):
        (tmp_path / name).mkdir(parents=True)
    wide = rng.integers(20, 200, (60, 100), dtype=np.uint8)
    wide[:, 0], wide[:, -1] = 20, 199
    Image.fromarray(wide).save(tmp_path / "glioma" / "1.png")
    Image.fromarray(np.stack([wide.T] * 3, axis=2)).save(tmp_path / "no_tumour" / "é.JPG", quality=95)
    deep = np.linspace(0, 40_000, 64 * 64).reshape(64, 64).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "no_tumour" / "deeper" / "3.png")
    (tmp_path / "glioma" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "glioma" / "Thumbs.db").write_bytes(b"x")
    return tmp_path


def test_images_are_grey_square_and_stretched(folder):
    found = read_image_folder(folder, 50)
    assert found.images.shape == (3, 50, 50)
    assert found.images.dtype == np.uint8
    assert found.table["class_name"].tolist() == ["glioma", "no_tumour", "no_tumour"]
    assert found.table["file"].tolist() == ["glioma/1.png", "no_tumour/deeper/3.png", "no_tumour/é.JPG"]
    assert found.table[["height", "width"]].to_numpy().tolist() == [[60, 100], [64, 64], [100, 60]]
    assert len(found) == 3


def test_an_image_that_is_not_square_is_padded_and_not_stretched_out_of_shape(folder):
    wide, deep, tall = read_image_folder(folder, 100).images
    assert not wide[:19].any() and not wide[-19:].any()
    assert wide[30:70].mean() > 80
    assert not tall[:, :19].any() and not tall[:, -19:].any()
    assert deep[0].mean() < 3 and deep[-1].mean() > 252  # 16 bits became 8


def test_the_size_that_is_asked_for_keeps_the_pixels(folder):
    wide = read_image_folder(folder, 100, classes=["glioma"]).images[0]
    with Image.open(folder / "glioma" / "1.png") as image:
        original = np.asarray(image).astype(float)
    expected = np.rint((original - 20) * 255 / 179)
    np.testing.assert_allclose(wide[20:80], expected, atol=1)


def test_the_orientation_that_a_camera_recorded_is_applied(tmp_path):
    (tmp_path / "a").mkdir()
    pixels = np.zeros((40, 40), np.uint8)
    pixels[:10] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(pixels).save(tmp_path / "a" / "1.jpg", exif=exif, quality=95)
    image = read_image_folder(tmp_path, 40).images[0]
    assert image[-8:].mean() > 250 and image[:8].mean() < 5


def test_only_the_classes_that_are_asked_for_are_read(folder):
    (folder / "glioma" / "1.png").write_bytes(b"damaged")
    found = read_image_folder(folder, 32, classes=["no_tumour"])
    assert set(found.table["class_name"]) == {"no_tumour"}
    with pytest.raises(ImageFolderError, match="has no class 'healthy'; it has glioma, no_tumour"):
        read_image_folder(folder, classes=["healthy"])


def cut_off(path):
    path.write_bytes(path.read_bytes()[:-400])


def not_an_image(path):
    path.write_bytes(b"<html>404</html>")


def empty(path):
    path.write_bytes(b"")


def another_format(path):
    Image.new("L", (8, 8)).save(path, format="GIF")


@pytest.mark.parametrize("damage", [cut_off, not_an_image, empty, another_format])
@pytest.mark.parametrize("name", ["glioma/1.png", "no_tumour/é.JPG"])
def test_a_file_that_cannot_be_read_is_named(folder, damage, name):
    damage(folder / name)
    with pytest.raises(ImageFolderError) as error:
        read_image_folder(folder)
    assert name in str(error.value)
    assert "move it out" in str(error.value)


def test_many_bad_files_are_counted(folder):
    for number in range(5):
        (folder / "glioma" / f"bad{number}.png").write_bytes(b"")
    with pytest.raises(ImageFolderError, match=r"glioma/bad0.png .* and 2 others"):
        read_image_folder(folder)


@pytest.mark.parametrize("name", ["notes.txt", "1.dcm", "slice"])
def test_another_kind_of_file_is_named(folder, name):
    (folder / "glioma" / name).write_bytes(b"x")
    with pytest.raises(ImageFolderError, match=rf"{name} is neither a PNG nor a JPEG file.*Convert it"):
        read_image_folder(folder)


def test_a_folder_without_classes_says_how_it_should_look(tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "1.png")
    with pytest.raises(ImageFolderError, match=r"no folders of classes.*healthy.1\.png"):
        read_image_folder(tmp_path)


def test_an_empty_class_and_a_missing_folder_are_named(folder):
    (folder / "meningioma").mkdir()
    with pytest.raises(ImageFolderError, match="meningioma has no images"):
        read_image_folder(folder)
    with pytest.raises(ImageFolderError, match="elsewhere is not a folder"):
        read_image_folder(folder / "elsewhere")
