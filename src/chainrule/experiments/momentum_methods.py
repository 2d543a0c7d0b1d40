"""SGD, momentum and Nesterov momentum by hand, for `momentum`, and the network they train.

w is one vector of all parameters, v the velocity, η the learning rate; ∇ is a function of w.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.programs.flat import flat_tree

Gradient = Callable[[np.ndarray], np.ndarray]
Pair = tuple[np.ndarray, np.ndarray]


def sgd(w: np.ndarray, v: np.ndarray, gradient: Gradient, eta: float, rho: float) -> Pair:
    """w ← w − η ∇f(w); v and ρ have no part in it."""
    return w - eta * gradient(w), v


def momentum(w: np.ndarray, v: np.ndarray, gradient: Gradient, eta: float, rho: float) -> Pair:
    """v ← ρv − η ∇f(w), w ← w + v."""
    v = rho * v - eta * gradient(w)
    return w + v, v


def nesterov(w: np.ndarray, v: np.ndarray, gradient: Gradient, eta: float, rho: float) -> Pair:
    """v ← ρv − η ∇f(w + ρv), w ← w + v: the gradient where the velocity alone would lead."""
    v = rho * v - eta * gradient(w + rho * v)
    return w + v, v


#: The three methods by the names of the figures.
METHODS = {"SGD": sgd, "momentum": momentum, "Nesterov": nesterov}


def nesterov_framework(
    theta: np.ndarray, b: np.ndarray, gradient: Gradient, eta: float, rho: float
) -> Pair:
    """g = ∇f(θ), b ← ρb + g, θ ← θ − η(g + ρb): as in PyTorch, for θ = w + ρv."""
    g = gradient(theta)
    b = rho * b + g
    return theta - eta * (g + rho * b), b


def momentum_outside(
    w: np.ndarray, v: np.ndarray, gradient: Gradient, eta: float, rho: float
) -> Pair:
    """v ← ρv + ∇f(w), w ← w − ηv: the same as `momentum` as long as η is constant."""
    v = rho * v + gradient(w)
    return w - eta * v, v


def iterates(method: Any, gradient: Gradient, w: float, etas: Sequence[float], rho: float) -> Any:
    """The numbers that a method goes through from w with v = 0."""
    at, v = np.array([w]), np.zeros(1)
    path = []
    for eta in etas:
        at, v = method(at, v, gradient, eta, rho)
        path.append(float(at[0]))
    return path


def companion_radius(method: str, curvature: float, rho: float) -> float:
    """Largest |eigenvalue| of one step on ½λw², as a linear map of (w, v).

    Parameters
    ----------
    method : {"SGD", "momentum", "Nesterov"}
    curvature : float
        ηλ.
    rho : float
    """
    columns = []
    for w, v in ((1.0, 0.0), (0.0, 1.0)):
        pair = METHODS[method](np.array([w]), np.array([v]), lambda at: curvature * at, 1.0, rho)
        columns.append([float(part[0]) for part in pair])
    step = np.array(columns).T
    # SGD leaves v alone, which is no part of its convergence.
    return abs(step[0, 0]) if method == "SGD" else float(np.max(np.abs(np.linalg.eigvals(step))))


def stability_limit(method: str, rho: float) -> float:
    """The ηλ from which on `method` diverges on a quadratic, by bisection."""
    stable, unstable = 0.0, 10.0
    while unstable - stable > 1e-13:
        middle = (stable + unstable) / 2
        if companion_radius(method, middle, rho) < 1:
            stable = middle
        else:
            unstable = middle
    return stable


class Network:
    """A network of ELU layers with softmax and cross-entropy as a function of one vector.

    Parameters
    ----------
    weights : sequence of arrays, shape (n_l, n_{l-1})
        At the start; biases start at 0.

    Attributes
    ----------
    start : array, shape (number of parameters,)
    """

    def __init__(self, weights: Sequence[np.ndarray]) -> None:
        import chainrule as cr

        self.layers = len(weights)
        params = {f"W{i}": W for i, W in enumerate(weights, 1)}
        params |= {f"b{i}": np.zeros(len(W)) for i, W in enumerate(weights, 1)}
        self._flat, self._params = flat_tree(params)
        self.start = self._flat.copy()
        self._value_and_grad = cr.value_and_grad(self.loss, compile=True, argnums=0)

    def logits(self, params: Any, X: Any) -> Any:
        """z of the last layer, shape (n, classes)."""
        a = X
        for i in range(1, self.layers + 1):
            z = nn.linear(a, params[f"W{i}"], params[f"b{i}"])
            a = nn.elu(z) if i < self.layers else z
        return a

    def loss(self, params: Any, X: Any, labels: Any) -> Any:
        """Mean cross-entropy."""
        return nn.cross_entropy(self.logits(params, X), labels)

    def gradient(self, w: np.ndarray, X: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """∇ of the mean loss over the rows of X, as a vector."""
        self._flat[:] = w
        grads = self._value_and_grad(self._params, X, labels)[1]
        return np.concatenate([grads[name].ravel() for name in self._params])

    def measure(self, w: np.ndarray, X: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
        """Mean loss and accuracy."""
        self._flat[:] = w
        z = self.logits(self._params, X)
        return (
            float(nn.cross_entropy(z, labels)),
            float(np.mean(np.argmax(z, axis=1) == labels)),
        )

    def norms(self, w: np.ndarray) -> list[float]:
        """‖·‖₂ of all weight matrices taken together, without biases, and of each one."""
        self._flat[:] = w
        each = [float(np.linalg.norm(self._params[f"W{i}"])) for i in range(1, self.layers + 1)]
        return [float(np.linalg.norm(each)), *each]
