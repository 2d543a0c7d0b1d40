"""The steps of a watched run: single values, arrays written in place, and values of one loop.

In a loop over samples one line binds a row at a time; its values are read together, as the array
that a vectorised line would have made.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.checking.localisation.matching import Match, Matcher
from chainrule.checking.watch import END, Event, Part, Place, Run
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
        Rows of a loop stacked on the first axis.
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
    loops = _Loops(run)
    for (site, _), events in singles.items():
        grouped = list(loops.groups(events)) if len(events) > 1 else []
        few, covered = len(events) <= _FEW, False
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
        alone = events if not grouped or few else events[-1:]
        for event in alone:
            single = _single(event, sites)
            single.covered = covered and event is not events[-1]
            found.append(single)
    found.sort(key=lambda step: (step.time, not step.stacked))
    for step in found:
        step.matches = matcher.matches(step.value)
        if step.stacked and not step.matches:
            earliest = step.moments.index(step.time)
            step.begins = matcher.matches(step.value[earliest])
    return found


def _single(event: Event, sites: Sequence[Site]) -> Step:
    value = np.asarray(event.value)
    place = event.place
    site, moments = sites[place[0]], [event.time]
    copied = site.plain or not event.origin
    return Step(site, [place], value, event.time, event.key, moments, copied, event.caller)


def _together(events: list[Event], site: Site, matcher: Matcher) -> Step | None:
    """Events of one loop as one value, if a true quantity has its shape."""
    arrays = [np.asarray(event.value) for event in events]
    if any(x.shape != arrays[0].shape for x in arrays):
        return None
    stacked = np.stack(arrays)
    shape = stacked.shape
    if not matcher.of_shape(shape) and not matcher.of_shape(shape[::-1]):
        return None
    copied = site.plain or not any(event.origin for event in events)
    moments = [event.time for event in events]
    callers = {event.caller for event in events}
    caller = callers.pop() if len(callers) == 1 else None
    places = [event.place for event in events]
    return Step(site, places, stacked, min(moments), None, moments, copied, caller)


class _Loops:
    """Which iteration of which loop an event belongs to."""

    def __init__(self, run: Run) -> None:
        self.entries: list[tuple[list[int], list[Any], int]] = []  # starts, targets, end
        opened: dict[int, tuple[list[int], list[Any]]] = {}
        for time, site, target in run.loops:
            if target is END:
                starts, targets = opened.pop(site, ([], []))
                if len(starts) > 1:
                    self.entries.append((starts, targets, time))
            else:
                starts, targets = opened.setdefault(site, ([], []))
                starts.append(time)
                targets.append(target)
        for starts, targets in opened.values():  # left by return
            if len(starts) > 1:
                self.entries.append((starts, targets, starts[-1] + 10**9))

    def groups(self, events: list[Event]) -> Iterator[list[Event]]:
        """Events of one site, one of each iteration of a loop, in the order of samples."""
        for starts, targets, end in self.entries:
            iterations: list[list[Event]] = [[] for _ in starts]
            for event in events:
                if starts[0] <= event.time < end:
                    iterations[bisect_right(starts, event.time) - 1].append(event)
            order = _order(targets)
            for nth in range(min(map(len, iterations))):
                yield [iterations[number][nth] for number in order]
        if not self.entries or not any(s[0] <= events[0].time < e for s, _, e in self.entries):
            yield list(events)  # a comprehension, or a helper called once for each sample


def _order(targets: Sequence[Any]) -> Sequence[int]:
    """Iterations in the order of what they are about: the samples' own numbers if known."""
    count = len(targets)
    if all(isinstance(x, (int, np.integer)) for x in targets) and len(set(targets)) == count:
        return sorted(range(count), key=lambda i: int(targets[i]))
    return range(count)


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
    r"d(?:l|j|loss|cost|e|c)?d(.+)", r"d(.+)", r"grads?(.+)", r"g(.+)", r"delta(.+)", r"nabla(.+)",
    r"(.+?)grads?", r"(.+?)gradient", r"(.+?)bar", r"gradient(.+)", r"(.+?)delta", r"(.+?)error",
)  # fmt: skip
