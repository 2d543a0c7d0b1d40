"""Which lines a small change of the text mends: one run of the gradient for each change."""

from __future__ import annotations

import ast
import copy
import functools
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Any, NamedTuple

from chainrule.checking.localisation.edits import INSERTED, REPLACED, Edit, Edits
from chainrule.checking.localisation.steps import Step
from chainrule.checking.localisation.substitution import OutOfTime, Substitution
from chainrule.checking.repairs.atoms import kept_attributes, readable
from chainrule.checking.repairs.sites import Site, Unit, sites_of
from chainrule.checking.stopping import longest_run, now
from chainrule.checking.watch_rewriting import compiled, pairs, rewritten
from chainrule.checking.watch_syntax import may_be_endless

_SECONDS = 2.5
_STEPS_ASKED = 4  # of one line


Probe = tuple[Mapping[str, Any], Mapping[str, Any]]


@dataclass(frozen=True)
class Change:
    """A change of the text that mends a gradient.

    Attributes
    ----------
    filename, function : str
    edit : Edit
    repaired : frozenset of str
        The gradients that are right with it.
    """

    filename: str
    function: str
    edit: Edit
    repaired: frozenset[str]

    @property
    def place(self) -> tuple[str, int]:
        """File and line."""
        return self.filename, self.edit.line


@dataclass(eq=False)
class _Statement:
    """A statement whose changes may be tried, and what is compiled for them."""

    filename: str
    function: str
    site: Site
    edits: Edits
    module: ast.Module
    base: CodeType
    shared: bool
    may_hang: bool

    @functools.cached_property
    def trials(self) -> list[_Trial]:
        """Its changes, found when they are asked for: most statements are right."""
        return [_Trial(self, edit) for edit in self.edits.of(self.site)]

    @property
    def kept(self) -> list[_Trial]:
        """Those of them that keep what is thrown away."""
        return [_Trial(self, edit) for edit in self.edits.kept(self.site)]

    def unread_at(self, place: tuple[str, int]) -> Iterator[_Trial]:
        """Those of them on a line that use what is bound and never read."""
        if place in self.places:
            yield from (_Trial(self, edit) for edit in self.edits.unread_terms(self.site))

    @property
    def places(self) -> list[tuple[str, int]]:
        """File and lines."""
        return [(self.filename, line) for line in self.site.lines]


class _Trial(NamedTuple):
    """A change that may be tried."""

    statement: _Statement
    edit: Edit

    @property
    def place(self) -> tuple[str, int]:
        """File and line."""
        return self.statement.filename, self.edit.line


class EditedRuns:
    """Runs of one gradient with single changes of its text.

    Parameters
    ----------
    substitution : Substitution
        Of the gradient as it is, with its steps.
    loss : callable, optional
        The loss at the example; a change that changes it as well is none of the gradient's.
    probes : callable, optional
        Makes arguments of other sizes and true gradients at them: a change must do there, too.
    """

    def __init__(
        self,
        substitution: Substitution,
        loss: Callable[[], float] | None = None,
        probes: Callable[[], Sequence[Probe]] = tuple,
    ) -> None:
        self.substitution = substitution
        self.watcher = substitution.watcher
        self.wrong = frozenset(substitution.wrong)
        self.loss = loss
        self._draw = probes
        self._steps: dict[tuple[str, int], list[Step]] = {}
        for step in substitution.steps:
            place = step.site.filename, step.site.line
            self._steps.setdefault(place, []).append(step)
        self._relevant: dict[tuple[str, int], bool] = {}
        self._innocent: dict[tuple[tuple[str, int], bool], bool] = {}
        self._end = math.inf
        self._endless: set[tuple[str, int]] = set()  # functions that a changed number may hang
        self.statements = list(self._statements())
        start = now()
        with self.watcher.edited({}):
            self.watcher.run(substitution.example)
        self._seconds_each = longest_run(now() - start)

    def smallest(
        self,
        suspects: Sequence[tuple[str, int]],
        wanted: Collection[str],
        deadline: float,
        sure: bool = True,
        lacks: float | None = None,
    ) -> Change | None:
        """The smallest change that mends some gradients.

        Parameters
        ----------
        suspects : sequence of (str, int)
            Files and lines that a true value on them mends, in the order of time.
        wanted : collection of str
            The gradients that it mends.
        deadline : float
        sure : bool
            What is missing is looked for on the lines under suspicion only.
        lacks : float, optional
            The factor that the last one lacks, if one is all it lacks: then no line is changed
            that holds a true value.
        """
        self._end = now() + _SECONDS
        renamed = bool(suspects) and self._only_renames(suspects[-1])
        for cost in (REPLACED, INSERTED):
            if suspects and cost == INSERTED:
                change = self._with_what_is_unread(suspects, wanted, deadline)
                if change is not None:
                    return change
            for place in suspects:
                known = place == suspects[-1]
                if not known and self._is_innocent(place, lacks):
                    continue
                near = [  # what the loss runs too is right
                    trial
                    for trial in self._at(place, cost)
                    if (known or not trial.statement.shared)
                    and _may_give(trial, lacks)
                    # what is missing, such as a factor, may be missing on any of them: the last
                    # one counts; a term is missing on the first, unless its name is given up there
                    and (known or cost == REPLACED or (trial.edit.adds and not renamed))
                ]
                change = next(self.changes(near, wanted, deadline, known), None)
                if (
                    change is not None and change.edit.is_new_number
                ):  # of which one stands elsewhere
                    return self._number_left_out(suspects, wanted, deadline) or change
                if change is not None:
                    return change
            numbers = cost == INSERTED and bool(suspects) and sure
            if numbers and lacks is None:
                return None
            for shared in (False, True)[: 1 if suspects else 2]:
                away = [
                    trial
                    for trial in self._away(suspects, cost, shared)
                    if (not numbers or trial.edit.scales)
                    and _may_give(trial, lacks)
                    and (trial.edit.stores or not self._is_innocent(trial.place, lacks))
                ]
                found = list(self.changes(away, wanted, deadline))
                if (
                    found
                    and cost == REPLACED
                    and self._misses_something(suspects, wanted, deadline)
                ):
                    found = [each for each in found if self._is_before(each.place, suspects[-1])]
                if found:
                    return max(found, key=_merit)
        return None

    def told(
        self, place: tuple[str, int], wanted: Collection[str], deadline: float
    ) -> Change | None:
        """A change of a line that is known to be wrong, such as a reader may be told: it does at
        other sizes as well.
        """
        if not self._probes:
            return None
        self._end = now() + _SECONDS
        every = (trial for cost in (REPLACED, INSERTED) for trial in self._at(place, cost))
        return next(self.changes(every, wanted, deadline), None)

    def within(
        self, places: Sequence[tuple[str, int]], wanted: Collection[str], deadline: float
    ) -> Change | None:
        """A change of some lines, of a text that is known to be wrong, the smallest first."""
        self._end = now() + _SECONDS
        every = (
            trial for cost in (REPLACED, INSERTED) for place in places
            for trial in self._at(place, cost)
        )  # fmt: skip
        return next(self.changes(every, wanted, deadline), None)

    def _with_what_is_unread(
        self, suspects: Sequence[tuple[str, int]], wanted: Collection[str], deadline: float
    ) -> Change | None:
        """A change that uses what is bound and never read: where a value only gets another name,
        else on the last line under suspicion.
        """
        copies = [place for place in suspects if self._only_renames(place)]
        places = dict.fromkeys((*copies, suspects[-1]))
        trials = (x for place in places for each in self.statements for x in each.unread_at(place))
        return next(self.changes(trials, wanted, deadline, True), None)

    def _number_left_out(
        self, suspects: Sequence[tuple[str, int]], wanted: Collection[str], deadline: float
    ) -> Change | None:
        """A change of another line that leaves out a number which stands there."""
        trials = (
            trial
            for trial in self._away(suspects, INSERTED, False)
            if trial.edit.change.kind == "number left out"
        )
        return next(self.changes(trials, wanted, deadline), None)

    def _only_renames(self, place: tuple[str, int]) -> bool:
        """Whether a line gives a value another name, and does nothing else."""
        steps = self._steps.get(place, ())
        return bool(steps) and all(x.site.kind == "assign" and x.site.plain for x in steps)

    def _is_innocent(self, place: tuple[str, int], lacks: float | None) -> bool:
        """Whether what a line binds is a true value, so that it is not the one to be changed.

        Up to what may be left for later, if a factor is what another line lacks.
        """
        key = place, lacks is None
        if key not in self._innocent:
            steps = [step for step in self._steps.get(place, ()) if step.value.size > 1]
            test = self._is_right if lacks is None else self._is_right_but_for_a_factor
            self._innocent[key] = bool(steps) and all(map(test, steps))
        return self._innocent[key]

    def true_lines(self, time: float) -> tuple[int, ...]:
        """The lines on which only true values are bound, up to what is left for later.

        Parameters
        ----------
        time : float
            From which on everything may be wrong.
        """
        found = []
        for (_, line), bound in self._steps.items():
            steps = [step for step in bound if step.time < time and step.value.size > 1]
            if steps and all(map(self._is_right_but_for_a_factor, steps)):
                found.append(line)
        return tuple(found)

    def _is_right(self, step: Step) -> bool:
        standing = step.standing
        part = standing is not None and standing.quantity.kind == "part" and standing.exact
        return part or step.is_probability or self.substitution.is_just_that(step)

    def _is_right_but_for_a_factor(self, step: Step) -> bool:
        matcher, standing = self.substitution.matcher, step.standing
        if standing is None:
            return matcher.is_piece(step.value)
        return matcher.is_natural(standing.scale)

    def _misses_something(
        self, suspects: Sequence[tuple[str, int]], wanted: Collection[str], deadline: float
    ) -> bool:
        """Whether something put in on the last line under suspicion does as well."""
        near = [trial for place in suspects[-1:] for trial in self._at(place, INSERTED)]
        return next(self.changes(near, wanted, deadline, True), None) is not None

    def _is_before(self, place: tuple[str, int], other: tuple[str, int]) -> bool:
        """Whether a line runs before another."""
        first, second = (
            min((step.time for step in self._steps.get(each, ())), default=0)
            for each in (place, other)
        )
        return first < second

    def _at(self, place: tuple[str, int], cost: int) -> Iterator[_Trial]:
        """The changes of a line."""
        for statement in self.statements:
            if place in statement.places:
                for trial in statement.trials:
                    if trial.place == place and trial.edit.cost == cost:
                        yield trial

    def _away(
        self, suspects: Collection[tuple[str, int]], cost: int, shared: bool
    ) -> Iterator[_Trial]:
        """The changes of other lines."""
        for statement in self.statements:
            if statement.shared != shared:
                continue
            if not any(map(self.is_relevant, statement.places)):
                yield from (x for x in statement.kept if cost == REPLACED)
                continue
            if self.substitution.is_in_right_function(*statement.places[0]):
                continue
            if _is_seed(statement.site.statement):
                continue
            for trial in statement.trials:
                if trial.edit.cost != cost or trial.place in suspects:
                    continue
                # a factor put into a count would mend what it divides
                if cost == REPLACED or trial.place in self._steps:
                    yield trial

    def changes(
        self,
        trials: Iterable[_Trial],
        wanted: Collection[str],
        deadline: float,
        known: bool = False,
    ) -> Iterator[Change]:
        """Those that mend some gradients and break none; also on probes if the line is not known
        to be wrong.
        """
        for trial in trials:
            if now() > min(deadline, self._end):
                return
            if not (trial.edit.stores or self.is_relevant(trial.place)):
                continue
            repaired = self._repaired(trial, deadline, known)
            if repaired and repaired >= {*wanted}:
                statement = trial.statement
                yield Change(statement.filename, statement.function, trial.edit, repaired)

    def _repaired(self, trial: _Trial, deadline: float, known: bool) -> frozenset[str]:
        substitution, at = self.substitution, trial.statement
        like = self.watcher.texts[at.filename][1]
        try:
            with trial.edit.made():
                if at.may_hang:
                    _, code = rewritten(copy.deepcopy(at.module), at.filename, 0, like)
                else:
                    code = compiled(at.module, at.filename, like)
            codes = dict(pairs(at.base, code))
        except (SyntaxError, ValueError, TypeError):  # another number of inner functions
            return frozenset()
        existing = self.watcher.codes  # other closures are made anew in every run
        if any(
            old.co_freevars != new.co_freevars and old in existing for old, new in codes.items()
        ):
            return frozenset()  # the cells of a closure stand in the order of the old ones
        with substitution.outside.kept(), self.watcher.edited(codes, self._endless):
            limit = min(deadline, now() + self._seconds_each)
            run = self.watcher.run(substitution.example, deadline=limit)
            wrong = substitution.wrong_of(run)
            if not wrong < self.wrong or (at.shared and not self._loss_stays(codes)):
                return frozenset()
            repaired = self.wrong - wrong
            return repaired if known or self._does_on_probes(repaired) else frozenset()

    @functools.cached_property
    def _probes(self) -> Sequence[Probe]:
        with self.watcher.edited({}):
            return self._draw()

    def _does_on_probes(self, repaired: frozenset[str]) -> bool:
        """Whether a change, being made, makes the gradients right at other sizes as well."""
        return all(
            self.substitution.is_right_in(self.watcher.run(arguments), repaired, truth)
            for arguments, truth in self._probes
        )

    def _loss_stays(self, codes: dict[CodeType, CodeType]) -> bool:
        """Whether a change leaves the loss as it is."""
        if self.loss is None:
            return False
        try:
            with self.watcher.edited({}, self._endless):
                before = self.loss()
            return before == self.loss()
        except Exception:  # the user's code, changed
            return False

    def is_relevant(self, place: tuple[str, int]) -> bool:
        """Whether wrong gradients depend on what a line binds, as far as that can be told."""
        if place not in self._relevant:
            steps = self._steps.get(place, ())
            asked = [*steps[:_STEPS_ASKED], *steps[_STEPS_ASKED:][-1:]]
            try:
                self._relevant[place] = not asked or any(
                    not self.substitution.is_known_right(step)
                    and self._matters(self.substitution.affected(step))
                    for step in asked
                )
            except OutOfTime:
                return True
        return self._relevant[place]

    def _matters(self, affected: set[str] | None) -> bool:
        return affected is None or bool(affected & self.wrong)

    def _statements(self) -> Iterator[_Statement]:
        """The statements of the functions that ran."""
        sites = self.watcher.sites
        ran = [sites[i] for i in {event.place[0] for event in self.substitution.run.events}]
        for filename, (text, like) in self.watcher.texts.items():
            lines = {(site.function, site.line) for site in ran if site.filename == filename}
            tree = ast.parse(text, filename)
            endless = [x for x in ast.walk(tree) if _may_hang(x)]
            self._endless.update((filename, _first_line(x)) for x in endless)
            imports = [x for x in tree.body if isinstance(x, (ast.Import, ast.ImportFrom))]
            ran_here = {function for function, _ in lines}
            callables = [
                x.name
                for x in tree.body
                if isinstance(x, ast.FunctionDef) and (x.name in ran_here or _is_formula(x))
            ]
            numbers = list(_whole_numbers(tree))
            for top in tree.body:
                if isinstance(top, (ast.Import, ast.ImportFrom)):
                    continue
                module = ast.Module([*imports, top], [])
                base = compiled(module, filename, like)
                attributes = kept_attributes(top)
                closures = list(_closures(top))
                known: dict[Any, tuple[str, Edits] | None] = {}
                for site in sites_of(Unit(top, filename, like.co_flags)):
                    function = site.function
                    if function not in known:
                        name = _runs(function, lines)
                        around = readable(function, closures)
                        edits = Edits(function, callables, attributes, numbers, around)
                        known[function] = None if name is None else (name, edits)
                    if (found := known[function]) is None:
                        continue
                    name, edits = found
                    may_hang = function in endless
                    shared = (filename, name) in self.substitution.matcher.shared
                    yield _Statement(filename, name, site, edits, module, base, shared, may_hang)


def _closures(top: ast.stmt) -> Iterator[tuple[Any, Any]]:
    """The functions within functions, each with the one around it."""
    for outer in ast.walk(top):
        if isinstance(outer, ast.FunctionDef):
            for inner in ast.walk(outer):
                if isinstance(inner, (ast.FunctionDef, ast.Lambda)) and inner is not outer:
                    yield inner, outer


def _whole_numbers(tree: ast.Module) -> Iterator[str]:
    """The names that a file gives to whole numbers."""
    for node in tree.body:
        value = getattr(node, "value", None)
        if isinstance(node, ast.Assign) and type(getattr(value, "value", None)) is int:
            yield from (x.id for x in node.targets if isinstance(x, ast.Name))


def _may_give(trial: _Trial, factor: float | None) -> bool:
    """Whether a change may give a value this factor: a sign, by a sign."""
    if factor is None or abs(factor + 1) > 1e-9:
        return True
    return trial.edit.change.kind in _SIGNS


_SIGNS = frozenset({
    "sides", "sign", "negation", "number sign", "term sign", "near number", "number", "subtract",
    "number left out", "missing",
})  # fmt: skip


def _is_seed(statement: Any) -> bool:
    """Whether a statement binds the number one: the derivative of a loss by itself is right."""
    value = getattr(statement, "value", None)
    one = isinstance(value, ast.Constant) and type(value.value) in (int, float) and value.value == 1
    return isinstance(statement, ast.Assign) and one


def _merit(change: Change) -> tuple[int, int]:
    return len(change.repaired), change.edit.change.agreement


def _may_hang(function: Any) -> bool:
    """Whether it holds a loop that a change may make endless."""
    return isinstance(function, (ast.FunctionDef, ast.Lambda)) and any(
        may_be_endless(x) for x in ast.walk(function)
    )


_COMPUTING = (
    ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Return, ast.If, ast.For, ast.FunctionDef,
)  # fmt: skip
_HARMLESS = frozenset(("len", "range", "float", "int", "abs", "sum", "max", "min", "zip"))
_TOUCHING = ("random", "save", "load", "gen", "from", "memmap", "set")


def _is_formula(function: ast.FunctionDef) -> bool:
    """Whether a function that did not run may be tried: it computes, and touches nothing else."""
    return not function.decorator_list and all(map(_computes, ast.walk(function)))


def _computes(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.stmt):
        return isinstance(node, _COMPUTING)
    if isinstance(node, ast.Call):
        first, *rest = ast.unparse(node.func).split(".")
        if not rest:
            return first in _HARMLESS
        return first in ("np", "numpy", "math") and not any(x.startswith(_TOUCHING) for x in rest)
    return not (isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store))


def _first_line(function: Any) -> int:
    decorators = getattr(function, "decorator_list", ())
    return min([function.lineno, *(x.lineno for x in decorators)])


def _runs(function: Any, lines: Collection[tuple[str, int]]) -> str | None:
    """The name of a function that bound something on one of its lines."""
    if not isinstance(function, (ast.FunctionDef, ast.Lambda)):
        return None
    name = getattr(function, "name", "<lambda>")
    within = range(function.lineno, (function.end_lineno or function.lineno) + 1)
    return name if any(each == name and line in within for each, line in lines) else None
