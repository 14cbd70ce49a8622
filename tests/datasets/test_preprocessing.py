import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.datasets.preprocessing import fill_border, resize_image, resize_mask, to_uint8


@given(st.integers(-500, 0), st.integers(1, 12_728))
def test_a_slice_is_stretched_to_the_whole_range(low, high):
    image = np.linspace(low, high, 64).reshape(8, 8).astype(np.int16)
    pixels = to_uint8(image)
    assert pixels.dtype == np.uint8
    assert (pixels.min(), pixels.max()) == (0, 255)
    assert (np.diff(pixels.ravel().astype(int)) >= 0).all()


def test_the_step_is_one_255th(rng):
    image = rng.integers(0, 4000, (32, 32)).astype(np.int16)
    exact = (image - image.min()) / (image.max() - image.min()) * 255
    assert np.abs(to_uint8(image) - exact).max() <= 0.5001


def test_a_constant_slice_is_black():
    assert (to_uint8(np.full((4, 4), 7, np.int16)) == 0).all()


def test_growing_is_bilinear_and_shrinking_averages():
    ramp = np.tile(np.arange(0, 256, 8, dtype=np.uint8), (32, 1))
    assert np.diff(resize_image(ramp, 64)[0].astype(int)).max() <= 4
    np.testing.assert_array_equal(resize_image(ramp, 16)[0], ramp[0].reshape(16, 2).mean(axis=1))


@pytest.mark.parametrize("native", [256, 512])
@given(corner=st.tuples(st.integers(0, 250), st.integers(0, 250)), size=st.integers(1, 6))
def test_no_tumour_is_ever_lost(native, corner, size):
    mask = np.zeros((native, native), bool)
    mask[corner[0] : corner[0] + size, corner[1] : corner[1] + size] = True
    for side in (128, 512):
        small = resize_mask(mask, side)
        assert small.shape == (side, side)
        assert small.dtype == np.uint8
        assert set(np.unique(small)) <= {0, 1}
        assert small.any()


def test_half_covered_pixels_belong_to_the_tumour():
    mask = np.zeros((8, 8), bool)
    mask[0:4, 0:2] = True  # half of one pixel at a quarter of the size
    mask[4:8, 4:8] = True
    np.testing.assert_array_equal(resize_mask(mask, 2), [[1, 0], [0, 1]])


def test_an_empty_mask_stays_empty():
    assert not resize_mask(np.zeros((512, 512), bool), 128).any()


def test_a_filled_border_has_its_points_and_the_area_between():
    square = np.array([[2, 1], [5, 1], [5, 4], [2, 4]], dtype=float)
    filled = fill_border(square, (8, 8))
    assert filled.dtype == np.uint8
    np.testing.assert_array_equal(np.argwhere(filled).min(axis=0), [1, 2])
    assert filled.sum() == 16


def test_a_border_may_leave_the_slice_or_be_empty():
    far = np.array([[-1e300, -1e300], [1e300, -1e300], [1e300, 1e300], [-1e300, 1e300]])
    assert fill_border(far, (4, 6)).all()
    assert not fill_border(np.zeros((0, 2)), (4, 6)).any()
