"""Functions and arguments of unusual kinds: read as they are meant, or one sentence with a cure."""

from __future__ import annotations

import dataclasses
import importlib
import warnings
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(0)
DATA = {"X": RNG.normal(size=(7, 3)), "Y": RNG.normal(size=(7, 2))}
W, B = RNG.normal(size=(3, 2)), RNG.normal(size=2)


@dataclasses.dataclass
class Layer:
    W: Any
    b: Any


class Pair(NamedTuple):
    W: Any
    b: Any


def loss(p, X, Y):
    return np.sum((X @ p.W + p.b - Y) ** 2) / (2 * len(X))


def gradients(p, X, Y):
    r = X @ p.W + p.b - Y
    return X.T @ r, r.sum(axis=0) / len(X)


# --- parameters in a dataclass or a named tuple --------------------------------------------------


@pytest.mark.parametrize("kind", [Layer, Pair])
@pytest.mark.parametrize("whole", [False, True])
def test_a_result_has_the_kind_of_its_parameters(kind, whole):
    def gradient(p, X, Y):
        found = kind(*gradients(p, X, Y))
        return found if whole else {"p": found}

    report = cr.check(loss, gradient, {"p": kind(W, B), **DATA})
    assert {name: each.verdict for name, each in report.gradients.items()} == {
        "W": "wrong",
        "b": "ok",
    }
    assert report.codes == ("G201",)


def test_what_stands_beside_a_parameter_in_its_list_is_one_too():
    def product(params, X):
        return np.sum(X @ params["W"][0] @ params["W"][1])

    def first_alone(params, X):
        return {"params": {"W": [X.T @ np.ones((len(X), 2)) @ params["W"][1].T]}}

    params = {"W": [RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2))]}
    report = cr.check(product, first_alone, {"params": params, "X": DATA["X"]})
    assert report.gradients["W[0]"].verdict == "ok"
    assert [cause.code for cause in report.gradients["W[1]"].causes] == ["G107"]


# --- what cannot be called, or returns something else --------------------------------------------


def flat_loss(X, Y, W, b):
    return np.sum((X @ W + b - Y) ** 2) / (2 * len(X))


def flat_gradient(X, Y, W, b):
    r = (X @ W + b - Y) / len(X)
    return {"W": X.T @ r, "b": r.sum(axis=0)}


async def async_loss(X, Y, W, b):
    return flat_loss(X, Y, W, b)


async def async_gradient(X, Y, W, b):
    return flat_gradient(X, Y, W, b)


def yielding(X, Y, W, b):
    yield flat_gradient(X, Y, W, b)


def by_position(X, Y, W, b, /):
    return flat_loss(X, Y, W, b)


def by_any_position(*arrays):
    return flat_gradient(*arrays)


def with_its_loss(X, Y, W, b):
    return 1.0, flat_gradient(X, Y, W, b)


EXAMPLE = {**DATA, "W": W, "b": B}
HOLDS_ITSELF: dict[str, Any] = dict(EXAMPLE)
HOLDS_ITSELF["self"] = HOLDS_ITSELF


@pytest.mark.parametrize(
    ("functions", "example", "said"),
    [
        ((async_loss, flat_gradient), EXAMPLE, "loss returned a coroutine; .* without async"),
        ((flat_loss, async_gradient), EXAMPLE, "gradient returned a coroutine; .* without async"),
        ((flat_loss, yielding), EXAMPLE, "a generator; .* return in the place of yield"),
        ((flat_loss, with_its_loss), EXAMPLE, r"Of \(loss, gradients\) return the second alone"),
        ((by_position, flat_gradient), EXAMPLE, r"by position, .*; write it as loss\(X, Y, W, b\)"),
        ((flat_loss, by_any_position), EXAMPLE, r"gradient\(\*arrays\) takes its arguments by pos"),
        ((flat_loss, flat_gradient), {"X": W}, 'no Y, W, b for .*; add "Y", "W" and "b" to its'),
        ((flat_loss, flat_gradient), HOLDS_ITSELF, "does a dict or list hold itself"),
        ((flat_loss, flat_gradient), None, "the example is None; it must be a dict"),
        ((lambda x: x**3, lambda x: 3 * x**2), {"x": 2}, 'returned an int; .* such as {"x": dx}'),
        (
            (loss, lambda p, X, Y: {"W": gradients(p, X, Y)[0]}),
            {"p": SimpleNamespace(W=W, b=B), **DATA},
            "p is a SimpleNamespace, whose arrays are not seen: give them in a dict",
        ),
    ],
)
def test_one_sentence_says_what_to_change(functions, example, said):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = cr.check(*functions, example)
    assert report.verdict == "error"
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(report.message)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (object(), "is an object; it must be an array of real numbers"),
        (B + 0j, "is an array of shape (2,) and dtype complex128; it must be"),
        ("abc", "is a str; it must be"),
    ],
)
def test_a_gradient_that_is_no_array_of_real_numbers_is_described(value, said):
    def gradient(X, Y, W, b):
        made = type(value)() if type(value) is object else value
        return {"W": flat_gradient(X, Y, W, b)["W"], "b": made}

    report = cr.check(flat_loss, gradient, EXAMPLE)
    assert report.gradients["W"].verdict == "ok"
    causes = report.gradients["b"].causes
    assert [cause.code for cause in causes] == ["G102"]
    assert said in causes[0].evidence


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("raised", "said"), [(Mute(), "Mute at line"), (BaseException("mine"), "BaseException: mine")]
)
def test_whatever_is_raised_is_an_error_with_its_line(raised, said):
    def gradient(X, Y, W, b):
        raise raised

    report = cr.check(flat_loss, gradient, EXAMPLE)
    assert report.verdict == "error"
    assert f"gradient raised {said}" in report.message
    assert report.message.endswith(": raise raised.")


def test_an_error_in_a_library_is_told_by_the_line_that_calls_it(tmp_path, monkeypatch):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "strict_library.py").write_text("def fail(W):\n    raise ValueError('no')\n")
    monkeypatch.syspath_prepend(folder)
    strict_library = importlib.import_module("strict_library")

    def gradient(X, Y, W, b):
        return strict_library.fail(W)

    report = cr.check(flat_loss, gradient, EXAMPLE)
    assert report.message.endswith(": return strict_library.fail(W).")


# --- numbers at the ends of what floats can hold -------------------------------------------------


@pytest.mark.parametrize("scale", [1e-200, 1e-170, 1.0, 1e170, 1e200])
@pytest.mark.parametrize("factor", [1.0, 1.5])
def test_gradients_whose_squares_are_no_floats_are_judged(scale, factor):
    def square(X, w):
        return scale * np.sum((X @ w) ** 2)

    def slope(X, w):
        return {"w": factor * 2 * scale * X.T @ (X @ w)}

    report = cr.check(square, slope, {"X": DATA["X"], "w": np.array([1.0, 2.0, -0.4])})
    assert report.verdict == ("ok" if factor == 1.0 else "wrong")
    expected = abs(factor - 1.0) / factor
    assert report.gradients["w"].relative_error == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "ok"), (1.0003, "wrong")])
@pytest.mark.parametrize("shift", [0.0, 100.0])
def test_rounding_of_single_precision_is_no_kink(factor, verdict, shift):
    def single(*arrays):
        return (array.astype(np.float32) for array in arrays)

    def loss(X, Y, W, b):
        return flat_loss(*single(X, Y, W, b)) + np.float32(shift)

    def gradient(X, Y, W, b):
        found = flat_gradient(*single(X, Y, W, b))
        return {name: np.float32(factor) * value for name, value in found.items()}

    report = cr.check(loss, gradient, EXAMPLE)
    assert report.verdict == verdict
    assert report.trusted.endswith("; loss computes in single precision)")
    assert not any("kink" in note for note in report.notes)


def test_whole_numbers_are_no_single_precision():
    report = cr.check(
        lambda X, w: np.sum((X @ w) ** 2),
        lambda X, w: {"w": 2 * X.T @ (X @ w)},
        {"X": np.arange(12.0).reshape(4, 3) + 7, "w": np.array([3.0, 5.0, 2.0])},
    )
    assert report.verdict == "ok"
    assert "single" not in report.trusted


# --- what is said of an example ------------------------------------------------------------------


def test_a_number_that_is_nan_is_handed_on_to_the_probes():
    def with_unused(X, Y, W, b, unused):
        return flat_loss(X, Y, W, b)

    def undivided(X, Y, W, b, unused):
        return {name: len(X) * g for name, g in flat_gradient(X, Y, W, b).items()}

    report = cr.check(with_unused, undivided, {**EXAMPLE, "unused": float("nan")})
    assert report.codes == ("G201",)
    assert report.notes == ()


def test_a_line_of_a_loop_is_off_only_if_it_is_in_every_pass():
    def hinge(X, w):
        total = 0.0
        for row in X:
            total = total + np.sum(np.maximum(row * w, 0))
        return total

    def slope(X, w):
        return {"w": np.sum(X * (X * w > 0), axis=0)}

    X = np.array([[-1.0, -2.0], [3.0, 4.0], [0.5, -0.7]])
    some = cr.check(hinge, slope, {"X": X, "w": np.ones(2)})
    assert some.blind_spots == ()
    none = cr.check(hinge, slope, {"X": -np.abs(X), "w": np.ones(2)})
    assert any("every unit of line" in each for each in none.blind_spots)


def test_agreement_is_measured_against_gradients_that_are_no_rounding():
    def line(a, b, x, y):
        return np.mean((a * x + b - y) ** 2)

    def slopes(a, b, x, y):
        r = a * x + b - y
        return {"a": 2 * np.mean(r * x), "b": 2 * np.mean(r)}

    x, y = np.array([1.0, 2.0, 4.0, 7.0]), np.array([1.0, 2.0, 3.0, 5.0])
    report = cr.check(line, slopes, {"a": 0.5, "b": 1.0, "x": x, "y": y})  # the sum of r is 0
    within = float(report.trusted.rpartition("within ")[2].rstrip(")"))
    assert within < 1e-3
