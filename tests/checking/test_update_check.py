"""Update rules: the reference is that of the libraries, mistakes are named, nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.checking.updates.check import _problem, _rule
from chainrule.checking.updates.faults import _altered, diagnose, first_wrong_step
from chainrule.checking.updates.rules import METHODS, UpdateRule, Walk, formula
from chainrule.engine.errors import InvalidInput

RATES = (0.1, 0.1, 0.03, 0.05, 0.02, 0.04)

#: method, settings, the same in `chainrule.optim`, which is tested against the libraries
SAME: list[tuple[str, dict[str, Any], Callable[[Any], optim.Optimizer]]] = [
    ("gradient descent", {}, optim.gradient_descent),
    ("gradient descent", {"weight_decay": 0.1, "decoupled": True},
     lambda r: optim.decoupled_weight_decay(0.1, optim.sgd(r))),
    ("momentum", {"rho": 0.8}, lambda r: optim.momentum(r, 0.8)),
    ("momentum", {"rate_in_velocity": True}, lambda r: optim.momentum(r, rate_in_velocity=True)),
    ("nesterov", {}, lambda r: optim.nesterov(r, iterate="lookahead")),
    ("nesterov", {"rate_in_velocity": True},
     lambda r: optim.nesterov(r, iterate="lookahead", rate_in_velocity=True)),
    ("nesterov", {"framework": True}, optim.nesterov),
    ("nesterov", {"framework": True, "rate_in_velocity": True},
     lambda r: optim.nesterov(r, rate_in_velocity=True)),
    ("adagrad", {"epsilon": 1e-10}, optim.adagrad),
    ("adagrad", {"epsilon": 1e-7, "initial": 0.1, "epsilon_place": "inside"},
     lambda r: optim.adagrad(r, epsilon=1e-7, initial_accumulator=0.1, epsilon_in_root=True)),
    ("rmsprop", {}, optim.rmsprop),
    ("rmsprop", {"decay": 0.9, "epsilon_place": "inside"},
     lambda r: optim.rmsprop(r, decay=0.9, epsilon_in_root=True)),
    ("adam", {}, optim.adam),
    ("adam", {"beta1": 0.8, "beta2": 0.99}, lambda r: optim.adam(r, beta1=0.8, beta2=0.99)),
    ("adam", {"epsilon": 1e-7, "epsilon_place": "hat"},
     lambda r: optim.adam(r, epsilon=1e-7, epsilon_hat=True)),
    ("adam", {"weight_decay": 0.1},
     lambda r: optim.chain(optim.weight_decay(0.1), optim.adam(r))),
    ("adamw", {}, optim.adamw),
    ("adamw", {"weight_decay": 0.3}, lambda r: optim.adamw(r, weight_decay=0.3)),
]  # fmt: skip


def by_optim(make: Callable[[Any], optim.Optimizer]) -> Callable[..., Any]:
    def run(gradient: Any, w0: Any, learning_rates: Any) -> list[Any]:
        optimizer = make(lambda steps: learning_rates[steps])
        w, state, iterates = w0, optimizer.init(w0), [w0]
        for _ in learning_rates:
            g = gradient(optimizer.gradient_point(state, w))
            w, state = optimizer.update(g, state, w)
            iterates.append(w)
        return iterates

    return run


@pytest.mark.parametrize(("method", "settings", "make"), SAME)
def test_the_reference_is_that_of_the_optimizers(
    method: str, settings: dict[str, Any], make: Any
) -> None:
    report = cr.check_optimizer(by_optim(make), method, **settings)
    assert report.ok, report
    assert report.relative_error < 1e-11
    assert report.codes == ()


@pytest.mark.parametrize("number", range(len(SAME)))
def test_another_convention_is_never_taken_for_right(number: int) -> None:
    method, settings, _ = SAME[number]
    for other, others, make in SAME:
        same = (METHODS_OF.get(other, other), METHODS_OF.get(method, method))
        if same[0] != same[1] or others == settings:
            continue
        assert not cr.check_optimizer(by_optim(make), method, **settings).ok, (others, settings)


METHODS_OF = {"adamw": "adam"}


#: Every method with the conventions of the hand-outs and of the libraries.
RULES = [_rule(method, dict(settings)) for method, settings, _ in SAME]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.method)
def test_every_altered_rule_is_told_and_never_another_one(rule: UpdateRule) -> None:
    walks = [_problem(rule, np.random.default_rng([3, i]), RATES, i) for i in (0, 1)]
    right = [walk.path() for walk in walks]
    for altered in _altered(walks[0]):
        claims = [walk.path(**altered.changes(walk)) for walk in walks]
        if all(np.array_equal(a, b) for a, b in zip(claims, right, strict=True)):
            continue
        found = diagnose(claims, walks)
        assert altered.code in {each.code for (each,) in found}, altered.words
        # What else fits fits exactly: the same step under another name.
        for (other,) in found:
            for walk, claimed in zip(walks, claims, strict=True):
                np.testing.assert_allclose(
                    walk.path(**other.changes(walk)), claimed, rtol=1e-7, atol=1e-9
                )


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.method)
def test_a_wrong_path_of_another_kind_has_no_name(rule: UpdateRule) -> None:
    rng = np.random.default_rng(0)
    walks = [_problem(rule, np.random.default_rng([3, i]), RATES, i) for i in (0, 1)]
    paths = [walk.path() for walk in walks]
    claims = [c * (1 + 1e-3 * rng.normal(size=c.shape)) for c in paths]
    assert diagnose(claims, walks) == []
    claims = list(paths)
    claims[1] = claims[1] + np.linspace(0, 1e-6, len(claims[1]))[:, None]
    assert diagnose(claims, walks) == []


def momentum(before: str, after: str) -> Callable[..., Any]:
    return written(MOMENTUM, before, after)


def written(text: str, *pairs: str) -> Callable[..., Any]:
    for before, after in zip(pairs[::2], pairs[1::2], strict=True):
        assert before in text, before
        text = text.replace(before, after)
    space: dict[str, Any] = {"np": np}
    exec(text, space)
    run: Callable[..., Any] = space["run"]
    return run


MOMENTUM = """
def run(gradient, w0, rates):
    w, v, iterates = w0, 0.0 * w0, [w0]
    for rate in rates:
        g = gradient(w)
        v = 0.9 * v - rate * g
        w = w + v
        iterates.append(w)
    return iterates
"""
ADAM = """
def run(gradient, w0, rates, b1=0.9, b2=0.999, e=1e-8):
    w, m, s, iterates = w0, 0.0 * w0, 0.0 * w0, [w0]
    for t, rate in enumerate(rates, 1):
        g = gradient(w)
        m = b1 * m + (1 - b1) * g
        s = b2 * s + (1 - b2) * g**2
        w = w - rate * (m / (1 - b1**t)) / (np.sqrt(s / (1 - b2**t)) + e)
        iterates.append(w)
    return iterates
"""

#: Other ways to write the same.
VARIANTS = [
    ("momentum", MOMENTUM, ("- rate * g", "+ rate * g", "w + v", "w - v")),
    ("momentum", MOMENTUM, ("v = 0.9 * v - rate * g", "v *= 0.9; v -= rate * g")),
    ("momentum", MOMENTUM, ("return iterates", "return np.array(iterates)")),
    ("adam", ADAM, ("rate * (m / (1 - b1**t)) / (np.sqrt(s / (1 - b2**t)) + e)",
                    "rate * np.sqrt(1 - b2**t) / (1 - b1**t) * m / "
                    "(np.sqrt(s) + e * np.sqrt(1 - b2**t))")),
    ("adam", ADAM, ("b1 * m + (1 - b1) * g", "m + (1 - b1) * (g - m)")),
    ("adam", ADAM, ("g**2", "g * g", "np.sqrt(s / (1 - b2**t))", "(s / (1 - b2**t)) ** 0.5")),
]  # fmt: skip


@pytest.mark.parametrize(("method", "text", "changes"), VARIANTS)
def test_the_same_method_written_otherwise_is_right(
    method: str, text: str, changes: tuple[str, ...]
) -> None:
    settings = {"rate_in_velocity": True} if method == "momentum" else {}
    report = cr.check_optimizer(written(text, *changes), method, **settings)
    assert report.ok, report


#: Mistakes, alone and two at a time.
WRONG = [
    ("momentum", MOMENTUM, ("- rate * g", "+ rate * g"), ("U101",)),
    ("momentum", MOMENTUM, ("v = 0.9 * v - rate * g\n        w = w + v",
                            "w = w + v\n        v = 0.9 * v - rate * gradient(w)"), ("U205",)),
    ("momentum", MOMENTUM, ("- rate * g", "+ 0.1 * g", "w + v", "w - rate * v"),
     ("U201", "U203")),
    ("momentum", MOMENTUM, ("0.9 * v - rate", "-0.9 * v + rate"), ("U101", "U204")),
    ("momentum", MOMENTUM, ("- rate * g", "- 0.07 * g"), ("G000",)),
    ("adam", ADAM, ("m / (1 - b1**t)", "m", "s / (1 - b2**t)", "s"), ("U401",)),
    ("adam", ADAM, ("s / (1 - b2**t)", "s"), ("U401",)),
    ("adam", ADAM, ("enumerate(rates, 1)", "enumerate(rates)"), ("U402",)),
    ("adam", ADAM, ("np.sqrt(s / (1 - b2**t)) + e", "np.sqrt(s / (1 - b2**t) + e)"), ("U403",)),
    ("adam", ADAM, (" + e)", ")"), ("U403",)),
    ("adam", ADAM, ("m / (1 - b1**t)", "m", "g**2", "np.sum(g**2)"), ("U305", "U401")),
    ("adam", ADAM, ("(1 - b1) * g", "g", "np.sqrt(s / (1 - b2**t)) + e",
                    "np.sqrt(s / (1 - b2**t) + e)"), ("U302", "U403")),
    ("adam", ADAM, ("rate * (m", "(m", "w - (m", "w + (m"), ("U101", "U102")),
]  # fmt: skip


@pytest.mark.parametrize(("method", "text", "changes", "codes"), WRONG)
def test_a_mistake_is_named(
    method: str, text: str, changes: tuple[str, ...], codes: tuple[str, ...]
) -> None:
    settings = {"rate_in_velocity": True} if method == "momentum" else {}
    report = cr.check_optimizer(written(text, *changes), method, **settings)
    assert report.verdict == "wrong"
    assert tuple(sorted(report.codes)) == codes, report
    assert report.together == (len(codes) > 1)


def test_the_first_wrong_step_is_told() -> None:
    late = "w = w + v if len(iterates) < 4 else w + 2 * v"
    report = cr.check_optimizer(momentum("w = w + v", late), "momentum", rate_in_velocity=True)
    assert report.codes == ("G000",)
    assert report.first_wrong_step == 4
    assert "wrong from step 4 on" in report.text()
    walk = _problem(UpdateRule("momentum"), np.random.default_rng(0), RATES, 0)
    assert first_wrong_step([walk.path()], [walk], 1e-9) is None
    assert first_wrong_step([walk.path() + 1], [walk], 1e-9) == 0


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda gradient, w0, rates: 1 / 0, "it raised ZeroDivisionError: division by zero"),
        (lambda gradient, w0, rates: exit(3), r"it ended the program with exit\(3\)"),
        (lambda gradient, w0, rates: [w0 * 1j] * 7, "returned a list of 7; .* of real numbers"),
        (lambda gradient, w0, rates: None, "returned None; return the 7 iterates as a list"),
        (lambda gradient, w0, rates: [w0, "x"], "return the 7 iterates as a list"),
        (lambda gradient, w0, rates: [[1.0], [1.0, 2.0]], "return the 7 iterates as a list"),
        (lambda gradient, w0, rates: w0, r"shape \(3,\); \(7, 3\) is expected"),
        (lambda gradient, w0, rates: [w0] * 6, r"shape \(6, 3\); \(7, 3\) is expected"),
    ],
)
def test_what_is_no_path_is_said(run: Any, message: str) -> None:
    report = cr.check_optimizer(run, "sgd")
    assert report.verdict == "error"
    assert not report.ok
    import re

    assert re.search(message, report.text().replace("\n    ", " "))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("adamm", {}), "no method 'adamm'"),
        (("adam", {"betas": (0.9, 0.999)}), "no setting 'betas'; there are rho, beta1"),
        (("adam", {"epsilon_place": "under"}), "'outside', 'inside' or 'hat', got 'under'"),
        (("adam", {"ascends": True}), "no setting 'ascends'"),
        (("adam", {"beta1": "0.9"}), "beta1 is a number, got a str"),
        (("sgd", {"learning_rates": []}), r"one at least, got \[\]"),
        (("sgd", {"learning_rates": [0.1, float("nan")]}), "a number for each step"),
    ],
)
def test_what_is_not_known_is_refused(arguments: tuple[str, dict[str, Any]], message: str) -> None:
    method, settings = arguments
    with pytest.raises(InvalidInput, match=message):
        cr.check_optimizer(momentum("v", "v"), method, **settings)


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(InvalidInput, match="takes a function, got an int"):
        cr.check_optimizer(3, "sgd")  # type: ignore[arg-type]


def test_iterates_that_are_lost_are_told_from_which_on() -> None:
    def lost(gradient: Any, w0: Any, rates: Any) -> Any:
        return [w0, w0 - rates[0] * gradient(w0), *[w0 * np.nan] * 5]

    report = cr.check_optimizer(lost, "sgd")
    assert report.verdict == "wrong"
    assert "The iterates are NaN or infinite from row 2 on." in report.notes


def test_a_changed_start_and_single_precision_are_noted() -> None:
    run = momentum("w = w + v", "w += v")
    report = cr.check_optimizer(run, "momentum", rate_in_velocity=True)
    assert report.codes == ("U602",)
    assert report.notes == ("w0 was changed in place; work on a copy.",)
    single = written(
        MOMENTUM, "w, v, iterates = w0", "w0 = w0.astype(np.float32); w, v, iterates = w0",
        "return iterates", "return np.array(iterates, np.float32)",
    )  # fmt: skip
    report = cr.check_optimizer(single, "momentum", rate_in_velocity=True)
    assert report.ok
    assert "single precision" in report.notes[0]


def test_a_report_is_complete_in_every_form() -> None:
    report = cr.check_optimizer(momentum("v", "v"), "momentum")
    assert report.codes == ("U201",)
    for text in (report.text(), report.html(), str(report), repr(report), report._repr_html_()):
        assert "U201" in text
        assert "PyTorch" not in text.split("U201")[0]
    found = report.to_json()
    assert found["causes"][0]["code"] == "U201"
    assert "<script" not in report.html()


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_a_formula(method: str) -> None:
    assert "w ← w " in formula(UpdateRule(method))


def test_parameters_have_names() -> None:
    rule = UpdateRule("gradient descent")
    walk = Walk(rule, lambda w, t: w, np.ones(3), (0.1, 0.1), {"w": 2, "b": 1})
    claimed = walk.path()
    claimed[:, 2] = 1
    ((altered,),) = diagnose([claimed], [walk])
    assert (altered.code, altered.words) == ("U105", "b is never updated.")
