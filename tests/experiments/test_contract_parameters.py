"""Parameters and experiments refuse what they cannot mean, and read what a user types."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.experiments.tiny import TINY

from chainrule.experiments.experiment import Experiment, ExperimentError, Parameter, written

COUNT = Parameter("count", 3, "", minimum=1)
RATE = Parameter("rate", 0.1, "", minimum=0)
FLAG = Parameter("flag", True, "")
WORD = Parameter("word", "tanh", "", choices=("tanh", "relu"))
WIDTHS = Parameter("widths", (4, 8), "", minimum=1)
RATES = Parameter("rates", (0.5,), "")
WORDS = Parameter("words", ("tanh",), "", choices=("tanh", "relu"))


@pytest.mark.parametrize(
    ("parameter", "text", "value"),
    [
        (COUNT, "12", 12),
        (RATE, "1e-3", 0.001),
        (RATE, "2", 2.0),
        (FLAG, "no", False),
        (FLAG, "True", True),
        (WORD, "relu", "relu"),
        (WIDTHS, "2,4, 16", (2, 4, 16)),
        (WIDTHS, "(2,)", (2,)),
        (WIDTHS, "[2, 4]", (2, 4)),
        (RATES, "1,0.5", (1.0, 0.5)),
        (WORDS, "relu,tanh", ("relu", "tanh")),
    ],
)
def test_parse_reads_the_parameters_type(parameter: Parameter, text: str, value: Any) -> None:
    parsed = parameter.parse(text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("parameter", "text", "words"),
    [
        (COUNT, "two", ["'count'", "'two'", "a whole number of at least 1", "count=3"]),
        (COUNT, "1.5", ["'1.5'", "whole number"]),
        (COUNT, "0", ["cannot be 0", "at least 1"]),
        (COUNT, "", ["''"]),
        (RATE, "fast", ["'fast'", "a number of at least 0", "rate=0.1"]),
        (RATE, "nan", ["nan"]),
        (RATE, "-1", ["-1.0"]),
        (FLAG, "maybe", ["'maybe'", "true or false", "flag=true"]),
        (WORD, "sigmoid", ["'sigmoid'", "one of tanh, relu"]),
        (WIDTHS, "4,x", ["'x'", "comma-separated list", "widths=4,8"]),
        (WIDTHS, "4,0", ["0", "at least 1"]),
        (WIDTHS, "", ["()"]),
        (WORDS, "tanh,elu", ["'elu'", "one of tanh, relu"]),
    ],
)
def test_a_bad_value_is_named_with_what_is_expected(
    parameter: Parameter, text: str, words: list[str]
) -> None:
    with pytest.raises(ExperimentError) as caught:
        parameter.parse(text)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [(COUNT, True), (COUNT, 2.0), (FLAG, 1), (WORD, 3), (WIDTHS, 4), (WIDTHS, [4, "8"])],
)
def test_check_refuses_values_of_another_type(parameter: Parameter, value: Any) -> None:
    with pytest.raises(ExperimentError, match=parameter.name):
        parameter.check(value)


def test_check_accepts_lists_for_tuples_and_integers_for_numbers() -> None:
    assert WIDTHS.check([2, 4]) == (2, 4)
    assert RATE.check(1) == 1.0
    assert type(RATE.check(1)) is float


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_what_is_written_for_the_user_is_read_back(values: list[float]) -> None:
    assert RATES.parse(written(tuple(values))) == tuple(values)


@pytest.mark.parametrize(
    ("name", "default", "message"),
    [
        ("learning rate", 1, "identifier"),
        ("x", None, "must be a bool"),
        ("x", (), "non-empty tuple"),
        ("x", ((1,),), "must be a bool"),
    ],
)
def test_a_parameter_that_cannot_be_written_is_refused(
    name: str, default: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Parameter(name, default, "")


def test_a_default_obeys_its_own_bounds() -> None:
    with pytest.raises(ExperimentError, match="at least 1"):
        Parameter("count", 0, "", minimum=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "Tiny_1"}, "lower-case-with-dashes"),
        ({"presets": {"quick": {}}}, "presets quick and full"),
        ({"data": {"real": "x"}}, "embedded"),
        ({"data": {"embedded": "x", "other": "y"}}, "embedded"),
        ({"parameters": (COUNT, COUNT)}, "twice"),
    ],
)
def test_an_experiment_that_breaks_the_contract_is_refused(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        replace(TINY, **change)


def test_a_preset_may_only_set_known_parameters() -> None:
    with pytest.raises(ExperimentError, match=r"no parameter 'partz'\. Did you mean 'parts'"):
        replace(TINY, presets={"quick": {"partz": 2}, "full": {}})


def test_resolve_lets_settings_override_the_preset_and_the_preset_the_default() -> None:
    experiment: Experiment = TINY
    assert experiment.resolve("quick", {})["parts"] == 3
    assert experiment.resolve("full", {})["parts"] == 5
    assert experiment.resolve("full", {"parts": 7})["parts"] == 7


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(ExperimentError, match="Unknown preset 'quik'; choose quick or full"):
        TINY.resolve("quik", {})
