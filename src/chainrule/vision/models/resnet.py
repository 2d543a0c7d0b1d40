"""Residual networks of ImageNet, ResNet-18 and ResNet-34, with torchvision's parameter names.

K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016,
table 1; the shortcut is option B, a 1 × 1 convolution where the shape changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

from chainrule.vision.errors import VisionError


class BasicBlock(nn.Module):
    """Two 3 × 3 convolutions with batch normalisation, added to the (projected) input."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels != width:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        """relu(shortcut(x) + bn2(conv2(relu(bn1(conv1(x))))))."""
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + shortcut)


def stage(channels: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    """Blocks of one width; the first one changes the shape."""
    return nn.Sequential(
        BasicBlock(channels, width, stride),
        *(BasicBlock(width, width, 1) for _ in range(blocks - 1)),
    )


def he_initialisation(model: nn.Module) -> None:
    """Normal weights of variance 2 / fan-out in every convolution, in place.

    K. He et al., "Delving deep into rectifiers", ICCV 2015, equation 14: right for ReLU networks.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


class ResNet(nn.Module):
    """ResNet of basic blocks: a 7 × 7 stem, four stages of 64 to 512 channels, one dense layer.

    Parameters
    ----------
    blocks : sequence of 4 int
        Blocks of each stage.
    classes : int
    """

    def __init__(self, blocks: Sequence[int], classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = stage(64, 64, blocks[0], 1)
        self.layer2 = stage(64, 128, blocks[1], 2)
        self.layer3 = stage(128, 256, blocks[2], 2)
        self.layer4 = stage(256, 512, blocks[3], 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc: nn.Module = nn.Linear(512, classes)
        he_initialisation(self)

    def features(self, images: Tensor) -> Tensor:
        """Pooled features, shape (n, 512), of normalised images, shape (n, 3, height, width)."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.avgpool(x).flatten(1)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, shape (n, classes)."""
        return self.fc(self.features(images))


def resnet18(classes: int = 1000) -> ResNet:
    """ResNet-18 of ImageNet: 11,689,512 parameters for 1000 classes."""
    return ResNet((2, 2, 2, 2), classes)


def resnet34(classes: int = 1000) -> ResNet:
    """ResNet-34 of ImageNet: 21,797,672 parameters for 1000 classes."""
    return ResNet((3, 4, 6, 3), classes)


def linear_head(
    model: ResNet, classes: int, reading: Literal["replace", "append"] = "replace"
) -> ResNet:
    """Give a pretrained network a new last layer, in place.

    Parameters
    ----------
    model : ResNet
    classes : int
        Outputs of the new layer.
    reading : {"replace", "append"}
        "Add a linear layer to the output" can be read in two ways: the usual one replaces the
        dense layer by Linear(512, classes), the literal one appends Linear(1000, classes) to it.

    Returns
    -------
    ResNet
        The same model.

    Raises
    ------
    VisionError
        For another reading, or when the last layer was changed before.
    """
    if not isinstance(model.fc, nn.Linear):
        raise VisionError("The model has a new last layer already; begin with a fresh model.")
    if reading == "replace":
        model.fc = nn.Linear(512, classes)
    elif reading == "append":
        model.fc = nn.Sequential(model.fc, nn.Linear(model.fc.out_features, classes))
    else:
        raise VisionError(f"reading is {reading!r}; expected 'replace' or 'append'.")
    return model
