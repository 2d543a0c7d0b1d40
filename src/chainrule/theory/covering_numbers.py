"""ε-covering numbers of boxes, with the cover and the packing that prove them.

CMU 10-605, Homework 5, §1.2. The distance is the maximum norm, so a ball of radius ε is a cube of
side 2ε; all arithmetic is exact. Every `eps` may be one number, or one for each axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm, prod
from operator import add, sub
from typing import Any, NamedTuple

from chainrule.theory.boxes import LIMIT, Box, Point, ProductGrid, box_of
from chainrule.theory.inputs import exact_number, whole_number

__all__ = [
    "CoveringBounds",
    "CoveringCertificate",
    "covered_fraction_bound",
    "covering_certificate",
    "covering_number",
    "covering_volume_bounds",
    "is_epsilon_cover",
    "is_epsilon_packing",
    "minimal_cover",
    "minimal_cover_axes",
    "packing_certificate",
    "uncovered_point",
]

Corner = tuple[int, ...]
Cell = tuple[Corner, Corner]


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


def uncovered_point(points: Any, intervals: Any, eps: Any) -> Point | None:
    """A point of the box that is more than ε from every given point, or None if they cover it.

    Exact for any set of points, inside the box or outside: balls are cut out of the box until
    nothing is left, or a piece that none of them reaches. That takes long where many balls overlap
    in many dimensions.

    Parameters
    ----------
    points : ProductGrid or sequence of points
        The grid is checked axis by axis, whatever its size.
    intervals, eps
        As in `covering_number`.

    Returns
    -------
    tuple of Fraction or None

    Raises
    ------
    ValueError, TypeError
        As `covering_number`; also a point with another number of coordinates than the box.
    """
    box = box_of(intervals, eps)
    if isinstance(points, ProductGrid):
        return _hole_of_grid(points, box)
    return _hole_of_points(_exact_points(points, box), box)


def is_epsilon_cover(points: Any, intervals: Any, eps: Any) -> bool:
    """Whether every point of the box is within ε of one of the given points; exact.

    Parameters
    ----------
    points : ProductGrid or sequence of points
    intervals, eps
        As in `covering_number`.

    Returns
    -------
    bool
        `uncovered_point` also gives the place that is missed.

    Raises
    ------
    ValueError, TypeError
        As `uncovered_point`.

    Examples
    --------
    >>> is_epsilon_cover([(0.25,), (0.75,)], [(0, 1)], 0.25)
    True
    >>> uncovered_point([(0.25,), (0.8,)], [(0, 1)], 0.25)
    (Fraction(21, 40),)
    """
    return uncovered_point(points, intervals, eps) is None


def is_epsilon_packing(points: Any, intervals: Any, eps: Any) -> bool:
    """Whether all points lie in the box and any two are more than 2ε apart on some axis; exact.

    Parameters
    ----------
    points : ProductGrid or sequence of points
    intervals, eps
        As in `covering_number`.

    Returns
    -------
    bool

    Raises
    ------
    ValueError, TypeError
        As `uncovered_point`.
    """
    box = box_of(intervals, eps)
    if isinstance(points, ProductGrid):
        _same_dimension(points.dimension, box)
        ends = (points.starts, points.last())
        apart = all(
            n == 1 or step > 2 * radius
            for n, step, radius in zip(points.counts, points.steps, box.eps, strict=True)
        )
        return apart and all(_inside(end, box) for end in ends)
    exact = _exact_points(points, box)
    return all(_inside(point, box) for point in exact) and all(
        any(abs(x - y) > 2 * radius for x, y, radius in zip(p, q, box.eps, strict=True))
        for i, p in enumerate(exact)
        for q in exact[:i]
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


def _inside(point: Point, box: Box) -> bool:
    return all(a <= x <= b for a, x, b in zip(box.lower, point, box.upper, strict=True))


def _same_dimension(dimension: int, box: Box) -> None:
    if dimension != box.dimension:
        raise ValueError(
            f"points has {dimension} coordinates each and the box {box.dimension} intervals; "
            "expected equally many."
        )


def _exact_points(points: Any, box: Box) -> list[Point]:
    exact = []
    for point in points:
        if isinstance(point, str) or not hasattr(point, "__len__"):
            raise ValueError(f"points holds {point!r}; expected a sequence of coordinates.")
        _same_dimension(len(point), box)
        exact.append(tuple(exact_number(x, "a coordinate of points") for x in point))
    return exact


def _hole_of_grid(grid: ProductGrid, box: Box) -> Point | None:
    """A missed point of the box: a product of sets covers iff each set covers its interval."""
    _same_dimension(grid.dimension, box)
    hole = list(box.lower)
    missed = False
    for k in range(box.dimension):
        start, step, last = grid.starts[k], abs(grid.steps[k]), grid.last()[k]
        low, high = min(start, last), max(start, last)
        a, b, radius = box.lower[k], box.upper[k], box.eps[k]
        gap = None
        if low - radius > a:
            gap = (a, min(b, low - radius))
        elif high + radius < b:
            gap = (max(a, high + radius), b)
        elif step > 2 * radius:
            # The first gap between balls that reaches into the interval.
            j = max(0, int((a - low - radius) // step))
            left, right = low + j * step + radius, low + (j + 1) * step - radius
            if left < b and j + 1 < grid.counts[k]:
                gap = (max(a, left), min(b, right))
        if gap is not None:
            hole[k], missed = (gap[0] + gap[1]) / 2, True
    return tuple(hole) if missed else None


def _hole_of_points(points: Sequence[Point], box: Box) -> Point | None:
    """A missed point of the box, found by cutting away one ball after another.

    What a ball leaves of a box is at most 2d smaller boxes. Their common faces need no attention:
    the missed part is open in the box, so if there is any, it has inner points.
    """
    scale = lcm(*(x.denominator for p in (box.lower, box.upper, box.eps, *points) for x in p))
    whole = [tuple(int(x * scale) for x in p) for p in (box.lower, box.upper, box.eps, *points)]
    lower, upper, eps, *centres = whole
    balls = [(tuple(map(sub, centre, eps)), tuple(map(add, centre, eps))) for centre in centres]
    pieces = [(lower, upper, balls)]
    while pieces:
        low, high, around = pieces.pop()
        reaching = [ball for ball in around if _meets(ball, low, high)]
        if not reaching:
            return tuple(Fraction(a + b, 2 * scale) for a, b in zip(low, high, strict=True))
        best = max(reaching, key=lambda ball: _overlap(ball, low, high))
        for k, (start, end) in enumerate(zip(*best, strict=True)):
            if low[k] < start:
                pieces.append((low, (*high[:k], start, *high[k + 1 :]), reaching))
                low = (*low[:k], start, *low[k + 1 :])
            if end < high[k]:
                pieces.append(((*low[:k], end, *low[k + 1 :]), high, reaching))
                high = (*high[:k], end, *high[k + 1 :])
    return None


def _meets(ball: Cell, low: Corner, high: Corner) -> bool:
    """Whether a ball reaches inner points of a box; an interval of one point is its own inside."""
    return all(
        (start < b and a < end) or (a == b and start <= a <= end)
        for a, b, start, end in zip(low, high, *ball, strict=True)
    )


def _overlap(ball: Cell, low: Corner, high: Corner) -> int:
    """Volume that a ball shares with a box, over the axes where the box has a length."""
    return prod(
        min(b, end) - max(a, start)
        for a, b, start, end in zip(low, high, *ball, strict=True)
        if a < b
    )
