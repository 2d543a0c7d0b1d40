"""Mistakes at the output: softmax and sigmoid, with cross-entropy or another loss (G5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.checking.faults.rules import times
from chainrule.checking.hypothesis import Hypothesis, always
from chainrule.checking.regions import Softmax
from chainrule.checking.replay import Alterations, NodeRule
from chainrule.checking.roles import Roles


def output_faults(roles: Roles) -> list[Hypothesis]:
    """The derivative of the output applied twice, omitted, or cut to its diagonal."""
    found: list[Hypothesis] = []
    for z in roles.logits:
        what = roles.trial.describe(z)
        for variant, code, said, rule in _at_logits(roles, z):
            g = roles.replay.true.cotangents[z]
            if g is None or np.max(np.abs(rule(g))) <= 1e-12 * np.max(np.abs(g)):
                continue  # nothing is left, as where a path does not arrive
            alterations = Alterations(nodes={z: rule})
            key = ("logits", variant, *roles.trial.keys[z])
            found.append(Hypothesis(key, (code,), 1, f"at {what} {said}.", always(alterations)))
    groups: dict[tuple[Any, ...], list[Hypothesis]] = {}
    for softmax in roles.softmaxes:
        place = roles.trial.keys[softmax.p][:-1]
        for each in _at_softmax(roles, softmax):
            found.append(each)
            groups.setdefault((*each.key[:2], *place), []).append(each)
    for key, members in groups.items():
        if len(members) > 1:  # a loop that takes the softmax of one sample after the other
            bypasses: dict[int, tuple[int, NodeRule]] = {}
            for each in members:
                made = each.build(roles.trial, roles.replay.true)
                bypasses.update(made.bypasses if made is not None else {})
            every = always(Alterations(bypasses=bypasses))
            first = members[0]
            found.append(
                Hypothesis(("every", *key), first.codes, first.rank, first.evidence, every)
            )
    return found


def _at_logits(roles: Roles, z: int) -> Iterator[tuple[str, str, str, NodeRule]]:
    """Alterations of the complete cotangent of the logits, for losses in any form."""
    value = np.asarray(roles.values[z], dtype=float)
    with np.errstate(all="ignore"):
        sigmoid = 1 / (1 + np.exp(-value))
    yield from _of_sigmoid("sigmoid", sigmoid)
    for axis in range(value.ndim):
        if value.shape[axis] < 2 or value.shape[axis] == roles.trial.batch:
            continue
        p = _softmax(value, axis)
        word = f"softmax {axis}"
        yield (
            f"{word} twice", "G501",
            "the cotangent is multiplied by p(1 - p) though cross-entropy has absorbed it",
            times(p * (1 - p)),
        )  # fmt: skip
        yield (
            f"{word} times p", "G501",
            "the cotangent is multiplied by p though cross-entropy has absorbed it", times(p),
        )  # fmt: skip
        yield (
            f"{word} Jacobian twice", "G501",
            "the softmax Jacobian is applied though cross-entropy has absorbed it",
            _jacobian(p, axis),
        )  # fmt: skip
        if value.shape[axis] > 2:
            yield (
                f"{word} diagonal", "G503",
                "only the class of the label gets a cotangent: the softmax Jacobian is cut to "
                "its diagonal",
                lambda g: np.where(g < 0, g, 0.0),
            )  # fmt: skip
        yield (
            f"{word} omitted", "G502", "the softmax Jacobian is omitted, -y/p is passed on",
            _of_target(p),
        )  # fmt: skip


def _of_sigmoid(word: str, p: Any) -> Iterator[tuple[str, str, str, NodeRule]]:
    yield (
        f"{word} twice", "G501",
        "the cotangent is multiplied by p(1 - p) though cross-entropy has absorbed it",
        times(p * (1 - p)),
    )  # fmt: skip
    yield (
        f"{word} omitted", "G502", "the derivative p(1 - p) of the sigmoid is omitted",
        times(1 / (p * (1 - p))),
    )  # fmt: skip


def _at_softmax(roles: Roles, softmax: Softmax) -> Iterator[Hypothesis]:
    """Alterations of the step from p back to the logits."""
    p = np.asarray(roles.values[softmax.p], dtype=float)
    what = roles.trial.describe(softmax.p)
    variants: tuple[tuple[str, str, str, NodeRule], ...] = (
        ("omitted", "G401" if roles.is_hidden(softmax.p) else "G502",
         "the softmax Jacobian is omitted", lambda g: g),
        ("diagonal", "G503", "the softmax Jacobian is cut to its diagonal p(1 - p)",
         times(p * (1 - p))),
        ("without diagonal", "G503", "of the softmax Jacobian only p is used", times(p)),
    )  # fmt: skip
    others = [axis for axis in range(p.ndim) if axis != softmax.axis and p.shape[axis] > 1]
    variants += tuple(
        (f"summed over {axis}", "G603", f"the softmax Jacobian sums over axis {axis}",
         _jacobian(p, axis))
        for axis in others
    )  # fmt: skip
    for variant, code, said, rule in variants:
        alterations = Alterations(bypasses={softmax.p: (softmax.z, rule)})
        key = ("softmax", variant, *roles.trial.keys[softmax.p])
        rank = 2 if variant == "without diagonal" else 1
        yield Hypothesis(key, (code,), rank, f"at {what} {said}.", always(alterations))


def _softmax(z: Any, axis: int) -> Any:
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _of_target(p: Any) -> NodeRule:
    """-y/p from the cotangent (p - y) that cross-entropy gives."""
    return lambda g: np.where(g < 0, g / ((1 - p) * p), 0.0)


def _jacobian(p: Any, axis: int) -> NodeRule:
    return lambda g: p * (g - np.sum(g * p, axis=axis, keepdims=True))
