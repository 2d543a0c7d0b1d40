"""log Σ exp, softmax and log-softmax: public functions with rules of their own.

SciPy's functions of these names convert their argument to an ordinary array, which a traced value
refuses; these take both. None overflows or underflows where its result does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.engine.graph import shape_of
from chainrule.engine.primitive import call, primitive
from chainrule.engine.rules.arguments import Bound, kept
from chainrule.engine.rules.own import own, static_axis
from chainrule.engine.tracing import REDUCTIONS, apply

Axis = int | tuple[int, ...] | None


def _largest(x: Any, axis: Any) -> Any:
    """What to subtract before exp: the maximum along an axis, and 0 where it is infinite."""
    found = np.maximum.reduce(x, axis=axis, keepdims=True, initial=-np.inf)
    return np.where(np.isfinite(found), found, 0)


# --- logsumexp ------------------------------------------------------------------------------------


@own("logsumexp")
def _logsumexp(x: Any, b: Any = None, *, axis: Axis, keepdims: bool) -> Any:
    x = np.asarray(x)
    if b is not None:
        x = np.where(b == 0, -np.inf, x)  # weight 0 hides even an infinite element
    largest = _largest(x, axis)
    terms = np.exp(x - largest)
    total = np.add.reduce(terms if b is None else b * terms, axis=axis, keepdims=True)
    with np.errstate(divide="ignore"):  # the logarithm of an empty sum is -inf
        y = np.log(total) + largest
    return y if keepdims else np.squeeze(y, axis=axis)[()]


def _relative(y: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """exp(x) / Σ exp(x); 0 where every element is -inf."""
    y = kept(y, shape_of(x), axis, keepdims)
    return np.exp(x - np.where(y == -np.inf, 0, y))


def _logsumexp_x(g: Any, y: Any, x: Any, b: Any = None, *, axis: Axis, keepdims: bool) -> Any:
    g = kept(g, shape_of(x), axis, keepdims)
    if b is None:
        return g * _relative(y, x, axis, keepdims)
    visible = np.where(b == 0, kept(y, shape_of(x), axis, keepdims), x)
    return g * (b * _relative(y, visible, axis, keepdims))


def _logsumexp_b(g: Any, y: Any, x: Any, b: Any, *, axis: Axis, keepdims: bool) -> Any:
    return kept(g, shape_of(x), axis, keepdims) * _relative(y, x, axis, keepdims)


@primitive(
    name="logsumexp",
    evaluate=_logsumexp,
    rules=(_logsumexp_x, _logsumexp_b),
    latex=r"\ln \textstyle\sum e^{{{0}}}",
    source=lambda x, b=None, *, axis, keepdims: (
        f"chainrule.logsumexp({x}{'' if axis is None else f', axis={axis}'}"
        f"{'' if b is None else f', b={b}'}{', keepdims=True' if keepdims else ''})"
    ),
    cases=(
        lambda draw: call(draw(3)),
        lambda draw: call(draw(2, 3)),
        lambda draw: call(draw(2, 3), axis=0),
        lambda draw: call(draw(2, 3), axis=-1, keepdims=True),
        lambda draw: call(draw(2, 3, 2), axis=(0, 2)),
        lambda draw: call(draw()),
        lambda draw: call(draw(2, 3), 1, draw(2, 3, low=0.5)),
        lambda draw: call(draw(2, 3), 1, draw(3, low=0.5), keepdims=True),
        lambda draw: call(draw(3) + 1000.0),
    ),
)
def LOGSUMEXP(x: Any, axis: Any = None, b: Any = None, keepdims: bool = False) -> Bound:
    params = {"axis": static_axis(axis), "keepdims": keepdims}
    if b is None:
        return (x,), params
    if shape_of(x) != shape_of(b):
        shape = np.broadcast_shapes(shape_of(x), shape_of(b))
        x, b = np.broadcast_to(x, shape), np.broadcast_to(b, shape)
    return (x, b), params


def logsumexp(x: Any, axis: Axis = None, b: Any = None, keepdims: bool = False) -> Any:
    """log(Σ b exp(x)) without overflow.

    Parameters
    ----------
    x : array
    axis : int, tuple of int or None
        Axes to sum over; all by default.
    b : array, optional
        Weights that broadcast with ``x``.
    keepdims : bool
        Keep the summed axes with length 1.

    Returns
    -------
    array or scalar
        Its derivative is the softmax of ``x`` (weighted by ``b``); 0 where all elements are -inf.

    Notes
    -----
    Blanchard, Higham & Higham, "Accurately computing the log-sum-exp and softmax functions", IMA
    Journal of Numerical Analysis 41 (2021).

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> print(cr.logsumexp(np.array([1000.0, 1000.0])))
    1000.6931471805599
    """
    return apply(LOGSUMEXP, x, axis, b, keepdims)


_LOGADDEXP: Any = np.logaddexp
REDUCTIONS[_LOGADDEXP] = logsumexp


# --- softmax and its logarithm --------------------------------------------------------------------


@own("softmax")
def _softmax(x: Any, *, axis: Axis) -> Any:
    x = np.asarray(x)
    terms = np.exp(x - _largest(x, axis))
    return terms / np.add.reduce(terms, axis=axis, keepdims=True)


def _softmax_rule(g: Any, y: Any, x: Any, *, axis: Axis) -> Any:
    return y * (g - np.sum(g * y, axis=axis, keepdims=True))


@own("log_softmax")
def _log_softmax(x: Any, *, axis: Axis) -> Any:
    x = np.asarray(x)
    shifted = x - _largest(x, axis)
    return shifted - np.log(np.add.reduce(np.exp(shifted), axis=axis, keepdims=True))


def _log_softmax_rule(g: Any, y: Any, x: Any, *, axis: Axis) -> Any:
    return g - np.exp(y) * np.sum(g, axis=axis, keepdims=True)


_CASES = (
    lambda draw: call(draw(3)),
    lambda draw: call(draw(2, 3)),
    lambda draw: call(draw(2, 3), axis=0),
    lambda draw: call(draw(2, 3), axis=None),
    lambda draw: call(draw(2, 3, 2), axis=(0, -1)),
    lambda draw: call(draw(2, 1)),
    lambda draw: call(draw(3) - 1000.0),
)


@primitive(
    name="softmax",
    evaluate=_softmax,
    rules=(_softmax_rule,),
    source="chainrule.softmax({0}, axis={axis})",
    latex=r"\operatorname{{softmax}}({0})",
    cases=_CASES,
)
def SOFTMAX(x: Any, axis: Any = -1) -> Bound:
    return (x,), {"axis": static_axis(axis)}


@primitive(
    name="log_softmax",
    evaluate=_log_softmax,
    rules=(_log_softmax_rule,),
    source="chainrule.log_softmax({0}, axis={axis})",
    latex=r"\ln \operatorname{{softmax}}({0})",
    cases=_CASES,
)
def LOG_SOFTMAX(x: Any, axis: Any = -1) -> Bound:
    return (x,), {"axis": static_axis(axis)}


def softmax(x: Any, axis: Axis = -1) -> Any:
    """exp(x) / Σ exp(x) along an axis: positive numbers that sum to 1.

    Parameters
    ----------
    x : array
        At least one-dimensional.
    axis : int, tuple of int or None
        Axes over which the results sum to 1; None for all.

    Returns
    -------
    array
        Of the shape of ``x``.

    Notes
    -----
    Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> cr.softmax(np.array([0.0, 0.0]))
    array([0.5, 0.5])
    """
    return apply(SOFTMAX, x, axis)


def log_softmax(x: Any, axis: Axis = -1) -> Any:
    """The logarithm of `softmax`, x - log(Σ exp(x)), accurate where softmax underflows.

    Parameters
    ----------
    x : array
        At least one-dimensional.
    axis : int, tuple of int or None
        Axes over which the softmax sums to 1; None for all.

    Returns
    -------
    array
        Of the shape of ``x``.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> cr.log_softmax(np.array([0.0, -1000.0]))
    array([    0., -1000.])
    """
    return apply(LOG_SOFTMAX, x, axis)
