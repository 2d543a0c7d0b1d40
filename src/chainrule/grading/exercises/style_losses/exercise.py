"""Content loss, Gram matrix, style loss and their sum, in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.grading.exercise import Exercise, Inputs, Part

SHAPES = ((3, 5, 2), (4, 2, 3))


def pairs(rng: np.random.Generator) -> list[Inputs]:
    """Feature maps of the picture and of the content."""
    return [{"F": rng.normal(size=shape), "P": rng.normal(size=shape)} for shape in SHAPES]


def maps(rng: np.random.Generator) -> list[Inputs]:
    """Feature maps, among them the hand-out's 1 to 24."""
    given = np.arange(1.0, 25.0).reshape(3, 4, 2)
    return [{"F": given}, *({"F": rng.normal(size=shape)} for shape in SHAPES)]


def _gram(features: Any) -> Any:
    flat = features.reshape(-1, features.shape[-1])
    return flat.T @ flat / len(flat)


def styles(rng: np.random.Generator) -> list[Inputs]:
    """Feature maps and Gram matrices of other maps."""
    return [{"F": rng.normal(size=shape), "A": _gram(rng.normal(size=shape))} for shape in SHAPES]


def layers(rng: np.random.Generator) -> list[Inputs]:
    """Five layers of style, two of content, and weights."""
    cases = []
    for style_weight, content_weight in ((1e-2, 1e3), (0.5, 2.0)):
        shapes = [(6 - i, 5, 2 + i) for i in range(5)]
        cases.append(
            {
                "style_features": [rng.normal(size=shape) for shape in shapes],
                "content_features": [rng.normal(size=shape) for shape in SHAPES],
                "style_grams": [_gram(rng.normal(size=shape)) for shape in shapes],
                "content_targets": [rng.normal(size=shape) for shape in SHAPES],
                "style_weight": style_weight,
                "content_weight": content_weight,
            }
        )
    return cases


EXERCISE = Exercise(
    name="style-losses",
    title="The losses of neural style transfer",
    document="000",
    question="§2.6.4",
    summary="Write the content loss, the Gram matrix, the style loss, their weighted sum, and the "
    "derivative of the style loss by the features.",
    parts=(
        Part("4a", "content loss", 2, ("compute_content_loss",), pairs),
        Part(
            "4b", "Gram matrix", 3, ("gram_matrix",), maps,
            hint="Divide by height times width.",
        ),
        Part(
            "4c", "style loss", 2, ("compute_style_loss",), styles, builds_on=("gram_matrix",)
        ),
        Part(
            "4d", "total loss", 3, ("calculate_loss",), layers,
            builds_on=("compute_content_loss", "gram_matrix", "compute_style_loss"),
            hint="The weights of the layers are 1 to 5, and are not divided by their sum.",
        ),
        Part(
            "4e", "gradient of the style loss", 3, ("style_loss_gradient",), styles,
            builds_on=("gram_matrix",),
        ),
    ),
)  # fmt: skip
