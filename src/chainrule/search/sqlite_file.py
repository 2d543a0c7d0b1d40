"""Opening the SQLite file of a store, and SQLite's refusals as sentences."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from chainrule.reporting.files import refuse_links
from chainrule.search.errors import SearchError

__all__ = ["connect", "files_of", "sentence", "write_ahead"]


def files_of(path: Path) -> list[Path]:
    """Return the file of a store and those that SQLite keeps beside it."""
    return [Path(f"{path}{end}") for end in ("", "-wal", "-shm", "-journal")]


def connect(path: Path, patience: float) -> sqlite3.Connection:
    """Open a file, which must be no link; whatever it is, it is not changed."""
    refuse_links(files_of(path), SearchError)
    try:
        connection = sqlite3.connect(
            path, timeout=patience, isolation_level=None, check_same_thread=False
        )
        # Whatever kills the process, what was committed stays; a power cut may take the last of it.
        connection.execute("PRAGMA synchronous = NORMAL")
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise sentence(path, error) from error
    return connection


def write_ahead(connection: sqlite3.Connection, path: Path, patience: float) -> None:
    """Make a new file one whose readers and writer do not wait for each other (WAL)."""
    until = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.DatabaseError as error:
            # SQLite does not wait here for another process that does the same.
            if "locked" not in str(error) or time.monotonic() > until:
                raise sentence(path, error) from error
            time.sleep(0.01)


def sentence(path: Path, error: sqlite3.DatabaseError | UnicodeDecodeError) -> SearchError:
    message = str(error)
    if "locked" in message or "busy" in message:
        return SearchError(
            f"{path} is locked by another process. Wait until it is done, or end it; every "
            "finished trial is kept."
        )
    damaged = isinstance(error, UnicodeDecodeError)
    if damaged or "not a database" in message or "malformed" in message:
        return SearchError(
            f"{path} is not a store of trials or is damaged ({message}). Give another output "
            "folder; this file is left as it is."
        )
    if "full" in message or "disk I/O" in message:
        return SearchError(
            f"Cannot write {path}: the disk is full{'' if 'full' in message else ' or fails'}. "
            "Free some space and run the same command; "
            "finished trials are kept."
        )
    return SearchError(f"Cannot use the store {path}: {message}. Choose another output folder.")
