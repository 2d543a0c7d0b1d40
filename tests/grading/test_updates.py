"""Optimizers handed in with a mistake in their update rule: named, and charged once, by cause."""

from __future__ import annotations

import pytest
from tests.grading.in_process import judged

from chainrule.grading import Part
from chainrule.grading.judging import Judgement

STEP = "        v = rho * v - rate * gradient(w)\n        w = w + v"
ROOT = "(np.sqrt(v) + self.epsilon)"
CORRECTED = "steps.append(self.lr * m / (np.sqrt(v) + self.epsilon))"

#: exercise, part, replacements in the right solution, codes with their cost
MISTAKES: list[tuple[str, str, list[tuple[str, str]], dict[str, float]]] = [
    ("momentum", "iii-1", [("w = w - rate", "w = w + rate")], {"U101": 0.5}),
    ("momentum", "iii-1", [("for rate in learning_rates", "for rate in [learning_rates[0]] * "
                            "len(learning_rates)")], {"U103": 0.5}),
    ("momentum", "iii-1", [("w = w - rate", "w -= rate")], {"U602": 0.6}),
    ("momentum", "iii-1", [("iterates = [w]", "iterates = []")], {"G101": 0.6}),
    ("momentum", "iii-1", [("iterates = [w]", "iterates = []"), ("w - rate", "w + rate")],
     {"G101": 0.6, "U101": 0.5}),
    ("momentum", "iii-2", [(STEP, "        v = rho * v + gradient(w)\n"
                            "        w = w - rate * v")],
     {"U201": 0.6}),
    ("momentum", "iii-2", [(STEP, "        v = rho * v + (1 - rho) * gradient(w)\n"
                            "        w = w - rate * v")], {"U201": 0.6, "U203": 0.9}),
    ("momentum", "iii-2", [(STEP, "        w = w + v\n"
                            "        v = rho * v - rate * gradient(w)")],
     {"U205": 0.9}),
    ("momentum", "iii-2", [("rho * v - rate * gradient(w)\n", "0.9 * v - rate * gradient(w)\n")],
     {"U104": 0.75}),
    ("momentum", "iii-3", [("gradient(w + rho * v)", "gradient(w)")], {"U206": 1.2}),
    ("momentum", "iii-3", [("rho * v - rate * gradient(w + rho * v)\n        w = w + v",
                            "rho * v - rate * gradient(w)\n"
                            "        w = w + rho * v - rate * gradient(w)")], {"U207": 0.6}),
    ("optimizers", "gd-2", [("        model.b = model.b - self.lr * grads[1]\n", "")],
     {"U105": 0.4}),
    ("optimizers", "adagrad", [("= (0.1, 0.1)", "= (0.0, 0.0)")], {"U306": 0.9}),
    ("optimizers", "adagrad", [("np.sqrt(G[0] + self.epsilon)", "(np.sqrt(G[0]) + self.epsilon)"),
                               ("np.sqrt(G[1] + self.epsilon)", "(np.sqrt(G[1]) + self.epsilon)")],
     {"U403": 0.6}),
    ("optimizers", "adagrad", [("self.accumulator = tuple(G)",
                                "G, self.accumulator = self.accumulator, tuple(G)")],
     {"U303": 0.9}),
    ("optimizers", "adam", [("m = self.m[i] / (1 - self.beta1**self.t)", "m = self.m[i]"),
                            ("v = self.v[i] / (1 - self.beta2**self.t)", "v = self.v[i]")],
     {"U401": 1.6}),
    ("optimizers", "adam", [("        self.t += 1\n        steps", "        steps"),
                            ("model.b - steps[1]", "model.b - steps[1]\n        self.t += 1")],
     {"U402": 1.2}),
    ("optimizers", "adam", [("        self.t += 1\n", ""),
                            ("            self.m[i] = self.beta1",
                             "            self.t += 1\n            self.m[i] = self.beta1")],
     {"U402": 1.2}),
    ("optimizers", "adam", [(ROOT, "np.sqrt(v + self.epsilon)")], {"U403": 0.8}),
    ("optimizers", "adam", [(CORRECTED, "c = np.sqrt(1 - self.beta2**self.t); steps.append(self.lr "
                             "* c / (1 - self.beta1**self.t) * self.m[i] / "
                             "(np.sqrt(self.v[i]) + self.epsilon))")], {"U403": 0.8}),
    ("optimizers", "adam", [("self.beta1 = beta1\n        self.beta2 = beta2",
                             "self.beta1 = beta2\n        self.beta2 = beta1")], {"U301": 1.2}),
    ("optimizers", "adam", [("self.beta1 = beta1\n        self.beta2 = beta2",
                             "self.beta1 = 0.9\n        self.beta2 = 0.999")], {"U104": 1.0}),
    ("optimizers", "adam", [("model.b = model.b - steps[1]", "pass")], {"U105": 1.6}),
    ("optimizers", "adam", [(ROOT, "(np.sqrt(v) + 0.1)")], {"G000": 3.3333}),
]  # fmt: skip

#: The same mathematics in other words.
VARIANTS: list[tuple[str, str, list[tuple[str, str]]]] = [
    ("momentum", "iii-2", [("- rate * gradient(w)\n        w = w + v",
                            "+ rate * gradient(w)\n        w = w - v")]),
    ("momentum", "iii-2", [("w = w + v", "w = w.copy(); w += v")]),
    ("optimizers", "adam", [(CORRECTED, "c = np.sqrt(1 - self.beta2**self.t); steps.append(self.lr "
                             "* c / (1 - self.beta1**self.t) * self.m[i] / "
                             "(np.sqrt(self.v[i]) + self.epsilon * c))")]),
    ("optimizers", "adam", [("self.beta1 * self.m[i] + (1 - self.beta1) * g",
                             "self.m[i] + (1 - self.beta1) * (g - self.m[i])")]),
    ("optimizers", "gd-2", [("model.w = model.w - ", "model.w -= ")]),
]  # fmt: skip


@pytest.mark.parametrize(("exercise", "name", "replacements", "costs"), MISTAKES)
def test_the_rule_that_was_got_wrong_is_named_and_charged(
    exercise: str, name: str, replacements: list[tuple[str, str]], costs: dict[str, float]
) -> None:
    part: Part
    found: Judgement
    part, found = judged(exercise, name, replacements)
    assert {each.code: each.points for each in found.findings} == pytest.approx(costs, abs=1e-3)
    assert found.share * part.points == pytest.approx(part.points - sum(costs.values()), abs=1e-3)


@pytest.mark.parametrize(("exercise", "name", "replacements"), VARIANTS)
def test_the_same_mathematics_in_other_words_is_right(
    exercise: str, name: str, replacements: list[tuple[str, str]]
) -> None:
    _, found = judged(exercise, name, replacements)
    assert found.findings == ()
    assert found.share == 1.0


def test_a_convention_is_called_by_its_name_beside_what_is_asked_for() -> None:
    _, found = judged("momentum", "iii-2", MISTAKES[5][2])
    (finding,) = found.findings
    assert "the convention of PyTorch and optax" in finding.evidence
    assert finding.evidence.endswith("Asked for is v ← ρ v - η g, w ← w + v.")
