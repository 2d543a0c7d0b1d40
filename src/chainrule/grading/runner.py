"""A submission in a process of its own: started, asked, timed and ended by the grader."""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from chainrule.grading.child.wire import WireError, decode, encode
from chainrule.grading.errors import GradingError
from chainrule.grading.replies import checked_reply, checked_start

#: The grader's own files: a submission may not read them, nor load chainrule from them.
_LIBRARY = Path(__file__).resolve().parent.parent
#: Nothing of chainrule is on the child's path, so its own files are found by this.
_CHILD = Path(__file__).with_name("child")
_BOOT = (
    "import sys, types; package = types.ModuleType('grading_child'); "
    "package.__path__ = [sys.argv.pop()]; sys.modules['grading_child'] = package; "
    "from grading_child.main import main; main()"
)


@dataclass(frozen=True)
class Limits:
    """What a submission may use, for each part.

    Attributes
    ----------
    seconds : float
        Wall-clock time of all calls of a part.
    import_seconds : float
        Time of the statements at the top of its file that define nothing; those after it still run.
    memory : int
        Bytes of address space.
    output : int
        Characters of printed output that are kept.
    """

    seconds: float = 10.0
    import_seconds: float = 5.0
    memory: int = 1024 * 2**20
    output: int = 4000


class Stopped(Exception):
    """The process ended, was ended, or sent what is no message."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass
class Session:
    """One process with one submission loaded; a context manager.

    Parameters
    ----------
    text : str
        The submission.
    driver : str
        The exercise's ``calls.py``.
    limits : Limits
    given : tuple of str
        Functions to be replaced by right ones.
    oracle : callable
        ``oracle(name, arguments)`` gives their values, in this process.
    private : tuple of Path
        Folders the submission may not read.
    skip : tuple of int
        Lines of statements to leave out.

    Raises
    ------
    GradingError
        When it is entered where Python cannot start a process: in a browser.
    """

    text: str
    driver: str = ""
    limits: Limits = field(default_factory=Limits)
    given: tuple[str, ...] = ()
    oracle: Callable[[str, list[Any]], Any] | None = None
    private: tuple[Path, ...] = ()
    skip: tuple[int, ...] = ()
    output: str = ""
    notes: list[dict[str, Any]] = field(default_factory=list)
    unlimited: tuple[str, ...] = ()

    def __enter__(self) -> Session:
        if sys.platform in ("emscripten", "wasi"):
            raise GradingError(
                "Grading runs each submission in a process of its own, and Python in a browser "
                "(Pyodide) has none; grade with an installed Python, or check one gradient here "
                "with cr.check(loss, gradient, example)."
            )
        self._folder = tempfile.mkdtemp(prefix="chainrule-grade-")
        self._process = subprocess.Popen(
            [sys.executable, "-B", "-P", "-c", _BOOT, str(_CHILD)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            cwd=self._folder, env=_environment(self._folder), start_new_session=True,
        )  # fmt: skip
        self._selector = selectors.DefaultSelector()
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        try:
            self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _start(self) -> None:
        limits = self.limits
        # Loading Python and NumPy is not the submission's time.
        self._end = time.monotonic() + limits.seconds + limits.import_seconds + 15
        self._send(
            {
                "submission": self.text,
                "driver": self.driver,
                "seconds": limits.seconds + limits.import_seconds,
                "import_seconds": limits.import_seconds,
                "call_seconds": limits.seconds,
                "memory": limits.memory,
                "output": limits.output,
                "given": list(self.given),
                "skip": list(self.skip),
                "private": [os.path.realpath(path) for path in (_LIBRARY, *self.private)],
            }
        )
        with _no_reply():
            self.notes, self.unlimited = checked_start(self._receive())
        self._end = time.monotonic() + limits.seconds + 1

    def call(
        self, call: str, names: tuple[str, ...], inputs: Mapping[str, Any], seed: int = 0
    ) -> dict[str, Any]:
        """Call the submission; ``values``, ``errors``, ``changed`` and ``shared``, or ``error``.

        Raises
        ------
        Stopped
            The process did not answer in time, ended, or sent something else.
        """
        self._send({"call": call, "names": list(names), "inputs": dict(inputs), "seed": seed})
        with _no_reply():
            return checked_reply(self._receive())

    def _receive(self) -> dict[str, Any]:
        while True:
            with _no_reply():
                message = decode(self._read)
            if not isinstance(message, dict):
                raise Stopped("reply", "the process sent something that is no reply")
            if "output" in message:
                self.output = (self.output + str(message["output"]))[: self.limits.output + 40]
            elif "ask" in message:
                self._answer(message)
            elif "fatal" in message:
                found = message["fatal"]
                kind = found.get("type", "") if isinstance(found, dict) else ""
                if kind == "WireError":
                    raise Stopped("reply", str(found.get("message", "")))
                raise Stopped("memory" if kind == "MemoryError" else "fatal", str(kind))
            else:
                return message

    def _answer(self, message: dict[str, Any]) -> None:
        name, arguments = message["ask"], message.get("arguments")
        if self.oracle is None or name not in self.given or not isinstance(arguments, list):
            raise Stopped("reply", "the process sent something that is no reply")
        try:
            answer = {"value": self.oracle(name, arguments)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        self._send(answer)

    def _send(self, message: Any) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(encode(message))
            self._process.stdin.flush()
        except (BrokenPipeError, ConnectionError):
            raise self._ended() from None

    def _read(self, count: int) -> bytes:
        assert self._process.stdout is not None
        parts: list[bytes] = []
        missing = count
        while missing:
            left = self._end - time.monotonic()
            if left <= 0 or not self._selector.select(left):
                raise Stopped("time", "no answer in time")
            data = os.read(self._process.stdout.fileno(), min(missing, 2**20))
            if not data:
                raise self._ended()
            parts.append(data)
            missing -= len(data)
        return b"".join(parts)

    def _ended(self) -> Stopped:
        try:
            status = self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            return Stopped("ended", "it closed its side")
        if status < 0:
            name = signal.Signals(-status).name if -status in set(signal.Signals) else str(-status)
            kind = "time" if name in ("SIGXCPU", "SIGKILL") else "ended"
            return Stopped(kind, f"it was ended by {name}")
        return Stopped("ended", f"it ended itself with status {status}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError, OSError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        self._process.wait()
        self._selector.close()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
        shutil.rmtree(self._folder, ignore_errors=True)


@contextlib.contextmanager
def _no_reply() -> Iterator[None]:
    """What cannot be read ends the session."""
    try:
        yield
    except WireError as error:
        raise Stopped("reply", str(error)) from None


def _environment(folder: str) -> dict[str, str]:
    """A bare environment: nothing of the grader's, one thread, no window."""
    import numpy

    # NumPy may be installed anywhere; what lies beside it comes along, chainrule is refused.
    site = str(Path(numpy.__file__).resolve().parent.parent)
    kept = {name: os.environ[name] for name in ("SYSTEMROOT", "LD_LIBRARY_PATH", "LANG")
            if name in os.environ}  # fmt: skip
    return {
        **kept,
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": site,
        "PYTHONNOUSERSITE": "1",
        "HOME": folder,
        "TMPDIR": folder,
        "TEMP": folder,
        "MPLBACKEND": "Agg",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
    }
