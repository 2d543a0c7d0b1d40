"""What is written names neither the person nor the computer, and nothing calls home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.experiments.tiny import ENVIRONMENT, ROOT

CANARIES = {
    "USER": "canary-of-the-user",
    "LOGNAME": "canary-of-the-login",
    "HOSTNAME": "canary-of-the-host",
    "SECRET_TOKEN": "canary-of-a-secret",
}
#: A process that may not use the network, whose host has a name of its own.
START = """
import socket, sys

def refuse(*_, **__):
    raise SystemExit("it reaches for the network")

socket.socket.connect = socket.socket.connect_ex = refuse
socket.getaddrinfo = socket.gethostbyname = socket.create_connection = refuse
socket.gethostname = lambda: "canary-of-the-host"
from chainrule.cli import main
sys.exit(main(sys.argv[1:]))
"""
PROGRAM = """
import numpy as np

def loss(w):
    return np.sum(np.tanh(w) ** 2)

def gradient(w):
    return {"w": 2 * np.tanh(w) * (1 - np.tanh(w) ** 2)}

def example():
    return {"w": np.array([0.3, -0.2])}

def objective(rate):
    return rate
"""
SEARCH = """
[objective]
function = "hw.py:objective"
[space]
rate = { low = 0.1, high = 1.0 }
[search]
strategy = "random"
budget = 3
[execution]
executor = "inline"
"""
COMMANDS = [
    ["run", "vector-calculus"],
    ["run", "vector-calculus", "--json"],
    ["report", "--json"],
    ["search", "tune.toml"],
    ["check", "hw.py", "--json"],
    ["check", "hw.py", "-o", "check.json", "--format", "json"],
    ["explain", "hw.py::loss", "-o", "steps.html"],
    ["source", "hw.py::loss"],
    ["grade", "momentum", "hw.py", "--json"],
    ["classify", "train", "pictures", "--methods", "cnn", "--size", "16", "--epochs", "1"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[:2] + words[-1:]))
def test_nothing_written_names_the_person_the_computer_or_the_environment(
    words: list[str], tmp_path: Path
) -> None:
    home = tmp_path / "canary-of-the-home"
    folder = home / "work"
    folder.mkdir(parents=True)
    (folder / "hw.py").write_text(PROGRAM)
    (folder / "tune.toml").write_text(SEARCH)
    if words[0] == "report":
        assert run(["run", "vector-calculus"], home).returncode == 0
    if words[0] == "classify":
        pytest.importorskip("torch", reason="the vision extra is not installed")
        pictures(folder / "pictures")
    found = run(words, home)
    assert found.returncode in (0, 1), found.stderr
    assert "network" not in found.stderr, found.stderr
    written = {"the output": found.stdout.encode()}
    for path in folder.rglob("*"):
        if path.is_file() and path.name not in ("hw.py", "tune.toml"):
            written[str(path.relative_to(folder))] = path.read_bytes()
    for name, content in written.items():
        assert b"canary" not in content, name


def pictures(folder: Path) -> None:
    import numpy as np
    from PIL import Image

    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        for number in range(5):
            pixels = np.random.default_rng([ord(name), number]).integers(0, 256, (20, 20, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{number}.png")


def run(words: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**ENVIRONMENT, **CANARIES, "HOME": str(home)}
    environment |= {"XDG_CACHE_HOME": str(home / "cache"), "MPLCONFIGDIR": str(home / "mpl")}
    # The path of this checkout is no secret of the user's, yet it is not to be written either.
    assert os.path.isabs(ROOT)
    return subprocess.run(
        [sys.executable, "-c", START, *words], cwd=home / "work", env=environment, text=True,
        capture_output=True, timeout=120,
    )  # fmt: skip
