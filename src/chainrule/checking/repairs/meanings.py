"""What the values in a hand-written gradient are: forward values, cotangents, derivatives."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.checking.roles import Roles
from chainrule.engine.graph import Node

_MOST_ROWS = 64


class Meanings:
    """The true quantities of one probe, to look values up in.

    Parameters
    ----------
    roles : Roles
    """

    def __init__(self, roles: Roles) -> None:
        self._exact: dict[Any, set[str]] = {}
        self._scaled: dict[Any, set[str]] = {}
        self._numbers: dict[Any, int] = {}
        self._derived: dict[Any, list[int]] = {}
        self.roles = roles
        replay = roles.replay
        parameters = roles.parameter_indices
        for node in roles.nodes:
            if isinstance(node.value, tuple):
                continue
            if not node.inputs:
                self._add("parameter" if node.index in parameters else "data", node.value)
                word = "parameter" if node.index in parameters else "data"
                for row in node.value[:_MOST_ROWS] if np.ndim(node.value) > 1 else ():
                    self._add(word, row)
                continue
            self._add("forward", node.value)
            for value in node.inputs:
                if not isinstance(value, Node) and np.ndim(value):
                    self._add("data", value)  # made by the loss itself, as a mask that it draws
            self._numbers.setdefault(_key(np.asarray(node.value), False), node.index)
            if not replay.active[node.index]:
                self._add("data", node.value)
        for index, cotangent in enumerate(replay.true.cotangents):
            if cotangent is not None and not isinstance(cotangent, tuple):
                self._add("cotangent", cotangent, scaled=True)
                if index in parameters:
                    self._add("gradient", cotangent, scaled=True)
        for index in parameters:
            data = [edge for edge in roles.edges_into(index) if edge[0] not in roles.penalty]
            share = roles.share_of(index, data)
            if share is not None:
                self._add("gradient", share, scaled=True)
        for z in roles.logits:
            self._add("logits", replay.true.cotangents[z], scaled=True)
        for softmax in roles.softmaxes:
            self._add("softmax", roles.values[softmax.p])
            if not roles.is_hidden(softmax.p):
                self._add("logits", replay.true.cotangents[softmax.z], scaled=True)
        for normalisation in roles.normalisations:
            self._add("scale", normalisation.inverse)
            self._add("scale", 1 / normalisation.inverse)
        outputs = {each.a for each in roles.activations if each.is_output}
        for activation in roles.elementwise:
            word = "output derivative" if activation.a in outputs else "derivative"
            self._add(word, activation.derivative, scaled=True)
            self._derived.setdefault(_key(activation.derivative, True), []).append(activation.a)
            self._add("activation", roles.values[activation.a])
            self._add("argument", roles.values[activation.z])
        self.derivatives = [
            (each, each.a in outputs) for each in roles.elementwise if each.derivative.size
        ]

    def _add(self, word: str, value: Any, scaled: bool = False) -> None:
        array = np.asarray(value)
        if array.dtype.kind not in "fiub" or not array.size:
            return
        for each in {id(x): x for x in (array, array.T)}.values():
            if scaled:
                self._scaled.setdefault(_key(each, True), set()).add(word)
            self._exact.setdefault(_key(each, False), set()).add(word)

    def follows(self, value: Any, earlier: Any) -> bool:
        """Whether one forward value was computed from another."""
        numbers = [self._numbers.get(_key(np.asarray(x), False)) for x in (value, earlier)]
        if numbers[0] is None or numbers[1] is None or numbers[0] <= numbers[1]:
            return False
        nodes = self.roles.nodes
        return nodes[numbers[1]] in self.roles.graph.ancestors_of([nodes[numbers[0]]])

    def is_of_output(self, value: Any) -> bool:
        """Whether a value is p, 1 - p or p(1 - p) of the logits, or such a one of a sample."""
        own = np.asarray(value, dtype=float)
        for p in self._outputs:
            if not own.size or own.shape != p.shape[p.ndim - own.ndim :]:
                continue
            for due in (p, 1 - p, p * (1 - p)):
                gaps = np.abs(due.reshape(-1, own.size) - own.ravel())
                if np.any(np.all(gaps < 1e-9, axis=1)):
                    return True
        return False

    @cached_property
    def _outputs(self) -> list[Any]:
        """What sigmoid, tanh and softmax make of the logits."""
        found: list[Any] = []
        ends = [softmax.z for softmax in self.roles.softmaxes]
        for z in {*self.roles.logits, *ends}:
            value = np.asarray(self.roles.values[z], dtype=float)
            with np.errstate(all="ignore"):
                found += [1 / (1 + np.exp(-value)), np.tanh(value), np.tanh(value) ** 2]
                for axis in range(value.ndim):
                    powers = np.exp(value - value.max(axis=axis, keepdims=True))
                    found.append(powers / powers.sum(axis=axis, keepdims=True))
        return found

    def multiplies(self, value: Any, cotangent: Any) -> bool:
        """Whether a forward value meets another in a product of entries that has this cotangent: it
        is due in the other's gradient as a factor, and as no derivative.
        """
        number = self._numbers.get(_key(np.asarray(value), False))
        if number is None or cotangent is None:
            return False
        replay = self.roles.replay
        return any(
            user.primitive.name == "multiply"
            and any(x.index != number and replay.active[x.index] for x in user.parents)
            and (g := replay.true.cotangents[user.index]) is not None
            and _key(g, True) == _key(cotangent, True)
            for user in self.roles.users[number]
        )

    def is_last(self, value: Any) -> bool:
        """Whether a value is a forward one after which no parameter enters."""
        number = self._numbers.get(_key(np.asarray(value), False))
        return number is not None and not self.roles.uses_parameter_later[number]

    def reaches(self, names: Collection[str], value: Any) -> bool:
        """Whether one of the parameters enters a forward value, or the activation that a derivative
        is one of; so it is for a value that is neither.
        """
        array = np.asarray(value, dtype=float)
        steps = list(self._derived.get(_key(array, True), ()))
        steps += [self._numbers[key]] if (key := _key(array, False)) in self._numbers else []
        inputs = [self.roles.replay.parameters[name].index for name in names]
        reached = set().union(*map(self.roles.descendants, inputs))
        return not steps or bool(reached & set(steps))

    def of(self, value: Any) -> set[str]:
        """The words for a value: exactly, or up to a factor where that makes no difference."""
        array = np.asarray(value)
        if not array.size or array.dtype.kind not in "fiub":
            return set()
        if array.size == 1 and abs(float(array.ravel()[0])) in (0.0, 0.5, 1.0, 2.0):
            return set()  # every such number is some other
        found = set(self._exact.get(_key(array, False), ()))
        if array.size > 1 and np.ptp(np.abs(np.asarray(array, dtype=float))) > 0:
            scaled = self._scaled.get(_key(array, True), set())
            if found & {"parameter", "data"}:  # what it is comes before what it is in proportion to
                scaled = scaled - {"cotangent", "gradient", "logits"}
            found |= scaled
        return found


def _key(value: Any, scaled: bool) -> Any:
    flat = np.asarray(value, dtype=float).ravel()
    largest = float(np.max(np.abs(flat), initial=0.0))
    if not largest or not np.isfinite(largest):
        return (scaled, flat.size, largest)
    if scaled:
        flat = flat / flat[int(np.argmax(np.abs(flat)))]
        return (True, flat.size, (np.round(flat, 7) + 0.0).tobytes())
    return (False, flat.size, f"{largest:.9e}", (np.round(flat / largest, 7) + 0.0).tobytes())


def is_share(value: Any) -> bool:
    """Whether an array holds shares that sum to one along an axis, as a softmax does."""
    found = np.asarray(value, dtype=float)
    if found.size < 2 or not np.all((found > 0) & (found < 1)):
        return False
    return any(np.allclose(found.sum(axis=axis), 1, atol=1e-12) for axis in range(found.ndim))


def is_mask(value: Any) -> bool:
    """Whether an array has two values, one of them zero."""
    found = np.unique(np.asarray(value, dtype=float))
    return len(found) == 2 and bool(found[0] == 0 or found[1] == 0)
