"""Asked to end by a signal, a command ends as on Ctrl-C; what it splits off ends as ever."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import threading

_ASKED = signal.SIGTERM


class _Masks(threading.local):
    """The signals that were blocked before this thread split a process off; None if ours stays."""

    before: set[signal.Signals] | None = None


_masks = _Masks()


def end_as_on_interrupt() -> None:
    """Let SIGTERM end this process as Ctrl-C does: helpers stop, what is done stays.

    Not in the processes that it splits off: their pools wait for workers that such a signal ends
    at once. One that comes while a worker begins is kept until it can end it, or the worker would
    miss it and be waited for in vain.
    """
    with contextlib.suppress(ValueError):  # only the main thread may ask for signals
        if signal.getsignal(_ASKED) is signal.SIG_DFL:
            signal.signal(_ASKED, signal.default_int_handler)
            _watch_forks()


@functools.cache
def _watch_forks() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_hold_back, after_in_child=_end_as_ever, after_in_parent=_let_through
        )


def _hold_back() -> None:
    ours = signal.getsignal(_ASKED) is signal.default_int_handler
    _masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, {_ASKED}) if ours else None  # type: ignore[assignment]


def _end_as_ever() -> None:
    if _masks.before is not None:
        signal.signal(_ASKED, signal.SIG_DFL)
    _let_through()


def _let_through() -> None:
    if _masks.before is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, _masks.before)
        _masks.before = None
