"""``chainrule search``: specifications, what is printed where, resuming, report, refusals."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.experiments.tiny import TINY

from chainrule.cli import main
from chainrule.experiments import registry
from chainrule.experiments.run import Run
from chainrule.search import Space, covering_radius, plan_search
from chainrule.search.statements import coverage_statement, plan_statements

TRAIN = """
import os
def loss(rate, width, activation, seed):
    if rate > 0.05 and not os.path.exists("cured"):
        raise FloatingPointError("overflow in step 3")
    print("a line of the objective")
    return {"loss": rate + width / 100 + (activation == "relu"), "seed": seed}
"""
SPECIFICATION = """
[objective]
function = "train.py:loss"
metric = "loss"
[space]
rate = { low = 1e-4, high = 1e-1, scale = "log" }
width = { low = 4, high = 16 }
activation = ["tanh", "relu"]
[search]
strategy = "random"
budget = 20
[execution]
executor = "inline"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "tune.toml").write_text(SPECIFICATION)
    return tmp_path


def call(capture: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["search", *words])
    captured = capture.readouterr()
    return status, captured.out, captured.err


def test_a_search_from_start_to_report(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    status, out, error = call(capsys, "tune.toml", "--export", "trials.csv")
    assert status == 0
    lines = out.splitlines()
    assert lines[0].startswith("best loss 0.0")
    assert [line.split(" = ")[0] for line in lines[1:4]] == ["  rate", "  width", "  activation"]
    assert re.fullmatch(r"(\d+) done, [1-9]\d* failed", lines[4])
    assert "leave a hole of radius" in lines[5]
    assert lines[6] == "runs/search-tune/report.html"
    assert error.startswith("20 random trials of these 3 axes.\n")
    assert "a line of the objective" in error
    rows = list(csv.DictReader((folder / "trials.csv").read_text().splitlines()))
    assert len(rows) == 20
    failed = [row for row in rows if row["state"] == "failed"]
    assert {row["value"] for row in failed} == {""}
    assert failed[0]["error"].startswith("FloatingPointError: overflow in step 3")
    done = [row for row in rows if row["state"] == "done"]
    assert lines[0] == f"best loss {min(float(row['value']) for row in done):.6g}"
    assert float(done[0]["metric_seed"]) == float(done[0]["seed"])


def test_the_same_command_again_runs_nothing_and_retry_runs_what_failed(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    first = json.loads(call(capsys, "tune.toml", "--json")[1])
    assert first["computed"] == 20
    status, out, error = call(capsys, "tune.toml", "--json")
    again = json.loads(out)
    assert (status, again["computed"]) == (0, 0)
    assert {**again, "computed": 20} == first
    assert "holds this search, finished; nothing was run." in error
    (folder / "cured").touch()
    retried = json.loads(call(capsys, "tune.toml", "--json", "--retry")[1])
    assert retried["computed"] == first["trials"]["failed"] > 0
    assert retried["trials"] == {"waiting": 0, "running": 0, "done": 20, "failed": 0}
    fresh = json.loads(call(capsys, "tune.toml", "--json", "--fresh")[1])
    assert fresh["computed"] == 20


def test_json_holds_the_certificate(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(call(capsys, "tune.toml", "--json", "--output", "here")[1])
    coverage = found["coverage"]
    assert coverage["exact"] is True
    assert coverage["lower"] == coverage["upper"] == coverage["radius"]
    assert set(coverage["hole"]) == {"rate", "width", "activation"}
    assert (found["strategy"], found["metric"], found["goal"]) == ("random", "loss", "minimise")
    assert found["store"] == "here/trials.sqlite"


def test_the_plan_is_told_without_running(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    status, out, _ = call(capsys, "tune.toml", "--plan")
    assert status == 0
    assert "20 random trials of these 3 axes." in out
    assert "a 0.1-cover needs 50 trials." in out
    assert json.loads(call(capsys, "tune.toml", "--plan", "--json")[1])["trials"] == 20
    assert not (folder / "runs").exists()


def test_the_page_is_one_file_that_loads_nothing(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    (folder / "train.py").write_text(TRAIN.replace("step 3", "<script>"))
    call(capsys, "tune.toml")
    page = (folder / "runs/search-tune/report.html").read_text()
    assert page.count("data:image/svg+xml") == 4
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    for words in ("Parallel coordinates", "What is covered", "Best trials", "Failed trials",
                  "FloatingPointError", "chainrule search tune.toml"):  # fmt: skip
        assert words in page


def test_halving_and_options_of_the_command_line(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    (folder / "train.py").write_text("def loss(x, epochs): return {'loss': x / epochs}")
    (folder / "tune.toml").write_text(
        '[objective]\nfunction = "train.py:loss"\nbudget = "epochs"\n'
        "[space]\nx = { low = 0.5, high = 1.0 }\n"
        "[search]\npoints = 9\n[halving]\nminimum = 1\nmaximum = 9\n"
    )
    out = call(capsys, "tune.toml", "--json", "--executor", "processes", "--workers", "1")[1]
    found = json.loads(out)
    assert found["computed"] == 9 + 3 + 1
    assert (found["best"]["budget"], found["best"]["value"]) == (9, pytest.approx(0.5 / 9))


def test_arguments_and_goal(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "shifted.py").write_text("def f(x, shift, signs): return x + shift * sum(signs)")
    (folder / "tune.toml").write_text(
        '[objective]\nfunction = "shifted:f"\ngoal = "maximise"\n'
        "arguments = { shift = 10, signs = [1, 1] }\n"
        "[space]\nx = { low = 0.0, high = 1.0 }\n[search]\nepsilon = { x = 0.25 }\n"
        '[execution]\nexecutor = "inline"\n'
    )
    found = json.loads(call(capsys, "tune.toml", "--json")[1])
    assert (found["best"]["value"], found["trials"]["done"]) == (20.75, 2)
    assert found["coverage"]["unit"] == "epsilons"
    assert found["coverage"]["upper"] == pytest.approx(1)


def test_an_experiment_as_objective(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "MODULES", {})

    def run(run: Run) -> None:
        run.value("mean", run.step("mean", lambda: 1 / run.parameters["parts"]))

    monkeypatch.setattr(registry, "_registered", {"tiny": replace(TINY, run=run)})
    (folder / "tune.toml").write_text(
        '[objective]\nexperiment = "tiny"\nmetric = "mean"\n'
        "[space]\nparts = { low = 1, high = 3 }\n[search]\npoints = 3\n"
        '[execution]\nexecutor = "inline"\n'
    )
    status, out, error = call(capsys, "tune.toml", "--json")
    assert status == 0, error
    found = json.loads(out)
    assert found["trials"]["done"] == 3
    run = folder / "runs/search-tune/runs" / f"{found['best']['configuration']}-0"
    values = json.loads((run / "result.json").read_text())["values"]
    assert values["mean"] == found["best"]["value"]
    # A trial's folder that is a link leads nowhere, nor does the folder of them all.
    outside = folder / "outside"
    outside.mkdir()
    (folder / "other").joinpath("runs").mkdir(parents=True)
    (folder / "other/runs/0-0").symlink_to(outside)
    found = json.loads(call(capsys, "tune.toml", "--output", "other", "--json")[1])
    assert (found["trials"]["done"], found["trials"]["failed"]) == (2, 1)
    (folder / "third").mkdir()
    (folder / "third/runs").symlink_to(outside)
    status, _, error = call(capsys, "tune.toml", "--output", "third")
    assert (status, "third/runs is a link, which leads out" in error) == (2, True)
    assert not list(outside.iterdir())


def test_nothing_found_is_status_1(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "train.py").write_text("def loss(**values): return float('nan')")
    status, out, _ = call(capsys, "tune.toml")
    assert status == 1
    assert "0 done, 20 failed" in out
    assert "There are no finished trials, so nothing is covered." in out
    assert "No trial has a value" in (folder / "runs/search-tune/report.html").read_text()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"train.py:loss"', '"gone.py:loss"', "There is no file"),
        ('"train.py:loss"', '"train.py:gone"', "There is no function 'gone' in train.py"),
        ('"train.py:loss"', '"no.such.module:f"', "cannot be imported: ModuleNotFoundError"),
        ('"train.py:loss"', "3", "[objective] has function = 3; expected a text"),
        ('function = "train.py:loss"', "", "needs either function or experiment, and not both"),
        ('function = "train.py:loss"', 'experiment = "none"', "There is no experiment 'none'"),
        ('metric = "loss"', 'metrik = "loss"', "has 'metrik', which means nothing here. Did you"),
        ('metric = "loss"', "metric = 3", "metric = 3; expected a name"),
        ('metric = "loss"', 'goal = "win"', "The goal is 'win'; choose minimise or maximise"),
        ('metric = "loss"', "arguments = { rate = 1 }", "a table of names that no axis has"),
        ('metric = "loss"', "arguments = { z = { a = 1 } }", "a table among its arguments"),
        ("[objective]", "[other]\na = 1\n[objective]", "the file has 'other'"),
        ("[objective]", "[objetive]", "'objetive', which means nothing here. Did you mean"),
        ("[space]", "[search]\n[space]", "is not TOML"),
        ("low = 1e-4, high = 1e-1", "low = 1e-1, high = 1e-4", "give the smaller end first"),
        ("low = 1e-4, high = 1e-1", "low = nan, high = 1e-4", "the end nan; expected a finite"),
        ("low = 1e-4, ", "", "[space.rate] needs low and high, or choices"),
        ('scale = "log"', 'scala = "log"', "[space.rate] has 'scala'"),
        ('scale = "log"', 'type = "real"', "has type 'real'; choose continuous or integer"),
        ('["tanh", "relu"]', "3", "[space.activation] is 3; expected a table"),
        ('["tanh", "relu"]', "[]", "Axis 'activation' has no choices"),
        ('["tanh", "relu"]', "{ choices = [1], low = 1 }", "then it has no low, high or scale"),
        ("budget = 20", "budget = 0", "The budget is 0 trials; expected at least 1"),
        ("budget = 20", "limit = 0", "The limit is 0; expected a number of trials"),
        ('strategy = "random"\nbudget = 20', "epsilon = 0", "epsilon is 0; expected a positive"),
        ('strategy = "random"\nbudget = 20', "epsilon = 1e-4", "more than the limit of 100,000"),
        ("[search]", "[halving]\nminimum = 1\n[search]", "[halving] needs minimum and maximum"),
        ('executor = "inline"', "executor = 3", "Unknown executor 3"),
        ('executor = "inline"', "time_limit = -1", "The time limit is -1; expected seconds"),
        ('executor = "inline"', "workers = 0", "workers is 0; expected a whole number"),
    ],
)  # fmt: skip
def test_refusals(
    capsys: pytest.CaptureFixture[str], folder: Path, old: str, new: str, message: str
) -> None:
    assert old in SPECIFICATION
    (folder / "tune.toml").write_text(SPECIFICATION.replace(old, new))
    status, out, error = call(capsys, "tune.toml")
    assert (status, out) == (2, "")
    last = error.splitlines()[-1]
    assert last.startswith("chainrule: ")
    assert message in last


def test_a_table_missing_or_of_another_kind(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    for text, message in (
        ('[objective]\nfunction = "a:b"\n', "There is no table [space]"),
        ("space = 3\n", "[space] is 3; expected a table"),
        ('[space]\nx = [1]\n[objective]\nexperiment = "digits-3-vs-9"\n', "needs a metric"),
    ):
        (folder / "tune.toml").write_text(
            text + ("[search]\nepsilon = 1\n" if "[space]" in text else "")
        )
        assert message in call(capsys, "tune.toml")[2]


def test_no_file_and_a_file_that_is_no_text(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    assert "Cannot read none.toml: no such file" in call(capsys, "none.toml")[2]
    (folder / "tune.toml").write_bytes(b"\xff\xfe\x00")
    assert "Cannot read tune.toml: it is not text" in call(capsys, "tune.toml")[2]


def test_stores_that_are_refused_are_left_alone(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    call(capsys, "tune.toml")
    store = folder / "runs/search-tune/trials.sqlite"
    (folder / "tune.toml").write_text(SPECIFICATION.replace("budget = 20", "budget = 21"))
    assert "holds another search: it differs in trials" in call(capsys, "tune.toml")[2]
    with sqlite3.connect(store) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    assert "is a store of version 7" in call(capsys, "tune.toml")[2]
    with sqlite3.connect(store) as connection:
        assert connection.execute("SELECT COUNT(*) FROM trials").fetchone() == (20,)
    connection.close()


def test_an_output_that_cannot_be_written(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "file").touch()
    status, _, error = call(capsys, "tune.toml", "--output", "file")
    assert status == 2
    assert "Cannot write file/trials.sqlite" in error


def test_fresh_is_refused_while_another_process_runs(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    from chainrule.search import TrialStore
    from chainrule.search.process_identity import this_process

    (folder / "cured").touch()
    call(capsys, "tune.toml")
    with TrialStore(folder / "runs/search-tune/trials.sqlite") as store:
        store._connection.execute("UPDATE trials SET state = 'waiting' WHERE id = 1")
        owner = this_process()
        store.join(owner)
        store.claim(owner)
        assert "Another process runs trials of" in call(capsys, "tune.toml", "--fresh")[2]
        store.leave(owner)
    assert call(capsys, "tune.toml", "--fresh")[0] == 0


# Sentences ---------------------------------------------------------------------------------------


def sentences(space: Space, **plan: Any) -> str:
    made = plan_search(space, **plan)
    return " ".join(
        plan_statements(space, made, covering_radius(space, made.configurations, made.epsilon))
    )


def test_statements_of_plans() -> None:
    four = Space.of(a=(0.0, 1.0), b=(0.0, 1.0), c=(0.0, 1.0), d=(0.0, 1.0))
    said = sentences(four, strategy="random", budget=60)
    assert "The 60 planned trials leave a hole of radius 0.578, exactly, at a = " in said
    assert "A minimal cover of 16 trials would leave none larger than 0.25" in said
    assert "a 0.1-cover needs 625 trials." in said
    assert sentences(four, strategy="cover", epsilon=0.25) == (
        "A 0.25-cover of these 4 axes needs 16 trials."
    )
    choices = Space.of(c=["a", "b", "d"], e=["x", "y"])
    assert sentences(choices, strategy="random", budget=2) == (
        "2 random trials of these 2 axes. The 2 planned trials leave 4 combinations of choices out "
        "altogether, as c = a, e = y."
    )


def test_statement_of_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    from chainrule.search.coverage import Coverage

    space = Space.of(x=(0.0, 1.0))
    found = Coverage(0.2512, 0.26001, False, {"x": 0.5}, 3, "shares")
    assert coverage_statement(space, found) == (
        "The 3 finished trials leave a hole of radius between 0.251 and 0.261, both certified, at "
        "x = 0.5."
    )
