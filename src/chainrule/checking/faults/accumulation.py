"""Mistakes in accumulation: a path left out, a loop that overwrites, duplicate indices, a
recurrence that is cut (G801, G802, G803, G908).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.checking.faults.rules import scaled
from chainrule.checking.hypothesis import Hypothesis, always
from chainrule.checking.replay import Alterations, EdgeRule, dropped
from chainrule.checking.roles import Roles
from chainrule.engine.graph import Node

Edge = tuple[int, int]
#: Of the additions that make up a loss.
_MOST_ADDENDS = 16


def accumulation_faults(roles: Roles) -> list[Hypothesis]:
    """Paths that do not arrive where a value is used more than once."""
    return [
        *_paths(roles), *_paths_in_formulas(roles), *_addends(roles), *_one_pass(roles),
        *_recurrences(roles), *_gathers(roles),
    ]  # fmt: skip


def _without(edges: list[Edge]) -> Alterations:
    return Alterations(edges=dict.fromkeys(edges, dropped))


def _paths(roles: Roles) -> Iterator[Hypothesis]:
    parameters = {node.index: name for name, node in roles.replay.parameters.items()}
    for node in roles.nodes:
        k = node.index
        if not roles.replay.active[k] or k in roles.interior or k in roles.penalty:
            continue
        edges = [
            edge
            for edge in roles.edges_into(k)
            if edge[0] not in roles.penalty and (edge[0] not in roles.interior)
        ]
        if len({edge[0] for edge in edges}) < 2:
            continue
        what = roles.trial.describe(k) if k not in parameters else parameters[k]
        key = roles.trial.keys[k]
        places: dict[tuple[Any, ...], list[Edge]] = {}
        for edge in edges:
            places.setdefault((*roles.trial.keys[edge[0]][:-1], edge[1]), []).append(edge)
        for place, group in places.items():
            rest = [edge for edge in edges if edge not in group]
            if len(places) > 1:
                line = roles.line(group[0][0])
                yield Hypothesis(
                    ("path lost", *key, *place), ("G801",), 2,
                    f"{what} is used {len(edges)} times; its share from {line} does not arrive.",
                    always(_without(group)),
                )  # fmt: skip
                if _is_half(roles, k, group, rest):
                    yield Hypothesis(
                        ("half", *key, *place), ("G204",), 2,
                        f"{what} enters {line} twice with equal shares; one of them arrives: a 2 "
                        "may be missing.",
                        always(_without(group)),
                    )  # fmt: skip
                if len(places) > 2:
                    yield Hypothesis(
                        ("one path", *key, *place), ("G801",), 2,
                        f"{what} is used {len(edges)} times; only its share from {line} arrives.",
                        always(_without(rest)),
                    )  # fmt: skip
            if len(group) > 1:
                yield from _of_loop(roles, what, key, place, group)
        for user in {edge[0] for edge in edges}:
            both = [edge for edge in edges if edge[0] == user]
            if len(both) > 1:  # such as w of w @ w
                yield Hypothesis(
                    ("path lost", *key, *roles.trial.keys[user]), ("G801",), 2,
                    f"{what} is used {len(edges)} times; its shares from {roles.line(user)} do not "
                    "arrive.",
                    always(_without(both)),
                )  # fmt: skip
    yield from _paths_in_loops(roles)


def _is_half(roles: Roles, k: int, group: list[Edge], rest: list[Edge]) -> bool:
    """Whether another use, in the same line, contributes just as much: both factors of wᵀw."""
    share = roles.share_of(k, group)
    line = roles.trial.line(group[0][0])
    twins = [roles.share_of(k, [edge]) for edge in rest if roles.trial.line(edge[0]) == line]
    for user, position in group if len(group) == 1 else ():
        for number, other in enumerate(roles.nodes[user].inputs):
            turned = isinstance(other, Node) and other.primitive.name == "transpose"
            if number != position and turned and other.parents[0].index == k:
                twins.append(np.transpose(roles.share_of(other.index, [(user, number)])))
    return share is not None and any(
        twin is not None
        and np.shape(twin) == np.shape(share)
        and np.allclose(twin, share, rtol=1e-9, atol=1e-12 * float(np.max(np.abs(share))))
        for twin in twins
    )


def _paths_in_formulas(roles: Roles) -> Iterator[Hypothesis]:
    """A term of a product rule is missing where the loss is a function of one value, used twice."""
    for activation in roles.activations:
        if not activation.is_last:
            continue
        within = set(activation.inside)
        for k in (activation.z, *activation.inside):
            edges = [edge for edge in roles.edges_into(k) if edge[0] in within]
            for user in {edge[0] for edge in edges}:
                lost = [edge for edge in edges if edge[0] == user]
                if len(lost) < len(edges):
                    what = roles.trial.describe(k)
                    yield Hypothesis(
                        ("path lost in formula", *roles.trial.keys[k], *roles.trial.keys[user]),
                        ("G801",), 2,
                        f"{what} enters a formula more than once; its share through "
                        f"{roles.trial.describe(user)} does not arrive.",
                        always(_without(lost)),
                    )  # fmt: skip


def _addends(roles: Roles) -> Iterator[Hypothesis]:
    """Of a value that enters several addends of the loss, all that comes from one is missing."""
    for place, alone in _alone_in_addends(roles):
        groups: list[tuple[tuple[Any, ...], list[int]]] = [
            (roles.trial.keys[node.index], [node.index])
            for node in roles.nodes
            if roles.replay.active[node.index]
        ]
        for key, members in [*groups, *roles.passes()]:
            if any(k in roles.interior or k in roles.penalty for k in members):
                continue
            every = [edge for k in members for edge in roles.edges_into(k)]
            lost = [edge for edge in every if edge[0] in alone]
            if len(lost) <= len(members) or not lost or len(lost) == len(every):
                continue  # a single use, which is a path of its own, or all of them
            if not all(any(e[0] not in alone for e in roles.edges_into(k)) for k in members):
                continue
            what = roles.trial.describe(members[-1])
            yield Hypothesis(
                ("addend lost", *place, *key), ("G801",), 0,
                f"{what} enters several addends of the loss; its share from that in "
                f"{roles.line(lost[0][0])} does not arrive.",
                always(_without(lost)),
            )  # fmt: skip


def _alone_in_addends(roles: Roles) -> Iterator[tuple[tuple[Any, ...], set[int]]]:
    """The nodes from which the loss is reached through one operand of an addition alone."""
    sides: dict[tuple[Any, ...], set[int]] = {}
    for node in roles.nodes:
        active = [x for x in node.inputs if isinstance(x, Node) and roles.replay.active[x.index]]
        adds = node.primitive.name in ("add", "subtract") and roles.is_added[node.index]
        if not adds or len(active) < 2 or node.index in roles.penalty:
            continue
        if roles.trial.place(node) in roles.loops:
            continue  # a sum over samples or steps
        for position, x in enumerate(active):
            if x.index not in roles.penalty:
                sides.setdefault((*roles.trial.place(node), position), set()).add(x.index)
    for place, side in list(sides.items())[:_MOST_ADDENDS]:
        reached = {roles.replay.output.index}
        waiting = list(reached)
        while waiting:
            for parent in roles.nodes[waiting.pop()].parents:
                if parent.index not in reached | side and roles.replay.active[parent.index]:
                    reached.add(parent.index)
                    waiting.append(parent.index)
        yield place, {k for k in range(len(roles.nodes)) if k not in reached}


def _paths_in_loops(roles: Roles) -> Iterator[Hypothesis]:
    """In every pass of a loop the same share of a value does not arrive."""
    for of_value, members in roles.passes():
        if any(k in roles.interior or k in roles.penalty for k in members):
            continue
        users: dict[tuple[Any, ...], list[Edge]] = {}
        for k in members:
            for edge in roles.edges_into(k):
                place = (*roles.trial.place(roles.nodes[edge[0]]), edge[1])
                users.setdefault(place, []).append(edge)
        if len(users) < 2:
            continue
        what = roles.trial.describe(members[-1])
        alone = {edges[0] for k in members if len(edges := roles.edges_into(k)) == 1}
        for place, group in users.items():
            if alone & {*group}:
                continue  # nothing of the value would be left
            yield Hypothesis(
                ("path lost in loop", *of_value, *place), ("G801",), 2,
                f"{what} is used {len(users)} times in every step; its share from "
                f"{roles.line(group[0][0])} does not arrive.",
                always(_without(group)),
            )  # fmt: skip


def _of_loop(
    roles: Roles, what: str, key: tuple[Any, ...], place: tuple[Any, ...], group: list[Edge]
) -> Iterator[Hypothesis]:
    """A loop over samples or steps that overwrites, so that one pass of it counts."""
    carried = _is_carried(roles, group)
    in_steps = not carried and _is_in_steps(roles, group)
    samples = len(group) == roles.trial.batch and not carried and not in_steps
    bias = roles.nodes[group[0][0]].primitive.name in ("add", "subtract")
    codes: tuple[str, ...] = ("G802", "G602") if bias else ("G802",)
    if in_steps:
        codes = ("G801", *codes)
    elif not samples:
        codes = ("G801",) if carried else ("G801", "G802")
    unit = "sample" if samples else "step"
    for word, kept in (("first", group[0]), ("last", group[-1])):
        lost = [edge for edge in group if edge != kept]
        scale = float(len(group))
        rescaled: dict[Edge, EdgeRule] = {**dict.fromkeys(lost, dropped), kept: scaled(scale)}
        for code in codes:
            yield Hypothesis(
                ("loop", code, word, *key, *place), (code,), 2,
                f"of {len(group)} uses of {what} in {roles.line(kept[0])} only the {word} {unit} "
                "counts.",
                always(_without(lost)),
            )  # fmt: skip
            if samples:
                yield Hypothesis(
                    ("loop scaled", code, word, *key, *place), (code,), 2,
                    f"of {len(group)} uses of {what} only the {word} {unit} counts, undivided.",
                    always(Alterations(edges=rescaled)),
                )  # fmt: skip


def _one_pass(roles: Roles) -> Iterator[Hypothesis]:
    """A loop over the samples of which one pass counts for every parameter."""
    groups: list[list[Edge]] = []
    for node in roles.replay.parameters.values():
        places: dict[tuple[Any, ...], list[Edge]] = {}
        for edge in roles.edges_into(node.index):
            places.setdefault((*roles.trial.keys[edge[0]][:-1], edge[1]), []).append(edge)
        groups += [group for group in places.values() if len(group) == roles.trial.batch]
    if len(groups) < 2 or any(_is_carried(roles, group) for group in groups):
        return
    for word, kept in (("first", 0), ("last", -1)):
        for scale in (1.0, float(len(groups[0]))):
            edges: dict[Edge, EdgeRule] = {}
            for group in groups:
                edges.update(dict.fromkeys(group, dropped))
                edges[group[kept]] = scaled(scale)
            yield Hypothesis(
                ("one pass", word, scale != 1), ("G802",), 1,
                f"only the {word} sample of the batch counts.",
                always(Alterations(edges=edges)),
            )  # fmt: skip


def _carried(roles: Roles) -> dict[tuple[Any, ...], dict[tuple[Any, ...], list[Edge]]]:
    """The edges from one pass of a loop to the pass before it: by the line that made the state,
    and by the line that uses it. Sums over the passes, and buffers that they fill, are no states.
    """
    found: dict[tuple[Any, ...], dict[tuple[Any, ...], list[Edge]]] = {}
    number = {k: (place, i) for place, ks in roles.loops.items() for i, k in enumerate(ks)}
    for place, members in roles.loops.items():
        for i, k in enumerate(members):
            node = roles.nodes[k]
            if node.primitive.name == "assign" or roles.is_added[k]:
                continue
            for position in roles.replay.outgoing.get(k, ()):
                of_state, j = number.get(node.inputs[position].index, (None, i))
                if of_state is not None and j < i:
                    users = found.setdefault(of_state, {})
                    users.setdefault((*place, position), []).append((k, position))
    return found


def _is_carried(roles: Roles, group: list[Edge]) -> bool:
    """Whether one use of a value enters the next: the uses are steps, not samples."""
    after = roles.descendants(group[0][0])
    return any(k in after for k, _ in group[1:])


def _is_in_steps(roles: Roles, group: list[Edge]) -> bool:
    """Whether what is computed before one use of a value is computed again from it for the next:
    the uses belong to the steps of a recurrence, as a bias of its outputs does.
    """
    first, second = (
        {node.index for node in roles.graph.ancestors_of([roles.nodes[k]])} for k, _ in group[:2]
    )
    places = {k: place for place, members in roles.loops.items() for k in members}
    again = {places[k] for k in second - first if k in places}
    return any(places.get(k) in again for k in first & second)


def _recurrences(roles: Roles) -> Iterator[Hypothesis]:
    """In a loop, the contribution to what the pass before it made is left out."""
    every: list[Edge] = []
    for of_state, users in _carried(roles).items():
        state = roles.trial.describe(roles.loops[of_state][-1])
        edges = [edge for group in users.values() for edge in group]
        every += edges
        yield Hypothesis(
            ("recurrence", *of_state), ("G908",), 1,
            f"the cotangent of {state} is not carried back from one step to the step before.",
            always(_without(edges)),
        )  # fmt: skip
        for place, group in users.items() if len(users) > 1 else ():
            yield Hypothesis(
                ("part of recurrence", *of_state, *place), ("G801",), 1,
                f"{state} is used {len(users)} times in the step after it; its share from "
                f"{roles.line(group[0][0])} is not carried back.",
                always(_without(group)),
            )  # fmt: skip
    if every:
        yield Hypothesis(
            ("recurrences",), ("G908",), 1,
            "nothing is carried back from one step to the step before: only the last step counts.",
            always(_without(every)),
        )  # fmt: skip


def _gathers(roles: Roles) -> Iterator[Hypothesis]:
    """Rows that are read more than once keep one contribution only."""
    for k, position in roles.replay.rules:
        node = roles.nodes[k]
        if node.primitive.name not in ("getitem", "take", "embedding") or position != 0:
            continue
        index = _index_of(node)
        if index is None or len(np.unique(index)) == index.size:
            continue
        what = roles.described(node.inputs[0])
        for word in ("last", "first"):
            yield Hypothesis(
                ("duplicates", word, *roles.trial.keys[k]), ("G803",), 1,
                f"rows of {what} that are read more than once keep only the {word} contribution.",
                always(Alterations(edges={(k, position): _assigned(index, word)})),
            )  # fmt: skip


def _index_of(node: Node) -> Any:
    """The integer array that picks rows; None for anything more involved."""
    params = node.params
    if node.primitive.name == "take":
        rows = params.get("axis") == 0 or (
            params.get("axis") is None and np.ndim(node.operands[0]) == 1
        )
        if not rows:
            return None
    if isinstance(params.get("index"), tuple) and len(params["index"]) != 1:
        return None
    arrays = [np.asarray(x) for x in node.operands[1:]]
    arrays += [
        params[key] for key in ("indices", "index") if isinstance(params.get(key), np.ndarray)
    ]
    if len(arrays) != 1 or arrays[0].dtype.kind not in "iu":
        return None
    return arrays[0]


def _assigned(index: Any, word: str) -> EdgeRule:
    def rule(g: Any, contribution: Any) -> Any:
        buffer = np.zeros_like(contribution)
        flat = index.ravel()
        rows = np.reshape(g, (flat.size, *np.shape(contribution)[1:]))
        order = range(flat.size) if word == "last" else range(flat.size - 1, -1, -1)
        for i in order:
            buffer[flat[i]] = rows[i]
        return buffer

    return rule
