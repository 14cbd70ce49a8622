import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.training import data_loader
from helpers.training.augmentation import Augmentation
from helpers.training.data_loader import Batches, BatchesError, DiskFullError, Shuffle, explain_errors


def make(count, batch, micro_batch, seed=None):
    images = np.arange(count, dtype=np.uint8)[:, None, None]
    shuffle = None if seed is None else Shuffle(seed)
    return Batches(images, np.arange(count), np.arange(count), batch, micro_batch, shuffle)


@given(st.integers(1, 60), st.integers(1, 6), st.integers(1, 5))
def test_every_slice_counts_once_in_its_update(count, micro_batch, steps):
    batch = micro_batch * steps
    batches = make(count, batch, micro_batch, seed=3)
    assert len(batches) % steps == 0
    seen = np.zeros(count)
    for update in range(len(batches) // steps):
        parts = [_weighted(batches[update * steps + step]) for step in range(steps)]
        assert len({len(images) for images, _, _ in parts}) == 1
        size = min(batch, count - update * batch)
        share = sum(np.bincount(t, weights=w / len(w), minlength=count) for _, t, w in parts) / steps
        np.testing.assert_allclose(share[share > 0], 1 / size, rtol=1e-6)
        seen += share > 0
    np.testing.assert_array_equal(seen, 1)


def _weighted(part):
    """Images, targets, weights: without micro-batches, there are no weights."""
    return part if len(part) == 3 else (*part, np.ones(len(part[1])))


def test_images_and_targets_belong_together():
    images, targets, _ = make(50, 8, 4, seed=1)[2]
    np.testing.assert_allclose(images[:, 0, 0, 0] * 255, targets, rtol=1e-6)


@pytest.mark.parametrize("shape", [(6, 8, 8), (6, 8, 8, 1), (6, 8, 8, 3)])
@pytest.mark.parametrize("augmentation", [None, Augmentation()])
def test_batches_are_floats_with_channels(rng, shape, augmentation):
    images = rng.integers(0, 256, shape, dtype=np.uint8)
    batches = Batches(images, np.zeros((6, 8, 8), np.uint8), np.arange(6), 6, 3, Shuffle(0, augmentation))
    served, masks, weights = batches[0]
    assert served.shape == (3, 8, 8, shape[3] if len(shape) == 4 else 1)
    assert served.dtype == np.float32 and 0 <= served.min() <= served.max() <= 1
    assert (masks.shape, weights.shape) == ((3, 8, 8), (3, 1, 1))


def test_targets_of_several_outputs(rng):
    masks = np.zeros((6, 32, 32), np.uint8)
    masks[:, 10:16, 8:20] = 1
    targets = {"pixels": masks * np.arange(1, 7, dtype=np.uint8)[:, None, None], "tumour": np.arange(1, 7)}
    shuffle = Shuffle(2, Augmentation(intensity=0.0))
    images, served, weights = Batches(masks * 200, targets, np.arange(6), 6, 3, shuffle)[1]
    np.testing.assert_array_equal(served["pixels"].max(axis=(1, 2)), served["tumour"])
    assert ((images[..., 0] > 0.4) != (served["pixels"] > 0)).mean() < 0.02
    assert (weights["pixels"].shape, weights["tumour"].shape) == ((3, 1, 1), (3,))
    assert set(np.unique(targets["pixels"][:, 10:16, 8:20])) == set(
        range(1, 7)
    )  # the originals are unchanged


def test_each_epoch_has_an_order_of_its_own_that_repeats():
    def order(batches):
        return np.concatenate([batches[i][1] for i in range(len(batches))]).tolist()

    batches = make(40, 8, 4, seed=1)
    first = order(batches)
    batches.on_epoch_end()
    second = order(batches)
    assert first != second
    assert sorted(first) == sorted(second)
    resumed = make(40, 8, 4, seed=1)
    resumed.epoch = 1
    assert order(resumed) == second
    assert order(make(40, 8, 4)) == list(range(40))


def test_augmentation_changes_image_and_mask_together_and_repeats(rng):
    masks = np.zeros((6, 32, 32), np.uint8)
    masks[:, 10:16, 8:20] = 1
    images = masks * 200
    shuffle = Shuffle(2, Augmentation(intensity=0.0))

    def served(epoch):
        batches = Batches(images, masks, np.arange(6), 6, shuffle=shuffle)
        batches.epoch = epoch
        return batches[0]

    changed, targets = served(0)
    assert (changed[..., 0] != images / np.float32(255)).any()
    assert ((changed[..., 0] > 0.4) != targets).mean() < 0.01  # the image is interpolated, the mask is not
    for ours, again in zip(served(0), (changed, targets), strict=True):
        np.testing.assert_array_equal(ours, again)
    assert (served(1)[0] != changed).any()
    assert masks.sum() == 6 * 72  # the data set is unchanged


def test_augmentation_depends_on_the_row_and_not_on_its_batch():
    images = np.random.default_rng(0).integers(0, 256, (6, 16, 16), dtype=np.uint8)
    shuffle = Shuffle(2, Augmentation())
    large = Batches(images, np.arange(6), np.arange(6), 6, 6, shuffle)[0]
    small = Batches(images, np.arange(6), np.arange(6), 6, 2, shuffle)
    parts = [small[part] for part in range(3)]
    np.testing.assert_array_equal(np.concatenate([part[0] for part in parts]), large[0])


def test_bad_arguments():
    with pytest.raises(ValueError, match="does not divide the batch of 8; choose one of 1, 2, 4, 8"):
        make(10, 8, 3)
    with pytest.raises(ValueError, match="no slices"):
        make(0, 8, 4)


def trained_weights(x, y, batch, micro_batch, epochs=2):
    """Weights of a small network after some epochs of plain gradient descent."""
    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(5, "tanh"), keras.layers.Dense(3, "softmax")]
    )
    steps = batch // micro_batch
    optimizer = keras.optimizers.SGD(0.5, gradient_accumulation_steps=steps if steps > 1 else None)
    network.compile(optimizer, "sparse_categorical_crossentropy")
    batches = Batches(x, y, np.arange(len(x)), batch, micro_batch, Shuffle(4))
    network.fit(batches, epochs=epochs, shuffle=False, verbose=0)
    return np.concatenate([weights.ravel() for weights in network.get_weights()])


@pytest.mark.parametrize("count", [24, 29, 31, 37])  # the last batch: whole, 5, 7, 5 (with 12 a batch)
def test_micro_batches_give_the_weights_of_one_big_batch(count, rng):
    x, y = rng.random((count, 4), dtype=np.float32), rng.integers(0, 3, count)
    one = trained_weights(x, y, batch=12, micro_batch=12)
    for micro_batch in (6, 4, 2, 1):
        np.testing.assert_allclose(trained_weights(x, y, 12, micro_batch), one, atol=2e-6)


def test_tensorflows_own_errors_are_recognized():
    errors = pytest.importorskip("tensorflow").errors
    ran_out = data_loader._ran_out
    assert ran_out(errors.ResourceExhaustedError(None, None, "failed to allocate memory"))
    assert ran_out(errors.InternalError(None, None, "RESOURCE_EXHAUSTED: Out of memory"))
    assert not ran_out(errors.InvalidArgumentError(None, None, "shapes differ"))
    assert ran_out(MemoryError())
    assert not ran_out(KeyboardInterrupt())


@pytest.mark.parametrize("size", [0, -2, 3.5, "8", None])
def test_a_batch_size_that_is_no_whole_number_is_refused(size):
    with pytest.raises(BatchesError, match="batch must be a whole number, 1 or more"):
        Batches(np.zeros((8, 4), np.uint8), np.zeros(8), np.arange(8), size)


@pytest.mark.parametrize("augmentation", [True, "mirror", Augmentation])
def test_an_augmentation_of_another_type_is_refused(augmentation):
    with pytest.raises(BatchesError, match="it must be None or, for example, training"):
        Shuffle(1, augmentation)


def test_a_full_disk_is_one_sentence():
    batches = Batches(np.zeros((8, 4), np.uint8), np.zeros(8), np.arange(8), 4)
    for words in (
        "[Errno 28] No space left on device",
        "unable to write (errno = 28, No space left on device)",
    ):
        with pytest.raises(DiskFullError, match="the disk is full"), explain_errors(batches):
            raise OSError(words)
    with pytest.raises(OSError, match="Permission"), explain_errors(batches):
        raise OSError(13, "Permission denied")
