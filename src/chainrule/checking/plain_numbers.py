"""``return float(loss)``: a conversion that would end the trace is passed over while tracing."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from chainrule.engine.tracing import Traced


class _Passing(type):
    """Behaves as ``float`` in calls and ``isinstance``, but lets traced values through."""

    def __call__(cls, value: Any = 0.0) -> Any:
        return value if type(value) is not float and isinstance(value, Traced) else float(value)

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, float)


class _Float(float, metaclass=_Passing):
    """Stands for ``float`` in the globals of a loss while it is traced."""


@contextlib.contextmanager
def floats_pass(function: Callable[..., Any]) -> Iterator[None]:
    """Let ``float(x)`` return a traced x as it is, in the module of a function.

    It is tried only where the plain trace has failed, and the referee judges the result.
    """
    space = getattr(inspect.unwrap(function), "__globals__", None)
    if space is None or "float" in space:
        yield
        return
    space["float"] = _Float
    try:
        yield
    finally:
        del space["float"]
