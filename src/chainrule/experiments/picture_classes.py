"""Training classifiers of pictures in a run: split, networks side by side, errors shown, export.

Shared by the experiment `face-masks` and the command ``chainrule classify train``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.engine.wording import counted, counted_were
from chainrule.experiments import cifar10_figures as figures
from chainrule.experiments.run import Run
from chainrule.vision.folders import Pictures, read_folder, split

#: What the page says of each way to train.
TITLES = {
    "cnn": "four convolutions",
    "cnn-bn-dropout": "four convolutions, batch norm and dropout",
    "resnet18": "ResNet-18 from scratch",
    "resnet34": "ResNet-34 from scratch",
    "resnet18-frozen": "ResNet-18, pretrained, new linear head",
    "resnet34-frozen": "ResNet-34, pretrained, new linear head",
    "resnet18-frozen-append": "ResNet-18, pretrained, linear layer on its 1000 outputs",
    "resnet34-frozen-append": "ResNet-34, pretrained, linear layer on its 1000 outputs",
    "resnet18-fine-tune": "ResNet-18, pretrained, all layers tuned",
    "resnet34-fine-tune": "ResNet-34, pretrained, all layers tuned",
}
SHOWN_ERRORS = 12


def plan_of(method: str, **options: Any) -> Any:
    """The `Plan` of a method's name."""
    from chainrule.vision.classify import Plan

    network, _, tuning = method.partition("-") if method.startswith("resnet") else (method, "", "")
    literal = tuning.endswith("-append")
    return Plan(
        network=network,
        tuning=tuning.removesuffix("-append") or "none",
        head="append" if literal else "replace",
        **options,
    )


def require_weights(methods: Sequence[str], **files: Any) -> None:
    """Raise `WeightsError` unless every pretrained network's weights are there and fit."""
    from chainrule.vision.weights import pretrained

    plans = [plan_of(method) for method in methods if method in TITLES]
    for network in sorted({plan.network for plan in plans if plan.tuning != "none"}):
        pretrained(network, **files)


def read_pictures(run: Run, folder: Path, size: int) -> Pictures:
    """The pictures of a folder, with a bar while they are read."""
    with run.progress("reading pictures", 1) as bar:
        return read_folder(folder, size, advance=lambda done, total: bar.advance(1 / total))


def describe(run: Run, pictures: Pictures, validation: float) -> tuple[Any, Any]:
    """Split the pictures and say on the page what there is; indices of training, validation."""
    run.section("Pictures")
    training, held, near = split(pictures, validation, run.seed)
    rows = [
        [name, int(np.sum(pictures.labels == k)), int(np.sum(pictures.labels[training] == k)),
         int(np.sum(pictures.labels[held] == k))]
        for k, name in enumerate(pictures.classes)
    ]  # fmt: skip
    run.table("classes", "Pictures", ["class", "pictures", "training", "validation"], rows)
    lost = len(pictures.labels) - len(training) - len(held)
    sentences = []
    if pictures.skipped:
        sentences.append(f"{counted_were(len(pictures.skipped), 'file')} skipped.")
    if near:
        sentences.append(
            f"{counted(len(near), 'pair')} of nearly the same pictures, such as {near[0][0]} and "
            f"{near[0][1]}: each is on one side of the split."
        )
    if lost:
        sentences.append(
            f"{counted_were(lost, 'picture')} left out, being like one held out in another class."
        )
    if sentences:
        run.text(" ".join(sentences))
    if pictures.skipped:
        run.table("skipped", "Files that were skipped", ["file", "reason"],
                  [list(each) for each in pictures.skipped])  # fmt: skip
    shown = np.concatenate(
        [training[pictures.labels[training] == k][:8] for k in range(len(pictures.classes))]
    )
    run.figure(
        "pictures",
        "Some of the training pictures",
        figures.draw_pictures(
            pictures.images[shown], 8, [pictures.classes[pictures.labels[k]] for k in shown], 1.0
        ),
        alternative="Small pictures with the name of their class.",
    )
    return training, held


def train_method(
    run: Run, method: str, pictures: Pictures, training: Any, held: Any, **options: Any
) -> dict[str, Any]:
    """Train one network as a step of the run and export it as METHOD.safetensors."""
    from chainrule.vision.classify import save_classifier, train_classifier

    files = {key: options.pop(key) for key in ("weights", "data_dir", "download")}
    plan = plan_of(method, seed=run.seed, **options)
    epochs = 0 if plan.tuning == "frozen" else plan.epochs
    epochs += 0 if plan.tuning == "none" else plan.head_epochs

    def work() -> dict[str, Any]:
        checkpoint = run.checkpoint(method)
        with run.progress(TITLES.get(method, method), epochs) as bar:
            trained = train_classifier(
                plan,
                (pictures.images[training], pictures.labels[training]),
                (pictures.images[held], pictures.labels[held]),
                len(pictures.classes),
                checkpoint=checkpoint,
                on_epoch=lambda row: bar.advance(1, accuracy=row.validation_accuracy),
                **files,
            )
        accuracy = trained.validation.accuracy
        path = checkpoint.with_suffix(".safetensors")
        size = pictures.images.shape[2]
        save_classifier(path, trained.model, plan, pictures.classes, size, accuracy)
        return {
            "history": [asdict(row) for row in trained.history],
            "accuracy": accuracy,
            "loss": trained.validation.loss,
            "probabilities": np.round(trained.validation.probabilities, 5),
            "parameters": sum(p.numel() for p in trained.model.parameters()),
            "model": path.name,
        }

    result: dict[str, Any] = run.step(method, work)
    return result


def compare(run: Run, results: dict[str, dict[str, Any]], pictures: Pictures, held: Any) -> str:
    """How often the best is right, curves of all networks, and the errors of the best; its name."""
    run.section("Results")
    best = max(results, key=lambda name: (results[name]["accuracy"], -results[name]["loss"]))
    run.text(_answer(best, results, pictures.labels[held]))
    curves = {TITLES.get(name, name): result["history"] for name, result in results.items()}
    keys = ("epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    run.figure(
        "curves",
        "Loss and accuracy, training (augmented) and validation",
        figures.draw_curves(curves),
        alternative="Curves of loss and accuracy against epochs for each network.",
        table=(
            ["network", *(key.replace("_", " ") for key in keys)],
            [[name, *(row[key] for key in keys)] for name, rows in curves.items() for row in rows],
        ),
    )
    rows = [
        [TITLES.get(name, name), result["parameters"], result["history"][-1]["train_accuracy"],
         result["accuracy"], result["loss"], sum(row["seconds"] for row in result["history"]),
         result["model"]]
        for name, result in results.items()
    ]  # fmt: skip
    columns = ["network", "parameters", "train accuracy", "validation accuracy",
               "validation loss", "seconds", "file"]  # fmt: skip
    run.table("networks", "After training", columns, rows)
    run.value("accuracy", {name: result["accuracy"] for name, result in results.items()})
    _errors(run, best, np.array(results[best]["probabilities"]), pictures, held)
    return best


def _answer(best: str, results: dict[str, dict[str, Any]], labels: Any) -> str:
    """The answer in a sentence: how many held out pictures are right, and how many by chance."""
    number, most = len(labels), int(np.bincount(labels).max())
    right = round(results[best]["accuracy"] * number)
    title = TITLES.get(best, best)
    text = (
        f"**Right for {right:,} of {counted(number, 'picture')}** that took no part in the "
        f"training ({100 * right / number:.0f} %): {title}. Always naming the most frequent class "
        f"is right for {most:,} ({100 * most / number:.0f} %)."
    )
    if len(results) > 1:
        text += (
            f" It was chosen as the best of {len(results)} by these very pictures, so on others it "
            "will be right a little less often."
        )
    return text


def _errors(run: Run, best: str, probabilities: Any, pictures: Pictures, held: Any) -> None:
    """Confusion of the best network, and the pictures it is most surely wrong about."""
    labels = pictures.labels[held].astype(int)
    predicted = probabilities.argmax(1)
    classes = len(pictures.classes)
    cells = np.bincount(labels * classes + predicted, minlength=classes**2)
    run.figure(
        "confusion",
        f"Validation pictures by true and predicted class: {TITLES.get(best, best)}",
        figures.draw_confusion(cells.reshape(classes, classes), pictures.classes),
        alternative="A matrix of counts.",
    )
    wrong = np.flatnonzero(predicted != labels)
    wrong = wrong[np.argsort(probabilities[wrong, labels[wrong]])][:SHOWN_ERRORS]
    if not len(wrong):
        run.text("No validation picture is classified wrongly.")
        return
    titles = [
        f"{pictures.classes[predicted[k]]} {100 * probabilities[k, predicted[k]]:.0f} %"
        for k in wrong
    ]
    run.figure(
        "errors",
        "The most confident errors, with what was predicted",
        figures.draw_pictures(pictures.images[held[wrong]], min(6, len(wrong)), titles, 1.3),
        alternative="Pictures with the wrong class that was predicted and its probability.",
        table=(
            ["picture", "true", "predicted", "probability"],
            [[pictures.names[held[k]], pictures.classes[labels[k]],
              pictures.classes[predicted[k]], probabilities[k, predicted[k]]] for k in wrong],
        ),
    )  # fmt: skip
