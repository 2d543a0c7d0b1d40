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
    ("curve-fitting", "d", [("active = z > 0", "active = z >= 0")], {"G404": 1.6}),
    ("schedules", "e-3", [("2 * hp_max * p / epochs", "hp_max * p / epochs")], {"G204": 0.75}),
    ("schedules", "e-3", [("return hp_final / 10", "return hp_final")], {"G206": 0.6}),
    ("computational-graph", "iii", [("h2 * s * (1 - s)", "s * (1 - s)")], {"G405": 0.6923}),
    ("computational-graph", "iii", [("(1 - s), s", "(1 - s), h1")], {"G703": 0.6923}),
    ("computational-graph", "iv-2", [("+= g\n", "= g\n"), ("+= g *", "= g *"), ("-= g", "= -g"),
                                     ("+= g if", "= g if")], {"G801": 1.2}),
    ("computational-graph", "iv-2", [("g * values[second]", "g * values[FIRST]"),
                                     ("g * values[first]", "g * values[second]"),
                                     ("FIRST", "first")], {"G703": 0.9}),
    ("computational-graph", "iv-2", [("g * values[name] * (1 - values[name])", "g * values[name]")],
     {"G403": 1.2}),
    ("computational-graph", "iv-2", [('g if operation == "add" else -g', "g")], {"G205": 0.75}),
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
