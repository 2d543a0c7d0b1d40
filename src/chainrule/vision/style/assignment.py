"""The functions of the style-transfer assignment under the field's names (document 000 §2.6).

Pictures are as the Caffe VGG wants them: BGR from 0 to 255 less the mean of ImageNet; features have
shape (height, width, channels). The losses are plain arithmetic: they take NumPy arrays, PyTorch
tensors, and the arrays that this package's own engine traces.

The hand-out leaves three things open, which are parameters here. Its formula of the losses is a sum
and its instruction a mean (`reduction`); its Gram matrix is divided by ``input.shape[0]``, which is
the height of (height, width, channels) and 1 with a batch axis, while the common tutorial divides
by the number of positions (`normalize`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.vision.errors import VisionError
from chainrule.vision.images import read_picture
from chainrule.vision.style.settings import LAYER_WEIGHTS

if TYPE_CHECKING:
    from chainrule.vision.style.encoder import Encoder

Array = Any

#: Mean of ImageNet's pixels in blue, green and red, of 0 … 255 (Caffe's VGG).
MEAN_BGR = (103.939, 116.779, 123.68)


def load_and_process_img(path: str | os.PathLike[str], size: int = 512) -> np.ndarray[Any, Any]:
    """Read a picture and prepare it for VGG.

    Parameters
    ----------
    path : path
    size : int
        Pixels of the longer side.

    Returns
    -------
    float32 array, shape (height, width, 3)
        BGR less the mean.

    Raises
    ------
    PictureError
        It cannot be read.
    """
    levels = np.rint(read_picture(path, size) * 255)
    return process_img(levels)


def process_img(levels: Array) -> np.ndarray[Any, Any]:
    """RGB of 0 … 255, shape (height, width, 3), as BGR less the mean, float32."""
    bgr = np.asarray(levels, np.float32)[..., ::-1]
    return bgr - np.array(MEAN_BGR, np.float32)


def deprocess_img(processed: Array) -> np.ndarray[Any, Any]:
    """The picture to look at, from what was prepared for VGG: the inverse of `process_img`.

    Parameters
    ----------
    processed : array, shape (height, width, 3), or (1, height, width, 3)
        BGR less the mean. Values beyond 0 … 255 are clipped before they become bytes, which an
        optimised picture needs: a conversion of 256 would give 0.

    Returns
    -------
    uint8 array, shape (height, width, 3)
        RGB.

    Raises
    ------
    VisionError
        Another shape, or values that are not finite.
    """
    values = np.array(processed, dtype=np.float64)
    if values.ndim == 4 and len(values) == 1:
        values = values[0]
    if values.ndim != 3 or values.shape[2] != 3:
        raise VisionError(
            f"The picture has shape {values.shape}; expected (height, width, 3) or one with a "
            "batch axis of length 1."
        )
    if not np.isfinite(values).all():
        raise VisionError("The picture holds NaN or infinity; the optimisation has diverged.")
    return np.rint(np.clip((values + MEAN_BGR)[..., ::-1], 0, 255)).astype(np.uint8)


def compute_content_loss(features: Array, target: Array, reduction: str = "mean") -> Array:
    """Mean, or sum, of (F − P)² (Gatys et al. 2016, equation 1, without its factor ½).

    Parameters
    ----------
    features, target : array, shape (height, width, channels)
    reduction : {"mean", "sum"}

    Raises
    ------
    VisionError
        The shapes differ, or for another reduction.
    """
    _same_shape(features, target, "content features")
    return _reduced((features - target) ** 2, reduction)


def gram_matrix(features: Array, normalize: str = "positions") -> Array:
    """Inner products of the channels: FᵀF, F having one row for each position.

    Parameters
    ----------
    features : array, shape (height, width, channels)
    normalize : {"positions", "first_dim", "none"}
        Divide by height · width, by the height, or not at all.

    Returns
    -------
    array, shape (channels, channels)

    Raises
    ------
    VisionError
        Features of another number of axes, or another `normalize`.

    Examples
    --------
    >>> gram_matrix(np.arange(24).reshape(3, 4, 2) / 10)
    array([[1.68666667, 1.79666667],
           [1.79666667, 1.91666667]])
    """
    if len(features.shape) != 3:
        raise VisionError(
            f"The features have shape {tuple(features.shape)}; expected (height, width, channels)."
        )
    height, width, channels = features.shape
    divisors = {"positions": height * width, "first_dim": height, "none": 1}
    if normalize not in divisors:
        raise VisionError(f"normalize is {normalize!r}; choose {', '.join(divisors)}.")
    rows = features.reshape(height * width, channels)
    return rows.T @ rows / divisors[normalize]


def compute_style_loss(gram: Array, target: Array, reduction: str = "mean") -> Array:
    """Mean, or sum, of (G − A)² (Gatys et al. 2016, equation 4, without its 1 / 4).

    Parameters
    ----------
    gram, target : array, shape (channels, channels)
        Gram matrices, as `gram_matrix` gives them.
    reduction : {"mean", "sum"}

    Raises
    ------
    VisionError
        The shapes differ, or for another reduction.
    """
    _same_shape(gram, target, "Gram matrices")
    return _reduced((gram - target) ** 2, reduction)


def compute_features(image: Array, encoder: Encoder, layers: Sequence[str]) -> dict[str, Array]:
    """Features of a picture, differentiable by PyTorch in the picture.

    Parameters
    ----------
    image : array or tensor, shape (height, width, 3)
        BGR less the mean.
    encoder : Encoder
        From `load_encoder`.
    layers : sequence of str
        Such as "conv4_2" or "relu1_1".

    Returns
    -------
    dict of layer to tensor, shape (height, width, channels)

    Raises
    ------
    VisionError
        A layer is unknown.
    """
    import torch

    encoder = encoder.upto(layers)
    values = torch.as_tensor(image).to(encoder.colour.dtype)
    if values.ndim != 3 or values.shape[2] != 3:
        raise VisionError(
            f"The picture has shape {tuple(values.shape)}; expected (height, width, 3)."
        )
    rgb = torch.flip(values + values.new_tensor(MEAN_BGR), [2]) / 255
    x = (rgb @ encoder.colour.T + encoder.offset).permute(2, 0, 1)[None].to(encoder.dtype)
    found = {}
    for step in encoder.steps:
        if step.kind == "convolution":
            padding = 1
            if encoder.reflect:
                x, padding = torch.nn.functional.pad(x, (1, 1, 1, 1), mode="reflect"), 0
            assert step.weight is not None
            x = torch.conv2d(x, step.weight, step.bias, padding=padding)
        elif step.kind == "relu":
            x = torch.relu(x)
        elif encoder.pooling == "average":
            x = torch.nn.functional.avg_pool2d(x, 2)
        else:
            x = torch.nn.functional.max_pool2d(x, 2)
        if step.name in layers:
            seen = x
            if step.name in encoder.sides:
                seen = torch.relu(torch.conv2d(x, *encoder.sides[step.name]))
            found[step.name] = seen[0].permute(1, 2, 0)
    return found


def calculate_loss(
    image: Array,
    encoder: Encoder,
    style_grams: Mapping[str, Array],
    content_features: Mapping[str, Array],
    style_weight: float = 1e-2,
    content_weight: float = 1e3,
    weight_per_style_layer: Sequence[float] = LAYER_WEIGHTS,
) -> tuple[Array, Array, Array]:
    """The whole loss of a picture, and its two parts.

    Parameters
    ----------
    image : array or tensor, shape (height, width, 3)
        BGR less the mean; a tensor that requires gradients can be differentiated.
    encoder : Encoder
    style_grams : mapping of layer to Gram matrix
        Of the style picture; the order of its layers is that of `weight_per_style_layer`.
    content_features : mapping of layer to features
        Of the content picture; each layer counts equally.
    style_weight, content_weight : float
    weight_per_style_layer : sequence of float
        The style part is Σ w_l E_l, not divided by the number of layers or the sum of weights.

    Returns
    -------
    total, style, content : tensors
        total = style_weight · style + content_weight · content.

    Raises
    ------
    VisionError
        A layer is unknown, or there are not as many weights as style layers.
    """
    if len(weight_per_style_layer) != len(style_grams):
        raise VisionError(
            f"There are {len(weight_per_style_layer)} weights for {len(style_grams)} style layers."
        )
    features = compute_features(image, encoder, [*style_grams, *content_features])
    style: Array = 0.0
    for weight, (layer, target) in zip(weight_per_style_layer, style_grams.items(), strict=True):
        style = style + weight * compute_style_loss(gram_matrix(features[layer]), target)
    content: Array = 0.0
    for layer, target in content_features.items():
        content = content + compute_content_loss(features[layer], target) / len(content_features)
    return style_weight * style + content_weight * content, style, content


def _same_shape(first: Array, second: Array, what: str) -> None:
    if tuple(first.shape) != tuple(second.shape):
        raise VisionError(
            f"The {what} have shapes {tuple(first.shape)} and {tuple(second.shape)}; they must be "
            "of the same layer and size."
        )


def _reduced(squares: Array, reduction: str) -> Array:
    """Mean or sum over every entry."""
    if reduction not in ("mean", "sum"):
        raise VisionError(f"reduction is {reduction!r}; choose mean or sum.")
    total = squares.sum()
    if reduction == "sum":
        return total
    count = 1
    for length in squares.shape:
        count *= length
    return total / count
