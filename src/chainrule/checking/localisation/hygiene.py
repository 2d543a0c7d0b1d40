"""Lines at fault where no number is to blame: changed inputs, chance, missing results."""

from __future__ import annotations

import ast
import inspect
import linecache
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.checking.argument_names import number_of
from chainrule.checking.localisation.steps import final_writes
from chainrule.checking.report import WrongLine
from chainrule.checking.stopping import now
from chainrule.checking.subject import same_randomness
from chainrule.checking.watch import CannotWatch, Event, Run, Watcher


def changing_line(gradient: Callable[..., Any], example: Mapping[str, Any]) -> WrongLine | None:
    """The first line that writes into an argument."""
    watched = _watched(gradient, example)
    if watched is None:
        return None
    watcher, run = watched
    if run.changing is None:
        return None
    site = watcher.sites[run.changing]
    return _line(site.filename, site.line, "its own copy, so that the arguments stay as they are")


def differing_line(gradient: Callable[..., Any], example: Mapping[str, Any]) -> WrongLine | None:
    """The first line that binds another value in the second of two identical calls."""
    try:
        watcher = Watcher(gradient)
    except CannotWatch:
        return None
    deadline = now() + _SECONDS
    with watcher, same_randomness():
        finals = final_writes(watcher.run(example, record=True, deadline=deadline))
        first = watcher.run(example, record=True, finals=finals, deadline=deadline)
        np.random.random(7)  # noqa: NPY002  (chance is another one in the next call)
        second = watcher.run(example, record=True, finals=finals, deadline=deadline)
    for a, b in zip(first.events, second.events, strict=False):
        if a.place != b.place or not _same(a, b):
            site = watcher.sites[a.place[0]]
            return _line(site.filename, site.line, "what it was in the call before")
    return None


def first_line_where(
    gradient: Callable[..., Any],
    example: Mapping[str, Any],
    wrong: Callable[[np.ndarray], bool],
    should_be: str,
) -> WrongLine | None:
    """The first line that binds a value of some kind."""
    watched = _watched(gradient, example)
    if watched is None:
        return None
    watcher, run = watched
    for event in run.events:
        if wrong(np.asarray(event.value)):
            site = watcher.sites[event.place[0]]
            return _line(site.filename, site.line, should_be)
    return None


_SECONDS = 2.0


def _watched(
    gradient: Callable[..., Any], example: Mapping[str, Any]
) -> tuple[Watcher, Run] | None:
    """One call with everything it binds; None where it cannot be watched."""
    try:
        watcher = Watcher(gradient)
    except CannotWatch:
        return None
    with watcher:
        return watcher, watcher.run(example, record=True, deadline=now() + _SECONDS)


def _same(a: Event, b: Event) -> bool:
    one, other = np.asarray(a.value), np.asarray(b.value)
    return one.shape == other.shape and np.array_equal(one, other, one.dtype.kind == "f")


def returning_line(gradient: Callable[..., Any], missing: str) -> WrongLine | None:
    """The line on which a gradient returns, where a result is missing from it.

    Or that on which it is stored under another spelling, or on which the other gradient of its
    layer is: ``grads["W1"] = …`` for a missing ``b1``.
    """
    try:
        lines, start = inspect.getsourcelines(gradient)
        tree = ast.parse(textwrap.dedent("".join(lines)))
        filename = inspect.getsourcefile(gradient) or ""
    except (OSError, TypeError, SyntaxError, ValueError):
        return None
    function = tree.body[0]
    if not isinstance(function, ast.FunctionDef):
        return None
    returns = [node for node in ast.walk(function) if isinstance(node, ast.Return)]
    if not returns:
        return None
    last = max(returns, key=lambda node: node.lineno)
    stored = _stored(function)
    plain = _plain(missing)
    number = number_of(plain)
    otherwise = [line for key, line in stored.items() if key != missing and _plain(key) == plain]
    layer = [line for key, line in stored.items() if number and _plain(key).endswith(number)]
    line = next(iter(otherwise), None) or _assigned_to(function, missing)
    line = line or max(layer, default=last.lineno)
    return _line(filename, start + line - 1, f"a dict that has the key {missing!r}")


def _assigned_to(function: ast.FunctionDef, missing: str) -> int | None:
    """Where the key is given a value that is none."""
    for node in ast.walk(function):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == missing:
                    return value.lineno
    return None


def _stored(function: ast.FunctionDef) -> dict[str, int]:
    """The keys that are put into what is returned, with the line on which they first are."""
    returned = {
        node.value.id
        for node in ast.walk(function)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Name)
    }
    stored: dict[str, int] = {}
    assignments = [node for node in ast.walk(function) if isinstance(node, ast.Assign)]
    for node in sorted(assignments, key=lambda node: -node.lineno):
        for target in node.targets:
            if (
                isinstance(target, ast.Subscript)
                and ast.unparse(target.value) in returned
                and isinstance(target.slice, ast.Constant)
                and isinstance(target.slice.value, str)
            ):
                stored[target.slice.value] = node.lineno
    return stored


def _plain(name: str) -> str:
    """A name without what people spell one way or another."""
    return name.replace("_", "").lower()


def _line(filename: str, line: int, should_be: str) -> WrongLine:
    return WrongLine(line, linecache.getline(filename, line).strip(), should_be)
