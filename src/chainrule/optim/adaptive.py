"""Methods with a step size of its own for every parameter: AdaGrad, RMSProp, Adam and AdamW.

w are the parameters, g the gradient, η the learning rate of the step, t = 1, 2, … its number.
Squares, roots and quotients are elementwise.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from chainrule.engine.errors import InvalidInput
from chainrule.optim.optimizer import (
    Optimizer,
    Schedule,
    as_schedule,
    checked_decay_rate,
    checked_nonnegative,
    decoupled_weight_decay,
)


class AdaGradState(NamedTuple):
    """State of AdaGrad.

    Attributes
    ----------
    steps : int
        Number of steps done.
    accumulator : tree of arrays
        Sum of the squared gradients, in the tree of the parameters.
    """

    steps: int
    accumulator: Any


class RMSPropState(NamedTuple):
    """State of RMSProp.

    Attributes
    ----------
    steps : int
        Number of steps done.
    square : tree of arrays
        Average of g², in the tree of the parameters.
    mean, velocity : tree of arrays or None
        Average of g, if it is centred, and velocity, if there is momentum.
    """

    steps: int
    square: Any
    mean: Any = None
    velocity: Any = None


class AdamState(NamedTuple):
    """State of Adam and its relatives.

    Attributes
    ----------
    steps : int
        Number of steps done.
    mean, square : tree of arrays
        Averages of g and g², not bias-corrected, in the tree of the parameters.
    """

    steps: int
    mean: Any
    square: Any


def adagrad(
    learning_rate: float | Schedule = 0.01,
    *,
    epsilon: float = 1e-10,
    initial_accumulator: float = 0.0,
    epsilon_in_root: bool = False,
) -> Optimizer:
    """AdaGrad: G ← G + g², w ← w - η g / (√G + ε).

    Parameters
    ----------
    learning_rate : float or callable
        η >= 0, or a schedule.
    epsilon : float
        ε >= 0.
    initial_accumulator : float
        G before the first step, >= 0.
    epsilon_in_root : bool
        Divide by √(G + ε) instead.

    Returns
    -------
    Optimizer

    Raises
    ------
    InvalidInput
        A negative number.

    Notes
    -----
    Duchi, Hazan & Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", JMLR 12 (2011), figure 1 with a diagonal matrix (their δ is ε). The defaults are
    PyTorch's. Keras and optax: ``epsilon=1e-7, initial_accumulator=0.1, epsilon_in_root=True``. G
    is a second moment of the gradients, not an approximation of the Hessian.
    """
    checked_nonnegative(epsilon, "epsilon")
    checked_nonnegative(initial_accumulator, "initial_accumulator")

    def rule(rate: float, t: int, w: Any, g: Any, G: Any) -> tuple[Any, Any]:
        G += g * g
        w -= rate * g / (np.sqrt(G + epsilon) if epsilon_in_root else np.sqrt(G) + epsilon)
        return w, G

    slots = {"accumulator": float(initial_accumulator)}
    return Optimizer(as_schedule(learning_rate), rule, AdaGradState, slots)


def rmsprop(
    learning_rate: float | Schedule = 0.01,
    *,
    decay: float = 0.99,
    epsilon: float = 1e-8,
    centered: bool = False,
    rho: float = 0.0,
    initial_square: float = 0.0,
    epsilon_in_root: bool = False,
    rate_in_velocity: bool = False,
) -> Optimizer:
    """RMSProp: s ← α s + (1 - α) g², u = g / (√s + ε), w ← w - η u.

    Centred: m ← α m + (1 - α) g, and s - m² takes the place of s in u. With momentum:
    v ← ρ v + u, w ← w - η v; or, with ``rate_in_velocity``, v ← ρ v + η u, w ← w - v.

    Parameters
    ----------
    learning_rate : float or callable
        η >= 0, or a schedule.
    decay : float
        α in [0, 1).
    epsilon : float
        ε >= 0.
    centered : bool
        Divide by the standard deviation of the gradient instead of its root mean square.
    rho : float
        ρ in [0, 1); 0 for none.
    initial_square : float
        s before the first step, >= 0.
    epsilon_in_root : bool
        Divide by √(s + ε) instead.
    rate_in_velocity : bool
        Whether η is inside of the velocity.

    Returns
    -------
    Optimizer

    Raises
    ------
    InvalidInput
        A negative number, or a rate outside [0, 1).

    Notes
    -----
    Tieleman & Hinton, "Lecture 6.5 - RMSProp", Coursera, 2012; centred and with momentum: Graves,
    "Generating sequences with recurrent neural networks", arXiv:1308.0850, equations 38 to 45. The
    defaults are PyTorch's. optax: ``decay=0.9, epsilon_in_root=True, rate_in_velocity=True``;
    Keras: the same with ``epsilon=1e-7``.
    """
    checked_decay_rate(decay, "decay")
    checked_decay_rate(rho, "rho")
    checked_nonnegative(epsilon, "epsilon")
    checked_nonnegative(initial_square, "initial_square")

    def rule(rate: float, t: int, w: Any, g: Any, s: Any, *rest: Any) -> tuple[Any, ...]:
        s *= decay
        s += (1 - decay) * (g * g)
        *means, v = rest if rho else (*rest, None)
        moment = s
        if centered:
            (m,) = means
            m *= decay
            m += (1 - decay) * g
            means = [m]
            # a variance; rounding may put it below 0
            moment = np.maximum(s - m * m, 0)
        u = g / (np.sqrt(moment + epsilon) if epsilon_in_root else np.sqrt(moment) + epsilon)
        if not rho:
            w -= rate * u
            return w, s, *means
        v *= rho
        if rate_in_velocity:
            v += rate * u
            w -= v
        else:
            v += u
            w -= rate * v
        return w, s, *means, v

    slots = {"square": float(initial_square)}
    if centered:
        slots["mean"] = 0.0
    if rho:
        slots["velocity"] = 0.0
    return Optimizer(as_schedule(learning_rate), rule, RMSPropState, slots)


def adam(
    learning_rate: float | Schedule = 0.001,
    *,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
    epsilon_root: float = 0.0,
    epsilon_hat: bool = False,
) -> Optimizer:
    """Adam: averages of the gradient and its square, corrected for their start at 0.

    m ← β₁ m + (1 - β₁) g, s ← β₂ s + (1 - β₂) g²,
    m̂ = m / (1 - β₁ᵗ), ŝ = s / (1 - β₂ᵗ), w ← w - η m̂ / (√(ŝ + ε₀) + ε).

    With ``epsilon_hat``, w ← w - η √(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√s + ε): ε is added before the
    correction, which is the same as ε / √(1 - β₂ᵗ) above.

    Parameters
    ----------
    learning_rate : float or callable
        η >= 0, or a schedule.
    beta1, beta2 : float
        β₁ and β₂ in [0, 1).
    epsilon : float
        ε >= 0.
    epsilon_root : float
        ε₀ >= 0, optax's ``eps_root``; needed to differentiate through steps with s = 0.
    epsilon_hat : bool
        False as in the paper's algorithm 1, PyTorch and optax; True as at the end of the paper's
        section 2 and in Keras (there with ``epsilon=1e-7``).

    Returns
    -------
    Optimizer

    Raises
    ------
    InvalidInput
        A negative number, a rate outside [0, 1), or ``epsilon_root`` with ``epsilon_hat``.

    Notes
    -----
    Kingma & Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1. The first
    step is η sign(g) up to ε.
    """
    checked_decay_rate(beta1, "beta1")
    checked_decay_rate(beta2, "beta2")
    checked_nonnegative(epsilon, "epsilon")
    checked_nonnegative(epsilon_root, "epsilon_root")
    if epsilon_root and epsilon_hat:
        raise InvalidInput("epsilon_root has no place in the form with epsilon_hat; set one only.")

    def rule(rate: float, t: int, w: Any, g: Any, m: Any, s: Any) -> tuple[Any, Any, Any]:
        m *= beta1
        m += (1 - beta1) * g
        s *= beta2
        s += (1 - beta2) * (g * g)
        # m̂ / (√(ŝ + ε₀) + ε) with the corrections multiplied out, which saves passes over arrays
        correction = 1 - beta2**t
        root = math.sqrt(correction)
        u = np.sqrt(s + epsilon_root * correction) if epsilon_root else np.sqrt(s)
        u += epsilon if epsilon_hat else epsilon * root
        u = m / u
        u *= rate * root / (1 - beta1**t)
        w -= u
        return w, m, s

    slots = {"mean": 0.0, "square": 0.0}
    settings = {"beta1": beta1, "beta2": beta2, "epsilon": epsilon, "epsilon_hat": epsilon_hat}
    return Optimizer(
        as_schedule(learning_rate),
        rule,
        AdamState,
        slots,
        method="" if epsilon_root else "adam",
        settings=settings,
    )


def adamw(
    learning_rate: float | Schedule = 0.001, *, weight_decay: float = 0.01, **options: Any
) -> Optimizer:
    """Adam with decoupled weight decay, w ← (1 - η λ) w beside the step of `adam`.

    Parameters
    ----------
    learning_rate : float or callable
        η >= 0, or a schedule.
    weight_decay : float
        λ >= 0. PyTorch's default is 0.01, optax's 0.0001, Keras' 0.004.
    **options
        ``beta1``, ``beta2``, ``epsilon``, ``epsilon_root`` and ``epsilon_hat`` of `adam`.

    Returns
    -------
    Optimizer

    Raises
    ------
    InvalidInput
        A negative number, or a rate outside [0, 1).

    Notes
    -----
    Loshchilov & Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2; see
    `decoupled_weight_decay` for the one deviation.
    """
    return decoupled_weight_decay(weight_decay, adam(learning_rate, **options))
