"""The computational graph of Exercise 2, and any other one."""

from __future__ import annotations

import numpy as np

from chainrule.grading.exercise import Exercise, Inputs, Part, Values

NAMES = ("x1", "x2", "x3", "w1", "w2", "w3", "w4")


def points(rng: np.random.Generator) -> list[Inputs]:
    """The point of the question, and others."""
    given = dict(zip(NAMES, (1.0, 3.0, 2.0, 2.0, 1.0, 5.0, 2.0), strict=True))
    others = [dict(zip(NAMES, rng.normal(size=7).tolist(), strict=True)) for _ in range(2)]
    return [given, *others]


def graphs(rng: np.random.Generator) -> list[Inputs]:
    """A value used twice, an operand repeated, a node that does not matter, every operation."""
    fan = [
        ["a", "mul", ["x", "x"]], ["b", "sigmoid", ["a"]], ["c", "exp", ["x"]],
        ["d", "add", ["b", "c"]], ["unused", "neg", ["y"]], ["f", "mul", ["d", "y"]],
    ]  # fmt: skip
    chain = [
        ["p", "neg", ["u"]], ["q", "sub", ["p", "v"]], ["r", "sub", ["q", "u"]],
        ["s", "mul", ["r", "w"]], ["t", "sigmoid", ["s"]], ["g", "add", ["t", "t"]],
        ["after", "exp", ["g"]],
    ]  # fmt: skip
    # One value, used by every operation; derivatives that overwrite each other show.
    uses = [
        ["a", "mul", ["x", "y"]], ["b", "sigmoid", ["a"]], ["c", "add", ["a", "b"]],
        ["d", "sub", ["a", "c"]], ["e", "exp", ["a"]], ["g", "neg", ["a"]],
        ["h", "mul", ["a", "e"]], ["i", "mul", ["d", "g"]], ["j", "sub", ["h", "i"]],
        ["k", "add", ["j", "a"]], ["l", "sub", ["k", "a"]],
    ]  # fmt: skip
    return [
        {"nodes": uses, "inputs": {k: float(rng.normal()) for k in "xy"}, "output": "l"},
        {"nodes": fan, "inputs": {k: float(rng.normal()) for k in "xy"}, "output": "f"},
        {"nodes": chain, "inputs": {k: float(rng.normal()) for k in "uvw"}, "output": "g"},
    ]


def only_values(rng: np.random.Generator) -> list[Inputs]:
    """Graphs and inputs, without an output."""
    return [{"nodes": case["nodes"], "inputs": case["inputs"]} for case in graphs(rng)]


def from_own_sums(inputs: Inputs, values: Values) -> Values:
    """Derivatives of what stands before z1, z2 and z3, from the submission's own by these."""
    z1, z2, z3 = (values[name] for name in ("z1", "z2", "z3"))
    return {
        "x1": z1 * inputs["w1"], "w1": z1 * inputs["x1"], "x2": z2 * inputs["w2"],
        "w2": z2 * inputs["x2"], "x3": z3 * inputs["w4"], "w4": z3 * inputs["x3"],
        # z1 and z2 are the two terms of one sum.
        "z2": z1,
    }  # fmt: skip


EXERCISE = Exercise(
    name="computational-graph",
    title="A computational graph, forwards and backwards",
    document="003",
    question="P1",
    summary="Compute every value and every derivative of a small graph by hand, then write both "
    "passes for any graph.",
    parts=(
        Part("ii", "the forward pass", 2, ("forward",), points),
        Part(
            "iii", "the backward pass", 3, ("backward",), points,
            hint="Derivatives by h1 and h2 come first; σ' = σ (1 - σ).",
            builds_on=("forward",), follow=from_own_sums, weights={"z1": 3.0, "z3": 2.0},
        ),
        Part("iv-1", "values of any graph", 2, ("evaluate",), only_values),
        Part(
            "iv-2", "derivatives of any graph", 3, ("derivatives",), graphs,
            hint="Where a value is used more than once, its derivatives add up.",
            builds_on=("evaluate",),
        ),
    ),
)  # fmt: skip
