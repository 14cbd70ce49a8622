"""The published archives -> a local folder, verified."""

from pathlib import Path

from helpers.errors import CourseError

# Jun Cheng, brain tumor dataset, version 5, doi 10.6084/m9.figshare.1512427, CC BY 4.0.
# The ids are not in the order of the parts.
REGISTRY = {
    "brainTumorDataPublic_1-766.zip": (3381290, "74b949ad33f042e6e103523091cd1428"),
    "brainTumorDataPublic_767-1532.zip": (3381296, "7e8a875500d2c8a346f270538e29890e"),
    "brainTumorDataPublic_1533-2298.zip": (3381293, "8227bf6080cb71f15a88be8d25c79ae7"),
    "brainTumorDataPublic_2299-3064.zip": (3381302, "b378a80d6174e5317d59eb28430c6652"),
    "cvind.mat": (7005344, "5ea82eb3212c9fcb84290ccf0beb486d"),
}
# figshare.com/ndownloader answers robots with HTTP 202 and no bytes; these two redirect to the file.
ROUTES = (
    "https://api.figshare.com/v2/file/download/{id}",
    "https://ndownloader.figshare.com/files/{id}",
)
CHUNK_BYTES = 1 << 20
RETRIES = 2  # for each route


class DownloadError(CourseError):
    """An archive could not be had; the message says how to get it by hand."""


def fetch(folder: str | Path) -> Path:
    """Downloads the four archives and the author's folds; what is there and right is kept.

    Args:
        folder: where to put them.

    Returns:
        The folder.

    Raises:
        DownloadError: a file could not be had by any route.
    """
    folder = Path(folder)
    for name in REGISTRY:
        _fetch_one(name, folder)
    return folder


def _fetch_one(name: str, folder: Path) -> None:
    import pooch  # here, since it warns about missing widgets where nothing is downloaded

    number, md5 = REGISTRY[name]
    failures = []
    for route in ROUTES:
        registry = pooch.create(
            path=folder,
            base_url="",
            registry={name: f"md5:{md5}"},
            urls={name: route.format(id=number)},
            retry_if_failed=RETRIES,
        )
        try:
            registry.fetch(name, downloader=pooch.HTTPDownloader(progressbar=True, chunk_size=CHUNK_BYTES))
            return
        except (OSError, ValueError) as error:  # ValueError: another md5, so not the file
            failures.append(f"{route.format(id=number)}: {error}")
    raise DownloadError(
        f"{name} could not be downloaded. Get it in a browser from "
        f"https://doi.org/10.6084/m9.figshare.1512427, put it into {folder} (or set COURSE_DATA to "
        f"the folder that holds the four archives and cvind.mat) and run this cell again. "
        f"Tried: {'; '.join(failures)}"
    )
