"""A diagram of a convolutional network with the dimensions of every layer, made from the model.

The rows come from running the network once on zeros, so they are what it does and not what was
meant; their parameter counts add up to the model's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import Any

import torch
from torch import Tensor, nn

from chainrule.programs.picture import Picture

_INK, _QUIET, _RULE, _CARD = "#1d2430", "#5b6472", "#c9ced6", "#fdfcf9"
_FILLS = ("#e3edf9", "#e9f4ec", "#fbe9dd", "#f1ecf7", "#f6f1d8", "#e8eaed")
_ROW, _TOP, _LEFT, _BAR, _RIGHT = 30, 74, 196, 330, 550


@dataclass(frozen=True)
class Layer:
    """One layer as it ran.

    Attributes
    ----------
    name : str
        Of the module in the model, "input" for the first row.
    kind : str
        What it does, such as "conv 3 × 3, stride 2" or "batch norm".
    shape : tuple of int
        Of its output, without the batch.
    parameters : int
    block : str
        Name of the residual block that it belongs to, or "".
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    block: str


def layers(model: nn.Module, shape: tuple[int, int, int]) -> list[Layer]:
    """Every layer of a network in the order in which it runs.

    Parameters
    ----------
    model : Module
    shape : tuple of 3 int
        Channels, height and width of an image.

    Returns
    -------
    list of Layer
        The input first. Additions of shortcuts and operations without a module are not listed.
    """
    names = {module: name for name, module in model.named_modules()}
    blocks = [name for module, name in names.items() if type(module).__name__.endswith("Block")]
    found = [Layer("input", "image", shape, 0, "")]

    def note(module: nn.Module, _: Any, output: Tensor) -> None:
        name = names[module]
        block = next((each for each in blocks if name.startswith(each + ".")), "")
        count = sum(p.numel() for p in module.parameters())
        found.append(Layer(name, _kind(module), tuple(output.shape[1:]), count, block))

    leaves = [module for module in names if not any(True for _ in module.children())]
    hooks = [module.register_forward_hook(note) for module in leaves]
    training = model.training
    try:
        with torch.inference_mode():
            parameter = next(model.parameters())
            model.eval()(torch.zeros(1, *shape, device=parameter.device))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return found


def draw_layers(model: nn.Module, shape: tuple[int, int, int], title: str) -> Picture:
    """A picture of the layers: a bar per convolution, pooling or dense layer, wide as its channels.

    Parameters
    ----------
    model : Module
    shape : tuple of 3 int
        Channels, height and width of an image.
    title : str
    """
    every = layers(model, shape)
    total = sum(p.numel() for p in model.parameters())
    rows = [
        layer
        for layer in every
        if layer.name == "input" or not layer.kind.startswith(("batch norm", "ReLU", "flatten"))
    ]
    widest = max(math.log2(max(row.shape[0], 2)) for row in rows)
    height = _TOP + _ROW * len(rows) + 30
    width = _LEFT + _BAR + _RIGHT
    svg = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="DejaVu Sans, Arial, sans-serif" font-size="13">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="{_CARD}"/>',
        _text(20, 30, title, size=17, weight="bold"),
        _text(20, 54, f"{total:,} parameters, with those of batch normalisation, which is not "
              "drawn; channels × height × width", colour=_QUIET),
    ]  # fmt: skip
    sizes = list(dict.fromkeys(row.shape[1:] for row in rows))
    for number, row in enumerate(rows):
        y = _TOP + _ROW * number
        length = max(_BAR * math.log2(max(row.shape[0], 2)) / widest, 104)
        fill = _FILLS[sizes.index(row.shape[1:]) % len(_FILLS)]
        side = row.name.endswith("downsample") or ".downsample." in row.name
        dash = ' stroke-dasharray="4 3"' if side else ""
        svg += [
            _text(_LEFT - 12, y + 19, row.name, anchor="end"),
            f'<rect x="{_LEFT}" y="{y + 3}" width="{length:.0f}" height="{_ROW - 6}" rx="4" '
            f'fill="{fill}" stroke="{_RULE}"{dash}/>',
            _text(_LEFT + 10, y + 19, " × ".join(map(str, row.shape))),
            _text(_LEFT + _BAR + 14, y + 19, _described(row, side), colour=_QUIET),
        ]
    for block in dict.fromkeys(row.block for row in rows if row.block):
        inside = [n for n, row in enumerate(rows) if row.block == block]
        first, last = _TOP + _ROW * inside[0] + 4, _TOP + _ROW * (inside[-1] + 1) - 4
        x = width - 118
        svg += [
            f'<path d="M{x},{first} h10 V{last} h-10" fill="none" stroke="{_INK}"/>',
            _text(x + 17, (first + last) / 2 + 4, "+ shortcut"),
        ]
    described = "\n".join(
        f"{row.name}: {_described(row, False)}, {' × '.join(map(str, row.shape))}" for row in rows
    )
    return Picture("\n".join([*svg, "</svg>"]), f"{title}\n{described}", width, height)


def _described(row: Layer, side: bool) -> str:
    text = row.kind + (" on the shortcut" if side else "")
    return f"{text}, {row.parameters:,} parameters" if row.parameters else text


def _kind(module: nn.Module) -> str:
    if isinstance(module, nn.Conv2d):
        stride = f", stride {module.stride[0]}" if module.stride[0] > 1 else ""
        return f"conv {module.kernel_size[0]} × {module.kernel_size[1]}{stride}"
    if isinstance(module, nn.BatchNorm2d):
        return "batch norm"
    if isinstance(module, nn.Linear):
        return "dense"
    names = {
        nn.ReLU: "ReLU",
        nn.MaxPool2d: "max pooling",
        nn.AdaptiveAvgPool2d: "average pooling",
        nn.Flatten: "flatten",
        nn.Dropout: "dropout",
    }
    return names.get(type(module), type(module).__name__)


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 13,
    weight: str = "normal",
    colour: str = _INK,
    anchor: str = "start",
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" font-weight="{weight}" fill="{colour}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )
