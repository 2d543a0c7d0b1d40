"""ε-covering numbers of boxes, with the cover and the packing that prove them.

CMU 10-605, Homework 5, §1.2. The distance is the maximum norm, so a ball of radius ε is a cube of
side 2ε; all arithmetic is exact. Every `eps` may be one number, or one for each axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any, NamedTuple

from chainrule.theory.boxes import LIMIT, Box, Point, ProductGrid, box_of
from chainrule.theory.covers import is_epsilon_cover, is_epsilon_packing
from chainrule.theory.inputs import whole_number

__all__ = [
    "CoveringBounds",
    "CoveringCertificate",
    "covered_fraction_bound",
    "covering_certificate",
    "covering_number",
    "covering_volume_bounds",
    "minimal_cover",
    "minimal_cover_axes",
    "packing_certificate",
]


def covering_number(intervals: Any, eps: Any) -> int:
    """The least number of ε-balls that cover a box: N = Π max(1, ⌈(b_i − a_i) / 2ε⌉).

    Parameters
    ----------
    intervals : sequence of (a, b)
        Closed intervals, at least one; a = b is allowed and needs one ball.
    eps : number or sequence of numbers
        Radius of a ball, positive. Whole numbers, `Fraction`, `Decimal` and text are exact; a float
        counts as its shortest decimal, because ``math.ceil((b - a) / (2 * eps))`` is wrong for one
        in fifty boxes with two-decimal ends.

    Returns
    -------
    int
        Exact, however large.

    Raises
    ------
    ValueError
        ε ≤ 0, a > b, a number that is not finite, or no interval.
    TypeError
        A bound or ε that is not a real number.

    Examples
    --------
    >>> covering_number([(1, 2)], 0.05)
    10
    >>> covering_number([(0, 0.14)], 0.01), covering_number([(0, 1)] * 50, 0.05) == 10**50
    (7, True)
    """
    return prod(_counts(box_of(intervals, eps)))


def minimal_cover(intervals: Any, eps: Any) -> ProductGrid:
    """A smallest ε-cover of a box, whose points lie in the box: the centres of equal cells.

    On each axis the n = max(1, ⌈(b − a)/2ε⌉) centres are a + (b − a)(2j + 1)/2n.

    Parameters
    ----------
    intervals, eps
        As in `covering_number`.

    Returns
    -------
    ProductGrid
        Lazy; iterate over it, or call its `array` for floats.

    Raises
    ------
    ValueError, TypeError
        As `covering_number`.

    Examples
    --------
    >>> [float(x) for (x,) in minimal_cover([(1, 2)], "1/8")]
    [1.125, 1.375, 1.625, 1.875]
    """
    box = box_of(intervals, eps)
    counts = _counts(box)
    steps = tuple(length / n for length, n in zip(box.lengths, counts, strict=True))
    starts = tuple(a + step / 2 for a, step in zip(box.lower, steps, strict=True))
    return ProductGrid(starts, steps, counts)


def minimal_cover_axes(intervals: Any, eps: Any, limit: int = LIMIT) -> tuple[Point, ...]:
    """The coordinates of `minimal_cover` on each axis; the cover is their Cartesian product.

    Parameters
    ----------
    intervals, eps
        As in `covering_number`.
    limit : int
        The largest number of coordinates that an axis may have.

    Returns
    -------
    tuple of tuple of Fraction
        One for each axis.

    Raises
    ------
    ValueError
        As `covering_number`, or if an axis has more than `limit` coordinates.
    """
    cover = minimal_cover(intervals, eps)
    return tuple(cover.axis(k, limit) for k in range(cover.dimension))


def packing_certificate(intervals: Any, eps: Any) -> ProductGrid:
    """As many points of the box as its covering number, any two more than 2ε apart on some axis.

    No ball of radius ε holds two of them, so every cover needs at least as many balls. On an axis
    with n ≥ 2 they are a + (b − a) j/(n − 1), whose gaps exceed 2ε because (b − a)/2ε > n − 1.

    Parameters
    ----------
    intervals, eps
        As in `covering_number`.

    Returns
    -------
    ProductGrid

    Raises
    ------
    ValueError, TypeError
        As `covering_number`.
    """
    box = box_of(intervals, eps)
    counts = _counts(box)
    steps = tuple(
        length / (n - 1) if n > 1 else Fraction(0)
        for length, n in zip(box.lengths, counts, strict=True)
    )
    return ProductGrid(box.lower, steps, counts)


@dataclass(frozen=True)
class CoveringCertificate:
    """A covering number with its proof: a cover and a packing of the same size.

    Attributes
    ----------
    number : int
    cover, packing : ProductGrid
    box : Box
        What is covered.
    """

    number: int
    cover: ProductGrid
    packing: ProductGrid
    box: Box

    def holds(self) -> bool:
        """Whether the cover covers, the packing is one, and both have the claimed size."""
        intervals = list(zip(self.box.lower, self.box.upper, strict=True))
        return (
            self.cover.size == self.packing.size == self.number
            and is_epsilon_cover(self.cover, intervals, self.box.eps)
            and is_epsilon_packing(self.packing, intervals, self.box.eps)
        )


def covering_certificate(intervals: Any, eps: Any) -> CoveringCertificate:
    """The covering number of a box with a cover and a packing that prove it.

    Parameters
    ----------
    intervals, eps
        As in `covering_number`.

    Returns
    -------
    CoveringCertificate

    Raises
    ------
    ValueError, TypeError
        As `covering_number`.

    Examples
    --------
    >>> proof = covering_certificate([(0, 1), (0, 2)], 0.15)
    >>> proof.number, proof.holds()
    (28, True)
    """
    return CoveringCertificate(
        covering_number(intervals, eps),
        minimal_cover(intervals, eps),
        packing_certificate(intervals, eps),
        box_of(intervals, eps),
    )


class CoveringBounds(NamedTuple):
    """Bounds on a covering number by the volume, exact.

    Attributes
    ----------
    lower, upper : Fraction
    """

    lower: Fraction
    upper: Fraction


def covering_volume_bounds(intervals: Any, eps: Any) -> CoveringBounds:
    """Vol/(2ε)^d ≤ N ≤ Π((b_i − a_i)/2ε + 1), so N (2ε)^d tends to the volume as ε → 0.

    Parameters
    ----------
    intervals, eps
        As in `covering_number`.

    Returns
    -------
    CoveringBounds

    Raises
    ------
    ValueError, TypeError
        As `covering_number`.
    """
    box = box_of(intervals, eps)
    ratios = [length / (2 * radius) for length, radius in zip(box.lengths, box.eps, strict=True)]
    return CoveringBounds(
        prod(ratios, start=Fraction(1)), prod((r + 1 for r in ratios), start=Fraction(1))
    )


def covered_fraction_bound(budget: int, intervals: Any, eps: Any) -> Fraction:
    """The largest part of a box that `budget` ε-balls can cover, at most 1.

    budget · Π min(1, 2ε/(b_i − a_i)): it is budget (2ε)^d/Vol while a ball fits into the box, and
    falls exponentially with the number of axes longer than 2ε.

    Parameters
    ----------
    budget : int
        Number of balls, at least 0.
    intervals, eps
        As in `covering_number`.

    Returns
    -------
    Fraction

    Raises
    ------
    ValueError, TypeError
        As `covering_number`; also a budget below 0.

    Examples
    --------
    >>> covered_fraction_bound(60, [(0, 1)] * 4, 0.1)
    Fraction(12, 125)
    """
    budget = whole_number(budget, "budget", 0)
    box = box_of(intervals, eps)
    share = prod(
        (2 * radius / length
         for length, radius in zip(box.lengths, box.eps, strict=True) if length > 2 * radius),
        start=Fraction(1),
    )  # fmt: skip
    return min(Fraction(1), budget * share)


def _counts(box: Box) -> tuple[int, ...]:
    """Balls needed on each axis; −(−x // 1) is the exact ceiling."""
    return tuple(
        max(1, -int(-length // (2 * radius)))
        for length, radius in zip(box.lengths, box.eps, strict=True)
    )
