"""One call of an objective: what counts as a value, what is an error, and time limits."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.search import objectives

from chainrule.search import Objective, SearchError
from chainrule.search.evaluation import evaluate, judge
from chainrule.search.objective import Call, batched


def of(function: Any, **settings: Any) -> Objective:
    return Objective("callable", function, tuple(settings.items()), names=("x",))


def call(x: float, budget: float | None = None) -> Call:
    return Call({"x": x}, 11, budget, "0-0")


@pytest.mark.parametrize(
    ("returned", "metric", "value", "metrics"),
    [
        (0.5, None, 0.5, {"value": 0.5}),
        (np.float32(0.5), "loss", 0.5, {"loss": 0.5}),
        (np.array(3), None, 3.0, {"value": 3.0}),
        ({"loss": 2}, None, 2.0, {"loss": 2.0}),
        ({"loss": 2, "other": float("nan")}, "loss", 2.0, None),
    ],
)
def test_values(returned: Any, metric: str | None, value: float, metrics: Any) -> None:
    result = judge(returned, metric, 0.1)
    assert (result.value, result.error) == (value, None)
    if metrics is not None:
        assert result.metrics == metrics


@pytest.mark.parametrize(
    ("returned", "metric", "error"),
    [
        (float("nan"), None, "The objective returned value = nan."),
        (float("-inf"), "loss", "The objective returned loss = -inf."),
        ("low", None, "returned value = str 'low'; expected a number."),
        (None, None, "returned value = NoneType None; expected a number."),
        ([1.0, 2.0], None, "expected a number."),
        (1j, None, "expected a number."),
        (np.ones(2), None, "expected a number."),
        ({"a": 1, "b": 2}, None, "returned several numbers: a, b. Name one of them as the metric."),
        ({"a": 1}, "b", "The objective returned no 'b': a. Name one of them"),
        ({}, None, "returned several numbers: nothing."),
        (KeyError("x"), None, "KeyError: 'x'"),
    ],
)
def test_returned_values_that_are_none(returned: Any, metric: str | None, error: str) -> None:
    result = judge(returned, metric, 0.1)
    assert result.value is None
    assert error in (result.error or "")


def test_seed_and_budget_reach_those_who_ask() -> None:
    (result,) = evaluate(of(objectives.seeded), [call(0.5)], "loss", None)
    assert result.metrics == {"loss": 0.5, "seed": 11.0}
    (result,) = evaluate(of(objectives.with_budget), [call(0.5, 4)], "loss", None)
    assert result.metrics == {"loss": 0.75, "budget": 4.0}


def test_an_exception_is_an_error_with_its_place() -> None:
    (result,) = evaluate(of(objectives.fails_above_half), [call(0.75)], None, None)
    assert result.error is not None
    assert result.error.startswith("ValueError: x is 0.75 (")
    assert "objectives.py, line " in result.error


def test_an_exit_is_an_error() -> None:
    def leaves(x: float) -> float:
        raise SystemExit(3)

    (result,) = evaluate(of(leaves), [call(0.75)], None, None)
    assert result.error is not None
    assert result.error.startswith("SystemExit: 3")


def test_a_hanging_objective_is_stopped() -> None:
    start = time.perf_counter()
    results = [
        evaluate(of(objectives.hangs_above_half), [call(x)], None, 0.2)[0] for x in (0.75, 0.25)
    ]
    assert results[0].error == "It took longer than the time limit of 0.2 s."
    assert results[1].value == 0.25
    assert time.perf_counter() - start < 30


def test_a_hanging_objective_is_stopped_in_a_thread() -> None:
    results: list[Any] = []

    def work() -> None:
        for x in (0.75, 0.25):
            results.extend(evaluate(of(objectives.hangs_above_half), [call(x)], None, 0.2))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
    assert [result.error for result in results] == [
        "It took longer than the time limit of 0.2 s.",
        None,
    ]


def test_batches() -> None:
    calls = [Call({"x": x, "width": 4}, i, None, "") for i, x in enumerate((0.5, 0.95, 0.1))]
    results = evaluate(of(objectives.squares), calls, "loss", None)
    assert [result.value for result in results] == pytest.approx([0.25, None, 0.01])
    assert results[0].metrics["batch"] == 3
    assert results[1].error == "ValueError: too large"
    results = evaluate(of(objectives.one_short), calls, "loss", None)
    assert {result.error for result in results} == {results[0].error}
    assert "returned 2 results for 3 configurations" in (results[0].error or "")


def test_a_batch_of_something_else_than_a_list() -> None:
    @batched()
    def wrong(configurations: Any) -> Any:
        return {"loss": 1.0}

    (result,) = evaluate(of(wrong), [call(0.5)], None, None)
    assert "returned a dict; expected a list" in (result.error or "")


# Loading -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere", "is not of the form module:function or file.py:function"),
        ("no_such_module_here:f", "cannot be imported: ModuleNotFoundError: No module named"),
        ("tests.search.objectives:f", "There is no function 'f' in tests.search.objectives"),
        ("tests.search.objectives:not_callable", "There is no function 'not_callable'"),
        ("missing.py:f", "There is no file .*missing.py for the objective"),
        ("broken.py:f", "'broken.py:f' cannot be imported: ZeroDivisionError: division by zero"),
        ("exits.py:f", "'exits.py:f' cannot be imported: SystemExit: 1"),
        ("written.py:other", r"does not take what it is given: .*'z'.* the axes are x"),
    ],
)
def test_objectives_that_cannot_be_loaded(tmp_path: Path, target: str, message: str) -> None:
    (tmp_path / "broken.py").write_text("1 / 0")
    (tmp_path / "exits.py").write_text("raise SystemExit(1)")
    (tmp_path / "written.py").write_text("def other(x, z): return x")
    objective = Objective("function", target, folder=str(tmp_path), names=("x",))
    with pytest.raises(SearchError, match=message):
        evaluate(objective, [call(0.5)], None, None)


def test_a_file_imports_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_a.py").write_text("SLOPE = 3")
    (tmp_path / "a_file_of_a_search.py").write_text(
        "from neighbour_of_a import SLOPE\ndef f(x, offset=0): return SLOPE * x + offset"
    )
    for target in ("a_file_of_a_search.py:f", "a_file_of_a_search:f"):
        objective = Objective("function", target, (("offset", 1),), str(tmp_path), names=("x",))
        assert evaluate(objective, [call(0.5)], None, None)[0].value == 2.5
        assert objective.title == target


def test_two_files_of_one_name(tmp_path: Path) -> None:
    for place, value in (("one", 1), ("two", 2)):
        (tmp_path / place).mkdir()
        (tmp_path / place / "same_name_of_a.py").write_text(f"def f(x): return {value}")
        objective = Objective(
            "function", "same_name_of_a.py:f", folder=str(tmp_path / place), names=("x",)
        )
        assert evaluate(objective, [call(0.5)], None, None)[0].value == value


def test_batch_sizes_are_checked() -> None:
    with pytest.raises(ValueError, match="size is 0; expected a whole number of at least 1"):
        batched(size=0)


def test_a_time_limit_in_a_thread_leaves_the_interpreter_able_to_trace() -> None:
    program = """
import sys, threading
from chainrule.search.evaluation import _limited

def limited():
    with _limited(30.0):
        pass

thread = threading.Thread(target=limited)
thread.start()
thread.join()
sys.settrace(lambda *_: None)
(lambda: None)()
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
