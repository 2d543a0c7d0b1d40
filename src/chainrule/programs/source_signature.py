"""The outside of an emitted function: parameters, unpacking of trees, and what it returns."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.engine.graph import Graph
from chainrule.engine.trees import _CONTAINERS, LEAF, Container, Structure
from chainrule.programs.literals import literal
from chainrule.programs.names import legal

Bind = Callable[[str, Any], str]
_COTANGENTS = "cotangents"  # the keyword by which a backward pass is given them
_STARS: dict[Any, str] = {
    inspect.Parameter.VAR_POSITIONAL: "*",
    inspect.Parameter.VAR_KEYWORD: "**",
}
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Signature:
    """The parameters of the traced function and how its arguments were given.

    Parameters
    ----------
    graph : Graph
    fixed : mapping of str to object
        Arguments, by label, that were traced as they are: integers, booleans, strings.
    """

    def __init__(self, graph: Graph, fixed: Mapping[str, Any]) -> None:
        self.fixed = fixed
        self.positional, self.keywords = graph.arguments.children
        self.parameters = _parameters(graph, len(self.positional.children))
        self.trees: dict[str, Structure] = {}  # label of each argument: its structure
        self.star: str | None = None
        self.double_star: str | None = None
        for parameter in self.parameters:
            if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
                self.star = parameter.name
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                self.double_star = parameter.name
        ordinary = [p.name for p in self.parameters if p.kind in _POSITIONAL]
        if not _has_signature(graph):
            ordinary = [f"argument {i}" for i in range(len(self.parameters))]
        for position, child in enumerate(self.positional.children):
            if position < len(ordinary):
                self.trees[ordinary[position]] = child
            else:
                self.trees[f"{self.star}[{position - len(ordinary)}]"] = child
        for key, child in zip(self.keywords.description, self.keywords.children, strict=True):
            self.trees[key] = child

    def header(self, name: str) -> str:
        """``def name(…):`` with the function's own parameters."""
        shown = []
        droppable = True  # a default that cannot be written takes those before it along
        written: dict[str, str] = {}
        for parameter in reversed(self.parameters):
            text = _default(parameter)
            if parameter.kind in _POSITIONAL and text is None:
                droppable = False
            if text is not None and (droppable or parameter.kind not in _POSITIONAL):
                written[parameter.name] = text
        previous = None
        for parameter in self.parameters:
            kind = parameter.kind
            if previous is inspect.Parameter.POSITIONAL_ONLY and kind is not previous:
                shown.append("/")
            if kind is inspect.Parameter.KEYWORD_ONLY and previous not in (
                kind, inspect.Parameter.VAR_POSITIONAL,
            ):  # fmt: skip
                shown.append("*")
            stars = _STARS.get(kind, "")
            text = written.get(parameter.name)
            shown.append(f"{stars}{parameter.name}" + (f"={text}" if text is not None else ""))
            previous = kind
        if previous is inspect.Parameter.POSITIONAL_ONLY:
            shown.append("/")
        return f"def {name}({', '.join(shown)}):"

    def unpacking(self, names: Mapping[str, str], read: set[str], bind: Bind) -> list[str]:
        """Statements that take trees apart: ``W1 = params["W1"]``, ``W, b = layer``.

        Parameters
        ----------
        names : mapping of str to str
            The variable of each input, by its label.
        read : set of str
            Labels of the inputs that the program reads.
        bind : callable
            ``bind(name, value)`` makes an object known to the program, or, for None, a new
            variable; it returns the name.
        """
        lines: list[str] = []
        for label, tree in self.trees.items():
            lines += _unpack(label, self.access(label), tree, names, read, bind)
        return lines

    def access(self, label: str) -> str:
        """The expression for an argument, inside the function."""
        if any(label == p.name for p in self.parameters if p.name != self.double_star):
            return label
        if self.star is not None and label.startswith(f"{self.star}["):
            return label
        return f"{self.double_star}[{literal(label)}]" if self.double_star else legal(label)

    def name_cotangent(self, name: str) -> None:
        """Take the cotangent of a single result by its own name: ``def f(x, W, h_bar):``."""
        last = next(p for p in self.parameters if p.name == _COTANGENTS)
        others = [p for p in self.parameters if p is not last]
        plain = all(p.kind in _POSITIONAL for p in others)
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD if plain else last.kind
        self.parameters[self.parameters.index(last)] = last.replace(name=name, kind=kind)
        del self.trees[_COTANGENTS]

    def checks(self) -> list[str]:
        """Assertions that arguments which are no arrays are what they were when traced."""
        lines = []
        for label, value in self.fixed.items():
            if isinstance(value, (bool, type(None))):
                lines.append(f"assert {label} is {value!r}")
            elif isinstance(value, (int, float, str)):
                lines.append(f"assert {label} == {literal(value)}")
        return lines


def input_labels(graph: Graph) -> dict[int, str]:
    """Where each input stands among the arguments, by its index: ``params['W1']``."""
    labels = {}
    added = 0
    for node in graph.inputs:
        labels[node.index] = node.name or f"input{node.index}"
        if node.of is not None:  # a cotangent that a backward pass asks for
            labels[node.index] = f"{_COTANGENTS}[{added}]"
            added += 1
    return labels


def _has_signature(graph: Graph) -> bool:
    try:
        inspect.signature(graph.function)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True


def _parameters(graph: Graph, count: int) -> list[inspect.Parameter]:
    if _has_signature(graph):
        found = list(inspect.signature(graph.function).parameters.values())  # type: ignore[arg-type]
        if any(node.of is not None for node in graph.inputs):
            last = found.pop() if found and found[-1].kind is found[-1].VAR_KEYWORD else None
            found.append(inspect.Parameter(_COTANGENTS, inspect.Parameter.KEYWORD_ONLY))
            found += [last] if last is not None else []
        return found
    names = [legal(f"argument {i}") for i in range(count)]
    return [inspect.Parameter(n, inspect.Parameter.POSITIONAL_ONLY) for n in names]


def _default(parameter: inspect.Parameter) -> str | None:
    value = parameter.default
    if isinstance(value, (bool, int, float, str, type(None))):
        return literal(value)
    if isinstance(value, np.generic) and value.dtype.kind in "fiub":
        return literal(value)
    return None


def _unpack(
    label: str, access: str, tree: Structure, names: Mapping[str, str], read: set[str], bind: Bind
) -> list[str]:
    """Statements for one tree, its containers in order."""
    if tree.kind is None:
        return [f"{names[label]} = {access}"] if label in read and names[label] != access else []
    children = [
        (label + step, access + _written(step), child)
        for step, child in zip(_steps(tree), tree.children, strict=True)
    ]
    registered = _is_registered(tree.kind)
    if not any(path.startswith(label) for path in read):
        return []
    flat = all(child.kind is None for child in tree.children)
    if registered or (flat and tree.kind in (tuple, list) and len(children) > 1):
        targets, below = [], []
        for child_label, _, child in children:
            target = names[child_label] if child_label in read else "_"
            if child.kind is not None:
                target = bind("part", None)
                below += _unpack(child_label, target, child, names, read, bind)
            targets.append(target)
        if registered:
            access = f"{bind(f'parts_of_{tree.kind.__name__}', _taker(tree))}({access})"
        comma = "," if len(targets) == 1 else ""
        return [f"{', '.join(targets)}{comma} = {access}", *below]
    return [
        line
        for child_label, child_access, child in children
        for line in _unpack(child_label, child_access, child, names, read, bind)
    ]


def container_of(tree: Structure) -> Container:
    """How a container is taken apart and put together."""
    return _CONTAINERS[tree.kind]  # type: ignore[index]


def _is_registered(kind: type) -> bool:
    """Whether a container came by `register_container`: only its own functions open it."""
    known = kind in (tuple, list, dict, type(None)) or issubclass(kind, dict)
    return not known and not hasattr(kind, "_fields") and not dataclasses.is_dataclass(kind)


def _taker(tree: Structure) -> Callable[[Any], Any]:
    return lambda value: container_of(tree).flatten(value)[0]


def _steps(tree: Structure) -> list[str]:
    """How each child is reached from its container, ``['W']`` or ``.W``."""
    flat = Structure(tree.kind, tree.description, tuple(LEAF for _ in tree.children))
    return flat.paths()


def _written(step: str) -> str:
    return f"[{literal(step[2:-2])}]" if step.startswith("['") else step


def built(structure: Structure, texts: Sequence[str], access: str | None, bind: Bind) -> str:
    """A tree of results as the expression that builds it.

    Parameters
    ----------
    structure : Structure
    texts : sequence of str
        One expression per leaf.
    access : str or None
        An expression for a tree of the same classes, if there is one.
    bind : callable
        ``bind(name, value)`` makes an object known to the program, and returns its name there.
    """
    return _built(structure, iter(texts), access, bind)


def _built(structure: Structure, texts: Iterator[str], access: str | None, bind: Bind) -> str:
    kind = structure.kind
    if kind is None:
        return next(texts)
    if kind is type(None):
        return "None"
    steps = _steps(structure)
    parts = [
        _built(child, texts, None if access is None else access + _written(step), bind)
        for step, child in zip(steps, structure.children, strict=True)
    ]
    if kind is list:
        return f"[{', '.join(parts)}]"
    if kind is tuple:
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
    if _is_registered(kind):
        builder = functools.partial(container_of(structure).unflatten, structure.description)
        return f"{bind(kind.__name__, builder)}(({', '.join(parts)},))"
    written = ""
    if issubclass(kind, dict):
        pairs = zip(structure.description, parts, strict=True)
        written = "{" + ", ".join(f"{literal(key)}: {part}" for key, part in pairs) + "}"
    if kind is dict:
        return written
    name = f"type({access})" if access is not None else bind(kind.__name__, kind)
    if written:
        return f"{name}({written})"
    given = [f"{step[1:]}={part}" for step, part in zip(steps, parts, strict=True)]
    return f"{name}({', '.join(given)})"
