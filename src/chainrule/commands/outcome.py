"""How a command ends: its exit status, and errors as a user reads them."""

from __future__ import annotations

OK, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130


class UsageError(Exception):
    """A command line that cannot be meant; the message says what to type instead."""


def sentence(error: Exception) -> str:
    """Return an error as the user reads it: its own sentence, or that it was not foreseen."""
    from chainrule.data import DataError
    from chainrule.engine.errors import ChainruleError
    from chainrule.experiments.experiment import ExperimentError
    from chainrule.reporting.files import RunDirectoryError

    own = (UsageError, ExperimentError, RunDirectoryError, DataError, ChainruleError)
    if isinstance(error, own):
        return str(error)
    if hasattr(error, "format_message"):
        message = error.format_message().replace("Value error, ", "")
        if not message.endswith((".", "?", "!")):
            message += "."
        return f"{message} `--help` after the command shows its options."
    message = str(error).rstrip(".")
    return (
        f"Internal error: {type(error).__name__}: {message}. The same command with --debug shows "
        "where."
    )
