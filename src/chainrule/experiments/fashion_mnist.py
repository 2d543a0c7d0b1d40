"""Experiment `fashion-mnist`: a network with three hidden layers that names articles of clothing.

Trained by `chainrule.training`; the figures are in `fashion_mnist_figures`.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.experiments import fashion_mnist_figures as figures
from chainrule.experiments.experiment import Experiment, ExperimentError, Parameter, Run

SOURCE = "004 P4"
CLOTHES: tuple[str, ...] = (
    "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag",
    "ankle boot",
)  # fmt: skip
#: Training images, the first ones, that the loss after an epoch is measured on.
EVALUATED = 10_000
#: Accuracy on the test set that a sound training of this network reaches, by the kind of data.
EXPECTED = {"embedded": 0.93, "real": 0.895}


@dataclass(frozen=True)
class Images:
    """Pixels as rows, of mean 0 and deviation 1 over the training images; labels; the test set."""

    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    side: int
    names: tuple[str, ...]
    all: bool


def load(run: Run) -> Images:
    """The images of the run's kind of data, at most as many as its parameters say."""
    from chainrule.data import load_digits, load_fashion_mnist

    limit = run.parameters["images"] or None
    if run.data == "real":
        x, y = load_fashion_mnist("train", data_dir=run.data_directory)
        test_x, test_y = load_fashion_mnist("test", data_dir=run.data_directory)
        names, maximum = CLOTHES, 255
    else:
        images, labels = load_digits()
        order = np.random.default_rng(0).permutation(len(images))
        cut = 4 * len(images) // 5
        x, y = images[order[:cut]], labels[order[:cut]]
        test_x, test_y = images[order[cut:]], labels[order[cut:]]
        names, maximum = tuple(str(digit) for digit in range(10)), 16
    whole = len(x)
    x, y = x[:limit], y[:limit]
    if len(set(y.tolist())) < 10:
        raise ExperimentError(
            f"The first {len(x)} images do not show all 10 classes; give more with --set images=…"
        )
    rows = [np.divide(a.reshape(len(a), -1), maximum, dtype=np.float32) for a in (x, test_x)]
    mean, deviation = float(rows[0].mean()), float(rows[0].std())
    for a in rows:
        a -= mean
        a /= deviation
    classes = [a.astype(np.int64) for a in (y, test_y)]
    return Images(
        rows[0], classes[0], rows[1], classes[1], x.shape[-1], names, len(x) == whole
    )  # fmt: skip


def network(run: Run, inputs: int) -> Any:
    """The network of the assignment: three hidden layers of ReLUs, and ten logits."""
    from chainrule import nn

    layers: list[Any] = []
    for units in run.parameters["hidden"]:
        layers += [nn.Linear(inputs, units), nn.relu]
        inputs = units
    return nn.Sequential(*layers, nn.Linear(inputs, 10))


def train(run: Run, images: Images) -> dict[str, Any]:
    """Train and measure; the parameters go to network.safetensors."""
    from threadpoolctl import threadpool_limits

    from chainrule import nn, optim, training
    from chainrule.engine.rules.softmax import log_softmax

    parameters = run.parameters
    epochs, size = parameters["epochs"], parameters["batch_size"]
    model = network(run, images.x.shape[1])
    first = model.init(run.rng("weights"), np.float32)
    steps = -(-len(images.x) // size) * epochs
    rate = optim.one_cycle(parameters["learning_rate"], steps)
    # Matrices of this size gain little from a second thread, and lose much on a busy machine.
    with threadpool_limits(1, "blas"), run.progress("epochs", epochs) as bar:
        result = training.fit(
            model, first, (images.x, images.y), loss=nn.cross_entropy,
            optimizer=optim.adamw(rate, weight_decay=parameters["weight_decay"]), epochs=epochs,
            batch_size=size, seed=run.seed, validation=(images.test_x, images.test_y),
            evaluate_train=EVALUATED,
            callbacks=[lambda progress: bar.advance(loss=progress.row["train_loss"])],
        )  # fmt: skip
        logits = model.apply(result.params, images.test_x).astype(np.float64)
    for row in result.history.rows():
        run.metric(**{name: value for name, value in row.items() if "[" not in name})
    run.parameters_file(
        "network",
        {f"{layer}.{name}": a for layer, own in result.params.items() for name, a in own.items()},
    )
    log_p = log_softmax(logits)
    return {
        "rows": [
            {name: value for name, value in row.items() if "[" not in name}
            for row in result.history.rows()
        ],
        "parameters": nn.parameter_count(first),
        "seconds": result.seconds,
        "log_probabilities": np.round(log_p, 9),
        "notes": list(result.notes),
    }


def choose(log_p: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> list[int]:
    """A random test image, the least certain one, and the surest mistake if there is any."""
    surest, predicted = log_p.max(axis=1), log_p.argmax(axis=1)
    unsure = int(np.argmin(surest))
    wrong = np.flatnonzero(predicted != labels)
    mistake = int(wrong[np.argmax(surest[wrong])]) if len(wrong) else None
    taken = {unsure, mistake}
    free = [i for i in rng.permutation(len(labels)).tolist() if i not in taken]
    return [free[0], unsure, free[1] if mistake is None else mistake]


def describe(run: Run, images: Images, found: dict[str, Any]) -> None:
    """The network and its training."""
    sizes = (images.x.shape[1], *run.parameters["hidden"], 10)
    shown = "-".join(map(str, sizes))
    run.section("The network")
    run.text(
        f"Layers {shown}: each hidden layer is relu(Wx + b), the last one gives 10 logits, and the "
        "loss is the cross-entropy of their softmax, averaged over **samples**: the last, smaller "
        "batch of an epoch counts by its size (a mean of the means of batches is biased). Pixels "
        "are scaled to mean 0 and deviation 1 over all training images. AdamW, with a learning "
        "rate that rises and falls once (one cycle)."
    )
    counted = sum(a * b + b for a, b in itertools.pairwise(sizes))
    run.claim(
        "parameters",
        f"{shown} has Σ (inputs + 1) · outputs parameters",
        measured=found["parameters"],
        expected=counted,
        holds=found["parameters"] == counted,
        source=SOURCE,
    )


def curves(run: Run, images: Images, found: dict[str, Any]) -> None:
    """Loss and accuracy by epoch."""
    rows = found["rows"]
    run.section("Loss and accuracy")
    columns = ["epoch", "train_loss", "evaluated_train_loss", "validation_loss",
               "train_accuracy", "validation_accuracy"]  # fmt: skip
    table = [[row[name] for name in columns] for row in rows]
    titles = ["epoch", "train loss while training", "train loss after the epoch", "test loss",
              "train accuracy", "test accuracy"]  # fmt: skip
    run.figure(
        "curves",
        "Train and test loss, and accuracy, by epoch",
        figures.draw_curves(rows),
        alternative="Losses that fall with the epochs, the test loss ending above the train loss.",
        table=(titles, table),
        note="The loss while training is the mean over an epoch during which the network still "
        "changes; the other two are of one network, after the epoch"
        + (f", on the first {EVALUATED:,} training images." if len(images.x) > EVALUATED else "."),
    )
    last = rows[-1]
    best = min(rows, key=lambda row: row["validation_loss"])
    run.text(
        f"The test loss is lowest after epoch {best['epoch']} ({best['validation_loss']:.4f}) and "
        f"ends at {last['validation_loss']:.4f}, the train loss at "
        f"{last['evaluated_train_loss']:.4f}: the gap is what the network has learnt about these "
        "images only."
    )
    accuracy, bound = last["validation_accuracy"], EXPECTED[run.data]
    kind = "FashionMNIST" if run.data == "real" else "scikit-learn's digits"
    run.claim(
        "accuracy",
        f"Accuracy on the {len(images.test_y):,} test images of {kind}"
        + ("" if images.all else ", trained on a part of the images only"),
        measured=accuracy,
        expected=f"at least {bound:g}",
        holds=bool(accuracy >= bound) if images.all else None,
        source=SOURCE,
    )
    falls = last["evaluated_train_loss"] < rows[0]["evaluated_train_loss"]
    run.claim(
        "falls",
        "The train loss after the last epoch over that after the first",
        measured=last["evaluated_train_loss"] / rows[0]["evaluated_train_loss"],
        expected="less than 1" if len(rows) > 1 else "1, as there is one epoch",
        holds=falls if len(rows) > 1 else True,
        source=SOURCE,
    )
    run.value("test_accuracy", accuracy)
    run.value("test_loss", last["validation_loss"])
    run.value("training_seconds", found["seconds"])


def probabilities(run: Run, images: Images, found: dict[str, Any]) -> None:
    """Three test images with the probabilities of the classes."""
    log_p = np.array(found["log_probabilities"])
    p = np.exp(log_p)
    predicted = p.argmax(axis=1)
    run.section("Class probabilities of three test images")
    chosen = choose(log_p, images.test_y, run.rng("images"))
    shown = [images.test_x[i].reshape(images.side, images.side) for i in chosen]
    labels = [int(images.test_y[i]) for i in chosen]
    rows = [
        [f"test image {i}", images.names[label], *p[i].tolist()]
        for i, label in zip(chosen, labels, strict=True)
    ]
    run.figure(
        "probabilities",
        "A random test image, the least certain one, and the surest mistake",
        figures.draw_probabilities(shown, labels, p[chosen], images.names),
        alternative="Three images, each beside a bar for the probability of every class.",
        table=(["image", "true class", *images.names], rows),
        note="The bar of the true class is drawn with hatching.",
    )
    sums = float(np.max(np.abs(p.sum(axis=1) - 1)))
    run.claim(
        "sums",
        "The probabilities of every test image add up to 1: largest deviation",
        measured=sums,
        expected="at most 1e-6",
        holds=sums <= 1e-6,
        source=SOURCE,
    )
    losses = -log_p[np.arange(len(images.test_y)), images.test_y]
    mean, reported = math.fsum(losses) / len(losses), found["rows"][-1]["validation_loss"]
    run.claim(
        "per-sample",
        "The test loss of the curve is the mean of −log p(true class) over test images: relative "
        "deviation",
        measured=abs(mean / reported - 1),
        expected="at most 1e-5",
        holds=abs(mean / reported - 1) <= 1e-5,
        source=SOURCE,
    )
    sure, right = p.max(axis=1), predicted == images.test_y
    limit = float(np.median(sure))
    second = np.argsort(-p[chosen[1]])[:2].tolist()
    third = chosen[2]
    last = (
        f"The third is of class {images.names[images.test_y[third]]}, and the network gives "
        f"{images.names[predicted[third]]} a probability of {sure[third]:.3f}: a high softmax "
        "probability is no certificate."
        if not right[third]
        else "No test image is named wrongly."
    )
    confident = sure >= limit
    run.text(
        "Of the half of the test images about which the network is surest, "
        f"{100 * np.mean(right[confident]):.3g} % are named rightly; it gives them probabilities "
        f"from {_below_one(limit)} up. With the second image above it is torn between "
        f"{images.names[second[0]]} and {images.names[second[1]]}. {last} Over the test set the "
        f"mean of the largest probability is {np.mean(sure):.3f} and the accuracy "
        f"{np.mean(right):.3f}"
        + (": the network is surer than it is right." if np.mean(sure) > np.mean(right) else ".")
    )


def confusion(run: Run, images: Images, found: dict[str, Any]) -> None:
    """Which classes are taken for which."""
    predicted = np.array(found["log_probabilities"]).argmax(axis=1)
    table = np.zeros((10, 10), int)
    np.add.at(table, (images.test_y, predicted), 1)
    run.section("Confusion")
    run.figure(
        "confusion",
        "How many test images of each class (rows) are given which name (columns)",
        figures.draw_confusion(table, images.names),
        alternative="A matrix of counts with most of the images on the diagonal.",
        table=(
            ["true class", *images.names],
            [[name, *row] for name, row in zip(images.names, table.tolist(), strict=True)],
        ),
    )
    off = table - np.diag(np.diag(table))
    a, b = (int(i) for i in np.unravel_index(np.argmax(off + off.T), off.shape))
    run.text(
        f"{off.sum()} of {table.sum()} images are named wrongly. {images.names[a]} and "
        f"{images.names[b]} are taken for each other most often: {_times(off[a, b] + off[b, a])}."
    )
    accuracy = found["rows"][-1]["validation_accuracy"]
    agrees = abs(np.trace(table) / table.sum() - accuracy) < 1e-3
    run.claim(
        "confusion",
        "The diagonal over the number of test images is the accuracy of the curve",
        measured=float(np.trace(table) / table.sum()),
        expected=accuracy,
        holds=bool(agrees),
        source=SOURCE,
    )


def _below_one(probability: float) -> str:
    """A probability with as many digits as it takes to tell it from 1."""
    digits = next((n for n in range(3, 9) if round(probability, n) < 1), 9)
    return f"{probability:.{digits}f}" if probability < 1 else "1"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def run_experiment(run: Run) -> None:
    """Train, then show."""
    images = load(run)
    found = run.step("training", lambda: train(run, images), "training")
    describe(run, images, found)
    curves(run, images, found)
    probabilities(run, images, found)
    confusion(run, images, found)


EXPERIMENT = Experiment(
    name="fashion-mnist",
    title="A classifier of clothes with three hidden layers",
    document="004",
    question="P4",
    summary=(
        "The network 784-256-128-64-10 on FashionMNIST: train and test curves, the class "
        "probabilities of three test images, and which clothes are taken for which."
    ),
    parameters=(
        Parameter("hidden", (256, 128, 64), "units of the hidden layers", minimum=1),
        Parameter("epochs", 14, "passes over the training images", minimum=1),
        Parameter("batch_size", 256, "images of a step", minimum=1),
        Parameter("learning_rate", 0.003, "largest learning rate of the cycle", minimum=0.0),
        Parameter("weight_decay", 0.1, "decoupled weight decay λ of AdamW", minimum=0.0),
        Parameter("images", 0, "training images used; 0 means all", minimum=0),
    ),
    presets={"quick": {"images": 10_000, "epochs": 10, "batch_size": 64}, "full": {}},
    data={
        "embedded": "scikit-learn's digits in place of clothes: 1,437 training and 360 test images "
        "of 8 × 8 pixels",
        "real": "FashionMNIST: 60,000 training and 10,000 test images of 28 × 28 pixels",
    },
    run=run_experiment,
)
