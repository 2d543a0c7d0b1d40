"""All parameters, or all gradients, in one flat array, with a tree of views into it.

An optimizer's step is then two or three operations on arrays, however many parameters there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput
from chainrule.engine.trees import flatten


def flat_tree(tree: Any) -> tuple[np.ndarray, Any]:
    """One flat array with a copy of every leaf, and the same tree made of views into it.

    Parameters
    ----------
    tree : tree of arrays
        All of one floating-point dtype; Python's numbers take that of the others.

    Returns
    -------
    flat : array, shape (number of elements,)
        The leaves, one after the other, each in C order.
    views : like ``tree``
        Each leaf is a view into ``flat``; a number becomes an array without axes.

    Raises
    ------
    InvalidInput
        A leaf is not a floating-point array, or dtypes differ.

    Examples
    --------
    >>> import numpy as np
    >>> flat, params = flat_tree({"W": np.ones((2, 2)), "b": np.zeros(2)})
    >>> flat -= 0.5
    >>> params["b"]
    array([-0.5, -0.5])
    """
    leaves, structure = flatten(tree)
    dtype = _dtype(leaves, structure.paths("tree"))
    sizes = [np.size(leaf) for leaf in leaves]
    flat = np.empty(sum(sizes), dtype)
    views = []
    start = 0
    for leaf, size in zip(leaves, sizes, strict=True):
        view = flat[start : start + size].reshape(np.shape(leaf))
        view[...] = leaf
        views.append(view)
        start += size
    return flat, structure.unflatten(views)


def flat_zeros(tree: Any) -> tuple[np.ndarray, Any]:
    """As `flat_tree`, filled with zeros: where gradients of ``tree`` can be written."""
    flat, views = flat_tree(tree)
    flat[...] = 0
    return flat, views


def _dtype(leaves: list[Any], names: list[str]) -> np.dtype[Any]:
    dtype: np.dtype[Any] | None = None
    for name, leaf in zip(names, leaves, strict=True):
        if type(leaf) is float:
            continue
        found = getattr(leaf, "dtype", None)
        if found is None or found.kind != "f":
            what = type(leaf).__name__ if found is None else f"{found}{list(leaf.shape)}"
            raise InvalidInput(f"{name} is {what}; only floating-point arrays can be put together.")
        if dtype is not None and found != dtype:
            raise InvalidInput(
                f"{name} has dtype {found}, another leaf {dtype}; convert them to one dtype."
            )
        dtype = found
    return dtype or np.dtype(float)
