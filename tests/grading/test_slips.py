"""Typical slips outside of gradients have the name of what they are."""

from __future__ import annotations

import pytest
from tests.grading.in_process import judged

#: exercise, part, replacements in the right solution, codes with their cost
SLIPS: list[tuple[str, str, list[tuple[str, str]], dict[str, float]]] = [
    ("digits-3-vs-9", "c", [("1 - np.tanh(z) ** 2", "1 - z**2")], {"G403": 0.5}),
    ("digits-3-vs-9", "c", [("1 - np.tanh(z) ** 2", "1 - np.tanh(np.tanh(z)) ** 2")],
     {"G402": 0.5}),
    ("digits-3-vs-9", "c", [("np.where(z > 0, 1.0, 0.0)", "np.where(z >= 0, 1.0, 0.0)")],
     {"G404": 0.5}),
    ("digits-3-vs-9", "c", [("np.where(z > 0, 1.0, 0.0)", "np.maximum(z, 0)")], {"G403": 0.5}),
    ("digits-3-vs-9", "c", [("np.where(z > 0, 1.0, 0.0)", "np.where(z > 0, 1.0, 0.1)")],
     {"G000": 0.5}),
    ("digits-3-vs-9", "d", [("return grad[::-1], a", "return grad, a")], {"G704": 1.5}),
    ("digits-3-vs-9", "d", [("da * layer.dx(zi)", "da * layer.dx(layer.a(zi))")], {"G402": 1.5}),
    ("digits-3-vs-9", "e", [("            layer.updateBias(-self.eta / m * np.sum(gi, axis=1, "
                             "keepdims=True))\n", "")], {"U105": 1.2}),
    ("manual-backprop", "a-1", [("return s * (1 - s)", "return z * (1 - z)")], {"G403": 1.0}),
    ("manual-backprop", "d", [("value - learning_rate *", "value + learning_rate *")],
     {"G205": 0.5}),
    ("manual-backprop", "d", [("value - learning_rate *", "value -")], {"U102": 0.5}),
    ("manual-backprop", "d", [("* found[name]", "* found[name] * (name[0] == 'W')")],
     {"U105": 0.8}),
    ("manual-backprop", "d", [("    found = gradients(parameters, x, y)\n    return {name: value - "
                               "learning_rate * found[name] for name, value in parameters.items()}",
                               "    new = dict(parameters)\n    for name in new:\n"
                               "        step = learning_rate * gradients(new, x, y)[name]\n"
                               "        new[name] = new[name] - step\n    return new")],
     {"G804": 0.8}),
    ("deep-elu", "i-1", [("np.exp(np.minimum(z, 0))", "elu(z)")], {"G403": 0.6667}),
]  # fmt: skip


@pytest.mark.parametrize(("exercise", "name", "replacements", "costs"), SLIPS)
def test_a_slip_is_named(
    exercise: str, name: str, replacements: list[tuple[str, str]], costs: dict[str, float]
) -> None:
    _, found = judged(exercise, name, replacements)
    assert {each.code: each.points for each in found.findings} == pytest.approx(costs, abs=1e-3)


def test_the_formula_that_was_taken_is_said() -> None:
    _, found = judged(*SLIPS[0][:3])
    (finding,) = found.findings
    assert finding.evidence == "wrong derivative formula: TanhActivation.dx is 1 - z²."


def test_what_is_right_has_no_slip() -> None:
    for exercise, name, *_ in SLIPS:
        assert judged(exercise, name, [])[1].findings == ()
