"""Weights of networks: found, downloaded, read without running what the file says, and applied."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.data.download import keeping
from chainrule.programs.whole_files import replacing
from chainrule.vision.errors import WeightsError
from chainrule.vision.models import MODELS
from chainrule.vision.weights_registry import WEIGHTS
from chainrule.vision.weights_store import find_weights

#: Entries under which training scripts put the parameters of a network.
_NESTED = ("state_dict", "model")


def pretrained(
    name: str,
    weights: str | os.PathLike[str] | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    download: bool = True,
) -> nn.Module:
    """A network with its weights, in evaluation mode.

    Parameters
    ----------
    name : str
        "vgg19", "resnet18", "resnet34" or "cifar-resnet20".
    weights : path, optional
        A file of weights, .safetensors or PyTorch, instead of the published one.
    data_dir : path, optional
        Directory searched first, in its folder ``weights``, and the one that downloads go to.
        Then come the directory named by CHAINRULE_DATA, the user's cache, and PyTorch's.
    download : bool
        Whether weights that are not there are downloaded.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    WeightsError
        Unknown name; weights missing, damaged, or of another architecture.
    """
    if name not in MODELS or (weights is None and name not in WEIGHTS):
        known = ", ".join(key for key in WEIGHTS if key in MODELS)
        raise WeightsError(f"There are no weights of {name!r}; there are some of {known}.")
    path = Path(weights) if weights is not None else find_weights(name, data_dir, download)
    model: nn.Module = MODELS[name]()
    apply_weights(model, read_weights(path), path)
    return model.eval()


def read_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Tensors of a weights file by parameter name, floating-point ones as float32.

    Parameters
    ----------
    path : path
        A .safetensors file, or one that ``torch.save`` wrote, which is read with
        ``weights_only=True``: what it holds besides tensors and containers is refused, not run.
        Parameters may lie under "state_dict" or "model", and may have the prefix "module.".

    Returns
    -------
    dict of str to torch.Tensor

    Raises
    ------
    WeightsError
        The file cannot be read, is neither kind, or holds no tensors.
    """
    path = Path(path)
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise WeightsError(f"The weights {path} cannot be read: they are not a file.")
    try:
        with path.open("rb") as stream:
            safe = stream.read(9)[8:9] == b"{"
        if safe:
            from safetensors.torch import load_file

            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        reason = error.strerror or error
        raise WeightsError(f"The weights {path} cannot be read: {reason}.") from error
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} is not a file of weights only: it is not a PyTorch archive, or holds objects "
            "that would have to be run. Save the state_dict of the model, or as safetensors."
        ) from error
    except Exception as error:  # both libraries raise many kinds on damaged files
        raise WeightsError(
            f"{path} is not a whole .safetensors or PyTorch file: {_first_line(error)}."
        ) from error
    return _parameters(found, path)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")


def _parameters(found: Any, path: Path) -> dict[str, Tensor]:
    """The tensors by name out of what a file holds."""
    for key in _NESTED:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping):
        raise WeightsError(f"{path} holds a {type(found).__name__}, not tensors by name.")
    tensors = {
        str(name).removeprefix("module."): value
        for name, value in found.items()
        if isinstance(value, Tensor)
    }
    if not tensors:
        raise WeightsError(f"{path} holds no tensors.")
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in tensors.items()
    }


def apply_weights(
    model: nn.Module, tensors: Mapping[str, Tensor], source: str | os.PathLike[str]
) -> None:
    """Copy weights into a model of the same architecture, in place.

    Parameters
    ----------
    model : Module
    tensors : mapping
        By parameter name.
    source : str
        What the tensors come from, for the message.

    Raises
    ------
    WeightsError
        Of another architecture; the message names the first parameter that differs.
    """
    kind = type(model).__name__
    expected = model.state_dict()
    for name, value in expected.items():
        if name.endswith("num_batches_tracked"):
            continue
        if name not in tensors:
            raise WeightsError(
                f"{source} is of another architecture than {kind}: it has no {name}, which has "
                f"shape {tuple(value.shape)} here."
            )
        if tensors[name].shape != value.shape:
            raise WeightsError(
                f"{source} is of another architecture than {kind}: {name} has shape "
                f"{tuple(tensors[name].shape)} there and {tuple(value.shape)} here."
            )
    for name in tensors:
        if name not in expected:
            raise WeightsError(
                f"{source} is of another architecture than {kind}: it has {name}, which is not a "
                "parameter here."
            )
    for name, value in tensors.items():
        if not bool(torch.isfinite(value).all()):
            raise WeightsError(f"{source} holds NaN or infinity in {name}; fetch the file again.")
    model.load_state_dict(dict(tensors), strict=False)


def digest(tensors: Mapping[str, Tensor], dtype: torch.dtype) -> str:
    """SHA-256 of names, shapes and little-endian values of tensors, in the order of their names.

    Integer tensors do not count; the others are rounded to `dtype`.
    """
    total = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name]
        if value.is_floating_point():
            total.update(f"{name}{tuple(value.shape)}".encode())
            total.update(value.to(dtype).contiguous().numpy().tobytes())
    return total.hexdigest()


def fetch_tensors(name: str, destination: Path, receive: Callable[[str, int, Path], None]) -> None:
    """Download weights that are pinned by their tensors, and keep them as safetensors.

    Parameters
    ----------
    name : str
        In `WEIGHTS`.
    destination : Path
    receive : callable
        Brings an address of at most so many bytes to a path.

    Raises
    ------
    WeightsError
        The file holds other tensors.
    """
    from safetensors.torch import save

    pinned = WEIGHTS[name].tensors
    assert pinned is not None
    received = destination.with_name(destination.name + ".received")
    try:
        receive(pinned.address, pinned.largest, received)
        tensors = read_weights(received)
    finally:
        received.unlink(missing_ok=True)
    dtype: torch.dtype = getattr(torch, pinned.dtype)
    if digest(tensors, dtype) != pinned.digest:
        raise WeightsError(f"{pinned.address} holds other weights than those of {name}.")
    kept = {key: value.to(dtype).contiguous() for key, value in tensors.items()}
    content = save(kept)
    with keeping(destination), replacing(destination) as temporary:
        temporary.write_bytes(content)
