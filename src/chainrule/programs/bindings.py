"""Which variables a function binds its traced values to, watched while it runs.

The source line of a value names it only where the value is computed. What a helper function
returns, what a loop unpacks and what was typed at the prompt gets its name elsewhere, or has no
source: watching the local variables finds all of these.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any, NamedTuple

import numpy as np

from chainrule.engine.graph import Graph, Node
from chainrule.engine.location import is_machinery
from chainrule.engine.primitive import PLACEHOLDER
from chainrule.engine.tracing import Trace, Traced

_PACKAGE = __name__.split(".")[0]


class Bindings:
    """Variables seen to hold traced values, and ordinary arrays that may become constants."""

    def __init__(self, f: Callable[..., Any] | None) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self._code = getattr(f, "__code__", None)
        self._seen: dict[int, tuple[int, str, Node]] = {}  # by identity: depth of call, variable
        self._given: dict[int, dict[str, Node]] = {}  # by frame: what its parameters were given
        self._returned: dict[int, _Returned] = {}  # by identity of the returned node
        self._nodes: list[Node] | None = None  # of the innermost recording
        self._depth = 0

    def names(self, graph: Graph) -> dict[int, str]:
        """The variable of each node of a graph that has one, by the node's index."""
        nodes = graph.nodes
        return {
            node.index: name
            for _, name, node in self._seen.values()
            if node.index < len(nodes) and nodes[node.index] is node
        }

    def leaves(self, graph: Graph) -> dict[str, str]:
        """Variables of inputs that are leaves of trees, by label.

        What the function itself called them; what a helper called them only if there is no key.
        """
        found: dict[str, tuple[int, str]] = {}
        for depth, name, node in self._seen.values():
            label = node.name
            leaf = node.primitive is PLACEHOLDER and label is not None and not label.isidentifier()
            if leaf and label is not None and (depth == 1 or "'" not in label):
                found[label] = min(found.get(label, (depth, name)), (depth, name))
        labels = {node.name for node in graph.inputs}
        return {label: name for label, (_, name) in found.items() if label in labels}

    def tracer(self, previous: Any) -> Any:
        """A trace function that watches, and passes every event on to the ``previous`` one."""

        def call(frame: FrameType, event: str, argument: Any) -> Any:
            other = previous(frame, event, argument) if previous is not None else None
            if sys.gettrace() is not call:  # coverage's own tracer, called, takes the place
                sys.settrace(call)
            if not _is_user_code(frame):
                return other
            self._depth += 1
            self._given[id(frame)] = {
                name: value.node
                for name, value in frame.f_locals.items()
                if isinstance(value, Traced)
            }
            return _Call(self, self._depth, other)

        return call

    def look(self, frame: FrameType, depth: int) -> None:
        """Note the variables of a call."""
        given = {} if frame.f_code is self._code else self._given.get(id(frame), {})
        for name, value in frame.f_locals.items():
            if isinstance(value, Traced):
                if isinstance(value.recorder, Trace):
                    self._nodes = value.recorder.nodes
                node = value.node
                known = self._seen.get(id(node))
                if known is not None and known[0] <= depth:
                    continue
                # a helper's parameter says what the helper calls a value, not what it is
                if given.get(name) is node and node.primitive is not PLACEHOLDER:
                    continue
                if name.isidentifier() and name.strip("_"):
                    self._seen[id(node)] = (depth, name, node)
                    self._place(node, frame)
            elif type(value) is np.ndarray:
                self.arrays.setdefault(name, value)

    def _place(self, node: Node, frame: FrameType) -> None:
        """What a helper's return statement made belongs to the statement that binds it."""
        returned = self._returned.pop(id(node), None)
        if returned is not None and returned.code is frame.f_code:
            for made in returned.nodes:
                made.code, made.instruction = returned.code, returned.instruction

    def recorded(self) -> tuple[list[Node] | None, int]:
        """The recording, and how many nodes it has."""
        return self._nodes, 0 if self._nodes is None else len(self._nodes)

    def leave(self, frame: FrameType, value: Any, before: tuple[list[Node] | None, int]) -> None:
        """A call has ended; its last line has made what was recorded since ``before``."""
        self._depth -= 1
        self._given.pop(id(frame), None)
        caller = frame.f_back
        nodes, start = before
        if isinstance(value, Traced) and caller is not None and nodes is not None:
            node = value.node
            if start <= node.index < len(nodes) and nodes[node.index] is node:
                made = [x for x in nodes[start:] if x.code is frame.f_code]
                self._returned[id(node)] = _Returned(made, caller.f_code, caller.f_lasti)


class _Returned(NamedTuple):
    """What a return statement made, and the call that got it."""

    nodes: list[Node]
    code: CodeType
    instruction: int


class _Call:
    """The local trace function of one call."""

    __slots__ = ("_before", "_bindings", "_depth", "_other")

    def __init__(self, bindings: Bindings, depth: int, other: Any) -> None:
        self._bindings = bindings
        self._depth = depth
        self._other = other
        self._before = bindings.recorded()

    def __call__(self, frame: FrameType, event: str, argument: Any) -> Any:
        if self._other is not None:
            self._other = self._other(frame, event, argument)
        if event == "return":
            self._bindings.look(frame, self._depth)
            self._bindings.leave(frame, argument, self._before)
        elif event == "line":
            self._bindings.look(frame, self._depth)
            self._before = self._bindings.recorded()
        return self


def _is_user_code(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__", ""))
    own = module == _PACKAGE or module.startswith(_PACKAGE + ".")
    return not own and not is_machinery(frame.f_code.co_filename)


@contextmanager
def watch_bindings(f: Callable[..., Any]) -> Iterator[Bindings]:
    """Watch the variables of ``f``, and of the user's functions it calls, during the block.

    A debugger or a coverage tool that traces already keeps receiving its events.
    """
    bindings = Bindings(f)
    previous = sys.gettrace()
    sys.settrace(bindings.tracer(previous))
    try:
        yield bindings
    finally:
        sys.settrace(previous)
