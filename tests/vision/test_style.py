"""Style transfer: passes by hand, the loss, tiles, minimisers, precision, and the whole."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="style transfer needs PyTorch")

from chainrule.vision import PictureError, VisionError, WeightsError  # noqa: E402
from chainrule.vision.style import (  # noqa: E402
    Losses,
    Objective,
    Settings,
    Weights,
    calculate_loss,
    compute_features,
    gram_matrix,
    load_encoder,
    memory,
    stylize,
    transfer,
    winograd,
)
from chainrule.vision.style import precision as precision_module  # noqa: E402
from chainrule.vision.style.assignment import MEAN_BGR  # noqa: E402
from chainrule.vision.style.encoder import Encoder, random_encoder  # noqa: E402
from chainrule.vision.style.objective import gram, tiles  # noqa: E402
from chainrule.vision.style.optimizers import adam, lbfgs  # noqa: E402
from chainrule.vision.style.passes import backward, forward  # noqa: E402
from chainrule.vision.style.precision import chosen_encoder  # noqa: E402
from chainrule.vision.style.settings import parse_layers  # noqa: E402

LAYERS = {f"relu{block}_1": float(block) for block in range(1, 6)}
SMALL = (4, 4, 6, 6, 6)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(7)


def side_encoder() -> Encoder:
    """A small encoder with mirrored borders and side layers, as the distilled one has."""
    encoder = random_encoder(1, SMALL)
    sides = {
        f"relu{block}_1": (
            torch.randn(9, encoder.channels(f"relu{block}_1"), 1, 1) / 2,
            torch.randn(9) / 10,
        )
        for block in (1, 3, 5)
    }
    return replace(encoder, reflect=True, sides=sides, colour=torch.randn(3, 3))


ENCODERS = {"plain": lambda: random_encoder(0, SMALL), "sides": side_encoder}


def pictures(*shapes: tuple[int, int]) -> list[torch.Tensor]:
    return [torch.rand(1, 3, *shape, dtype=torch.float64) for shape in shapes]


def caffe(image: torch.Tensor) -> torch.Tensor:
    return torch.flip(image[0].permute(1, 2, 0), [2]) * 255 - image.new_tensor(MEAN_BGR)


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("kind", [*ENCODERS, "fast"])
def test_features_and_gradient_by_hand_are_pytorch_s(kind, pooling, monkeypatch):
    if kind == "fast":
        monkeypatch.setattr(winograd, "FEWEST_CHANNELS", 1)
        encoder = replace(random_encoder(0, SMALL), winograd=True)
    else:
        encoder = ENCODERS[kind]()
    encoder = replace(encoder, pooling=pooling).to(torch.float64)
    layers = ["conv1_1", "relu1_1", "relu2_1", "conv3_2", "pool3", "relu4_2", "relu5_1"]
    encoder = encoder.upto(layers)
    (image,) = pictures((41, 50))
    variable = image.clone().requires_grad_()
    expected = {
        name: value.permute(2, 0, 1)[None]
        for name, value in compute_features(caffe(variable), encoder, layers).items()
    }
    record = forward(encoder, image, layers)
    assert set(record.features) == set(layers)
    cotangents = {}
    for name, value in expected.items():
        assert torch.allclose(record.features[name], value, rtol=1e-9, atol=1e-12)
        cotangents[name] = torch.randn_like(value)
    sum((cotangents[name] * value).sum() for name, value in expected.items()).backward()

    def losses(layer, features, g):
        assert torch.allclose(features, expected[layer], rtol=1e-9, atol=1e-12)
        return cotangents[layer] if g is None else g + cotangents[layer]

    found = backward(encoder, record, losses)
    assert torch.allclose(found, variable.grad, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ENCODERS)
def test_the_loss_is_the_assignment_s_and_its_gradient_exact(kind):
    encoder = ENCODERS[kind]().to(torch.float64)
    image, content, style = pictures((70, 83), (70, 83), (64, 90))
    grams = {
        name: gram_matrix(value)
        for name, value in compute_features(caffe(style), encoder, list(LAYERS)).items()
    }
    targets = compute_features(caffe(content), encoder, ["relu4_2"])
    variable = image.clone().requires_grad_()
    total, style_loss, content_loss = calculate_loss(caffe(variable), encoder, grams, targets)
    total.backward()
    assert total.item() == pytest.approx(1e-2 * style_loss.item() + 1e3 * content_loss.item())
    weights = Weights(
        {name: 1e-2 * weight for name, weight in LAYERS.items()}, {"relu4_2": 1e3}, 0.0, False
    )
    losses, gradient = Objective(encoder, weights, content, [(style, 1.0)])(image)
    assert losses.total == pytest.approx(total.item(), rel=1e-12)
    assert losses.style == pytest.approx(1e-2 * style_loss.item(), rel=1e-12)
    assert torch.allclose(gradient, variable.grad, rtol=1e-8, atol=1e-12)


def test_relative_losses_and_variation_have_the_gradient_of_differences():
    encoder = random_encoder(0, SMALL).to(torch.float64)
    image, content, style = pictures((33, 48), (33, 48), (40, 40))
    objective = Objective(encoder, Weights(LAYERS, {"conv4_2": 2.0}, 0.5), content, [(style, 1.0)])
    losses, gradient = objective(image)
    assert losses.total == pytest.approx(losses.style + losses.content + losses.variation)
    direction, h = torch.randn_like(image), 1e-6
    up, down = (objective(image + sign * h * direction)[0].total for sign in (1, -1))
    assert (up - down) / (2 * h) == pytest.approx(float((gradient * direction).sum()), rel=1e-5)
    rows = ((image[:, :, 1:] - image[:, :, :-1]) ** 2).mean()
    columns = ((image[..., 1:] - image[..., :-1]) ** 2).mean()
    assert losses.variation == pytest.approx(0.5 * float(rows + columns), rel=1e-12)


def test_a_relative_loss_of_a_black_picture_s_features_is_one_per_weight():
    encoder = random_encoder(0, SMALL).to(torch.float64)
    _, content, style = pictures((32, 32), (32, 32), (32, 32))
    grey = torch.zeros_like(content) + torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1)
    objective = Objective(encoder, Weights({"relu1_1": 3.0}, {"relu2_1": 2.0}), content,
                          [(style, 1.0)])  # fmt: skip
    losses, _ = objective(grey)  # every feature is zero: there is no bias
    assert (losses.style, losses.content) == (pytest.approx(3.0), pytest.approx(2.0))


@pytest.mark.parametrize("side", [16, 32, 64])
@pytest.mark.parametrize("shape", [(70, 83), (33, 140), (96, 97)])
@pytest.mark.parametrize("kind", ENCODERS)
def test_tiles_give_the_whole_picture_s_loss_and_gradient(kind, shape, side):
    encoder = ENCODERS[kind]().to(torch.float64)
    image, content, style = pictures(shape, shape, (150, 60))
    weights = Weights(LAYERS, {"relu4_2": 1.0, "conv2_2": 0.5}, 0.3)
    whole = Objective(encoder, weights, content, [(style, 1.0)])
    cut = Objective(encoder, weights, content, [(style, 1.0)], tile=side)
    for layer, matrix in whole.grams.items():
        assert torch.allclose(cut.grams[layer], matrix, rtol=1e-12)
    (losses, gradient), (parts, tiled) = whole(image), cut(image)
    assert parts == pytest.approx(losses, rel=1e-12)
    assert torch.allclose(tiled, gradient, rtol=1e-9, atol=1e-15)


def test_tiles_cover_every_pixel_once():
    found = tiles(100, 77, 32, 16, 20)
    count = np.zeros((100, 77), int)
    for tile in found:
        count[slice(*tile.rows), slice(*tile.columns)] += 1
        assert tile.rows[0] % 16 == tile.outer_rows[0] % 16 == 0
        assert tile.outer_rows[0] == max(0, tile.rows[0] - 32)
    assert count.min() == count.max() == 1
    assert len(tiles(40, 40, 64, 16, 20)) == 1


def test_several_styles_share_the_target_by_weight():
    encoder = random_encoder(0, SMALL).to(torch.float64)
    content, first, second = pictures((32, 32), (40, 32), (32, 64))
    weights = Weights(LAYERS, {}, relative=False)
    both = Objective(encoder, weights, None, [(first, 3.0), (second, 1.0)])
    alone = [Objective(encoder, weights, None, [(style, 5.0)]) for style in (first, second)]
    for layer, matrix in both.grams.items():
        mixed = 0.75 * alone[0].grams[layer] + 0.25 * alone[1].grams[layer]
        assert torch.allclose(matrix, mixed, rtol=1e-12)
    losses, _ = both(content)
    assert losses.content == 0


def test_layers_without_weight_are_not_computed():
    encoder = random_encoder(0, SMALL)
    image = torch.rand(1, 3, 32, 32)
    weights = Weights({**LAYERS, "relu5_1": 0.0}, {"relu3_1": 1.0})
    objective = Objective(encoder, weights, image, [(image, 1.0)])
    assert objective.encoder.layers[-1] == "relu4_1"


@pytest.mark.parametrize("positions", [100, 4096, 5001])
def test_gram_matrices_in_16_bits_are_near_those_in_32(positions):
    rows = torch.rand(1, 24, 1, positions)
    exact = gram(rows.double())
    found = gram(rows.bfloat16().contiguous(memory_format=torch.channels_last))
    assert found.dtype == torch.float32
    assert float((found - exact).norm() / exact.norm()) < 2e-3


# Encoders -----------------------------------------------------------------------------------------


def test_the_shared_vgg19_s_first_features_are_torchvision_s(real_data: Path):
    from chainrule.vision.models import vgg19
    from chainrule.vision.weights import read_weights

    path = real_data / "weights" / "vgg19_conv1_1-conv3_4.torch_rgb.fp16.safetensors"
    encoder = load_encoder("vgg19", path)
    assert encoder.layers[-1] == "relu3_4"
    model = vgg19(classifier=False)
    model.load_state_dict(read_weights(path), strict=False)
    image = torch.rand(1, 3, 40, 40)
    mean, deviation = (
        torch.tensor(values).view(1, 3, 1, 1)
        for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    with torch.inference_mode():
        expected = model.features[:18]((image - mean) / deviation)
        found = forward(encoder, image, ["relu3_4"], keep=False).features["relu3_4"]
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-2)
    with pytest.raises(VisionError, match="end with relu3_4, and relu4_2 comes after it"):
        load_encoder("vgg19", path, ["relu4_2"])


def test_the_distilled_encoder_imitates_the_whole_one(real_data: Path):
    from chainrule.vision.images import read_picture

    picture = read_picture(real_data / "images" / "content" / "skimage_coffee.png", 192)
    image = torch.from_numpy(picture.transpose(2, 0, 1).copy())[None]
    small = load_encoder("vgg19-16x", data_dir=real_data, download=False)
    path = real_data / "weights" / "vgg19_conv1_1-conv3_4.torch_rgb.fp16.safetensors"
    whole = load_encoder("vgg19", path)
    for layer in ("relu2_1", "relu3_1"):
        # Their channels are scaled differently and not in one order of size; whether one can be
        # had from the other is what a linear fit tells.
        a, b = (
            forward(encoder.upto([layer]), image, [layer], keep=False).features[layer][0]
            .flatten(1).T.double() for encoder in (small, whole)
        )  # fmt: skip
        assert a.shape == b.shape
        fit = torch.linalg.lstsq(a, b).solution
        explained = 1 - float(((a @ fit - b) ** 2).sum() / ((b - b.mean(0)) ** 2).sum())
        assert explained > 0.8


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: load_encoder("vgg16"), "choose vgg19, vgg19-16x, random"),
        (lambda: load_encoder("random", "w.pth"), "takes no weights"),
        (lambda: load_encoder("random", pooling="sum"), "choose max or average"),
        (lambda: load_encoder("random", layers=["relu6_1"]), "no layer 'relu6_1'"),
        (lambda: load_encoder("random", layers=["relu_11"]), r"Did you mean relu\d_1"),
        (lambda: load_encoder("vgg19", layers=["conv9_1"], download=False), "no layer 'conv9_1'"),
    ],
)
def test_encoders_and_layers_that_do_not_exist_are_refused(call, message):
    with pytest.raises(VisionError, match=message):
        call()


def test_weights_of_another_architecture_are_refused(real_data: Path):
    folder = real_data / "weights"
    with pytest.raises(WeightsError, match=r"another architecture than vgg19: it has no features"):
        load_encoder("vgg19", folder / "cifar10_resnet20.safetensors")
    with pytest.raises(WeightsError, match=r"another architecture than vgg19-16x: it has no conv0"):
        load_encoder("vgg19-16x", folder / "cifar10_resnet20.safetensors")


def test_a_wrong_shape_and_a_nan_are_refused(tmp_path):
    from safetensors.torch import save_file

    good = {"features.0.weight": torch.zeros(64, 3, 3, 3), "features.0.bias": torch.zeros(64)}
    save_file({**good, "features.0.bias": torch.zeros(63)}, tmp_path / "shape.safetensors")
    with pytest.raises(WeightsError, match=r"features\.0\.bias has shape \(63,\) there and \(64,"):
        load_encoder("vgg19", tmp_path / "shape.safetensors")
    save_file(
        {**good, "features.0.bias": torch.full((64,), math.nan)}, tmp_path / "nan.safetensors"
    )
    with pytest.raises(WeightsError, match=r"NaN or infinity in features\.0\.bias"):
        load_encoder("vgg19", tmp_path / "nan.safetensors")


def test_reach_and_stride_are_vgg19_s():
    encoder = random_encoder(0, SMALL).upto(["relu5_1"])
    assert encoder.stride("relu1_2") == 1
    assert encoder.stride("relu5_1") == 16
    # conv5_1 sees 156 pixels: 78 to each side at most.
    assert 78 <= encoder.reach() <= 96


# Minimisers ---------------------------------------------------------------------------------------


def quadratic(scale: torch.Tensor, target: torch.Tensor) -> Any:
    def function(x: torch.Tensor) -> tuple[Losses, torch.Tensor]:
        value = 0.5 * float((scale * (x - target) ** 2).sum())
        return Losses(value, value, 0.0, 0.0), scale * (x - target)

    return function


@pytest.mark.parametrize(("minimiser", "steps"), [(lbfgs, 40), (adam, 400)])
def test_a_quadratic_is_minimised_within_the_bounds(minimiser, steps):
    scale = torch.logspace(0, 1.5, 48, dtype=torch.float64).view(1, 3, 4, 4)
    target = torch.linspace(-0.5, 1.5, 48, dtype=torch.float64).view(1, 3, 4, 4)
    start = torch.full_like(scale, 0.5)
    for state in islice(minimiser(quadratic(scale, target), start), steps):
        assert 0 <= float(state.image.min()) <= float(state.image.max()) <= 1
        if state.finished:
            break
    assert torch.allclose(state.image, target.clamp(0, 1), atol=0.02)
    assert torch.equal(start, torch.full_like(scale, 0.5))


@pytest.mark.parametrize("minimiser", [lbfgs, adam])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_never_becomes_the_picture(minimiser, value):
    target = torch.full((1, 3, 2, 2), 0.9, dtype=torch.float64)
    inner = quadratic(torch.ones_like(target), target)
    calls = 0

    def rough(x: torch.Tensor) -> tuple[Losses, torch.Tensor]:
        nonlocal calls
        calls += 1
        if calls in (3, 6, 7):
            return Losses(value, value, 0.0, 0.0), torch.full_like(x, math.nan)
        return inner(x)

    noted = []
    for state in islice(minimiser(rough, torch.zeros_like(target)), 800):
        assert math.isfinite(state.losses.total)
        assert torch.isfinite(state.image).all()
        noted.append(state.note)
        if state.finished:
            break
    assert "a step that was not finite" in noted
    assert torch.allclose(state.image, target, atol=0.05)


@pytest.mark.parametrize("minimiser", [lbfgs, adam])
def test_a_start_that_is_not_finite_is_refused(minimiser):
    def nothing(x: torch.Tensor) -> tuple[Losses, torch.Tensor]:
        return Losses(math.nan, 0.0, 0.0, 0.0), x

    with pytest.raises(VisionError, match="first picture is not finite"):
        next(minimiser(nothing, torch.zeros(1, 3, 2, 2)))


def test_lbfgs_says_when_nothing_descends_any_more():
    def uphill(x: torch.Tensor) -> tuple[Losses, torch.Tensor]:
        value = float(x.sum())
        return Losses(value, value, 0.0, 0.0), -torch.ones_like(x)  # the wrong sign

    states = list(islice(lbfgs(uphill, torch.full((1, 3, 2, 2), 0.5)), 100))
    assert states[-1].finished
    assert states[-1].note == "no step descends any more"
    flat = list(lbfgs(lambda x: (Losses(1.0, 1.0, 0.0, 0.0), torch.zeros_like(x)),
                      torch.zeros(1, 3, 2, 2)))  # fmt: skip
    assert flat[-1].note == "the gradient is zero"


# Precision and memory -----------------------------------------------------------------------------


def test_the_probe_chooses_the_fastest_that_agrees(monkeypatch):
    encoder = random_encoder(0, (16, 16, 16, 16, 16))
    content, style = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64)
    weights = Weights(LAYERS, {"relu4_2": 1.0})
    clock = iter(range(10**6))
    monkeypatch.setattr(precision_module.time, "perf_counter", lambda: next(clock))
    chosen, candidates = chosen_encoder(encoder, weights, content, style)
    assert [c.seconds for c in candidates] == [1] * len(candidates)
    assert chosen.dtype == torch.float32  # equally fast: float32 stays
    by_name = {c.name: c for c in candidates}
    assert by_name["float32"].cosine == pytest.approx(1, abs=1e-5)
    assert by_name["bfloat16, channels last"].loss_difference < 0.05
    monkeypatch.setattr(precision_module, "MARGIN", 1.01)
    monkeypatch.setattr(precision_module, "COSINE", 0.5)
    monkeypatch.setattr(precision_module, "LOSS_DIFFERENCE", 0.5)
    assert chosen_encoder(encoder, weights, content, style)[0].dtype == torch.bfloat16
    monkeypatch.setattr(
        precision_module, "COSINE", by_name["bfloat16, channels last"].cosine + 1e-6
    )
    careful, measured = chosen_encoder(encoder, weights, content, style)
    assert careful.exact_blocks == 1
    assert measured[0].name == "bfloat16 after block 1, channels last"
    monkeypatch.setattr(precision_module, "COSINE", 1.1)
    assert chosen_encoder(encoder, weights, content, style)[0].dtype == torch.float32


def test_the_probe_takes_fewer_multiplications_where_they_are_faster(monkeypatch):
    encoder = random_encoder(0, (16, 16, 16, 16, 16))
    content, style = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64)
    weights = Weights(LAYERS, {"relu4_2": 1.0})
    assert not chosen_encoder(encoder, weights, content, style)[0].winograd  # too few channels
    monkeypatch.setattr(winograd, "FEWEST_CHANNELS", 16)
    clock = iter(range(10**6))
    monkeypatch.setattr(precision_module.time, "perf_counter", lambda: next(clock))
    slow, candidates = chosen_encoder(encoder, weights, content, style)
    assert not slow.winograd  # equally fast: PyTorch's stay
    (fast,) = [c for c in candidates if c.name == "float32, Winograd"]
    assert fast.loss_difference < 1e-4
    assert fast.cosine == pytest.approx(1, abs=1e-3)
    monkeypatch.setattr(precision_module, "MARGIN", 1.01)
    assert chosen_encoder(encoder, weights, content, style)[0].winograd


@pytest.mark.parametrize(("inputs", "outputs", "height", "width"), [(3, 5, 2, 2), (4, 3, 8, 6)])
@pytest.mark.parametrize("biased", [False, True])
def test_fewer_multiplications_give_the_same_convolution(inputs, outputs, height, width, biased):
    x = torch.randn(1, inputs, height, width, dtype=torch.float64)
    weight = torch.randn(outputs, inputs, 3, 3, dtype=torch.float64)
    bias = torch.randn(outputs, dtype=torch.float64) if biased else None
    found = winograd.convolution(x, winograd.transformed(weight), bias)
    assert torch.allclose(found, torch.conv2d(x, weight, bias, padding=1), rtol=1e-9, atol=1e-9)
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("most", [1, 5, 1024])
def test_a_gradient_goes_back_through_the_same_products(most, monkeypatch):
    monkeypatch.setattr(winograd, "MOST_TILES", most)
    x = torch.randn(1, 4, 10, 6, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 4, 3, 3, dtype=torch.float64)
    result = torch.conv2d(x, weight, padding=1)
    g = torch.randn_like(result)
    (expected,) = torch.autograd.grad(result, x, g)
    found = winograd.convolution(g, winograd.transformed(weight), turned=True)
    assert torch.allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("shape", "height", "width", "suits"),
    [
        ((256, 256), 8, 8, True),
        ((255, 512), 8, 8, False),
        ((512, 255), 8, 8, False),
        ((256, 256), 7, 8, False),
        ((256, 256), 8, 7, False),
    ],
)
def test_few_channels_and_odd_sides_are_left_to_pytorch(shape, height, width, suits):
    assert winograd.suits(torch.empty(*shape, 3, 3), height, width) is suits


@pytest.mark.parametrize(("library", "settings"), [("glibc", 5), ("musl", 0)])
def test_freed_memory_is_kept_for_as_long_as_it_is_asked(library, settings, monkeypatch):
    """A stand-in for the C library tells which settings were made, also after an error."""
    said: list[tuple[int, int]] = []
    stand_in = SimpleNamespace(
        mallopt=lambda *setting: said.append(setting), malloc_trim=lambda _: None
    )
    monkeypatch.setattr(memory.platform, "libc_ver", lambda: (library, ""))
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: stand_in)
    kept = {memory.MMAP_MAX: 0, memory.TRIM_THRESHOLD: 2**31 - 1} if settings else {}
    with contextlib.suppress(ZeroDivisionError), memory.freed_memory_kept():
        assert dict(said) == kept
        raise ZeroDivisionError
    assert len(said) == settings
    assert dict(said).get(memory.MMAP_MAX) == (memory.USUAL_MAPPINGS if settings else None)


def test_a_named_precision_is_not_probed():
    encoder = random_encoder(0, SMALL)
    image = torch.rand(1, 3, 32, 32)
    weights = Weights(LAYERS, {})
    for name, dtype in (("float64", torch.float64), ("bfloat16", torch.bfloat16)):
        chosen, candidates = chosen_encoder(encoder, weights, image, image, name)
        assert (chosen.dtype, candidates) == (dtype, [])
    with pytest.raises(VisionError, match="choose auto, float32, bfloat16, float64"):
        chosen_encoder(encoder, weights, image, image, "float8")


def test_more_pixels_need_more_memory_and_tiles_fit_it():
    encoder = random_encoder(0).upto(["relu5_1"])
    small, large = (memory.bytes_needed(encoder, pixels) for pixels in (256**2, 1024**2))
    assert large - memory.BASE == pytest.approx(16 * (small - memory.BASE))
    assert memory.tile_that_fits(encoder, 1024, 1024, None) is None
    assert memory.tile_that_fits(encoder, 1024, 1024, 4 * large) is None
    side = memory.tile_that_fits(encoder, 4096, 4096, large)
    assert side is not None
    assert side <= 1024
    size = memory.size_that_fits(encoder, 3000, 4000, large)
    assert 512 <= size < 1400
    assert size % 16 == 0
    assert (memory.free_bytes(torch.device("cpu")) or math.inf) > 0


def test_running_out_of_memory_says_which_size_fits(monkeypatch):
    def hungry(*args: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(transfer, "chosen_encoder", hungry)
    monkeypatch.setattr(transfer, "free_bytes", lambda device: 2e9)
    picture = np.zeros((64, 64, 3), np.float32)
    with pytest.raises(VisionError, match=r"does not hold 2048 × 2048 pixels\. --size \d+ fits"):
        stylize(picture, picture, Settings(size=2048, encoder="random"))
    monkeypatch.setattr(transfer, "chosen_encoder", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        stylize(picture, picture, Settings(size=64, encoder="random"))


# The whole ----------------------------------------------------------------------------------------


def photograph(height: int = 60, width: int = 80, seed: int = 0) -> np.ndarray:
    """A smooth picture with some structure."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width] / 20
    waves = [np.sin(a * rows + b * columns + c) for a, b, c in rng.uniform(-3, 3, (3, 3))]
    return (0.5 + 0.4 * np.stack(waves, 2)).astype(np.float32)


QUICK = Settings(encoder="random", size=64, steps=12, scales=1, precision="float32")


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_loss_falls_and_the_same_seed_gives_the_same_picture(optimizer):
    settings = replace(QUICK, optimizer=optimizer)
    first, again = (
        stylize(photograph(), photograph(50, 50, 1), settings, encoder=random_encoder(3, SMALL))
        for _ in range(2)
    )
    assert first.image.shape == (48, 64, 3)
    assert len(first.history) == 12
    assert first.losses.total < 0.5 * first.history[0][2].total
    assert np.array_equal(first.image, again.image)
    assert first.frames[0][0] == 0
    assert first.precision == "float32, channels last"


@pytest.mark.parametrize("precision", ["float64", "bfloat16", "auto"])
def test_every_precision_ends_near_float32(precision):
    encoder = random_encoder(3, SMALL)
    settings = replace(QUICK, optimizer="adam")
    expected = stylize(photograph(), photograph(50, 50, 1), settings, encoder=encoder)
    settings = replace(settings, precision=precision)
    found = stylize(photograph(), photograph(50, 50, 1), settings, encoder=encoder)
    assert found.losses.total == pytest.approx(expected.losses.total, rel=0.1)
    assert found.image.dtype == np.float32
    assert bool(found.candidates) is (precision == "auto")


def test_scales_go_from_coarse_to_fine_and_steps_are_shared():
    seen: list[tuple[int, int, tuple[int, int]]] = []
    result = stylize(
        photograph(), photograph(80, 80, 1), replace(QUICK, size=128, scales=9, steps=11),
        lambda moment: seen.append((moment.step, moment.scale, moment.size)),
        encoder=random_encoder(3, SMALL),
    )  # fmt: skip
    sizes = list(dict.fromkeys(size for _, _, size in seen))
    assert sizes == [(48, 64), (96, 128)]  # the next coarser one would be below 32 pixels
    assert [step for step, _, _ in seen] == list(range(11))
    assert [scale for _, scale, _ in seen] == [0] * 6 + [1] * 5
    assert result.image.shape == (96, 128, 3)


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 200])
@pytest.mark.parametrize("scales", [1, 2, 3])
def test_every_scale_has_a_step_and_coarser_ones_have_more(steps, scales):
    shares = transfer._shares(steps, min(scales, steps))
    assert sum(shares) == steps
    assert min(shares) >= 1
    assert shares == sorted(shares, reverse=True)
    if steps == 1:
        result = stylize(photograph(), photograph(80, 80, 1), replace(QUICK, steps=1, scales=2),
                         encoder=random_encoder(3, SMALL))  # fmt: skip
        assert result.image.shape == (48, 64, 3)


def test_starts_differ_and_a_file_can_be_one(tmp_path):
    from chainrule.vision.images import write_picture

    write_picture(tmp_path / "start.png", np.full((20, 20, 3), 0.25, np.float32))
    content, style = photograph(48, 64), photograph(50, 50, 1)
    found = {}
    for start in ("content", "noise", "style", tmp_path / "start.png"):
        frames: list[np.ndarray] = []
        stylize(content, style, replace(QUICK, start=start, steps=1),
                lambda moment, frames=frames: frames.append(moment.image()),
                encoder=random_encoder(3, SMALL))  # fmt: skip
        found[str(start)] = frames[0]
    assert np.allclose(found["content"], content, atol=1e-6)
    assert found["noise"].std() == pytest.approx(0.1, abs=0.01)
    assert np.allclose(found[str(tmp_path / "start.png")], 64 / 255, atol=0.003)
    assert not np.allclose(found["style"], content, atol=0.1)


def test_original_colours_keep_the_content_s():
    content, style = photograph(48, 64), photograph(50, 50, 1)
    found = stylize(content, style, replace(QUICK, original_colours=True),
                    encoder=random_encoder(3, SMALL)).image  # fmt: skip
    inside = (found > 0.001).all(2) & (found < 0.999).all(2)
    assert np.allclose(np.ptp((found - content)[inside], axis=1), 0, atol=1e-4)
    assert np.abs(found - content).max() > 0.01


def test_more_style_weight_brings_the_result_nearer_to_the_style():
    content, style = photograph(48, 64), photograph(50, 50, 1)
    last = []
    for weight in (0.1, 100.0):
        settings = replace(QUICK, style_weight=weight, steps=40, variation_weight=0.0)
        result = stylize(content, style, settings, encoder=random_encoder(3, SMALL))
        last.append(result.losses.style / weight)
    assert last[1] < 0.5 * last[0]


def test_a_missing_encoder_is_stood_in_for_with_a_note(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("chainrule.data.storage._cache_directory", lambda: tmp_path / "cache")
    content, style = photograph(48, 64), photograph(50, 50, 1)
    settings = replace(QUICK, encoder="auto", steps=2)
    result = stylize(content, style, settings, download=False)
    assert result.encoder == "random"
    (note,) = result.notes
    assert "untrained encoder of random weights stands in for vgg19" in note
    assert "vgg19-dcbb9e9d.pth (574673361 bytes, SHA-256 dcbb9e9d" in note
    with pytest.raises(WeightsError, match="Put vgg19-dcbb9e9d"):
        stylize(content, style, replace(settings, encoder="vgg19"), download=False)


def test_the_distilled_encoder_stands_in_where_its_weights_are(real_data: Path, monkeypatch):
    monkeypatch.setattr("chainrule.data.storage._cache_directory", lambda: Path("/nonexistent"))
    result = stylize(photograph(48, 64), photograph(50, 50, 1),
                     replace(QUICK, encoder="auto", steps=2), data_dir=real_data,
                     download=False)  # fmt: skip
    assert result.encoder == "vgg19-16x"
    assert "stands in for vgg19" in result.notes[0]


def test_tiles_are_used_and_said_when_memory_is_short(monkeypatch):
    monkeypatch.setattr(transfer, "tile_that_fits", lambda *args: 64)
    content, style = photograph(90, 120), photograph(80, 80, 1)
    settings = replace(QUICK, size=120, steps=2)
    tiled = stylize(content, style, settings, encoder=random_encoder(3, SMALL))
    whole = stylize(content, style, replace(settings, tile=None), encoder=random_encoder(3, SMALL))
    assert tiled.notes == [
        "90 × 120 pixels do not fit into memory at once; they are computed in tiles of 64, with "
        "the same result."
    ]
    assert np.allclose(tiled.image, whole.image, atol=1e-4)


@pytest.mark.parametrize(
    ("content", "styles", "settings", "message"),
    [
        (photograph(), [], {}, "no style picture"),
        (photograph(), [(photograph(), 0.0)], {}, "must be positive"),
        (photograph()[..., 0], photograph(), {}, r"shape \(60, 80\)"),
        (np.zeros((9, 9, 3), np.uint8), photograph(), {}, "type uint8"),
        (photograph(4, 80), photograph(), {}, "3 × 64 pixels, and layer relu5_1 needs 16"),
        (photograph(), photograph(80, 6), {}, "only 5 pixels on one side"),
        (photograph(), photograph(), {"device": "abacus"}, "no device 'abacus'"),
    ],
)
def test_pictures_that_cannot_be_used_are_refused(content, styles, settings, message):
    with pytest.raises(VisionError, match=message):
        stylize(content, styles, replace(QUICK, **settings), encoder=random_encoder(3, SMALL))


def test_a_file_that_is_no_picture_is_refused(tmp_path):
    (tmp_path / "a.png").write_text("nothing")
    with pytest.raises(PictureError, match=r"a\.png is not a picture"):
        stylize(tmp_path / "a.png", photograph(), QUICK, encoder=random_encoder(3, SMALL))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 8}, "size is 8; expected a whole number from 32"),
        ({"steps": 0}, "steps is 0"),
        ({"scales": 0}, "scales is 0"),
        ({"style_weight": -1.0}, "style_weight is -1"),
        ({"content_weight": math.nan}, "content_weight is nan"),
        ({"rate": 0.0}, "rate is 0"),
        ({"optimizer": "sgd"}, "choose lbfgs or adam"),
        ({"pooling": "sum"}, "choose max or average"),
        ({"tile": 10}, "Tiles of 10 pixels are too small"),
        ({"style_weight": 0.0, "content_weight": 0.0}, "Every weight is zero"),
        ({"style_layers": {"relu1_1": -1.0}}, "weight of layer relu1_1 is -1"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(options, message):
    with pytest.raises(VisionError, match=message):
        Settings(**options)


def test_layer_weights_are_shares_of_the_style_weight():
    style, content = Settings(style_weight=30.0).losses("vgg19")
    assert style == pytest.approx({f"relu{b}_1": 2.0 * b for b in range(1, 6)})
    assert content == {"relu4_2": 1.0}
    assert Settings().losses("random")[1] == {"relu2_2": 1.0}
    assert Settings(content_layers={"conv1_1": 5.0}).losses("random")[1] == {"conv1_1": 1.0}
    assert parse_layers("relu1_1=2, conv3_1") == {"relu1_1": 2.0, "conv3_1": 1.0}
    for text, message in (("a=b", "no number"), ("a,a", "named twice"), ("a,,b", "no name")):
        with pytest.raises(VisionError, match=message):
            parse_layers(text)
