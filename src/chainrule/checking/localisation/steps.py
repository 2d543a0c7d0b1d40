"""The steps of a watched run: single values, arrays written in place, and values of loops.

In a loop over samples one line binds a row at a time, in one more loop a single number; its values
are read together, as the array that a vectorised line would have made.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.checking.localisation.loops import Loops
from chainrule.checking.localisation.matching import Match, Matcher
from chainrule.checking.watch import Event, Part, Place, Run
from chainrule.checking.watch_rewriting import Site

_REAL = frozenset({"cotangent", "share", "forward", "input", "derivative", "part", "addends"})
_FEW = 12  # iterations up to which values of a loop are looked at one by one as well


@dataclass(eq=False)
class Step:
    """A value that the user's function bound, or the values of one line in a loop.

    Attributes
    ----------
    site : Site
    places : list of Place
        Where the value is bound; several for a loop.
    value : ndarray
        Rows of a loop stacked on the first axis; of loops in a loop, on one axis each.
    time : int
    key : object
        The key under which it was stored, if it was.
    moments : list of int
        The times of the places.
    copied : bool
        The statement computes nothing: it gives an earlier value another name.
    caller : tuple or None
        The file and line that the function was called from.
    covered : bool
        One iteration of a loop whose iterations are a step as well.
    one_of_many : bool
        One number of many, not the last: with it alone no gradient is right.
    axes : int
        How many axes of the value are those of loops.
    matches : list of Match
        True quantities that it is a multiple of.
    begins : list of Match
        For a loop, the same of its first iteration.
    """

    site: Site
    places: list[Place]
    value: np.ndarray
    time: int
    key: Any
    moments: list[int]
    copied: bool = False
    caller: tuple[str, int] | None = None
    covered: bool = False
    one_of_many: bool = False
    axes: int = 0
    matches: list[Match] = field(default_factory=list)
    begins: list[Match] = field(default_factory=list)

    @property
    def standing(self) -> Match | None:
        """The true quantity that the value is, if it has a part of its own in the calculation."""
        return next((m for m in self.matches or self.begins if m.quantity.kind in _REAL), None)

    @property
    def cotangent(self) -> Match | None:
        """The cotangent that the value is a multiple of."""
        return next((m for m in self.matches if m.quantity.kind == "cotangent"), None)

    @property
    def is_probability(self) -> bool:
        """Whether the value is what a person forms of the loss's, such as its softmax."""
        return any(m.exact and m.quantity.kind == "derived" for m in self.matches)

    @property
    def stacked(self) -> bool:
        """Whether the value was put together from the rows of a loop."""
        return len(self.places) > 1

    def rows(self, value: np.ndarray | None = None) -> np.ndarray:
        """What every place binds: the step's own value, or another one of its shape."""
        value = self.value if value is None else value
        return value.reshape(-1, *self.row_shape) if self.stacked else value[None]

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The shape of what one place binds."""
        return self.value.shape[self.axes :]

    @property
    def name(self) -> str | None:
        """The variable, attribute or key that it is bound to."""
        if isinstance(self.key, str):
            return self.key
        part = self.places[0][1]
        if part and isinstance(part[-1], str):
            return part[-1]
        target = self.site.target
        if target is None:
            return None
        names = [x.strip() for x in target.strip("()[]").split(",")]
        if part and isinstance(part[0], int) and len(names) > part[0]:
            target = names[part[0]]
        quoted = re.findall(r"\[['\"](\w+)['\"]\]$", target)
        if quoted:
            return str(quoted[-1])
        return target.split("[")[0].split(".")[-1]


def final_writes(run: Run) -> dict[tuple[int, Part], set[int]]:
    """For arrays written in place, the last write at every site."""
    found: dict[tuple[int, Part], set[int]] = {}
    for (site, part, _), count in run.writes.items():
        found.setdefault((site, part), set()).add(count)
    return found


def steps_of(
    run: Run, sites: Sequence[Site], matcher: Matcher, batches: Collection[int] = ()
) -> list[Step]:
    """The steps of a run in the order of time, matched.

    Parameters
    ----------
    run : Run
        Recorded with `final_writes`.
    sites : sequence of Site
    matcher : Matcher
    batches : collection of int
        Numbers of iterations that may be one for each sample; the rows of such a loop are looked
        at together only.
    """
    found: list[Step] = []
    singles: dict[tuple[int, Part], list[Event]] = {}
    for event in run.events:
        singles.setdefault(event.place[:2], []).append(event)
    loops = Loops(run)
    for (site, _), events in singles.items():
        nests = list(_nests(events, sites[site], matcher, loops)) if len(events) > 1 else []
        found += nests
        numbers = bool(nests) and not nests[0].row_shape  # of which single loops say nothing
        grouped = list(loops.groups(events)) if len(events) > 1 and not numbers else []
        few, covered = len(events) <= _FEW, numbers
        for rows in grouped:
            step = _together(rows, sites[site], matcher)
            if step is not None:
                found.append(step)
                covered = True
                few = few and len(rows) not in batches
            if len(rows) > 2:
                # what the last iteration hands on may be used by none, and have no true value
                last = max(rows, key=lambda event: event.time)
                step = _together([x for x in rows if x is not last], sites[site], matcher)
                if step is not None:
                    found.append(step)
        many = len(events) > _FEW and all(np.ndim(event.value) == 0 for event in events)
        alone = events if not (grouped or numbers) or few else events[-1:]
        for event in alone:
            single = _single(event, sites)
            single.covered = covered and event is not events[-1]
            single.one_of_many = many and event is not events[-1]
            found.append(single)
    found.sort(key=lambda step: (step.time, not step.stacked))
    for step in found:
        step.matches = matcher.matches(step.value)
        if step.stacked and not step.matches:
            earliest = step.moments.index(step.time)
            step.begins = matcher.matches(step.rows()[earliest])
    return found


def _nests(events: list[Event], site: Site, matcher: Matcher, loops: Loops) -> Iterator[Step]:
    """The values of all iterations of loops in loops: one after another, and on an axis each.

    Of a function that is called from several places, those of each place as well.
    """
    callers: dict[Any, list[Event]] = {}
    for event in events:
        callers.setdefault(event.caller, []).append(event)
    for several in [events, *(callers.values() if len(callers) > 1 else ())]:
        for rows, sizes in loops.nests(several, adding=site.kind == "augmented"):
            for shape in dict.fromkeys(((len(rows),), sizes)):
                step = _together(rows, site, matcher, shape)
                if step is not None:
                    yield step
    if len(callers) > 1 and np.ndim(events[0].value):
        for several in callers.values():
            for rows in loops.groups(several) if len(several) > 1 else ():
                step = _together(rows, site, matcher)
                if step is not None:
                    yield step


def _single(event: Event, sites: Sequence[Site]) -> Step:
    value = np.asarray(event.value)
    place = event.place
    site, moments = sites[place[0]], [event.time]
    copied = site.plain or not event.origin
    return Step(site, [place], value, event.time, event.key, moments, copied, event.caller)


def _together(
    events: list[Event], site: Site, matcher: Matcher, sizes: tuple[int, ...] | None = None
) -> Step | None:
    """Events of loops as one value, if a true quantity has its shape."""
    arrays = [np.asarray(event.value) for event in events]
    if any(x.shape != arrays[0].shape for x in arrays):
        return None
    sizes = sizes or (len(events),)
    shape = (*sizes, *arrays[0].shape)
    if not matcher.of_shape(shape) and not matcher.of_shape(shape[::-1]):
        return None
    value = np.stack(arrays).reshape(shape)
    copied = site.plain or not any(event.origin for event in events)
    moments = [event.time for event in events]
    callers = {event.caller for event in events}
    caller = callers.pop() if len(callers) == 1 else None
    places = [event.place for event in events]
    return Step(site, places, value, min(moments), None, moments, copied, caller, axes=len(sizes))


def roles(name: str | None, known: Mapping[str, str]) -> list[tuple[str, str]]:
    """What a variable may be meant to hold, by its name: ``dz1`` is the cotangent of ``z1``.

    Parameters
    ----------
    name : str or None
    known : mapping of str to str
        Names of forward values, by their spelling in lower case without underscores.

    Returns
    -------
    list of (kind, name)
    """
    if not name:
        return []
    plain = name.replace("_", "").lower()
    found = []
    for pattern in _PREFIXES:
        match = re.fullmatch(pattern, plain)
        if match and match[1] in known:
            found.append(("cotangent", known[match[1]]))
    match = re.fullmatch(r"(?:delta|d|error|err|g|grad)(\d+)", plain)
    if match:
        for letter in "zhas":
            if letter + match[1] in known:
                found.append(("cotangent", known[letter + match[1]]))
                break
    if plain in known:
        found.append(("forward", known[plain]))
    return list(dict.fromkeys(found))


_PREFIXES = (
    r"d(?:l|j|loss|cost|e|c)?d(.+)", r"d(.+)", r"grad(.+)", r"grads(.+)", r"g(.+)", r"delta(.+)",
    r"nabla(.+)", r"(.+?)grads?", r"(.+?)gradient", r"(.+?)bar", r"gradient(.+)", r"(.+?)delta",
    r"(.+?)error",
)  # fmt: skip
