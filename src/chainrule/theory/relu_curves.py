"""Curves y = b_O + Σ_i W_O,i max(0, W_H,i x + b_H,i) of one variable: value and gradient by hand.

NYU Deep Learning, fall 2023, Problem 3; the hidden layer of the hand-out has four units.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from chainrule.theory.inputs import real_array

__all__ = ["HANDOUT", "Forward", "ReluCurve"]


@dataclass(frozen=True, eq=False)
class Forward:
    """What forward propagation computes.

    Attributes
    ----------
    z_bar : array of shape (n,)
        Pre-activations.
    z : array of shape (n,)
        Outputs of the hidden layer.
    y : float
    """

    z_bar: np.ndarray
    z: np.ndarray
    y: float


@dataclass(frozen=True, eq=False)
class ReluCurve:
    """The parameters θ of a curve with n hidden units; also what a gradient by θ looks like.

    Attributes
    ----------
    W_H, b_H, W_O : array of shape (n,)
        Weights and biases of the hidden units, and weights of the output.
    b_O : float
    """

    W_H: np.ndarray
    b_H: np.ndarray
    W_O: np.ndarray
    b_O: float

    @classmethod
    def of(cls, W_H: Any, b_H: Any, W_O: Any, b_O: Any) -> ReluCurve:
        """A curve from array_likes.

        Parameters
        ----------
        W_H, b_H, W_O : array_like of shape (n,)
            Weights and biases of the hidden layer, weights of the output.
        b_O : float
            Bias of the output.

        Returns
        -------
        ReluCurve

        Raises
        ------
        ValueError
            The three vectors differ in length, or a number is not finite.
        """
        vectors = [
            real_array(given, name, 1) for name, given in (("W_H", W_H), ("b_H", b_H), ("W_O", W_O))
        ]
        if len({vector.shape for vector in vectors}) != 1:
            listed = ", ".join(str(vector.shape) for vector in vectors)
            raise ValueError(
                f"W_H, b_H and W_O have the shapes {listed}; expected three vectors of one length."
            )
        b_O = real_array(b_O, "b_O", 0)
        return cls(vectors[0], vectors[1], vectors[2], float(b_O))

    def forward(self, x: float) -> Forward:
        """Forward propagation: z̄ = W_H x + b_H, z = max(0, z̄), y = b_O + Σ W_O z."""
        z_bar = self.W_H * x + self.b_H
        z = np.maximum(z_bar, 0.0)
        return Forward(z_bar, z, float(self.b_O + self.W_O @ z))

    def __call__(self, x: float) -> float:
        return self.forward(x).y

    def gradient(self, x: float) -> ReluCurve:
        """∇f(x, θ) by back-propagation, with derivative 0 of max(0, z̄) at z̄ ≤ 0.

        ∂f/∂b_O = 1, ∂f/∂W_O,i = z_i, ∂f/∂b_H,i = W_O,i 1[z̄_i > 0], ∂f/∂W_H,i = x ∂f/∂b_H,i.
        """
        at = self.forward(x)
        through = self.W_O * (at.z_bar > 0)
        return ReluCurve(W_H=x * through, b_H=through, W_O=at.z, b_O=1.0)

    def flat(self) -> np.ndarray:
        """All 3n + 1 numbers in the order W_H, b_H, W_O, b_O."""
        return np.concatenate([np.atleast_1d(value) for _, value in self.items()])

    def items(self) -> Iterator[tuple[str, Any]]:
        """Names and values."""
        return ((field.name, getattr(self, field.name)) for field in fields(self))


#: θ₀ of the hand-out, part (c).
HANDOUT = ReluCurve.of([-1, 1, 1, -1], [1, 1, -1, 1], [-1, -1, -1, 1], 1)
