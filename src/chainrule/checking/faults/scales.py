"""Factors: a cotangent, a contribution or a gradient multiplied by n, 1/n, 2, -1, 0, … (G2, G3).

The factor is fitted, not tried: the backward pass is linear in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from chainrule.checking.factors import Factor
from chainrule.checking.faults.rules import doubled
from chainrule.checking.hypothesis import Build, Hypothesis, Namer, Naming, always
from chainrule.checking.replay import Alterations
from chainrule.checking.roles import Roles
from chainrule.engine.graph import Node

Codes = tuple[tuple[str, ...], str] | None


def scale_faults(roles: Roles) -> list[Hypothesis]:
    """Factors on every parameter's gradient, on its parts, and on every step of the pass."""
    return [*_on_parameters(roles), *_on_edges(roles)]


def _scaling(edges: Iterable[tuple[int, int]]) -> Build:
    alterations = Alterations(edges=dict.fromkeys(edges, doubled))
    return always(alterations)


def _on_parameters(roles: Roles) -> list[Hypothesis]:
    """A factor on one parameter's gradient, or on its share of the data or of the penalty."""
    found = []
    every: list[tuple[int, int]] = []
    penalties: list[tuple[int, int]] = []
    for name, node in roles.replay.parameters.items():
        edges = roles.edges_into(node.index)
        of_penalty = [edge for edge in edges if edge[0] in roles.penalty]
        of_data = [edge for edge in edges if edge[0] not in roles.penalty]
        every += of_data
        penalties += of_penalty
        broadcast = _is_bias(roles, name)
        bias = broadcast and sum(size > 1 for size in node.shape) < 2
        if of_data:
            naming = _of_bias(name) if bias else _of_share(f"the gradient of {name}")
            if (broadcast and not bias) or roles.is_gain(name):
                naming = _or_averaged(naming)
            if of_penalty:
                naming = _or_nothing(naming, name)
            found.append(Hypothesis(("scale data", name), (), 2, "", _scaling(of_data), naming))
        if of_penalty:
            found.append(
                Hypothesis(
                    ("scale penalty", name), (), 0, "", _scaling(of_penalty), _of_penalty(name)
                )
            )
            if of_data:
                naming = _of_bias(name) if bias else _of_share(f"the gradient of {name}")
                found.append(Hypothesis(("scale all", name), (), 2, "", _scaling(edges), naming))
    if len(roles.replay.parameters) > 1:
        naming = _of_share("every gradient")
        if penalties:
            found.append(Hypothesis(("scale data",), (), 1, "", _scaling(every), naming))
            found.append(
                Hypothesis(
                    ("scale penalty",), (), 0, "", _scaling(penalties), _of_penalty("every weight")
                )
            )
        found.append(Hypothesis(("scale all",), (), 1, "", _scaling([*every, *penalties]), naming))
    return found


def _is_bias(roles: Roles, name: str) -> bool:
    """Whether a parameter is broadcast over the batch: its gradient is a sum over it."""
    edges = roles.bias_edges(name)
    return bool(edges) and all(
        roles.is_bias_edge(k, position)
        and any(roles.replay.active[x.index] for x in _others(roles, k, position))
        for k, position in edges
    )


def _others(roles: Roles, k: int, position: int) -> list[Node]:
    """What else enters a step."""
    inputs = roles.nodes[k].inputs
    return [x for i, x in enumerate(inputs) if i != position and isinstance(x, Node)]


def _on_edges(roles: Roles) -> list[Hypothesis]:
    """A factor on what one step, or one line of a loop, contributes to one operand."""
    found = []
    groups: dict[tuple[Any, ...], list[tuple[int, int]]] = {}
    parameters = {node.index for node in roles.replay.parameters.values()}
    inner = {k for each in roles.activations for k in each.inside if len(each.inside) > 1}
    for k, position in roles.replay.rules:
        twins = [
            (k, p) for p, x in enumerate(roles.nodes[k].inputs)
            if x is roles.nodes[k].inputs[position] and (k, p) in roles.replay.rules
        ]  # fmt: skip
        if twins[0] != (k, position):
            continue  # W * W is one use of W
        key = roles.trial.keys[k]
        penalty = k in roles.penalty
        if roles.nodes[k].inputs[position].index in parameters and not penalty:
            continue
        groups.setdefault((*key[:-1], position), []).extend(twins)
        naming = (
            _of_part("the penalised weights", roles, twins)
            if penalty
            else _of_share(f"the cotangent of {_operand(roles, k, position)}")
        )
        if k in inner:
            naming = _of_formula(naming)
        found.append(
            Hypothesis(
                ("scale edge", *key, position),
                (),
                0 if penalty else 3,
                "",
                _scaling(twins),
                naming,
            )
        )
    for place, members in roles.passes():
        if place[-2] == 1:
            continue  # that is the line of a group
        for position in roles.replay.outgoing.get(members[-1], ()):
            edges = [(k, position) for k in members if (k, position) in roles.replay.rules]
            groups.setdefault(("calls", *place, position), []).extend(edges)
    for key, edges in groups.items():
        if len(edges) > 1:
            k, position = edges[0]
            naming = _of_share(f"the cotangent of {_operand(roles, k, position)}")
            found.append(Hypothesis(("scale line", *key), (), 3, "", _scaling(edges), naming))
    return found


def _operand(roles: Roles, k: int, position: int) -> str:
    return roles.trial.describe(roles.nodes[k].inputs[position].index)


def _said(what: str, factor: Factor) -> str:
    text = f"{what} is exactly {factor.text} × the true one on probes of different sizes"
    hints = {
        "n": "is a 1/n missing?",
        "1/n": "is it divided by the batch size twice?",
        "sizes": "is the mean taken over the wrong count?",
        "scalar": "is it applied once too often, or missing?",
        "root": "is a root of a size applied once too often, or missing?",
    }
    if factor.follows in hints:
        return f"{text}; {factor.meaning}: {hints[factor.follows]}"
    if factor.codes == ("G204",):
        return f"{text}: look for the 1/2 of the loss, or for the 2 of a square."
    if factor.codes == ("G205",):
        return f"{text}: a difference is taken the wrong way round, or a minus is lost."
    return f"{text}, {factor.meaning}."


def _of_share(what: str) -> Naming:
    def naming(values: Sequence[float], name: Namer) -> Codes:
        if all(abs(value) < 1e-6 for value in values):
            return None
        factor = name(values)
        return None if factor is None else (factor.codes, _said(what, factor))

    return naming


def _or_nothing(naming: Naming, name: str) -> Naming:
    """The same where nothing may be left but the penalty's share."""

    def found(values: Sequence[float], name_of: Namer) -> Codes:
        if all(abs(value) < 1e-6 for value in values):
            said = f"the gradient of {name} is the penalty's share alone; the loss's is missing."
            return ("G107",), said
        return naming(values, name_of)

    return found


def _or_averaged(naming: Naming) -> Naming:
    """The same for what is added to each sample, or multiplied with it: n may be that of the sum
    over them as well.
    """

    def found(values: Sequence[float], name_of: Namer) -> Codes:
        named = naming(values, name_of)
        if named is None or named[0] not in (("G201",), ("G202",)):
            return named
        return (*named[0], "G601"), named[1]

    return found


def _of_formula(naming: Naming) -> Naming:
    """The same inside of an activation, where a number belongs to the formula of f' and a sign may
    do so; an argument does not, it may weigh the term.
    """

    def found(values: Sequence[float], name_of: Namer) -> Codes:
        named = naming(values, name_of)
        if named is None or named[0] not in (("G206",), ("G205",), ("G204",)):
            return named
        if named[0] != ("G206",):  # of the whole formula, or of a part of it
            return (*named[0], "G403"), named[1]
        factor = name_of(values)
        weighs = factor is not None and factor.follows == "scalar"
        return None if weighs else (("G403",), named[1])

    return found


def _of_bias(name: str) -> Naming:
    def naming(values: Sequence[float], name_of: Namer) -> Codes:
        factor = name_of(values)
        if factor is None or all(abs(value) < 1e-6 for value in values):
            return None
        of_batch = factor.codes in (("G201",), ("G202",))
        if of_batch or factor.of_sum or factor.follows in ("sum", "part"):
            averaged = factor.codes == ("G202",) or factor.text.startswith("1/")
            how = "averaged instead of summed" if averaged else "not averaged"
            said = _said(f"the gradient of {name}", factor).partition(";")[0]
            codes = ("G601", *factor.codes) if of_batch else ("G601",)
            return codes, f"{said}: the cotangent is {how} over what it is added to."
        return factor.codes, _said(f"the gradient of {name}", factor)

    return naming


def _of_part(name: str, roles: Roles, edges: list[tuple[int, int]]) -> Naming:
    """A factor on a step of the penalty; if it is not the only one, it may be a path as well, and
    inside of one of its sums the penalty is not what is scaled.
    """
    of_penalty = _of_penalty(name)
    k, position = edges[0]
    before = {x.index for x in roles.graph.ancestors_of([roles.nodes[k].inputs[position]])}
    ends = {at for at in roles.penalty if any(x.index not in roles.penalty
            for x in roles.users[at])}  # fmt: skip
    after = roles.descendants(k)
    sums = {at for at in roles.penalty & after if not roles.nodes[at].shape and roles.is_added[at]}
    several = _is_reached(roles, edges, ends, before)
    inside = bool(sums) and _is_reached(roles, edges, {min(sums)}, before)

    def naming(values: Sequence[float], name_of: Namer) -> Codes:
        named = of_penalty(values, name_of)
        if named is None or not several:
            return named
        if named[0] == ("G301",):
            return ("G801", "G301"), named[1]
        factor = name_of(values)
        plain = factor is not None and factor.follows == "constant" and "G206" not in factor.codes
        if factor is None or not (inside and plain):
            return named
        what = f"the cotangent of {_operand(roles, k, position)}"
        return factor.codes, _said(what, factor)

    return naming


def _is_reached(
    roles: Roles, edges: list[tuple[int, int]], ends: set[int], inputs: set[int]
) -> bool:
    """Whether a parameter among some inputs reaches a penalty's end by another way than edges."""
    reached, waiting = set(ends), list(ends)
    while waiting:
        at = waiting.pop()
        for each in roles.replay.outgoing.get(at, ()):
            parent = roles.nodes[at].inputs[each].index
            if (at, each) not in edges and parent not in reached:
                reached.add(parent)
                waiting.append(parent)
    return bool(inputs & reached & roles.parameter_indices)


def _of_penalty(name: str) -> Naming:
    def naming(values: Sequence[float], name_of: Namer) -> Codes:
        what = f"the penalty's share in the gradient of {name}"
        if all(abs(value) < 1e-6 for value in values):
            return ("G301",), f"{what} is missing; the rest is exact."
        factor = name_of(values)
        if factor is None:
            return None
        if factor.codes == ("G205",):
            return ("G303",), f"{what} is subtracted instead of added; the rest is exact."
        codes = ("G302", "G303") if "G205" in factor.codes else ("G302",)
        return codes, f"{what} is {factor.text} × the true one; the rest is exact."

    return naming
