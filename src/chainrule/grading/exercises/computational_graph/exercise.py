"""The computational graph of Exercise 2, and any other one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chainrule.grading.exercise import Exercise, Inputs, Part, Slip, Values

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


def sigmoid(x: float) -> float:
    """1 / (1 + e^(-x)), without overflow."""
    return float(0.5 * (1 + np.tanh(x / 2)))


def with_sums(inputs: Inputs, *, of_h1: Callable[[float, float], float] | None = None) -> Values:
    """The derivatives by z1 and by z3 with another one by h1, given h1 and h2; or h1 for h2's."""
    h1 = inputs["w1"] * inputs["x1"] + inputs["w2"] * inputs["x2"]
    h2 = inputs["w3"] + inputs["w4"] * inputs["x3"]
    if of_h1 is None:
        return {"z3": h1, "w3": h1}
    return {"z1": of_h1(h1, h2), "z2": of_h1(h1, h2)}


def _at_sigmoid(h1: float, h2: float) -> float:
    s = sigmoid(sigmoid(h1))
    return h2 * s * (1 - s)


BY_HAND = {
    "G401": (Slip(lambda i, v: with_sums(i, of_h1=lambda h1, h2: h2), "without σ'"),),
    "G402": (Slip(lambda i, v: with_sums(i, of_h1=_at_sigmoid), "with σ' taken at σ(h1)"),),
    "G403": (
        Slip(lambda i, v: with_sums(i, of_h1=lambda h1, h2: h2 * sigmoid(h1)), "with σ for σ'"),
        Slip(lambda i, v: with_sums(i, of_h1=lambda h1, h2: h2 * h1 * (1 - h1)),
             "with h1 (1 - h1) for σ'"),
    ),
    "G405": (
        Slip(lambda i, v: with_sums(
            i, of_h1=lambda h1, h2: sigmoid(h1) * (1 - sigmoid(h1))), "without the factor h2"),
    ),
    "G703": (Slip(lambda i, v: with_sums(i), "h1, where σ(h1) is due"),),
}  # fmt: skip

#: Values of an operation, and its derivatives by its operands, given their values and its own.
OPERATIONS: dict[str, tuple[Callable[..., float], Callable[..., tuple[float, ...]]]] = {
    "add": (lambda a, b: a + b, lambda value, a, b: (1.0, 1.0)),
    "sub": (lambda a, b: a - b, lambda value, a, b: (1.0, -1.0)),
    "mul": (lambda a, b: a * b, lambda value, a, b: (b, a)),
    "sigmoid": (sigmoid, lambda value, a: (value * (1 - value),)),
    "exp": (lambda a: float(np.exp(a)), lambda value, a: (value,)),
    "neg": (lambda a: -a, lambda value, a: (-1.0,)),
}


def backwards(
    inputs: Inputs,
    operation: str = "",
    local: Callable[..., tuple[float, ...]] | None = None,
    overwritten: bool = False,
) -> Values:
    """Every derivative, with one operation's replaced, or with sums overwritten."""
    values = dict(inputs["inputs"])
    for name, kind, operands in inputs["nodes"]:
        values[name] = OPERATIONS[kind][0](*(values[each] for each in operands))
    bar = dict.fromkeys(values, 0.0)
    bar[inputs["output"]] = 1.0
    for name, kind, operands in reversed(inputs["nodes"]):
        rule = local if local is not None and kind == operation else OPERATIONS[kind][1]
        for each, share in zip(
            operands, rule(values[name], *(values[each] for each in operands)), strict=True
        ):
            bar[each] = bar[name] * share + (0.0 if overwritten else bar[each])
    return bar


def wrong(words: str, operation: str, local: Callable[..., tuple[float, ...]]) -> Slip:
    """A graph whose derivatives of one operation are others."""
    return Slip(lambda inputs, values: backwards(inputs, operation, local), words)


ANY_GRAPH = {
    "G801": (Slip(lambda i, v: backwards(i, overwritten=True), "what the last use gives"),),
    "G703": (wrong("what it is with a for b and b for a in the derivatives of a b", "mul",
                   lambda value, a, b: (a, b)),),
    "G205": (
        wrong("what it is with a plus for both derivatives of a - b", "sub",
              lambda value, a, b: (1.0, 1.0)),
        wrong("what it is with a plus for the derivative of -a", "neg", lambda value, a: (1.0,)),
    ),
    "G401": (
        wrong("what it is without the derivative of sigmoid", "sigmoid", lambda value, a: (1.0,)),
        wrong("what it is without the derivative of exp", "exp", lambda value, a: (1.0,)),
    ),
    "G403": (
        wrong("what it is with a (1 - a) for σ'(a)", "sigmoid", lambda value, a: (a * (1 - a),)),
        wrong("what it is with σ(a) for σ'(a)", "sigmoid", lambda value, a: (value,)),
        wrong("what it is with a e^a for the derivative of exp", "exp",
              lambda value, a: (a * value,)),
    ),
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
            slips=BY_HAND,
        ),
        Part("iv-1", "values of any graph", 2, ("evaluate",), only_values),
        Part(
            "iv-2", "derivatives of any graph", 3, ("derivatives",), graphs,
            hint="Where a value is used more than once, its derivatives add up.",
            builds_on=("evaluate",), slips=ANY_GRAPH,
        ),
    ),
)  # fmt: skip
