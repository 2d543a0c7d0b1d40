"""Parts (e) and (f) of `digits-3-vs-9` on the page: tables, figures, claims and conclusions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from chainrule.experiments.digits_3_vs_9_derivatives import code
from chainrule.experiments.digits_3_vs_9_figures import draw_batches, draw_widths
from chainrule.experiments.experiment import Run
from chainrule.experiments.handwritten_backprop import GDOptimizer, Model

Row = dict[str, Any]

#: What is shown as the median over seeds: the mean would follow the few networks that die.
MEASURED = ("updates", "history", "train_mse", "train_mce", "test_mse", "test_mce")

#: Two settings make "the same number of updates" if their numbers differ by at most this share.
SAME_UPDATES = 0.02


def setting(run: Run, rows: Sequence[Row], images: int, positive: int, pixels: int) -> None:
    """What is trained on what, before part (e)."""
    seeds = len({row["seed"] for row in rows})
    runs = "one training" if seeds == 1 else f"the median of {seeds} trainings"
    rate = rows[0]["learning_rate"]
    negative = images - positive
    run.section("The trainings of (e) and (f)")
    run.text(
        f"{images} images of {pixels} pixels in [0, 1]: {positive} of the digit 3, the positive "
        f"class (y = +1), and {negative} of the digit 9 (y = −1). Networks with one hidden layer "
        "and a linear output minimise MSE = 1/(2n) Σ (y − ŷ)² by gradient descent on batches, "
        f"reshuffled in every epoch, with η = {rate:g}. The sign of ŷ is the predicted class, MCE "
        f"the share of wrong signs. Every number below is {runs}. Two values to compare with: "
        "ŷ = 0 everywhere has MSE 0.5, and always answering the more frequent digit is wrong on "
        f"{_percent(min(positive, negative) / images)} of the images."
    )


def batches(run: Run, rows: Sequence[Row], images: int) -> None:
    """Part (e)."""
    cells = typical(rows, "batch_size", "epochs")
    sizes = sorted({size for size, _ in cells})
    lengths = sorted({epochs for _, epochs in cells})
    width = rows[0]["width"]
    run.section("(e) Batch size and number of epochs")
    run.text(
        f"A ReLU network with {width} hidden units. The optimizer takes ∂MSE/∂z and the inputs of "
        "the layers; the last batch of an epoch is averaged over its own size."
    )
    run.text(code(GDOptimizer.update, Model.trainBatch, Model._fit))
    run.table(
        "batch-size-epochs",
        "Error on the training set after training: MSE (MCE)",
        ["batch size", "updates per epoch", *(f"{epochs} epochs" for epochs in lengths)],
        [
            [size, round(cells[size, lengths[0]]["updates"] / lengths[0])]
            + [
                f"{cells[size, e]['train_mse']:.4f} ({_percent(cells[size, e]['train_mce'])})"
                for e in lengths
            ]
            for size in sizes
        ],
    )
    run.figure(
        "batches",
        "Training error against epochs and against updates",
        draw_batches(cells, rows, sizes, lengths),
        alternative=f"Left: training MSE after {_listed(lengths)} epochs, one line per batch size "
        f"{_listed(sizes)}. Right: the same errors against the number of updates, with the course "
        "of the longest training of each batch size.",
        table=_numbers(cells, rows, {"batch_size": "batch size", "epochs": "epochs"}),
    )
    counted = [cells[size, lengths[0]]["updates"] / lengths[0] for size in sizes]
    expected = [-(-images // size) for size in sizes]
    run.claim(
        "e-updates",
        f"Updates counted per epoch for batches of {_listed(sizes)}: ⌈n/B⌉, the short last batch "
        "among them",
        measured=", ".join(f"{number:g}" for number in counted),
        expected=", ".join(str(number) for number in expected),
        holds=all(
            cell["updates"] == epochs * -(-images // size) for (size, epochs), cell in cells.items()
        ),
        source="001 §1 (e)",
    )
    longer = [
        cells[size, b]["train_mse"] < cells[size, a]["train_mse"]
        for size in sizes
        for a, b in pairwise(lengths)
    ]
    smaller = [
        cells[a, epochs]["train_mse"] < cells[b, epochs]["train_mse"]
        for epochs in lengths
        for a, b in pairwise(sizes)
    ]
    for id, statement, outcomes in (
        ("e-epochs", "More epochs lower the training MSE at every batch size", longer),
        (
            "e-batch-size",
            "A smaller batch lowers the training MSE at every number of epochs",
            smaller,
        ),
    ):
        run.claim(
            id,
            statement,
            measured=f"{sum(outcomes)} of {len(outcomes)} comparisons",
            expected=f"{len(outcomes)} of {len(outcomes)}",
            holds=all(outcomes) if outcomes else None,
            source="001 §1 (e)",
        )
    equal = _ratios(cells, same="updates")
    neighbours = _ratios(cells, same="batch_size")
    if len(equal) and len(neighbours):
        run.claim(
            "e-equal-updates",
            "At equal numbers of updates the batch size changes the MSE less than the next number "
            "of epochs does: geometric means of the ratios",
            measured=f"{_mean_ratio(equal):.3f} against {_mean_ratio(neighbours):.3f}",
            expected="less",
            holds=_mean_ratio(equal) < _mean_ratio(neighbours),
            source="001 §1 (e)",
        )
    run.text(_conclusion_of_batches(cells, longer, smaller, equal, neighbours))


def widths(run: Run, rows: Sequence[Row]) -> None:
    """Part (f)."""
    cells = typical(rows, "activation", "width")
    names = list(dict.fromkeys(row["activation"] for row in rows))
    sizes = sorted({row["width"] for row in rows})
    run.section("(f) Width and activation")
    run.text(
        f"One hidden layer, batches of {rows[0]['batch_size']}, {rows[0]['epochs']} epochs: "
        f"{rows[0]['updates']} updates each."
    )
    run.table(
        "width-activation",
        "Error on the training set after training: MSE (MCE)",
        ["hidden units", *names],
        [
            [size]
            + [
                f"{cells[name, size]['train_mse']:.4f} ({_percent(cells[name, size]['train_mce'])})"
                for name in names
            ]
            for size in sizes
        ],
    )
    run.figure(
        "widths",
        "Training error against the number of hidden units",
        draw_widths(cells, rows, names, sizes),
        alternative=f"Training MSE and MCE of networks with {_listed(sizes)} hidden units, one "
        f"line each for {_listed(names)}.",
        table=_numbers(cells, rows, {"activation": "activation", "width": "hidden units"}),
        note="Bars span the middle half of the trainings."
        if len({row["seed"] for row in rows}) > 1
        else "",
    )
    two, sixteen = (
        [r["train_mse"] for r in rows if (r["activation"], r["width"]) == ("relu", width)]
        for width in (2, 16)
    )
    if two and sixteen:
        run.claim(
            "f-relu",
            "2 ReLU units end at a higher training MSE than 16"
            + (f", in the mean over {len(two)} trainings each" if len(two) > 1 else ""),
            measured=f"{np.mean(two):.4f} against {np.mean(sixteen):.4f}",
            expected="higher",
            holds=bool(np.mean(two) > np.mean(sixteen)),
            source="001 §1 (f)",
        )
    run.text(_conclusion_of_widths(cells, rows, names, sizes))


def errors(run: Run, rows: Sequence[Row]) -> None:
    """The error rates that all trainings reached."""
    cells = typical(rows, "part", "activation", "width", "batch_size", "epochs")
    best = min(cells.values(), key=lambda cell: (cell["train_mce"], cell["train_mse"]))
    label = (
        f"{best['activation']}-{best['width']}, B = {best['batch_size']}, {best['epochs']} epochs"
    )
    run.section("The best network")
    run.claim(
        "training-error",
        f"The best of the {len(cells)} settings ({label}) misclassifies at most 1\u202f% of the "
        "training images",
        measured=_percent(best["train_mce"]),
        expected="at most 1\u202f%",
        holds=best["train_mce"] <= 0.01,
    )
    run.value("best_training_mce", best["train_mce"])
    if "test_mce" in best:
        run.claim(
            "test-error",
            "The same setting on the test images, which it was neither trained nor chosen on",
            measured=_percent(best["test_mce"]),
            expected="at most 2\u202f%",
            holds=best["test_mce"] <= 0.02,
        )
        run.value("best_test_mce", best["test_mce"])


def typical(rows: Iterable[Row], *keys: str) -> dict[tuple[Any, ...], Row]:
    """Rows by the values of `keys`, with the median of what was measured where they are shared."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return {
        key: group[0]
        | {
            name: np.median([row[name] for row in group], axis=0)
            for name in MEASURED
            if name in group[0]
        }
        for key, group in groups.items()
    }


def _ratios(cells: dict[tuple[Any, ...], Row], same: str) -> list[float]:
    """Ratios, at least 1, of the MSEs of two settings.

    With ``same="updates"`` of every two batch sizes with nearly the same number of updates, with
    ``same="batch_size"`` of neighbouring numbers of epochs of one batch size.
    """
    ratios = []
    lengths = sorted({epochs for _, epochs in cells})
    for (key, cell), (other_key, other) in combinations(cells.items(), 2):
        if same == "updates":
            low, high = sorted((cell["updates"], other["updates"]))
            wanted = key[0] != other_key[0] and high - low <= SAME_UPDATES * high
        else:
            apart = abs(lengths.index(key[1]) - lengths.index(other_key[1]))
            wanted = key[0] == other_key[0] and apart == 1
        if wanted:
            ratio = cell["train_mse"] / other["train_mse"]
            ratios.append(float(max(ratio, 1 / ratio)))
    return ratios


def _mean_ratio(ratios: Sequence[float]) -> float:
    """Geometric mean."""
    return float(np.exp(np.mean(np.log(ratios))))


def _conclusion_of_batches(
    cells: dict[tuple[Any, ...], Row],
    longer: Sequence[bool],
    smaller: Sequence[bool],
    equal: Sequence[float],
    neighbours: Sequence[float],
) -> str:
    """Whether part (e) is as expected and what follows, in the words the numbers allow."""
    (low_size, low_epochs), low = min(cells.items(), key=lambda item: item[1]["train_mse"])
    (high_size, high_epochs), high = max(cells.items(), key=lambda item: item[1]["train_mse"])
    as_expected = all(longer) and all(smaller)
    text = (
        "**Expectation and result.** An update moves the parameters by η times a gradient that is "
        "averaged over its batch: its length depends little on B. At a fixed η the number of "
        "updates, epochs × ⌈n/B⌉, should therefore decide, and with it small batches and many "
        f"epochs. {'That is what happens' if as_expected else 'That happens only in part'}: the "
        f"MSE falls in {sum(longer)} of {len(longer)} steps to more epochs and in {sum(smaller)} "
        f"of {len(smaller)} steps to a smaller batch. The highest is {high['train_mse']:.4f} after "
        f"{high['updates']:.0f} updates (B = {high_size}, {high_epochs} epochs), the lowest "
        f"{low['train_mse']:.4f} after {low['updates']:.0f} (B = {low_size}, {low_epochs} epochs)."
    )
    if not equal or not neighbours:
        return text
    text += (
        " Settings with equally many updates but different batch sizes differ by "
        f"{_percent(_mean_ratio(equal) - 1)} on average (at most {_percent(max(equal) - 1)}), "
        f"neighbouring numbers of epochs by {_percent(_mean_ratio(neighbours) - 1)}."
    )
    if _mean_ratio(equal) < _mean_ratio(neighbours):
        return text + (
            "\n\n**Conclusion.** The small batch wins mainly because it makes more updates from "
            "the same data, not because its gradient is better: that one is noisier. A fair "
            "comparison of gradients gives every batch size the same number of updates, or a "
            "learning rate of its own."
        )
    return text + (
        "\n\n**Conclusion.** The number of updates alone does not explain these errors; the noise "
        "of the batches matters at least as much."
    )


def _conclusion_of_widths(
    cells: dict[tuple[Any, ...], Row],
    rows: Sequence[Row],
    names: Sequence[str],
    sizes: Sequence[int],
) -> str:
    """Whether part (f) is as expected and what follows, in the words the numbers allow."""
    text = (
        "**Expectation and result.** A wider network can do everything that a narrower one can, so "
        "the lowest error that exists cannot rise with the width; which error is reached after a "
        "fixed number of updates is another question."
    )
    for name in names:
        errors = [cells[name, size]["train_mse"] for size in sizes]
        falls = sum(b < a for a, b in pairwise(errors))
        best = sizes[int(np.argmin(errors))]
        text += (
            f" For {name} the MSE goes from {errors[0]:.4f} at width {sizes[0]} to "
            f"{errors[-1]:.4f} at width {sizes[-1]}, down in {falls} of {len(errors) - 1} steps "
            f"to more units, and is lowest at width {best}."
        )
    if "tanh" in names and "relu" in names:
        lower = sum(cells["tanh", s]["train_mse"] < cells["relu", s]["train_mse"] for s in sizes)
        text += f" tanh ends below ReLU in MSE at {lower} of {len(sizes)} widths."
    relu = [row for row in rows if row["activation"] == "relu"]
    dead = sum(row["dead_units"] > 0 for row in relu)
    silent = sum(row["dead_units"] == row["width"] for row in relu)
    text += (
        " A ReLU that is 0 on every image gets no gradient any more; of two units, one lost is "
        f"half the network. {dead} of the {len(relu)} ReLU networks ended with at least one dead "
        f"unit, {silent} with nothing else. A tanh never switches off completely."
    )
    ratios = {
        name: cells[name, sizes[0]]["train_mse"] / cells[name, sizes[-1]]["train_mse"]
        for name in names
    }
    spans = " and ".join(f"{ratio:.2g} ({name})" for name, ratio in ratios.items())
    narrow = min(cells[name, sizes[0]]["train_mce"] for name in names)
    return text + (
        f"\n\n**Conclusion.** From {sizes[0]} to {sizes[-1]} hidden units the MSE is divided by "
        f"{spans}, for {sizes[-1] / sizes[0]:g} times the units. With {sizes[0]} of them the "
        f"better activation is wrong on {_percent(narrow)} of the images: that is what all other "
        "units have left to improve."
    )


def _numbers(
    cells: dict[tuple[Any, ...], Row], rows: Sequence[Row], keys: dict[str, str]
) -> tuple[list[str], list[list[Any]]]:
    """The table beside a figure: what was set, the updates, and all measured errors."""
    titles = {
        "train_mse": "training MSE",
        "train_mce": "training MCE",
        "test_mse": "test MSE",
        "test_mce": "test MCE",
    }
    present = [name for name in titles if name in rows[0]]
    several = len({row["seed"] for row in rows}) > 1
    columns = [*keys.values(), "updates", *(titles[name] for name in present)]
    columns += ["lowest MSE", "highest MSE"] if several else []
    table = []
    for key, cell in cells.items():
        line = [*key, round(cell["updates"]), *(float(cell[name]) for name in present)]
        if several:
            found = [r["train_mse"] for r in rows if tuple(r[name] for name in keys) == key]
            line += [min(found), max(found)]
        table.append(line)
    return columns, table


def _percent(share: float) -> str:
    """A share as per cent, to three digits."""
    return f"{100 * share:.3g}\u202f%"


def _listed(values: Sequence[Any]) -> str:
    """Values in a sentence."""
    return ", ".join(str(value) for value in values)
