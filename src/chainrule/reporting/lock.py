"""One process per folder: a lock that the operating system drops when its owner dies."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from types import TracebackType

from chainrule.reporting.files import RunDirectoryError, unwritable

LOCK_NAME = ".lock"


class FolderLock:
    """Exclusive use of a folder for as long as the context is open.

    The lock is held on an open file, not by the file's existence, so that a killed owner leaves
    nothing to clean up. The file itself stays; one that is removed with its folder is no longer a
    lock, so that no two processes hold two files of the same name.

    Raises
    ------
    RunDirectoryError
        If another process holds the folder, or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._handle: int | None = None

    def __enter__(self) -> FolderLock:
        path = self.folder / LOCK_NAME
        while self._handle is None:
            handle = self._locked(path)
            if _is(handle, path):
                self._handle = handle
            else:  # whoever held it has removed it, with the folder
                os.close(handle)
        return self

    def _locked(self, path: Path) -> int:
        """Open and lock the file, or say who has it."""
        try:
            # A link is not followed: it would make a file elsewhere.
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
            handle = os.open(path, flags, 0o644)
        except OSError as error:
            raise unwritable(path, error) from error
        try:
            _lock(handle)
        except OSError as error:
            os.close(handle)
            if error.errno in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                raise RunDirectoryError(
                    f"Another process is running in {self.folder}. Wait for it to finish, or "
                    "choose another folder with --output."
                ) from None
            raise unwritable(path, error) from error
        return handle

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _is(handle: int, path: Path) -> bool:
    """Return whether an open file is still the one of this name."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        """Lock the first byte without waiting."""
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(handle: int) -> None:
        """Lock the whole file without waiting."""
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
