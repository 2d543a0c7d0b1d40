"""Mistakes in sums over the batch: one sample only, the wrong axis (G602, G603, G802)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.checking.faults.rules import plus
from chainrule.checking.hypothesis import Hypothesis, Namer, Naming, always
from chainrule.checking.replay import Alterations, EdgeRule
from chainrule.checking.roles import Roles

_SAMPLES = (("first", 0), ("last", -1))


def sum_faults(roles: Roles) -> list[Hypothesis]:
    """Sums of a bias over too little or too much; gradients of a single sample."""
    return [*_of_biases(roles), *_of_one_sample(roles), *_of_pairs(roles)]


def _of_pairs(roles: Roles) -> Iterator[Hypothesis]:
    """(n,) predictions less (n, 1) targets, averaged over the samples: the mean of the targets
    stands where each has its own.
    """
    n = roles.trial.batch
    for z in roles.logits:
        shape = roles.nodes[z].shape
        if n is None or int(np.prod(shape)) != n:
            continue
        for node in roles.graph.inputs:
            target = roles.values[node.index]
            if target is None or target.size != n or node.index in roles.parameter_indices:
                continue
            spreads = [(str(node.name), np.reshape(target - np.mean(target), shape).astype(float))]
            for k in [z, *(each.a for each in roles.activations if each.z == z)]:
                value = np.asarray(roles.values[k], dtype=float)
                spreads.append((roles.trial.describe(k), np.mean(value) - value))
            for name, spread in spreads:
                yield Hypothesis(
                    ("pairs", *roles.trial.keys[z], node.name, name), (), 2, "",
                    always(Alterations(nodes={z: plus(spread)})),
                    _of_crossing(name, roles.trial.describe(z)),
                )  # fmt: skip


def _of_crossing(target: str, what: str) -> Naming:
    def naming(values: Sequence[float], name_of: Namer) -> tuple[tuple[str, ...], str] | None:
        if name_of([value - 1 for value in values]) is None:
            return None
        return ("G604",), (
            f"in the cotangent of {what} the mean of {target} stands where each sample has its "
            "own: (n,) met (n, 1) and grew to (n, n)."
        )

    return naming


def _of_biases(roles: Roles) -> Iterator[Hypothesis]:
    replay = roles.replay
    for name, node in replay.parameters.items():
        whole = node.shape == () or max(node.shape) == 1
        for k, position in roles.edges_into(node.index):
            user = roles.nodes[k]
            if not roles.is_bias_edge(k, position):
                continue

            def raw(g: Any, k: int = k, position: int = position) -> Any:
                return replay.raw_contribution(roles.nodes[k], position, g)

            axis = _batch_axis(roles, user.shape)
            if axis is not None:
                for word, sample in _samples(roles, k, axis):
                    for scale in (1, roles.trial.batch):
                        yield _edge(
                            ("one sample of bias", name, word, scale != 1), "G602", 1,
                            f"the gradient of {name} is the cotangent of the {word} sample only.",
                            (k, position), _sample(raw, axis, sample, scale or 1, node.shape),
                        )  # fmt: skip
            yield _edge(
                ("total of bias", name), "G603", 4,
                f"the gradient of {name} is the sum of the cotangent over all axes.",
                (k, position), _filled(raw, np.sum),
            )  # fmt: skip
            yield _edge(
                ("mean of bias", name), "G601" if whole else "G603", 4,
                f"the gradient of {name} is the mean of the cotangent over all axes.",
                (k, position), _filled(raw, np.mean),
            )  # fmt: skip
            for other in range(len(user.shape)):
                yield _edge(
                    ("other axis of bias", name, other), "G603", 4,
                    f"the gradient of {name} sums the cotangent over axis {other}.",
                    (k, position), _summed(raw, other),
                )  # fmt: skip


def _edge(
    key: tuple[Any, ...], code: str, rank: int, evidence: str, at: tuple[int, int], rule: EdgeRule
) -> Hypothesis:
    return Hypothesis(key, (code,), rank, evidence, always(Alterations(edges={at: rule})))


def _sample(
    raw: Callable[[Any], Any], axis: int, sample: int, scale: int, shape: tuple[int, ...]
) -> EdgeRule:
    def rule(g: Any, contribution: Any) -> Any:
        row = np.take(np.broadcast_to(raw(g), np.shape(g)), sample, axis=axis) * scale
        return np.reshape(row, shape) if np.size(row) == np.size(contribution) else contribution

    return rule


def _filled(raw: Callable[[Any], Any], total: Callable[[Any], Any]) -> EdgeRule:
    return lambda g, contribution: np.full(np.shape(contribution), total(raw(g)))


def _summed(raw: Callable[[Any], Any], axis: int) -> EdgeRule:
    def rule(g: Any, contribution: Any) -> Any:
        total = np.sum(np.broadcast_to(raw(g), np.shape(g)), axis=axis)
        shape = np.shape(contribution)
        return np.reshape(total, shape) if np.size(total) == np.size(contribution) else contribution

    return rule


def _batch_axis(roles: Roles, shape: tuple[int, ...]) -> int | None:
    """The axis of the batch, where exactly one has its size."""
    axes = [axis for axis, size in enumerate(shape) if size == roles.trial.batch]
    return axes[0] if len(axes) == 1 else None


def _samples(roles: Roles, k: int, axis: int) -> Iterator[tuple[str, int]]:
    """The first and the last sample, unless nothing of it goes on at a step: with that kept, the
    path is lost, and not the other samples.
    """
    node, true = roles.nodes[k], roles.replay.true.cotangents[k]
    positions = roles.replay.outgoing.get(k, ())
    for word, sample in _SAMPLES if true is not None else ():
        kept = _only(axis, sample, 1)(np.asarray(true))
        if any(np.any(roles.replay.contribution(node, each, kept)) for each in positions):
            yield word, sample


def _of_one_sample(roles: Roles) -> Iterator[Hypothesis]:
    """All gradients, or one parameter's, made from a single sample."""
    n = roles.trial.batch
    if n is None:
        return
    for z in roles.logits:
        axis = _batch_axis(roles, roles.nodes[z].shape)
        if axis is None:
            continue
        for word, sample in _samples(roles, z, axis):
            for scale in (1, n):
                alterations = Alterations(nodes={z: _only(axis, sample, scale)})
                yield Hypothesis(
                    ("one sample", word, scale != 1, *roles.trial.keys[z]), ("G802",), 1,
                    f"only the {word} sample of the batch counts.", always(alterations),
                )  # fmt: skip
    for name, node in roles.replay.parameters.items():
        for k, position in _through(roles, node.index):
            user = roles.nodes[k]
            axis = _batch_axis(roles, user.shape)
            if axis is None or k in roles.penalty or user.primitive.name in ("add", "subtract"):
                continue
            for word, sample in _samples(roles, k, axis):
                for scale in (1, n):
                    yield _edge(
                        ("one sample of", name, word, scale != 1, *roles.trial.keys[k]), "G802", 2,
                        f"only the {word} sample of the batch counts in the gradient of {name}.",
                        (k, position), _from_sample(roles, k, position, axis, sample, scale),
                    )  # fmt: skip


def _through(roles: Roles, at: int) -> Iterator[tuple[int, int]]:
    """The uses of a value, transposed or not."""
    for k, position in roles.edges_into(at):
        if roles.nodes[k].primitive.name in ("transpose", "swapaxes", "reshape"):
            yield from _through(roles, k)
        else:
            yield k, position


def _only(axis: int, sample: int, scale: int) -> Callable[[Any], Any]:
    def rule(g: Any) -> Any:
        kept = np.zeros_like(g)
        index = [slice(None)] * np.ndim(g)
        index[axis] = slice(sample, sample + 1 or None)
        kept[tuple(index)] = g[tuple(index)] * scale
        return kept

    return rule


def _from_sample(
    roles: Roles, k: int, position: int, axis: int, sample: int, scale: int
) -> EdgeRule:
    only = _only(axis, sample, scale)
    return lambda g, c: roles.replay.contribution(roles.nodes[k], position, only(g))
