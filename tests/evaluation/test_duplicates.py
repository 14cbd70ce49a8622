"""Near duplicates among phantoms: copies are found, neighbours are not. Real slices: benchmarks."""

import cv2
import numpy as np
import pytest

from helpers import datasets, evaluation, phantoms


@pytest.fixture(scope="module")
def drawn():
    """Slices of 128 px, neighbours of one patient next to each other; every other one is known."""
    people = [person for person in phantoms.roster({1: 200, 2: 200}, 5) if person.slices > 3][::12][:4]
    visits = [(person, number) for person in people for number in range(4)]
    images = [phantoms.draw_patient_slice(*visit, 5)[0] for visit in visits]
    return np.stack([datasets.resize_image(datasets.to_uint8(image), 512) for image in images])


@pytest.fixture(scope="module")
def known(drawn):
    return np.stack([datasets.resize_image(image, 128) for image in drawn])


def jpeg(image):
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_GRAYSCALE)


def with_margin(image):
    return cv2.copyMakeBorder(image, 60, 60, 60, 60, cv2.BORDER_CONSTANT)


def brighter(image):
    return np.rint(255 * (image / 255) ** 0.8).astype(np.uint8)


def smaller(image):
    return cv2.resize(image, (200, 200), interpolation=cv2.INTER_LINEAR)


def cropped(image):
    return image[10:-10, 10:-10]


@pytest.mark.parametrize("change", [jpeg, smaller, brighter, with_margin, cropped])
def test_copies_are_found(drawn, known, change):
    copies = np.stack([change(image) for image in drawn])
    found = evaluation.near_duplicates(copies, known)
    assert found["image"].tolist() == list(range(len(drawn)))
    assert (found["known"] == found["image"]).all()
    assert found["similarity"].between(0.98, 1).all()


def test_neighbouring_slices_of_a_patient_are_no_copies(known):
    # Neighbouring phantoms share every texture, so they are more alike than real neighbours: above 0.98.
    assert evaluation.near_duplicates(known[::2], known[1::2], threshold=0.99).empty
    assert len(evaluation.near_duplicates(known[::2], known[1::2], threshold=0)) == len(known) / 2


def test_only_the_copies_of_a_mixture_are_listed(known):
    found = evaluation.near_duplicates(known[[4, 1, 2]], known[2:])
    assert found[["image", "known"]].to_numpy().tolist() == [[0, 2], [2, 0]]


def test_images_without_content_are_no_copies(known, rng):
    nothing = np.zeros((1, 128, 128), np.uint8)
    noise = rng.integers(0, 255, (1, 128, 128), dtype=np.uint8)
    for images in (nothing, nothing + 255, noise):
        assert evaluation.near_duplicates(images, known).empty
        assert evaluation.near_duplicates(known, images).empty
