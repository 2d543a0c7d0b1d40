"""What every test shares: no network, repeatable Hypothesis, a browser, and where real data are."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from tests.chromium import browser, opened, page  # noqa: F401  (fixtures)

from chainrule.checking import diagnosis

os.environ.setdefault("MPLBACKEND", "Agg")
diagnosis.OWN_FAULTS_ARE_RAISED = True

settings.register_profile("repeatable", deadline=None, derandomize=True, database=None)
settings.load_profile("repeatable")

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_connect = socket.socket.connect
_getaddrinfo = socket.getaddrinfo


class NetworkUse(BaseException):
    """A test reached for the network; no handler of OSError may swallow this."""


def _loopback_only_connect(self: socket.socket, address: Any) -> None:
    if self.family != getattr(socket, "AF_UNIX", None) and address[0] not in LOOPBACK:
        raise NetworkUse(f"a test tried to connect to {address}")
    _connect(self, address)


def _loopback_only_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
    if host not in LOOPBACK:
        raise NetworkUse(f"a test tried to look up {host!r}")
    return _getaddrinfo(host, *args, **kwargs)


socket.socket.connect = _loopback_only_connect  # type: ignore[method-assign, assignment]
socket.getaddrinfo = _loopback_only_getaddrinfo


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Directory of real data named by CHAINRULE_DATA."""
    directory = os.environ.get("CHAINRULE_DATA")
    if not directory:
        pytest.skip("set CHAINRULE_DATA to a data directory to run the tests on real data")
    return Path(directory)
