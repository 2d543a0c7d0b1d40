"""Figures are drawn in the house style, saved the same every time, and are pictures only."""

from __future__ import annotations

import re

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from chainrule.reporting.figures import COLOURS, house_style, subplots, to_svg


def draw() -> Figure:
    with house_style():
        figure, axes = plt.subplots()
        for slope in (1, 2):
            axes.plot([0, slope], label=f"slope {slope}")
        axes.set(xlabel="x", ylabel="y")
        axes.legend()
    return figure


def test_the_same_figure_is_the_same_text_without_a_date() -> None:
    first, second = to_svg(draw(), "lines"), to_svg(draw(), "lines")
    assert first == second
    assert "dc:date" not in first
    assert first != to_svg(draw(), "others")


def test_a_saved_figure_is_closed() -> None:
    figure = draw()
    to_svg(figure, "lines")
    assert figure.number not in plt.get_fignums()  # type: ignore[attr-defined]


def test_lines_differ_in_dash_and_in_grey() -> None:
    with house_style():
        cycle = list(mpl.rcParams["axes.prop_cycle"])
    assert len({str(each["linestyle"]) for each in cycle}) == len(COLOURS)
    greys = sorted(
        sum(
            share * int(colour[at : at + 2], 16) / 255
            for share, at in ((0.2126, 1), (0.7152, 3), (0.0722, 5))
        )
        for colour in COLOURS
    )
    # Enough of white's brightness is missing for a line to be seen on the card.
    assert greys[-1] < 0.7


def test_the_style_ends_with_its_context() -> None:
    before = mpl.rcParams["axes.grid"]
    with house_style():
        assert mpl.rcParams["axes.grid"] is True
    assert mpl.rcParams["axes.grid"] == before


SAFE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><use href="#a"/>%s</svg>'


def test_svg_is_kept_as_it_is() -> None:
    svg = SAFE % '<text x="1">on = off</text>'
    assert to_svg(svg, "drawing") == svg


@pytest.mark.parametrize(
    ("svg", "words"),
    [
        ("<p>no</p>", "not SVG"),
        (SAFE % "<script>x</script>", "holds a script"),
        (SAFE % '<rect onload="x"/>', "holds a script"),
        (SAFE % '<a href="javascript:x"/>', "holds a script"),
        (SAFE % "<foreignObject/>", "holds a script"),
        (SAFE % '<image href="https://a.b/c.png"/>', "loads something from elsewhere"),
        (SAFE % '<image xlink:href="//a.b/c.png"/>', "loads something from elsewhere"),
        (SAFE % "<style>a{fill:url(http://a.b)}</style>", "loads something from elsewhere"),
    ],
)
def test_svg_that_is_more_than_a_picture_is_refused(svg: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        to_svg(svg, "drawing")


def test_a_figure_of_its_own_is_not_kept_by_pyplot() -> None:
    before = plt.get_fignums()
    figure, panes = subplots(1, 2, figsize=(4, 2))
    assert (len(figure.axes), panes.shape, figure.get_size_inches().tolist()) == (2, (2,), [4, 2])
    assert plt.get_fignums() == before
