"""How long a search may take: seconds of computing, and a bound for a machine that is busy."""

from __future__ import annotations

import time

_BUSY = 3.0


class Budget:
    """A time that is used up.

    Parameters
    ----------
    seconds : float
        Of computing by this thread; by the clock, three times as many.
    """

    def __init__(self, seconds: float) -> None:
        self._computed = time.thread_time() + seconds
        self._passed = time.monotonic() + _BUSY * seconds

    @property
    def is_over(self) -> bool:
        """Whether it is used up."""
        return time.thread_time() > self._computed or time.monotonic() > self._passed
