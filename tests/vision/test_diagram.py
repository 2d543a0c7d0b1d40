"""The diagram lists what runs: shapes, counts that add up, blocks, the same network afterwards."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

pytest.importorskip("torch", reason="the vision extra is not installed")

from chainrule.vision.diagram import draw_layers, layers
from chainrule.vision.models import MODELS, cifar_resnet18, small_cnn


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("cifar-resnet18", 11_173_962), ("cifar-resnet18-preactivation", 5_205_962)],
)
def test_parameters_of_the_layers_add_up(name: str, parameters: int) -> None:
    found = layers(MODELS[name](), (3, 32, 32))  # type: ignore[operator]
    assert sum(layer.parameters for layer in found) == parameters
    shapes = {layer.name: layer.shape for layer in found}
    last = 512 if name == "cifar-resnet18" else 256
    for layer, shape in {
        "input": (3, 32, 32), "conv1": (64, 32, 32), "layer1.1.conv2": (64, 32, 32),
        "layer2.0.conv1": (128, 16, 16), "layer3.1.conv2": (256, 8, 8),
        "layer4.1.conv2": (last, 4, 4), "fc": (10,),
    }.items():  # fmt: skip
        assert shapes[layer] == shape
    assert len({layer.block for layer in found} - {""}) == 8


def test_the_picture_names_every_convolution_and_the_network_is_as_before() -> None:
    model = cifar_resnet18(width=4).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    root = ElementTree.fromstring(draw_layers(model, (3, 32, 32), "A & B").svg)
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert "A & B" in texts
    assert texts.count("+ shortcut") == 8
    assert sum("conv 3 × 3" in (text or "") for text in texts) == 17
    assert sum("on the shortcut" in (text or "") for text in texts) == 3
    assert model.training
    assert all(bool((value == before[name]).all()) for name, value in model.state_dict().items())


def test_a_network_without_blocks() -> None:
    found = layers(small_cnn(2, 4, normalise=True, dropout=0.5), (3, 32, 32))
    kinds = [layer.kind for layer in found]
    assert kinds.count("conv 3 × 3") == kinds.count("batch norm") == kinds.count("max pooling") == 4
    assert kinds.count("dense") == 2
    assert kinds.count("dropout") == 1
