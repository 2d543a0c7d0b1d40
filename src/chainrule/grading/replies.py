"""What a submission's process may say; anything else is no reply, whoever wrote it."""

from __future__ import annotations

from typing import Any

from chainrule.grading.child.wire import WireError

_NO_REPLY = "the process sent something that is no reply"


def checked_start(message: dict[str, Any]) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Notes on the statements that failed, and the limits that the system does not have.

    Raises
    ------
    WireError
        The message is not what the process says when the submission is loaded.
    """
    notes, unlimited = message.get("notes"), _texts(message.get("unlimited"))
    if not isinstance(notes, list):
        raise WireError(_NO_REPLY)
    for note in notes:
        _check_error(note)
        if not isinstance(note.get("statement"), int):
            raise WireError(_NO_REPLY)
    return notes, tuple(unlimited)


def checked_reply(message: dict[str, Any]) -> dict[str, Any]:
    """The reply to a call: values and observations, or an error.

    Raises
    ------
    WireError
        The message is neither.
    """
    if "error" in message:
        _check_error(message["error"])
        return {"error": message["error"]}
    values, errors = message.get("values"), message.get("errors")
    if not isinstance(values, dict) or not isinstance(errors, dict):
        raise WireError(_NO_REPLY)
    for error in errors.values():
        _check_error(error)
    _texts(message.get("changed"))
    if not all(" " in pair for pair in _texts(message.get("shared"))):
        raise WireError(_NO_REPLY)
    return message


def _check_error(error: Any) -> None:
    """An error as `described` in the child makes it."""
    if not (
        isinstance(error, dict)
        and isinstance(error.get("type"), str)
        and isinstance(error.get("message"), str)
        and isinstance(error.get("line"), int | None)
    ):
        raise WireError(_NO_REPLY)


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise WireError(_NO_REPLY)
    return value
