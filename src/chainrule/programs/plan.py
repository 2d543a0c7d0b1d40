"""A graph as fast straight-line code: reused buffers, values released after their last use.

A plan never writes to its inputs and never hands out its own buffers: results, and whatever they
may share memory with, are always fresh arrays, or arrays that the caller has given for them.
"""

from __future__ import annotations

import functools
import linecache
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.engine.collector import collector_paused
from chainrule.engine.errors import GuardMiss
from chainrule.engine.graph import ESCAPES, Graph, Guard, Node
from chainrule.engine.primitive import CONSTANT, PLACEHOLDER
from chainrule.programs.emission import Emitter, Namespace
from chainrule.programs.storage import Storage, constants_of, root_of

_numbers = iter(range(1, 1 << 62))
# Longer code is cut into functions of so many statements, which the compiler digests faster.
_STATEMENTS_PER_FUNCTION = 2000


@dataclass(frozen=True)
class Statement:
    """One line of a plan.

    Attributes
    ----------
    node : Node
    text : str
    buffer : int or None
        Number of the buffer that it writes; None for a fresh or a given array.
    """

    node: Node
    text: str
    buffer: int | None


class Plan:
    """Executable code for one graph, for inputs of its shapes, dtypes and memory layouts.

    Parameters
    ----------
    graph : Graph
        Simplified; its outputs are what `execute` returns, in order. The values on its nodes are
        let go, so that a plan keeps no batch alive.
    inputs : sequence of ndarray or None, optional
        Arrays that are read in place of inputs to `execute`; one entry per input of the graph.
    outputs : sequence of ndarray or None, optional
        C-contiguous arrays into which results are written in place of being returned; one entry
        per output. They must not overlap each other or anything that the plan reads.
    compact : bool
        Whether all inputs come without gaps, row by row or column by column, as tracing copies
        them: then vectors may be multiplied faster with the same bits.

    Attributes
    ----------
    statements : list of Statement
    buffers : list of ndarray
        Reused from call to call; never returned.
    source : str
        The generated code.
    space : dict of str to object
        What the code refers to: functions, constants, buffers.
    """

    @collector_paused()
    def __init__(
        self,
        graph: Graph,
        inputs: Sequence[np.ndarray | None] | None = None,
        outputs: Sequence[np.ndarray | None] | None = None,
        compact: bool = False,
    ) -> None:
        self.graph = graph
        self._compact = compact
        self._constants = constants_of(graph)
        self._inputs = list(inputs or [None] * len(graph.inputs))
        self._outputs = list(outputs or [None] * len(graph.outputs))
        writer = self._writer(reuse=True)
        self.statements = writer.statements
        self.buffers = writer.storage.buffers
        self.source = writer.source
        self.space = writer.space.values
        self._run = _compiled(self.source, self.space, f"plan {next(_numbers)} of {graph.name}")
        self._lock = threading.Lock()
        self._spare: Callable[[Sequence[Any]], list[Any]] | None = None
        for node in graph.nodes:
            _let_go(node)

    def execute(self, leaves: Sequence[Any] = ()) -> list[Any]:
        """The outputs that are not written into given arrays.

        A plan that is running already, in another thread or in itself, runs without buffers.

        Parameters
        ----------
        leaves : sequence
            The inputs that are not given arrays.

        Raises
        ------
        GuardMiss
            The inputs take another branch than the traced ones.
        """
        if self._lock.acquire(blocking=False):
            try:
                return self._run(leaves)
            finally:
                self._lock.release()
        return self._without_buffers(leaves)

    def _without_buffers(self, leaves: Sequence[Any]) -> list[Any]:
        if any(array is not None for array in self._outputs):
            raise RuntimeError(
                f"a program of {self.graph.name} that writes into given arrays was called while it "
                f"was running; make one for each thread."
            )
        if self._spare is None:
            writer = self._writer(reuse=False)
            name = f"plan {next(_numbers)} without buffers of {self.graph.name}"
            self._spare = _compiled(writer.source, writer.space.values, name)
        return self._spare(leaves)

    def _writer(self, reuse: bool) -> _Writer:
        return _Writer(
            self.graph, self._constants, self._inputs, self._outputs, reuse, self._compact
        )

    @property
    def buffer_bytes(self) -> int:
        """Memory of the reused buffers."""
        return sum(buffer.nbytes for buffer in self.buffers)

    def time_statements(self, repeats: int = 50) -> list[float]:
        """Median seconds of each statement, each timed by itself in order, on random numbers.

        NaN for a statement that these numbers make fail.
        """
        rng = np.random.default_rng(0)
        space = dict(self.space)
        for node, given in zip(self.graph.inputs, self._inputs, strict=True):
            if given is None:
                floating = node.dtype.kind == "f"
                drawn = rng.uniform(0.5, 1.0, node.shape) if floating else np.zeros(node.shape)
                space[f"v{node.index}"] = drawn.astype(node.dtype)[()]
        saved = [array.copy() for array in self._outputs if array is not None]
        with self._lock, np.errstate(all="ignore"):
            times = [_time_statement(s.text, space, repeats) for s in self.statements]
        for array, content in zip((a for a in self._outputs if a is not None), saved, strict=True):
            array[...] = content
        return times


def _time_statement(text: str, space: dict[str, Any], repeats: int) -> float:
    code = compile(text, "<statement>", "exec")
    samples = []
    try:
        for _ in range(repeats):
            start = time.perf_counter()
            exec(code, space)
            samples.append(time.perf_counter() - start)
    except Exception:  # whatever the functions of the user's graph make of random numbers
        return float("nan")
    return float(np.median(samples))


def _let_go(node: Node) -> None:
    """Drop a node's values, but not what they are like."""
    node.operands = ()
    if isinstance(node.value, tuple):
        node.value = tuple([_like(part) for part in node.value])
    else:
        node.value = _like(node.value)


def _like(value: Any) -> Any:
    """An array of the same shape and dtype that takes no memory."""
    return _empty_like(value.dtype, value.shape) if isinstance(value, np.ndarray) else value


@functools.lru_cache(maxsize=4096)
def _empty_like(dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray:
    return np.broadcast_to(np.zeros((), dtype), shape)


def _compiled(source: str, space: dict[str, Any], name: str) -> Callable[..., Any]:
    filename = f"<chainrule {name}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    exec(compile(source, filename, "exec"), space)
    run = space["plan"]
    weakref.finalize(run, linecache.cache.pop, filename, None)
    return run


class _Writer:
    """Lays out a plan and writes its code."""

    def __init__(
        self,
        graph: Graph,
        constants: dict[int, Any],
        inputs: list[np.ndarray | None],
        outputs: list[np.ndarray | None],
        reuse: bool,
        compact: bool,
    ) -> None:
        self.graph = graph
        self.space = Namespace()
        self.space.values["_miss"] = _miss
        self.given = [n for n, array in zip(graph.inputs, inputs, strict=True) if array is None]
        bound = {n.index: a for n, a in zip(graph.inputs, inputs, strict=True) if a is not None}
        self.constants = constants
        self.copied: list[tuple[Any, np.ndarray]] = []  # results to copy into given arrays
        emitter_of_types = Emitter(self.space, bound, constants, compact)
        for output, array in zip(graph.outputs, outputs, strict=True):
            if array is None:
                continue
            if self._can_be_written(output, array, bound, emitter_of_types):
                bound[output.index] = array
            else:
                self.copied.append((output, array))
        self.returned = [x for x, a in zip(graph.outputs, outputs, strict=True) if a is None]
        self.storage = Storage(graph, constants, bound, reuse)
        self.emitter = Emitter(self.space, self.storage.fixed, constants, compact)
        self.statements = self._schedule()
        self.source = self._write()

    def _can_be_written(
        self, output: Any, array: np.ndarray, bound: dict[int, np.ndarray], emitter: Emitter
    ) -> bool:
        """Whether a result can be computed right where it belongs."""
        return (
            type(output) is Node
            and output.primitive is not PLACEHOLDER
            and output.primitive.name != "where"
            and output.index not in bound
            and output.index not in self.constants
            and root_of(output) is output
            and type(output.value) is np.ndarray
            and array.flags.c_contiguous
            and output.value.flags.c_contiguous
            and output.value.dtype == array.dtype
            and emitter.writes(output)
        )

    def _schedule(self) -> list[Statement]:
        storage, emitter = self.storage, self.emitter
        statements = []
        for node in self.graph.nodes:
            if node.primitive is PLACEHOLDER or node.index in self.constants:
                continue
            given = node.index in storage.fixed
            storage.place(node, emitter.writes(node), emitter.in_place(node))
            number = storage.number.get(node.index)
            if given or number is not None:
                out = self.space.bind(storage.fixed[node.index], "b")
                statements.append(Statement(node, emitter.expression(node, out), number))
            elif node.index not in storage.fixed:
                text = f"v{node.index} = {emitter.expression(node, None)}"
                statements.append(Statement(node, text, None))
        return statements

    # --- code ------------------------------------------------------------------------------------

    def _write(self) -> str:
        lines = self._lines()
        size = _STATEMENTS_PER_FUNCTION
        if len(lines) <= size:
            body = [line for _, _, line in lines]
            head = _unpacking([f"v{node.index}" for node in self.given], "leaves")
            return _function("plan", "leaves", [*head, *body, self._return()])
        parts = [lines[start : start + size] for start in range(0, len(lines), size)]
        return self._write_parts(parts)

    def _lines(self) -> list[tuple[Node | None, list[int], str]]:
        """Each line with the node it computes and the locals it reads."""
        lines: list[tuple[Node | None, list[int], str]] = []
        guards: dict[int, list[Guard]] = {}
        for guard in self.graph.guards:
            guards.setdefault(guard.node.index, []).append(guard)
        for node in self.graph.inputs:
            lines += [self._guard(g) for g in guards.get(node.index, ())]
        last_readers = self._last_readers()
        for statement in self.statements:
            node = statement.node
            lines.append((node, self._locals(node.parents), statement.text))
            lines += [self._guard(g) for g in guards.get(node.index, ())]
            done = last_readers.get(node.index)
            if done:
                lines.append((None, done, "del " + ", ".join(f"v{index}" for index in done)))
        for output, array in self.copied:
            copy = self.space.bind(np.copyto, "copyto")
            text = f"{copy}({self.space.bind(array, 'b')}, {self.emitter.operand(output)})"
            lines.append((None, self._locals([output]), text))
        return lines

    def _locals(self, operands: Sequence[Any]) -> list[int]:
        """The operands that are variables of the generated function."""
        found = {
            x.index: None
            for x in operands
            if type(x) is Node
            and x.index not in self.storage.fixed
            and x.index not in self.constants
        }
        return list(found)

    def _last_readers(self) -> dict[int, list[int]]:
        """By statement, the locals with arrays in them that nothing reads afterwards."""
        outputs = [*self.returned, *(output for output, _ in self.copied)]
        seen = {node.index for node in self.graph.inputs}
        seen.update(self._locals(outputs))
        found: dict[int, list[int]] = {}
        for statement in reversed(self.statements):
            for parent in statement.node.parents:
                if parent.index in seen:
                    continue
                seen.add(parent.index)
                if self._locals([parent]) and not isinstance(parent.value, (float, np.generic)):
                    found.setdefault(statement.node.index, []).append(parent.index)
        return found

    def _guard(self, guard: Guard) -> tuple[None, list[int], str]:
        name = self.space.bind(guard, "guard")
        value = self.emitter.operand(guard.node)
        escape = self.space.bind(ESCAPES[guard.kind], f"escape_{guard.kind}")
        taken = f"{escape}({value})" if guard.kind != "bool" else f"bool({value})"
        if guard.kind == "bool":
            text = f"{taken} is {guard.outcome} or _miss({name})"
        elif guard.outcome != guard.outcome:
            text = f"{taken} != {taken} or _miss({name})"
        else:
            text = f"{taken} == {name}.outcome or _miss({name})"
        return None, self._locals([guard.node]), text

    def _return(self) -> str:
        """Results that share memory with an input, a constant or each other are copied."""
        texts: list[str] = []
        roots: set[int] = set()
        for output in self.returned:
            text = self.emitter.operand(output)
            value = self.emitter.value_of(output)
            if isinstance(value, np.ndarray):
                root = root_of(output) if type(output) is Node else None
                if (
                    root is None
                    or root is not output
                    or root.index in roots
                    or root.primitive in (PLACEHOLDER, CONSTANT)
                    or output.index in self.storage.fixed
                ):
                    text += ".copy()"
                if root is not None:
                    roots.add(root.index)
            texts.append(text)
        return f"return [{', '.join(texts)}]"

    def _write_parts(self, parts: list[list[tuple[Node | None, list[int], str]]]) -> str:
        """Several functions, which hand values that cross from one to another over in a list."""
        made: dict[int, int] = {node.index: -1 for node in self.given}
        readers: dict[int, int] = {}
        for number, part in enumerate(parts):
            for node, reads, _ in part:
                if node is not None:
                    made[node.index] = number
                readers.update((index, number) for index in reads)
        readers.update((index, len(parts)) for index in self._locals(self.returned))
        place = {
            index: slot
            for slot, index in enumerate(i for i, last in readers.items() if made[i] < last)
        }
        functions = []
        for number, part in enumerate(parts):
            lines: list[str] = []
            here: set[int] = set()
            for node, reads, text in part:
                for index in reads:
                    if made[index] < number and index not in here:
                        here.add(index)
                        lines.append(f"v{index} = stored[{place[index]}]")
                        if readers[index] == number:
                            lines.append(f"stored[{place[index]}] = None")
                lines.append(text)
                if node is not None and node.index in place:
                    lines.append(f"stored[{place[node.index]}] = v{node.index}")
            functions.append(_function(f"part{number}", "stored", lines))
        head = [f"stored = [None] * {len(place)}"]
        head += [
            f"stored[{place[node.index]}] = leaves[{number}]"
            for number, node in enumerate(self.given)
            if node.index in place
        ]
        calls = [f"part{number}(stored)" for number in range(len(parts))]
        tail = [f"v{i} = stored[{place[i]}]" for i in self._locals(self.returned)]
        functions.append(_function("plan", "leaves", [*head, *calls, *tail, self._return()]))
        return "\n".join(functions)


def _unpacking(names: list[str], source: str) -> list[str]:
    return [f"{', '.join(names)}{',' if len(names) == 1 else ''} = {source}"] if names else []


def _function(name: str, parameter: str, lines: list[str]) -> str:
    return f"def {name}({parameter}):\n" + "".join(f"    {line}\n" for line in lines)


def _miss(guard: Guard) -> None:
    raise GuardMiss(f"another branch than when it was traced ({guard.where}).")
