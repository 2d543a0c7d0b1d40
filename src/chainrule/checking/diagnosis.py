"""From a wrong gradient to its causes: probes are drawn, claims compared, mistakes searched for."""

from __future__ import annotations

import contextlib
import functools
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from chainrule.checking.blind_spots import blind_spots_of
from chainrule.checking.broadcasting import crossed_lines, straightened_gradients
from chainrule.checking.drawn_trials import PROBES, draw_trials, drawn_trial
from chainrule.checking.hygiene import Hygiene, cause
from chainrule.checking.lines import first_wrong_line, line_of_hygiene, line_of_repair
from chainrule.checking.reference import Reference, forward_graph, moved_aside, reference_at
from chainrule.checking.repairs.search import Repair, RepairSearch
from chainrule.checking.report import Cause, GradientVerdict, Verdict, WrongLine
from chainrule.checking.search import Explanation, Search
from chainrule.checking.sharing import shared
from chainrule.checking.shortcuts import shortcuts_of
from chainrule.checking.sizes import sizes_by_equality
from chainrule.checking.stopping import now
from chainrule.checking.subject import SubjectError
from chainrule.checking.trial import Trial
from chainrule.engine.errors import ChainruleError

#: How often probes are drawn where the example shows a mistake and they do not.
_MOST_DRAWN = 4
#: Of computing, for all searches of one check; each has its share, and what others left.
_SECONDS = 12.0
_SECONDS_FOR_LINES = 6.0
_SECONDS_FOR_REPAIRS = 2.0
#: Our own tests set it, to see them.
OWN_FAULTS_ARE_RAISED = False
#: Steps of a loss from which on changes of the text are tried before those of the backward pass.
_LONG = 1500


@dataclass
class Diagnosis:
    """What probes of other sizes say about a gradient.

    Attributes
    ----------
    verdicts : dict of str to str
        Verdicts that the probes change.
    causes : dict of str to list of Cause
    inherited : set of str
    first_wrong : WrongLine or None
    notes, blind_spots, shortcuts : list of str
    tested : set of str
        Parameters whose true gradient is not zero on every probe.
    reasons : str
        Why no cause can be named, where that is so.
    """

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    causes: dict[str, list[Cause]] = field(default_factory=dict)
    inherited: set[str] = field(default_factory=set)
    first_wrong: WrongLine | None = None
    notes: list[str] = field(default_factory=list)
    blind_spots: list[str] = field(default_factory=list)
    shortcuts: list[str] = field(default_factory=list)
    tested: set[str] = field(default_factory=set)
    reasons: str = ""

    def unexplained(self, name: str) -> str:
        """Why the cause of a wrong gradient is not named."""
        return self.reasons or (
            f"the gradient of {name} is wrong, and no mistake of the dictionary reproduces it."
        )


@contextlib.contextmanager
def own_faults_said(found: Diagnosis) -> Iterator[None]:
    """A fault of ours ends the search, not the check: the verdicts stand, and it is said."""
    try:
        yield
    except SubjectError:
        raise
    except Exception as error:  # whatever our searches cannot do with what a user has written
        if OWN_FAULTS_ARE_RAISED:
            raise
        at = traceback.extract_tb(error.__traceback__)[-1]
        fault = f"{type(error).__name__} in {Path(at.filename).name}, line {at.lineno}"
        found.reasons = f"the search for the cause ended with a fault of chainrule's own, {fault}"
        found.notes.append(
            f"a fault of chainrule's own ended the search for causes ({fault}): the verdicts "
            "stand, but mistakes that only other sizes show may have been missed. Please report "
            "it with this file."
        )


def diagnose(
    reference: Reference,
    hygiene: Hygiene,
    verdicts: Mapping[str, GradientVerdict],
    seed: int,
    found: Diagnosis,
) -> None:
    """Look for the causes of wrong gradients, and for mistakes that the example hides.

    What is found is written into ``found`` as soon as it is known.
    """
    wrong_here = [name for name, each in verdicts.items() if each.verdict == "wrong"]
    ends = now() + _SECONDS

    @functools.cache
    def drawn() -> list[Trial]:
        return draw_trials(reference, list(hygiene.claims), hygiene.single, seed, found.blind_spots)

    def keep(line: WrongLine) -> None:
        found.first_wrong = line

    if not reference.untraceable and hygiene.steady:
        if wrong_here and not reference.subject.large:
            found.first_wrong = first_wrong_line(reference, _SECONDS_FOR_LINES, drawn, keep)
        found.blind_spots += blind_spots_of(reference)
    line = found.first_wrong
    if line is not None and line.truncates:
        said = (
            f"line {line.line} makes an array of integers; fractions written into it are cut off."
        )
        found.causes = {name: [cause("G102", said)] for name in line.repairs}
        if set(wrong_here) <= set(found.causes):
            return
    if not reference.subject.large and (found.first_wrong is None or hygiene.everywhere):
        unclean = line_of_hygiene(reference, hygiene)
        first = found.first_wrong
        if first is None or (unclean is not None and unclean.line < first.line):
            found.first_wrong = unclean  # what is computed from changed inputs inherits it
    if not hygiene.steady:
        found.reasons = "identical calls give different gradients"
        return
    if not hygiene.claims:
        return
    if reference.untraceable and not any(map(np.any, reference.gradients.values())):
        found.reasons = (
            f"loss does not change with {', '.join(reference.parameters)}, so the true gradient is "
            "zero; does it use arrays of the file in the place of its arguments?"
        )
        return
    if reference.untraceable:
        found.reasons = (
            f"the loss cannot be traced ({reference.untraceable.rstrip('.')}), so only mistakes in "
            "the finished gradients can be named; this is none of them"
        )
    elif _crossed(reference, hygiene, wrong_here, found):
        return
    claimed = list(hygiene.claims)
    trials = drawn()
    if len(trials) < PROBES:
        found.reasons = "the functions cannot be called with other numbers than the example's"
        found.blind_spots.append(found.reasons + ", so no probe could be made.")
        return
    found.tested = {
        name
        for trial in trials
        for name in trial.claims
        if np.any(trial.replay.gradient(trial.replay.true, name))
    }
    wrong = _wrong_on(trials)
    for attempt in range(1, _MOST_DRAWN if wrong_here and not wrong else 0):
        # What only samples near a threshold show, few numbers may hide.
        others = draw_trials(reference, claimed, hygiene.single, seed + 101 * attempt, [])
        if len(others) == PROBES and (wrong := _wrong_on(others)):
            trials = others
            break
    search = Search(trials)
    search.ends = min(search.ends, ends - _SECONDS_FOR_REPAIRS)
    if not reference.untraceable:
        found.shortcuts += shortcuts_of(search.roles[0])
    if not wrong:
        _only_here(reference, verdicts, seed, found)
        return
    unseen = reference.subject.large or not wrong_here
    if unseen and not reference.untraceable and hygiene.steady:
        at = trials[0].point
        small = reference_at(reference.subject, at, reference.parameters, referee=False)
        found.first_wrong = first_wrong_line(small, _SECONDS_FOR_LINES)
    explanations: list[Explanation] = []
    left = frozenset(wrong)
    repairs = functools.partial(_repairs, reference, search, found, ends)
    long = len(trials[0].graph) > _LONG and not reference.subject.large
    if wrong_here and long and not reference.untraceable:  # the backward pass takes long
        explanations, left = _mended(repairs, explanations, left, found)
        if not left:
            _attribute(explanations, left, left, verdicts, found)
            return
    explanations, left = search.explain()
    truncated = set(found.causes)  # a line that makes integers explains them
    left -= truncated
    if left and search.is_over:
        found.reasons = "the search for the cause took too long; check a smaller example"
    if left and not wrong_here and _right_at_these_sizes(reference, claimed, hygiene, seed):
        found.notes.append(
            "the gradient is right for sizes as in the example and wrong for others: is a size "
            "of the example written into it?"
        )
        return
    repaired = _repaired(reference, hygiene, trials[0], search, explanations)
    several = sum(len(each.alternatives[0].codes) for each in explanations) > 1
    short = not (reference.subject.large or long)
    if (left or several) and wrong_here and short and not truncated:
        explanations, left = _mended(repairs, explanations, left, found)
    elif wrong_here and short and not reference.untraceable:
        _seen_in_the_text(repairs, frozenset(wrong), explanations, found)
    _attribute(explanations, left, repaired, verdicts, found)


def _wrong_on(trials: Sequence[Trial]) -> set[str]:
    """The parameters whose claims differ from the true gradients on a probe."""
    return set().union(*(set(trial.claims) - trial.matched(trial.replay.true) for trial in trials))


def _crossed(
    reference: Reference, hygiene: Hygiene, wrong: Sequence[str], found: Diagnosis
) -> bool:
    """Whether the loss combines (n,) with (n, 1), and the gradient is right without that."""
    if reference.subject.large:
        return False
    graph = forward_graph(reference.subject, reference.point)
    places = crossed_lines(graph)
    if not places:
        return False
    said = (
        f"{places[0].where} combines (n,) with (n, 1) into an (n, n) array of all pairs; reshape "
        "one of them"
    )
    straight = straightened_gradients(graph, hygiene.claims)
    right = straight is not None and all(
        np.allclose(hygiene.claims[name], straight[name], rtol=1e-7, atol=1e-12)
        for name in wrong
        if name in hygiene.claims
    )
    if not (wrong and right):
        found.notes.append(f"{said}.")
        return False
    for name in wrong:
        found.causes[name] = [cause("G604", f"{said}: the gradient is right for that loss.")]
    return True


def _repaired(
    reference: Reference,
    hygiene: Hygiene,
    first: Trial,
    search: Search,
    explanations: Sequence[Explanation],
) -> set[str]:
    """The parameters whose gradients at the user's own example the mistakes reproduce."""
    if reference.subject.large or reference.untraceable or not explanations:
        return set()
    symbols = first.symbols
    sizes = dict(symbols.symbols)
    try:
        graph = shared(forward_graph(reference.subject, reference.point))
        trial = Trial(graph, reference.point, sizes, symbols, hygiene.claims, hygiene.single)
        return search.confirmed(trial, explanations)
    except (ChainruleError, ValueError, IndexError):
        return set()


def _only_here(
    reference: Reference, verdicts: Mapping[str, GradientVerdict], seed: int, found: Diagnosis
) -> None:
    """The probes find nothing wrong, but the example does: it may stand on a kink."""
    differing = [
        name for name, each in verdicts.items() if each.verdict != "ok" and not each.causes
    ]
    if not differing:
        return
    beside = moved_aside(reference, seed)
    claims, _ = reference.subject.named(reference.subject.gradient(beside.point))
    for name in differing:
        true = beside.gradients[name]
        claim = np.asarray(claims[name], dtype=float)
        if np.linalg.norm(claim - true) <= 1e-6 * np.linalg.norm(true):
            found.verdicts[name] = "inconclusive"
            found.notes.append(
                f"the gradient of {name} differs at the example and is right beside it: the "
                "example stands on a kink such as max(z, 0) at z = 0; move it a little."
            )
        else:
            error = verdicts[name].relative_error
            found.notes.append(
                f"the gradient of {name} differs by {error:.1e} at the example and by nothing on "
                "probes with other numbers."
            )
    if all(name in found.verdicts for name in differing):
        found.first_wrong = None


def _right_at_these_sizes(
    reference: Reference, claimed: list[str], hygiene: Hygiene, seed: int
) -> bool:
    """Whether the gradient is right with other numbers of the example's sizes."""
    sizes = sizes_by_equality(reference.subject.example, claimed)
    for number in range(PROBES):
        every = tuple(sizes.symbols)
        trial = drawn_trial(reference, sizes, every, claimed, number, hygiene.single, seed)
        if trial is None or trial.matched(trial.replay.true) < {*claimed}:
            return False
    return True


_NOT_LOOKED_AT = (
    "the time for changes of the gradient's text was over before all of its lines were tried; a "
    "smaller example takes less for each."
)


def _is_shown(found: Diagnosis) -> bool:
    """Whether a change of its text is seen to mend the first wrong line."""
    line = found.first_wrong
    return line is not None and (line.shown or line.truncates)


def _repairs(
    reference: Reference,
    search: Search,
    found: Diagnosis,
    ends: float,
    due: frozenset[str],
) -> list[Repair]:
    """The changes of the text after which some gradients are right; they show their line."""
    before = found.first_wrong
    texts = RepairSearch(
        reference.subject, search.trials, search.roles, reference.point, reference.gradients,
        due, max(ends - now(), _SECONDS_FOR_REPAIRS),
    )  # fmt: skip
    repairs = texts.find(before.line if before is not None else None)
    if not repairs and texts.is_over:
        found.blind_spots.append(_NOT_LOOKED_AT)
    if repairs:
        found.first_wrong = line_of_repair(repairs[0], before)
    return repairs


def _seen_in_the_text(
    repairs_of: Callable[[frozenset[str]], list[Repair]],
    wrong: frozenset[str],
    explanations: Sequence[Explanation],
    found: Diagnosis,
) -> None:
    """The line that a change of the text shows, where none is shown; and what the change undoes,
    where a number may have been dropped with the cotangent or is another for a reason of its own.
    """
    codes = {code for each in explanations for a in each.alternatives for code in a.codes}
    before, shown, doubtful = found.first_wrong, _is_shown(found), codes == {"G405"}
    if shown and not doubtful:
        return
    repairs = repairs_of(wrong)
    if shown:
        found.first_wrong = before
    for repair in repairs if doubtful else ():
        if repair.complete and repair.plain:
            for name in repair.repairs:
                found.causes.setdefault(name, []).extend(
                    cause(code, repair.evidence, True) for code in repair.codes if code != "G405"
                )


def _mended(
    repairs_of: Callable[[frozenset[str]], list[Repair]],
    explanations: list[Explanation],
    left: frozenset[str],
    found: Diagnosis,
) -> tuple[list[Explanation], frozenset[str]]:
    """What the backward pass does not explain, by a change of the gradient's text."""
    known = frozenset(found.causes)
    if left and left <= known:
        return explanations, left
    wrong = left.union(*(each.explains for each in explanations))
    repairs = repairs_of(left or wrong)
    if not repairs or not (left or repairs[0].complete):
        return explanations, left
    if not repairs[0].codes:
        found.reasons = f"no mistake of the dictionary does this; {repairs[0].evidence[:-1]}"
        return ([], wrong) if repairs[0].complete else (explanations, left)
    if repairs[0].complete:  # one change instead of several mistakes
        explanations = []
    for repair in repairs:
        for name in sorted((repair.repairs if repair.complete else left) - known):
            found.causes.setdefault(name, []).extend(
                cause(code, repair.evidence, True) for code in repair.codes
            )
    return explanations, frozenset()


def _attribute(
    explanations: Sequence[Explanation],
    left: frozenset[str],
    repaired: AbstractSet[str],
    verdicts: Mapping[str, GradientVerdict],
    found: Diagnosis,
) -> None:
    """Give every wrong gradient its causes."""
    owned = {name for explanation in explanations for name in explanation.own}
    for explanation in explanations:
        confirmed = bool(explanation.touches & repaired)
        for name in explanation.touches:
            for alternative in explanation.alternatives:
                found.causes.setdefault(name, []).extend(
                    cause(code, alternative.evidence, confirmed) for code in alternative.codes
                )
            if name not in owned and name not in left and explanation.own:
                found.inherited.add(name)
    for name in left:
        found.causes.setdefault(name, []).append(cause("G000", found.unexplained(name)))
    for name in found.causes:
        each = verdicts.get(name)
        if each is None or each.verdict == "wrong":
            continue
        if name in left:
            found.verdicts[name] = "inconclusive"
            found.causes[name] = []
            found.notes.append(
                f"the gradient of {name} is right at the example and wrong for other sizes or "
                "numbers: is something of the example written into it?"
            )
        else:
            found.verdicts[name] = "wrong"
            found.notes.append(
                f"the example hides the mistake in the gradient of {name}; it shows on probes "
                "with other sizes and numbers."
            )
