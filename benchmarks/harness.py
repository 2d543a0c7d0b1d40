"""Fair ratios on noisy machines: contestants take turns within one process, round after round.

A ratio is formed inside each round, between runs that were neighbours in time, and reported as
the median over rounds with its quartiles. Absolute times are shown for orientation only.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Contestant = Callable[[], object]


@dataclass(frozen=True)
class Comparison:
    """Times of several contestants, round by round.

    Attributes
    ----------
    seconds : dict
        For each contestant its seconds per call, one entry per round.
    """

    seconds: dict[str, list[float]]

    def median(self, name: str) -> float:
        """Median seconds per call."""
        return statistics.median(self.seconds[name])

    def ratio(self, slower: str, faster: str) -> tuple[float, float, float]:
        """How many times longer ``slower`` takes than ``faster``: lower quartile, median, upper."""
        pairs = zip(self.seconds[slower], self.seconds[faster], strict=True)
        ratios = sorted(a / b for a, b in pairs)
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return low, middle, high


def compare(
    contestants: Mapping[str, Contestant], rounds: int = 25, seconds_per_turn: float = 0.02
) -> Comparison:
    """Time contestants in alternating rounds.

    Parameters
    ----------
    contestants : mapping of name to callable
        Each is called without arguments, many times per turn.
    rounds : int
        Turns per contestant; the order rotates from round to round.
    seconds_per_turn : float
        About how long one turn lasts; the number of calls is calibrated to it.
    """
    loops = {}
    for name, contestant in contestants.items():
        contestant()  # warm caches, compile
        loops[name] = max(1, round(seconds_per_turn / max(_time(contestant, 1), 1e-7)))
        loops[name] = max(
            1, round(seconds_per_turn / (_time(contestant, loops[name]) / loops[name]))
        )
    names = list(contestants)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    collecting = gc.isenabled()
    gc.disable()
    try:
        for number in range(rounds):
            shift = number % len(names)
            for name in names[shift:] + names[:shift]:
                seconds[name].append(_time(contestants[name], loops[name]) / loops[name])
            gc.collect()
    finally:
        if collecting:
            gc.enable()
    return Comparison(seconds)


def _time(contestant: Contestant, loops: int) -> float:
    start = time.perf_counter()
    for _ in range(loops):
        contestant()
    return time.perf_counter() - start


@dataclass(frozen=True)
class Goal:
    """A figure that the project has promised: a ratio between two contestants, or a time.

    Attributes
    ----------
    statement : str
    measured : float
    low, high : float
        Quartiles over rounds.
    bound : str
        What was promised, such as ``<= 3.0``; empty for a figure without promise.
    met : bool or None
    """

    statement: str
    measured: float
    low: float
    high: float
    bound: str = ""
    met: bool | None = None


def ratio_goal(
    comparison: Comparison,
    statement: str,
    slower: str,
    faster: str,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Goal:
    """The ratio of two contestants' times against a bound."""
    low, middle, high = comparison.ratio(slower, faster)
    return Goal(statement, middle, low, high, *_judge(middle, at_least, at_most))


def time_goal(
    comparison: Comparison,
    statement: str,
    name: str,
    scale: float,
    at_most: float | None = None,
) -> Goal:
    """The time of one contestant, multiplied by ``scale`` into the unit of the statement."""
    times = sorted(seconds * scale for seconds in comparison.seconds[name])
    low, middle, high = statistics.quantiles(times, n=4, method="inclusive")
    return Goal(statement, middle, low, high, *_judge(middle, None, at_most))


def _judge(
    measured: float, at_least: float | None, at_most: float | None
) -> tuple[str, bool | None]:
    if at_least is not None:
        return f">= {at_least:g}", measured >= at_least
    if at_most is not None:
        return f"<= {at_most:g}", measured <= at_most
    return "", None


def peak_megabytes() -> float:
    """Resident memory of this process at most so far, in megabytes.

    Linux keeps ``ru_maxrss`` across ``exec``: a child starts with the peak of the process that
    started it. The high-water mark of the address space starts anew.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
        return float(line.split()[1]) / 1024
    import resource

    unit = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
