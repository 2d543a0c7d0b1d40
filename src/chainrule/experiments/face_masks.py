"""Experiment: with or without a mask: small networks against a pretrained residual one."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from chainrule.data.faces import FACES, synthetic_faces
from chainrule.experiments.experiment import Experiment, ExperimentError, Parameter, Run
from chainrule.experiments.picture_classes import (
    TITLES,
    compare,
    describe,
    read_pictures,
    train_method,
)
from chainrule.vision.errors import WeightsError
from chainrule.vision.folders import Pictures

SOURCE = "003 P5"
FOLDER = "face-masks"


def run_experiment(run: Run) -> None:
    """All parts of the question."""
    p = run.parameters
    pictures = _pictures(run)
    training, held = describe(run, pictures, p["validation"])
    parameters(run)
    results = {}
    run.section("Networks")
    run.text(
        f"Pictures of {p['size']} × {p['size']} pixels, Adam with one cycle of its rate up to "
        f"{p['rate']:g}, batches of {p['batch_size']}. Whole networks are trained for "
        f"{p['epochs']} epochs on shifted and mirrored pictures, a head on frozen features for "
        f"{p['head_epochs']}."
    )
    for method in p["methods"]:
        try:
            results[method] = train_method(
                run, method, pictures, training, held,
                epochs=p["epochs"], head_epochs=p["head_epochs"], batch_size=p["batch_size"],
                rate=p["rate"], width=p["width"], precision=p["precision"],
                weights=p["weights"] or None, data_dir=run.data_directory,
                download=run.data == "real",
            )  # fmt: skip
        except WeightsError as error:
            reason = (
                f"its weights cannot be had. {error}"
                if p["weights"] or run.data == "real"
                else "its weights are not on this computer, and an embedded run downloads nothing."
            )
            run.text(
                f"**{TITLES[method]}** was left out: {reason} `--set weights=PATH` names a file of "
                "weights, and with `--data real` they are downloaded."
            )
    if not results:
        raise ExperimentError(
            "None of the methods could be trained; add cnn to --set methods, or name a file of "
            "pretrained weights with --set weights=PATH."
        )
    best = compare(run, results, pictures, held)
    accuracy = results[best]["accuracy"]
    majority = float(np.bincount(pictures.labels[held]).max() / len(held))
    run.claim(
        "best",
        f"Validation accuracy of the best network, {TITLES[best]}; always naming one class has "
        f"{majority:.3f}",
        measured=accuracy,
        expected=f"at least {p['expected_accuracy']:g}",
        holds=accuracy >= p["expected_accuracy"],
        source=f"{SOURCE} (iv)",
    )
    frozen = [name for name in results if "-frozen" in name]
    small = [name for name in results if name.startswith("cnn")]
    if frozen and small:
        transferred = max(results[name]["accuracy"] for name in frozen)
        scratch = max(results[name]["accuracy"] for name in small)
        run.claim(
            "transfer",
            "Validation accuracy of a linear head on pretrained features against the better of the "
            "two small networks",
            measured=f"{transferred:.3f} against {scratch:.3f}",
            expected="not lower",
            holds=transferred >= scratch,
            source=f"{SOURCE} (iv)",
        )


def parameters(run: Run) -> None:
    """Facts about the architectures that can be checked without data."""
    from chainrule.vision.models import linear_head, resnet34, small_cnn

    run.section("Architectures")
    run.text(
        "Four 3 × 3 convolutions, each followed by ReLU and 2 × 2 pooling, and two dense layers; "
        "then the same with batch normalisation after each convolution, which makes their biases "
        "superfluous, and dropout on the first dense layer. Initial weights are those of He et "
        "al. (2015). “Add a linear layer to the output” of ResNet-34 can be read in two ways: "
        "replace its last layer, or append one to its 1000 outputs. A frozen network is frozen "
        "with its batch-norm statistics, so its features of a picture never change and are "
        "computed once. Validation is in evaluation mode."
    )
    whole: Any = resnet34()
    count = sum(p.numel() for p in whole.parameters())
    heads = []
    readings: tuple[Literal["replace", "append"], ...] = ("replace", "append")
    for reading in readings:
        model: Any = linear_head(resnet34(), 2, reading)
        new = model.fc if reading == "replace" else model.fc[1]
        heads.append(sum(p.numel() for p in new.parameters()))
    plain = small_cnn(2, normalise=False)
    convolutions = sum(type(module).__name__ == "Conv2d" for module in plain)
    dense = sum(type(module).__name__ == "Linear" for module in plain)
    run.claim(
        "counts",
        "Convolutions and dense layers of the small network; parameters of ResNet-34, of its new "
        "last layer for two classes, and of the appended one",
        measured=f"{convolutions}, {dense}; {count:,}, {heads[0]:,}, {heads[1]:,}",
        expected="4, 2; 21,797,672, 1,026, 2,002",
        holds=(convolutions, dense, count, *heads) == (4, 2, 21_797_672, 1026, 2002),
        source=f"{SOURCE} (ii), (iv)",
    )


def _pictures(run: Run) -> Pictures:
    p = run.parameters
    if run.data == "embedded":
        run.text("**Synthetic** faces with and without a mask, drawn by a seeded generator.")
        images, labels = synthetic_faces(p["pictures"], run.seed, p["size"])
        names = tuple(f"{FACES[k]}/{number:04d}" for number, k in enumerate(labels))
        return Pictures(FACES, names, images, labels, ())
    from chainrule.data.storage import directories

    places = [directory / FOLDER for directory in directories(run.data_directory)]
    for place in places:
        if place.is_dir():
            return read_pictures(run, place, p["size"])
    raise ExperimentError(
        f"There is no folder {places[0]}. Put photographs there, in folders with_mask and "
        "without_mask, or run `chainrule classify train DIR` on any folder."
    )


EXPERIMENT = Experiment(
    name="face-masks",
    title="Face masks: networks from scratch and a pretrained one",
    document="003",
    question="P5",
    summary="Pictures of faces with and without a mask, classified by a network of four "
    "convolutions, the same with batch normalisation and dropout, a residual network from scratch "
    "and one with ImageNet's weights and a new linear layer, side by side.",
    parameters=(
        Parameter(
            "methods",
            ("cnn", "cnn-bn-dropout", "resnet34", "resnet34-frozen"),
            "what is trained",
            choices=tuple(TITLES),
        ),
        Parameter("size", 128, "pixels of each side", minimum=16),
        Parameter("pictures", 1200, "drawn faces (embedded data)", minimum=20),
        Parameter("validation", 0.2, "share of the pictures for validation", minimum=0.01),
        Parameter("epochs", 10, "of whole networks", minimum=1),
        Parameter("head_epochs", 30, "of a linear head on frozen features", minimum=1),
        Parameter("batch_size", 32, "pictures per step", minimum=2),
        Parameter("rate", 1e-3, "of Adam, top of one cycle", minimum=0),
        Parameter("width", 16, "channels of the small networks' first layer", minimum=1),
        Parameter("weights", "", "file of pretrained weights; the published ones if empty"),
        Parameter("expected_accuracy", 0.97, "claimed of the best network", minimum=0),
        Parameter(
            "precision",
            "probe",
            "number format; what the probe chooses depends on the machine",
            choices=("probe", "float32", "float32 channels-last", "bfloat16"),
        ),
    ),
    presets={
        "quick": {
            "methods": ("cnn", "cnn-bn-dropout", "resnet18", "resnet18-frozen"),
            "size": 32,
            "pictures": 360,
            "epochs": 4,
            "width": 8,
            "rate": 3e-3,
            "expected_accuracy": 0.75,
            "precision": "float32 channels-last",
        },
        "full": {},
    },
    data={
        "embedded": "synthetic: drawn faces with and without a mask, by a seeded generator",
        "real": "photographs in the folder face-masks of the data directory",
    },
    run=run_experiment,
    needs=("vision",),
)
