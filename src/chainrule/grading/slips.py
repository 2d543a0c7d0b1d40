"""Mistakes that many exercises meet: near misses of a derivative, and of a step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.grading.exercise import Inputs, Slip, Values

Function = Callable[[Any], Any]

#: What is taken for f'(z), by its formula in z and a = f(z).
_FORMULAS: dict[str, Callable[[Any, Any], Any]] = {
    "f(z) itself": lambda z, a: a,
    "1 - z²": lambda z, a: 1 - z**2,
    "1 - a": lambda z, a: 1 - a,
    "1 - a²": lambda z, a: 1 - a**2,
    "1 + a²": lambda z, a: 1 + a**2,
    "a (1 - a)": lambda z, a: a * (1 - a),
    "a (1 + a)": lambda z, a: a * (1 + a),
    "z (1 - z)": lambda z, a: z * (1 - z),
    "a²": lambda z, a: a**2,
    "z": lambda z, a: z,
    "e^z": lambda z, a: np.exp(z),
    "1 / (1 + z²)": lambda z, a: 1 / (1 + z**2),
}


def of_derivatives(
    functions: Mapping[str, tuple[Function, Function]],
) -> dict[str, tuple[Slip, ...]]:
    """Slips of a part that asks for derivatives at the input ``z``.

    Parameters
    ----------
    functions : mapping of str to (callable, callable)
        Names of the derivatives that are handed in, with the function and its derivative.

    Returns
    -------
    dict of str to tuple of Slip
        By mistake code.
    """

    def slip(words: str, local: Callable[[Any, Function, Function], Any]) -> Slip:
        def rule(inputs: Inputs, values: Values) -> Values:
            with np.errstate(all="ignore"):
                return {name: local(inputs["z"], *pair) for name, pair in functions.items()}

        return Slip(rule, words)

    return {
        "G402": (slip("f'(f(z)), for f'(z)", lambda z, f, d: d(f(z))),),
        "G404": (slip("at z = 0 what it is for z > 0", lambda z, f, d: d(z + 1e-300)),),
        "G401": (slip("1 everywhere", lambda z, f, d: np.ones_like(z)),),
        "G403": tuple(
            slip(words, lambda z, f, d, formula=formula: formula(z, f(z)))  # type: ignore[misc]
            for words, formula in _FORMULAS.items()
        ),
    }
