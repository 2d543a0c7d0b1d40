"""Colours and type of pictures, light and dark, as one style sheet inside the SVG."""

from __future__ import annotations

MONO = "ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace"
SANS = "system-ui,-apple-system,'Segoe UI','Helvetica Neue',Arial,'DejaVu Sans',sans-serif"

#: Light and dark colour of everything that has one.
_COLOURS = {
    "paper": ("#fdfcf9", "#16181d"),
    "frame": ("#dedad1", "#333943"),
    "ink": ("#1d2430", "#e8e6e1"),
    "quiet": ("#566070", "#a9b0bc"),
    "rule": ("#d9dce1", "#3b424d"),
    "edge": ("#7a8696", "#8a94a3"),
    "faint": ("#a9b1bc", "#5d6673"),
    "grad": ("#a4430f", "#f5a873"),
    "card": ("#ffffff", "#1f232a"),
    "line": ("#98a2b0", "#67717f"),
    "input": ("#e6effa", "#1b2a40"),
    "input-line": ("#3b6bb0", "#7ea6e0"),
    "parameter": ("#e8f3ea", "#1a2f25"),
    "parameter-line": ("#2f7550", "#76bd95"),
    "result": ("#fdeede", "#38271a"),
    "back": ("#fcf4ec", "#2c241d"),
    "group": ("#f2f0f8", "#27252f"),
    "group-line": ("#6d62a8", "#a79fda"),
    "odd": ("#b00020", "#ff8a8a"),
}

_RULES = """
.cg-paper{{fill:{paper};stroke:{frame}}}
.cg text{{fill:{ink}}}
.cg .cg-box{{fill:{card};stroke:{line}}}
.cg .cg-inner{{stroke:{grad}}}
.cg .cg-input>.cg-box{{fill:{input};stroke:{input-line}}}
.cg .cg-parameter>.cg-box{{fill:{parameter};stroke:{parameter-line}}}
.cg .cg-result>.cg-box{{fill:{result};stroke:{grad}}}
.cg .cg-backward>.cg-box,.cg .cg-seed>.cg-box{{fill:{back};stroke:{grad}}}
.cg .cg-gradient>.cg-box{{fill:{result};stroke:{grad}}}
.cg .cg-group>.cg-box{{fill:{group};stroke:{group-line}}}
.cg .cg-reference>.cg-box,.cg .cg-constant>.cg-box{{fill:{paper};stroke:{line}}}
.cg .cg-detail,.cg .cg-shape,.cg .cg-label,.cg .cg-head,.cg .cg-legend{{fill:{quiet}}}
.cg .cg-times{{fill:{group-line}}}
.cg .cg-wrong>.cg-box{{stroke:{odd}}}
.cg .cg-rule{{stroke:{rule}}}
.cg .cg-grad text,.cg .cg-profile text{{fill:{grad}}}
.cg .cg-profile rect{{fill:{grad}}}
.cg .cg-odd text{{fill:{odd}}}
.cg .cg-edge{{stroke:{edge}}}
.cg .cg-head-flow{{fill:{edge}}}
.cg .cg-edge-back{{stroke:{grad}}}
.cg .cg-head-back{{fill:{paper};stroke:{grad}}}
.cg .cg-edge-residual{{stroke:{faint}}}
.cg .cg-edge-of{{stroke:{faint}}}
.cg .cg-local rect{{fill:{paper};stroke:{rule}}}
.cg .cg-local text{{fill:{grad}}}
"""

_FORM = f"""
.cg{{font-family:{SANS};font-size:11px}}
.cg-box{{stroke-width:1.2}}
.cg-inner,.cg-edge,.cg-rule{{fill:none}}
.cg-inner{{stroke-width:1}}
.cg-parameter>.cg-box,.cg-result>.cg-box,.cg-gradient>.cg-box{{stroke-width:1.6}}
.cg-wrong>.cg-box{{stroke-width:2.6}}
.cg-reference>.cg-box,.cg-constant>.cg-box{{stroke-dasharray:3 2.5;stroke-width:1}}
.cg-name{{font:bold 13px {MONO}}}
.cg-detail,.cg-number{{font:11px {MONO}}}
.cg-shape,.cg-label,.cg-head{{font:10px {SANS}}}
.cg-times{{font:bold 13px {SANS}}}
.cg-legend{{font:11px {SANS}}}
.cg-heading{{font:600 15px {SANS}}}
.cg-edge{{stroke-width:1.4}}
.cg-edge-back{{stroke-width:1.4}}
.cg-head-back{{stroke-width:1.2}}
.cg-edge-residual{{stroke-width:1;stroke-dasharray:1.5 3}}
.cg-edge-of{{stroke-width:5;stroke-linecap:round;opacity:.28}}
.cg-odd text{{font-weight:bold}}
.cg-local text{{font:10px {MONO}}}
.cg-local rect{{stroke-width:.8}}
"""


def style_sheet() -> str:
    """The style element of a picture: its form, its light colours, and its dark ones."""
    light = _RULES.format_map({name: pair[0] for name, pair in _COLOURS.items()})
    dark = _RULES.format_map({name: pair[1] for name, pair in _COLOURS.items()})
    text = f"{_FORM}{light}@media (prefers-color-scheme:dark){{{dark}}}"
    return f"<style>{''.join(text.split(chr(10)))}</style>"
