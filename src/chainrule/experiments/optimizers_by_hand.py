"""The linear model, its data and the four optimizers of 000 §2.7, by the hand-out's names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

Gradients = tuple[np.ndarray, np.ndarray]


class Linear:
    """The model ŷ = X wᵀ + b.

    Attributes
    ----------
    w : array, shape (1, d)
    b : array, shape (1,)
    """

    def __init__(self, w: Sequence[float] = (5.0, 5.0), b: float = 10.0) -> None:
        self.w = np.array([w], dtype=float)
        self.b = np.array([b], dtype=float)

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """The predictions, shape (n, 1), for X of shape (n, d)."""
        return np.asarray(X, dtype=float) @ self.w.T + self.b

    @property
    def parameters(self) -> np.ndarray:
        """(w_1, …, w_d, b)."""
        return np.append(self.w, self.b)


def loss(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Mean squared error, without a factor ½.

    Raises
    ------
    ValueError
        If the shapes differ: (n, 1) minus (n,) would silently be n × n.
    """
    y_true, y_pred = np.asarray(y_true, dtype=float), np.asarray(y_pred, dtype=float)
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"y_true has shape {y_true.shape} and y_pred {y_pred.shape}; reshape them to be equal, "
            "for example with y.reshape(-1, 1)."
        )
    return float(np.mean((y_true - y_pred) ** 2))


class Problem:
    """The hand-out's data, y = 4x₁ + 3x₂ + 2 + noise, and the quadratic that its loss is.

    Attributes
    ----------
    X, y : arrays, shape (n, 2) and (n, 1)
    design : array, shape (n, 3)
        X and a column of ones.
    hessian : array, shape (3, 3)
        Of the loss, in (w1, w2, b).
    best, start : arrays, shape (3,)
        The least-squares solution, and where training starts.
    floor : float
        The loss of the best.
    limit : float
        2 / λ_max, from which learning rate on GD diverges.
    """

    def __init__(self, rng: np.random.Generator, n: int) -> None:
        self.X = rng.normal(size=(n, 2))
        self.y = self.X @ np.array([[4.0], [3.0]]) + 2 + rng.normal(size=(n, 1))
        self.design = np.column_stack([self.X, np.ones(n)])
        self.hessian = 2 / n * self.design.T @ self.design
        self.best = np.linalg.lstsq(self.design, self.y, rcond=None)[0].ravel()
        self.floor = float(np.mean((self.design @ self.best - self.y.ravel()) ** 2))
        self.start = Linear().parameters
        self.limit = float(2 / np.linalg.eigvalsh(self.hessian)[-1])

    def excess(self, path: np.ndarray) -> np.ndarray:
        """loss − minimum at each (w1, w2, b) of a path, without the rounding of a difference."""
        offset = path - self.best
        return np.asarray(np.einsum("...i,ij,...j->...", offset, self.hessian, offset) / 2)


class Method(Protocol):
    """What the four optimizers have in common."""

    def calculate_gradient(self, X: np.ndarray, y: np.ndarray, model: Linear) -> Gradients:
        """∂loss/∂w and ∂loss/∂b, in the shapes of w and b."""

    def apply_gradient(self, grads: Gradients, model: Linear) -> None:
        """One step, which changes the model."""


class GD:
    """Gradient descent: w ← w − η ∂loss/∂w, with the gradient of all samples."""

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = lr

    def calculate_gradient(self, X: np.ndarray, y: np.ndarray, model: Linear) -> Gradients:
        """(2/n) Σ (ŷ_i − y_i) x_i and (2/n) Σ (ŷ_i − y_i)."""
        error = model(X) - y
        return 2 / len(X) * (error.T @ X), 2 / len(X) * np.sum(error, axis=0)

    def apply_gradient(self, grads: Gradients, model: Linear) -> None:
        """w ← w − η g."""
        model.w -= self.lr * grads[0]
        model.b -= self.lr * grads[1]


class SGD(GD):
    """Stochastic gradient descent: the gradient of one sample, drawn anew for every step."""

    def __init__(self, lr: float = 0.01, rng: np.random.Generator | None = None) -> None:
        super().__init__(lr)
        self.rng = np.random.default_rng() if rng is None else rng

    def calculate_gradient(self, X: np.ndarray, y: np.ndarray, model: Linear) -> Gradients:
        """2 (ŷ_i − y_i) x_i and 2 (ŷ_i − y_i) of one random i."""
        i = int(self.rng.integers(len(X)))
        return super().calculate_gradient(X[i : i + 1], y[i : i + 1], model)


class AdaGrad(GD):
    """Duchi, Hazan & Singer 2011: each coordinate's step divided by √Σ g², its own history.

    The defaults are Keras' (and the hand-out's): the sum starts at 0.1, ε is inside the root.
    PyTorch's: ``initial_accumulator=0, epsilon=1e-10, epsilon_in_root=False``.
    """

    def __init__(
        self,
        lr: float = 0.001,
        epsilon: float = 1e-7,
        initial_accumulator: float = 0.1,
        epsilon_in_root: bool = True,
    ) -> None:
        super().__init__(lr)
        self.epsilon = epsilon
        self.epsilon_in_root = epsilon_in_root
        self.initial_accumulator = initial_accumulator
        self.accumulator: list[np.ndarray] = []

    def apply_gradient(self, grads: Gradients, model: Linear) -> None:
        """G ← G + g², w ← w − η g / √(G + ε)."""
        if not self.accumulator:
            self.accumulator = [np.full(g.shape, self.initial_accumulator) for g in grads]
        for w, g, G in zip((model.w, model.b), grads, self.accumulator, strict=True):
            G += g * g
            inside, outside = (self.epsilon, 0) if self.epsilon_in_root else (0, self.epsilon)
            w -= self.lr * g / (np.sqrt(G + inside) + outside)


class Adam(GD):
    """Kingma & Ba 2015: moving averages of g and g², corrected for starting at zero.

    The defaults are Keras' (and the hand-out's): ε is added to √v before the correction, as at the
    end of section 2 of the paper. PyTorch's is algorithm 1: ``epsilon=1e-8, epsilon_hat=False``.
    """

    def __init__(
        self,
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-7,
        epsilon_hat: bool = True,
    ) -> None:
        super().__init__(lr)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.epsilon_hat = epsilon_hat
        self.m: list[np.ndarray] = []
        self.v: list[np.ndarray] = []
        self.t = 0

    def apply_gradient(self, grads: Gradients, model: Linear) -> None:
        """m and v, then w ← w − η m̂ / (√v̂ + ε); t is 1 at the first step."""
        if not self.t:
            self.m, self.v = ([np.zeros(g.shape) for g in grads] for _ in range(2))
        self.t += 1
        root = math.sqrt(1 - self.beta2**self.t)
        rate = self.lr * root / (1 - self.beta1**self.t)
        for w, g, m, v in zip((model.w, model.b), grads, self.m, self.v, strict=True):
            m += (1 - self.beta1) * (g - m)
            v += (1 - self.beta2) * (g * g - v)
            w -= rate * m / (np.sqrt(v) + self.epsilon * (1 if self.epsilon_hat else root))


def train(method: Method, X: np.ndarray, y: np.ndarray, model: Linear, steps: int) -> np.ndarray:
    """The hand-out's loop: gradient, then step.

    Parameters
    ----------
    method : GD, SGD, AdaGrad or Adam
    X : array, shape (n, d)
    y : array, shape (n, 1)
    model : Linear
        Is changed.
    steps : int

    Returns
    -------
    array, shape (steps + 1, d + 1)
        (w, b), from the start on.
    """
    path = [model.parameters]
    for _ in range(steps):
        method.apply_gradient(method.calculate_gradient(X, y, model), model)
        path.append(model.parameters)
    return np.array(path)
