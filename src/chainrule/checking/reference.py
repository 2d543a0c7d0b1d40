"""The true gradient of a loss, and what vouches for it.

The engine differentiates the user's loss; central differences in float64 referee the result. Where
the engine cannot trace the loss, differences or the complex step stand alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.checking.numerical import (
    CANCELLED,
    STEP,
    STEP_SINGLE,
    Slope,
    complex_step,
    differences,
    slope_along,
)
from chainrule.checking.subject import LARGE, Point, Subject, calling
from chainrule.engine.backward import depends_on, owned_cotangents, pull_back
from chainrule.engine.errors import ChainruleError, InvalidInput
from chainrule.engine.graph import Graph
from chainrule.engine.tracing import Trace, Traced
from chainrule.engine.transforms import trace

#: Up to this many entries the whole gradient is taken by differences where there is no graph.
_ALL_ENTRIES = 4000


@dataclass
class Reference:
    """The true gradient at a point.

    Attributes
    ----------
    subject : Subject
    point : mapping of str to object
        The arguments, arrays in float64.
    parameters : tuple of str
        What the gradient is taken with respect to.
    value : float
        The loss.
    gradients : dict of str to array
    method : {"engine", "complex step", "central differences"}
    confirmed : bool
        Whether the referee agrees; if not, nothing can be said about a claim.
    trusted : str
        One sentence: what the gradient is taken from and what vouches for it.
    noise : dict of str to float
        How far an entry may be off, by parameter; 0 for the engine.
    kinks : tuple of str
        Parameters along which the loss has a kink at this point.
    untraceable : str
        Why the engine could not differentiate the loss; empty if it could.
    """

    subject: Subject
    point: Point
    parameters: tuple[str, ...]
    value: float
    gradients: dict[str, np.ndarray[Any, Any]]
    method: str
    confirmed: bool = True
    trusted: str = ""
    noise: dict[str, float] = field(default_factory=dict)
    kinks: tuple[str, ...] = ()
    untraceable: str = ""

    @cached_property
    def graph(self) -> Graph | None:
        """The loss with its backward pass as a graph, with every value; None if not traceable."""
        return (
            None if self.untraceable else backward_graph(self.subject, self.point, self.parameters)
        )

    def slope(self, name: str, direction: np.ndarray[Any, Any]) -> Slope:
        """The slope of the loss along a direction in a parameter, by central differences."""
        loss = self.subject.loss_value
        return slope_along(loss, self.point, name, direction, *precision_of(self.subject))


def precision_of(subject: Subject) -> tuple[float, float]:
    """The step of central differences, and the relative rounding of the loss."""
    if subject.in_single:
        return STEP_SINGLE, float(np.finfo(np.float32).eps)
    return STEP, float(np.finfo(float).eps)


def forward_graph(subject: Subject, point: Point) -> Graph:
    """The loss traced at a point, with the example's names on its inputs."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return trace(subject.traceable, **{name: point[name] for name in subject.names})


def backward_graph(subject: Subject, point: Point, parameters: Sequence[str]) -> Graph | None:
    """The loss with its backward pass; None if it depends on none of the parameters."""
    graph = forward_graph(subject, point)
    known = {node.name for node in graph.inputs}
    try:
        with np.errstate(all="ignore"):
            return graph.backward([name for name in parameters if name in known], of=0)
    except ChainruleError:
        return None


def reference_at(
    subject: Subject, point: Point, parameters: Sequence[str], referee: bool = True, seed: int = 0
) -> Reference:
    """The true gradient at a point.

    Parameters
    ----------
    subject : Subject
    point : mapping of str to object
    parameters : sequence of str
    referee : bool
        Compare with central differences.
    seed : int
        Of the referee's directions.

    Raises
    ------
    UserCodeError
        The loss raises, or returns no real number.
    """
    value = subject.loss_value(point)
    if subject.autograd is not None:
        return _by_autograd(subject, point, parameters, value, referee, seed)
    try:
        gradients = _with_or_without_plain_numbers(subject, point, parameters)
    except ChainruleError as error:
        return _by_differences(subject, point, parameters, value, str(error))
    except Exception as error:  # what the user's loss does with traced values is not foreseeable
        return _by_differences(
            subject, point, parameters, value, f"{type(error).__name__}: {error}"
        )
    if np.isfinite(value) and not all(np.all(np.isfinite(g)) for g in gradients.values()):
        why = "its derivative holds zero times infinity"  # such as that of 1/(1 + exp(inf))
        return _by_differences(subject, point, parameters, value, why)
    reference = Reference(
        subject, point, tuple(parameters), value, gradients, "engine",
        trusted="chainrule's own differentiation of loss",
    )  # fmt: skip
    if referee:
        _confirm(reference, seed)
    return reference


def _by_autograd(
    subject: Subject,
    point: Point,
    parameters: Sequence[str],
    value: float,
    referee: bool,
    seed: int,
) -> Reference:
    """The gradient by the library that the loss is written in."""
    assert subject.autograd is not None
    with calling("loss"):
        gradients = subject.autograd(point, parameters)
    reference = Reference(
        subject, point, tuple(parameters), value, gradients, "PyTorch autograd",
        trusted="PyTorch's automatic differentiation of loss",
        untraceable="it is written in PyTorch",
    )  # fmt: skip
    if referee:
        _confirm(reference, seed)
    return reference


def _with_or_without_plain_numbers(
    subject: Subject, point: Point, parameters: Sequence[str]
) -> dict[str, np.ndarray[Any, Any]]:
    try:
        return _by_engine(subject, point, parameters)
    except Exception as error:
        if subject.converts:
            raise
        subject.converts = True
        try:
            return _by_engine(subject, point, parameters)
        except Exception:
            subject.converts = False
            raise error from None


def _by_engine(
    subject: Subject, point: Point, parameters: Sequence[str]
) -> dict[str, np.ndarray[Any, Any]]:
    recording = Trace()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            traced = {
                name: recording.placeholder(value, name) if _is_numeric(value) else value
                for name, value in ((name, point[name]) for name in subject.names)
            }
            # data too are traced, so that methods such as X.dot(W) are seen
            targets = [traced[name].node for name in parameters]
            result = subject.flat_loss(**traced)
            if not isinstance(result, Traced):
                raise InvalidInput("it returns a number that no argument enters")
            if recording.witnesses:
                recording.check_constants()
        finally:
            nodes = recording.close()
        found: list[Any] = [None] * len(targets)
        if result.node.dtype.kind == "f":
            one = np.ones((), result.node.dtype)[()]
            found = pull_back(nodes, [(result.node, one)], targets, depends_on(nodes, targets))
    return {
        name: np.asarray(g, dtype=float)
        for name, g in zip(parameters, owned_cotangents(found, targets), strict=True)
    }


def _is_numeric(value: Any) -> bool:
    return type(value) is float or isinstance(value, (np.ndarray, np.generic))


def _confirm(reference: Reference, seed: int) -> None:
    """Compare with slopes along random directions, one parameter at a time.

    At a kink the slopes may be anything between many one-sided ones, so that the comparison is
    made beside it.
    """
    disagreement, worst, kinks = _compared(reference, seed)
    if disagreement and kinks:
        disagreement, worst, _ = _compared(moved_aside(reference, seed), seed)
    if disagreement:
        reference.confirmed = False
        reference.trusted = disagreement
        return
    reference.kinks = kinks
    where = " beside a kink" if kinks else ""
    why = "; loss computes in single precision" if reference.subject.in_single else ""
    reference.trusted += f", confirmed by central differences{where} (within {worst:.0e}{why})"


def moved_aside(reference: Reference, seed: int) -> Reference:
    """The true gradient at a point nearby, where nothing stands on a kink."""
    rng = np.random.default_rng([seed, 7])
    point = {
        name: value + 1e-3 * (1 + np.abs(value)) * rng.normal(size=value.shape)
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and _may_move(value)
        else value
        for name, value in reference.point.items()
    }
    return reference_at(reference.subject, point, reference.parameters, referee=False)


def _may_move(value: np.ndarray[Any, Any]) -> bool:
    """Whether an array holds measurements rather than labels or masks."""
    return len(np.unique(value[:50])) > 2 or not np.any(value)


def _compared(reference: Reference, seed: int) -> tuple[str, float, tuple[str, ...]]:
    """A sentence if the referee disagrees, the largest difference, and where there are kinks."""
    rng = np.random.default_rng(seed)
    size = sum(reference.gradients[name].size for name in reference.parameters)
    directions = 1 if size > LARGE else 2
    worst = 0.0
    kinks: list[str] = []
    disagreement = ""
    norms = [norm(reference.gradients[name]) for name in reference.parameters]
    largest = max(norms, default=0.0)
    smallest = 1e-6 * largest  # a gradient below it is rounding
    for name in reference.parameters:
        true = reference.gradients[name]
        scale = max(norm(true), CANCELLED * largest) or 1e-12
        for _ in range(directions):
            direction = rng.normal(size=true.shape)
            slope = reference.slope(name, direction)
            claimed = float(np.sum(true * direction))
            if slope.kink and name not in kinks:
                kinks.append(name)
            nearer: Slope | None = slope
            if not slope.agrees(claimed, scale):
                nearer = _nearer(reference, name, direction, claimed, scale)
            if nearer is None:
                disagreement = disagreement or (
                    f"{reference.trusted} gives the slope {claimed:.6g} along "
                    f"{name}, central differences give {slope.value:.6g} ± {slope.noise:.1g}"
                )
            elif not nearer.kink:
                worst = max(worst, abs(nearer.value - claimed) / max(scale, smallest))
    return disagreement, worst, tuple(kinks)


def norm(array: np.ndarray[Any, Any]) -> float:
    """The Euclidean norm, also of numbers whose squares are no floats."""
    with np.errstate(all="ignore"):
        found = float(np.linalg.norm(array))
    if 1e-140 < found < float("inf"):
        return found  # without another copy of a large array
    largest = float(np.max(np.abs(array), initial=0.0))
    if not largest or not np.isfinite(largest):
        return largest
    return largest * float(np.linalg.norm(array / largest))


def _nearer(
    reference: Reference,
    name: str,
    direction: np.ndarray[Any, Any],
    claimed: float,
    scale: float,
) -> Slope | None:
    """The slope by a smaller step, if one agrees: a large one may have stepped over a kink."""
    loss, point = reference.subject.loss_value, reference.point
    step, epsilon = precision_of(reference.subject)
    slopes = [
        slope_along(loss, point, name, direction, smaller * step, epsilon)
        for smaller in (0.1, 0.01)
    ]
    agreeing = [slope for slope in slopes if slope.agrees(claimed, scale)]
    return min(agreeing, key=lambda slope: abs(slope.value - claimed), default=None)


def _by_differences(
    subject: Subject, point: Point, parameters: Sequence[str], value: float, why: str
) -> Reference:
    """The gradient without the engine; the complex step only where differences agree with it."""
    size = sum(np.size(point[name]) for name in parameters)
    if size > _ALL_ENTRIES:
        return Reference(
            subject, point, tuple(parameters), value,
            {name: np.zeros(np.shape(point[name])) for name in parameters}, "none",
            confirmed=False, untraceable=why,
            trusted=f"the loss cannot be traced ({why.rstrip('.')}), and {size} parameters are too "
            "many for central differences; check a smaller network",
        )  # fmt: skip
    gradients: dict[str, np.ndarray[Any, Any]] = {}
    noise: dict[str, float] = {}
    exact = True
    for name in parameters:
        by_difference, noise[name] = differences(
            subject.loss_value, point, name, *precision_of(subject)
        )
        by_complex = complex_step(subject.loss, point, name)
        gradients[name] = by_difference
        scale = float(np.max(np.abs(by_difference), initial=1e-12))
        if by_complex is not None and np.allclose(
            by_complex, by_difference, rtol=0, atol=20 * noise[name] + 1e-6 * scale
        ):
            gradients[name] = by_complex
            noise[name] = 0.0
        else:
            exact = False
    method = "complex step" if exact else "central differences"
    return Reference(
        subject, point, tuple(parameters), value, gradients, method, noise=noise,
        untraceable=why,
        trusted=f"{method} alone, because the loss cannot be traced ({why.rstrip('.')})",
    )  # fmt: skip
