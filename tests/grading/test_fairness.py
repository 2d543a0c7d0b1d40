"""One mistake costs points once, through all parts; and slips of the pen cost less than all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chainrule.grading import grade

#: exercise, replacements in the right solution, points of each part, codes of the findings
MISTAKES = [
    pytest.param(
        "two-layer-gradients", [("2 * (p - y)", "(p - y)")],
        {"a": 4, "b": 3, "c": 4, "d": 4}, ["G204"], id="a factor left out everywhere",
    ),
    pytest.param(
        "two-layer-gradients",
        [("(q > 0).astype(float)", "np.ones(len(q))"), ("(q > 0) * (W2", "(W2")],
        {"a": 5, "b": 2, "c": 4, "d": 4}, ["G000"], id="the mask left out everywhere",
    ),
    pytest.param(
        "two-layer-gradients", [("dL_dh = W2.T @ (2 * (p - y))", "dL_dh = W2.T @ (p - y)")],
        {"a": 5, "b": 2.25, "c": 4, "d": 4}, ["G204"], id="a factor left out in the middle",
    ),
    pytest.param(
        "computational-graph", [("h2 * s * (1 - s)", "h2 * s")],
        {"ii": 2, "iii": 2.3077, "iv-1": 2, "iv-2": 3}, ["G403"], id="a derivative of sigmoid",
    ),
    pytest.param(
        "covering-numbers", [("max(1, math.ceil((b - a) / (2 * epsilon)))",
                              "math.floor((b - a) / (2 * epsilon)) + 1")],
        {"a": 3, "b": 2, "b-2": 4, "c": 1}, ["G000"], id="one too many where it divides",
    ),
    pytest.param(
        "covering-numbers", [("math.ceil(1 / epsilon)", "math.ceil(2 / epsilon)"),
                             ("1 / (2 * epsilon)", "1 / epsilon"),
                             ("(b - a) / (2 * epsilon)", "(b - a) / epsilon")],
        {"a": 2.25, "b": 3, "b-2": 4, "c": 0}, ["G204", "G204", "G000"],
        id="balls of diameter epsilon",
    ),
    pytest.param(
        "covering-numbers", [("Fraction(2 * j + 1, 2 * n)", "Fraction(j, n)")],
        {"a": 3, "b": 4, "b-2": 0, "c": 1}, ["G000"], id="the right number of points, no cover",
    ),
    pytest.param(
        "optimizers", [("return 2 / len(X) * error.T @ X, 2 / len(X) *",
                        "return 1 / len(X) * error.T @ X, 1 / len(X) *"),
                       ("return 2 * error.T @ X[i : i + 1], 2 * error[0]",
                        "return error.T @ X[i : i + 1], error[0]")],
        {"gd-1": 1.5, "sgd-1": 1.5, "adagrad": 3, "adam": 4}, ["G204", "G204"],
        id="a factor left out of every gradient",
    ),
    pytest.param(
        "manual-backprop", [("value - learning_rate *", "value + learning_rate *")],
        {"c": 6, "d": 1.5}, ["G205"], id="uphill",
    ),
    pytest.param(
        "l1-regression", [("return best\n", "return best.reshape(-1, 1)\n")],
        {"b-1": 3, "b-2": 3.5}, ["G000"], id="a best w of another shape",
    ),
    pytest.param(
        "style-losses", [("return a.T @ a / len(a)", "return a.T @ a")],
        {"4b": 2.25, "4c": 2, "4d": 3, "4e": 3}, ["G201"], id="not divided by height times width",
    ),
    pytest.param(
        "schedules", [("        return const\n", "        return const / 2\n")],
        {"e-1": 0.75, "e-2": 2}, ["G204"], id="one number shows the factor that others have shown",
    ),
    pytest.param(
        "schedules", [("epoch + batch_idx / N", "epoch")],
        {"e-1": 1, "e-2": 2, "e-3": 0}, ["G000"], id="one number is a multiple of any other",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("exercise", "replacements", "points", "codes"), MISTAKES)
def test_what_a_mistake_costs_in_all(
    changed: Callable[..., Path],
    exercise: str,
    replacements: list[tuple[str, str]],
    points: dict[str, float],
    codes: list[str],
) -> None:
    found = grade(exercise, changed(exercise, *replacements)).parts
    scores = {part.name: part.score for part in found if part.name in points}
    assert scores == pytest.approx(points, abs=1e-3), [part.sentences() for part in found]
    assert [finding.code for part in found for finding in part.findings] == codes


def test_the_same_mistake_in_many_values_is_one_sentence(changed: Callable[..., Path]) -> None:
    path = changed("computational-graph", ('g if operation == "add" else -g', "g"))
    (part,) = grade("computational-graph", path, ["iv-2"]).parts
    (finding,) = part.findings
    assert "The same holds for y, a, d" in finding.evidence


def test_an_earlier_part_that_never_ends_costs_a_later_one_nothing(
    changed: Callable[..., Path],
) -> None:
    path = changed(
        "two-layer-gradients",
        ('"""A dict of "dh_dq"', '"""A dict\n    """\n    while True: pass\n    """ "dh_dq"'),
    )
    from chainrule.grading import Limits

    (part,) = grade("two-layer-gradients", path, ["c"], limits=Limits(seconds=1)).parts
    assert part.score == part.points
