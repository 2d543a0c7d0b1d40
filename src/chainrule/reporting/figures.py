"""Figures: the house style for matplotlib, and the same SVG for the same figure every time."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Colours told apart with any colour vision, ordered so that their greys differ too.
COLOURS = ("#1f4e9c", "#d1661b", "#2f8f6b", "#a23b72", "#7a7f87", "#c9a227")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))
INK, QUIET, RULE, CARD = "#1d2430", "#5b6472", "#d9dde3", "#ffffff"


@contextmanager
def house_style() -> Iterator[None]:
    """Draw figures in the house style while the context is open.

    Lines differ in dash as well as colour, so that they can be told apart in grey; the background
    is light, and the page keeps it so in dark mode.
    """
    import matplotlib
    from cycler import cycler

    style: Any = {
        "figure.figsize": (6.2, 3.9),
        "figure.constrained_layout.use": True,
        "figure.facecolor": CARD,
        "axes.facecolor": CARD,
        "axes.edgecolor": QUIET,
        "axes.labelcolor": INK,
        "axes.labelsize": 11.5,
        "axes.titlesize": 12,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlecolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=LINES),
        "grid.color": RULE,
        "grid.linewidth": 0.7,
        "lines.linewidth": 1.9,
        "lines.markersize": 5,
        "font.size": 11,
        "font.family": "DejaVu Sans",
        "text.color": INK,
        "xtick.color": QUIET,
        "ytick.color": QUIET,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.labelsize": 10.5,
        "ytick.labelsize": 10.5,
        "legend.frameon": False,
        "legend.fontsize": 10.5,
        "image.cmap": "cividis",
        "savefig.facecolor": CARD,
    }
    with matplotlib.rc_context(style):
        yield


def subplots(*shape: int, **options: Any) -> tuple[Figure, Any]:
    """As ``pyplot.subplots``, of a figure that pyplot does not keep.

    A notebook shows it once, as the value of a cell; one of pyplot's is shown when the cell ends
    and again as its value.
    """
    # Where pyplot is imported in a notebook, it teaches it to show figures as images.
    from matplotlib import pyplot  # noqa: F401
    from matplotlib.figure import Figure

    figure = Figure(figsize=options.pop("figsize", None))
    return figure, figure.subplots(*shape, **options)


def to_svg(figure: Figure | str, name: str) -> str:
    """Return a figure as SVG, the same text for the same figure.

    Parameters
    ----------
    figure : matplotlib Figure or str
        A figure, which is closed afterwards, or SVG, which is checked.
    name : str
        The figure's name; it makes the element identifiers in the SVG its own.

    Raises
    ------
    ValueError
        If a text is not SVG, or holds a script or the address of something elsewhere.
    """
    if isinstance(figure, str):
        return _checked(figure, name)
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    # Only a figure made through pyplot is registered there, and would stay in memory.
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close(figure)
    return buffer.getvalue()


def _checked(svg: str, name: str) -> str:
    """Return `svg` if it is a picture and nothing but one."""
    where = f"The figure {name!r}"
    if not re.search(r"<svg[\s>]", svg[:2000]):
        raise ValueError(f"{where} is not SVG: it begins with {svg[:40]!r}.")
    if re.search(r"<\s*(script|foreignObject|iframe)|\son\w+\s*=|javascript:", svg, re.I):
        raise ValueError(f"{where} holds a script; a figure is a picture only.")
    if re.search(r"(href|src)\s*=\s*[\"']\s*(https?:|//|file:)|url\(\s*[\"']?\s*(https?:|//)",
                 svg, re.I):  # fmt: skip
        raise ValueError(f"{where} loads something from elsewhere; put it into the SVG itself.")
    return svg
