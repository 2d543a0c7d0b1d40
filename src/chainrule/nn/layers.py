"""Layers as descriptions: sizes and options, from which parameters and states are made and used.

A layer holds no arrays. ``init`` makes its parameters, ``init_state`` what it carries from batch to
batch (running statistics), and ``apply`` and ``apply_training`` are pure functions of both.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput
from chainrule.engine.graph import shape_of
from chainrule.engine.rules.network import Size, both, count_windows
from chainrule.nn import functions
from chainrule.nn.functions import RunningStatistics
from chainrule.nn.initializers import Initializer, he_normal, normal, zeros

__all__ = [
    "AvgPool2d",
    "BatchNorm",
    "Conv2d",
    "Dropout",
    "Embedding",
    "Flatten",
    "Layer",
    "LayerNorm",
    "Linear",
    "MaxPool2d",
]


class Layer:
    """What `chainrule.nn.Sequential` composes; a layer of one's own overrides what it needs."""

    kind = "layer"

    def init(self, rng: Any, dtype: Any = np.float64) -> dict[str, Any]:
        """Parameters by name; empty by default.

        Parameters
        ----------
        rng : numpy.random.Generator or int
            Randomness, or a seed.
        dtype : dtype
            Of every array.

        Returns
        -------
        dict of str to array
        """
        return {}

    def init_state(self, dtype: Any = np.float64) -> Any:
        """What ``apply_training`` renews with every batch; None by default.

        Parameters
        ----------
        dtype : dtype
            Of every array.

        Returns
        -------
        state, or None
        """
        return None

    def draw_masks(self, rng: Any, shape: tuple[int, ...]) -> Any:
        """Randomness of one ``apply_training`` on an input of a shape; None if unused.

        Parameters
        ----------
        rng : numpy.random.Generator or int
            Randomness, or a seed.
        shape : tuple of int
            Of the input.

        Returns
        -------
        masks, or None
        """
        return None

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the result for an input of a shape; the same by default.

        Parameters
        ----------
        shape : tuple of int
            Of the input, the batch first.

        Returns
        -------
        tuple of int
        """
        return shape

    def apply(self, params: Any, x: Any, state: Any = None) -> Any:
        """The result in evaluation: running statistics are used, nothing is dropped.

        Parameters
        ----------
        params : dict
            As from ``init``.
        x : array
            The batch; its first axis counts the samples.
        state
            As from ``init_state`` or the last ``apply_training``.

        Returns
        -------
        array
        """
        raise NotImplementedError(f"{type(self).__name__} does not define apply.")

    def apply_training(
        self, params: Any, x: Any, state: Any = None, masks: Any = None
    ) -> tuple[Any, Any]:
        """The result in training, and the new state.

        Parameters
        ----------
        params, x, state
            As for ``apply``.
        masks
            What ``draw_masks`` gave, or a numpy.random.Generator to draw from.

        Returns
        -------
        array, state
        """
        return self.apply(params, x, state), state


@dataclass(frozen=True)
class Linear(Layer):
    """Affine layer with parameters W (outputs, inputs) and b (outputs,).

    Parameters
    ----------
    inputs, outputs : int
    bias : bool
    weights : Initializer
        He's normal distribution by default.
    biases : Initializer
        Zeros by default.
    """

    inputs: int
    outputs: int
    bias: bool = True
    weights: Initializer = field(default=he_normal, repr=False)
    biases: Initializer = field(default=zeros, repr=False)
    kind = "linear"

    def __post_init__(self) -> None:
        _positive(self, "inputs", "outputs")

    def init(self, rng: Any, dtype: Any = np.float64) -> dict[str, Any]:
        params = {"W": self.weights(rng, (self.outputs, self.inputs), dtype)}
        if self.bias:
            params["b"] = self.biases(rng, (self.outputs,), dtype)
        return params

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:-1], self.outputs)

    def apply(self, params: Any, x: Any, state: Any = None) -> Any:
        return functions.linear(x, params["W"], params.get("b"))


@dataclass(frozen=True)
class Conv2d(Layer):
    """Convolution with parameters W (filters, channels / groups, height, width) and b (filters,).

    Parameters
    ----------
    channels, filters : int
        Of the input and of the output.
    kernel : int or pair of int
        Height and width.
    stride, padding, dilation, groups
        As for `chainrule.conv2d`.
    bias : bool
        Not needed before a batch normalisation.
    weights, biases : Initializer
        He's normal distribution, and zeros, by default.
    """

    channels: int
    filters: int
    kernel: Size
    stride: Size = 1
    padding: Size = 0
    dilation: Size = 1
    groups: int = 1
    bias: bool = True
    weights: Initializer = field(default=he_normal, repr=False)
    biases: Initializer = field(default=zeros, repr=False)
    kind = "conv"

    def __post_init__(self) -> None:
        _positive(self, "channels", "filters", "groups")
        if self.channels % self.groups or self.filters % self.groups:
            raise InvalidInput(
                f"groups must divide {self.channels} channels and {self.filters} filters, got "
                f"{self.groups}."
            )

    def init(self, rng: Any, dtype: Any = np.float64) -> dict[str, Any]:
        shape = (self.filters, self.channels // self.groups, *both(self.kernel))
        params = {"W": self.weights(rng, shape, dtype)}
        if self.bias:
            params["b"] = self.biases(rng, (self.filters,), dtype)
        return params

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        options = (self.kernel, self.stride, self.padding, self.dilation)
        return (shape[0], self.filters, *count_windows(shape, *options))

    def apply(self, params: Any, x: Any, state: Any = None) -> Any:
        options = (self.stride, self.padding, self.dilation, self.groups)
        return functions.conv2d(x, params["W"], params.get("b"), *options)


@dataclass(frozen=True)
class MaxPool2d(Layer):
    """Maximum over windows; see `chainrule.max_pool2d`.

    Parameters
    ----------
    size : int or pair of int
        Height and width of a window.
    stride, padding
        As for `chainrule.max_pool2d`; the stride is the size by default.
    """

    size: Size
    stride: Size | None = None
    padding: Size = 0
    kind = "max_pool"

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        stride = self.size if self.stride is None else self.stride
        return (*shape[:2], *count_windows(shape, self.size, stride, self.padding))

    def apply(self, params: Any, x: Any, state: Any = None) -> Any:
        return functions.max_pool2d(x, self.size, self.stride, self.padding)


@dataclass(frozen=True)
class AvgPool2d(Layer):
    """Mean over windows; see `chainrule.avg_pool2d`.

    Parameters
    ----------
    size : int or pair of int
        Height and width of a window.
    stride, padding
        As for `chainrule.avg_pool2d`; the stride is the size by default.
    """

    size: Size
    stride: Size | None = None
    padding: Size = 0
    kind = "avg_pool"

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return MaxPool2d(self.size, self.stride, self.padding).output_shape(shape)

    def apply(self, params: Any, x: Any, state: Any = None) -> Any:
        return functions.avg_pool2d(x, self.size, self.stride, self.padding)


@dataclass(frozen=True)
class Flatten(Layer):
    """Samples as rows of features."""

    kind = "flatten"

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0], int(np.prod(shape[1:])))

    def apply(self, params: Any, x: Any, state: Any = None) -> Any:
        return functions.flatten(x)


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Batch normalisation with parameters gamma and beta (features,) and running statistics.

    Parameters
    ----------
    features : int
        Length of axis 1 of the input.
    momentum, epsilon : float
        As for `batch_norm`.
    """

    features: int
    momentum: float = 0.1
    epsilon: float = 1e-5
    kind = "batch_norm"

    def __post_init__(self) -> None:
        _positive(self, "features")

    def init(self, rng: Any, dtype: Any = np.float64) -> dict[str, Any]:
        return {"gamma": np.ones(self.features, dtype), "beta": np.zeros(self.features, dtype)}

    def init_state(self, dtype: Any = np.float64) -> RunningStatistics:
        return RunningStatistics(np.zeros(self.features, dtype), np.ones(self.features, dtype))

    def apply(self, params: Any, x: Any, state: Any = None) -> Any:
        return self._apply(params, x, state, False)[0]

    def apply_training(
        self, params: Any, x: Any, state: Any = None, masks: Any = None
    ) -> tuple[Any, Any]:
        return self._apply(params, x, state, True)

    def _apply(self, params: Any, x: Any, state: Any, training: bool) -> tuple[Any, Any]:
        if state is None:
            raise InvalidInput(
                "batch normalisation needs its running statistics: pass state, at first from "
                "init_state()."
            )
        options = (training, self.momentum, self.epsilon)
        return functions.batch_norm(x, params["gamma"], params["beta"], state, *options)


@dataclass(frozen=True)
class LayerNorm(Layer):
    """Layer normalisation over the last axes, with parameters gamma and beta of their shape.

    Ba, Kiros & Hinton, "Layer normalization", arXiv:1607.06450 (2016).

    Parameters
    ----------
    features : int or tuple of int
        Lengths of the axes that are normalised.
    epsilon : float
        Added to the variance.
    """

    features: int | tuple[int, ...]
    epsilon: float = 1e-5
    kind = "layer_norm"

    def init(self, rng: Any, dtype: Any = np.float64) -> dict[str, Any]:
        return {"gamma": np.ones(self.features, dtype), "beta": np.zeros(self.features, dtype)}

    def apply(self, params: Any, x: Any, state: Any = None) -> Any:
        return functions.layer_norm(x, params["gamma"], params["beta"], self.epsilon)


@dataclass(frozen=True)
class Dropout(Layer):
    """Inverted dropout in training, the identity in evaluation.

    Parameters
    ----------
    rate : float
        Probability of dropping a unit, 0 <= rate < 1.
    """

    rate: float
    kind = "dropout"

    def __post_init__(self) -> None:
        functions.checked_rate(self.rate)

    def draw_masks(self, rng: Any, shape: tuple[int, ...]) -> Any:
        return functions.dropout_mask(rng, shape, self.rate)

    def apply(self, params: Any, x: Any, state: Any = None) -> Any:
        return x

    def apply_training(
        self, params: Any, x: Any, state: Any = None, masks: Any = None
    ) -> tuple[Any, Any]:
        if masks is None:
            raise InvalidInput(
                f"dropout in training needs masks for an input of shape {shape_of(x)}: pass what "
                f"draw_masks gives, or a numpy.random.Generator."
            )
        return functions.dropout(x, self.rate, masks), state


_STANDARD_NORMAL = normal(1.0)


@dataclass(frozen=True)
class Embedding(Layer):
    """Rows of a table (rows, features), chosen by integers of any shape.

    Parameters
    ----------
    rows, features : int
    weights : Initializer
        The standard normal distribution by default.
    """

    rows: int
    features: int
    weights: Initializer = field(default=_STANDARD_NORMAL, repr=False)
    kind = "embedding"

    def __post_init__(self) -> None:
        _positive(self, "rows", "features")

    def init(self, rng: Any, dtype: Any = np.float64) -> dict[str, Any]:
        return {"table": self.weights(rng, (self.rows, self.features), dtype)}

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape, self.features)

    def apply(self, params: Any, x: Any, state: Any = None) -> Any:
        return functions.embedding(params["table"], x)


def _positive(layer: Layer, *names: str) -> None:
    for name in names:
        value = getattr(layer, name)
        try:
            if operator.index(value) > 0:
                continue
        except TypeError:
            pass
        raise InvalidInput(
            f"{name} of {type(layer).__name__} must be a positive whole number, got {value!r}."
        )
