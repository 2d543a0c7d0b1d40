"""Who runs a trial: a process, told from every other one, and whether it is still alive."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import uuid
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

__all__ = ["ProcessIdentity", "this_process"]


@dataclass(frozen=True)
class ProcessIdentity:
    """A process of a search.

    Attributes
    ----------
    place : str
        A digest of host, boot and process namespace: process numbers are comparable within one
        place only.
    pid : int
    started : str
        When the process started, in the system's clock ticks; a number that is given out again
        belongs to another process. Empty where the system does not tell.
    token : str
        Unlike any other search's, also one in the same process.
    """

    place: str
    pid: int
    started: str
    token: str

    def written(self) -> str:
        """Return the identity as text for the store."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def read(cls, text: str) -> ProcessIdentity:
        """Return the identity that `written` gave."""
        return cls(**json.loads(text))

    def known_dead(self) -> bool | None:
        """Return whether the process is gone; None where that cannot be seen from here."""
        if self.place != _place():
            return None
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        started = _started(self.pid)
        return bool(self.started and started and started != self.started)


def this_process() -> ProcessIdentity:
    """Return a new identity for one search in this process."""
    return ProcessIdentity(_place(), os.getpid(), _started(os.getpid()), uuid.uuid4().hex)


@cache
def _place() -> str:
    boot = _text("/proc/sys/kernel/random/boot_id")
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    told = " ".join(part for part in (socket.gethostname(), boot, namespace) if part)
    # Compared only: a store that is passed on does not name the host.
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def _started(pid: int) -> str:
    # The command's name, in brackets, may hold blanks; start time is the 22nd field.
    fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if len(fields) > 19 else ""


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
