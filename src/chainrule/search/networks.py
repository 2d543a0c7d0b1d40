"""Many small networks of one shape, trained as one program with a leading axis.

The learning rates and initial values differ from network to network; the layers, the data and
their order are the same. The first layers of all networks side by side are one matrix, so that a
step is a few large products instead of very many small ones. With a mean squared error
(1/B) Σ (ŷ − y)² and δ its derivative by the pre-activations, a step of stochastic gradient descent
is W ← W − η Xᵀδ for each network; scaling the columns of δ by each network's η first makes this
one product that adds to W in place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from chainrule.search.errors import SearchError
from chainrule.search.objective import batched

__all__ = ["Networks", "digit_classifiers", "train_networks"]

Array = np.ndarray

#: Activation, and its derivative written in its value.
ACTIVATIONS: Mapping[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "tanh": (np.tanh, lambda a: 1 - a * a),
    "relu": (lambda z: np.maximum(z, 0), lambda a: (a > 0).astype(a.dtype)),
}


@dataclass
class Networks:
    """K networks of the same shape; the output layer is linear.

    Attributes
    ----------
    first : ndarray of shape (K · H, D)
        First layers, each the H rows of one network.
    weights : list of ndarray of shape (K, H_in, H_out)
        The layers after the first.
    biases : list of ndarray of shape (K, 1, H)
        Of all layers.
    activation : {"tanh", "relu"}
    """

    first: Array
    weights: list[Array]
    biases: list[Array]
    activation: str

    @classmethod
    def drawn(
        cls,
        sizes: Sequence[int],
        seeds: Sequence[int],
        scales: Sequence[float],
        activation: str = "tanh",
        dtype: Any = np.float32,
    ) -> Networks:
        """Return networks with weights uniform on ±scale/√fan-in, biases 0, each from its seed.

        Parameters
        ----------
        sizes : sequence of int
            Numbers of inputs, of units of each hidden layer, and of outputs; at least three.
        seeds, scales : sequences of length K
        activation : {"tanh", "relu"}
        dtype : float32 or float64

        Raises
        ------
        SearchError
            For another activation, or fewer than three sizes.
        """
        if activation not in ACTIVATIONS:
            raise SearchError(f"Unknown activation {activation!r}; choose tanh or relu.")
        if len(sizes) < 3 or min(sizes) < 1:
            raise SearchError(
                f"The sizes are {list(sizes)}; expected inputs, hidden units and outputs, each at "
                "least 1."
            )
        layers: list[list[Array]] = [[] for _ in sizes[1:]]
        for seed, scale in zip(seeds, scales, strict=True):
            generator = np.random.default_rng(seed)
            for layer, fan_in, fan_out in zip(layers, sizes[:-1], sizes[1:], strict=True):
                bound = scale / np.sqrt(fan_in)
                layer.append(generator.uniform(-bound, bound, (fan_in, fan_out)).astype(dtype))
        first = np.concatenate([weight.T for weight in layers[0]])
        biases = [np.zeros((len(seeds), 1, units), dtype) for units in sizes[1:]]
        return cls(
            np.ascontiguousarray(first), [np.stack(layer) for layer in layers[1:]], biases,
            activation,
        )  # fmt: skip

    def activations(self, inputs: Array) -> list[Array]:
        """Return the values of every layer, each of shape (K, B, units), for inputs (B, D)."""
        function = ACTIVATIONS[self.activation][0]
        count, _, units = self.biases[0].shape
        z = (inputs @ self.first.T).reshape(len(inputs), count, units).transpose(1, 0, 2)
        values = [function(z + self.biases[0])]
        for weight, bias in zip(self.weights, self.biases[1:], strict=True):
            z = values[-1] @ weight + bias
            values.append(z if weight is self.weights[-1] else function(z))
        return values

    def step(self, inputs: Array, targets: Array, rates: Array) -> None:
        """Take one step of gradient descent on the mean squared error of a batch.

        Parameters
        ----------
        inputs : ndarray of shape (B, D)
        targets : ndarray of shape (B, outputs)
        rates : ndarray of shape (K, 1, 1)
        """
        from scipy.linalg.blas import dgemm, sgemm

        derivative = ACTIVATIONS[self.activation][1]
        values = self.activations(inputs)
        # Already times the learning rate, so that every gradient is a step.
        delta = (values[-1] - targets) * (rates * (2 / targets.size))
        for layer in range(len(self.weights) - 1, -1, -1):
            below = delta @ self.weights[layer].transpose(0, 2, 1)
            below *= derivative(values[layer])
            self.weights[layer] -= values[layer].transpose(0, 2, 1) @ delta
            self.biases[layer + 1] -= delta.sum(axis=1, keepdims=True)
            delta = below
        self.biases[0] -= delta.sum(axis=1, keepdims=True)
        # BLAS counts along columns: this is first −= δᵀ X, written on the transposes, in place.
        columns = np.ascontiguousarray(delta.transpose(1, 0, 2)).reshape(len(inputs), -1)
        product = sgemm if self.first.dtype == np.float32 else dgemm
        product(-1.0, inputs.T, columns.T, beta=1.0, c=self.first.T, trans_b=1, overwrite_c=1)


def train_networks(
    networks: Networks,
    inputs: Array,
    targets: Array,
    rates: Sequence[float],
    *,
    epochs: int,
    batch_size: int,
    seed: int = 0,
) -> None:
    """Train networks in place by stochastic gradient descent, all on the same batches.

    A network that diverges holds NaN or infinity then, and does not disturb the others.

    Parameters
    ----------
    networks : Networks
    inputs : ndarray of shape (N, D)
    targets : ndarray of shape (N, outputs)
    rates : sequence of K learning rates
    epochs, batch_size : int
        The last batch of an epoch may be smaller; it is divided by its own size.
    seed : int
        Of the order of the samples, drawn anew for every epoch.
    """
    dtype = networks.first.dtype
    inputs, targets = np.ascontiguousarray(inputs, dtype), np.asarray(targets, dtype)
    eta = np.asarray(rates, dtype).reshape(-1, 1, 1)
    generator = np.random.default_rng(seed)
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(epochs):
            order = generator.permutation(len(inputs))
            for start in range(0, len(order), batch_size):
                chosen = order[start : start + batch_size]
                networks.step(inputs[chosen], targets[chosen], eta)


SHAPE = ("width", "activation", "epochs", "batch_size")


@batched(same=SHAPE)
def digit_classifiers(
    configurations: Sequence[Mapping[str, Any]],
    seeds: Sequence[int],
    budget: float | None = None,
    **fixed: Any,
) -> list[dict[str, float]]:
    """Train classifiers of the digits 3 and 9, 64-width-1, and return their losses and accuracies.

    An objective for `chainrule search`, and an example of a batched one. Two thirds of
    scikit-learn's 363 images are for training, the others for what is returned.

    Parameters
    ----------
    configurations : sequence of mappings
        Any of learning_rate (0.05), initial_scale (1), width (16), activation ("tanh"), epochs (20)
        and batch_size (10); the last four must agree.
    seeds : sequence of int
        Of the initial weights.
    budget : number, optional
        Epochs, under successive halving.
    fixed : values for all of them

    Returns
    -------
    list of {"loss", "accuracy"}
    """
    settings = [{**fixed, **each} for each in configurations]
    known = {"learning_rate", "initial_scale", *SHAPE}
    unknown = set(settings[0]) - known
    if unknown:
        raise SearchError(
            f"A digit classifier has no setting {sorted(unknown)[0]!r}; it has "
            f"{', '.join(sorted(known))}."
        )
    common = settings[0]
    inputs, targets = _digits()
    cut = 2 * len(inputs) // 3
    networks = Networks.drawn(
        (inputs.shape[1], common.get("width", 16), 1), seeds,
        [each.get("initial_scale", 1.0) for each in settings], common.get("activation", "tanh"),
    )  # fmt: skip
    train_networks(
        networks, inputs[:cut], targets[:cut],
        [each.get("learning_rate", 0.05) for each in settings],
        epochs=int(common.get("epochs", 20) if budget is None else budget),
        batch_size=common.get("batch_size", 10),
    )  # fmt: skip
    with np.errstate(over="ignore", invalid="ignore"):
        found = networks.activations(inputs[cut:])[-1]
        losses = np.mean((found - targets[cut:]) ** 2, axis=(1, 2))
        accuracies = np.mean(np.sign(found) == np.sign(targets[cut:]), axis=(1, 2))
    return [
        {"loss": float(loss), "accuracy": float(accuracy)}
        for loss, accuracy in zip(losses, accuracies, strict=True)
    ]


@cache
def _digits() -> tuple[Array, Array]:
    from chainrule.data import digit_pair, load_digits

    x, y = digit_pair(*load_digits(), maximum=16)
    order = np.random.default_rng(0).permutation(len(x))
    return x[order].astype(np.float32), y[order].reshape(-1, 1).astype(np.float32)
