"""What is checked before any mathematics: each wrong kind of result has its code or sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.checking.two_layers import edited, example, gradient, loss

import chainrule as cr

LAST = '{"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}'


def returning(text: str) -> Callable[..., Any]:
    return edited((LAST, text))


# (the result, the code, the parameters it concerns, a part of the evidence)
RESULTS = [
    ('{"W1": dW1, "b1": dz1, "W2": dW2, "b2": db2}', "G101", "b1", "sum over the batch"),
    ('{"W1": dW1.T, "b1": db1, "W2": dW2, "b2": db2}', "G101", "W1", "transposed"),
    ('{"W1": dW1, "b1": db1[:, None], "W2": dW2, "b2": db2}', "G101", "b1", "reshape"),
    ('{"W1": dW1.astype(int), "b1": db1, "W2": dW2, "b2": db2}', "G102", "W1", "int64"),
    ('{"W1": dW1, "b1": db1 / 0, "W2": dW2, "b2": db2}', "G103", "b1", "NaN or infinite"),
    ('{"W1": dW1, "b1": None, "W2": dW2, "b2": db2}', "G107", "b1", "is None"),
    ('{"W1": dW1, "W2": dW2, "b2": db2}', "G107", "b1", "no key"),
    ('{"W1": dW1, "W2": dW2, "b2": db2, "bias": db1}', "G107", "b1", 'is "bias" meant to be "b1"?'),
    ('{"W1": dW1, "b1": 0 * db1, "W2": dW2, "b2": db2}', "G107", "b1", "zeros"),
    ('{"W1": "none", "b1": db1, "W2": dW2, "b2": db2}', "G102", "W1", "str"),
]


@pytest.mark.parametrize(("text", "code", "name", "said"), RESULTS)
def test_a_result_of_the_wrong_kind_has_its_code(
    text: str, code: str, name: str, said: str
) -> None:
    report = cr.check(loss, returning(text), example)
    assert report.verdict == "wrong"
    causes = report.gradients[name].causes
    assert [cause.code for cause in causes] == [code]
    assert said in causes[0].evidence
    for other, each in report.gradients.items():
        assert other == name or each.verdict == "ok"


# (the result, a part of the note)
HARMLESS = [
    ('{"W1": dW1.tolist(), "b1": db1, "W2": dW2, "b2": db2}', "is a list"),
    ('{"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}', ""),
    ('{"grad_W1": dW1, "b1_bar": db1, "W2_grad": dW2, "d_b2": db2}', ""),
    ('{"W1": dW1, "b1": db1, "W2": dW2, "b2": db2, "cost": 1.0}', "'cost'"),
    ('{k: np.float32(v) for k, v in {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}.items()}',
     "float32"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "note"), HARMLESS)
def test_harmless_oddities_are_notes(text: str, note: str) -> None:
    report = cr.check(loss, returning(text), example)
    assert report.verdict == "ok", str(report)
    assert len(report.gradients) == 4
    assert not note or any(note in each for each in report.notes)


def test_a_mistake_is_named_in_single_precision_too() -> None:
    text = '{k: np.float32(v) for k, v in {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}.items()}'
    wrong = edited((LAST, text), ("    dz2 /= n\n", ""))
    assert cr.check(loss, wrong, example).codes == ("G201",)


def test_inputs_that_change_are_found() -> None:
    report = cr.check(loss, edited(("da1 = dz2 @ W2.T", "W2 *= 1; W2 += 0.5; da1 = dz2 @ W2.T")),
                      example)  # fmt: skip
    assert report.verdict == "wrong"
    assert report.causes[0].code == "G104"
    assert "W2" in report.causes[0].evidence


def test_a_view_of_an_argument_is_a_note() -> None:
    report = cr.check(
        lambda w, x: np.sum(w * x), lambda w, x: {"w": x}, {"w": np.ones(3), "x": np.arange(3.0)}
    )
    assert report.verdict == "ok"
    assert "view of the argument x" in report.notes[0]


def test_a_loss_that_changes_its_arguments_is_noted() -> None:
    def changing(w: np.ndarray, x: np.ndarray) -> float:
        x *= 1.1
        return np.sum((x @ w) ** 2)

    def right(w: np.ndarray, x: np.ndarray) -> dict[str, np.ndarray]:
        return {"w": 2 * 1.21 * x.T @ (x @ w)}

    report = cr.check(changing, right, {"w": np.ones(3), "x": np.arange(12.0).reshape(4, 3)})
    assert report.verdict == "ok"
    assert "loss changes its argument x; let it work on a copy" in report.notes[0]


def test_noise_is_not_deterministic() -> None:
    noisy = returning('{"W1": dW1, "b1": db1 * np.random.random(), "W2": dW2, "b2": db2}')
    report = cr.check(loss, noisy, example)
    assert [cause.code for cause in report.gradients["b1"].causes] == ["G105"]
    assert report.gradients["W1"].verdict == "ok"


def test_what_adds_up_over_calls_is_stale() -> None:
    kept: dict[str, Any] = {}

    def accumulating(**arrays: Any) -> dict[str, Any]:
        for name, value in gradient(**arrays).items():
            kept[name] = kept.get(name, 0) + value
        return dict(kept)

    report = cr.check(loss, accumulating, example)
    assert report.verdict == "wrong"
    assert {cause.code for cause in report.causes} == {"G106"}
    assert "grows by as much with every call" in report.causes[0].evidence


def _summing_into(store: dict[str, Any]) -> Any:
    def gradient(X: Any, w: Any) -> dict[str, Any]:
        if not store:
            store["w"] = np.zeros_like(w)
        for x in X:
            store["w"] += 2 * x * (x @ w)
        store["w"] = store["w"] / len(X)  # so that it does not grow by as much each time
        return {"w": store["w"]}

    return gradient


def _by_default(X: Any, w: Any, store: dict[str, Any] = {}) -> dict[str, Any]:  # noqa: B006
    result: dict[str, Any] = _summing_into(store)(X, w)
    return result


_STORE = {"w": np.zeros(3)}


def _always_the_same(X: Any, w: Any) -> dict[str, Any]:
    _STORE["w"] += 2 * X.T @ (X @ w) / len(X)  # the array that is returned each time
    _STORE["w"] *= 0.5
    return _STORE


@pytest.mark.parametrize("gradient", [_summing_into({}), _by_default, _always_the_same])
def test_what_is_kept_between_calls_is_no_chance(gradient: Any) -> None:
    rng = np.random.default_rng(0)
    example = {"X": rng.normal(size=(5, 3)), "w": rng.normal(size=3)}
    report = cr.check(lambda X, w: np.mean((X @ w) ** 2), gradient, example)
    assert report.codes == ("G106",)
    assert "changes with every call" in report.causes[0].evidence


def test_another_order_of_summation_is_no_state_and_no_chance() -> None:
    calls: list[int] = []

    def in_some_order(w: Any) -> dict[str, Any]:
        calls.append(1)
        return {"w": 2 * w * (1 + 2e-16 * (len(calls) % 3))}

    report = cr.check(lambda w: np.sum(w**2), in_some_order, {"w": np.array([0.3, 0.7, 1.1])})
    assert report.verdict == "ok"
    assert any("differ in their last digits" in note for note in report.notes)

    def with_noise(w: Any) -> dict[str, Any]:
        calls.append(1)
        return {"w": 2 * w * (1 + 1e-9 * (len(calls) % 3))}

    report = cr.check(lambda w: np.sum(w**2), with_noise, {"w": np.array([0.3, 0.7, 1.1])})
    assert report.verdict == "wrong"
    assert {*report.codes} <= {"G105", "G106"}


def test_a_random_loss_is_inconclusive() -> None:
    report = cr.check(
        lambda w: np.sum(w * np.random.random(3)),  # noqa: NPY002  (as students write it)
        lambda w: {"w": w},
        {"w": np.ones(3)},
    )
    assert report.verdict == "inconclusive"
    assert "random" in report.message


# (loss, gradient, example, a part of the message)
UNUSABLE: list[tuple[Any, Any, Any, str]] = [
    (lambda w: w, lambda w: {"w": w}, {"w": np.ones(3)}, "must return one real number"),
    (lambda w: (w @ w, {"w": 2 * w}), lambda w: {"w": w}, {"w": np.ones(3)},
     "let a loss of its own return the first, and a gradient the second"),
    (lambda w: np.nan, lambda w: {"w": w}, {"w": np.ones(3)}, "finite"),
    (lambda w: "3", lambda w: {"w": w}, {"w": np.ones(3)}, "a str"),
    (lambda w, v: np.sum(w * v), lambda w, v: w, {"w": np.ones(3), "v": np.ones(3)},
     "an array of shape (3,)"),
    (lambda w: np.sum(w), lambda w: (w, w), {"w": np.ones(3)}, "a tuple"),
    (lambda w: np.sum(w), lambda w: None, {"w": np.ones(3)}, "returned None"),
    (lambda w: np.sum(w), lambda w: {"w": w}, [np.ones(3), 1], "is a list"),
    (lambda w: np.sum(w), lambda w: {"w": w}, {"v": np.ones(3)}, "gives no w"),
    (lambda w: np.sum(w), lambda w: {"w": w[9]}, {"w": np.ones(3)}, "IndexError"),
    (lambda w: 1 / 0, lambda w: {"w": w}, {"w": np.ones(3)}, "ZeroDivisionError"),
    (lambda w: np.sum(w), lambda w: exit(), {"w": np.ones(3)}, "exit"),
    (lambda w: np.sum(w), lambda w: {"w": w}, {"w": np.arange(3)}, "int64"),
    (lambda w: np.sum(w), 3, {"w": np.ones(3)}, "not a function"),
]  # fmt: skip


@pytest.mark.parametrize(("loss_", "gradient_", "example_", "said"), UNUSABLE)
def test_what_cannot_be_checked_says_why(
    loss_: Any, gradient_: Any, example_: Any, said: str
) -> None:
    report = cr.check(loss_, gradient_, example_)
    assert report.verdict == "error"
    assert said in report.message
    assert report.exit_status == 2


def test_parameters_that_must_have_a_gradient_can_be_named() -> None:
    report = cr.check(
        lambda w, q: np.sum(w * q), lambda w, q: {"w": 1 * q},
        {"w": np.ones(3), "q": np.arange(3.0)}, parameters=("w", "q"),
    )  # fmt: skip
    assert [cause.code for cause in report.gradients["q"].causes] == ["G107"]


def test_assert_gradient_fails_with_the_diagnosis() -> None:
    assert cr.assert_gradient(loss, gradient, example).ok
    with pytest.raises(AssertionError, match="G107 gradient missing"):
        cr.assert_gradient(loss, returning('{"W1": dW1, "W2": dW2, "b2": db2}'), example)


def test_another_subgradient_at_a_kink_is_ok() -> None:
    def absolute(w: Any) -> Any:
        return np.sum(np.abs(w))

    for slope in (-1.0, 0.3, 1.0):
        report = cr.check(
            absolute, lambda w, s=slope: {"w": np.where(w == 0, s, np.sign(w))},
            {"w": np.array([0.0, 1.0, -2.0])},
        )  # fmt: skip
        assert report.verdict == "ok"
    report = cr.check(absolute, lambda w: {"w": np.where(w == 0, 1.5, np.sign(w))},
                      {"w": np.array([0.0, 1.0, -2.0])})  # fmt: skip
    assert report.verdict == "inconclusive"
    assert "stands on a kink" in report.notes[0]


def test_a_gradient_of_zero_is_said_to_test_nothing() -> None:
    report = cr.check(
        lambda w: np.sum(np.maximum(w, 0)), lambda w: {"w": (w > 0) * 1.0}, {"w": -np.ones(3)}
    )
    assert report.verdict == "ok"  # the probes are alive
    assert "vacuous" in report.gradients["w"].note
    assert any("off at the example" in each for each in report.blind_spots)


def _standardised(X, W, b):  # type: ignore[no-untyped-def]
    z = X @ W + b
    c = z - z.mean(axis=0)
    return c, 1 / np.sqrt((c**2).mean(axis=0) + 1e-5)


@pytest.mark.parametrize(("sign", "codes"), [(1, ()), (-1, ("G205",))])
def test_what_rounding_leaves_of_a_gradient_that_cancels_is_neither_right_nor_wrong(
    sign: int, codes: tuple[str, ...]
) -> None:
    def loss(X, Y, W, b):  # type: ignore[no-untyped-def]
        c, s = _standardised(X, W, b)
        return np.sum((c * s - Y) ** 2)

    def gradient(X, Y, W, b):  # type: ignore[no-untyped-def]
        c, s = _standardised(X, W, b)
        g = sign * 2 * (c * s - Y)
        dz = s * (g - g.mean(axis=0) - c * s * (g * c * s).mean(axis=0))
        return {"W": X.T @ dz, "b": dz.sum(axis=0)}

    rng = np.random.default_rng(5)
    report = cr.check(
        loss, gradient,
        {"X": rng.normal(size=(8, 4)), "Y": rng.normal(size=(8, 3)),
         "W": rng.normal(size=(4, 3)), "b": rng.normal(size=3)},
    )  # fmt: skip
    assert report.codes == codes
    assert report.gradients["b"].verdict == "ok"
    assert "zero but for rounding" in report.gradients["b"].note
    assert not any("hides the mistake" in note for note in report.notes)
    assert float(report.trusted.rpartition("within ")[2].rstrip(")")) < 1e-6


@pytest.mark.parametrize("factor", [1.0, 5.0])
def test_zeros_everywhere_are_no_agreement(factor: float) -> None:
    def loss(X: Any, w: Any) -> Any:
        return np.sum(np.maximum(X @ w - 1000.0, 0))

    def gradient(X: Any, w: Any) -> Any:
        return {"w": factor * X.T @ (X @ w > 1000.0)}

    report = cr.check(loss, gradient, {"X": np.ones((4, 3)) * [1, 2, 3], "w": np.arange(3.0)})
    assert report.verdict == "inconclusive"
    assert report.exit_status == 3
    assert "nothing was tested" in report.message
    assert "Choose an example" in report.message


def test_a_mistake_that_the_example_hides_is_found() -> None:
    hidden = {**example(), "lam": 0.0}
    report = cr.check(loss, edited((" + lam * W2", "")), hidden)
    assert report.verdict == "wrong"
    assert report.codes == ("G301",)
    assert any("lam is 0" in each for each in report.blind_spots)


def test_a_batch_of_one_does_not_hide_a_missing_mean() -> None:
    report = cr.check(loss, edited(("    dz2 /= n\n", "")), example(n=1))
    assert report.codes == ("G201",)


def test_a_key_that_is_no_argument_is_a_note_and_the_parameter_is_missing() -> None:
    report = cr.check(lambda w: np.sum(w), lambda w: {"v": w}, {"w": np.ones(3)})
    assert report.codes == ("G107",)
    assert "'v', which is no argument" in report.notes[0]


def regression(X: Any, y: Any, w: Any) -> Any:
    return np.mean((X @ w - y) ** 2)


def test_a_loss_that_broadcasts_to_all_pairs_is_found() -> None:
    rng = np.random.default_rng(0)
    arguments = {"X": rng.normal(size=(6, 3)), "y": rng.normal(size=6), "w": np.ones((3, 1))}
    report = cr.check(
        regression, lambda X, y, w: {"w": 2 * X.T @ (X @ w - y[:, None]) / len(y)}, arguments
    )
    assert report.codes == ("G604",)
    assert "(n, n) array of all pairs" in report.causes[0].evidence


def test_an_example_of_lists_is_read_as_arrays() -> None:
    given = {name: np.asarray(value).tolist() for name, value in example().items()}
    assert cr.check(loss, gradient, given).verdict == "ok"
    assert cr.check(loss, edited(("    dz2 /= n\n", "")), given).codes == ("G201",)


def test_parameters_in_containers_have_the_names_of_their_keys() -> None:
    flat = example()
    names = ("W1", "b1", "W2", "b2")
    nested = {
        "X": flat["X"],
        "y": flat["y"],
        "model": {"layers": [(flat["W1"], flat["b1"]), (flat["W2"], flat["b2"])]},
    }

    def unpacked(model: Any) -> dict[str, Any]:
        (W1, b1), (W2, b2) = model["layers"]
        return {"W1": W1, "b1": b1, "W2": W2, "b2": b2, "lam": 0.1}

    def nested_loss(X: Any, y: Any, model: Any) -> Any:
        return loss(X, y, **unpacked(model))

    def nested_gradient(X: Any, y: Any, model: Any) -> Any:
        g = edited((" + lam * W2", ""))(X, y, **unpacked(model))
        return {"layers": [tuple(g[k] for k in names[:2]), tuple(g[k] for k in names[2:])]}

    report = cr.check(nested_loss, nested_gradient, nested)
    assert list(report.gradients) == [f"layers[{i}][{j}]" for i in (0, 1) for j in (0, 1)]
    assert [c.code for c in report.gradients["layers[1][0]"].causes] == ["G301"]


def test_weights_of_samples_are_data() -> None:
    rng = np.random.default_rng(0)
    given = {
        "X": rng.normal(size=(4, 4)),
        "y": rng.normal(size=4),
        "w": rng.random(4),
        "theta": rng.normal(size=4),
    }
    report = cr.check(
        lambda X, y, w, theta: np.sum(w * (X @ theta - y) ** 2),
        lambda X, y, w, theta: {"theta": 2 * X.T @ (w * (X @ theta - y))},
        given,
    )
    assert report.verdict == "ok", str(report)


def test_what_is_silently_taken_as_data_is_said():
    example = {name: np.ones((3, 2)) for name in ("R", "P", "Q")}

    def loss(R, P, Q):
        return np.sum((P - Q * R) ** 2)

    def gradient(R, P, Q):
        return {"P": 2 * (P - Q * R)}

    assert "R, Q have no gradient in the result; they are taken as data." in (
        cr.check(loss, gradient, {**example, "P": np.zeros((3, 2))}).notes
    )


@pytest.mark.parametrize(("rows", "said"), [(1, True), (2, False)])
def test_one_row_of_labels_beside_columns_of_samples_is_no_batch_of_one(
    rows: int, said: bool
) -> None:
    rng = np.random.default_rng(0)
    example = {"X": rng.normal(size=(rows, 7)), "y": rng.normal(size=(1, 7))}
    report = cr.check(
        lambda X, y, w: np.mean((w @ X - y) ** 2),
        lambda X, y, w: {"w": 2 * (w @ X - y) @ X.T / y.size},
        {**example, "w": rng.normal(size=(1, rows))},
    )
    assert report.verdict == "ok"
    assert any("batch of the example is one row" in each for each in report.blind_spots) is said
