"""The door of a plan: generated code that unpacks and checks arguments, and packs results.

Checking by a general walk over the tree of arguments would cost as much as a small network, so
the walk is written out as straight-line code, like the plan itself.
"""

from __future__ import annotations

import linecache
import textwrap
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.engine.errors import GuardMiss
from chainrule.engine.graph import dtype_of, shape_of
from chainrule.engine.trees import Structure, flatten
from chainrule.engine.wording import counted
from chainrule.programs.environment import LIFTED, Environment, same_leaf
from chainrule.programs.plan import Plan
from chainrule.programs.plan_report import plan_report
from chainrule.programs.reach import UNREADABLE


class _Missed:
    def __repr__(self) -> str:
        return "MISS"


MISS = _Missed()


def is_dynamic(leaf: Any) -> bool:
    """Whether an argument leaf is an input of the graph rather than fixed in it."""
    return type(leaf) is float or isinstance(leaf, (np.ndarray, np.generic))


def layout_of(array: np.ndarray) -> Any:
    """How an array lies in memory, as far as that may change the order of summation."""
    if array.flags.c_contiguous:
        return "C"
    return "F" if array.flags.f_contiguous else array.strides


def kind_of(leaf: Any) -> Any:
    """What of a leaf a plan depends on: type and layout of arrays, the value of anything static."""
    if is_dynamic(leaf):
        layout = layout_of(leaf) if isinstance(leaf, np.ndarray) else None
        return (type(leaf), shape_of(leaf), dtype_of(leaf), layout)
    try:
        hash(leaf)
    except TypeError:
        return (type(leaf), id(leaf))
    return (type(leaf), leaf)


class Destination:
    """Arrays of the caller into which gradients are written.

    Parameters
    ----------
    arrays : sequence of ndarray
    """

    def __init__(self, arrays: Sequence[np.ndarray]) -> None:
        self.arrays = list(arrays)
        owners: list[Any] = []
        for array in self.arrays:
            owner = array
            while isinstance(owner.base, np.ndarray):
                owner = owner.base
            owners.append(owner)
        self._owners = owners
        self.owners = frozenset(map(id, owners))
        self.plain = all(owner.base is None for owner in owners)

    def overlaps(self, value: Any) -> bool:
        """Whether an input may share memory with any of the arrays."""
        return isinstance(value, np.ndarray) and any(
            np.may_share_memory(value, array) for array in self.arrays
        )


class Entry:
    """One plan with the conditions under which it holds.

    Parameters
    ----------
    plan : Plan
        Its inputs are the lifted variables of the environment, then the dynamic leaves.
    present : callable
        Makes the function's result of the list of the plan's outputs.
    environment : Environment
    leaves : list
        The arguments the plan was made for.
    structure : Structure
        Of ``(args, kwargs)``.
    outputs : int
        How many outputs the plan returns.
    destination : Destination, optional
        Where the plan writes its other outputs.
    """

    def __init__(
        self,
        plan: Plan,
        present: Callable[[list[Any]], Any],
        environment: Environment,
        leaves: list[Any],
        structure: Structure,
        outputs: int,
        destination: Destination | None = None,
    ) -> None:
        self.plan = plan
        self.environment = environment
        self._present = present
        self._dynamic = [i for i, leaf in enumerate(leaves) if is_dynamic(leaf)]
        self._destination = destination
        writer = _Door(destination)
        self.source = writer.source(structure, leaves, present, outputs, environment)
        space: dict[str, Any] = {
            "MISS": MISS, "GuardMiss": GuardMiss, "ndarray": np.ndarray, "execute": plan.execute,
            "present": present, "flatten": flatten, "structure": structure, "same": same_leaf,
            "UNREADABLE": UNREADABLE,
            **writer.values,
        }  # fmt: skip
        filename = f"<chainrule door {id(self)} of {plan.graph.name}>"
        linecache.cache[filename] = (len(self.source), None, self.source.splitlines(True), filename)
        exec(compile(self.source, filename, "exec"), space)
        self.run: Callable[[tuple[Any, ...], dict[str, Any]], Any] = space["run"]
        self._read: Callable[[], Any] = space["environment"]
        weakref.finalize(self.run, linecache.cache.pop, filename, None)

    def execute(self, leaves: list[Any]) -> Any:
        """The result for leaves known to be of the right kind, or `MISS`."""
        lifted = self._read()
        if lifted is MISS:
            return MISS
        try:
            return self._present(self.plan.execute((*lifted, *[leaves[i] for i in self._dynamic])))
        except GuardMiss:
            return MISS

    def explain(self, statements: bool) -> list[str]:
        """Lines for `Compiled.explain`."""
        plan = self.plan
        inputs = [f"v{n.index} = {n.name}: {n.dtype}{list(n.shape)}" for n in plan.graph.inputs]
        lines = [
            *textwrap.wrap(f"plan for {', '.join(inputs)}", 100, subsequent_indent="  "),
            f"  {counted(len(plan.statements), 'statement')}, "
            f"{counted(len(plan.buffers), 'buffer')} of {plan.buffer_bytes:,} bytes, "
            f"{counted(len(plan.graph.guards), 'guard')}",
        ]
        if statements:
            lines += plan_report(plan)
        return lines


class _Unwritable(Exception):
    """A container whose taking apart cannot be written as an expression."""


class _Door:
    """Writes two functions: ``environment()`` reads variables, ``run(args, kwargs)`` the rest."""

    def __init__(self, destination: Destination | None) -> None:
        self.values: dict[str, Any] = {}
        self._destination = destination
        if destination is not None:
            self.values.update(owners=destination.owners, overlaps=destination.overlaps)

    def source(
        self,
        structure: Structure,
        leaves: list[Any],
        present: Callable[[list[Any]], Any],
        outputs: int,
        environment: Environment,
    ) -> str:
        read, lifted = self._environment(environment)
        lines = ["def environment():", *_indented(["try:", *_indented(read), *_MISSING])]
        lines += _indented([f"return {_tuple(lifted)}"])
        unpack = self._unpacking(structure)
        lines += ["def run(args, kwargs):", *_indented(["try:", *_indented(unpack), *_MISSING])]
        body = [f"if {self._mismatch(f'x{i}', leaf)}: return MISS" for i, leaf in enumerate(leaves)]
        inputs = [f"x{i}" for i, leaf in enumerate(leaves) if is_dynamic(leaf)]
        if environment.readings:
            body += ["found = environment()", "if found is MISS: return MISS"]
        gathered = f"(*found, {', '.join(inputs)})" if lifted else _tuple(inputs)
        body += ["try:", f"    r = execute({gathered})", "except GuardMiss:", "    return MISS"]
        packed = _packing(present(list(range(outputs))))
        body.append(f"return {packed if packed is not None else 'present(r)'}")
        return "\n".join([*lines, *_indented(body)]) + "\n"

    def _keep(self, value: Any, name: str) -> str:
        name = f"{name}{len(self.values)}"
        self.values[name] = value
        return name

    def _environment(self, environment: Environment) -> tuple[list[str], list[str]]:
        lines: list[str] = []
        lifted: list[str] = []
        for number, reading in enumerate(environment.readings):
            name = f"e{number}"
            if reading.structure is None:
                lines.append(f"{name} = {self._keep(reading.variable.read, 'read')}()")
                if reading.kinds[0] == LIFTED:
                    lifted.append(name)
                    continue
                value = self._keep(reading.values[0], "value")
                changed = f"{name} is not {value} and not same({name}, {value})"
                lines.append(f"if {changed}: return MISS")
            else:
                lines.append(f"{name} = {self._keep(reading.now, 'now')}()")
                lines.append(f"if {name} is None: return MISS")
                lifted += [f"{name}[{i}]" for i, kind in enumerate(reading.kinds) if kind == LIFTED]
        arrays = [value for _, _, value in environment.lifted]
        for name, array in zip(lifted, arrays, strict=True):
            lines.append(f"if {self._mismatch(name, array)}: return MISS")
        return lines or ["pass"], lifted

    def _mismatch(self, name: str, leaf: Any) -> str:
        """The condition under which a value is of another kind than the traced one."""
        if isinstance(leaf, np.ndarray):
            dtype = self._keep(leaf.dtype, "dtype")
            kind = "ndarray" if type(leaf) is np.ndarray else self._keep(type(leaf), "type")
            tests = [
                f"type({name}) is not {kind}",
                f"{name}.shape != {leaf.shape!r}",
                f"{name}.dtype is not {dtype} and {name}.dtype != {dtype}",
            ]
            layout = layout_of(leaf)
            if layout == "C":
                tests += [f"not {name}.flags.c_contiguous"] if leaf.ndim else []
            elif layout == "F":
                tests.append(f"not {name}.flags.f_contiguous or {name}.flags.c_contiguous")
            else:
                tests.append(f"{name}.strides != {leaf.strides!r}")
            return " or ".join(tests + self._clash(name))
        if is_dynamic(leaf):
            return f"type({name}) is not {self._keep(type(leaf), 'type')}"
        static = self._keep(leaf, "static")
        if isinstance(leaf, (bool, int, complex, str, bytes)):
            return f"type({name}) is not {self._keep(type(leaf), 'type')} or {name} != {static}"
        return f"{name} is not {static}"

    def _clash(self, name: str) -> list[str]:
        """The condition under which an input may lie where results are to be written."""
        if self._destination is None:
            return []
        if not self._destination.plain:
            return [f"overlaps({name})"]
        return [
            f"(id({name} if (b := {name}.base) is None else b) in owners or b is not None and "
            f"(type(b) is not ndarray or b.base is not None)) and overlaps({name})"
        ]

    def _unpacking(self, structure: Structure) -> list[str]:
        """Statements that take the arguments apart into ``x0, x1, …``, checking containers."""
        lines: list[str] = []
        containers = iter(range(1 << 30))

        def visit(part: Structure, name: str, first: int) -> None:
            kind = part.kind
            starts = [first]  # leaves are numbered depth first, as flatten does
            for child in part.children:
                starts.append(starts[-1] + child.count)
            names = [
                f"x{start}" if child.kind is None else f"t{next(containers)}"
                for start, child in zip(starts, part.children, strict=False)
            ]
            if kind in (tuple, list, dict):
                test = f"type({name}) is not {kind.__name__} or len({name}) != {len(names)}"
                lines.append(f"if {test}: return MISS")
            if kind in (tuple, list):
                if names:
                    lines.append(f"{', '.join(names)}{',' if len(names) == 1 else ''} = {name}")
            elif kind is dict and all(type(key) in (str, int) for key in part.description):
                keys = zip(names, part.description, strict=True)
                lines.extend(f"{n} = {name}[{key!r}]" for n, key in keys)
            elif kind is type(None):
                lines.append(f"if {name} is not None: return MISS")
            else:
                raise _Unwritable
            for start, child, child_name in zip(starts, part.children, names, strict=False):
                if child.kind is not None:
                    visit(child, child_name, start)

        try:
            positional, keywords = structure.children
            visit(positional, "args", 0)
            visit(keywords, "kwargs", positional.count)
        except _Unwritable:  # containers of the user's: the general walk
            names = "".join(f"x{i}, " for i in range(structure.count))
            lines = ["leaves, found = flatten((args, kwargs))"]
            lines += ["if found != structure: return MISS"]
            lines += [f"{names}= leaves"] if names else []
        return lines


_MISSING = ["except UNREADABLE:", "    return MISS"]


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _tuple(names: list[str]) -> str:
    return f"({', '.join(names)},)" if names else "()"


def _packing(tree: Any) -> str | None:
    """An expression that builds a result from the list ``r``, or None for the user's containers."""
    if type(tree) is int:
        return f"r[{tree}]"
    if type(tree) in (tuple, list):
        parts = [_packing(part) for part in tree]
        if None in parts:
            return None
        inner = ", ".join(map(str, parts))
        if type(tree) is list:
            return f"[{inner}]"
        return f"({inner},)" if parts else "()"
    if type(tree) is dict and all(type(key) in (str, int) for key in tree):
        values = [_packing(part) for part in tree.values()]
        if None in values:
            return None
        pairs = zip(tree, values, strict=True)
        return "{" + ", ".join(f"{key!r}: {value}" for key, value in pairs) + "}"
    return "None" if tree is None else None
