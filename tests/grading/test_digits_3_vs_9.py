"""digits-3-vs-9, started, graded and marked: what each mistake of a student costs, and where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from chainrule.grading import grade, load

EXERCISE = load("digits-3-vs-9")


@pytest.mark.parametrize(
    ("old", "new", "part", "code", "score"),
    [
        ("np.square(y - yp) / 2", "np.square(y - yp)", "b", "G204", 1.5),
        ("return yp - y", "return y - yp", "b", "G205", 1.5),
        ("1 - np.tanh(z) ** 2", "1 - z**2", "c", "G403", 2.5),
        ("np.where(z > 0, 1.0, 0.0)", "np.where(z >= 0, 1.0, 0.0)", "c", "G404", 2.5),
        ("np.where(z > 0, 1.0, 0.0)", "np.maximum(z, 0) / z", "c", "G103", 2.5),
        ("da = layer.W.T.dot(dz)", "da = layer.W.dot(dz)", "d", "", 0.0),
        ("dz = da * layer.dx(zi)", "dz = da * layer.dx(layer.a(zi))", "d", "G402", 3.5),
        ("dz = da * layer.dx(zi)", "dz = da * 1", "d", "G401", 3.0),
        ("return grad[::-1], a", "return grad, a", "d", "G704", 3.5),
        # Every derivative is wrong, but only the first by a step of its own.
        ("da = self.cost.dx(y.T, yp)", "da = (y.T - yp) ** 3", "d", "G000", None),
        ("da = self.cost.dx(y.T, yp)", "da = y.T - yp", "d", "G205", 3.75),
        ("-self.eta / m * gi", "-self.eta * gi", "e", "G201", 2.25),
        ("np.sum(gi, axis=1, keepdims=True)", "np.sum(gi, axis=1)", "e", "G604", 2.1),
        ("updateWeights(-self.eta", "updateWeights(self.eta", "e", "G205", 2.25),
        ("range(0, len(x), batchSize)", "range(0, len(x) - batchSize, batchSize)", "f", "", None),
        ("order = np.random.permutation(len(x))", "order = np.arange(len(x))", "f", "G000", 1.5),
    ],
)  # fmt: skip
def test_a_mistake_is_found_and_costs_what_it_is_worth(
    changed: Callable[..., Path], old: str, new: str, part: str, code: str, score: float | None
) -> None:
    (wrong,) = grade(EXERCISE, changed("digits-3-vs-9", (old, new)), [part]).parts
    assert wrong.score < wrong.points
    assert wrong.sentences()
    if code:
        assert code in {finding.code for finding in wrong.findings}, wrong.sentences()
    if score is not None:
        assert wrong.score == pytest.approx(score)


def test_parts_built_on_a_wrong_one_are_graded_with_the_right_one(
    changed: Callable[..., Path],
) -> None:
    found = grade(EXERCISE, changed("digits-3-vs-9", ("return yp - y", "return 2 * (yp - y)")))
    assert {part.name: part.score for part in found.parts} == {
        "b": 1.5, "c": 3, "d": 5, "e": 3, "f": 2,
    }  # fmt: skip
    backpropagation = found.parts[2]
    assert backpropagation.repaired == ("QuadraticCost.dx",)
    assert "a mistake costs points once" in " ".join(backpropagation.sentences())


def test_derivatives_that_only_inherit_a_mistake_cost_nothing(
    changed: Callable[..., Path],
) -> None:
    path = changed("digits-3-vs-9", ("da = self.cost.dx(y.T, yp)", "da = (y.T - yp) ** 3"))
    (part,) = grade(EXERCISE, path, ["d"]).parts
    assert [finding.values for finding in part.findings] == [("grad[-1]",)]
    assert part.notes == tuple(
        f"grad[{i}] is wrong only because it is computed from a wrong value." for i in (-2, -3)
    )
    assert part.score == pytest.approx(5 * 2.3 / 3.3, abs=1e-3)
