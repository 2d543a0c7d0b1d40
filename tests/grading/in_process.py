"""A part judged without a process of its own: for tables of mistakes in solutions of ours."""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from chainrule.grading import Part, load
from chainrule.grading.child.calls import Work, perform
from chainrule.grading.exercise import reference_module
from chainrule.grading.judging import Answer, Judgement, judge


def judged(
    exercise_name: str, part_name: str, replacements: list[tuple[str, str]]
) -> tuple[Part, Judgement]:
    """The verdict on a changed solution, without a process of its own."""
    exercise = load(exercise_name)
    (part,) = exercise.chosen([part_name])
    owner = part.hands_in[0].split(".")[0]
    text = exercise.reference_path.read_text(encoding="utf-8")
    start = max(text.find(f"class {owner}"), text.find(f"def {owner}("))
    end = text.find("\n# Part", start)
    body = text[start : end if end > 0 else len(text)]
    for old, new in replacements:
        assert old in body, old
        body = body.replace(old, new)
    module = types.ModuleType("submission")
    exec(text[:start] + body, module.__dict__)
    driver: dict[str, Any] = {"__name__": "calls"}
    exec(compile(exercise.driver(), "calls.py", "exec"), driver)
    cases = part.cases(np.random.default_rng([0, exercise.parts.index(part)]))

    def answers(work: Work) -> list[Answer]:
        job = {"call": part.call, "names": part.hands_in, "seed": 0}
        with np.errstate(all="ignore"):
            return [Answer(c, perform(driver, work, {**job, "inputs": c})["values"], {})
                    for c in cases]  # fmt: skip

    given, right = answers(Work(module)), answers(Work(reference_module(exercise)))
    return part, judge(part, given, given[0], [each.values for each in right], lambda **_: {})
