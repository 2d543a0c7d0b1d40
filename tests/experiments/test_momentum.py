"""The experiment momentum: its claims, methods that are wrong, and tables that users give."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from tests.experiments.pages import claims_of, not_held

from chainrule.experiments import momentum as experiment
from chainrule.experiments import momentum_methods as methods
from chainrule.experiments.experiment import ExperimentError
from chainrule.experiments.momentum_data import read_classes

SMALL = {"epochs": 8, "data_sets": 1, "points": 200}
UNDECIDED = [] if importlib.util.find_spec("torch") else ["torch-optim"]


def test_every_claim_of_the_quick_preset_holds(tmp_path):
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run")
    assert not_held(claims) == UNDECIDED
    assert set(claims) == {
        "iterates", "schedule", "limits", "radii", "norms-grow", "chainrule-optim",
        "torch-optim", "faster", "effective-rate",
    }  # fmt: skip
    figures = {path.stem for path in (tmp_path / "run").glob("*.svg")}
    assert figures == {"radii", "norms", "training"}


def gradient_at_w(w, v, gradient, eta, rho):
    return methods.momentum(w, v, gradient, eta, rho)


def looking_back(w, v, gradient, eta, rho):
    v = rho * v - eta * gradient(w - rho * v)
    return w + v, v


@pytest.mark.parametrize(
    ("name", "wrong", "failing"),
    [
        ("Nesterov", gradient_at_w, {"iterates", "limits", "radii", "chainrule-optim"}),
        ("Nesterov", looking_back, {"iterates", "limits", "radii", "chainrule-optim"}),
        ("momentum", methods.sgd, {"iterates", "schedule", "limits", "chainrule-optim"}),
    ],
)
def test_a_wrong_method_fails_the_claims_about_it(tmp_path, monkeypatch, name, wrong, failing):
    monkeypatch.setitem(methods.METHODS, name, wrong)
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run", settings=SMALL)
    assert failing <= set(not_held(claims))


def test_without_momentum_all_methods_are_sgd():
    network = methods.Network([np.eye(3, 2), np.eye(2, 3)])
    X, labels = np.array([[1.0, -1.0], [0.5, 2.0]]), np.array([0, 1])
    ends = []
    for method in methods.METHODS.values():
        w, v = network.start.copy(), np.zeros_like(network.start)
        for _ in range(5):
            w, v = method(w, v, lambda at: network.gradient(at, X, labels), 0.1, 0.0)
        ends.append(w)
    assert np.array_equal(ends[0], ends[1])
    assert np.array_equal(ends[0], ends[2])


def test_framework_iterates_are_the_textbooks_moved_by_the_velocity():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(4, 4))
    w = theta = rng.normal(size=4)
    v, b = np.zeros(4), np.zeros(4)

    def gradient(at):
        return np.tanh(A.T @ A @ at)

    for _ in range(200):
        w, v = methods.nesterov(w, v, gradient, 0.05, 0.9)
        theta, b = methods.nesterov_framework(theta, b, gradient, 0.05, 0.9)
        np.testing.assert_allclose(theta, w + 0.9 * v, atol=1e-13)


# --- tables ---------------------------------------------------------------------------------------

ROWS = ["1,2,a", "2,1,b", "3,5,a", "0,1,b", "2,2,a", "1,0,b", "4,4,a", "0,0,b"]


def written(folder, *rows):
    path = folder / "points.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_the_experiment_runs_on_a_users_table(tmp_path):
    rng = np.random.default_rng(0)
    lines = ["length,width,kind"]
    for i in range(60):
        x = rng.normal(size=2) + 4 * (i % 2)
        lines.append(f"{x[0]:.3f},{x[1]:.3f},{'rose' if i % 2 else 'lily'}")
    claims = claims_of(
        experiment.EXPERIMENT,
        tmp_path / "run",
        settings={"csv": str(written(tmp_path, *lines)), "epochs": 5},
    )
    assert set(not_held(claims)) == {"norms-grow", *UNDECIDED}
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "45 training and 15 test points of 2 features in 2 classes" in page


@pytest.mark.parametrize("header", [[], ["x,y,class"], ["", "x,y,class"]])
def test_a_table_is_read_with_and_without_a_header(tmp_path, header):
    read = read_classes(written(tmp_path, *header, *ROWS), np.random.default_rng(0))
    assert (read.X.shape, read.test_X.shape, read.names) == ((6, 2), (2, 2), ["a", "b"])
    np.testing.assert_allclose(read.X.mean(axis=0), 0, atol=1e-15)
    np.testing.assert_allclose(read.X.std(axis=0), 1)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([*ROWS, "1,x2,a"], "Row 9, column 2 of .* is 'x2'; it must be a finite number"),
        (["p,q,c", *ROWS, "1,,a"], r"Row 10, column 2 \(q\) of .* is ''"),
        ([*ROWS, "nan,1,a"], "Row 9, column 1 of .* is 'nan'"),
        ([*ROWS, "1,1e999,a"], "Row 9, column 2 of .* is '1e999'"),
        ([*ROWS, "1,2"], "Row 9 of .* has 2 cells; the first row has 3"),
        ([*ROWS, "1,2, "], "Row 9, column 3 of .* is empty; it must name the class"),
        (["1,2,a"] * 9, "9 rows of data and 1 classes; at least 8 rows and 2 classes"),
        (ROWS[:4], "4 rows of data and 2 classes"),
        (["a", "b"], "has 1 column; it needs at least one of numbers"),
        ([""], "is empty"),
    ],
)
def test_a_bad_table_is_refused_with_row_and_column(tmp_path, rows, message):
    with pytest.raises(ExperimentError, match=message):
        read_classes(written(tmp_path, *rows), np.random.default_rng(0))


def test_a_table_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ExperimentError, match=r"none\.csv cannot be read as CSV: .*No such file"):
        read_classes(tmp_path / "none.csv", np.random.default_rng(0))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 500}, "batch size of 500 is more than the 400 training points"),
        ({"rho": 1.0}, "'rho' is 1; it must be below 1"),
    ],
)
def test_unusable_settings_are_refused(tmp_path, settings, message):
    with pytest.raises(ExperimentError, match=message):
        claims_of(experiment.EXPERIMENT, tmp_path / "run", settings=settings)
