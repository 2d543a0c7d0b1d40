"""Image sets as arrays and the binary problem of two classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.data import DataError, digit_pair, load_digits, load_fashion_mnist, load_mnist

IMAGES = np.arange(5 * 2 * 2, dtype=np.uint8).reshape(5, 2, 2) * 12
LABELS = np.array([3, 1, 9, 3, 9], np.uint8)


def test_the_pair_keeps_order_and_scales_to_one() -> None:
    x, y = digit_pair(IMAGES, LABELS)
    np.testing.assert_array_equal(y, [[1.0], [-1.0], [1.0], [-1.0]])
    np.testing.assert_array_equal(x, IMAGES[[0, 2, 3, 4]].reshape(4, 4) / 255)
    assert x.dtype == y.dtype == np.float64


def test_classes_and_maximum_are_chosen() -> None:
    x, y = digit_pair(IMAGES.astype(np.float32), LABELS.tolist(), 1, 3, maximum=228)
    np.testing.assert_array_equal(y[:, 0], [-1, 1, -1])
    np.testing.assert_allclose(x[1], IMAGES[1].ravel() / 228, rtol=1e-7)
    assert x.dtype == np.float64


def with_pixel(value: float) -> np.ndarray:
    images = IMAGES.astype(float)
    images[3, 1, 0] = value
    return images


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((IMAGES, LABELS[:4]), r"images have shape \(5, 2, 2\) for 4 labels"),
        ((IMAGES[:, 0, 0], LABELS), r"images have shape \(5,\) for 5 labels; expected \(n, h"),
        ((IMAGES, LABELS[:, None]), r"labels have shape \(5, 1\) and type uint8; expected one"),
        ((IMAGES, LABELS / 1.0), "labels have shape .* and type float64; expected one integer"),
        ((IMAGES.astype(str), LABELS), "images have type <U3; expected integers or floats"),
        ((IMAGES, LABELS, 3, 3), "positive and negative are both 3; choose two"),
        ((IMAGES, LABELS, 3, 8), "no image has the negative label 8; labels present are 1, 3, 9"),
        ((IMAGES, LABELS, "3", 9), "no image has the positive label '3'; labels present are 1, 3"),
        ((IMAGES[:0], LABELS[:0]), "no image has the positive label 3; labels present are none"),
        ((IMAGES / 1.0, LABELS), "type float64, whose largest grey level is not known; give max"),
        ((IMAGES, LABELS, 3, 9, 0), "maximum is 0; expected a positive number"),
        ((IMAGES, LABELS, 3, 9, float("nan")), "maximum is nan; expected a positive number"),
        ((IMAGES, LABELS, 3, 9, 100), "image 2 has the grey level 108 at pixel 1; expected 0 to"),
        ((with_pixel(np.nan), LABELS, 3, 9, 255), "image 3 has the grey level nan at pixel 2"),
        ((with_pixel(-1), LABELS, 3, 9, 255), "image 3 has the grey level -1 at pixel 2"),
        ((with_pixel(np.inf), LABELS, 3, 9, 255), "image 3 has the grey level inf at pixel 2"),
    ],
)
def test_wrong_pairs_are_refused(arguments: tuple[Any, ...], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        digit_pair(*arguments)


def test_embedded_digits_are_those_of_scikit_learn() -> None:
    images, labels = load_digits()
    assert images.shape == (1797, 8, 8)
    assert images.dtype == np.float64
    assert (images.min(), images.max()) == (0, 16)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(
        np.bincount(labels), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    )
    x, y = digit_pair(images, labels, maximum=16)
    assert x.shape == (363, 64)
    assert y.sum() == 183 - 180
    np.testing.assert_array_equal(x[0] * 16, images[3].ravel())


@pytest.mark.parametrize("load", [load_mnist, load_fashion_mnist])
def test_unknown_splits_are_refused(load: Any) -> None:
    with pytest.raises(DataError, match="split is 'valid'; expected 'train' or 'test'"):
        load("valid")
