"""Read a folder of PNG and JPEG images, sorted into one folder per class."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from helpers._common import CourseError
from helpers.config.language import _, ngettext
from helpers.datasets.preprocessing import resize_image, to_uint8

EXTENSIONS = (".png", ".jpg", ".jpeg")
CLUTTER = {"thumbs.db", "desktop.ini", "__macosx"}  # of Windows and macOS; hidden files are passed over too
LISTED = 3  # bad files in a message


class ImageFolderError(CourseError):
    """A folder does not hold images of named classes, or an image that cannot be read."""


@dataclass(frozen=True)
class ImageFolder:
    """The images of a folder.

    Attributes:
        images: (N, size, size) uint8, 0..255.
        table: DataFrame, one row per image: file (relative to the folder), class_name, height and width
            (original, px).
    """

    images: np.ndarray
    table: pd.DataFrame

    def __len__(self) -> int:
        return len(self.table)


def read_image_folder(
    folder: str | Path, size: int = 128, classes: Sequence[str] | None = None
) -> ImageFolder:
    """Read all images of a folder, which has one folder per class: `folder/healthy/1.png`.

    Each is converted to grey, stretched to 0..255 as the slices of the course are, padded with black to
    a square, and resized. Hidden files are passed over.

    Args:
        folder: the folder.
        size: height and width of the result in px.
        classes: the class folders to read, one or more, None for all.

    Returns:
        ImageFolder, by class and then by file name.

    Raises:
        ImageFolderError: there are no class folders or no images, a class is missing, or a file is not a
            PNG or JPEG image or is damaged. The message names the file.
    """
    folder = Path(folder)
    files = [(name, path) for name in _class_names(folder, classes) for path in _image_files(folder / name)]
    images, rows, bad = [], [], []
    for name, path in files:
        file = path.relative_to(folder).as_posix()
        try:
            image = _read(path)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            bad.append(f"{file} ({' '.join(str(error).split()) or type(error).__name__})")
            continue
        rows.append((file, name, *image.shape))
        images.append(resize_image(_padded(to_uint8(image)), size))
    if bad:
        left = len(bad) - LISTED
        more = ngettext(" and {count} other", " and {count} others", left).format(count=left)
        said = ngettext(
            "{files} in {folder} cannot be read. Get the file again, or move it out of the folder.",
            "{files} in {folder} cannot be read. Get the files again, or move them out of the folder.",
            len(bad),
        )
        listed = ", ".join(bad[:LISTED]) + (more if left > 0 else "")
        raise ImageFolderError(said.format(files=listed, folder=folder))
    return ImageFolder(
        np.stack(images), pd.DataFrame(rows, columns=["file", "class_name", "height", "width"])
    )


def _class_names(folder: Path, classes: Sequence[str] | None) -> list[str]:
    if not folder.is_dir():
        raise ImageFolderError(
            _("{folder} is not a folder. Give the folder that holds the folders of the classes.").format(
                folder=folder
            )
        )
    found = sorted(path.name for path in folder.iterdir() if path.is_dir() and not _is_clutter(path, folder))
    if not found:
        raise ImageFolderError(
            _(
                "{folder} has no folders of classes. Put the images of each class into a folder that is "
                "named after it, such as {example}."
            ).format(folder=folder, example=folder / "healthy" / "1.png")
        )
    classes = [classes] if isinstance(classes, str) else classes or None
    if absent := [name for name in classes or () if name not in found]:
        raise ImageFolderError(
            _("{folder} has no class {name!r}; it has {found}.").format(
                folder=folder, name=absent[0], found=", ".join(found)
            )
        )
    return found if classes is None else list(classes)


def _image_files(folder: Path) -> list[Path]:
    """The images in and below the folder of a class."""
    files = [path for path in folder.rglob("*") if path.is_file() and not _is_clutter(path, folder)]
    files.sort(key=Path.as_posix)  # the same order in every system
    if other := next((path for path in files if path.suffix.lower() not in EXTENSIONS), None):
        raise ImageFolderError(
            _(
                "{other} is neither a PNG nor a JPEG file. Convert it, for example with Pillow's "
                "Image.open(...).save('1.png'), or move it out of the folder."
            ).format(other=other)
        )
    if not files:
        raise ImageFolderError(
            _("{folder} has no images. Put PNG or JPEG files there, or delete the folder.").format(
                folder=folder
            )
        )
    return files


def _is_clutter(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts
    return any(part[0] == "." or part.lower() in CLUTTER for part in parts)


def _read(path: Path) -> np.ndarray:
    """Grey values (H, W); Pillow, unlike OpenCV, refuses files that are cut off."""
    with Image.open(path, formats=("PNG", "JPEG")) as image:
        upright = ImageOps.exif_transpose(image)
        deep = upright.mode.startswith("I")  # 16 bits
        return np.asarray(upright if deep else upright.convert("L"))


def _padded(image: np.ndarray) -> np.ndarray:
    """Add black on both sides of the shorter direction: (H, W) -> (S, S), S = max(H, W)."""
    height, width = image.shape
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    return cv2.copyMakeBorder(
        image, top, side - height - top, left, side - width - left, cv2.BORDER_CONSTANT, value=0
    )
