"""Files that are whole or as they were before, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

TEMPORARY_SUFFIX = ".partial"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a file to write, which takes the place of `path` once it is whole and on the disk.

    Parameters
    ----------
    path : Path
        Its folder must exist. It keeps what it held if the block or the file system fails.

    Yields
    ------
    Path
        In the same folder; it is gone afterwards in either case.
    """
    # Of a long name a part, as the whole with more would be too long for a file system.
    writer = f"{os.getpid()}-{threading.get_ident():x}"
    temporary = path.with_name(f".{path.name[:50]}.{writer}{TEMPORARY_SUFFIX}")
    # Left by a process of the same number, or a link that would be followed.
    temporary.unlink(missing_ok=True)
    try:
        yield temporary
        # Some systems flush only what was opened for writing.
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_named(path: Path, content: str | bytes) -> None:
    """Write what a person named, which need not be a file: a device or a pipe is written to.

    Parameters
    ----------
    path : Path
        A file is replaced whole or stays as it was; a link goes on leading where it does.
    content : str or bytes
        A text is written as UTF-8.

    Raises
    ------
    OSError
        The system refuses.
    """
    found = content.encode("utf-8") if isinstance(content, str) else content
    if path.is_file() or not path.exists():
        with replacing(path.resolve()) as temporary:
            temporary.write_bytes(found)
    else:
        path.write_bytes(found)
