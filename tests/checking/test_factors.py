"""A factor has the name of what it follows on every probe, and none where two would fit."""

from __future__ import annotations

import pytest

from chainrule.checking.factors import name_factor
from chainrule.checking.sizes import Sizes

SYMBOLS = Sizes({"n": 6, "C": 3, "s0": 4}, {}, batch="n", classes="C")
PROBES = [{"n": 5, "C": 3, "s0": 4}, {"n": 7, "C": 4, "s0": 5}]
FIXED = [{"n": 6, "C": 3, "s0": 4}, {"n": 6, "C": 3, "s0": 4}]
MEANS = [[15], [28]]  # a mean over n·C
SUMS = [[10], [21]]
SCALARS = [{"keep": 0.37, "lr": 2.5, "one": 1.0}, {"keep": 0.83, "lr": 1.5, "one": 1.0}]


def named(formula, probes=None, symbols=SYMBOLS, scalars=None, means=None, sums=None):
    probes = PROBES if probes is None else probes
    values = [formula(p, i) if formula.__code__.co_argcount == 2 else formula(p)
              for i, p in enumerate(probes)]  # fmt: skip
    return name_factor(
        values, probes, scalars or [{}, {}], symbols, means or [[], []], sums or [[], []]
    )


@pytest.mark.parametrize(
    ("formula", "text", "codes"),
    [
        (lambda p: -1.0, "-1", ("G205",)),
        (lambda p: 2.0, "2", ("G204",)),
        (lambda p: 0.5, "1/2", ("G204",)),
        (lambda p: -2.0, "-2", ("G205", "G204")),
        (lambda p: 0.37, "0.37", ("G206",)),
        (lambda p: p["n"], "n", ("G201",)),
        (lambda p: 1 / p["n"], "1/n", ("G202",)),
        (lambda p: p["n"] ** 2, "n²", ("G201",)),
        (lambda p: -2 / p["n"], "-2·1/n", ("G205", "G204", "G202")),
        (lambda p: p["n"] / (p["n"] - 1), "n/(n-1)", ("G203",)),
        (lambda p: 1 / (p["n"] - 1), "1/(n-1)", ("G203",)),
        (lambda p: p["C"], "C", ("G203",)),
        (lambda p: p["n"] / p["C"], "n/C", ("G203",)),
        (lambda p: 1 / (p["n"] * p["s0"]), "1/(n·d)", ("G203",)),
        (lambda p: p["C"] / p["s0"], "d/d'", ("G203",)),
        (lambda p: 0.3 * p["n"], "0.3·n", ("G206",)),
        (lambda p: 0.3 / p["n"], "0.3/n", ("G206",)),
        (lambda p: p["n"] + 0.1, None, ()),
    ],
)
def test_a_factor_is_named_by_what_it_follows(formula, text, codes):
    found = named(formula)
    assert (found.text, found.codes) == (text, codes) if text else found is None


def test_the_number_of_elements_of_a_mean_and_of_a_sum_are_known():
    found = named(lambda p, i: MEANS[i][0] / 1.0, symbols=Sizes({}, {}), means=MEANS)
    assert (found.text, found.codes) == ("N", ("G201",))
    found = named(lambda p, i: 1 / SUMS[i][0], symbols=Sizes({}, {}), sums=SUMS)
    assert (found.text, found.codes, found.follows) == ("1/m", ("G203",), "sum")


@pytest.mark.parametrize(
    ("formula", "text", "codes"),
    [
        (lambda p, i: 1 / SCALARS[i]["keep"], "1/keep", ("G902",)),
        (lambda p, i: SCALARS[i]["keep"] ** 2, "keep²", ("G902",)),
        (lambda p, i: 1 - SCALARS[i]["keep"], "(1-keep)", ("G902",)),
        (lambda p, i: -SCALARS[i]["lr"], "-lr", ("G205", "G206")),
        (lambda p, i: SCALARS[i]["lr"] * p["n"], "lr·n", ("G206",)),
    ],
)
def test_scalar_arguments_are_followed(formula, text, codes):
    found = named(formula, scalars=SCALARS)
    assert (found.text, found.codes) == (text, codes)
    if "n" not in text:
        alone = named(formula, scalars=SCALARS, symbols=Sizes({}, {}))
        assert (alone.text, alone.codes) == (text, codes)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (6.0, None),  # n, or a constant
        (1 / 6, None),
        (-12.0, None),  # 2·n
        (18.0, None),  # n·C
        (3.0, None),
        (7.0, "7"),
        (2.0, "2"),  # a factor 2 is a factor 2
        (0.5, "1/2"),
    ],
)
def test_a_constant_that_could_be_a_size_that_never_changed_has_no_name(value, text):
    found = named(lambda p: value, probes=FIXED)
    assert (None if found is None else found.text) == text


def test_with_a_batch_of_two_that_never_changed_two_has_no_name():
    two = [{"n": 2}, {"n": 2}]
    symbols = Sizes({"n": 2}, {}, batch="n")
    assert named(lambda p: 2.0, probes=two, symbols=symbols) is None
    assert named(lambda p: -1.0, probes=two, symbols=symbols) is None  # n - 1
    assert named(lambda p: -1.0, probes=[{"n": 4}] * 2, symbols=symbols).text == "-1"
