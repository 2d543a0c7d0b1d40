"""Markdown becomes HTML that cannot carry scripts, attributes, or addresses that are loaded."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.reporting.markdown import to_html


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("a **b** *c* `d`", "<p>a <strong>b</strong> <em>c</em> <code>d</code></p>\n"),
        ("one\n\ntwo", "<p>one</p>\n<p>two</p>\n"),
        ("- x\n- y", "<ul>\n<li>x</li>\n<li>y</li>\n</ul>\n"),
        ("W<sub>1</sub> x<sup>2</sup>", "<p>W<sub>1</sub> x<sup>2</sup></p>\n"),
        ("`W<sub>1</sub>`", "<p><code>W&lt;sub&gt;1&lt;/sub&gt;</code></p>\n"),
        ("a * b * c and W_1, W_2", "<p>a * b * c and W_1, W_2</p>\n"),
        ("1 < 2 & 3", "<p>1 &lt; 2 &amp; 3</p>\n"),
        ("# not a heading", "<p># not a heading</p>\n"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n"),
        ("<sub onclick=x>1</sub>", "<p>&lt;sub onclick=x&gt;1&lt;/sub&gt;</p>\n"),
        ("<sub><b>1</b></sub>", "<p>&lt;sub&gt;&lt;b&gt;1&lt;/b&gt;&lt;/sub&gt;</p>\n"),
        ("[x](javascript:alert)", "<p>[x](javascript:alert)</p>\n"),
        ("[x](https://a.b)", '<p><a href="https://a.b">x</a></p>\n'),
        ("[x](data:text/html,y)", "<p>[x](data:text/html,y)</p>\n"),
    ],
)
def test_to_html(markdown: str, html: str) -> None:
    assert to_html(markdown) == html


PIECES = ["<script>", "<img src=http://x onerror=y>", "![a](http://x)", "<sub>", "</sub>", "**",
          "`", "[a](javascript:b)", "\n\n", "# h", "<style>", "&lt;script&gt;", "|", "-",
          "<!--"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5)).map("".join))
def test_no_text_becomes_anything_but_the_listed_tags(markdown: str) -> None:
    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            assert tag in {
                "p", "strong", "em", "code", "pre", "ul", "ol", "li", "blockquote", "a", "sub",
                "sup", "br", "hr", "table", "thead", "tbody", "tr", "th", "td",
            }  # fmt: skip
            assert {name for name, _ in attributes} <= {"href", "title", "class", "style", "start"}
            for name, value in attributes:
                if name == "href":
                    assert str(value).startswith(("http://", "https://", "#"))
                if name == "style":
                    assert str(value).startswith("text-align:")

    Reader().feed(to_html(markdown))
