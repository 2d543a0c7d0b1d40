"""Rules of conversions: to another dtype, and to the real and imaginary parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.engine.primitive import call, composite, primitive
from chainrule.engine.rules.arguments import Bound, not_covered


def _convert(x: Any, *, dtype: np.dtype[Any]) -> Any:
    return x.astype(dtype) if hasattr(x, "astype") else dtype.type(x)


def _converted_back(g: Any, y: Any, x: Any, *, dtype: np.dtype[Any]) -> Any:
    return g if dtype.kind == "f" else 0.0


@primitive(
    np.astype,
    rules=(_converted_back,),
    evaluate=_convert,
    source=lambda x, *, dtype: f"{x}.astype(np.{dtype.name})",
    cases=(
        lambda draw: call(draw(2, 3), np.float64),
        lambda draw: call(draw.integers(5, 3), float),
    ),
)
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Bound:
    dtype = np.dtype(dtype)
    if dtype.kind not in "fiub":
        raise not_covered("astype", f"dtype {dtype}", "chainrule differentiates real numbers only")
    return (x,), {"dtype": dtype}


@composite(np.real)
def _real(val: Any) -> Any:
    return val


@composite(np.real_if_close)
def _real_if_close(a: Any, tol: float = 100) -> Any:
    return a


@composite(np.imag)
def _imag(val: Any) -> Any:
    return np.zeros_like(val)
