"""The small network of the face-mask question: four convolutions and two dense layers."""

from __future__ import annotations

from torch import nn

from chainrule.vision.models.resnet import he_initialisation


def small_cnn(
    classes: int = 2, width: int = 16, normalise: bool = False, dropout: float = 0.0
) -> nn.Sequential:
    """Four 3 × 3 convolutions, each followed by ReLU and 2 × 2 pooling, and two dense layers.

    Document 003 P5 (ii); with `normalise` and `dropout` the network of (iii).

    Parameters
    ----------
    classes : int
    width : int
        Channels of the first convolution; the others have 2, 4 and 8 times as many.
    normalise : bool
        Batch normalisation after each convolution, which then has no bias.
    dropout : float
        Probability of dropping a unit of the first dense layer.

    Returns
    -------
    Sequential
        Takes images, shape (n, 3, height, width) of at least 16 × 16, and gives logits,
        shape (n, classes).
    """
    layers: list[nn.Module] = []
    channels = 3
    for factor in (1, 2, 4, 8):
        layers.append(nn.Conv2d(channels, factor * width, 3, padding=1, bias=not normalise))
        channels = factor * width
        if normalise:
            layers.append(nn.BatchNorm2d(channels))
        layers += [nn.ReLU(inplace=True), nn.MaxPool2d(2)]
    layers += [nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16 * channels, 128)]
    layers.append(nn.ReLU(inplace=True))
    if dropout:
        layers.append(nn.Dropout(dropout))
    model = nn.Sequential(*layers, nn.Linear(128, classes))
    he_initialisation(model)
    return model
