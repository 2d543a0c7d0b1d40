"""What a training is given: options and data, checked and brought into form before the loop."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput
from chainrule.engine.trees import flatten
from chainrule.nn.layers import Layer
from chainrule.optim.optimizer import Optimizer


def check_options(
    optimizer: Any,
    epochs: Any,
    evaluate_train: Any,
    checkpoint_every: Any = 1,
    on_nonfinite: str = "raise",
) -> None:
    """Refuse options that do not fit."""
    if not isinstance(optimizer, Optimizer):
        raise InvalidInput(
            f"optimizer must be one of chainrule.optim, such as optim.sgd(0.1), got {optimizer!r}."
        )
    for name, value in (("epochs", epochs), ("checkpoint_every", checkpoint_every)):
        if not isinstance(value, (int, np.integer)) or value < 1:
            raise InvalidInput(f"{name} must be a whole number of at least 1, got {value!r}.")
    if not isinstance(evaluate_train, (bool, int)) or evaluate_train < 0:
        raise InvalidInput(
            f"evaluate_train must be True, False or a number of examples, got {evaluate_train!r}."
        )
    if on_nonfinite not in ("raise", "stop"):
        raise InvalidInput(f"on_nonfinite must be 'raise' or 'stop', got {on_nonfinite!r}.")


def dtype_of_params(params: Any) -> Any:
    """The dtype of the first array in a tree."""
    for leaf in flatten(params)[0]:
        if hasattr(leaf, "dtype"):
            return leaf.dtype
    return np.dtype(float)


def converted(data: tuple[np.ndarray, ...], model: Any, dtype: Any) -> tuple[np.ndarray, ...]:
    """Data of a network in the dtype of its parameters, once rather than in every step."""
    if not isinstance(model, Layer):
        return data
    return tuple(x.astype(dtype, copy=False) if x.dtype.kind == "f" else x for x in data)


def first_examples(data: tuple[np.ndarray, ...], count: bool | int) -> tuple[np.ndarray, ...]:
    """So many examples, or all of them for True."""
    return data if count is True else tuple(x[:count] for x in data)


def check_alike(data: tuple[np.ndarray, ...], validation: tuple[np.ndarray, ...]) -> None:
    """Refuse a validation set whose examples have other shapes."""
    shapes = [tuple(x.shape[1:] for x in arrays) for arrays in (data, validation)]
    if shapes[0] != shapes[1]:
        raise InvalidInput(
            f"validation has examples of shapes {list(shapes[1])}, data of {list(shapes[0])}."
        )
