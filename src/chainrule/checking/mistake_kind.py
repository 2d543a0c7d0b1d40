"""What is said about a mistake that has a name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """One kind of mistake in a hand-written gradient or update rule.

    Attributes
    ----------
    code : str
    name : str
    what : str
        What is wrong, for a gradient as a relation between the claimed and the true one.
    recognised : str
        How the check tells it from its look-alikes.
    unnoticed : str
        Why training often hides it.
    mend : str
        What to write instead.
    """

    code: str
    name: str
    what: str
    recognised: str
    unnoticed: str
    mend: str
