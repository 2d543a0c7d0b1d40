"""The SHA-256 of tensors with their description, so that a damaged file is noticed when read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

SEAL = "sha256"


def seal(tensors: Mapping[str, Tensor], description: str) -> str:
    """SHA-256 of a description and of names, dtypes, shapes and bytes of tensors."""
    total = hashlib.sha256(description.encode())
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        total.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        total.update(value.reshape(-1).view(torch.uint8).numpy())
    return total.hexdigest()


def check_seal(
    metadata: Mapping[str, str], tensors: Mapping[str, Tensor], description: str
) -> None:
    """Raise a ValueError if the seal in a file's metadata is another's; old files have none."""
    if metadata.get(SEAL, "") not in ("", seal(tensors, description)):
        raise ValueError("its content is not what was written")
