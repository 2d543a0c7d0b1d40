"""Experiment `digits-3-vs-9`: a network trained by hand-written backpropagation to tell 3 from 9.

Parts (a) to (d) are in `digits_3_vs_9_derivatives`, the networks of parts (e) and (f) in
`digits_3_vs_9_training`, their page in `digits_3_vs_9_page`; here are the data, what is trained on
it, and the description.
"""

from __future__ import annotations

import functools
import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.experiments import digits_3_vs_9_derivatives as derivatives
from chainrule.experiments import digits_3_vs_9_page as page
from chainrule.experiments.digits_3_vs_9_training import HIDDEN, Network, epoch_of_both, sweep
from chainrule.experiments.experiment import Experiment, ExperimentError, Parameter, Run
from chainrule.experiments.handwritten_functions import Array, misclassification_error


@dataclass(frozen=True)
class Settings:
    """What a parameter of 0 stands for, by the kind of data."""

    learning_rate: float
    seeds: int
    width_batch_size: int
    width_epochs: int


#: On MNIST the hand-out's learning rate, and its single-sample batches in part (f). The embedded
#: images are 33 times fewer: steps are larger there, and each setting is trained many times.
SETTINGS = {
    "embedded": Settings(0.05, 20, 50, 20),
    "real": Settings(0.02, 1, 1, 10),
}


@dataclass(frozen=True)
class Images:
    """Pixels as rows in [0, 1], and +1 for a 3, −1 for a 9; the test set may be absent."""

    x: Array
    y: Array
    test_x: Array | None
    test_y: Array | None

    def of(self, precision: str) -> Images:
        """The same in float32 or float64."""
        test = (self.test_x, self.test_y)
        return Images(
            self.x.astype(precision), self.y.astype(precision),
            *(None if array is None else array.astype(precision) for array in test),
        )  # fmt: skip


def load(run: Run) -> Images:
    """The images of the run's kind of data, at most as many as its parameters say."""
    from chainrule.data import digit_pair, load_digits, load_mnist

    limit = run.parameters["images"] or None
    if run.data == "embedded":
        x, y = digit_pair(*load_digits(), maximum=16)
        return Images(x[:limit], y[:limit], None, None)
    x, y = digit_pair(*load_mnist("train", data_dir=run.data_directory))
    test_x, test_y = digit_pair(*load_mnist("test", data_dir=run.data_directory))
    return Images(x[:limit], y[:limit], test_x, test_y)


def resolved(run: Run) -> Settings:
    """The run's settings, with every 0 replaced by what it stands for."""
    defaults = SETTINGS[run.data]
    return Settings(
        **{name: run.parameters[name] or value for name, value in vars(defaults).items()}
    )


class Networks:
    """The networks that have been needed, each with its compiled program."""

    def __init__(self, inputs: int, precision: str) -> None:
        self.inputs, self.precision = inputs, precision
        self._known: dict[tuple[int, str], Network] = {}

    def of(self, width: int, activation: str) -> Network:
        """The network of this width and activation, in an unknown state."""
        key = (width, activation)
        if key not in self._known:
            self._known[key] = Network(self.inputs, width, activation, self.precision)
        return self._known[key]


def train(
    run: Run,
    images: Images,
    networks: Networks,
    *,
    width: int,
    activation: str,
    batch_size: int,
    epochs: int,
    learning_rate: float,
    seeds: int,
) -> list[dict[str, Any]]:
    """Train one setting from several seeds and measure each network.

    `images` are of the precision of `networks`. Networks of one width and seed start from the same
    parameters, so that trainings differ in what is compared; every training shuffles by itself.
    """
    x, y = images.x, images.y
    layers = [(width, activation), (1, "linear")]
    starts = [
        derivatives.build(
            x.shape[1], layers, run.rng(f"weights, width {width}, seed {seed}"), networks.precision
        )
        for seed in range(seeds)
    ]
    setting = f"{activation}-{width}, {batch_size} × {epochs}"
    orders = [
        int(run.rng(f"shuffles, {setting}, seed {seed}").integers(2**31)) for seed in range(seeds)
    ]
    network = networks.of(width, activation)
    began = time.perf_counter()
    found: list[tuple[Any, Any]]
    if seeds == 1:
        network.start(starts[0])
        rng = np.random.default_rng(orders[0])
        found = [(None, network.train(x, y, batch_size, epochs, learning_rate, rng))]
    else:
        found = list(zip(*sweep(
            starts, activation, x, y, batch_size=batch_size, epochs=epochs,
            learning_rate=learning_rate, order_seeds=orders,
        ), strict=True))  # fmt: skip
    seconds = (time.perf_counter() - began) / seeds
    return [
        {"history": history, "seconds": seconds, **measured(network, tree, images)}
        for tree, history in found
    ]


def measured(network: Network, tree: Any, images: Images) -> dict[str, Any]:
    """Errors and dead units of a network, with the parameters it has or those of a tree."""
    if tree is not None:
        network.load(tree)
    x, y = images.x, images.y
    relu = network.hidden is HIDDEN["relu"]
    result: dict[str, Any] = {"dead_units": network.dead_units(x) if relu else 0}
    measures = [("train", x, y)]
    if images.test_x is not None and images.test_y is not None:
        measures.append(("test", images.test_x, images.test_y))
    for name, samples, labels in measures:
        result[f"{name}_mse"] = network.mse(samples, labels)
        result[f"{name}_mce"] = misclassification_error(labels, network.predict(samples))
    return result


def trainings(
    run: Run, images: Images, settings: Settings, updates: dict[int, int]
) -> list[dict[str, Any]]:
    """All trainings of parts (e) and (f) as rows; each setting is one resumable step.

    `updates` are those of one epoch, by batch size.
    """
    from threadpoolctl import threadpool_limits

    parameters = run.parameters
    plans: list[dict[str, Any]] = [
        {
            "part": "e",
            "width": parameters["width"],
            "activation": "relu",
            "batch_size": batch_size,
            "epochs": epochs,
        }
        for batch_size in parameters["batch_sizes"]
        for epochs in parameters["epochs"]
    ]
    plans += [
        {
            "part": "f",
            "width": width,
            "activation": activation,
            "batch_size": settings.width_batch_size,
            "epochs": settings.width_epochs,
        }
        for activation in ("tanh", "relu")
        for width in parameters["widths"]
    ]
    precision = parameters["precision"]
    images = images.of(precision)
    networks = Networks(images.x.shape[1], precision)
    rows = []
    # Matrices this thin gain nothing from a second BLAS thread, and lose much on a busy machine.
    with (
        threadpool_limits(1, "blas"),
        run.progress("trainings", len(plans) * settings.seeds) as bar,
    ):
        for plan in plans:
            key = (
                f"{plan['part']}-{plan['activation']}-{plan['width']}"
                f"-batch-{plan['batch_size']}-epochs-{plan['epochs']}"
            )
            setting = {name: value for name, value in plan.items() if name != "part"}
            found = run.step(
                key,
                functools.partial(
                    train, run, images, networks, **setting,
                    learning_rate=settings.learning_rate, seeds=settings.seeds,
                ),
                key.replace("-", " "),
            )  # fmt: skip
            steps = plan["epochs"] * updates[plan["batch_size"]]
            for seed, result in enumerate(found):
                common = {**plan, "learning_rate": settings.learning_rate, "updates": steps}
                rows.append({**common, "seed": seed, **result})
                run.metric(**{k: v for k, v in rows[-1].items() if k != "history"})
                bar.advance(mse=result["train_mse"], mce=result["train_mce"])
    return rows


def _check(run: Run, images: Images, settings: Settings) -> None:
    """Refuse batch sizes that the data cannot fill, and repeated settings."""
    n = len(images.x)
    for name in ("batch_sizes", "epochs", "widths"):
        values = run.parameters[name]
        if len(set(values)) < len(values):
            raise ExperimentError(f"Parameter {name!r} lists a value twice: {values}.")
    for size in (*run.parameters["batch_sizes"], settings.width_batch_size):
        if size > n:
            raise ExperimentError(
                f"A batch size of {size} is more than the {n} training images; choose 1 to {n}."
            )


def _epoch_of_both(run: Run, images: Images, size: int, rate: float) -> tuple[int, float]:
    """Updates counted in an epoch by hand, and how far the compiled one is from it."""
    layers = [(run.parameters["width"], "relu"), (1, "linear")]
    model = derivatives.build(images.x.shape[1], layers, run.rng(f"epoch of both, {size}"))
    return epoch_of_both(model, images.x, images.y, size, rate, run.seed)


def run_experiment(run: Run) -> None:
    """All six parts."""
    images, settings = load(run), resolved(run)
    _check(run, images, settings)
    derivatives.drawing(run)
    derivatives.cost(run)
    derivatives.activations(run)
    derivatives.backpropagation(run)
    deviation = run.step(
        "one step",
        lambda: derivatives.one_step_deviation(
            run.rng("one step"), images.x, images.y, run.parameters["width"], settings.learning_rate
        ),
        "one epoch with B = n",
    )
    run.claim(
        "d-one-step",
        f"An epoch with B = n = {len(images.x)} images is the one step W − η ∂MSE/∂W with the "
        "engine's gradient: largest deviation of the parameters",
        measured=deviation,
        expected="at most 10⁻¹²",
        holds=deviation <= 1e-12,
        source="001 §1 (e)",
    )
    both = {
        size: run.step(
            f"an epoch by hand and compiled, batch {size}",
            functools.partial(_epoch_of_both, run, images, size, settings.learning_rate),
        )
        for size in dict.fromkeys((*run.parameters["batch_sizes"], settings.width_batch_size))
    }
    compiled = max(deviation for _, deviation in both.values())
    run.claim(
        "d-compiled",
        "The trainings below run as a compiled program of the engine's gradients. After an epoch "
        "with each batch size it has the same parameters as the hand-written trainBatch: largest "
        "relative deviation, in float64",
        measured=compiled,
        expected="at most 10⁻⁸",
        holds=compiled <= 1e-8,
        source="001 §1 (e)",
    )
    updates = {size: counted for size, (counted, _) in both.items()}
    rows = trainings(run, images, settings, updates)
    n = len(images.x)
    page.setting(run, rows, n, int(np.sum(images.y > 0)), images.x.shape[1])
    page.batches(run, [row for row in rows if row["part"] == "e"], n)
    page.widths(run, [row for row in rows if row["part"] == "f"])
    page.errors(run, rows)
    run.value("training_images", n)
    run.value("training_seconds", math.fsum(row["seconds"] for row in rows))


EXPERIMENT = Experiment(
    name="digits-3-vs-9",
    title="A network that tells a handwritten 3 from a 9",
    document="001",
    question="§1",
    summary=(
        "Backpropagation written by hand in NumPy, with the assignment's classes and names, "
        "checked against the engine and central differences, and then used: batch sizes × epochs, "
        "and widths × activations, on images of the digits 3 (+1) and 9 (−1)."
    ),
    parameters=(
        Parameter("batch_sizes", (10, 50, 100, 200), "batch sizes of part (e)", minimum=1),
        Parameter("epochs", (10, 20, 40), "numbers of epochs of part (e)", minimum=1),
        Parameter("widths", (2, 4, 8, 16, 32), "hidden units of part (f)", minimum=1),
        Parameter(
            "learning_rate",
            0.0,
            "learning rate η; 0 means 0.02 (the hand-out's) on MNIST, 0.05 on embedded data",
            minimum=0.0,
        ),
        Parameter(
            "width", 16, "hidden units of part (e), as drawn in (a); the hand-out starts with 4", 1
        ),
        Parameter(
            "width_batch_size",
            0,
            "batch size of part (f); 0 means 1 (the hand-out's) on MNIST, 50 on embedded data",
            minimum=0,
        ),
        Parameter(
            "width_epochs",
            0,
            "epochs of part (f); 0 means 10 (the hand-out's) on MNIST, 20 on embedded data",
            minimum=0,
        ),
        Parameter(
            "seeds",
            0,
            "trainings per setting, shown as their median; 0: 1 on MNIST, 20 on embedded data",
            minimum=0,
        ),
        Parameter("images", 0, "training images used; 0 means all", minimum=0),
        Parameter("random_networks", 100, "random networks of the gradient check", minimum=1),
        Parameter(
            "precision",
            "float32",
            "floating-point type of the trainings",
            choices=("float32", "float64"),
        ),
    ),
    presets={"quick": {"images": 2000, "random_networks": 25}, "full": {}},
    data={
        "embedded": "363 images of 8 × 8 pixels from scikit-learn's digits, all for training",
        "real": "MNIST: 12,080 training and 2,019 test images of 28 × 28 pixels",
    },
    run=run_experiment,
)
