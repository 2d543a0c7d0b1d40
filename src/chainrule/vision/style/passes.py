"""Forward and backward through an encoder by hand, for the gradient in the picture alone.

No weight has a gradient, so a backward pass needs nothing of the forward pass but where each ReLU
was positive and where each maximum was: the ReLUs' own results and the poolings' indices.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from chainrule.vision.style.encoder import Encoder

_aten = torch.ops.aten


@dataclass
class Record:
    """What the backward pass needs of the forward pass.

    Attributes
    ----------
    features : dict
        Of the layers asked for, shape (1, channels, height, width).
    kept : list
        For each step what its backward pass reads.
    """

    features: dict[str, Tensor] = field(default_factory=dict)
    kept: list[Tensor | tuple[Tensor, Tensor] | torch.Size | None] = field(default_factory=list)


def forward(encoder: Encoder, image: Tensor, layers: Collection[str], keep: bool = True) -> Record:
    """Features of a picture.

    Parameters
    ----------
    encoder : Encoder
        Its last step should be the last of `layers`; what comes after is computed for nothing.
    image : tensor, shape (1, 3, height, width)
        RGB in [0, 1].
    layers : collection of str
    keep : bool
        Whether a backward pass follows.
    """
    record = Record()
    rgb = image.to(encoder.colour.dtype)
    x = torch.einsum("ck,nkhw->nchw", encoder.colour, rgb) + encoder.offset.view(1, 3, 1, 1)
    x = x.contiguous(memory_format=encoder.memory_format)
    with torch.no_grad():
        for step in encoder.steps:
            kept: Tensor | tuple[Tensor, Tensor] | torch.Size | None = None
            if step.kind == "convolution":
                assert step.weight is not None
                kept = x.shape
                x = x.to(step.weight.dtype)
                if encoder.reflect:
                    padded = torch.nn.functional.pad(x, (1, 1, 1, 1), mode="reflect")
                    x = torch.conv2d(padded, step.weight, step.bias)
                else:
                    x = torch.conv2d(x, step.weight, step.bias, padding=1)
            elif step.kind == "relu":
                # In place, unless the convolution's own result was asked for.
                previous = encoder.steps[len(record.kept) - 1].name
                x = torch.relu(x) if previous in record.features else torch.relu_(x)
                kept = x if keep else None
            elif encoder.pooling == "average":
                kept = x.shape
                x = torch.nn.functional.avg_pool2d(x, 2)
            elif keep:
                before = x
                x, indices = torch.nn.functional.max_pool2d(x, 2, return_indices=True)
                kept = before, indices
            else:
                x = torch.max_pool2d(x, 2)
            record.kept.append(kept)
            if step.name in layers:
                if step.name in encoder.sides:
                    weight, bias = encoder.sides[step.name]
                    seen = torch.conv2d(x.to(weight.dtype), weight, bias)
                    record.features[step.name] = torch.relu_(seen)
                else:
                    record.features[step.name] = x
    return record


def backward(encoder: Encoder, record: Record, cotangents: Mapping[str, Tensor]) -> Tensor:
    """Gradient in the picture.

    Parameters
    ----------
    encoder : Encoder
    record : Record
        Of `forward` with keep; its contents are released on the way.
    cotangents : mapping
        Of each layer with a loss, the loss's gradient in its features; overwritten.

    Returns
    -------
    tensor, shape (1, 3, height, width)
        float64 if the encoder is, else float32.
    """
    g: Tensor | None = None
    with torch.no_grad():
        for step in reversed(encoder.steps):
            kept = record.kept.pop()
            if step.name in cotangents:
                own = cotangents[step.name]
                if step.name in encoder.sides:
                    weight, _ = encoder.sides[step.name]
                    own = _aten.threshold_backward(own, record.features[step.name], 0)
                    back = weight.transpose(0, 1).contiguous(memory_format=encoder.memory_format)
                    own = torch.conv2d(own, back)
                g = own if g is None else _added(g, own)
            record.features.pop(step.name, None)
            if g is None:
                continue
            if step.kind == "convolution":
                assert step.weight is not None
                assert isinstance(kept, torch.Size)
                g = _through_convolution(g.to(step.weight.dtype), step.weight, kept, encoder)
            elif step.kind == "relu":
                assert isinstance(kept, Tensor)
                g = _aten.threshold_backward(g.to(kept.dtype), kept, 0)
            elif encoder.pooling == "average":
                g = _through_average(g, kept)
            else:
                assert isinstance(kept, tuple)
                g = _aten.max_pool2d_with_indices_backward(
                    g.to(kept[0].dtype), kept[0], [2, 2], [2, 2], [0, 0], [1, 1], False, kept[1]
                )
    assert g is not None
    return torch.einsum("ck,nchw->nkhw", encoder.colour, g.to(encoder.colour.dtype))


def _added(first: Tensor, second: Tensor) -> Tensor:
    """The sum, in place of the one of the longer precision."""
    if first.dtype.itemsize < second.dtype.itemsize:
        first, second = second, first
    return first.add_(second)


def _through_convolution(g: Tensor, weight: Tensor, shape: torch.Size, encoder: Encoder) -> Tensor:
    """Gradient in the input of a convolution, whose values it does not need."""
    if not encoder.reflect:
        like = g.new_empty(1).expand(shape)
        return _input_gradient(g, like, weight, 1)
    n, channels, height, width = shape
    like = g.new_empty(1).expand(n, channels, height + 2, width + 2)
    padded = _input_gradient(g, like, weight, 0)
    return _aten.reflection_pad2d_backward(padded, g.new_empty(1).expand(shape), [1, 1, 1, 1])


def _input_gradient(g: Tensor, like: Tensor, weight: Tensor, padding: int) -> Tensor:
    pads, ones = [padding, padding], [1, 1]
    found: Tensor = _aten.convolution_backward(
        g, like, weight, None, ones, pads, ones, False, [0, 0], 1, [True, False, False]
    )[0]
    return found


def _through_average(g: Tensor, shape: object) -> Tensor:
    """Each of four positions gets a quarter; an odd last row or column gets nothing."""
    assert isinstance(shape, torch.Size)
    spread = torch.nn.functional.interpolate(g, scale_factor=2.0, mode="nearest") / 4
    missing = (0, shape[3] - spread.shape[3], 0, shape[2] - spread.shape[2])
    return torch.nn.functional.pad(spread, missing) if any(missing) else spread
