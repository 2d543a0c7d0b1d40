"""Small altered rules that several families of mistakes share."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.checking.replay import EdgeRule, NodeRule


def times(ratio: Any) -> NodeRule:
    """The cotangent times a ratio."""
    return lambda g: g * ratio


def plus(addend: Any) -> NodeRule:
    """The cotangent plus an array."""
    return lambda g: g + addend


def passed(g: Any, contribution: Any) -> Any:
    """The contribution is the cotangent itself."""
    return g


def doubled(g: Any, contribution: Any) -> Any:
    """The contribution counts twice."""
    return 2 * contribution


def scaled(factor: float) -> EdgeRule:
    """The contribution times a number."""
    return lambda g, contribution: factor * contribution


def weighted(ratio: Any) -> EdgeRule:
    """The contribution is the cotangent times a ratio."""
    return lambda g, contribution: g * ratio


def flipped(axes: tuple[int, ...]) -> NodeRule:
    """The cotangent reversed along axes."""
    return lambda g: np.flip(g, axes)


def exchanged_axes(first: int, second: int) -> NodeRule:
    """The cotangent with two axes exchanged."""
    return lambda g: np.swapaxes(g, first, second)
