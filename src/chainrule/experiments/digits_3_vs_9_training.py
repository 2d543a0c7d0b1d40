"""The trainings of `digits-3-vs-9`: the same steps as the hand-written ones, as a compiled program.

A network's program is made once and serves all its trainings; parameters lie in one flat array, so
that a step is a gather, the gradients and one update (`chainrule.programs.epochs`). Trainings that
differ in their seed alone run side by side in one program (`chainrule.training.many`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import nn, optim
from chainrule.experiments.handwritten_backprop import GDOptimizer, Model
from chainrule.experiments.handwritten_functions import Array
from chainrule.experiments.handwritten_layer import DenseLayer
from chainrule.programs.epochs import SgdProgram
from chainrule.training import train_many


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

    def load(self, tree: Any) -> None:
        """Take the parameters of a network of `sweep`."""
        for i in (1, 2):
            self.params[f"W{i}"][...] = tree[f"linear{i}"]["W"].T
            self.params[f"b{i}"][...] = tree[f"linear{i}"]["b"]

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
                    raise diverged(epoch, learning_rate)
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


def sweep(
    models: Sequence[Model],
    activation: str,
    x: Array,
    y: Array,
    *,
    batch_size: int,
    epochs: int,
    learning_rate: float,
    order_seeds: Sequence[int],
) -> tuple[list[Any], Array]:
    """Train several networks of one shape at once, each from its start and in its order.

    Parameters
    ----------
    models : sequence of Model
        Where each network begins; one hidden layer of `activation` and a linear output.
    activation : {"relu", "tanh"}
    x, y : arrays, shape (n, inputs) and (n, 1)
    batch_size, epochs : int
    learning_rate : float
    order_seeds : sequence of int
        Of the shuffles of each network.

    Returns
    -------
    params : list of trees
        For `Network.load`.
    history : array, shape (networks, epochs)
        MSE over all samples after each epoch.

    Raises
    ------
    ValueError
        A training diverges.
    """
    first = models[0].layers[0]
    network = nn.Sequential(
        nn.Linear(x.shape[1], first.numNodes),
        {"relu": nn.relu, "tanh": nn.tanh}[activation],
        nn.Linear(first.numNodes, 1),
    )
    starts = [
        {
            f"linear{i}": {"W": layer.W, "b": layer.b[:, 0]}
            for i, layer in enumerate(model.layers, 1)
        }
        for model in models
    ]
    many = train_many(
        network, (x, y), optimizer=optim.sgd(learning_rate), epochs=epochs, batch_size=batch_size,
        loss=functools.partial(nn.squared_error, reduction="half_sample_mean"), params=starts,
        order_seeds=order_seeds, evaluate_train=True,
    )  # fmt: skip
    if not many.finite.all():
        epoch = int(np.argmin(np.isfinite(many.column("train_loss")).all(axis=0))) + 1
        raise diverged(epoch, learning_rate)
    return many.params, many.column("evaluated_train_loss")


def diverged(epoch: int, learning_rate: float) -> ValueError:
    """The error of a training whose loss is not finite any more."""
    return ValueError(
        f"the training diverged in epoch {epoch} at the learning rate {learning_rate:g}; lower the "
        "learning rate."
    )


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
