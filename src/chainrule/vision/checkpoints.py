"""Checkpoints of training: parameters, optimizer state and where the run stood, in one file.

Safetensors with the state as JSON in its metadata: nothing in it can run, and the file appears
whole or not at all.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from chainrule.programs.whole_files import replacing
from chainrule.vision.errors import VisionError
from chainrule.vision.sealing import SEAL, check_seal, seal
from chainrule.vision.weights import apply_weights

_MODEL, _OPTIMIZER = "model/", "optimizer/"


def save_checkpoint(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer | None, state: dict[str, Any]
) -> None:
    """Write a checkpoint in place of an older one, whole or not at all.

    Parameters
    ----------
    path : Path
        In an existing folder.
    model : Module
    optimizer : Optimizer, optional
    state : dict
        Anything that JSON can hold.

    Raises
    ------
    VisionError
        The file cannot be written.
    """
    tensors = {_MODEL + name: value for name, value in model.state_dict().items()}
    if optimizer is not None:
        for number, values in optimizer.state_dict()["state"].items():
            for key, value in values.items():
                if isinstance(value, Tensor):
                    tensors[f"{_OPTIMIZER}{number}/{key}"] = value
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    try:
        with replacing(path) as temporary:
            text = json.dumps(state)
            save_file(plain, temporary, metadata={"state": text, SEAL: seal(plain, text)})
    except (OSError, SafetensorError) as error:
        raise VisionError(f"The checkpoint {path} cannot be written: {error}.") from error


def read_state(path: Path) -> dict[str, Any]:
    """The state in a checkpoint.

    Raises
    ------
    VisionError
        The file is no checkpoint, or damaged.
    """
    return _read(path)[1]


def load_checkpoint(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer | None = None
) -> dict[str, Any]:
    """Restore a model and its optimizer in place and return the state.

    Raises
    ------
    VisionError
        The file is no checkpoint, or damaged.
    WeightsError
        It is of another architecture; the first parameter that differs is named.
    """
    tensors, state = _read(path)
    weights = {k.removeprefix(_MODEL): v for k, v in tensors.items() if k.startswith(_MODEL)}
    apply_weights(model, weights, path)
    if optimizer is not None:
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        for name, value in tensors.items():
            if name.startswith(_OPTIMIZER):
                _, number, key = name.split("/")
                parameter = parameters[int(number)]
                if value.shape == parameter.shape:
                    # The memory order of the parameter, which fused updates rely on.
                    value = torch.empty_like(parameter).copy_(value)
                optimizer.state[parameter][key] = value
    return state


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        if not path.is_file():  # a pipe would be waited for
            raise ValueError("there is no such file")
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        state = json.loads(metadata["state"])
        check_seal(metadata, tensors, metadata["state"])
        if not isinstance(state, dict):
            raise ValueError("its state is no dictionary")
        return tensors, state
    except (SafetensorError, OSError, KeyError, ValueError, RecursionError) as error:
        raise VisionError(
            f"{path} is not a whole checkpoint ({error}). Delete it to begin anew."
        ) from error
