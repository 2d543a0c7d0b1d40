"""Gradient transforms for `chain`: clipping, and weight decay within the gradient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput
from chainrule.engine.trees import flatten, tree_map
from chainrule.optim.optimizer import Transform, checked_nonnegative


def global_norm(grads: Any) -> float:
    """√ of the sum of squares of all numbers in a tree, in float64 and without overflow.

    Parameters
    ----------
    grads : tree of arrays

    Returns
    -------
    float
        0 for a tree without numbers; not finite if any number is not.
    """
    leaves = [np.asarray(leaf, np.float64) for leaf in flatten(grads)[0]]
    largest = max((float(np.max(np.abs(leaf))) for leaf in leaves if leaf.size), default=0.0)
    if largest == 0.0 or not math.isfinite(largest):
        return largest
    return largest * math.sqrt(sum(float(np.sum(np.square(leaf / largest))) for leaf in leaves))


def clip_by_norm(maximum: float, *, epsilon: float = 0.0) -> Transform:
    """Scale all gradients together so that their global norm is at most ``maximum``.

    g ← g · min(1, maximum / (‖g‖ + ε)), with one norm over the whole tree.

    Parameters
    ----------
    maximum : float
        Positive.
    epsilon : float
        ε >= 0: 0 as in optax and Keras, 1e-6 as in PyTorch.

    Returns
    -------
    callable
        For `chain`.

    Raises
    ------
    InvalidInput
        ``maximum`` is not positive, or ``epsilon`` negative.

    Notes
    -----
    Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks", ICML
    2013, algorithm 1.
    """
    _checked_positive(maximum)
    checked_nonnegative(epsilon, "epsilon")

    def transform(grads: Any, params: Any) -> Any:
        norm = global_norm(grads)
        if norm + epsilon <= maximum:
            return grads
        factor = maximum / (norm + epsilon)
        return tree_map(lambda g: g * factor, grads)

    return transform


def clip_by_value(maximum: float) -> Transform:
    """Limit every number of the gradients to ±``maximum``.

    Parameters
    ----------
    maximum : float
        Positive.

    Returns
    -------
    callable
        For `chain`.

    Raises
    ------
    InvalidInput
        ``maximum`` is not positive.
    """
    _checked_positive(maximum)
    return lambda grads, params: tree_map(lambda g: np.clip(g, -maximum, maximum), grads)


def weight_decay(coefficient: float) -> Transform:
    """Weight decay within the gradient, g ← g + λ w: the gradient of ½ λ ‖w‖² added to the loss.

    Parameters
    ----------
    coefficient : float
        λ >= 0.

    Returns
    -------
    callable
        For `chain`. It is PyTorch's ``weight_decay`` of every optimizer except AdamW. In adaptive
        methods it is scaled like the gradient; `decoupled_weight_decay` is not.

    Raises
    ------
    InvalidInput
        A negative coefficient.
    """
    checked_nonnegative(coefficient, "weight decay")
    return lambda grads, params: tree_map(lambda g, w: g + coefficient * w, grads, params)


def _checked_positive(maximum: float) -> None:
    if not 0 < maximum < math.inf:
        raise InvalidInput(f"the maximum must be positive and finite, got {maximum!r}.")
