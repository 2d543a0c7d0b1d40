"""Every example once an epoch, in an order that depends on the seed and the epoch alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.engine.errors import InvalidInput
from chainrule.training.batches import Batches, checked_data


@given(count=st.integers(1, 40), size=st.integers(1, 50), seed=st.integers(0, 5))
def test_an_epoch_holds_every_example_once(count: int, size: int, seed: int) -> None:
    x = np.arange(count * 2.0).reshape(count, 2)
    batches = Batches((x, np.arange(count)), size, seed)
    sizes, seen = [], []
    for rows, numbers in batches.epoch(3):
        assert np.array_equal(rows, x[numbers])
        sizes.append(len(numbers))
        seen += numbers.tolist()
    assert sorted(seen) == list(range(count))
    assert len(sizes) == len(batches)
    assert set(sizes[:-1]) <= {min(size, count)}
    assert sizes[-1] == (count - 1) % min(size, count) + 1


def test_the_order_of_an_epoch_does_not_depend_on_the_epochs_before() -> None:
    fresh, used = Batches(np.arange(50), 7, 1), Batches(np.arange(50), 7, 1)
    for epoch in range(3):
        list(used.epoch(epoch))
    assert np.array_equal(fresh.order(3), used.order(3))
    assert not np.array_equal(used.order(2), used.order(3))
    assert not np.array_equal(used.order(3), Batches(np.arange(50), 7, 2).order(3))
    assert np.array_equal(Batches(np.arange(5), 2, shuffle=False).order(9), np.arange(5))


def test_buffers_are_reused_and_the_data_is_not_touched() -> None:
    x = np.arange(6)
    batches = Batches(x, 2)
    identities = {id(batch[0]) for batch in batches.epoch(0)}
    assert len(identities) == 1
    assert np.array_equal(x, np.arange(6))


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.bool_])
def test_dtypes_are_kept(dtype: type) -> None:
    (batch,) = next(Batches(np.ones((3, 2), dtype), 2).epoch(0))
    assert batch.dtype == dtype


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((), "holds no array"),
        (3.0, r"got shape \(\)"),
        (np.zeros((0, 3)), r"got shape \(0, 3\)"),
        ((np.zeros(3), np.zeros(2)), r"data\[1\] holds 2 examples but data\[0\] 3"),
        (np.array([[0.0, np.inf]]), r"data\[0, 1\] is inf, and 1 of 2"),
        (np.array(["a"]), "must be numbers"),
    ],
)
def test_wrong_data_is_refused(data: object, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        checked_data(data)


def test_large_finite_data_is_accepted() -> None:
    assert checked_data(np.full(3, 1e308))[0][0] == 1e308
