"""The page of one stylised picture: the picture, its filmstrip, and the losses on the way."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.commands.output import write_text
from chainrule.engine.wording import counted

if TYPE_CHECKING:
    from chainrule.vision.style.settings import Settings
    from chainrule.vision.style.transfer import Stylised

_PAGE = """{% extends "base.html" %}
{% block title %}{{ title }} · chainrule{% endblock %}
{% block body %}
<div class="layout">
<header class="top"><p class="eyebrow">chainrule <span aria-hidden="true">·</span> style</p>
<h1>{{ title }}</h1>
<p>{{ summary }}</p>
{% for note in notes %}<p class="source">{{ note }}</p>{% endfor %}</header>
<main id="main">
{% for figure in figures %}
<section><h2>{{ figure.title }}</h2>
<img alt="{{ figure.alternative }}" src="{{ figure.address }}" style="max-width:100%">
</section>
{% endfor %}
<section><h2>Losses</h2><div class="scroll" tabindex="0" role="region" aria-label="Losses">
<table class="numbers"><thead><tr>{% for column in columns %}<th scope="col">{{ column.title }}</th>
{% endfor %}</tr></thead><tbody>
{% for row in range(columns[0].cells | length) %}<tr>{% for column in columns %}
<td>{{ column.cells[row] }}</td>{% endfor %}</tr>{% endfor %}</tbody></table></div></section>
<section><h2>Settings</h2><div class="scroll" tabindex="0" role="region" aria-label="Settings">
<table class="numbers settings"><tbody>{% for name, value in settings %}
<tr><th scope="row"><code>{{ name }}</code></th><td class="words">{{ value }}</td></tr>
{% endfor %}</tbody></table></div></section>
</main></div>
{% endblock %}"""

#: Rows of the table of losses.
ROWS = 11
#: Characters of a file's name in the title; the whole one is among the settings.
LONGEST_NAME = 40


def write_page(
    path: Path,
    result: Stylised,
    settings: Settings,
    content: Path,
    styles: Sequence[tuple[str, float]],
) -> None:
    """Write one HTML file that needs nothing else.

    Parameters
    ----------
    path : Path
    result : Stylised
    settings : Settings
    content : Path
        The picture that was painted.
    styles : sequence of (str, float)
        The style pictures with their weights.

    Raises
    ------
    UserFileError
        The file cannot be written.
    """
    from chainrule.experiments.style_transfer_figures import draw_losses, draw_pictures
    from chainrule.reporting.figures import house_style, to_svg
    from chainrule.reporting.page import columns, environment

    names = [Path(picture).name for picture, _ in styles]
    weighted = [
        name if weight == 1 else f"{name} × {weight:g}"
        for name, (_, weight) in zip(names, styles, strict=True)
    ]
    steps = [moment[0] for moment in result.history]
    parts = {
        name: [getattr(moment[2], name) for moment in result.history]
        for name in ("total", "style", "content", "variation")
    }
    with house_style():
        strip = draw_pictures([(f"after {step}", frame) for step, frame in result.frames])
        curves = draw_losses([(name, steps, values) for name, values in parts.items()])
        figures = [
            _figure("The result", _png(result.image), "The stylised picture."),
            _figure(
                "After so many evaluations",
                to_svg(strip, "filmstrip"),
                "The picture at several moments.",
            ),
            _figure("Losses on the way", to_svg(curves, "losses"), "Losses over evaluations."),
        ]
    chosen = sorted({round(i * (len(steps) - 1) / (ROWS - 1)) for i in range(ROWS)})
    table = {
        "columns": ["evaluation", "total", "style", "content", "variation", "seconds"],
        "rows": [
            [result.history[i][0], *result.history[i][2], result.history[i][3]] for i in chosen
        ],
    }
    height, width = result.image.shape[:2]
    html = (
        environment()
        .from_string(_PAGE)
        .render(
            title=f"{_titled(content.name)} in the style of {', '.join(map(_titled, names))}",
            summary=(
                f"{width} × {height} pixels, encoder {result.encoder}, computed in "
                f"{result.precision}, {counted(len(steps), 'evaluation')}, "
                f"{result.history[-1][3]:.1f} s."
            ),
            notes=result.notes,
            figures=figures,
            columns=columns(table),
            settings=[
                ("content", content.name),
                ("style", ", ".join(weighted)),
                *((name, str(value)) for name, value in asdict(settings).items()),
            ],
        )
    )
    write_text(path, html)


def _titled(file: str) -> str:
    """A file's name for a title, in words: of a long one the beginning and the end."""
    name = " ".join(Path(file).stem.replace("_", " ").split()) or file
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 13]}…{name[-12:]}"


def _png(picture: Any) -> bytes:
    """A picture as the bytes of a PNG file."""
    import io

    from PIL import Image

    from chainrule.vision.images import to_bytes

    buffer = io.BytesIO()
    Image.fromarray(to_bytes(picture)).save(buffer, "PNG")
    return buffer.getvalue()


def _figure(title: str, content: bytes | str, alternative: str) -> dict[str, str]:
    """A picture with its content in its address."""
    kind = "image/svg+xml" if isinstance(content, str) else "image/png"
    data = content.encode() if isinstance(content, str) else content
    address = f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
    return {"title": title, "alternative": alternative, "address": address}
