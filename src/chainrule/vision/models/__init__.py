"""Convolutional networks with the parameter names of torchvision, so that its files load as is."""

from __future__ import annotations

from chainrule.vision.models.cifar_resnet import (
    CifarResNet,
    PreActivationResNet,
    ResNet20,
    cifar_resnet18,
    preactivation_resnet18,
    resnet20,
)
from chainrule.vision.models.resnet import ResNet, linear_head, resnet18, resnet34
from chainrule.vision.models.small import small_cnn
from chainrule.vision.models.vgg import VGG, layer_names, vgg19

#: Makers of the networks by name.
MODELS = {
    "vgg19": vgg19,
    "resnet18": resnet18,
    "resnet34": resnet34,
    "cifar-resnet18": cifar_resnet18,
    "cifar-resnet18-preactivation": preactivation_resnet18,
    "cifar-resnet20": resnet20,
    "small-cnn": small_cnn,
}

__all__ = [
    "MODELS",
    "VGG",
    "CifarResNet",
    "PreActivationResNet",
    "ResNet",
    "ResNet20",
    "cifar_resnet18",
    "layer_names",
    "linear_head",
    "preactivation_resnet18",
    "resnet18",
    "resnet20",
    "resnet34",
    "small_cnn",
    "vgg19",
]
