"""Two mistakes in one gradient are told apart, and what two cannot explain stays unexplained."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(0)
EXAMPLE = {"X": RNG.normal(size=(6, 4)), "y": RNG.normal(size=(6, 3)),
           "W": RNG.normal(size=(4, 3)), "lam": 0.1}  # fmt: skip


def loss(X, y, W, lam):
    return np.sum((np.tanh(X @ W) - y) ** 2) / len(X) + lam * np.sum(W**2)


def gradient(scale=lambda n: 1 / n, penalty=2.0, derivative=lambda a: 1 - a**2):
    def of(X, y, W, lam):
        a = np.tanh(X @ W)
        data = X.T @ (2 * (a - y) * derivative(a))
        return {"W": scale(len(X)) * data + penalty * lam * W}

    return of


def undivided(n):
    return 1.0


def omitted(a):
    return 1.0


# (the mistakes, their codes, what is said of them)
PAIRS = [
    ({"scale": undivided, "penalty": 1.0}, ("G302", "G201"), ("is 1/2 × the true", "exactly n ×")),
    ({"scale": undivided, "penalty": 0.0}, ("G301", "G201"), ("is missing", "exactly n ×")),
    ({"scale": undivided, "penalty": -2.0}, ("G303", "G201"), ("is subtracted", "exactly n ×")),
    ({"scale": lambda n: 0.3 / n, "penalty": 1.4}, ("G302", "G206"), ("is 0.7 ×", "exactly 0.3 ×")),
    ({"derivative": omitted, "penalty": 0.0}, ("G502", "G301"), ("without f'(z)", "is missing")),
    ({"derivative": omitted, "penalty": 1.0}, ("G502", "G302"), ("without f'(z)", "is 1/2 ×")),
    (
        {"derivative": omitted, "scale": undivided},
        ("G502", "G201"),
        ("without f'(z)", "is exactly n"),
    ),
]


@pytest.mark.parametrize(("mistakes", "codes", "said"), PAIRS)
def test_two_mistakes_in_one_gradient_are_both_named(mistakes, codes, said):
    report = cr.check(loss, gradient(**mistakes), EXAMPLE)
    assert report.codes == codes
    for cause, part in zip(report.causes, said, strict=True):
        assert part in cause.evidence
        assert cause.repair_confirmed


def test_three_mistakes_in_one_gradient_are_not_guessed():
    wrong = gradient(undivided, 1.0, lambda a: 1 - np.tanh(a) ** 2)
    assert cr.check(loss, wrong, EXAMPLE).codes == ("G000",)


def test_a_gradient_of_few_numbers_lies_in_too_many_spans():
    def line(x, y, w, b):
        return np.mean((w * x + b - y) ** 2) + 0.1 * w**2

    def wrong(x, y, w, b):
        r = w * x + b - y
        return {"w": 0.37 * np.mean(r * x) + 0.05 * w, "b": 2 * np.mean(r)}

    example = {"x": RNG.normal(size=8), "y": RNG.normal(size=8), "w": 0.7, "b": -0.2}
    report = cr.check(line, wrong, example)
    assert [cause.code for cause in report.gradients["w"].causes] == ["G000"]
    assert report.gradients["b"].verdict == "ok"
