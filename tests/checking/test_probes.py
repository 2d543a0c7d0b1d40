"""Probes resemble the example in kind and follow its sizes, through every way of indexing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.checking.probes import draw_probe, size_plans, sizes_of
from chainrule.checking.sizes import sizes_by_equality, sizes_by_graph
from chainrule.engine.transforms import trace

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 4))
W = RNG.normal(size=(4, 3))
LABELS = np.array([0, 1, 3, 2, 1, 0])


def scattered(like, index, values):
    found = np.zeros_like(like)
    np.add.at(found, index, values)
    return found


def probes(example, claimed, plan=None):
    sizes = sizes_by_equality(example, claimed)
    return [
        draw_probe(example, sizes, sizes_of(sizes, number, plan or ()), number).point
        for number in (0, 1)
    ]


# --- sizes through operations --------------------------------------------------------------------

# (loss, right gradient, example): every size of the example can be another one
FOLLOWED: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "an ellipsis": (
        lambda X, W: np.sum((X @ W)[..., 0] ** 2),
        lambda X, W: {"W": scattered(W, np.s_[:, 0], 2 * X.T @ (X @ W)[:, 0])},
        {"X": X, "W": W},
    ),
    "an ellipsis in front": (
        lambda X, W: np.sum((X @ W)[None, ..., -1] ** 2),
        lambda X, W: {"W": scattered(W, np.s_[:, -1], 2 * X.T @ (X @ W)[:, -1])},
        {"X": X, "W": W},
    ),
    "broadcast_to": (
        lambda X, b: np.sum((X - np.broadcast_to(b, X.shape)) ** 2),
        lambda X, b: {"b": -2 * np.sum(X - b, axis=0)},
        {"X": X, "b": np.ones(4)},
    ),
    "rows by number": (
        lambda W: np.sum(W[[0, 0, 2]] ** 2),
        lambda W: {"W": scattered(W, [0, 0, 2], 2 * W[[0, 0, 2]])},
        {"W": W},
    ),
    "the label's column": (
        lambda Z, y: -np.sum(Z[np.arange(len(y)), y]),
        lambda Z, y: {"Z": -np.eye(Z.shape[1])[y]},
        {"Z": X, "y": LABELS},
    ),
    "rows that are taken": (
        lambda E, rows: np.sum(np.take(E, rows, axis=0) ** 2),
        lambda E, rows: {"E": scattered(E, rows, 2 * E[rows])},
        {"E": X, "rows": np.array([0, 1, 1, 2, 5])},
    ),
    "entries that are taken": (
        lambda e, rows: np.sum(np.take(e, rows) ** 2),
        lambda e, rows: {"e": scattered(e, rows, 2 * e[rows])},
        {"e": X[:, 0], "rows": np.array([0, 1, 1, 2, 5])},
    ),
    "a sorted axis": (
        lambda X, w: np.sum(np.sort(X * w, axis=0)[0]),
        lambda X, w: {"w": X[np.argmin(X * w, axis=0), np.arange(len(w))]},
        {"X": X, "w": np.ones(4)},
    ),
    "a mask of truth values": (
        lambda w, keep: np.sum(np.where(keep, w, 0) ** 2),
        lambda w, keep: {"w": 2 * w * keep},
        {"w": X, "keep": X > 0},
    ),
    "numbers that are complex": (
        lambda w, c: np.sum(w**2) * np.abs(c[0]),
        lambda w, c: {"w": 2 * w * np.abs(c[0])},
        {"w": np.ones(4), "c": np.array([1 + 1j, 2])},
    ),
    "a table of words": (
        lambda w, words: np.sum(w**2) * words.size,
        lambda w, words: {"w": 2 * w * words.size},
        {"w": np.ones(5), "words": np.array([["a", "b"], ["c", "d"]])},
    ),
    "the batch size as an argument": (
        lambda X, y, W, n: np.sum((X @ W - y) ** 2) / n,
        lambda X, y, W, n: {"W": 2 * X.T @ (X @ W - y) / n},
        {"X": X, "y": X[:, 0], "W": W[:, 0], "n": 6},
    ),
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_probes_follow_sizes_through(name):
    loss, gradient, example = FOLLOWED[name]
    right = cr.check(loss, gradient, example)
    assert right.verdict == "ok", str(right)
    assert not any("other sizes" in each for each in right.blind_spots)
    wrong = cr.check(loss, lambda **a: {k: -g for k, g in gradient(**a).items()}, example)
    assert wrong.codes == ("G205",)
    assert wrong.causes[0].repair_confirmed


SQUARE = {"X": np.ones((4, 4)), "W": np.ones((4, 4)), "y": np.ones(4), "t": np.ones((4, 1))}

# (loss of arrays whose sizes are all equal, the axes of X that the operation ties y or t to)
TIED: dict[str, tuple[Any, str, str]] = {
    "a column": (lambda X, W, y, t: np.sum((X @ W)[:, 0] - y), "X0", "y0"),
    "an ellipsis": (lambda X, W, y, t: np.sum((X @ W)[..., 0] - y), "X0", "y0"),
    "an ellipsis between": (lambda X, W, y, t: np.sum(X[None, ..., 0] - y), "X0", "y0"),
    "a new axis": (lambda X, W, y, t: np.sum(X[:, None, :] - y), "X1", "y0"),
    "broadcast_to": (lambda X, W, y, t: np.sum(X * np.broadcast_to(y, X.shape)), "X1", "y0"),
    "a sum": (lambda X, W, y, t: np.sum(X.sum(axis=1) - y), "X0", "y0"),
    "a maximum": (lambda X, W, y, t: np.sum(np.max(X, axis=0) - y), "X1", "y0"),
    "einsum": (lambda X, W, y, t: np.einsum("ij,i->", X, y), "X0", "y0"),
    "transposing": (lambda X, W, y, t: np.sum(X.T @ y), "X0", "y0"),
    "reshaping": (lambda X, W, y, t: np.sum((X - np.reshape(y, (4, 1))) ** 2), "X0", "y0"),
    "stacking": (lambda X, W, y, t: np.sum(np.stack([X[:, 0], y])), "X0", "y0"),
    "joining": (lambda X, W, y, t: np.sum(np.concatenate([X, t], axis=1)), "X0", "t0"),
    "two columns that meet": (lambda X, W, y, t: np.sum(t - y), "t0", "y0"),
}


@pytest.mark.parametrize("name", TIED)
def test_equal_sizes_are_one_where_an_operation_ties_them(name):
    loss, first, second = TIED[name]
    sizes = sizes_by_graph(trace(loss, **SQUARE), SQUARE, ["X", "W"])
    assert sizes.axes[first[0], int(first[1])] == sizes.axes[second[0], int(second[1])]
    assert sizes.axes["X", 0] != sizes.axes["X", 1]


def test_a_number_of_rows_given_as_an_argument_is_drawn_with_them():
    example = {"X": X, "y": X[:, 0], "W": W[:, 0], "n": 6, "passes": 9, "layers": True}
    for number, point in enumerate(probes(example, ["W"])):
        assert point["n"] == len(point["X"]) == len(point["y"]) != 6
        assert (point["passes"], point["layers"]) == (9, True)
        assert len(point["X"]) == (5, 7)[number]


def test_a_number_that_fits_two_sizes_stays():
    example = {"X": X, "V": np.ones((6, 3)), "W": np.ones((4, 2)), "n": 6}
    sizes = sizes_by_graph(
        trace(lambda X, V, W, n: np.sum(X @ W) * np.sum(V), **example), example, ["W"]
    )
    assert sizes.integers == {}
    assert "n" in sizes_by_equality(example, ["W"]).integers


# --- kinds of arrays -----------------------------------------------------------------------------

DISTRIBUTIONS = RNG.dirichlet(np.ones(3), size=6)
# (values of an array with 6 samples, what is true of every array like it)
KINDS: dict[str, tuple[Any, Any]] = {
    "truth values": (X[:, :3] > 0, lambda v: v.dtype == bool and v.any() and not v.all()),
    "one-hot rows": (np.eye(3)[[0, 1, 2, 0, 1, 2]], lambda v: np.all(np.sort(v)[:, -1:] == 1)),
    "one-hot columns": (
        np.eye(6)[:, [0, 1, 5]][[5, 1, 2, 3, 4, 0]],
        lambda v: np.all(v.sum(axis=0) == 1),
    ),
    "distributions": (
        DISTRIBUTIONS,
        lambda v: np.allclose(v.sum(axis=1), 1) and v.min() > 0 and len(np.unique(v)) > 3,
    ),
    "a mask": (1.0 * (X[:, :3] > 0), lambda v: set(np.unique(v)) == {0.0, 1.0}),
    "signs": (np.sign(X[:, 0]), lambda v: set(np.unique(v)) == {-1.0, 1.0}),
    "one label throughout": (np.ones(6), lambda v: set(np.unique(v)) == {0.0, 1.0}),
    "probabilities": (RNG.uniform(0.1, 0.9, (6, 3)), lambda v: v.min() > 0 and v.max() < 1),
    "positive numbers": (RNG.uniform(1, 9, (6, 3)), lambda v: v.min() > 0 and v.max() > 1),
    "two whole numbers": (np.array([3, 7, 3, 3, 7, 7]), lambda v: set(np.unique(v)) == {3, 7}),
    "words": (np.array(list("abcdef")), lambda v: list(v) == list("abcdef")),
    "words in rows": (np.array([["a", "b"]] * 6), lambda v: v.shape == (6, 2)),
    "complex numbers": (np.full(6, 1j), lambda v: np.all(v == 1j)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_probes_are_of_the_examples_kind(kind):
    value, holds = KINDS[kind]
    for number, point in enumerate(probes({"X": X, "given": value, "W": W}, ["W"])):
        given = point["given"]
        assert given.dtype.kind == value.dtype.kind
        assert holds(given), given
        if value.dtype.kind in "fiub":
            assert len(given) == (5, 7)[number]
        again = probes({"X": X, "given": value, "W": W}, ["W"])[number]["given"]
        np.testing.assert_array_equal(given, again)


def test_labels_stay_below_the_number_of_classes_and_repeat():
    for point in probes({"X": X, "y": np.array([0, 1, 2, 2, 1, 0]), "W": W}, ["W"]):
        assert point["y"].max() < point["W"].shape[1]
        assert len(np.unique(point["y"])) < len(point["y"])


def test_a_single_sample_keeps_a_label_of_its_kind():
    example = {"X": X[:1], "y": np.ones(1), "t": np.array([2]), "W": W}
    sizes = sizes_by_equality(example, ["W"])
    point = draw_probe(example, sizes, dict(sizes.symbols), 0).point
    assert point["t"].shape == (1,)
    assert 0 <= point["t"][0] < 3


def test_scalars_move_and_a_penalty_becomes_large_enough_to_be_seen():
    given = {
        "X": X,
        "W": W,
        "lam": 1e-4,
        "zero": 0.0,
        "rate": 0.5,
        "tiny": 1e-6,
        "temperature": 4.0,
    }
    first, second = probes(given, ["W"])
    assert first["lam"] > 0.3
    assert first["zero"] > 0.3
    assert 0 < first["rate"] < 1
    assert abs(first["tiny"]) < 1e-3
    assert first["temperature"] == 4.0
    for name in ("lam", "zero", "rate", "tiny"):
        assert first[name] not in (given[name], second[name])


def test_plans_end_with_the_sizes_of_the_example():
    alone = {"W": W}
    sizes = sizes_by_equality(alone, ["W"])
    assert sizes.batch is None
    plans = list(size_plans([sizes]))
    assert plans[0] == (sizes, ())
    assert plans[-1] == (sizes, tuple(sizes.symbols))
    point = draw_probe(alone, sizes, sizes_of(sizes, 0, tuple(sizes.symbols)), 0).point
    assert point["W"].shape == W.shape
    assert not np.allclose(point["W"], W)


def test_no_two_sizes_of_a_probe_are_equal_and_none_is_kept():
    example = {"X": X, "y": X[:, :3], "W": np.ones((4, 3)), "V": np.ones((3, 3)), "b": np.ones(3)}
    sizes = sizes_by_equality(example, ["W", "V", "b"])
    first, second = (sizes_of(sizes, number) for number in (0, 1))
    assert len(set(first.values())) == len(first)
    assert all(first[symbol] != second[symbol] for symbol in first)


@pytest.mark.parametrize("value", [0.001, 0.01, 0.1, 0.5, 0.9, -0.1])
def test_a_scalar_between_zero_and_one_stays_there(value):
    """A small epsilon was drawn negative, and a smoothed loss had no probe."""
    example = {"x": np.ones((4, 3)), "epsilon": value}
    sizes = sizes_by_equality(example, ["x"])
    drawn = [draw_probe(example, sizes, sizes_of(sizes, k, ()), k, 0) for k in range(2)]
    found = [probe.point["epsilon"] for probe in drawn]
    assert all(0 < number / np.sign(value) < 1 for number in found)
    assert len({value, *found}) == 3


def test_a_probe_on_which_nothing_reaches_a_parameter_is_drawn_again():
    def loss(X, W, v):
        keep = W.shape[1] > 5  # as a mask that the function draws by its own seed may be
        return np.sum((np.tanh(X @ W) * keep @ v) ** 2)

    def gradient(X, W, v):
        keep = W.shape[1] > 5
        h = np.tanh(X @ W) * keep
        out = h @ v
        return {"W": X.T @ (2 * np.outer(out, v) * (1 - h)), "v": h.T @ (2 * out)}

    rng = np.random.default_rng(1)
    example = {"X": rng.normal(size=(9, 4)), "W": rng.normal(size=(4, 7)), "v": rng.normal(size=7)}
    assert cr.check(loss, gradient, example).codes == ("G403",)
