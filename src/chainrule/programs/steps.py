"""An explanation cut into steps: one operation forward, or one operation backward, at a time.

Backward, an operation whose derivative is complete hands a contribution to each of its operands;
the contributions that an operand has received so far add up step by step.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from chainrule.programs.contributions import forward_nodes
from chainrule.programs.explanation import ExplainedValue, Explanation, Summand


class Handed(NamedTuple):
    """What a backward step hands to one operand.

    Attributes
    ----------
    to : int
        Index of the operand's node.
    summand : Summand
        The contribution.
    received : list of (str, value)
        All contributions so far and where they came from, this one last.
    total : number or array
        Their sum.
    expected : int
        How many there will be.
    """

    to: int
    summand: Summand
    received: list[tuple[str, Any]]
    total: Any
    expected: int

    @property
    def complete(self) -> bool:
        """Whether nothing more will come."""
        return len(self.received) == self.expected


class Step(NamedTuple):
    """One step.

    Attributes
    ----------
    kind : {"inputs", "forward", "seed", "backward", "gradients"}
    nodes : list of int
        Indices of the nodes it is about.
    edges : list of (int, int)
        From operand to operation.
    handed : list of Handed
        In a backward step.
    """

    kind: str
    nodes: list[int]
    edges: list[tuple[int, int]]
    handed: list[Handed]


def values_of_nodes(explanation: Explanation) -> tuple[ExplainedValue, ...]:
    """The explanation's values by the index of their nodes, without the constants before them."""
    count = len(forward_nodes(explanation.graph))
    return explanation.values[len(explanation.values) - count :]


def steps_of(explanation: Explanation) -> list[Step]:
    """The steps of an explanation: inputs, operations, seed, operations backward, gradients."""
    values = values_of_nodes(explanation)
    graph = explanation.graph
    inputs = [i for i, value in enumerate(values) if value.kind == "input"]
    steps = [Step("inputs", inputs, [], [])] if inputs else []
    for i, value in enumerate(values):
        if value.kind != "input":
            operands = dict.fromkeys(x.index for x in graph.nodes[i].parents)
            steps.append(Step("forward", [i], [(x, i) for x in operands], []))
    seeds = [i for i, value in enumerate(values) if value.seed is not None]
    steps.append(Step("seed", seeds, [], []))
    steps += _backward_steps(explanation)
    with_gradient = [i for i in inputs if values[i].derivative is not None]
    if with_gradient:
        steps.append(Step("gradients", with_gradient, [], []))
    return steps


def _backward_steps(explanation: Explanation) -> list[Step]:
    values = values_of_nodes(explanation)
    place = {name: i for i, name in explanation.names.items()}
    by_user: dict[int, list[tuple[int, int]]] = {}
    for i, value in enumerate(values):
        for k, summand in enumerate(value.summands):
            by_user.setdefault(place[summand.through], []).append((i, k))
    steps = []
    for user in sorted(by_user, reverse=True):
        handed = [_handed(values[i], i, k) for i, k in by_user[user]]
        handed.sort(key=lambda found: found.summand.position)
        steps.append(Step("backward", [user], [(h.to, user) for h in handed], handed))
    return steps


def _handed(value: ExplainedValue, to: int, k: int) -> Handed:
    received: list[tuple[str, Any]] = []
    if value.seed is not None:
        received.append(("the result itself", value.seed))
    received += [(s.through, s.value) for s in value.summands[: k + 1]]
    total = received[0][1]
    for _, part in received[1:]:
        total = total + part
    expected = len(value.summands) + (value.seed is not None)
    return Handed(to, value.summands[k], received, total, expected)
