"""One value of a hand-written gradient, checked by name against what it should be."""

from __future__ import annotations

import contextlib
import contextvars
import difflib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.checking.localisation.matching import EXACT, Match, Matcher, natural_scales, squeezed
from chainrule.checking.localisation.quantities import Quantity, as_numbers, quantities
from chainrule.checking.localisation.steps import roles
from chainrule.checking.localisation.wording import scaled
from chainrule.checking.subject import Example, Subject, described, example_of
from chainrule.engine.errors import InvalidInput
from chainrule.engine.graph import Graph
from chainrule.programs.names import trace_named

_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Compared:
    """How a value stands to the true one.

    Attributes
    ----------
    name : str
        As it was given.
    meaning : str or None
        What the name stands for, such as "the cotangent of z1"; None if it stands for nothing.
    equal : bool
        The value is the true one.
    scale : float or None
        The factor, if the value is a multiple of the true one.
    transposed : bool
        It is the true one, or a multiple, transposed.
    relative_error : float or None
        ``‖value - true‖ / ‖true‖``; None if the shapes differ.
    instead : tuple of str
        Other true quantities that the value equals, such as "the cotangent of h".
    message : str
        All of this in a sentence.
    """

    name: str
    meaning: str | None
    equal: bool
    scale: float | None
    transposed: bool
    relative_error: float | None
    instead: tuple[str, ...]
    message: str

    def __bool__(self) -> bool:
        return self.equal

    def __str__(self) -> str:
        return self.message

    def __repr__(self) -> str:
        return self.message


class Comparison:
    """The true values of a loss at one example, to compare others with.

    Parameters
    ----------
    graph : Graph
        The traced loss, with or without its backward pass.
    show : bool
        Print each comparison.
    """

    def __init__(self, graph: Graph, show: bool = True) -> None:
        if not graph.cotangents:
            graph = graph.backward()
        truth = {
            node.name: graph.cotangents[node.index].value
            for node in graph.inputs
            if node.name is not None and node.index in graph.cotangents
        }
        self.show = show
        self._matcher = Matcher(quantities(graph, truth), natural_scales(graph, {}))
        self._names: dict[str, str] = {}
        for first in self._matcher.quantities:
            for quantity in (first, *first.aliases):
                if quantity.kind in ("cotangent", "forward", "input") and quantity.named:
                    self._names.setdefault(quantity.name.replace("_", "").lower(), quantity.name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of forward values; before each may stand a ``d``, for its cotangent."""
        return tuple(dict.fromkeys(self._names.values()))

    def compare(self, name: str, value: Any) -> Compared:
        """Compare a value with the one that its name stands for; see `compare`."""
        if not isinstance(name, str):
            raise InvalidInput(
                f"compare takes a name and a value, got {described(name)} first; as in "
                'compare("dz1", dz1).'
            )
        array = as_numbers(value)
        if array is None:
            raise InvalidInput(
                f"compare({name!r}, …) got {described(value)}; give an array of real numbers."
            )
        result = self._compared(name, array)
        if self.show:
            print(result.message)
        return result

    def _compared(self, name: str, value: np.ndarray) -> Compared:
        due = self._due(name)
        matches = self._matcher.matches(value)
        instead = tuple(
            dict.fromkeys(
                scaled(m.scale, m.quantity.meaning)
                for m in matches
                if not _is(m.quantity, due) and m.quantity.kind not in ("backward", "constant")
            )
        )[:3]
        if due is None:
            close = difflib.get_close_matches(name, [*self.names, *(f"d{n}" for n in self.names)])
            hint = f"; did you mean {' or '.join(close)}" if close else ""
            found = f"It equals {' and '.join(instead)}." if instead else "It equals no true value."
            of = next((of for kind, of in roles(name, self._names) if kind == "cotangent"), None)
            unknown = f"no value of the loss has this name{hint}"
            said = unknown if of is None else f"the loss has no derivative by {of}"
            message = f"{name}: {said}. {found}"
            return Compared(name, None, False, None, False, None, instead, message)
        same = squeezed(value.shape) == squeezed(due.value.shape)
        own = next((m for m in matches if _is(m.quantity, due)), None)
        error = _relative_error(value, due.value) if same else None
        right_shape = value.shape == due.value.shape
        equal = right_shape and error is not None and error <= _TOLERANCE
        message = f"{name}: {self._sentence(due, value, own, equal, error, instead)}"
        if equal:
            return Compared(name, due.meaning, True, 1.0, False, error, (), message)
        scale = own.scale if own is not None else None
        transposed = own is not None and own.transposed
        return Compared(name, due.meaning, False, scale, transposed, error, instead, message)

    def _due(self, name: str) -> Quantity | None:
        """What a name stands for: its own spelling first, then as people write cotangents."""
        meant = roles(name, self._names)
        if name in self._names.values():
            meant.insert(0, ("forward", name))
            meant.insert(1, ("input", name))
        for kind, of in meant:
            for quantity in self._matcher.quantities:
                found = quantity.under(kind, of)
                if found is not None and found.kind == kind:
                    return found
        return None

    def _sentence(
        self,
        due: Quantity,
        value: np.ndarray,
        own: Match | None,
        equal: bool,
        error: float | None,
        instead: tuple[str, ...],
    ) -> str:
        if equal:
            return f"right, it equals {due.meaning}."
        if own is not None and own.exact and not own.transposed:
            return (
                f"the numbers of {due.meaning}, in shape {value.shape} instead of "
                f"{due.value.shape}."
            )
        if own is not None:
            turned = ", transposed" if own.transposed else ""
            return f"equals {scaled(own.scale, due.meaning)}{turned}."
        other = f" It equals {' and '.join(instead)}." if instead else ""
        infinite = int(np.sum(~np.isfinite(value)))
        if infinite:
            return f"wrong, {infinite} of its {value.size} entries are NaN or infinite."
        if error is None:
            return (
                f"wrong, its shape is {value.shape} and that of {due.meaning} is "
                f"{due.value.shape}.{other}"
            )
        difference = np.abs(value.reshape(due.value.shape) - due.value)
        worst = tuple(int(i) for i in np.unravel_index(int(difference.argmax()), difference.shape))
        where = f" (largest at {list(worst)})" if worst else ""
        return f"wrong, {error:.2g} relative error to {due.meaning}{where}.{other}"


def _is(quantity: Quantity, due: Quantity | None) -> bool:
    """Whether a quantity is the one that is due, under whichever of its names."""
    return quantity is due or due in quantity.aliases


def _relative_error(value: np.ndarray, true: np.ndarray) -> float:
    size = float(np.linalg.norm(true))
    error = float(np.linalg.norm(value.reshape(true.shape) - true))
    return error / size if size else (0.0 if error <= EXACT else float("inf"))


_active: contextvars.ContextVar[Comparison | None] = contextvars.ContextVar(
    "comparison", default=None
)


@contextlib.contextmanager
def comparing(
    loss: Callable[..., Any],
    example: Example,
    *,
    show: bool = True,
) -> Iterator[Comparison]:
    """Make the true values of a loss known to `compare`, inside the ``with`` block.

    Parameters
    ----------
    loss : callable
        ``loss(**example) -> float``, written in NumPy.
    example : mapping of str to array, or callable that returns one
        As for `chainrule.check`.
    show : bool
        Print each comparison; otherwise it is only returned.

    Yields
    ------
    Comparison

    Raises
    ------
    SubjectError
        The loss is no function, or the example lacks an argument of it.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> def loss(x, w):
    ...     z = x @ w
    ...     return np.sum(np.tanh(z))
    >>> example = {"x": np.eye(3), "w": np.array([0.1, 0.2, 0.3])}
    >>> with cr.comparing(loss, example):
    ...     _ = cr.compare("dz", np.tanh(example["x"] @ example["w"]))
    ...     _ = cr.compare("dw", 1 - np.tanh(example["w"]) ** 2)
    dz: wrong, 0.8 relative error to the cotangent of z (largest at [0]). It equals np.tanh(z).
    dw: right, it equals the gradient of w.
    """
    subject = Subject(loss, loss, example_of(loss, example))
    arguments = subject.loss_arguments(subject.example)
    comparison = Comparison(trace_named(loss, **arguments), show)
    token = _active.set(comparison)
    try:
        yield comparison
    finally:
        _active.reset(token)


def compare(name: str, value: Any) -> Compared:
    """Compare one value of a hand-written gradient with the true one.

    Parameters
    ----------
    name : str
        A variable of the loss, ``"z1"``, for its value; with ``d`` before it, ``"dz1"``, for the
        derivative of the loss with respect to it. Other spellings that people use are understood
        as well (``grad_z1``, ``dL_dz1``, ``z1_bar``).
    value : array or number

    Returns
    -------
    Compared
        True if they are equal; it says the factor, whether it is transposed, or which other
        quantity the value equals.

    Raises
    ------
    InvalidInput
        Outside of `comparing`, or the value is no array.
    """
    comparison = _active.get()
    if comparison is None:
        raise InvalidInput(
            f"compare({name!r}, …) does not know the loss; call it inside "
            "`with cr.comparing(loss, example):`."
        )
    return comparison.compare(name, value)
