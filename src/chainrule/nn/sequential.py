"""Composition of layers one after another, with parameters, state and randomness passed in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput
from chainrule.engine.trees import flatten
from chainrule.nn.initializers import checked_generator
from chainrule.nn.layers import Layer

__all__ = ["Sequential", "parameter_count"]


class Sequential(Layer):
    """Layers applied one after another.

    Parameters
    ----------
    *layers : Layer or callable
        A callable such as `relu` takes and returns an array of one shape.

    Attributes
    ----------
    layers : dict
        By name: the kind of layer and its number among those of its kind, such as ``linear2``.
        Parameters, states and masks are dicts with these names, of the layers that have any.

    Raises
    ------
    InvalidInput
        No layer, or something that is none; a state or masks that are missing, where used.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule import nn
    >>> model = nn.Sequential(nn.Linear(3, 4), nn.relu, nn.Dropout(0.5), nn.Linear(4, 2))
    >>> params = model.init(0)
    >>> {name: list(layer) for name, layer in params.items()}
    {'linear1': ['W', 'b'], 'linear2': ['W', 'b']}
    >>> model.apply(params, np.ones((5, 3))).shape
    (5, 2)
    >>> y, state = model.apply_training(params, np.ones((5, 3)), masks=np.random.default_rng(1))
    """

    kind = "sequential"

    def __init__(self, *layers: Layer | Callable[[Any], Any]) -> None:
        if not layers:
            raise InvalidInput("Sequential needs at least one layer.")
        counts: Counter[str] = Counter()
        self.layers: dict[str, Layer] = {}
        for layer in layers:
            if isinstance(layer, type) or not (isinstance(layer, Layer) or callable(layer)):
                raise InvalidInput(
                    f"a layer is a Layer or a function of one array, got {layer!r}; a class must "
                    f"be called first, as in Flatten()."
                )
            made = layer if isinstance(layer, Layer) else Function(layer)
            counts[made.kind] += 1
            self.layers[f"{made.kind}{counts[made.kind]}"] = made
        self._parametric = {
            name for name, layer in self.layers.items() if type(layer).init is not Layer.init
        }

    def __repr__(self) -> str:
        rows = (f"    {name}: {layer!r}," for name, layer in self.layers.items())
        return "\n".join(["Sequential(", *rows, ")"])

    def init(self, rng: Any, dtype: Any = np.float64) -> dict[str, Any]:
        """Parameters of every layer that has any, by its name.

        Parameters
        ----------
        rng : numpy.random.Generator or int
            Randomness, or a seed; layers draw from it in their order.
        dtype : dtype
            Of every array; numbers are drawn in float64 whatever it is.

        Returns
        -------
        dict of str to dict of array
        """
        rng = checked_generator(rng, "init")
        return {
            name: layer.init(rng, dtype)
            for name, layer in self.layers.items()
            if name in self._parametric
        }

    def init_state(self, dtype: Any = np.float64) -> Any:
        """First state of every layer that has any, by its name; None if none has.

        Parameters
        ----------
        dtype : dtype
            Of every array.

        Returns
        -------
        dict, or None
        """
        made = {name: layer.init_state(dtype) for name, layer in self.layers.items()}
        return {name: state for name, state in made.items() if state is not None} or None

    def draw_masks(self, rng: Any, shape: tuple[int, ...]) -> Any:
        """Masks of every dropout, by its name, for an input of a shape; None if there is none.

        Parameters
        ----------
        rng : numpy.random.Generator or int
            Randomness, or a seed; dropouts draw from it in their order.
        shape : tuple of int
            Of the input.

        Returns
        -------
        dict, or None
        """
        rng = checked_generator(rng, "draw_masks")
        masks = {}
        for name, layer in self.layers.items():
            drawn = layer.draw_masks(rng, shape)
            if drawn is not None:
                masks[name] = drawn
            shape = layer.output_shape(shape)
        return masks or None

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the result for an input of a shape.

        Parameters
        ----------
        shape : tuple of int
            Of the input.

        Returns
        -------
        tuple of int
        """
        for layer in self.layers.values():
            shape = layer.output_shape(shape)
        return shape

    def apply(self, params: Any, x: Any, state: Any = None) -> Any:
        """The result in evaluation: running statistics are used, nothing is dropped.

        Parameters
        ----------
        params : dict
            As from ``init``.
        x : array, shape (batch, ...)
        state : dict, optional
            As from ``init_state`` or ``apply_training``.

        Returns
        -------
        array
        """
        self._check(params)
        for name, layer in self.layers.items():
            x = layer.apply(params.get(name), x, _part(state, name))
        return x

    def apply_training(
        self, params: Any, x: Any, state: Any = None, masks: Any = None
    ) -> tuple[Any, Any]:
        """The result in training, and the new state.

        Parameters
        ----------
        params, x, state
            As for ``apply``.
        masks : dict or numpy.random.Generator, optional
            As from ``draw_masks``, or what to draw them from. A function that is to be compiled
            takes the masks as an argument.

        Returns
        -------
        y : array
        state : dict or None
        """
        self._check(params)
        renewed = {}
        for name, layer in self.layers.items():
            own = masks if isinstance(masks, np.random.Generator) else _part(masks, name)
            x, kept = layer.apply_training(params.get(name), x, _part(state, name), own)
            if kept is not None:
                renewed[name] = kept
        return x, renewed or None

    def _check(self, params: Any) -> None:
        """Refuse parameters of another architecture."""
        if not isinstance(params, dict) or params.keys() != self._parametric:
            given = sorted(params) if isinstance(params, dict) else type(params).__name__
            raise InvalidInput(
                f"params must be a dict with the layers {sorted(self._parametric)} as from init, "
                f"got {given}."
            )


class Function(Layer):
    """A function of one array as a layer."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function
        self.kind = getattr(function, "__name__", type(function).__name__).strip("<>")

    def __repr__(self) -> str:
        return self.kind

    def apply(self, params: Any, x: Any, state: Any = None) -> Any:
        return self.function(x)


def parameter_count(params: Any) -> int:
    """How many numbers a tree of parameters holds.

    Parameters
    ----------
    params : tree of arrays

    Returns
    -------
    int

    Examples
    --------
    >>> from chainrule import nn
    >>> nn.parameter_count(nn.Sequential(nn.Linear(784, 4), nn.tanh, nn.Linear(4, 1)).init(0))
    3145
    """
    return sum(np.size(leaf) for leaf in flatten(params)[0])


def _part(tree: Any, name: str) -> Any:
    return None if tree is None else tree.get(name)
