"""Backpropagation through a fully connected network, written by hand in NumPy.

The classes of the assignment (Berkeley CS189, homework 6, problem 1), with its names, signatures
and conventions. The network is counted from 0 here: a₀ is the input and, for layer i,

    zᵢ = Wᵢ aᵢ + bᵢ,    aᵢ₊₁ = σ(zᵢ),    Wᵢ of shape nᵢ₊₁ × nᵢ.

Samples are the rows of what the user passes in (`x` is n × k) and the columns of everything
inside (`a`, `z` and the gradients are k × n). Why products are written ``A.dot(B)`` is said in
`handwritten_layer`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chainrule.experiments.handwritten_functions import Array, QuadraticCost, real_array
from chainrule.experiments.handwritten_layer import DenseLayer, Seed, whole_number


def parameter_gradients(g: Sequence[Array], a: Sequence[Array]) -> list[tuple[Array, Array]]:
    """Gradient of the mean cost with respect to every W and b, from what `compute_grad` returns.

    ∂C/∂Wᵢ = 1/m (∂c/∂zᵢ) aᵢᵀ and ∂C/∂bᵢ = 1/m Σ ∂c/∂zᵢ over the m samples.

    Parameters
    ----------
    g : sequence of ndarray
        ∂c/∂zᵢ of the per-sample cost c, shape ``(k_i, m)``, in layer order.
    a : sequence of ndarray
        Input of each layer, shape ``(k_{i-1}, m)``.

    Returns
    -------
    list of (ndarray, ndarray)
        Per layer the gradient of W, shape ``(k_i, k_{i-1})``, and of b, shape ``(k_i, 1)``.
    """
    samples = a[0].shape[1]
    return [
        (gradient.dot(inputs.T) / samples, gradient.sum(axis=1, keepdims=True) / samples)
        for gradient, inputs in zip(g, a, strict=True)
    ]


class GDOptimizer:
    """Gradient descent: W ← W − η ∂C/∂W, b ← b − η ∂C/∂b.

    Parameters
    ----------
    eta : float
        Learning rate η > 0.
    """

    def __init__(self, eta: float) -> None:
        if not np.isfinite(eta) or eta <= 0:
            raise ValueError(f"eta is {eta}; expected a positive learning rate, e.g. 0.02.")
        self.eta = float(eta)

    def initialize(self, layers: Sequence[DenseLayer]) -> None:
        """Nothing to prepare: plain gradient descent has no state."""

    def update(self, layers: Sequence[DenseLayer], g: Sequence[Array], a: Sequence[Array]) -> None:
        """Take one step.

        The gradient is averaged over the m = ``a[0].shape[1]`` samples it was computed from, so a
        short last batch weighs its own samples, not the nominal batch size.

        Parameters
        ----------
        layers : sequence of DenseLayer
            The layers to change.
        g, a : sequence of ndarray
            As returned by `Model.compute_grad`.
        """
        if not len(layers) == len(g) == len(a):
            raise ValueError(
                f"there are {len(layers)} layers, {len(g)} gradients and {len(a)} inputs; expected "
                "one of each per layer, as Model.compute_grad returns them."
            )
        step = -self.eta / a[0].shape[1]
        for layer, gradient, inputs in zip(layers, g, a, strict=True):
            scaled = gradient * step
            layer.updateWeights(scaled.dot(inputs.T))
            # For one sample the sum is a copy, and takes a tenth of the time of the whole step.
            one = scaled.shape[1] == 1
            layer.updateBias(scaled if one else scaled.sum(axis=1, keepdims=True))


class Model:
    """A stack of dense layers with a cost.

    Parameters
    ----------
    inputSize : int
        Number of features of a sample.
    dtype : dtype
        float64 (default) or float32: what parameters and data are kept in.

    Examples
    --------
    >>> model = Model(2)
    >>> model.addLayer(DenseLayer(3, ReLUActivation))
    >>> model.addLayer(DenseLayer(1, LinearActivation))
    >>> model.initialize(QuadraticCost, rng=0)
    >>> model.predict(np.zeros((4, 2))).shape
    (4, 1)
    """

    def __init__(self, inputSize: int, dtype: npt.DTypeLike = np.float64) -> None:
        self.inputSize = whole_number(inputSize, "inputSize")
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise TypeError(f"dtype is {self.dtype}; expected float32 or float64.")
        self.layers: list[DenseLayer] = []
        self.cost: Any = QuadraticCost

    def addLayer(self, layer: DenseLayer) -> None:
        """Put `layer` after the last one."""
        self.layers.append(layer)

    def getLayerSize(self, index: int) -> int:
        """Number of units of layer `index`; of the input where `index` is negative."""
        return self.inputSize if index < 0 else self.layers[index].getNumNodes()

    def initialize(self, cost: Any, initializeLayers: bool = True, rng: Seed = None) -> None:
        """Set the cost and draw the parameters of every layer.

        Parameters
        ----------
        cost : class
            Class with element-wise `fx(y, yp)` and `dx(y, yp)`, e.g. `QuadraticCost`.
        initializeLayers : bool
            False keeps the parameters that the layers have.
        rng : numpy.random.Generator, int or None
            Source of the numbers or its seed; None takes fresh entropy.
        """
        self.cost = cost
        if not initializeLayers:
            return
        generator = np.random.default_rng(rng)
        for index, layer in enumerate(self.layers):
            layer.initialize(self.getLayerSize(index - 1), rng=generator, dtype=self.dtype)

    def evaluate(self, x: npt.ArrayLike) -> tuple[Array, list[Array], list[Array]]:
        """Run the network forward.

        Parameters
        ----------
        x : array_like
            Samples as rows, shape ``(n, inputSize)``.

        Returns
        -------
        yp : ndarray
            Predictions as columns, shape ``(outputs, n)``.
        a : list of ndarray
            Input of each layer, ``a[0]`` = xᵀ; the output of the last layer is not among them.
        z : list of ndarray
            Pre-activation of each layer.

        Raises
        ------
        TypeError, ValueError
            If `x` is not a finite real matrix with `inputSize` columns and at least one row.
        """
        return self._forward(self._rows(x, "x", self.inputSize).T)

    def predict(self, x: npt.ArrayLike) -> Array:
        """Predictions as rows, shape ``(n, outputs)``. Parameters and errors as for `evaluate`."""
        return self.evaluate(x)[0].T

    def mean_cost(self, x: npt.ArrayLike, y: npt.ArrayLike) -> float:
        """Cost averaged over the samples, MSE = 1/(2n) Σ (y − ŷ)² for `QuadraticCost`.

        The outputs of one sample are summed. Parameters and errors as for `compute_grad`.
        """
        rows, targets = self._samples(x, y)
        return self._mean_cost(rows.T, targets.T)

    def compute_grad(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[list[Array], list[Array]]:
        """Backpropagation: ∂c/∂z of the per-sample cost c for every layer.

        From the output, ∂c/∂z = ∂c/∂ŷ ⊙ σ'(z), and then downwards ∂c/∂aᵢ = Wᵢᵀ ∂c/∂zᵢ and
        ∂c/∂zᵢ₋₁ = ∂c/∂aᵢ ⊙ σ'(zᵢ₋₁). Nothing is averaged: `parameter_gradients` and
        `GDOptimizer.update` do that. The gradient with respect to the input is ``W₀ᵀ grad[0]``.

        Parameters
        ----------
        x : array_like
            Samples as rows, shape ``(n, inputSize)``.
        y : array_like
            Targets as rows, shape ``(n, outputs)``; a vector of shape ``(n,)`` is refused.

        Returns
        -------
        grad : list of ndarray
            ∂c/∂zᵢ in layer order, shape ``(k_i, n)``.
        a : list of ndarray
            Input of each layer, as from `evaluate`.

        Raises
        ------
        TypeError, ValueError
            If `x` or `y` is not a finite real matrix of the shape above.
        """
        rows, targets = self._samples(x, y)
        return self._backward(rows.T, targets.T)

    def numerical_grad(
        self, x: npt.ArrayLike, y: npt.ArrayLike, delta: float = 1e-5
    ) -> list[Array]:
        """What `compute_grad` returns first, by central differences in every entry of every z.

        The samples do not influence each other, so one unit is moved by ±`delta` in all of them
        at once. Not valid where a unit lies within `delta` of a kink of its activation. Parameters
        and errors as for `compute_grad`.
        """
        rows, targets = self._samples(x, y)
        gradients = []
        for index, z in enumerate(self._forward(rows.T)[2]):
            gradient = np.empty_like(z)
            for unit in range(len(z)):
                costs = []
                for step in (delta, -delta):
                    moved = z.copy()
                    moved[unit] += step
                    value = self.layers[index].a(moved)
                    for layer in self.layers[index + 1 :]:
                        value = layer.a(layer.z(value))
                    costs.append(self.cost.fx(targets.T, value).sum(axis=0))
                gradient[unit] = (costs[0] - costs[1]) / (2 * delta)
            gradients.append(gradient)
        return gradients

    def numerical_parameter_gradients(
        self, x: npt.ArrayLike, y: npt.ArrayLike, delta: float = 1e-5
    ) -> list[tuple[Array, Array]]:
        """What `parameter_gradients` returns, by central differences in every entry of W and b.

        Two evaluations of the network per parameter. Parameters and errors as for `compute_grad`.
        """
        rows, targets = self._samples(x, y)

        def differences(parameter: Array) -> Array:
            gradient = np.empty_like(parameter)
            for index, value in np.ndenumerate(parameter.copy()):
                costs = []
                for step in (delta, -delta):
                    parameter[index] = value + step
                    costs.append(self._mean_cost(rows.T, targets.T))
                parameter[index] = value
                gradient[index] = (costs[0] - costs[1]) / (2 * delta)
            return gradient

        return [(differences(layer.W), differences(layer.b)) for layer in self.layers]

    def train(
        self, x: npt.ArrayLike, y: npt.ArrayLike, numEpochs: int, optimizer: GDOptimizer
    ) -> list[float]:
        """Gradient descent on all samples at once, one step per epoch.

        Returns the mean cost after each epoch. Parameters and errors as for `trainBatch`.
        """
        rows, targets = self._samples(x, y)
        epochs = [[np.arange(len(rows))]] * whole_number(numEpochs, "numEpochs")
        return self._fit(rows, targets, epochs, optimizer)

    def trainBatch(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        batchSize: int,
        numEpochs: int,
        optimizer: GDOptimizer,
        rng: Seed = None,
    ) -> list[float]:
        """Stochastic gradient descent on batches, reshuffled in every epoch.

        The last batch of an epoch holds what is left, and is averaged over its own size.

        Parameters
        ----------
        x : array_like
            Samples as rows, shape ``(n, inputSize)``.
        y : array_like
            Targets as rows, shape ``(n, outputs)``.
        batchSize : int
            Samples per step, from 1 to n.
        numEpochs : int
            Passes over the data.
        optimizer : GDOptimizer
            Takes the steps.
        rng : numpy.random.Generator, int or None
            Source of the shuffles or its seed; None takes fresh entropy.

        Returns
        -------
        list of float
            Mean cost over all samples after each epoch.

        Raises
        ------
        TypeError, ValueError
            If the data is not as for `compute_grad`, `batchSize` is not from 1 to n, `numEpochs`
            is not positive, or the training diverges (the predictions become infinite).
        """
        rows, targets = self._samples(x, y)
        n = len(rows)
        numEpochs = whole_number(numEpochs, "numEpochs")
        if whole_number(batchSize, "batchSize") > n:
            raise ValueError(
                f"batchSize is {batchSize}, but there are only {n} samples; choose 1 to {n}."
            )
        generator = np.random.default_rng(rng)

        def epochs() -> Iterator[list[Array]]:
            for _ in range(numEpochs):
                order = generator.permutation(n)
                yield [order[start : start + batchSize] for start in range(0, n, batchSize)]

        return self._fit(rows, targets, epochs(), optimizer)

    def _fit(
        self, rows: Array, targets: Array, epochs: Iterable[list[Array]], optimizer: GDOptimizer
    ) -> list[float]:
        """One optimizer step per batch of row numbers; the mean cost after each epoch."""
        optimizer.initialize(self.layers)
        history = []
        # A diverging training overflows before it is noticed; the cost then names the cause.
        with np.errstate(over="ignore", invalid="ignore"):
            for batches in epochs:
                for batch in batches:
                    g, a = self._backward(rows.take(batch, 0).T, targets.take(batch, 0).T)
                    optimizer.update(self.layers, g, a)
                history.append(self._mean_cost(rows.T, targets.T))
        return history

    def _forward(self, x: Array) -> tuple[Array, list[Array], list[Array]]:
        """`evaluate` for samples given as columns."""
        if not self.layers:
            raise ValueError("the model has no layers; add at least one with addLayer.")
        a, z = [], []
        value = x
        for layer in self.layers:
            a.append(value)
            z.append(layer.z(value))
            value = layer.a(z[-1])
        return value, a, z

    def _backward(self, x: Array, y: Array) -> tuple[list[Array], list[Array]]:
        """`compute_grad` for samples given as columns."""
        yp, a, z = self._forward(x)
        gradient = self.cost.dx(y, yp) * self.layers[-1].dx(z[-1])
        grad = [gradient]
        for index in range(len(self.layers) - 2, -1, -1):
            from_above = self.layers[index + 1].W.T.dot(gradient)
            gradient = from_above * self.layers[index].dx(z[index])
            grad.append(gradient)
        return grad[::-1], a

    def _mean_cost(self, x: Array, y: Array) -> float:
        """`mean_cost` for samples given as columns."""
        return float(self.cost.fx(y, self._forward(x)[0]).sum(axis=0).mean())

    def _rows(self, values: npt.ArrayLike, name: str, width: int) -> Array:
        """`values` as a finite matrix of the model's dtype with one sample per row."""
        rows = real_array(values, name)
        if rows.ndim != 2 or rows.shape[1] != width or len(rows) == 0:
            cure = f" Use {name}.reshape(-1, 1)." if rows.ndim == 1 and width == 1 else ""
            raise ValueError(
                f"{name} has shape {rows.shape}; expected (n, {width}), one row per sample and at "
                f"least one.{cure}"
            )
        rows = rows.astype(self.dtype, copy=False)
        if not np.isfinite(np.add.reduce(rows, axis=None)) and not np.all(np.isfinite(rows)):
            row, column = np.argwhere(~np.isfinite(rows))[0]
            raise ValueError(
                f"{name} holds {rows[row, column]} at row {row}, column {column}; expected finite "
                "numbers. Remove or replace such samples."
            )
        return rows

    def _samples(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
        """Both checked, and of one length."""
        rows = self._rows(x, "x", self.inputSize)
        targets = self._rows(y, "y", self.getLayerSize(len(self.layers) - 1))
        if len(rows) != len(targets):
            raise ValueError(
                f"x has {len(rows)} rows and y has {len(targets)}; expected one target per sample."
            )
        return rows, targets
