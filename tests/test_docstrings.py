"""Everything in the API reference says what it takes and returns, in numpydoc's sections."""

from __future__ import annotations

import importlib.util
import inspect
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

TOOLS = Path(__file__).parents[1] / "tools"
SECTION = re.compile(r"^([A-Z][A-Za-z ]+)\n-{3,}$", re.MULTILINE)
#: Rooms whose modules need an extra.
NEEDS = {"vision": "torch"}


def sections(docstring: str) -> dict[str, str]:
    """The sections of a numpydoc docstring by title."""
    parts = SECTION.split(docstring)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def described(section: str) -> set[str]:
    """The names that a section of parameters or attributes describes."""
    heads = [line for line in section.splitlines() if line and not line[0].isspace()]
    names = (name for head in heads for name in head.partition(" : ")[0].split(","))
    return {name.strip().lstrip("*") for name in names}


def parameters(value: Callable[..., Any]) -> list[str]:
    """The names of the parameters of a function or class; none where it is one of Python's own."""
    try:
        names = inspect.signature(value).parameters
    except ValueError:
        return []
    return [name for name in names if name not in ("self", "cls")]


def undocumented(value: Callable[..., Any], lenient: bool = False) -> list[str]:
    """What the docstring of a function or class leaves out, a sentence each.

    A lenient look is content with a parameter that the text names, and takes the first sentence to
    say what comes back: methods are short, and stand beside the attributes of their class.
    """
    text = inspect.getdoc(value) or ""
    if not text:
        return ["no docstring"]
    found = sections(text)
    taken = parameters(value)
    told = described(found.get("Parameters", ""))
    problems = [f"describes {name}, which is no parameter" for name in sorted(told - set(taken))]
    if inspect.isclass(value):
        problems, told = [], told | described(found.get("Attributes", ""))
    elif not lenient and "Returns" not in found and "Yields" not in found:
        returned = inspect.signature(value).return_annotation
        problems += [] if returned in (None, "None") else ["does not say what it returns"]
    for name in taken:
        if name not in told and not (lenient and re.search(rf"\b{name}\b", text)):
            problems.append(f"does not describe {name}")
    return problems


def methods(value: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The methods that a class defines itself; what it inherits is documented where it is."""
    fields = getattr(value, "__dataclass_fields__", {})
    for name, given in vars(value).items():
        own = given.__func__ if isinstance(given, (classmethod, staticmethod)) else given
        if inspect.isfunction(own) and not name.startswith("_") and name not in fields:
            yield name, getattr(value, name)


def left_out(full_name: str) -> Iterator[str]:
    """Everything that the docstring of a name in the reference, or of its methods, leaves out."""
    value = pkgutil.resolve_name(full_name)
    if isinstance(value, type) and issubclass(value, Exception):
        return
    # Values are no functions; what a factory made is documented where it got its name.
    if inspect.isclass(value) or (inspect.isfunction(value) and "<" not in value.__qualname__):
        for problem in undocumented(value):
            yield f"{full_name} {problem}"
    if inspect.isclass(value):
        for name, method in methods(value):
            for problem in undocumented(method, lenient=True):
                yield f"{full_name}.{name} {problem}"


@pytest.fixture(scope="module")
def reference() -> Iterator[Any]:
    """The module that makes the pages of the reference."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(TOOLS)
        import generated_pages

        yield generated_pages
        del sys.modules[generated_pages.__name__]


def test_parameters_and_results_are_documented(reference: Any) -> None:
    problems, looked_at = [], 0
    for page, room in reference.ROOMS.items():
        if page in NEEDS and importlib.util.find_spec(NEEDS[page]) is None:
            continue
        names = reference.public_names(room)
        looked_at += len(names)
        problems += [problem for name in names for problem in left_out(name)]
    assert problems == []
    assert looked_at > 200


def whole(x: int) -> int:
    """Return x.

    Parameters
    ----------
    x : int

    Returns
    -------
    int
    """
    return x


def named_only(x: int) -> int:
    """Return x as it is."""
    return x


def outdated(x: int) -> None:
    """Do something.

    Parameters
    ----------
    x, y : int
    """


def bare(x: int) -> int:
    return x


@pytest.mark.parametrize(
    ("function", "lenient", "problems"),
    [
        (whole, False, []),
        (named_only, True, []),
        (named_only, False, ["does not say what it returns", "does not describe x"]),
        (outdated, False, ["describes y, which is no parameter"]),
        (bare, True, ["no docstring"]),
    ],
)
def test_what_is_left_out_is_found(
    function: Callable[..., Any], lenient: bool, problems: list[str]
) -> None:
    assert undocumented(function, lenient) == problems
