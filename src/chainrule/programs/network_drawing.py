"""A layered network as a labelled SVG drawing.

The notation is that of `network_description`: zᵢ = Wᵢ aᵢ + bᵢ, aᵢ₊₁ = σ(zᵢ). Biases are drawn as
the weights of a dummy unit whose output is always 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from chainrule.programs.network_description import (
    activation_equation,
    affine_equation,
    checked_network,
    count_formula,
    describe_network,
    layer_role,
    loss_formula,
    parameter_count,
    plain_text,
)
from chainrule.programs.picture import Picture

__all__ = ["describe_network", "draw_network", "parameter_count"]

_INK, _QUIET, _CARD, _RULE = "#1d2430", "#5b6472", "#fdfcf9", "#c9ced6"
_INPUT_FILL, _UNIT_FILL, _LOSS_FILL, _TARGET_FILL = "#e3edf9", "#e9f4ec", "#fbe9dd", "#f1ecf7"
_EDGE, _BIAS = "#8d99a8", "#b3541e"

_UNIT_WIDTH, _INPUT_WIDTH, _UNIT_HEIGHT = 118, 64, 38
_PITCH, _GAP, _MARGIN, _HEADER = 56, 170, 34, 122
_LOSS_GAP, _LOSS_HEIGHT = 96, 78
_ALL_SHOWN = 5  # a wider layer shows its first three units and its last

#: A stroke of each activation's graph, in a box of ±8 around the origin with y downwards.
_GLYPHS = {
    "relu": "M-7,3 H0 L6,-5",
    "elu": "M-7,6 C-4,6 -2,4 0,1 L6,-6",
    "tanh": "M-7,5 C1,5 -1,-5 7,-5",
    "sigmoid": "M-7,5 C1,5 -1,-5 7,-5",
    "linear": "M-6,5 L6,-5",
}


def draw_network(
    sizes: Sequence[int],
    activations: Sequence[str] | str,
    loss: str = "squared error",
    biases: bool = True,
) -> Picture:
    """Draw a fully connected network with its loss node.

    Every nᵢ, aᵢ, zᵢ, Wᵢ and bᵢ is labelled, with the shapes of the parameters, the activation of
    each layer, the target, the formula of the loss and the number of parameters. Of a layer wider
    than five units the first three and the last are drawn.

    Parameters
    ----------
    sizes : sequence of int
        Units per layer from input to output, at least two, e.g. ``(784, 16, 1)``.
    activations : sequence of str, or str
        Name of the activation of each layer past the input, or one name for all; "relu", "elu",
        "tanh", "sigmoid" and "linear" are drawn as small graphs, any other name as σ.
    loss : {"squared error", "hinge", "cross-entropy", "softmax cross-entropy"}
        The cost of one sample, C.
    biases : bool
        Whether every unit past the input has a bias.

    Returns
    -------
    Picture
        It has its own light background, a title and a description, and shows itself in notebooks.

    Raises
    ------
    TypeError
        If an activation is not a string.
    ValueError
        If there are fewer than two layers, a size is not a whole number of at least 1, the number
        of activations does not fit, or the loss is unknown.
    """
    sizes, names = checked_network(sizes, activations, loss)
    drawing = _Drawing(sizes, biases, loss)
    last = len(sizes) - 1
    for i in range(last):
        drawing.connect(i)
    for i in range(last + 1):
        drawing.layer(i, names[i - 1] if i else None)
    drawing.loss()
    drawing.footer()
    identity = "network-" + "-".join(str(size) for size in sizes)
    width, height = drawing.width, drawing.height
    description = describe_network(sizes, names, loss, biases)
    svg = "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" '
            f'viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
            f'aria-labelledby="{identity}-title {identity}-description" '
            f'data-parameters="{parameter_count(sizes, biases)}" '
            "font-family=\"'DejaVu Sans', Verdana, 'Segoe UI', sans-serif\" font-size=\"12\">",
            f'<title id="{identity}-title">Fully connected network '
            f"{'-'.join(str(size) for size in sizes)} with {escape(loss)} loss</title>",
            f'<desc id="{identity}-description">{escape(description)}</desc>',
            f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="12" '
            f'fill="{_CARD}" stroke="{_RULE}"/>',
            *drawing.elements,
            "</svg>",
        ]
    )
    return Picture(svg, description, width, height)


class _Drawing:
    """Positions of a network's parts, and the SVG elements drawn so far."""

    def __init__(self, sizes: tuple[int, ...], biases: bool, loss: str) -> None:
        self.sizes, self.biases, self.elements = sizes, biases, list[str]()
        self.loss_name, self.formula = loss, loss_formula(loss, sizes)
        self.last = len(sizes) - 1
        slots = max(min(size, _ALL_SHOWN) for size in sizes)
        span = max((slots - 1) * _PITCH, _LOSS_HEIGHT)
        self.middle = _HEADER + span / 2
        self.constants = _HEADER + span + 66  # the row of the dummy units and the target
        self.equations = self.constants + 58
        self.height = self.equations + 154
        self.loss_left = self.right(self.last) + _LOSS_GAP
        self.loss_width = max(176, 40 + 8 * len(plain_text(self.formula)), 10 * len(loss))
        self.width = self.loss_left + self.loss_width + _MARGIN

    def unit_width(self, i: int) -> int:
        """Width of a unit of layer `i`: one compartment for an input, z and a for the others."""
        return _UNIT_WIDTH if i else _INPUT_WIDTH

    def left(self, i: int) -> int:
        """Left side of the units of layer `i`."""
        return _MARGIN + 6 if i == 0 else self.right(i - 1) + _GAP

    def right(self, i: int) -> int:
        """Right side of the units of layer `i`."""
        return self.left(i) + self.unit_width(i)

    def centre(self, i: int) -> float:
        """Middle of the column of layer `i`."""
        return self.left(i) + self.unit_width(i) / 2

    def units(self, i: int) -> list[tuple[int, float]]:
        """Number and height of every unit of layer `i` that is drawn."""
        size = self.sizes[i]
        slots = min(size, _ALL_SHOWN)
        top = self.middle - (slots - 1) * _PITCH / 2
        numbers = range(1, size + 1) if size <= _ALL_SHOWN else (1, 2, 3, None, size)
        return [(n, top + slot * _PITCH) for slot, n in enumerate(numbers) if n is not None]

    def connect(self, i: int) -> None:
        """Weights and biases between layers `i` and i + 1."""
        n, m = self.sizes[i], self.sizes[i + 1]
        start, end = self.right(i), self.left(i + 1)
        self.open("weights", name=f"W_{i}", shape=f"{m}x{n}")
        for _, y1 in self.units(i):
            for _, y2 in self.units(i + 1):
                self.line(start, y1, end, y2, _EDGE, 0.9)
        self.close()
        if self.biases:
            x = self.left(i) + self.unit_width(i) - 19
            self.open("biases", name=f"b_{i}", shape=f"{m}x1")
            for _, y2 in self.units(i + 1):
                self.line(x + 19, self.constants, end, y2, _BIAS, 1.0, dashes="4 3")
            self.close()
            self.open("constant-unit", layer=i)
            self.box(x - 19, self.constants - 19, 38, 38, 8, "#fff", _BIAS)
            self.write(x, self.constants + 5, "1", size=14, colour=_BIAS)
            self.write(x, self.constants + 32, "always 1", size=10, colour=_BIAS)
            self.close()
            self.label(x + 84, self.constants + 2, f"*b*_{{{i}}}", f"{m} × 1", _BIAS)
        self.label((start + end) / 2, self.middle, f"*W*_{{{i}}}", f"{m} × {n}", _QUIET)

    def layer(self, i: int, activation: str | None) -> None:
        """Heading, units and equations of layer `i`."""
        x, size = self.centre(i), self.sizes[i]
        self.open("layer", index=i, size=size)
        self.write(x, 42, layer_role(i, self.last), colour=_QUIET)
        self.write(x, 64, f"~n~_{{{i}}} = {size}", size=16)
        if activation is not None:
            self.write(x, 83, activation, colour=_QUIET)
        units = self.units(i)
        for number, y in units:
            self.unit(i, number, y, activation)
        if size > _ALL_SHOWN:
            y = (units[-1][1] + units[-2][1]) / 2
            for dy in (-7, 0, 7):
                self.elements.append(f'<circle cx="{x:g}" cy="{y + dy:g}" r="2" fill="{_QUIET}"/>')
        if activation is None:
            self.write(x, self.equations, f"*a*_{{{i}}} = *x*", size=13)
        else:
            self.write(x, self.equations, affine_equation(i - 1, self.biases), size=13)
            self.write(x, self.equations + 21, activation_equation(i - 1, activation), size=13)
        if i == self.last:
            self.write(x, self.equations + 42, f"~ŷ~ = *a*_{{{i}}}", size=13)
        self.close()

    def unit(self, i: int, number: int, y: float, activation: str | None) -> None:
        """One unit: its output, and before it the pre-activation and the activation's graph."""
        left, width, top = self.left(i), self.unit_width(i), y - _UNIT_HEIGHT / 2
        fill = _INPUT_FILL if activation is None else _UNIT_FILL
        self.box(left, top, width, _UNIT_HEIGHT, _UNIT_HEIGHT / 2, fill, _INK)
        if activation is None:
            self.write(self.centre(i), y + 4, f"~a~_{{{i},{number}}}")
            return
        x = self.centre(i)
        self.line(x, top, x, top + _UNIT_HEIGHT, _INK, 0.8)
        self.elements.append(
            f'<circle cx="{x:g}" cy="{y:g}" r="11" fill="#fff" stroke="{_INK}" stroke-width="0.8"/>'
        )
        if activation in _GLYPHS:
            self.elements.append(
                f'<path d="{_GLYPHS[activation]}" transform="translate({x:g} {y:g})" fill="none" '
                f'stroke="{_INK}" stroke-width="1.6" stroke-linecap="round"/>'
            )
        else:
            self.write(x, y + 4, "~σ~")
        self.write(left + 25, y + 4, f"~z~_{{{i - 1},{number}}}")
        self.write(left + width - 25, y + 4, f"~a~_{{{i},{number}}}")

    def loss(self) -> None:
        """The loss node with its target."""
        left, middle = self.loss_left, self.middle
        x = left + self.loss_width / 2
        self.open("loss", name=self.loss_name)
        for _, y in self.units(self.last):
            self.line(self.right(self.last), y, left, middle, _INK, 1.1)
        self.line(x, self.constants - 19, x, middle + _LOSS_HEIGHT / 2, _INK, 1.1)
        edge = left - 34
        self.box(edge - 15, middle - 12, 30, 24, 12, "#fff", _INK)
        self.write(edge, middle + 5, "~ŷ~", size=13)
        self.write(x, 42, "loss", colour=_QUIET)
        self.write(x, 64, self.loss_name, size=16)
        top = middle - _LOSS_HEIGHT / 2
        self.box(left, top, self.loss_width, _LOSS_HEIGHT, 10, _LOSS_FILL, _INK)
        self.write(x, middle - 5, self.formula, size=13)
        self.write(x, middle + 21, "cost of one sample", size=11, colour=_QUIET)
        self.close()
        self.open("target")
        self.box(x - 62, self.constants - 19, 124, 38, 8, _TARGET_FILL, _INK)
        self.write(x, self.constants + 5, f"target *y*,  {self.sizes[-1]} × 1")
        self.close()

    def footer(self) -> None:
        """Direction of the two passes, and the number of parameters."""
        left, right, y = _MARGIN, self.width - _MARGIN, self.equations + 74
        passes = (
            ("forward:  ~z~ and ~a~, layer by layer", 1),
            ("backward:  ∂C/∂*a*_{~i~} = *W*_{~i~}ᵀ (∂C/∂*a*_{~i~+1} ⊙ ~σ~′(*z*_{~i~}))", -1),
        )
        for row, (text, direction) in enumerate(passes):
            height = y + 24 * row
            self.line(left, height, right, height, _QUIET, 1.0, dashes="" if row == 0 else "4 3")
            tip = right if direction > 0 else left
            self.elements.append(
                f'<path d="M{tip},{height:g} l{-9 * direction},-4 v8 z" fill="{_QUIET}"/>'
            )
            length = 7.2 * len(plain_text(text)) + 18
            middle = self.width / 2
            self.box(middle - length / 2, height - 10, length, 20, 0, _CARD, "none")
            self.write(middle, height + 4, text)
        formula = count_formula(self.sizes, self.biases)
        self.write(self.width / 2, y + 56, f"parameters:  {formula}", size=13)

    def open(self, kind: str, **data: object) -> None:
        """Begin a group."""
        attributes = "".join(f' data-{k}="{escape(str(v))}"' for k, v in data.items())
        self.elements.append(f'<g class="{kind}"{attributes}>')

    def close(self) -> None:
        """End a group."""
        self.elements.append("</g>")

    def line(
        self,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        colour: str,
        width: float,
        dashes: str = "",
    ) -> None:
        """A straight line."""
        dash = f' stroke-dasharray="{dashes}"' if dashes else ""
        self.elements.append(
            f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{colour}" '
            f'stroke-width="{width:g}"{dash}/>'
        )

    def box(
        self, x: float, y: float, width: float, height: float, radius: float, fill: str, stroke: str
    ) -> None:
        """A rounded rectangle."""
        self.elements.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}" '
            f'fill="{fill}" stroke="{stroke}" stroke-width="1.1"/>'
        )

    def label(self, x: float, y: float, name: str, shape: str, colour: str) -> None:
        """Name and shape of a parameter on a card of its own, so that lines do not cross it."""
        width = 34 + 7.4 * len(shape)
        self.box(x - width / 2, y - 13, width, 26, 6, _CARD, colour)
        self.write(x, y + 4, f"{name}  {shape}")

    def write(self, x: float, y: float, text: str, size: float = 12, colour: str = _INK) -> None:
        """Centred text in the notation of `_spans`."""
        self.elements.append(
            f'<text x="{x:g}" y="{y:g}" text-anchor="middle" font-size="{size:g}" '
            f'fill="{colour}">{_spans(text, size)}</text>'
        )


def _spans(text: str, size: float) -> str:
    """SVG spans of a formula: ``*W*`` bold, ``~a~`` italic, ``_{i}`` below, ``^{i}`` above."""
    spans, shift = [], 0.0
    for part in re.findall(r"[_^]\{[^}]*\}|[^_^]+|[_^]", text):
        level = {"_": 0.3 * size, "^": -0.4 * size}.get(part[0], 0.0) if part[1:2] == "{" else 0.0
        inner = part[2:-1] if level else part
        for piece in re.findall(r"\*[^*]*\*|~[^~]*~|[^*~]+", inner):
            style = {"*": ' font-weight="bold"', "~": ' font-style="italic"'}.get(piece[0], "")
            small = f' font-size="{0.72 * size:g}"' if level else ""
            move = f' dy="{level - shift:g}"' if level != shift else ""
            shift = level
            spans.append(f"<tspan{style}{small}{move}>{escape(piece.strip('*~'))}</tspan>")
    return "".join(spans)
