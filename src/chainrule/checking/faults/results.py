"""Mistakes in what is returned: transposed, swapped, permuted, a penalty that is not there (G304,
G701, G704, G705, G906).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.checking.faults.rules import exchanged_axes, flipped, plus
from chainrule.checking.hypothesis import Hypothesis, Namer, Naming, always
from chainrule.checking.replay import Alterations, NodeRule, Pass
from chainrule.checking.roles import Roles
from chainrule.checking.trial import Trial


def result_faults(roles: Roles) -> list[Hypothesis]:
    """What can happen to a finished gradient."""
    found: list[Hypothesis] = []
    for name in roles.replay.parameters:
        found += _reordered(roles, name)
        found += _swapped(roles, name)
        found += _penalised(roles, name)
    return found


def _at(roles: Roles, name: str, rule: NodeRule) -> Alterations:
    return Alterations(nodes={roles.replay.parameters[name].index: rule})


def _reordered(roles: Roles, name: str) -> Iterator[Hypothesis]:
    shape = roles.replay.parameters[name].shape
    if len(shape) == 2 and shape[0] == shape[1] and shape[0] > 1:
        yield Hypothesis(
            ("transposed", name), ("G701",), 1,
            f"the gradient of {name} is the transpose of the true one.",
            always(_at(roles, name, lambda g: g.T)),
        )  # fmt: skip
        data = [edge for edge in roles.edges_into(roles.replay.parameters[name].index)
                if edge[0] not in roles.penalty]  # fmt: skip
        yield Hypothesis(
            ("transposed data", name), ("G701",), 1,
            f"the gradient of {name} is the transpose of the true one (its penalty apart).",
            always(Alterations(edges=dict.fromkeys(data, lambda g, c: c.T))),
        )  # fmt: skip
    if len(shape) >= 2 and min(shape) > 1 and len(set(shape)) > 1:
        yield Hypothesis(
            ("read in F order", name), ("G705",), 1,
            f"the gradient of {name} is flattened in column order and reshaped in row order.",
            always(_at(roles, name, lambda g: g.ravel(order="F").reshape(g.shape))),
        )  # fmt: skip
        yield Hypothesis(
            ("written in F order", name), ("G705",), 1,
            f"the gradient of {name} is flattened in row order and reshaped in column order.",
            always(_at(roles, name, lambda g: g.ravel().reshape(g.shape, order="F"))),
        )  # fmt: skip
    yield from _of_kernels(roles, name, shape)
    if shape and max(shape) > 2:
        codes = ("G705", "G906") if len(shape) > 3 else ("G705",)  # channels have an order too
        for code, axis in itertools.product(codes, range(len(shape))):
            yield Hypothesis(
                ("permuted", code, name, axis), (code,), 2,
                f"the gradient of {name} holds the true entries in another order along axis "
                f"{axis}.",
                _permuted(name, axis),
            )  # fmt: skip


def _of_kernels(roles: Roles, name: str, shape: tuple[int, ...]) -> Iterator[Hypothesis]:
    """Flips and swaps of a convolution's kernel."""
    if len(shape) < 3:
        if shape and roles.slides(name):
            yield Hypothesis(
                ("flipped", name), ("G906",), 1,
                f"the gradient of the kernel {name} is flipped.",
                always(_at(roles, name, flipped(tuple(range(len(shape)))))),
            )  # fmt: skip
        return
    kernel = len(shape) > 3 or roles.slides(name)
    axes = (len(shape) - 2, len(shape) - 1)
    for axis in (axes, axes[:1], axes[1:]):
        yield Hypothesis(
            ("flipped", name, axis), ("G906" if kernel else "G705",), 1,
            f"the gradient of {name} is flipped along its last axes.",
            always(_at(roles, name, flipped(axis))),
        )  # fmt: skip
    for first, second in (axes, (0, 1)):
        if shape[first] == shape[second] and first != second:
            yield Hypothesis(
                ("axes swapped", name, first), ("G906" if kernel else "G701",), 1,
                f"axes {first} and {second} of the gradient of {name} are swapped.",
                always(_at(roles, name, exchanged_axes(first, second))),
            )  # fmt: skip


def _permuted(name: str, axis: int) -> Callable[[Trial, Pass], Alterations | None]:
    """The permutation that carries the gradient of the pass into the claim, if there is one."""

    def build(trial: Trial, state: Pass) -> Alterations | None:
        claim = np.moveaxis(trial.claims[name], axis, 0)
        true = np.moveaxis(np.asarray(trial.replay.gradient(state, name)), axis, 0)
        if claim.shape != true.shape or len(true) < 3:
            return None
        scale = float(np.max(np.abs(true), initial=0.0))
        order: list[int] = []
        for row in claim:
            gaps = np.abs(true - row).reshape(len(true), -1).max(axis=1)
            fits = [i for i in np.flatnonzero(gaps <= trial.exact * scale) if i not in order]
            if len(fits) != 1:
                return None
            order.append(int(fits[0]))
        if order == sorted(order):
            return None
        at = trial.replay.parameters[name].index
        return Alterations(nodes={at: lambda g: np.take(g, order, axis=axis)})

    return build


def _swapped(roles: Roles, name: str) -> Iterator[Hypothesis]:
    """The gradient of another parameter under this one's name."""
    node = roles.replay.parameters[name]
    for other, twin in roles.replay.parameters.items():
        if other == name or twin.shape != node.shape or node.shape == ():
            continue
        yield Hypothesis(
            ("swapped", name, other), ("G704",), 1,
            f"the gradient of {other} is returned as that of {name}.",
            _taken_from(name, other),
        )  # fmt: skip
        if name < other:
            yield Hypothesis(
                ("exchanged", name, other), ("G704",), 0,
                f"the gradients of {name} and {other} are exchanged.", _exchanged(name, other),
            )  # fmt: skip


def _taken_from(name: str, other: str) -> Callable[[Trial, Pass], Alterations]:
    def build(trial: Trial, state: Pass) -> Alterations:
        theirs = trial.replay.gradient(state, other)
        return Alterations(nodes={trial.replay.parameters[name].index: lambda g: theirs})

    return build


def _exchanged(name: str, other: str) -> Callable[[Trial, Pass], Alterations]:
    def build(trial: Trial, state: Pass) -> Alterations:
        return _taken_from(name, other)(trial, state).then(_taken_from(other, name)(trial, state))

    return build


def _penalised(roles: Roles, name: str) -> Iterator[Hypothesis]:
    """A penalty of a parameter that has none, or with another parameter's values."""
    node = roles.replay.parameters[name]
    edges = roles.edges_into(node.index)
    penalty = [edge for edge in edges if edge[0] in roles.penalty]
    for other, twin in roles.replay.parameters.items():
        value = np.asarray(twin.value, dtype=float)
        if twin.shape != node.shape or (value.size < 2 and other != name):
            continue
        if penalty and other == name:
            share = roles.penalty_of(name)
            size = 1e-12 * float(np.max(np.abs(value), initial=0.0))
            free = share is not None and (np.abs(share) <= size) & (value != 0)
            if np.any(free) and not np.all(free):
                what = f"{name}, in entries that the loss leaves out,"
                yield Hypothesis(
                    ("penalised in part", name), (), 1, "",
                    always(_at(roles, name, plus(np.where(free, value, 0.0)))),
                    _of_addend(what, other),
                )  # fmt: skip
                yield Hypothesis(
                    ("penalised in some", name), (), 1, "",
                    _where_it_differs(name, free, value), _of_addend(what, other),
                )  # fmt: skip
            if share is not None and np.sum(np.abs(share) > size) > 2:
                yield Hypothesis(
                    ("not penalised in some", name), ("G301",), 1,
                    f"in some entries of the gradient of {name} the penalty's share is missing.",
                    _where_it_differs(name, np.abs(share) > size, -share),
                )  # fmt: skip
        if not penalty and not _multiple(roles.share_of(node.index, edges), value):
            what = name if other == name else f"{name}, in the shape of {other}"
            yield Hypothesis(
                ("penalised", name, other), (), 1, "",
                always(_at(roles, name, plus(value))), _of_addend(what, other),
            )  # fmt: skip
        elif other != name:
            own = np.asarray(node.value, dtype=float)
            share = roles.share_of(node.index, penalty)
            if share is None or not np.any(own):
                continue
            weight = float(np.sum(share * own) / np.sum(own * own))
            if np.allclose(weight * own, share, rtol=1e-9):
                extra = weight * (value - own)
                yield Hypothesis(
                    ("penalty of another", name, other), ("G304",), 1,
                    f"the penalty's share in the gradient of {name} is made from {other}.",
                    always(_at(roles, name, plus(extra))),
                )  # fmt: skip


def _where_it_differs(
    name: str, allowed: Any, addend: Any
) -> Callable[[Trial, Pass], Alterations | None]:
    """The addend in the entries in which the claim differs, if those are some of the allowed."""

    def build(trial: Trial, state: Pass) -> Alterations | None:
        claim, true = trial.claims[name], np.asarray(trial.replay.gradient(state, name))
        if claim.shape != true.shape:
            return None
        differs = np.abs(claim - true) > trial.exact * float(np.max(np.abs(true), initial=0.0))
        if np.sum(differs) < 2 or np.any(differs & ~allowed) or np.all(differs == allowed):
            return None
        at = trial.replay.parameters[name].index
        return Alterations(nodes={at: plus(np.where(differs, addend, 0.0))})

    return build


def _multiple(gradient: Any, value: np.ndarray[Any, Any]) -> bool:
    """Whether a gradient is a number times a value, so that more of it is a factor."""
    if gradient is None or not np.any(value):
        return False
    found = np.asarray(gradient, dtype=float)
    return np.allclose(np.sum(found * value) / np.sum(value * value) * value, found, rtol=1e-6)


def _of_addend(what: str, other: str) -> Naming:
    def naming(values: Sequence[float], name_of: Namer) -> tuple[tuple[str, ...], str] | None:
        weights = [value - 1 for value in values]
        factor = name_of(weights)
        if factor is None:
            return None
        return ("G304",), (
            f"the gradient of {what} holds {factor.text} × {other}, which the loss does not "
            "penalise there; the rest is exact."
        )

    return naming
