"""Substitutions: what a gradient becomes when one of its steps holds a true value."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np

from chainrule.checking.localisation.fault import Fault
from chainrule.checking.localisation.matching import Matcher, squeezed
from chainrule.checking.localisation.quantities import Quantity, as_numbers
from chainrule.checking.localisation.steps import Step, roles
from chainrule.checking.numerical import CANCELLED
from chainrule.checking.outside_data import OutsideData
from chainrule.checking.stopping import now
from chainrule.checking.watch import Place, Run, Watcher

_MOST_CANDIDATES = 40
_FEW_CANDIDATES = 12
_MOST_DERIVATIVES = 30
_ORDER = {"cotangent": 0, "derivative": 1, "forward": 2, "addends": 3, "share": 3, "derived": 4}
_SCALED = frozenset({"cotangent", "addends", "share", "backward"})


Claims = Mapping[str, np.ndarray | None]


class OutOfTime(Exception):
    """The search has used its time."""


class Substitution:
    """Runs of one gradient with other values in it.

    Parameters
    ----------
    watcher : Watcher
    example : mapping
    read : callable
        What the gradient returns as a dict.
    truth : mapping
    tolerance : float
        Relative error, in norm, up to which a gradient is right.
    deadline : float
        `now` at which it ends.

    Attributes
    ----------
    base : dict
        Gradients as they are, with what has been mended so far.
    wrong : set of str
        Which of them are wrong.
    applied : dict
        What has been mended.
    """

    def __init__(
        self,
        watcher: Watcher,
        example: Mapping[str, Any],
        read: Callable[[Any], Mapping[str, Any]],
        truth: Mapping[str, Any],
        tolerance: float,
        deadline: float,
    ) -> None:
        self.watcher = watcher
        self.example = example
        self.read = read
        self.truth = {name: np.asarray(value, float) for name, value in truth.items()}
        self._sizes = {name: float(np.linalg.norm(value)) for name, value in self.truth.items()}
        self._rounding = max(1e-14, CANCELLED * max(self._sizes.values(), default=0.0))
        self.tolerance = tolerance
        self.deadline = deadline
        self.base: dict[str, np.ndarray | None] = {}
        self.wrong: set[str] = set()
        self.applied: dict[Place, Any] = {}
        self.steps: list[Step] = []
        self._hopeless: set[tuple[Any, ...]] = set()
        self._rests: dict[int, dict[str, np.ndarray | None]] = {}
        self._random = np.random.default_rng(20)

    @functools.cached_property
    def outside(self) -> OutsideData:
        """What the functions find outside of their arguments, and leave there."""
        return OutsideData(self.watcher.functions, self._runs_as_it_is)

    def _runs_as_it_is(self) -> bool:
        with self.watcher.edited({}):
            return self.watcher.run(self.example).error is None

    # --- what a run returns ----------------------------------------------------------------------

    def observe(self, run: Run) -> None:
        """Take a run as it is: its gradients, and which of them are wrong."""
        self.run = run
        self.base = self._claims(run)
        self.wrong = self._wrong(self.base)

    def forget(self) -> None:
        """Take the run as it was, with nothing mended."""
        self.applied.clear()
        self._rests.clear()
        self.observe(self.run)

    def apply(self, fault: Fault) -> None:
        """Mend a fault for good."""
        self._hopeless.clear()
        self._rests.clear()
        self.applied.update(fault.replaced)
        self.base = self._try({})
        self.wrong = self._wrong(self.base)

    def _claims(self, run: Run) -> dict[str, np.ndarray | None]:
        if run.error is not None:
            return {}
        try:
            claimed = self.read(run.result)
        except Exception:  # the reader's own refusal of what a substitution made
            return {}
        return {name: as_numbers(claimed.get(name)) for name in self.truth}

    def wrong_of(self, run: Run) -> set[str]:
        """The gradients that are wrong in a run."""
        return self._wrong(self._claims(run))

    def is_right_in(self, run: Run, names: Collection[str], truth: Mapping[str, Any]) -> bool:
        """Whether some gradients are right in a run with other arguments."""
        if run.error is not None:
            return False
        try:
            claimed = self.read(run.result)
        except Exception:  # the reader's own refusal
            return False
        for name in names:
            claim, true = as_numbers(claimed.get(name)), np.asarray(truth[name], float)
            if claim is None or claim.shape != true.shape:
                return False
            if np.linalg.norm(claim - true) > 10 * self.tolerance * np.linalg.norm(true) + 1e-13:
                return False
        return True

    def _wrong(self, claims: Mapping[str, np.ndarray | None]) -> set[str]:
        return {name for name in self.truth if not self._is_right(claims.get(name), name)}

    def _is_right(self, claim: np.ndarray | None, name: str) -> bool:
        true = self.truth[name]
        if claim is None or claim.shape != true.shape:
            return False
        difference = (claim - true).ravel()
        error = math.sqrt(float(difference @ difference))
        return error <= self.tolerance * self._sizes[name] or error < self._rounding

    def _try(self, replaced: Mapping[Place, Any]) -> dict[str, np.ndarray | None]:
        if now() > self.deadline:
            raise OutOfTime
        changed = {**self.applied, **replaced}
        with self.outside.kept():
            run = self.watcher.run(self.example, changed, deadline=self.deadline)
            return self._claims(run)

    def mends(self, replaced: Mapping[Place, Any]) -> bool:
        """Whether every gradient is right with other values."""
        claims = self._try(replaced)
        return bool(claims) and not self._wrong(claims)

    # --- steps -----------------------------------------------------------------------------------

    def prepare(self, steps: list[Step], matcher: Matcher) -> None:
        """Take the steps of the observed run."""
        self.steps = steps
        self.matcher = matcher
        self.known: dict[str, str] = {}  # forward values by name, as the loss spells them
        for first in matcher.quantities:
            for quantity in (first, *first.aliases):
                if quantity.kind in ("cotangent", "forward", "input") and quantity.name:
                    plain = quantity.name.replace("_", "").lower()
                    self.known.setdefault(plain, quantity.name)
                    if quantity.kind == "forward" and quantity.named:  # h1, h2, … of one variable
                        base = plain.rstrip("0123456789")
                        self.known.setdefault(base, quantity.name.rstrip("0123456789_"))
        self.own_names = dict(self.known)
        for step in steps:
            match = step.standing
            if match is None or not match.exact or match.quantity.kind != "forward":
                continue
            if step.name is not None and step.value.size > 1:
                self.own_names.setdefault(step.name.replace("_", "").lower(), match.quantity.name)

    @functools.cached_property
    def right_functions(self) -> list[tuple[str, range]]:
        """Files and lines of helpers that give the derivative of what the loss computes from z."""
        ran: dict[str, set[int]] = {}
        for step in self.steps:
            ran.setdefault(step.site.filename, set()).add(step.site.line)
        last: dict[int, tuple[np.ndarray, np.ndarray]] = {}  # of all that is computed from z
        for quantity in self.matcher.quantities:
            node = quantity.node
            if quantity.kind == "derivative" and node is not None and np.ptp(quantity.value) > 0:
                last[node.index] = np.asarray(node.value), quantity.value
        derivatives = list(last.values())[:_MOST_DERIVATIVES]
        found = []
        with self.watcher.edited({}):
            for function in self.watcher.functions:
                code = function.__code__
                file, asked = code.co_filename, code.co_argcount - len(function.__defaults__ or ())
                numbers = [line for _, _, line in code.co_lines() if line is not None]
                lines = range(min(numbers), max(numbers) + 1)
                if asked != 1 or (file, code.co_name) in self.matcher.shared:
                    continue
                if function is self.watcher.function or not ran.get(file, set()) & {*lines}:
                    continue
                if any(_gives(function, z, value) for z, value in derivatives):
                    found.append((file, lines))
        return found

    def is_in_right_function(self, filename: str, line: int) -> bool:
        """Whether a line belongs to a helper that gives a true derivative."""
        return any(filename == name and line in lines for name, lines in self.right_functions)

    def meant(self, step: Step) -> list[tuple[str, str]]:
        """What a step may be meant to hold, by its name."""
        found = roles(step.name, self.known)
        if not found:
            found = [r for r in roles(step.name, self.own_names) if r[0] == "cotangent"]
        if step.name in self.truth and step.site.kind != "assign":
            found.insert(0, ("cotangent", str(step.name)))
        return found

    def fitting_roles(self, step: Step) -> list[tuple[str, str]]:
        """What a step may be meant to hold, by its name, as far as it has the shape of it."""
        shape, whole = squeezed(step.row_shape), squeezed(step.value.shape)
        return [
            role
            for role in self.meant(step)
            if any(
                squeezed(quantity.value.shape) in (shape, shape[::-1], whole)
                or squeezed(quantity.value.shape[1:]) == shape
                for quantity in self.matcher.quantities
                if quantity.is_role(*role)
            )
        ]

    def repair(self, step: Step, deep: bool = False) -> Fault | None:
        """The true value that repairs something and breaks nothing, if there is one.

        Parameters
        ----------
        step : Step
        deep : bool
            Try every intermediate value of the backward pass as well.
        """
        if self.is_known_right(step):
            return None
        affected = self.affected(step)
        if affected is not None and not affected & self.wrong:
            return None
        # a value that is handed on, to the same effect, is not tried again
        effect = frozenset(affected or ())
        handed = (step.value.shape, step.value.tobytes(), effect, deep, step.name in self.truth)
        if step.copied and handed in self._hopeless:
            return None
        best = self._best_repair(step, affected, deep)
        if best is None:
            self._hopeless.add(handed)
        return best

    def _best_repair(self, step: Step, affected: set[str] | None, deep: bool) -> Fault | None:
        candidates = self._candidates(step, deep)
        if affected is not None and affected - self.wrong:
            # these stay right only by chance of the numbers
            if step.standing is not None:
                return None
            candidates = candidates[:_FEW_CANDIDATES]
        best: Fault | None = None
        for quantity in candidates:
            fault = self._substitute(step, quantity)
            if fault is None:
                continue
            if best is None or len(fault.repaired) > len(best.repaired):
                best = fault
            if best.repaired == self.wrong or best.repaired == affected:
                break
        return best

    def is_known_right(self, step: Step) -> bool:
        """Whether a value of the forward pass is just what its name says."""
        match = step.standing
        if match is None or not match.exact or not step.matches:
            return False
        if (step.site.filename, step.site.function) in self.matcher.shared:
            return match.quantity.kind in _OF_FORWARD  # the loss runs the same line
        values = [m.quantity for m in step.matches if m.exact and not m.transposed]
        return any(
            quantity.is_role(*role)
            for role in self.meant(step)[:1]
            for quantity in values
            if role[0] == "forward" or quantity.kind in _VALUES
        )

    def is_just_that(self, step: Step) -> bool:
        """Whether a value is the very cotangent that its name asks for, letter by letter."""
        match = step.standing
        if match is None or not match.exact or match.transposed or not step.matches:
            return False
        own = (step.name or "").replace("_", "")
        roles = [role for role in self.fitting_roles(step) if role[0] == "cotangent"]
        return any(
            quantity.kind in ("cotangent", "addends")
            and own.endswith(quantity.name.replace("_", ""))
            and any(quantity.is_role(*role) for role in roles)
            for quantity in (match.quantity, *match.quantity.aliases)
        )

    def affected(self, step: Step) -> set[str] | None:
        """Gradients that depend on a step's value; None if that cannot be told."""
        value = step.value
        if value.dtype.kind in "iu":
            return None
        if value.dtype.kind == "b":
            other: np.ndarray = value ^ (self._random.random(value.shape) < 0.5)
        else:
            finite = value[np.isfinite(value)]
            size = float(np.sqrt(np.mean(finite**2))) if finite.size else 0.0
            other = value + 0.1 * (size or 1.0) * self._random.standard_normal(value.shape)
        claims = self._try(_rows(step, other))
        if not claims:
            return None
        return {name for name, base in self.base.items() if self._differ(claims[name], base)}

    def _differ(self, a: np.ndarray | None, b: np.ndarray | None) -> bool:
        """Whether two claims differ by more than rounding leaves of one that cancels."""
        if a is None or b is None or a.shape != b.shape:
            return a is not b
        return not equal(a, b) and not float(np.max(np.abs(a - b))) <= self._rounding

    def _candidates(self, step: Step, deep: bool) -> list[Quantity]:
        """True quantities that the step may be meant to hold, the likeliest first."""
        shape = step.value.shape
        meant = self.meant(step)
        fitting = list(self.matcher.of_shape(shape))
        if len(squeezed(shape)) == 2:
            fitting += [q for q in self.matcher.of_shape(shape[::-1]) if q not in fitting]
        if not step.stacked:
            fitting += [
                quantity
                for quantity in self.matcher.quantities
                if any(quantity.is_role(*role) for role in meant) and quantity not in fitting
            ]
        claims = {name: self.base.get(name) for name in self.wrong}
        fitting += [  # a result of another shape, as it is returned
            quantity
            for quantity in self.matcher.quantities
            if quantity.kind == "cotangent"
            and quantity not in fitting
            and (claim := claims.get(quantity.name)) is not None
            and claim.shape == shape
            and equal(claim, step.value)
        ]
        left = {"part"} if deep or step.stacked else {"part", "backward", "constant"}
        fitting = [q for q in fitting if q.kind not in left]
        standing = step.standing
        if standing is not None and step.matches and self.matcher.is_natural(standing.scale):
            kind = standing.quantity.kind
            wanted = _INSTEAD.get(kind)
            if kind == "input" and any(each == "cotangent" for each, _ in meant):
                wanted = _INSTEAD["forward"] | {"share"}
            if wanted is not None and kind == "forward" and (step.copied or not meant):
                wanted |= {"derivative"}  # a derivative that is left out
            if wanted is not None:
                fitting = [q for q in fitting if q.kind in wanted]
        if step.stacked:  # right in the order that it has
            right = {(m.quantity.kind, m.quantity.name) for m in step.matches if m.exact}
            fitting = [q for q in fitting if (q.kind, q.name) not in right]
        own = {id(match.quantity) for match in step.matches}
        binary = _is_binary(step.value)

        def rank(quantity: Quantity) -> tuple[Any, ...]:
            role = next((i for i, r in enumerate(meant) if quantity.is_role(*r)), len(meant))
            scaled_only = id(quantity) in own and quantity.kind == "cotangent"
            alike = not binary or _is_binary(quantity.value)
            agreeing = _agreeing_rows(step, quantity)
            return not scaled_only, -agreeing, role, not alike, _ORDER.get(quantity.kind, 5)

        return sorted(fitting, key=rank)[:_MOST_CANDIDATES]

    def _substitute(self, step: Step, quantity: Quantity) -> Fault | None:
        for value in _layouts(step, quantity):
            waiting = [1.0]
            while waiting:
                scale = waiting.pop(0)
                fault, ratio, claims = self._outcome(step, quantity, value, scale)
                if fault is not None:
                    return fault
                if scale != 1.0:
                    continue
                if quantity.kind in _SCALED:
                    further = [1 / ratio] if ratio else self._conventions(step)
                    waiting += [s for s in further if s != 1.0 and self._may_be(step, quantity, s)]
                    waiting += [] if ratio else self._beside_others(step, quantity, claims)
                elif quantity.kind == "forward" and step.standing is None:
                    waiting.append(-1.0)
        return None

    def _may_be(self, step: Step, quantity: Quantity, scale: float) -> bool:
        """Whether a factor is likely: one of the loss's own is not changed into another one."""
        own = next((m for m in step.matches if m.quantity is quantity), None)
        standing = step.cotangent
        usual = self.matcher.is_usual
        if own is None or standing is None or not usual(standing.scale):
            return own is None or not usual(own.scale) or usual(scale)
        return usual(scale / own.scale * standing.scale)

    def _outcome(
        self, step: Step, quantity: Quantity, value: np.ndarray, scale: float
    ) -> tuple[Fault | None, float | None, Claims]:
        """What a substitution repairs; else the factor that a changed gradient lacks; and what
        comes of it.
        """
        target = scale * value
        if equal(target, step.value, 1e-9):
            ratio = self._missing_factor(self.base, {}) if scale == 1.0 else None
            return None, ratio, self.base
        replaced = _rows(step, target)
        claims = self._try(replaced)
        if not claims:
            return None, None, {}
        wrong = self._wrong(claims)
        if wrong < self.wrong:
            called = next(
                (q for q in (quantity.under(*r) for r in self.meant(step)) if q is not None),
                quantity,
            )
            repaired, moment = self.wrong - wrong, _first_wrong(step, target)
            return (
                Fault(step, quantity, scale, repaired, replaced, not wrong, called, moment),
                None,
                claims,
            )
        return None, self._missing_factor(claims, self.base), claims

    def _missing_factor(
        self, claims: Mapping[str, np.ndarray | None], before: Mapping[str, np.ndarray | None]
    ) -> float | None:
        """The factor that a wrong gradient lacks, if one is all it lacks."""
        for name in sorted(self.wrong, key=lambda name: self.truth[name].size < 2):
            claim, true = claims.get(name), self.truth[name]
            if claim is None or claim.shape != true.shape or not np.any(true):
                continue
            if not np.all(np.isfinite(claim)) or equal(claim, before.get(name)):
                continue
            ratio = float(np.vdot(claim, true) / np.vdot(true, true))
            if ratio and equal(claim, ratio * true, 1e-6):
                return ratio if self.matcher.is_natural(1 / ratio) else None
        return None

    def _beside_others(self, step: Step, quantity: Quantity, whole: Claims) -> list[float]:
        """The factor that a value needs where what it becomes is added to other things.

        What a backward pass returns is linear in each of its values: without this one it returns
        the rest.
        """
        key = id(step)
        if key not in self._rests:
            self._rests[key] = self._try(_rows(step, np.zeros(step.value.shape)))
        rest = self._rests[key]
        for name in sorted(self.wrong):
            without, true, claim = rest.get(name), self.truth[name], whole.get(name)
            if without is None or claim is None or true.size < 2:
                continue
            if not without.shape == claim.shape == true.shape:
                continue
            own = claim - without
            size = float(np.vdot(own, own))
            if not np.isfinite(size) or not size > 1e-24 * float(np.vdot(claim, claim)):
                continue
            if np.linalg.norm(without) <= 1e-9 * np.linalg.norm(claim):
                continue  # there is nothing beside it
            factor = float(np.vdot(own, true - without)) / size
            scale = next((m.scale for m in step.matches if m.quantity is quantity), None)
            if scale is not None:
                likely = self.matcher.is_natural(factor) or self.matcher.is_natural(factor / scale)
            else:  # a probability or a mask is right as it is
                likely = not any(m.exact for m in step.matches)
            if likely and abs(factor) > 1e-9 and equal(without + factor * own, true, 1e-6):
                return [factor]
        return []

    def _conventions(self, step: Step) -> list[float]:
        """Factors that earlier cotangents of the run have."""
        found = dict.fromkeys(
            round(match.scale, 9)
            for match in (other.cotangent for other in self.steps if other.time < step.time)
            if match is not None and not match.exact and self.matcher.is_natural(match.scale)
        )
        return list(found)[:2]

    def inherited(self, fault: Fault) -> tuple[int, ...]:
        """Lines after a fault that bind other values once it is mended."""
        with self.outside.kept():
            run = self.watcher.run(self.example, fault.replaced, record=True)
        mended = {event.place: event.value for event in run.events}
        lines = set()
        for event in self.run.events:
            site = self.watcher.sites[event.place[0]]
            if event.time <= fault.step.time or site.line == fault.step.site.line:
                continue
            if not event.origin:
                continue
            after = mended.get(event.place)
            if after is None or np.shape(after) != np.shape(event.value):
                continue
            if not equal(np.asarray(event.value, float), np.asarray(after, float), 1e-9):
                lines.add(site.line)
        return tuple(sorted(lines))


_VALUES = frozenset({"forward", "input"})
_OF_FORWARD = _VALUES | {"addends"}
_GRADIENTS = frozenset({"cotangent", "addends", "share", "backward"})
# What a step may be meant to hold that holds a true value of some kind.
_INSTEAD = {
    "forward": frozenset({"forward", "input", "derived", "cotangent"}),
    "input": frozenset({"forward", "input", "derived"}),
    "cotangent": _GRADIENTS,
    "addends": _GRADIENTS,
    "share": _GRADIENTS,
    "derivative": frozenset({"derivative", "cotangent"}),
}


def _gives(function: Callable[..., Any], argument: np.ndarray, value: np.ndarray) -> bool:
    """Whether a function of the user's has this value."""
    try:
        given = np.asarray(function(argument.copy()), float)
    except (Exception, SystemExit):  # the user's code, called with something else
        return False
    return given.shape == value.shape and equal(given, value, 1e-9)


def _agreeing_rows(step: Step, quantity: Quantity) -> int:
    """In a loop, how many iterations bind the true value already."""
    if not step.stacked or quantity.value.shape != step.value.shape:
        return 0
    pairs = zip(step.rows(), step.rows(quantity.value), strict=True)
    return sum(equal(np.asarray(row), np.asarray(due), 1e-9) for row, due in pairs)


def _layouts(step: Step, quantity: Quantity) -> Iterator[np.ndarray]:
    """A quantity in the shape of a step's value, or in its own if it has none of that shape."""
    shape, value = step.value.shape, quantity.value
    fits = squeezed(shape) == squeezed(value.shape)
    if fits:
        yield value.reshape(shape)
    turned = squeezed(value.shape)[::-1]
    if len(turned) == 2 and squeezed(shape) == turned:
        yield value.reshape(turned[::-1]).T.reshape(shape)
    if value.shape != shape and not step.stacked:
        yield value


def _rows(step: Step, value: np.ndarray) -> dict[Place, Any]:
    """A value as what every place of a step is to bind."""
    if not step.stacked:
        return {step.places[0]: _like(value, step.value)}
    rows, given = step.rows(value), step.rows()[0]
    return {place: _like(row, given) for place, row in zip(step.places, rows, strict=True)}


def _like(value: np.ndarray, given: np.ndarray) -> Any:
    """A substitute of the kind of what it stands for: boolean masks stay boolean."""
    if given.dtype.kind == "b" and np.all((value == 0) | (value == 1)):
        value = value.astype(bool)
    return value.copy() if np.ndim(value) else value[()]


def _first_wrong(step: Step, target: np.ndarray) -> int:
    """When a step binds something else than it should."""
    if not step.stacked:
        return step.time
    return min(
        moment
        for moment, row, due in zip(step.moments, step.rows(), step.rows(target), strict=True)
        if not equal(np.asarray(row), np.asarray(due), 1e-7)
    )


def equal(a: np.ndarray | None, b: np.ndarray | None, tolerance: float = 1e-12) -> bool:
    """Whether two arrays agree, relative to their largest element."""
    if a is None or b is None or a.shape != b.shape:
        return a is b
    if a.dtype.kind == "b":
        return bool((a == b).all())
    difference = np.abs(a - b).max()
    if np.isfinite(difference):
        return bool(difference <= tolerance * np.abs(b).max())
    return np.array_equal(a, b, equal_nan=True)


def _is_binary(value: np.ndarray) -> bool:
    return bool(np.all((value == 0) | (value == 1)))
