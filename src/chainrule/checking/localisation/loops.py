"""Which iterations of which loops the values of a watched run belong to."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.checking.watch import END, Event, Run


class _Turn(NamedTuple):
    """One iteration of a loop: its site, which time it is run, and the number of the iteration."""

    site: int
    entry: int
    number: int


_Chain = tuple[_Turn, ...]


class Loops:
    """The loops of a run."""

    def __init__(self, run: Run) -> None:
        self.entries: list[tuple[list[int], list[Any], int]] = []  # starts, targets, end
        self._times: list[int] = []
        self._chains: list[_Chain] = []  # from each of these times on, the outermost loop first
        self._targets: list[list[Any]] = []
        opened: dict[int, tuple[list[int], list[Any], int]] = {}
        chain: _Chain = ()
        for time, site, target in run.loops:
            outside = next((i for i, turn in enumerate(chain) if turn.site == site), len(chain))
            chain = chain[:outside]  # loops within that were left by return
            if target is END:
                starts, targets, _ = opened.pop(site, ([], [], 0))
                if len(starts) > 1:
                    self.entries.append((starts, targets, time))
            else:
                if site not in opened:
                    opened[site] = [], [], len(self._targets)
                    self._targets.append(opened[site][1])
                starts, targets, entry = opened[site]
                chain = (*chain, _Turn(site, entry, len(starts)))
                starts.append(time)
                targets.append(target)
            self._times.append(time)
            self._chains.append(chain)
        for starts, targets, _ in opened.values():  # left by return
            if len(starts) > 1:
                self.entries.append((starts, targets, starts[-1] + 10**9))
        self._orders: dict[int, dict[int, int]] = {}

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

    def nests(
        self, events: list[Event], adding: bool
    ) -> Iterator[tuple[list[Event], tuple[int, ...]]]:
        """All events of one site in loops within loops, in the order of samples.

        With how many there are on each level, where that is the same everywhere.

        Parameters
        ----------
        events : list of Event
        adding : bool
            They are sums on their way: what they are at the end of the innermost loop is asked
            as well.
        """
        chains = [self._chain(event.time) for event in events]
        loops = tuple(turn.site for turn in chains[0])
        if not loops or any(tuple(turn.site for turn in chain) != loops for chain in chains):
            return
        found = self._nest(events, chains)
        if found is not None:
            yield found
        if adding and len(loops) > 1:
            last = {(*chain[:-1], chain[-1].entry): i for i, chain in enumerate(chains)}
            ends = sorted(last.values())
            found = self._nest([events[i] for i in ends], [chains[i][:-1] for i in ends])
            if found is not None:
                yield found

    def _nest(
        self, events: list[Event], chains: Sequence[_Chain]
    ) -> tuple[list[Event], tuple[int, ...]] | None:
        nth: dict[_Chain, int] = {}
        keys: list[tuple[int, ...]] = []
        for chain in chains:
            number = nth[chain] = nth.get(chain, -1) + 1
            keys.append((*(self._rank(turn) for turn in chain), number))
        sizes = tuple(len(set(level)) for level in zip(*keys, strict=True))
        sizes = tuple(size for size in sizes if size > 1)
        if len(sizes) < 2:
            return None  # of one loop
        order = sorted(range(len(events)), key=keys.__getitem__)
        regular = math.prod(sizes) == len(events) == len(set(keys))
        return [events[i] for i in order], sizes if regular else (len(events),)

    def _chain(self, time: int) -> _Chain:
        number = bisect_right(self._times, time) - 1
        return self._chains[number] if number >= 0 else ()

    def _rank(self, turn: _Turn) -> int:
        """The place of an iteration in the order of what the loop is about."""
        if turn.entry not in self._orders:
            order = _order(self._targets[turn.entry])
            self._orders[turn.entry] = {number: rank for rank, number in enumerate(order)}
        return self._orders[turn.entry][turn.number]


def _order(targets: Sequence[Any]) -> Sequence[int]:
    """Iterations in the order of what they are about: the samples' own numbers if known."""
    count = len(targets)
    if all(isinstance(x, (int, np.integer)) for x in targets) and len(set(targets)) == count:
        return sorted(range(count), key=lambda i: int(targets[i]))
    return range(count)
