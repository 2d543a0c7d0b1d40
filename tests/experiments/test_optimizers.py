"""The experiment optimizers: the methods by hand, and claims that fail when one is wrong."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from tests.experiments.pages import claims_of, not_held

from chainrule.experiments import optimizers as experiment
from chainrule.experiments import optimizers_by_hand as by_hand
from chainrule.experiments import optimizers_libraries as libraries

SMALL = {"runs": 100, "samples": 200}
UNDECIDED = [] if importlib.util.find_spec("torch") else ["torch-optim"]


def test_every_claim_of_the_quick_preset_holds(tmp_path):
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run")
    assert not_held(claims) == UNDECIDED
    assert set(claims) == {
        "model", "gradient", "gd-closed-form", "adam-first-step", "adagrad-reach", "sgd-floor",
        "sgd-unbiased", "gd-limit", "adagrad-hessian", "iterates", "chainrule-optim",
        "torch-optim",
    }  # fmt: skip
    figures = {path.stem for path in (tmp_path / "run").glob("*.svg")}
    assert figures == {"trajectories", "losses", "rates"}


class WithoutTheTwo(by_hand.GD):
    def calculate_gradient(self, X, y, model):
        return tuple(g / 2 for g in super().calculate_gradient(X, y, model))


class AdamFromStepZero(by_hand.Adam):
    """Bias correction with t = 2 at the first step."""

    def apply_gradient(self, grads, model):
        if not self.t:
            self.m, self.v = ([np.zeros(g.shape) for g in grads] for _ in range(2))
            self.t = 1
        super().apply_gradient(grads, model)


class ForgetfulAdaGrad(by_hand.AdaGrad):
    def apply_gradient(self, grads, model):
        self.accumulator = []
        super().apply_gradient(grads, model)


@pytest.mark.parametrize(
    ("name", "wrong", "failing"),
    [
        ("GD", WithoutTheTwo, {"gradient", "gd-closed-form", "gd-limit"}),
        ("Adam", AdamFromStepZero, {"adam-first-step", "iterates", "chainrule-optim"}),
        ("AdaGrad", ForgetfulAdaGrad, {"adagrad-reach", "iterates", "chainrule-optim"}),
    ],
)
def test_a_wrong_method_fails_the_claims_about_it(tmp_path, monkeypatch, name, wrong, failing):
    for module in (experiment, libraries):
        monkeypatch.setattr(module, name, wrong)
    methods = tuple((n, wrong if n == name else k, r) for n, k, r in experiment.METHODS)
    monkeypatch.setattr(experiment, "METHODS", methods)
    monkeypatch.setattr(experiment, "torch_path", lambda *arguments: None)
    claims = claims_of(experiment.EXPERIMENT, tmp_path / "run", settings=SMALL)
    assert failing <= set(not_held(claims))


def test_sgd_in_order_over_one_epoch():
    X, y = np.array([[1.0], [2.0], [3.0], [4.0]]), np.array([[1.0], [3.0], [2.0], [5.0]])
    order = np.arange(4)
    path = by_hand.train(libraries._sgd(order)(0.05), X, y, by_hand.Linear((0.0,), 0.0), 4)
    np.testing.assert_allclose(path[-1], (1.5318, 0.5857), atol=5e-5)


def test_gd_on_four_points_after_fifty_steps():
    X, y = np.array([[1.0], [2.0], [3.0], [4.0]]), np.array([[1.0], [3.0], [2.0], [5.0]])
    path = by_hand.train(by_hand.GD(0.05), X, y, by_hand.Linear((0.0,), 0.0), 50)
    np.testing.assert_allclose(path[-1], (1.04634567, 0.15775029), atol=5e-9)


def test_a_loss_of_unequal_shapes_is_refused():
    with pytest.raises(ValueError, match=r"\(3, 1\) and y_pred \(3,\); reshape"):
        by_hand.loss(np.zeros((3, 1)), np.zeros(3))
