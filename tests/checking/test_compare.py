"""`cr.compare` says how one value stands to the true one."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.checking.compare import Comparison
from chainrule.programs.names import trace_named


def loss(X, y, W1, W2):
    z1 = X @ W1
    h = np.tanh(z1)
    out = h @ W2
    return np.mean((out - y) ** 2)


R = np.random.default_rng(2)
EXAMPLE = {
    "X": R.normal(size=(5, 3)), "y": R.normal(size=(5, 2)), "W1": R.normal(size=(3, 4)),
    "W2": R.normal(size=(4, 2)),
}  # fmt: skip
X, Y, W1, W2 = EXAMPLE.values()
H = np.tanh(X @ W1)
OUT_BAR = 2 * (H @ W2 - Y) / 10
H_BAR = OUT_BAR @ W2.T
Z_BAR = H_BAR * (1 - H**2)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("dz1", Z_BAR, "dz1: right, it equals the cotangent of z1."),
        ("grad_z1", Z_BAR, "grad_z1: right, it equals the cotangent of z1."),
        ("dL_dW1", X.T @ Z_BAR, "dL_dW1: right, it equals the gradient of W1."),
        ("z1", X @ W1, "z1: right, it equals z1."),
        ("dout", 10 * OUT_BAR, "dout: equals 10 × the cotangent of out."),
        ("dout", -OUT_BAR, "dout: equals -1 × the cotangent of out."),
        ("dW2", (H.T @ OUT_BAR).T, "dW2: equals the gradient of W2, transposed."),
        (
            "dz1",
            H_BAR,
            "dz1: wrong, 0.95 relative error to the cotangent of z1 (largest at [1, 2]). It equals "
            "the cotangent of h.",
        ),
        (
            "dW2",
            X.T @ Z_BAR,
            "dW2: wrong, its shape is (3, 4) and that of the gradient of W2 is (4, 2). It equals "
            "the gradient of W1.",
        ),
        (
            "dz9",
            Z_BAR,
            "dz9: no value of the loss has this name; did you mean dz1. It equals the cotangent "
            "of z1.",
        ),
        (
            "dz1",
            Z_BAR[None],
            "dz1: the numbers of the cotangent of z1, in shape (1, 5, 4) instead of (5, 4).",
        ),
        ("q", np.ones(3), "q: no value of the loss has this name. It equals no true value."),
    ],
)
def test_a_comparison_in_words(name, value, message, capsys):
    with cr.comparing(loss, EXAMPLE):
        found = cr.compare(name, value)
    assert found.message == message
    assert capsys.readouterr().out == found.message + "\n"
    assert bool(found) == ("right" in message)


def test_a_comparison_as_data():
    with cr.comparing(loss, EXAMPLE, show=False) as comparison:
        found = comparison.compare("dout", 10 * OUT_BAR)
        wrong = cr.compare("dz1", Z_BAR + 0.5 * np.abs(Z_BAR).max() * (Z_BAR.max() == Z_BAR))
    assert found.scale == pytest.approx(10, rel=1e-12)
    assert not found.equal
    assert found.meaning == "the cotangent of out"
    assert wrong.scale is None
    assert 0 < wrong.relative_error < 1
    assert {"z1", "h", "out", "W1"} <= set(comparison.names)


def test_inside_a_gradient_function_the_calls_find_the_loss():
    def gradient(X, y, W1, W2):
        h = np.tanh(X @ W1)
        dout = 2 * (h @ W2 - y) / y.size
        assert cr.compare("dout", dout)
        return {"W2": h.T @ dout}

    with cr.comparing(loss, EXAMPLE, show=False):
        gradient(**EXAMPLE)
    with pytest.raises(cr.InvalidInput, match="call it inside"):
        gradient(**EXAMPLE)


def test_what_is_no_array_is_refused():
    with (
        cr.comparing(loss, EXAMPLE),
        pytest.raises(cr.InvalidInput, match=r"compare\('dz1', …\) got a list of"),
    ):
        cr.compare("dz1", [1.0])


def test_what_has_no_derivative_is_said_to_have_none():
    def cross_entropy(X, labels, W):
        z = X @ W
        shifted = z - z.max(axis=1, keepdims=True)
        logp = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return -np.mean(logp[np.arange(len(labels)), labels])

    example = {"X": X, "labels": np.array([0, 1, 2, 1, 0]), "W": W1}
    with cr.comparing(cross_entropy, example, show=False):
        said = cr.compare("dlabels", np.ones(5)).message
        assert cr.compare("labels", example["labels"])
    assert said.startswith("dlabels: the loss has no derivative by labels. ")


def test_a_graph_may_bring_its_backward_pass():
    graph = trace_named(loss, **EXAMPLE)
    for given in (graph, graph.backward()):
        assert Comparison(given, show=False).compare("dz1", Z_BAR).equal


def test_what_is_not_finite_or_no_number_is_said():
    with cr.comparing(loss, lambda: {**EXAMPLE, "unused": 3}, show=False):
        found = cr.compare("dW1", np.where(W1 > 0, np.nan, W1))
        assert str(found) == (
            f"dW1: wrong, {np.sum(W1 > 0)} of its {W1.size} entries are NaN or infinite."
        )
        with pytest.raises(cr.InvalidInput, match=r"takes a name and a value, got an array of"):
            cr.compare(H, "h")
        with pytest.raises(cr.InvalidInput, match=r"and dtype complex128; give an array of real"):
            cr.compare("h", 1j * H)


@pytest.mark.parametrize(
    ("function", "example", "said"),
    [
        (loss, {}, "the example gives no X, y, W1, W2 for loss"),
        (3, EXAMPLE, "loss is an int, not a function"),
        (loss, [X, Y], "the example is a list of 2; it must be a dict"),
    ],
)
def test_a_loss_that_cannot_be_called_is_a_sentence(function, example, said):
    with pytest.raises(cr.ChainruleError, match=said), cr.comparing(function, example):
        pass
