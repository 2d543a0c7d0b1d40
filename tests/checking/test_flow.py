"""Gradient flow: verdicts on networks whose disease is known, of chainrule and of PyTorch."""

from __future__ import annotations

import json
import xml.etree.ElementTree

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.checking.flow_layers import Layer, UnitCounts, judge


def network(depth, activation, width=20):
    layers = []
    for number in range(depth):
        layers += [nn.Linear(width if number else 10, width), activation]
    return nn.Sequential(*layers, nn.Linear(width, 3))


def batches(count=3, size=64, seed=0):
    rng = np.random.default_rng(seed)
    return [(rng.normal(size=(size, 10)), rng.integers(0, 3, size)) for _ in range(count)]


def scaled(params, factor):
    return {name: {"W": layer["W"] * factor, "b": layer["b"]} for name, layer in params.items()}


def measured(model, params=None, data=None, **options):
    params = model.init(0) if params is None else params
    return cr.flow(model, params, data or batches(), loss=nn.cross_entropy, **options)


# --- known diseases ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("activation", [nn.relu, nn.tanh, nn.elu], ids=lambda f: f.__name__)
def test_networks_with_he_weights_are_healthy(activation, seed):
    model = network(6, activation)
    assert measured(model, model.init(seed)).verdict == "healthy"


def test_sigmoids_thirty_deep_vanish_toward_the_input():
    found = measured(network(30, nn.sigmoid))
    ratios = [layer.to_last for layer in found.layers]
    assert found.verdict == "vanishing"
    assert found.layers[0].to_last < 1e-12
    assert [layer.verdict for layer in found.layers[-2:]] == ["healthy", "healthy"]
    slope = np.polyfit(np.arange(31), np.log10(ratios), 1)[0]
    assert 0.3 < slope < 0.9  # a factor of about 4 a layer: σ′ ≤ 1/4


def test_a_large_negative_bias_kills_rectified_units():
    model = network(4, nn.relu)
    params = model.init(0)
    params["linear2"]["b"] = params["linear2"]["b"] - 50
    found = measured(model, params)
    assert found.verdict == "dead"
    assert found.layers[1].verdict == "dead"
    assert found.layers[1].dead_units == 1.0
    assert found.layers[0].verdict == "vanishing"
    assert found.layers[0].reason == "its gradient is exactly 0"
    assert found.layers[-1].verdict == "healthy"


def test_half_of_the_units_dead_is_a_dead_layer_and_a_quarter_is_not():
    model = network(2, nn.relu)
    for share, verdict in ((0.5, "dead"), (0.25, "healthy")):
        params = model.init(1)
        params["linear1"]["b"] = np.where(np.arange(20) < 20 * share, -50.0, 0.1)
        layer = measured(model, params).layers[0]
        assert layer.verdict == verdict
        assert layer.dead_units == share


def test_large_weights_saturate_tanh():
    model = network(4, nn.tanh)
    found = measured(model, scaled(model.init(0), 20))
    assert found.verdict == "saturated"
    assert found.layers[0].saturated_values > 0.8
    assert found.layers[0].dead_units == 0


def test_large_weights_explode_through_rectified_units():
    model = network(20, nn.relu)
    found = measured(model, scaled(model.init(0), 4))
    assert found.verdict == "exploding"
    assert found.layers[0].relative_gradient > 1e6


def test_gradients_that_grow_toward_the_input_explode():
    def loss(params, x):
        for number in range(1, 9):
            x = x @ params[f"W{number}"]
        return np.mean(x)

    rng = np.random.default_rng(0)
    params = {f"W{number}": 0.01 * rng.normal(size=(6, 6)) for number in range(1, 8)}
    params["W8"] = 100 * rng.normal(size=(6, 6))
    found = cr.flow(loss, params, [(rng.normal(size=(40, 6)),), (rng.normal(size=(40, 6)),)])
    assert found.layers[0].to_last == pytest.approx(
        found.layers[0].relative_gradient / found.layers[-1].relative_gradient
    )
    assert found.layers[0].to_last > 1e3
    assert found.layers[0].verdict == "exploding"


def test_a_gradient_that_is_not_finite_explodes():
    def loss(params, x):
        return np.sum(np.log(x * params["w"]))

    found = cr.flow(loss, {"w": np.zeros(3)}, [(np.ones((40, 3)),)] * 2)
    assert found.verdict == "exploding"
    assert found.layers[0].reason == "its gradient is not finite"
    json.dumps(found.to_json(), allow_nan=False)
    xml.etree.ElementTree.fromstring(str(found.svg()))


@pytest.mark.parametrize(
    ("count", "size", "enough"), [(1, 200, False), (3, 20, False), (2, 32, True), (4, 16, True)]
)
def test_units_are_judged_on_enough_data_only(count, size, enough):
    found = measured(network(2, nn.relu), data=batches(count, size))
    assert (found.verdict == "not enough data") is not enough
    assert (found.batches, found.samples) == (count, count * size)


def test_vanishing_is_seen_on_little_data():
    assert measured(network(30, nn.sigmoid), data=batches(1, 4)).verdict == "vanishing"


# --- numbers -------------------------------------------------------------------------------------


def test_norms_and_updates_are_those_of_the_gradient():
    model = network(1, nn.tanh)
    params, data = model.init(3), batches(2)
    found = measured(model, params, data, learning_rate=0.5)

    def loss(params, x, y):
        return nn.cross_entropy(model.apply(params, x), y)

    norms = []
    for batch in data:
        g = cr.grad(loss)(params, *batch)["linear1"]
        norms.append(np.sum(g["W"] ** 2) + np.sum(g["b"] ** 2))
    layer = found.layers[0]
    weight = np.sqrt(sum(np.sum(w**2) for w in params["linear1"].values()))
    assert layer.gradient_norm == pytest.approx(np.sqrt(np.mean(norms)), rel=1e-12)
    assert layer.weight_norm == pytest.approx(weight, rel=1e-12)
    assert layer.update_ratio == pytest.approx(0.5 * layer.gradient_norm / weight, rel=1e-12)


def test_an_optimizers_own_step_is_measured():
    model = network(1, nn.tanh)
    params = model.init(3)
    layer = measured(model, params, optimizer=optim.adam(1e-3)).layers[0]
    size = sum(np.size(w) for w in params["linear1"].values())
    # the first step of Adam is the learning rate, up to sign, for every number
    assert layer.update_ratio * layer.weight_norm == pytest.approx(1e-3 * np.sqrt(size), rel=1e-3)


def test_learning_rates_that_are_far_off_are_noted():
    model = network(2, nn.tanh)
    assert "may be too large" in measured(model, learning_rate=100.0).notes[0]
    assert "may be too small" in measured(model, learning_rate=1e-9).notes[0]
    assert measured(model, learning_rate=0.02).notes == ()


def test_layers_of_plain_parameters_are_those_with_one_number():
    def loss(params, X, y):
        h = np.maximum(X @ params["W1"] + params["b1"], 0)
        s = 1 / (1 + np.exp(-(h @ params["W2"] + params["b2"])))
        return np.mean((s @ params["W3"] - y) ** 2)

    rng = np.random.default_rng(0)
    params = {
        "W3": rng.normal(size=(5, 1)), "W1": rng.normal(size=(4, 6)), "b1": np.full(6, -1e3),
        "W2": rng.normal(size=(6, 5)), "b2": np.full(5, 40.0),
    }  # fmt: skip
    data = [{"X": rng.normal(size=(50, 4)), "y": rng.normal(size=(50, 1))} for _ in range(2)]
    found = cr.flow(loss, params, data)
    assert [layer.name for layer in found.layers] == ["layer 1", "layer 2", "layer 3"]
    assert found.layers[0].parameters == ("W1", "b1")
    assert found.layers[0].dead_units == 1.0
    assert found.layers[1].saturated_values == 1.0
    assert found.layers[2].units == 0


def _list_of_weights():
    rng = np.random.default_rng(0)
    return [rng.normal(size=(6, 6)) for _ in range(12)], [np.zeros(6) for _ in range(12)]


def _numbered():
    weights, biases = _list_of_weights()
    pairs = [(f"W{i}", W) for i, W in enumerate(weights)]
    return dict(pairs + [(f"b{i}", b) for i, b in enumerate(biases)])


@pytest.mark.parametrize(
    ("params", "pairs", "first"),
    [
        (
            {"W": _list_of_weights()[0], "b": _list_of_weights()[1]},
            lambda p: zip(p["W"], p["b"], strict=True),
            ("layer 0", ("W[0]", "b[0]")),
        ),
        (
            {"net": _numbered()},
            lambda p: [(p["net"][f"W{i}"], p["net"][f"b{i}"]) for i in range(12)],
            ("layer 0", ("W0", "b0")),
        ),
        (
            {"net": {"deep": _numbered(), "scale": np.ones(6)}},
            lambda p: [(p["net"]["deep"][f"W{i}"], p["net"]["deep"][f"b{i}"]) for i in range(12)],
            ("deep.layer 0", ("W0", "b0")),
        ),
        (
            {"net": list(zip(*_list_of_weights(), strict=True))},
            lambda p: p["net"],
            ("net.0", ("0", "1")),
        ),
        (
            {f"linear{i}": pair for i, pair in enumerate(zip(*_list_of_weights(), strict=True))},
            lambda p: p.values(),
            ("linear0", ("0", "1")),
        ),
    ],
    ids=["lists", "numbers", "numbers below", "pairs", "pairs by name"],
)
def test_what_vanishes_is_seen_however_the_parameters_are_kept(params, pairs, first):
    def loss(params, X):
        h = X
        for W, b in pairs(params):
            h = 1 / (1 + np.exp(-(h @ W + b)))
        return np.mean(h**2)

    data = [(np.random.default_rng(n).normal(size=(40, 6)),) for n in range(2)]
    found = cr.flow(loss, params, data)
    layers = [layer for layer in found.layers if layer.name != "net.scale" and layer.units]
    assert found.verdict == "vanishing"
    assert (found.layers[0].name, found.layers[0].parameters) == first
    assert len(layers) == 11  # the last one's activation belongs to the loss


def test_convolution_batch_norm_dropout_and_residuals_are_measured():
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm(4), nn.relu, nn.Flatten(), nn.Dropout(0.5),
        nn.Linear(4 * 36, 8), nn.relu, nn.Linear(8, 2),
    )  # fmt: skip
    rng = np.random.default_rng(0)
    data = [(rng.normal(size=(40, 1, 8, 8)), rng.integers(0, 2, 40)) for _ in range(2)]
    found = cr.flow(model, model.init(0), data, loss=nn.cross_entropy, state=model.init_state())
    assert found.verdict == "healthy"
    assert [layer.units for layer in found.layers] == [0, 4, 8, 0]


def test_the_network_and_its_parameters_are_as_before():
    model = network(2, nn.relu)
    params = model.init(0)
    before = {name: {k: v.copy() for k, v in layer.items()} for name, layer in params.items()}
    measured(model, params, optimizer=optim.sgd(0.1))
    for name, layer in params.items():
        for key, value in layer.items():
            np.testing.assert_array_equal(value, before[name][key])


# --- judgement as a table ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gradients", "dead", "saturated", "verdicts"),
    [
        ([1.0, 1.0], 0.0, 0.0, ["healthy", "healthy"]),
        ([1.1e-3, 1.0], 0.0, 0.0, ["healthy", "healthy"]),
        ([0.9e-3, 1.0], 0.0, 0.0, ["vanishing", "healthy"]),
        ([0.0, 1.0], 0.0, 0.0, ["vanishing", "healthy"]),
        ([900.0, 1.0], 0.0, 0.0, ["healthy", "healthy"]),
        ([1100.0, 1.2], 0.0, 0.0, ["exploding", "healthy"]),
        ([90.0, 0.08], 0.0, 0.0, ["exploding", "healthy"]),
        ([np.nan, 1.0], 0.0, 0.0, ["exploding", "healthy"]),
        ([1.0, 1.0], 0.4, 0.0, ["dead", "healthy"]),
        ([1.0, 1.0], 0.3, 0.0, ["healthy", "healthy"]),
        ([1.0, 1.0], 0.0, 0.6, ["saturated", "healthy"]),
        ([1.0, 1.0], 0.0, 0.4, ["healthy", "healthy"]),
        ([0.0, 1.0], 1.0, 0.0, ["dead", "healthy"]),
    ],
)
def test_verdicts_by_threshold(gradients, dead, saturated, verdicts):
    units = UnitCounts(np.arange(10) >= 10 * dead, 1000, int(1000 * saturated), 100)
    layers = [
        Layer("a", ("W",), [gradients[0]], [1.0], units=units),
        Layer("b", ("V",), [gradients[1]], [1.0]),
    ]
    assert [layer.verdict for layer in judge(layers, 2, 100)] == verdicts


# --- forms ---------------------------------------------------------------------------------------


def test_text_json_picture_and_notebook_say_the_same():
    found = measured(network(30, nn.sigmoid), learning_rate=0.1)
    text = str(found)
    assert text.startswith("gradient flow: vanishing (3 batches, 192 samples)")
    assert repr(found) == text
    data = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert data["verdict"] == "vanishing"
    assert [layer["name"] for layer in data["layers"]] == [x.name for x in found.layers]
    picture = xml.etree.ElementTree.fromstring(str(found.svg()))
    words = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "vanishing" in found.svg().description
    assert words.count("vanishing") == [x.verdict for x in found.layers].count("vanishing")
    page = found._repr_html_()
    assert "<script" not in page
    assert "<svg" not in page
    assert page.count("<tr>") == 32


# --- errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, p: cr.flow(m, p, batches()), "needs a loss for a network"),
        (lambda m, p: cr.flow(m, p, loss=nn.cross_entropy), "flow needs batches"),
        (lambda m, p: cr.flow(m, p, [], loss=nn.cross_entropy), "no batch at all"),
        (lambda m, p: cr.flow(m, None, batches()), "needs the parameters"),
        (lambda m, p: cr.flow(3, p, batches()), "got a int"),
        (lambda m, p: cr.flow(m, p, [3], loss=nn.cross_entropy), "a batch is of type int"),
        (lambda m, p: cr.flow(len, p, batches(), loss=nn.cross_entropy), "is the loss itself"),
        (
            lambda m, p: measured(m, p, optimizer=optim.sgd(0.1), learning_rate=0.1),
            "not both",
        ),
        (lambda m, p: cr.flow(lambda p, x, y: x, p, batches()), "must return one number"),
        (
            lambda m, p: cr.flow(lambda p, x, y: np.sum(x), {"n": np.arange(3)}, batches()),
            "no floating-point array",
        ),
    ],
)
def test_wrong_arguments_are_refused(call, message):
    model = network(1, nn.relu)
    with pytest.raises(cr.InvalidInput, match=message):
        call(model, model.init(0))


# --- PyTorch -------------------------------------------------------------------------------------


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="PyTorch modules need PyTorch")


def module(torch, depth, activation, width=20):
    layers = []
    for number in range(depth):
        layers += [torch.nn.Linear(width if number else 10, width), activation()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(width, 3))


def test_modules_get_the_verdicts_of_the_same_network(torch):
    torch.manual_seed(0)
    data, loss = batches(), torch.nn.CrossEntropyLoss()
    deep = cr.flow(module(torch, 30, torch.nn.Sigmoid), batches=data, loss=loss)
    assert deep.verdict == "vanishing"
    healthy = module(torch, 4, torch.nn.ReLU)
    with torch.no_grad():
        for child in healthy:
            if isinstance(child, torch.nn.Linear):
                torch.nn.init.kaiming_normal_(child.weight, nonlinearity="relu")
    assert cr.flow(healthy, batches=data, loss=loss).verdict == "healthy"
    with torch.no_grad():
        healthy[2].bias -= 50
    assert cr.flow(healthy, batches=data, loss=loss).layers[1].verdict == "dead"


def test_a_module_gives_the_numbers_of_the_same_chainrule_network(torch):
    model = nn.Sequential(nn.Linear(10, 8), nn.tanh, nn.Linear(8, 8), nn.elu, nn.Linear(8, 3))
    params = model.init(2)
    twin = torch.nn.Sequential(
        torch.nn.Linear(10, 8), torch.nn.Tanh(), torch.nn.Linear(8, 8), torch.nn.ELU(),
        torch.nn.Linear(8, 3),
    ).double()  # fmt: skip
    with torch.no_grad():
        for child, layer in zip([twin[0], twin[2], twin[4]], params.values(), strict=True):
            child.weight.copy_(torch.tensor(layer["W"]))
            child.bias.copy_(torch.tensor(layer["b"]))
    ours = measured(model, params, learning_rate=0.1)
    theirs = cr.flow(twin, batches=batches(), loss=torch.nn.CrossEntropyLoss(), learning_rate=0.1)
    for a, b in zip(ours.layers, theirs.layers, strict=True):
        assert b.gradient_norm == pytest.approx(a.gradient_norm, rel=1e-10)
        assert b.update_ratio == pytest.approx(a.update_ratio, rel=1e-10)
        assert b.to_last == pytest.approx(a.to_last, rel=1e-10)
        assert b.verdict == a.verdict
        assert b.units == a.units
    assert theirs.layers[0].saturated_values == pytest.approx(ours.layers[0].saturated_values)


def test_a_module_is_left_as_it_was(torch):
    net = torch.nn.Sequential(
        torch.nn.Linear(10, 6), torch.nn.BatchNorm1d(6), torch.nn.ReLU(inplace=True),
        torch.nn.Dropout(0.5), torch.nn.Linear(6, 3),
    )  # fmt: skip
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.random.get_rng_state()
    found = cr.flow(net, batches=batches(), loss=torch.nn.CrossEntropyLoss())
    assert [layer.name for layer in found.layers] == ["0", "1", "4"]
    assert found.layers[1].units == 6
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])
    assert all(p.grad is None for p in net.parameters())
    assert not any(m._forward_hooks for m in net.modules())
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batches": [(np.ones((2, 10)),)]}, "is \\(inputs, targets\\)"),
        ({"batches": batches(), "loss": None}, "needs a loss for a PyTorch module"),
        ({"batches": batches(), "params": {}}, "has its own parameters"),
    ],
)
def test_wrong_arguments_for_modules_are_refused(torch, options, message):
    options.setdefault("loss", torch.nn.CrossEntropyLoss())
    with pytest.raises(cr.InvalidInput, match=message):
        cr.flow(module(torch, 1, torch.nn.ReLU), **options)


class _Detached:
    """A loss that forgets where it came from."""

    def __call__(self, outputs, targets):
        return outputs.detach().sum()


@pytest.mark.parametrize(
    ("change", "loss", "sentence"),
    [
        (lambda m: m.requires_grad_(False), None, "no parameter with requires_grad"),
        (lambda m: type(m)(*[m[1]]), None, "no parameter with requires_grad"),
        (lambda m: m, "none", r"must return one number, got \(64,\)"),
        (lambda m: m, "number", "must return one number, got float"),
        (lambda m: m, "detached", "does not depend on any parameter"),
    ],
)
def test_a_module_without_gradients_is_refused_in_a_sentence(torch, change, loss, sentence):
    losses = {
        None: torch.nn.CrossEntropyLoss(),
        "none": torch.nn.CrossEntropyLoss(reduction="none"),
        "number": lambda outputs, targets: 1.0,
        "detached": _Detached(),
    }
    network = change(module(torch, 2, torch.nn.ReLU))
    with pytest.raises(cr.InvalidInput, match=sentence):
        cr.flow(network, batches=batches(), loss=losses[loss])
    assert not any(child._forward_hooks for child in network.modules())


def test_a_frozen_layer_is_left_out_and_the_others_are_measured(torch):
    network = module(torch, 3, torch.nn.Tanh)
    network[2].requires_grad_(False)
    flow = cr.flow(network, batches=batches(), loss=torch.nn.CrossEntropyLoss())
    assert [layer.name for layer in flow.layers] == ["0", "4", "6"]


def test_a_layer_that_is_used_again_is_one_layer(torch):
    class Again(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.enter, self.again = torch.nn.Linear(10, 20), torch.nn.Linear(20, 20)
            self.squash, self.leave = torch.nn.Tanh(), torch.nn.Linear(20, 3)

        def forward(self, x):
            x = self.squash(self.enter(x))
            for _ in range(3):
                x = self.squash(self.again(x))
            return self.leave(x)

    flow = cr.flow(Again(), batches=batches(), loss=torch.nn.CrossEntropyLoss())
    assert [layer.name for layer in flow.layers] == ["enter", "again", "leave"]
    assert flow.verdict == "healthy"
