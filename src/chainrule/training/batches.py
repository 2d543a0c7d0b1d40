"""Batches of arrays in memory: gathered by index into reused buffers, in a seeded order.

The order of an epoch is drawn from a generator made of the seed and the number of the epoch, not
from what was drawn before, so that a resumed run meets the same batches.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput

# Generators of one epoch, told apart by their second number.
ORDER, DRAWS = 0, 1


class Batches:
    """The batches of a data set, epoch after epoch.

    Parameters
    ----------
    data : array or tuple of arrays
        Each with the examples along its first axis, equally many.
    batch_size : int
        At least 1. The last batch of an epoch holds what is left. If there are fewer examples
        than this, every batch is the whole set.
    seed : int
        Of the order of the examples.
    shuffle : bool
        Whether the order is drawn anew for every epoch; otherwise it is that of the arrays.

    Raises
    ------
    InvalidInput
        The arrays are empty, unequal or hold NaN or infinities, or ``batch_size`` is below 1.

    Examples
    --------
    >>> batches = Batches(np.arange(5.0), 2, seed=0, shuffle=False)
    >>> [x.tolist() for (x,) in batches.epoch(0)]
    [[0.0, 1.0], [2.0, 3.0], [4.0]]
    """

    def __init__(self, data: Any, batch_size: int, seed: int = 0, shuffle: bool = True) -> None:
        self.data = checked_data(data)
        self.count = len(self.data[0])
        self.batch_size = min(_checked_size(batch_size), self.count)
        self.seed = checked_seed(seed)
        self.shuffle = shuffle
        self._buffers: dict[int, tuple[np.ndarray, ...]] = {}

    def __len__(self) -> int:
        """Batches in an epoch."""
        return -(-self.count // self.batch_size)

    def order(self, epoch: int) -> np.ndarray:
        """Numbers of the examples in the order of an epoch.

        Parameters
        ----------
        epoch : int
            Its number; each has an order of its own.

        Returns
        -------
        array of int, shape (examples,)
        """
        if not self.shuffle:
            return np.arange(self.count)
        return generator(self.seed, ORDER, epoch).permutation(self.count)

    def epoch(self, epoch: int) -> Iterator[tuple[np.ndarray, ...]]:
        """The batches of an epoch, one after another.

        Parameters
        ----------
        epoch : int
            Its number; each has an order of its own.

        Yields
        ------
        tuple of array
            Overwritten by the next batch of their size.
        """
        order = self.order(epoch)
        for start in range(0, self.count, self.batch_size):
            yield self.gather(order[start : start + self.batch_size])

    def gather(self, chosen: np.ndarray) -> tuple[np.ndarray, ...]:
        """The examples of these numbers.

        Parameters
        ----------
        chosen : array of int, shape (batch,)

        Returns
        -------
        tuple of array
            Buffers that are reused for batches of this size.
        """
        buffers = self._buffers.get(len(chosen))
        if buffers is None:
            made = (np.empty((len(chosen), *x.shape[1:]), x.dtype) for x in self.data)
            buffers = self._buffers[len(chosen)] = tuple(made)
        for array, buffer in zip(self.data, buffers, strict=True):
            # the numbers are right already, and "clip" writes straight into the buffer
            np.take(array, chosen, axis=0, out=buffer, mode="clip")
        return buffers


def generator(seed: int, purpose: int, epoch: int) -> np.random.Generator:
    """The generator of one epoch for one purpose."""
    return np.random.default_rng([seed, purpose, epoch])


def checked_data(data: Any, name: str = "data") -> tuple[np.ndarray, ...]:
    """A tuple of arrays with equally many examples, all of them finite."""
    arrays = data if isinstance(data, (tuple, list)) else (data,)
    if not arrays:
        raise InvalidInput(f"{name} holds no array; give one, or a tuple such as (x, y).")
    made = []
    for i, given in enumerate(arrays):
        array = np.asarray(given)
        label = f"{name}[{i}]" if len(arrays) > 1 else name
        if array.ndim == 0 or not len(array):
            raise InvalidInput(
                f"{label} must hold at least one example along its first axis, got shape "
                f"{array.shape}."
            )
        if array.dtype.kind not in "fiub":
            raise InvalidInput(f"{label} must be numbers, got {array.dtype}.")
        if len(array) != len(arrays[0]):
            raise InvalidInput(
                f"{label} holds {len(array)} examples but {name}[0] {len(arrays[0])}; there must "
                f"be equally many."
            )
        _check_finite(array, label)
        made.append(array)
    return tuple(made)


def _check_finite(array: np.ndarray, label: str) -> None:
    # a sum is quick and finite unless something in it is not, or it overflows: then look again
    if array.dtype.kind != "f" or np.isfinite(_quick_sum(array)):
        return
    wrong = ~np.isfinite(array)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise InvalidInput(
            f"{label}[{', '.join(map(str, place))}] is {array[place]}, and {int(wrong.sum())} of "
            f"{array.size} numbers are not finite; remove or replace these examples."
        )


def _quick_sum(array: np.ndarray) -> Any:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.sum(array)


def _checked_size(batch_size: Any) -> int:
    try:
        size = operator.index(batch_size)
    except TypeError:
        size = 0
    if size < 1:
        raise InvalidInput(f"batch_size must be a whole number of at least 1, got {batch_size!r}.")
    return size


def checked_seed(seed: Any) -> int:
    """A whole number from 0."""
    try:
        made = operator.index(seed)
    except TypeError:
        made = -1
    if made < 0:
        raise InvalidInput(f"seed must be a whole number of at least 0, got {seed!r}.")
    return made
