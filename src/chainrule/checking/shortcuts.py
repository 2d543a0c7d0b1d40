"""Steps that look unlike the chain rule and are right: a - y, a(1 - a), fused batch norm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.checking.regions import Activation
from chainrule.checking.roles import Roles


def shortcuts_of(roles: Roles) -> list[str]:
    """The shortcuts that this loss allows, each with its reason.

    Every identity is confirmed on the numbers of a probe before it is stated.
    """
    found = [*_cross_entropy(roles)]
    alike: dict[tuple[str, int | None], list[int]] = {}  # a loop computes many on one line
    for activation in roles.activations:
        if formula := _in_the_activation(roles, activation):
            line = roles.trial.line(activation.a)
            alike.setdefault((formula, line), []).append(activation.a)
    for (formula, _), steps in alike.items():
        name = roles.trial.names.get(steps[0], "a")
        found.append(
            f"the derivative at {_places(roles, steps)} may be written {formula.format(a=name)}: "
            "it takes the activation, which is f(z) already, so f must not be applied again."
        )
    standardised: dict[int | None, list[int]] = {}
    for normalisation in roles.normalisations:
        normal = normalisation.normal
        standardised.setdefault(roles.trial.line(normal), []).append(normal)
    for steps in standardised.values():
        found.append(
            f"at {_places(roles, steps)} the whole backward pass may be written as "
            "(g - mean(g) - x̂·mean(g·x̂))/σ: the mean's own share in the variance is left out "
            "because Σ(x - μ) = 0."
        )
    return found


def _places(roles: Roles, steps: Sequence[int]) -> str:
    """The first of the steps that a line computes, and how many more it does."""
    first, more = roles.trial.describe(steps[0]), len(steps) - 1
    if not more:
        return first
    return f"{first} and at {more} more {'step' if more == 1 else 'steps'} of that line"


def _cross_entropy(roles: Roles) -> list[str]:
    """Logits whose cotangent is (p - y) times a number."""
    for z in roles.logits:
        g = roles.replay.true.cotangents[z]
        value = np.asarray(roles.values[z], dtype=float)
        if g is None or value.ndim < 1 or np.shape(g) != value.shape:
            continue
        what = roles.trial.describe(z)
        with np.errstate(all="ignore"):
            sigmoid = 1 / (1 + np.exp(-value))
            if _is_difference(np.asarray(g), sigmoid, roles.trial.batch):
                return [
                    f"the cotangent of {what} is (p - y)/n: cross-entropy divides by p(1 - p), the "
                    "derivative of the sigmoid multiplies by it, and the two cancel."
                ]
            for axis in range(value.ndim):
                e = np.exp(value - value.max(axis=axis, keepdims=True))
                p = e / e.sum(axis=axis, keepdims=True)
                if value.shape[axis] > 1 and _is_difference(np.asarray(g), p, roles.trial.batch):
                    return [
                        f"the cotangent of {what} is (p - y)/n: the Jacobian of the softmax and "
                        "the -y/p of the cross-entropy multiply out to p - y."
                    ]
    return []


def _is_difference(g: np.ndarray[Any, Any], p: np.ndarray[Any, Any], n: int | None) -> bool:
    """Whether g = s(p - y) with targets y in [0, 1] for s = 1 or 1/n."""
    for scale in (1.0, 1.0 / n if n else 1.0):
        y = p - g / scale
        if np.all(np.isfinite(y)) and np.all(np.abs(y * (1 - y)) < 1e-9):
            return True
    return False


def _in_the_activation(roles: Roles, activation: Activation) -> str:
    """The derivative as a formula in the activation's own value ``{a}``; empty if it is none."""
    a = np.asarray(roles.values[activation.a], dtype=float)
    d = activation.derivative
    for formula, value in (
        ("{a}(1 - {a})", a * (1 - a)),
        ("1 - {a}²", 1 - a * a),
        ("1 - exp(-{a})", 1 - np.exp(-a)),
    ):
        if np.allclose(d, value, rtol=1e-9, atol=1e-12):
            return formula
    return ""
