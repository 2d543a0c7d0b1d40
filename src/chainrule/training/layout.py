"""Where the numbers of a tree of parameters lie in one flat array.

The gradient of x Wᵀ by W is computed as (xᵀ z̄)ᵀ. A linear layer's W is therefore stored as its
transpose, so that this product goes where it belongs without being turned round.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.engine.trees import flatten
from chainrule.nn.layers import Layer, Linear
from chainrule.nn.sequential import Sequential
from chainrule.programs.flat import flat_tree


class Layout:
    """How a tree lies in a flat array.

    Parameters
    ----------
    params : tree of arrays
        Of one floating-point dtype.
    model : Layer or callable
        Whose parameters these are.
    """

    def __init__(self, params: Any, model: Any = None) -> None:
        leaves, self._structure = flatten(params)
        turned = _matrices_of_linear(model, params)
        self._turned = [id(leaf) in turned for leaf in leaves]
        self._first = [
            np.ascontiguousarray(leaf.T) if turn else leaf
            for leaf, turn in zip(leaves, self._turned, strict=True)
        ]

    @property
    def turns(self) -> bool:
        """Whether any leaf is stored as its transpose."""
        return any(self._turned)

    def flat(self) -> tuple[np.ndarray, Any, Any]:
        """A new flat array with the parameters, its parts as stored, and as the tree."""
        flat, stored = flat_tree(self._structure.unflatten(self._first))
        return flat, stored, self.natural(stored)

    def natural(self, stored: Any) -> Any:
        """The tree of parameters, of the tree of its leaves as they are stored."""
        leaves = flatten(stored)[0]
        turned = zip(leaves, self._turned, strict=True)
        return self._structure.unflatten([leaf.T if turn else leaf for leaf, turn in turned])


def _matrices_of_linear(model: Any, params: Any) -> set[int]:
    """Identities of the matrices of linear layers."""
    if isinstance(model, Linear) and isinstance(params, dict) and "W" in params:
        return {id(params["W"])}
    if not isinstance(model, Sequential) or not isinstance(params, dict):
        return set()
    found: set[int] = set()
    for name, layer in model.layers.items():
        if isinstance(layer, Layer) and name in params:
            found |= _matrices_of_linear(layer, params[name])
    return found
