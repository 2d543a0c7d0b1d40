"""Trees of parameters in one flat array."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.trees import flatten
from chainrule.programs.flat import flat_tree, flat_zeros


@dataclasses.dataclass
class Layer:
    W: np.ndarray
    b: np.ndarray


TREES = [
    np.arange(3.0),
    {"W": np.arange(6.0).reshape(2, 3), "b": np.arange(3.0)},
    [np.asfortranarray(np.arange(6.0).reshape(2, 3)), (1.5, np.float64(2.5)), np.zeros((0, 2))],
    Layer(np.ones((2, 2), np.float32), np.zeros(2, np.float32)),
    {"scale": 2.0, "w": np.ones(2, np.float32)},
    [],
]


@pytest.mark.parametrize("tree", TREES, ids=range(len(TREES)))
def test_every_leaf_is_a_view_of_the_flat_array(tree):
    flat, views = flat_tree(tree)
    leaves, structure = flatten(tree)
    found, same = flatten(views)
    assert structure == same
    assert flat.shape == (sum(np.size(leaf) for leaf in leaves),)
    for leaf, view in zip(leaves, found, strict=True):
        np.testing.assert_array_equal(view, leaf)
        assert view.dtype == flat.dtype
        assert view.size == 0 or np.shares_memory(view, flat)
        assert view.size == 0 or not np.shares_memory(view, leaf)
        assert view.flags.c_contiguous
    flat += 1.0
    for leaf, view in zip(leaves, found, strict=True):
        np.testing.assert_array_equal(view, leaf + np.ones_like(leaf))


def test_zeros():
    flat, views = flat_zeros({"a": np.ones(2), "b": np.ones((2, 2))})
    np.testing.assert_array_equal(flat, np.zeros(6))
    views["b"][1, 1] = 3.0
    assert flat[-1] == 3.0


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"a": np.arange(3)}, r"tree\['a'\] is int64\[3\]; only floating-point arrays"),
        ([np.ones(2), "text"], r"tree\[1\] is str; only"),
        ([1], r"tree\[0\] is int; only"),
        (
            [np.ones(2), np.ones(2, np.float32)],
            r"tree\[1\] has dtype float32, another leaf float64",
        ),
    ],
)
def test_what_cannot_be_put_together(tree, message):
    with pytest.raises(cr.InvalidInput, match=message):
        flat_tree(tree)
