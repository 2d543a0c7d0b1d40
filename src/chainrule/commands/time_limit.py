"""A command on a user's file ends in time, or with Ctrl-C, by a sentence that names the line.

Both come as SIGINT to the main thread, a time limit from a thread that watches. Code that catches
everything, or never returns from C, is left behind: then that thread prints and ends the process.
"""

from __future__ import annotations

import _thread
import contextlib
import linecache
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from os import _exit  # a user's code is given another one
from pathlib import Path
from types import FrameType, TracebackType

from chainrule.checking.stopping import Stopped

#: Seconds that a check may take if nothing else is said.
DEFAULT = 60.0
_NOTE_AFTER = 10.0  # a terminal is told what takes so long
_GRACE = 5.0  # for code that catches what ends it, or is in the middle of a call into C
_AGAIN = 0.25
_MOST_SHOWN = 60


class TimeLimit:
    """A context in which `Stopped` is raised when the time is over, or at Ctrl-C.

    Outside of the main thread, and where a debugger is attached and no limit was asked for, it does
    nothing.

    Parameters
    ----------
    path : Path
        The user's file, whose lines are named.
    seconds : float or None
        Time for everything inside; 0 for no limit, None for the default.
    at_last : callable
        ``at_last(sentence) -> status`` prints what there is, where the process must be ended from
        another thread.
    what : str
        What is done with the file.

    Attributes
    ----------
    interrupted : bool
        It was Ctrl-C.
    """

    def __init__(
        self,
        path: Path,
        seconds: float | None,
        at_last: Callable[[str], int],
        what: str = "check",
    ) -> None:
        self.path = path
        self.what = what
        self.seconds = DEFAULT if seconds is None else seconds
        self.interrupted = False
        self._at_last = at_last
        self._active = threading.current_thread() is threading.main_thread() and not (
            seconds is None and _debugged()
        )
        self._overdue = False
        self._running = False
        self._sentence = ""
        self._woken = threading.Event()  # the watching thread has something to do
        self._stdout = sys.stdout

    def __enter__(self) -> TimeLimit:
        if self._active:
            self._main = threading.get_ident()
            self._before = signal.signal(signal.SIGINT, self._end)
            self._running = True
            self._watcher = threading.Thread(target=self._watch, daemon=True)
            self._watcher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._active:
            self._running = False  # what arrives from here on comes too late
            self._woken.set()
            self._watcher.join()
            signal.signal(signal.SIGINT, self._before)

    def _end(self, number: int, frame: FrameType | None) -> None:
        if not self._running:
            return
        if not self._sentence:
            self.interrupted = not self._overdue
            self._sentence = self._said(frame)
            self._woken.set()
        raise Stopped(self._sentence)

    # --- the thread that watches -----------------------------------------------------------------

    def _watch(self) -> None:
        end = time.monotonic() + (self.seconds or float("inf"))
        if not self._woken.wait(min(_NOTE_AFTER, self.seconds or _NOTE_AFTER)):
            if end - time.monotonic() > _AGAIN and sys.stderr is not None and sys.stderr.isatty():
                self._note()
            left = max(end - time.monotonic(), 0.0) if self.seconds else None
            self._overdue = not self._woken.wait(left)
        last = time.monotonic() + _GRACE
        while self._running:
            if time.monotonic() > last:
                self._leave()
            self._interrupt()
            time.sleep(_AGAIN)

    def _leave(self) -> None:
        """End the process from here, whatever the main thread is doing."""
        from chainrule.commands.users_code import own_output

        own_output()
        sys.stdout = self._stdout  # which the user's code does not write to
        status = self._at_last(self._sentence or self._said(sys._current_frames().get(self._main)))
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        _exit(status)

    def _interrupt(self) -> None:
        if hasattr(signal, "pthread_kill"):
            signal.pthread_kill(self._main, signal.SIGINT)  # ends a sleep or a wait, too
        else:
            _thread.interrupt_main()

    def _note(self) -> None:
        place = self._lines(sys._current_frames().get(self._main))
        ends = f"it ends by itself after {self.seconds:g} s" if self.seconds else "it has no limit"
        where = f" at line {place[-1].f_lineno}" if place else ""
        print(
            f"chainrule: {self.path} has been running for {_NOTE_AFTER:g} s{where}; {ends}, or "
            "with Ctrl-C.",
            file=sys.__stderr__,
        )

    # --- what was running ------------------------------------------------------------------------

    def _lines(self, frame: FrameType | None) -> list[FrameType]:
        """The frames of the user's file, from the outermost one."""
        found = []
        while frame is not None:
            if frame.f_code.co_filename == str(self.path):
                found.append(frame)
            frame = frame.f_back
        return found[::-1]

    def _said(self, frame: FrameType | None) -> str:
        when = f"was still running after {self.seconds:g} s" if self._overdue else "was interrupted"
        more = f"--time-limit {10 * self.seconds:g}"
        frames = self._lines(frame)
        if not frames:
            what = f"the {self.what} of {self.path} {when}"
            return f"{what}; {more} gives it more." if self._overdue else f"{what}."
        outer, inner = frames[0], frames[-1]
        line = linecache.getline(str(self.path), outer.f_lineno).strip()
        line = line if len(line) <= _MOST_SHOWN else line[: _MOST_SHOWN - 2] + " …"
        within = (
            f" (at line {inner.f_lineno}, in {inner.f_code.co_name})" if inner is not outer else ""
        )
        place = f"at line {outer.f_lineno}{within}, `{line}`"
        if outer.f_code.co_name == "<module>":
            what = f"{self.path} {when} {place}"
            cure = "put what only a script does under `if __name__ == ...`"
            return f"{what}; {cure}{', or give ' + more if self._overdue else ''}."
        what = f"{outer.f_code.co_name}() in {self.path} {when} {place}"
        return f"{what}{f'; if it ends at all, {more} gives it more' if self._overdue else ''}."


@contextlib.contextmanager
def limited(path: Path, seconds: float | None) -> Iterator[None]:
    """Run code of a user's file in limited time; then, and at Ctrl-C, one sentence says where.

    Parameters
    ----------
    path : Path
    seconds : float or None
        As for `TimeLimit`.

    Raises
    ------
    UserFileError
        The time was over.
    Interrupted
        It was Ctrl-C.
    """
    from chainrule.commands.output import Interrupted
    from chainrule.commands.users_code import UserFileError

    limit = TimeLimit(path, seconds, _said_at_last, "run")
    try:
        with limit:
            yield
    except Stopped as stopped:
        if limit.interrupted:
            raise Interrupted(str(stopped)) from None
        raise UserFileError(str(stopped)) from None


def _said_at_last(sentence: str) -> int:
    print(f"chainrule: {sentence}", file=sys.__stderr__)
    return 2


def _debugged() -> bool:
    """Whether somebody may be stepping through the file."""
    if sys.gettrace() is not None:
        return True
    monitoring = getattr(sys, "monitoring", None)
    return monitoring is not None and monitoring.get_tool(monitoring.DEBUGGER_ID) is not None
