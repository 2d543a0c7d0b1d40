"""Whether axis-parallel boxes cover a box, decided exactly, with points that they miss.

A cell is cut at the faces of the boxes that reach into it. Boxes that span it in all directions
but one leave only the gaps between them, to which that direction is shortened, so that every cut
removes faces. Source: T. M. Chan, "Klee's measure problem made easy", FOCS 2013, §2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["TooManyCells", "missed_points"]


class TooManyCells(Exception):
    """The limit on the work was reached before there was an answer."""


@dataclass(frozen=True)
class _Shortening:
    """One direction of a cell was shortened to the gaps that slabs leave in it."""

    axis: int
    new: np.ndarray
    old: np.ndarray
    before: _Shortening | None


def missed_points(
    lower: np.ndarray,
    upper: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    limit: int,
) -> tuple[np.ndarray | None, int]:
    """Return points of a box that no closed box of a list holds, or None if there are none.

    Parameters
    ----------
    lower, upper : ndarray of shape (n, d)
        Corners of the boxes.
    start, end : ndarray of shape (d,)
        Corners of the box that is to be covered, start < end.
    limit : int
        The most cells that are looked at.

    Returns
    -------
    points : ndarray of shape (m, d), or None
        Points of one missed cell, which may have parts of no volume that are held; None if every
        point is held, up to a set of no volume.
    cells : int
        How many cells were looked at.

    Raises
    ------
    TooManyCells
        If `limit` is reached.
    """
    stack: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, _Shortening | None]]
    stack = [(lower, upper, start, end, None)]
    cells = 0
    while stack:
        cells += 1
        if cells > limit:
            raise TooManyCells
        low, high, a, b, history = stack.pop()
        while True:
            inside = ((low < b) & (high > a)).all(axis=1)
            low, high = low[inside], high[inside]
            if not len(low):
                return _points(a, b, history), cells
            spans = (low <= a) & (high >= b)
            open_directions = low.shape[1] - spans.sum(axis=1)
            if not open_directions.all():
                break
            slabs = open_directions == 1
            if not slabs.any():
                stack += _halves(low, high, a, b, history, spans)
                break
            direction = int(np.argmin(spans[np.argmax(slabs)]))
            chosen = slabs & ~spans[:, direction]
            gaps = _gaps(low[chosen, direction], high[chosen, direction],
                         a[direction], b[direction])  # fmt: skip
            if not len(gaps):
                break
            low, high, a, b = low[~chosen], high[~chosen], a.copy(), b.copy()
            history = _shorten(low, high, a, b, gaps, direction, history)
    return None, cells


def _gaps(low: np.ndarray, high: np.ndarray, a: float, b: float) -> np.ndarray:
    """Return the intervals of [a, b], of shape (m, 2), that closed intervals leave open."""
    order = np.argsort(low)
    reached = np.maximum.accumulate(np.concatenate([[a], high[order]]))
    until = np.concatenate([low[order], [b]])
    open_ = (until > reached) & (reached < b)
    return np.stack([reached[open_], np.minimum(until[open_], b)], axis=1)


def _shorten(
    low: np.ndarray, high: np.ndarray, a: np.ndarray, b: np.ndarray,
    gaps: np.ndarray, direction: int, history: _Shortening | None,
) -> _Shortening:  # fmt: skip
    """Shorten one direction of a cell to the gaps, in place, and return how to undo it."""
    lengths = gaps[:, 1] - gaps[:, 0]
    ends = np.cumsum(lengths)
    new = ends - lengths
    knots_old = gaps.ravel()
    knots_new = np.stack([new, ends], axis=1).ravel()
    low[:, direction] = _moved(low[:, direction], knots_old, knots_new, a[direction])
    high[:, direction] = _moved(high[:, direction], knots_old, knots_new, a[direction])
    a[direction], b[direction] = 0.0, ends[-1]
    return _Shortening(direction, new, gaps[:, 0], history)


def _moved(
    values: np.ndarray, knots_old: np.ndarray, knots_new: np.ndarray, a: float
) -> np.ndarray:
    """Return coordinates in the shortened direction; what lies before the cell stays before it."""
    return np.where(values < a, -1.0, np.interp(values, knots_old, knots_new))


def _halves(
    low: np.ndarray, high: np.ndarray, a: np.ndarray, b: np.ndarray,
    history: _Shortening | None, spans: np.ndarray,
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, _Shortening | None]]:  # fmt: skip
    """Cut a cell at the middle one of the faces inside it, in the direction that has the most."""
    faces_low, faces_high = low > a, high < b
    counts = faces_low.sum(axis=0) + faces_high.sum(axis=0)
    direction = int(np.argmax(counts))
    faces = np.concatenate(
        [
            low[faces_low[:, direction], direction],
            high[faces_high[:, direction], direction],
        ]
    )
    cut = float(np.partition(faces, len(faces) // 2)[len(faces) // 2])
    left_end, right_start = b.copy(), a.copy()
    left_end[direction] = right_start[direction] = cut
    return [(low, high, a, left_end, history), (low, high, right_start, b, history)]


def _points(a: np.ndarray, b: np.ndarray, history: _Shortening | None) -> np.ndarray:
    """Return points of a cell, in the coordinates from before every shortening."""
    shares = np.random.default_rng(0).random((16, len(a)))
    shares[0] = 0.5
    points = a + shares * (b - a)
    while history is not None:
        x = points[:, history.axis]
        place = np.searchsorted(history.new, x, side="right") - 1
        points[:, history.axis] = history.old[place] + (x - history.new[place])
        history = history.before
    return points
