"""Computational graphs as data: the JSON and TOML format, read and checked.

A graph file is a table with a list of ``nodes``, in any order::

    {
      "name": "R1",
      "nodes": [
        {"name": "x", "value": 1.0},
        {"name": "w"},
        {"name": "z", "operation": "*", "operands": ["w", "x"]},
        {"name": "f", "operation": "sigmoid", "operands": ["z"]}
      ],
      "output": "f"
    }

A node without an operation is an input; its ``value`` (a number or nested lists of numbers) may be
left out and given later. A node with ``operation`` and ``operands`` computes: an operand is the
name of a node or a number. ``{"name": "c", "constant": 3.0}`` names a number or array that is not
differentiated. Operations that reduce take ``axis`` and ``keepdims``, ``reshape`` takes ``shape``.
``output`` names one node, ``outputs`` several; without them, the nodes that nothing reads.
``name`` and ``description`` are free text.
"""

from __future__ import annotations

import json
import keyword
import math
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.engine.errors import ChainruleError
from chainrule.programs.graph_operations import OPERATIONS, Operation, find_operation, nearest

__all__ = ["GraphFileError", "NodeSpec", "Specification", "parse_graph", "read_graph", "to_value"]

_TOP = ("name", "description", "nodes", "output", "outputs")
_KEYS = ("name", "operation", "operands", "value", "constant", "description")
_RESERVED = {"np": "NumPy", "expit": "the sigmoid"}
_SHOWN = 60  # characters of what was given, in a message


class GraphFileError(ChainruleError, ValueError):
    """A graph file cannot be used; the message names the file and the node."""


@dataclass(frozen=True)
class NodeSpec:
    """One node as the file has it: an input, a constant, or an operation."""

    name: str
    operation: Operation | None = None
    operands: tuple[str | int | float, ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()
    value: Any = None
    constant: bool = False
    description: str = ""

    @property
    def is_input(self) -> bool:
        """Whether it is an input of the graph."""
        return self.operation is None and not self.constant


@dataclass(frozen=True)
class Specification:
    """A checked graph: nodes in topological order, and the names of the outputs."""

    name: str
    description: str
    nodes: tuple[NodeSpec, ...]
    outputs: tuple[str, ...]
    origin: str


def read_graph(path: str | Path) -> Specification:
    """Read and check a graph file.

    Parameters
    ----------
    path : str or Path
        A file whose name ends in .json or .toml.

    Raises
    ------
    GraphFileError
        The file cannot be read or is not a graph; one sentence with file, node and cure.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".json", ".toml"):
        raise GraphFileError(f"{path}: a graph file is called something.json or something.toml.")
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise GraphFileError(f"{path}: cannot be read (it is not a file).")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise GraphFileError(f"{path}: there is no such file.") from None
    except UnicodeDecodeError:
        raise GraphFileError(f"{path}: the file is not UTF-8 text.") from None
    except OSError as error:
        raise GraphFileError(f"{path}: cannot be read ({error.strerror}).") from None
    kind = suffix[1:].upper()
    try:
        data = (
            tomllib.loads(text)
            if suffix == ".toml"
            else json.loads(text, object_pairs_hook=_without_repeats)
        )
    except RecursionError:
        raise GraphFileError(f"{path}: the file is nested too deeply to be a graph.") from None
    except ValueError as error:
        raise GraphFileError(f"{path}: not valid {kind}: {str(error).rstrip('.')}.") from None
    return parse_graph(data, path.name, path.stem)


def parse_graph(data: Any, origin: str = "graph", name: str = "f") -> Specification:
    """Check a graph given as a dictionary, as JSON or TOML would hold it.

    Parameters
    ----------
    data : dict
        See the module's description.
    origin : str
        What messages call it.
    name : str
        The graph's name where the data give none.

    Raises
    ------
    GraphFileError
        It is not a graph: a cycle, an unknown operand or operation, a wrong number of operands, a
        repeated name, no output, a bad number, an unknown key.
    """
    return _Reader(origin).read(data, name)


def to_value(value: Any, refuse: Any) -> np.float64 | np.ndarray:
    """A number or nested lists of numbers as float64; ``refuse(reason)`` raises."""
    try:
        reason = _not_numbers(value)
        array = np.zeros(0) if reason else np.array(value, dtype=np.float64)
    except (ValueError, OverflowError):
        reason = "its rows have different lengths, or a number is too large"
    except RecursionError:
        reason = "it is nested too deeply"
    if not reason and not array.size:
        reason = "it is empty"
    if not reason and not np.all(np.isfinite(array)):
        reason = "it is not finite"
    if reason:
        refuse(reason)
    return array[()]


def _not_numbers(value: Any) -> str:
    """What keeps a value from being an array of numbers; empty where nothing does."""
    if isinstance(value, (list, tuple)):
        return next((reason for item in value if (reason := _not_numbers(item))), "")
    if isinstance(value, np.ndarray):
        return "" if value.dtype.kind in "fiu" else f"its dtype is {value.dtype}"
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number)):
        return f"{_brief(value)} is not a number"
    return ""


def _brief(value: Any) -> str:
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested too deeply, or an integer of too many digits
        text = f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {_brief(repeated)} stands twice in one object")
    return found


class _Reader:
    """Checks one graph; every refusal starts with the file's name."""

    def __init__(self, origin: str) -> None:
        self.origin = origin

    def read(self, data: Any, default_name: str) -> Specification:
        """The checked graph."""
        if not isinstance(data, Mapping):
            raise self.error(f"holds a {type(data).__name__}; expected a table with nodes")
        self.keys(data, _TOP, "")
        nodes = data.get("nodes")
        if not isinstance(nodes, list) or not nodes:
            raise self.error("has no list of nodes")
        specs: dict[str, NodeSpec] = {}
        for number, node in enumerate(nodes, start=1):
            spec = self.node(node, number)
            if spec.name in specs:
                raise self.error(f"two nodes are called {spec.name!r}; give each its own name")
            specs[spec.name] = spec
        self.operands(specs)
        ordered = self.order(specs)
        return Specification(
            self.text(data, "name", default_name),
            self.text(data, "description", ""),
            tuple(ordered),
            self.outputs(data, specs),
            self.origin,
        )

    def error(self, message: str) -> GraphFileError:
        return GraphFileError(f"{self.origin}: {message}.")

    def keys(self, table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
        known = list(known)
        for key in table:
            if key not in known:
                raise self.error(
                    f"{where}unknown key {_brief(key)}; known are {', '.join(known)}."
                    f"{nearest(str(key), known)}".rstrip(".")
                )

    def text(self, table: Mapping[str, Any], key: str, default: str) -> str:
        value = table.get(key, default)
        if not isinstance(value, str):
            raise self.error(f"{key} is {_brief(value)}; expected text")
        return value

    def identifier(self, name: Any, where: str) -> str:
        if not isinstance(name, str):
            raise self.error(f"{where} has the name {_brief(name)}; expected text")
        normal = unicodedata.normalize("NFKC", name)
        legal = normal.isidentifier() and not keyword.iskeyword(normal)
        if not legal or normal.startswith("__"):
            raise self.error(
                f"{where} has the name {_brief(name)}; a name is letters, digits and _, does not "
                "start with a digit or __, and is no word of Python such as lambda"
            )
        if normal in _RESERVED:
            raise self.error(
                f"{where} has the name {normal!r}, which stands for {_RESERVED[normal]} in the "
                "program; choose another"
            )
        return normal

    def node(self, node: Any, number: int) -> NodeSpec:
        """One node, checked by itself."""
        if not isinstance(node, Mapping):
            raise self.error(f"node {number} is {_brief(node)}; expected a table with a name")
        if "name" not in node:
            raise self.error(f"node {number} has no name")
        name = self.identifier(node["name"], f"node {number}")
        where = f"node {name!r}"
        description = self.text(node, "description", "")
        if "operation" not in node:
            self.keys(node, _KEYS, f"{where} has the ")
            if "operands" in node:
                raise self.error(f"{where} has operands but no operation")
            if "constant" in node and "value" in node:
                raise self.error(f"{where} has a value and a constant; an input has a value")
            constant = "constant" in node
            given = node.get("constant" if constant else "value")
            value = None
            if given is not None or constant:
                value = to_value(given, self.refusal(where, given))
            return NodeSpec(name, value=value, constant=constant, description=description)
        operation = self.operation(node["operation"], where)
        self.keys(node, (*_KEYS, *operation.settings), f"{where} has the ")
        for key in ("value", "constant"):
            if key in node:
                raise self.error(f"{where} has an operation and a {key}; only one of them")
        return NodeSpec(
            name, operation, self.raw_operands(node, operation, where),
            self.settings(node, operation, where), description=description,
        )  # fmt: skip

    def refusal(self, where: str, given: Any) -> Any:
        def refuse(reason: str) -> None:
            raise self.error(
                f"{where} has the value {_brief(given)}: {reason}; expected a number or nested "
                "lists of numbers"
            )

        return refuse

    def operation(self, name: Any, where: str) -> Operation:
        found = find_operation(name) if isinstance(name, str) else None
        if found is None:
            names = list(dict.fromkeys(operation.name for operation in OPERATIONS.values()))
            guess = nearest(name.lower(), list(OPERATIONS)) if isinstance(name, str) else ""
            raise self.error(
                f"{where} has the unknown operation {_brief(name)}.{guess} "
                f"Known are {', '.join(names)}"
            )
        return found

    def raw_operands(
        self, node: Mapping[str, Any], operation: Operation, where: str
    ) -> tuple[str | int | float, ...]:
        given = node.get("operands")
        if not isinstance(given, list):
            raise self.error(
                f"{where} has the operands {_brief(given)}; expected a list of names and numbers"
                if "operands" in node
                else f"{where} has the operation {operation.name} and no operands"
            )
        count = len(given)
        if count < operation.least or (operation.most is not None and count > operation.most):
            raise self.error(
                f"{where} gives {count} operand{'s' * (count != 1)} to {operation.name}, which "
                f"takes {operation.arity}"
            )
        return tuple(self.operand(operand, where) for operand in given)

    def operand(self, operand: Any, where: str) -> str | int | float:
        if isinstance(operand, str):
            return unicodedata.normalize("NFKC", operand)
        if isinstance(operand, bool) or not isinstance(operand, (int, float)):
            raise self.error(
                f"{where} has the operand {_brief(operand)}; expected a node's name or a number"
            )
        try:
            finite = math.isfinite(operand)
        except OverflowError:
            finite = False
        if not finite:
            raise self.error(f"{where} has the operand {_brief(operand)}, which is not finite")
        return operand if abs(operand) < 2**53 else float(operand)

    def settings(
        self, node: Mapping[str, Any], operation: Operation, where: str
    ) -> tuple[tuple[str, Any], ...]:
        found = []
        for key in operation.settings:
            if key in node:
                found.append((key, self.setting(key, node[key], where)))
            elif key in operation.required:
                raise self.error(f"{where} ({operation.name}) needs the key {key}")
        return tuple(found)

    def setting(self, key: str, value: Any, where: str) -> Any:
        if key == "keepdims":
            if not isinstance(value, bool):
                raise self.error(f"{where} has keepdims {_brief(value)}; expected true or false")
            return value
        numbers = value if isinstance(value, list) else [value]
        for number in numbers:
            if isinstance(number, bool) or not isinstance(number, int) or abs(number) >= 2**31:
                raise self.error(f"{where} has the {key} {_brief(value)}; expected whole numbers")
        return tuple(numbers) if isinstance(value, list) else value

    def operands(self, specs: dict[str, NodeSpec]) -> None:
        """Check that every operand is a node."""
        for spec in specs.values():
            for operand in spec.operands:
                if isinstance(operand, str) and operand not in specs:
                    raise self.error(
                        f"node {spec.name!r} reads {_brief(operand)}, which is no node."
                        f"{nearest(operand, list(specs))}".rstrip(".")
                    )

    def order(self, specs: dict[str, NodeSpec]) -> list[NodeSpec]:
        """Inputs and constants, then the operations so that operands come first."""
        ordered = [spec for spec in specs.values() if spec.operation is None]
        state = {spec.name: 2 for spec in ordered}  # 1: its operands are being placed, 2: placed
        for start in specs:
            path = [start]
            while path:
                name = path[-1]
                state.setdefault(name, 1)
                waiting = [
                    operand
                    for operand in specs[name].operands
                    if isinstance(operand, str) and state.get(operand) != 2
                ]
                if state[name] == 2 or not waiting:
                    if state[name] == 1:
                        state[name] = 2
                        ordered.append(specs[name])
                    path.pop()
                elif waiting[0] in state:
                    circle = [*path[path.index(waiting[0]) :], waiting[0]]
                    raise self.error(
                        f"the nodes {_circle(circle)} need each other's values: a cycle; a "
                        "computational graph has none"
                    )
                else:
                    path.append(waiting[0])
        return ordered

    def outputs(self, data: Mapping[str, Any], specs: dict[str, NodeSpec]) -> tuple[str, ...]:
        """The names of the outputs."""
        if "output" in data and "outputs" in data:
            raise self.error("has an output and outputs; give one of them")
        if "output" in data:
            given = [data["output"]]
        elif "outputs" in data:
            given = data["outputs"]
            if not isinstance(given, list) or not given:
                raise self.error(f"outputs is {_brief(given)}; expected a list of names of nodes")
        else:
            read = {operand for spec in specs.values() for operand in spec.operands}
            given = [name for name, s in specs.items() if s.operation and name not in read]
            if not given:
                raise self.error('has no output; name one, "output": "…"')
        names = []
        for name in given:
            known = unicodedata.normalize("NFKC", name) if isinstance(name, str) else None
            if known not in specs:
                raise self.error(
                    f"the output {_brief(name)} is no node."
                    f"{nearest(str(name), list(specs))}".rstrip(".")
                )
            if known in names:
                raise self.error(f"the output {_brief(name)} is named twice")
            names.append(known)
        return tuple(str(name) for name in names)


def _circle(names: list[str]) -> str:
    shown = names if len(names) <= 8 else [*names[:4], "…", *names[-3:]]
    return " → ".join(shown)
