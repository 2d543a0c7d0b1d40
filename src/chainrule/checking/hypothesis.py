"""A mistake that might have been made: an alteration of the backward pass, and how to say it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.checking.factors import Factor
from chainrule.checking.replay import Alterations, Pass
from chainrule.checking.trial import Trial

Build = Callable[[Trial, Pass], Alterations | None]
#: Gives a factor a name from its values on the probes; None if it follows nothing.
Namer = Callable[[Sequence[float]], Factor | None]
#: What the fitted factors mean at a site: the codes and the evidence; None if nothing there.
Naming = Callable[[Sequence[float], Namer], tuple[tuple[str, ...], str] | None]


@dataclass(frozen=True)
class Hypothesis:
    """One mistake at one place.

    Attributes
    ----------
    key : tuple
        Names the mistake and the place, the same on every probe.
    codes : tuple of str
        Empty for a factor, whose value decides.
    rank : int
        Of several that explain a gradient equally well, those of the lowest rank are reported.
    evidence : str
    build : callable
        The alterations, given the pass so far; None if it does not apply. For a factor they are
        those of the factor 2.
    naming : callable or None
        For a factor.
    """

    key: tuple[Any, ...]
    codes: tuple[str, ...]
    rank: int
    evidence: str
    build: Build
    naming: Naming | None = None


def always(alterations: Alterations) -> Build:
    """Alterations that do not depend on the pass so far."""
    return lambda trial, state: alterations
