"""A claim: what should hold, what was measured, what was expected, and whether it held."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Claim:
    """One statement of an experiment, measured.

    Attributes
    ----------
    id : str
        Short name, unique in its run.
    statement : str
        What should hold, as a sentence.
    measured, expected : str or number
        The measured figure, and the value or bound it is compared with.
    holds : bool or None
        Whether it held; None where this run could not decide it.
    source : str
        Where the statement comes from, for example "001 §1 (e)"; may be empty.
    """

    id: str
    statement: str
    measured: str | float
    expected: str | float
    holds: bool | None
    source: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return every field, for `claims.json`."""
        return asdict(self)

    def result(self) -> dict[str, Any]:
        """Return the five fields that the command line prints as JSON."""
        fields = asdict(self)
        del fields["source"]
        return fields


def verdict(holds: bool | None) -> str:
    """Return "held", "not held" or "not decided" for a claim's `holds`."""
    if holds is None:
        return "not decided"
    return "held" if holds else "not held"


def exit_status(outcomes: Iterable[bool | None]) -> int:
    """Return the exit status for the `holds` of all claims: 0 all held, 1 one failed, 3 undecided.

    A failed claim outweighs an undecided one.
    """
    outcomes = list(outcomes)
    if any(holds is False for holds in outcomes):
        return 1
    return 3 if any(holds is None for holds in outcomes) else 0
