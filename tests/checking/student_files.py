"""Files of students for tests: loaded from a text, localised."""

from __future__ import annotations

import itertools
import linecache
from typing import Any

from chainrule.checking.localisation.first_wrong import Localisation, localise
from chainrule.programs.names import trace_named

_numbers = itertools.count()


def load(source: str) -> dict[str, Any]:
    """What a file defines; its text is where Python looks for that of a notebook cell."""
    filename = f"<student file {next(_numbers)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    space: dict[str, Any] = {"__name__": "student"}
    exec(compile(source, filename, "exec", dont_inherit=True), space)
    return space


def localised(source: str, **options: Any) -> Localisation:
    """The localisation of a file with loss, gradient and example."""
    space = load(source)
    example = space["example"]()
    graph = trace_named(space["loss"], **example)
    return localise(space["gradient"], example, graph, **options)
