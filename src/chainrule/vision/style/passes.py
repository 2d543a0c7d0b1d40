"""Forward and backward through an encoder by hand, for the gradient in the picture alone.

No weight has a gradient, so a backward pass needs nothing of the forward pass but where each ReLU
was positive and where each maximum was: the ReLUs' own results. Large tensors are written over
rather than made anew: the system hands out new memory page by page, which takes longer than a ReLU.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import torch
from torch import Tensor

from chainrule.vision.style import winograd
from chainrule.vision.style.encoder import Encoder, Step

_aten = torch.ops.aten

#: Of a layer with its features, and the gradient from later layers or None: that gradient plus the
#: one of the layer's own loss, perhaps written over it.
AddGradient = Callable[[str, Tensor, Tensor | None], Tensor]


@dataclass
class Pooled:
    """What the backward pass of a maximum pooling, and of the ReLU before it, reads.

    A maximum is positive exactly where its ReLU was, so the ReLU's mask is taken on the quarter of
    the values that are left, and not again before. Where each maximum was is found again on the way
    back: eight bytes for each of them are more than the values themselves.

    Attributes
    ----------
    before, after : tensor
    free : bool
        Whether `before` is nobody's features, so that the gradient may take its place.
    """

    before: Tensor
    after: Tensor
    free: bool


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
    kept: list[Tensor | Pooled | torch.Size | None] = field(default_factory=list)


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
        for number, step in enumerate(encoder.steps):
            kept: Tensor | Pooled | torch.Size | None = None
            following = encoder.steps[number + 1].kind if number + 1 < len(encoder.steps) else ""
            if step.kind == "convolution":
                assert step.weight is not None
                x = x.to(step.weight.dtype)
                if encoder.reflect:
                    padded = torch.nn.functional.pad(x, (1, 1, 1, 1), mode="reflect")
                    x = torch.conv2d(padded, step.weight, step.bias)
                elif encoder.winograd and winograd.suits(step.weight, *x.shape[2:]):
                    x = winograd.convolution(x, step.transformed, step.bias)
                else:
                    x = torch.conv2d(x, step.weight, step.bias, padding=1)
            elif step.kind == "relu":
                # In place, unless the convolution's own result was asked for.
                previous = encoder.steps[number - 1].name
                x = torch.relu(x) if previous in record.features else torch.relu_(x)
                masked_later = following == "pool" and encoder.pooling == "max"
                if keep and not (masked_later and step.name not in layers):
                    kept = x
            elif encoder.pooling == "average":
                kept = x.shape
                x = torch.nn.functional.avg_pool2d(x, 2)
            elif keep:
                before = x
                x = torch.max_pool2d(x, 2)
                kept = Pooled(before, x, encoder.steps[number - 1].name not in layers)
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


def backward(encoder: Encoder, record: Record, add: AddGradient) -> Tensor:
    """Gradient in the picture.

    Parameters
    ----------
    encoder : Encoder
    record : Record
        Of `forward` with keep; its contents are released and written over on the way.
    add : callable
        Adds the gradient of a layer's loss, for each layer that the record has features of.

    Returns
    -------
    tensor, shape (1, 3, height, width)
        float64 if the encoder is, else float32.
    """
    g: Tensor | None = None
    with torch.no_grad():
        for step in reversed(encoder.steps):
            kept = record.kept.pop()
            features = record.features.pop(step.name, None)
            if features is not None and step.name in encoder.sides:
                weight, _ = encoder.sides[step.name]
                own = _masked(add(step.name, features, None), features)
                back = weight.transpose(0, 1).contiguous(memory_format=encoder.memory_format)
                own = torch.conv2d(own, back)
                g = own if g is None else _added(g, own)
            elif features is not None:
                g = add(step.name, features, None if g is None else g.to(features.dtype))
            if g is None:
                continue
            if step.kind == "convolution":
                g = _through_convolution(g, step, encoder)
            elif step.kind == "relu":
                if isinstance(kept, Tensor):  # else the pooling after it did it
                    g = _masked(g.to(kept.dtype), kept)
            elif isinstance(kept, Pooled):
                g = _through_maximum(g.to(kept.before.dtype), kept)
            else:
                g = _through_average(g, kept)
    assert g is not None
    return torch.einsum("ck,nchw->nkhw", encoder.colour, g.to(encoder.colour.dtype))


def _masked(g: Tensor, result: Tensor) -> Tensor:
    """The gradient where a ReLU's result is positive, 0 elsewhere; in place."""
    return _aten.threshold_backward.grad_input(g, result, 0, grad_input=g)


def _added(first: Tensor, second: Tensor) -> Tensor:
    """The sum, in place of the one of the longer precision."""
    if first.dtype.itemsize < second.dtype.itemsize:
        first, second = second, first
    # PyTorch adds numbers of two precisions many times more slowly than it converts them.
    return first.add_(second.to(first.dtype))


def _through_convolution(g: Tensor, step: Step, encoder: Encoder) -> Tensor:
    """Gradient in the input of a convolution: g convolved with the weights turned around."""
    assert step.weight is not None
    g = g.to(step.weight.dtype)
    if not encoder.reflect:
        if encoder.winograd and winograd.suits(step.weight, *g.shape[2:]):
            return winograd.convolution(g, step.transformed, turned=True)
        return torch.conv2d(g, step.turned, padding=1)
    # PyTorch's own backward of the padding gives up channels last, here and in all that follows.
    padded = torch.conv2d(g, step.turned, padding=2)
    for axis in (2, 3):
        for seen, mirrored in ((2, 0), (-3, -1)):
            padded.select(axis, seen).add_(padded.select(axis, mirrored))
    inner = padded[:, :, 1:-1, 1:-1]
    last = step.turned.is_contiguous(memory_format=torch.channels_last)
    return inner.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)


def _through_maximum(g: Tensor, kept: Pooled) -> Tensor:
    """Each maximum gets the gradient, if its ReLU let it through."""
    g = _masked(g, kept.after)
    _, indices = torch.nn.functional.max_pool2d(kept.before, 2, return_indices=True)
    place = kept.before if kept.free else torch.empty_like(kept.before)
    return _aten.max_pool2d_with_indices_backward.grad_input(
        g, kept.before, [2, 2], [2, 2], [0, 0], [1, 1], False, indices, grad_input=place
    )


def _through_average(g: Tensor, shape: object) -> Tensor:
    """Each of four positions gets a quarter; an odd last row or column gets nothing."""
    assert isinstance(shape, torch.Size)
    spread = torch.nn.functional.interpolate(g, scale_factor=2.0, mode="nearest") / 4
    missing = (0, shape[3] - spread.shape[3], 0, shape[2] - spread.shape[2])
    return torch.nn.functional.pad(spread, missing) if any(missing) else spread
