"""A submission is run statement by statement: what fails is noted, the definitions after it count.

So a plot, a question to the user or a training loop at the top of a file costs itself and nothing
else, as a failing cell of a notebook does.
"""

from __future__ import annotations

import ast
import time
import traceback
import types
from collections.abc import Container, Iterator
from typing import Any

from .guards import StandIn, TookTooLong, at_most

#: The name under which tracebacks show the submission.
FILE = "<submission>"
NAME = "submission"
_DEFINITIONS = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom,
)  # fmt: skip


def run_statements(
    text: str, seconds: float, skip: Container[int] = ()
) -> tuple[types.ModuleType, list[dict[str, Any]]]:
    """Run a submission.

    Parameters
    ----------
    text : str
        Python, known to parse.
    seconds : float
        Time for all statements that define nothing, together.
    skip : container of int
        Lines of statements that are left out, because they took too long before.

    Returns
    -------
    module
        What it defined.
    list of dict
        A note for each statement that failed.
    """
    module = types.ModuleType(NAME)
    module.__dict__.update({"__file__": "submission.py", "get_ipython": lambda: StandIn()})
    module.__dict__["display"] = lambda *_, **__: None
    notes: list[dict[str, Any]] = []
    end = time.monotonic() + seconds
    for statement in ast.parse(text, FILE).body:
        if statement.lineno in skip:
            continue
        code = compile(ast.Module([statement], []), FILE, "exec", dont_inherit=True)
        defines = isinstance(statement, _DEFINITIONS)
        try:
            # A definition can loop too, in a class body or an import; it gets its own time.
            with at_most(seconds if defines else max(end - time.monotonic(), 0.05)):
                exec(code, module.__dict__)
        except BaseException as error:
            if isinstance(error, MemoryError):
                module.__dict__.pop("_", None)
            notes.append({"statement": statement.lineno, **described(error)})
    return module, notes


def described(error: BaseException) -> dict[str, Any]:
    """An error as data: its type, its message, and the submission's line it came from."""
    kind = "TimeoutError" if isinstance(error, TookTooLong) else type(error).__name__
    lines = list(_lines(error))
    try:
        message = str(error).split("\n")[0][:300]
    except Exception:
        message = ""
    return {"type": kind, "message": message, "line": lines[-1] if lines else None}


def _lines(error: BaseException) -> Iterator[int]:
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == FILE and frame.lineno is not None:
            yield frame.lineno
