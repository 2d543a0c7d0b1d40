"""Several processes that train one network: DistributedDataParallel as torchrun starts it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import nn

from chainrule.vision.errors import VisionError

Value = TypeVar("Value")


@dataclass(frozen=True)
class World:
    """The processes that train together, as seen by one of them.

    Attributes
    ----------
    rank : int
        This process, from 0; only 0 writes files.
    size : int
        How many there are.
    device : torch.device
        What this process computes on.
    """

    rank: int
    size: int
    device: torch.device

    def share(self, start: int, end: int) -> tuple[int, int]:
        """This process's part of the images from `start` to `end`; parts differ by at most one."""
        count = end - start
        return (
            start + count * self.rank // self.size,
            start + count * (self.rank + 1) // self.size,
        )

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model, averaging its gradients over the processes while it computes them."""
        if self.size == 1:
            return model
        devices = [self.device.index] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(
            model, device_ids=devices, gradient_as_bucket_view=True
        )

    def agree(self, decide: Callable[[], Value]) -> Value:
        """What process 0 decides, in every process."""
        if self.size == 1:
            return decide()
        decided: list[Value | None] = [decide() if self.rank == 0 else None]
        torch.distributed.broadcast_object_list(decided, src=0)
        assert decided[0] is not None
        return decided[0]

    def total(self, numbers: Sequence[float]) -> list[float]:
        """Sums of numbers over the processes."""
        if self.size == 1:
            return list(numbers)
        summed = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(summed)
        return [float(number) for number in summed.tolist()]


def default_device() -> torch.device:
    """The first GPU if PyTorch can use one, else the CPU."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    torch.backends.cudnn.benchmark = True  # shapes repeat, so the search pays off
    return torch.device("cuda", 0)


ALONE = World(0, 1, torch.device("cpu"))


def join() -> World:
    """Join the processes that ``torchrun`` started; alone if it did not.

    On GPUs they talk through nccl, one GPU each; otherwise through gloo.

    Raises
    ------
    VisionError
        The other processes cannot be reached.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World(0, 1, default_device())
    rank, local = int(os.environ["RANK"]), int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", local)
        torch.backends.cudnn.benchmark = True
        torch.cuda.set_device(device)
    try:
        torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise VisionError(
            f"Process {rank} of {size} cannot reach the others ({reason}). Check the address of "
            "torchrun's --rdzv-endpoint, and name the network interface in GLOO_SOCKET_IFNAME."
        ) from error
    return World(rank, size, device)


def order_work(world: World, job: dict[str, Any] | None) -> None:
    """Tell the other processes what to do next; None sends them home."""
    if world.size > 1:
        torch.distributed.broadcast_object_list([json.dumps(job)], src=0)


def do_ordered_work(world: World, work: Callable[[dict[str, Any]], object]) -> None:
    """Do what process 0 orders, until it sends this one home."""
    while True:
        ordered: list[str] = [""]
        torch.distributed.broadcast_object_list(ordered, src=0)
        job = json.loads(ordered[0])
        if job is None:
            return
        work(job)


def leave() -> None:
    """Leave the group of processes, if this one is in any."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        with suppress(RuntimeError):  # a process that was killed cannot say goodbye
            torch.distributed.destroy_process_group()
