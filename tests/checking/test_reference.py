"""What the true gradient is taken from, what vouches for it, and what is said if nothing does."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.checking import plain_numbers, reference
from chainrule.checking.reference import reference_at
from chainrule.checking.subject import Subject

W = np.array([1.0, 2.0, -3.0])


# --- the referee ---------------------------------------------------------------------------------


def test_a_gradient_that_the_referee_contradicts_is_not_blamed_on_the_user():
    report = cr.check(
        lambda w: np.sum(w * cr.stop_gradient(w)), lambda w: {"w": 2 * w}, {"w": W.copy()}
    )
    assert report.verdict == "inconclusive"
    assert report.gradients["w"].verdict == "inconclusive"
    assert "the true gradient is not known: chainrule's own differentiation" in report.message
    assert "central differences give" in report.message
    assert report.codes == ()


def test_what_is_wrong_in_kind_is_wrong_even_where_the_true_gradient_is_not_known():
    report = cr.check(
        lambda w, v: np.sum(w * cr.stop_gradient(w) * v), lambda w, v: {"w": 2 * w * v, "v": w[:2]},
        {"w": W.copy(), "v": W + 0.5},
    )  # fmt: skip
    assert {name: each.verdict for name, each in report.gradients.items()} == {
        "w": "inconclusive",
        "v": "wrong",
    }
    assert report.codes == ("G101",)


def test_at_a_kink_the_referee_judges_beside_it():
    def loss(w):
        return np.sum(np.abs(w)) + np.sum(w**2)

    right = cr.check(loss, lambda w: {"w": np.sign(w) + 2 * w}, {"w": np.array([0.0, 2.0, -3.0])})
    assert right.verdict == "ok"
    assert "confirmed by central differences beside a kink" in right.trusted
    contradicted = cr.check(
        lambda w: loss(w) + np.sum(cr.stop_gradient(w) * w), lambda w: {"w": np.sign(w) + 4 * w},
        {"w": np.array([0.0, 2.0, -3.0])},
    )  # fmt: skip
    assert contradicted.verdict == "inconclusive"


def test_a_step_over_a_kink_close_by_is_made_shorter():
    report = cr.check(
        lambda w: np.sum(np.abs(w - 8e-7)), lambda w: {"w": np.sign(w - 8e-7)}, {"w": np.zeros(1)}
    )
    assert report.verdict == "ok"
    within = float(report.trusted.partition("(within ")[2].rstrip(")"))
    assert within < 1e-6


# --- losses of every kind ------------------------------------------------------------------------


def halves(w):
    first, second = np.split(w, [1])
    return np.sum(first**2) + 3 * np.sum(second)


def of_halves(w):
    return {"w": np.concatenate([2 * w[:1], np.full(len(w) - 1, 3.0)])}


def nuclear(A):
    return np.sum(np.linalg.svd(A, compute_uv=False))


def of_nuclear(A):
    u, _, v = np.linalg.svd(A, full_matrices=False)
    return {"A": u @ v}


def spread(A):
    values, _ = np.linalg.eigh(A @ A.T)
    return np.sum(values**2)


SEVERAL = [
    (halves, of_halves, {"w": np.arange(1.0, 5.0)}),
    (nuclear, of_nuclear, {"A": np.random.default_rng(0).normal(size=(4, 3))}),
    (spread, lambda A: {"A": 4 * A @ A.T @ A}, {"A": np.random.default_rng(1).normal(size=(3, 3))}),
]


@pytest.mark.parametrize(("loss", "gradient", "example"), SEVERAL, ids=lambda x: str(x)[:16])
def test_steps_with_several_results_are_checked_and_diagnosed(loss, gradient, example):
    assert cr.check(loss, gradient, example).verdict == "ok"
    wrong = cr.check(loss, lambda **a: {name: -g for name, g in gradient(**a).items()}, example)
    assert wrong.codes == ("G205",)


def test_a_mistake_before_a_step_with_several_results_is_replayed_through_it():
    def loss(w, x):
        first, second = np.split(np.tanh(w * x), [1])
        return np.sum(first**2) + 3 * np.sum(second)

    def gradient(w, x):
        a = np.tanh(w * x)
        da = np.concatenate([2 * a[:1], np.full(len(a) - 1, 3.0)])
        return {"w": da * x}

    point = {"w": np.array([0.3, -0.5, 0.8, 0.2]), "x": np.array([1.0, 0.5, -0.7, 2.0])}
    assert cr.check(loss, gradient, point).codes == ("G401",)


def test_a_penalty_by_singular_values_that_is_missing_is_named():
    rng = np.random.default_rng(0)
    example = {"X": rng.normal(size=(6, 4)), "y": rng.normal(size=(6, 2)),
               "W": rng.normal(size=(4, 2)), "lam": 0.1}  # fmt: skip
    report = cr.check(
        lambda X, y, W, lam: np.mean((X @ W - y) ** 2) + lam * nuclear(W),
        lambda X, y, W, lam: {"W": 2 * X.T @ (X @ W - y) / y.size},
        example,
    )
    assert report.codes == ("G301",)


@pytest.mark.parametrize("constant", [3.0, 3, np.float64(3.0)])
@pytest.mark.parametrize(("claim", "verdict"), [(0.0, "inconclusive"), (1.0, "wrong")])
def test_a_loss_that_no_argument_enters_has_the_gradient_zero(constant, claim, verdict):
    report = cr.check(lambda w: constant, lambda w: {"w": claim + 0 * w}, {"w": W.copy()})
    assert report.verdict == verdict
    assert "it returns a number that no argument enters" in report.trusted
    said = report.text()
    assert "loss does not change with w, so the true gradient is zero" in " ".join(said.split())


def test_a_loss_of_whole_numbers_has_the_gradient_zero():
    report = cr.check(lambda w: np.sum(w > 0.5), lambda w: {"w": 0 * w}, {"w": W.copy()})
    assert report.verdict == "inconclusive"
    assert "vacuous" in report.gradients["w"].note
    wrong = cr.check(lambda w: np.sum(w > 0.5), lambda w: {"w": 1.0 * w}, {"w": W.copy()})
    assert wrong.codes == ("G000",)
    assert wrong.first_wrong is None


# --- losses that cannot be traced ----------------------------------------------------------------


def untraceable(w):
    return math.fsum(number**2 for number in w.tolist())


def test_too_many_parameters_for_differences_are_inconclusive_and_say_so():
    report = cr.check(untraceable, lambda w: {"w": 2 * w}, {"w": np.linspace(-1, 1, 5000)})
    assert report.verdict == "inconclusive"
    assert report.message.endswith(
        "and 5000 parameters are too many for central differences; check a smaller network."
    )
    assert ".)," not in report.message


def test_probes_of_too_many_parameters_for_differences_take_the_sizes_of_the_example(monkeypatch):
    monkeypatch.setattr(reference, "_ALL_ENTRIES", 13)
    report = cr.check(
        lambda w: untraceable(w.ravel()),
        lambda w: {"w": -2 * w},
        {"w": np.arange(12.0).reshape(4, 3)},
    )
    assert report.codes == ("G205",)
    assert "other sizes than the example's for w.shape[0] = 4" in report.blind_spots[0]


def test_functions_imported_by_name_are_traced_as_well():
    space: dict = {}
    exec(
        "from math import exp, pi\n"
        "from numpy import zeros, ones, zeros_like, array\n"
        "def loss(w):\n"
        "    out = ones(2) * pi\n"
        "    counts, like = zeros(2, dtype=int), zeros_like(w)\n"
        "    counts[0] = 3\n"
        "    out[0] = exp(w[0]) * counts[0]\n"
        "    like[1] = w[1] ** 2\n"
        "    return float(out.sum() + like.sum() + array([[1.0, 2.0], [w[2], w[0]]]).sum())\n",
        space,
    )
    exp = space["exp"]

    def gradient(w):
        return {"w": np.array([3 * np.exp(w[0]) + 1, 2 * w[1], 1.0])}

    report = cr.check(space["loss"], gradient, {"w": np.array([0.5, 2.0, 3.0])})
    assert report.verdict == "ok", str(report)
    assert report.trusted.startswith("chainrule's own differentiation of loss")
    assert space["exp"] is exp is math.exp
    assert space["zeros"] is np.zeros


def test_data_with_a_dot_method_of_its_own_are_traced_as_well():
    """``X.dot(w)`` of the module's own data, of whole numbers, and of what is cut out of them."""
    space: dict = {"np": np, "X": np.arange(12.0).reshape(4, 3) / 7 - 1}
    exec(
        "def loss(w, counts):\n"
        "    whole = np.tanh(X.dot(w)).sum() + X[1:].T.dot(X.dot(w)[1:]).sum()\n"
        "    return whole + (2 * counts).dot(w) + X[0].dot(counts)\n",
        space,
    )
    data = space["X"]

    def gradient(w, counts, weight=2):
        inner = data[1:].T.dot(data[1:]).sum(axis=0)
        return {"w": data.T.dot(1 - np.tanh(data.dot(w)) ** 2) + inner + weight * counts}

    example = {"w": W.copy(), "counts": np.array([1, 5, 2])}
    report = cr.check(space["loss"], gradient, example)
    assert report.verdict == "ok", str(report)
    assert report.trusted.startswith("chainrule's own differentiation of loss, confirmed")
    assert cr.check(space["loss"], partial(gradient, weight=1), example).verdict == "wrong"
    assert space["X"] is data


def test_a_loss_with_a_float_of_its_own_keeps_it():
    space: dict = {"calls": []}
    exec(
        "def float(value):\n"
        "    calls.append(1)\n"
        "    return value.item()\n"
        "def loss(w):\n"
        "    return float((w ** 2).sum())\n",
        space,
    )
    report = cr.check(space["loss"], lambda w: {"w": 2 * w}, {"w": W.copy()})
    assert report.verdict == "ok"
    assert space["calls"]
    assert report.trusted.startswith("complex step alone") or "differences" in report.trusted


class Squares:
    """A loss without a module of its own to look into."""

    def __call__(self, w):
        return float(np.sum(w**2))


def test_a_callable_object_is_differentiated_numerically():
    report = cr.check(Squares(), lambda w: {"w": 2 * w}, {"w": W.copy()})
    assert report.verdict == "ok"
    assert "because the loss cannot be traced" in report.trusted


def test_a_loop_of_too_many_steps_is_differentiated_numerically(monkeypatch):
    monkeypatch.setattr(plain_numbers, "_MOST_CALLS", 5)

    def loss(w):
        return float(sum(float(np.exp(w[i % 3])) for i in range(9)))

    report = cr.check(loss, lambda w: {"w": 3 * np.exp(w)}, {"w": W.copy()})
    assert report.verdict == "ok"
    assert "because the loss cannot be traced" in report.trusted


def test_a_loss_that_makes_plain_numbers_and_still_fails_gives_the_first_reason():
    def loss(w):
        return float(np.sum(w**2)) + w.tolist()[0]

    subject = Subject(loss, lambda w: {"w": w}, {"w": W.copy()})
    found = reference_at(subject, subject.example, ["w"])
    assert "float()" in found.untraceable
    assert not subject.converts
    np.testing.assert_allclose(found.gradients["w"], 2 * W + [1, 0, 0], rtol=1e-9)


# --- PyTorch -------------------------------------------------------------------------------------


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed")


def test_tensors_in_containers_are_refused_with_the_cure(torch):
    for holder in ({"w": torch.ones(3)}, [torch.ones(3)]):
        report = cr.check(lambda p: 0.0, lambda p: {}, {"X": np.ones(2), "p": holder})
        assert report.verdict == "error"
        assert report.message == (
            f"p is a {type(holder).__name__} of PyTorch tensors; give each tensor as an argument "
            "of its own."
        )


@pytest.mark.parametrize("result", [None, [1.0]])
def test_a_pytorch_gradient_that_is_no_dict_says_what_to_return(torch, result):
    report = cr.check(lambda w: torch.sum(w), lambda w: result, {"w": torch.ones(3)})
    assert report.verdict == "error"
    assert "it must return a dict of gradients by parameter name" in report.message


def test_arguments_that_are_no_tensors_stay_as_they_are(torch):
    def loss(w, rows, power):
        assert isinstance(power, float)
        return torch.sum(w[rows] ** power)

    def gradient(w, rows, power):
        return {"w": torch.zeros_like(w).index_add_(0, rows, power * w[rows] ** (power - 1))}

    example = {"w": torch.rand(4) + 0.5, "rows": torch.tensor([0, 1, 1]), "power": 2.0}
    assert cr.check(loss, gradient, example).verdict == "ok"


def test_where_the_derivative_is_zero_times_infinity_differences_judge():
    edges = np.array([-np.inf, 0.3, np.inf])
    level = np.array([0, 1, 1])

    def sigmoid(t):
        return 1 / (1 + np.exp(-t))

    def loss(w):
        return -np.sum(np.log(sigmoid(edges[level + 1] - w) - sigmoid(edges[level] - w)))

    def gradient(w):
        above, below = sigmoid(edges[level + 1] - w), sigmoid(edges[level] - w)
        return {"w": (above * (1 - above) - below * (1 - below)) / (above - below)}

    with np.errstate(over="ignore"):
        report = cr.check(loss, gradient, {"w": np.array([0.5, -0.2, 0.9])})
    assert report.verdict == "ok", str(report)
    assert "zero times infinity" in report.trusted


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("np.c_[np.ones(5), X] @ w", 3),
        ("np.c_[X, X[:, 0] * w[0], w[1] * y] @ w[:4]", 4),
        ("X @ np.r_[w[0], w[1:2] ** 2]", 2),
        ("np.r_[X, X ** 2].sum() * np.r_['0', w]", 3),
        ("np.r_[0:5] * (np.r_[w, [w[0], 1.0]].sum() + y)", 3),
    ],
)
def test_arrays_joined_in_brackets_are_traced(text, columns):
    space: dict[str, Any] = {"np": np}
    exec(f"def loss(w, X, y):\n    return np.sum(np.sin({text}))", space)
    rng = np.random.default_rng(0)
    point = {"w": rng.normal(size=columns), "X": rng.normal(size=(5, 2)), "y": rng.normal(size=5)}
    subject = Subject(space["loss"], lambda w, X, y: {"w": w}, point)
    found = reference.reference_at(subject, subject.example, ("w",))
    traced = "'0'" not in text
    assert found.confirmed
    assert (found.method == "engine") is traced
