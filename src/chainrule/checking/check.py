"""The check of a hand-written gradient, in the order of judgement: hygiene, reference, verdicts,
localisation, causes.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.checking.diagnosis import Diagnosis, diagnose, own_faults_said
from chainrule.checking.hygiene import Hygiene, cause, digests, examine
from chainrule.checking.numerical import CANCELLED, NOISE_FACTOR, TOLERANCE
from chainrule.checking.reference import Reference, norm, reference_at
from chainrule.checking.report import Cause, GradientVerdict, Report, Verdict, overall
from chainrule.checking.stopping import silent
from chainrule.checking.subject import (
    Example,
    Subject,
    SubjectError,
    as_number,
    described,
    example_of,
    is_floating,
)
from chainrule.checking.torch_functions import holds_tensors, torch_functions

#: Above this a difference is wrong whatever it may come from; below it, two probes decide.
_PLAINLY_WRONG = 1e-4
_SINGLE = 3e-5
_MOST_FOR_KINKS = 10_000
_SLOPES_AT_KINKS = 12
#: A check exchanges the code of functions and takes the output of the process: threads take turns.
_ONE_AT_A_TIME = threading.RLock()


def check(
    loss: Callable[..., Any],
    gradient: Callable[..., Any],
    example: Example,
    *,
    parameters: tuple[str, ...] = (),
    seed: int = 0,
) -> Report:
    """Check a hand-written gradient, and say which mistake it holds.

    Parameters
    ----------
    loss : callable
        ``loss(**arrays) -> float``, written in NumPy, or in PyTorch on an example of tensors.
    gradient : callable
        ``gradient(**arrays) -> {name: array}``, the hand-written gradient of the loss with
        respect to the arguments that it names. A tuple is read in the order of the arguments,
        where their shapes leave only one meaning, or else by the names that are returned.
    example : mapping of str to array, or callable that returns one
        Arguments for both, or a tuple of all arguments of ``loss`` in their order. Probes of
        other sizes are drawn from their shapes.
    parameters : tuple of str, optional
        Arguments that must have a gradient; by default those that look like parameters.
    seed : int
        Of the probes; the same seed gives the same report.

    Returns
    -------
    Report
        Its ``verdict`` is ok, wrong, inconclusive, or error where the functions cannot be called.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> report = cr.check(
    ...     lambda w, x: np.mean((x @ w) ** 2),
    ...     lambda w, x: {"w": 2 * x.T @ (x @ w)},
    ...     {"w": np.ones(3), "x": np.arange(12.0).reshape(4, 3)},
    ... )
    >>> report.verdict, report.codes
    ('wrong', ('G201',))
    """
    return Check(loss, gradient, example, parameters=parameters, seed=seed).run()


class Check:
    """A check under way, of which a report can be made at any time.

    Parameters
    ----------
    loss, gradient, example, parameters, seed
        As for `check`.
    """

    def __init__(
        self,
        loss: Callable[..., Any],
        gradient: Callable[..., Any],
        example: Example,
        *,
        parameters: tuple[str, ...] = (),
        seed: int = 0,
    ) -> None:
        self._functions = (loss, gradient, example)
        self._parameters = parameters
        self._seed = seed
        self._hygiene: Hygiene | None = None
        self._reference: Reference | None = None
        self._verdicts: dict[str, GradientVerdict] = {}
        self._diagnosis = Diagnosis()

    def run(self) -> Report:
        """Check from beginning to end."""
        try:
            with _ONE_AT_A_TIME:
                return self._run(_subject(*self._functions))
        except SubjectError as error:
            return Report("error", message=str(error))

    def so_far(self, why: str) -> Report:
        """What was found until the check was stopped, with the sentence that says why it was."""
        hygiene, reference = self._hygiene, self._reference
        if reference is not None and hygiene is not None and self._verdicts:
            self._diagnosis.reasons = "the check was stopped before a cause was found"
            report = _report(reference, hygiene, self._verdicts, self._diagnosis)
        elif hygiene is not None and hygiene.causes:
            report = Report(
                "wrong",
                {
                    name: GradientVerdict(name, "wrong", 1.0, causes=tuple(causes))
                    for name, causes in hygiene.causes.items()
                },
                notes=tuple(hygiene.notes),
            )
        else:
            return Report("error", message=why)
        return dataclasses.replace(report, message=f"{why} This is what was found until then.")

    def _run(self, subject: Subject) -> Report:
        unknown = [name for name in self._parameters if name not in subject.example]
        if unknown:
            raise SubjectError(f"the example has no {unknown[0]!r} to check the gradient of.")
        value, changed = _loss_and_what_it_changes(subject)
        if not np.isfinite(value):
            raise SubjectError(
                f"the loss of the example is {value}; choose arguments for which it is finite."
            )
        with silent():
            again = subject.loss_value(subject.example)
        if value != again:
            return Report(
                "inconclusive",
                message=f"two identical calls of loss returned {value:.6g} and {again:.6g}: it is "
                "random. Pass the mask or the seed as an argument, so that loss and gradient see "
                "the same numbers.",
            )
        hygiene = self._hygiene = examine(subject, self._parameters)
        hygiene.notes += [
            f"loss changes its argument {name}; let it work on a copy, or loss and gradient do not "
            "see the same numbers."
            for name in changed
        ]
        every = _to_judge(subject, hygiene)
        with silent():
            reference = reference_at(subject, subject.example, every, seed=self._seed)
            self._verdicts = {name: _verdict(name, hygiene, reference) for name in every}
            if not reference.confirmed:
                return _undecided(reference, self._verdicts, hygiene)
            self._reference = reference
            with own_faults_said(self._diagnosis):
                diagnose(reference, hygiene, self._verdicts, self._seed, self._diagnosis)
        return _report(reference, hygiene, self._verdicts, self._diagnosis)


def _subject(
    loss: Callable[..., Any],
    gradient: Callable[..., Any],
    example: Example,
) -> Subject:
    """The functions with their example, in NumPy."""
    arguments = example_of(loss, example)
    try:
        if not holds_tensors(arguments):
            return Subject(loss, gradient, arguments)
    except RecursionError:
        raise SubjectError(
            "the example is nested too deeply: does a dict or list hold itself? Give arrays by "
            "name."
        ) from None
    found = torch_functions(loss, gradient, arguments)
    subject = Subject(found.loss, found.gradient, found.example)
    subject.autograd = found.autograd
    return subject


def _loss_and_what_it_changes(subject: Subject) -> tuple[float, list[str]]:
    """The loss of the example, and the arguments that its first call leaves with other values."""
    if subject.large:
        return subject.loss_value(subject.example), []
    arguments = subject.loss_arguments(subject.example)
    before = digests(arguments)
    value = as_number(subject.loss_of(arguments))
    return value, [name for name, each in digests(arguments).items() if each != before[name]]


def _to_judge(subject: Subject, hygiene: Hygiene) -> tuple[str, ...]:
    """The arguments whose gradients get a verdict."""
    every = tuple(
        name for name in subject.example if name in hygiene.claims or name in hygiene.causes
    )
    if not every:
        objects = [name for name, value in subject.example.items() if hasattr(value, "__dict__")]
        cure = (
            f"; {objects[0]} is {described(subject.example[objects[0]])}, whose arrays are not "
            "seen: give them in a dict or a dataclass"
            if objects
            else "; return a dict with the parameters' names as keys"
        )
        raise SubjectError(f"gradient returned no gradient of an argument of the example{cure}.")
    for name in every:
        if not is_floating(subject.example[name]):
            raise SubjectError(
                f"gradient returned a gradient of {name}, which is "
                f"{_kind(subject.example[name])} in the example; give it as a floating-point array."
            )
    return every


def _kind(value: Any) -> str:
    return f"of dtype {value.dtype}" if isinstance(value, np.ndarray) else described(value)


def relative_error(claim: np.ndarray[Any, Any], true: np.ndarray[Any, Any]) -> float:
    """``‖claimed - true‖ / max(‖claimed‖, ‖true‖)``; 0 where both are 0."""
    largest = max(norm(claim), norm(true))
    return norm(claim - true) / largest if largest else 0.0


def _verdict(name: str, hygiene: Hygiene, reference: Reference) -> GradientVerdict:
    """The verdict on one gradient by its numbers alone."""
    true = reference.gradients[name]
    largest = max(float(np.max(np.abs(g), initial=0.0)) for g in reference.gradients.values())
    if name in hygiene.absent and np.max(np.abs(true), initial=0.0) <= CANCELLED * largest:
        del hygiene.causes[name]
        return GradientVerdict(name, "ok", 0.0, note="it is not returned, and it is zero")
    if name not in hygiene.claims:
        return GradientVerdict(name, "wrong", 1.0, causes=tuple(hygiene.causes[name]))
    claim = hygiene.claims[name]
    error = relative_error(claim, true)
    noise = reference.noise.get(name, 0.0)
    scale = float(np.max(np.abs(true), initial=0.0))
    gap = float(np.max(np.abs(claim - true), initial=0.0))
    note = ""
    if np.any(true) and not np.any(claim) and not hygiene.causes.get(name):
        hygiene.blame(name, "G107", f"the gradient of {name} is all zeros; the true one is not.")
    truncated = np.any(claim) and np.any(claim != true) and np.array_equal(claim, np.trunc(true))
    if truncated and not hygiene.causes.get(name):
        hygiene.blame(name, "G102", f"the gradient of {name} is the true one cut off at the point.")
    if not np.any(true) and not np.any(claim):
        note = "vacuous: both gradients are zero at this example, so nothing was tested"
    elif max(scale, float(np.max(np.abs(claim), initial=0.0))) <= CANCELLED * largest:
        note = "vacuous: both gradients are zero but for rounding, so nothing was tested"
    tolerance = max(TOLERANCE, _SINGLE if hygiene.single else 0.0)
    if noise and scale:
        tolerance = max(tolerance, NOISE_FACTOR * noise / scale)
    verdict: Verdict = "ok"
    if error > tolerance and gap > max(CANCELLED * largest, 1e-13 * abs(reference.value)):
        # where everything cancels, rounding is all that is left to compare
        verdict = "wrong" if error > max(_PLAINLY_WRONG, 10 * tolerance) else "inconclusive"
        if _at_kink(reference, name, claim):
            verdict = "ok"
            note = (
                "the example stands on a kink, where this is another subgradient: it lies between "
                "the one-sided slopes"
            )
    if hygiene.causes.get(name):
        verdict = "wrong"
    return GradientVerdict(
        name, verdict, error, causes=tuple(hygiene.causes.get(name, ())), note=note
    )


def _added(found: Sequence[Cause], causes: Sequence[Cause]) -> list[Cause]:
    """Causes that say something new: once, and "unknown" only where nothing is known."""
    new: list[Cause] = []
    for each in found:
        if each not in causes and each not in new and not (each.code == "G000" and causes):
            new.append(each)
    return new


def _at_kink(reference: Reference, name: str, claim: np.ndarray[Any, Any]) -> bool:
    """Whether a claim is another subgradient wherever it differs from the truth.

    Along a coordinate that moves several units off their kinks, some are on to one side and some
    to the other: with t for all off, and the one-sided slopes f and b, all on gives f + b - t.
    """
    if claim.size > _MOST_FOR_KINKS:
        return False
    true = reference.gradients[name]
    scale = float(np.max(np.abs(true), initial=0.0))
    differing = np.argwhere(np.abs(claim - true) > 1e-6 * max(scale, 1e-12))
    for index in differing[:_SLOPES_AT_KINKS]:
        at = tuple(index)
        direction = np.zeros(claim.shape)
        direction[at] = 1.0
        slope = reference.slope(name, direction)
        sides = (slope.forward, slope.backward)
        ends = (*sides, float(true[at]), sum(sides) - float(true[at]))
        allowed = max(
            TOLERANCE * scale, NOISE_FACTOR * slope.noise, 1e-3 * abs(sides[0] - sides[1])
        )
        if not slope.kink or not min(ends) - allowed <= claim[at] <= max(ends) + allowed:
            return False
    return len(differing) > 0


def _undecided(
    reference: Reference, verdicts: Mapping[str, GradientVerdict], hygiene: Hygiene
) -> Report:
    gradients = {
        name: each
        if each.causes
        else GradientVerdict(name, "inconclusive", each.relative_error, note=each.note)
        for name, each in verdicts.items()
    }
    return Report(
        overall([each.verdict for each in gradients.values()]),
        gradients,
        message=f"the true gradient is not known: {reference.trusted}.",
        notes=tuple(hygiene.notes),
        trusted=reference.trusted,
    )


def _nothing_tested(
    reference: Reference, gradients: Mapping[str, GradientVerdict], diagnosis: Diagnosis
) -> str:
    """Why zeros that agree say nothing, where there is nothing else."""
    if any(each.verdict != "ok" for each in gradients.values()) or diagnosis.tested:
        return ""
    if any(map(np.any, reference.gradients.values())):
        return ""
    return (
        "every gradient is zero, the true one as the claimed one, so nothing was tested. "
        + (diagnosis.reasons or "Choose an example at which the loss changes with its parameters.")
    )  # fmt: skip


def _report(
    reference: Reference,
    hygiene: Hygiene,
    verdicts: Mapping[str, GradientVerdict],
    diagnosis: Diagnosis,
) -> Report:
    gradients: dict[str, GradientVerdict] = {}
    for name, each in verdicts.items():
        verdict = diagnosis.verdicts.get(name, each.verdict)
        found = diagnosis.causes.get(name, ())
        cut_off = any(c.code == "G102" for c in found)
        causes: list[Cause] = [c for c in each.causes if not (cut_off and c.code == "G107")]
        if verdict != "ok":
            causes += [c for c in hygiene.everywhere if c not in causes]
            causes += _added(found, causes)
            if not causes and verdict == "wrong":
                causes.append(cause("G000", diagnosis.unexplained(name)))
        elif hygiene.everywhere:
            verdict = "wrong"
            causes += hygiene.everywhere
        gradients[name] = GradientVerdict(
            name, verdict, each.relative_error, name in diagnosis.inherited, tuple(causes),
            each.note,
        )  # fmt: skip
    notes = [*hygiene.notes, *diagnosis.notes]
    message = _nothing_tested(reference, gradients, diagnosis)
    if message:
        gradients = {
            name: dataclasses.replace(each, verdict="inconclusive")
            for name, each in gradients.items()
        }
    if reference.kinks:
        notes.append(
            f"the loss has a kink along {', '.join(reference.kinks)} at this example; any slope "
            "between the one-sided ones is accepted there."
        )
    return Report(
        overall([each.verdict for each in gradients.values()]),
        gradients,
        first_wrong=diagnosis.first_wrong,
        message=message,
        notes=tuple(notes),
        blind_spots=tuple(diagnosis.blind_spots),
        shortcuts=tuple(diagnosis.shortcuts),
        trusted=reference.trusted,
        graph=None if reference.subject.large else reference.graph,
        claimed={} if reference.subject.large else hygiene.claims,
        true={} if reference.subject.large else reference.gradients,
    )
