"""The three learning-rate schemes of the CIFAR-10 question."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.grading.exercise import Exercise, Inputs, Part


def of(maker: str, *options: dict[str, float]) -> Any:
    """Cases for one maker: epochs, batches and starts."""

    def cases(rng: np.random.Generator) -> list[Inputs]:
        plans = ((10, 4, 0.01), (12, 3, float(rng.uniform(0.1, 1))))
        return [
            {
                "maker": maker, "options": each, "epochs": epochs, "batches": batches,
                "start": start,
            }
            for each, (epochs, batches, start) in zip(options, plans, strict=True)
        ]  # fmt: skip

    return cases


EXERCISE = Exercise(
    name="schedules",
    title="Learning rates that stay, shrink, rise and fall",
    document="001",
    question="§4 e",
    summary="Write the constant and the annealed learning rate, and the special scheme with its "
    "rise, its fall and its tail.",
    parts=(
        Part(
            "e-1", "constant", 1, ("const_lr_maker",),
            of("const_lr_maker", {"const": 0.002}, {"const": 0.5}), call="rates",
        ),
        Part(
            "e-2", "annealed", 2, ("anneal_lr_maker",),
            of("anneal_lr_maker", {"factor": 0.9}, {"factor": 0.99}), call="rates",
            hint="Each rate is the one before times the factor, in every step.",
        ),
        Part(
            "e-3", "the special scheme", 3, ("special_lr_maker",),
            of(
                "special_lr_maker", {"epochs": 4},
                {"hp_max": 0.3, "epochs": 3, "hp_final": 0.02, "extra": 4},
            ),
            call="phases", hint="Is p the epoch plus the share of it that is done?",
        ),
    ),
)  # fmt: skip
