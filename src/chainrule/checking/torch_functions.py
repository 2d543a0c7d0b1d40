"""PyTorch functions under check, as functions of NumPy arrays, with autograd as the reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.checking.subject import SubjectError
from chainrule.engine.trees import flatten


class TorchFunctions(NamedTuple):
    """A PyTorch loss and gradient as functions of arrays.

    Attributes
    ----------
    loss, gradient : callable
    example : dict of str to object
    autograd : callable
        ``autograd(point, parameters) -> {name: array}`` by ``torch.autograd``.
    """

    loss: Callable[..., Any]
    gradient: Callable[..., Any]
    example: dict[str, Any]
    autograd: Callable[[Mapping[str, Any], Sequence[str]], dict[str, Any]]


def holds_tensors(example: Any) -> bool:
    """Whether the example's arrays are PyTorch tensors; does not import PyTorch.

    Raises
    ------
    SubjectError
        There are tensors inside of lists or dicts.
    """
    if not isinstance(example, Mapping):
        return False
    for name, value in example.items():
        if not _is_tensor(value) and any(map(_is_tensor, flatten(value)[0])):
            raise SubjectError(
                f"{name} is a {type(value).__name__} of PyTorch tensors; give each tensor as an "
                "argument of its own."
            )
    return any(map(_is_tensor, example.values()))


def _is_tensor(value: Any) -> bool:
    return type(value).__module__.split(".")[0] == "torch"


def torch_functions(
    loss: Callable[..., Any], gradient: Callable[..., Any], example: Mapping[str, Any]
) -> TorchFunctions:
    """A PyTorch loss and gradient as functions of arrays, in double precision.

    Parameters
    ----------
    loss : callable
        ``loss(**tensors) -> scalar tensor``.
    gradient : callable
        ``gradient(**tensors) -> {name: tensor}``, written by hand.
    example : mapping of str to tensor
    """
    import torch

    tensors = {name for name, value in example.items() if isinstance(value, torch.Tensor)}

    def given(arrays: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: torch.tensor(value) if name in tensors else value
            for name, value in arrays.items()
        }

    def loss_of(**arrays: Any) -> Any:
        with torch.no_grad():
            return _plain(loss(**given(arrays)))

    def gradient_of(**arrays: Any) -> Any:
        found = gradient(**given(arrays))
        if isinstance(found, (list, tuple)):
            return tuple(map(_plain, found))
        if not isinstance(found, Mapping):
            return _plain(found)
        return {name: _plain(value) for name, value in found.items()}

    def autograd(point: Mapping[str, Any], parameters: Sequence[str]) -> dict[str, Any]:
        arguments = given(point)
        wanted = [arguments[name].requires_grad_(True) for name in parameters]
        value = loss(**arguments)
        if not isinstance(value, torch.Tensor) or not value.requires_grad:
            raise SubjectError(
                f"loss does not depend on {', '.join(parameters)} as PyTorch sees it; leave out "
                ".detach(), .item(), .numpy() and torch.no_grad() on the way from them to the loss."
            )
        grads = torch.autograd.grad(value, wanted, allow_unused=True)
        return {
            name: np.zeros(np.shape(point[name])) if g is None else _plain(g)
            for name, g in zip(parameters, grads, strict=True)
        }

    return TorchFunctions(
        loss_of, gradient_of, {name: _plain(value) for name, value in example.items()}, autograd
    )


def _plain(value: Any) -> Any:
    """A tensor as an array; anything else as it is."""
    return value.detach().cpu().numpy().copy() if hasattr(value, "detach") else value
