import numpy as np
import pytest

from helpers.training.augmentation import Augmentation

STILL = {"flip": False, "rotation_degrees": 0.0, "shift": 0.0, "intensity": 0.0}


def change(image, mask=None, seed=0, **switches):
    return Augmentation(**STILL | switches).apply(image, mask, np.random.default_rng(seed))


@pytest.fixture
def image(rng):
    return rng.integers(0, 200, (20, 30), dtype=np.uint8)


def test_all_off_changes_nothing(image):
    changed, mask = change(image, image % 2)
    np.testing.assert_array_equal(changed, image)
    np.testing.assert_array_equal(mask, image % 2)


def test_a_flip_is_a_mirror_image_and_happens_half_the_time(image):
    flips = 0
    for seed in range(40):
        changed, mask = change(image, image % 2, seed, flip=True)
        flipped = (changed == image[:, ::-1]).all()
        assert flipped or (changed == image).all()
        np.testing.assert_array_equal(mask, changed % 2)
        flips += flipped
    assert 10 < flips < 30


def test_brightness_stays_within_its_part_and_never_wraps_around():
    white = np.full((4, 4), 250, np.uint8)
    values = [change(white, None, seed, intensity=0.2)[0][0, 0] for seed in range(30)]
    assert 200 <= min(values) < 220
    assert max(values) == 255


@pytest.mark.parametrize("switches", [{"rotation_degrees": 10.0}, {"shift": 0.1}])
def test_a_tumour_moves_with_its_mask(switches):
    mask = np.zeros((64, 64), np.uint8)
    mask[20:40, 30:44] = 1
    still = 0
    for seed in range(5):
        changed, moved = change(mask * 200, mask, seed, **switches)
        still += (moved == mask).all()
        assert set(np.unique(moved)) == {0, 1}
        assert int(moved.sum()) == pytest.approx(int(mask.sum()), rel=0.05)
        assert ((changed > 100) != moved).mean() < 0.01
    assert still <= 1  # a change can be too small to see


def test_scale_and_shear_move_a_tumour_with_its_mask():
    mask = np.zeros((64, 64), np.uint8)
    mask[20:40, 30:44] = 1
    areas = []
    for seed in range(20):
        changed, moved = change(mask * 200, mask, seed, scale=0.2, shear=0.1)
        assert ((changed > 100) != moved).mean() < 0.01
        areas.append(moved.sum() / mask.sum())
    assert 0.6 < min(areas) < 0.9 < 1.1 < max(areas) < 1.5
    centred = np.zeros((65, 65), np.uint8)
    centred[32, 32] = 255
    assert change(centred, None, scale=0.2, shear=0.1)[0].argmax() == centred.argmax()


@pytest.mark.parametrize(
    "switches", [{"gamma": 0.4}, {"offset": 0.1}, {"bias_field": 0.3}, {"degradation": 1.0}]
)
@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_a_scanners_changes_leave_the_mask_alone(rng, switches, channels):
    image = rng.integers(0, 200, (20, 30, *channels), dtype=np.uint8)
    mask = image.reshape(20, 30, -1)[..., 0] % 2
    changed, unmoved = change(image, mask, **switches)
    assert changed.shape == image.shape and changed.dtype == np.uint8
    assert (changed != image).any()
    np.testing.assert_array_equal(unmoved, mask)


def test_the_strong_augmentation_changes_every_slice_differently(rng):
    image = rng.integers(0, 200, (32, 32), dtype=np.uint8)
    changed = [Augmentation.strong().apply(image, None, np.random.default_rng(seed))[0] for seed in range(5)]
    assert len({one.tobytes() for one in changed}) == 5
