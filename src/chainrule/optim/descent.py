"""Gradient descent, stochastic gradient descent, momentum, and Nesterov's method.

w are the parameters, g the gradient, η the learning rate of the step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from chainrule.engine.errors import InvalidInput
from chainrule.optim.optimizer import Optimizer, Schedule, as_schedule, checked_decay_rate


class DescentState(NamedTuple):
    """State of gradient descent.

    Attributes
    ----------
    steps : int
        Number of steps done.
    """

    steps: int


class MomentumState(NamedTuple):
    """State of the momentum methods.

    Attributes
    ----------
    steps : int
        Number of steps done.
    velocity : tree of arrays
        v, in the tree of the parameters.
    """

    steps: int
    velocity: Any


def gradient_descent(learning_rate: float | Schedule) -> Optimizer:
    """Gradient descent, w ← w - η g.

    Parameters
    ----------
    learning_rate : float or callable
        η >= 0, or a schedule.

    Returns
    -------
    Optimizer

    Raises
    ------
    InvalidInput
        A negative learning rate.

    Notes
    -----
    Cauchy, "Méthode générale pour la résolution des systèmes d'équations simultanées", 1847. On a
    quadratic it converges for η < 2 / λ_max of the Hessian.
    """

    def rule(rate: float, t: int, w: Any, g: Any) -> tuple[Any]:
        w -= rate * g
        return (w,)

    return Optimizer(as_schedule(learning_rate), rule, DescentState)


def sgd(learning_rate: float | Schedule) -> Optimizer:
    """Stochastic gradient descent: `gradient_descent` with a gradient on one sample or minibatch.

    Parameters
    ----------
    learning_rate : float or callable
        η >= 0, or a schedule.

    Returns
    -------
    Optimizer

    Notes
    -----
    Robbins & Monro, "A stochastic approximation method", Annals of Mathematical Statistics 22
    (1951). With momentum: `momentum`, `nesterov`.
    """
    return gradient_descent(learning_rate)


def momentum(
    learning_rate: float | Schedule, rho: float = 0.9, *, rate_in_velocity: bool = False
) -> Optimizer:
    """Gradient descent with momentum (the heavy ball).

    v ← ρ v + g, w ← w - η v by default; with ``rate_in_velocity`` v ← ρ v - η g, w ← w + v. The two
    are the same method as long as η is constant: when η changes, the first rescales the whole
    velocity at once, the second lets the old one fade.

    Parameters
    ----------
    learning_rate : float or callable
        η >= 0, or a schedule.
    rho : float
        ρ in [0, 1).
    rate_in_velocity : bool
        False as in PyTorch and optax, True as in Keras and in Polyak's and Sutskever's papers.

    Returns
    -------
    Optimizer

    Raises
    ------
    InvalidInput
        A negative learning rate, or ρ outside [0, 1).

    Notes
    -----
    Polyak, "Some methods of speeding up the convergence of iteration methods", 1964; Sutskever et
    al., "On the importance of initialization and momentum in deep learning", ICML 2013, equations
    1 and 2. v starts at 0 and the first gradient enters it whole (no dampening).
    """
    checked_decay_rate(rho, "rho")
    rule = _heavy_ball_inside(rho) if rate_in_velocity else _heavy_ball_outside(rho)
    return Optimizer(as_schedule(learning_rate), rule, MomentumState, {"velocity": 0.0})


def nesterov(
    learning_rate: float | Schedule,
    rho: float = 0.9,
    *,
    iterate: str = "framework",
    rate_in_velocity: bool = False,
) -> Optimizer:
    """Nesterov's accelerated gradient with constant ρ.

    ``iterate="lookahead"`` is the textbook's form: the velocity and the step are those of
    `momentum`, but the gradient must be the one at ``optimizer.gradient_point(state, params)``,
    w - η ρ v (or w + ρ v with ``rate_in_velocity``).

    ``iterate="framework"`` takes the gradient at the parameters themselves: v ← ρ v + g,
    θ ← θ - η (g + ρ v), or with ``rate_in_velocity`` v ← ρ v - η g, θ ← θ + ρ v - η g.
    For constant η this is the same method seen at θ_t, the look-ahead point of w_t, so that the
    iterates differ: θ_t = w_t - η ρ v_t.

    Parameters
    ----------
    learning_rate : float or callable
        η >= 0, or a schedule.
    rho : float
        ρ in [0, 1).
    iterate : {"framework", "lookahead"}
    rate_in_velocity : bool
        False as in PyTorch and optax, True as in Keras and Sutskever's paper.

    Returns
    -------
    Optimizer

    Raises
    ------
    InvalidInput
        A negative learning rate, ρ outside [0, 1), or another iterate.

    Notes
    -----
    Nesterov, "A method of solving a convex programming problem with convergence rate O(1/k²)",
    1983; Sutskever et al., ICML 2013, equations 3 and 4 (look-ahead); Bengio,
    Boulanger-Lewandowski & Pascanu, "Advances in optimizing recurrent networks", ICASSP 2013,
    equation 7 (framework).
    """
    checked_decay_rate(rho, "rho")
    schedule, slots = as_schedule(learning_rate), {"velocity": 0.0}
    if iterate == "lookahead":
        if rate_in_velocity:
            return Optimizer(
                schedule, _heavy_ball_inside(rho), MomentumState, slots,
                lookahead=lambda rate, w, v: w + rho * v,
            )  # fmt: skip
        return Optimizer(
            schedule, _heavy_ball_outside(rho), MomentumState, slots,
            lookahead=lambda rate, w, v: w - rate * (rho * v),
        )  # fmt: skip
    if iterate != "framework":
        raise InvalidInput(f"iterate must be 'framework' or 'lookahead', got {iterate!r}.")

    def inside(rate: float, t: int, w: Any, g: Any, v: Any) -> tuple[Any, Any]:
        v *= rho
        step = rate * g
        v -= step
        w += rho * v
        w -= step
        return w, v

    def outside(rate: float, t: int, w: Any, g: Any, v: Any) -> tuple[Any, Any]:
        v *= rho
        v += g
        w -= rate * (g + rho * v)
        return w, v

    return Optimizer(schedule, inside if rate_in_velocity else outside, MomentumState, slots)


def _heavy_ball_outside(rho: float) -> Any:
    def rule(rate: float, t: int, w: Any, g: Any, v: Any) -> tuple[Any, Any]:
        v *= rho
        v += g
        w -= rate * v
        return w, v

    return rule


def _heavy_ball_inside(rho: float) -> Any:
    def rule(rate: float, t: int, w: Any, g: Any, v: Any) -> tuple[Any, Any]:
        v *= rho
        v -= rate * g
        w += v
        return w, v

    return rule
