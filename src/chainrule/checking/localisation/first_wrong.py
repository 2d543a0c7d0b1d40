"""Which line of a hand-written gradient is wrong first: found by substitution.

The gradient runs watched (`chainrule.checking.watch`). A line is wrong if the value that it binds,
replaced by the true one, repairs the result, and no earlier value does. What equals no true
quantity is not wrong for that: people scale late, transpose, and keep derivatives in variables. A
value that is right up to such a convention is passed over as long as a later line is at fault.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.checking.localisation.edited import EditedRuns, Probe
from chainrule.checking.localisation.fault import Fault
from chainrule.checking.localisation.helpers import WrongHelper, wrong_helper
from chainrule.checking.localisation.matching import (
    Matcher,
    batch_sizes,
    given_scales,
    lines_of_loss,
    natural_scales,
    shared_functions,
    usual_scales,
)
from chainrule.checking.localisation.quantities import as_numbers, quantities
from chainrule.checking.localisation.search import Search
from chainrule.checking.localisation.steps import final_writes, steps_of
from chainrule.checking.localisation.substitution import Substitution
from chainrule.checking.localisation.wording import (
    FaultyLine,
    changed_line,
    faulty_line,
    helper_line,
)
from chainrule.checking.numerical import same_but_for_rounding
from chainrule.checking.stopping import now
from chainrule.checking.watch import CannotWatch, Watcher
from chainrule.engine.graph import Graph

_SECONDS_FOR_CHANGES = 2.0


@dataclass(frozen=True)
class Localisation:
    """Where a gradient goes wrong.

    Attributes
    ----------
    lines : tuple of FaultyLine
        Independent mistakes in the order of time; empty if none could be found.
    reason : str or None
        Why there is no line.
    true_lines : tuple of int
        Lines on which nothing is bound but true values, up to factors that are left for later.
    """

    lines: tuple[FaultyLine, ...]
    reason: str | None = None
    true_lines: tuple[int, ...] = ()

    @property
    def first(self) -> FaultyLine | None:
        """The first wrong line."""
        return self.lines[0] if self.lines else None

    @property
    def line(self) -> int | None:
        """Number of the first wrong line."""
        return self.lines[0].line if self.lines else None

    def __str__(self) -> str:
        if not self.lines:
            return f"no line named: {self.reason}"
        shown = [str(line) for line in self.lines]
        later = self.lines[0].inherited
        if later:
            shown.insert(1, f"  inherited by line {', '.join(map(str, later))}")
        return "\n".join(shown)


def localise(
    gradient: Callable[..., Any],
    example: Mapping[str, Any],
    graph: Graph,
    truth: Mapping[str, Any] | None = None,
    *,
    read: Callable[[Any], Mapping[str, Any]] | None = None,
    loss: Callable[[], float] | None = None,
    probes: Callable[[], Sequence[Probe]] = tuple,
    likely: Callable[[FaultyLine], object] = bool,
    tolerance: float = 1e-6,
    seconds: float = 5.0,
) -> Localisation:
    """The first wrong line of a hand-written gradient.

    Parameters
    ----------
    gradient : callable
        ``gradient(**example)``; a function, a method, or a closure around one.
    example : mapping of str to array
    graph : Graph
        The loss traced with these arguments, with or without its backward pass.
    truth : mapping of str to array, optional
        True gradients by parameter; by default those of the graph, for its floating-point inputs
        that the gradient returns.
    read : callable, optional
        Makes a dict by parameter name of what ``gradient`` returns; by default it is one.
    loss : callable, optional
        The loss at the example; without it no line of a function that the loss runs too is blamed
        for its text.
    probes : callable, optional
        Makes other arguments, of other sizes, and true gradients at them; asked only if a change
        of the text must be confirmed.
    likely : callable, optional
        Told of the first line before any change of the text is confirmed, which may take long.
    tolerance : float
        Relative error, in norm, up to which a gradient is right.
    seconds : float
        The search stops after this time; then no line is named.

    Returns
    -------
    Localisation
        Without a line, and with a reason, where none can be confirmed.
    """
    deadline = now() + seconds - _SECONDS_FOR_CHANGES
    read = read or _as_mapping
    try:
        watcher = Watcher(gradient)
    except CannotWatch as error:
        return Localisation((), str(error))
    with watcher:
        return _localise(
            watcher, example, graph, truth, read, loss, probes, likely, tolerance, deadline
        )


def _localise(
    watcher: Watcher,
    example: Mapping[str, Any],
    graph: Graph,
    truth: Mapping[str, Any] | None,
    read: Callable[[Any], Mapping[str, Any]],
    loss: Callable[[], float] | None,
    probes: Callable[[], Sequence[Probe]],
    likely: Callable[[FaultyLine], object],
    tolerance: float,
    deadline: float,
) -> Localisation:
    first = watcher.run(example, record=True, deadline=deadline)
    if isinstance(first.error, TimeoutError):
        return Localisation((), "the gradient takes longer than the search may")
    if first.error is not None:
        return Localisation((), f"the gradient raises {type(first.error).__name__}")
    run = watcher.run(example, record=True, finals=final_writes(first))
    if not graph.cotangents:
        graph = graph.backward()
    if truth is None:
        truth = _truth(graph, read(run.result))
    substitution = Substitution(watcher, example, read, truth, tolerance, deadline)
    substitution.observe(run)
    if not same_results(read(first.result), read(run.result)):
        return Localisation((), "a second identical call returns another gradient")
    if not substitution.wrong:
        return Localisation((), "no gradient is wrong")
    matcher = Matcher(
        quantities(graph, truth),
        natural_scales(graph, truth),
        [*usual_scales(graph), *given_scales(graph, truth)],
        shared_functions(graph),
        lines_of_loss(graph),
    )
    steps = steps_of(run, watcher.sites, matcher, batch_sizes(graph, truth))
    substitution.prepare(steps, matcher)
    search = Search(substitution)
    runs = EditedRuns(substitution, loss, probes)
    later = deadline + _SECONDS_FOR_CHANGES
    helper = wrong_helper(substitution)
    if helper is not None:
        return Localisation((_line_in(helper, search, runs, graph, later),))
    for efforts in (_SHORT, _LONG):
        fault = search.first(efforts)
        if fault is not None:
            likely(faulty_line(fault, search, graph))
            lines = tuple(_lines(fault, search, runs, graph, later))
            return Localisation(lines, true_lines=runs.true_lines(fault.time))
        change = runs.smallest((), runs.wrong, later) if efforts is _SHORT else None
        if change is not None:
            return Localisation((changed_line(change, (), True),))
    return Localisation((), search.reason or "no single line repairs the result")


_SHORT, _LONG = (0,), (1, 2)


def _line_in(
    helper: WrongHelper, search: Search, runs: EditedRuns, graph: Graph, deadline: float
) -> FaultyLine:
    """The line of a helper that a change of its text or a true value mends; else its return."""
    change = runs.within(helper.places, runs.wrong, deadline)
    if change is not None:
        return changed_line(change, (), True)
    fault = search.first(_SHORT)
    if fault is not None and search.place(fault) in helper.places:
        return faulty_line(fault, search, graph)
    return helper_line(helper, runs.wrong)


def _lines(
    fault: Fault, search: Search, runs: EditedRuns, graph: Graph, deadline: float
) -> Sequence[FaultyLine]:
    """The lines that true values mend, or where a small change of the text shows it, another one.

    A true value mends the line at fault and often those after it: the first one on which a small
    change does the same is at fault. If there is none, such a line may stand somewhere else.
    """
    home = search.place(fault)
    if not fault.complete:  # one change may mend what looks like several mistakes
        change = runs.smallest((home,), runs.wrong, deadline, sure=False)
        if change is not None:
            if change.place == home:
                change = runs.told(home, runs.wrong, deadline) or change
            return [changed_line(change, [faulty_line(fault, search, graph)], True)]
    if search.begins_right(fault):  # what it hands to the next pass comes back wrong
        change = runs.smallest((), fault.repaired, deadline)
        if change is not None:
            whole = change.repaired == runs.wrong
            return [changed_line(change, [faulty_line(fault, search, graph)], whole)]
    faults = search.with_others(fault)
    lines = [faulty_line(each, search, graph) for each in faults]
    fault, home = faults[0], search.place(faults[0])
    passed = [
        (each.step.site.filename, each.step.site.line)
        for each in search.passed
        if each.repaired >= fault.repaired and not each.is_left_for_later
    ]
    suspects = passed[: passed.index(home)] if home in passed else []
    places = tuple(dict.fromkeys((*suspects, home)))
    sure = not search.is_doubtful(fault)
    change = runs.smallest(places, fault.repaired, deadline, sure, fault.lacks)
    if change is None:
        return lines
    if change.place == home:
        told = runs.told(home, change.repaired, deadline)
        said = told.edit.said if told is not None else None
        return [dataclasses.replace(lines[0], change=said, shown=True), *lines[1:]]
    return [changed_line(change, lines[:1], change.repaired == runs.wrong), *lines[1:]]


def same_results(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether two calls returned the same numbers."""
    return a.keys() == b.keys() and all(
        _same_numbers(as_numbers(a[name]), as_numbers(b[name])) for name in a
    )


def _same_numbers(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    if a is None or b is None:
        return a is b
    return same_but_for_rounding(a, b)


def _as_mapping(result: Any) -> Mapping[str, Any]:
    return result if isinstance(result, Mapping) else {}


def _truth(graph: Graph, claimed: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for node in graph.inputs:
        cotangent = graph.cotangents.get(node.index)
        if node.name is not None and node.name in claimed and node.dtype.kind == "f":
            found[node.name] = np.zeros(node.shape) if cotangent is None else cotangent.value
    return found
