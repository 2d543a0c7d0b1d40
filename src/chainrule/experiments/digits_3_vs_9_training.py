"""The trainings of `digits-3-vs-9`: the same steps as the hand-written ones, as a compiled program.

A network's program is made once and serves all its trainings; parameters lie in one flat array, so
that a step is a gather, the gradients and one update (`chainrule.programs.epochs`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.experiments.handwritten_backprop import GDOptimizer, Model
from chainrule.experiments.handwritten_functions import Array
from chainrule.experiments.handwritten_layer import DenseLayer
from chainrule.programs.epochs import SgdProgram


def hidden_relu(params: Any, x: Any) -> Any:
    """max(0, x W₁ + b₁)."""
    return np.maximum(x @ params["W1"] + params["b1"], 0)


def hidden_tanh(params: Any, x: Any) -> Any:
    """tanh(x W₁ + b₁)."""
    return np.tanh(x @ params["W1"] + params["b1"])


HIDDEN: dict[str, Callable[..., Any]] = {"relu": hidden_relu, "tanh": hidden_tanh}


def half_squared_error(hidden: Callable[..., Any], params: Any, x: Any, y: Any) -> Any:
    """MSE = 1/(2n) Σ (ŷ − y)² of a network with one hidden layer and a linear output."""
    error = hidden(params, x) @ params["W2"] + params["b2"] - y
    return np.mean(error * error) / 2


class Network:
    """A network with one hidden layer, trained from any start.

    Parameters
    ----------
    inputs, width : int
    activation : {"relu", "tanh"}
    dtype : {"float32", "float64"}
    """

    def __init__(self, inputs: int, width: int, activation: str, dtype: str) -> None:
        self.hidden = HIDDEN[activation]
        zeros = {
            "W1": np.zeros((inputs, width), dtype), "b1": np.zeros(width, dtype),
            "W2": np.zeros((width, 1), dtype), "b2": np.zeros(1, dtype),
        }  # fmt: skip
        self.program = SgdProgram(functools.partial(half_squared_error, self.hidden), zeros)
        self.params = self.program.params

    def start(self, model: Model) -> None:
        """Take the parameters of a hand-written model, whose matrices are transposed."""
        for i, layer in enumerate(model.layers, 1):
            self.params[f"W{i}"][...] = layer.W.T
            self.params[f"b{i}"][...] = layer.b[:, 0]

    def train(
        self,
        x: Array,
        y: Array,
        batch_size: int,
        epochs: int,
        learning_rate: float,
        rng: np.random.Generator,
    ) -> list[float]:
        """SGD as `Model.trainBatch` does it, with the same shuffles for the same generator.

        Returns
        -------
        list of float
            MSE over all samples after each epoch.

        Raises
        ------
        ValueError
            The training diverges.
        """
        history = []
        with np.errstate(over="ignore", invalid="ignore"):
            for epoch in range(1, epochs + 1):
                self.program.epoch((x, y), rng.permutation(len(x)), batch_size, learning_rate)
                history.append(self.mse(x, y))
                if not np.isfinite(history[-1]):
                    raise ValueError(
                        f"the training diverged in epoch {epoch} at the learning rate "
                        f"{learning_rate:g}: the MSE is {history[-1]}; lower the learning rate."
                    )
        return history

    def predict(self, x: Array) -> Array:
        """ŷ for samples as rows, shape (n, 1)."""
        found: Array = self.hidden(self.params, x) @ self.params["W2"] + self.params["b2"]
        return found

    def mse(self, x: Array, y: Array) -> float:
        """1/(2n) Σ (ŷ − y)²."""
        return float(half_squared_error(self.hidden, self.params, x, y))

    def dead_units(self, x: Array) -> int:
        """Hidden units whose output is 0 on every image: no gradient moves them again."""
        return int(np.sum(~np.any(self.hidden(self.params, x) > 0, axis=0)))


class CountingOptimizer(GDOptimizer):
    """Gradient descent that counts its steps."""

    def __init__(self, eta: float) -> None:
        super().__init__(eta)
        self.steps = 0

    def update(self, layers: Sequence[DenseLayer], g: Sequence[Array], a: Sequence[Array]) -> None:
        """Take one step and count it."""
        super().update(layers, g, a)
        self.steps += 1


def epoch_of_both(
    model: Model, x: Array, y: Array, batch_size: int, learning_rate: float, seed: int
) -> tuple[int, float]:
    """One epoch by hand and one compiled, from the same start over the same batches, in float64.

    Parameters
    ----------
    model : Model
        One hidden layer of ReLU and a linear output; is trained.
    x, y : arrays, shape (n, inputs) and (n, 1)
    batch_size : int
    learning_rate : float
    seed : int
        Of the shuffle.

    Returns
    -------
    updates : int
        Counted in the one by hand.
    deviation : float
        Largest difference of the parameters, relative to the largest entry of their array.
    """
    network = Network(x.shape[1], model.layers[0].numNodes, "relu", "float64")
    network.start(model)
    network.train(x, y, batch_size, 1, learning_rate, np.random.default_rng(seed))
    optimizer = CountingOptimizer(learning_rate)
    model.trainBatch(x, y, batch_size, 1, optimizer, rng=np.random.default_rng(seed))
    worst = 0.0
    for i, layer in enumerate(model.layers, 1):
        for name, by_hand in ((f"W{i}", layer.W.T), (f"b{i}", layer.b[:, 0])):
            off = np.max(np.abs(network.params[name] - by_hand)) / np.max(np.abs(by_hand))
            worst = max(worst, float(off))
    return optimizer.steps, worst
