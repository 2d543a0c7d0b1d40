"""Parts (a) to (d) of `digits-3-vs-9`: drawing, cost, activations, backpropagation."""

from __future__ import annotations

import ast
import inspect
import textwrap
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.experiments.experiment import Run
from chainrule.experiments.handwritten_backprop import (
    GDOptimizer,
    Model,
    parameter_gradients,
)
from chainrule.experiments.handwritten_functions import (
    Activation,
    Array,
    LinearActivation,
    QuadraticCost,
    ReLUActivation,
    SigmoidActivation,
    TanhActivation,
    misclassification_error,
)
from chainrule.experiments.handwritten_layer import DenseLayer
from chainrule.programs.network_drawing import describe_network, draw_network, parameter_count
from chainrule.programs.step_page import step_page

ACTIVATIONS: dict[str, type[Activation]] = {
    "linear": LinearActivation,
    "relu": ReLUActivation,
    "tanh": TanhActivation,
    "sigmoid": SigmoidActivation,
}

#: The activations once more as a user would write them for the engine, which differentiates them.
PLAIN_NUMPY: dict[str, Callable[[Any], Any]] = {
    "linear": lambda z: z,
    "relu": lambda z: np.maximum(z, 0.0),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1.0 / (1.0 + np.exp(-z)),
}


def build(
    inputs: int, layers: list[tuple[int, str]], rng: np.random.Generator, dtype: str = "float64"
) -> Model:
    """A model with the hand-out's initial parameters; `layers` are (width, activation)."""
    model = Model(inputs, dtype)
    for width, name in layers:
        model.addLayer(DenseLayer(width, ACTIVATIONS[name]))
    model.initialize(QuadraticCost, rng=rng)
    return model


def reference_problem() -> tuple[Model, Array, Array, dict[str, Array]]:
    """A network with ReLU, one batch of three, and its gradients worked out on paper.

    They are the gradients of MSE = 1/(2n) Σ (y − ŷ)² with n = 3.
    """
    model = build(2, [(2, "relu"), (1, "linear")], np.random.default_rng(0))
    model.layers[0].W = np.array([[1.0, -1.0], [2.0, 0.0]])
    model.layers[0].b = np.array([[0.0], [-1.0]])
    model.layers[1].W = np.array([[1.0, -2.0]])
    model.layers[1].b = np.array([[0.5]])
    x = np.array([[1.0, 0.0], [2.0, 1.0], [-1.0, 1.0]])
    y = np.array([[1.0], [-1.0], [1.0]])
    gradients = {
        "W_0": np.array([[-17 / 6, -7 / 6], [17 / 3, 7 / 3]]),
        "b_0": np.array([[-5 / 3], [10 / 3]]),
        "W_1": np.array([[-5 / 3, -4.0]]),
        "b_1": np.array([[-11 / 6]]),
        "x": np.array([[1.5, 0.5], [3.5, 7 / 6], [0.0, 0.0]]),
    }
    return model, x, y, gradients


def reference_loss(W_0: Any, b_0: Any, W_1: Any, b_1: Any, x: Any, y: Any) -> Any:
    """The MSE of the worked example as a user writes it."""
    z_0 = W_0 @ x + b_0
    a_1 = np.maximum(z_0, 0)
    yp = W_1 @ a_1 + b_1
    return np.sum((y - yp) ** 2) / (2 * y.size)


def random_problem(rng: np.random.Generator) -> tuple[Model, Array, Array]:
    """A random network of 1 to 4 layers of 1 to 7 units, with a batch of 1 to 8 samples.

    Drawn again where a ReLU lies within 1e-3 of its kink, for there central differences say
    nothing.
    """
    while True:
        names = rng.choice(list(ACTIVATIONS), rng.integers(1, 5))
        inputs, samples = int(rng.integers(1, 8)), int(rng.integers(1, 9))
        model = build(inputs, [(int(rng.integers(1, 8)), str(name)) for name in names], rng)
        x = rng.normal(size=(samples, inputs))
        y = rng.normal(size=(samples, model.getLayerSize(len(names) - 1)))
        _, _, z = model.evaluate(x)
        kinks = [np.abs(z[i]) for i, name in enumerate(names) if name == "relu"]
        if all(distance.min() > 1e-3 for distance in kinks):
            return model, x, y


def handwritten_gradients(model: Model, x: Array, y: Array) -> dict[str, Array]:
    """Gradients of the MSE by `Model.compute_grad`, also with respect to the samples."""
    g, a = model.compute_grad(x, y)
    named: dict[str, Array] = {}
    for i, (dW, db) in enumerate(parameter_gradients(g, a)):
        named |= {f"W_{i}": dW, f"b_{i}": db}
    named["x"] = (model.layers[0].W.T @ g[0]).T / len(x)
    return named


def engine_gradients(model: Model, x: Array, y: Array) -> dict[str, Array]:
    """The same gradients by the engine, from the forward pass alone, written in plain NumPy."""
    import chainrule as cr

    names = [_name_of(layer) for layer in model.layers]

    def loss(parameters: dict[str, Any]) -> Any:
        value = parameters["x"].T
        for layer, name in zip(parameters["layers"], names, strict=True):
            value = PLAIN_NUMPY[name](layer["W"] @ value + layer["b"])
        return np.sum((value - y.T) ** 2) / (2 * len(y))

    layers = [{"W": layer.W, "b": layer.b} for layer in model.layers]
    _, gradients = cr.value_and_grad(loss)({"layers": layers, "x": x})
    named: dict[str, Array] = {}
    for i, layer in enumerate(gradients["layers"]):
        named |= {f"W_{i}": layer["W"], f"b_{i}": layer["b"]}
    named["x"] = gradients["x"]
    return named


def deviation(found: dict[str, Array], expected: dict[str, Array]) -> float:
    """Largest difference of two sets of gradients, relative where the expected entry exceeds 1."""
    return max(
        float(np.max(np.abs(found[name] - value) / np.maximum(1.0, np.abs(value))))
        for name, value in expected.items()
    )


def drawing(run: Run) -> None:
    """Part (a)."""
    sizes, activations = (784, 16, 1), ("relu", "linear")
    run.section("(a) The network")
    run.figure(
        "network",
        "The network of part (a), 784-16-1, with its squared-error loss",
        draw_network(sizes, activations).svg,
        alternative=describe_network(sizes, activations),
        note="A unit shows its pre-activation, its activation and its output; of a wide layer the "
        "first three units and the last are drawn. The layers are counted from the input, a₀.",
    )
    model = build(784, [(16, "relu"), (1, "linear")], run.rng("drawing"))
    held = sum(layer.W.size + layer.b.size for layer in model.layers)
    run.claim(
        "a-parameters",
        "The arrays of the 784-16-1 network hold as many numbers as the drawing counts",
        measured=held,
        expected=parameter_count(sizes),
        holds=held == parameter_count(sizes),
        source="001 §1 (a)",
    )


def cost(run: Run) -> None:
    """Part (b)."""
    y, yp = np.array([1.0, -1.0, 1.0, -1.0]), np.array([0.5, 0.25, 0.0, -2.0])
    run.section("(b) The cost and its derivative")
    run.text(
        "From MSE(ŷ) = 1/(2n) Σ<sub>i</sub> (y<sub>i</sub> − ŷ<sub>i</sub>)² follows "
        "**∂MSE/∂ŷ<sub>i</sub> = (ŷ<sub>i</sub> − y<sub>i</sub>)/n**. The code keeps the sum apart "
        "from the average, as the assignment does: `fx` and `dx` give ½(y − ŷ)² and ŷ − y element "
        "by element, and the optimizer divides by the size of the batch. The factor 1/n must "
        "appear exactly once. With `reduction='mean'` the same functions give MSE and its "
        "derivative. The error rate MCE takes its sign literally: sign(0) = 0 is neither class, so "
        "a prediction of exactly 0 is an error."
    )
    run.text(code(QuadraticCost.fx, QuadraticCost.dx))
    element, slope = QuadraticCost.fx(y, yp), QuadraticCost.dx(y, yp, "mean")
    run.table(
        "cost",
        "Four predictions worked out by hand",
        ["target y", "prediction ŷ", "cost ½(y − ŷ)²", "∂MSE/∂ŷ", "sign(ŷ) ≠ y"],
        [list(row) for row in zip(y, yp, element, slope, np.sign(yp) != y, strict=True)],
    )
    mean = float(QuadraticCost.fx(y, yp, "mean"))
    expected = np.array([-0.125, 0.3125, -0.25, -0.25])
    errors = misclassification_error(y, yp), misclassification_error(y, yp, zero_is="positive")
    run.claim(
        "b-mse",
        "MSE of the four predictions",
        measured=mean,
        expected=0.4765625,
        holds=mean == 0.4765625,
        source="001 §1 (b)",
    )
    run.claim(
        "b-derivative",
        "∂MSE/∂ŷ of the four predictions, with 1/n exactly once",
        measured=_listed(slope),
        expected=_listed(expected),
        holds=bool(np.array_equal(slope, expected)),
        source="001 §1 (b)",
    )
    run.claim(
        "b-mce",
        "MCE of the four predictions, with ŷ = 0 an error, and with ŷ = 0 positive",
        measured=f"{errors[0]:g} and {errors[1]:g}",
        expected="0.5 and 0.25",
        holds=errors == (0.5, 0.25),
        source="001 §1 (b)",
    )


def activations(run: Run) -> None:
    """Part (c)."""
    points = np.array([-800.0, -20.0, -1.0, 0.0, 1.0, 20.0, 800.0])
    run.section("(c) The activations and their derivatives")
    run.text(
        "σ<sub>linear</sub>′ = 1; σ<sub>ReLU</sub>′ = 1 for z > 0 and 0 for z < 0; "
        "σ<sub>tanh</sub>′ = 1 − tanh² z. At z = 0 the ReLU has no derivative and the case form of "
        "the assignment leaves it open: it is 0 here, as everywhere in this project. The quotient "
        "(e<sup>z</sup> − e<sup>−z</sup>)/(e<sup>z</sup> + e<sup>−z</sup>) overflows from "
        "|z| = 710 on, and 1 − tanh² z cancels to 0 from |z| = 19 on, though the derivative is not "
        "0: the code uses sech² z = 4e<sup>−2|z|</sup>/(1 + e<sup>−2|z|</sup>)²."
    )
    run.text(code(*(c.fx for c in ACTIVATIONS.values()), *(c.dx for c in ACTIVATIONS.values())))
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="warn", under="ignore"):
        warnings.simplefilter("always")
        values = {name: (c.fx(points), c.dx(points)) for name, c in ACTIVATIONS.items()}
    for part, id, title in (
        (0, "activations", "Values"),
        (1, "activation-derivatives", "Derivatives"),
    ):
        run.table(
            id,
            f"{title}, also where a careless formula overflows or cancels",
            ["z", *values],
            [
                [float(z), *(float(pair[part][i]) for pair in values.values())]
                for i, z in enumerate(points)
            ],
        )
    finite = sum(int(np.isfinite(f).sum()) for pair in values.values() for f in pair)
    total = sum(f.size for pair in values.values() for f in pair)
    run.claim(
        "c-finite",
        "From z = −800 to 800 every value and derivative is finite, without a warning",
        measured=f"{finite} of {total} finite, {len(caught)} warnings",
        expected=f"{total} of {total} finite, 0 warnings",
        holds=finite == total and not caught,
        source="001 §1 (c)",
    )
    sech = 1.6993417021166355e-17
    found = float(TanhActivation.dx(20.0))
    run.claim(
        "c-tanh",
        f"tanh′(20) = sech²(20), where 1 − tanh²(20) computes as {1 - float(np.tanh(20.0)) ** 2:g}",
        measured=found,
        expected=sech,
        holds=abs(found - sech) <= 1e-14 * sech,
        source="001 §1 (c)",
    )
    smooth = np.array([-20.0, -3.0, -1.0, -0.1, 0.1, 1.0, 3.0, 20.0])
    step = 1e-6
    worst = max(
        float(
            np.max(np.abs((c.fx(smooth + step) - c.fx(smooth - step)) / (2 * step) - c.dx(smooth)))
        )
        for c in ACTIVATIONS.values()
    )
    run.claim(
        "c-differences",
        "Derivatives against central differences away from the kink, largest difference",
        measured=worst,
        expected="at most 10⁻⁸",
        holds=worst <= 1e-8,
        source="001 §1 (c)",
    )


def backpropagation(run: Run) -> None:
    """Part (d)."""
    run.section("(d) Backpropagation")
    run.text(
        "With z<sub>i</sub> = W<sub>i</sub>a<sub>i</sub> + b<sub>i</sub> and a<sub>i+1</sub> = "
        "σ(z<sub>i</sub>), a change of a<sub>i</sub> reaches the cost through z<sub>i</sub> only: "
        "**∂MSE/∂a<sub>i</sub> = W<sub>i</sub>ᵀ (∂MSE/∂a<sub>i+1</sub> ⊙ σ′(z<sub>i</sub>))**. The "
        "bracket is ∂MSE/∂z<sub>i</sub>, and from it ∂MSE/∂W<sub>i</sub> = "
        "(∂MSE/∂z<sub>i</sub>) a<sub>i</sub>ᵀ and ∂MSE/∂b<sub>i</sub> = Σ ∂MSE/∂z<sub>i</sub> over "
        "the samples, which are the columns."
    )
    run.text(code(Model._forward, Model._backward))
    model, x, y, expected = reference_problem()
    found = handwritten_gradients(model, x, y)
    run.table(
        "reference",
        "A 2-2-1 ReLU network and three samples, worked out on paper: gradients of the MSE",
        ["gradient of", "compute_grad", "on paper"],
        [
            [
                name.replace("_0", "₀").replace("_1", "₁"),
                [float(v) for v in found[name].ravel()],
                [float(v) for v in value.ravel()],
            ]
            for name, value in expected.items()
        ],
    )
    first, second = model.layers
    page = step_page(reference_loss, first.W, first.b, second.W, second.b, x.T, y.T)
    run.steps("reference", "Step through the worked example, forward and backward", page)
    worst = deviation(found, expected)
    run.claim(
        "d-reference",
        "Gradients of the worked example, with respect to W, b and the input: largest deviation",
        measured=worst,
        expected="at most 10⁻¹²",
        holds=worst <= 1e-12,
        source="001 §1 (d)",
    )
    networks = run.parameters["random_networks"]
    result = run.step("gradients", lambda: _compare(run, networks), "comparing gradients")
    run.claim(
        "d-engine",
        f"{networks} random networks, {result['entries']} gradient entries: largest deviation of "
        "the hand-written gradients from the engine's",
        measured=result["engine"],
        expected="at most 10⁻¹²",
        holds=result["engine"] <= 1e-12,
        source="001 §1 (d)",
    )
    run.claim(
        "d-numerical",
        f"The same {networks} random networks: largest deviation of the hand-written gradients "
        "from central differences in every W, b and z",
        measured=result["numerical"],
        expected="at most 10⁻⁶",
        holds=result["numerical"] <= 1e-6,
        source="001 §1 (d)",
    )


def one_step_deviation(
    rng: np.random.Generator, x: Array, y: Array, width: int, eta: float
) -> float:
    """How far an epoch with B = n is from W − η ∂MSE/∂W with the engine's gradient."""
    model = build(x.shape[1], [(width, "relu"), (y.shape[1], "linear")], rng)
    gradients = engine_gradients(model, x, y)
    expected = {}
    for i, layer in enumerate(model.layers):
        expected[f"W_{i}"] = layer.W - eta * gradients[f"W_{i}"]
        expected[f"b_{i}"] = layer.b - eta * gradients[f"b_{i}"]
    model.trainBatch(x, y, len(x), 1, GDOptimizer(eta), rng=rng)
    found: dict[str, Array] = {}
    for i, layer in enumerate(model.layers):
        found |= {f"W_{i}": layer.W, f"b_{i}": layer.b}
    return deviation(found, expected)


def _compare(run: Run, networks: int) -> dict[str, float]:
    """Largest deviations of the hand-written gradients over random networks."""
    rng = run.rng("random networks")
    engine = numerical = 0.0
    entries = 0
    with run.progress("random networks", networks) as bar:
        for _ in range(networks):
            model, x, y = random_problem(rng)
            found = handwritten_gradients(model, x, y)
            entries += sum(gradient.size for gradient in found.values())
            engine = max(engine, deviation(found, engine_gradients(model, x, y)))
            differences: dict[str, Array] = {}
            for i, (dW, db) in enumerate(model.numerical_parameter_gradients(x, y)):
                differences |= {f"W_{i}": dW, f"b_{i}": db}
            numerical = max(numerical, deviation(found, differences))
            g = {str(i): value for i, value in enumerate(model.compute_grad(x, y)[0])}
            by_z = {str(i): value for i, value in enumerate(model.numerical_grad(x, y))}
            numerical = max(numerical, deviation(g, by_z))
            bar.advance()
    return {"engine": engine, "numerical": numerical, "entries": entries}


def _name_of(layer: DenseLayer) -> str:
    """Name of a layer's activation."""
    return next(name for name, c in ACTIVATIONS.items() if c is layer.activation)


def _listed(values: Array) -> str:
    """Numbers in a sentence."""
    return ", ".join(f"{value:g}".replace("-", "−") for value in values)


def code(*functions: Callable[..., Any]) -> str:
    """The functions as they are written, without their docstrings, as a block of Markdown."""
    parts: list[str] = []
    for function in functions:
        lines = textwrap.dedent(inspect.getsource(function)).splitlines()
        definition = ast.parse("\n".join(lines)).body[0]
        assert isinstance(definition, ast.FunctionDef)
        if ast.get_docstring(definition) is not None:
            docstring = definition.body[0]
            del lines[docstring.lineno - 1 : docstring.end_lineno]
        owner = function.__qualname__.rpartition(".")[0]
        parts.append("\n".join([f"# {owner}.{function.__name__}", *lines]))
    return "```python\n" + "\n\n".join(parts) + "\n```"
