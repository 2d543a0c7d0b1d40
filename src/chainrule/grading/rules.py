"""A value against rules: what is right given the submission's own values, and known mistakes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from chainrule.checking.mistakes import mistake
from chainrule.grading.comparison import EXACT, Difference, compare
from chainrule.grading.exercise import Inputs, Part, Rule, Values


def follows(
    rule: Rule,
    name: str,
    own: Sequence[tuple[Inputs, Values]],
    rtol: float,
) -> bool:
    """Whether a value is what a rule makes of the submission's own values, in every case."""
    try:
        made = [rule(inputs, values) for inputs, values in own]
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError):
        return False
    return all(
        name in right and compare(name, values[name], right[name], rtol).right
        for (_, values), right in zip(own, made, strict=True)
    )


def slips_in(
    part: Part, name: str, own: Sequence[tuple[Inputs, Values]]
) -> dict[tuple[str, str], Difference]:
    """The part's expected mistakes that give exactly this value, by code and words."""
    found = {}
    for code, ways in part.slips.items():
        for rule, words in ((ways, ""),) if callable(ways) else ways:
            if follows(rule, name, own, EXACT):
                said = f"is {words}" if words else "agrees with this mistake"
                evidence = f"{mistake(code).name}: {name} {said}."
                found[code, words] = Difference(code, evidence)
    return found


def chosen(
    slips: Mapping[str, Mapping[tuple[str, str], Difference]],
) -> Iterator[tuple[Difference, tuple[str, ...]]]:
    """Of several mistakes that give a value, the one that gives the most values."""
    count = Counter(way for ways in slips.values() for way in ways)
    for name, ways in slips.items():
        # Where two give as many, the one that the part names first.
        yield ways[max(ways, key=lambda way: count[way])], (name,)
