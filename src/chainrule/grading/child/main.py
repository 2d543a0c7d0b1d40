"""The loop of the process that runs a submission: a job arrives, values go back."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any, BinaryIO

from .guards import (
    Output,
    TookTooLong,
    at_most,
    guard_imports,
    leave_the_network,
    limit_resources,
    watch_events,
)


def main() -> None:
    """Serve one part of an exercise, until the grader closes the pipe."""
    commands = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    leave_the_network()
    # NumPy comes after the network is left: threads would prevent it.
    from .wire import decode, encode

    def read(count: int) -> bytes:
        found = commands.read(count)
        if len(found) < count:
            os._exit(0)
        return found

    def send(message: Any) -> None:
        data = encode(message)
        replies.write(data)
        replies.flush()

    settings = decode(read)
    unlimited = limit_resources(settings["seconds"], settings["memory"])
    output = Output(lambda text: send({"output": text}), settings["output"])
    sys.stdout = sys.stderr = output
    sys.__stdout__ = sys.__stderr__ = output  # type: ignore[misc, assignment]
    guard_imports()
    _forget_the_grader(commands, replies)
    try:
        _serve(settings, unlimited, lambda: decode(read), send)
    except BaseException as error:
        from .statements import described

        send({"fatal": described(error)})
    os._exit(0)


def _forget_the_grader(commands: BinaryIO, replies: BinaryIO) -> None:
    """Leave no argument that names the grader's files."""
    sys.argv = ["submission.py"]
    # Kept alive here: a submission that collects garbage must not close them.
    _forget_the_grader.__dict__["pipes"] = (commands, replies)


def _serve(
    settings: dict[str, Any],
    unlimited: list[str],
    receive: Callable[[], Any],
    send: Callable[[Any], None],
) -> None:
    from .calls import Work, perform
    from .statements import described, run_statements

    driver: dict[str, Any] = {"__name__": "calls"}
    exec(compile(settings["driver"], "<calls>", "exec"), driver)
    watch_events(settings["private"], os.getcwd())
    module, notes = run_statements(
        settings["submission"], settings["import_seconds"], settings["skip"]
    )
    work = Work(module, lambda name, args: _ask(name, args, receive, send))
    work.replace(settings["given"])
    send({"ready": True, "notes": notes, "unlimited": unlimited})
    end = time.monotonic() + settings["call_seconds"]
    while True:
        job = receive()
        try:
            with at_most(end - time.monotonic()):
                reply = perform(driver, work, job)
        except (Exception, SystemExit, KeyboardInterrupt, TookTooLong) as error:
            reply = {"error": described(error)}
        send(reply)


def _ask(
    name: str, args: tuple[Any, ...], receive: Callable[[], Any], send: Callable[[Any], None]
) -> Any:
    """The right value of an earlier part's function, which the grader knows."""
    send({"ask": name, "arguments": list(args)})
    answer = receive()
    if "value" not in answer:
        raise ValueError(answer["error"])
    return answer["value"]
