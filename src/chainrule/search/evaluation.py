"""One call of an objective: its value, or in one line why there is none; it never takes longer
than its time limit where the limit can be enforced from within."""

from __future__ import annotations

import math
import signal
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from chainrule.search.errors import SearchError
from chainrule.search.objective import Call, Objective
from chainrule.search.trial import Result

__all__ = ["TimeLimit", "evaluate", "judge", "time_limit_error"]


class TimeLimit(BaseException):
    """The time is over; not an Exception, so that no objective takes it for its own."""


def evaluate(
    objective: Objective, calls: Sequence[Call], metric: str | None, time_limit: float | None
) -> list[Result]:
    """Call the objective once, for one trial or for a batch, and judge what it returns.

    Parameters
    ----------
    objective : Objective
    calls : sequence of Call
        One, or a batch for an objective that takes batches.
    metric : str or None
        Which of the returned numbers is the value.
    time_limit : float or None
        Seconds for each trial; a batch has as many times as long.

    Returns
    -------
    list of Result
        One for each call; an exception of the objective is an error there and not raised.

    Raises
    ------
    SearchError
        If the objective cannot be loaded: then no trial can run, and none has failed.
    """
    loaded = objective.load()
    start = time.perf_counter()
    try:
        with _limited(time_limit and time_limit * len(calls)):
            returned: Sequence[Any] = loaded.call(calls)
    except TimeLimit:
        assert time_limit is not None
        returned = [TimeLimit(time_limit_error(time_limit))] * len(calls)
    except SearchError as error:
        returned = [error] * len(calls)
    except (Exception, SystemExit) as error:
        returned = [error] * len(calls)
    seconds = (time.perf_counter() - start) / len(calls)
    return [judge(each, metric, seconds) for each in returned]


def judge(returned: Any, metric: str | None, seconds: float) -> Result:
    """Return the result of what an objective returned: a number, or numbers by name.

    Parameters
    ----------
    returned : number, mapping of str to number, or exception
    metric : str or None
        The value among several numbers; may be left out if there is one.
    seconds : float
    """
    if isinstance(returned, TimeLimit):
        return Result(None, {}, str(returned), seconds)
    if isinstance(returned, BaseException):
        return Result(None, {}, _raised(returned), seconds)
    if not isinstance(returned, Mapping):
        returned = {metric or "value": returned}
    numbers = {}
    for name, each in returned.items():
        try:
            # 0-d arrays and tensors are numbers too; text is not.
            numbers[str(name)] = float(each + 0)
        except (TypeError, ValueError):
            shown = f"{type(each).__name__} {each!r}"[:80]
            error = f"The objective returned {name} = {shown}; expected a number."
            return Result(None, {}, error, seconds)
    if metric is None and len(numbers) == 1:
        (metric,) = numbers
    if metric not in numbers:
        names = ", ".join(numbers) or "nothing"
        wanted = f"no {metric!r}" if metric else "several numbers"
        error = f"The objective returned {wanted}: {names}. Name one of them as the metric."
        return Result(None, numbers, error, seconds)
    value = numbers[metric]
    if not math.isfinite(value):
        return Result(None, numbers, f"The objective returned {metric} = {value}.", seconds)
    return Result(value, numbers, None, seconds)


def time_limit_error(limit: float) -> str:
    """Return the error of a trial that took too long."""
    return f"It took longer than the time limit of {limit:g} s."


def _raised(error: BaseException) -> str:
    """Return an exception and where it was raised, the innermost place of the user's code."""
    text = "".join(traceback.format_exception_only(error)).strip()
    frames = traceback.extract_tb(error.__traceback__)
    if len(frames) > 2:
        text += f" ({frames[-1].filename}, line {frames[-1].lineno})"
    return text


@contextmanager
def _limited(seconds: float | None) -> Iterator[None]:
    """Raise `TimeLimit` in this thread when the time is over."""
    if seconds is None:
        yield
    elif threading.current_thread() is not threading.main_thread():
        with _limited_thread(seconds):
            yield
    elif not hasattr(signal, "setitimer"):
        yield
    else:
        with _limited_by_signal(seconds):
            yield


@contextmanager
def _limited_by_signal(seconds: float) -> Iterator[None]:
    def over(*_: Any) -> None:
        raise TimeLimit

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _limited_thread(seconds: float) -> Iterator[None]:
    """Raise in a thread that is not the main one; it takes effect between two Python statements."""
    import ctypes

    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    thread = ctypes.c_ulong(threading.get_ident())
    lock = threading.Lock()
    finished = raised = arrived = False

    def over() -> None:
        nonlocal raised
        with lock:
            if not finished:
                raised = True
                raise_in(thread, ctypes.py_object(TimeLimit))

    timer = threading.Timer(seconds, over)
    timer.daemon = True
    timer.start()
    try:
        yield
    except TimeLimit:
        arrived = True
        raise
    finally:
        with lock:
            finished = True
        timer.cancel()
        if raised and not arrived:
            # It must arrive here and not in the next call. To take it back would leave CPython
            # 3.11 looking for it for good, and then no function starts under sys.settrace.
            with suppress(TimeLimit):
                for _ in range(10_000):
                    pass
