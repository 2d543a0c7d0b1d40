"""A wide drawing broken into rows like lines of text, with references where an edge would be torn.

A value that is read in a later row, or an input that is read far from where it stands, appears
there again as a small reference card with its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from chainrule.programs.cards import Card, Edge, Sketch
from chainrule.programs.layout import assign_layers

_LEAVES = ("input", "parameter", "constant")
_REFERENCE, _MARK = 70.0, 30.0  # room for reference cards
_FAR = 2  # an input read more than so many layers after its first reader is named there instead


class Row(NamedTuple):
    """Cards that stand side by side: their numbers, layers from 0, and the edges among them."""

    cards: list[int]
    layers: list[int]
    edges: list[Edge]


def sketch_layers(sketch: Sketch) -> tuple[list[int], list[int]]:
    """The layer of every card, and the layers before which a row may be broken.

    Backward cards stand below the forward card they belong to: its layer is as wide as the
    longest chain of its backward cards, which is filled from the right.
    """
    forward = [i for i, card in enumerate(sketch.cards) if card.lane == 0]
    place = {card: i for i, card in enumerate(forward)}
    flow = [edge for edge in sketch.edges if edge.kind == "flow"]
    own = [edge for edge in flow if edge.source in place and edge.target in place]
    pairs = [(place[edge.source], place[edge.target]) for edge in own]
    heavy = [sketch.cards[edge.source].kind not in _LEAVES for edge in own]
    found = assign_layers(len(forward), pairs, heavy)
    layer = {card: found[i] for card, i in place.items()}
    backward = [i for i, card in enumerate(sketch.cards) if card.lane == 1]
    if not backward:
        return [layer[i] for i in forward], list(range(max(found, default=0) + 1))
    return _mirrored(sketch, flow, layer, backward)


def _mirrored(
    sketch: Sketch, flow: Sequence[Edge], layer: dict[int, int], backward: Sequence[int]
) -> tuple[list[int], list[int]]:
    before: dict[int, list[int]] = {i: [] for i in backward}
    after: dict[int, list[int]] = {i: [] for i in backward}
    for edge in flow:
        if edge.target in before and edge.source in before:
            before[edge.target].append(edge.source)
            after[edge.source].append(edge.target)
    column: dict[int, int] = {}
    depth: dict[int, int] = {}
    for i in backward:  # in creation order, which is topological
        column[i] = min([layer[_origin(sketch, i)], *(column[u] for u in before[i])])
        depth[i] = max([depth[u] + 1 for u in before[i] if column[u] == column[i]], default=0)
    for i in reversed(backward):  # toward the reader, so that edges are short
        readers = [depth[w] for w in after[i] if column[w] == column[i]]
        if readers and not before[i]:
            depth[i] = min(readers) - 1
    widths = [1] * (max(layer.values()) + 1)
    for i in backward:
        widths[column[i]] = max(widths[column[i]], depth[i] + 1)
    starts = [sum(widths[:k]) for k in range(len(widths))]
    layers = []
    for i in range(len(sketch.cards)):
        if i in column:
            layers.append(starts[column[i]] + widths[column[i]] - 1 - depth[i])
        else:
            layers.append(starts[layer[i]] + widths[layer[i]] - 1)
    return layers, starts


def _origin(sketch: Sketch, card: int) -> int:
    """The forward card that a backward card stands below."""
    return sketch.cards[card].below


def break_rows(
    sketch: Sketch, widths: Sequence[float], gap: float, room: float | None
) -> list[Row]:
    """The rows of a picture; reference cards are appended to the sketch.

    Parameters
    ----------
    sketch : Sketch
    widths : sequence of float
        Of the cards.
    gap : float
        Least distance of layers.
    room : float or None
        Width of a row; without, there is one row.
    """
    layers, breaks = sketch_layers(sketch)
    row_of_layer = _rows_of_layers(sketch, layers, breaks, widths, gap, room)
    return _with_references(sketch, layers, row_of_layer)


def _rows_of_layers(
    sketch: Sketch,
    layers: Sequence[int],
    breaks: Sequence[int],
    widths: Sequence[float],
    gap: float,
    room: float | None,
) -> list[int]:
    """The row of every layer: as few rows as fit, torn where few edges pass, evenly filled."""
    count = max(layers, default=0) + 1
    extent = [0.0] * count
    leading = [0.0] * (count + 1)  # room for the inputs that move to a row with its first layer
    for card, layer in enumerate(layers):
        extent[layer] = max(extent[layer], widths[card])
        if sketch.cards[card].kind in _LEAVES:
            leading[layer + 1] = max(leading[layer + 1], widths[card])
    if room is None or sum(extent) + gap * (count - 1) <= room:
        return [0] * count
    passing = [0] * (count + 1)
    torn: dict[tuple[int, int], None] = {}
    for edge in sketch.edges:
        if edge.kind == "flow":
            low, high = sorted((layers[edge.source], layers[edge.target]))
            for cut in range(low + 1, high + 1):
                torn[edge.source, cut] = None
    for _, cut in torn:
        passing[cut] += 1
    # least cost of everything before a break, and the break where its last row starts
    borders = [*breaks, count]
    best: list[tuple[float, int]] = [(0.0, 0)]
    for stop in range(1, len(borders)):
        options: list[tuple[float, int]] = []
        for start in range(stop - 1, -1, -1):
            first, last = borders[start], borders[stop]
            width = sum(extent[first:last]) + gap * (last - first - 1)
            width += max(leading[first], _REFERENCE) + gap if first else 0.0
            width += _MARK + gap if last < count else 0.0
            if width > room and options:
                break
            slack = max(room - width, 0.0) / room
            torn_here = 0.06 * passing[first] if first else 0.0
            options.append((best[start][0] + 1.0 + 0.35 * slack**2 + torn_here, start))
        best.append(min(options))
    cuts = []
    at = len(borders) - 1
    while at:
        at = best[at][1]
        cuts.append(borders[at])
    rows = [0] * count
    for number, start in enumerate(reversed(cuts)):
        for layer in range(start, count):
            rows[layer] = number
    return rows


def _with_references(sketch: Sketch, layers: list[int], row_of_layer: Sequence[int]) -> list[Row]:
    """The rows, with reference cards where an edge would be torn or far too long."""
    layers = list(layers)
    row = [row_of_layer[layer] for layer in layers]
    readers: dict[int, int] = {}
    for edge in sketch.edges:
        if edge.kind == "flow":
            readers[edge.source] = min(
                readers.get(edge.source, edge.target), edge.target, key=layers.__getitem__
            )
    for card, reader in readers.items():  # inputs stand in the row that reads them
        if sketch.cards[card].kind in _LEAVES and row[card] != row[reader]:
            row[card], layers[card] = row[reader], layers[reader] - 1

    def is_far(edge: Edge) -> bool:
        leaf = sketch.cards[edge.source].kind in _LEAVES
        return leaf and abs(layers[edge.target] - layers[readers[edge.source]]) > _FAR

    torn: list[Edge] = []
    kept: list[Edge] = []
    for edge in sketch.edges:
        together = row[edge.source] == row[edge.target]
        if edge.kind == "flow" and (not together or is_far(edge)):
            torn.append(edge)
        elif together:
            kept.append(edge)
    left: set[tuple[int, int]] = set()
    references: dict[tuple[int, int], list[int]] = {}  # by card and row, in the order of reading

    def refer(card: int, title: str, lane: int, layer: int, at_row: int) -> int:
        """A reference card at, or shortly before, a layer."""
        known = references.setdefault((card, at_row), [])
        for found in known:
            ahead = (layer - layers[found]) * (1 if lane == 0 else -1)
            if 0 <= ahead <= _FAR and sketch.cards[found].title == title:
                return found
        about = sketch.cards[card].title
        sketch.cards.append(
            Card("reference", title, nodes=sketch.cards[card].nodes[-1:], lane=lane, about=about)
        )
        layers.append(layer)
        row.append(at_row)
        known.append(len(sketch.cards) - 1)
        return known[-1]

    # upstream readers first, so that the reference they get serves those after them
    for edge in sorted(
        torn, key=lambda e: layers[e.target] * (1 if sketch.cards[e.target].lane == 0 else -1)
    ):
        source, target = edge.source, edge.target
        lane = sketch.cards[target].lane
        step = 1 if lane == 0 else -1
        title = sketch.cards[source].short or sketch.cards[source].title
        entry = refer(source, title, lane, layers[target] - step, row[target])
        kept.append(Edge(entry, target, edge.kind, edge.label, edge.nodes))
        if row[source] != row[target]:
            mark = "↓" if row[target] > row[source] else "↑"
            leave = refer(source, mark, lane, layers[source] + step, row[source])
            if (source, leave) not in left:
                left.add((source, leave))
                kept.append(Edge(source, leave, edge.kind, "", edge.nodes))
    rows = [Row([], [], []) for _ in range(max(row_of_layer, default=0) + 1)]
    for card, at_row in enumerate(row):
        rows[at_row].cards.append(card)
    for found in rows:
        present = sorted({layers[card] for card in found.cards})
        dense = {layer: k for k, layer in enumerate(present)}
        found.layers.extend(dense[layers[card]] for card in found.cards)
    for edge in kept:
        rows[row[edge.target]].edges.append(edge)
    return rows
