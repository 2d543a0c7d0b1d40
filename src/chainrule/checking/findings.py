"""What a report says once: an observation, the mistakes that fit it, the gradients it explains."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from chainrule.checking.report import Cause, Report

_OWN = "\0"  # stands for the name of the gradient that a sentence is about


@dataclass(frozen=True)
class Finding:
    """One observation, and the names that fit it equally well.

    Attributes
    ----------
    causes : tuple of Cause
        The first is the one whose words are used.
    names : tuple of str
        The gradients that it explains.
    evidence : str
    """

    causes: tuple[Cause, ...]
    names: tuple[str, ...]
    evidence: str

    @property
    def title(self) -> str:
        """Codes and names of the mistakes."""
        return ", or ".join(f"{cause.code} {cause.name}" for cause in self.causes)


def findings(report: Report) -> list[Finding]:
    """Every distinct observation, in the order in which the gradients show them."""
    every = [(name, cause) for name, each in report.gradients.items() for cause in each.causes]
    said = Counter((cause.code, cause.evidence) for _, cause in every)
    by_sentence: dict[tuple[str, str], dict[str, Cause]] = {}
    for name, cause in every:
        once = said[cause.code, cause.evidence] == 1
        sentence = _without(name, cause.evidence) if once else cause.evidence
        by_sentence.setdefault((cause.code, sentence), {})[name] = cause
    joint: dict[tuple[str, tuple[str, ...]], list[Cause]] = {}
    for (_, sentence), by_name in by_sentence.items():
        names = tuple(by_name)
        joint.setdefault((sentence, names), []).append(by_name[names[0]])
    return [
        Finding(tuple(causes), names, _evidence(sentence, names, causes[0]))
        for (sentence, names), causes in joint.items()
    ]


def _without(name: str, evidence: str) -> str:
    """A sentence about a gradient with a mark in the place of its name."""
    return re.sub(rf"(?<![\w.`]){re.escape(name)}(?![\w`]|\[|\.\w)", _OWN, evidence)


def _evidence(sentence: str, names: tuple[str, ...], cause: Cause) -> str:
    said = sentence.replace(_OWN, names[0])
    if len(names) > 1 and _OWN in sentence:
        said += f" The same holds for {_listed(names[1:])}."
    return f"{said} With this undone, your example passes." if cause.repair_confirmed else said


def _listed(names: tuple[str, ...]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
