"""The search for the first step whose true value repairs a gradient."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.checking.localisation_matching import Matcher, squeezed
from chainrule.checking.localisation_quantities import Quantity, as_numbers
from chainrule.checking.localisation_steps import Step, roles
from chainrule.checking.watch import Place, Run, Watcher
from chainrule.engine.graph import Graph

_MOST_CANDIDATES = 40
_FEW_CANDIDATES = 8
_MOST_FAULTS = 3
_PLAIN = frozenset({"forward", "input"})
_ORDER = {"cotangent": 0, "derivative": 1, "forward": 2, "addends": 3, "derived": 4}


@dataclass(eq=False)
class Fault:
    """A step, and the true value that repairs the result.

    Attributes
    ----------
    step : Step
    quantity : Quantity
    scale : float
    repaired : set of str
    replaced : dict
        The substitution.
    complete : bool
        Everything is right with it.
    called : Quantity
        The quantity under the name that the step's own name asks for.
    """

    step: Step
    quantity: Quantity
    scale: float
    repaired: set[str]
    replaced: dict[Place, Any]
    complete: bool
    called: Quantity

    @property
    def only_scaled(self) -> bool:
        """Whether the step is right but for a factor."""
        standing = self.step.standing
        exact = standing is not None and standing.exact
        return not exact and any(m.quantity is self.quantity for m in self.step.matches)

    @property
    def expected(self) -> str:
        return scaled(self.scale, self.called.meaning)

    @property
    def found(self) -> str | None:
        own = [m for m in self.step.matches if m.quantity is self.quantity]
        match = own[0] if own else self.step.standing
        if match is None or not self.step.matches:
            return None
        text = scaled(match.scale, match.quantity.meaning)
        return f"{text}, transposed" if match.transposed and not match.exact else text


def scaled(scale: float, text: str) -> str:
    """``5 × the cotangent of z``."""
    if abs(scale - 1) < 1e-9:
        return text
    if abs(scale + 1) < 1e-9:
        return f"-1 × {text}"
    if abs(scale) < 1 and abs(1 / scale - round(1 / scale)) < 1e-6:
        return f"{'-' if scale < 0 else ''}1/{abs(round(1 / scale))} × {text}"
    return f"{scale:.6g} × {text}"


class OutOfTime(Exception):
    """The search has used its time."""


class Search:
    """Substitutions into the runs of one gradient.

    Parameters
    ----------
    watcher : Watcher
    example : mapping
    read : callable
        What the gradient returns as a dict.
    truth : mapping
    tolerance : float
    deadline : float
        `time.monotonic` at which it ends.
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
        self.tolerance = tolerance
        self.deadline = deadline
        self.base: dict[str, np.ndarray | None] = {}
        self.wrong: set[str] = set()
        self.applied: dict[Place, Any] = {}
        self.steps: list[Step] = []
        self.reason: str | None = None
        self._random = np.random.default_rng(20)

    # --- what a run returns ----------------------------------------------------------------------

    def observe(self, run: Run) -> None:
        """Take a run as it is: its gradients, and which of them are wrong."""
        self.run = run
        self.base = self._claims(run)
        self.wrong = self._wrong(self.base)

    def _claims(self, run: Run) -> dict[str, np.ndarray | None]:
        if run.error is not None:
            return {}
        try:
            claimed = self.read(run.result)
        except Exception:  # the reader's own refusal of what a substitution made
            return {}
        return {name: as_numbers(claimed.get(name)) for name in self.truth}

    def _wrong(self, claims: Mapping[str, np.ndarray | None]) -> set[str]:
        return {name for name in self.truth if not self._is_right(claims.get(name), name)}

    def _is_right(self, claim: np.ndarray | None, name: str) -> bool:
        true = self.truth[name]
        if claim is None or claim.shape != true.shape:
            return False
        size = max(float(np.linalg.norm(true)), 1e-30)
        error = float(np.linalg.norm(claim - true))
        return error <= self.tolerance * size or error < 1e-14

    def _try(self, replaced: Mapping[Place, Any]) -> dict[str, np.ndarray | None]:
        if time.monotonic() > self.deadline:
            raise OutOfTime
        return self._claims(self.watcher.run(self.example, {**self.applied, **replaced}))

    # --- steps -----------------------------------------------------------------------------------

    def prepare(self, steps: list[Step], matcher: Matcher, graph: Graph) -> None:
        """Take the steps of the observed run."""
        self.steps = steps
        self.matcher = matcher
        known: dict[str, str] = {}
        for first in matcher.quantities:
            for quantity in (first, *first.aliases):
                if quantity.kind in ("cotangent", "forward", "input") and quantity.name:
                    known.setdefault(quantity.name.replace("_", "").lower(), quantity.name)
        self.known = known

    def faults(self) -> list[Fault]:
        """Independent faults, in the order of time."""
        found: list[Fault] = []
        try:
            while self.wrong and len(found) < _MOST_FAULTS:
                fault = self._first()
                if fault is None:
                    break
                found.append(fault)
                self.applied.update(fault.replaced)
                self.base = self._try({})
                self.wrong = self._wrong(self.base)
        except OutOfTime:
            self.reason = "the search ran out of time"
        return sorted(found, key=lambda fault: fault.step.time)

    def _first(self) -> Fault | None:
        """The first fault: the earliest repair, or a later line if that one is right as it is."""
        first: Fault | None = None
        for number, step in enumerate(self.steps):
            if any(place in self.applied for place in step.places):
                continue
            fault = self._repair(step)
            if fault is None or (first is not None and not fault.repaired >= first.repaired):
                continue
            if first is not None:
                if step.copied and not self._is_meant(fault, first):
                    continue
                if not step.copied and step.standing is None and self._leaves_out(first):
                    return first
            first = fault
            if not self._is_right_so_far(fault, number):
                return fault
        return first

    def _meant(self, step: Step) -> list[tuple[str, str]]:
        """What a step may be meant to hold, by its name."""
        found = roles(step.name, self.known)
        if step.name in self.truth and step.site.kind != "assign":
            found.insert(0, ("cotangent", str(step.name)))
        return found

    def _is_meant(self, fault: Fault, first: Fault) -> bool:
        """Whether a line that only hands a value on is the one that should have changed it."""
        site = fault.step.site
        if site.parameter:
            return not first.only_scaled
        if site.kind in ("assign", "augmented") and "." not in (site.target or ""):
            meant = self._meant(fault.step)
            return any(fault.quantity.is_role(*role) for role in meant) or (
                not meant and self._is_named_so(first.step)
            )
        return first.only_scaled and self._scales_there(fault.step)

    def _is_named_so(self, step: Step) -> bool:
        """Whether a value is what its name says."""
        match = step.standing
        return match is not None and any(
            match.quantity.is_role(*role) for role in self._meant(step)
        )

    def _scales_there(self, step: Step) -> bool:
        """Whether other values get their factor on lines like this one."""
        scaled_before: set[int] = set()
        for other in self.steps:
            match = other.standing
            if match is None or match.quantity.kind != "cotangent":
                continue
            if not match.exact:
                scaled_before.add(id(match.quantity))
            elif id(match.quantity) in scaled_before and other.site.kind == step.site.kind:
                return True
        return False

    def _is_right_so_far(self, fault: Fault, number: int) -> bool:
        """Whether the step's value is true as it stands, so that a later line may be at fault."""
        match = fault.step.standing
        if match is None:
            return False
        if not match.exact and fault.only_scaled:
            before = [
                step.standing.scale
                for step in self.steps[:number]
                if step.standing is not None
                and step.standing.quantity.kind == "cotangent"
                and step.value.size > 1
            ]
            return bool(before) and abs(before[-1] - match.scale) < 1e-6 * abs(match.scale)
        return self.matcher.is_natural(match.scale)

    def _leaves_out(self, fault: Fault) -> bool:
        """Whether a true value is not the one that belongs on its line."""
        match = fault.step.standing
        if fault.only_scaled or match is None:
            return False
        if (match.quantity.kind == "derivative") != (fault.quantity.kind == "derivative"):
            return False
        meant = self._meant(fault.step)
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

    # --- substitution ----------------------------------------------------------------------------

    def _repair(self, step: Step) -> Fault | None:
        """The true value that repairs something and breaks nothing, if there is one."""
        if step.site.kind == "loop":
            return None
        affected = self._affected(step)
        candidates = self._candidates(step)
        if affected is not None:
            if not affected & self.wrong:
                return None
            if affected - self.wrong:  # these stay right only if the value hardly changes
                if step.standing is not None:
                    return None
                candidates = [q for q in candidates if q.kind != "backward"][:_FEW_CANDIDATES]
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

    def _affected(self, step: Step) -> set[str] | None:
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
        claims = self._try(self._rows(step, other))
        if not claims:
            return None
        changed = set()
        for name, base in self.base.items():
            claim = claims[name]
            if (
                claim is None
                or base is None
                or claim.shape != base.shape
                or not np.allclose(claim, base, 1e-12, 0.0, equal_nan=True)
            ):
                changed.add(name)
        return changed

    def _candidates(self, step: Step) -> list[Quantity]:
        """True quantities that the step may be meant to hold, the likeliest first."""
        shape = step.value.shape
        meant = self._meant(step)
        fitting = list(self.matcher.of_shape(shape))
        if len(squeezed(shape)) == 2:
            fitting += [q for q in self.matcher.of_shape(shape[::-1]) if q not in fitting]
        for quantity in self.matcher.quantities:
            if quantity not in fitting and any(quantity.is_role(*role) for role in meant):
                fitting.append(quantity)

        own = {id(match.quantity) for match in step.matches}
        standing = step.standing
        if standing is not None and standing.exact and standing.quantity.kind in _PLAIN:
            values = {"forward", "input", "derived"}
            if any(kind == "cotangent" for kind, _ in meant) or standing.quantity.kind != "input":
                values.add("cotangent")
            fitting = [q for q in fitting if q.kind in values]

        def rank(quantity: Quantity) -> tuple[Any, ...]:
            role = next((i for i, r in enumerate(meant) if quantity.is_role(*r)), len(meant))
            scaled_only = id(quantity) in own and quantity.kind == "cotangent"
            return not scaled_only, role, _ORDER.get(quantity.kind, 5)

        return sorted(fitting, key=rank)[:_MOST_CANDIDATES]

    def _substitute(self, step: Step, quantity: Quantity) -> Fault | None:
        layouts = list(self._layouts(step, quantity))
        for value in layouts:
            tried: list[float] = []
            for scale in self._scales(step, quantity):
                if any(abs(scale - s) < 1e-9 * abs(s) for s in tried):
                    continue
                tried.append(scale)
                fault, ratio = self._outcome(step, quantity, value, scale)
                if fault is not None:
                    return fault
                if ratio is not None and ratio not in tried and self.matcher.is_natural(ratio):
                    tried.append(ratio)
                    fault, _ = self._outcome(step, quantity, value, ratio)
                    if fault is not None:
                        return fault
        return None

    def _outcome(
        self, step: Step, quantity: Quantity, value: np.ndarray, scale: float
    ) -> tuple[Fault | None, float | None]:
        """What a substitution repairs; else the factor that all changed gradients lack."""
        target = scale * value
        if target.shape == step.value.shape and np.allclose(target, step.value, 1e-9, 0.0):
            return None, None
        replaced = self._rows(step, target)
        claims = self._try(replaced)
        if not claims:
            return None, None
        wrong = self._wrong(claims)
        if wrong < self.wrong:
            repaired = self.wrong - wrong
            called = self._called(step, quantity)
            return Fault(step, quantity, scale, repaired, replaced, not wrong, called), None
        if scale != 1.0 or quantity.kind not in ("cotangent", "addends", "backward"):
            return None, None
        for name in sorted(self.wrong):
            claim, true = claims[name], self.truth[name]
            base = self.base[name]
            if claim is None or claim.shape != true.shape or not np.any(true) or true.size < 2:
                continue
            if not np.all(np.isfinite(claim)):
                continue
            if base is not None and base.shape == claim.shape and np.array_equal(base, claim):
                continue
            ratio = float(np.vdot(claim, true) / np.vdot(true, true))
            if ratio and np.allclose(claim, ratio * true, 1e-6, 1e-12 * np.max(np.abs(claim))):
                return None, 1 / ratio
        return None, None

    def _called(self, step: Step, quantity: Quantity) -> Quantity:
        for role in self._meant(step):
            found = quantity.under(*role)
            if found is not None:
                return found
        return quantity

    def _scales(self, step: Step, quantity: Quantity) -> Iterable[float]:
        yield 1.0
        if quantity.kind in ("cotangent", "addends", "backward"):
            for other in self.steps:
                if other.time >= step.time:
                    break
                match = other.standing
                if match is None or match.quantity.kind != "cotangent":
                    continue
                if self.matcher.is_natural(match.scale):
                    yield match.scale

    def _layouts(self, step: Step, quantity: Quantity) -> Iterator[np.ndarray]:
        """A quantity in the shape of a step's value, or in its own if it has none of that shape."""
        shape, value = step.value.shape, quantity.value
        fits = False
        if squeezed(shape) == squeezed(value.shape):
            yield value.reshape(shape)
            fits = True
        turned = squeezed(value.shape)[::-1]
        if len(turned) == 2 and squeezed(shape) == turned:
            yield value.reshape(turned[::-1]).T.reshape(shape)
            fits = True
        if not fits and not step.stacked:
            yield value

    def _rows(self, step: Step, value: np.ndarray) -> dict[Place, Any]:
        if not step.stacked:
            return {step.places[0]: _like(value, step.value)}
        return {
            place: _like(row, step.value[0]) for place, row in zip(step.places, value, strict=True)
        }

    # --- what follows from a fault ---------------------------------------------------------------

    def called_wrongly(self, fault: Fault) -> bool:
        """Whether a function that returned a wrong value is right wherever else it is called."""
        step = fault.step
        if step.site.kind != "return" or step.caller is None or not fault.complete:
            return False
        others = [s for s in self.steps if s.site is step.site and s.places[0] not in step.places]
        return any(self._affected(other) for other in others if not other.stacked)

    def inherited(self, fault: Fault) -> tuple[int, ...]:
        """Lines after a fault that bind other values once it is mended."""
        run = self.watcher.run(self.example, fault.replaced, record=True)
        mended = {event.place: event.value for event in run.events}
        own = fault.step.site
        lines = set()
        for event in self.run.events:
            site = self.watcher.sites[event.place[0]]
            if event.time <= fault.step.time or site.line == own.line:
                continue
            if event.value is None or not event.origin:
                continue
            after = mended.get(event.place)
            if after is not None and np.shape(after) == np.shape(event.value):
                before, now = np.asarray(event.value, float), np.asarray(after, float)
                if not np.allclose(before, now, 1e-9, 0.0, equal_nan=True):
                    lines.add(site.line)
        return tuple(sorted(lines))


def _like(value: np.ndarray, given: np.ndarray) -> Any:
    """A substitute of the kind of what it stands for: boolean masks stay boolean."""
    if given.dtype.kind == "b" and np.all((value == 0) | (value == 1)):
        value = value.astype(bool)
    return value.copy() if np.ndim(value) else value[()]
