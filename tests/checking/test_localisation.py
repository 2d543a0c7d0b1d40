"""The first wrong line of hand-written gradients is found, and right ones have none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.checking import localisation_corpus_more as more
from tests.checking.localisation_corpus import PROGRAMS, cases
from tests.checking.student_files import load, localised

from chainrule.checking.localisation.first_wrong import localise
from chainrule.programs.names import trace_named


@pytest.mark.parametrize("program", [*PROGRAMS, *more.PROGRAMS], ids=lambda p: p.name)
def test_a_right_gradient_has_no_wrong_line(program):
    found = localised(program.source)
    assert found.lines == ()
    assert found.reason == "no gradient is wrong"


SAMPLE = cases()[::2]


@pytest.mark.parametrize(
    ("source", "line"), [case[1:] for case in SAMPLE], ids=[case[0] for case in SAMPLE]
)
def test_the_first_wrong_line_is_named(source, line):
    assert localised(source, seconds=30).line == line


def test_nine_in_ten_first_wrong_lines_are_right_where_the_search_was_not_written_for_them():
    sample = cases(more.PROGRAMS)[::5]
    right = sum(localised(source, seconds=30).line == line for _, source, line in sample)
    assert right >= 0.9 * len(sample)


TWO_LAYERS = PROGRAMS[0].source


def test_a_faulty_line_says_what_it_should_be_in_the_users_names():
    found = localised(TWO_LAYERS.replace("dz1 = dh * (1 - h ** 2)", "dz1 = dh * (1 - h)"))
    line = found.first
    assert line.text == "dz1 = dh * (1 - h)"
    assert (line.target, line.expected, line.found) == ("dz1", "the cotangent of z1", None)
    assert line.formula == "dh * (1 - h * h)"
    assert line.repaired == ("W1", "b1")
    assert line.inherited == (line.line + 1, line.line + 2)
    assert line.confirmed
    assert str(found).splitlines()[1] == (
        "  dz1 should equal the cotangent of z1, dh * (1 - h * h)"
    )


def test_a_faulty_line_says_what_it_equals_instead():
    found = localised(TWO_LAYERS.replace("dz1 = dh * (1 - h ** 2)", "dz1 = dh")).first
    assert found.found == "the cotangent of h"
    found = localised(TWO_LAYERS.replace("dz2 /= n", "dz2 *= 1")).first
    assert found.expected == "the cotangent of z2"
    assert found.found == "6 × the cotangent of z2"


def test_two_independent_mistakes_are_two_lines():
    source = TWO_LAYERS.replace("dW2 = h.T @ dz2", "dW2 = z1.T @ dz2").replace(
        "db1 = dz1.sum(axis=0)", "db1 = dz1[0]"
    )
    found = localised(source)
    assert [line.target for line in found.lines] == ["dW2", "db1"]
    assert not found.first.confirmed
    assert found.first.repaired == ("W2",)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("dz2 /= n", "raise KeyError('z')"), "the gradient raises KeyError"),
        (("dz2 /= n", "dz2 = np.random.default_rng().normal(size=p.shape)"), "another gradient"),
        (("dz2 /= n", "dz2 = np.roll(dz2, 1, 0) / n; dz2 = abs(dz2) + dz2 ** 3"), None),
    ],
    ids=["raises", "random", "nonsense"],
)
def test_what_cannot_be_located_has_a_reason_or_a_confirmed_line(change, reason):
    found = localised(TWO_LAYERS.replace(*change))
    if reason is None:  # the last value of the line is what every gradient needs
        assert found.first.text == change[1]
        assert found.first.confirmed
    else:
        assert found.line is None
        assert reason in found.reason


def test_time_is_bounded():
    source = TWO_LAYERS.replace("dW1 = X.T @ dz1", "dW1 = X.T @ dz1 * 2")
    found = localised(source, seconds=0.0)
    assert found.line is None
    assert found.reason == "the search ran out of time"


@pytest.mark.parametrize("condition", ["True", "np.sum(dz1 ** 2) != total"])
def test_loops_that_do_not_end_are_broken_off(condition):
    source = TWO_LAYERS.replace(
        "    dW1 = X.T @ dz1\n",
        "    total = np.sum((dh * (1 - h)) ** 2)\n"
        f"    while {condition}:\n        try:\n            a = n * 1.0\n"
        "        except Exception:\n            pass\n    dW1 = X.T @ dz1\n",
    ).replace("dz1 = dh * (1 - h ** 2)", "dz1 = dh * (1 - h)")
    found = localised(source, seconds=0.5)
    assert found.line is None
    assert found.reason in (
        "the gradient takes longer than the search may",
        "the search ran out of time",
    )


def test_a_gradient_that_no_true_value_explains_is_not_guessed():
    source = TWO_LAYERS.replace(
        'return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}',
        "r = np.random.RandomState(0)\n"
        "    return {k: r.normal(size=v.shape) for k, v in\n"
        '            {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}.items()}',
    )
    # nothing before the random numbers can repair the result
    assert localised(source).line in (None, source[: source.index("return {k")].count("\n") + 1)


def test_results_other_than_dicts_are_read_by_the_caller():
    source = TWO_LAYERS.replace(
        'return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}',
        "return dW1, db1 * 3, dW2, db2",
    )
    space = load(source)
    example = space["example"]()
    names = ("W1", "b1", "W2", "b2")
    found = localise(
        space["gradient"],
        example,
        trace_named(space["loss"], **example),
        read=lambda result: dict(zip(names, result, strict=True)),
    )
    assert found.line == source[: source.index("return dW1")].count("\n") + 1


def test_methods_of_objects_are_located():
    source = """
import numpy as np

class Model:
    def __init__(self, scale):
        self.scale = scale

    def loss(self, x, w):
        return np.sum((x @ w) ** 2) * self.scale

    def gradient(self, x, w):
        r = x @ w
        self.calls = getattr(self, "calls", 0) + 1
        return {"w": x.T @ r * self.scale}
"""
    model = load(source)["Model"](0.7)
    example = {"x": np.arange(6.0).reshape(3, 2) - 2, "w": np.array([0.4, -1.2])}
    found = localise(model.gradient, example, trace_named(model.loss, **example))
    assert found.line == 14
    assert not hasattr(model, "calls")


@settings(max_examples=12, deadline=None)
@given(
    st.integers(2, 9),
    st.integers(2, 5),
    st.integers(2, 5),
    st.sampled_from([0, 1, 2, 3]),
)
def test_any_sizes_and_layer_give_the_line(n, width, classes, which):
    changes = [
        ("dz1 = dh * (1 - h ** 2)", "dz1 = dh * (1 - h) ** 2"),
        ("dz2[np.arange(n), y] -= 1", "dz2[np.arange(n), y] -= 3"),
        ("dh = dz2 @ W2.T", "dh = dz2 @ W2.T + 1"),
        ("dW1 = X.T @ dz1", "dW1 = 3.7 * X.T @ dz1"),
    ]
    right, wrong = changes[which]
    space = load(TWO_LAYERS.replace(right, wrong))
    r = np.random.default_rng(n + 10 * width + 100 * classes)
    example = {
        "X": r.normal(size=(n, 4)), "y": r.integers(0, classes, n),
        "W1": r.normal(size=(4, width)), "b1": r.normal(size=width),
        "W2": r.normal(size=(width, classes)), "b2": r.normal(size=classes),
    }  # fmt: skip
    found = localise(space["gradient"], example, trace_named(space["loss"], **example))
    assert found.line == TWO_LAYERS[: TWO_LAYERS.index(right)].count("\n") + 1
