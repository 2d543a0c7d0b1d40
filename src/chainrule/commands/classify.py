"""``chainrule classify``: train a classifier on a folder of class folders, and use it on files."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from chainrule.commands.output import print_json
from chainrule.engine.wording import counted_were

OK, FAILED = 0, 1

classify = typer.Typer(rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, to stdout.")]


@classify.callback(invoke_without_command=True)
def overview(context: typer.Context) -> None:
    """Train a classifier on folders of pictures, and use it.

    \b
    chainrule classify train photos
    chainrule classify predict runs/classify-photos/resnet18-frozen.safetensors a.jpg b.png
    """
    if context.invoked_subcommand is None:
        print(context.get_help())


@classify.command()
def train(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Holds a folder for each class.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Run directory; runs/classify-DIR if not given."),
    ] = None,
    methods: Annotated[
        str,
        typer.Option(
            "--methods",
            help="With commas: cnn, cnn-bn-dropout, resnet18, resnet34 (from scratch), and "
            "resnet18-frozen, resnet18-fine-tune, … (pretrained).",
        ),
    ] = "resnet18-frozen",
    size: Annotated[int, typer.Option(help="Pixels of each side.")] = 128,
    epochs: Annotated[int, typer.Option(help="Of whole networks.")] = 10,
    head_epochs: Annotated[int, typer.Option(help="Of a head on frozen features.")] = 30,
    batch_size: Annotated[int, typer.Option(help="Pictures per step.")] = 32,
    rate: Annotated[float, typer.Option(help="Learning rate of Adam, top of one cycle.")] = 1e-3,
    validation: Annotated[float, typer.Option(help="Share of the pictures held out.")] = 0.2,
    weights: Annotated[
        Path | None, typer.Option(help="Pretrained weights: .safetensors or PyTorch.")
    ] = None,
    data_directory: Annotated[
        Path | None, typer.Option("--data-dir", help="Folder whose weights/ is searched first.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Download nothing.")] = False,
    precision: Annotated[
        str, typer.Option(help="probe, float32, float32 channels-last, or bfloat16.")
    ] = "probe",
    seed: Annotated[int, typer.Option(help="Of the split and of everything random.")] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over in the folder.")] = False,
    as_json: Json = False,
) -> int:
    """Train on DIR/CLASS/PICTURE; write a page and the trained networks.

    Files that are no pictures are named and skipped; pictures that are nearly the same stay on one
    side of the split. The same command continues an interrupted training.

    \b
    chainrule classify train photos
    chainrule classify train photos --methods cnn,resnet18-frozen,resnet18-fine-tune
    chainrule classify predict runs/classify-photos/resnet18-frozen.safetensors a.jpg b.png
    """
    from chainrule.experiments.picture_classes import require_weights
    from chainrule.experiments.runner import run_experiment
    from chainrule.reporting.console import print_table
    from chainrule.reporting.terminal import Terminal
    from chainrule.vision import require_torch

    require_torch()
    from chainrule.vision.folders import class_files

    class_files(folder)  # before weights are asked for, which may be a download
    os.environ.setdefault("MPLBACKEND", "Agg")
    experiment = _experiment(folder, offline, data_directory)
    settings: dict[str, Any] = {
        # As it was typed: pages are passed on, and a whole path names the person.
        "folder": str(folder),
        "methods": tuple(word.strip() for word in methods.split(",") if word.strip()),
        "size": size,
        "epochs": epochs,
        "head_epochs": head_epochs,
        "batch_size": batch_size,
        "rate": rate,
        "validation": validation,
        "weights": str(weights) if weights else "",
        "precision": precision,
    }
    output = output or Path("runs") / f"classify-{folder.resolve().name}"
    if folder.is_dir() and (fresh or not output.exists()):
        # Before anything is trained: the cure is often --weights, which is another run.
        require_weights(
            settings["methods"], weights=weights, data_dir=data_directory, download=not offline
        )
    result = run_experiment(
        experiment, output=output, preset="full", data="real", data_directory=data_directory,
        seed=seed, fresh=fresh, terminal=Terminal(), settings=settings,
    ).result  # fmt: skip
    best = output / f"{result['values']['best']}.safetensors"
    if as_json:
        accuracy = result["values"]["accuracy"]
        shown = {"accuracy": accuracy, "skipped": result["values"]["skipped"]}
        print_json(shown | {"best": str(best), "report": result["report"]})
        return OK
    for name, reason in result["values"]["skipped"]:
        print(f"skipped {name}: {reason}", file=sys.stderr)
    if result["values"]["skipped"]:
        skipped = counted_were(len(result["values"]["skipped"]), "file")
        print(f"{skipped} skipped.", file=sys.stderr)
    print_table(
        ["network", "validation accuracy"],
        [[name, f"{value:.4f}"] for name, value in result["values"]["accuracy"].items()],
    )
    print(best)
    print(result["report"])
    return OK


@classify.command()
def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL.safetensors", help="As train wrote it.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Pictures.")],
    as_json: Json = False,
) -> int:
    """Print the probability of each class for pictures.

    Exit status 1: some of the files cannot be read; the others are answered.

    \b
    chainrule classify predict runs/classify-photos/resnet18-frozen.safetensors a.jpg b.png
    """
    from chainrule.reporting.console import print_table
    from chainrule.vision import require_torch

    require_torch()
    from chainrule.vision.classify import load_classifier
    from chainrule.vision.errors import PictureError

    classifier = load_classifier(model)
    answers: list[dict[str, Any]] = []
    for path in files:
        try:
            found = classifier.predict(path)
        except PictureError as error:
            answers.append({"file": str(path), "error": str(error)})
            print(f"chainrule: {error}", file=sys.stderr)
        else:
            best = max(found, key=lambda name: found[name])
            answers.append({"file": str(path), "class": best, "probabilities": found})
    if as_json:
        print_json(answers)
    else:
        rows = [
            [answer["file"], answer["class"],
             *(f"{p:.4f}" for p in answer["probabilities"].values())]
            for answer in answers if "class" in answer
        ]  # fmt: skip
        if rows:
            print_table(["file", "class", *classifier.classes], rows)
    return FAILED if any("error" in answer for answer in answers) else OK


def _experiment(folder: Path, offline: bool, data_directory: Path | None) -> Any:
    """The training as an experiment: it has a page, and continues where it was interrupted."""
    from chainrule.experiments.experiment import Experiment, Parameter, Run
    from chainrule.experiments.picture_classes import (
        TITLES,
        compare,
        describe,
        read_pictures,
        train_method,
    )

    def run_training(run: Run) -> None:
        p = run.parameters
        pictures = read_pictures(run, folder, p["size"])
        training, held = describe(run, pictures, p["validation"])
        results = {
            method: train_method(
                run, method, pictures, training, held,
                epochs=p["epochs"], head_epochs=p["head_epochs"], batch_size=p["batch_size"],
                rate=p["rate"], precision=p["precision"], weights=p["weights"] or None,
                data_dir=data_directory, download=not offline,
            )
            for method in p["methods"]
        }  # fmt: skip
        run.value("best", compare(run, results, pictures, held))
        run.value("skipped", [list(each) for each in pictures.skipped])

    return Experiment(
        name="classify",
        title=f"Pictures of {folder.resolve().name}",
        document="",
        question="chainrule classify train",
        summary="A classifier trained on a folder of pictures.",
        parameters=(
            Parameter("folder", str(folder), "the pictures"),
            Parameter("methods", ("resnet18-frozen",), "what is trained", choices=tuple(TITLES)),
            Parameter("size", 128, "pixels of each side", minimum=16),
            Parameter("epochs", 10, "of a network that is trained whole", minimum=1),
            Parameter("head_epochs", 30, "of a new last layer on a frozen network", minimum=1),
            Parameter("batch_size", 32, "pictures per step", minimum=1),
            Parameter("rate", 1e-3, "highest learning rate of Adam, in one cycle", minimum=0),
            Parameter("validation", 0.2, "share of the pictures held out", minimum=0.001),
            Parameter("weights", "", "file of pretrained weights"),
            Parameter("precision", "probe", "number format; probe tries which is fastest"),
        ),
        presets={"quick": {}, "full": {}},
        data={"real": str(folder)},
        run=run_training,
        command=shlex.join(["chainrule", "classify", "train", str(folder)]),
    )
