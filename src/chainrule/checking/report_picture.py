"""The graph of a checked loss as a picture: true and claimed gradients side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chainrule.checking.report import GradientVerdict
from chainrule.engine.graph import Graph
from chainrule.programs.cards import brief
from chainrule.programs.picture import draw
from chainrule.programs.sketch import sketch

if TYPE_CHECKING:
    from chainrule.programs.picture import Picture

#: Nodes above which repeated parts are drawn as one card, and above which nothing is drawn.
COLLAPSED, TOO_MANY = 60, 600

_TITLES = {
    "ok": "Every claimed gradient is the true one",
    "wrong": "Claimed and true gradients; what is wrong has a red outline",
    "inconclusive": "Claimed and true gradients",
}


def claimed_picture(
    graph: Graph | None,
    claims: Mapping[str, Any],
    verdicts: Mapping[str, GradientVerdict],
    verdict: str,
) -> Picture | None:
    """Draw a loss with the values of the example.

    Parameters
    ----------
    graph : Graph or None
        The loss at the example, with its backward pass or without.
    claims : mapping of str to array
        The hand-written gradient, by parameter.
    verdicts : mapping of str to GradientVerdict
    verdict : str
        Of the whole check.

    Returns
    -------
    Picture or None
        None if there is no graph or it has too many nodes to be looked at.
    """
    if graph is None or len(graph.nodes) > TOO_MANY:
        return None
    drawn = sketch(graph, collapse=len(graph.nodes) > COLLAPSED, parameters=tuple(verdicts))
    for card in drawn.cards:
        here = {graph.nodes[index].name for index in card.nodes}
        names = [name for name in verdicts if name in here and name in claims]
        # A card that stands for several layers has no one claim to show.
        for name in names if len(names) == 1 else ():
            card.rows = [*card.rows, ("claimed", brief(claims[name]))]
            card.mark = verdicts[name].verdict
            card.about = f"{card.about} The claimed gradient is {verdicts[name].verdict}."
    return draw(graph, drawn, title=_TITLES.get(verdict, _TITLES["inconclusive"]))
