"""The command line: what it prints where, its exit status, and one sentence for every mistake."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from tests.experiments.tiny import CRASHING, ENVIRONMENT, NEEDY, OFFLINE, ROOT, TINY

import chainrule
from chainrule import cli
from chainrule import data as data_room
from chainrule.cli import main
from chainrule.experiments import registry
from chainrule.experiments.run import Run
from chainrule.reporting import files

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def tiny_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the test's experiments exist, and the current directory is empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "MODULES", {})
    monkeypatch.setattr(registry, "_registered", {"tiny": TINY})


def call(capture: Capture, *words: str) -> tuple[int, str, str]:
    status = main(words)
    captured = capture.readouterr()
    return status, captured.out, captured.err


def call_json(capture: Capture, *words: str) -> Any:
    _, out, _ = call(capture, *words, "--json")
    return json.loads(out)


def subprocess_call(*words: str, names: str = "tiny", **options: Any) -> Any:
    return subprocess.run(
        [sys.executable, "-m", "tests.experiments.tiny", names, *words],
        cwd=ROOT, env=ENVIRONMENT, text=True, capture_output=True, timeout=60, **options,
    )  # fmt: skip


# list -----------------------------------------------------------------------------------------


def test_list_prints_every_experiment(capsys: Capture) -> None:
    registry.register(replace(NEEDY, needs=("vision",)))
    status, out, error = call(capsys, "list")
    assert status == 0
    assert error == ""
    assert out.splitlines()[2].split() == ["tiny", "001", "§9", "A", "tiny", "experiment"]
    assert out.splitlines()[3].split()[-1] == "vision"


def test_list_as_json_has_the_shape_of_the_design(capsys: Capture) -> None:
    registry.register(NEEDY)
    assert call_json(capsys, "list") == [
        {"name": "tiny", "title": "A tiny experiment", "document": "001", "question": "§9",
         "needs": []},
        {"name": "needy", "title": "An experiment of an extra", "document": "001",
         "question": "§9", "needs": ["no_such_extra"]},
    ]  # fmt: skip


# run ------------------------------------------------------------------------------------------


def test_run_prints_the_claims_and_last_the_page(capsys: Capture) -> None:
    status, out, error = call(capsys, "run", "tiny")
    assert status == 0
    assert "The mean is below one" in out
    assert out.splitlines()[-1] == str(Path("runs/tiny-quick-embedded/report.html"))
    assert Path(out.splitlines()[-1]).exists()
    assert error == "this belongs on standard error\n"


def test_run_as_json_has_the_shape_of_the_design(capsys: Capture) -> None:
    result = call_json(capsys, "run", "tiny", "--seed", "3", "--preset", "full")
    stored = json.loads(Path("runs/tiny-full-embedded/result.json").read_text())
    assert result == files.unsealed(stored, set(result))
    assert list(result) == [
        "experiment", "preset", "data", "claims", "values", "figures", "report", "seconds",
    ]  # fmt: skip
    assert [result[name] for name in ("experiment", "preset", "data")] == [
        "tiny", "full", "embedded",
    ]  # fmt: skip
    draws = result["values"]["draws"]
    assert len(draws) == 5
    claim = {"id": "mean", "statement": "The mean is below one", "expected": "below 1"}
    assert result["claims"] == [{**claim, "measured": sum(draws) / 5, "holds": True}]
    assert [Path(name).name for name in result["figures"]] == ["disc.svg"]
    assert all(Path(name).exists() for name in (*result["figures"], result["report"]))
    assert type(result["seconds"]) is float


@pytest.mark.parametrize(("outcome", "status"), [("held", 0), ("failed", 1), ("undecided", 3)])
def test_the_exit_status_is_that_of_the_claims_also_the_second_time(
    capsys: Capture, outcome: str, status: int
) -> None:
    words = ("run", "tiny", "--set", f"outcome={outcome}")
    assert call(capsys, *words)[0] == status
    again = call(capsys, *words)
    assert again[0] == status
    assert "holds this run, finished" in again[2]
    assert "Use --fresh to run it again." in again[2]


def test_settings_are_read_by_the_parameters_types(capsys: Capture) -> None:
    words = ["parts=2", "rates=1,2.5", "loud=yes", "label=a = b", "rate=1"]
    sets = [part for word in words for part in ("--set", word)]
    call_json(capsys, "run", "tiny", *sets, "--output", "here")
    assert json.loads(Path("here/config.json").read_text())["parameters"] == {
        "parts": 2, "rate": 1.0, "label": "a = b", "outcome": "held", "rates": [1.0, 2.5],
        "loud": True,
    }  # fmt: skip


def test_embedded_data_with_a_data_directory_is_noticed(capsys: Capture) -> None:
    error = call(capsys, "run", "tiny", "--data-dir", "x")[2]
    assert "The data are embedded; --data-dir is used only with --data real." in error


def test_real_data_and_its_directory_reach_the_experiment(capsys: Capture) -> None:
    seen = []
    registry.register(
        replace(TINY, run=lambda run: seen.append((run.data, run.data_directory, run.seed)))
    )
    call(capsys, "run", "tiny", "--data", "real", "--data-dir", "there", "--seed", "5")
    assert seen == [("real", Path("there"), 5)]


MISTAKES = [
    (["run"], "Name one experiment, or give --all for every one. `chainrule list` shows them."),
    (["run", "tiny", "--all"], "Name one experiment, or give --all for every one."),
    (["run", "tiny", "--jobs", "2"], "--jobs says how many experiments run at a time with --all"),
    (["run", "--all", "--set", "parts=2"], "--set belongs to one experiment"),
    (["run", "tny"], "There is no experiment 'tny'. Did you mean 'tiny'?"),
    (["run", "tiny", "--set", "parts"], "--set takes NAME=VALUE and got 'parts'."),
    (["run", "tiny", "--set", "partz=2"], "no parameter 'partz'. Did you mean 'parts'?"),
    (["run", "tiny", "--set", "parts=two"], "cannot be 'two': it is a whole number of at least 1"),
    (["run", "tiny", "--set", "parts=0"], "cannot be 0: it is a whole number of at least 1"),
    (["run", "tiny", "--set", "outcome=x"], "cannot be 'x': it is one of held, failed, undecided"),
    (["run", "tiny", "--set", "rates=1,x"], "cannot be 'x': it is a comma-separated list"),
    (["run", "tiny", "--preset", "slow"], "Unknown preset 'slow'; choose quick or full."),
    (["run", "tiny", "--data", "fake"], "Unknown data 'fake'; choose embedded or real."),
    (["run", "tiny", "--seed", "-1"], "The seed cannot be -1"),
    (["run", "tiny", "--seed", "x"], "--seed"),
    (["run", "tiny", "--sed", "1"], "--seed"),
    (["rnu"], "rnu"),
    (["report"], "There are no runs in runs. `chainrule run --all` makes some."),
    (["report", "nowhere"], "There are no runs in nowhere."),
    (["data", "mnits"], "mnits"),
    (["run", "offline", "--data", "real"], "has no real data. Run it with --data embedded."),
    (["run", "needy"], "pip install 'chainrule[no_such_extra]'"),
    (["run", "tiny", "--output", "file"], "Cannot write file: file exists."),
    (["run", "tiny", "--output", "full"], "full is not a run directory and holds other files"),
]


@pytest.mark.parametrize(("words", "sentence"), MISTAKES, ids=lambda value: " ".join(value)[:40])
def test_a_mistake_is_one_line_and_status_2(
    capsys: Capture, words: list[str], sentence: str
) -> None:
    registry.register(OFFLINE)
    registry.register(NEEDY)
    Path("file").write_text("")
    Path("full").mkdir()
    Path("full/other").write_text("")
    status, out, error = call(capsys, *words)
    assert status == 2
    assert out == ""
    assert sentence in error
    assert error.startswith("chainrule: ")
    assert error.count("\n") == 1


def test_an_unforeseen_error_is_named_and_its_traceback_shown_for_debug(capsys: Capture) -> None:
    registry.register(CRASHING)
    status, out, error = call(capsys, "run", "crashing")
    assert status == 2
    assert out == ""
    assert error == (
        "chainrule: Internal error: ZeroDivisionError: no way back. The same command with --debug "
        "shows where.\n"
    )
    for words in (["--debug", "run", "crashing"], ["run", "crashing", "--debug"]):
        with pytest.raises(ZeroDivisionError):
            main(words)
    with pytest.raises(ZeroDivisionError):
        main(["run", "--all", "--debug"])


@pytest.mark.parametrize("error", [KeyboardInterrupt, typer.Abort])
def test_an_interrupt_anywhere_is_status_130(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(cli, "app", interrupted)
    assert call(capsys, "list") == (130, "", "Interrupted.\n")
    resumed = "Interrupted; what is finished is kept, run the same command to resume.\n"
    assert call(capsys, "run", "tiny") == (130, "", resumed)


def test_a_full_disk_is_one_sentence(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    status, _, error = call(capsys, "run", "tiny")
    assert status == 2
    assert "the disk is full. Free some space and run the same command" in error


# run --all ------------------------------------------------------------------------------------


def test_a_full_disk_ends_run_all_with_what_is_finished(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.register(OFFLINE)
    registry.register(replace(TINY, name="third"))
    replaced = os.replace

    def full(source: Any, target: Any) -> None:
        if "offline" in str(target):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replaced(source, target)

    monkeypatch.setattr(os, "replace", full)
    status, out, error = call(capsys, "run", "--all", "--jobs", "1")
    assert status == 2
    assert "offline: Cannot write runs/offline-quick-embedded/" in error
    assert "the disk is full" in error
    assert "third" not in out + error  # it would end in the same way
    assert out.count(" held") == 1
    assert Path("runs/index.html").exists()
    assert not Path("runs/offline-quick-embedded").exists()


at_a_time = pytest.mark.parametrize("jobs", ["1", "2"])


@at_a_time
def test_run_all_ends_with_the_claims_and_the_index(capsys: Capture, jobs: str) -> None:
    registry.register(OFFLINE)
    registry.register(NEEDY)
    status, out, error = call(capsys, "run", "--all", "--data", "real", "--jobs", jobs)
    assert status == 0
    lines = out.splitlines()
    assert lines[-1] == str(Path("runs/index.html"))
    assert Path(lines[-1]).exists()
    assert lines[0].split() == ["experiment", "claim", "measured", "expected", "outcome"]
    assert [line.split()[0] for line in lines[2:-1]] == ["tiny", "offline", "needy"]
    assert "needs pip install 'chainrule[no_such_extra]'" in lines[4]
    assert "tiny: quick preset, real data" in error
    assert sorted(path.name for path in Path("runs").iterdir()) == [
        "index.html", "offline-quick-embedded", "tiny-quick-real",
    ]  # fmt: skip


@at_a_time
def test_run_all_goes_on_after_an_error_and_says_so_in_the_end(capsys: Capture, jobs: str) -> None:
    monkey = {"crashing": CRASHING, "tiny": TINY}
    for name, experiment in monkey.items():
        registry.unregister(name)
        registry.register(experiment)
    status, out, error = call(capsys, "run", "--all", "--output", "there", "--jobs", jobs)
    assert status == 2
    assert out.splitlines()[-1] == str(Path("there/index.html"))
    assert "held" in out
    assert "error" in out
    assert "crashing: Internal error: ZeroDivisionError" in error
    assert "1 step stored" in Path("there/index.html").read_text()


def test_run_all_repeats_below_the_table_what_did_not_hold(capsys: Capture) -> None:
    registry.register(replace(OFFLINE, presets={"quick": {"outcome": "failed"}, "full": {}}))
    status, _, error = call(capsys, "run", "--all", "--jobs", "1")
    assert status == 1
    lines = error.splitlines()
    assert lines[-2].startswith("not held: offline: ")
    assert "(measured " in lines[-2]
    assert "1 of 2 claims of 2 experiments held" in lines[-1]
    assert "not held: tiny" not in error


@at_a_time
def test_run_all_as_json_is_a_list_of_results(capsys: Capture, jobs: str) -> None:
    registry.register(replace(OFFLINE, presets={"quick": {"outcome": "failed"}, "full": {}}))
    status, out, _ = call(capsys, "run", "--all", "--json", "--jobs", jobs)
    assert status == 1
    assert [result["experiment"] for result in json.loads(out)] == ["tiny", "offline"]


@at_a_time
def test_run_all_says_what_it_continues(capsys: Capture, jobs: str) -> None:
    registry.register(OFFLINE)
    call(capsys, "run", "tiny")
    Path("runs/tiny-quick-embedded/result.json").unlink()
    error = call(capsys, "run", "--all", "--jobs", jobs)[2]
    assert "Continuing the run in runs/tiny-quick-embedded: 3 steps are already finished." in error


def odd_error(_: Run) -> None:
    """Raise an error that cannot be sent to another process."""

    class Odd(Exception):
        def __init__(self, one: int, two: int) -> None:
            super().__init__(f"{one} and {two}")

    raise Odd(1, 2)


def die(_: Run) -> None:
    """End as if killed."""
    os._exit(9)


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (odd_error, "Internal error: RuntimeError: Odd: 1 and 2."),
        (die, "The process that ran it died: it crashed, or was killed. What it had finished is "
              "kept; run the same command to resume."),
    ],
)  # fmt: skip
def test_a_process_of_run_all_that_dies_ends_one_experiment(
    capsys: Capture, run: Callable[[Run], None], said: str
) -> None:
    registry.register(replace(TINY, name="ends", title="One that ends badly", run=run))
    registry.register(OFFLINE)
    status, out, error = call(capsys, "run", "--all", "--jobs", "2")
    assert status == 2
    assert f"ends: {said}" in error
    assert out.count(" held") == 2


# report ---------------------------------------------------------------------------------------


def test_report_rebuilds_pages_and_lists_unfinished_runs(capsys: Capture) -> None:
    registry.register(CRASHING)
    call(capsys, "run", "tiny")
    call(capsys, "run", "crashing")
    page = Path("runs/tiny-quick-embedded/report.html")
    before = page.read_text()
    page.write_text("lost")
    status, out, error = call(capsys, "report")
    assert status == 0
    assert error == ""
    assert out.splitlines() == [
        "runs/crashing-quick-embedded: unfinished",
        "runs/tiny-quick-embedded: finished",
        "runs/index.html",
    ]
    assert page.read_text() == before
    assert call_json(capsys, "report", "runs/tiny-quick-embedded", "-o", "one.html") == {
        "index": "one.html",
        "runs": [
            {
                "path": "runs/tiny-quick-embedded",
                "state": "finished",
                "experiment": "tiny",
                "preset": "quick",
                "data": "embedded",
                "report": "runs/tiny-quick-embedded/report.html",
            }
        ],
    }
    assert "runs/tiny-quick-embedded/report.html" in Path("one.html").read_text()


def test_report_leaves_out_a_damaged_run_and_says_so(capsys: Capture) -> None:
    call(capsys, "run", "tiny")
    call(capsys, "run", "tiny", "--output", "runs/other")
    Path("runs/other/config.json").write_text("{")
    status, out, error = call(capsys, "report")
    assert status == 2
    assert "runs/other: damaged" in out
    assert "runs/tiny-quick-embedded: finished" in out
    assert error.startswith("chainrule: runs/other/config.json is damaged")
    assert "other" not in Path("runs/index.html").read_text()


def test_report_puts_the_index_beside_the_runs_it_is_given(capsys: Capture) -> None:
    call(capsys, "run", "tiny", "--output", "a/b/one")
    call(capsys, "run", "tiny", "--output", "a/c/two")
    assert call(capsys, "report", "a/b", "a/c/two")[1].splitlines()[-1] == "a/index.html"


# data -----------------------------------------------------------------------------------------


def state(name: str, state: str = "present", problem: str = "") -> SimpleNamespace:
    return SimpleNamespace(
        data_set=name, name=f"{name}.gz", state=state, path=Path(f"d/{name}.gz"),
        size=None if state == "missing" else 12345, problem=problem,
    )  # fmt: skip


def test_data_shows_the_state_of_every_file(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = [state("mnist"), state("fashion-mnist", "missing")]
    monkeypatch.setattr(data_room, "status", lambda directory: states)
    status, out, _ = call(capsys, "data")
    assert status == 0
    assert "12\u202f345" in out
    assert call_json(capsys, "data") == [
        {"data_set": "mnist", "file": "mnist.gz", "state": "present", "path": "d/mnist.gz",
         "size": 12345, "problem": ""},
        {"data_set": "fashion-mnist", "file": "fashion-mnist.gz", "state": "missing",
         "path": "d/fashion-mnist.gz", "size": None, "problem": ""},
    ]  # fmt: skip


def test_data_that_is_damaged_is_status_1(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        data_room, "status", lambda directory: [state("mnist", "damaged", "it is cut short")]
    )
    status, out, _ = call(capsys, "data")
    assert status == 1
    assert "it is cut short" in out


@pytest.mark.parametrize(
    ("words", "fetched"), [(["mnist"], ["mnist"]), (["all"], list(data_room.DATA_SETS))]
)
def test_data_fetches_what_is_named(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, words: list[str], fetched: list[str]
) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(data_room, "fetch", lambda name, directory: calls.append((name, directory)))
    monkeypatch.setattr(
        data_room, "status", lambda directory: [state(name) for name in data_room.DATA_SETS]
    )
    states = call_json(capsys, "data", *words, "--data-dir", "there")
    assert calls == [(name, Path("there")) for name in fetched]
    assert [each["data_set"] for each in states] == fetched


# The whole command ----------------------------------------------------------------------------


def test_version_and_help(capsys: Capture) -> None:
    assert call(capsys, "--version") == (0, f"chainrule {chainrule.__version__}\n", "")
    status, out, _ = call(capsys)
    assert status == 0
    assert call(capsys, "--help")[1] == out
    for words in ("list", "run", "report", "data", "--debug", "Exit status: 0 ok"):
        assert words in out
    for command in ("list", "run", "report", "data"):
        status, out, _ = call(capsys, command, "--help")
        assert status == 0
        assert f"\n  chainrule {command}" in out


@pytest.mark.parametrize(
    ("typed", "offered"), [("doc", {"doctor"}), ("run cov", {"covering-numbers"})]
)
def test_the_shell_completes_commands_and_experiments(typed: str, offered: set[str]) -> None:
    words = ["chainrule", *typed.split()]
    environment = {
        "_CHAINRULE_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    completed = subprocess.run(
        [sys.executable, "-c", "import sys; from chainrule.cli import main; sys.exit(main())"],
        cwd=ROOT,
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert set(completed.stdout.split()) == offered, completed.stderr


def test_json_is_alone_on_standard_output_and_colours_stay_out_of_pipes(tmp_path: Path) -> None:
    words = ("run", "tiny", "--output", str(tmp_path / "run"))
    process = subprocess_call(*words, "--json")
    assert json.loads(process.stdout)["experiment"] == "tiny"
    assert "this belongs on standard error" in process.stderr
    process = subprocess_call(*words)
    assert process.returncode == 0
    assert "\x1b" not in process.stdout + process.stderr
    assert process.stdout.splitlines()[-1] == str(tmp_path / "run" / "report.html")


def test_output_fits_any_encoding(tmp_path: Path) -> None:
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": "ascii"}
    for words in (["list"], ["list", "--json"], ["--help"]):
        process = subprocess.run(
            [sys.executable, "-m", "tests.experiments.tiny", "tiny", *words],
            cwd=ROOT, env=environment, capture_output=True, timeout=60,
        )  # fmt: skip
        assert process.returncode == 0, process.stderr
        text = process.stdout.decode("ascii")
        if "--json" in words:
            assert json.loads(text)[0]["question"] == "§9"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows reports closed pipes otherwise")
def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed:
        process = subprocess.run(
            [sys.executable, "-m", "tests.experiments.tiny", "tiny", "list", "--json"],
            cwd=ROOT, env=ENVIRONMENT, text=True, stdout=closed, stderr=subprocess.PIPE, timeout=60,
        )  # fmt: skip
    assert process.stderr == ""
    assert process.returncode == 0
