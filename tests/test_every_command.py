"""What holds for every command: help with examples, shared options, JSON alone, one-line errors."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
from tests.experiments.tiny import ENVIRONMENT, ROOT, TINY

from chainrule import cli
from chainrule.cli import main
from chainrule.experiments import registry

Capture = pytest.CaptureFixture[str]

FILE = """
import numpy as np
def loss(W, x):
    return np.sum(np.tanh(W @ x) ** 2)
def gradient(W, x):
    return {"W": np.outer(2 * np.tanh(W @ x) / np.cosh(W @ x) ** 2, x)}
def example():
    return {"W": np.ones((2, 3)) / 3, "x": np.arange(3.0)}
"""
SEARCH = """
[objective]
function = "objective.py:loss"
[space]
rate = { low = 0.1, high = 1.0 }
[search]
strategy = "random"
budget = 3
[execution]
executor = "inline"
"""


def _commands(group: Any, prefix: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Every command that does something, by the words that call it."""
    if not hasattr(group, "commands"):
        return {prefix: group}
    found: dict[tuple[str, ...], Any] = {}
    for name, command in group.commands.items():
        found |= _commands(command, (*prefix, name))
    return found


COMMANDS = _commands(typer.main.get_command(cli.app))
#: How each command is called where it goes well, and with what mistake.
CALLS: dict[tuple[str, ...], tuple[list[str], list[str]]] = {
    ("list",): ([], ["--what"]),
    ("run",): (["tiny"], ["tiny", "--set", "parts=x"]),
    ("report",): (["runs"], ["nowhere"]),
    ("data",): ([], ["mnits"]),
    ("check",): (["hw.py"], ["gone.py"]),
    ("explain",): (["hw.py::loss"], ["hw.py::los"]),
    ("source",): (["hw.py::loss"], ["hw.py::los"]),
    ("graph",): (["hw.py::loss"], ["hw.py"]),
    ("flow",): (["hw.py"], ["gone.py"]),
    ("start",): ([], ["curve-fiting"]),
    ("grade",): (["curve-fitting", "curve_fitting.py"], ["curve-fitting", "gone.py"]),
    ("package",): (["curve-fitting"], ["curve-fiting"]),
    ("selftest",): (["curve-fitting", "--most", "2"], ["curve-fiting"]),
    ("style",): (
        ["a.png", "b.png", "-o", "c.png", "--encoder", "random", "--size", "64", "--steps", "2",
         "--precision", "float32"],
        ["gone.png", "b.png", "-o", "c.png"],
    ),
    ("search",): (["search.toml"], ["gone.toml"]),
    ("doctor",): ([], ["--what"]),
    ("classify", "train"): ([], ["nowhere"]),
    ("classify", "predict"): ([], ["gone.safetensors", "a.png"]),
}  # fmt: skip
#: A training takes longer than a table test may; tests/vision has it.
WITHOUT_A_CALL = {("classify", "train"), ("classify", "predict")}


def named(words: tuple[str, ...]) -> str:
    return " ".join(words)


every = pytest.mark.parametrize("words", COMMANDS, ids=named)


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with a file, an exercise, pictures, a search and a run."""
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "MODULES", {})
    monkeypatch.setattr(registry, "_registered", {"tiny": TINY})
    Path("hw.py").write_text(FILE, encoding="utf-8")
    Path("search.toml").write_text(SEARCH, encoding="utf-8")
    Path("objective.py").write_text("def loss(rate):\n    return rate\n", encoding="utf-8")
    for name in ("a.png", "b.png"):
        Image.linear_gradient("L").convert("RGB").resize((64, 48)).save(name)
    return tmp_path


def needs_torch(words: tuple[str, ...]) -> None:
    if words[0] in ("style", "classify"):
        pytest.importorskip("torch", reason="pictures need the extra vision")


def test_every_command_is_in_the_table() -> None:
    assert set(CALLS) == set(COMMANDS)


@every
def test_help_is_one_sentence_and_examples(capsys: Capture, words: tuple[str, ...]) -> None:
    assert main([*words, "--help"]) == 0
    out = capsys.readouterr().out
    assert re.search(rf"^  chainrule {named(words)}\b", out, re.MULTILINE)
    first = str(COMMANDS[words].help).split("\n\n")[0]
    assert first.endswith(".")
    assert len(first) <= 68, "the list of commands would cut it short"
    assert "\x1b" not in out


@every
def test_options_have_the_same_names_everywhere(words: tuple[str, ...]) -> None:
    options = {o: p for p in COMMANDS[words].params for o in p.opts if o.startswith("-")}
    assert "--json" in options
    assert ("--output" in options) == ("-o" in options)
    assert not {"--out", "--quiet", "--data-directory", "--random-seed"} & set(options)
    for option, parameter in options.items():
        assert re.fullmatch(r"-[a-z]|--[a-z]+(-[a-z]+)*", option)
        assert getattr(parameter, "help", None), option


@pytest.mark.parametrize("words", [each for each in CALLS if each not in WITHOUT_A_CALL], ids=named)
def test_json_is_alone_on_standard_output(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    needs_torch(words)
    if words == ("report",):
        main(["run", "tiny"])
    if words == ("grade",):
        main(["start", "curve-fitting"])
    capsys.readouterr()
    status = main([*words, *CALLS[words][0], "--json"])
    out = capsys.readouterr().out
    assert status in (0, 1, 3)
    assert isinstance(json.loads(out), (dict, list))


@every
def test_a_mistake_is_one_sentence_on_standard_error(
    capsys: Capture, words: tuple[str, ...]
) -> None:
    needs_torch(words)
    status = main([*words, *CALLS[words][1], "--json"])
    captured = capsys.readouterr()
    if words in {("check",), ("grade",)} and captured.out:
        # What is wrong with a submission is their answer, and it is JSON as asked.
        assert json.loads(captured.out)
        assert status == 2
        return
    assert status == 2
    assert captured.out == ""
    assert captured.err.startswith("chainrule: ")
    assert captured.err.count("\n") == 1
    assert "Internal error" not in captured.err


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["rnu"], "Did you mean 'run'? "),
        (["classify", "trian"], "Did you mean 'train'? "),
        (["run", "tny"], "Did you mean 'tiny'?"),
        (["grade", "curve-fiting", "x.py"], "Did you mean curve-fitting?"),
        (["start", "curve-fiting"], "Did you mean curve-fitting?"),
        (["run", "tiny", "--sed", "1"], "--seed"),
        (["explain", "hw.py::los"], "did you mean loss"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_near_name_is_offered(capsys: Capture, typed: list[str], meant: str) -> None:
    assert main(typed) == 2
    assert meant in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("run cov", {"covering-numbers"}),
        ("run --preset q", {"quick"}),
        ("run --data r", {"real"}),
        ("data c", {"cifar10"}),
        ("grade curve", {"curve-fitting"}),
        ("start curve", {"curve-fitting"}),
        ("package curve", {"curve-fitting"}),
        ("selftest curve", {"curve-fitting"}),
        ("classify tr", {"train"}),
    ],
)
def test_the_shell_completes_names(typed: str, offered: set[str]) -> None:
    words = ["chainrule", *typed.split()]
    completion = {
        "_CHAINRULE_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    done = _process("-c", "import sys; from chainrule.cli import main; sys.exit(main())",
                    environment=completion)  # fmt: skip
    assert set(done.stdout.split()) == offered, done.stderr


def test_nobody_hears_of_a_reader_that_leaves() -> None:
    code = f"{sys.executable} -m chainrule.cli list | head -1"
    done = subprocess.run(
        ["bash", "-c", f"{code}; echo ${{PIPESTATUS[0]}}"], cwd=ROOT, env=ENVIRONMENT, text=True,
        capture_output=True, timeout=60,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "0"


@pytest.mark.parametrize(
    ("settings", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_a_terminal_has_colours_unless_they_are_not_wanted(
    settings: dict[str, str], coloured: bool, user: Path
) -> None:
    words = ["tests.experiments.tiny", "tiny", "run", "tiny", "--output", str(user / "run")]
    master, slave = pty.openpty()
    environment = {k: v for k, v in ENVIRONMENT.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, stdout=slave, stderr=subprocess.DEVNULL,
        env={**environment, "TERM": "xterm-256color", "COLUMNS": "100", **settings}, timeout=60,
    )  # fmt: skip
    os.close(slave)
    shown = os.read(master, 100_000).decode()
    os.close(master)
    assert "held" in shown
    assert bool(re.search(r"\x1b\[[\d;]*3[0-9]m", shown)) is coloured


def test_an_interrupted_start_over_is_resumed_without_starting_over(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("chainrule.commands.run._run_all", interrupted)
    assert main(["run", "--all", "--fresh"]) == 130
    assert capsys.readouterr().err == (
        "Interrupted; what is finished is kept, run the same command without --fresh to resume.\n"
    )


def _process(*words: str, environment: dict[str, str]) -> Any:
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env={**ENVIRONMENT, **environment}, text=True,
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
