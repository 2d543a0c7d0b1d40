"""A run keeps its steps, repeats its numbers, and refuses what a resume would lose."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from tests.experiments.tiny import SVG, TINY

from chainrule.experiments.experiment import Experiment, ExperimentError, Run
from chainrule.experiments.runner import Outcome, run_experiment
from chainrule.reporting.files import RunDirectoryError, unsealed
from chainrule.reporting.run_directory import RESULT_FIELDS, RunDirectory


def with_function(function: Callable[[Run], None]) -> Experiment:
    return replace(TINY, run=function)


def comparable(outcome: Outcome) -> dict[str, Any]:
    return {name: value for name, value in outcome.result.items() if name != "seconds"}


def test_a_run_directory_holds_everything_the_design_names(tmp_path: Path) -> None:
    outcome = run_experiment(TINY, output=tmp_path / "run", seed=4)
    folder = tmp_path / "run"
    names = {path.name for path in folder.iterdir()}
    assert names == {
        ".lock", "config.json", "steps", "metrics.csv", "claims.json", "result.json", "page.json",
        "disc.svg", "weights.safetensors", "report.html",
    }  # fmt: skip
    stored = json.loads((folder / "result.json").read_text())
    assert unsealed(stored, RESULT_FIELDS) == outcome.result
    assert list(outcome.result) == [
        "experiment", "preset", "data", "claims", "values", "figures", "report", "seconds",
    ]  # fmt: skip
    assert list(outcome.result["claims"][0]) == [
        "id", "statement", "measured", "expected", "holds",
    ]  # fmt: skip
    config = json.loads((folder / "config.json").read_text())
    assert config["seed"] == 4
    assert config["parameters"]["rates"] == [0.5, 1.0]
    assert config["numpy"] == np.__version__
    rows = list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))
    draws = outcome.result["values"]["draws"]
    assert [float(row["draw"]) for row in rows] == draws
    np.testing.assert_array_equal(load_file(folder / "weights.safetensors")["W1"], draws)


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(tmp_path: Path) -> None:
    draws = [
        run_experiment(TINY, output=tmp_path / name, seed=seed).result["values"]["draws"]
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    assert draws[0] == draws[1]
    assert not set(draws[0]) & set(draws[2])


def test_generators_of_different_keys_are_different_and_of_the_same_key_equal(
    tmp_path: Path,
) -> None:
    def function(run: Run) -> None:
        first, again, other = (run.rng(key).random(4) for key in ("a", "a", "b"))
        np.testing.assert_array_equal(first, again)
        assert not np.any(first == other)

    run_experiment(with_function(function), output=tmp_path)


def test_a_finished_run_is_handed_back_without_computing(tmp_path: Path) -> None:
    first = run_experiment(TINY, output=tmp_path)
    again = run_experiment(
        with_function(lambda run: pytest.fail("the run was computed again")), output=tmp_path
    )
    assert again.reused
    assert again.result == first.result


def test_a_finished_run_that_lost_its_page_gets_it_back(tmp_path: Path) -> None:
    run_experiment(TINY, output=tmp_path)
    page = (tmp_path / "report.html").read_text()
    (tmp_path / "report.html").unlink()
    run_experiment(TINY, output=tmp_path)
    assert (tmp_path / "report.html").read_text() == page


def test_fresh_starts_over(tmp_path: Path) -> None:
    run_experiment(TINY, output=tmp_path)
    called = []
    run_experiment(with_function(lambda run: called.append(run.seed)), output=tmp_path, fresh=True)
    assert called == [0]
    assert not list((tmp_path / "steps").iterdir())
    assert not (tmp_path / "disc.svg").exists()


def test_an_interrupted_run_continues_where_it_was(tmp_path: Path) -> None:
    whole = comparable(run_experiment(TINY, output=tmp_path / "run"))
    computed: list[str] = []

    def interrupted(run: Run) -> None:
        step = run.step

        def counted(key: str, function: Callable[[], Any], title: str | None = None) -> Any:
            if len(computed) == 2:
                raise KeyboardInterrupt
            return step(key, lambda: (computed.append(key), function())[1], title)

        run.step = counted  # type: ignore[method-assign]
        TINY.run(run)

    (tmp_path / "run").rename(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run_experiment(with_function(interrupted), output=tmp_path / "run")
    assert not (tmp_path / "run" / "result.json").exists()
    computed[:] = ["two steps are stored; the third may be computed"]
    assert comparable(run_experiment(with_function(interrupted), output=tmp_path / "run")) == whole
    assert computed[1:] == ["part 2"]
    for name in ("metrics.csv", "claims.json", "disc.svg", "page.json"):
        assert (tmp_path / "run" / name).read_text() == (tmp_path / "whole" / name).read_text()


def test_the_time_of_steps_from_an_earlier_process_counts(tmp_path: Path) -> None:
    run_experiment(TINY, output=tmp_path)
    (tmp_path / "result.json").unlink()
    stored = RunDirectory(tmp_path)
    for key in ("part 0", "part 1"):
        step = stored.step(key)
        assert step is not None
        stored.store_step(key, replace(step, seconds=100.0))
    assert 200.0 <= run_experiment(TINY, output=tmp_path).result["seconds"] < 300.0


def test_a_step_gives_the_same_value_computed_and_read_back(tmp_path: Path) -> None:
    result = {
        "array": np.arange(3, dtype=np.float32) / 3,
        "pair": (1, 2),
        "scalar": np.float64(0.1),
        "flag": np.bool_(True),
        "nothing": None,
        "text": "ŷ − y",
        "inf": float("inf"),
    }
    seen: list[Any] = []

    def function(run: Run) -> None:
        seen.append(run.step("values", lambda: result))
        if len(seen) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_experiment(with_function(function), output=tmp_path)
    run_experiment(with_function(function), output=tmp_path)
    assert seen[0] == seen[1]
    assert seen[0]["pair"] == [1, 2]
    assert seen[0]["array"] == [float(value) for value in result["array"]]
    assert seen[0]["inf"] == float("inf")


def test_metric_rows_of_a_step_come_back_with_it_and_columns_are_the_union(tmp_path: Path) -> None:
    def function(run: Run) -> None:
        run.metric(epoch=0, loss=0.5)
        run.step("train", lambda: run.metric(epoch=1, accuracy=float("nan")))
        if not (tmp_path / "second").exists():
            (tmp_path / "second").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_experiment(with_function(function), output=tmp_path / "run")
    run_experiment(with_function(function), output=tmp_path / "run")
    text = (tmp_path / "run" / "metrics.csv").read_text()
    assert text == "epoch,loss,accuracy\n0,0.5,\n1,,nan\n"


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: text.replace('"value": 0.', '"value": 1.'),
        lambda text: text.replace("part 1", "part 2"),
        lambda text: "[1, 2]",
    ],
    ids=["cut", "empty", "another digit", "another step", "another shape"],
)
def test_a_damaged_step_is_computed_again(
    tmp_path: Path, damage: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    from chainrule.reporting.terminal import Terminal

    whole = run_experiment(TINY, output=tmp_path / "run").result["values"]
    (tmp_path / "run" / "result.json").unlink()
    paths = [path for path in (tmp_path / "run" / "steps").iterdir() if "part-1" in path.name]
    text = paths[0].read_text()
    assert damage(text) != text
    paths[0].write_text(damage(text))
    outcome = run_experiment(TINY, output=tmp_path / "run", terminal=Terminal())
    assert outcome.result["values"] == whole
    assert "'part 1' is damaged; it is computed again" in capsys.readouterr().err
    assert paths[0].read_text().replace(" ", "").count('"sha256"') == 1


INSIDE: dict[str, Callable[[Run], Any]] = {
    "claim": lambda run: run.claim("c", "s", measured=1, expected=1, holds=True),
    "value": lambda run: run.value("v", 1),
    "text": lambda run: run.text("t"),
    "section": lambda run: run.section("t"),
    "table": lambda run: run.table("t", "t", ["a"], [[1]]),
    "figure": lambda run: run.figure("f", "t", SVG, alternative="a"),
    "step": lambda run: run.step("inner", lambda: 1),
}


@pytest.mark.parametrize("name", INSIDE)
def test_what_makes_the_page_is_refused_inside_a_step(tmp_path: Path, name: str) -> None:
    def function(run: Run) -> None:
        run.step("outer", lambda: INSIDE[name](run))

    with pytest.raises(RuntimeError, match=f"run.{name} was called inside the step 'outer'"):
        run_experiment(with_function(function), output=tmp_path)


TWICE = {name: call for name, call in INSIDE.items() if name not in ("text", "section")}


@pytest.mark.parametrize("name", TWICE)
def test_a_name_is_used_once(tmp_path: Path, name: str) -> None:
    def function(run: Run) -> None:
        TWICE[name](run)
        TWICE[name](run)

    with pytest.raises(ValueError, match=f"already has a {name} called"):
        run_experiment(with_function(function), output=tmp_path)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda run: run.step("s", lambda: {1, 2}), TypeError, "step 's' holds a set"),
        (lambda run: run.step("s", lambda: {1: 2}), TypeError, "dictionary key 1 of type int"),
        (lambda run: run.value("v", object()), TypeError, "value 'v' holds a object"),
        (
            lambda run: run.claim("c", "s", measured=1, expected=1, holds=1),
            TypeError,
            "holds=1; it must be a bool or None",
        ),
        (
            lambda run: run.claim("a b", "s", measured=1, expected=1, holds=True),
            ValueError,
            "claim id 'a b'",
        ),
        (lambda run: run.table("t", "t", ["a", "b"], [[1]]), ValueError, "2 columns and a row"),
        (lambda run: run.figure("f", "t", SVG, alternative=" "), ValueError, "alternative text"),
        (lambda run: run.figure("../f", "t", SVG, alternative="a"), ValueError, "figure id"),
        (lambda run: run.parameters_file("a/b", {}), ValueError, "parameters file id 'a/b'"),
    ],
)
def test_what_cannot_be_stored_or_shown_is_refused(
    tmp_path: Path, call: Callable[[Run], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        run_experiment(with_function(call), output=tmp_path)


def test_results_are_strict_json_whatever_was_measured(tmp_path: Path) -> None:
    def function(run: Run) -> None:
        run.value("losses", [np.float32(1.5), float("nan"), float("inf")])
        run.claim("c", "s", measured=np.float64("nan"), expected=0, holds=np.bool_(False))

    result = run_experiment(with_function(function), output=tmp_path).result
    assert result["values"] == {"losses": [1.5, "nan", "inf"]}
    assert result["claims"][0]["measured"] == "nan"
    assert result["claims"][0]["holds"] is False
    json.dumps(result, allow_nan=False)


def test_a_transposed_array_is_stored_as_it_reads(tmp_path: Path) -> None:
    array = np.arange(6.0).reshape(2, 3).T
    run_experiment(
        with_function(lambda run: run.parameters_file("p", {"W": array})), output=tmp_path
    )
    np.testing.assert_array_equal(load_file(tmp_path / "p.safetensors")["W"], array)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": "none"}, "Unknown data 'none'; choose embedded or real"),
        ({"seed": -1}, "seed cannot be -1"),
        ({"settings": {"partz": 1}}, "Did you mean 'parts'"),
        ({"settings": {"parts": 0}}, "at least 1"),
        ({"preset": "slow"}, "Unknown preset 'slow'"),
    ],
)
def test_a_run_that_cannot_be_meant_is_refused_and_leaves_nothing(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ExperimentError, match=message):
        run_experiment(TINY, output=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_an_experiment_without_real_data_and_one_without_its_extra_are_refused(
    tmp_path: Path,
) -> None:
    offline = replace(TINY, data={"embedded": "Draws."})
    with pytest.raises(ExperimentError, match=r"has no real data\. Run it with --data embedded"):
        run_experiment(offline, data="real", output=tmp_path)
    needy = replace(TINY, needs=("no_such_extra",))
    with pytest.raises(ExperimentError, match=r"pip install 'chainrule\[no_such_extra\]'"):
        run_experiment(needy, output=tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 1}, r"another seed \(0 there, 1 now\)"),
        ({"preset": "full"}, 'another preset \\("quick" there, "full" now\\)'),
        ({"data": "real"}, 'another data \\("embedded" there, "real" now\\)'),
        ({"settings": {"parts": 4}}, r"another parameter parts \(3 there, 4 now\)"),
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_another_run_in_the_folder_is_refused(
    tmp_path: Path, options: dict[str, Any], message: str, finished: bool
) -> None:
    run_experiment(TINY, output=tmp_path)
    if not finished:
        (tmp_path / "result.json").unlink()
    with pytest.raises(RunDirectoryError, match=message) as caught:
        run_experiment(TINY, output=tmp_path, **options)
    assert "--output" in str(caught.value)
    assert "--fresh" in str(caught.value)
    run_experiment(TINY, output=tmp_path, fresh=True, **options)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("format", 99, "format version"),
        ("package", "0.0.1", "version of chainrule"),
        ("numpy", "1.0", "version of NumPy"),
        ("experiment", "other", "experiment"),
    ],
)
def test_a_run_of_another_version_or_experiment_is_refused(
    tmp_path: Path, field: str, value: Any, words: str
) -> None:
    run_experiment(TINY, output=tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(RunDirectoryError, match=f"another {words}"):
        run_experiment(TINY, output=tmp_path)


def test_the_command_on_the_page_names_what_differs_from_the_preset(tmp_path: Path) -> None:
    settings = {"rates": (0.25, 2), "label": "a & b"}
    run_experiment(TINY, preset="full", seed=3, settings=settings, output=tmp_path)
    command = json.loads((tmp_path / "page.json").read_text())["command"]
    assert command == (
        "chainrule run tiny --preset full --data embedded --seed 3 "
        "--set 'label=a & b' --set rates=0.25,2.0"
    )
