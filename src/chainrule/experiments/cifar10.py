"""Experiment: linear views of an image set, and a residual network with three rate schemes."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.experiments import cifar10_figures as figures
from chainrule.experiments.cifar10_network import augmentation, diagram
from chainrule.experiments.cifar10_training import Images, load_images, train_network
from chainrule.experiments.experiment import Experiment, Parameter, Run

SOURCE = "001 §4"
SHOWN = 2000


def run_experiment(run: Run) -> None:
    """All parts of the question."""
    from chainrule.vision.distributed import join, leave, order_work

    world = join()
    try:
        arguments = _image_arguments(run)
        images = load_images(*arguments)
        run.text(
            f"{images.note} {len(images.train[0]):,} images to train on, "
            f"{len(images.validation[0]):,} to validate on, split from them by the seed, and "
            f"{len(images.test[0]):,} to test on, which no choice depends on."
        )
        embeddings(run, images)
        diagram(run, images)
        augmentation(run, images)
        schemes(run, images, arguments, world)
        longer(run, images, arguments, world)
    finally:
        order_work(world, None)
        leave()


def _image_arguments(run: Run) -> tuple[Any, ...]:
    p = run.parameters
    directory = str(run.data_directory) if run.data_directory else None
    return (run.data, directory, run.seed, p["images"], p["validation"], p["test"])


def embeddings(run: Run, images: Images) -> None:
    """Parts (a) and (b)."""
    from chainrule.vision.embeddings import cca, linear_classifier, moments, pca

    run.section("(a), (b) Two linear views, and a linear classifier")
    run.text(
        "**PCA** does not see the labels: its axes are the directions of largest variance, which "
        "in pictures are overall brightness and broad light–dark patterns. **CCA** with one-hot "
        "labels looks for the directions that correlate most with the classes; with K classes "
        "there are K − 1, and they span Fisher's discriminants. Axes have no natural sign. "
        "Overlap in two dimensions does not yet mean overlap in all of them, so least squares on "
        "the one-hot labels, with an intercept, is the baseline. All three come from one pass "
        "over XᵀX, exact to the integer."
    )
    ridge = run.parameters["ridge"]

    def measure() -> dict[str, Any]:
        found = moments(*images.train, len(images.classes))
        first, second = pca(found), cca(found, 2, ridge)
        classifier = linear_classifier(found, ridge)
        held = [e.transform(images.test[0]) for e in (first, second)]
        return {
            "variance": first.values,
            "correlation": second.values,
            "points": np.round([z[:SHOWN] for z in held], 4),
            "spread": [_between(z, images.test[1]) for z in held],
            "accuracy": [classifier.accuracy(*part) for part in (images.train, images.test)],
        }

    found = run.step("linear", measure)
    labels = images.test[1][:SHOWN]
    share, correlation = found["variance"], found["correlation"]
    run.figure(
        "embeddings",
        f"Plane embeddings of {len(labels):,} test images; axes fitted to training images",
        figures.draw_embeddings(
            {
                "PCA: largest variance": (
                    np.array(found["points"][0]),
                    [f"component {i + 1} ({100 * share[i]:.1f} % of variance)" for i in (0, 1)],
                ),
                "CCA: largest correlation with the class": (
                    np.array(found["points"][1]),
                    [f"direction {i + 1} (correlation {correlation[i]:.2f})" for i in (0, 1)],
                ),
            },
            labels,
            images.classes,
        ),
        alternative="Scatter plots: in the PCA plane the classes lie over each other; in the CCA "
        "plane their means are further apart.",
        table=(
            ["view", "first axis", "second axis", "variance between classes, test images"],
            [["PCA", *share, found["spread"][0]], ["CCA", *correlation, found["spread"][1]]],
        ),
    )
    run.claim(
        "a-cca-separates",
        "Share of the variance in the plane that lies between classes, on test images: PCA, CCA",
        measured="{:.3f}, {:.3f}".format(*found["spread"]),
        expected="CCA larger",
        holds=found["spread"][1] > found["spread"][0],
        source=f"{SOURCE} (a)",
    )
    train, test = found["accuracy"]
    chance = float(np.bincount(images.test[1]).max() / len(images.test[1]))
    run.claim(
        "b-linear",
        "Linear regression on one-hot labels is right on more test images than always naming one "
        "class, and on fewer than on training images: training, test, one class",
        measured=f"{train:.3f}, {test:.3f}, {chance:.3f}",
        expected="test > one class, test < training",
        holds=chance < test < train,
        source=f"{SOURCE} (b)",
    )
    run.value("linear_accuracy", found["accuracy"])


def _between(points: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> float:
    """Share of the variance that lies between the class means."""
    overall = points.mean(0)
    between = sum(
        np.sum(labels == k) * np.sum((points[labels == k].mean(0) - overall) ** 2)
        for k in np.unique(labels)
    )
    return float(between / np.sum((points - overall) ** 2))


def schemes(run: Run, images: Images, arguments: tuple[Any, ...], world: Any) -> None:
    """Part (e)."""
    from chainrule.vision.training import Settings

    run.section("(e) Three learning-rate schemes")
    run.text(
        "Constant: the same rate whatever it is asked. Annealed: the previous rate times 0.99 in "
        "every step. Special: up in a straight line to the top at half of its length, down to "
        "0.005, then a tail to 0. All start from the same parameters and see the same batches."
    )
    p = run.parameters
    size = p["batch_size"] * world.size
    steps = -(-len(images.train[0]) // size)
    top = {"constant": p["constant_rate"], "annealed": p["annealed_rate"], "special": p["top_rate"]}
    results, rates = {}, {}
    for scheme, rate in top.items():
        settings = _settings(run, scheme, rate, p["epochs"])
        rates[scheme] = np.array(
            [Settings(**settings).schedule(steps)(k) for k in range(steps * p["epochs"])]
        )
        results[scheme] = _train(run, scheme, settings, arguments, world)
    run.figure(
        "rates",
        "The schemes",
        figures.draw_schedules(rates, steps),
        alternative="A level line, a falling curve and a rising line or triangle.",
        table=(
            ["epochs", *rates],
            [[k / steps, *(float(values[k]) for values in rates.values())]
             for k in range(0, steps * p["epochs"], max(1, steps * p["epochs"] // 12))],
        ),
    )  # fmt: skip
    reference = [Settings(scheme="special", special_epochs=4).schedule(10)(k)
                 for k in (0, 5, 10, 20, 30, 40, 50, 90, 100)]  # fmt: skip
    run.claim(
        "e-special",
        "The special scheme with length 4 at progress 0, ½, 1, 2, 3, 4, 5, 9, 10",
        measured=", ".join(f"{value:g}" for value in np.round(reference, 6)),
        expected="0, 0.025, 0.05, 0.1, 0.0525, 0.005, 0.004, 0, 0.0005",
        holds=bool(np.allclose(reference, [0, 0.025, 0.05, 0.1, 0.0525, 0.005, 0.004, 0, 0.0005])),
        source=f"{SOURCE} (e)",
    )
    after = Settings(scheme="annealed", rate=0.01).schedule(391)(390)
    run.claim(
        "e-annealed",
        "The annealed rate from 0.01 after one epoch of 391 batches, 0.01 · 0.99³⁹¹",
        measured=f"{after:.4g}",
        expected="1.965e-04",
        holds=abs(after - 1.965e-4) < 1e-7,
        source=f"{SOURCE} (e)",
    )
    columns = ["scheme", "epochs", "train loss", "train accuracy", "validation accuracy",
               "test accuracy", "seconds"]  # fmt: skip
    run.table("schemes", "After training", columns, [_row(n, r) for n, r in results.items()])
    best = max(results, key=lambda name: results[name]["history"][-1]["validation_accuracy"])
    run.figure(
        "scheme-curves",
        "Loss and accuracy, training (augmented, in training mode) and validation",
        figures.draw_curves({name: result["history"] for name, result in results.items()}),
        alternative="Curves of loss and accuracy for the three schemes.",
        table=_history_table(results),
    )
    accuracy = results[best]["test_accuracy"]
    run.value("scheme_accuracy", {n: r["test_accuracy"] for n, r in results.items()})
    share = float(np.bincount(images.test[1]).max() / len(images.test[1]))
    bound = share + 3 * float(np.sqrt(share * (1 - share) / len(images.test[1])))
    run.claim(
        "e-learns",
        f"The best scheme by validation, {best}, is right on more test images than naming one "
        f"class, which is right on {share:.3f}, by more than three standard errors",
        measured=accuracy,
        expected=f"more than {bound:.3f}",
        holds=accuracy > bound,
        source=f"{SOURCE} (e)",
    )


def longer(run: Run, images: Images, arguments: tuple[Any, ...], world: Any) -> None:
    """Part (f)."""
    p = run.parameters
    if not p["long_epochs"]:
        return
    run.section("(f) Longer")
    settings = _settings(run, "one-cycle", p["long_rate"], p["long_epochs"])
    settings |= {"nesterov": True, "label_smoothing": 0.1, "weight_decay": 5e-4}
    result = _train(run, "longer", settings, arguments, world)
    run.figure(
        "long-curves",
        f"{p['long_epochs']} epochs of one cycle",
        figures.draw_curves({"one cycle": result["history"]}),
        alternative="Loss falls and accuracy rises over the epochs.",
        table=_history_table({"one cycle": result}),
    )
    run.figure(
        "confusion",
        "Test images by true and predicted class",
        figures.draw_confusion(np.array(result["confusion"]), images.classes),
        alternative="A matrix with most counts on its diagonal.",
    )
    linear = run.values["linear_accuracy"][1]
    run.value("test_accuracy", result["test_accuracy"])
    bound = p["expected_accuracy"]
    run.claim(
        "f-accuracy",
        f"Accuracy on the test images after {p['long_epochs']} epochs at width {p['width']}, "
        f"where the linear classifier has {linear:.3f}",
        measured=result["test_accuracy"],
        expected=f"at least {bound:g}",
        holds=result["test_accuracy"] >= bound,
        source=f"{SOURCE} (f)",
    )


def _settings(run: Run, scheme: str, rate: float, epochs: int) -> dict[str, Any]:
    p = run.parameters
    return {
        "scheme": scheme,
        "rate": rate,
        "epochs": epochs,
        "batch_size": p["batch_size"],
        "special_epochs": float(epochs + 3),
        "precision": p["precision"],
        "seed": run.seed,
    }


def _train(
    run: Run, name: str, settings: dict[str, Any], arguments: tuple[Any, ...], world: Any
) -> dict[str, Any]:
    """One training as a step of the run, shared with the other processes if there are any."""
    from chainrule.vision.distributed import order_work

    p = run.parameters
    job = {
        "images": arguments,
        "model": p["model"],
        "width": p["width"],
        "seed": run.seed,
        "settings": settings,
    }

    def work() -> dict[str, Any]:
        order_work(world, job)
        with run.progress(f"{name}: {settings['epochs']} epochs", settings["epochs"]) as bar:
            return train_network(job, world, run.checkpoint(name), bar.advance)

    result: dict[str, Any] = run.step(name, work)
    return result


def _row(name: str, result: dict[str, Any]) -> list[Any]:
    last = result["history"][-1]
    return [name, last["epoch"], last["train_loss"], last["train_accuracy"],
            last["validation_accuracy"], result["test_accuracy"],
            sum(row["seconds"] for row in result["history"])]  # fmt: skip


def _history_table(results: dict[str, Any]) -> tuple[list[str], list[list[Any]]]:
    kept = ("epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    rows = [[name, *(row[key] for key in kept)]
            for name, result in results.items() for row in result["history"]]  # fmt: skip
    return ["training", *(key.replace("_", " ") for key in kept)], rows


EXPERIMENT = Experiment(
    name="cifar10",
    title="CIFAR-10: linear views and a residual network",
    document="001",
    question="§4",
    summary="Ten classes of 32 × 32 colour pictures: embedded in the plane by PCA and CCA, "
    "classified by linear regression and by a ResNet-18 whose diagram is made from the model, with "
    "random crops and flips and three learning-rate schemes.",
    parameters=(
        Parameter(
            "model",
            "cifar-resnet18",
            "the usual ResNet-18 or the hand-out's variant",
            choices=("cifar-resnet18", "cifar-resnet18-preactivation"),
        ),
        Parameter("width", 16, "channels of the first stage; 64 on a GPU", minimum=1),
        Parameter("images", 0, "training images taken, 0 for all", minimum=0),
        Parameter("validation", 1000, "images split off for validation", minimum=10),
        Parameter("test", 0, "test images taken, 0 for all", minimum=0),
        Parameter("epochs", 1, "epochs of each scheme", minimum=1),
        Parameter("long_epochs", 24, "epochs of part (f), 0 to leave it out", minimum=0),
        Parameter("expected_accuracy", 0.8, "claimed of part (f) on the test images", minimum=0),
        Parameter("batch_size", 128, "images per step and process", minimum=1),
        Parameter("constant_rate", 0.02, "of the constant scheme", minimum=0),
        Parameter("annealed_rate", 0.05, "first rate of the annealed scheme", minimum=0),
        Parameter("top_rate", 0.1, "top of the special scheme", minimum=0),
        Parameter("long_rate", 0.2, "top of the cycle of part (f)", minimum=0),
        Parameter("ridge", 1e-6, "of CCA and regression, share of the mean variance", minimum=0),
        Parameter(
            "precision",
            "probe",
            "number format; what the probe chooses depends on the machine",
            choices=("probe", "float32", "float32 channels-last", "bfloat16"),
        ),
    ),
    presets={
        "quick": {
            "width": 4,
            "images": 800,
            "validation": 100,
            "test": 400,
            "epochs": 4,
            "long_epochs": 0,
            "batch_size": 20,
            "ridge": 0.3,
            "precision": "float32 channels-last",
        },
        "full": {},
    },
    data={
        "embedded": "synthetic: coloured shapes in ten classes, drawn by a seeded generator",
        "real": "CIFAR-10, the batches that are present",
    },
    run=run_experiment,
    needs=("vision",),
)
