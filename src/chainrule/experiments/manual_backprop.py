"""Experiment `manual-backprop`: a digit classifier with every gradient by hand.

The network is in `manual_backprop_network`, the differentiator of the second demo in
`manual_backprop_scalar`, the figures in `manual_backprop_figures`.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.experiments import manual_backprop_figures as figures
from chainrule.experiments import manual_backprop_network as network
from chainrule.experiments import manual_backprop_scalar as scalar
from chainrule.experiments.differences import central_differences
from chainrule.experiments.experiment import Experiment, ExperimentError, Parameter, Run
from chainrule.programs.step_page import step_page

SOURCE = "004 P5"
#: Learning rate and epochs by the kind of data; on MNIST the hand-out's.
SETTINGS = {"embedded": (0.1, 8), "real": (0.003, 3)}
#: Accuracy on test images to be reached; on MNIST the hand-out's.
GOALS = {"embedded": 0.9, "real": 0.7}


class Digits:
    """Images as rows in [0, 1] and their labels, for training and for testing."""

    def __init__(self, run: Run) -> None:
        from chainrule.data import load_digits, load_mnist

        limit = run.parameters["images"] or None
        if run.data == "embedded":
            images, labels = load_digits()
            order = run.rng("split").permutation(len(images))
            images, labels = images[order] / 16, labels[order]
            self.train, self.train_labels = images[:1437], labels[:1437]
            self.test, self.test_labels = images[1437:], labels[1437:]
        else:
            train, self.train_labels = load_mnist("train", data_dir=run.data_directory)
            test, self.test_labels = load_mnist("test", data_dir=run.data_directory)
            self.train, self.test = train / 255, test / 255
        self.shape = self.train.shape[1:]
        self.train, self.train_labels = _rows(self.train[:limit]), self.train_labels[:limit]
        self.test = _rows(self.test)


def _rows(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1)


def top_layer(run: Run) -> None:
    """Softmax and cross-entropy."""
    run.section("The top layer")
    run.text(
        "Softmax has the Jacobian ∂p/∂z = diag(p) − ppᵀ. With ℓ = −Σ y<sub>k</sub> log "
        "p<sub>k</sub> and Σ y<sub>k</sub> = 1 the chain rule leaves **∂ℓ/∂z = p − y**. The loss "
        "is computed as log Σ e<sup>z</sup> − y·z with the largest z taken out of the sum: the "
        "logarithm of a computed softmax is −∞ as soon as a probability underflows."
    )
    z, y = np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, 0.0])
    p = np.asarray(nn.softmax(z))
    expected = (0.09003057317038046, 0.24472847105479764, 0.6652409557748218)
    run.claim(
        "softmax",
        "softmax(1, 2, 3)",
        measured=", ".join(f"{value:.15f}" for value in p),
        expected=", ".join(f"{value:.15f}" for value in expected),
        holds=bool(np.max(np.abs(p - expected)) < 1e-15),
        source=SOURCE,
    )
    jacobian = central_differences(nn.softmax, z)
    by_chain = -(np.diag(p) - np.outer(p, p)) @ (y / p)
    off = (float(np.max(np.abs(jacobian - (np.diag(p) - np.outer(p, p))))),
           float(np.max(np.abs(by_chain - (p - y)))))  # fmt: skip
    run.claim(
        "jacobian",
        "diag(p) − ppᵀ agrees with central differences, and multiplied into −y/p it is p − y: "
        "largest deviations",
        measured=f"{off[0]:.1e}, {off[1]:.1e}",
        expected="at most 1e-9, 1e-15",
        holds=off[0] <= 1e-9 and off[1] <= 1e-15,
        source=SOURCE,
    )
    far = np.array([0.0, 1000.0])
    with np.errstate(divide="ignore"):
        naive = -float(np.log(nn.softmax(far))[0])
    stable = network.cross_entropy(far, np.array([1.0, 0.0]))
    run.claim(
        "underflow",
        "The loss of logits (0, 1000) for the first class: −log softmax, and as used here",
        measured=f"{naive}, {stable}",
        expected="infinite, 1000",
        holds=bool(np.isinf(naive)) and stable == 1000,
        source=SOURCE,
    )


def derivatives(run: Run, digits: Digits, sizes: tuple[int, ...]) -> None:
    """Every derivative of one image."""
    run.section("Backpropagation")
    run.text(
        "With z<sub>i</sub> = W<sub>i</sub>a<sub>i−1</sub> + b<sub>i</sub>, a<sub>i</sub> = "
        "σ(z<sub>i</sub>) and a<sub>0</sub> = x, from the top: **∂ℓ/∂W<sub>i</sub> = "
        "(∂ℓ/∂z<sub>i</sub>) a<sub>i−1</sub>ᵀ**, ∂ℓ/∂b<sub>i</sub> = ∂ℓ/∂z<sub>i</sub>, "
        "**∂ℓ/∂a<sub>i−1</sub> = W<sub>i</sub>ᵀ ∂ℓ/∂z<sub>i</sub>** and ∂ℓ/∂z<sub>i−1</sub> = "
        "∂ℓ/∂a<sub>i−1</sub> ⊙ σ′(z<sub>i−1</sub>), with σ′ = σ(1 − σ). Each of the eleven is "
        "compared with the engine's; the derivatives by the values in between are the gradients "
        "by zeros that are added to them."
    )
    names = ("z3", "W3", "b3", "a2", "z2", "W2", "b2", "a1", "z1", "W1", "b1")

    def measure() -> dict[str, Any]:
        worst = dict.fromkeys(names, 0.0)
        shapes: dict[str, str] = {}
        for case in range(20):
            rng = run.rng(f"derivatives {case}")
            params = network.initialize(sizes, rng)
            for name in ("b1", "b2", "b3"):
                params[name] = rng.normal(size=params[name].shape)
            i = int(rng.integers(len(digits.train)))
            y = np.eye(10)[digits.train_labels[i]]
            values = network.forward(params, digits.train[i])
            mine = network.backward(params, values, y)
            theirs = network.engine_gradients(params, values, y)
            for name in names:
                error = network.relative_error(mine[name], theirs[name])
                worst[name] = max(worst[name], error)
                shapes[name] = " × ".join(map(str, mine[name].shape))
        return {"worst": worst, "shapes": shapes}

    params, y = network.initialize(sizes, run.rng("steps")), np.eye(10)[digits.train_labels[0]]
    run.steps("loss", "Step through the loss of one image, forward and backward",
              step_page(network.loss_as_written, **params, x=digits.train[0], y=y))  # fmt: skip
    found = run.step("derivatives", measure)
    worst = found["worst"]
    run.table(
        "derivatives",
        "∂ℓ by each quantity: largest relative error in 20 networks and images",
        ["by", "shape", "relative error"],
        [[name, found["shapes"][name], worst[name]] for name in names],
    )
    run.claim(
        "derivatives",
        "Every derivative by hand agrees with the engine's: largest relative error",
        measured=max(worst.values()),
        expected="at most 1e-13",
        holds=max(worst.values()) <= 1e-13,
        source=SOURCE,
    )


def mistakes(run: Run, digits: Digits, sizes: tuple[int, ...]) -> None:
    """Two mistakes that are often made, and whether training would show them."""
    run.section("Two classic mistakes")
    run.text(
        "σ′ is often given the activation a = σ(z) instead of z, and a weight matrix is often "
        "changed before the gradient has been passed back through it. With the first the loss "
        "falls all the same. The second adds −η‖p − y‖² a2 to ∂ℓ/∂a2, a push of the same sign at "
        "every step: nothing to notice at a small learning rate η, the end of learning at a large "
        "one. A comparison of gradients shows both at once, and where: the error begins below "
        "the layer at which the mistake is made."
    )
    steps = min(run.parameters["mistake_steps"], 20 * len(digits.train))
    rate, _ = resolved(run)
    ways: dict[str, Any] = {
        "correct": network.backward,
        "σ′(a) for σ′(z)": network.derivative_of_the_activation,
        "W changed too early": functools.partial(
            network.update_before_propagation, learning_rate=rate
        ),
    }

    def measure() -> dict[str, list[float]]:
        rows = {}
        for name, by_hand in ways.items():
            params = network.initialize(sizes, run.rng("mistakes"))
            y = np.eye(10)[digits.train_labels[0]]
            values = network.forward(params, digits.train[0])
            engine = network.engine_gradients(params, values, y)
            wrong = by_hand(params, values, y)
            errors = [network.relative_error(wrong[k], engine[k]) for k in ("W1", "W2", "W3")]
            order = run.rng("mistakes, order").integers(len(digits.train), size=steps)
            network.step_by_step(params, digits.train, digits.train_labels, order, rate, by_hand)
            rows[name] = [*errors, *network.evaluate(params, digits.test, digits.test_labels)]
        return rows

    rows = run.step("mistakes", measure)
    run.table(
        "mistakes",
        f"Relative error of each gradient at the start, and the test set after {steps:,} steps",
        ["", "∂ℓ/∂W1", "∂ℓ/∂W2", "∂ℓ/∂W3", "loss", "accuracy"],
        [[name, *row] for name, row in rows.items()],
    )
    wrong = [row for name, row in rows.items() if name != "correct"]
    seen = min(min(row[0], row[1]) for row in wrong)
    run.claim(
        "mistakes",
        "Both mistakes show below the top layer and not in it: smallest relative error of "
        "∂ℓ/∂W1 and ∂ℓ/∂W2, largest of ∂ℓ/∂W3",
        measured=f"{seen:.2g}, {max(row[2] for row in wrong):.1g}",
        expected="above 1e-4, below 1e-13",
        holds=seen > 1e-4 and max(row[2] for row in wrong) < 1e-13,
        source=SOURCE,
    )


def resolved(run: Run) -> tuple[float, int]:
    """Learning rate and epochs, with every 0 replaced by what it stands for."""
    rate, epochs = SETTINGS[run.data]
    return run.parameters["learning_rate"] or rate, run.parameters["epochs"] or epochs


def training(run: Run, digits: Digits, sizes: tuple[int, ...]) -> None:
    """SGD by hand, every gradient checked."""
    run.section("Training")
    rate, epochs = resolved(run)
    n = len(digits.train)
    run.text(
        f"A network {'-'.join(map(str, sizes))}, sigmoid in the hidden layers, weights from N(0, "
        f"1/max(inputs, outputs)), biases 0. SGD on one image at a time, learning rate {rate:g}, "
        f"{epochs} epochs of {n:,} images in a new order each. At every step all six gradients "
        "are computed twice, by hand and by the engine from the loss alone; the step is taken "
        "with those by hand."
    )

    def measure() -> dict[str, Any]:
        import chainrule as cr

        compiled = cr.value_and_grad(network.loss_as_written, argnums=tuple(range(6)), compile=True)
        params = network.initialize(sizes, run.rng("weights"))
        order = np.concatenate([run.rng(f"epoch {e}").permutation(n) for e in range(epochs)])
        parts = np.array_split(order, min(10 * epochs, len(order)))
        curve = [_measured(params, digits, 0)]
        worst, seen = 0.0, 0
        with run.progress("images", len(order)) as bar:
            for part in parts:
                error = network.step_by_step(
                    params, digits.train, digits.train_labels, part, rate,
                    engine=lambda *arguments: compiled(*arguments)[1],
                )  # fmt: skip
                worst = max(worst, error)
                seen += len(part)
                curve.append(_measured(params, digits, seen))
                run.metric(
                    images=seen, train_loss=curve[-1][1], train_accuracy=curve[-1][2],
                    test_loss=curve[-1][3], test_accuracy=curve[-1][4],
                )  # fmt: skip
                bar.advance(len(part), test_accuracy=curve[-1][4])
        return {"curve": curve, "worst": worst, "steps": seen, "params": params}

    found = run.step("training", measure)
    curve, params = found["curve"], {k: np.array(v) for k, v in found["params"].items()}
    run.parameters_file("network", params)
    run.figure(
        "training",
        "Loss and accuracy, first on the images trained with, then on those never seen",
        figures.draw_training(curve),
        alternative="The loss falls and the accuracy rises, on the test images nearly as on the "
        "training images.",
        table=(
            ["images", "training: loss", "accuracy", "test: loss", "accuracy"],
            curve[:: max(1, len(curve) // 12)] + curve[-1:],
        ),
    )
    shown = digits.test[:8]
    hidden = nn.sigmoid(shown @ params["W1"].T + params["b1"])
    logits = nn.sigmoid(hidden @ params["W2"].T + params["b2"]) @ params["W3"].T + params["b3"]
    p = np.asarray(nn.softmax(logits))
    labels = digits.test_labels[:8].tolist()
    run.figure(
        "images",
        "The first eight test images and the probabilities of the ten digits; dark: the true one",
        figures.draw_images(shown.reshape(-1, *digits.shape), labels, p.tolist()),
        alternative="Eight images of digits, each above a bar chart of ten probabilities.",
        table=(
            ["digit", *(f"p({k})" for k in range(10))],
            [[label, *row] for label, row in zip(labels, p, strict=True)],
        ),
    )
    run.value("test_accuracy", curve[-1][4])
    run.claim(
        "every-step",
        f"At each of {found['steps']:,} steps the six gradients by hand agree with the engine's: "
        "largest relative error times ‖p − y‖",
        measured=found["worst"],
        expected="at most 1e-13",
        holds=found["worst"] <= 1e-13,
        source=SOURCE,
    )
    run.claim(
        "accuracy",
        f"Accuracy on {len(digits.test):,} test images",
        measured=curve[-1][4],
        expected=f"at least {GOALS[run.data]:g}",
        holds=curve[-1][4] >= GOALS[run.data]
        if (rate, epochs) == SETTINGS[run.data] and not run.parameters["images"]
        else None,
        source=SOURCE,
    )


def _measured(params: network.Arrays, digits: Digits, seen: int) -> list[float]:
    """Loss and accuracy on at most 10,000 training images and on the test images."""
    train = network.evaluate(params, digits.train[:10_000], digits.train_labels[:10_000])
    return [seen, *train, *network.evaluate(params, digits.test, digits.test_labels)]


def second_demo(run: Run) -> None:
    """The differentiator of single numbers."""
    import chainrule as cr

    run.section("The second demo: a differentiator of numbers")
    run.text(
        "`Value` in `manual_backprop_scalar` is a number that remembers its inputs and the "
        "derivatives by them, for +, ×, a constant power and ReLU; minus and division follow from "
        "these. `backward` visits every number once, after all that use it, and adds up what "
        "comes from each use."
    )

    def relu(x: Any) -> Any:
        return x.relu() if isinstance(x, scalar.Value) else np.maximum(x, 0)

    cases: list[tuple[str, Any, tuple[float, ...]]] = [
        ("x·x + x", lambda x: x * x + x, (3.0,)),
        ("(a·b + b³)/(a − b)", lambda a, b: (a * b + b**3) / (a - b), (2.0, -1.5)),
        ("relu(a·b + c)² + relu(−a)", lambda a, b, c: relu(a * b + c) ** 2 + relu(-a),
         (-0.7, -1.2, 0.4)),
        ("relu(x)/x at x = −2", lambda x: relu(x) / x, (-2.0,)),
    ]  # fmt: skip
    rows, worst = [], 0.0
    for name, f, arguments in cases:
        mine = scalar.gradient(f, *arguments)
        theirs = cr.grad(f, argnums=tuple(range(len(arguments))))(*arguments)
        worst = max(worst, *(abs(a - float(b)) for a, b in zip(mine, theirs, strict=True)))
        rows.append([name, ", ".join(f"{a:g}" for a in arguments),
                     ", ".join(f"{g:.10g}" for g in mine)])  # fmt: skip
    run.table("scalar", "Gradients by `Value`", ["function", "at", "gradient"], rows)
    run.claim(
        "scalar",
        "The gradients by Value agree with the engine's: largest deviation",
        measured=worst,
        expected="at most 1e-12",
        holds=worst <= 1e-12,
        source=SOURCE,
    )


def run_experiment(run: Run) -> None:
    """The sections in order."""
    hidden = run.parameters["hidden"]
    if len(hidden) != 2:
        raise ExperimentError(
            f"Parameter 'hidden' has {len(hidden)} widths; the network has two hidden layers, for "
            "example hidden=32,32."
        )
    digits = Digits(run)
    sizes = (digits.train.shape[1], *hidden, 10)
    top_layer(run)
    derivatives(run, digits, sizes)
    training(run, digits, sizes)
    mistakes(run, digits, sizes)
    second_demo(run)


EXPERIMENT = Experiment(
    name="manual-backprop",
    title="Backpropagation of a digit classifier by hand",
    document="004",
    question="P5",
    summary=(
        "A network of two sigmoid layers and softmax that tells ten digits apart, trained on one "
        "image at a time with every derivative written by hand and checked against the engine at "
        "each step; two mistakes that training does not show; and a differentiator of numbers."
    ),
    parameters=(
        Parameter("hidden", (32, 32), "units of the two hidden layers", minimum=1),
        Parameter(
            "learning_rate",
            0.0,
            "learning rate; 0 means 0.003 (the hand-out's) on MNIST, 0.1 on embedded data",
            minimum=0.0,
        ),
        Parameter(
            "epochs", 0, "epochs; 0 means 3 (the hand-out's) on MNIST, 8 on embedded data", 0
        ),
        Parameter("images", 0, "training images used; 0 means all", minimum=0),
        Parameter("mistake_steps", 10_000, "steps with each mistake", minimum=1),
    ),
    presets={"quick": {"mistake_steps": 3000}, "full": {}},
    data={
        "embedded": "1,797 images of 8 × 8 pixels from scikit-learn's digits, 360 for testing",
        "real": "MNIST: 60,000 training and 10,000 test images of 28 × 28 pixels",
    },
    run=run_experiment,
)
