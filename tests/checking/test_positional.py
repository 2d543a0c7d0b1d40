"""Arguments and gradients in order instead of by name, where that has only one meaning."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(7, 4)), RNG.normal(size=(7, 3))
W, B = RNG.normal(size=(4, 3)), RNG.normal(size=3)
NETWORK = {"X": X, "y": Y, "W": W, "b": B}


def loss(X, y, W, b):
    return np.sum((X @ W + b - y) ** 2)


def parts(X, y, W, b):
    r = 2 * (X @ W + b - y)
    return X.T @ r, r.sum(axis=0)


def pair(X, y, W, b):
    return parts(X, y, W, b)


def as_list(X, y, W, b):
    return [*parts(X, y, W, b)]


def backwards(X, y, W, b):
    dW, db = parts(X, y, W, b)
    return db, dW


def transposed(X, y, W, b):
    dW, db = parts(X, y, W, b)
    dW = dW.T
    return dW, db


class Gradients(NamedTuple):
    db: np.ndarray
    dW: np.ndarray


def with_fields(X, y, W, b):
    dW, db = parts(X, y, W, b)
    return Gradients(db, dW)


@pytest.mark.parametrize("example", [NETWORK, (X, Y, W, B), [X, Y, W, B], lambda: (X, Y, W, B)])
@pytest.mark.parametrize("gradient", [pair, as_list, backwards, with_fields])
def test_a_gradient_in_order_is_read_where_it_has_one_meaning(gradient, example):
    report = cr.check(loss, gradient, example)
    assert report.verdict == "ok"
    assert list(report.gradients) == ["W", "b"]


def test_arguments_in_order_serve_every_question():
    assert cr.assert_gradient(loss, pair, (X, Y, W, B)).ok
    with cr.comparing(loss, lambda: (X, Y, W, B), show=False):
        assert cr.compare("dW", parts(X, Y, W, B)[0])


def test_what_was_read_in_order_is_said():
    assert any("read as those of W, b" in note for note in cr.check(loss, pair, NETWORK).notes)
    assert not any("in order" in note for note in cr.check(loss, with_fields, NETWORK).notes)


def test_a_wrong_shape_is_found_by_the_names_that_are_returned():
    report = cr.check(loss, transposed, NETWORK)
    assert report.codes == ("G101",)
    assert report.gradients["b"].verdict == "ok"


def test_one_array_belongs_to_the_one_parameter_whatever_its_shape():
    def squares(X, y, w, lam):
        return np.sum((X @ w - y) ** 2) + lam * np.sum(w**2)

    def right(X, y, w, lam):
        return 2 * X.T @ (X @ w - y) + 2 * lam * w

    example = X, Y[:, 0], W[:, 0], 0.3
    assert cr.check(squares, right, example).verdict == "ok"
    report = cr.check(squares, lambda X, y, w, lam: right(X, y, w, lam)[:, None], example)
    assert report.codes == ("G101",)


def two(U, V):
    return np.sum(U**2 * V)


def test_the_order_of_the_arguments_comes_before_the_names():
    def exchanged(U, V):
        dU, dV = 2 * U * V, U**2
        return dV, dU

    report = cr.check(two, exchanged, {"U": W, "V": W + 1})
    assert report.codes == ("G704",)


@pytest.mark.parametrize(
    ("gradient", "codes"),
    [
        (lambda X, y, W, b: (parts(X, y, W, b)[0].T, parts(X, y, W, b)[1]), ("G101",)),
        (lambda X, y, W, b: (parts(X, y, W, b)[0], 2 * (X @ W + b - y)), ("G101",)),
        (lambda X, y, W, b: (parts(X, y, W, b)[0], None), ("G107",)),
        (lambda X, y, W, b: [None, parts(X, y, W, b)[1]], ("G107",)),
    ],
)
def test_what_has_no_shape_of_another_is_wrong_in_its_place(gradient, codes):
    report = cr.check(loss, gradient, NETWORK)
    assert report.codes == codes
    assert sorted(each.verdict for each in report.gradients.values()) == ["ok", "wrong"]


def test_data_of_the_same_shape_leave_one_array_without_a_meaning():
    report = cr.check(lambda w, x: np.sum(w**2 * x), lambda w, x: 2 * w * x, (B, B + 1))
    assert report.verdict == "ok"
    report = cr.check(lambda w, x: np.sum(w @ x), lambda w, x: x, (W, X[:, :4][:4]))
    assert report.verdict == "error"


def test_no_gradient_is_missed_in_an_array_that_comes_alone():
    def picture(img, W):
        return np.sum((W @ img) ** 2)

    report = cr.check(picture, lambda img, W: 2 * W.T @ (W @ img), {"img": W, "W": X})
    assert list(report.gradients) == ["img"]
    assert report.verdict == "ok"


@pytest.mark.parametrize(
    ("gradient", "said"),
    [
        (lambda U, V: U * V, "which arguments they belong to"),  # either of the two
        (lambda U, V: (U.ravel(), V, V), "which arguments they belong to"),
        (lambda U, V: (U, V, U), "a tuple of 3"),
        (lambda U, V: ("U", "V"), "it must return a dict"),
        (lambda U, V: [1.0, 2.0], "it must return a dict"),
        (lambda U, V: None, "it must return a dict"),
    ],
)
def test_what_has_several_meanings_or_none_is_refused_with_the_cure(gradient, said):
    report = cr.check(two, gradient, {"U": W, "V": W + 1})
    assert report.verdict == "error"
    assert said in report.message
    assert 'such as {"U": dU, "V": dV}' in report.message


@pytest.mark.parametrize("example", [(X, Y, W), (X, Y, W, B, 1.0), "Xy", 3.0])
def test_an_example_in_order_must_be_whole(example):
    report = cr.check(loss, pair, example)
    assert report.verdict == "error"
    assert "it must be a dict of arguments by name" in report.message


@pytest.mark.parametrize(
    ("found", "codes"),
    [
        (lambda dW, db, dV: [(dW, db), dV], ()),
        (lambda dW, db, dV: ([dW, db], dV), ()),
        (lambda dW, db, dV: [(dW, db), None], ("G107",)),
        (lambda dW, db, dV: [(dW.T, db), dV], ("G101",)),
        (lambda dW, db, dV: [(dW, -db), dV], ("G205",)),
    ],
)
def test_gradients_built_as_the_parameters_are(found, codes):
    def loss(params, X):
        (W, b), V = params
        return np.sum((X @ W + b) @ V)

    def gradient(params, X):
        (W, b), V = params
        d = np.ones((len(X), 1)) @ V.sum(axis=1, keepdims=True).T
        return found(X.T @ d, d.sum(axis=0), (X @ W + b).sum(axis=0)[:, None] + 0 * V)

    report = cr.check(loss, gradient, ([(W, B), np.ones((3, 2)) + W[:3, :2]], X))
    assert report.codes == codes
    assert len(report.gradients) == 3


def test_tensors_in_order():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")

    def loss(w, X):
        return torch.sum((X @ w) ** 2)

    report = cr.check(
        loss, lambda w, X: (2 * X.T @ (X @ w),), (torch.tensor(W[:, 0]), torch.tensor(X))
    )
    assert report.verdict == "ok"
