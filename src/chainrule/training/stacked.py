"""Several networks of one shape as one program, with the networks along a leading axis.

A small network's step is short enough for its cost to be the calls rather than the arithmetic, so
that sixteen networks in one array cost little more than one. `chainrule.nn` computes such stacks
as it is: this file says for which networks that holds, and takes the steps.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.engine.trees import flatten, tree_map
from chainrule.nn import activations, losses
from chainrule.nn.layers import Flatten, Linear
from chainrule.nn.sequential import Function, Sequential
from chainrule.optim.optimizer import Optimizer, Schedule
from chainrule.programs.compiled import Compiled
from chainrule.programs.flat import flat_tree, flat_zeros
from chainrule.training.objective import for_checked_labels, loss_function

# Of arrays of any number of axes: each number by itself, or along the last axis.
_ELEMENTWISE = {
    activations.elu, activations.gelu, activations.gelu_tanh, activations.identity,
    activations.leaky_relu, activations.relu, activations.sigmoid, activations.softmax,
    activations.softplus, activations.tanh, np.tanh, np.abs, np.exp, np.sin, np.cos, np.square,
}  # fmt: skip
_LOSSES = {
    losses.absolute_error, losses.binary_cross_entropy, losses.cross_entropy, losses.hinge,
    losses.huber, losses.squared_error,
}  # fmt: skip


def why_not_stacked(model: Any, loss: Any, optimizer: Optimizer) -> str:
    """Why a network cannot be trained in a stack; empty if it can."""
    if not isinstance(model, Sequential):
        return "the model is no Sequential"
    linear = False
    for name, layer in model.layers.items():
        if isinstance(layer, Linear):
            linear = True
        elif isinstance(layer, Flatten):
            if linear:
                return f"{name} comes after a linear layer"
        elif not isinstance(layer, Function) or _behind(layer.function) not in _ELEMENTWISE:
            return f"{name} has no form for several networks"
    if not linear:
        return "there is no linear layer"
    if loss_function(loss) not in _LOSSES:
        return "the loss is none of chainrule.nn"
    if optimizer.transforms:
        return "the optimizer transforms gradients of the whole network"
    if optimizer.lookahead is not None:
        return "the optimizer takes gradients at another point"
    return ""


def _behind(function: Any) -> Any:
    return function.func if isinstance(function, functools.partial) else function


class Stack:
    """Networks of one shape, their optimizer state and their step.

    Parameters
    ----------
    model : Sequential
    loss : callable
    trees : sequence of trees
        The parameters of each network.
    optimizer : Optimizer
    schedules : sequence of callable
        Learning rate of each network by the number of steps done.

    Attributes
    ----------
    flat, params : array, tree of views of shape (networks, ...)
    """

    def __init__(
        self,
        model: Sequential,
        loss: Callable[..., Any],
        trees: Sequence[Any],
        optimizer: Optimizer,
        schedules: Sequence[Schedule],
    ) -> None:
        # Flattening is done once to all inputs; the names of parameters do not count it.
        layers = (layer for layer in model.layers.values() if not isinstance(layer, Flatten))
        self._flattens = any(isinstance(layer, Flatten) for layer in model.layers.values())
        self.model, self.loss, self.optimizer = Sequential(*layers), loss, optimizer
        self.schedules = schedules
        self.count = len(trees)
        self._names = list(self.model.layers)
        self._first = next(n for n in self._names if isinstance(self.model.layers[n], Linear))
        stacked = tree_map(lambda *leaves: np.stack(leaves), *trees)
        # The first layers of all networks side by side, (inputs, networks · outputs): with the same
        # inputs for all they are one product, and so is their gradient.
        own = stacked[self._first]
        side_by_side = np.moveaxis(own["W"], 2, 0).reshape(own["W"].shape[2], -1)
        stored = {**stacked, self._first: {**own, "W": side_by_side}}
        self.flat, self._stored = flat_tree(stored)
        self._gradient, gradients = flat_zeros(stored)
        self.params = self._natural(self._stored, own["W"].shape)
        state = optimizer.init(self.flat)
        self._slots = [getattr(state, name) for name in optimizer.slots]
        self.steps = 0
        self._compiled = Compiled(self._total, (0, None, True), gradients)
        self._pieces = self._leaf_pieces(side_by_side.shape)

    def _natural(self, stored: Any, shape: tuple[int, ...]) -> Any:
        """The tree of parameters, each of shape (networks, ...), of the tree as stored."""
        own = stored[self._first]
        count, outputs, inputs = shape
        weights = own["W"].reshape(inputs, count, outputs).transpose(1, 2, 0)
        return {**stored, self._first: {**own, "W": weights}}

    def _leaf_pieces(self, first: tuple[int, ...]) -> list[tuple[tuple[int, ...], Any]]:
        """By parameter, where learning rates go, and the parts of all flat arrays."""
        pieces: list[tuple[tuple[int, ...], Any]] = []
        start = 0
        for leaf in flatten(self._stored)[0]:
            parts = [
                a[start : start + leaf.size] for a in (self.flat, self._gradient, *self._slots)
            ]
            start += leaf.size
            if leaf is self._stored[self._first]["W"]:
                shape, rates = (first[0], self.count, -1), (1, self.count, 1)
            else:
                shape, rates = (self.count, -1), (self.count, 1)  # type: ignore[assignment]
            pieces.append((rates, [part.reshape(shape) for part in parts]))
        return pieces

    def predictions(self, stored: Any, x: Any) -> Any:
        """What the networks make of x, the same (samples, ...) for all or one for each."""
        for name in self._names:
            layer = self.model.layers[name]
            if name != self._first:
                x = layer.apply(stored.get(name), x)
                continue
            W, b = stored[name]["W"], stored[name].get("b")
            if len(x.shape) == 2:
                z = (x @ W).reshape(x.shape[0], self.count, -1)
                x = np.swapaxes(z, 0, 1)
            else:
                x = x @ np.swapaxes(W.reshape(W.shape[0], self.count, -1), 0, 1)
            if b is not None:
                x = x + b[:, None, :]
        return x

    def _total(self, params: Any, x: Any, y: Any) -> tuple[Any, Any]:
        each = self.losses(self.predictions(params, x), y, for_checked_labels(self.loss))
        # the losses share no parameter, so that the gradient of their sum is that of each
        return np.sum(each), each

    def losses(self, predictions: Any, targets: Any, loss: Callable[..., Any]) -> Any:
        """The loss of each network, shape (networks,)."""
        keywords = dict(loss.keywords) if isinstance(loss, functools.partial) else {}
        arguments = loss.args if isinstance(loss, functools.partial) else ()
        reduction = keywords.pop("reduction", "mean")
        samples = predictions.shape[1]
        if targets.shape[:2] != predictions.shape[:2]:
            targets = np.broadcast_to(targets, (self.count, *targets.shape))
        function = loss_function(loss)
        own = function(predictions, targets, *arguments, **keywords, reduction="none")
        axes = tuple(range(1, len(own.shape)))
        if reduction == "mean":
            return np.mean(own, axis=axes)
        total = np.sum(own, axis=axes)
        return total * (0.5 / samples) if reduction == "half_sample_mean" else total

    def step(self, batch: tuple[np.ndarray, ...]) -> np.ndarray:
        """Take one step; the losses before it, shape (networks,)."""
        each: np.ndarray = self._compiled(self._stored, *batch)[1]
        rates = self.rates()
        self.steps += 1
        apply = self.optimizer.apply_rule
        if len(set(rates)) == 1:
            apply(rates[0], self.steps, self.flat, self._gradient, *self._slots)
        else:
            own = np.array(rates, self.flat.dtype)
            for shape, pieces in self._pieces:
                apply(own.reshape(shape), self.steps, *pieces)  # type: ignore[arg-type]
        return each

    def rates(self) -> list[float]:
        """Learning rate of every network at the next step."""
        return [float(schedule(self.steps)) for schedule in self.schedules]

    def as_rows(self, data: tuple[np.ndarray, ...] | None) -> Any:
        """Data with inputs as rows of the dtype of the parameters."""
        if data is None:
            return None
        x = data[0].astype(self.flat.dtype, copy=False)
        return (x.reshape(len(x), -1) if self._flattens else x, *data[1:])

    def network(self, number: int) -> Any:
        """A copy of the parameters of one network."""
        return tree_map(lambda leaf: leaf[number].copy(), self.params)

    def evaluate(
        self, data: tuple[np.ndarray, ...], accuracy: Callable[..., Any] | None, chunk: int = 1000
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Mean loss and accuracy of each network over a data set."""
        total, right = np.zeros(self.count), np.zeros(self.count)
        for start in range(0, len(data[0]), chunk):
            x, y = (array[start : start + chunk] for array in data)
            predictions = self.predictions(self._stored, x)
            total += np.asarray(self.losses(predictions, y, self.loss), np.float64) * len(x)
            if accuracy is not None:
                right += [float(accuracy(own, y)) * len(x) for own in predictions]
        total /= len(data[0])
        return total, None if accuracy is None else right / len(data[0])
