"""Residual networks for 32 × 32 images: ResNet-18, its pre-activation variant, and ResNet-20."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from chainrule.vision.models.resnet import he_initialisation, stage


class CifarResNet(nn.Module):
    """ResNet-18 with a 3 × 3 stem and no pooling before the first stage.

    The form in common use for CIFAR-10; parameter names are torchvision's.

    Parameters
    ----------
    classes : int
    width : int
        Channels of the first stage; the others have 2, 4 and 8 times as many.
    """

    def __init__(self, classes: int = 10, width: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = stage(width, width, 2, 1)
        self.layer2 = stage(width, 2 * width, 2, 2)
        self.layer3 = stage(2 * width, 4 * width, 2, 2)
        self.layer4 = stage(4 * width, 8 * width, 2, 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8 * width, classes)
        he_initialisation(self)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, shape (n, classes), of images, shape (n, 3, 32, 32)."""
        x = self.relu(self.bn1(self.conv1(images)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


class PreActivationBlock(nn.Module):
    """bn, relu, 3 × 3 convolution, twice; a changed shape is projected from the activated input.

    K. He et al., "Identity mappings in deep residual networks", ECCV 2016, figure 1 (b).
    """

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels != width:
            self.downsample = nn.Conv2d(channels, width, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """conv2(relu(bn2(conv1(a)))) + shortcut with a = relu(bn1(x))."""
        activated = torch.relu(self.bn1(x))
        shortcut = x if self.downsample is None else self.downsample(activated)
        return self.conv2(torch.relu(self.bn2(self.conv1(activated)))) + shortcut


class PreActivationResNet(nn.Module):
    """The hand-out's ResNet-18: pre-activation blocks of 64, 128, 256 and 256 channels.

    Its head concatenates the average and the maximum over positions (document 001 §4).

    Parameters
    ----------
    classes : int
    width : int
        Channels of the first stage; the others have 2, 4 and 4 times as many.
    """

    def __init__(self, classes: int = 10, width: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = self._stage(width, width, 1)
        self.layer2 = self._stage(width, 2 * width, 2)
        self.layer3 = self._stage(2 * width, 4 * width, 2)
        self.layer4 = self._stage(4 * width, 4 * width, 2)
        self.fc = nn.Linear(8 * width, classes)
        he_initialisation(self)

    @staticmethod
    def _stage(channels: int, width: int, stride: int) -> nn.Sequential:
        return nn.Sequential(
            PreActivationBlock(channels, width, stride), PreActivationBlock(width, width, 1)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits, shape (n, classes), of images, shape (n, 3, 32, 32)."""
        x = torch.relu(self.bn1(self.conv1(images)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))


class PaddedShortcutBlock(nn.Module):
    """A basic block whose shortcut has no parameters: every second position, zero channels added.

    He et al. 2016 (see `chainrule.vision.models.resnet`), option A.
    """

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.stride = stride
        self.added = (width - channels) // 2

    def forward(self, x: Tensor) -> Tensor:
        """relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x))."""
        shortcut = x
        if self.added:
            strided = x[:, :, :: self.stride, :: self.stride]
            shortcut = nn.functional.pad(strided, (0, 0, 0, 0, self.added, self.added))
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + shortcut)


class ResNet20(nn.Module):
    """The CIFAR network of He et al. 2016, section 4.2, with n = 3: 20 layers, 269,722 parameters.

    Parameter names are those of the published weights: conv1, bn1, layer1 to layer3, linear.
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = self._stage(16, 16, 1)
        self.layer2 = self._stage(16, 32, 2)
        self.layer3 = self._stage(32, 64, 2)
        self.linear = nn.Linear(64, classes)
        he_initialisation(self)

    @staticmethod
    def _stage(channels: int, width: int, stride: int) -> nn.Sequential:
        return nn.Sequential(
            PaddedShortcutBlock(channels, width, stride),
            *(PaddedShortcutBlock(width, width, 1) for _ in range(2)),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits, shape (n, classes), of images, shape (n, 3, 32, 32)."""
        x = torch.relu(self.bn1(self.conv1(images)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


def cifar_resnet18(classes: int = 10, width: int = 64) -> CifarResNet:
    """ResNet-18 for CIFAR-10: 11,173,962 parameters at width 64."""
    return CifarResNet(classes, width)


def preactivation_resnet18(classes: int = 10, width: int = 64) -> PreActivationResNet:
    """The hand-out's pre-activation ResNet-18: 5,205,962 parameters at width 64."""
    return PreActivationResNet(classes, width)


def resnet20(classes: int = 10) -> ResNet20:
    """ResNet-20 for CIFAR-10."""
    return ResNet20(classes)
