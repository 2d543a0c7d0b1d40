"""CPython made as poor as Python in a browser; the tests in Pyodide show that it is as poor there.

Run as a program: ``python limits.py FILE`` runs FILE under these limits.
"""

from __future__ import annotations

import importlib.abc
import os
import runpy
import signal
import socket
import subprocess
import sys
import sysconfig
import threading
from typing import Any, NoReturn

#: Modules of the standard library that are not there.
ABSENT = (
    "_multiprocessing", "_posixshmem", "curses", "grp", "pwd", "readline", "resource", "tkinter",
)  # fmt: skip
#: Third-party packages that are: NumPy alone.
PRESENT = ("numpy", "chainrule")
#: Functions of the signal module that are not there.
NO_SIGNALS = ("alarm", "setitimer")


def start_a_thread() -> None:
    threading.Thread(target=print).start()


def start_a_process() -> None:
    subprocess.Popen([sys.executable])


def fork() -> None:
    os.fork()


#: What fails there, and with what.
FAILS = {
    start_a_thread: RuntimeError("can't start new thread"),
    start_a_process: OSError(138, "emscripten does not support processes."),
    fork: OSError(52, "Function not implemented"),
}


class OnlyNumPy(importlib.abc.MetaPathFinder):
    """Finds nothing, and lets nobody else find what a browser does not have."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        room = name.partition(".")[0]
        if name in ABSENT or (room not in sys.stdlib_module_names and room not in PRESENT):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def failing(error: Exception) -> Any:
    def fail(*arguments: Any, **options: Any) -> NoReturn:
        raise error

    return fail


def impoverish() -> None:
    """Take away what a browser does not have. Not undone: for a process of its own."""
    # What differs from system to system is read before the system is called another.
    import numpy  # noqa: F401

    sysconfig.get_paths()
    sys.meta_path.insert(0, OnlyNumPy())
    for name in ABSENT:
        sys.modules.pop(name, None)
    for name in NO_SIGNALS:
        if hasattr(signal, name):
            delattr(signal, name)
    thread, process, child = FAILS.values()
    threading.Thread.start = failing(thread)  # type: ignore[method-assign]
    subprocess.Popen.__init__ = failing(process)  # type: ignore[method-assign]
    os.fork = failing(child)
    socket.socket.connect = failing(OSError("no sockets"))  # type: ignore[method-assign]
    sys.platform = "emscripten"


if __name__ == "__main__":
    impoverish()
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
