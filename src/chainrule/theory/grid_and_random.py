"""Grid search against random search in [0, 1]^d when only the first coordinate matters.

CMU 10-605, Homework 5, §1.3; Bergstra and Bengio, "Random search for hyper-parameter optimization",
JMLR 13 (2012), is where the comparison comes from. Exact numbers are returned as fractions.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from chainrule.theory.boxes import ProductGrid
from chainrule.theory.covering_numbers import covering_number, minimal_cover
from chainrule.theory.inputs import exact_number, whole_number

__all__ = [
    "GridDistinct",
    "SearchComparison",
    "compare_search",
    "expected_best_gap_grid",
    "expected_best_gap_random",
    "expected_distinct",
    "grid_distinct",
    "grid_search_configs",
    "integer_root",
    "prob_all_distinct",
    "prob_random_cover",
    "random_search_configs",
]


class GridDistinct(NamedTuple):
    """What a grid that is an ε-cover tries.

    Attributes
    ----------
    q : int
        Number of configurations.
    distinct : int
        Number of models it tells apart.
    fraction : Fraction
        distinct / q.
    """

    q: int
    distinct: int
    fraction: Fraction


def grid_distinct(eps: Any, d: int) -> GridDistinct:
    """Count the models that a smallest ε-cover of [0, 1]^d tries if only one coordinate matters.

    q = n^d configurations with n = max(1, ⌈1/2ε⌉) hold n values of that coordinate: a share of
    n^(1−d) = q^((1−d)/d).

    Parameters
    ----------
    eps : number
        Radius of coverage in the maximum norm, positive; exact as in `covering_number`.
    d : int
        Number of hyperparameters, at least 1.

    Returns
    -------
    GridDistinct

    Raises
    ------
    ValueError, TypeError
        ε ≤ 0 or d < 1, or not numbers.

    Examples
    --------
    >>> grid_distinct(0.05, 3)
    GridDistinct(q=1000, distinct=10, fraction=Fraction(1, 100))
    """
    d = whole_number(d, "d", 1)
    n = covering_number([(0, 1)], eps)
    return GridDistinct(n**d, n, Fraction(1, n ** (d - 1)))


def grid_search_configs(eps: Any, d: int) -> ProductGrid:
    """The configurations of the grid of `grid_distinct`, lazily: the centres of n^d equal cells.

    Parameters
    ----------
    eps : number
        Radius of coverage in the maximum norm, positive.
    d : int
        Number of hyperparameters, at least 1.

    Returns
    -------
    ProductGrid
        Of points in [0, 1]^d.

    Raises
    ------
    ValueError, TypeError
        As `grid_distinct`.
    """
    return minimal_cover([(0, 1)] * whole_number(d, "d", 1), eps)


def random_search_configs(q: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Draw q configurations uniformly from [0, 1)^d.

    Parameters
    ----------
    q : int
        Number of configurations, at least 0.
    d : int
        Number of hyperparameters, at least 1.
    rng : Generator

    Returns
    -------
    array of shape (q, d)

    Raises
    ------
    ValueError, TypeError
        q < 0 or d < 1, or not whole numbers.
    """
    return rng.random((whole_number(q, "q", 0), whole_number(d, "d", 1)))


def expected_distinct(M: int, q: int) -> float:
    """The expected number of different values among q draws from M equally likely ones.

    E = M (1 − (1 − 1/M)^q), in a form that stays accurate for M = 2^53. It tends to q as M → ∞.

    Parameters
    ----------
    M : int
        Number of values, at least 1.
    q : int
        Number of draws, at least 0.

    Returns
    -------
    float

    Raises
    ------
    ValueError, TypeError
        M < 1 or q < 0, or not whole numbers.

    Examples
    --------
    >>> round(expected_distinct(10, 100), 10)
    9.999734386
    """
    M, q = whole_number(M, "M", 1), whole_number(q, "q", 0)
    return 1.0 * (q > 0) if M == 1 else -M * math.expm1(q * math.log1p(-1 / M))


def prob_all_distinct(M: int, q: int) -> float:
    """The probability that q draws from M equally likely values all differ: Π_{i<q} (1 − i/M).

    Parameters
    ----------
    M : int
        Number of values, at least 1.
    q : int
        Number of draws, at least 0.

    Returns
    -------
    float

    Raises
    ------
    ValueError, TypeError
        M < 1 or q < 0, or not whole numbers.

    Examples
    --------
    >>> prob_all_distinct(10, 11)
    0.0
    """
    M, q = whole_number(M, "M", 1), whole_number(q, "q", 0)
    return 0.0 if q > M else math.exp(math.fsum(math.log1p(-i / M) for i in range(1, q)))


def prob_random_cover(q: int, eps: Any) -> Fraction:
    """The probability that q uniform draws are an ε-cover of [0, 1].

    They are one if the first and the last of the q + 1 spacings are at most ε and the others at
    most 2ε. By inclusion and exclusion over the spacings that are larger,

    P = Σ_{e,j} (−1)^{e+j} C(2, e) C(q − 1, j) max(0, 1 − (e + 2j) ε)^q.

    Parameters
    ----------
    q : int
        Number of draws, at least 0.
    eps : number
        Positive; exact as in `covering_number`.

    Returns
    -------
    Fraction

    Raises
    ------
    ValueError, TypeError
        q < 0 or ε ≤ 0, or not numbers.

    Examples
    --------
    >>> round(float(prob_random_cover(50, 0.05)), 4)
    0.6422
    """
    q = whole_number(q, "q", 0)
    radius = exact_number(eps, "eps")
    if radius <= 0:
        raise ValueError(f"eps is {eps}; expected a positive number.")
    if q == 0:
        return Fraction(0)
    return sum(
        ((-1) ** (e + j) * math.comb(2, e) * math.comb(q - 1, j) * (1 - (e + 2 * j) * radius) ** q
         for e in range(3) for j in range(q) if (e + 2 * j) * radius < 1),
        start=Fraction(0),
    )  # fmt: skip


def expected_best_gap_random(B: int, best: Any = None) -> Fraction:
    """E min_i |h_i − h*| for B uniform draws h_i in [0, 1].

    Parameters
    ----------
    B : int
        Budget, at least 1.
    best : number in [0, 1], optional
        The best value h*; averaged over all, uniformly, if not given.

    Returns
    -------
    Fraction
        (B + 3) / (2(B + 1)(B + 2)) on average. For a fixed h*, with a = min(h*, 1 − h*):
        (1 + (1 − 2a)^(B+1)) / (2(B + 1)).

    Raises
    ------
    ValueError, TypeError
        B < 1, or h* outside of [0, 1], or not numbers.

    Examples
    --------
    >>> expected_best_gap_random(4), expected_best_gap_random(1, 0)
    (Fraction(7, 60), Fraction(1, 2))
    """
    B = whole_number(B, "B", 1)
    if best is None:
        return Fraction(B + 3, 2 * (B + 1) * (B + 2))
    where = exact_number(best, "best")
    if not 0 <= where <= 1:
        raise ValueError(f"best is {best}; expected a number from 0 to 1.")
    return (1 + (1 - 2 * min(where, 1 - where)) ** (B + 1)) / (2 * (B + 1))


def expected_best_gap_grid(B: int, d: int) -> Fraction:
    """E min_j |c_j − h*|, h* uniform, for the largest grid of at most B points in d dimensions.

    The grid has m = ⌊B^(1/d)⌋ cell centres c_j on each axis, and the mean distance to the nearest
    is 1/4m.

    Parameters
    ----------
    B : int
        Number of configurations, at least 1.
    d : int
        Number of hyperparameters, at least 1.

    Returns
    -------
    Fraction

    Raises
    ------
    ValueError, TypeError
        B < 1 or d < 1, or not whole numbers.

    Examples
    --------
    >>> expected_best_gap_grid(1000, 3)
    Fraction(1, 40)
    """
    return Fraction(1, 4 * integer_root(whole_number(B, "B", 1), whole_number(d, "d", 1)))


class SearchComparison(NamedTuple):
    """What a budget buys.

    Attributes
    ----------
    distinct_grid, distinct_random : int
        Values of the coordinate that matters.
    gap_grid, gap_random : Fraction
        Expected distance of the best of them from the optimum.
    better : {"grid", "random", "equal"}
        Which gap is smaller.
    """

    distinct_grid: int
    distinct_random: int
    gap_grid: Fraction
    gap_random: Fraction
    better: str


def compare_search(B: int, d: int) -> SearchComparison:
    """Compare grid and random search at a budget of B configurations in d dimensions.

    Random search is better exactly if d ≥ 2 and B ≥ 2; for d = 1 or B = 1 the grid is. Random draws
    promise no covering radius; see `prob_random_cover`.

    Parameters
    ----------
    B : int
        Number of configurations, at least 1.
    d : int
        Number of hyperparameters, at least 1.

    Returns
    -------
    SearchComparison

    Raises
    ------
    ValueError, TypeError
        B < 1 or d < 1, or not whole numbers.

    Examples
    --------
    >>> compare_search(100, 2).better, compare_search(9, 1).better
    ('random', 'grid')
    """
    grid, random = expected_best_gap_grid(B, d), expected_best_gap_random(B)
    better = "random" if random < grid else "grid" if grid < random else "equal"
    return SearchComparison(integer_root(B, d), B, grid, random, better)


def integer_root(n: int, d: int) -> int:
    """⌊n^(1/d)⌋, exact where ``int(1000 ** (1 / 3))`` is 9.

    Parameters
    ----------
    n : int
        At least 0.
    d : int
        At least 1.

    Returns
    -------
    int

    Raises
    ------
    ValueError, TypeError
        n < 0 or d < 1, or not whole numbers.
    """
    n, d = whole_number(n, "n", 0), whole_number(d, "d", 1)
    low, high = 0, 1 << (n.bit_length() // d + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**d <= n else (low, middle)
    return low
