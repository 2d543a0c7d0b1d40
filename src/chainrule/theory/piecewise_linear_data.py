"""Data on a line fitted exactly by k ReLUs: the fewest kinks, and networks that have them.

NYU Deep Learning, fall 2023, Problem 3 (a). All arithmetic is rational; see `piecewise_linear` for
what k units can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, pairwise, product
from typing import Any

from chainrule.theory.inputs import exact_number, whole_number
from chainrule.theory.piecewise_linear import (
    ExactReluNetwork,
    NotRepresentable,
    relu_network_from_knots,
)

__all__ = ["MinimalKinks", "fit_piecewise_linear", "minimal_kinks"]

Points = list[tuple[Fraction, Fraction]]


@dataclass(frozen=True)
class MinimalKinks:
    """The fewest kinks of a continuous piecewise-linear function through data.

    Attributes
    ----------
    count : int
    runs : tuple of int
        Lengths of the runs of successive points at which the data bend the same way; each takes
        ⌈r/2⌉ kinks.
    knots, slopes : tuple of Fraction
        A function with so many kinks.
    point : (Fraction, Fraction)
        A point of it.
    """

    count: int
    runs: tuple[int, ...]
    knots: tuple[Fraction, ...]
    slopes: tuple[Fraction, ...]
    point: tuple[Fraction, Fraction]


def minimal_kinks(x: Sequence[Any], y: Sequence[Any]) -> MinimalKinks:
    """The fewest kinks with which a continuous piecewise-linear function meets all points.

    Sort the points and look at the slopes between neighbours. Over a run of r points at which they
    bend the same way, ⌈r/2⌉ kinks are needed, and enough: of two neighbours in a run one kink
    does the work, between them, where the lines before and after meet. A kink need not be at a
    datum: |x − ½| at whole numbers has one, at ½.

    Parameters
    ----------
    x, y : sequence of numbers
        Exact as in `exact_number`, in any order.

    Returns
    -------
    MinimalKinks

    Raises
    ------
    ValueError, TypeError
        No points, different lengths, the same x with different y, or numbers that are not finite.

    Examples
    --------
    >>> found = minimal_kinks([-1, 0, 1, 2], ["3/2", "1/2", "1/2", "3/2"])
    >>> found.count, found.knots
    (1, (Fraction(1, 2),))
    """
    return _fewest(_points(x, y), single_first=False)


def fit_piecewise_linear(x: Sequence[Any], y: Sequence[Any], n_hidden: int = 4) -> ExactReluNetwork:
    """A network of `n_hidden` ReLUs that meets every point exactly.

    With m the fewest kinks of the data, n_hidden ≥ m + 1 always suffices. With n_hidden = m the
    units must face so that the first slope comes out; if no way does, the first or the last kink is
    moved within its gap, which changes the outer slope, and for six points and four units kinks
    are moved one after another until the equations have a solution (whose existence is not proved;
    none of the sets tried was without). With fewer than m no network exists.

    Parameters
    ----------
    x, y : sequence of numbers
        Exact as in `exact_number`, in any order.
    n_hidden : int

    Returns
    -------
    ExactReluNetwork

    Raises
    ------
    NotRepresentable
        More kinks are needed than there are units (proved, with the runs as certificate), or no
        network was found (not proved).
    ValueError, TypeError
        As `minimal_kinks`.

    Examples
    --------
    >>> f = fit_piecewise_linear([0, 1, 2, 3, 4], [2, 0, 1, 0, 2])
    >>> [int(f(t)) for t in range(5)]
    [2, 0, 1, 0, 2]
    """
    n_hidden = whole_number(n_hidden, "n_hidden", 0)
    points = _points(x, y)
    least = _fewest(points, single_first=False)
    m = least.count
    if n_hidden < m:
        raise NotRepresentable(
            f"The data need at least {m} kinks, and n_hidden is {n_hidden}: they bend the same way "
            f"at {', '.join(map(str, least.runs))} successive points, and each such run of r "
            "points takes ⌈r/2⌉ kinks.",
            m, n_hidden, True, {"runs": least.runs},
        )  # fmt: skip
    for candidate in _candidates(points, least, n_hidden):
        if all(candidate(a) == b for a, b in points):
            return candidate
    raise NotRepresentable(
        f"The data need at least {m} kinks, as many as n_hidden, and no way was found for "
        f"{n_hidden} units to make them; {m + 1} are enough.",
        m, n_hidden, False, {"runs": least.runs},
    )  # fmt: skip


def _candidates(points: Points, least: MinimalKinks, n_hidden: int) -> Iterable[ExactReluNetwork]:
    """Networks to try, cheapest first."""
    if least.count == 0:
        yield from _of_a_line(points, n_hidden)
        return
    yield from _if_representable(least.knots, least.slopes, least.point, n_hidden)
    mirrored = [(-a, b) for a, b in reversed(points)]
    for side, mirror in ((points, False), (mirrored, True)):
        for network in _with_first_kink_moved(side, n_hidden):
            yield network.mirrored() if mirror else network
    if len(points) == 6 and n_hidden == 4:
        yield from _with_kinks_anywhere(points)


def _of_a_line(points: Points, n_hidden: int) -> Iterable[ExactReluNetwork]:
    """Points on a line: one unit whose kink lies left of them, or none if it is flat."""
    (x0, y0), *rest = points
    slope = (rest[-1][1] - y0) / (rest[-1][0] - x0) if rest else Fraction(0)
    knots, slopes = ([], [slope]) if slope == 0 else ([x0 - 1], [Fraction(0), slope])
    yield from _if_representable(knots, slopes, (x0, y0), n_hidden)


def _if_representable(
    knots: Sequence[Fraction],
    slopes: Sequence[Fraction],
    point: tuple[Fraction, Fraction],
    n_hidden: int,
) -> Iterable[ExactReluNetwork]:
    try:
        yield relu_network_from_knots(knots, slopes, point, n_hidden)
    except NotRepresentable:
        return


def _with_first_kink_moved(points: Points, n_hidden: int) -> Iterable[ExactReluNetwork]:
    """The first kink inside the first gap, where it makes S_0 any of a half-line of slopes.

    Among these only S_0 = −Σ_J c_j, with J a set of the other kinks, can come out.
    """
    least = _fewest(points, single_first=True)
    (x1, y1), (x2, y2) = points[:2]
    if not least.knots or least.knots[0] != x2:
        return
    S0, S1 = least.slopes[:2]
    later = [b - a for a, b in pairwise(least.slopes[1:])]
    # The second piece, continued to the first point, misses it by this much.
    miss = y2 - S1 * (x2 - x1) - y1
    for size in range(len(later) + 1):
        for chosen in combinations(later, size):
            slope = -sum(chosen, Fraction(0))
            if (slope - S0) * (S0 - S1) > 0:
                knot = x1 + miss / (slope - S1)
                yield from _if_representable(
                    (knot, *least.knots[1:]), (slope, *least.slopes[1:]), (x1, y1), n_hidden
                )


def _with_kinks_anywhere(points: Points) -> Iterable[ExactReluNetwork]:
    """Four units through six points: three kinks on a grid, the fourth where the equations agree.

    While a kink stays in a gap, its unit's values at the points are linear in its place, and so is
    the determinant of the six equations: its root is rational.
    """
    gaps = [(a, b) for (a, _), (b, _) in pairwise(points)]
    places = [Fraction(k, 4) for k in (2, 1, 3, 0)]
    for chosen in combinations(range(len(gaps)), 4):
        for parts in product(places, repeat=3):
            for sides in product((1, -1), repeat=4):
                free, *fixed = (gaps[i] for i in chosen)
                others = [
                    (side, a + part * (b - a))
                    for side, (a, b), part in zip(sides[1:], fixed, parts, strict=True)
                ]
                solution = _solve(points, others, sides[0], free)
                if solution is not None:
                    yield solution


def _solve(
    points: Points, others: list[tuple[int, Fraction]], side: int, gap: tuple[Fraction, Fraction]
) -> ExactReluNetwork | None:
    """The network with one more kink in the gap, if its equations have a solution there."""

    def matrix(place: Fraction) -> list[list[Fraction]]:
        units = [(side, place), *others]
        return [
            [Fraction(1), *(max(Fraction(0), s * (x - t)) for s, t in units), y] for x, y in points
        ]

    low, high = (_determinant(matrix(end)) for end in gap)
    if low == high or ((low < 0) == (high < 0) and low and high):
        return None
    place = gap[0] + (gap[1] - gap[0]) * low / (low - high)
    weights = _nullspace_solution(matrix(place))
    if weights is None:
        return None
    units = [(side, place), *others]
    return ExactReluNetwork(
        tuple(Fraction(s) for s, _ in units),
        tuple(-s * t for s, t in units),
        tuple(weights[1:]),
        weights[0],
    )


def _eliminate(rows: list[list[Fraction]]) -> tuple[list[list[Fraction]], list[int], Fraction]:
    """Reduced rows, pivot columns, and the determinant if the matrix is square."""
    rows, determinant = [list(row) for row in rows], Fraction(1)
    pivots: list[int] = []
    for column in range(len(rows[0])):
        at = len(pivots)
        best = next((i for i in range(at, len(rows)) if rows[i][column]), None)
        if best is None:
            determinant = Fraction(0)
            continue
        if best != at:
            rows[at], rows[best], determinant = rows[best], rows[at], -determinant
        determinant *= rows[at][column]
        rows[at] = [value / rows[at][column] for value in rows[at]]
        for i, row in enumerate(rows):
            if i != at and row[column]:
                factor = row[column]
                rows[i] = [a - factor * b for a, b in zip(row, rows[at], strict=True)]
        pivots.append(column)
        if len(pivots) == len(rows):
            break
    return rows, pivots, determinant


def _determinant(rows: list[list[Fraction]]) -> Fraction:
    return _eliminate(rows)[2]


def _nullspace_solution(rows: list[list[Fraction]]) -> list[Fraction] | None:
    """Weights of the columns but the last that make up the last, or None if there are none."""
    reduced, pivots, _ = _eliminate(rows)
    last = len(rows[0]) - 1
    if last in pivots:
        return None
    weights = [Fraction(0)] * last
    for row, column in zip(reduced, pivots, strict=False):
        weights[column] = row[last]
    return weights


def _points(x: Sequence[Any], y: Sequence[Any]) -> Points:
    """The points as fractions, sorted, without repetitions."""
    x, y = list(x), list(y)
    if len(x) != len(y):
        raise ValueError(f"x has {len(x)} numbers and y has {len(y)}; expected equally many.")
    if not x:
        raise ValueError("x is empty; expected at least one point.")
    exact: dict[Fraction, Fraction] = {}
    for a, b in zip(x, y, strict=True):
        at, height = exact_number(a, "x"), exact_number(b, "y")
        if exact.setdefault(at, height) != height:
            raise ValueError(
                f"x = {a} occurs with y = {float(exact[at]):g} and y = {float(height):g}; a "
                "function has one value there."
            )
    return sorted(exact.items())


def _fewest(points: Points, single_first: bool) -> MinimalKinks:
    """The function with the fewest kinks; in a run of odd length the first or last is single."""
    slopes = [(d - b) / (c - a) for (a, b), (c, d) in pairwise(points)]
    bends = [(later > earlier) - (later < earlier) for earlier, later in pairwise(slopes)]
    runs: list[list[int]] = []
    for i, sign in enumerate(bends, start=1):
        if sign and runs and runs[-1][-1] == i - 1 and bends[i - 2] == sign:
            runs[-1].append(i)
        elif sign:
            runs.append([i])
    knots, pieces = [], [slopes[0]] if slopes else [Fraction(0)]
    for run in runs:
        odd = len(run) % 2
        starts = [run[:1]] if odd and single_first else []
        rest = run[1:] if starts else run
        for group in [*starts, *(rest[k : k + 2] for k in range(0, len(rest), 2))]:
            (x1, y1), before = points[group[0]], slopes[group[0] - 1]
            after = slopes[group[-1]]
            if len(group) == 1:
                knots.append(x1)
            else:
                x2, y2 = points[group[1]]
                knots.append((y2 - y1 + before * x1 - after * x2) / (before - after))
            pieces.append(after)
    return MinimalKinks(len(knots), tuple(map(len, runs)), tuple(knots), tuple(pieces), points[0])
