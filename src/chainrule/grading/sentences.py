"""What a student reads when there is nothing to judge: one sentence, with the line and the cure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from chainrule.grading.exercise import Part
from chainrule.grading.result import Status
from chainrule.grading.runner import Limits, Session, Stopped
from chainrule.grading.submission import Submission


def raised(error: Mapping[str, Any], submission: Submission) -> str:
    """An error of the submission's."""
    kind = str(error.get("type", "an error"))
    message = str(error.get("message", "")).rstrip(".")
    line = error.get("line")
    line = line if isinstance(line, int) else None
    text = submission.line(line)
    at = f" at {submission.place(line)}" if line is not None else ""
    quoted = f" (`{text[:80]}`)" if text else ""
    if kind == "NotImplementedError":
        return f"Not written yet: NotImplementedError{at}."
    if kind == "MissingName":
        return f"{message} {'are' if ',' in message else 'is'} not defined in the file."
    if kind == "TimeoutError" and not message:
        return f"It was still running{at}{quoted} when its time was over; does a loop never end?"
    if kind == "SystemExit":
        return f"It called exit(){at}{quoted}; a function must return."
    if kind == "EOFError":
        return f"It asked for input{at}{quoted}; nobody answers while it is graded."
    missing = re.fullmatch(r"No module named '([\w.]+)'", message)
    if kind == "ModuleNotFoundError" and missing:
        return (
            f"It imports {missing[1]}{at}{quoted}, which is not installed where it is graded; "
            "NumPy is."
        )
    if kind == "MemoryError":
        return f"It asked for more memory than there is{at}{quoted}."
    said = f"{kind}: {message}" if message else kind
    if "'StandIn'" in message:
        quoted += (
            "; a StandIn is what stands for a library that is not there while it is graded, such "
            "as pandas or matplotlib: compute in NumPy"
        )
    return f"It raised {said}{at}{quoted}."


def not_judged(
    reply: Mapping[str, Any],
    part: Part,
    session: Session,
    submission: Submission,
    limits: Limits,
) -> tuple[Status, str] | None:
    """Why a reply holds no values; None if it does."""
    error = reply.get("error")
    if error is None:
        failures = list(reply["errors"].values())
        if reply["values"] or not failures:
            return None
        error = failures[0]
        if len({each["type"] for each in failures}) > 1:
            return "error", " ".join(raised(each, submission) for each in failures)
        if error["type"] == "MissingName" and len(failures) > 1:
            error = {**error, "message": ", ".join(each["message"] for each in failures)}
    kind = error.get("type")
    message = raised(error, submission)
    if kind == "MissingName":
        failed = next(iter(session.notes), None)
        if failed is not None:
            place = submission.place(failed.get("statement"))
            message += f" The statement at {place} failed, and what it should define is missing."
        return "missing", message
    if kind == "NotImplementedError":
        return "not written", message
    if kind == "TimeoutError":
        return "too slow", f"{message} A part has {limits.seconds:g} s."
    return "error", message


def said(stop: Stopped, limits: Limits) -> tuple[Status, str]:
    """A process that ended, or was ended."""
    if stop.kind == "time":
        return "too slow", (
            f"It was still running after {limits.seconds:g} s and was ended; does a loop never end?"
        )
    if stop.kind == "memory":
        return "stopped", f"It asked for more than {limits.memory // 2**20} MB of memory."
    if stop.kind == "reply":
        return "stopped", f"What it returned cannot be read: {stop}."
    return "stopped", f"The process broke off: {stop}."


def notes_on_file(session: Session, submission: Submission) -> Iterator[str]:
    """What failed while the file was run, and which limits the system does not have."""
    for note in session.notes[:8]:
        statement = note.get("statement")
        # A script at the end calls what is still to be written; the parts say so.
        kind = note.get("type")
        if kind == "NotImplementedError":
            continue
        place = submission.place(statement if isinstance(statement, int) else None)
        if kind == "TimeoutError":
            text = submission.line(statement)[:80]
            cure = 'put training under `if __name__ == "__main__":`'
            if text.startswith(("import ", "from ")):
                cure = "import less"
            yield (
                f"The statement at {place} (`{text}`) was still running after "
                f"{session.limits.import_seconds:g} s and was left out; {cure}."
            )
        else:
            yield f"While the file was run, the statement at {place} failed and was left out: " + (
                raised(note, submission)
            )
    if session.unlimited:
        yield f"This system sets no limit of {', '.join(session.unlimited)}."
