"""The loss of Gatys et al. and its gradient in the picture, written out by hand.

L. Gatys, A. Ecker, M. Bethge, "Image style transfer using convolutional neural networks", CVPR
2016. With the features F of a layer, one row for each of its n positions, and G = FᵀF / n:

    content_l   = mean (F − P)²           ∂/∂F = 2 (F − P) / (n c)
    style_l     = mean (G − A)²           ∂/∂F = 4 F (G − A) / (n c²)

P are the content picture's features, A the style pictures' Gram matrices, c the channels. Both
targets are computed once. A picture can be taken in tiles: Gram matrices are sums over positions,
so with margins as wide as a feature can see, loss and gradient are those of the whole picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from chainrule.vision.style.encoder import Encoder
from chainrule.vision.style.passes import Record, backward, forward

#: Positions from which a Gram matrix in 16 bits is summed in parts, each rounded on its own.
MANY, PARTS = 4096, 8

Slices = tuple[slice, slice, slice, slice]


class Losses(NamedTuple):
    """The loss and what it is made of; total = style + content + variation, weights included."""

    total: float
    style: float
    content: float
    variation: float


@dataclass(frozen=True)
class Tile:
    """Part of a picture: the rows and columns that count, and those with the margin around them."""

    rows: tuple[int, int]
    columns: tuple[int, int]
    outer_rows: tuple[int, int]
    outer_columns: tuple[int, int]


@dataclass(frozen=True)
class Weights:
    """How much each part of the loss counts.

    Attributes
    ----------
    style, content : mapping of layer to weight
    variation : float
        Of the mean squared difference of neighbouring pixels.
    relative : bool
        Divide each layer's loss by the mean square of its target, so that the weights mean the
        same for every encoder and layer; otherwise the losses are those of the formulas above.
    """

    style: Mapping[str, float]
    content: Mapping[str, float]
    variation: float = 0.0
    relative: bool = True

    @property
    def layers(self) -> list[str]:
        """Every layer with a weight."""
        used = {**self.style, **self.content}
        return [layer for layer in used if self.style.get(layer, 0) or self.content.get(layer, 0)]


def gram(features: Tensor) -> Tensor:
    """FᵀF, not divided by the positions, in float32 or better; features (1, c, height, width)."""
    channels = features.shape[1]
    rows = features.permute(0, 2, 3, 1).reshape(-1, channels)
    if rows.dtype not in (torch.bfloat16, torch.float16):
        return rows.T @ rows
    whole = len(rows) - len(rows) % PARTS
    if len(rows) < MANY:
        rows = rows.float()
        return rows.T @ rows
    parts = rows[:whole].view(PARTS, whole // PARTS, channels)
    found = torch.bmm(parts.transpose(1, 2), parts).float().sum(0)
    rest = rows[whole:].float()
    return found + rest.T @ rest


def tiles(height: int, width: int, side: int, stride: int, margin: int) -> list[Tile]:
    """Tiles of about `side` pixels that together are the picture; one if it fits.

    Parameters
    ----------
    height, width : int
    side : int
        Pixels of a tile without its margin, rounded up to a multiple of `stride`.
    stride : int
        Of the coarsest layer: tiles begin at its multiples, so that poolings meet the same pixels.
    margin : int
        Pixels that features can see, rounded up likewise.
    """
    side = max(stride, math.ceil(side / stride) * stride)
    margin = math.ceil(margin / stride) * stride

    def cuts(length: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        # A rest that is shorter than one position joins the tile before it.
        starts = list(range(0, max(1, length - stride + 1), side))
        ends = [*starts[1:], length]
        return [
            ((a, b), (max(0, a - margin), min(length, b + margin)))
            for a, b in zip(starts, ends, strict=True)
        ]

    return [
        Tile(rows, columns, outer_rows, outer_columns)
        for rows, outer_rows in cuts(height)
        for columns, outer_columns in cuts(width)
    ]


class Objective:
    """Loss and gradient of a picture, the targets being those of two others.

    Parameters
    ----------
    encoder : Encoder
        Its steps end with the last layer in use.
    weights : Weights
    content : tensor, shape (1, 3, height, width), or None
        RGB in [0, 1]; may be None where no content layer counts.
    styles : sequence of (tensor, weight)
        Pictures of any shape; the weights are divided by their sum.
    tile : int, optional
        Side of the tiles of pictures that are larger.
    """

    def __init__(
        self,
        encoder: Encoder,
        weights: Weights,
        content: Tensor | None,
        styles: Sequence[tuple[Tensor, float]],
        tile: int | None = None,
    ) -> None:
        self.encoder = encoder.upto(weights.layers)
        self.weights = weights
        self.tile = tile
        self.layers = weights.layers
        self._style = {k: w for k, w in weights.style.items() if w}
        self._content = {k: w for k, w in weights.content.items() if w}
        self.grams: dict[str, Tensor] = {}
        self.contents: dict[str, Tensor] = {}
        share = sum(weight for _, weight in styles)
        for picture, weight in styles:
            for layer, matrix in self._grams(picture).items():
                part = matrix * (weight / share)
                self.grams[layer] = self.grams[layer] + part if layer in self.grams else part
        if content is not None and self._content:
            self.contents = self._content_target(content)
        self.scales = self._scales()

    def _scales(self) -> dict[tuple[str, str], float]:
        """Weight of each layer's loss, divided by the mean square of its target if relative."""
        scales = {}
        for kind, chosen, targets in (
            ("style", self._style, self.grams),
            ("content", self._content, self.contents),
        ):
            for layer, weight in chosen.items():
                size = float(torch.mean(targets[layer].float() ** 2)) if layer in targets else 1.0
                scales[kind, layer] = weight / size if self.weights.relative and size else weight
        return scales

    def __call__(self, image: Tensor) -> tuple[Losses, Tensor]:
        """Losses and gradient of a picture of the content's shape, (1, 3, height, width)."""
        cut = self._tiles(image)
        # The gradient in every tile needs the whole picture's Gram matrices.
        matrices = self._grams(image) if len(cut) > 1 else {}
        gradient = torch.zeros_like(image)
        content = 0.0
        size = (image.shape[2], image.shape[3])
        for tile in cut:
            outer = _part(image, tile.outer_rows, tile.outer_columns)
            record = forward(self.encoder, outer, self.layers)
            if not matrices:
                matrices = {
                    layer: gram(record.features[layer]) / self._positions(layer, *size)
                    for layer in self._style
                }
            content += self._through_tile(tile, record, matrices, size, gradient)
        style = sum(
            self.scales["style", layer]
            * float(torch.mean((matrices[layer] - self.grams[layer]) ** 2))
            for layer in self._style
        )
        variation = self._add_variation(image, gradient)
        return Losses(style + content + variation, style, content, variation), gradient

    def _through_tile(
        self, tile: Tile, record: Record, matrices: Mapping[str, Tensor], size: tuple[int, int],
        gradient: Tensor,
    ) -> float:  # fmt: skip
        """The content loss of a tile; its gradient is added to the picture's."""
        content = 0.0

        def add(layer: str, features: Tensor, g: Tensor | None) -> Tensor:
            nonlocal content
            stride = self.encoder.stride(layer)
            inner = _inner(tile, stride, features, size)
            positions = self._positions(layer, *size)
            if layer in self._style:
                matrix = self._style_matrix(layer, matrices[layer], positions)
                if g is None and features[inner].shape == features.shape:
                    g = _product(features, matrix)
                else:
                    g = torch.zeros_like(features) if g is None else g
                    _add_product(g[inner], features[inner], matrix)
            if layer in self._content:
                g = torch.zeros_like(features) if g is None else g
                target = self.contents[layer]
                target = target[_outer(tile, stride, target)]
                difference = features[inner].to(self._exact) - target
                scale = self.scales["content", layer] / (positions * features.shape[1])
                content += scale * float(torch.linalg.vector_norm(difference)) ** 2
                # PyTorch adds numbers of two precisions many times more slowly.
                g[inner].add_(difference.mul_(2 * scale).to(g.dtype))
            assert g is not None  # a layer of the record counts for style or content
            return g

        found = backward(self.encoder, record, add)
        _part(gradient, tile.outer_rows, tile.outer_columns).add_(found)
        return content

    def _style_matrix(self, layer: str, matrix: Tensor, positions: int) -> Tensor:
        """What a layer's features are multiplied by for the gradient of its style loss."""
        scale = 4 * self.scales["style", layer] / (positions * len(matrix) ** 2)
        return (matrix - self.grams[layer]) * scale

    @property
    def _exact(self) -> torch.dtype:
        """The precision of losses."""
        return torch.float64 if self.encoder.dtype == torch.float64 else torch.float32

    def _tiles(self, image: Tensor) -> list[Tile]:
        height, width = image.shape[2:]
        if self.tile is None or max(height, width) <= self.tile:
            whole = (0, height), (0, width)
            return [Tile(*whole, *whole)]
        stride = max(self.encoder.stride(layer) for layer in self.layers)
        return tiles(height, width, self.tile, stride, self.encoder.reach())

    def _positions(self, layer: str, height: int, width: int) -> int:
        """Positions of a layer of a picture of this size; poolings round down."""
        stride = self.encoder.stride(layer)
        return (height // stride) * (width // stride)

    def _features(self, image: Tensor) -> Iterator[tuple[Tile, str, Tensor]]:
        """Features of each layer, tile by tile, without the margins."""
        for tile in self._tiles(image):
            outer = _part(image, tile.outer_rows, tile.outer_columns)
            record = forward(self.encoder, outer, self.layers, keep=False)
            for layer, features in record.features.items():
                stride = self.encoder.stride(layer)
                inner = _inner(tile, stride, features, tuple(image.shape[2:]))
                yield tile, layer, features[inner]

    def _grams(self, image: Tensor) -> dict[str, Tensor]:
        """Gram matrix of each style layer, divided by its positions."""
        height, width = image.shape[2:]
        sums: dict[str, Tensor] = {}
        for _, layer, features in self._features(image):
            if layer in self._style:
                matrix = gram(features)
                sums[layer] = sums[layer] + matrix if layer in sums else matrix
        return {
            layer: matrix / self._positions(layer, height, width) for layer, matrix in sums.items()
        }

    def _content_target(self, image: Tensor) -> dict[str, Tensor]:
        """Features of each content layer."""
        height, width = image.shape[2:]
        found: dict[str, Tensor] = {}
        for tile, layer, features in self._features(image):
            if layer in self._content:
                if layer not in found:
                    stride = self.encoder.stride(layer)
                    shape = (1, features.shape[1], height // stride, width // stride)
                    found[layer] = features.new_empty(shape).contiguous(
                        memory_format=self.encoder.memory_format
                    )
                stride = self.encoder.stride(layer)
                found[layer][_outer(tile, stride, found[layer])] = features
        return found

    def _add_variation(self, image: Tensor, gradient: Tensor) -> float:
        """Mean squared difference of neighbouring pixels, its gradient added in place."""
        weight = self.weights.variation
        if not weight:
            return 0.0
        value = 0.0
        for axis in (2, 3):
            length = image.shape[axis]
            if length < 2:
                continue
            difference = image.narrow(axis, 1, length - 1) - image.narrow(axis, 0, length - 1)
            factor = weight / difference.numel()
            value += factor * float(torch.sum(difference**2))
            difference *= 2 * factor
            gradient.narrow(axis, 1, length - 1).add_(difference)
            gradient.narrow(axis, 0, length - 1).sub_(difference)
        return value


def _product(features: Tensor, matrix: Tensor) -> Tensor:
    """F M, F having one row for each position, in the shape of the features."""
    rows = features.permute(0, 2, 3, 1)
    return (rows @ matrix.to(features.dtype)).permute(0, 3, 1, 2)


def _add_product(g: Tensor, features: Tensor, matrix: Tensor) -> None:
    """Add F M to a gradient, F having one row for each position: in one operation if it can be."""
    channels = features.shape[1]
    matrix = matrix.to(features.dtype)
    rows = features.permute(0, 2, 3, 1)
    place = g.permute(0, 2, 3, 1)
    if place.is_contiguous():
        place.view(-1, channels).addmm_(rows.reshape(-1, channels), matrix)
    else:
        place.add_(rows @ matrix)


def _part(image: Tensor, rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
    return image[:, :, rows[0] : rows[1], columns[0] : columns[1]]


def _inner(tile: Tile, stride: int, features: Tensor, size: tuple[int, ...]) -> Slices:
    """Where, among a tile's features with margin, those without margin are."""

    def span(core: tuple[int, int], outer: tuple[int, int], length: int, whole: int) -> slice:
        start = (core[0] - outer[0]) // stride
        stop = length if core[1] == whole else (core[1] - outer[0]) // stride
        return slice(start, stop)

    everything = slice(None)
    return (
        everything,
        everything,
        span(tile.rows, tile.outer_rows, features.shape[2], size[0]),
        span(tile.columns, tile.outer_columns, features.shape[3], size[1]),
    )


def _outer(tile: Tile, stride: int, whole: Tensor) -> Slices:
    """Where a tile's features without margin are among those of the whole picture."""

    def span(core: tuple[int, int], length: int) -> slice:
        return slice(core[0] // stride, min(length, core[1] // stride))

    everything = slice(None)
    rows, columns = span(tile.rows, whole.shape[2]), span(tile.columns, whole.shape[3])
    return (everything, everything, rows, columns)
