"""How wide a line of text is in pictures, without a font at hand: measured widths of wide fonts.

The advance widths are those of DejaVu Sans and DejaVu Sans Mono 2.37, rounded up: of the fonts that
systems put in place of "sans-serif" and "monospace" they are among the widest, so that text set
in another one is a little shorter than its box, not longer.
"""

from __future__ import annotations

import unicodedata

#: Hundredths of the font size, and the characters of at most that width.
_SANS = {
    30: "'IJijl",
    36: " !,./:;\\|-·",
    42: '"()[]frt',
    53: "*?_`csz½²",
    60: "FLPSTYZcekvxyz",
    66: "$0123456789abcdeghnopquARXVKE{}",
    72: "BUCX∂",
    79: "DGHNOQ&",
    85: "#+<=>^~w−×→Σ√≤",
}
_SANS_WIDTH: dict[str, float] = {}
for _hundredths, _characters in _SANS.items():
    for _character in _characters:
        _SANS_WIDTH.setdefault(_character, _hundredths / 100)

_MONO_WIDTH = 0.605
_BOLDER = 1.12


def text_width(text: str, size: float, *, mono: bool = False, bold: bool = False) -> float:
    """Width of a line of text.

    Parameters
    ----------
    text : str
    size : float
        Font size, in the unit of the result.
    mono, bold : bool
        Which face it is set in.

    Examples
    --------
    >>> round(text_width("h = tanh(z)", 10, mono=True), 2)
    66.55
    """
    if mono:
        return size * sum(_mono(character) for character in text)
    width = size * sum(_SANS_WIDTH.get(character) or _other(character) for character in text)
    return width * _BOLDER if bold else width


def shortened(text: str, room: float, size: float, *, mono: bool = False) -> str:
    """The text, cut in the middle with an ellipsis if it is wider than ``room``."""
    if text_width(text, size, mono=mono) <= room:
        return text
    for kept in range(len(text) - 1, 0, -1):
        tail = kept // 3
        cut = text[: kept - tail] + "…" + (text[-tail:] if tail else "")
        if text_width(cut, size, mono=mono) <= room:
            return cut
    return "…"


def _mono(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    return 1.05 if unicodedata.east_asian_width(character) in "WF" else _MONO_WIDTH


def _other(character: str) -> float:
    return 0.0 if unicodedata.combining(character) else 1.1
