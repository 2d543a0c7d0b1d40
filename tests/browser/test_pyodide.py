"""The core and the tour in Pyodide: every block does what it does here, and nothing fails."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from tests.browser import limits
from tests.browser.conftest import HERE, ROOT, blurred, in_pyodide, in_this_python
from tools import browser_page

CORE = (HERE / "core.py").read_text(encoding="utf-8")
TOUR = [cell.code for cell in browser_page.cells((ROOT / "docs/tour.md").read_text("utf-8"))]

#: What `limits` takes away is not there, and what it lets fail fails with the same sentence.
POVERTY = f"""
import importlib, os, signal, subprocess, sys, threading

{inspect.getsource(limits.start_a_thread)}
{inspect.getsource(limits.start_a_process)}
{inspect.getsource(limits.fork)}

def outcome(action):
    try:
        return repr(action())
    except Exception as error:
        return f"{{type(error).__name__}}: {{error}}"

print(sys.platform)
for name in {limits.ABSENT!r} + ("scipy", "rich", "typer", "jinja2", "matplotlib"):
    print(outcome(lambda: importlib.import_module(name)))
for name in {limits.NO_SIGNALS!r}:
    print(name, hasattr(signal, name))
for action in (start_a_thread, start_a_process, fork):
    print(outcome(action))
"""

#: Whose is the code of a file: the reader's, Python's, another package's?
OWNERS = """
import ast, sysconfig
from chainrule.engine.location import is_machinery
from chainrule.programs.reach import _is_own

beside_numpy = np.__file__.replace("numpy", "another")
for name in ("<block 1>", ast.__file__, "<frozen importlib._bootstrap>", np.__file__, beside_numpy):
    print(is_machinery(name), _is_own(name))
"""


@pytest.fixture(scope="module")
def answers(runtime: Path, wheel: Path) -> list[dict[str, Any]]:
    return in_pyodide(runtime, wheel, [*TOUR, CORE, OWNERS, POVERTY])


@pytest.fixture
def expected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    monkeypatch.chdir(tmp_path)
    return in_this_python([*TOUR, CORE, OWNERS])


def test_the_tour_does_the_same(
    answers: list[dict[str, Any]], expected: list[dict[str, Any]]
) -> None:
    assert len(TOUR) >= 7
    for code, there, here in zip(TOUR, answers, expected, strict=False):
        assert there["error"] is None, f"{code}\n{there['error']}"
        assert blurred(there["printed"]) == blurred(here["printed"])
        assert [each["name"] for each in there["pictures"]] == [
            each["name"] for each in here["pictures"]
        ]
        assert all("<svg" in each["svg"] for each in there["pictures"])
    assert any(there["pictures"] for there in answers)


def test_the_core_does_the_same(
    answers: list[dict[str, Any]], expected: list[dict[str, Any]]
) -> None:
    there, here = answers[len(TOUR)], expected[len(TOUR)]
    assert (there["error"], here["error"]) == (None, None)
    core, _, refusal = there["printed"].partition("grading: ")
    assert blurred(core) == blurred(here["printed"])
    assert refusal.startswith("Grading runs each submission in a process of its own")


def test_python_and_its_packages_are_told_from_the_readers_code(
    answers: list[dict[str, Any]], expected: list[dict[str, Any]]
) -> None:
    assert answers[-2]["printed"] == expected[-1]["printed"] == (
        "False True\n" "True False\n" "True False\n" "True False\n" "False False\n"
    )  # fmt: skip


def test_the_limits_of_the_other_tests_are_those_of_pyodide(answers: list[dict[str, Any]]) -> None:
    lines = answers[-1]["printed"].splitlines()
    assert answers[-1]["error"] is None
    assert lines.pop(0) == "emscripten"
    absent = [*limits.ABSENT, "scipy", "rich", "typer", "jinja2", "matplotlib"]
    wanted = [f"ModuleNotFoundError: No module named '{name}'" for name in absent]
    assert [re.sub(r"^(.*? '\w+').*", r"\1", line) for line in lines[: len(absent)]] == wanted
    assert lines[len(absent) : -3] == [f"{name} False" for name in limits.NO_SIGNALS]
    assert lines[-3:] == [f"{type(e).__name__}: {e}" for e in limits.FAILS.values()]


def test_a_block_says_what_it_raised_and_shows_its_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    value, printing, wrong, syntax = in_this_python(
        ["2 + 3", "print('said')\n5", "def f():\n    return 1 / 0\n\nf()", "x ="]
    )
    assert (value["printed"], printing["printed"]) == ("5\n", "said\n")
    assert wrong["error"].splitlines()[-1] == "ZeroDivisionError: division by zero"
    # The worker's own lines are not the reader's.
    assert re.findall(r'File "(.*?)", line (\d)', wrong["error"]) == [
        ("<block 3>", "4"), ("<block 3>", "2"),
    ]  # fmt: skip
    assert "return 1 / 0" in wrong["error"]
    assert syntax["error"].splitlines()[-1].startswith("SyntaxError")
