"""Rules of polynomials and of one-dimensional convolution, which multiplies them."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput
from chainrule.engine.location import here
from chainrule.engine.primitive import call, composite, primitive
from chainrule.engine.rules.arguments import Bound, as_array, not_covered

# --- convolution and correlation ------------------------------------------------------------------


def _in_full(g: Any, n: int, m: int, mode: Any, correlation: bool) -> Any:
    """The cotangent of the full result, of length n + m - 1, of which the mode keeps a part."""
    missing = n + m - 1 - g.shape[0]
    if not missing:
        return g
    before = missing
    if mode in ("same", 1):
        before = (min(n, m) - 1) // 2
        if correlation and m > n:  # NumPy swaps the operands and reverses the result
            before = missing - before
    else:  # "valid"; of "full" nothing is missing
        before = min(n, m) - 1
    parts = [np.zeros(before, g.dtype), g, np.zeros(missing - before, g.dtype)]
    return np.concatenate(parts)


def _convolve_rule(g: Any, a: Any, v: Any, mode: Any, position: int) -> Any:
    full = _in_full(g, np.size(a), np.size(v), mode, correlation=False)
    return np.correlate(full, (v, a)[position], mode="valid")


_CONVOLUTIONS = (
    lambda draw: call(draw(5), draw(3)),
    lambda draw: call(draw(2), draw(5)),
    lambda draw: call(draw(5), draw(3), mode="same"),
    lambda draw: call(draw(5), draw(4), mode="same"),
    lambda draw: call(draw(4), draw(5), mode="same"),
    lambda draw: call(draw(5), draw(3), "valid"),
    lambda draw: call(draw(3), draw(5), mode="valid"),
    lambda draw: call(draw(3), draw(3), mode="full"),
    lambda draw: call(draw(1), draw(1)),
)


@primitive(
    np.convolve,
    rules=(
        lambda g, y, a, v, *, mode: _convolve_rule(g, a, v, mode, 0),
        lambda g, y, a, v, *, mode: _convolve_rule(g, a, v, mode, 1),
    ),
    latex="{0} * {1}",
    cases=_CONVOLUTIONS,
)
def convolve(a: Any, v: Any, mode: Any = "full") -> Bound:
    return (a, v), {"mode": mode}


def _correlate_first(g: Any, y: Any, a: Any, v: Any, *, mode: Any) -> Any:
    return np.convolve(_in_full(g, np.size(a), np.size(v), mode, correlation=True), v, mode="valid")


def _correlate_second(g: Any, y: Any, a: Any, v: Any, *, mode: Any) -> Any:
    full = _in_full(g, np.size(a), np.size(v), mode, correlation=True)
    return np.convolve(full[::-1], a, mode="valid")


@primitive(
    np.correlate,
    rules=(_correlate_first, _correlate_second),
    latex=r"{0} \star {1}",
    cases=_CONVOLUTIONS,
)
def correlate(a: Any, v: Any, mode: Any = "valid") -> Bound:
    return (a, v), {"mode": mode}


# --- polynomials ----------------------------------------------------------------------------------


@composite(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    y = np.zeros_like(x)
    for coefficient in as_array(p):
        y = y * x + coefficient
    return y


@composite(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    if np.ndim(x) != 1:
        raise InvalidInput(f"np.vander needs a vector, got shape {np.shape(x)} at {here()}.")
    count = len(x) if N is None else N
    dtype = np.promote_types(x.dtype, int)
    if dtype != x.dtype:
        x = x.astype(dtype)
    ones = np.ones(len(x), dtype)
    if count == 0:
        return ones[:, None][:, :0]
    powers = [ones]
    for _ in range(count - 1):
        powers.append(x if len(powers) == 1 else powers[-1] * x)
    return np.stack(powers if increasing else powers[::-1], axis=1)


@composite(np.polyfit)
def polyfit(
    x: Any, y: Any, deg: int, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False
) -> Any:
    if full or cov:
        cure = "leave them out, or call np.linalg.lstsq(np.vander(x, deg + 1), y)"
        raise not_covered("polyfit", "full or cov", cure)
    if rcond is None:
        rcond = len(x) * np.finfo(np.result_type(x, 0.0)).eps
    powers = np.vander(x, deg + 1)
    if w is not None:
        powers = powers * np.reshape(w, (-1, 1))
        y = y * (w if np.ndim(y) == 1 else np.reshape(w, (-1, 1)))
    scale = np.sqrt(np.sum(powers * powers, axis=0))
    found = np.linalg.lstsq(powers / scale, y, rcond)[0]
    return found / (scale if np.ndim(y) == 1 else scale[:, None])
