"""Why a loss is not finite: the first operation and the source line, in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.engine.errors import ChainruleError
from chainrule.engine.transforms import trace
from chainrule.engine.trees import flatten
from chainrule.programs.nonfinite import first_nonfinite

_UNKNOWN = "no single operation of the loss is the cause when it is run again; lower the rate"


def explanation(
    loss: Callable[..., Any], arguments: tuple[Any, ...], has_state: bool = False
) -> str:
    """The first node of the loss that is not finite for these arguments.

    Parameters
    ----------
    loss : callable
    arguments : tuple of trees
        The parameters first.
    has_state : bool
        Whether the loss returns ``(value, state)``.

    Returns
    -------
    str
        One sentence.
    """
    params = arguments[0]
    for leaf, path in zip(*_leaves(params), strict=True):
        if not np.isfinite(leaf).all():
            return f"the parameter {path} is not finite already before it."

    def value(*arguments: Any) -> Any:
        return loss(*arguments)[0]

    try:
        with np.errstate(all="ignore"):
            found = first_nonfinite(trace(value if has_state else loss, *arguments))
    except ChainruleError as error:
        return f"and the loss cannot be traced to say why ({error})"
    return _UNKNOWN + "." if found is None else str(found)


def _leaves(params: Any) -> tuple[list[Any], list[str]]:
    leaves, structure = flatten(params)
    return leaves, structure.paths("params")
