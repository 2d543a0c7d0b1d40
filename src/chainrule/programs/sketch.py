"""From a graph to the cards and edges of its picture.

Constants are part of their reader's expression, repeated parts may be one card, and the backward
pass is either a number on every card or cards of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput, NotDifferentiable
from chainrule.engine.graph import Graph, Node, shape_of
from chainrule.programs.cards import Card, Edge, Sketch, brief, profile_text
from chainrule.programs.contributions import ChainRule, chain_rule, forward_nodes
from chainrule.programs.explanation import Explanation
from chainrule.programs.expressions import Expressions
from chainrule.programs.names import CotangentStyle
from chainrule.programs.notation import Term, term
from chainrule.programs.repeats import Repeat, find_repeats
from chainrule.programs.simplify import simplify
from chainrule.programs.summaries import number_text, shape_text, summarise

_LONGEST_INLINED = 44  # characters
#: Names that only parameters have, and names that they have beside those, with or without a number.
_PARAMETER = re.compile(
    r"(w|weights?|theta|θ|gamma|beta|kernel|params?|parameters|layers?)_?\d*", re.I
)
_COMPANION = re.compile(r"(b|c|u|v|bias(es)?)_?\d*", re.I)


def sketch(
    graph: Graph,
    *,
    backward: str | None = "values",
    constants: bool = False,
    collapse: bool = False,
    values: bool = True,
    parameters: Iterable[str] | None = None,
    cotangents: CotangentStyle = "bar",
    inline: bool = True,
    written: Expressions | Explanation | None = None,
) -> Sketch:
    """The cards and edges of a graph.

    Parameters
    ----------
    graph : Graph
    written : Expressions or Explanation, optional
        What knows the names of nodes and constants, if there is something already.
    **others
        As for `chainrule.programs.picture.picture`.
    """
    if backward not in ("values", "graph", None):
        raise InvalidInput(f'backward is {backward!r}; expected "values", "graph" or None.')
    note = ""
    chain: ChainRule | None = None
    if backward is not None:
        try:
            chain = chain_rule(graph)
            if backward == "graph" and not graph.cotangents:
                graph = simplify(graph.backward())
        except (InvalidInput, NotDifferentiable) as error:
            note, backward = str(error), None
    if written is None or len(written.names) < len(graph.nodes):
        written = Expressions(graph, cotangents)
    maker = _Maker(graph, chain, backward, values, constants, parameters, written, inline)
    maker.forward(find_repeats(maker.nodes) if collapse else [])
    if backward == "graph":
        maker.backward()
    outputs = [] if chain is None else [maker.names[node.index] for node in chain.outputs]
    return Sketch(maker.cards, maker.edges, ", ".join(outputs), note)


class _Maker:
    """Cards and edges made so far."""

    def __init__(
        self,
        graph: Graph,
        chain: ChainRule | None,
        backward: str | None,
        values: bool,
        constants: bool,
        parameters: Iterable[str] | None,
        written: Expressions | Explanation,
        inline: bool,
    ) -> None:
        self.graph, self.chain, self.values = graph, chain, values
        self.on_cards = backward == "values"
        self.constants = constants
        self.nodes = forward_nodes(graph)
        self.names = written.names
        self.constant_names = written.constants
        roots = [_root(node) for node in graph.inputs]
        self.named = any(_PARAMETER.fullmatch(root) for root in roots)
        self.parameters = None if parameters is None else set(parameters)
        self.outputs = {x.index for x in graph.outputs if type(x) is Node}
        self.cards: list[Card] = []
        self.edges: list[Edge] = []
        self.joined: set[tuple[int, int]] = set()
        self.card_of: dict[int, int] = {}
        self.repeats: list[Repeat] = []
        self.terms: dict[int, str | Term] = dict(self.names)
        self.inlined = self.find_inlined(inline and backward == "graph")

    def find_inlined(self, inline: bool) -> set[int]:
        """The nodes without a card: folded constants, and steps on the way to a cotangent.

        A step of the backward pass that only one expression reads is written out in it, as a
        person would: ``z_bar = h_bar * (1 - h * h)`` is one card, not three. So is ``xᵀ``, however
        often it is read.
        """
        users = self.graph.users() if inline else []
        kept = {node.index for node in self.graph.cotangents.values()} | self.outputs
        found: set[int] = set()
        for node in self.graph.nodes:
            later = node.index >= len(self.nodes)
            if node.primitive.name == "constant" and node.of is None:
                if self.constants or node.index in self.outputs:
                    continue
            elif not (
                inline and later and node.index not in kept and node.primitive.outputs == 1
                and (len(users[node.index]) == 1 or node.primitive.name == "transpose")
            ):  # fmt: skip
                continue
            written = term(node, self.terms, constants=self.constant_names)
            if len(written.text) <= _LONGEST_INLINED:
                self.terms[node.index] = written
                found.add(node.index)
            elif node.primitive.name == "constant":
                found.add(node.index)
        return found

    # --- the forward pass -------------------------------------------------------------------------

    def forward(self, repeats: Sequence[Repeat]) -> None:
        """Cards of the forward nodes."""
        self.repeats = list(repeats)
        group: dict[int, int] = {}
        for number, repeat in enumerate(repeats):
            for block, leaves in zip(repeat.blocks, repeat.leaves, strict=True):
                for node in [*block, *leaves]:
                    group[node.index] = number
        made: dict[int, int] = {}
        for node in self.nodes:
            if node.index in group:
                number = group[node.index]
                if number not in made:
                    made[number] = self.add(self.group_card(repeats[number]))
                self.card_of[node.index] = made[number]
            elif node.index not in self.inlined:
                self.card_of[node.index] = self.add(self.node_card(node))
        for node in self.nodes:
            self.connect(node)

    def add(self, card: Card) -> int:
        self.cards.append(card)
        return len(self.cards) - 1

    def connect(self, node: Node) -> None:
        """Edges from a node's operands, and from its literal operands if they are shown."""
        target = self.card_of.get(node.index)
        if target is None:
            return
        grouped = self.cards[target].kind == "group"
        reached = [(operand, position) for position, operand in enumerate(node.inputs)]
        for operand, position in reached:  # grows while it is read
            if type(operand) is not Node:
                if self.constants and not grouped and node.primitive.name != "constant":
                    self.edges.append(
                        Edge(self.add(Card("constant", self.literal(operand))), target)
                    )
                continue
            if operand.index in self.inlined:
                reached += [(x, position) for x in operand.inputs if type(x) is Node]
                continue
            source = self.card_of[operand.index]
            if source == target:
                continue
            kind = "flow" if self.cards[source].lane == self.cards[target].lane else "residual"
            edge = Edge(source, target, kind, "", (operand.index, node.index))
            if self.on_cards and not grouped and kind == "flow":
                edge.label = self.local_derivative(node, position, operand)
            once = grouped or self.cards[source].kind == "group" or kind == "residual"
            if not (once and (source, target) in self.joined):
                self.edges.append(edge)
            self.joined.add((source, target))

    def local_derivative(self, node: Node, position: int, operand: Node) -> str:
        """The derivative of a number by a number; empty for arrays."""
        if self.chain is None:
            return ""
        for found in self.chain.contributions.get(operand.index, ()):
            if found.user is node and found.position == position and found.local is not None:
                return number_text(float(found.local), 3)
        return ""

    def node_card(self, node: Node) -> Card:
        """The card of one forward node."""
        name = self.names[node.index]
        kind = self.kind_of(node)
        detail = "" if node.name in (None, name) or node.inputs else str(node.name)
        if node.inputs and node.primitive.name != "constant":
            detail = self.expression(node)
        several = isinstance(node.value, tuple)
        shape = "" if several else shape_text(shape_of(node.value))
        card = Card(kind, name, detail, shape, nodes=[node.index])
        if self.values and not several:
            card.rows.append(("value", brief(node.value)))
        if self.on_cards and not several and node.dtype.kind == "f":
            g = self.cotangent(node)
            card.rows.append(("grad", None if g is None else brief(g)))
        card.about = self.story(node, card)
        return card

    def kind_of(self, node: Node) -> str:
        if node.primitive.name == "constant":
            return "constant"
        if node.inputs:
            return "result" if node.index in self.outputs else "operation"
        return "parameter" if self.is_parameter(node) else "input"

    def is_parameter(self, node: Node) -> bool:
        name, root = str(node.name), _root(node)
        if self.parameters is not None:
            return bool({name, root, self.names[node.index]} & self.parameters)
        if self.graph.cotangents:
            floats = [x for x in self.graph.inputs if x.dtype.kind == "f" and x.of is None]
            chosen = [x for x in floats if x.index in self.graph.cotangents]
            if len(chosen) < len(floats):
                return node in chosen
        if node.dtype.kind != "f":
            return False
        return bool(_PARAMETER.fullmatch(root) or (self.named and _COMPANION.fullmatch(root)))

    def cotangent(self, node: Node) -> Any:
        return None if self.chain is None else self.chain.cotangents.get(node.index)

    def expression(self, node: Node) -> str:
        return term(node, self.terms, constants=self.constant_names).text

    def literal(self, value: Any) -> str:
        """A constant operand on a card of its own."""
        shape = shape_of(value)
        name = self.constant_names(value) or "array"
        return f"{name} {shape_text(shape)}" if shape else summarise(value).text

    def story(self, node: Node, card: Card) -> str:
        """One sentence about a card, for readers who do not see it and for tooltips."""
        parts = [f"{card.kind} {card.title}"]
        if card.detail:
            parts[0] += f" = {card.detail}" if node.inputs else f" ({card.detail})"
        if card.shape:
            parts.append(f"shape {card.shape}")
        for label, summary in card.rows:
            shown = "no path to the result" if summary is None else summary.text
            parts.append(f"{'derivative' if label == 'grad' else label} {shown}")
        if node.where is not None and node.where.text:
            parts.append(f"line {node.where.line}: {node.where.text}")
        return "; ".join(parts)

    # --- groups -----------------------------------------------------------------------------------

    def group_card(self, repeat: Repeat) -> Card:
        """One card for all occurrences of a repeated stretch."""
        first, last = repeat.blocks[0], repeat.blocks[-1]
        count = len(repeat.blocks)
        lines = [f"{self.names[node.index]} = {self.expression(node)}" for node in _typical(repeat)]
        ranges = [
            f"{self.names[a.index]} … {self.names[b.index]}: {shape_text(a.shape) or 'numbers'}"
            for a, b in zip(repeat.leaves[0], repeat.leaves[-1], strict=True)
        ]
        title = f"{self.names[first[-1].index]} … {self.names[last[-1].index]}"
        shape = shape_text(shape_of(last[-1].value))
        card = Card("group", title, "", shape, lines=lines + ranges, times=count)
        card.short = self.names[last[-1].index]
        card.nodes = [
            node.index
            for block, leaves in zip(repeat.blocks, repeat.leaves, strict=True)
            for node in [*leaves, *block]
        ]
        if self.values:
            card.rows.append(("last", summarise(last[-1].value, 3)))
        if self.on_cards:
            found = [self.cotangent(block[-1]) for block in repeat.blocks]
            norms = [0.0 if g is None else float(np.linalg.norm(np.ravel(g))) for g in found]
            card.profile = norms
        card.about = f"{count} times: {'; '.join(card.lines)}"
        if card.profile:
            card.about += f"; norm of the derivative {profile_text(card)}"
        return card

    # --- the backward pass ------------------------------------------------------------------------

    def backward(self) -> None:
        """Cards of the backward nodes, one for those that belong to one forward group.

        A second backward pass runs the other way again; then all passes follow each other.
        """
        graph = self.graph
        origins = [node.of for node in graph.nodes if node.of is not None]
        lane = 0 if any(origin.of is not None for origin in origins) else 1
        gradients = self.outputs
        belongs: dict[int, int] = {}
        for number, repeat in enumerate(self.repeats):
            for block in repeat.blocks:
                for node in block:
                    belongs[node.index] = number
        groups: dict[int, int] = {}
        outside = self.gradients_outside()
        for node in graph.nodes[len(self.nodes) :]:
            below = self.card_of.get(node.of.index, 0) if node.of is not None else 0
            seed = node.primitive.name in ("constant", "placeholder") and node.of is not None
            if node.index in self.inlined and not seed:
                continue
            number = belongs.get(node.of.index, -1) if node.of is not None else -1
            if node.index in outside:
                number = -1
            if number >= 0 and not seed and lane:
                if number not in groups:
                    groups[number] = self.add(self.backward_group(number))
                self.card_of[node.index] = groups[number]
                self.cards[groups[number]].nodes.append(node.index)
                continue
            kind = "seed" if seed else "gradient" if node.index in gradients else "backward"
            name = self.names[node.index]
            several = isinstance(node.value, tuple)
            shape = "" if several else shape_text(shape_of(node.value))
            card = Card(
                kind, name, "" if seed else self.expression(node), shape, nodes=[node.index]
            )
            card.lane, card.below = lane, below
            if self.values and not several:
                card.rows.append(("value", brief(node.value)))
            if kind == "gradient":
                card.lines = self.also(node, name)
            card.about = self.story(node, card)
            self.card_of[node.index] = self.add(card)
        for node in graph.nodes[len(self.nodes) :]:
            self.connect(node)
        if lane:
            self.link_passes()

    def also(self, node: Node, title: str) -> list[str]:
        """The inputs whose gradient a node is, where its name does not tell."""
        found = [
            self.names[x.index]
            for x in self.graph.inputs
            if self.graph.cotangents.get(x.index) is node and x.index < len(self.nodes)
        ]
        untold = [x for x in found if title not in (f"{x}_bar", f"d{x}", f"grad_{x}")]
        return [f"gradient of {', '.join(untold)}"] if untold else []

    def gradients_outside(self) -> set[int]:
        """Gradients of inputs outside groups: cards of their own, if nothing reads them."""
        grouped = {leaf.index for repeat in self.repeats for ls in repeat.leaves for leaf in ls}
        own = [x.index for x in self.graph.inputs if x.index not in grouped]
        found = {self.graph.cotangents[i].index for i in own if i in self.graph.cotangents}
        read = {x.index for node in self.graph.nodes for x in node.parents}
        return found - read

    def backward_group(self, number: int) -> Card:
        repeat = self.repeats[number]
        last = repeat.blocks[-1]
        inside = {node.index for node in repeat.blocks[len(repeat.blocks) // 2]}
        lines = [
            f"{self.names[node.index]} = {self.expression(node)}"
            for node in self.graph.nodes[len(self.nodes) :]
            if node.of is not None and node.of.index in inside and node.index not in self.inlined
        ]
        card = Card("group", f"backward of {self.cards[self.card_of[last[-1].index]].title}")
        card.lines, card.times, card.lane = lines, len(repeat.blocks), 1
        card.below = self.card_of[last[-1].index]
        card.about = f"{card.times} times: {'; '.join(lines)}"
        return card

    def link_passes(self) -> None:
        """One faint link from a forward card to the first of its backward cards."""
        linked: set[int] = set()
        for node in self.graph.nodes[len(self.nodes) :]:
            if node.of is None or node.index not in self.card_of:
                continue
            source = self.card_of.get(node.of.index)
            if source is not None and source not in linked:
                linked.add(source)
                self.edges.append(Edge(source, self.card_of[node.index], "of"))


def _typical(repeat: Repeat) -> list[Node]:
    """An occurrence that shows the rule: the second, if the first starts from constants."""
    first, second = repeat.blocks[:2]
    special = any(
        type(a) is not type(b)
        for x, y in zip(first, second, strict=True)
        for a, b in zip(x.inputs, y.inputs, strict=True)
        if Node in (type(a), type(b))
    )
    return second if special else first


def _root(node: Node) -> str:
    """The argument that an input is, or is a part of."""
    return re.split(r"[.\[]", str(node.name))[0]
