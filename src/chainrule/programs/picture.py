"""A graph as an SVG picture: cards with value and derivative, both passes in one figure."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from chainrule.engine.errors import InvalidInput
from chainrule.engine.graph import Graph
from chainrule.engine.wording import counted
from chainrule.programs.card_drawing import card_size, clean, draw_card
from chainrule.programs.cards import Card, Edge, Sketch
from chainrule.programs.layout import Point, layered_layout
from chainrule.programs.names import CotangentStyle
from chainrule.programs.picture_rows import Row, break_rows
from chainrule.programs.picture_style import style_sheet
from chainrule.programs.sketch import sketch
from chainrule.programs.text_width import text_width
from chainrule.programs.whole_files import write_named

_MARGIN, _ROW_GAP, _LAYER_GAP, _BOX_GAP = 22.0, 34.0, 34.0, 16.0
_ARROW = 7.0


class Picture:
    """An SVG document that shows itself in notebooks, also where scripts and inline SVG are cut.

    Attributes
    ----------
    svg : str
        The document; it needs no other file and no network.
    description : str
        What is in the picture, in words.
    width, height : int
        In pixels.
    note : str
        Why there are no derivatives, where there are none.
    """

    def __init__(self, svg: str, description: str, width: int, height: int, note: str = "") -> None:
        self.svg = svg
        self.description = description
        self.note = note
        self.width = width
        self.height = height

    def save(self, path: str | Path) -> Path:
        """Write the document to a file.

        Parameters
        ----------
        path : path
            Ending in ``.svg``.

        Returns
        -------
        Path

        Raises
        ------
        InvalidInput
            The name does not end in ``.svg``.
        """
        path = Path(path)
        if path.suffix.lower() != ".svg":
            raise InvalidInput(
                f"a picture is saved as SVG, not as {path.name}; name it {path.stem}.svg."
            )
        write_named(path, self.svg)
        return path

    @property
    def data_uri(self) -> str:
        """The document as a ``data:`` address."""
        encoded = base64.b64encode(self.svg.encode()).decode("ascii")
        return f"data:image/svg+xml;base64,{encoded}"

    def _repr_html_(self) -> str:
        return (
            f'<img src="{self.data_uri}" alt="{escape(self.description)}" '
            f'width="{self.width}" height="{self.height}" style="max-width: 100%; height: auto">'
        )

    def __str__(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return (
            f"{self.description}\n<picture of {self.width} × {self.height}; .save(path) writes it>"
        )


def picture(
    graph: Graph,
    *,
    backward: str | None = "values",
    collapse: bool = False,
    constants: bool = False,
    values: bool = True,
    direction: str = "right",
    width: float | None = 1200,
    title: str | None = None,
    legend: bool = True,
    parameters: Iterable[str] | None = None,
    cotangents: CotangentStyle = "bar",
    inline: bool = True,
) -> Picture:
    """Draw a graph.

    Parameters
    ----------
    graph : Graph
        From `chainrule.trace`, with or without its backward pass.
    backward : {"values", "graph", None}
        "values" puts the derivative of the result on every card, and between numbers the local
        derivative on the edge; "graph" draws the operations of the backward pass as cards below
        those they belong to; None draws the forward pass alone.
    collapse : bool
        Draw repeated parts, such as equal layers or the turns of a loop, as one card.
    constants : bool
        Draw constants as cards instead of inside the expressions that use them.
    values : bool
        Whether values are shown: up to 3 × 3 in full, larger ones by least, mean and largest.
    direction : {"right", "down"}
        Where edges point.
    width : float or None
        Room in pixels; a wider drawing continues in the next row, like text. None, and pictures
        that point down, are not broken.
    title : str, optional
        Written above.
    legend : bool
        Whether the kinds of cards are explained below.
    parameters : iterable of str, optional
        Which inputs are drawn as parameters. By default those that the backward pass leaves no
        doubt about, and names such as ``W1``, ``b`` and ``params[...]``.
    cotangents : {"bar", "d", "grad"}
        How cotangents are named, as for `chainrule.source`.
    inline : bool
        With ``backward="graph"``, write steps that only one expression reads into it:
        ``z_bar = h_bar * (1 - h * h)`` is then one card.

    Returns
    -------
    Picture

    Raises
    ------
    InvalidInput
        An option has no such value.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> picture(cr.trace(lambda x: np.tanh(x) * 2.0, 0.5)).svg[:4]
    '<svg'
    """
    if direction not in ("right", "down"):
        raise InvalidInput(f'direction is {direction!r}; expected "right" or "down".')
    drawn = sketch(
        graph,
        backward=backward,
        collapse=collapse,
        constants=constants,
        values=values,
        parameters=parameters,
        cotangents=cotangents,
        inline=inline,
    )
    return draw(graph, drawn, direction=direction, width=width, title=title, legend=legend)


def draw(
    graph: Graph,
    drawn: Sketch,
    *,
    direction: str = "right",
    width: float | None = 1200,
    title: str | None = None,
    legend: bool = True,
) -> Picture:
    """Draw a sketch; parameters as for `picture`."""
    description = describe(graph, drawn)
    body, right, bottom = _draw(drawn, direction, width)
    top: list[str] = []
    offset = _MARGIN
    if title:
        top.append(
            f'<text class="cg-heading" x="{_MARGIN:g}" y="{_MARGIN + 8:g}">{_escaped(title)}</text>'
        )
        right = max(right, text_width(title, 15, bold=True))
        offset += 26
    parts = [*top, f'<g transform="translate({_MARGIN:g} {offset:g})">', *body, "</g>"]
    high = offset + bottom + _MARGIN
    if legend:
        lines, legend_width, legend_height = _legend(drawn, max(right, 420.0))
        parts += [f'<g transform="translate({_MARGIN:g} {high:g})">', *lines, "</g>"]
        right = max(right, legend_width)
        high += legend_height + _MARGIN - 6
    wide = round(right + 2 * _MARGIN)
    svg = _document(
        parts, wide, round(high), title or f"Computational graph of {graph.name}", description
    )
    return Picture(svg, description, wide, round(high), drawn.note)


def describe(graph: Graph, drawn: Sketch) -> str:
    """What a picture shows, in words, one card per line."""
    head = f"Computational graph of {graph.name}: {counted(len(drawn.cards), 'card')}."
    if drawn.differentiated:
        head += f" Derivatives are of {drawn.differentiated}."
    if drawn.note:
        head += f" Without derivatives: {drawn.note}"
    return "\n".join([head, *(card.about or card.title for card in drawn.cards)])


def _document(parts: Sequence[str], width: int, height: int, title: str, description: str) -> str:
    body = "\n".join(parts)
    mark = f"cg-{zlib.crc32(body.encode()):08x}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="cg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" aria-labelledby="{mark}-t {mark}-d">',
            f'<title id="{mark}-t">{_escaped(title)}</title>',
            f'<desc id="{mark}-d">{_escaped(description)}</desc>',
            style_sheet(),
            f'<rect class="cg-paper" x=".5" y=".5" width="{width - 1}" height="{height - 1}" '
            'rx="10"/>',
            body,
            "</svg>",
        ]
    )


# --- rows -----------------------------------------------------------------------------------------


def _draw(drawn: Sketch, direction: str, width: float | None) -> tuple[list[str], float, float]:
    """Edges and cards of all rows, and their extent."""
    sizes = [card_size(card) for card in drawn.cards]
    labels = any(edge.label for edge in drawn.edges)
    widest = max((text_width(e.label, 10, mono=True) for e in drawn.edges if e.label), default=0.0)
    approach = widest + 22 if labels else 12.0
    if direction == "down":
        approach = 30.0 if labels else 12.0
    room = None if width is None or direction == "down" else width - 2 * _MARGIN
    extents = [size[0] if direction == "right" else size[1] for size in sizes]
    rows = break_rows(drawn, extents, _LAYER_GAP + approach, room)
    sizes += [card_size(card) for card in drawn.cards[len(sizes) :]]
    parts: list[str] = []
    right = bottom = 0.0
    for row in rows:
        if bottom:
            bottom += _ROW_GAP
        edges, cards, wide, high = _draw_row(drawn, row, sizes, direction, approach)
        parts += [f'<g transform="translate(0 {bottom:g})">', *edges, *cards, "</g>"]
        right, bottom = max(right, wide), bottom + high
    return parts, right, bottom


def _draw_row(
    drawn: Sketch, row: Row, sizes: Sequence[tuple[float, float]], direction: str, approach: float
) -> tuple[list[str], list[str], float, float]:
    place = {card: i for i, card in enumerate(row.cards)}
    lanes = [drawn.cards[card].lane for card in row.cards]
    layout = layered_layout(
        [sizes[card] for card in row.cards],
        [(place[edge.source], place[edge.target]) for edge in row.edges],
        direction=direction,
        layers=row.layers,
        lanes=lanes,
        turned=(1,),
        heavy=[_is_heavy(drawn.cards[edge.source]) for edge in row.edges],
        layer_gap=_LAYER_GAP,
        box_gap=_BOX_GAP,
        approach=approach,
    )
    edges: list[str] = []
    for faint in (True, False):
        for edge, route in zip(row.edges, layout.routes, strict=True):
            if (edge.kind != "flow") == faint:
                back = edge.kind == "flow" and drawn.cards[edge.target].lane == 1
                edges += _draw_edge(edge, route, back)
    for edge, route in zip(row.edges, layout.routes, strict=True):
        if edge.label:
            edges.append(_draw_label(edge, route))
    cards: list[str] = []
    for card, (x, y) in zip(row.cards, layout.positions, strict=True):
        wide, high = sizes[card]
        cards += draw_card(drawn.cards[card], x, y, wide, high, card)
    return edges, cards, layout.width, layout.height


def _is_heavy(card: Card) -> bool:
    """Whether edges from a card are kept straight: those of results before those of inputs."""
    return card.kind not in ("input", "parameter", "constant", "reference")


# --- edges ----------------------------------------------------------------------------------------


def _draw_edge(edge: Edge, route: list[Point], back: bool) -> list[str]:
    nodes = f'data-from="{edge.nodes[0]}" data-to="{edge.nodes[1]}"'
    if edge.kind != "flow":
        return [f'<path class="cg-edge cg-edge-{edge.kind}" {nodes} d="{_path(route)}"/>']
    (x, y), (before_x, before_y) = route[-1], route[-2]
    dx, dy = _direction(x - before_x, y - before_y)
    tip = (x - 1.2 * dx, y - 1.2 * dy)
    base = (tip[0] - _ARROW * dx, tip[1] - _ARROW * dy)
    stop = base if back else (tip[0] - 2 * dx, tip[1] - 2 * dy)
    half = 3.4
    head = (
        f"M{_at(tip)}L{_at((base[0] - half * dy, base[1] + half * dx))}"
        f"L{_at((base[0] + half * dy, base[1] - half * dx))}Z"
    )
    kind = "back" if back else "flow"
    return [
        f'<g class="cg-arrow cg-arrow-{kind}" {nodes}>'
        f'<path class="cg-edge cg-edge-{kind}" d="{_path([*route[:-1], stop])}"/>'
        f'<path class="cg-head-{kind}" d="{head}"/></g>'
    ]


def _direction(dx: float, dy: float) -> Point:
    """The main direction of an arrow's end: along one axis."""
    if abs(dx) >= abs(dy):
        return (1.0 if dx >= 0 else -1.0), 0.0
    return 0.0, (1.0 if dy >= 0 else -1.0)


def _draw_label(edge: Edge, route: list[Point]) -> str:
    """The local derivative, on the straight end of its edge."""
    (x, y), (before_x, before_y) = route[-1], route[-2]
    dx, dy = _direction(x - before_x, y - before_y)
    text = edge.label.replace("-", "−")
    width = text_width(text, 10, mono=True) + 8
    distance = _ARROW + 4 + (width / 2 if dx else 7)
    x, y = x - distance * dx, y - distance * dy
    return (
        f'<g class="cg-local" data-from="{edge.nodes[0]}" data-to="{edge.nodes[1]}">'
        f'<rect x="{x - width / 2:.1f}" y="{y - 7:.1f}" width="{width:.1f}" height="14" rx="7"/>'
        f'<text x="{x:.1f}" y="{y + 3.6:.1f}" text-anchor="middle">{text}</text></g>'
    )


def _path(route: Sequence[Point]) -> str:
    """A chain of cubic curves as path data."""
    return f"M{_at(route[0])}C{' '.join(_at(point) for point in route[1:])}"


def _at(point: Point) -> str:
    return f"{round(point[0], 1):g} {round(point[1], 1):g}"


# --- legend ---------------------------------------------------------------------------------------

_MEANING = {
    "input": "input",
    "parameter": "parameter",
    "operation": "operation",
    "result": "result",
    "constant": "constant",
    "group": "repeated part",
    "reference": "drawn elsewhere",
    "backward": "backward pass",
    "gradient": "gradient",
}


def _legend(drawn: Sketch, width: float) -> tuple[list[str], float, float]:
    """Swatches of the kinds of cards that occur, and what the numbers mean."""
    present = {card.kind for card in drawn.cards}
    parts: list[str] = []
    x = y = right = 0.0
    for kind, meaning in _MEANING.items():
        if kind not in present:
            continue
        extent = 34 + text_width(meaning, 11) + 20
        if x and x + extent > width:
            x, y = 0.0, y + 22
        sample = Card(kind, "", times=2 if kind == "group" else 1)
        above = 4.0 if kind == "group" else 0.0
        swatch = draw_card(sample, x, y - above, 24, 14 + above, -1)
        parts += [part for part in swatch if part.startswith(("<g", "</g", "<path"))]
        parts.append(f'<text class="cg-legend" x="{x + 32:g}" y="{y + 11:g}">{meaning}</text>')
        x += extent
        right = max(right, x - 20)
    for line in _remarks(drawn):
        y += 22 if parts else 0
        parts.append(f'<text class="cg-legend" x="0" y="{y + 11:g}">{_escaped(line)}</text>')
        right = max(right, text_width(line, 11))
    return parts, right, y + 14


def _remarks(drawn: Sketch) -> list[str]:
    lines = []
    if drawn.differentiated and any(
        label == "grad" for card in drawn.cards for label, _ in card.rows
    ):
        line = f"grad: derivative of {drawn.differentiated} with respect to the node"
        if any(edge.label for edge in drawn.edges):
            line += "; on an edge: the local derivative"
        lines.append(line)
    if any(edge.kind == "residual" for edge in drawn.edges):
        lines.append("dotted: a forward value read by the backward pass")
    return lines


def _escaped(text: str) -> str:
    return escape(clean(text), quote=False)
