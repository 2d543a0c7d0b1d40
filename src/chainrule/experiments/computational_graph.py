"""Experiment `computational-graph`: a graph that is data, its expressions, values and derivatives.

The picture of the exercise is lost; the graphs in the folder `graphs` are reconstructions of it.
Any other graph file can be given instead (`chainrule.programs.graph_format`).
"""

from __future__ import annotations

import importlib.resources
from typing import Any

import numpy as np

from chainrule.experiments.computational_graph_checks import (
    expression_errors,
    is_analytic,
    numerical_derivatives,
    random_graph,
)
from chainrule.experiments.experiment import Experiment, ExperimentError, Parameter, Run
from chainrule.programs.explanation import Explanation
from chainrule.programs.explanation_values import local_derivatives, numbers, symbols, value_text
from chainrule.programs.graph_files import GraphFile, load_graph
from chainrule.programs.graph_format import GraphFileError
from chainrule.programs.picture import picture
from chainrule.programs.step_page import step_page

SHIPPED = ("R1", "R2", "R3", "R4", "R5", "R6")

#: f and its derivatives at the point of the exercise, computed with 50 digits.
REFERENCE = {
    "R1": {
        "f": 8.9397643416814363000, "x1": 0.11966502007422278845, "x2": 0.059832510037111394226,
        "x3": 1.9866142981514302889, "w1": 0.059832510037111394226, "w2": 0.17949753011133418268,
        "w3": 0.99330714907571514444, "w4": 1.9866142981514302889, "z1": 0.059832510037111394226,
        "z2": 0.059832510037111394226, "z3": 0.99330714907571514444,
    },
    "R2": {
        "f": 0.99999916847197233587, "x1": 1.6630546724505427016e-6,
        "x2": 8.3152733622527135079e-7, "x3": 1.6630546724505427016e-6,
        "w1": 8.3152733622527135079e-7, "w2": 2.4945820086758140524e-6,
        "w3": 8.3152733622527135079e-7, "w4": 1.6630546724505427016e-6,
        "z1": 8.3152733622527135079e-7, "z2": 8.3152733622527135079e-7,
        "z3": 8.3152733622527135079e-7,
    },
    "R3": {
        "f": 4.9993830271200688414, "x1": 1.9997532108480275365, "x2": 0.99987660542401376827,
        "x3": 0.0012337934976484890783, "w1": 0.99987660542401376827, "w2": 2.9996298162720413048,
        "w3": 0.00061689674882424453915, "w4": 0.0012337934976484890783,
        "z1": 0.99987660542401376827, "z2": 0.99987660542401376827,
        "z3": 0.00061689674882424453915,
    },
    "R4": {
        "f": 1.0, "x1": 5.1525334449889085598e-19, "x2": 2.5762667224944542799e-19,
        "x3": 2.8625185805493936443e-19, "w1": 2.5762667224944542799e-19,
        "w2": 7.7288001674833628396e-19, "w3": 1.4312592902746968222e-19,
        "w4": 2.8625185805493936443e-19, "z1": 2.5762667224944542799e-19,
        "z2": 2.5762667224944542799e-19, "z3": 1.4312592902746968222e-19,
    },
    "R5": {
        "f": 0.017986209962091558027, "x1": 0.035325412426582232843,
        "x2": 0.017662706213291116422, "x3": -0.035325412426582232843,
        "w1": 0.017662706213291116422, "w2": 0.052988118639873349265,
        "w3": -0.017662706213291116422, "w4": -0.035325412426582232843,
        "z1": 0.017662706213291116422, "z2": 0.017662706213291116422,
        "z3": -0.017662706213291116422,
    },
    "R6": {
        "f": 3.9998184085251902624, "x1": 0.00036316646188761336826,
        "x2": 0.00018158323094380668413, "x3": 1.9999092042625951312,
        "w1": 0.00018158323094380668413, "w2": 0.00054474969283142005239,
        "w3": 0.00018158323094380668413, "w4": 1.9999092042625951312,
        "z1": 0.00018158323094380668413, "z2": 0.00018158323094380668413,
        "z3": 0.00018158323094380668413,
    },
}  # fmt: skip


def shipped(name: str) -> GraphFile:
    """One of the reconstructions, R1 to R6."""
    folder = importlib.resources.files("chainrule.experiments") / "graphs"
    with importlib.resources.as_file(folder / f"{name}.toml") as path:
        return load_graph(path)


def chosen(run: Run) -> GraphFile:
    """The graph of the run: a file of the user's, or a reconstruction."""
    path = run.parameters["graph_file"]
    try:
        return load_graph(path) if path else shipped(run.parameters["graph"])
    except GraphFileError as error:
        raise ExperimentError(f"Parameter 'graph_file': {error}") from None


def explained(graph: GraphFile) -> Explanation:
    """Its explanation; what is wrong with the user's file is said as such."""
    try:
        return graph.explain()
    except GraphFileError as error:
        raise ExperimentError(f"Parameter 'graph_file': {error}") from None


def one_graph(run: Run, graph: GraphFile, explanation: Explanation) -> None:
    """Expressions, forward pass and backward pass of one graph."""
    run.section(f"The graph {graph.name}")
    if run.parameters["graph_file"]:
        run.text(graph.description or f"Read from {graph.specification.origin}.")
    else:
        run.text(
            "The exercise's picture is lost. What is left: z<sub>i</sub> for i = 1, 2, 3, "
            "h<sub>2</sub> = w<sub>3</sub> + z<sub>3</sub>, a sigmoid σ, and f as a function of "
            "x1, x2, x3, w1, w2, w4. So w1, w2, w4 multiply x1, x2, x3, and w3 is an offset (it is "
            "missing from the signature, although ∂f/∂w3 is asked for). How h1 and h2 combine "
            "cannot be recovered; the graphs R1 to R6 are the plausible ways, R1 is used unless "
            f"another is chosen. **{graph.name}**: {graph.description}"
        )
    drawn = picture(explanation.graph)
    run.figure("graph", "The graph with values and derivatives", drawn.svg,
               alternative=drawn.description)  # fmt: skip
    run.steps("graph", "Step through this graph, forward and backward", step_page(explanation))
    run.table(
        "expressions",
        "(i) Every node as an expression, (ii) and its value",
        ["node", "in its operands", "in the inputs", "value"],
        [
            [
                value.name.text,
                "input" if value.kind == "input" else value.expression.text,
                "" if value.kind == "input" else explanation.in_inputs(value.name.text),
                value_text(value.value),
            ]
            for value in explanation.values
        ],
    )
    numerical = numerical_derivatives(graph)
    run.table(
        "derivatives",
        "(iii) The backward pass: every derivative",
        ["derivative", "chain rule", "local derivatives", "numbers", "value", "numerical"],
        [
            [
                value.symbol.text,
                " + ".join(symbols(value)),
                "; ".join(local_derivatives(value)),
                " + ".join(numbers(value)),
                value_text(value.derivative),
                value_text(numerical[value.name.text]) if value.name.text in numerical else "",
            ]
            for value in explanation.backward
        ],
        note=(
            "The numerical column cuts a node out, makes it an input and differentiates what is "
            + (
                "left by the complex step."
                if is_analytic(graph)
                else "left by central differences."
            )
        ),
    )
    run.claim(
        "i-expressions",
        "The printed expressions of all nodes in the inputs, evaluated as Python, give the nodes' "
        "values: largest relative deviation",
        measured=(expression := max(expression_errors(explanation).values(), default=0.0)),
        expected="at most 1e-12",
        holds=expression <= 1e-12,
        source="003 P1 (i)",
    )
    deviation = deviation_from(explanation, numerical)
    bound = 1e-12 if is_analytic(graph) else 1e-5
    run.claim(
        "iii-numerical",
        f"The derivatives by all {len(numerical)} nodes, intermediate ones included, agree with "
        f"{'the complex step' if is_analytic(graph) else 'central differences'}: largest relative "
        "deviation",
        measured=deviation,
        expected=f"at most {bound:g}",
        holds=deviation <= bound,
        source="003 P1 (iii)",
    )


def deviation_from(explanation: Explanation, numerical: dict[str, Any]) -> float:
    """Largest deviation of the derivatives, relative to each one's largest entry."""
    worst = 0.0
    for name, expected in numerical.items():
        found = explanation[name].derivative
        error = float(np.max(np.abs((0.0 if found is None else found) - expected)))
        size = float(np.max(np.abs(expected)))
        worst = max(worst, error / size if size else error)
    return worst


def reconstructions(run: Run) -> None:
    """All six graphs side by side, against the reference values."""
    run.section("The reconstructions")
    explanations = {name: shipped(name).explain() for name in SHIPPED}
    names = ["x1", "x2", "x3", "w1", "w2", "w3", "w4", "z1", "z2", "z3"]
    run.table(
        "formulas",
        "The six graphs",
        ["graph", "f in the inputs"],
        [[name, each.in_inputs("f")] for name, each in explanations.items()],
        note="In R6 z3 is z1 + z2 and h2 = w3 + z3, as in the hint of the exercise.",
    )
    run.table(
        "reconstructions",
        "f and its derivatives at x = (1, 3, 2), w = (2, 1, 5, 2)",
        ["", *SHIPPED],
        [["f", *(float(each["f"].value) for each in explanations.values())]]
        + [
            [f"∂f/∂{name}", *(float(each[name].derivative) for each in explanations.values())]
            for name in names
        ],
    )
    for name in SHIPPED:
        errors = []
        for key, expected in REFERENCE[name].items():
            value = explanations[name][key]
            found = float(value.value if key == "f" else value.derivative)
            errors.append(abs(found - expected) / abs(expected))
        saturated = ", of a saturated sigmoid: σ(1 − σ) would give 0" if name == "R4" else ""
        run.claim(
            f"reference-{name}",
            f"{name}: f and its ten derivatives by x, w and z{saturated}; against values computed "
            "with 50 digits: largest relative deviation",
            measured=max(errors),
            expected="at most 1e-14",
            holds=max(errors) <= 1e-14,
            source="003 P1",
        )


def any_graph(run: Run) -> None:
    """Random graphs, with fan-out and repeated operands."""
    run.section("Any graph")
    run.text(
        "Nothing above is particular to this graph: it is a file of nodes with operations and "
        "operands. Here random graphs are made, with values that several nodes read, operands that "
        "stand twice in one operation and inputs that nothing reads, and every derivative is held "
        "against differences. To use a graph of your own: `chainrule run computational-graph --set "
        "graph_file=FILE.toml`, or `chainrule explain --graph FILE.toml`."
    )

    def check() -> dict[str, float]:
        rng = run.rng("random graphs")
        totals = {"nodes": 0, "fan_out": 0, "repeated": 0, "worst": 0.0}
        for _ in range(run.parameters["random_graphs"]):
            data = random_graph(rng, run.parameters["random_nodes"])
            graph = GraphFile.from_dict(data, "random graph")
            operands = [node.get("operands", []) for node in data["nodes"]]
            readers = [name for given in operands for name in set(given)]
            totals["nodes"] += len(operands)
            totals["fan_out"] += sum(readers.count(name) > 1 for name in set(readers))
            totals["repeated"] += sum(len(set(given)) < len(given) for given in operands)
            found = deviation_from(graph.explain(), numerical_derivatives(graph))
            totals["worst"] = max(totals["worst"], found)
        return totals

    found = run.step("random graphs", check, "random graphs")
    run.claim(
        "any-graph",
        f"{run.parameters['random_graphs']} random graphs, {found['nodes']} nodes, of which "
        f"{found['fan_out']} are read several times and {found['repeated']} read an operand twice: "
        "largest relative deviation of any derivative from the complex step",
        measured=found["worst"],
        expected="at most 1e-10",
        holds=found["worst"] <= 1e-10 and found["fan_out"] > 0 and found["repeated"] > 0,
        source="003 P1",
    )


def run_experiment(run: Run) -> None:
    """All parts; the reconstructions only where no other graph is given."""
    graph = chosen(run)
    explanation = explained(graph)
    one_graph(run, graph, explanation)
    if not run.parameters["graph_file"]:
        reconstructions(run)
    any_graph(run)
    values = {
        value.name.text: float(value.value)
        for value in explanation.values
        if not np.ndim(value.value)
    }
    run.value("nodes", len(explanation.values))
    run.value("results", [values[name] for name in explanation.results if name in values])


EXPERIMENT = Experiment(
    name="computational-graph",
    title="A computational graph: expressions, forward pass, backward pass",
    document="003",
    question="P1",
    summary=(
        "A graph given as data: every node as an expression, its value, and the derivative of the "
        "result by every node with the chain-rule sum that makes it; six reconstructions of the "
        "exercise's lost picture, any graph file, and random graphs."
    ),
    parameters=(
        Parameter("graph", "R1", "which reconstruction of the lost picture", choices=SHIPPED),
        Parameter("graph_file", "", "a graph file (.json or .toml) to use instead"),
        Parameter("random_graphs", 100, "random graphs that are checked", minimum=1),
        Parameter("random_nodes", 15, "nodes of a random graph", minimum=3),
    ),
    presets={"quick": {"random_graphs": 25}, "full": {}},
    data={"embedded": "six graphs as files of the package, and random ones"},
    run=run_experiment,
)
