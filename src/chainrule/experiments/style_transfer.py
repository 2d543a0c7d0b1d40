"""Experiment `style-transfer`: the functions of the assignment checked, and pictures made.

The functions are in `chainrule.vision.style`, the figures in `style_transfer_figures`.
"""

from __future__ import annotations

import base64
import functools
import io
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.experiments import style_transfer_figures as figures
from chainrule.experiments.experiment import Experiment, Parameter, Run

SOURCE = "000 §2.6"
#: Features and Gram matrix that the hand-out's own test uses, up to scale.
EXAMPLE = np.arange(24, dtype=np.float64).reshape(3, 4, 2) / 10
EXAMPLE_GRAM = np.array([[20.24, 21.56], [21.56, 23.0]]) / 12
PARTS = ("total", "style", "content", "variation")


def functions(run: Run) -> None:
    """The functions of the assignment against known values, the engine and PyTorch."""
    import chainrule as cr
    from chainrule.vision.style import (
        compute_content_loss,
        compute_style_loss,
        deprocess_img,
        gram_matrix,
        process_img,
    )

    run.section("The assignment's functions")
    run.text(
        "A layer's features F have one row for each of n positions and one column for each of c "
        "channels. The content loss is the mean of (F − P)², the style loss the mean of (G − A)² "
        "with the Gram matrices G = FᵀF/n. The Gram matrix forgets where things are: permuting "
        "the positions does not change it. Hence **∂style/∂F = 4 F (G − A) / (n c²)** and "
        "**∂content/∂F = 2 (F − P) / (n c)**, which is all that the backward pass through the "
        "network needs. The hand-out asks for sums in its formulas and for means in its text, and "
        "divides the Gram matrix by `input.shape[0]`; the functions take both readings."
    )
    gram = gram_matrix(EXAMPLE)
    other = EXAMPLE[::-1]
    swapped = gram_matrix(EXAMPLE[..., ::-1])
    values = (
        float(np.max(np.abs(gram - EXAMPLE_GRAM))),
        float(compute_content_loss(EXAMPLE, other, "sum")),
        float(compute_content_loss(EXAMPLE, other)),
        float(compute_style_loss(gram, swapped, "sum")),
    )
    wanted = (0.0, 40.96, 1.7066666666666667, 0.1058)
    run.claim(
        "reference-values",
        "For F = 0, 0.1, …, 2.3 of shape 3 × 4 × 2: deviation of the Gram matrix; content loss to "
        "F with its rows reversed, sum and mean; style loss to the Gram matrix of swapped channels",
        measured=", ".join(f"{value:.6g}" for value in values),
        expected=", ".join(f"{value:.6g}" for value in wanted),
        holds=bool(np.allclose(values, wanted, rtol=1e-12, atol=1e-14)),
        source=SOURCE,
    )
    rng = run.rng("features")
    features, target = rng.normal(size=(5, 6, 4)), gram_matrix(rng.normal(size=(5, 6, 4)))
    rows = features.reshape(30, 4)
    gram = gram_matrix(features)
    by_hand = (4 / (30 * 16) * rows @ (gram - target)).reshape(features.shape)
    engine = cr.grad(lambda f: compute_style_loss(gram_matrix(f), target))(features)
    run.claim(
        "gradient-engine",
        "∂style/∂F by the formula against this package's engine, on random features: largest "
        "relative deviation",
        measured=float(np.max(np.abs(engine - by_hand)) / np.max(np.abs(by_hand))),
        expected="at most 1e-12",
        holds=bool(np.allclose(engine, by_hand, rtol=1e-12, atol=1e-15)),
        source=SOURCE,
    )
    shuffled = gram_matrix(rng.permutation(rows).reshape(features.shape))
    least = float(np.min(np.linalg.eigvalsh(gram)))
    run.claim(
        "gram",
        "The Gram matrix after permuting all positions: largest deviation; its least eigenvalue",
        measured=f"{np.max(np.abs(shuffled - gram)):.2g}, {least:.3g}",
        expected="at most 1e-14, at least 0",
        holds=bool(np.allclose(shuffled, gram, atol=1e-14)) and least >= -1e-15,
        source=SOURCE,
    )
    levels = np.arange(256)[:, None, None] * np.ones((1, 1, 3), int)
    beyond = deprocess_img(process_img(np.array([[[-40.0, 300.0, 128.0]]])))
    run.claim(
        "deprocess",
        "deprocess_img(process_img(·)) over all 256 levels: mismatches; and of (−40, 300, 128), "
        "which an optimised picture may hold",
        measured=f"{int(np.sum(deprocess_img(process_img(levels)) != levels))}, "
        f"{tuple(beyond[0, 0].tolist())}",
        expected="0, (0, 255, 128)",
        holds=bool(np.array_equal(deprocess_img(process_img(levels)), levels))
        and beyond.tolist() == [[[0, 255, 128]]],
        source=SOURCE,
    )


def whole_gradient(run: Run) -> None:
    """Gradient in the picture by hand against PyTorch, and tiles against the whole picture."""

    def measure() -> dict[str, float]:
        import torch

        from chainrule.vision.style import (
            Objective,
            Weights,
            calculate_loss,
            compute_features,
            gram_matrix,
        )
        from chainrule.vision.style.assignment import MEAN_BGR
        from chainrule.vision.style.encoder import random_encoder

        torch.manual_seed(run.seed)
        encoder = random_encoder(run.seed, (8, 8, 8, 8, 8)).to(torch.float64)
        layers = {f"relu{block}_1": float(block) for block in range(1, 6)}
        image, content, style = (
            torch.rand(1, 3, *shape, dtype=torch.float64)
            for shape in ((70, 83), (70, 83), (64, 90))
        )

        def caffe(picture: Any) -> Any:
            return torch.flip(picture[0].permute(1, 2, 0), [2]) * 255 - picture.new_tensor(MEAN_BGR)

        grams = {
            name: gram_matrix(value)
            for name, value in compute_features(caffe(style), encoder, list(layers)).items()
        }
        targets = compute_features(caffe(content), encoder, ["relu4_2"])
        variable = image.clone().requires_grad_()
        total, _, _ = calculate_loss(caffe(variable), encoder, grams, targets)
        total.backward()
        assert variable.grad is not None
        weights = Weights(
            {name: 1e-2 * weight for name, weight in layers.items()}, {"relu4_2": 1e3}, 0.0, False
        )
        whole = Objective(encoder, weights, content, [(style, 1.0)])
        losses, gradient = whole(image)
        tiled, tiled_gradient = Objective(encoder, weights, content, [(style, 1.0)], 64)(image)
        scale = float(variable.grad.abs().max())
        return {
            "loss": abs(losses.total - total.item()) / total.item(),
            "gradient": float((gradient - variable.grad).abs().max()) / scale,
            "tiled loss": abs(tiled.total - losses.total) / losses.total,
            "tiled gradient": float((tiled_gradient - gradient).abs().max()) / scale,
        }

    found = run.step("gradient of the picture", measure, "Gradient against PyTorch")
    run.claim(
        "gradient-torch",
        "Loss and gradient in the picture, written out by hand, against calculate_loss under "
        "PyTorch's automatic differentiation in float64: largest relative deviations",
        measured=f"{found['loss']:.1e}, {found['gradient']:.1e}",
        expected="at most 1e-10",
        holds=max(found["loss"], found["gradient"]) <= 1e-10,
        source=SOURCE,
    )
    run.claim(
        "tiles",
        "Loss and gradient in tiles of 64 pixels, which bound the memory: deviations from those of "
        "the whole picture",
        measured=f"{found['tiled loss']:.1e}, {found['tiled gradient']:.1e}",
        expected="at most 1e-10",
        holds=max(found["tiled loss"], found["tiled gradient"]) <= 1e-10,
        source=SOURCE,
    )


def _pictures(run: Run) -> tuple[Any, Any, str]:
    """Content, style, and what they are."""
    from sklearn.datasets import load_sample_image

    names = {"content": "china.jpg", "style": "flower.jpg"}
    found = {}
    for kind, name in names.items():
        given = run.parameters[kind]
        found[kind] = given or load_sample_image(name).astype(np.float32) / 255
        names[kind] = Path(given).name if given else f"scikit-learn's {name}"
    return found["content"], found["style"], f"{names['content']} and {names['style']}"


def paint(run: Run, optimizer: str, precision: str = "auto") -> dict[str, Any]:
    """Stylise once; histories, frames and facts as JSON."""
    from chainrule.vision.style import Settings, load_encoder, stylize

    content, style, _ = _pictures(run)
    p = run.parameters
    settings = Settings(
        encoder=p["encoder"] if run.data == "real" else "random", weights=p["weights"] or None,
        size=p["size"], steps=p["steps"], scales=1 if precision != "auto" else p["scales"],
        optimizer=optimizer, style_weight=p["style_weight"],
        variation_weight=p["variation_weight"], precision=precision, seed=run.seed,
    )  # fmt: skip
    encoder = None
    if run.data == "embedded":
        encoder = load_encoder("random", seed=run.seed)
    before = None if encoder is None else _fingerprint(encoder)
    with run.progress(f"Painting with {optimizer}", settings.steps) as bar:
        result = stylize(
            content, style, settings, lambda moment: bar.advance(loss=moment.losses.total),
            encoder=encoder, data_dir=run.data_directory,
        )  # fmt: skip
    for step, scale, losses, _ in result.history:
        run.metric(optimizer=optimizer, precision=precision, step=step, scale=scale,
                   **losses._asdict())  # fmt: skip
    return {
        "curves": {part: [getattr(moment[2], part) for moment in result.history] for part in PARTS},
        "scales": [moment[1] for moment in result.history],
        "frames": [[step, _packed(frame)] for step, frame in result.frames],
        "encoder": result.encoder,
        "precision": result.precision,
        "probe": [[c.name, c.seconds, c.loss_difference, c.cosine] for c in result.candidates],
        "notes": result.notes,
        "seconds": result.history[-1][3],
        "unchanged": None if encoder is None else before == _fingerprint(encoder),
    }


def _fingerprint(encoder: Any) -> list[str]:
    """Every weight's bytes, hashed."""
    import hashlib

    return [
        hashlib.sha256(step.weight.numpy().tobytes()).hexdigest()
        for step in encoder.steps
        if step.weight is not None
    ]


def _packed(picture: Any) -> str:
    """A picture as a PNG file in base64."""
    from PIL import Image

    from chainrule.vision.images import to_bytes

    buffer = io.BytesIO()
    Image.fromarray(to_bytes(picture)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _unpacked(text: str) -> Any:
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(text))) as picture:
        return np.asarray(picture, np.float32) / 255


def pictures(run: Run) -> None:
    """A picture made with L-BFGS and with Adam."""
    content, style, names = _pictures(run)
    run.section("A picture in the style of another")
    found = {
        name: run.step(f"paint {name}", functools.partial(paint, run, name), f"Painting, {name}")
        for name in ("lbfgs", "adam")
    }
    best = found["lbfgs"]
    trained = best["encoder"] != "random"
    run.text(
        f"{names} through the encoder **{best['encoder']}**"
        + (
            ". "
            if trained
            else ", whose weights are random and untrained (He, Wang, Hopcroft 2016): "
            "colours and textures are transferred, less of the forms. `--data real` uses trained "
            "weights. "
        )
        + f"Computed in {best['precision']}, which was the fastest form in a short trial before "
        "the run. What is optimised is the pixels alone; the targets are computed once, the "
        "encoder ends with the last layer in use, and no weight has a gradient."
    )
    for note in best["notes"]:
        run.text(note)
    from chainrule.vision.images import read_picture

    shown = [
        (title, read_picture(each, 256) if isinstance(each, str) else each)
        for title, each in (("content", content), ("style", style))
    ]
    frames = [(f"after {step}", _unpacked(text)) for step, text in best["frames"]]
    run.figure(
        "pictures",
        "Content, style, result",
        figures.draw_pictures([*shown, ("result", frames[-1][1])]),
        alternative="The content picture, the style picture, and the content in that style.",
    )
    run.figure(
        "filmstrip",
        "The picture after so many evaluations, L-BFGS",
        figures.draw_pictures(frames),
        alternative="The picture after several numbers of evaluations, from the content picture "
        "to the stylised one.",
    )
    steps = list(range(len(best["curves"]["total"])))
    rows = sorted({round(i * (len(steps) - 1) / 8) for i in range(9)})
    run.figure(
        "losses",
        "Losses on the way",
        figures.draw_losses(
            [(f"{part}, L-BFGS", steps, best["curves"][part]) for part in PARTS]
            + [("total, Adam", steps, found["adam"]["curves"]["total"])]
        ),
        alternative="The losses fall over the evaluations; they jump where the next scale begins.",
        table=(
            ["evaluation", *PARTS, "total, Adam"],
            [
                [i, *(best["curves"][part][i] for part in PARTS),
                 found["adam"]["curves"]["total"][i]]
                for i in rows
            ],
        ),
    )  # fmt: skip
    first, last = best["curves"]["total"][0], best["curves"]["total"][-1]
    run.value("losses", {name: found[name]["curves"]["total"][-1] for name in found})
    run.value("seconds", {name: found[name]["seconds"] for name in found})
    run.claim(
        "falls",
        f"{len(steps)} evaluations with L-BFGS divide the first total loss by",
        measured=first / last,
        expected="at least 3",
        holds=first >= 3 * last,
        source=SOURCE,
    )
    # Each scale has targets of its own, so that losses are compared within one.
    scales = best["scales"]
    within = all(
        best["curves"]["total"][i] <= best["curves"]["total"][i - 1] * 2
        for i in range(1, len(steps))
        if scales[i] == scales[i - 1]
    )
    run.claim(
        "guarded",
        "No step with L-BFGS more than doubles the loss of its scale, and no loss is infinite or "
        "NaN",
        measured="none does" if within and np.isfinite(last) else "one does",
        expected="none does",
        holds=bool(within and np.isfinite(last)),
        source=SOURCE,
    )
    if best["unchanged"] is not None:
        run.claim(
            "weights-unchanged",
            "The encoder's weights after painting are, bit for bit, those before",
            measured="the same" if best["unchanged"] else "changed",
            expected="the same",
            holds=best["unchanged"],
            source=SOURCE,
        )


def precisions(run: Run) -> None:
    """The final loss in 16 bits against 32."""
    run.section("Precision")
    run.text(
        "Convolutions in bfloat16 with channels last take half the memory and, on processors that "
        "multiply in 16 bits, half the time; Gram matrices, losses and the picture stay in "
        "float32. What matters is where the optimisation ends."
    )
    final = {}
    for precision in ("float32", "bfloat16"):
        found = run.step(
            f"paint in {precision}",
            functools.partial(paint, run, "adam", precision),
            f"In {precision}",
        )
        final[precision] = found["curves"]["total"][-1]
    ratio = abs(final["bfloat16"] / final["float32"] - 1)
    run.claim(
        "bfloat16",
        "Total loss after equally many steps of Adam, bfloat16 against float32: difference",
        measured=ratio,
        expected="at most 0.01",
        holds=ratio <= 0.01,
        source=SOURCE,
    )


def run_experiment(run: Run) -> None:
    """All parts."""
    functions(run)
    whole_gradient(run)
    pictures(run)
    precisions(run)


EXPERIMENT = Experiment(
    name="style-transfer",
    title="A picture in the style of another",
    document="000",
    question="§2.6",
    summary=(
        "Gatys style transfer: the assignment's functions against known values, the engine and "
        "PyTorch; a picture optimised with L-BFGS and Adam; tiles and 16-bit arithmetic against "
        "the whole picture in 32 bits."
    ),
    parameters=(
        Parameter("size", 512, "pixels of the longer side", minimum=64),
        Parameter("steps", 200, "evaluations of loss and gradient", minimum=10),
        Parameter("scales", 2, "sizes gone through, each twice the last", minimum=1),
        Parameter("style_weight", 50.0, "weight of the style", minimum=0),
        Parameter("variation_weight", 30.0, "weight of the smoothness", minimum=0),
        Parameter(
            "encoder", "auto", "with real data", choices=("auto", "vgg19", "vgg19-16x", "random")
        ),
        Parameter("weights", "", "with real data: a file of the encoder's weights"),
        Parameter("content", "", "a picture file; scikit-learn's photograph if empty"),
        Parameter("style", "", "a picture file; scikit-learn's photograph if empty"),
    ),
    presets={"quick": {"size": 128, "steps": 40}, "full": {}},
    data={
        "embedded": "two photographs that scikit-learn ships, and an untrained encoder of random "
        "weights",
        "real": "the same photographs, or yours, and an encoder with trained weights",
    },
    run=run_experiment,
    needs=("vision",),
)
