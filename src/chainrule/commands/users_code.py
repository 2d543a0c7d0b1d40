"""Code of a user's file, run on their behalf.

What it prints goes to standard error as far as somebody may want to read it, what it asks for is
not there, and what it raises becomes one sentence that names the line.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from chainrule.checking.stopping import Overdue, Stopped
from chainrule.checking.subject import told
from chainrule.engine.errors import ChainruleError


class UserFileError(ChainruleError):
    """A user's file, or what it holds, cannot be used; the message says why and what to do."""


@contextlib.contextmanager
def users_code(path: Path, when: str) -> Iterator[None]:
    """Run code of the user's: keep its output off ours, and put its errors in one sentence.

    Parameters
    ----------
    path : Path
        Its file.
    when : str
        What was being done, after "when it".
    """
    os.environ.setdefault("MPLBACKEND", "Agg")  # a plot must not open a window
    stdin, hook, leave = sys.stdin, sys.breakpointhook, os._exit
    set_limit = sys.setrecursionlimit
    sys.setrecursionlimit = _within_bounds(set_limit)
    sys.stdin = _NoInput()
    os._exit = _exits(leave)  # type: ignore[assignment]
    if not faulthandler.is_enabled() and sys.__stderr__ is not None:
        with contextlib.suppress(OSError, ValueError, AttributeError):
            faulthandler.enable(sys.__stderr__, all_threads=False)  # a crash in C names the line
    if hook is sys.__breakpointhook__:  # that of a debugger has a window of its own
        sys.breakpointhook = _pass_over
    try:
        with _output_of(path):
            yield
    except ChainruleError:
        raise
    except EOFError as error:
        line = _line_in(path, error)
        place = f" at line {line}" if line is not None else ""
        raise UserFileError(f"{path} asked for input{place} when it {when}.") from None
    except SystemExit as error:
        code = "" if error.code is None else repr(error.code)
        raise UserFileError(f"{path} ended with exit({code}) when it {when}.") from None
    except (KeyboardInterrupt, Overdue, Stopped):
        raise
    except BaseException as error:
        line = _line_in(path, error)
        place = f" line {line}" if line is not None else ""
        what = told(error)
        if isinstance(error, ImportError):  # which no other way of writing the file mends
            raise UserFileError(f"{path}{place} raised {what}.") from error
        if isinstance(error, FileNotFoundError) and isinstance(error.filename, (str, Path)):
            raise UserFileError(_no_such_file(path, place, error.filename)) from error
        raise UserFileError(f"{path}{place} raised {what}, when it {when}.") from error
    finally:
        sys.stdin, sys.breakpointhook, os._exit = stdin, hook, leave
        sys.setrecursionlimit = set_limit


def _no_such_file(path: Path, place: str, name: str | Path) -> str:
    """What is said where a user's file looks for another one in vain."""
    cure = "its path is taken from the folder in which chainrule is run"
    if (path.parent / name).exists():  # so it is relative, and this is not its folder
        cure = f"it lies beside {path.name}: run chainrule in the folder {path.parent}"
    return f"{path}{place} found no file {str(name)!r}; {cure}."


class _NoInput(io.StringIO):
    """A standard input at which nobody sits."""

    def read(self, size: int | None = -1) -> str:
        raise EOFError

    def readline(self, size: int = -1) -> str:  # type: ignore[override]
        raise EOFError


def _exits(leave: Callable[[int], Any]) -> Callable[[int], Any]:
    """An `os._exit` that can be told of; a process that was split off ends as it would."""
    own = os.getpid()

    def exits(status: int) -> Any:
        if os.getpid() != own:
            leave(status)
        raise SystemExit(status)

    return exits


def _within_bounds(set_limit: Callable[[int], None]) -> Callable[[int], None]:
    """A `sys.setrecursionlimit` with which endless recursion still ends, and ours still runs."""
    least = sys.getrecursionlimit()
    return lambda limit: set_limit(min(max(limit, least), _DEEPEST))


def _pass_over(*args: object, **options: object) -> None:
    """Go on at a breakpoint, where no terminal is there to talk to the debugger."""
    line = sys._getframe(1).f_lineno
    print(f"chainrule: breakpoint() at line {line} is passed over.", file=sys.__stderr__)


class _Shortened(io.TextIOBase):
    """What a file prints, up to a length that is still read; the rest is counted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._left = _MOST_PRINTED
        self._hidden = 0
        self._last = "\n"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        shown = text[: self._left]
        lines = shown.count("\n")
        self._left -= max(len(shown), lines * _MOST_PRINTED // _MOST_LINES)
        self._left = max(self._left, 0)
        if shown:
            sys.stderr.write(shown)
            self._last = shown[-1]
        self._hidden += text.count("\n") - lines
        return len(text)

    def flush(self) -> None:
        sys.stderr.flush()

    def end(self) -> None:
        """Begin a new line, and say how many were left out."""
        if self._last != "\n":
            sys.stderr.write("\n")
            self._last = "\n"
        if self._hidden:
            print(f"[{self._path} printed {self._hidden:,} more lines]", file=sys.stderr)
            self._hidden = 0


_DEEPEST = 50_000
_MOST_LINES, _MOST_PRINTED = 100, 20_000
_printed: dict[Path, _Shortened] = {}


@contextlib.contextmanager
def _output_of(path: Path) -> Iterator[None]:
    """Send what a file prints to standard error, shortened."""
    output = _printed.setdefault(path, _Shortened(path))
    try:
        with _output_of_others(), contextlib.redirect_stdout(output):
            yield
    finally:
        output.end()


_kept_outputs: list[int] = []


@contextlib.contextmanager
def _output_of_others() -> Iterator[None]:
    """Send to standard error what does not go through `print`: `os.system`, libraries in C."""
    try:
        _flush_the_first()
        kept = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # no such streams here
        yield
        return
    _kept_outputs.append(kept)
    try:
        yield
    finally:
        _flush_the_first()
        _kept_outputs.remove(kept)
        os.dup2(kept, 1)
        os.close(kept)


def own_output() -> None:
    """Give standard output back to us, where a user's code is left running."""
    _flush_the_first()
    if _kept_outputs:
        os.dup2(_kept_outputs[0], 1)


def _flush_the_first() -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.__stdout__.flush()  # type: ignore[union-attr]


def _line_in(path: Path, error: BaseException) -> int | None:
    """The innermost line of the file that an error passed."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == str(path)
    ]
    return lines[-1] if lines else None


def forget_output(path: Path) -> None:
    """Show what a file prints from the beginning again."""
    _printed.pop(path, None)
