"""A report says the same as text, Markdown and HTML, and says nothing where there is nothing."""

from __future__ import annotations

import dataclasses
import html

import numpy as np
import pytest

import chainrule as cr
from chainrule.checking.hygiene import cause
from chainrule.checking.report import GradientVerdict, Report, WrongLine
from chainrule.checking.report_text import report_text

CAUSE = cause("G201", "the gradient of W is exactly n × the true one.", True)
LINE = WrongLine(12, "    dz = p - y", "the cotangent of z", (14, 15))
FULL = Report(
    "wrong",
    {
        "W": GradientVerdict("W", "wrong", 0.8, causes=(CAUSE,)),
        "b": GradientVerdict("b", "wrong", 0.8, inherited=True, causes=(CAUSE,)),
        "c": GradientVerdict("c", "ok", 0.0, note="vacuous: nothing was tested"),
    },
    first_wrong=LINE,
    message="The check was stopped.",
    notes=("a note",),
    blind_spots=("lam is 0",),
    shortcuts=("p - y",),
    trusted="chainrule's own differentiation of loss",
    subject="hw.py",
)


def forms(report):
    return {
        "text": " ".join(str(report).split()),
        "markdown": " ".join(report.markdown().split()),
        "html": report.html(),
    }


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
@pytest.mark.parametrize(
    "said",
    [
        "The check was stopped.",
        "G201",
        "the gradient of W is exactly n × the true one. With this undone, your example passes.",
        "(inherited)",
        "dz = p - y",
        "the cotangent of z",
        "a note",
        "lam is 0",
        "wrong",
        "a gradient differs from the derivative of the loss",
        "ater lines only inherit it: 14, 15",
        "chainrule's own differentiation of loss",
        "hw.py",
    ],
)
def test_what_was_found_is_in_every_form(form, said):
    assert said in html.unescape(forms(FULL)[form])


def test_html_shows_the_line_before_the_numbers_and_the_picture():
    def gradient(w, x):
        return {"w": 2 * x.T @ (x @ w) + 1}

    example = {"w": np.array([1.0, -2.0]), "x": np.arange(6.0).reshape(3, 2)}
    report = cr.check(lambda w, x: np.sum((x @ w) ** 2), gradient, example)
    page = report.html()
    order = [page.index(part) for part in ("first wrong line", "claimed and true", "<img")]
    assert order == sorted(order)


def test_the_note_of_a_gradient_is_in_html():
    assert "vacuous: nothing was tested" in FULL.html()


def test_the_text_is_complete_and_in_order():
    assert str(FULL) == (
        "hw.py: wrong: a gradient differs from the derivative of the loss\n"
        "    The check was stopped.\n"
        "\n"
        "  W  wrong                 relative error 8.0e-01  G201\n"
        "  b  wrong (inherited)     relative error 8.0e-01  G201\n"
        "  c  ok                    relative error 0.0e+00\n"
        "      vacuous: nothing was tested\n"
        "\n"
        "G201 missing 1/n (W, b)\n"
        "    the gradient of W is exactly n × the true one. With this undone, your example "
        "passes.\n"
        "\n"
        "first wrong line: 12: dz = p - y\n"
        "    it should equal the cotangent of z\n"
        "    later lines only inherit it: 14, 15\n"
        "\n"
        "notes:\n"
        "  - a note\n"
        "\n"
        "what this check could not have seen:\n"
        "  - lam is 0\n"
        "\n"
        "right, though it looks different:\n"
        "  - p - y\n"
        "\n"
        "true gradient: chainrule's own differentiation of loss\n"
        "more about a code: chainrule explain G201"
    )
    assert "right, though" not in report_text(FULL)
    assert "\x1b[31;1mwrong (inherited)" in report_text(FULL, color=True)


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_a_line_without_an_expectation_is_named_alone(form):
    bare = dataclasses.replace(FULL, first_wrong=WrongLine(12, "dz = p - y"))
    assert "should equal" not in forms(bare)[form]
    assert "inherit it" not in forms(bare)[form]
    assert "dz = p - y" in forms(bare)[form]


def test_an_error_is_its_sentence_and_nothing_else():
    report = cr.check(lambda w: "3", lambda w: {"w": w}, {"w": np.ones(3)})
    sentence = "loss returned a str; it must return one real number."
    assert str(report) == f"error: the check could not be made\n    {sentence}"
    assert report.markdown() == f"**error: the check could not be made**\n\n{sentence}\n"
    assert f"<p>{sentence}</p>" in report.html()
    assert "<table" not in report.html()


def test_html_shows_numbers_of_what_is_wrong_and_can_be_compared():
    def half(w, v, u):
        return {"w": 2 * w, "v": 4 * v, "u": None}

    report = cr.check(
        lambda w, v, u: np.sum(w**2) + np.sum(v**2) + np.sum(u), half,
        {"w": np.array([1.0, 2.0]), "v": np.array([3.0, 5.0]), "u": np.ones(2)},
    )  # fmt: skip
    page = report.html()
    assert "v, claimed and true" in page
    assert "w, claimed and true" not in page
    assert "u, claimed and true" not in page


def report_of(**evidence):
    """A report in which every gradient is wrong for some mistakes, by code."""
    return Report(
        "wrong",
        {
            name: GradientVerdict(
                name, "wrong", 0.5, causes=tuple(cause(code, said, None) for code, said in each)
            )
            for name, each in evidence.items()
        },
    )


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
@pytest.mark.parametrize(
    ("evidence", "once", "never"),
    [
        (
            {n: [("G802", f"of 5 uses of {n} only one counts.")] for n in ("b1", "b2", "b10")},
            "of 5 uses of b1 only one counts. The same holds for b2 and b10.",
            "of 5 uses of b2",
        ),
        (
            {"b": [("G802", "only one of b counts."), ("G602", "only one of b counts.")]},
            "G802 only one sample counts, or G602 bias gradient of one sample",
            "(b): only one of b counts. only",
        ),
        (
            {"b": [("G201", "of b: 3 × it."), ("G205", "the sign of b.")]},
            "the sign of b.",
            ", or G205",
        ),
        (
            {"b": [("G201", "b1 is 3 × it.")], "b1": [("G201", "b1 is 3 × it.")]},
            "b1 is 3 × it.",
            "The same holds",
        ),
    ],
    ids=["one sentence for several gradients", "one for several names", "two mistakes", "as it is"],
)
def test_what_is_observed_once_is_said_once(form, evidence, once, never):
    said = forms(report_of(**evidence))[form]
    assert said.count(once) == 1
    assert never not in said


def test_the_steps_of_a_loop_share_one_explanation():
    def loss(X, w, v):
        total = 0.0
        for x in X:
            total = total + (np.tanh(w @ x) @ v) ** 2
        return total

    def gradient(X, w, v):
        a = np.tanh(X @ w.T)
        g = 2 * (a @ v)
        return {"w": (g[:, None] * v * (1 - a * a)).T @ X, "v": a.T @ g}

    def example():
        rng = np.random.default_rng(3)
        return {"X": rng.normal(size=(6, 4)), "w": rng.normal(size=(3, 4)), "v": rng.normal(size=3)}

    report = cr.check(loss, gradient, example)
    assert report.ok
    [said] = report.shortcuts
    assert "more steps of that line may be written" in said
