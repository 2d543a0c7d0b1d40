"""Checkpoints: everything a run needs to go on, as safetensors and JSON, whole or not at all.

``checkpoint.json`` names the file of arrays that belongs to it and its SHA-256. The arrays are
written first under a name of their own, then the JSON takes the place of the old one in one
operation, then the old arrays go: whenever a run is killed, the JSON names a complete file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.training.errors import CheckpointError

FORMAT = 1
NAME = "checkpoint.json"
FIELDS = {"format", "arrays", "sha256", "architecture", "settings", "progress"}


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds.

    Attributes
    ----------
    arrays : dict
        By name, such as ``params['linear1']['W']``.
    architecture : dict
        Shape and dtype of every parameter, such as ``"float32[10, 64]"``, by its path.
    settings : dict
        What the continued run must share: batch size, seed, examples, optimizer.
    progress : dict
        Epoch, steps, history and whatever else is no array.
    """

    arrays: Mapping[str, np.ndarray]
    architecture: Mapping[str, str]
    settings: Mapping[str, Any]
    progress: Mapping[str, Any]


def save_checkpoint(directory: str | os.PathLike[str], checkpoint: Checkpoint) -> Path:
    """Write a checkpoint in place of the one in a directory.

    Parameters
    ----------
    directory : path
        Made if it is not there.
    checkpoint : Checkpoint

    Returns
    -------
    Path
        Of ``checkpoint.json``.

    Raises
    ------
    CheckpointError
        The file system refuses; what was there is untouched.
    """
    from safetensors.numpy import save

    from chainrule.reporting.files import RunDirectoryError, sealed, write_bytes, write_text

    folder = Path(directory)
    content = save({name: np.ascontiguousarray(a) for name, a in checkpoint.arrays.items()})
    digest = hashlib.sha256(content).hexdigest()
    # the digest in the name: files of the same content may share it, others never do
    arrays = f"arrays-{digest[:16]}.safetensors"
    description = {
        "format": FORMAT, "arrays": arrays, "sha256": digest,
        "architecture": checkpoint.architecture, "settings": checkpoint.settings,
        "progress": _written(checkpoint.progress),
    }  # fmt: skip
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(folder / arrays, content)
        write_text(folder / NAME, json.dumps(sealed(description), indent=1, allow_nan=False) + "\n")
    except (OSError, RunDirectoryError) as error:
        raise CheckpointError(f"the checkpoint in {folder} cannot be written: {error}") from error
    for other in folder.glob("arrays-*.safetensors"):
        if other.name != arrays:
            with contextlib.suppress(OSError):
                other.unlink()
    for partial in folder.glob(".*.partial"):  # left by a run that was killed while writing
        with contextlib.suppress(OSError):
            partial.unlink()
    return folder / NAME


def load_checkpoint(directory: str | os.PathLike[str]) -> Checkpoint | None:
    """Read the checkpoint in a directory.

    Parameters
    ----------
    directory : path

    Returns
    -------
    Checkpoint or None
        None if there is none yet.

    Raises
    ------
    CheckpointError
        It is damaged, or of another format.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    from chainrule.reporting.files import unsealed

    folder = Path(directory)
    path = folder / NAME
    if not path.exists():
        return None
    try:
        if not path.is_file():  # a pipe would be waited for
            raise ValueError("it is not a file")
        found = json.loads(path.read_text("utf-8"))
        version = found["format"]
        if version != FORMAT:
            raise CheckpointError(
                f"{path} has the format {version!r}, this version of chainrule reads {FORMAT}; "
                f"continue with the version that wrote it, or start in another directory."
            )
        name = unsealed(found, FIELDS)["arrays"]
        content = (folder / Path(name).name).read_bytes()
        if hashlib.sha256(content).hexdigest() != found["sha256"]:
            raise CheckpointError(_damaged(path, f"the content of {name} is not what was written"))
        return Checkpoint(
            load(content), found["architecture"], found["settings"], _read(found["progress"])
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError, RecursionError) as error:
        if isinstance(error, CheckpointError):
            raise
        reason = f"{type(error).__name__}: {error}"
        raise CheckpointError(_damaged(path, reason)) from error


def architecture_of(paths: list[str], leaves: list[np.ndarray]) -> dict[str, str]:
    """Shape and dtype of every parameter by its path."""
    return {
        path: f"{leaf.dtype}{list(leaf.shape)}" for path, leaf in zip(paths, leaves, strict=True)
    }


def check_fits(
    checkpoint: Checkpoint,
    architecture: Mapping[str, str],
    settings: Mapping[str, Any],
    directory: str | os.PathLike[str],
) -> None:
    """Refuse a checkpoint of another architecture or another run, naming the first difference.

    Raises
    ------
    CheckpointError
    """
    where = Path(directory) / NAME
    for label, own, held in (
        ("architecture", architecture, checkpoint.architecture),
        ("settings", settings, checkpoint.settings),
    ):
        for key in [*own, *(key for key in held if key not in own)]:
            if own.get(key, _ABSENT) != held.get(key, _ABSENT):
                thing = f"parameter {key}" if label == "architecture" else key
                raise CheckpointError(
                    f"{where} belongs to another run: {thing} is {_shown(held, key)} there and "
                    f"{_shown(own, key)} here; give another directory, or delete that one to "
                    f"start anew."
                )


_ABSENT = object()


def _shown(held: Mapping[str, Any], key: str) -> str:
    return str(held[key]) if key in held else "absent"


def _damaged(path: Path, reason: str) -> str:
    return (
        f"the checkpoint {path} is damaged ({reason}); delete its directory to start anew, or put "
        f"a copy back."
    )


def _written(value: Any) -> Any:
    """Strict JSON: numbers that are not finite as ``{"float": "nan"}``."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if isinstance(value, dict):
        return {key: _written(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_written(item) for item in value]
    return value


def _read(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"float"}:
            return float(value["float"])
        return {key: _read(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_read(item) for item in value]
    return value
