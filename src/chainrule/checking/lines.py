"""The first wrong line of a gradient under check: by its numbers, by its text, by hygiene."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.checking.hygiene import Hygiene
from chainrule.checking.localisation.first_wrong import localise
from chainrule.checking.localisation.hygiene import (
    changing_line,
    differing_line,
    first_line_where,
    returning_line,
)
from chainrule.checking.localisation.wording import FaultyLine
from chainrule.checking.reference import Reference
from chainrule.checking.repairs.search import Repair
from chainrule.checking.replay import Replay
from chainrule.checking.report import WrongLine
from chainrule.checking.trial import Trial
from chainrule.engine.errors import ChainruleError


def first_wrong_line(
    reference: Reference,
    seconds: float,
    drawn: Callable[[], Sequence[Trial]] = tuple,
    keep: Callable[[WrongLine], object] = bool,
) -> WrongLine | None:
    """The first wrong line of the user's gradient; None if it cannot be said for certain.

    Parameters
    ----------
    reference : Reference
    seconds : float
        Of computing, at most.
    drawn : callable
        Makes probes, on which a change of the text must do as well.
    keep : callable
        Told of a line that is likely, before probes are drawn.
    """
    subject = reference.subject
    graph = reference.graph
    if graph is None:
        return None

    def read(result: Any) -> Mapping[str, Any]:
        return subject.named(result)[0]

    def probes() -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        return [
            (
                subject.gradient_arguments(trial.point),
                _true_gradients(trial, reference.parameters),
            )
            for trial in drawn()
        ]

    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            found = localise(
                subject.user_gradient,
                subject.gradient_arguments(reference.point),
                graph,
                {name: reference.gradients[name] for name in reference.parameters},
                read=read,
                loss=lambda: subject.loss_value(reference.point),
                probes=probes,
                likely=lambda line: keep(_wrong_line(line)),
                seconds=seconds,
            )
    except (ChainruleError, RecursionError):  # the user's text, or what its functions return
        return None
    if found.first is None:
        return None
    same = [each for each in found.lines if each.line == found.line]
    repaired = sorted({name for each in same for name in each.repaired})
    line = _wrong_line(found.first)
    return dataclasses.replace(line, repairs=tuple(repaired), true_lines=found.true_lines)


def _wrong_line(found: FaultyLine) -> WrongLine:
    expected = found.expected
    if found.formula and not found.change:
        expected += f": `{found.formula}`"
    return WrongLine(
        found.line, found.text, expected, found.inherited, found.truncates, found.repaired,
        found.change or "", found.shown,
    )  # fmt: skip


def _true_gradients(trial: Trial, names: Sequence[str]) -> dict[str, Any]:
    """Those of a probe, of parameters that the gradient returns in a wrong shape as well."""
    replay = trial.replay if {*names} <= {*trial.claims} else Replay(trial.graph, names)
    return {name: replay.gradient(replay.true, name) for name in names}


def line_of_repair(repair: Repair, before: WrongLine | None) -> WrongLine | None:
    """The line of a change that makes every gradient right, if the line found before is no surer.

    A value put in somewhere, such as a factor, may do on many a line that is right.

    Parameters
    ----------
    repair : Repair
    before : WrongLine or None
        The line that true values led to.
    """
    if not repair.complete or (before is not None and (before.shown or before.truncates)):
        return before
    if before is None:
        return WrongLine(repair.line, repair.text, change=repair.change, shown=True)
    later = repair.line > before.line or repair.line in before.true_lines
    if not repair.written and repair.repairs <= {*before.repairs} and later:
        return before
    if before.line == repair.line:
        return dataclasses.replace(before, shown=True)
    inherits = tuple(line for line in (before.line, *before.inherits) if line > repair.line)
    return WrongLine(
        repair.line, repair.text, inherits=inherits, repairs=before.repairs, change=repair.change,
        shown=True,
    )  # fmt: skip


def line_of_hygiene(reference: Reference, hygiene: Hygiene) -> WrongLine | None:
    """The line at fault where it is not a wrong number that is to blame."""
    subject = reference.subject
    arguments = subject.gradient_arguments(reference.point)
    missing = [
        name
        for name, causes in hygiene.causes.items()
        if name not in hygiene.claims and any(each.code == "G107" for each in causes)
    ]
    try:
        if hygiene.everywhere:
            return changing_line(subject.user_gradient, arguments)
        if not hygiene.steady:
            return differing_line(subject.user_gradient, arguments)
        if missing:
            return returning_line(subject.user_gradient, missing[0])
        codes = {each.code: name for name, causes in hygiene.causes.items() for each in causes}
        if "G103" in codes:
            return first_line_where(
                subject.user_gradient, arguments,
                lambda value: value.dtype.kind == "f" and not np.all(np.isfinite(value)),
                "finite numbers",
            )  # fmt: skip
        if "G102" in codes:
            shape = np.shape(subject.example[codes["G102"]])
            return first_line_where(
                subject.user_gradient, arguments,
                lambda value: value.dtype.kind in "iu" and value.shape == shape,
                "an array of floats",
            )  # fmt: skip
        return None
    except (ChainruleError, RecursionError):  # the user's text, or what its functions return
        return None
