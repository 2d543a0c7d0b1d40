"""The picture of a checked loss: claimed beside true, and red where they differ."""

from __future__ import annotations

import base64
import re
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.checking.report_picture import TOO_MANY, claimed_picture


def loss(W: Any, b: Any, x: Any) -> Any:
    return np.mean(np.tanh(x @ W + b))


def example() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {"W": rng.normal(size=(3, 2)), "b": rng.normal(size=2), "x": rng.normal(size=(5, 3))}


def gradient(W: Any, b: Any, x: Any) -> dict[str, Any]:
    dz = (1 - np.tanh(x @ W + b) ** 2) / 10
    return {"W": x.T @ dz, "b": 2 * dz.sum(axis=0)}


def test_claims_stand_beside_the_truth_and_what_is_wrong_is_marked() -> None:
    report = cr.check(loss, gradient, example)
    drawn = report.picture()
    assert drawn is not None
    cards = re.findall(r'<g class="cg-card ([^"]*)".*?<title>(.*?)</title>', drawn.svg, re.DOTALL)
    marked = {about.split()[1].rstrip(";") for kind, about in cards if "cg-wrong" in kind}
    assert marked == {"b"}
    assert drawn.svg.count(">claimed<") == 2
    assert "The claimed gradient is wrong." in drawn.svg


def test_the_page_holds_the_picture_as_an_image() -> None:
    # Untrusted notebooks strip inline SVG.
    page = cr.check(loss, gradient, example).html()
    (encoded,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    assert base64.b64decode(encoded).startswith(b"<svg")
    assert "<svg" not in page


def test_there_is_none_where_there_is_no_graph_or_too_large_a_one() -> None:
    def untraceable(w: Any) -> Any:
        return float(np.linalg.norm(np.sort(w).__array__()) ** 2)

    report = cr.check(untraceable, lambda w: {"w": 3 * w}, lambda: {"w": np.ones(2)})
    assert report.verdict == "wrong"
    assert report.picture() is None
    assert "data:image" not in report.html()
    graph = cr.trace(lambda w: sum(w * number for number in range(TOO_MANY)), 1.0)
    assert claimed_picture(graph, {}, {}, "wrong") is None
