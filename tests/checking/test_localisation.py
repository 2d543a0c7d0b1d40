"""The first wrong line of hand-written gradients is found, and right ones have none."""

from __future__ import annotations

import linecache
from typing import Any

import pytest
from tests.checking.localisation_corpus import PROGRAMS, cases

from chainrule.checking.localisation import Localisation, localise
from chainrule.programs.names import trace_named


def load(source: str, name: str) -> dict[str, Any]:
    """A file's functions; its source is where Python looks for that of a notebook cell."""
    filename = f"<student {name}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    space: dict[str, Any] = {"__name__": f"student_{abs(hash(name))}"}
    exec(compile(source, filename, "exec"), space)
    return space


def found_in(source: str, name: str) -> Localisation:
    space = load(source, name)
    example = space["example"]()
    return localise(space["gradient"], example, trace_named(space["loss"], **example))


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_a_right_gradient_has_no_wrong_line(program):
    found = found_in(program.source, program.name)
    assert found.line is None
    assert found.reason == "no gradient is wrong"


@pytest.mark.parametrize(("name", "source", "line"), cases()[:9], ids=lambda x: str(x)[:60])
def test_the_first_wrong_line_is_named(name, source, line):
    assert found_in(source, name).line == line
