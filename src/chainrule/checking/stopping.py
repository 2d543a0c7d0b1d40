"""The end of a check before it is done, and silence for the calls that nobody wants to watch."""

from __future__ import annotations

import contextlib
import io
import sys
import time
import warnings
from collections.abc import Iterator

import numpy as np

_TIMES_LONGER = 20  # then a change has made it endless
_own_time = getattr(time, "thread_time", time.process_time)


def now() -> float:
    """Seconds that this thread has worked, and a tenth of those that passed.

    What a search finds in its time then hardly depends on what else the computer does.
    """
    return 0.9 * _own_time() + 0.1 * time.monotonic()


def longest_run(seconds: float) -> float:
    """How long a run with a change in its text may take, beside the run as it is."""
    return 0.02 + _TIMES_LONGER * seconds


class Overdue(BaseException):
    """A run did not end in time; it passes through what the user's code catches."""


class Stopped(BaseException):
    """The user or a time limit ended a check; it passes through what the user's code catches.

    Its text is one sentence that says when, where and the cure.
    """


class _Nowhere(io.TextIOBase):
    """Takes what dozens of calls print."""

    def write(self, text: str) -> int:
        return len(text)


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Call the user's functions again without output, input, warnings and breakpoints."""
    stdin, hook = sys.stdin, sys.breakpointhook
    sys.stdin = io.StringIO()
    sys.breakpointhook = _pass_on
    try:
        with (
            contextlib.redirect_stdout(_Nowhere()),
            contextlib.redirect_stderr(_Nowhere()),
            warnings.catch_warnings(),
            np.errstate(all="ignore"),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.stdin, sys.breakpointhook = stdin, hook


def _pass_on(*args: object, **options: object) -> None:
    """Stop at no breakpoint: the first call did."""
