"""Steps that look unlike the chain rule and are right: a - y, a(1 - a), fused batch norm."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.checking.regions import Activation
from chainrule.checking.roles import Roles


def shortcuts_of(roles: Roles) -> list[str]:
    """The shortcuts that this loss allows, each with its reason.

    Every identity is confirmed on the numbers of a probe before it is stated.
    """
    found = [*_cross_entropy(roles)]
    for activation in roles.activations:
        said = _in_the_activation(roles, activation)
        if said and said not in found:
            found.append(said)
    for normalisation in roles.normalisations:
        what = roles.trial.describe(normalisation.normal)
        found.append(
            f"at {what} the whole backward pass may be written as "
            "(g - mean(g) - x̂·mean(g·x̂))/σ: the mean's own share in the variance is left out "
            "because Σ(x - μ) = 0."
        )
    return found


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
    """The derivative as a function of the activation's own value."""
    a = np.asarray(roles.values[activation.a], dtype=float)
    d = activation.derivative
    name = roles.trial.names.get(activation.a, "a")
    for text, formula in (
        (f"{name}(1 - {name})", a * (1 - a)),
        (f"1 - {name}²", 1 - a * a),
        (f"1 - exp(-{name})", 1 - np.exp(-a)),
    ):
        if np.allclose(d, formula, rtol=1e-9, atol=1e-12):
            return (
                f"the derivative at {roles.trial.describe(activation.a)} may be written {text}: it "
                "takes the activation, which is f(z) already, so f must not be applied again."
            )
    return ""
