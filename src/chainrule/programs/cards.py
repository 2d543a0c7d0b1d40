"""What a picture of a graph consists of, before anything has a place: cards and edges."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chainrule.engine.graph import shape_of
from chainrule.programs.summaries import Summary, number_text, summarise


@dataclass
class Card:
    """One box of a picture.

    Attributes
    ----------
    kind : str
        "input", "parameter", "operation", "result", "constant", "group"; in the backward pass
        "backward", "gradient", "seed", "group"; "reference" stands for a card drawn elsewhere.
    title, detail : str
        The name, and the expression or the path of an input.
    shape : str
    rows : list of (label, Summary or None)
        Values shown, such as value and derivative; None where there is no derivative.
    reserve : list of Summary
        Values that may stand there later, for which there must be room.
    lines : list of str
        What a group contains.
    times : int
        How often a group repeats.
    profile : list of float
        One number per repeat of a group: the norm of the derivative.
    nodes : list of int
        The graph's nodes that the card stands for.
    lane : int
        0 forward, 1 backward.
    below : int
        The forward card that a backward card belongs to.
    short : str
        What a reference to the card is called, if not by its title.
    about : str
        The whole story in one sentence.
    mark : str
        "wrong" outlines the card in the colour of what is odd.
    """

    kind: str
    title: str
    detail: str = ""
    shape: str = ""
    rows: list[tuple[str, Summary | None]] = field(default_factory=list)
    reserve: list[Summary] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    times: int = 1
    profile: list[float] = field(default_factory=list)
    nodes: list[int] = field(default_factory=list)
    lane: int = 0
    below: int = 0
    short: str = ""
    about: str = ""
    mark: str = ""


@dataclass
class Edge:
    """An arrow between two cards: "flow" within a pass, "residual" and "of" between them."""

    source: int
    target: int
    kind: str = "flow"
    label: str = ""
    nodes: tuple[int, int] = (-1, -1)


@dataclass
class Sketch:
    """The cards and edges of a picture.

    Attributes
    ----------
    cards, edges : lists
    differentiated : str
        Name of the output whose derivative is shown; empty where there is none.
    note : str
        Why there is no derivative, where there is none.
    """

    cards: list[Card]
    edges: list[Edge]
    differentiated: str = ""
    note: str = ""


def profile_text(card: Card) -> str:
    """The first and the last norm of a group."""
    return f"{number_text(card.profile[0], 3)} … {number_text(card.profile[-1], 3)}"


def brief(value: Any) -> Summary:
    """A summary that suits a card: four digits of a number, three of several."""
    return summarise(value, 4 if shape_of(value) == () else 3)
