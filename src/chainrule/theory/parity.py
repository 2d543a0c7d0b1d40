"""Networks of ReLUs that compute a parity (−1)^(vᵀx) of bits exactly, and how few units it takes.

Berkeley CS 189, Homework 6, §3 (a). A network is f(x) = Σ_i α_i max(0, W_i·x + b_i) + β. With
s = vᵀx, the number of ones that v selects, f must be 1 for even s and −1 for odd s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule.theory.inputs import real_array, whole_number

__all__ = [
    "ParityCheck",
    "ParityNetwork",
    "binary_vectors",
    "check_parity",
    "minimal_units",
    "parity_label",
    "parity_network",
    "printed_parity_network",
    "tent_units",
]

#: Dimensions whose 2^d binary vectors are listed at most.
DIMENSIONS = 20


@dataclass(frozen=True, eq=False)
class ParityNetwork:
    """One hidden layer of k ReLUs and a linear output.

    Attributes
    ----------
    W : array of shape (k, d)
    b, alpha : array of shape (k,)
    beta : float
    """

    W: np.ndarray
    b: np.ndarray
    alpha: np.ndarray
    beta: float

    def __call__(self, x: Any) -> Any:
        """f at x of shape (d,) or, row by row, of shape (n, d)."""
        return np.maximum(np.asarray(x) @ self.W.T + self.b, 0) @ self.alpha + self.beta

    @property
    def units(self) -> int:
        """Units that contribute: those with α ≠ 0."""
        return int(np.count_nonzero(self.alpha))


def binary_vectors(d: int) -> np.ndarray:
    """All 2^d vectors of zeros and ones, counting up in binary.

    Parameters
    ----------
    d : int
        From 1 to 20.

    Returns
    -------
    array of shape (2^d, d)

    Raises
    ------
    ValueError, TypeError
        d is not a whole number from 1 to 20.
    """
    d = whole_number(d, "d", 1)
    if d > DIMENSIONS:
        raise ValueError(f"d is {d}, with 2^{d} binary vectors; expected at most {DIMENSIONS}.")
    return (np.arange(2**d)[:, None] >> np.arange(d - 1, -1, -1) & 1).astype(float)


def parity_label(v: Any, x: Any) -> Any:
    """(−1)^(vᵀx).

    Parameters
    ----------
    v : array_like of shape (d,)
        Zeros and ones.
    x : array_like of shape (d,) or (n, d)
        Zeros and ones.

    Returns
    -------
    float, or array of shape (n,)

    Raises
    ------
    ValueError, TypeError
        Entries other than 0 and 1, or shapes that do not fit.
    """
    v, x = bits(v, "v", 1), bits(x, "x")
    if x.ndim not in (1, 2) or x.shape[-1] != len(v):
        raise ValueError(
            f"v has shape {v.shape} and x has shape {x.shape}; expected x of {len(v)} columns."
        )
    return 1.0 - 2.0 * (x @ v % 2)


def tent_units(count: int) -> int:
    """Units of the construction with tents when v selects `count` entries: 3(⌊count/2⌋ + 1).

    Parameters
    ----------
    count : int
        Ones in v, at least 0.

    Returns
    -------
    int

    Raises
    ------
    ValueError, TypeError
        `count` is not a whole number from 0.
    """
    return 3 * (whole_number(count, "count", 0) // 2 + 1)


def minimal_units(count: int) -> int:
    """Units of the smaller construction when v selects `count` entries.

    `count` up to 3, and count − 1 from 4 on. No fewer suffice if all W_i are multiples of v: each
    of the interior integers 1, …, count − 1 needs a kink of its own, alternately up and down, and
    for count ≤ 3 one more unit is needed. Nothing is claimed for W_i of other directions.

    Parameters
    ----------
    count : int
        Ones in v, at least 0.

    Returns
    -------
    int

    Raises
    ------
    ValueError, TypeError
        `count` is not a whole number from 0.
    """
    count = whole_number(count, "count", 0)
    return count if count <= 3 else count - 1


def parity_network(v: Any, construction: str = "tent", k: int | None = None) -> ParityNetwork:
    """A network that equals (−1)^(vᵀx) at every binary x.

    Parameters
    ----------
    v : array_like of shape (d,)
        Zeros and ones.
    construction : {"tent", "minimal"}
        "tent": a bump of height 2 at every even s on a floor of −1, three units each, as in the
        hand-out but with as many bumps as are needed. "minimal": a zigzag with one unit per kink.
    k : int, optional
        Number of units; those that are not needed have W = 0, b = 0 and α = 0. As many as the
        construction takes, if not given.

    Returns
    -------
    ParityNetwork
        Its weights are integers and half-integers, so it is exact in float32 too.

    Raises
    ------
    ValueError, TypeError
        v is not a vector of zeros and ones, k is too small, or the construction is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> network = parity_network([1, 0, 1])
    >>> network(np.array([1, 1, 0])), network(np.array([1, 0, 1]))
    (np.float64(-1.0), np.float64(1.0))
    """
    v = bits(v, "v", 1)
    count = int(v.sum())
    if construction == "tent":
        scale, bias, alpha, beta = _tents(range(count // 2 + 1))
    elif construction == "minimal":
        scale, bias, alpha, beta = _zigzag(count)
    else:
        raise ValueError(f"construction is {construction!r}; expected 'tent' or 'minimal'.")
    needed = len(alpha)
    k = needed if k is None else whole_number(k, "k", 0)
    if k < needed:
        raise ValueError(
            f"k is {k}; the {construction} construction for a v with {count} ones takes {needed} "
            "units."
        )
    spare = k - needed
    W = np.vstack([np.outer(scale, v), np.zeros((spare, len(v)))])
    return ParityNetwork(
        W, np.append(bias, np.zeros(spare)), np.append(alpha, np.zeros(spare)), beta
    )


def printed_parity_network(v: Any, k: int, used: int | None = None) -> ParityNetwork:
    """The parameters as the hand-out prints them, which fail for v = x = (1, …, 1).

    W_i = v only for i ≤ 3d/2, while b and α are given for tents i = 0, …, ⌊d/2⌋, that is, for
    3(⌊d/2⌋ + 1) units. The last units then have W = 0, and since b < 0 they contribute nothing.

    Parameters
    ----------
    v : array_like of shape (d,)
    k : int
        Number of units, at least 3d/2; b and α beyond it are left out.
    used : int, optional
        Number of units with W = v; ⌊3d/2⌋ if not given, as printed.

    Returns
    -------
    ParityNetwork

    Raises
    ------
    ValueError, TypeError
        v is not a vector of zeros and ones, or k < 3d/2.
    """
    v = bits(v, "v", 1)
    d, k = len(v), whole_number(k, "k", 1)
    if 2 * k < 3 * d:
        raise ValueError(f"k is {k}; the hand-out requires at least 3d/2 = {1.5 * d:g}.")
    used = 3 * d // 2 if used is None else whole_number(used, "used", 0)
    _, bias, alpha, beta = _tents(range(d // 2 + 1))
    size = max(k, len(bias))
    scale = (np.arange(size) < used).astype(float)
    bias, alpha = (np.append(part, np.zeros(size - len(part)))[:k] for part in (bias, alpha))
    return ParityNetwork(np.outer(scale[:k], v), bias, alpha, beta)


class ParityCheck(NamedTuple):
    """What an exhaustive comparison found.

    Attributes
    ----------
    wrong : int
        Pairs (v, x) with f(x) ≠ (−1)^(vᵀx).
    wrong_sign : int
        Those with the wrong sign, or 0.
    largest_error : float
        max |f − y|.
    pairs : int
        Pairs compared.
    first : tuple or None
        The first wrong (v, x), in binary order.
    """

    wrong: int
    wrong_sign: int
    largest_error: float
    pairs: int
    first: tuple[tuple[int, ...], tuple[int, ...]] | None


def check_parity(build: Callable[[np.ndarray], ParityNetwork], d: int) -> ParityCheck:
    """Compare build(v) with (−1)^(vᵀx) for every v and every x of d bits.

    The largest |f − y| is what is looked at: a sum of f − y, as in the hand-out's own test, lets
    errors of opposite sign cancel.

    Parameters
    ----------
    build : callable
        Takes v, of shape (d,), and returns the network that should compute its parity.
    d : int
        From 1 to 20; the time grows as 4^d.

    Returns
    -------
    ParityCheck

    Raises
    ------
    ValueError, TypeError
        d is not a whole number from 1 to 20.
    """
    x = binary_vectors(d)
    wrong = wrong_sign = 0
    largest, first = 0.0, None
    for v in x:
        y = 1.0 - 2.0 * (x @ v % 2)
        f = build(v)(x)
        errors = np.abs(f - y)
        bad = np.flatnonzero(errors > 0)
        if len(bad) and first is None:
            first = (tuple(map(int, v)), tuple(map(int, x[bad[0]])))
        wrong += len(bad)
        wrong_sign += int(np.sum(f * y <= 0))
        largest = max(largest, float(errors.max()))
    return ParityCheck(wrong, wrong_sign, largest, len(x) ** 2, first)


def _tents(indices: range) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Scales of v, biases, output weights and β for bumps of height 2 at s = 2i."""
    bias = [-(2 * i + shift) for i in indices for shift in (-0.5, 0.0, 0.5)]
    alpha = [4.0, -8.0, 4.0] * len(indices)
    return np.ones(len(bias)), np.array(bias), np.array(alpha), -1.0


def _zigzag(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """The same for one line that turns at every interior integer.

    1 − 2 relu(s) + Σ_{0<j<count} 4(−1)^(j+1) relu(s − j). From count = 4 on, three units do the
    work of the first four: 2 relu(3s − 2) − 4 relu(s − 2) + 4 relu(3 − s) − 11.
    """
    if count <= 3:
        kinks = range(1, count)
        scale, bias, alpha, beta = [1.0] * min(count, 1), [0.0] * min(count, 1), [-2.0], 1.0
        alpha = alpha[: min(count, 1)]
    else:
        kinks = range(4, count)
        scale, bias, alpha, beta = [3.0, 1.0, -1.0], [-2.0, -2.0, 3.0], [2.0, -4.0, 4.0], -11.0
    scale += [1.0 for _ in kinks]
    bias += [-float(j) for j in kinks]
    alpha += [4.0 * (-1) ** (j + 1) for j in kinks]
    return np.array(scale), np.array(bias), np.array(alpha), beta


def bits(value: Any, name: str, ndim: int | None = None) -> np.ndarray:
    """An array of zeros and ones, of the given number of axes."""
    given = np.asarray(value)
    array = real_array(given.astype(float) if given.dtype == bool else given, name, ndim)
    if not np.all((array == 0) | (array == 1)):
        raise ValueError(f"{name} holds entries other than 0 and 1.")
    return array
