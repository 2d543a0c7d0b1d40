"""The path of an optimizer that is wrong: which rule of the update was got wrong."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.checking.updates.faults import CONVENTIONS, Altered, diagnose, first_wrong_step
from chainrule.checking.updates.rules import Walk, formula
from chainrule.grading.comparison import UNKNOWN, Compared, Difference
from chainrule.grading.exercise import Inputs, Part


def wrong_updates(
    part: Part, name: str, compared: Sequence[Compared], inputs: Sequence[Inputs]
) -> list[Difference]:
    """What is wrong with a value that is the path of an optimizer; nothing where it is none.

    Parameters
    ----------
    part : Part
    name : str
        The value.
    compared : sequence of Compared
        It in each case, wrong in one at least.
    inputs : sequence of dict
        By case.
    """
    if name not in part.updates:
        return []
    walks = [part.updates[name](each) for each in inputs]
    claims = [np.asarray(c.claimed, dtype=float) for c in compared if c.claimed is not None]
    shapes = [claimed.shape for claimed in claims]
    found: list[Difference] = []
    if walks[0].with_start and shapes == [(len(w.rates), w.start.size) for w in walks]:
        found = [Difference("G101", f"{name} lacks a row: the first is the start, w0.")]
        claims = [np.vstack([w.start, claimed]) for w, claimed in zip(walks, claims, strict=True)]
    if [claimed.shape for claimed in claims] != [walk.path().shape for walk in walks]:
        return []
    step = first_wrong_step(claims, walks, part.rtol)
    if step is None:
        return found
    causes = diagnose(claims, walks)
    if causes:
        return found + _said(causes, walks[0])
    where = "does not begin with the start" if step == 0 else f"is wrong from step {step} on"
    return [Difference(UNKNOWN, f"{name} {where}.{' ' + part.hint if part.hint else ''}")]


def _said(causes: list[tuple[Altered, ...]], walk: Walk) -> list[Difference]:
    """One finding for each code that is needed; what would explain as much stands in the last."""
    first, *others = causes
    words: dict[str, str] = {}
    for each in first:
        words[each.code] = f"{words[each.code]} {each.words}" if each.code in words else each.words
    if words.keys() & CONVENTIONS:
        words[first[-1].code] += f" Asked for is {formula(walk.rule)}."
    if others:
        also = sorted({" with ".join(each.code for each in other) for other in others})
        words[first[-1].code] += f" Or it is {' or '.join(also)}."
    return [Difference(code, said) for code, said in words.items()]
