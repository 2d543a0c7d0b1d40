"""Processes of ``torchrun`` besides the first: they help it to train and write nothing."""

from __future__ import annotations

import os

#: The experiments whose trainings several processes share.
SHARED = ("cifar10",)


def is_helper() -> bool:
    """Whether torchrun started this process as another one than the first."""
    return "TORCHELASTIC_RUN_ID" in os.environ and int(os.environ.get("RANK", "0")) > 0


def help_out(name: str | None) -> None:
    """Take part in the trainings of process 0, if the experiment `name` has any to share."""
    if name not in SHARED:
        return
    from chainrule.experiments.cifar10_training import train_network
    from chainrule.vision.distributed import do_ordered_work, join, leave

    world = join()
    try:
        do_ordered_work(world, lambda job: train_network(job, world))
    finally:
        leave()
