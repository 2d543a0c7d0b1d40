"""Training networks on a parity with the hinge loss: parts (b) and (d) of 001 §3.

All parameters are one flat array and so are their gradients, so that a step is a compiled program
and three operations on arrays, however many layers there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.programs.compiled import Compiled
from chainrule.programs.flat import flat_tree, flat_zeros

#: Batches that are drawn at a time.
CHUNK = 200


def secret(d: int, ones: int) -> np.ndarray:
    """v with ``ones`` ones, the first; which they are makes no difference to a random network."""
    v = np.zeros(d, dtype=np.float32)
    v[:ones] = 1
    return v


def batches(
    v: np.ndarray, size: int, steps: int, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Fresh uniform x in {0, 1}^d and y = (−1)^(vᵀx), batch after batch, as float32."""
    d = len(v)
    chosen = np.flatnonzero(v)
    done = 0
    while done < steps:
        count = min(CHUNK, steps - done)
        drawn = np.frombuffer(rng.bytes((count * size * d + 7) // 8), dtype=np.uint8)
        x = np.unpackbits(drawn, count=count * size * d).reshape(count, size, d)
        odd = np.bitwise_xor.reduce(x[:, :, chosen], axis=2)
        x, y = x.astype(np.float32), 1 - 2 * odd.astype(np.float32)
        yield from zip(x, y, strict=True)
        done += count


def two_layers(d: int, k: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """W, b, α, β as PyTorch's linear layers begin: uniform within 1/√inputs."""
    return {
        "W": _uniform((k, d), d, rng),
        "b": _uniform((k,), d, rng),
        "alpha": _uniform((k,), k, rng),
        "beta": _uniform((), k, rng),
    }


def two_layer_scores(params: Any, x: Any) -> Any:
    """f(x) = Σ α_i max(0, W_iᵀx + b_i) + β for x as rows."""
    hidden = np.maximum(x @ params["W"].T + params["b"], 0)
    # A product of matrices, whose derivative is written into memory that is there already.
    return (hidden @ params["alpha"][:, np.newaxis])[:, 0] + params["beta"]


def hinge_risk(scores: Callable[..., Any]) -> Callable[..., Any]:
    """Mean of max(0, 1 − y f(x)) as a function of (params, x, y); at y f = 1 it is flat."""

    def risk(params: Any, x: Any, y: Any) -> Any:
        return np.mean(np.maximum(1 - y * scores(params, x), 0))

    return risk


def deep(
    d: int, k: int, layers: int, activation: str, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Weights of `layers` hidden layers: He-normal for ReLU, Glorot-normal for sigmoid."""
    params = {}
    for i, (m, n) in enumerate(zip([d, *[k] * layers], [*[k] * layers, 1], strict=True), 1):
        spread = np.sqrt(2 / m) if activation == "relu" else np.sqrt(2 / (m + n))
        params[f"W{i}"] = (spread * rng.normal(size=(n, m))).astype(np.float32)
        params[f"b{i}"] = np.zeros(n, dtype=np.float32)
    return params


def deep_scores(activation: str) -> Callable[..., Any]:
    """f of a network as `deep` makes it, as a function of (params, x)."""
    φ = {"relu": nn.relu, "sigmoid": nn.sigmoid}[activation]

    def scores(params: Any, x: Any) -> Any:
        layers = len(params) // 2
        a = x
        for i in range(1, layers + 1):
            z = a @ params[f"W{i}"].T + params[f"b{i}"]
            a = φ(z) if i < layers else z
        return a[:, 0]

    return scores


def _uniform(shape: tuple[int, ...], inputs: int, rng: np.random.Generator) -> np.ndarray:
    bound = 1 / np.sqrt(inputs)
    return np.asarray(rng.uniform(-bound, bound, size=shape), dtype=np.float32)


@dataclass(frozen=True)
class Curve:
    """Mean hinge loss over each stretch of iterations, each measured before its step.

    Attributes
    ----------
    iterations : list of int
        The end of each stretch.
    losses : list of float
    accuracy : float
        After training, on fresh data.
    """

    iterations: list[int]
    losses: list[float]
    accuracy: float


def train(
    scores: Callable[..., Any],
    params: dict[str, np.ndarray],
    v: np.ndarray,
    rng: np.random.Generator,
    *,
    steps: int,
    batch_size: int = 100,
    learning_rate: float = 1e-3,
    momentum: float = 0.9,
    points: int = 100,
    progress: Callable[[int, float], None] = lambda steps, loss: None,
) -> Curve:
    """SGD with momentum on batches that never repeat.

    Parameters
    ----------
    scores : callable
        ``scores(params, x)``, f for x as rows.
    params : dict of arrays
        Where to begin; not changed.
    v : array, shape (d,)
        Of 0 and 1.
    rng : Generator
        Draws the data.
    steps, batch_size : int
    learning_rate, momentum : float
        b ← ρb + g, w ← w − ηb.
    points : int
        Stretches of the curve.
    progress : callable
        Called after each with its number of steps and its loss.
    """
    flat, weights = flat_tree(params)
    gradient, gradients = flat_zeros(params)
    program = Compiled(hinge_risk(scores), (0, None, False)).into(gradients)
    velocity, scaled = np.zeros_like(flat), np.empty_like(flat)
    rate, rho = np.float32(learning_rate), np.float32(momentum)
    ends = np.unique(np.linspace(0, steps, min(points, steps) + 1).astype(int))[1:].tolist()
    losses, total, since, upcoming = [], 0.0, 0, iter(ends)
    end = next(upcoming)
    for t, (x, y) in enumerate(batches(v, batch_size, steps, rng), 1):
        total += float(program(weights, x, y))
        np.multiply(velocity, rho, velocity)
        np.add(velocity, gradient, velocity)
        np.multiply(velocity, rate, scaled)
        np.subtract(flat, scaled, flat)
        if t == end:
            losses.append(total / (t - since))
            progress(t - since, losses[-1])
            total, since = 0.0, t
            end = next(upcoming, 0)
    x, y = next(batches(v, 10_000, 1, rng))
    return Curve(ends, losses, float(np.mean(np.sign(scores(weights, x)) == y)))
