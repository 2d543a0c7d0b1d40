"""What the derivatives of a graph file are held against: the same program run on other numbers."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.experiments.differences import central_differences, complex_step
from chainrule.programs.explanation import Explanation
from chainrule.programs.graph_files import GraphFile

__all__ = ["expression_errors", "is_analytic", "numerical_derivatives", "random_graph"]

#: Operations whose NumPy functions refuse complex numbers or are not analytic.
_REAL = frozenset({"abs", "softplus", "norm"})


def is_analytic(graph: GraphFile) -> bool:
    """Whether the graph can be differentiated by the complex step."""
    nodes = graph.specification.nodes
    return not any(node.operation and node.operation.name in _REAL for node in nodes)


def numerical_derivatives(graph: GraphFile) -> dict[str, np.ndarray]:
    """The derivative of the sum of all results by every node but constants.

    Each node in turn is cut out and made an input; what is left is differentiated by the complex
    step, or by central differences where that is not possible.
    """
    values = node_values(graph)
    derive = complex_step if is_analytic(graph) else central_differences
    found = {}
    for node in graph.specification.nodes:
        if node.name in values:
            cut = graph.with_input(node.name, values[node.name])
            found[node.name] = derive(_function_of(cut, node.name), values[node.name])
    return found


def node_values(graph: GraphFile) -> dict[str, Any]:
    """The value of every node that is an input or depends on one."""
    depends: list[str] = []
    for node in graph.specification.nodes:
        if node.is_input or any(operand in depends for operand in node.operands):
            depends.append(node.name)
    results = graph.with_outputs(tuple(depends)).evaluate()
    return {name: np.asarray(value, dtype=float) for name, value in results.items()}


def expression_errors(explanation: Explanation) -> dict[str, float]:
    """How far each node's printed expression, evaluated as Python, is from the node's value."""
    from scipy import special

    inputs = {value.name.text: value.value for value in explanation.inputs}
    errors = {}
    for value in explanation.values:
        if value.kind != "operation" or isinstance(value.value, tuple):
            continue
        source = explanation.in_inputs(value.name.text, "source")
        known = {"np": np, "scipy": types.SimpleNamespace(special=special), "expit": special.expit}
        others = {v.name.text: v.value for v in explanation.values}  # kept in long expressions
        computed = eval(source, {**known, **others, **inputs})
        error = float(np.max(np.abs(computed - value.value)))
        errors[value.name.text] = error / max(float(np.max(np.abs(value.value))), 1e-300)
    return errors


def _function_of(graph: GraphFile, name: str) -> Callable[[Any], Any]:
    """The sum of all results as a function of one input, which may be complex."""
    function = graph.function
    program = types.FunctionType(
        function.__code__, {**function.__globals__, "expit": _complex_sigmoid}
    )
    values = {key: value for key, value in graph.values().items() if key != name}

    def total(x: Any) -> Any:
        with np.errstate(all="ignore"):
            results = program(**values, **{name: x})
        parts = results if len(graph.outputs) > 1 else (results,)
        return sum(np.sum(part) for part in parts)

    return total


def _complex_sigmoid(z: Any) -> Any:
    """1 / (1 + e⁻ᶻ), without overflow, also for complex z."""
    positive = np.real(z) >= 0
    small = np.exp(np.where(positive, -z, z))
    return np.where(positive, 1 / (1 + small), small / (1 + small))[()]


def random_graph(rng: np.random.Generator, nodes: int) -> dict[str, Any]:
    """A graph as a dictionary, with values that stay of moderate size.

    Operands are drawn among all nodes before, so that some are read often and some never. The first
    operation reads an operand twice, two inputs are read by nothing, the last node is the result.
    """
    count = max(1, nodes // 4)
    drawn: list[dict[str, Any]] = [
        {"name": f"x{k}", "value": float(rng.choice([-1, 1]) * np.round(rng.uniform(0.2, 2), 3))}
        for k in range(count)
    ]
    values = {node["name"]: node["value"] for node in drawn}
    drawn.append({"name": "twice", "operation": "*", "operands": ["x0", "x0"]})
    values["twice"] = values["x0"] ** 2
    while len(drawn) < nodes:
        operation = str(rng.choice(list(_RANDOM)))
        arity, evaluate, acceptable = _RANDOM[operation]
        operands = [str(name) for name in rng.choice(list(values), arity)]
        given = [values[name] for name in operands]
        if not acceptable(*given):
            continue
        value = float(evaluate(*given))
        if not 1e-3 < abs(value) < 10:
            continue
        name = f"v{len(drawn)}"
        drawn.append({"name": name, "operation": operation, "operands": operands})
        values[name] = value
    unread = [{"name": f"unread{k}", "value": 1.0} for k in range(2)]
    return {"nodes": [*drawn, *unread], "output": drawn[-1]["name"]}


def _always(*operands: float) -> bool:
    return True


_RANDOM: dict[str, tuple[int, Callable[..., Any], Callable[..., bool]]] = {
    "+": (2, lambda a, b: a + b, _always),
    "-": (2, lambda a, b: a - b, _always),
    "*": (2, lambda a, b: a * b, _always),
    "/": (2, lambda a, b: a / b, lambda a, b: abs(b) > 0.3),
    "neg": (1, lambda a: -a, _always),
    "square": (1, lambda a: a * a, _always),
    "exp": (1, np.exp, lambda a: a < 2),
    "log": (1, np.log, lambda a: a > 0.2),
    "sqrt": (1, np.sqrt, lambda a: a > 0.2),
    "sin": (1, np.sin, _always),
    "cos": (1, np.cos, _always),
    "tanh": (1, np.tanh, _always),
    "sigmoid": (1, lambda a: 1 / (1 + np.exp(-a)), _always),
    "relu": (1, lambda a: max(a, 0), lambda a: a > 0.1),
    "max": (2, max, lambda a, b: abs(a - b) > 0.1),
    "min": (2, min, lambda a, b: abs(a - b) > 0.1),
}
