"""Gradient flow as a picture: one row a layer, its relative gradient and its units.

Verdicts are written out and differ in shape as well as in colour.
"""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

from chainrule.programs.picture import Picture

if TYPE_CHECKING:
    from chainrule.checking.flow_layers import LayerFlow
    from chainrule.checking.flow_report import Flow

_ROW, _TOP, _BOTTOM = 26, 74, 34
_NAME, _AXIS, _UNITS, _WORD = 150, 300, 150, 130
_WIDTH = _NAME + _AXIS + _UNITS + _WORD + 60

_STYLE = (
    ".f{font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;font-size:12px}"
    ".f text{fill:#1d2430}.f .q{fill:#566070;font-size:11px}.f .h{font-weight:600;font-size:15px}"
    ".f .p{fill:#fdfcf9;stroke:#dedad1}.f .r{stroke:#d9dce1}.f .l{stroke:#3b6bb0;fill:none;"
    "stroke-width:1.5}.f .ok{fill:#3b6bb0}.f .bad{fill:#b00020}.f .wait{fill:#7a8696}"
    ".f text.badt{fill:#b00020;font-weight:600}.f .band{fill:#e8f3ea}.f .track{fill:#ebe8e1}"
    ".f .dead{fill:#1d2430}.f .sat{fill:#d1661b}"
    "@media (prefers-color-scheme:dark){.f text{fill:#e8e6e1}.f .q{fill:#a9b0bc}"
    ".f .p{fill:#16181d;stroke:#333943}.f .r{stroke:#3b424d}.f .l{stroke:#7ea6e0}"
    ".f .ok{fill:#7ea6e0}.f .bad,.f text.badt{fill:#ff8a8a}.f .band{fill:#1a2f25}"
    ".f .track{fill:#2a2e36}.f .dead{fill:#e8e6e1}.f .sat{fill:#f5a873}}"
)


def picture(flow: Flow) -> Picture:
    """The report as a picture.

    Parameters
    ----------
    flow : Flow

    Returns
    -------
    Picture
        Light and dark.
    """
    layers = flow.layers
    height = _TOP + _ROW * len(layers) + _BOTTOM
    low, high = _range(layers)
    left = _NAME + 20

    def x_of(value: float) -> float:
        return left + _AXIS * (math.log10(value) - low) / (high - low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img">'
        f"<title>gradient flow: {flow.verdict}</title>"
        f"<style>{_STYLE}</style><g class='f'>",
        f'<rect class="p" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1}" rx="8"/>',
        f'<text class="h" x="20" y="28">Gradient flow: {flow.verdict}</text>',
        f'<text class="q" x="{left}" y="52">relative gradient, as a multiple of the last '
        "layer's</text>",
        f'<text class="q" x="{left + _AXIS + 30}" y="52">units:</text>'
        f'<rect class="dead" x="{left + _AXIS + 66}" y="44" width="8" height="8"/>'
        f'<text class="q" x="{left + _AXIS + 78}" y="52">dead</text>'
        f'<rect class="sat" x="{left + _AXIS + 110}" y="44" width="8" height="8"/>'
        f'<text class="q" x="{left + _AXIS + 122}" y="52">saturated</text>',
    ]
    bottom = _TOP + _ROW * len(layers)
    band = max(x_of(10**low), x_of(1e-3)), min(x_of(10**high), x_of(1e3))
    parts.append(
        f'<rect class="band" x="{band[0]:.1f}" y="{_TOP - 6}" width="{band[1] - band[0]:.1f}" '
        f'height="{bottom - _TOP + 6}"/>'
    )
    step = max(1, math.ceil((high - low) / 8))
    for power in range(low, high + 1, step):
        x = x_of(10.0**power)
        parts.append(
            f'<line class="r" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 6}" y2="{bottom}"/>'
            f'<text class="q" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">'
            f"{_power(power)}</text>"
        )
    points = []
    for number, layer in enumerate(layers):
        y = _TOP + _ROW * number + _ROW / 2
        if layer.to_last:
            points.append((min(max(x_of(layer.to_last), left), left + _AXIS), y))
        parts.append(_row(layer, y, left, points[-1][0] if layer.to_last else None))
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts.insert(-len(layers), f'<polyline class="l" points="{line}"/>')
    parts.append("</g></svg>")
    listed = ", ".join(f"{layer.name} {layer.verdict}" for layer in layers)
    return Picture(
        "".join(parts), f"Gradient flow: {flow.verdict}; by layer: {listed}.", _WIDTH, height
    )


def _row(layer: LayerFlow, y: float, left: float, x: float | None) -> str:
    bad = layer.verdict not in ("healthy", "not enough data")
    mark = "bad" if bad else "ok" if layer.verdict == "healthy" else "wait"
    name = layer.name if len(layer.name) <= 20 else layer.name[:19] + "…"
    parts = [
        f'<text x="{left - 14}" y="{y + 4:.1f}" text-anchor="end">{escape(name)}</text>',
        f'<text class="{"badt" if bad else ""}" x="{left + _AXIS + _UNITS + 44}" y="{y + 4:.1f}">'
        f"{layer.verdict}</text>",
    ]
    if x is not None and bad:
        parts.append(f'<path class="{mark}" d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z"/>')
    elif x is not None:
        parts.append(f'<circle class="{mark}" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>')
    else:
        parts.append(
            f'<text class="q" x="{left + 6}" y="{y + 4:.1f}">'
            f"{'gradient 0' if layer.gradient_norm == 0 else 'no finite ratio'}</text>"
        )
    start = left + _AXIS + 30
    if layer.dead_units is not None and layer.saturated_values is not None:
        width = _UNITS - 20
        dead, saturated = layer.dead_units * width, layer.saturated_values * width
        parts.append(
            f'<rect class="track" x="{start}" y="{y - 6:.1f}" width="{width}" height="12"/>'
            f'<rect class="dead" x="{start}" y="{y - 6:.1f}" width="{dead:.1f}" height="6"/>'
            f'<rect class="sat" x="{start}" y="{y:.1f}" width="{saturated:.1f}" height="6"/>'
        )
    return "".join(parts)


def _range(layers: tuple[LayerFlow, ...]) -> tuple[int, int]:
    """Powers of ten between which the relative gradients lie, with 1 among them."""
    powers = [math.log10(x.to_last) for x in layers if x.to_last]
    low = math.floor(min([*powers, 0.0]) - 0.2)
    high = math.ceil(max([*powers, 0.0]) + 0.2)
    return max(low, -40), min(max(high, low + 2), 40)


def _power(power: int) -> str:
    return f"10{''.join('⁻⁰¹²³⁴⁵⁶⁷⁸⁹'['-0123456789'.index(c)] for c in str(power))}"
