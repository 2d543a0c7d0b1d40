"""The drawn image sets: the same for a seed, balanced, and told apart by their shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chainrule.data import DataError
from chainrule.data.faces import FACES, synthetic_faces
from chainrule.data.shapes import SHAPES, synthetic_shapes

SETS = [(synthetic_shapes, len(SHAPES), 16), (synthetic_faces, len(FACES), 32)]


@pytest.mark.parametrize(("draw", "classes", "size"), SETS)
def test_pictures_repeat_for_a_seed_and_differ_between_seeds(
    draw: Callable[..., Any], classes: int, size: int
) -> None:
    images, labels = draw(40, seed=2, size=size)
    assert images.shape == (40, 3, size, size)
    assert images.dtype == labels.dtype == np.uint8
    assert np.bincount(labels).tolist() == [40 // classes] * classes
    again, same = draw(40, seed=2, size=size)
    np.testing.assert_array_equal(images, again)
    np.testing.assert_array_equal(labels, same)
    other, _ = draw(40, seed=3, size=size)
    assert np.mean(images == other) < 0.2
    assert draw(0, size=size)[0].shape == (0, 3, size, size)
    assert 20 < images.mean() < 235
    assert images.std() > 30


@pytest.mark.parametrize("draw", [synthetic_shapes, synthetic_faces])
def test_pictures_that_cannot_be_drawn_are_refused(draw: Callable[..., Any]) -> None:
    with pytest.raises(DataError, match="cannot be drawn"):
        draw(3, size=4)
    with pytest.raises(DataError, match="-1 pictures"):
        draw(-1)


def test_a_mask_covers_the_mouth_and_leaves_the_eyes() -> None:
    images, labels = synthetic_faces(600, seed=5, size=32)
    grey = images.mean(1)
    apart = np.abs(grey[labels == 0].mean(0) - grey[labels == 1].mean(0))
    assert apart[18:24, 10:22].mean() > 4 * apart[:14].mean()
