"""Certified covering radius: how far the worst configuration of a space is from every trial.

The distance is the largest difference of shares over the ordered axes, divided by ε where each
axis has its own; configurations of different choices are infinitely far apart. The radius is
found by bounds from cells of a subdivided space, and made exact by deciding whether the balls of
that radius leave a point out.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.search.errors import SearchError
from chainrule.search.space import Categorical, Configuration, Integer, Space
from chainrule.search.uncovered import TooManyCells, missed_points

__all__ = ["Coverage", "covering_radius"]

#: Two radii closer than this, relatively, count as one.
TOLERANCE, ROUNDING = 1e-10, 1e-13
#: Work for one covering radius: cells of the exact decision, and centres of the subdivision.
CELLS, FEW_CENTRES, CENTRES = 60_000, 3_000, 100_000
#: Combinations of choices that are looked at one by one.
COMBINATIONS = 10_000


@dataclass(frozen=True)
class Coverage:
    """Bounds on a covering radius, and the hole that proves the lower one.

    Attributes
    ----------
    lower, upper : float
        Every ball of radius `upper` around the trials together covers the space; one configuration
        is `lower` away from every trial. Infinite where a combination of choices has no trial.
    exact : bool
        Whether the two are the same (to ten digits).
    hole : dict or None
        The configuration that is `lower` away from every trial; None without trials.
    trials : int
    unit : {"shares", "epsilons"}
        Whether radii are shares of the axes or multiples of each axis's ε.
    missing : int
        Combinations of choices without a trial.
    """

    lower: float
    upper: float
    exact: bool
    hole: Configuration | None
    trials: int
    unit: str
    missing: int = 0

    @property
    def kind(self) -> str:
        """Whether the radius is exact, or certified from both sides."""
        return "exact" if self.exact else "certified bounds"


def covering_radius(
    space: Space, configurations: Sequence[Mapping[str, Any]], epsilon: Any = None
) -> Coverage:
    """Return the covering radius of trials, exactly where that takes moderate work.

    Parameters
    ----------
    space : Space
    configurations : sequence of mappings
        The trials.
    epsilon : mapping, optional
        One ε for each ordered axis in its own unit; the radius is then in multiples of it. If it
        is a number or not given, the radius is a share of each axis.

    Returns
    -------
    Coverage

    Raises
    ------
    SearchError
        If a configuration does not belong to the space, or ε is out of range.

    Notes
    -----
    With n trials on d ordered axes the exact decision takes about n^{d/2} cells (Chan 2013). Where
    60 000 + 2 n cells are not enough, both bounds are still certified.

    Examples
    --------
    >>> found = covering_radius(Space.of(x=(0.0, 1.0)), [{"x": 0.25}, {"x": 0.65}])
    >>> round(found.lower, 12), found.exact
    (0.35, True)
    """
    for configuration in configurations:
        space.check(configuration)
    unit = "epsilons" if isinstance(epsilon, Mapping) else "shares"
    if isinstance(epsilon, Mapping):
        scales = [1 / float(radius) for radius in space.radii(epsilon)]
    else:
        scales = [1.0 for _ in space.axes]
    ordered = [k for k, axis in enumerate(space.axes) if not isinstance(axis, Categorical)]
    groups: dict[tuple[int, ...], list[Mapping[str, Any]]] = {}
    for configuration in configurations:
        groups.setdefault(_choices(space, configuration), []).append(configuration)
    sizes = [axis.size for axis in space.axes if isinstance(axis, Categorical)]
    missing = math.prod(sizes) - len(groups)
    if missing:
        hole = _first_missing(space, groups) if groups else None
        return Coverage(math.inf, math.inf, True, hole, len(configurations), unit, missing)
    if len(groups) > COMBINATIONS:
        raise SearchError(
            f"The space has {len(groups):,} combinations of choices, more than the "
            f"{COMBINATIONS:,} whose covering radius is computed."
        )
    if not ordered:
        return Coverage(0.0, 0.0, True, dict(configurations[0]), len(configurations), unit)
    lower, upper, hole = -math.inf, 0.0, None
    for members in groups.values():
        domain = _Domain(space, ordered, scales, members)
        low, high, point = _bounds(domain, lower, len(groups))
        upper = max(upper, high)
        if low > lower:
            lower, hole = low, {**dict(members[0]), **domain.configuration(point)}
    exact = upper <= lower * (1 + 2 * TOLERANCE) + 2 * ROUNDING
    if exact:
        upper = lower
    return Coverage(lower, upper, exact, hole, len(configurations), unit)


class _Domain:
    """The ordered axes of a space in scaled shares, and the trials of one combination of choices.

    An integer axis is worked on by the places of its whole numbers: the values from i to j become
    the interval from i − ½ to j + ½, so that covering intervals is covering whole numbers.
    """

    def __init__(
        self,
        space: Space,
        ordered: Sequence[int],
        scales: Sequence[float],
        members: Sequence[Mapping[str, Any]],
    ) -> None:
        self.axes: list[Any] = [space.axes[k] for k in ordered]
        self.scales = np.array([scales[k] for k in ordered])
        shares = [[axis.share(each[axis.name]) for axis in self.axes] for each in members]
        self.points = np.unique(np.array(shares) * self.scales, axis=0)
        self.flat = np.array([axis.low == axis.high for axis in self.axes])

    def configuration(self, scaled: np.ndarray) -> Configuration:
        """Return the values of the ordered axes nearest to scaled shares."""
        values = {}
        for axis, share in zip(self.axes, scaled / self.scales, strict=True):
            ends = (axis.low, axis.high)
            value = min(max(_unshare(axis, share), ends[0]), ends[1])
            values[axis.name] = round(value) if isinstance(axis, Integer) else float(value)
        return values

    def snapped(self, scaled: np.ndarray) -> np.ndarray:
        """Return scaled shares moved to whole numbers on integer axes."""
        scaled = scaled.copy()
        for k, axis in enumerate(self.axes):
            if self.flat[k]:
                scaled[:, k] = 0.0
            elif isinstance(axis, Integer):
                values = _unshare_all(axis, scaled[:, k] / self.scales[k])
                nearest = np.clip(np.round(values), axis.low, axis.high)
                scaled[:, k] = _share_all(axis, nearest) * self.scales[k]
        return scaled

    def balls(self, radius: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return the balls around the points and the domain as boxes to be covered."""
        reach = radius * (1 + TOLERANCE) + ROUNDING
        lower, upper = self.points - reach, self.points + reach
        start, end = np.zeros(len(self.axes)), self.scales.copy()
        for k, axis in enumerate(self.axes):
            if self.flat[k]:
                end[k] = 1.0
            elif isinstance(axis, Integer):
                first, last = (
                    _unshare_all(axis, edge[:, k] / self.scales[k]) for edge in (lower, upper)
                )
                lower[:, k] = np.ceil(first - 1e-9) - 0.5
                upper[:, k] = np.floor(last + 1e-9) + 0.5
                start[k], end[k] = axis.low - 0.5, axis.high + 0.5
        return lower, upper, start, end

    def from_boxes(self, found: np.ndarray) -> np.ndarray:
        """Return points of the boxes of `balls` as scaled shares."""
        found = found.copy()
        for k, axis in enumerate(self.axes):
            if self.flat[k]:
                found[:, k] = 0.0
            elif isinstance(axis, Integer):
                nearest = np.clip(np.round(found[:, k]), axis.low, axis.high)
                found[:, k] = _share_all(axis, nearest) * self.scales[k]
        return found


def _bounds(domain: _Domain, known: float, groups: int) -> tuple[float, float, np.ndarray]:
    """Return a lower and an upper bound of a radius, and the point of the lower one.

    `known` is a radius that is reached elsewhere; there is no need to work below it.
    """
    from scipy.spatial import cKDTree

    tree = cKDTree(domain.points)

    def distance(points: np.ndarray) -> np.ndarray:
        return np.asarray(tree.query(points, p=np.inf)[0])

    lower, upper, point = _subdivide(domain, distance, known, FEW_CENTRES)
    cells = CELLS // groups + 2 * len(domain.points)
    while upper > max(lower, known) * (1 + TOLERANCE) + ROUNDING:
        # Mostly the best hole found is the largest one, and then one decision says so.
        for radius in (max(lower, known), (max(lower, known) + upper) / 2):
            try:
                missed, used = missed_points(*domain.balls(radius), limit=cells)
            except TooManyCells:
                low, high, other = _subdivide(domain, distance, known, CENTRES // groups)
                if low > lower:
                    lower, point = low, other
                return lower, max(lower, min(upper, high)), point
            cells -= used
            if missed is None:
                upper = min(upper, radius * (1 + TOLERANCE) + ROUNDING)
                break
            holes = _climbed(domain, distance, domain.from_boxes(missed))
            distances = distance(holes)
            best = int(np.argmax(distances))
            if distances[best] <= radius:
                return lower, upper, point
            if distances[best] > lower:
                lower, point = float(distances[best]), holes[best]
    return lower, upper, point


def _subdivide(
    domain: _Domain, distance: Any, known: float, budget: int
) -> tuple[float, float, np.ndarray]:
    """Return bounds by halving cells: no point is farther than its cell's centre is, plus half."""
    dimension = len(domain.axes)
    extent = np.where(domain.flat, 0.0, domain.scales)
    corners = np.array(list(itertools.product((0.0, 1.0), repeat=min(dimension, 10))))
    if dimension > 10:
        corners = np.hstack([corners, np.zeros((len(corners), dimension - 10))])
    starts = np.vstack([corners, np.random.default_rng(0).random((256, dimension))])
    candidates = _climbed(domain, distance, domain.snapped(starts * extent))
    found = distance(candidates)
    point, lower = candidates[int(np.argmax(found))], float(found.max())
    centres, halves = (extent / 2)[None, :], (extent / 2)[None, :]
    settled = 0.0
    while True:
        distances = distance(centres)
        budget -= len(centres)
        bounds = distances + halves.max(axis=1)
        at = domain.snapped(centres)
        reached = distance(at)
        best = int(np.argmax(reached))
        if reached[best] > lower:
            point, lower = at[best], float(reached[best])
        alive = bounds > max(lower, known) * (1 + TOLERANCE)
        settled = max(settled, float(bounds[~alive].max(initial=0.0)))
        upper = max(settled, float(bounds[alive].max(initial=0.0)), lower)
        if not alive.any() or budget < 4 * alive.sum():
            return lower, upper, point
        centres, halves = centres[alive], halves[alive]
        longest = np.argmax(halves, axis=1)
        rows = np.arange(len(centres))
        halves = halves.copy()
        halves[rows, longest] /= 2
        step = np.zeros_like(halves)
        step[rows, longest] = halves[rows, longest]
        centres, halves = np.vstack([centres - step, centres + step]), np.vstack([halves, halves])


def _climbed(domain: _Domain, distance: Any, points: np.ndarray) -> np.ndarray:
    """Return points moved, one coordinate after the other, to where they are farther from all."""
    best = points.copy()
    for k in range(points.shape[1]):
        if domain.flat[k]:
            continue
        for share in np.linspace(0.0, 1.0, 33):
            moved = best.copy()
            moved[:, k] = share * domain.scales[k]
            moved = domain.snapped(moved)
            better = distance(moved) > distance(best)
            best[better] = moved[better]
    return best


def _choices(space: Space, configuration: Mapping[str, Any]) -> tuple[int, ...]:
    return tuple(
        axis.choices.index(configuration[axis.name])
        for axis in space.axes
        if isinstance(axis, Categorical)
    )


def _first_missing(space: Space, groups: Mapping[tuple[int, ...], Any]) -> Configuration:
    """Return a configuration of the first combination of choices without a trial."""
    axes = [axis for axis in space.axes if isinstance(axis, Categorical)]
    places = next(
        each
        for each in itertools.product(*(range(axis.size) for axis in axes))
        if each not in groups
    )
    middle = space.configuration([0.5] * len(space.axes))
    return middle | {axis.name: axis.choices[i] for axis, i in zip(axes, places, strict=True)}


def _unshare(axis: Any, share: float) -> float:
    return float(_unshare_all(axis, np.array([share]))[0])


def _unshare_all(axis: Any, shares: np.ndarray) -> np.ndarray:
    """Return the values at shares, also outside of [0, 1] and between whole numbers."""
    if axis.scale == "log":
        return np.asarray(axis.low * (axis.high / axis.low) ** shares)
    return np.asarray(axis.low + shares * (axis.high - axis.low))


def _share_all(axis: Any, values: np.ndarray) -> np.ndarray:
    if axis.scale == "log":
        return np.asarray(np.log(values / axis.low) / math.log(axis.high / axis.low))
    return np.asarray((values - axis.low) / (axis.high - axis.low))
