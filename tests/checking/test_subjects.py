"""Functions and examples of every kind that people bring: large ones, containers, odd results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.checking import diagnosis, fitting
from chainrule.checking.check import Check

RNG = np.random.default_rng(0)
SMALL = {"X": RNG.normal(size=(6, 4)), "y": RNG.normal(size=(6, 2)), "W": RNG.normal(size=(4, 2))}
LARGE = {
    "X": RNG.normal(size=(600, 200)),
    "y": RNG.normal(size=(600, 2)),
    "W": RNG.normal(size=(200, 2)),
}


def loss(X, y, W):
    return np.mean((X @ W - y) ** 2)


def gradient(X, y, W):
    return {"W": 2 * X.T @ (X @ W - y) / y.size}


def undivided(X, y, W):
    r = X @ W - y
    return {"W": 2 * X.T @ r}


# --- examples of more than a hundred thousand numbers --------------------------------------------


def test_a_large_example_is_checked_without_a_copy_and_diagnosed_on_probes():
    seen = []

    def watching(X, y, W):
        seen.append(X.flags.writeable)
        return loss(X, y, W)

    assert cr.check(watching, gradient, LARGE).verdict == "ok"
    assert not seen[0]
    report = cr.check(loss, undivided, LARGE)
    assert report.codes == ("G201",)
    assert report.first_wrong.text == 'return {"W": 2 * X.T @ r}'
    assert report.graph is None
    assert report.claimed == {}


def test_a_large_loss_that_writes_into_its_arguments_gets_copies():
    before = LARGE["X"].copy()

    def scaling(X, y, W, lam):
        X *= 2
        return np.mean((X @ W - y) ** 2) + lam * np.sum(W**2)

    def of_scaling(X, y, W, lam):
        return {"W": 4 * X.T @ (2 * X @ W - y) / y.size + 2 * lam * W}

    assert cr.check(scaling, of_scaling, {**LARGE, "lam": 0.1}).verdict == "ok"
    np.testing.assert_array_equal(LARGE["X"], before)


def test_an_error_of_a_large_loss_is_told_as_it_is():
    def broken(X, y, W):
        raise ValueError("no luck")

    report = cr.check(broken, gradient, LARGE)
    assert report.verdict == "error"
    assert "loss raised ValueError: no luck at line" in report.message


def test_a_large_loss_that_broadcasts_to_all_pairs_is_found():
    example = {"X": LARGE["X"], "y": LARGE["y"][:, 0], "W": LARGE["W"][:, :1]}
    report = cr.check(loss, lambda X, y, W: {"W": 2 * X.T @ (X @ W - y[:, None]) / len(y)}, example)
    assert report.codes == ("G604",)


# --- examples ------------------------------------------------------------------------------------


def test_scalars_of_numpy_are_numbers():
    report = cr.check(
        lambda s, x: s * np.sum(x), lambda s, x: {"s": np.sum(x)},
        {"s": np.float32(0.5), "x": np.arange(4.0)},
    )  # fmt: skip
    assert report.verdict == "ok"
    assert report.notes == ()


@pytest.mark.parametrize(
    ("example", "result", "names"),
    [
        ({"p": [np.ones(3), np.arange(2.0)]}, lambda p: {"p": p}, ["p[0]", "p[1]"]),
        ({"p": [np.ones(3), np.arange(2.0)]}, lambda p: dict(enumerate(p)), ["p[0]", "p[1]"]),
        (
            {"p": {"a": {"W": np.ones(3)}, "b": {"W": np.ones(2)}}},
            lambda p: {"a": {"dW": p["a"]["W"]}, "b": {"W_grad": p["b"]["W"]}},
            ["a[W]", "b[W]"],
        ),
        ({"p": {1: np.ones(3)}}, lambda p: {"p": p}, ["p[1]"]),
    ],
)
def test_containers_are_read_by_the_shortest_names_that_tell_them_apart(example, result, names):
    def squares(p):
        leaves = p if isinstance(p, list) else list(p.values())
        return sum(np.sum((x["W"] if isinstance(x, dict) else x) ** 2) for x in leaves) / 2

    report = cr.check(squares, result, example)
    assert report.verdict == "ok", str(report)
    assert list(report.gradients) == names


@pytest.mark.parametrize("key", ["it's", "a]['b", "conv1.weight", (0, 1), -1, 1.5, True, None])
def test_gradients_are_found_under_keys_of_every_kind(key):
    other = (1, 0) if isinstance(key, tuple) else "that's"

    def squares(p):
        return np.sum(p[key] ** 2) + np.sum(p[other])

    example = {"p": {key: np.ones(3), other: np.ones(2)}}
    report = cr.check(squares, lambda p: {"p": {key: p[key], other: np.ones(2)}}, example)
    assert [each.verdict for each in report.gradients.values()] == ["wrong", "ok"]
    assert report.codes == ("G204",)


def test_a_number_as_a_key_that_fits_nothing_is_a_note():
    report = cr.check(
        lambda p: np.sum(p[0] ** 2), lambda p: {"p": [2 * p[0]], 7: p[0]}, {"p": [np.ones(3)]}
    )
    assert report.verdict == "ok"
    assert "gradient returned '7', which is no argument" in report.notes[0]


def test_arguments_that_are_no_numbers_are_handed_on():
    def of_kind(w, kind, names, extra):
        assert (kind, extra) == ("square", None)
        return np.sum(w**2) * len(names)

    example = {"w": np.arange(4.0), "kind": "square", "names": np.array(["a", "b", "c"]),
               "extra": None}  # fmt: skip
    right = cr.check(of_kind, lambda w, kind, names, extra: {"w": 2 * w * len(names)}, example)
    assert right.verdict == "ok", str(right)
    wrong = cr.check(of_kind, lambda w, kind, names, extra: {"w": -2 * w * len(names)}, example)
    assert wrong.codes == ("G205",)


# --- results -------------------------------------------------------------------------------------


def test_a_result_without_any_gradient_says_what_to_return():
    report = cr.check(
        lambda X, y: np.sum(X) + np.sum(y), lambda X, y: {}, {"X": np.ones(3), "y": np.ones(2)}
    )
    assert report.verdict == "error"
    assert "return a dict with the parameters' names as keys" in report.message
    empty = cr.check(loss, lambda X, y, W: {}, SMALL)
    assert empty.codes == ("G107",)
    assert empty.causes[0].evidence == 'the result is an empty dict; it has no key "W".'


def test_a_parameter_that_the_example_lacks_is_an_error():
    report = cr.check(loss, gradient, SMALL, parameters=("V",))
    assert report.verdict == "error"
    assert report.message == "the example has no 'V' to check the gradient of."


def test_gradients_cut_off_at_the_point_are_named_with_their_line():
    def cut(w, x):
        d = np.zeros(3, dtype=int)
        for i in range(3):
            d[i] = (np.exp(w) * x)[i]
        return {"w": 1.0 * d}

    def truncated(w, x):
        return {"w": np.trunc(np.exp(w) * x)}

    example = {"w": np.array([0.3, 1.0, 2.0]), "x": np.array([0.7, -1.5, 2.5])}
    for function, said in (
        (cut, "makes an array of integers"),
        (truncated, "cut off at the point"),
    ):
        report = cr.check(lambda w, x: np.sum(np.exp(w) * x), function, example)
        assert report.codes == ("G102",)
        assert any(said in cause.evidence for cause in report.causes)
    assert report.first_wrong is not None


def test_a_second_mistake_beside_integers_is_found_too():
    def both(w, v, x):
        d = np.zeros(len(w), dtype=int)
        for i in range(len(w)):
            d[i] = (np.exp(w) * x)[i]
        return {"w": 1.0 * d, "v": 2 * np.sum(x) + 0 * v}

    report = cr.check(
        lambda w, v, x: np.sum(np.exp(w) * x) + np.sum(v) * np.sum(x), both,
        {"w": np.ones(3), "v": np.ones(2), "x": np.arange(3.0)},
    )  # fmt: skip
    assert [cause.code for cause in report.gradients["v"].causes] == ["G204"]
    assert {cause.code for cause in report.gradients["w"].causes} == {"G102"}


def test_gradients_that_change_their_shape_between_calls_are_not_repeatable():
    calls = []

    def growing(w):
        calls.append(0)
        return {"w": np.ones(3 if len(calls) == 1 else len(calls))}

    report = cr.check(lambda w: np.sum(w), growing, {"w": np.zeros(3)})
    assert report.codes == ("G105",)


# --- probes that cannot be made ------------------------------------------------------------------


def test_functions_of_one_size_only_say_what_stays_unseen():
    def of_six(X, y, W):
        if len(X) != 6:
            raise ValueError("six rows, please")
        return loss(X, y, W)

    report = cr.check(of_six, gradient, SMALL)
    assert report.verdict == "ok"
    assert any("other sizes than the example's for n = 6" in each for each in report.blind_spots)


def test_functions_of_one_example_only_say_that_no_probe_was_made():
    def of_these(X, y, W):
        if not np.array_equal(X, SMALL["X"]):
            raise ValueError("only this example")
        return loss(X, y, W)

    report = cr.check(of_these, undivided, SMALL)
    assert report.codes == ("G000",)
    said = "the functions cannot be called with other numbers than the example's"
    assert report.causes[0].evidence == said
    assert report.blind_spots == (f"{said}, so no probe could be made.",)


def test_a_size_that_is_written_into_the_gradient_is_named_or_suspected():
    column = {name: each[:, 0] if name != "X" else each for name, each in SMALL.items()}
    named = cr.check(loss, lambda X, y, W: {"W": 2 * X.T @ (X @ W - y) / 6}, column)
    assert named.codes == ("G206",)
    assert "the example hides the mistake" in named.notes[0]

    def suspected(X, y, W):
        return {"W": 2 * X.T @ (X @ W - y) / y.size + (len(y) != 6) * np.arange(2.0) ** 2}

    report = cr.check(loss, suspected, SMALL)
    assert report.verdict == "ok"
    assert report.notes == (
        "the gradient is right for sizes as in the example and wrong for others: is a size of the "
        "example written into it?",
    )

    space = {"home": SMALL["X"].tobytes()}
    exec(  # without a source, in which a change would be found
        "def of_numbers(X, y, W):\n"
        "    extra = 0 * W if X.tobytes() == home else W**2\n"
        "    return {'W': 2 * X.T @ (X @ W - y) / y.size + extra}\n",
        space,
    )
    report = cr.check(loss, space["of_numbers"], SMALL)
    assert report.verdict == "inconclusive"
    assert "is something of the example written into it?" in report.notes[0]


@pytest.mark.parametrize(
    ("loss_", "gradient_"),
    [
        (lambda w: np.sum(np.sqrt(w - 5)), lambda w: {"w": 0.25 / np.sqrt(w - 5)}),
        (lambda w: np.sum(w**2) / 2, lambda w: {"w": 2 * w + 0 * np.sqrt(w - 5)}),
    ],
)
def test_probes_at_which_nothing_is_a_number_are_given_up(loss_, gradient_):
    report = cr.check(loss_, gradient_, {"w": np.array([10.0, 12.0, 13.0])})
    assert report.verdict == "wrong"
    assert report.codes == ("G000",)
    assert "no probe could be made" in report.blind_spots[0]


def test_a_difference_at_the_example_alone_is_not_explained_away():
    def changed(w):
        return {"w": 2 * w + 1e-5 * (w == [0.3, -0.5, 0.8])}

    report = cr.check(lambda w: np.sum(w**2), changed, {"w": np.array([0.3, -0.5, 0.8])})
    assert report.verdict == "inconclusive"
    assert "differs at the example and is right beside it" in report.notes[0]


@pytest.mark.parametrize(("size", "verdict"), [(1e-5, "inconclusive"), (1e-2, "wrong")])
def test_a_difference_around_the_example_that_probes_do_not_show_is_told(size, verdict):
    here = np.array([0.3, -0.5, 0.8])

    def local(w):
        near = len(w) == 3 and np.allclose(w, here, atol=0.05)
        return {"w": 2 * w + size * np.sign(w) * near}

    report = cr.check(lambda w: np.sum(w**2), local, {"w": here})
    assert report.verdict == verdict
    assert report.notes[0].endswith("and by nothing on probes with other numbers.")


def test_a_kink_in_thousands_of_entries_is_judged_beside_it():
    w = np.concatenate([np.zeros(1), RNG.normal(size=10_500)])
    report = cr.check(
        lambda w: np.sum(np.abs(w)), lambda w: {"w": np.where(w == 0, 0.5, np.sign(w))}, {"w": w}
    )
    assert report.verdict == "inconclusive"
    assert "stands on a kink" in report.notes[0]


def test_all_pairs_that_the_gradient_accounts_for_are_a_note():
    example = {"X": SMALL["X"], "y": SMALL["y"][:, 0], "W": SMALL["W"][:, :1]}

    def of_pairs(X, y, W):
        return {"W": 2 * X.T @ np.sum(X @ W - y, axis=1, keepdims=True) / len(y) ** 2}

    report = cr.check(loss, of_pairs, example)
    assert report.verdict == "ok", str(report)
    assert "array of all pairs; reshape one of them" in report.notes[0]


def test_all_pairs_that_cannot_be_made_straight_are_a_note():
    def of_products(X, y, w):
        ones = np.ones(len(y))
        return np.dot(np.dot(ones, (X @ w - y) ** 2), ones) / len(y) ** 2

    example = {"X": SMALL["X"], "y": SMALL["y"][:, :1], "w": SMALL["W"][:, 0]}
    report = cr.check(
        of_products, lambda X, y, w: {"w": 2 * X.T @ (X @ w - y[:, 0]) / len(y)}, example
    )
    assert report.codes == ("G604",)
    assert "array of all pairs; reshape one of them" in report.notes[0]


# --- a check that is stopped ---------------------------------------------------------------------


def test_a_check_that_is_stopped_says_what_it_had_found(monkeypatch):
    why = "The check took longer than its limit."
    started = Check(loss, undivided, SMALL)
    nothing = started.so_far(why)
    assert (nothing.verdict, nothing.message) == ("error", why)

    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("chainrule.checking.check.diagnose", stop)
    with pytest.raises(KeyboardInterrupt):
        started.run()
    judged = started.so_far(why)
    assert judged.verdict == "wrong"
    assert judged.message == f"{why} This is what was found until then."
    assert judged.causes[0].evidence == "the check was stopped before a cause was found"

    monkeypatch.setattr("chainrule.checking.check.reference_at", stop)
    early = Check(loss, lambda X, y, W: {"W": None}, SMALL)
    with pytest.raises(KeyboardInterrupt):
        early.run()
    assert early.so_far(why).codes == ("G107",)
    assert Check(loss, gradient, SMALL).so_far(why).verdict == "error"


def test_a_search_that_takes_too_long_says_so(monkeypatch):
    monkeypatch.setattr(fitting, "_SECONDS", -1.0)
    monkeypatch.setattr(diagnosis, "_SECONDS", -1.0)
    monkeypatch.setattr(diagnosis, "_SECONDS_FOR_REPAIRS", -1.0)
    report = cr.check(loss, undivided, SMALL)
    assert report.codes == ("G000",)
    assert report.causes[0].evidence == (
        "the search for the cause took too long; check a smaller example"
    )


NAMED_BY_THE_USER = """import numpy as np

def loss({name}, w):
    return np.mean(({name} @ w - 1.0) ** 2)

def gradient({name}, w):
    r = {name} @ w - 1.0
    return {{"w": 2 * r @ {name}{divided}}}

def example():
    return {{"{name}": np.random.default_rng(0).normal(size=(5, 3)), "w": np.ones(3)}}
"""
NAMES = (
    "f", "self", "graph", "args", "kwargs", "function", "name", "loss", "gradient", "example",
    "subject", "key", "vals", "vec", "unit", "basis", "width", "out", "axis",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("divided", "codes"), [(" / len(r)", ()), ("", ("G201",))])
def test_arguments_may_have_any_name(name, divided, codes):
    """Names that functions of ours have too, and data whose names begin as parameters' do."""
    space: dict[str, Any] = {}
    exec(NAMED_BY_THE_USER.format(name=name, divided=divided), space)
    report = cr.check(space["loss"], space["gradient"], space["example"])
    assert report.codes == codes


@pytest.mark.parametrize(
    ("divided", "verdict", "code"), [("", "wrong", "G000"), (" / len(r)", "ok", "")]
)
def test_a_fault_of_our_own_in_the_search_leaves_the_verdict(divided, verdict, code, monkeypatch):
    def broken(*arguments: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(diagnosis, "OWN_FAULTS_ARE_RAISED", False)
    monkeypatch.setattr(diagnosis, "draw_trials", broken)
    space: dict[str, Any] = {}
    exec(NAMED_BY_THE_USER.format(name="X", divided=divided), space)
    report = cr.check(space["loss"], space["gradient"], space["example"])
    assert report.verdict == verdict
    assert report.codes == ((code,) if code else ())
    assert any("ZeroDivisionError in test_subjects.py, line" in note for note in report.notes)
    if code:
        (cause,) = report.gradients["w"].causes
        assert "fault of chainrule's own, ZeroDivisionError" in cause.evidence
