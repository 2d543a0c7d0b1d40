"""Which arguments of a function are differentiated, what they are called, whether they may be."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput
from chainrule.engine.tracing import Trace, Traced
from chainrule.engine.trees import Structure, flatten
from chainrule.engine.wording import counted

ArgumentNumbers = int | Sequence[int] | None
ArgumentNames = str | Sequence[str] | None


def checked_placeholder(trace: Trace, leaf: Any, name: str) -> Traced:
    return trace.placeholder(floating(leaf, name), name)


def floating(leaf: Any, name: str) -> Any:
    """A leaf that can be differentiated, or an error that says why not."""
    if type(leaf) is float:
        return leaf
    if isinstance(leaf, (np.ma.MaskedArray, np.matrix)):
        raise InvalidInput(f"{name} is a {type(leaf).__name__}; convert it with np.asarray.")
    if isinstance(leaf, (np.ndarray, np.generic, Traced)):
        if leaf.dtype.kind == "f":
            return leaf if isinstance(leaf, Traced) else np.asarray(leaf)[()]
        if leaf.dtype.kind in "iub":
            raise InvalidInput(
                f"{name} has dtype {leaf.dtype}; only floating-point arguments have a gradient: "
                "convert it "
                f"with .astype(float), or exclude it with argnums."
            )
        if leaf.dtype.kind == "c":
            raise InvalidInput(f"{name} is complex; chainrule differentiates real functions only.")
        raise InvalidInput(f"{name} has dtype {leaf.dtype}; convert it with .astype(float).")
    if isinstance(leaf, complex):
        raise InvalidInput(f"{name} is complex; chainrule differentiates real functions only.")
    if isinstance(leaf, int):
        raise InvalidInput(
            f"{name} is the integer {leaf!r}; only floating-point arguments have a gradient: pass "
            f"{float(leaf)!r}, or exclude it with argnums."
        )
    raise InvalidInput(
        f"{name} is of type {type(leaf).__name__}, which cannot be differentiated; pass a NumPy "
        "array "
        f"or a tree of arrays, or exclude it with argnums."
    )


def is_floating_tree(tree: Any) -> bool:
    leaves = flatten(tree)[0]
    return bool(leaves) and all(
        type(x) is float
        or (isinstance(x, (np.ndarray, np.generic, Traced)) and x.dtype.kind == "f")
        for x in leaves
    )


def argument_name(f: Callable[..., Any], position: int) -> str:
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        return f"argument {position}"
    if position < len(parameters) and parameters[position].kind in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    ):
        return parameters[position].name
    for parameter in parameters:
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            return f"{parameter.name}[{position - parameters.index(parameter)}]"
    return f"argument {position}"


def function_name(f: Callable[..., Any]) -> str:
    return getattr(f, "__name__", type(f).__name__)


def leaf_names_of(f: Callable[..., Any], args: tuple[Any, ...], arguments: Structure) -> list[str]:
    """A name for every leaf of ``(args, kwargs)``, as a person would write it."""
    positional, keywords = arguments.children
    names: list[str] = []
    for position, child in enumerate(positional.children):
        names += child.paths(argument_name(f, position))
    for key, child in zip(keywords.description, keywords.children, strict=True):
        names += child.paths(key)
    return names


class Selection:
    """Which arguments are differentiated, and how their gradients are presented."""

    def __init__(
        self, positions: list[int], names: list[str], labels: list[str], form: str
    ) -> None:
        self.positions = positions  # positional arguments
        self.names = names  # keyword arguments
        self.labels = labels  # a name for each chosen argument, in order
        self.form = form  # "one", "tuple" or "dict"
        self.chosen: tuple[Any, ...] = ()

    def leaf_name(self, path: str) -> str:
        """``[1]['W']`` -> ``params['W']``."""
        head, _, tail = path[1:].partition("]")
        return self.labels[int(head)] + tail

    def leaf_names(self, structure: Structure) -> list[str]:
        return [self.leaf_name(path) for path in structure.paths()]

    def call(self, f: Callable[..., Any], chosen: Any, args: Any, kwargs: Any) -> Any:
        replaced = list(args)
        keywords = dict(kwargs)
        for position, value in zip(self.positions, chosen, strict=False):
            replaced[position] = value
        for name, value in zip(self.names, chosen[len(self.positions) :], strict=True):
            keywords[name] = value
        return f(*replaced, **keywords)

    def present(self, gradients: tuple[Any, ...]) -> Any:
        if self.form == "one":
            return gradients[0]
        if self.form == "tuple":
            return gradients
        return dict(zip(self.labels, gradients, strict=True))


def select(
    f: Callable[..., Any],
    argnums: ArgumentNumbers,
    argnames: ArgumentNames,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Selection:
    name = function_name(f)
    if argnames is not None:
        wanted = [argnames] if isinstance(argnames, str) else list(argnames)
        positions, names, labels = [], [], []
        positional = [argument_name(f, i) for i in range(len(args))]
        for label in wanted:
            if label in positional:
                positions.append(positional.index(label))
            elif label in kwargs:
                names.append(label)
            else:
                given = ", ".join([*positional, *kwargs]) or "none"
                raise InvalidInput(
                    f"{name} was called without an argument {label!r} (given: {given})."
                )
        labels = [positional[i] for i in positions] + names
        selection = Selection(
            positions, names, labels, "one" if isinstance(argnames, str) else "dict"
        )
    elif argnums is None:
        positions = [i for i, a in enumerate(args) if is_floating_tree(a)]
        names = [k for k, a in kwargs.items() if is_floating_tree(a)]
        if not positions and not names:
            raise InvalidInput(
                f"{name} was called without a floating-point argument to differentiate; write "
                "1.0 for 1, and x.astype(float) for an array x of whole numbers."
            )
        labels = [argument_name(f, i) for i in positions] + names
        selection = Selection(positions, names, labels, "dict")
    else:
        several = isinstance(argnums, (tuple, list))
        numbers: list[Any] = [*argnums] if several else [argnums]  # type: ignore[misc]
        for number in numbers:
            if not isinstance(number, (int, np.integer)) or not -len(args) <= number < len(args):
                raise InvalidInput(
                    f"argnums={argnums!r} asks for argument {number!r}, but {name} was called with "
                    f"{counted(len(args), 'positional argument')}; name a keyword argument with "
                    "argnames."
                )
        positions = [int(n) % len(args) for n in numbers]
        if len(set(positions)) != len(positions):
            raise InvalidInput(f"argnums={argnums!r} names an argument twice.")
        form = "tuple" if several else "one"
        selection = Selection(positions, [], [argument_name(f, i) for i in positions], form)
    selection.chosen = tuple(
        [args[i] for i in selection.positions] + [kwargs[k] for k in selection.names]
    )
    return selection
