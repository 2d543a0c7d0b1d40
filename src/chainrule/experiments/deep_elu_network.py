"""The deep network of 003 P2: weights as the hand-out draws them, passes by hand, mean field.

Everything acts on several networks at once: weights have leading axes, one network has none.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import nn


def elu_derivative(z: np.ndarray) -> np.ndarray:
    """1 where z > 0, eᶻ elsewhere."""
    return np.exp(np.minimum(z, 0))


def sigmoid_derivative(z: np.ndarray) -> np.ndarray:
    """σ(z) σ(−z), which does not cancel where 1 − σ(z) would."""
    return np.asarray(nn.sigmoid(z) * nn.sigmoid(-z))


#: Each activation with its derivative.
ACTIVATIONS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "ELU": (nn.elu, elu_derivative),
    "sigmoid": (nn.sigmoid, sigmoid_derivative),
}


def initialize_weights(
    layer_dimensions: Sequence[int], seeds: Sequence[int] | None = None
) -> list[np.ndarray]:
    """He-normal weights, as the hand-out's function of this name draws them; biases are zero.

    Parameters
    ----------
    layer_dimensions : sequence of int
        n_0, …, n_M.
    seeds : sequence of int, optional
        One network for each; the hand-out's single network, of seed 42, without.

    Returns
    -------
    list of arrays, shape (n_l, n_{l-1}) or (len(seeds), n_l, n_{l-1})
        W_1, …, W_M.

    Notes
    -----
    003 P2 (i). ``np.random.seed(42); np.random.randn(…)`` changes the generator that all of NumPy
    shares; a ``RandomState`` of its own draws the same numbers.
    """
    drawn = []
    for seed in (42,) if seeds is None else seeds:
        rng = np.random.RandomState(seed)
        drawn.append(
            [
                rng.randn(rows, columns) * np.sqrt(2 / columns)
                for columns, rows in itertools.pairwise(layer_dimensions)
            ]
        )
    if seeds is None:
        return drawn[0]
    return [np.stack(layer) for layer in zip(*drawn, strict=True)]


@dataclass(frozen=True)
class Forward:
    """What a forward pass leaves: z_1 … z_M, and a_0 … a_{M-1}, the input of each layer."""

    z: list[np.ndarray]
    a: list[np.ndarray]

    @property
    def probabilities(self) -> np.ndarray:
        """softmax(z_M), shape (..., K, 1)."""
        return np.asarray(nn.softmax(self.z[-1], axis=-2))

    def loss(self, y: np.ndarray) -> np.ndarray:
        """Cross-entropy −Σ y log p, by log-sum-exp, shape (...)."""
        top = np.max(self.z[-1], axis=-2, keepdims=True)
        total = np.log(np.sum(np.exp(self.z[-1] - top), axis=-2, keepdims=True))
        return np.asarray(np.sum(y * (top + total - self.z[-1]), axis=(-2, -1)))


def forward(weights: Sequence[np.ndarray], x: np.ndarray, activation: str = "ELU") -> Forward:
    """z_l = W_l a_{l-1}, a_l = φ(z_l); no activation after the last layer.

    Parameters
    ----------
    weights : sequence of arrays, shape (..., n_l, n_{l-1})
    x : array, shape (n_0, 1)
    activation : {"ELU", "sigmoid"}
    """
    φ = ACTIVATIONS[activation][0]
    z, a = [], [x]
    for layer, W in enumerate(weights, 1):
        z.append(W @ a[-1])
        if layer < len(weights):
            a.append(φ(z[-1]))
    return Forward(z, a)


def backward(
    weights: Sequence[np.ndarray], passed: Forward, y: np.ndarray, activation: str = "ELU"
) -> list[np.ndarray]:
    """∂ℓ/∂z_l for every layer, by hand: p − y at the top, then φ'(z_l) ⊙ W_{l+1}ᵀ ∂ℓ/∂z_{l+1}.

    Returns
    -------
    list of arrays, shape (..., n_l, 1)
        The gradient of the weights is ∂ℓ/∂W_l = ∂ℓ/∂z_l a_{l-1}ᵀ.
    """
    derivative = ACTIVATIONS[activation][1]
    dz = [passed.probabilities - y]
    for W, z in zip(weights[:0:-1], passed.z[-2::-1], strict=True):
        dz.append(derivative(z) * (np.swapaxes(W, -1, -2) @ dz[-1]))
    return dz[::-1]


def gradient_norms(
    weights: Sequence[np.ndarray], x: np.ndarray, y: np.ndarray, activation: str = "ELU"
) -> np.ndarray:
    """δ_l = ‖∂ℓ/∂W_l‖ = ‖∂ℓ/∂z_l‖ ‖a_{l-1}‖ of every layer, shape (layers, ...).

    For one sample the gradient is an outer product, so its Frobenius and spectral norms agree.
    """
    passed = forward(weights, x, activation)
    return np.stack(
        np.broadcast_arrays(
            *(
                _norm(dz) * _norm(a)
                for dz, a in zip(backward(weights, passed, y, activation), passed.a, strict=True)
            )
        )
    )


def _norm(column: np.ndarray) -> np.ndarray:
    """‖·‖₂ of (..., n, 1)."""
    return np.asarray(np.sqrt(np.sum(column * column, axis=(-2, -1))))


# --- mean field -----------------------------------------------------------------------------------


def elu_moments(q: float) -> tuple[float, float]:
    """E[φ(z)²] and E[φ'(z)²] of ELU for z ~ N(0, q), in closed form.

    With s = √q: s²/2 + e^{2s²}Φ(−2s) − 2e^{s²/2}Φ(−s) + ½, and ½ + e^{2s²}Φ(−2s).
    """
    from scipy.special import erfcx

    s = np.sqrt(q)
    steep, flat = 0.5 * erfcx(np.sqrt(2) * s), 0.5 * erfcx(s / np.sqrt(2))
    return float(q / 2 + steep - 2 * flat + 0.5), float(0.5 + steep)


def moments(q: float, activation: str) -> tuple[float, float]:
    """E[φ(z)²] and E[φ'(z)²] for z ~ N(0, q), by the trapezoidal rule on each side of 0."""
    φ, derivative = ACTIVATIONS[activation]
    half = np.linspace(0, 12, 60_001)
    density = np.exp(-(half**2) / 2) / np.sqrt(2 * np.pi)
    values = [
        np.trapezoid(sum(f(side * np.sqrt(q) * half) ** 2 for side in (1, -1)) * density, half)
        for f in (φ, derivative)
    ]
    return float(values[0]), float(values[1])


@dataclass(frozen=True)
class MeanField:
    """What infinitely wide layers would do.

    Attributes
    ----------
    q : array, shape (layers,)
        Variance of the pre-activations of each layer.
    gains : array, shape (layers - 1,)
        Factor of E‖∂ℓ/∂z_l‖² over E‖∂ℓ/∂z_{l+1}‖².
    norms : array, shape (layers,)
        δ_l, for ‖∂ℓ/∂z‖ = 1 at the last layer.
    """

    q: np.ndarray
    gains: np.ndarray
    norms: np.ndarray


def mean_field(layer_dimensions: Sequence[int], x: np.ndarray, activation: str) -> MeanField:
    """The recursion q_{l+1} = 2 E[φ(z)²], gain 2 E[φ'(z)²], for He-normal weights.

    Notes
    -----
    Poole et al., "Exponential expressivity in deep neural networks through transient chaos",
    NeurIPS 2016, equation 3; Schoenholz et al., "Deep information propagation", ICLR 2017,
    equation 7. The variance of the weights is He's, 2 / fan-in, in every layer.
    """
    layers = len(layer_dimensions) - 1
    q, gains = [2 * float(np.mean(x * x))], []
    for _ in range(layers - 1):
        square, slope = elu_moments(q[-1]) if activation == "ELU" else moments(q[-1], activation)
        q.append(2 * square)
        gains.append(2 * slope)
    above = np.append(np.cumprod(gains[::-1])[::-1], 1.0)
    inputs = np.array(layer_dimensions[:-1]) * np.array(q) / 2
    return MeanField(np.array(q), np.array(gains), np.sqrt(above * inputs))
