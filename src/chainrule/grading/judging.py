"""The verdict on one part, from returned values: what is right, why the rest is not, what it costs.

The rubric is by cause. A mistake costs its share of the points once, however many values it makes
wrong, and never more than those values are worth; a value that is wrong only because an earlier one
is costs nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.grading.comparison import UNKNOWN, Compared, Difference, compare, relation
from chainrule.grading.exercise import Inputs, Part, Values
from chainrule.grading.result import Finding
from chainrule.grading.rules import chosen, follows, slips_in
from chainrule.grading.updates import wrong_updates
from chainrule.grading.values import flattened, missing_values, renamed

#: Relations of one value to the right one, which a mistake further up may explain better.
_RELATIONS = ("G201", "G202", "G204", "G205", "G206", "G701")


@dataclass(frozen=True)
class Answer:
    """What a submission gave in one case.

    Attributes
    ----------
    inputs : dict
    values : dict
    errors : dict of str to str
        Sentences, for values that could not be computed.
    changed : tuple of str
        Inputs that were changed.
    shared : tuple of str
        Pairs ``"value input"`` that share memory.
    earlier : dict
        The submission's own values of earlier parts.
    """

    inputs: Inputs
    values: Values
    errors: Mapping[str, str]
    changed: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    earlier: Values = field(default_factory=dict)


@dataclass(frozen=True)
class Judgement:
    """Findings with their cost, notes, and the share of the points that is left."""

    share: float
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


def judge(
    part: Part,
    answers: Sequence[Answer],
    repeated: Answer,
    expected: Sequence[Values],
    gradient: Callable[..., Any],
    shared: frozenset[str] = frozenset(),
) -> Judgement:
    """Form the verdict on a part.

    Parameters
    ----------
    part : Part
    answers : sequence of Answer
        One for each case.
    repeated : Answer
        The first case once more.
    expected : sequence of dict
        The right values, by case.
    gradient : callable
        ``gradient(**inputs)`` asks the submission again, for the search of a cause.
    shared : set of str
        Pairs ``"value input"`` that share memory where all is right.
    """
    notes: list[str] = []
    found: list[tuple[Difference, tuple[str, ...]]] = []
    right = [
        true if part.measure is None else part.measure(answer.inputs, true)
        for answer, true in zip(answers, expected, strict=True)
    ]
    pairs = [flattened(values, values) for values in right]
    names = tuple(dict.fromkeys(name for values in pairs for name in values))
    measured: list[Values] = []
    for answer, true in zip(answers, right, strict=True):
        values, refusal = _measured(part, answer)
        measured.append(renamed(flattened(values, true), flattened(true, true), notes))
        if refusal:
            found.append((refusal, names))
            break
    right = pairs
    if not found:
        found = _wrong(part, names, measured, answers, right, gradient, notes)
    random = (
        []
        if part.measure is not None
        else [
            name
            for name in answers[0].values
            if not _same(answers[0].values, repeated.values, name)
        ]
    )
    if random and found:
        evidence = f"Two identical calls gave different values of {_listed(random)}: it is random."
        found = [(Difference("G105", evidence), names)]
    elif random:
        notes.append(f"Two identical calls gave slightly different {_listed(random)}.")
    _habits(part, answers, shared, found, notes)
    return _costed(part, names, found, notes)


def _measured(part: Part, answer: Answer) -> tuple[Values, Difference | None]:
    if part.measure is None or answer.errors:
        return answer.values, None
    try:
        return part.measure(answer.inputs, answer.values), None
    except ValueError as error:
        return {}, Difference(UNKNOWN, str(error))
    except (KeyError, TypeError, IndexError, AttributeError, ArithmeticError):
        given = ", ".join(answer.values) or "nothing"
        return {}, Difference("G101", f"What was returned ({given}) is not what is asked for.")


def _wrong(
    part: Part,
    names: tuple[str, ...],
    measured: Sequence[Values],
    answers: Sequence[Answer],
    expected: Sequence[Values],
    gradient: Callable[..., Any],
    notes: list[str],
) -> list[tuple[Difference, tuple[str, ...]]]:
    """Every value that is wrong, grouped by what made it so."""
    found: list[tuple[Difference, tuple[str, ...]]] = []
    unexplained: list[str] = []
    missing: list[str] = []
    single: dict[str, Difference | None] = {}
    slips: dict[str, dict[tuple[str, str], Difference]] = {}
    wrong_in: list[list[str]] = [[] for _ in answers]
    for name in names:
        asked = [i for i, true in enumerate(expected) if name in true]
        if any(name not in measured[i] for i in asked):
            error = next((a.errors[name] for a in answers if name in a.errors), None)
            if error:
                found.append((Difference("G107", error), (name,)))
            else:
                missing.append(name)
            continue
        compared = [compare(name, measured[i][name], expected[i][name], part.rtol) for i in asked]
        notes.extend({each.note: None for each in compared if each.note})
        if all(each.right for each in compared):
            continue
        own = [(answers[i].inputs, {**answers[i].earlier, **measured[i]}) for i in asked]
        if part.follow is not None and follows(part.follow, name, own, part.rtol):
            notes.append(f"{name} is wrong only because it is computed from a wrong value.")
            continue
        for i, each in zip(asked, compared, strict=True):
            wrong_in[i] += [] if each.right else [name]
        kinds = wrong_updates(part, name, compared, [answers[i].inputs for i in asked])
        if kinds:
            found += [(each, (name,)) for each in kinds]
            continue
        slips[name] = slips_in(part, name, own)
        if slips[name]:
            continue
        kind = next((each.difference for each in compared if each.difference), None)
        cases = ([expected[i] for i in asked], [answers[i] for i in asked])
        kind = kind or _related(name, compared, *cases)
        if kind is None:
            unexplained.append(name)
            single[name] = _related(name, compared, *cases, alone=False)
        else:
            found.append((kind, (name,)))
    found += chosen({name: ways for name, ways in slips.items() if ways})
    found.sort(key=lambda each: names.index(each[1][0]))
    for name, kind in single.items():
        # One number is a multiple of any other; it shows a factor that others have shown.
        if kind is not None and any(_alike(kind, name, other, names) for other, names in found):
            unexplained.remove(name)
            found.append((kind, (name,)))
    if missing:
        found.append((missing_values(part, missing, names, measured), tuple(missing)))
    if part.loss is not None and (unexplained or found):
        # The case in which most of the values are wrong, so that all of them are explained.
        telling = max(range(len(answers)), key=lambda i: len(wrong_in[i]))
        found = _caused(part, found, unexplained, answers[telling].inputs, gradient)
    else:
        found += [(_unknown(part, name), (name,)) for name in unexplained]
    return _merged(found)


def _alike(kind: Difference, name: str, other: Difference, names: Sequence[str]) -> bool:
    """Whether two values are wrong in the same way."""
    said = (each.evidence.removeprefix(whose) for each, whose in ((kind, name), (other, names[0])))
    return kind.code == other.code and len(set(said)) == 1


def _related(
    name: str,
    compared: Sequence[Compared],
    expected: Sequence[Values],
    answers: Sequence[Answer],
    alone: bool = True,
) -> Difference | None:
    pairs = []
    for each, true in zip(compared, expected, strict=True):
        if each.claimed is None or isinstance(true[name], str | bool):
            return None
        try:
            wanted = np.asarray(true[name], dtype=float)
        except (TypeError, ValueError, OverflowError):
            return None
        if wanted.shape != each.claimed.shape:
            return None
        pairs.append((each.claimed, wanted))
    found = relation(name, pairs, [answer.inputs for answer in answers], alone)
    return None if found is None or math.isnan(pairs[0][0].ravel()[0]) else found


def _unknown(part: Part, name: str) -> Difference:
    return Difference(UNKNOWN, f"{name} is wrong.{' ' + part.hint if part.hint else ''}")


def _caused(
    part: Part,
    found: list[tuple[Difference, tuple[str, ...]]],
    unexplained: list[str],
    inputs: Inputs,
    gradient: Callable[..., Any],
) -> list[tuple[Difference, tuple[str, ...]]]:
    """The findings of the gradient check, where it has any; else what the values alone tell."""
    from chainrule.checking.check import check

    assert part.loss is not None
    fallback = found + [(_unknown(part, name), (name,)) for name in unexplained]
    # What is missing, of another kind or shape, or not finite is said already.
    open_to_doubt = {
        name for difference, names in found if difference.code in _RELATIONS for name in names
    }
    suspects = open_to_doubt | set(unexplained)
    if not suspects or any(difference.code == "G107" for difference, _ in found):
        return fallback
    try:
        report = check(part.loss, gradient, inputs, parameters=part.parameters)
    except Exception:  # a search for the cause may fail; the verdict on the values stands
        return fallback
    if report.verdict != "wrong":
        return fallback
    touched: dict[tuple[str, str], list[str]] = {}
    inherited: list[str] = []
    for name, verdict in report.gradients.items():
        if verdict.verdict != "wrong" or name not in suspects:
            continue
        for cause in verdict.causes:
            # Line numbers are those of the exercise's loss, which the student does not see.
            evidence = re.sub(r" \(line \d+\)", "", _sentence(cause.evidence))
            touched.setdefault((cause.code, f"{cause.name}: {evidence}"), []).append(name)
        if verdict.inherited and not verdict.causes:
            inherited.append(name)
    causes = _causes(touched)
    told = {name for _, names in causes for name in names} | set(inherited)
    return causes + [(d, names) for d, names in fallback if not set(names) <= told]


def _causes(
    touched: Mapping[tuple[str, str], list[str]],
) -> list[tuple[Difference, tuple[str, ...]]]:
    """Mistakes that touch the same gradients explain them equally well; others are independent.

    One misconception in several layers is one mistake.
    """
    alternatives: dict[frozenset[str], list[tuple[str, str]]] = {}
    for key, names in touched.items():
        alternatives.setdefault(frozenset(names), []).append(key)
    found: dict[str, tuple[list[str], list[str]]] = {}
    for (code, evidence), *others in alternatives.values():
        also = sorted({other for other, _ in others} - {code, UNKNOWN})
        sentences, names = found.setdefault(code, ([], []))
        sentences.append(evidence + (f" Or it is {' or '.join(also)}." if also else ""))
        names += touched[code, evidence]
    return [
        (Difference(code, " ".join(dict.fromkeys(sentences))), tuple(dict.fromkeys(names)))
        for code, (sentences, names) in found.items()
    ]


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "?")) else text + "."


def _merged(
    found: list[tuple[Difference, tuple[str, ...]]],
) -> list[tuple[Difference, tuple[str, ...]]]:
    """One finding for each relation that several values show."""
    groups: dict[tuple[str, str], list[tuple[Difference, tuple[str, ...]]]] = {}
    for difference, names in found:
        pattern = difference.evidence
        for name in names:
            # The name alone: "a" is also a word, and stands in others.
            pattern = re.sub(
                rf"(?<!\w){re.escape(name)}(?= (is|has|holds|agrees|was)\b)", "…", pattern
            )
        # Values of other sizes show the same mistake with other numbers.
        pattern = re.sub(r"\d+", "0", pattern)
        groups.setdefault((difference.code, pattern), []).append((difference, names))
    merged = []
    for group in groups.values():
        names = tuple(dict.fromkeys(name for _, each in group for name in each))
        evidence = group[0][0].evidence
        if len(group) > 1:
            evidence += f" The same holds for {_listed(names[1:])}."
        merged.append((Difference(group[0][0].code, evidence), names))
    return merged


def _habits(
    part: Part,
    answers: Sequence[Answer],
    allowed: frozenset[str],
    found: list[tuple[Difference, tuple[str, ...]]],
    notes: list[str],
) -> None:
    """What a function does to its arguments."""
    changed = [n for n in dict.fromkeys(n for a in answers for n in a.changed)
               if n not in part.may_change]  # fmt: skip
    if changed:
        evidence = f"The call changed its input {_listed(changed)}; work on a copy."
        found.append((Difference("G104", evidence), ()))
    shared = {pair for answer in answers for pair in answer.shared} - allowed
    for value, given in sorted(pair.rsplit(" ", 1) for pair in shared):
        if given in part.may_change:
            continue
        notes.append(f"{value} shares its memory with the input {given}; return a copy.")


def _same(first: Values, second: Values, name: str) -> bool:
    a, b = first.get(name), second.get(name)
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, int | float | Fraction) and isinstance(b, int | float | Fraction):
        return a == b or (a != a and b != b)
    try:
        return repr(a) == repr(b)
    except ValueError:  # a whole number in it has too many digits to be written
        return bool(a == b)


def _costed(
    part: Part,
    names: tuple[str, ...],
    found: list[tuple[Difference, tuple[str, ...]]],
    notes: list[str],
) -> Judgement:
    total = sum(part.weights.get(name, 1.0) for name in names) or 1.0
    left = {name: part.weights.get(name, 1.0) / total for name in names}
    findings = []
    share = 1.0
    for difference, affected in found:
        worth = sum(left[name] for name in affected) if affected else 1.0
        cost = min(part.deduction(difference.code), worth, share)
        # The first mistake of a value takes from what it is worth; a second one gets the rest.
        for name in affected:
            left[name] *= max(0.0, 1 - cost / worth) if worth else 0.0
        share -= cost
        findings.append(
            Finding(difference.code, difference.evidence, affected, round(cost * part.points, 4))
        )
    return Judgement(max(0.0, share), tuple(findings), tuple(dict.fromkeys(notes)))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
