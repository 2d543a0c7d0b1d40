"""3 × 3 convolution with 2.25 times fewer multiplications, for layers of many channels.

A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks", CVPR 2016, the algorithm
F(2 × 2, 3 × 3): four neighbouring results come of sixteen products rather than thirty-six, after
sums and differences of the input and before those of the output. The products are sixteen matrix
products over all channels, which libraries do well; the sums cost a pass over the memory each, and
are worth it from a few hundred channels on. PyTorch's convolutions on a processor do not do this.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Channels, in and out, from which the products outweigh the sums.
FEWEST_CHANNELS = 256
#: Tiles, of two by two results each, that are done at once: their numbers stay in the cache.
MOST_TILES = 256

#: Of three weights in a row, the four that their products need (Lavin and Gray, section 4.1).
_WEIGHTS = ((1.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0.0, 0.0, 1.0))


def suits(weight: Tensor, height: int, width: int) -> bool:
    """Whether a convolution can be done so, and gains by it.

    Parameters
    ----------
    weight : tensor, shape (out, in, 3, 3)
    height, width : int
        Of the picture: both even, for the results are made two by two.
    """
    return min(weight.shape[:2]) >= FEWEST_CHANNELS and height % 2 == 0 and width % 2 == 0


def transformed(weight: Tensor) -> Tensor:
    """The weights as the products need them, shape (16, in, out).

    Parameters
    ----------
    weight : tensor, shape (out, in, 3, 3)
    """
    outputs, inputs = weight.shape[:2]
    exact = torch.promote_types(weight.dtype, torch.float32)
    rows = torch.tensor(_WEIGHTS, dtype=exact, device=weight.device)
    kernels = weight.permute(1, 0, 2, 3).reshape(-1, 9).to(exact)
    found = weight.new_empty(16, inputs, outputs)
    # One after the other: all at once they would take several times the memory of the weights.
    for number, product in enumerate(torch.kron(rows, rows)):
        found[number] = (kernels @ product).view(inputs, outputs)
    return found


def convolution(
    x: Tensor, weights: Tensor, bias: Tensor | None = None, turned: bool = False
) -> Tensor:
    """The convolution with zeros around the picture.

    Parameters
    ----------
    x : tensor, shape (1, in, height, width)
        Height and width even; channels last, or it is copied.
    weights : tensor, shape (16, in, out)
        Of `transformed`; of shape (16, out, in) if `turned`.
    bias : tensor, shape (out,), optional
    turned : bool
        Convolve with the weights turned around, as a gradient is on its way back.

    Returns
    -------
    tensor, shape (1, out, height, width)
        Channels last.
    """
    _, channels, height, width = x.shape
    if turned:  # turning a row of weights around swaps the first of their four with the last
        weights = weights.transpose(1, 2)
    order = (3, 1, 2, 0) if turned else (0, 1, 2, 3)
    out = weights.shape[2]
    down, across = height // 2, width // 2
    padded = x.new_empty(height + 2, width + 2, channels)
    for rim in (padded[0], padded[-1], padded[:, 0], padded[:, -1]):
        rim.zero_()
    padded[1:-1, 1:-1] = x.permute(0, 2, 3, 1)[0]
    result = x.new_empty(down, 2, across, 2, out)
    # Each tile of four rows by four columns begins two rows or columns after the one before.
    some = max(1, MOST_TILES // across)
    for start in range(0, down, some):
        count = min(some, down - start)
        strip = padded[2 * start : 2 * (start + count) + 2]
        rows = x.new_empty(4, count, width + 2, channels)
        _differences(strip[0::2], strip[1::2], rows, order)
        inputs = x.new_empty(4, 4, count, across, channels)
        for row, into in zip(rows, inputs, strict=True):
            columns = row.transpose(0, 1)
            _differences(columns[0::2], columns[1::2], into.transpose(1, 2), order)
        products = torch.bmm(inputs.view(16, count * across, channels), weights)
        halves = x.new_empty(2, 4, count, across, out)
        _sums(products.view(4, 4, count, across, out), halves[0], halves[1], order)
        for half, into in zip(halves, result[start : start + count].transpose(0, 1), strict=True):
            _sums(half, into[:, :, 0], into[:, :, 1], order)
    if bias is not None:
        result += bias
    return result.view(1, height, width, out).permute(0, 3, 1, 2)


def _differences(even: Tensor, odd: Tensor, into: Tensor, order: tuple[int, ...]) -> None:
    """Bᵀ d along the first axis: neighbours d0 … d3, of which d0 and d2 are even, d1 and d3 odd."""
    d0, d1, d2, d3 = even[:-1], odd[:-1], even[1:], odd[1:]
    torch.sub(d0, d2, out=into[order[0]])
    torch.add(d1, d2, out=into[order[1]])
    torch.sub(d2, d1, out=into[order[2]])
    torch.sub(d1, d3, out=into[order[3]])


def _sums(products: Tensor, first: Tensor, second: Tensor, order: tuple[int, ...]) -> None:
    """Aᵀ m along the first axis: m0 + m1 + m2 and m1 − m2 − m3; m1 is overwritten."""
    m0, m1, m2, m3 = (products[k] for k in order)
    torch.sub(m1, m2, out=second)
    second.sub_(m3)
    torch.add(m1.add_(m2), m0, out=first)
