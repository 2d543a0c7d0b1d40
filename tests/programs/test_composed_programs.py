"""Random programs of every primitive: differences, compiled code, printed source and replay agree.

`composed_programs` as a script runs a long campaign of the same.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from tests.programs.composed_programs import CALLS, STATEMENTS, draw_program, judge

import chainrule as cr

SEEDS = range(160)


def test_all_ways_to_run_a_random_program_agree_and_differences_confirm_its_derivatives() -> None:
    outcomes = Counter(judge(seed) for seed in SEEDS)
    # What is skipped says nothing; it is the exception.
    assert outcomes["judged"] > 0.95 * len(SEEDS), outcomes


def test_the_programs_hold_every_primitive_and_every_statement() -> None:
    words = {word.rpartition("-")[0] or word for s in SEEDS for word in draw_program(s).words}
    assert words >= set(CALLS) | set(STATEMENTS)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_wrong_rule_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the differences alone: all the other ways share the rule."""
    right = cr.engine.primitive.PRIMITIVES["sin"]
    wrong = (lambda g, ans, x, **_: g * np.cos(x) * 1.1,)
    monkeypatch.setattr(right, "rules", wrong)
    seed = next(s for s in range(1000) if {"sin-1"} & set(draw_program(s).words))
    with pytest.raises(AssertionError, match="order"):
        judge(seed)
