"""Exercises and grading: hand out, grade by cause, package for Gradescope, test the rubric."""

from __future__ import annotations

from chainrule.checking.updates.rules import UpdateRule, Walk
from chainrule.grading.errors import GradingError
from chainrule.grading.exercise import Exercise, Part, load, names
from chainrule.grading.grading import grade
from chainrule.grading.notebooks import assert_part, nbgrader_points
from chainrule.grading.packaging import package
from chainrule.grading.result import Finding, Grade, PartResult
from chainrule.grading.runner import Limits
from chainrule.grading.starter import hand_out, starter, starter_notebook
from chainrule.grading.submission import Submission, read_submission

__all__ = [
    "Exercise",
    "Finding",
    "Grade",
    "GradingError",
    "Limits",
    "Part",
    "PartResult",
    "Submission",
    "UpdateRule",
    "Walk",
    "assert_part",
    "grade",
    "hand_out",
    "load",
    "names",
    "nbgrader_points",
    "package",
    "read_submission",
    "starter",
    "starter_notebook",
]
