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
    exact = torch.promote_types(weight.dtype, torch.float32)
    rows = torch.tensor(_WEIGHTS, dtype=exact, device=weight.device)
    found = torch.einsum("ay,oiyx,bx->abio", rows, weight.to(exact), rows)
    return found.reshape(16, weight.shape[1], weight.shape[0]).to(weight.dtype).contiguous()


def convolution(x: Tensor, weights: Tensor, bias: Tensor | None = None) -> Tensor:
    """The convolution with zeros around the picture.

    Parameters
    ----------
    x : tensor, shape (1, in, height, width)
        Height and width even; channels last, or it is copied.
    weights : tensor, shape (16, in, out)
        Of `transformed`.
    bias : tensor, shape (out,), optional

    Returns
    -------
    tensor, shape (1, out, height, width)
        Channels last.
    """
    _, channels, height, width = x.shape
    out = weights.shape[2]
    down, across = height // 2, width // 2
    padded = x.new_empty(height + 2, width + 2, channels)
    for rim in (padded[0], padded[-1], padded[:, 0], padded[:, -1]):
        rim.zero_()
    padded[1:-1, 1:-1] = x.permute(0, 2, 3, 1)[0]
    # Each tile of four rows by four columns, two rows and columns apart from the next.
    rows = x.new_empty(4, down, width + 2, channels)
    _differences(padded[0::2], padded[1::2], rows)
    products = x.new_empty(4, 4, down, across, channels)
    columns = rows.transpose(1, 2)
    for column, into in zip(columns, products.transpose(2, 3), strict=True):
        _differences(column[0::2], column[1::2], into)
    products = torch.bmm(products.view(16, down * across, channels), weights)
    products = products.view(4, 4, down, across, out)
    halves = x.new_empty(2, 4, down, across, out)
    _sums(products, halves[0], halves[1])
    result = x.new_empty(down, 2, across, 2, out)
    for row, half in enumerate(halves):
        _sums(half, result[:, row, :, 0], result[:, row, :, 1])
    if bias is not None:
        result += bias
    return result.view(1, height, width, out).permute(0, 3, 1, 2)


def _differences(even: Tensor, odd: Tensor, into: Tensor) -> None:
    """Bᵀ d along the first axis: neighbours d0 … d3, of which d0 and d2 are even, d1 and d3 odd."""
    d0, d1, d2, d3 = even[:-1], odd[:-1], even[1:], odd[1:]
    torch.sub(d0, d2, out=into[0])
    torch.add(d1, d2, out=into[1])
    torch.sub(d2, d1, out=into[2])
    torch.sub(d1, d3, out=into[3])


def _sums(products: Tensor, first: Tensor, second: Tensor) -> None:
    """Aᵀ m along the first axis: m0 + m1 + m2 and m1 − m2 − m3; m1 is overwritten."""
    m0, m1, m2, m3 = products
    torch.sub(m1, m2, out=second)
    second.sub_(m3)
    torch.add(m1.add_(m2), m0, out=first)
