"""Gradient flow of a PyTorch module, seen through hooks; the module is left as it was."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.checking.flow_layers import Layer, UnitCounts
from chainrule.engine.errors import InvalidInput

_AT_ZERO = {"Sigmoid": 0.25, "Tanh": 1.0, "Softsign": 1.0, "Hardtanh": 1.0, "Hardsigmoid": 1 / 6}
_ACTIVATIONS = (
    "ReLU", "ReLU6", "LeakyReLU", "PReLU", "ELU", "SELU", "CELU", "GELU", "SiLU", "Mish",
    "Softplus", *_AT_ZERO,
)  # fmt: skip


def torch_flow(
    module: Any, batches: Sequence[Any], loss: Any, learning_rate: float | None, seed: int
) -> tuple[list[Layer], int]:
    """Layers of a module, measured.

    Parameters
    ----------
    module : torch.nn.Module
        Its own submodules with parameters are the layers; activations are seen where they are
        modules.
    batches : sequence of (inputs, targets)
    loss : callable
        ``loss(outputs, targets)``.
    learning_rate : float or None
    seed : int

    Returns
    -------
    layers : list of Layer
        In the order in which they are used.
    samples : int
    """
    torch: Any = sys.modules["torch"]
    if loss is None:
        raise InvalidInput(
            "flow needs a loss for a PyTorch module, such as loss=torch.nn.CrossEntropyLoss()."
        )
    watched = _Watched(module)
    if not watched.parameters:
        watched.close()
        raise InvalidInput(
            f"{type(module).__name__} has no parameter with requires_grad; flow measures gradients "
            "by parameters, so leave at least one layer unfrozen."
        )
    kept = {name: buffer.detach().clone() for name, buffer in module.named_buffers()}
    samples = 0
    try:
        with torch.random.fork_rng(), torch.enable_grad():
            torch.manual_seed(seed)
            for batch in batches:
                if not isinstance(batch, tuple) or len(batch) != 2:
                    raise InvalidInput("a batch for a PyTorch module is (inputs, targets).")
                inputs, targets = (_tensor(x, torch, module) for x in batch)
                watched.run(inputs, targets, loss, learning_rate)
                samples += len(inputs)
    finally:
        watched.close()
        for name, buffer in module.named_buffers():
            buffer.copy_(kept[name])
    return watched.in_order(), samples


class _Watched:
    """A module with hooks on its layers and activations."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.layers: dict[str, Layer] = {}
        self.order: list[str] = []
        self.last: str | None = None  # the layer that ran most recently
        self.slopes: list[tuple[str, str, Any, Any]] = []
        self.parameters: dict[str, dict[str, Any]] = {}
        self.handles = []
        for name, child in module.named_modules():
            own = {
                label: parameter
                for label, parameter in child.named_parameters(recurse=False)
                if parameter.requires_grad
            }
            if own:
                label = name or type(child).__name__
                self.parameters[label] = own
                self.handles.append(child.register_forward_hook(self._layer_hook(label)))
            elif type(child).__name__ in _ACTIVATIONS:
                kind = type(child).__name__
                self.handles.append(child.register_forward_hook(self._activation_hook(kind)))

    def _layer_hook(self, label: str) -> Callable[..., None]:
        def hook(module: Any, inputs: Any, output: Any) -> None:
            if label not in self.order:
                self.order.append(label)
            self.last = label

        return hook

    def _activation_hook(self, kind: str) -> Callable[..., None]:
        def hook(module: Any, inputs: Any, output: Any) -> None:
            if self.last is None or output.ndim < 2:
                return
            self.slopes.append((self.last, kind, _slope(kind, module, inputs[0], output), None))

        return hook

    def run(self, inputs: Any, targets: Any, loss: Any, learning_rate: float | None) -> None:
        """One batch."""
        torch: Any = sys.modules["torch"]
        self.last, self.slopes = None, []
        value = loss(self.module(inputs), targets)
        if not isinstance(value, torch.Tensor) or value.numel() != 1:
            what = tuple(value.shape) if isinstance(value, torch.Tensor) else type(value).__name__
            raise InvalidInput(
                f"the loss must return one number, got {what}; has it reduction='none'?"
            )
        if not value.requires_grad:
            raise InvalidInput(
                "the loss does not depend on any parameter with requires_grad; is there a "
                ".detach(), .item() or no_grad() in the module?"
            )
        named = [(a, b, p) for a, own in self.parameters.items() for b, p in own.items()]
        found = torch.autograd.grad(value, [p for _, _, p in named], allow_unused=True)
        gradients: dict[str, list[Any]] = {}
        for (label, _, parameter), gradient in zip(named, found, strict=True):
            unused = gradient is None
            gradients.setdefault(label, []).append(
                torch.zeros_like(parameter) if unused else gradient
            )
        for label, own in self.parameters.items():
            layer = self.layers.setdefault(label, Layer(label, tuple(own)))
            gradient = _norm(gradients[label])
            layer.gradient_norms.append(gradient)
            layer.weight_norms.append(_norm(list(own.values())))
            if learning_rate is not None:
                layer.update_norms.append(learning_rate * gradient)
        final = self.order[-1] if self.order else None
        for label, kind, slope, _ in self.slopes:
            if label == final:  # behind the last layer: part of the loss
                continue
            layer = self.layers[label]
            if layer.units is None:
                layer.units = UnitCounts(np.zeros(slope.shape[1], bool))
            if len(layer.units.alive) == slope.shape[1]:
                layer.units.add(slope, _AT_ZERO.get(kind, 0.0))

    def in_order(self) -> list[Layer]:
        """Layers as the module used them; those that it never called come last."""
        names = [*self.order, *(name for name in self.layers if name not in self.order)]
        return [self.layers[name] for name in names]

    def close(self) -> None:
        for handle in self.handles:
            handle.remove()


def _slope(kind: str, module: Any, given: Any, output: Any) -> np.ndarray:
    """The derivative of an activation at every value."""
    torch: Any = sys.modules["torch"]
    if kind == "ReLU":  # may have been computed in place, over its argument
        slope = output.detach() > 0
    elif kind == "Sigmoid":
        slope = output.detach() * (1 - output.detach())
    elif kind == "Tanh":
        slope = 1 - output.detach() ** 2
    elif getattr(module, "inplace", False):
        slope = torch.ones_like(output)  # the argument is gone
    else:
        argument = given.detach().clone().requires_grad_(True)
        (slope,) = torch.autograd.grad(module.forward(argument).sum(), argument)
    found: np.ndarray = slope.double().cpu().numpy()
    return found


def _norm(tensors: list[Any]) -> float:
    return float(np.sqrt(sum(float((x.detach().double() ** 2).sum()) for x in tensors)))


def _tensor(value: Any, torch: Any, module: Any) -> Any:
    """An array as a tensor where the module is; inputs take its data type."""
    if isinstance(value, torch.Tensor):
        return value
    tensor = torch.as_tensor(np.asarray(value))
    first = next(iter(module.parameters()))
    if tensor.is_floating_point():
        tensor = tensor.to(first.dtype)
    return tensor.to(first.device)
