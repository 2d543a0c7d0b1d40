"""Random functions of arrays for property tests: straight-line programs drawn by Hypothesis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st

UNARY: dict[str, Callable[[Any], Any]] = {
    "tanh": np.tanh,
    "sin": np.sin,
    "negative": np.negative,
    "square": np.square,
    "absolute": np.abs,
    "exponential": lambda x: np.exp(-np.square(x)),
    "rectified": lambda x: np.maximum(x, 0),
    "clipped": lambda x: np.clip(x, -0.5, 0.5),
    "transposed": np.transpose,
    "flat": lambda x: np.reshape(x, (-1,)),
    "first": lambda x: x[0] if np.ndim(x) else x,
    "reversed": lambda x: x[::-1] if np.ndim(x) else x,
    "rows": lambda x: x[np.array([0, 0])] if np.ndim(x) else x,
    "total": np.sum,
    "columns": lambda x: np.sum(x, axis=0) if np.ndim(x) else x,
    "kept": lambda x: np.sum(x, axis=-1, keepdims=True) if np.ndim(x) else x,
    "average": np.mean,
    "largest": lambda x: np.max(x, axis=-1) if np.ndim(x) else x,
    "running": lambda x: np.cumsum(x, axis=0) if np.ndim(x) else x,
    "halved": lambda x: 0.5 * x,
    "shifted": lambda x: 1 - x,
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "maximum": np.maximum,
    "arctan2": np.arctan2,
    "chosen": lambda a, b: np.where(a > b, a, 0),
    "swapped": lambda a, b: np.where(a > b, b, a),
    "product": lambda a, b: a @ b,
    "quotient": lambda a, b: a / (1.5 + np.square(b)),
    "outer": lambda a, b: np.outer(a, b),
}


@dataclass(frozen=True)
class Program:
    """Steps on a stack of values; the result is the sum of what is left."""

    steps: tuple[tuple[str, int, int], ...]

    def __call__(self, *inputs: Any) -> Any:
        values = list(inputs)
        for name, i, j in self.steps:
            a, b = values[i % len(values)], values[j % len(values)]
            try:
                values.append(UNARY[name](a) if name in UNARY else BINARY[name](a, b))
            except (ValueError, TypeError):  # shapes that do not fit
                continue
            if np.size(values[-1]) > 64:
                values.pop()
        return sum(np.sum(np.tanh(value)) for value in values[len(inputs) // 2 :])


@st.composite
def programs(draw: Any) -> tuple[Program, list[np.ndarray]]:
    """A program and inputs for it."""
    names = st.sampled_from([*UNARY, *BINARY])
    number = st.integers(0, 30)
    steps = draw(st.lists(st.tuples(names, number, number), min_size=1, max_size=12))
    shapes = st.sampled_from([(), (3,), (2, 3), (3, 2), (1, 3), (2, 1), (3, 3), (2, 2, 3)])
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    inputs = []
    for shape in draw(st.lists(shapes, min_size=1, max_size=3)):
        array = rng.normal(size=shape).astype(dtype)
        if array.ndim == 2 and draw(st.booleans()):
            array = np.asfortranarray(array)
        inputs.append(array)
    return Program(tuple(steps)), inputs
