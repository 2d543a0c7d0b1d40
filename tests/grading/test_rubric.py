"""The rubric by cause: what a mistake in a gradient costs, once, and what it does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from chainrule.grading import Part, grade
from chainrule.grading.exercise import Inputs
from chainrule.grading.judging import Answer, judge

#: exercise, part, replacements, codes with their cost, points left
MISTAKES = [
    (
        "manual-backprop", "c", [('"W1": np.outer(dz1, x)', '"W1": 2 * np.outer(dz1, x)')],
        {"G204": 1.0}, 5.0,
    ),
    ("manual-backprop", "c", [("* dsigmoid(z2)", "")], {"G401": 2.4}, 3.6),
    ("manual-backprop", "c", [("* dsigmoid(z2)", "* dsigmoid(a2)")], {"G402": 1.8}, 4.2),
    (
        "manual-backprop", "c", [('"b2": dz2', '"b2": -dz2'), ("* dsigmoid(z1)", "")],
        {"G205": 1.0, "G401": 2.0}, 3.0,
    ),
    ("manual-backprop", "c", [('"b2": dz2,', '"bias2": dz2,')], {"G107": 1.0}, 5.0),
    ("two-layer-gradients", "d", [("dp = 2 * (p - y)\n    dq", "dp = p - y\n    dq")],
     {"G204": 1.0}, 3.0),
    ("two-layer-gradients", "d", [("dq = (q > 0) * (W2.T @ dp)", "dq = W2.T @ dp")],
     {"G401": 1.6}, 2.4),
    (
        "two-layer-gradients", "d",
        [('return {"W1": np.outer(dq, x)', 'return {"W1": np.outer(x, dq)')], {"G101": 1.0}, 3.0,
    ),
    ("deep-elu", "ii-1", [("* elu_derivative(z[l - 2])", "* elu_derivative(a[l - 1])")],
     {"G402": 1.5}, 3.5),
    ("curve-fitting", "b", [("- 2 * residual", "+ 2 * residual")], {"G205": 1.0}, 3.0),
]  # fmt: skip


@pytest.mark.parametrize(("exercise", "part", "replacements", "costs", "left"), MISTAKES)
def test_a_mistake_in_a_gradient_is_named_and_costs_its_share_once(
    changed: Callable[..., Path],
    exercise: str,
    part: str,
    replacements: list[tuple[str, str]],
    costs: dict[str, float],
    left: float,
) -> None:
    (found,) = grade(exercise, changed(exercise, *replacements), [part]).parts
    assert {finding.code: finding.points for finding in found.findings} == pytest.approx(costs)
    assert found.score == pytest.approx(left)
    # A line of the exercise's own loss would mislead.
    assert "(line" not in " ".join(found.sentences())


def test_a_mistake_in_a_helper_costs_points_once(changed: Callable[..., Path]) -> None:
    path = changed("manual-backprop", ("return s * (1 - s)", "return s"))
    parts = grade("manual-backprop", path).parts
    found = {part.name: part for part in parts}
    assert found["a-1"].score == 3.0
    assert [found[name].score for name in ("a-2", "b", "c", "d")] == [1, 2, 6, 2]
    assert found["c"].repaired == ("dsigmoid",)


def judged(part: Part, value: object, true: object) -> tuple[float, list[str]]:
    inputs: Inputs = {"x": 1.0}
    answer = Answer(inputs, {"y": value}, {})
    found = judge(part, [answer], answer, [{"y": true}], lambda **_: {})
    return found.share, [finding.code for finding in found.findings]


def test_deductions_of_a_part_replace_the_common_ones() -> None:
    common = Part("1", "", 4, ("f",), lambda rng: [])
    strict = Part("1", "", 4, ("f",), lambda rng: [], deductions={"G205": 1.0})
    assert judged(common, -2.0, 2.0) == (0.0, ["G000"])
    true = np.array([1.0, 2.0])
    assert judged(common, -true, true) == (0.75, ["G205"])
    assert judged(strict, -true, true) == (0.0, ["G205"])
