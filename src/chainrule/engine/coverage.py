"""The table of what can be differentiated, written from the registry: docs/coverage.md.

``python -m chainrule.engine.coverage`` writes the page; ``--check`` only says whether it is up to
date. Nothing here is typed by hand that the declarations already know.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.engine.primitive import (
    COMPOSITES,
    FUNCTIONS,
    PRIMITIVES,
    REFUSED,
    UFUNCS,
    ZERO,
    Primitive,
)

# Where public functions live: the first place that has one gives its name.
_PLACES = (
    ("np", "numpy"),
    ("np.linalg", "numpy.linalg"),
    ("np.fft", "numpy.fft"),
    ("np.lib.stride_tricks", "numpy.lib.stride_tricks"),
    ("np.emath", "numpy.lib.scimath"),
    ("np.polynomial.polynomial", "numpy.polynomial.polynomial"),
    ("scipy.special", "scipy.special"),
)
_SYNTAX = {
    "getitem": "x[index]",
    "assign": "x[index] = value",
    "index_add": "np.add.at(x, index, value)",
}
_ENGINE = {"placeholder", "constant", "select_output"}

HEADER = """\
# Coverage: what can be differentiated

Written by `python -m chainrule.engine.coverage` from the registry of rules, with NumPy {numpy}; do
not edit. {functions} functions have a rule, {composites} more are expressed by them; {refused} are
refused with a cure.
A function that is not on this page raises `UnsupportedFunction`, an argument that is not listed
beside its function raises `UnsupportedArgument`, both with the line in the traced program. Rules
are written in NumPy and are differentiated themselves, so derivatives of every order exist.

The column *derivative* has one sign per array operand, in the order of the arguments:
**∂** a derivative, **0** piecewise constant (zero derivative), **–** none (an error if one is
needed), **∂…** a derivative for each of any number of operands; *composite* stands for those of
the functions it is made of. Masks (`where=`) have 0. What happens at kinks, ties and zeros is in
[the policy](policy.md).
"""

_HEADINGS = {"custom": "Derivatives of one's own", "rules.linalg": "Linear algebra",
             "rules.einsum": "Einstein sums"}  # fmt: skip


def _heading(place: str) -> str:
    """A module's name as the heading of what it declares."""
    return place.rpartition(".")[2].replace("_", " ").capitalize()


def names_of(function: Callable[..., Any]) -> list[str]:
    """The public names of a NumPy or SciPy function, its own name first."""
    own = f".{getattr(function, '__name__', '')}"
    return sorted(_names().get(function, ()), key=lambda name: (not name.endswith(own), name))


@functools.cache
def _names() -> dict[Any, list[str]]:
    found: dict[Any, list[str]] = {}
    for shown, module in _PLACES:
        for name, value in vars(importlib.import_module(module)).items():
            if callable(value) and not name.startswith("_"):
                found.setdefault(value, []).append(f"{shown}.{name}")
    return found


def derivative_signs(primitive: Primitive) -> str:
    """One sign per operand: ∂ a rule, 0 piecewise constant, – no derivative."""
    if callable(primitive.rules):
        return "∂…"
    return " ".join("0" if r is ZERO else "–" if r is None else "∂" for r in primitive.rules)


def accepted_arguments(bind: Callable[..., Any]) -> str:
    """The signature as a call, without annotations and without the ``out`` that is refused."""
    shown = []
    starred = False
    for parameter in inspect.signature(bind).parameters.values():
        if parameter.name == "out":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            shown.append("\\*")
            starred = True
        text = parameter.name
        if parameter.kind is parameter.VAR_POSITIONAL:
            text, starred = f"\\*{text}", True
        elif parameter.kind is parameter.VAR_KEYWORD:
            text = f"\\*\\*{text}"
        elif parameter.default is np._NoValue:
            text = f"{text}=…"
        elif parameter.default is not parameter.empty:
            text = f"{text}={parameter.default!r}"
        shown.append(text)
    return ", ".join(shown)


def _public_name(primitive: Primitive) -> str | None:
    """The name under which a user calls a primitive that is no NumPy function."""
    if primitive.name in _SYNTAX:
        return _SYNTAX[primitive.name]
    if str(primitive.source).startswith("scipy.special."):
        return str(primitive.source).partition("(")[0]
    package = importlib.import_module("chainrule")
    if primitive.name in getattr(package, "__all__", ()):
        return f"chainrule.{primitive.name}"
    return None


def _rows() -> Iterator[tuple[str, str, str, str]]:
    """(module, function, derivative, accepted arguments) of everything supported."""
    for primitive in PRIMITIVES.values():
        if primitive.name in _ENGINE:
            continue
        names = [name for function in primitive.functions for name in names_of(function)]
        public = _public_name(primitive)
        names = names or [public or ""]
        if names == [""]:
            continue
        arguments = accepted_arguments(primitive.bind) if primitive.bind else ""
        yield primitive.module, _code(names), derivative_signs(primitive), arguments
    for function, implementation in COMPOSITES.items():
        yield (
            implementation.__module__,
            _code(names_of(function)),
            "composite",
            accepted_arguments(implementation),
        )


def _code(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in dict.fromkeys(names))


def internal_primitives() -> list[str]:
    """Names that appear only in graphs: parts of rules and of composites."""
    return sorted(
        primitive.name
        for primitive in PRIMITIVES.values()
        if primitive.name not in _ENGINE
        and not any(names_of(function) for function in primitive.functions)
        and _public_name(primitive) is None
    )


def undecided() -> list[str]:
    """Functions that NumPy dispatches to the engine and that have neither a rule nor a refusal."""
    dispatched = type(np.sum)
    known = {*FUNCTIONS, *UFUNCS, *COMPOSITES, *REFUSED}
    found = set()
    for shown, module in _PLACES[:-1]:
        for name, value in vars(importlib.import_module(module)).items():
            if isinstance(value, (dispatched, np.ufunc)) and value not in known:
                found.add(f"{shown}.{name}")
    return sorted(found)


def page() -> str:
    """The whole page as Markdown."""
    importlib.import_module("chainrule")
    importlib.import_module("chainrule.engine.rules.special")
    rows = list(_rows())
    composites = sum(row[2] == "composite" for row in rows)
    parts = [
        HEADER.format(
            numpy=_minor_version(),
            functions=len(rows) - composites,
            composites=composites,
            refused=len(REFUSED),
        )
    ]
    for module in sorted({row[0] for row in rows}):
        title = (importlib.import_module(module).__doc__ or module).splitlines()[0]
        place = module.removeprefix("chainrule.engine.")
        parts.append(f"## {_HEADINGS.get(place) or _heading(place)}\n\n{title}\n")
        parts.append("| function | derivative | arguments |\n|---|---|---|")
        family = sorted(row[1:] for row in rows if row[0] == module)
        parts.append("\n".join(f"| {a} | {b} | {c} |" for a, b, c in family) + "\n")
    parts.append(_methods())
    parts.append("## Refused\n\n| functions | instead |\n|---|---|")
    cures: dict[str, list[str]] = {}
    for function, cure in REFUSED.items():
        cures.setdefault(cure, []).extend(names_of(function))
    refused = sorted((_code(sorted(names)), cure) for cure, names in cures.items())
    parts.append("\n".join(f"| {names} | {cure} |" for names, cure in refused) + "\n")
    parts.append("## Inside graphs\n\nPrimitives that only rules and composites are made of.\n")
    parts.append(_code(internal_primitives()) + "\n")
    return "\n".join(parts)


def _methods() -> str:
    from chainrule.engine.tracing import ACCUMULATIONS, REDUCTIONS

    rows = [
        (f"`np.{ufunc.__name__}.{method}`", f"as {_called(function)}")
        for method, table in (("reduce", REDUCTIONS), ("accumulate", ACCUMULATIONS))
        for ufunc, function in table.items()
    ]
    rows += [("`.outer` of every binary ufunc above", "by broadcasting")]
    rows += [("`np.add.at`, `np.subtract.at`", "as an assignment that accumulates")]
    body = "\n".join(f"| {name} | {how} |" for name, how in rows)
    return f"## Methods of ufuncs\n\n| method | how |\n|---|---|\n{body}\n"


def _called(function: Callable[..., Any]) -> str:
    names = names_of(function)
    return f"`{names[0]}`" if names else f"`chainrule.{function.__name__}`"


def _minor_version() -> str:
    return ".".join(np.__version__.split(".")[:2])


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the page; 0 written or up to date, 1 stale, 2 wrong usage."""
    parser = argparse.ArgumentParser(
        prog="python -m chainrule.engine.coverage", description=__doc__
    )
    parser.add_argument("path", nargs="?", type=Path, default=Path("docs/coverage.md"))
    parser.add_argument("--check", action="store_true", help="write nothing, fail if stale")
    options = parser.parse_args(arguments)
    written = options.path.read_text(encoding="utf-8") if options.path.is_file() else ""
    current = page()
    if options.check:
        if written == current:
            return 0
        print(f"{options.path} is stale; write it with python -m chainrule.engine.coverage.")
        return 1
    if not options.path.parent.is_dir():
        parser.error(f"the folder {options.path.parent} does not exist; name the page to write")
    options.path.write_text(current, encoding="utf-8")
    print(f"wrote {options.path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
