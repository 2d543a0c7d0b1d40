"""Batches against the plain way of cropping, flipping and normalising, one image at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.vision.errors import VisionError

pytest.importorskip("torch", reason="the vision extra is not installed")
import torch

from chainrule.vision.pipeline import (
    CIFAR10_DEVIATION,
    CIFAR10_MEAN,
    ImageSet,
    next_batch,
    order,
)


def pictures(n: int, height: int = 8, width: int = 6) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(n)
    images = generator.integers(0, 256, (n, 3, height, width)).astype(np.uint8)
    return images, generator.integers(0, 10, n)


@settings(max_examples=25)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 4), st.integers(0, 100))
def test_each_image_is_cropped_and_flipped_in_its_own_way(
    height: int, width: int, padding: int, seed: int
) -> None:
    images, labels = pictures(7, height, width)
    data = ImageSet(images, labels, padding=padding)
    draws = data.draws(seed, 1)
    chosen = np.array([3, 0, 0, 6])
    found, classes = data.batch(chosen, draws)
    np.testing.assert_array_equal(classes, labels[chosen])
    mean, deviation = np.array(CIFAR10_MEAN), np.array(CIFAR10_DEVIATION)
    for row, image in enumerate(chosen):
        large = np.pad(images[image], ((0, 0), (padding, padding), (padding, padding)))
        if draws.flips[image]:
            large = large[:, :, ::-1]
        top, left = draws.rows[image], draws.columns[image]
        crop = large[:, top : top + height, left : left + width]
        expected = (crop / 255 - mean[:, None, None]) / deviation[:, None, None]
        np.testing.assert_allclose(found[row], expected, atol=3e-6)


def test_images_as_they_are_lie_channels_last() -> None:
    images, labels = pictures(5)
    found, _ = ImageSet(images, labels, (0, 0, 0), (1, 1, 1)).batch(np.arange(5))
    np.testing.assert_allclose(found, images / 255, atol=1e-6)
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_padding_4_gives_162_views_equally_often_and_padding_0_gives_2() -> None:
    images, labels = pictures(40_000, 1, 1)
    draws = ImageSet(images, labels, padding=4).draws(0, 0)
    view = (draws.rows * 9 + draws.columns) * 2 + draws.flips
    counts = np.bincount(view, minlength=162)
    assert len(counts) == 162
    # χ² with 161 degrees of freedom: beyond 230 with a probability of 0.0003.
    assert np.sum((counts - 40_000 / 162) ** 2) / (40_000 / 162) < 230
    none = ImageSet(images, labels, padding=0).draws(0, 0)
    assert none.rows.max() == none.columns.max() == 0
    assert none.flips.mean() == pytest.approx(0.5, abs=0.02)


def test_draws_follow_from_seed_and_epoch() -> None:
    data = ImageSet(*pictures(50))
    np.testing.assert_array_equal(data.draws(1, 2).rows, data.draws(1, 2).rows)
    assert np.any(data.draws(1, 2).rows != data.draws(1, 3).rows)
    assert np.any(data.draws(1, 2).rows != data.draws(2, 2).rows)
    np.testing.assert_array_equal(np.sort(order(50, 3, 4)), np.arange(50))
    assert np.any(order(50, 3, 4) != order(50, 3, 5))


@given(st.integers(1, 5000), st.integers(1, 700), st.integers(1, 700))
def test_batches_cover_an_epoch_evenly_also_when_the_batch_size_changes(
    count: int, batch_size: int, other: int
) -> None:
    ends = [0]
    while ends[-1] < count:
        ends.append(next_batch(ends[-1], count, batch_size))
    sizes = np.diff(ends)
    assert ends[-1] == count
    assert len(sizes) == -(-count // batch_size)
    assert sizes.max() <= batch_size
    assert sizes.max() - sizes.min() <= 1
    middle = ends[len(ends) // 2]
    if middle < count:
        assert middle < next_batch(middle, count, other) <= min(middle + other, count)


IMAGES, LABELS = pictures(4)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((IMAGES / 255, LABELS), "type float64 .*; expected uint8"),
        ((IMAGES[:, 0], LABELS), r"shape \(4, 8, 6\); expected uint8, shape \(n, 3, height"),
        ((IMAGES, LABELS[:3]), r"4 images and labels of shape \(3,\)"),
        ((IMAGES, LABELS / 2), "labels of shape .* and type float64; expected one whole number"),
        ((IMAGES, LABELS, (0, 0, 0), (1, 1, 1), -1), "padding is -1; expected 0 or more"),
    ],
)
def test_wrong_images_are_refused(arguments: tuple[Any, ...], reason: str) -> None:
    with pytest.raises(VisionError, match=reason):
        ImageSet(*arguments)
