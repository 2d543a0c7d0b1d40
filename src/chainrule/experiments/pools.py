"""Where runs and trials run: in this thread, or in processes that can be ended one by one."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import Any

__all__ = ["InlineExecutor", "ProcessPool", "usable_cores"]

THREAD_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)  # fmt: skip
#: Signals that ask a process to end.
ENDING = (signal.SIGINT, signal.SIGTERM)


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class InlineExecutor(Executor):
    """Runs each call at once, in the thread that submits it."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return a future that is done."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class ProcessPool(Executor):
    """Worker processes, each its own `ProcessPoolExecutor`, so that one can be ended alone.

    Workers use one thread of linear algebra each, print to standard error, and end with the
    process that made them.

    Parameters
    ----------
    workers : int
    prepare : callable, optional
        Called in each worker before it is given anything.
    """

    def __init__(self, workers: int, prepare: Callable[[], Any] | None = None) -> None:
        self._prepare = prepare
        self._slots = [_Slot(prepare) for _ in range(workers)]

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Give a call to a worker that has none, one that is ready before one that starts.

        Raises
        ------
        RuntimeError
            If every worker has a call.
        Exception
            What `prepare` raised.
        """
        idle = []
        for place, slot in enumerate(self._slots):
            if not slot.idle:
                continue
            if slot.broken:
                slot.end()
                slot = self._slots[place] = _Slot(self._prepare)
            idle.append(slot)
        if not idle:
            raise RuntimeError("every worker of the pool has a call already")
        slot = next((slot for slot in idle if slot.started.done()), idle[0])
        return slot.submit(fn, *args, **kwargs)

    def end(self, future: Future[Any]) -> None:
        """End the worker that runs a call; the future then holds `BrokenProcessPool`."""
        for slot in self._slots:
            if slot.current is future:
                slot.end()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers: when they are done, or at once with `cancel_futures`."""
        with _undisturbed() if cancel_futures else contextlib.nullcontext():
            for slot in self._slots:
                if cancel_futures and not slot.idle:
                    slot.kill()
                slot.executor.shutdown(wait=wait, cancel_futures=cancel_futures)


class _Slot:
    """One worker process and the call that it has."""

    def __init__(self, prepare: Callable[[], Any] | None) -> None:
        # A forked child would inherit locks held by other threads, as those of a BLAS.
        context = multiprocessing.get_context("spawn")
        self.executor = ProcessPoolExecutor(1, mp_context=context, initializer=_start)
        with _without_interrupts():
            self.started: Future[int] = self.executor.submit(_ready, prepare)
        self.current: Future[Any] | None = None

    @property
    def idle(self) -> bool:
        return self.current is None or self.current.done()

    @property
    def broken(self) -> bool:
        """Whether the last call, which is over, raised; mostly because the worker died."""
        return self.current is not None and self.current.exception() is not None

    def submit(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
        self.started.result()
        self.current = self.executor.submit(fn, *args, **kwargs)
        return self.current

    def kill(self) -> None:
        if self.started.done() and self.started.exception() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.started.result(), getattr(signal, "SIGKILL", signal.SIGTERM))

    def end(self) -> None:
        self.kill()
        self.executor.shutdown(wait=False)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore a second Ctrl-C, or what `timeout` sends twice, while the first is obeyed."""
    try:
        before = {sent: signal.signal(sent, signal.SIG_IGN) for sent in ENDING}
    except ValueError:  # only the main thread may ask for signals
        yield
        return
    try:
        yield
    finally:
        for sent, handler in before.items():
            signal.signal(sent, handler or signal.SIG_DFL)


@contextlib.contextmanager
def _without_interrupts() -> Iterator[None]:
    """Let processes be started that no interrupt reaches before `_start` ignores it."""
    if sys.platform == "win32":
        yield
        return
    # Otherwise started by the first process, which would take the block back.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start() -> None:
    """Prepare a worker process, before an objective's libraries are imported."""
    # An interrupt from the keyboard reaches every process; the one that made this one sees to it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    for variable in THREAD_VARIABLES:
        os.environ[variable] = "1"
    os.environ.setdefault("MPLBACKEND", "Agg")
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    sys.stdout = sys.stderr
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """End this process when its parent does, however it does."""
    wait([sentinel])
    os._exit(1)


def _ready(prepare: Callable[[], Any] | None) -> int:
    if prepare is not None:
        prepare()
    return os.getpid()
