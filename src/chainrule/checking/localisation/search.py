"""The search for the line that is wrong first, among all whose true value repairs the gradient."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

import numpy as np

from chainrule.checking.localisation.elements import element_line
from chainrule.checking.localisation.fault import Fault
from chainrule.checking.localisation.matching import Match
from chainrule.checking.localisation.steps import Step
from chainrule.checking.localisation.substitution import OutOfTime, Substitution
from chainrule.checking.watch_rewriting import Site

_MOST_FAULTS = 3
_EFFORTS = 3


class Search:
    """Decides which of the steps that could be mended is the one at fault.

    Parameters
    ----------
    substitution : Substitution
        Prepared with the steps of a run.

    Attributes
    ----------
    reason : str or None
        Why nothing was found.
    passed : list of Fault
        Steps whose true value repairs the result too, before the first fault.
    """

    def __init__(self, substitution: Substitution) -> None:
        self.substitution = substitution
        self.steps = substitution.steps
        self.results = tuple(substitution.truth)
        self.reason: str | None = None
        self.passed: list[Fault] = []
        self.found: list[Fault] = []

    def first(self, efforts: Sequence[int]) -> Fault | None:
        """The first fault.

        Parameters
        ----------
        efforts : sequence of int
            0 takes the iterations of a loop together; 1 one by one as well; 2 tries every
            intermediate value of the backward pass.
        """
        try:
            for effort in efforts:
                fault = self._first(effort)
                if fault is not None:
                    self.found = [fault]
                    return fault
        except OutOfTime:
            self.reason = "the search ran out of time"
        return None

    def with_others(self, fault: Fault) -> list[Fault]:
        """The first fault and those that are left once it is mended, in the order of time."""
        found = self.found = [fault]
        try:
            self.substitution.apply(fault)
            while self.substitution.wrong and len(found) < _MOST_FAULTS:
                other = self.first(range(_EFFORTS))
                if other is None:
                    break
                found.append(other)
                self.substitution.apply(other)
        except OutOfTime:
            self.reason = "the search ran out of time"
        self.found = found
        self.substitution.forget()
        return sorted(found, key=lambda each: each.time)

    def _first(self, effort: int) -> Fault | None:
        """The first fault: the earliest repair, or a later line if that one is right as it is."""
        found = self._earliest(effort)
        if found is None:
            return None
        found = self._before_what_is_added(found)
        for step in self.steps:  # a line that computes what there is already does nothing
            if step.time > found.time and self._does_nothing(step):
                same = step.name == found.step.name
                if not (same or found.only_scaled):
                    continue
                idle = self.substitution.repair(step)
                if idle is None or not idle.repaired >= found.repaired:
                    continue
                if same or idle.only_scaled:
                    return idle
        return found

    def _before_what_is_added(self, found: Fault) -> Fault:
        """The fault of the value that a line adds to, where what it adds is right as it is."""
        step = found.step
        before = self._bound_before(step)
        if before is None or step.value.dtype.kind != "f":
            return found
        earlier = next((x for x in self.passed if x.step is before), None)
        if earlier is None or not earlier.repaired >= found.repaired:
            return found
        beside = [x for x in self.passed if x.step.site.line == step.site.line]
        if any(x.own is not None and x.step is not step for x in beside):
            return found  # what it adds lacks a factor
        added = self._share(step.value - before.value)
        if added is None or not added.exact:
            return found
        due = np.asarray(found.replaced[step.places[0]], float)
        missing = self._share(due - step.value) if due.shape == step.value.shape else None
        if missing is not None and _is_of_one_line(missing, added):
            return found  # what is missing goes with what this line adds
        return self._before_what_is_added(earlier)

    def _share(self, value: np.ndarray) -> Match | None:
        """What a value contributes to a cotangent, if it is all that one use of it does."""
        matches = self.substitution.matcher.matches(value)
        return next((m for m in matches if m.quantity.kind in ("share", "cotangent")), None)

    def _does_nothing(self, step: Step) -> bool:
        """Whether a statement computes the value that its variable has."""
        if step.site.kind not in ("assign", "augmented", "item"):
            return False
        if step.copied and not step.site.plain:
            return False
        before = self._bound_before(step)
        return before is not None and np.array_equal(before.value, step.value)

    def _bound_before(self, step: Step) -> Step | None:
        """What the name held before, if that is of the same shape."""
        before = [
            other
            for other in self.steps
            if other.time < step.time
            and other.name == step.name
            and other.site.function == step.site.function
        ]
        return before[-1] if before and before[-1].value.shape == step.value.shape else None

    def _earliest(self, effort: int) -> Fault | None:
        first: Fault | None = None
        for fault in self._repairs(effort):
            if not self.substitution.applied:
                self.passed.append(fault)
            if first is not None:
                if not fault.repaired >= first.repaired:
                    continue
                if self._is_unlikelier(fault, first):
                    continue
                if fault.step.copied and not self._is_meant(fault, first):
                    continue
                if not fault.step.copied and fault.step.standing is None and self._omits(first):
                    return first
                if _only_scales(first, fault):
                    continue
            first = fault
            if not self._is_right_so_far(fault):
                return fault
        return first

    def _repairs(self, effort: int) -> Iterator[Fault]:
        """Faults in the order in which their steps go wrong.

        At first the iterations of a loop together; then one by one as well; then with every
        intermediate value of the backward pass.
        """
        waiting: list[tuple[int, int, Fault]] = []
        for number, step in enumerate(self.steps):
            while waiting and waiting[0][0] <= step.time:
                yield heapq.heappop(waiting)[2]
            if (step.covered and effort == 0) or step.one_of_many or self._is_buffer(step):
                continue
            if self._is_in_right_function(step) or self._is_of_the_loss(step):
                continue
            if not any(place in self.substitution.applied for place in step.places):
                fault = self.substitution.repair(step, deep=effort == _EFFORTS - 1)
                if fault is not None:
                    heapq.heappush(waiting, (fault.time, number, fault))
        while waiting:
            yield heapq.heappop(waiting)[2]

    def _is_in_right_function(self, step: Step) -> bool:
        """Whether a helper that is right as it is binds it within, or what that calls."""
        right = self.substitution.is_in_right_function
        if right(step.site.filename, step.site.line):
            return step.site.kind != "return"
        return step.caller is not None and right(*step.caller)

    def _is_of_the_loss(self, step: Step) -> bool:
        """Whether a helper binds it that the loss runs too, within, and to compute its value."""
        matcher, site = self.substitution.matcher, step.site
        return (
            site.kind != "return"
            and step.caller is not None
            and step.caller[0] in self.substitution.watcher.texts
            and (site.filename, site.function) in matcher.shared
            and any((site.filename, line) in matcher.of_loss for line in _lines(site))
        )

    # --- right so far, or at fault ---------------------------------------------------------------

    def _is_right_so_far(self, fault: Fault) -> bool:
        """Whether the step's value is true as it stands, so that a later line may be at fault."""
        step, own, match = fault.step, fault.own, fault.step.standing
        meant = self.substitution.fitting_roles(step)
        if self.substitution.is_just_that(step) and not (own is not None and own.exact):
            return True
        named_so = self._is_named_by(meant, fault) or (
            match is None and self._is_multiple(fault, meant)
        )
        elsewhere = match is not None and match.quantity.kind == "cotangent"
        named_here = named_so and not (elsewhere and self._is_in_helper(step))
        if self.begins_right(fault):
            return True
        again = self._is_bound_again(step) and not self._is_copy_to_be_scaled(step)
        if named_here and own is None and not again:
            return False
        if own is not None and not own.exact and _counts(step.value):
            return True
        if own is not None and step.is_probability:
            return own.exact or not named_so  # a probability, which a later line is to multiply
        if own is not None and match is not None and match.quantity.kind == "part" and match.exact:
            return True
        if own is not None and fault.shape != step.value.shape and not step.stacked:
            return False
        if match is None and own is not None and not own.exact:
            before = self._convention(step)
            if before is not None and abs(before - own.scale) < 1e-6 * abs(own.scale):
                return True
        if match is None:  # a value other than the name asks for may not be needed at all
            return any(kind == "cotangent" for kind, _ in meant) and not named_so
        if fault.time > step.time:
            return False
        if own is None:
            both = match.quantity.kind == fault.quantity.kind == "derivative"
            if both and match.quantity.node is fault.quantity.node:
                return False  # of another function, by the same argument
            return self.substitution.matcher.is_natural(match.scale)
        if fault.quantity.kind in ("forward", "input") or (
            match.exact and match.quantity.kind == fault.quantity.kind == "derivative"
        ):
            return abs(own.scale + 1) < 1e-9  # the other sign
        forward = match.exact and match.quantity.kind in ("forward", "input")
        usual = self.substitution.matcher.is_usual
        if forward and not (usual(own.scale) and any(kind == "cotangent" for kind, _ in meant)):
            return True  # which happens to be proportional to a cotangent
        if own.exact and self._is_result(own):
            return self._others_are_exact(step, own)
        if usual(abs(own.scale)) and not usual(abs(fault.scale)):
            return True  # a sum that a later line divides, by something else
        before = self._convention(step)
        if before is None:
            return own.exact
        scales = [own.scale]
        if not any(kind == "cotangent" for kind, _ in meant):  # of something else, perhaps
            scales += [m.scale for m in step.matches if _is_of_cotangents(m)]
        return any(abs(before - scale) < 1e-6 * abs(scale) for scale in scales)

    def _is_unlikelier(self, fault: Fault, first: Fault) -> bool:
        """Whether a later value, no true one and due to be none of its name, says less."""
        meant = self.substitution.fitting_roles(fault.step)
        if fault.step.standing is not None or fault.step.copied:
            return False
        if self._is_named_by(meant, fault) and fault.step.name not in self.results:
            return False
        roles = self.substitution.fitting_roles(first.step)
        if first.step.standing is None:
            return any(kind == "cotangent" for kind, _ in roles)
        return any(kind == "cotangent" for kind, _ in meant) and self._is_named_by(roles, first)

    def _is_named_by(self, meant: Sequence[tuple[str, str]], fault: Fault) -> bool:
        return any(fault.quantity.is_role(*role) for role in meant)

    def _is_multiple(self, fault: Fault, meant: Sequence[tuple[str, str]]) -> bool:
        """Whether a true value is what the step's name says up to a factor, such as 1/√d."""
        value = fault.quantity.value
        size = float(np.vdot(value, value))
        for quantity in self.substitution.matcher.of_shape(value.shape):
            if quantity.value.size < 2 or quantity.value.shape != value.shape:
                continue
            if any(quantity.is_role(*role) for role in meant if role[0] == "cotangent"):
                factor = float(np.vdot(quantity.value, value)) / (size or 1.0)
                if np.allclose(quantity.value, factor * value, rtol=1e-9, atol=1e-15):
                    return True
        return False

    def _is_buffer(self, step: Step) -> bool:
        """Whether zeros are bound only to be added to, so that they are right whatever follows."""
        if step.value.size < 2 or np.any(step.value):
            return False
        if self._is_bound_again(step):
            return True
        attribute = "." in (step.site.target or "")  # cleared by one method, added to by another
        return attribute and any(
            other.time > step.time and other.site.kind == "augmented" and other.name == step.name
            for other in self.steps
        )

    def _is_in_helper(self, step: Step) -> bool:
        """Whether a function that the gradient calls binds it, where names are other ones."""
        caller, texts = step.caller, self.substitution.watcher.texts
        return caller is not None and caller[0] in texts

    def _is_bound_again(self, step: Step) -> bool:
        """Whether a later line gives the name another value."""
        return next(self._bound_later(step), None) is not None

    def _bound_later(self, step: Step) -> Iterator[Step]:
        """What other lines give the name afterwards."""
        return (
            other
            for other in self.steps
            if other.time > step.time
            and other.site is not step.site
            and other.name == step.name
            and other.site.function == step.site.function
        )

    def _is_copy_to_be_scaled(self, step: Step) -> bool:
        """Whether it is another value under a new name, which later lines only scale."""
        if step.site.kind != "assign" or not (step.copied and step.site.plain):
            return False
        return all(_is_multiple(other.value, step.value) for other in self._bound_later(step))

    def _is_result(self, match: Match) -> bool:
        return any(
            quantity.kind in ("cotangent", "share") and quantity.name in self.results
            for quantity in (match.quantity, *match.quantity.aliases)
        )

    def _others_are_exact(self, step: Step, own: Match) -> bool:
        """Whether lines like this one give other results their right factor as well."""
        scales = [
            other.cotangent.scale
            for other in self.steps
            if other.site.kind == step.site.kind
            and other.cotangent is not None
            and other.cotangent.quantity is not own.quantity
            and self._is_result(other.cotangent)
        ]
        return not scales or 1.0 in scales

    def _convention(self, step: Step) -> float | None:
        """The factor of the last cotangent before a step that is not a result."""
        found = None
        for other in self.steps:
            if other.time >= step.time:
                break
            match = self._as_cotangent(other)
            if match is None or other.value.size == 1 or self._is_result(match):
                continue
            if other.site.line == step.site.line and other.site.function == step.site.function:
                continue
            if match.exact or not _counts(other.value):
                found = match.scale
        return found

    def _as_cotangent(self, step: Step) -> Match | None:
        """The cotangents that a value is a multiple of; those that its name asks for, if any."""
        found = [m for m in step.matches if _is_of_cotangents(m)]
        if len({round(m.scale, 9) for m in found}) > 1:
            meant = self.substitution.fitting_roles(step)
            found.sort(key=lambda m: not any(m.quantity.is_role(*role) for role in meant))
        return found[0] if found else None

    def _omits(self, fault: Fault) -> bool:
        """Whether a true value is not the one that belongs on its line."""
        match = fault.step.standing
        if fault.only_scaled or match is None:
            return False
        if fault.step.copied and fault.step.site.plain:
            return True  # the name of another value stands there
        if (match.quantity.kind == "derivative") != (fault.quantity.kind == "derivative"):
            return False
        if match.exact and match.quantity.kind == "forward" and abs(abs(fault.scale) - 1) > 1e-9:
            return False  # a value of the forward pass, which may well be due as it is
        meant = self.substitution.meant(fault.step)
        if any(match.quantity.is_role(*role) for role in meant):
            return False
        if any(fault.quantity.is_role(*role) for role in meant):
            return True
        return not any(  # the value that is due exists elsewhere: it is used wrongly later
            m.quantity is fault.quantity
            for step in self.steps
            if step is not fault.step
            for m in step.matches
        )

    def _is_meant(self, fault: Fault, first: Fault) -> bool:
        """Whether a line that only hands a value on is the one that should have changed it."""
        site = fault.step.site
        if not site.plain:
            return False
        if site.parameter:
            return not first.only_scaled
        if site.kind == "assign" and "." not in (site.target or ""):
            meant = self.substitution.meant(fault.step)
            return any(fault.quantity.is_role(*role) for role in meant) or (
                not meant and self._is_named_so(first.step)
            )
        match = first.step.standing
        right = match is not None and match.exact and match.quantity.kind == "cotangent"
        if match is not None and right and fault.called.name in self.results:
            if fault.called.name == fault.step.name and not first.step.copied:
                # of something else, as it stands, and under no wrong name before
                return (
                    match.quantity is not fault.quantity
                    and not self._lacks_a_factor(match, fault)
                    and not self._is_misnamed_before(fault)
                )
            appended = first.step.site.kind == "argument"
            if appended and fault.called.name.split("[")[0] == fault.step.name:
                return match.quantity is not first.quantity  # in another order
        return first.only_scaled and self._scales_there(fault.step)

    def _lacks_a_factor(self, match: Match, fault: Fault) -> bool:
        """Whether the gradient of something that a parameter is multiplied with stands for it."""
        value, true = match.quantity.value, fault.quantity.value
        if value.shape != true.shape or not np.any(value):
            return False
        factor = float(np.vdot(value, true) / np.vdot(value, value))
        return self.substitution.matcher.is_natural(factor) and np.allclose(
            true, factor * value, rtol=1e-9, atol=0.0
        )

    def _is_misnamed_before(self, fault: Fault) -> bool:
        """Whether an earlier line binds the same value to a name that asks for another one."""
        value = fault.step.value
        return any(
            step.time < fault.time
            and step.value.shape == value.shape
            and any(fault.quantity.is_role(*role) for role in self.substitution.meant(step))
            and np.array_equal(step.value, value)
            for step in self.steps
        )

    def _is_named_so(self, step: Step) -> bool:
        """Whether a value is what its name says."""
        match = step.standing
        meant = self.substitution.meant(step)
        if match is None:
            return False
        if not meant:  # a name that says nothing: right if it is a cotangent as it stands
            return match.exact and match.quantity.kind == "cotangent"
        return any(match.quantity.is_role(*role) for role in meant)

    def _scales_there(self, step: Step) -> bool:
        """Whether other values get their factor on lines like this one."""
        before: set[int] = set()
        for other in self.steps:
            match = other.cotangent
            if match is None:
                continue
            if not match.exact:
                before.add(id(match.quantity))
            elif id(match.quantity) in before and other.site.kind == step.site.kind:
                return True
        return False

    # --- where a fault is ------------------------------------------------------------------------

    def is_doubtful(self, fault: Fault) -> bool:
        """Whether a fault says little: the value is right as it stands, or is the result itself."""
        standing = fault.step.standing
        if standing is not None:
            meant = self.substitution.fitting_roles(fault.step)
            return standing.exact and not self._is_named_by(meant, fault)
        return any(
            quantity.kind in ("cotangent", "share") and quantity.name in self.results
            for quantity in (fault.quantity, *fault.quantity.aliases)
        )

    def begins_right(self, fault: Fault) -> bool:
        """Whether the first pass of a loop binds what the name says, and would not any more."""
        step, match = fault.step, fault.step.standing
        if match is None or step.matches or not match.exact or fault.time > step.time:
            return False
        meant = self.substitution.fitting_roles(step)
        return any(match.quantity.is_role(*role) for role in meant if role[0] == "cotangent")

    def place(self, fault: Fault) -> tuple[str, int]:
        """File and line of a fault."""
        if fault.step.caller is not None and (
            self.called_wrongly(fault) or self._is_right_elsewhere(fault.step)
        ):
            return fault.step.caller
        site = fault.step.site
        right = self.substitution.is_in_right_function(site.filename, site.line)
        if fault.step.caller is not None and right:
            return fault.step.caller  # which calls it with something else
        return site.filename, element_line(fault) or site.line

    def _is_right_elsewhere(self, step: Step) -> bool:
        """Whether the loss runs the function as well, and it returned the loss's own value."""
        site = step.site
        return (
            site.kind == "return"
            and (site.filename, site.function) in self.substitution.matcher.shared
            and any(
                other.site is site
                and other.caller not in (None, step.caller)
                and self.substitution.is_known_right(other)
                for other in self.steps
            )
        )

    def called_wrongly(self, fault: Fault) -> bool:
        """Whether a function whose value is wrong is right wherever else it is called."""
        step = fault.step
        if step.caller is None or step.stacked or not fault.complete:
            return False
        if sum(other.step.site is step.site for other in self.found) > 1:
            return False
        others = [
            other
            for other in self.steps
            if other.site is step.site and other.places[0] not in step.places and not other.stacked
        ]
        if step.site.kind != "return" and (
            step.standing is None or any(x.caller == step.caller for x in others)
        ):
            return False  # wrong in the function, or the same call in a loop
        return any(self.substitution.affected(other) for other in others)


def _lines(site: Site) -> range:
    return range(site.line, site.end_line + 1)


def _is_of_one_line(a: Match, b: Match) -> bool:
    """Whether two contributions come from uses of a value on one line of the loss."""
    uses = [x.quantity.node.of if x.quantity.node is not None else None for x in (a, b)]
    lines = [None if use is None or use.where is None else use.where.line for use in uses]
    return None not in lines and lines[0] == lines[1]


def _only_scales(first: Fault, fault: Fault) -> bool:
    """Whether a later line gives a wrong value its factor, and nothing else."""
    a, b = first.step.value, fault.step.value
    standing = first.step.standing
    if standing is not None and standing.quantity.kind in ("cotangent", "part"):
        return False  # it is right as it stands
    if standing is not None and standing.quantity.kind == "share" and _is_a_sum(first.step):
        return False  # as is what a loop adds up; what is missing comes after it
    if first.own is not None or first.quantity is not fault.quantity or a.shape != b.shape:
        return False
    factor = fault.scale / first.scale
    return (
        first.step.name == fault.step.name
        and abs(factor - 1) > 1e-9
        and bool(np.allclose(b, factor * a, rtol=1e-9, atol=0.0))
    )


def _is_multiple(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether an array is another one times a number."""
    if a.shape != b.shape or not np.any(b):
        return False
    return np.allclose(a, float(np.vdot(b, a) / np.vdot(b, b)) * b, rtol=1e-9, atol=0.0)


def _is_a_sum(step: Step) -> bool:
    """Whether a line adds to what there is."""
    return step.site.kind == "augmented"


def _is_of_cotangents(match: Match) -> bool:
    """Whether a value is a multiple of a cotangent, or of those of a loop's values."""
    return match.quantity.kind == "cotangent" or match.quantity.of_loop


def _counts(value: np.ndarray) -> bool:
    """Whether an array holds whole numbers, such as a mask: a factor is left for later."""
    return value.size > 1 and bool(np.all(value == np.trunc(value)))
