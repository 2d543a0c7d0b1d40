"""The backward pass on a traced loss, replayed with single rules altered.

A pass keeps every contribution, so that a replay recomputes only what lies downstream of the
alteration.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.engine.backward import depends_on, project
from chainrule.engine.errors import ChainruleError
from chainrule.engine.graph import Graph, Node
from chainrule.engine.primitive import SELECT, ZERO

#: (node, operand position) -> (cotangent of the node, contribution so far) -> contribution
EdgeRule = Callable[[Any, Any], Any]
#: node -> cotangent -> cotangent
NodeRule = Callable[[Any], Any]


def dropped(g: Any, contribution: Any) -> Any:
    """There is no contribution."""
    return np.zeros_like(contribution)


class Alterations:
    """What a mistake changes in the backward pass.

    Attributes
    ----------
    edges : dict of (int, int) to callable
        By node and operand position: ``(g, contribution) -> contribution``.
    nodes : dict of int to callable
        By node: ``g -> g``, applied to the complete cotangent.
    bypasses : dict of int to (int, callable)
        By node: instead of all its rules, ``g -> contribution`` to an ancestor.
    """

    __slots__ = ("bypasses", "edges", "nodes")

    def __init__(
        self,
        edges: Mapping[tuple[int, int], EdgeRule] | None = None,
        nodes: Mapping[int, NodeRule] | None = None,
        bypasses: Mapping[int, tuple[int, NodeRule]] | None = None,
    ) -> None:
        self.edges = dict(edges or {})
        self.nodes = dict(nodes or {})
        self.bypasses = dict(bypasses or {})

    def then(self, other: Alterations) -> Alterations:
        """These alterations, and others on top of them."""
        edges = dict(self.edges)
        for key, rule in other.edges.items():
            edges[key] = _edge_after(edges[key], rule) if key in edges else rule
        nodes = dict(self.nodes)
        for at, change in other.nodes.items():
            nodes[at] = _node_after(nodes[at], change) if at in nodes else change
        return Alterations(edges, nodes, {**self.bypasses, **other.bypasses})

    @property
    def touched(self) -> set[int]:
        """The nodes at which something changes."""
        return {k for k, _ in self.edges} | set(self.nodes) | set(self.bypasses)


def _edge_after(first: EdgeRule, second: EdgeRule) -> EdgeRule:
    return lambda g, contribution: second(g, first(g, contribution))


def _node_after(first: NodeRule, second: NodeRule) -> NodeRule:
    return lambda g: second(first(g))


class Pass:
    """One backward pass: complete cotangents and every contribution.

    Attributes
    ----------
    cotangents : list
        By node index; None where none arrived.
    shares : dict of int to dict of (int, int) to array
        By node index: what each consumer, named by node and operand position, contributed.
    alterations : Alterations
    """

    __slots__ = ("alterations", "cotangents", "shares")

    def __init__(
        self,
        cotangents: list[Any],
        shares: dict[int, dict[tuple[int, int], Any]],
        alterations: Alterations,
    ) -> None:
        self.cotangents = cotangents
        self.shares = shares
        self.alterations = alterations


class Replay:
    """A traced loss on which backward passes are run.

    Parameters
    ----------
    graph : Graph
        Forward only, with one scalar output.
    parameters : sequence of str
        Names of inputs.
    """

    def __init__(self, graph: Graph, parameters: Sequence[str]) -> None:
        self.graph = graph
        self.nodes = graph.nodes
        by_name = {node.name: node for node in graph.inputs}
        self.parameters = {name: by_name[name] for name in parameters if name in by_name}
        self.output: Node = graph.outputs[0]
        self.active = depends_on(self.nodes, list(self.parameters.values()))
        self.rules: dict[tuple[int, int], Any] = {}
        for node in self.nodes:
            if not self.active[node.index]:
                continue
            for position, operand in enumerate(node.inputs):
                if isinstance(operand, Node) and self.active[operand.index]:
                    if node.primitive is SELECT:
                        self.rules[node.index, position] = None
                        continue
                    rule = node.primitive.rule(position, node.inputs)
                    if rule is not ZERO and rule is not None:
                        self.rules[node.index, position] = rule
        self.outgoing: dict[int, list[int]] = {}
        for k, position in self.rules:
            self.outgoing.setdefault(k, []).append(position)
        self.true = self._run(None, Alterations())

    def altered(self, base: Pass, alterations: Alterations) -> Pass:
        """The pass ``base`` with alterations on top of its own."""
        return self._run(base, alterations)

    def gradient(self, found: Pass, name: str) -> Any:
        """A parameter's gradient in a pass; zeros where no cotangent arrived."""
        node = self.parameters[name]
        g = found.cotangents[node.index]
        return np.zeros(node.shape) if g is None else np.asarray(g, dtype=float)

    def _run(self, base: Pass | None, extra: Alterations) -> Pass:
        if base is None:
            one = np.ones((), self.output.dtype)[()]
            cotangents: list[Any] = [None] * len(self.nodes)
            shares: dict[int, dict[tuple[int, int], Any]] = {}
            alterations = extra
            shares[self.output.index] = {(-1, 0): one}
            start = {self.output.index}
            resend: set[int] = set()
        else:
            cotangents = list(base.cotangents)
            shares = dict(base.shares)
            alterations = base.alterations.then(extra)
            start = set(extra.nodes)
            resend = extra.touched
        owned: set[int] = set()
        queue = [-index for index in start | resend]
        heapq.heapify(queue)
        regather = set(start)
        done: set[int] = set()
        with np.errstate(all="ignore"):
            while queue:
                k = -heapq.heappop(queue)
                if k in done:
                    continue
                done.add(k)
                node = self.nodes[k]
                if k in regather:
                    cotangents[k] = self._gathered(node, shares.get(k), alterations)
                g = cotangents[k]
                for at, key, share in self._sent(node, g, alterations):
                    if at not in owned:
                        owned.add(at)
                        shares[at] = dict(shares.get(at, ()))
                    if share is None:
                        shares[at].pop(key, None)
                    else:
                        shares[at][key] = share
                    regather.add(at)
                    heapq.heappush(queue, -at)
        return Pass(cotangents, shares, alterations)

    def _gathered(
        self, node: Node, shares: dict[tuple[int, int], Any] | None, alterations: Alterations
    ) -> Any:
        if not shares:
            return None
        if node.primitive.outputs > 1:
            parts = [np.zeros(np.shape(part)) for part in node.value]
            for (k, _), share in shares.items():
                slot = self.nodes[k].params["k"]
                parts[slot] = parts[slot] + share
            return tuple(parts)
        total: Any = None
        for share in shares.values():
            total = share if total is None else total + share
        change = alterations.nodes.get(node.index)
        return total if change is None else change(total)

    def _sent(
        self, node: Node, g: Any, alterations: Alterations
    ) -> list[tuple[int, tuple[int, int], Any]]:
        """What a node contributes to its operands: (operand, edge, contribution)."""
        sent: list[tuple[int, tuple[int, int], Any]] = []
        k = node.index
        bypass = alterations.bypasses.get(k)
        for position in self.outgoing.get(k, ()):
            at = node.inputs[position].index
            share = None
            if g is not None and bypass is None:
                share = self.contribution(node, position, g)
                change = alterations.edges.get((k, position))
                if change is not None and share is not None:
                    share = change(g, share)
            sent.append((at, (k, position), share))
        if bypass is not None:
            at, rule = bypass
            sent.append((at, (k, -1), None if g is None else rule(g)))
        return sent

    def contribution(
        self, node: Node, position: int, g: Any, values: Sequence[Any] | None = None
    ) -> Any:
        """What a node's rule gives one operand, optionally with other operand values."""
        if node.primitive is SELECT:
            return g
        rule = self.rules[node.index, position]
        operands = node.operands if values is None else values
        try:
            share = rule(g, node.value, *operands, **node.params)
        except (ChainruleError, ValueError, IndexError):
            return None
        return project(share, node.operands[position])

    def raw_contribution(self, node: Node, position: int, g: Any) -> Any:
        """What a node's rule gives one operand before broadcasting is undone."""
        return self.rules[node.index, position](g, node.value, *node.operands, **node.params)
