"""VGG19: sixteen 3 × 3 convolutions in five blocks, and a classifier of three layers.

K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale image recognition",
ICLR 2015, table 1, column E. Parameter names are torchvision's: ``features.N``, ``classifier.N``.
"""

from __future__ import annotations

from torch import Tensor, nn

#: Convolutions of each block, and their width.
BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))


def layer_names() -> list[str]:
    """Name of every entry of ``features``: conv1_1, relu1_1, conv1_2, relu1_2, pool1, …, pool5.

    The index in this list is the index in ``features``, so conv4_2 is ``features.21``.
    """
    names = []
    for block, (convolutions, _) in enumerate(BLOCKS, 1):
        for number in range(1, convolutions + 1):
            names += [f"conv{block}_{number}", f"relu{block}_{number}"]
        names.append(f"pool{block}")
    return names


class VGG(nn.Module):
    """VGG19 with torchvision's parameter names.

    Parameters
    ----------
    classes : int
        Outputs of the last layer.
    classifier : bool
        Whether to make the three dense layers, which hold 86 % of the parameters; without them
        the result is the output of ``features``.
    """

    def __init__(self, classes: int = 1000, classifier: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for convolutions, width in BLOCKS:
            for _ in range(convolutions):
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
                channels = width
            layers.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*layers)
        self.classifier: nn.Module = nn.Identity()
        if classifier:
            self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
            self.classifier = nn.Sequential(
                nn.Linear(512 * 49, 4096),
                nn.ReLU(inplace=True),
                nn.Dropout(),
                nn.Linear(4096, 4096),
                nn.ReLU(inplace=True),
                nn.Dropout(),
                nn.Linear(4096, classes),
            )

    def forward(self, images: Tensor) -> Tensor:
        """Logits, shape (n, classes), of normalised images, shape (n, 3, height, width)."""
        maps = self.features(images)
        if isinstance(self.classifier, nn.Identity):
            return maps
        return self.classifier(self.avgpool(maps).flatten(1))


def vgg19(classes: int = 1000, classifier: bool = True) -> VGG:
    """VGG19 of ImageNet: 143,667,240 parameters for 1000 classes, 20,024,384 in ``features``."""
    return VGG(classes, classifier)
