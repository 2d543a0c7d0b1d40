"""Stochastic gradient descent: a bound for any step sizes, exact moments, and simulation.

f(w) = E g(X, w), and w_(k+1) = w_k − α_k ∇_w g(X_k, w_k) with independent X_k. If ∇f is L-Lipschitz
and E‖∇_w g(X, w)‖² ≤ σ² for all w, then with C = σ²L/2

    Σ_{k<t} α_k E‖∇f(w_k)‖²  ≤  f(w_0) − E f(w_t) + C Σ_{k<t} α_k²,
    min_{k<t} E‖∇f(w_k)‖²    ≤  (f(w_0) − f* + C Σ α_k²) / Σ α_k.

"Deep Learning", Exercise 2 (November 2023), Problem 3, with its misprints corrected; the result is
that of Ghadimi and Lan, "Stochastic first- and zeroth-order methods for nonconvex stochastic
programming", SIAM J. Optim. 23 (2013).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.theory.inputs import real_array, whole_number

__all__ = [
    "SGDBound",
    "SGDMoments",
    "StochasticProblem",
    "cosine_problem",
    "exact_sgd_moments",
    "quadratic_problem",
    "schedule",
    "sgd_bound",
    "sgd_bound_schedule",
    "simulate_sgd",
]

#: Noise paths that `exact_sgd_moments` enumerates at most.
PATHS = 2**20


@dataclass(frozen=True)
class SGDBound:
    """Both sides' constants of the convergence bound.

    Attributes
    ----------
    weighted_sum : float
        Δ + C Σ α_k²: bounds Σ α_k E‖∇f(w_k)‖², where Δ ≥ f(w_0) − E f(w_t).
    smallest : float
        The same divided by Σ α_k: bounds min_k E‖∇f(w_k)‖², and the α-weighted mean too.
    """

    weighted_sum: float
    smallest: float


def sgd_bound(delta: float, L: float, sigma2: float, alphas: Any) -> SGDBound:
    """The bound on the gradients that SGD meets, for any step sizes.

    Parameters
    ----------
    delta : float
        f(w_0) − inf f, at least 0.
    L : float
        Lipschitz constant of ∇f, at least 0.
    sigma2 : float
        Bound on E‖∇_w g(X, w)‖² for all w: of the sampled gradient, not of ∇f. At least 0.
    alphas : array_like of shape (t,)
        Step sizes α_0, …, α_(t−1), positive.

    Returns
    -------
    SGDBound

    Raises
    ------
    ValueError, TypeError
        No steps, a step that is not positive, a negative constant, or a number that is not finite.

    Examples
    --------
    >>> round(sgd_bound(1, 1, 2, [0.1] * 10).smallest, 12)
    1.1
    """
    alphas = _steps(alphas)
    delta, L, sigma2 = (
        _not_negative(value, name)
        for value, name in ((delta, "delta"), (L, "L"), (sigma2, "sigma2"))
    )
    total = delta + 0.5 * sigma2 * L * math.fsum(alphas**2)
    return SGDBound(total, total / math.fsum(alphas))


def schedule(kind: str, t: int, alpha: float = 1.0) -> np.ndarray:
    """The first t step sizes: "constant" α, "3/4" α (k+1)^(−3/4), or "1/2" α (k+1)^(−1/2).

    The hand-out's k^(−3/4) is undefined at k = 0, so steps count from 1.

    Parameters
    ----------
    kind : {"constant", "3/4", "1/2"}
    t : int
        Number of steps, at least 1.
    alpha : float
        α, positive.

    Returns
    -------
    array of shape (t,)

    Raises
    ------
    ValueError, TypeError
        An unknown kind, t < 1, or α that is not positive.
    """
    powers = {"constant": 0.0, "3/4": -0.75, "1/2": -0.5}
    if kind not in powers:
        raise ValueError(f"kind is {kind!r}; expected one of {', '.join(map(repr, powers))}.")
    t, alpha = whole_number(t, "t", 1), _not_negative(alpha, "alpha")
    if not alpha:
        raise ValueError("alpha is 0; expected a positive step size.")
    return alpha * np.arange(1, t + 1, dtype=float) ** powers[kind]


def sgd_bound_schedule(
    kind: str, t: int, delta: float = 1.0, C: float = 1.0, alpha: float = 1.0
) -> float:
    """The bound on min E‖∇f(w_k)‖² after t steps of a schedule, in closed form, for any t.

    Constant α: Δ/(αt) + Cα. Else, with H_s(t) = Σ_{k≤t} k^(−s) = ζ(s) − ζ(s, t + 1):
    "3/4": (Δ + C α² H_{3/2}(t)) / (α H_{3/4}(t)) ~ (Δ/α + 2.612 C α) / (4 t^{1/4});
    "1/2": (Δ + C α² H_1(t)) / (α H_{1/2}(t)) ~ (Δ/α + C α ln t) / (2 √t).

    Parameters
    ----------
    kind : {"constant", "3/4", "1/2"}
    t : int
        Number of steps, at least 1; the cost does not grow with it.
    delta, C, alpha : float
        Δ = f(w_0) − inf f and C = σ²L/2, not negative; α positive.

    Returns
    -------
    float

    Raises
    ------
    ValueError, TypeError
        As `schedule`.

    Examples
    --------
    >>> round(sgd_bound_schedule("1/2", 10**6), 9)
    0.007701985
    """
    schedule(kind, 1, alpha)
    t = whole_number(t, "t", 1)
    delta, C = _not_negative(delta, "delta"), _not_negative(C, "C")
    if kind == "constant":
        return delta / (alpha * t) + C * alpha
    s = {"3/4": 0.75, "1/2": 0.5}[kind]
    return (delta + C * alpha**2 * partial_zeta(2 * s, t)) / (alpha * partial_zeta(s, t))


def partial_zeta(s: float, t: int) -> float:
    """Σ_{k≤t} k^(−s): a sum to 10 000, and the Euler–Maclaurin formula for the rest, to 1e-14."""
    n = min(t, 10_000)
    k = np.arange(1, n + 1, dtype=float)
    head = math.fsum(k**-s)
    if t == n:
        return head

    def rest(x: float) -> float:
        power = math.log(x) if s == 1 else x ** (1 - s) / (1 - s)
        return (
            power
            + 0.5 * x**-s
            - s / 12 * x ** (-s - 1)
            + s * (s + 1) * (s + 2) / 720 * x ** (-s - 3)
        )

    return head + rest(float(t)) - rest(float(n))


@dataclass(frozen=True)
class StochasticProblem:
    """A loss f(w) = E g(X, w) of a vector w, for a noise X with finitely many values.

    Attributes
    ----------
    value, gradient : callable
        f and ∇f of an array of shape (n, d), of shapes (n,) and (n, d).
    sampled_gradient : callable
        ∇_w g(x, w) of x of shape (n,) and w of shape (n, d), of shape (n, d).
    noise, probabilities : tuple of float
    lipschitz : float
        L.
    sigma2 : float
        A bound on E‖∇_w g(X, w)‖² for all w; infinite if there is none.
    infimum : float
        inf f.
    start : tuple of float
        w_0, of length d.
    """

    value: Callable[[np.ndarray], np.ndarray]
    gradient: Callable[[np.ndarray], np.ndarray]
    sampled_gradient: Callable[[np.ndarray, np.ndarray], np.ndarray]
    noise: tuple[float, ...]
    probabilities: tuple[float, ...]
    lipschitz: float
    sigma2: float
    infimum: float
    start: tuple[float, ...]

    def bound(self, alphas: Any) -> SGDBound:
        """The bound for step sizes on this problem, with Δ = f(w_0) − inf f.

        Parameters
        ----------
        alphas : array_like of shape (t,)
            Step sizes, positive.

        Returns
        -------
        SGDBound
        """
        first = float(self.value(np.array([self.start]))[0])
        return sgd_bound(first - self.infimum, self.lipschitz, self.sigma2, alphas)


def cosine_problem(start: float = 2.0) -> StochasticProblem:
    """g(X, w) = 1 − cos w + X w with X = ±1: both assumptions hold everywhere, L = 1, σ² = 2.

    f(w) = 1 − cos w is not convex; E(sin w + X)² = sin² w + 1 ≤ 2. (No quadratic f on the
    whole line satisfies the second assumption.)

    Parameters
    ----------
    start : float
        w_0.

    Returns
    -------
    StochasticProblem
    """
    return StochasticProblem(
        value=lambda w: np.sum(1 - np.cos(w), axis=1),
        gradient=np.sin,
        sampled_gradient=lambda x, w: np.sin(w) + x[:, None],
        noise=(-1.0, 1.0),
        probabilities=(0.5, 0.5),
        lipschitz=1.0,
        sigma2=2.0,
        infimum=0.0,
        start=(start,),
    )


def quadratic_problem(start: float = 1.3, noise: float = 0.7) -> StochasticProblem:
    """g(X, w) = w² + X w with X = ±noise: L = 2, and the descent inequality is an equality.

    E(∇g)² grows with w, so σ² is infinite.

    Parameters
    ----------
    start : float
        w_0.
    noise : float
        Size of X.

    Returns
    -------
    StochasticProblem
    """
    return StochasticProblem(
        value=lambda w: np.sum(w**2, axis=1),
        gradient=lambda w: 2 * w,
        sampled_gradient=lambda x, w: 2 * w + x[:, None],
        noise=(-noise, noise),
        probabilities=(0.5, 0.5),
        lipschitz=2.0,
        sigma2=math.inf,
        infimum=0.0,
        start=(start,),
    )


@dataclass(frozen=True, eq=False)
class SGDMoments:
    """Expectations along SGD, exact or averaged over runs.

    Attributes
    ----------
    squared_gradient : array of shape (t,)
        E‖∇f(w_k)‖² for k = 0, …, t − 1.
    value : array of shape (t + 1,)
        E f(w_k) for k = 0, …, t.
    alphas : array of shape (t,)
    squared_gradient_error : array of shape (t,)
        Standard errors; 0 where exact.
    """

    squared_gradient: np.ndarray
    value: np.ndarray
    alphas: np.ndarray
    squared_gradient_error: np.ndarray

    @property
    def weighted_sum(self) -> float:
        """Σ α_k E‖∇f(w_k)‖²."""
        return math.fsum(self.alphas * self.squared_gradient)

    @property
    def weighted_mean(self) -> float:
        """Σ α_k E‖∇f(w_k)‖² / Σ α_k."""
        return self.weighted_sum / math.fsum(self.alphas)

    @property
    def smallest(self) -> float:
        """min_k E‖∇f(w_k)‖²."""
        return float(np.min(self.squared_gradient))


def exact_sgd_moments(problem: StochasticProblem, alphas: Any) -> SGDMoments:
    """The expectations along SGD, by enumerating every sequence of noise values.

    Parameters
    ----------
    problem : StochasticProblem
    alphas : array_like of shape (t,)
        Positive.

    Returns
    -------
    SGDMoments

    Raises
    ------
    ValueError
        If there are more than 2^20 sequences (m^t for m noise values); the message tells how many.
    """
    alphas = _steps(alphas)
    branches = len(problem.noise)
    if branches ** len(alphas) > PATHS:
        raise ValueError(
            f"{len(alphas)} steps with {branches} noise values make {branches ** len(alphas):,} "
            f"paths, more than {PATHS:,}; use simulate_sgd."
        )
    w, weight = np.array([problem.start], dtype=float), np.ones(1)
    x, p = np.asarray(problem.noise, dtype=float), np.asarray(problem.probabilities, dtype=float)
    gradients, values = [], [float(weight @ problem.value(w))]
    for alpha in alphas:
        gradients.append(float(weight @ np.sum(problem.gradient(w) ** 2, axis=1)))
        w, weight = np.repeat(w, branches, axis=0), np.outer(weight, p).ravel()
        w = w - alpha * problem.sampled_gradient(np.tile(x, len(w) // branches), w)
        values.append(float(weight @ problem.value(w)))
    return SGDMoments(np.array(gradients), np.array(values), alphas, np.zeros(len(alphas)))


def simulate_sgd(
    problem: StochasticProblem, alphas: Any, n_runs: int, rng: np.random.Generator
) -> SGDMoments:
    """The expectations of `exact_sgd_moments` as averages over runs, with standard errors.

    Parameters
    ----------
    problem : StochasticProblem
    alphas : array_like of shape (t,)
        Step sizes, positive.
    n_runs : int
        Number of runs, at least 2.
    rng : Generator

    Returns
    -------
    SGDMoments

    Raises
    ------
    ValueError, TypeError
        n_runs < 2, no steps, or a step that is not positive.
    """
    alphas, n_runs = _steps(alphas), whole_number(n_runs, "n_runs", 2)
    w = np.tile(np.asarray(problem.start, dtype=float), (n_runs, 1))
    noise, upto = np.asarray(problem.noise, dtype=float), np.cumsum(problem.probabilities)[:-1]
    gradients, errors, values = [], [], [float(np.mean(problem.value(w)))]
    for alpha in alphas:
        squares = np.sum(problem.gradient(w) ** 2, axis=1)
        gradients.append(float(np.mean(squares)))
        errors.append(float(np.std(squares, ddof=1)) / math.sqrt(n_runs))
        x = noise[np.searchsorted(upto, rng.random(n_runs), side="right")]
        w = w - alpha * problem.sampled_gradient(x, w)
        values.append(float(np.mean(problem.value(w))))
    return SGDMoments(np.array(gradients), np.array(values), alphas, np.array(errors))


def _steps(alphas: Any) -> np.ndarray:
    alphas = real_array(alphas, "alphas", 1).astype(float)
    if np.any(alphas <= 0):
        raise ValueError(f"alphas holds {alphas.min():g}; expected positive step sizes.")
    return alphas


def _not_negative(value: Any, name: str) -> float:
    number = float(real_array(value, name, 0))
    if number < 0:
        raise ValueError(f"{name} is {number:g}; expected at least 0.")
    return number
