"""Noticing that a function draws random numbers, from whatever generator."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import numpy as np
from numpy.random import bit_generator as _bit_generator


def is_generator(value: Any) -> bool:
    """Whether a value is a generator of random numbers, of NumPy or of Python."""
    return isinstance(
        value, (np.random.Generator, np.random.RandomState, np.random.BitGenerator, random.Random)
    )


class RandomWatch:
    """Notices draws from given generators, from the global ones, and generators made without seed.

    Attributes
    ----------
    drawn : bool
        Set on leaving the ``with`` block.
    """

    def __init__(self, generators: Sequence[Any]) -> None:
        self.drawn = False
        self._generators = list(generators)
        self._entropy_taken = False
        self._take_entropy: Callable[[int], int] | None = None

    def __enter__(self) -> RandomWatch:
        self._before = self._states()
        # NumPy seeds every generator that is given no seed from here
        self._take_entropy = getattr(_bit_generator, "randbits", None)
        if self._take_entropy is not None:
            _bit_generator.randbits = self._note_entropy  # type: ignore[attr-defined]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._take_entropy is not None:
            _bit_generator.randbits = self._take_entropy  # type: ignore[attr-defined]
        self.drawn = self.drawn_so_far()

    def drawn_so_far(self) -> bool:
        """Whether anything has been drawn since entering."""
        return self._entropy_taken or self._states() != self._before

    def _note_entropy(self, bits: int) -> int:
        self._entropy_taken = True
        return self._take_entropy(bits)  # type: ignore[misc]

    def _states(self) -> list[Any]:
        states = [random.getstate(), _frozen(np.random.get_state(legacy=False))]  # noqa: NPY002
        for generator in self._generators:
            if isinstance(generator, random.Random):
                states.append(_frozen(generator.getstate()))
            elif isinstance(generator, np.random.RandomState):
                states.append(_frozen(generator.get_state(legacy=False)))
            else:
                bits = getattr(generator, "bit_generator", generator)
                states.append(_frozen(bits.state))
        return states


def _frozen(state: Any) -> Any:
    """A state as something that compares with ``==``."""
    if isinstance(state, dict):
        return [(key, _frozen(part)) for key, part in state.items()]
    return state.tobytes() if isinstance(state, np.ndarray) else state
