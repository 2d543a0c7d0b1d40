"""Which configurations a search tries: a minimal ε-cover, a grid, random or evenly spread ones."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.search.errors import SearchError
from chainrule.search.space import Categorical, Configuration, Space

__all__ = [
    "STRATEGIES",
    "Plan",
    "cover_counts",
    "cover_size",
    "coverable_radius",
    "plan_search",
]

STRATEGIES = ("cover", "grid", "random", "sobol", "latin-hypercube")
#: Plans of more trials than this are refused unless the caller raises the limit.
LIMIT = 100_000


@dataclass(frozen=True)
class Plan:
    """The configurations of a search, and what its strategy guarantees.

    Attributes
    ----------
    strategy : str
    configurations : list of dict
        All different.
    epsilon : float, dict or None
        The radius that a cover was made for, one number or one for each axis in its own unit.
    sentence : str
        What the plan is, for a person.
    """

    strategy: str
    configurations: list[Configuration]
    epsilon: Any
    sentence: str


def cover_counts(space: Space, eps: Any) -> tuple[int, ...]:
    """Return how many values a minimal ε-cover has on each axis.

    Source: CMU 10-605, Homework 5, §1.2: N = Π max(1, ⌈(b_i − a_i)/2ε⌉); an integer axis counts
    whole numbers, a categorical one all choices. `eps` as in `Space.radii`.
    """
    return tuple(
        axis.cover_count(radius) for axis, radius in zip(space.axes, space.radii(eps), strict=True)
    )


def cover_size(space: Space, eps: Any) -> int:
    """Return how many trials a minimal ε-cover takes; exact, however large.

    Parameters
    ----------
    space : Space
    eps : number or mapping of str to number
        As in `Space.radii`.

    Returns
    -------
    int

    Examples
    --------
    >>> space = Space.of(a=(0.0, 1.0), b=(0.0, 1.0), c=(0.0, 1.0), d=(0.0, 1.0), e=["x", "y"])
    >>> cover_size(space, 0.1)
    1250
    """
    return math.prod(cover_counts(space, eps))


def coverable_radius(space: Space, budget: int) -> tuple[Fraction, tuple[int, ...]] | None:
    """Return the least share ε for which `budget` trials can be an ε-cover, and values per axis.

    Parameters
    ----------
    space : Space
    budget : int
        Number of trials.

    Returns
    -------
    (Fraction, tuple of int) or None
        None if the budget does not reach every combination of choices.
    """
    counts = [axis.size if isinstance(axis, Categorical) else 1 for axis in space.axes]
    if math.prod(counts) > budget:
        return None
    while True:
        # Only more values on the worst axes make the radius smaller.
        radii = [axis.cover_radius(n) for axis, n in zip(space.axes, counts, strict=True)]
        worst = max(radii)
        finer = list(counts)
        for k, axis in enumerate(space.axes):
            while worst > 0 and axis.cover_radius(finer[k]) >= worst:
                finer[k] += 1
        if worst == 0 or math.prod(finer) > budget:
            return worst, tuple(counts)
        counts = finer


def plan_search(
    space: Space,
    strategy: str,
    *,
    budget: int | None = None,
    epsilon: Any = None,
    points: Any = None,
    seed: int = 0,
    limit: int = LIMIT,
) -> Plan:
    """Return the configurations that a search will try.

    Parameters
    ----------
    space : Space
    strategy : {"cover", "grid", "random", "sobol", "latin-hypercube"}
    budget : int, optional
        The most trials. Needed by random, sobol and latin-hypercube; cover and grid take it
        instead of `epsilon` and `points`, and may use fewer.
    epsilon : number or mapping, optional
        For cover: the radius, as in `Space.radii`.
    points : int or mapping, optional
        For grid: values per ordered axis.
    seed : int
    limit : int
        More trials than this are refused.

    Returns
    -------
    Plan

    Raises
    ------
    SearchError
        If a setting is missing, not meant for the strategy, out of range, or makes more than
        `limit` trials; the message tells how many.

    Examples
    --------
    >>> plan = plan_search(Space.of(x=(0.0, 1.0)), "cover", epsilon=0.25)
    >>> [each["x"] for each in plan.configurations]
    [0.25, 0.75]
    """
    if strategy not in STRATEGIES:
        raise SearchError(f"Unknown strategy {strategy!r}; choose {', '.join(STRATEGIES)}.")
    if budget is not None and (isinstance(budget, bool) or not isinstance(budget, int)):
        raise SearchError(f"The budget is {budget!r}; expected a whole number of trials.")
    if budget is not None and budget < 1:
        raise SearchError(f"The budget is {budget} trials; expected at least 1.")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise SearchError(f"The seed is {seed!r}; expected a whole number of at least 0.")
    _refuse_stray("epsilon", epsilon, strategy, "cover")
    _refuse_stray("points", points, strategy, "grid")
    if strategy == "cover":
        return _cover(space, budget, epsilon, limit)
    if strategy == "grid":
        return _grid(space, budget, points, limit)
    if budget is None:
        raise SearchError(f"The strategy {strategy} needs a budget, such as budget = 60.")
    if budget > limit:
        raise _too_many(f"The budget of {budget:,} trials", limit)
    return _sampled(space, strategy, budget, seed)


def _cover(space: Space, budget: int | None, epsilon: Any, limit: int) -> Plan:
    if (budget is None) == (epsilon is None):
        raise SearchError("The strategy cover needs either epsilon or a budget, and not both.")
    if epsilon is None:
        assert budget is not None
        found = coverable_radius(space, min(budget, limit))
        if found is None:
            combinations = math.prod(
                axis.size for axis in space.axes if isinstance(axis, Categorical)
            )
            raise SearchError(
                f"A budget of {min(budget, limit):,} trials does not reach the {combinations:,} "
                "combinations of choices, so it covers nothing; raise the budget."
            )
        radius, counts = found
        epsilon = float(radius)
        total = math.prod(counts)
        sentence = (
            f"The finest cover within {budget:,} trials has ε = {epsilon:.4g} of each axis and "
            f"takes {_trials(total)}."
        )
    else:
        counts = cover_counts(space, epsilon)
        total = math.prod(counts)
        sentence = f"{cover_name(epsilon)} of {_axes(space)} needs {_trials(total)}."
        if total > limit:
            raise _too_many(sentence.rstrip("."), limit)
    values = [axis.cover(n) for axis, n in zip(space.axes, counts, strict=True)]
    return Plan("cover", _product(space, values), epsilon, sentence)


def _grid(space: Space, budget: int | None, points: Any, limit: int) -> Plan:
    if (budget is None) == (points is None):
        raise SearchError("The strategy grid needs either points or a budget, and not both.")
    ordered = [axis for axis in space.axes if not isinstance(axis, Categorical)]
    names = [axis.name for axis in ordered]
    if points is None:
        assert budget is not None
        count = _points_within(space, min(budget, limit))
        if count == 0:
            raise SearchError(
                f"A budget of {budget:,} trials is too small for one value of each choice; raise "
                "the budget."
            )
        per_axis = dict.fromkeys(names, count)
    elif isinstance(points, Mapping):
        if sorted(points) != sorted(names):
            raise SearchError(
                f"points is given for {', '.join(points) or 'no axis'}; give it for each of "
                f"{', '.join(names) or 'no axis'}, or as one number."
            )
        per_axis = dict(points)
    else:
        per_axis = dict.fromkeys(names, points)
    for name, count in per_axis.items():
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise SearchError(f"points of {name} is {count!r}; expected a number of at least 1.")
        if count > limit:
            raise _too_many(f"Axis {name} alone with {count:,} trials", limit)
    values = [axis.spaced(per_axis.get(axis.name, 1)) for axis in space.axes]
    total = math.prod(len(each) for each in values)
    shape = " × ".join(str(len(each)) for each in values)
    sentence = f"A grid of {shape} values has {_trials(total)}."
    if total > limit:
        raise _too_many(sentence.rstrip("."), limit)
    return Plan("grid", _product(space, values), None, sentence)


def _points_within(space: Space, budget: int) -> int:
    """Return the most values per ordered axis that a grid can have within a budget."""
    ordered = [axis for axis in space.axes if not isinstance(axis, Categorical)]
    choices = math.prod(axis.size for axis in space.axes if isinstance(axis, Categorical))
    count = 0
    while choices * math.prod(min(count + 1, axis.size or count + 1) for axis in ordered) <= budget:
        count += 1
        if all(axis.size is not None and axis.size <= count for axis in ordered):
            break
    return count


def _sampled(space: Space, strategy: str, budget: int, seed: int) -> Plan:
    """Return sampled configurations, each once: a repeated one would tell nothing new."""
    found: dict[str, Configuration] = {}
    # A small finite space runs out; then so do the draws.
    wanted = budget if space.size is None else min(budget, space.size)
    for shares in _shares(strategy, len(space.axes), budget, seed):
        configuration = space.configuration(shares.tolist())
        found.setdefault(json.dumps(configuration), configuration)
        if len(found) >= wanted:
            break
    name = {"random": "random", "sobol": "Sobol", "latin-hypercube": "Latin hypercube"}[strategy]
    sentence = f"{_trials(len(found), name)} of {_axes(space)}."
    if len(found) < budget:
        sentence = f"{sentence[:-1]}; {_trials(budget - len(found))} would repeat another."
    return Plan(strategy, list(found.values()), None, sentence)


def _shares(strategy: str, dimension: int, budget: int, seed: int) -> Iterator[np.ndarray]:
    """Give points of the unit cube, as many as the budget or, for random, many more."""
    generator = np.random.default_rng(seed)
    if strategy == "random":
        for _ in range(100 * budget):
            yield generator.random(dimension)
        return
    from scipy.stats import qmc

    if strategy == "sobol":
        # A power of two keeps the sequence balanced; its beginning is what is used.
        sampler = qmc.Sobol(dimension, scramble=True, seed=generator)
        yield from sampler.random_base2(max(budget - 1, 0).bit_length())[:budget]
    else:
        yield from qmc.LatinHypercube(dimension, seed=generator).random(budget)


def _product(space: Space, values: list[list[Any]]) -> list[Configuration]:
    return [dict(zip(space.names, each, strict=True)) for each in itertools.product(*values)]


def _refuse_stray(name: str, value: Any, strategy: str, owner: str) -> None:
    if value is not None and strategy != owner:
        raise SearchError(f"{name} belongs to the strategy {owner}, and this is {strategy}.")


def _too_many(what: str, limit: int) -> SearchError:
    return SearchError(
        f"{what}, more than the limit of {limit:,}; choose something coarser, or raise the limit."
    )


def cover_name(epsilon: Any) -> str:
    """Return what to call an ε-cover: "A 0.1-cover", or with one radius for each axis."""
    if isinstance(epsilon, Mapping):
        return "A cover with ε = " + ", ".join(
            f"{value} ({name})" for name, value in epsilon.items()
        )
    return f"A {float(epsilon):.4g}-cover"


def _trials(count: int, kind: str = "") -> str:
    kind = f"{kind} " if kind else ""
    shown = f"{count:,}" if count < 10**15 else f"about {Decimal(count):.3g}"
    return f"{shown} {kind}{'trial' if count == 1 else 'trials'}"


def _axes(space: Space) -> str:
    count = len(space.axes)
    return "this axis" if count == 1 else f"these {count} axes"
