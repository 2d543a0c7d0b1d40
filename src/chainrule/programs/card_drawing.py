"""Cards of a picture as SVG: measured first, so that no text is wider than its box, then drawn.

What a card is shows in its outline, not only in its colour: inputs are rounded, parameters have
cut corners, results a double line, backward nodes point left, references are small and dashed.
"""

from __future__ import annotations

import math
from html import escape

from chainrule.programs.cards import Card, profile_text
from chainrule.programs.summaries import Summary
from chainrule.programs.text_width import shortened, text_width

TITLE, DETAIL, NUMBER, LABEL = 13.0, 11.0, 11.0, 10.0  # font sizes
PAD, LINE, TITLE_LINE = 11.0, 15.0, 19.0
LABEL_WIDTH = 38.0
WIDEST_TITLE, WIDEST_DETAIL, WIDEST_LINE = 190.0, 208.0, 290.0
_GROUP_LINES = 9
_BAR, _BARS_HIGH, _MOST_BARS = 6.0, 22.0, 30


def card_size(card: Card) -> tuple[float, float]:
    """Width and height of a card."""
    if card.kind == "reference":
        return text_width(card.title, DETAIL, mono=True) + 2 * PAD, 22.0
    if card.kind == "constant" and not card.rows:
        return max(text_width(card.title, DETAIL, mono=True) + 2 * PAD, 40.0), 24.0
    width = 0.0
    height = PAD - 2
    heading = text_width(_title(card), TITLE, mono=True, bold=True)
    if card.shape:
        heading += 14 + text_width(card.shape, LABEL)
    if card.times > 1:
        heading += 16 + text_width(_times(card), TITLE, bold=True)
    width = max(width, heading)
    height += TITLE_LINE
    for line in _details(card):
        width = max(width, text_width(line, DETAIL, mono=True))
        height += LINE
    body_width, body_height = _body_size(card)
    if body_height:
        height += 7
    width = max(width, body_width)
    height += body_height
    if card.profile:
        text = text_width(profile_text(card), LABEL)
        width = max(width, LABEL_WIDTH + _BAR * len(_profile(card)) + 12 + text)
        height += _BARS_HIGH + 8
    width = max(math.ceil(width + 2 * PAD + 2 * _side(card)), 72) + _stack(card)
    return float(width + width % 2), float(math.ceil(height + PAD - 4) + _stack(card))


def draw_card(
    card: Card, x: float, y: float, width: float, height: float, number: int
) -> list[str]:
    """SVG elements of a card at a place."""
    nodes = " ".join(map(str, card.nodes))
    mark = " cg-wrong" if card.mark == "wrong" else ""
    parts = [
        f'<g class="cg-card cg-{card.kind}{mark}" data-card="{number}" data-nodes="{nodes}" '
        f'transform="translate({_short(x)} {_short(y)})">',
        f"<title>{escape(clean(card.about or card.title), quote=False)}</title>",
        *_outline(card, width, height),
    ]
    if card.kind == "reference" or (card.kind == "constant" and not card.rows):
        parts.append(_text(width / 2, height / 2 + 4, card.title, "cg-detail", anchor="middle"))
        return [*parts, "</g>"]
    left, right = PAD + _side(card), width - PAD - _side(card) - _stack(card)
    at = PAD - 2 + 13 + _stack(card)
    parts.append(_text(left, at, _title(card), "cg-name"))
    if card.times > 1:
        parts.append(_text(right, at, _times(card), "cg-times", anchor="end"))
        if card.shape:
            end = right - 10 - text_width(_times(card), TITLE, bold=True)
            parts.append(_text(end, at, card.shape, "cg-shape", anchor="end"))
    elif card.shape:
        parts.append(_text(right, at, card.shape, "cg-shape", anchor="end"))
    at += TITLE_LINE - 3
    for line in _details(card):
        parts.append(_text(left, at, line, "cg-detail"))
        at += LINE
    at -= LINE - 6
    if card.rows:
        parts.append(f'<path class="cg-rule" d="M{_short(left)} {_short(at)}H{_short(right)}"/>')
        at += 1
        parts += _draw_body(card, left, right, at)
        at += _body_size(card)[1]
    if card.profile:
        parts += _draw_profile(card, left, at + 8)
    return [*parts, "</g>"]


def _title(card: Card) -> str:
    return shortened(card.title, WIDEST_TITLE, TITLE, mono=True)


def _times(card: Card) -> str:
    return f"× {card.times}"


def _details(card: Card) -> list[str]:
    shown = list(card.lines)
    if len(shown) > _GROUP_LINES:
        shown = [*shown[: _GROUP_LINES - 1], f"… {len(shown) - _GROUP_LINES + 1} more"]
    lines = [shortened(line, WIDEST_LINE, DETAIL, mono=True) for line in shown]
    if card.detail:
        equals = "" if card.kind in ("input", "parameter") else "= "
        lines = [*_in_two(equals + card.detail), *lines]
    return lines


def _in_two(text: str) -> list[str]:
    """An expression on one line, or broken at a space into two of about equal length."""
    if text_width(text, DETAIL, mono=True) <= WIDEST_DETAIL:
        return [text]
    spaces = [i for i, character in enumerate(text) if character == " " and i > 2]
    room = WIDEST_DETAIL * 2 - 20
    if not spaces or text_width(text, DETAIL, mono=True) > room:
        text = shortened(text, room, DETAIL, mono=True)
        spaces = [i for i, character in enumerate(text) if character == " " and i > 2]
    at = min(spaces, key=lambda i: abs(i - len(text) / 2), default=0)
    if not at or max(at, len(text) - at + 1) * DETAIL * 0.605 > WIDEST_DETAIL * 1.2:
        return [shortened(text, WIDEST_DETAIL, DETAIL, mono=True)]
    return [text[:at], f"  {text[at + 1 :]}"]


def _stack(card: Card) -> float:
    """How far the cards behind a group show."""
    return 8.0 if card.times > 1 else 0.0


def _side(card: Card) -> float:
    """Room that a card's outline takes on both sides."""
    return {"input": 3.0, "parameter": 2.0, "backward": 6.0, "gradient": 6.0, "seed": 6.0}.get(
        card.kind, 0.0
    )


# --- values ---------------------------------------------------------------------------------------


def number_cells(summary: Summary | None) -> list[list[str]]:
    """The numbers of a value on a card, line by line, as they are written."""
    if summary is None:
        return [["–"]]
    if summary.grid:
        return [[_minus(text) for text in row] for row in summary.grid]
    if summary.low:
        return [[_minus(text) for text in (summary.low, summary.mean, summary.high)]]
    return [[summary.note]]


def _minus(text: str) -> str:
    return text.replace("-", "−")


def _has_range(card: Card) -> bool:
    return any(summary is not None and summary.low for _, summary in card.rows)


def _column(card: Card) -> float:
    """Width of a column of numbers, the same in all rows of a card."""
    shown = [*(summary for _, summary in card.rows), *card.reserve]
    texts = [text for summary in shown for row in number_cells(summary) for text in row]
    if _has_range(card):
        return max(text_width(text, NUMBER, mono=True) for text in [*texts, "mean"]) + 9
    return max(text_width(text, NUMBER, mono=True) for text in texts) + 9


def _remark(summary: Summary | None) -> str:
    """What is said below the numbers."""
    return summary.note if summary is not None and (summary.low or summary.grid) else ""


def _body_size(card: Card) -> tuple[float, float]:
    if not card.rows:
        return 0.0, 0.0
    columns = max(len(row) for _, summary in card.rows for row in number_cells(summary))
    lines = sum(len(number_cells(summary)) + bool(_remark(summary)) for _, summary in card.rows)
    remarks = [text_width(_remark(summary), NUMBER, mono=True) for _, summary in card.rows]
    heading = 13.0 if _has_range(card) else 0.0
    width = max(columns * _column(card), *remarks)
    return LABEL_WIDTH + width, LINE * lines + heading


def _draw_body(card: Card, left: float, right: float, top: float) -> list[str]:
    parts: list[str] = []
    column, at = _column(card), top
    if _has_range(card):
        at += 13
        for place, name in enumerate(("max", "mean", "min")):
            parts.append(_text(right - place * column, at - 2, name, "cg-head", anchor="end"))
    for label, summary in card.rows:
        kind = "cg-grad" if label == "grad" else "cg-value"
        odd = " cg-odd" if summary is not None and not summary.finite else ""
        parts.append(f'<g class="{kind}{odd}" data-node="{card.nodes[-1]}">')
        parts.append(_text(left, at + 12, label, "cg-label"))
        for row in number_cells(summary):
            for place, cell in enumerate(row, start=1 - len(row)):
                parts.append(
                    _text(right + place * column, at + 12, cell, "cg-number", anchor="end")
                )
            at += LINE
        if remark := _remark(summary):
            parts.append(_text(right, at + 12, remark, "cg-number", anchor="end"))
            at += LINE
        parts.append("</g>")
    return parts


def _profile(card: Card) -> list[float]:
    """At most so many of a group's norms, evenly chosen."""
    norms = card.profile
    if len(norms) <= _MOST_BARS:
        return norms
    return [norms[round(i * (len(norms) - 1) / (_MOST_BARS - 1))] for i in range(_MOST_BARS)]


def _draw_profile(card: Card, left: float, top: float) -> list[str]:
    """Bars of the derivative's norm per repeat, logarithmic over at least two decades."""
    norms = _profile(card)
    logs = [math.log10(norm) if norm > 0 and math.isfinite(norm) else None for norm in norms]
    known = [value for value in logs if value is not None]
    if not known:
        return []
    high = max(known)
    low = min(min(known), high - 2)
    parts = ['<g class="cg-profile">', _text(left, top + _BARS_HIGH, "‖grad‖", "cg-label")]
    for i, value in enumerate(logs):
        tall = 1.0 if value is None else 3 + (_BARS_HIGH - 3) * (value - low) / (high - low)
        x = left + LABEL_WIDTH + 4 + _BAR * i
        parts.append(
            f'<rect x="{_short(x)}" y="{_short(top + _BARS_HIGH - tall)}" width="{_BAR - 2:g}" '
            f'height="{_short(tall)}"/>'
        )
    at = left + LABEL_WIDTH + 10 + _BAR * len(norms)
    parts.append(_text(at, top + _BARS_HIGH, _minus(profile_text(card)), "cg-label"))
    return [*parts, "</g>"]


# --- outlines -------------------------------------------------------------------------------------


def _outline(card: Card, w: float, h: float) -> list[str]:
    kind = card.kind
    if card.times > 1:
        stack = _stack(card)
        paths = [_rounded(x, stack - x, w - stack, h - stack, 5) for x in (stack, stack / 2, 0)]
        return [f'<path class="cg-box" d="{path}"/>' for path in paths]
    parts = [f'<path class="cg-box" d="{_shape(kind, w, h)}"/>']
    if kind == "result":
        parts.append(f'<path class="cg-inner" d="{_rounded(3, 3, w - 6, h - 6, 4)}"/>')
    return parts


def _shape(kind: str, w: float, h: float) -> str:
    """The path of a card's outline."""
    if kind == "parameter":
        c = min(9.0, h / 3)
        return (
            f"M{_short(c)} 0H{_short(w - c)}L{_short(w)} {_short(c)}V{_short(h - c)}"
            f"L{_short(w - c)} {_short(h)}H{_short(c)}L0 {_short(h - c)}V{_short(c)}Z"
        )
    if kind in ("backward", "gradient", "seed"):
        c = 10
        return f"M{c} 0H{_short(w)}V{_short(h)}H{c}L0 {_short(h / 2)}Z"
    radius = {"input": min(h / 2, 20.0), "reference": h / 2, "result": 6.0}.get(kind, 5.0)
    return _rounded(0, 0, w, h, radius)


def _rounded(x: float, y: float, w: float, h: float, r: float) -> str:
    return (
        f"M{_short(x + r)} {_short(y)}h{_short(w - 2 * r)}a{r:g} {r:g} 0 0 1 {r:g} {r:g}"
        f"v{_short(h - 2 * r)}a{r:g} {r:g} 0 0 1 {-r:g} {r:g}h{_short(2 * r - w)}"
        f"a{r:g} {r:g} 0 0 1 {-r:g} {-r:g}v{_short(2 * r - h)}a{r:g} {r:g} 0 0 1 {r:g} {-r:g}z"
    )


# --- text -----------------------------------------------------------------------------------------


def _text(x: float, y: float, text: str, kind: str, anchor: str = "") -> str:
    end = f' text-anchor="{anchor}"' if anchor else ""
    return (
        f'<text class="{kind}" x="{_short(x)}" y="{_short(y)}"{end}>'
        f"{escape(clean(text), quote=False)}</text>"
    )


def clean(text: str) -> str:
    """Text without the control characters that XML does not allow."""
    return "".join(c if c in "\t\n" or ord(c) >= 32 else "\ufffd" for c in text)


def _short(x: float) -> str:
    """A coordinate with at most one decimal."""
    return f"{round(x, 1):g}"
