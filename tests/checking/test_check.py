"""cr.check on a two-layer classifier: verdicts per gradient, and the code of every single edit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from tests.checking.two_layers import edited, example, gradient, loss

import chainrule as cr
from chainrule.checking.report import Report

NO_SCALE = ("    dz2 /= n\n", "")

# (the code, the edits, the parameters that become wrong)
MISTAKES: list[tuple[str, tuple[tuple[str, str], ...], str]] = [
    ("G201", (NO_SCALE,), "W1 b1 W2 b2"),
    ("G202", (("dz2 /= n", "dz2 /= n * n"),), "W1 b1 W2 b2"),
    ("G203", (("dz2 /= n", "dz2 /= n * p.shape[1]"),), "W1 b1 W2 b2"),
    ("G203", (("dz2 /= n", "dz2 /= n - 1"),), "W1 b1 W2 b2"),
    ("G204", (("dz2 /= n", "dz2 *= 2 / n"),), "W1 b1 W2 b2"),
    ("G205", (("dz2 /= n", "dz2 /= -n"),), "W1 b1 W2 b2"),
    ("G205", (('"W1": dW1', '"W1": -dW1'),), "W1"),
    ("G301", ((" + lam * W2", ""),), "W2"),
    ("G301", ((" + lam * W1", ""), (" + lam * W2", "")), "W1 W2"),
    ("G302", ((" + lam * W1", " + 2 * lam * W1"),), "W1"),
    ("G302", ((" + lam * W1", " + lam * W1 / n"),), "W1"),
    ("G303", ((" + lam * W2", " - lam * W2"),), "W2"),
    ("G401", (("da1 * (1 - a1**2)", "da1"),), "W1 b1"),
    ("G402", (("(1 - a1**2)", "(1 - np.tanh(a1)**2)"),), "W1 b1"),
    ("G403", (("(1 - a1**2)", "(1 - z1**2)"),), "W1 b1"),
    ("G403", (("(1 - a1**2)", "(1 - a1)"),), "W1 b1"),
    ("G405", (("da1 * (1 - a1**2)", "1 - a1**2"),), "W1 b1"),
    ("G601 G202", (("db2 = dz2.sum(axis=0)", "db2 = dz2.mean(axis=0)"),), "b2"),
]


@pytest.mark.parametrize(("code", "edits", "wrong"), MISTAKES)
def test_a_single_mistake_gets_its_code(
    code: str, edits: tuple[tuple[str, str], ...], wrong: str
) -> None:
    report = cr.check(loss, edited(*edits), example)
    assert report.verdict == "wrong"
    assert " ".join(report.codes) == code
    found = {name for name, each in report.gradients.items() if each.verdict == "wrong"}
    assert found == set(wrong.split())
    assert all(report.gradients[name].causes for name in found)


def test_a_right_gradient_is_ok() -> None:
    report = cr.check(loss, gradient, example)
    assert report.verdict == "ok"
    assert list(report.gradients) == ["W1", "b1", "W2", "b2"]
    assert all(each.relative_error < 1e-12 for each in report.gradients.values())
    assert report.codes == ()


def test_sizes_that_happen_to_be_equal_do_not_hide_what_a_factor_is() -> None:
    report = cr.check(loss, edited(NO_SCALE), example(3, 3, 3, 3))
    assert report.codes == ("G201",)


def test_two_independent_mistakes_are_two_findings() -> None:
    edits = (NO_SCALE, ("da1 * (1 - a1**2)", "da1"))
    report = cr.check(loss, edited(*edits), example)
    assert set(report.codes) == {"G201", "G401"}
    assert [cause.code for cause in report.gradients["W2"].causes] == ["G201"]


def test_a_random_gradient_is_not_named() -> None:
    rng = np.random.default_rng(1)

    def noise(**arrays: Any) -> dict[str, Any]:
        made = np.random.default_rng(arrays["X"].shape[0])
        return {k: made.normal(size=arrays[k].shape) for k in ("W1", "b1", "W2", "b2")}

    report = cr.check(loss, noise, example)
    assert report.verdict == "wrong"
    assert report.codes == ("G000",)
    del rng


def test_json_has_the_agreed_form() -> None:
    found: dict[str, Any] = cr.check(loss, edited(NO_SCALE), example).to_json()
    assert found["verdict"] == "wrong"
    assert found["first_wrong_line"] is None or isinstance(found["first_wrong_line"], int)
    one = found["gradients"]["W1"]
    assert set(one) == {"verdict", "relative_error", "inherited", "causes"}
    assert set(one["causes"][0]) == {"code", "name", "evidence"}
    assert one["causes"][0]["name"] == "missing 1/n"


def test_report_is_complete_as_text_markdown_and_html() -> None:
    report: Report = cr.check(loss, edited(NO_SCALE), example)
    for text in (str(report), report.markdown(), report.html()):
        assert "G201" in text
        assert "batch size" in " ".join(text.split())
    assert "W1, claimed and true" in report.html()
    assert "data:image/svg+xml" in report.html()
    assert len(report.html()) < 200_000
    assert "<script" not in report.html()
    assert "<style" not in report.html()


@pytest.mark.parametrize("traced", [True, False])
@pytest.mark.parametrize(("factor", "code"), [(1, "G204"), (3, "G206"), (-2, "G205")])
def test_a_loss_of_parameters_alone_is_no_penalty(factor: float, code: str, traced: bool) -> None:
    def loss(w):
        return np.sum(w**2) if traced else float(sum(number**2 for number in w.tolist()))

    report = cr.check(loss, lambda w: {"w": factor * w}, {"w": np.array([1.0, 2.0, -3.0])})
    assert report.codes == (code,)


def test_threads_that_check_functions_they_share_take_turns() -> None:
    def wrong(**arrays):
        return {name: 2 * found for name, found in gradient(**arrays).items()}

    def checked(_):
        return cr.check(loss, wrong, example)

    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(checked, range(8)))
    assert {report.codes for report in reports} == {("G204",)}
