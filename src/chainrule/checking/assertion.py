"""A check as an assertion: its message is the diagnosis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.checking.check import check
from chainrule.checking.report import Report
from chainrule.checking.subject import Example


def assert_gradient(
    loss: Callable[..., Any],
    gradient: Callable[..., Any],
    example: Example,
    *,
    parameters: tuple[str, ...] = (),
    seed: int = 0,
) -> Report:
    """Assert that a hand-written gradient is right.

    Parameters
    ----------
    loss, gradient : callable
        As for `chainrule.check`.
    example : mapping of str to array, or callable that returns one
        As for `chainrule.check`.
    parameters : tuple of str, optional
        As for `chainrule.check`.
    seed : int
        As for `chainrule.check`.

    Returns
    -------
    Report
        Whose verdict is ok.

    Raises
    ------
    AssertionError
        The verdict is not ok. The message says which mistake the gradient holds, and where.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> example = {"w": np.ones(3), "x": np.arange(12.0).reshape(4, 3)}
    >>> cr.assert_gradient(
    ...     lambda w, x: np.mean((x @ w) ** 2),
    ...     lambda w, x: {"w": 2 * x.T @ (x @ w) / len(x)},
    ...     example,
    ... ).verdict
    'ok'
    """
    __tracebackhide__ = True  # pytest shows the diagnosis, and not this function
    report = check(loss, gradient, example, parameters=parameters, seed=seed)
    if not report.ok:
        raise AssertionError(report.text())
    return report
