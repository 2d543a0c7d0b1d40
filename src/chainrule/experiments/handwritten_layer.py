"""A fully connected layer of the hand-written network.

Products are written ``A.dot(B)``: for the thin matrices of a small batch NumPy runs it up to five
times faster than ``A @ B``, with the same result.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from chainrule.experiments.handwritten_functions import Activation, Array

Seed = np.random.Generator | int | None


class DenseLayer:
    """A fully connected layer: z = W a + b, followed by an element-wise activation.

    Parameters
    ----------
    numNodes : int
        Number of units, n_out.
    activation : Activation
        A class or object with `fx` and `dx`, e.g. `ReLUActivation`.

    Attributes
    ----------
    W : ndarray
        Weights, shape ``(numNodes, fanIn)``; there once `initialize` has been called.
    b : ndarray
        Biases, shape ``(numNodes, 1)``.
    """

    def __init__(self, numNodes: int, activation: Activation | type[Activation]) -> None:
        self.numNodes = whole_number(numNodes, "numNodes")
        if not callable(getattr(activation, "fx", None)) or not callable(
            getattr(activation, "dx", None)
        ):
            raise TypeError(
                f"activation is {activation!r}; expected a class with fx(z) and dx(z), e.g. "
                "ReLUActivation."
            )
        self.activation = activation
        self.W: Array
        self.b: Array

    def getNumNodes(self) -> int:
        """Number of units of the layer."""
        return self.numNodes

    def initialize(
        self,
        fanIn: int,
        scale: float = 1.0,
        rng: Seed = None,
        dtype: npt.DTypeLike = np.float64,
    ) -> None:
        """Draw W from Normal(0, s) with s = scale √(6/(numNodes + fanIn)), and b from U(−1, 1).

        This is the hand-out's distribution (s is Glorot's bound, here a standard deviation).

        Parameters
        ----------
        fanIn : int
            Number of units of the previous layer.
        scale : float
            Factor on the standard deviation of the weights.
        rng : numpy.random.Generator, int or None
            Source of the numbers or its seed; None takes fresh entropy.
        dtype : dtype
            float32 or float64.
        """
        fanIn = whole_number(fanIn, "fanIn")
        generator = np.random.default_rng(rng)
        deviation = scale * np.sqrt(6.0 / (self.numNodes + fanIn))
        self.W = generator.normal(0.0, deviation, (self.numNodes, fanIn)).astype(dtype)
        self.b = generator.uniform(-1.0, 1.0, (self.numNodes, 1)).astype(dtype)

    def a(self, z: Array) -> Array:
        """Activation σ(z), in the shape of `z`."""
        return self.activation.fx(z)

    def z(self, a: Array) -> Array:
        """Pre-activation W a + b, shape ``(numNodes, n)``, of `a` of shape ``(fanIn, n)``."""
        if not hasattr(self, "W"):
            raise RuntimeError(
                "the layer has no weights yet; call initialize of the layer or its model first."
            )
        if a.ndim != 2 or a.shape[0] != self.W.shape[1]:
            raise ValueError(
                f"a has shape {a.shape}; expected ({self.W.shape[1]}, n), one column per sample."
            )
        z = self.W.dot(a)
        z += self.b
        return z

    def dx(self, z: Array) -> Array:
        """Derivative σ'(z) of the activation, in the shape of `z`."""
        return self.activation.dx(z)

    def updateWeights(self, dW: Array) -> None:
        """Add `dW`, shape ``(numNodes, fanIn)``, to the weights."""
        if dW.shape != self.W.shape:
            raise ValueError(f"dW has shape {dW.shape}; expected {self.W.shape}, the shape of W.")
        self.W += dW

    def updateBias(self, db: Array) -> None:
        """Add `db`, shape ``(numNodes, 1)``, to the biases."""
        if db.shape != self.b.shape:
            raise ValueError(
                f"db has shape {db.shape}; expected {self.b.shape}, the shape of b: sum over the "
                "samples with keepdims=True."
            )
        self.b += db


def whole_number(value: int, name: str) -> int:
    """`value` as a positive whole number."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name} is {value!r}; expected a whole number of at least 1.")
    return int(value)
