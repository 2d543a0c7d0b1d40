"""The networks: parameter counts, names and shapes, and predictions with published weights."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the networks are PyTorch modules")

from chainrule.vision import VisionError, WeightsError  # noqa: E402
from chainrule.vision.images import read_picture  # noqa: E402
from chainrule.vision.models import MODELS, layer_names, linear_head, vgg19  # noqa: E402
from chainrule.vision.weights import pretrained  # noqa: E402
from chainrule.vision.weights_registry import MEAN, STANDARD_DEVIATION  # noqa: E402


def count(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("name", "arguments", "parameters", "size"),
    [
        ("resnet18", {}, 11_689_512, 64),
        ("resnet34", {}, 21_797_672, 64),
        ("cifar-resnet18", {}, 11_173_962, 32),
        ("cifar-resnet18", {"width": 16}, 701_466, 32),
        ("cifar-resnet18-preactivation", {}, 5_205_962, 32),
        ("cifar-resnet20", {}, 269_722, 32),
        ("small-cnn", {}, 359_970, 64),
        ("small-cnn", {"normalise": True, "dropout": 0.5, "classes": 3}, 360_339, 64),
    ],
)
def test_parameter_counts_and_output_shapes(name, arguments, parameters, size):
    model = MODELS[name](**arguments).eval()
    assert count(model) == parameters
    with torch.inference_mode():
        logits = model(torch.zeros(2, 3, size, size))
    classes = arguments.get("classes", {"resnet": 1000, "small-": 2}.get(name[:6], 10))
    assert logits.shape == (2, classes)


def test_vgg19_has_the_published_size_and_names():
    assert count(vgg19(classifier=False)) == 20_024_384
    with torch.device("meta"):
        assert count(vgg19()) == 143_667_240
    names = layer_names()
    assert (names.index("conv1_1"), names.index("conv4_2"), names.index("conv5_1")) == (0, 21, 28)
    assert [i for i, name in enumerate(names) if name.startswith("conv")] == [
        0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34,
    ]  # fmt: skip
    assert vgg19(classifier=False)(torch.zeros(1, 3, 32, 32)).shape == (1, 512, 1, 1)


@pytest.mark.parametrize(("reading", "added"), [("replace", 1_026 - 513_000), ("append", 2_002)])
def test_both_readings_of_a_linear_layer_on_the_output(reading, added):
    model = linear_head(MODELS["resnet34"](), 2, reading)
    assert count(model) == 21_797_672 + added
    assert model.eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 2)
    with pytest.raises(VisionError, match="has a new last layer already"):
        linear_head(linear_head(MODELS["resnet18"](), 2, "append"), 2)


def test_an_unknown_reading_is_refused():
    with pytest.raises(VisionError, match="expected 'replace' or 'append'"):
        linear_head(MODELS["resnet18"](), 2, "both")  # type: ignore[arg-type]


def normalised(images: np.ndarray) -> torch.Tensor:
    values = (images - np.float32(MEAN)) / np.float32(STANDARD_DEVIATION)
    return torch.from_numpy(np.ascontiguousarray(values.transpose(0, 3, 1, 2)))


def test_the_published_resnet20_classifies_cifar10(real_data: Path):
    model = pretrained("cifar-resnet20", data_dir=real_data, download=False)
    with (real_data / "cifar10" / "cifar-10-batches-py" / "test_batch").open("rb") as file:
        batch = pickle.load(file, encoding="bytes")
    images = batch[b"data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).astype(np.float32) / 255
    with torch.inference_mode():
        found = torch.cat([model(part).argmax(1) for part in normalised(images).split(500)])
    assert int(np.sum(found.numpy() == np.array(batch[b"labels"]))) == 9173


@pytest.mark.parametrize(
    ("picture", "classes"),
    [
        ("skimage_chelsea.png", {281, 282, 285}),  # tabby, tiger cat, Egyptian cat
        ("skimage_coffee.png", {967, 968, 504}),  # espresso, cup, coffee mug
    ],
)
def test_resnet18_classifies_photographs(real_data: Path, picture, classes):
    model = pretrained(
        "resnet18", weights=real_data / "weights" / "resnet18_imagenet_pqf.fp16.safetensors"
    )
    image = read_picture(real_data / "images" / "content" / picture, size=256)
    height, width = (224 * side // 256 // 2 * 2 for side in image.shape[:2])
    with torch.inference_mode():
        probabilities = model(normalised(image[None, :height, :width])).softmax(1)[0]
    assert int(probabilities.argmax()) in classes
    assert sum(float(probabilities[i]) for i in classes) > 0.8


def test_weights_of_another_architecture_name_the_first_difference(real_data: Path):
    path = real_data / "weights" / "resnet18_imagenet_pqf.fp16.safetensors"
    with pytest.raises(WeightsError, match=r"it has no layer1\.2\.conv1\.weight"):
        pretrained("resnet34", weights=path)
    with pytest.raises(WeightsError, match=r"conv1\.weight has shape \(64, 3, 7, 7\) there"):
        pretrained("cifar-resnet20", weights=path)
