"""What a submission finds around it: limits, no network, no other process, no ready-made gradients.

This keeps accidents and temptations away. It is no sandbox against an attacker; the verdict is safe
for another reason: it is formed in the grader's process.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import re
import signal
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

#: Events that change files, with the positions of the paths in their arguments.
_CHANGES = {
    "os.rename": (0, 1), "os.link": (0, 1), "os.symlink": (1,), "os.remove": (0,), "os.rmdir": (0,),
    "os.mkdir": (0,), "os.chmod": (0,), "os.chown": (0,), "os.truncate": (0,), "os.utime": (0,),
    "os.setxattr": (0,), "os.removexattr": (0,), "sqlite3.connect": (0,),
}  # fmt: skip
_ELSEWHERE = "a graded submission may only write in its own folder"
_PROCESS = re.compile(r"/proc/\d+/")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

#: Libraries that would do the exercise; importing one is refused.
REFUSED = (
    "chainrule", "autograd", "jax", "mygrad", "torch", "tensorflow", "tinygrad", "micrograd",
    "aesara", "pytensor", "casadi",
)  # fmt: skip

#: Libraries that only show things: nobody looks while grading, so an inert stand-in is imported.
SHOWING = ("matplotlib", "seaborn", "plotly", "tqdm", "IPython", "ipywidgets", "google")

#: Libraries that a hand-out's script imports; a stand-in is imported where they are not installed.
SOMETIMES = ("pandas", "mnist", "PIL")

_NETWORK = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname",
            "socket.sendto", "socket.sendmsg")  # fmt: skip
_PROCESSES = ("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn",
              "os.spawn", "os.startfile", "pty.spawn", "os.kill", "os.killpg")  # fmt: skip


class Refused(OSError):
    """Something that a graded submission may not do."""


class TookTooLong(BaseException):
    """The time for something is over; no handler of Exception may swallow this."""


def limit_resources(seconds: float, memory: int, file_size: int = 64 * 2**20) -> list[str]:
    """Set what the operating system enforces; returns the limits that could not be set."""
    try:
        import resource
    except ImportError:
        return ["memory"]
    missing = []
    cpu = int(seconds) + 2
    wanted = {
        "memory": (resource.RLIMIT_AS, memory),
        "processor time": (resource.RLIMIT_CPU, cpu),
        "file size": (resource.RLIMIT_FSIZE, file_size),
        "core dumps": (resource.RLIMIT_CORE, 0),
    }
    for name, (which, value) in wanted.items():
        hard = resource.getrlimit(which)[1]
        if hard != resource.RLIM_INFINITY:
            value = min(value, hard)
        try:
            resource.setrlimit(which, (value, value))
        except (ValueError, OSError):
            missing.append(name)
    return missing


def leave_the_network() -> None:
    """Move into a network of its own without connections, where the system lets us."""
    with contextlib.suppress(AttributeError, OSError):
        os.unshare(os.CLONE_NEWUSER | os.CLONE_NEWNET)  # type: ignore[attr-defined, unused-ignore]


def watch_events(private: Sequence[str], own: str) -> None:
    """Refuse what concerns anybody else, from here on.

    That is the network, other processes, files in private folders, changes outside the folder that
    is the submission's ``own``, and functions of C libraries, which could do all of it.
    """
    # What NumPy and others load with ctypes on their first use is loaded now.
    import ctypes  # noqa: F401

    with contextlib.suppress(ImportError):
        import _posixsubprocess

        # The only way to start a process that no event tells of.
        _posixsubprocess.fork_exec = _refuse_processes  # type: ignore[assignment]
    folders = tuple(os.path.realpath(folder) + os.sep for folder in private)
    mine = os.path.realpath(own) + os.sep
    process = f"{os.sep}proc{os.sep}{os.getpid()}{os.sep}"

    def inside(path: Any) -> bool:
        return (_real(path) + os.sep).startswith(mine)

    def look(path: Any) -> None:
        real = _real(path) + os.sep
        if real.startswith(folders):
            raise Refused("the grader's own files may not be read")
        if _PROCESS.match(real) and not real.startswith(process):
            raise Refused("a graded submission may not look at other processes")

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _NETWORK:
            raise Refused("there is no network while a submission is graded")
        if event in _PROCESSES:
            _refuse_processes()
        if event in ("ctypes.dlopen", "ctypes.dlsym", "ctypes.dlsym/handle"):
            raise Refused("a graded submission may not call functions of C libraries")
        if event == "open" and _is_path(arguments[0]):
            path, mode, flags = arguments
            look(path)
            writes = bool(flags & _WRITING) and _real(path) != os.devnull
            # A folder that is open leads past every path to its files.
            leads = mode is None and os.path.isdir(path)
            if (writes or leads) and not inside(path):
                raise Refused(_ELSEWHERE)
        elif event in ("os.listdir", "os.scandir") and _is_path(arguments[0]):
            look(arguments[0])
        elif event in _CHANGES:
            paths = (arguments[i] for i in _CHANGES[event])
            if not all(inside(path) for path in paths if _is_path(path)):
                raise Refused(_ELSEWHERE)

    sys.addaudithook(refuse)


def _refuse_processes(*_: object) -> None:
    raise Refused("a graded submission may not start or stop processes")


def _is_path(value: Any) -> bool:
    return isinstance(value, str | bytes | os.PathLike)


def _real(path: Any) -> str:
    return os.path.realpath(os.fsdecode(path))


class StandIn:
    """Stands for anything of a library that is not there: every use gives it again."""

    def __init__(self, name: str = "stand-in") -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn(name)

    def __call__(self, *arguments: Any, **_: Any) -> Any:
        # tqdm(loop) must still loop.
        loops = self._name in ("tqdm", "trange") and arguments
        return arguments[0] if loops else StandIn(self._name)

    def __getitem__(self, key: Any) -> Any:
        return StandIn("item")

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        # `figure, axes = plt.subplots()`, `line, = plt.plot(x)`, `n, bins, bars = plt.hist(x)`
        count = {"plot": 1, "hist": 3}.get(self._name, 2)
        return iter([StandIn("item") for _ in range(count)])

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __repr__(self) -> str:
        return f"<stand-in for {self._name}>"


class _StandInType(type):
    """A class of such a library: nothing is an instance of it, and any argument makes one."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn(name)

    def __call__(cls, *arguments: Any, **_: Any) -> Any:
        return super().__call__(cls.__name__)


class _StandInModule(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name[:1].isupper():
            # Libraries ask whether what they are given is a pandas.DataFrame.
            return _StandInType(name, (StandIn,), {})
        return range if name == "trange" else StandIn(name)


class Imports(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Refuses ready-made gradients, and stands in for libraries that only show things."""

    def __init__(self, first: bool) -> None:
        self.first = first

    def find_spec(
        self, name: str, path: Any = None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        root = name.partition(".")[0]
        if self.first and root in REFUSED:
            raise ImportError(
                f"{root} may not be imported in this exercise; write the derivatives in NumPy"
            )
        if root in (SHOWING if self.first else SOMETIMES):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return _StandInModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        pass


def guard_imports() -> None:
    """Put the guards at both ends of the import system."""
    sys.meta_path.insert(0, Imports(first=True))
    sys.meta_path.append(Imports(first=False))


class Output:
    """A stream that passes on its first characters and counts the rest."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, send: Callable[[str], None], limit: int) -> None:
        self._send, self._left = send, limit

    def write(self, text: str) -> int:
        """Pass on what is still allowed."""
        text = str(text)
        if self._left > 0 and text:
            self._send(text[: self._left])
            self._left -= len(text)
            if self._left <= 0:
                self._send("\n[more output was cut off]")
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        """No terminal is there."""
        return False

    def fileno(self) -> int:
        """There is no file behind it."""
        raise OSError("there is no terminal while a submission is graded")

    def writable(self) -> bool:
        """Text may be written."""
        return True


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise `TookTooLong` in what runs inside after some seconds, where the system can."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def interrupt(*_: object) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGALRM, interrupt)
    # Again and again, in case a bare except swallows one.
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3), 0.1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
