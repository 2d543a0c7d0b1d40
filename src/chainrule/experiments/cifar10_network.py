"""Parts (c) and (d) of `cifar10`: the network drawn from the model, and augmented views."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.experiments import cifar10_figures as figures
from chainrule.experiments.cifar10_training import Images
from chainrule.experiments.run import Run

SOURCE = "001 §4"


def diagram(run: Run, images: Images) -> None:
    """Part (c)."""
    from chainrule.vision.diagram import draw_layers, layers
    from chainrule.vision.models import MODELS

    run.section("(c) The network")
    expected = {"cifar-resnet18": 11_173_962, "cifar-resnet18-preactivation": 5_205_962}
    counts = {}
    for name in expected:
        make: Any = MODELS[name]
        model = make()
        counts[name] = sum(parameter.numel() for parameter in model.parameters())
        if name == run.parameters["model"]:
            listed = layers(model, (3, 32, 32))
            run.figure(
                "network",
                "Every layer with its dimensions, as it runs",
                draw_layers(model, (3, 32, 32), f"{name}, width 64").svg,
                alternative="A list of layers as bars, from the image of 3 × 32 × 32 to the ten "
                "classes.",
                table=(
                    ["layer", "kind", "output", "parameters"],
                    [[row.name, row.kind, " × ".join(map(str, row.shape)), row.parameters]
                     for row in listed],
                ),
                note=f"Trained below at width {run.parameters['width']}.",
            )  # fmt: skip
            added = sum(row.parameters for row in listed)
    run.claim(
        "c-parameters",
        "Parameters of ResNet-18 for 32 × 32 images and of the hand-out's pre-activation variant; "
        "those of the layers drawn add up",
        measured=", ".join(f"{count:,}" for count in counts.values()),
        expected=", ".join(f"{count:,}" for count in expected.values()),
        holds=counts == expected and added == expected[run.parameters["model"]],
        source=f"{SOURCE} (c)",
    )


def augmentation(run: Run, images: Images) -> None:
    """Part (d)."""
    from chainrule.vision.pipeline import ImageSet

    run.section("(d) Augmentation")
    run.text(
        "A random crop of size 32 from a 32 × 32 image is the image itself. With four black "
        "pixels added on each side there are 9 × 9 crops and two flips, 162 views. Each image is "
        "cropped and flipped in its own way; validation and test images are left alone."
    )
    few = (images.train[0][:4], images.train[1][:4])
    plain, padded = ImageSet(*few, padding=0), ImageSet(*few, padding=4)
    views = {
        (int(d.rows[0]), int(d.columns[0]), int(d.flips[0]))
        for d in (padded.draws(run.seed, epoch) for epoch in range(4000))
    }
    draws = plain.draws(run.seed, 0)
    same = not np.any(draws.rows) and not np.any(draws.columns)
    run.claim(
        "d-views",
        "Views of an image seen in 4,000 epochs with padding 4; crops without padding are the "
        "image itself",
        measured=f"{len(views)}; {'yes' if same else 'no'}",
        expected="162; yes",
        holds=len(views) == 162 and same,
        source=f"{SOURCE} (d)",
    )
    rows = []
    raw = ImageSet(*few, mean=(0, 0, 0), deviation=(1, 1, 1), padding=4)
    for image in range(4):
        rows.append(few[0][image])
        for epoch in range(7):
            view, _ = raw.batch(np.array([image]), raw.draws(run.seed, epoch))
            rows.append(np.rint(view[0].numpy() * 255).astype(np.uint8))
    run.figure(
        "views",
        "Four images (left) and seven of the views of each",
        figures.draw_pictures(np.array(rows), 8),
        alternative="Rows of small pictures, shifted and mirrored.",
    )
