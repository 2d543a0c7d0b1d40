"""Where in the user's own code something happened: cheap to record, exact to read back."""

from __future__ import annotations

import linecache
import os
import re
import sys
from types import CodeType, FrameType
from typing import NamedTuple

import numpy as np

# Frames of these folders are machinery: a line inside them is never the user's line.
_ENGINE = os.path.dirname(os.path.abspath(__file__))
_MACHINERY = (
    _ENGINE + os.sep,
    os.path.join(os.path.dirname(_ENGINE), "programs") + os.sep,
    os.path.dirname(os.path.abspath(np.__file__)) + os.sep,
)
_SCIPY = f"{os.sep}scipy{os.sep}"
# What is compiled into Python has no file, and where the rest is one archive, only the name of the
# folder that it would be.
_FROZEN = "<frozen "
_STANDARD_LIBRARY = tuple(
    os.path.dirname(os.path.abspath(module.__file__ or "")) + os.sep for module in (os, linecache)
)
#: Folders of libraries that are not ours.
INSTALLED = ("site-packages", "dist-packages")
#: What IPython and its kernel call the code of a cell.
_CELL = re.compile(r"<ipython-input-|[\\/]ipykernel_\d+[\\/]\d+\.py$")
_is_machinery: dict[str, bool] = {"<__array_function__ internals>": True}


class Location(NamedTuple):
    """A place in source code: file, first line, last line and columns (0-based, end exclusive)."""

    filename: str
    line: int
    end_line: int
    column: int | None
    end_column: int | None
    function: str

    @property
    def text(self) -> str:
        """The source line, stripped; empty where the source cannot be read."""
        return linecache.getline(self.filename, self.line).strip()

    @property
    def file(self) -> str:
        """The file's name without its folders; of a notebook's cell, which has none, what it is."""
        if _CELL.search(self.filename):
            return "the cell"
        return os.path.basename(self.filename)

    def __str__(self) -> str:
        quoted = f": {self.text}" if self.text else ""
        return f"line {self.line} of {self.file}{quoted}"


def is_machinery(filename: str) -> bool:
    """Whether a file belongs to the engine, NumPy, SciPy or Python rather than to the user."""
    known = _is_machinery.get(filename)
    if known is None:
        path = os.path.abspath(filename)
        known = (
            path.startswith(_MACHINERY)
            or filename.startswith(_FROZEN)
            or _SCIPY in path
            or (
                path.startswith(_STANDARD_LIBRARY)
                and not any(folder in path for folder in INSTALLED)
            )
        )
        _is_machinery[filename] = known
    return known


def user_frame(depth: int = 1) -> FrameType:
    """The innermost frame, from ``depth`` callers up, that is not machinery."""
    frame: FrameType | None = sys._getframe(depth + 1)
    outermost = frame
    while frame is not None and is_machinery(frame.f_code.co_filename):
        outermost = frame
        frame = frame.f_back
    return frame or outermost  # type: ignore[return-value]


def here() -> Location:
    """The user's current line, for error messages."""
    frame = user_frame()
    return locate(frame.f_code, frame.f_lasti)


def locate(code: CodeType, instruction: int) -> Location:
    """The place of one bytecode instruction (byte offset) of ``code``.

    CPython keeps line and column of every instruction (PEP 657), so recording
    two references while tracing is enough to quote the exact expression later.
    """
    line: int | None = None
    end_line: int | None = None
    column: int | None = None
    end_column: int | None = None
    if instruction >= 0:
        for position, found in enumerate(code.co_positions()):
            if position == instruction // 2:
                line, end_line, column, end_column = found
                break
    first = line or code.co_firstlineno
    return Location(code.co_filename, first, end_line or first, column, end_column, code.co_name)
