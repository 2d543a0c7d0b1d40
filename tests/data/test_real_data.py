"""The official files: shapes, class counts, known pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.data import digit_pair, fetch, load_fashion_mnist, load_mnist, status

MNIST_COUNTS = {
    "train": [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    "test": [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
}
FASHION_COUNTS = {"train": [6000] * 10, "test": [1000] * 10}


@pytest.mark.parametrize(
    ("load", "counts", "split", "mean"),
    [
        (load_mnist, MNIST_COUNTS, "train", 0.1307),
        (load_mnist, MNIST_COUNTS, "test", 0.1325),
        (load_fashion_mnist, FASHION_COUNTS, "train", 0.2860),
        (load_fashion_mnist, FASHION_COUNTS, "test", 0.2868),
    ],
)
def test_shapes_counts_and_mean(
    load: Any, counts: dict[str, list[int]], split: str, mean: float, real_data: Path
) -> None:
    images, labels = load(split, real_data, download=False)
    assert images.shape == (sum(counts[split]), 28, 28)
    assert images.dtype == labels.dtype == np.uint8
    np.testing.assert_array_equal(np.bincount(labels), counts[split])
    assert images.mean() / 255 == pytest.approx(mean, abs=5e-5)


def test_threes_against_nines(real_data: Path) -> None:
    x, y = digit_pair(*load_mnist("train", real_data, download=False))
    assert x.shape == (6131 + 5949, 784)
    assert (np.count_nonzero(y == 1), np.count_nonzero(y == -1)) == (6131, 5949)
    assert (x.min(), x.max()) == (0, 1)


def test_the_official_files_carry_the_pinned_checksums(real_data: Path) -> None:
    states = status(real_data)
    assert {state.state for state in states if state.data_set != "cifar10"} == {"present"}
    assert "damaged" not in {state.state for state in states}  # CIFAR-10 may be there in part
    for name in ("mnist", "fashion-mnist"):
        assert [path.parent for path in fetch(name, real_data)] == [real_data / name] * 4
