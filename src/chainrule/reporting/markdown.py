"""The Markdown that experiments write, as HTML that cannot carry anything else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from chainrule.reporting.numbers import grouped_figures

_INDEX = re.compile(r"&lt;(su[bp])&gt;((?:(?!&lt;).)*)&lt;/\1&gt;")


def to_html(markdown: str) -> str:
    """Return Markdown as HTML.

    Paragraphs, emphasis, code, lists, quotations, tables and links are understood, and <sub> and
    <sup> for indices and powers. Every other tag is shown as written; headings, pictures and links
    to anything but web pages and the page itself are not made.

    Parameters
    ----------
    markdown : str

    Returns
    -------
    str
        HTML without scripts, attributes from the text, or addresses that a browser would load.
    """
    html: str = _converter().render(markdown)
    return html


class _Renderer(RendererHTML):
    """Escapes all text, then lets indices and powers through."""

    def fence(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        """Return code as HTML, in a box that the keyboard can scroll."""
        return super().fence(tokens, idx, options, env).replace("<pre>", '<pre tabindex="0">', 1)

    def code_block(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        """Return indented code as HTML, as `fence` does."""
        found = super().code_block(tokens, idx, options, env)
        return found.replace("<pre>", '<pre tabindex="0">', 1)

    def text(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        """Return a piece of text as HTML, its numbers written as those of tables."""
        text = grouped_figures(super().text(tokens, idx, options, env))
        return _INDEX.sub(r"<\1>\2</\1>", text)


class _Converter(MarkdownIt):
    """CommonMark and tables, links restricted."""

    def validateLink(self, url: str) -> bool:
        """Return whether a link may point to `url`: the web, or a place on the page."""
        return url.startswith(("https://", "http://", "#"))


@cache
def _converter() -> MarkdownIt:
    """Return the converter, raw HTML switched off."""
    converter = _Converter("commonmark", {"html": False}, renderer_cls=_Renderer)
    converter.enable("table")
    return converter.disable(["image", "heading", "lheading"])
