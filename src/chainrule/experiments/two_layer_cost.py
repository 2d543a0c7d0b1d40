"""What the gradient of the two-layer network costs: counted on graphs, and in closed form."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.experiments.experiment import ExperimentError, Run
from chainrule.theory.two_layers import backprop_cost


def loss(W1: Any, b1: Any, W2: Any, b2: Any, x: Any, y: Any) -> Any:
    """The network and its loss as a user writes them."""
    q = W1 @ x + b1
    h = np.maximum(q, 0)
    p = W2 @ h + b2
    L = np.sum((p - y) ** 2)
    return L


def cost(run: Run) -> None:
    """Multiplications of backpropagation, counted on graphs and in closed form."""
    run.section("What backpropagation costs")
    run.text(
        "Backpropagation keeps q and h from the forward pass, forms dL/dp, dL/dh and dL/dq once "
        "each, as vectors, and never forms the arrays of three indices: every gradient is then a "
        "vector or an outer product. The alternatives evaluate the formula of each entry by "
        "itself, or spend one forward pass per parameter on differences. The counts are taken "
        "from the engine's graphs, node by node, and compared with closed forms."
    )
    sizes = [sizes_of(text) for text in run.parameters["sizes"]]
    rows, all_equal, ratios = [], True, []
    for size in sizes:
        key = "-".join(map(str, size))
        count = functools.partial(counted_cost, *size)
        counted = run.step(f"count {key}", count, f"counting {key}")
        closed = backprop_cost(*size)
        for kind, way in (
            ("reverse", "backpropagation"),
            ("per_entry", "entry by entry"),
            ("finite_difference", "forward differences"),
        ):
            expected = getattr(closed, kind)
            all_equal = all_equal and counted[kind] == expected
            rows.append([key, way, counted[kind], expected, expected / closed.reverse])
        ratios.append((rows[-2][-1], rows[-1][-1]))
    run.table(
        "cost",
        "Multiplications for the gradient of all parameters",
        ["D-H1-H2", "way", "counted", "closed form", "times backpropagation"],
        rows,
        note=(
            "Closed forms: 2·H2·H1 + H2 + H1 + H1·D;  H2 + H2·H1 + H1(H2 + 1) + H1·D(H2 + 2);  "
            "(H1·D + H1 + H2·H1 + H2)(H1·D + H2·H1). The mask of the ReLU counts as one "
            "multiplication per unit, multiplying by the starting cotangent 1 as none."
        ),
    )
    run.claim(
        "d-cost",
        "Multiplications counted on the engine's graphs equal the closed forms, for all sizes and "
        "all three ways: backpropagation of " + rows[0][0],
        measured=rows[0][2],
        expected=rows[0][3],
        holds=all_equal,
        source="000 §1.1 (d)",
    )
    run.claim(
        "d-ratio",
        f"For {rows[0][0]} evaluating entries one by one takes more than 10 times as much as "
        "backpropagation, and forward differences more than 100,000 times",
        measured=f"{ratios[0][0]:.1f} and {ratios[0][1]:.3g} times",
        expected="11.7 and 2.01e5 times for 784-256-10",
        holds=(ratios[0][0] > 10 and ratios[0][1] > 1e5) if sizes[0] == (784, 256, 10) else None,
        source="000 §1.1 (d)",
    )
    run.figure(
        "growth",
        "Multiplications for the gradient, n inputs, n hidden units, n outputs",
        _growth_figure(),
        alternative=(
            "On double logarithmic axes three straight lines: backpropagation grows as n², entries "
            "one by one as n³, forward differences as n⁴."
        ),
        table=(
            ["n", "backpropagation", "entry by entry", "forward differences"],
            [[n, *_costs(n)] for n in (10, 100, 1000)],
        ),
    )


def counted_cost(D: int, H1: int, H2: int) -> dict[str, int]:
    """Multiplications of the three ways, counted on the graphs of the engine.

    Backpropagation is the backward part of the loss's graph. Entry by entry: the graph of the
    formula of one entry of each parameter, times the number of entries, and 2e once. Differences:
    the matrix products of one forward pass, times the number of parameters.
    """
    import chainrule as cr
    from chainrule.programs.operation_count import count_operations

    rng = np.random.default_rng(0)
    W1, b1, W2, b2 = (rng.normal(size=s) for s in ((H1, D), (H1,), (H2, H1), (H2,)))
    x, y = rng.normal(size=D), rng.normal(size=H2)
    graph = cr.trace(lambda W1, b1, W2, b2: loss(W1, b1, W2, b2, x, y), W1, b1, W2, b2)
    backward = count_operations(graph.backward(), "backward")
    forward = count_operations(graph)
    products = sum(
        count
        for index, count in forward.by_node.items()
        if graph.nodes[index].primitive.name == "matmul"
    )
    numbers = [W1, b1, W2, b2]

    def count(f: Callable[..., Any], *args: Any) -> int:
        return count_operations(cr.trace(f, *args)).total

    e, column, one = rng.normal(size=H2), W2[:, 0].copy(), np.float64(0.5)
    entry_W2 = count(lambda e2, h: e2 * h, one, one)
    entry_b1 = count(lambda e2, column, m: (e2 @ column) * m, e, column, one)
    entry_W1 = count(lambda e2, column, m, x: (e2 @ column) * m * x, e, column, one, one)
    return {
        "reverse": backward.total,
        "selections": backward.selections,
        "per_entry": count(lambda e: 2 * e, e)
        + W2.size * entry_W2
        + b1.size * entry_b1
        + W1.size * entry_W1,
        "finite_difference": sum(array.size for array in numbers) * products,
    }


def sizes_of(text: str) -> tuple[int, int, int]:
    """The sizes of a network written as D-H1-H2."""
    parts = text.split("-")
    if len(parts) != 3 or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ExperimentError(
            f"A network is given as D-H1-H2, three whole numbers of at least 1 such as 784-256-10; "
            f"got {text!r}."
        )
    return int(parts[0]), int(parts[1]), int(parts[2])


def _costs(n: int) -> tuple[int, int, int]:
    found = backprop_cost(n, n, n)
    return found.reverse, found.per_entry, found.finite_difference


def _growth_figure() -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    axes = figure.subplots()
    n = np.unique(np.logspace(0.5, 3, 40).astype(int))
    labels = ("backpropagation, n²", "entry by entry, n³", "forward differences, n⁴")
    for label, style, values in zip(
        labels, ("-", "--", ":"), zip(*(_costs(int(k)) for k in n), strict=True), strict=True
    ):
        axes.loglog(n, values, style, label=label, linewidth=2)
    axes.set_xlabel("units per layer, n")
    axes.set_ylabel("multiplications")
    axes.grid(True, which="major", alpha=0.3)
    axes.legend()
    return figure
