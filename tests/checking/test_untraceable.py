"""Losses that the engine cannot trace, and losses written in PyTorch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.checking.reference import reference_at
from chainrule.checking.subject import Subject


def untraceable(X: Any, y: Any, w: Any, b: Any) -> float:
    r = X @ w + b - y
    return math.fsum(float(v) ** 2 for v in r) / len(y)


def gradient(X: Any, y: Any, w: Any, b: Any) -> dict[str, Any]:
    r = X @ w + b - y
    return {"w": 2 * X.T @ r / len(y), "b": 2 * r.mean()}


def example() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {
        "X": rng.normal(size=(9, 4)),
        "y": rng.normal(size=9),
        "w": rng.normal(size=4),
        "b": 0.1,
    }


def test_differences_alone_judge_a_loss_that_cannot_be_traced() -> None:
    report = cr.check(untraceable, gradient, example)
    assert report.verdict == "ok"
    assert report.trusted.startswith("central differences alone, because the loss cannot be traced")


@pytest.mark.parametrize(("factor", "code"), [(-1, "G205"), (2, "G204"), (0.01, "G206")])
def test_factors_are_named_without_a_trace(factor: float, code: str) -> None:
    def scaled(**arrays: Any) -> dict[str, Any]:
        return {name: factor * g for name, g in gradient(**arrays).items()}

    assert cr.check(untraceable, scaled, example).codes == (code,)


def test_a_missing_mean_is_named_without_a_trace() -> None:
    def summed(**arrays: Any) -> dict[str, Any]:
        return {name: len(arrays["y"]) * g for name, g in gradient(**arrays).items()}

    assert cr.check(untraceable, summed, example).codes == ("G201",)


def test_the_complex_step_is_exact_where_it_applies() -> None:
    def smooth(w: Any) -> Any:
        values = np.asarray(w)
        return (
            np.sum(np.exp(values) * np.sin(values))
            if values.dtype.kind == "c"
            else float(np.sum(np.exp(values) * np.sin(values)).__array__())
        )

    point = {"w": np.array([0.3, -1.0, 2.0])}
    subject = Subject(smooth, lambda w: {"w": w}, point)
    found = reference_at(subject, point, ["w"])
    w = point["w"]
    assert found.method == "complex step"
    assert np.allclose(found.gradients["w"], np.exp(w) * (np.sin(w) + np.cos(w)), rtol=1e-14)


def test_pytorch_functions_are_checked_against_autograd() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")

    def torch_loss(X: Any, y: Any, w: Any) -> Any:
        return torch.mean((torch.tanh(X @ w) - y) ** 2)

    def right(X: Any, y: Any, w: Any) -> dict[str, Any]:
        a = torch.tanh(X @ w)
        return {"w": 2 * X.T @ ((a - y) * (1 - a**2)) / len(y)}

    def wrong(X: Any, y: Any, w: Any) -> dict[str, Any]:
        return {"w": len(y) * right(X, y, w)["w"]}

    given = {"X": torch.randn(6, 3), "y": torch.randn(6), "w": torch.randn(3)}
    report = cr.check(torch_loss, right, given)
    assert report.verdict == "ok", str(report)
    assert report.trusted.startswith("PyTorch's automatic differentiation")
    assert cr.check(torch_loss, wrong, given).codes == ("G201",)

    def detached(X: Any, y: Any, w: Any) -> Any:
        return torch_loss(X, y, w.detach())

    report = cr.check(detached, right, given)
    assert report.verdict == "error"
    assert "loss does not depend on w as PyTorch sees it; leave out .detach()" in report.message


def test_a_loss_that_returns_float_is_traced_all_the_same() -> None:
    def plain(X: Any, y: Any, w: Any, b: Any) -> float:
        return float(np.mean((X @ w + b - y) ** 2))

    report = cr.check(plain, gradient, example)
    assert report.verdict == "ok"
    assert report.trusted.startswith("chainrule's own differentiation")
    assert "float" not in globals()


def filled(x: Any, w: Any) -> Any:
    out = np.zeros((len(x), 2))
    for i in range(len(x)):
        for j in range(2):
            out[i, j] = np.array([x[i, 0] * w[j], math.exp(w[j])]).sum()
    return float((out**2).sum())


def test_a_loss_that_fills_a_buffer_with_lists_and_math_is_traced_all_the_same() -> None:
    def wrong(x: Any, w: Any) -> dict[str, Any]:
        out = x[:, :1] * w + np.exp(w)
        return {"w": -(2 * out * (x[:, :1] + np.exp(w))).sum(axis=0)}

    point = {"x": np.arange(8.0).reshape(4, 2) / 8, "w": np.array([0.3, -0.5])}
    report = cr.check(filled, wrong, point)
    assert report.trusted.startswith("chainrule's own differentiation of loss")
    assert report.codes == ("G205",)
    assert math.exp is filled.__globals__["math"].exp
