"""Download one file from its mirrors, resuming where a connection was cut, checked before use."""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from chainrule.data.errors import DataError, Unavailable
from chainrule.data.registry import Form

CHUNK = 1 << 18
TIMEOUT_SECONDS = 30.0
# Each try must bring new bytes; this bounds a server that gives a few bytes per connection.
MOST_TRIES = 20


class Unwritable(DataError):
    """What arrives cannot be kept."""


class Served(Protocol):
    """What a download needs to know of a file: its form and its addresses."""

    @property
    def served(self) -> Form: ...

    @property
    def addresses(self) -> tuple[str, ...]: ...


def download(file: Served, destination: Path, report: Callable[[int], None]) -> None:
    """Download a file, atomically: `destination` appears whole and with the right checksum, or not.

    Bytes received stay in `destination` + ".part", from which a later call resumes.

    Parameters
    ----------
    file
        What to download: addresses in the order to try, size and checksum.
    destination
        Path of the file in an existing, writable folder.
    report
        Called with the number of bytes held so far; it falls when a server cannot resume.

    Raises
    ------
    Unavailable
        No address gave the right bytes.
    """
    part = destination.with_name(destination.name + ".part")
    reasons = []
    for address in file.addresses:
        reason = _download_from(address, file, part, report)
        if reason is None:
            os.replace(part, destination)
            return
        reasons.append(f"{address}: {reason}")
    raise Unavailable("; ".join(reasons))


def _download_from(
    address: str, file: Served, part: Path, report: Callable[[int], None]
) -> str | None:
    """Fill `part` with the right bytes; the reason when this address could not."""
    inherited = _size(part) > 0
    reason = _complete(address, file, part, report)
    if reason is None:
        reason = file.served.problem(part) or None
        if reason:
            part.unlink()
            if inherited:  # the beginning may be what is wrong: the address deserves a clean try
                return _download_from(address, file, part, report)
    return reason


def _complete(address: str, file: Served, part: Path, report: Callable[[int], None]) -> str | None:
    """Bring `part` to the file's size, over as many connections as bring new bytes."""
    if _size(part) > file.served.size:
        part.unlink()
    for _ in range(MOST_TRIES):
        held = _size(part)
        if held == file.served.size:
            return None
        reason = "the connection ended too early"
        try:
            _receive(address, file.served.size, part, report)
        except Unwritable:
            raise
        except DataError as error:
            return str(error)
        except urllib.error.HTTPError as error:
            error.close()
            return f"HTTP status {error.code}"
        except (OSError, http.client.HTTPException) as error:
            reason = str(getattr(error, "reason", None) or error) or type(error).__name__
        if _size(part) <= held:
            return reason
    return reason


def _receive(address: str, size: int, part: Path, report: Callable[[int], None]) -> None:
    """Append to `part` what one connection gives, from the start where a server cannot resume."""
    held = _size(part)
    headers = {"User-Agent": "chainrule", "Accept-Encoding": "identity"}
    if held:
        headers["Range"] = f"bytes={held}-"
    request = urllib.request.Request(address, headers=headers)
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
        if response.status != 206:
            held = 0
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {held}-"):
            raise DataError("it answers with another range than asked for")
        if not held:
            part.unlink(missing_ok=True)
        while chunk := response.read(CHUNK):
            held += len(chunk)
            if held > size:
                raise DataError(f"it sends more than the official {size} bytes")
            keep(part, chunk)
            report(held)


def keep(part: Path, chunk: bytes) -> None:
    """Append what has arrived to a file; `Unwritable` if the disk has no room for it."""
    with keeping(part), part.open("ab") as stream:  # closed here, where the last error may come
        stream.write(chunk)


@contextmanager
def keeping(path: Path) -> Iterator[None]:
    """Raise what the disk refuses as `Unwritable`: no other address would help.

    Raises
    ------
    Unwritable
        Naming the file.
    """
    try:
        yield
    except OSError as error:
        raise Unwritable(
            f"Cannot write {path}: {(error.strerror or str(error)).lower()}. Free some space and "
            "run the same command; what has arrived is kept."
        ) from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
