"""Networks trained together: each exactly as if it were trained alone, by the engine's gradient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.search import Execution, Objective, Search, SearchError, Space, plan_search
from chainrule.search.networks import Networks, digit_classifiers, train_networks

GENERATOR = np.random.default_rng(0)
INPUTS, TARGETS = GENERATOR.normal(size=(25, 6)), GENERATOR.normal(size=(25, 2))


def by_the_engine(
    sizes: tuple[int, ...], seed: int, scale: float, rate: float, activation: str
) -> np.ndarray:
    """Train one network with gradients from the engine, and return its outputs."""
    drawn = Networks.drawn(sizes, [seed], [scale], activation, np.float64)
    parameters = [drawn.first.T.copy(), *(weight[0] for weight in drawn.weights)]
    parameters += [bias[0] for bias in drawn.biases]
    layers = len(sizes) - 1

    def output(parameters: list[Any], x: Any) -> Any:
        for layer in range(layers):
            x = x @ parameters[layer] + parameters[layers + layer]
            if layer < layers - 1:
                x = np.tanh(x) if activation == "tanh" else np.maximum(x, 0)
        return x

    def loss(parameters: list[Any], x: Any, y: Any) -> Any:
        return np.mean((output(parameters, x) - y) ** 2)

    gradient = cr.grad(loss)
    generator = np.random.default_rng(3)
    for _ in range(4):
        order = generator.permutation(len(INPUTS))
        for start in range(0, len(order), 10):
            chosen = order[start : start + 10]
            slopes = gradient(parameters, INPUTS[chosen], TARGETS[chosen])
            parameters = [p - rate * g for p, g in zip(parameters, slopes, strict=True)]
    return np.asarray(output(parameters, INPUTS))


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("sizes", [(6, 5, 2), (6, 4, 3, 2), (6, 1, 2)])
def test_together_is_each_alone(sizes: tuple[int, ...], activation: str) -> None:
    seeds, scales, rates = [4, 9, 4], [1.0, 0.5, 2.0], [0.1, 0.02, 0.3]
    networks = Networks.drawn(sizes, seeds, scales, activation, np.float64)
    train_networks(networks, INPUTS, TARGETS, rates, epochs=4, batch_size=10, seed=3)
    together = networks.activations(INPUTS)[-1]
    for k in range(3):
        alone = by_the_engine(sizes, seeds[k], scales[k], rates[k], activation)
        np.testing.assert_allclose(together[k], alone, rtol=1e-10, atol=1e-12)


def test_one_that_diverges_does_not_disturb_the_others() -> None:
    rates = [0.1, 1e9, 0.02]
    networks = Networks.drawn((6, 5, 2), [1, 2, 3], [1.0] * 3, dtype=np.float64)
    train_networks(networks, INPUTS, TARGETS, rates, epochs=30, batch_size=5)
    with np.errstate(all="ignore"):
        together = networks.activations(INPUTS)[-1]
    assert not np.isfinite(together[1]).all()
    for k in (0, 2):
        single = Networks.drawn((6, 5, 2), [k + 1], [1.0], dtype=np.float64)
        train_networks(single, INPUTS, TARGETS, [rates[k]], epochs=30, batch_size=5)
        np.testing.assert_allclose(together[k], single.activations(INPUTS)[-1][0], rtol=1e-10)


def test_digit_classifiers_learn_and_stop_at_their_budget() -> None:
    configurations = [{"learning_rate": rate} for rate in (0.05, 0.0, 1e9)]
    good, still, lost = digit_classifiers(configurations, [0, 1, 2])
    assert good["accuracy"] > 0.95
    assert still["loss"] > 5 * good["loss"]
    assert not math.isfinite(lost["loss"])
    (short,) = digit_classifiers([{"learning_rate": 0.05}], [0], budget=1)
    assert short["loss"] > good["loss"]


def test_a_search_of_classifiers_in_batches(tmp_path: Any) -> None:
    space = Space.of(learning_rate=(1e-3, 1e-1, "log"), width=[2, 8])
    objective = Objective("callable", digit_classifiers, (("epochs", 5),), names=tuple(space.names))
    plan = plan_search(space, "cover", epsilon=0.1)
    search = Search(objective, space, plan, tmp_path / "t.sqlite", "loss")
    outcome = search.run(Execution("inline"))
    assert outcome.count("done") == 10
    assert outcome.best is not None
    alone = digit_classifiers([outcome.best.parameters], [outcome.best.seed], epochs=5)
    assert alone[0]["loss"] == pytest.approx(outcome.best.value, rel=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Networks.drawn((2, 2, 1), [0], [1], "step"), "Unknown activation 'step'"),
        (lambda: Networks.drawn((2, 1), [0], [1]), r"The sizes are \[2, 1\]; expected inputs"),
        (lambda: digit_classifiers([{"rate": 1}], [0]), "has no setting 'rate'; it has activation"),
    ],
)
def test_refusals(make: Any, message: str) -> None:
    with pytest.raises(SearchError, match=message):
        make()
