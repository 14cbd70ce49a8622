import threading

import numpy as np
import pytest

from helpers.datasets import rows
from helpers.datasets.rows import RowFile


@pytest.fixture
def values(rng):
    return rng.integers(0, 256, (7, 16, 16), np.uint8)


def test_the_same_bytes_as_numpy_writes(values, tmp_path):
    np.save(tmp_path / "wanted.npy", values)
    rows.create(tmp_path / "rows.npy", values.shape)
    np.testing.assert_array_equal(np.load(tmp_path / "rows.npy"), np.zeros_like(values))
    with RowFile(tmp_path / "rows.npy") as file:
        for row in (3, 0, 6, 1, 5, 2, 4):
            file.write(row, values[row])
        np.testing.assert_array_equal(file.read(5), values[5])
    assert (tmp_path / "rows.npy").read_bytes() == (tmp_path / "wanted.npy").read_bytes()


def test_what_is_written_is_there_before_the_file_is_closed(values, tmp_path):
    rows.create(tmp_path / "rows.npy", values.shape)
    with RowFile(tmp_path / "rows.npy") as file:
        file.write(2, values[2].T)
        np.testing.assert_array_equal(np.load(tmp_path / "rows.npy")[2], values[2].T)


def test_threads_do_not_mix_their_rows(tmp_path):
    rows.create(tmp_path / "rows.npy", (64, 50_000))
    with RowFile(tmp_path / "rows.npy") as file:

        def fill(first):
            for row in range(first, 64, 4):
                file.write(row, np.full(50_000, row, np.uint8))

        threads = [threading.Thread(target=fill, args=(first,)) for first in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    expected = np.repeat(np.arange(64, dtype=np.uint8)[:, None], 50_000, axis=1)
    np.testing.assert_array_equal(np.load(tmp_path / "rows.npy"), expected)


def test_a_copy_of_some_rows(values, tmp_path):
    np.save(tmp_path / "rows.npy", values)
    np.save(tmp_path / "wanted.npy", values[[1, 4]])
    with RowFile(tmp_path / "rows.npy") as file:
        file.copy(tmp_path / "copy.npy", [1, 4])
    assert (tmp_path / "copy.npy").read_bytes() == (tmp_path / "wanted.npy").read_bytes()
