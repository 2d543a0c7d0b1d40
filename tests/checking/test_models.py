"""Classes with a loss and a backward method, in the ways in which people write them."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import chainrule as cr
from chainrule.checking.models import model_functions
from chainrule.checking.subject import SubjectError

_RNG = np.random.default_rng(0)
DATA = {"X": _RNG.normal(size=(6, 3)), "y": _RNG.normal(size=(6, 2))}
START = {"W": _RNG.normal(size=(3, 2)), "b": _RNG.normal(size=2)}
SCALE = 1.0  # of every gradient; 0.5 is a mistake


def residual(X, y, W, b):
    return X @ W + b - y


def gradients(X, y, W, b):
    r = SCALE * residual(X, y, W, b) / len(X)
    return {"W": X.T @ r, "b": r.sum(axis=0)}


def value(X, y, W, b):
    return np.sum(residual(X, y, W, b) ** 2) / (2 * len(X))


class Attributes:
    """Parameters are attributes, caches begin as None, and gradients are left in attributes."""

    labels = ("dW", "grad_b")

    def __init__(self):
        self.W, self.b = START["W"].copy(), START["b"].copy()
        self.X = self.y = None

    def loss(self, X, y):
        self.X, self.y = X, y
        return value(X, y, self.W, self.b)

    def backward(self):
        found = gradients(self.X, self.y, self.W, self.b).values()
        for label, g in zip(self.labels, found, strict=True):
            setattr(self, label, g)


class OtherLabels(Attributes):
    labels = ("W_grad", "gb")


class Stored:
    """Parameters in one dict and gradients in another."""

    def __init__(self):
        self.params = {name: each.copy() for name, each in START.items()}
        self.grads = {}

    def compute_loss(self, X, y):
        self.cache = X, y
        return value(X, y, **self.params)

    def backward(self):
        self.grads.update(gradients(*self.cache, **self.params))


class Returned(Stored):
    def backward(self):
        return gradients(*self.cache, **self.params)


class Both:
    """One method gives the loss and the gradients."""

    def __init__(self, start=None):
        self.parameters = {name: each.copy() for name, each in (start or START).items()}

    def loss(self, X, y=None):
        value_ = value(X, y, **self.parameters)
        return value_, gradients(X, y, **self.parameters)


class GradientAlone:
    """The gradient needs no loss before it; its methods take the data by keyword."""

    def __init__(self):
        self.W, self.b = START["W"].copy(), START["b"].copy()

    def cost(self, **batch):
        return value(**batch, W=self.W, b=self.b)

    def compute_grad(self, *, X, y):
        return gradients(X, y, self.W, self.b)


class Pair(GradientAlone):
    def compute_grad(self, X, y):
        return value(X, y, self.W, self.b), gradients(X, y, self.W, self.b)


MODELS = [Attributes, OtherLabels, Stored, Returned, Both, Both(START), GradientAlone, Pair]


def checked(model, example=None, **names):
    return cr.check(*model_functions(model, DATA if example is None else example, **names))


@pytest.mark.parametrize("model", MODELS, ids=lambda m: getattr(m, "__name__", "an object"))
def test_every_way_to_write_a_model_is_checked(model, monkeypatch):
    report = checked(model)
    assert report.verdict == "ok", str(report)
    assert list(report.gradients) == ["W", "b"]
    monkeypatch.setitem(globals(), "SCALE", 0.5)
    assert checked(model).codes == ("G204",)


class Layers:
    """A list of weights and one of biases, with an array for each layer."""

    mask = True

    def __init__(self):
        rng = np.random.default_rng(0)
        self.W = [rng.normal(size=(3, 5)), rng.normal(size=(5, 2))]
        self.b = [rng.normal(size=5), rng.normal(size=2)]
        self.kept = []

    def loss(self, X, y):
        h = np.maximum(X @ self.W[0] + self.b[0], 0)
        self.kept = [X, h, h @ self.W[1] + self.b[1] - y]
        return 0.5 * np.sum(self.kept[2] ** 2)

    def backward(self):
        X, h, d = self.kept
        below = d @ self.W[1].T * ((h > 0) if self.mask else 1)
        return {"W": [X.T @ below, h.T @ d], "b": [below.sum(axis=0), d.sum(axis=0)]}


class Unmasked(Layers):
    mask = False


def test_lists_of_arrays_are_parameters():
    example = {
        "X": np.random.default_rng(1).normal(size=(7, 3)),
        "y": np.arange(14.0).reshape(7, 2),
    }
    report = checked(Layers, example)
    assert report.verdict == "ok", str(report)
    assert list(report.gradients) == ["W[0]", "W[1]", "b[0]", "b[1]"]
    report = checked(Unmasked, example)
    wrong = [name for name, each in report.gradients.items() if each.verdict == "wrong"]
    assert (wrong, report.codes) == (["W[0]", "b[0]"], ("G401",))


class Dense:
    """A layer that keeps its gradients, and whose net it is in."""

    factor = 1

    def __init__(self, net, rng, *shape):
        self.net, self.W, self.b = net, rng.normal(size=shape), rng.normal(size=shape[1])

    def __call__(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, g):
        self.dW, self.db = self.factor * self.x.T @ g, g.sum(axis=0)
        return g @ self.W.T


class Stack:
    """A network of layers; the last keeps its gradients in a dict."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.layers = [Dense(self, rng, 3, 5), np.tanh, Dense(self, rng, 5, 2)]

    def loss(self, X, y):
        first, activation, last = self.layers
        self.h = activation(first(X))
        self.error = last(self.h) - y
        return 0.5 * np.sum(self.error**2)

    def backward(self):
        first, _, last = self.layers
        first.backward(last.backward(self.error) * (1 - self.h**2))
        last.grads = {"dW": last.dW, "db": last.db}


def test_parameters_of_layers_are_found_with_their_gradients(monkeypatch):
    example = {"X": np.random.default_rng(1).normal(size=(7, 3)), "y": np.ones((7, 2))}
    report = checked(Stack, example)
    assert report.verdict == "ok", str(report)
    assert list(report.gradients) == ["layers[0].W", "layers[0].b", "layers[2].W", "layers[2].b"]
    monkeypatch.setattr(Dense, "factor", 2)
    report = checked(Stack, example)
    wrong = [name for name, each in report.gradients.items() if each.verdict == "wrong"]
    assert (wrong, report.codes) == (["layers[0].W", "layers[2].W"], ("G204",))


def test_the_example_may_give_values_of_parameters():
    zeros = {"W": np.zeros((3, 2)), "b": np.zeros(2)}
    functions = model_functions(Attributes, {**DATA, **zeros})
    assert functions.loss(**DATA, **zeros) == pytest.approx(np.sum(DATA["y"] ** 2) / 12)
    assert set(functions.example) == {"X", "y", "W", "b"}
    np.testing.assert_array_equal(functions.example["W"], 0)


def test_methods_can_be_named():
    class Named(Stored):
        def error(self, X, y):
            return self.compute_loss(X, y)

        def derive(self):
            return gradients(*self.cache, **self.params)

        def backward(self):
            raise NotImplementedError

    assert checked(Named, loss="error", gradient="derive").verdict == "ok"


def test_calls_leave_the_model_as_it_was():
    model = Stored()
    before = {name: each.copy() for name, each in model.params.items()}
    assert checked(model).verdict == "ok"
    assert model.grads == {}
    assert all(np.array_equal(model.params[name], each) for name, each in before.items())


class Needy:
    def __init__(self, width):
        self.W = np.zeros(width)


class Empty:
    def loss(self, X, y):
        return 0.0


class Slotted:
    __slots__ = ("W",)

    def loss(self, X, y):
        return 0.0


class OfTensors(Empty):
    def state_dict(self):
        return {}


class Demanding(Attributes):
    def loss(self, X, y, weights):
        return 0.0


class DemandingByKeyword(Attributes):
    def loss(self, *, X, y, weights):
        return 0.0


@pytest.mark.parametrize(
    ("model", "names", "sentence"),
    [
        (Needy, {}, r"Needy\(\) cannot be made without arguments .*width.* under the key 'model'"),
        (Attributes(), {"loss": "risk"}, "Attributes has no method risk; name it with --loss"),
        (Attributes, {"gradient": "pull"}, "has no method pull; name it with --gradient"),
        (object(), {}, "object has no method loss; name it with --loss"),
        (Empty, {}, "Empty has no parameters: no attributes that are floating-point arrays or"),
        (Slotted, {}, "Slotted keeps its attributes in __slots__, .*; leave __slots__ out"),
        (OfTensors, {}, "OfTensors is a PyTorch module; write loss and gradient as functions"),
    ],
)
def test_what_is_no_model_says_why(model, names, sentence):
    with pytest.raises(SubjectError, match=sentence):
        model_functions(model, DATA, **names)


@pytest.mark.parametrize("model", [Demanding, DemandingByKeyword])
def test_data_that_a_method_needs_are_asked_for(model):
    report = checked(model)
    assert report.verdict == "error"
    assert report.message == (
        "the example gives no weights for loss(X, y, weights); add it to its dict."
    )


def test_a_backward_method_that_leaves_nothing_is_an_error():
    class Forgetful(Attributes):
        def backward(self):
            pass

    report = checked(Forgetful)
    assert report.verdict == "error"
    assert report.message == (
        'backward() returned None and left no gradients in the object; return a dict such as {"W": '
        "dW}, or keep them in attributes such as self.dW."
    )


class Updating(Attributes):
    def backward(self):
        self.W -= 0.1


class Locked(Attributes):
    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Updating, "returned None, updates W and left no gradients .*, and update in a method of"),
        (Locked, r"Locked cannot be copied \(TypeError: cannot pickle .*; keep files, locks"),
    ],
)
def test_what_cannot_be_checked_says_what_to_change(model, said):
    report = checked(model)
    assert report.verdict == "error"
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(report.message)


class ForwardFirst:
    """The outputs are kept, and the loss takes the targets alone."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.W, self.b = rng.normal(size=(3, 2)), rng.normal(size=2)

    def forward(self, X):
        self.X, self.out = X, X @ self.W + self.b
        return self.out

    def loss(self, y):
        self.y = y
        return np.sum((self.out - y) ** 2)

    def backward(self):
        d = 2 * SCALE * (self.out - self.y)
        self.dW, self.db = self.X.T @ d, d.sum(axis=0)


class OutputsGiven(ForwardFirst):
    def loss(self, outputs, y):
        return np.sum((outputs - y) ** 2)

    def backward(self, outputs, y):
        d = 2 * SCALE * (outputs - y)
        return {"W": self.X.T @ d, "b": d.sum(axis=0)}


class WithCache(OutputsGiven):
    def forward(self, X):
        return super().forward(X), "cache"


class Stateless:
    @staticmethod
    def loss(X, y, W, b):
        return np.sum((X @ W + b - y) ** 2)

    @classmethod
    def gradient(cls, X, y, W, b):
        d = 2 * SCALE * (X @ W + b - y)
        return {"W": X.T @ d, "b": d.sum(axis=0)}


@pytest.mark.parametrize("model", [ForwardFirst, OutputsGiven, WithCache, Stateless])
def test_forward_is_called_where_the_loss_needs_it(model, monkeypatch):
    rng = np.random.default_rng(1)
    data = {"X": rng.normal(size=(7, 3)), "y": rng.normal(size=(7, 2))}
    if model is Stateless:
        data |= {"W": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}
    report = checked(model, data)
    assert report.verdict == "ok", str(report)
    assert set(report.gradients) == {"W", "b"}
    monkeypatch.setitem(globals(), "SCALE", 0.5)
    report = checked(model, data)
    assert report.codes == ("G204",)
    assert report.first_wrong.text.startswith("d = 2 * SCALE")
