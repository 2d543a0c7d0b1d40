"""Trees: flattening and its inverse, paths, equality of structures."""

from collections import OrderedDict, namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.engine.trees import flatten, register_container, tree_map

leaves = st.floats(allow_nan=False)
trees = st.recursive(
    leaves,
    lambda children: (
        st.lists(children, max_size=3)
        | st.tuples(children, children)
        | st.dictionaries(st.text(max_size=3), children, max_size=3)
        | st.none()
    ),
    max_leaves=8,
)


@given(trees)
def test_unflatten_inverts_flatten(tree):
    found, structure = flatten(tree)
    assert structure.unflatten(found) == tree
    assert structure.count == len(found) == len(structure.paths("p"))
    assert flatten(structure.unflatten(found))[1] == structure


@given(trees, trees)
def test_structures_are_equal_exactly_when_the_containers_are(first, second):
    blank_first, blank_second = tree_map(lambda _: 0, first), tree_map(lambda _: 0, second)
    assert (flatten(first)[1] == flatten(second)[1]) == (blank_first == blank_second)


def test_paths_read_like_indexing():
    Point = namedtuple("Point", "x y")
    tree = {"layers": [Point(1.0, 2.0)], "rate": (3.0,)}
    assert flatten(tree)[1].paths("p") == [
        "p['layers'][0].x",
        "p['layers'][0].y",
        "p['rate'][0]",
    ]


def test_subclasses_of_dict_keep_their_type():
    tree = OrderedDict(b=1.0, a=2.0)
    doubled = tree_map(lambda x: 2 * x, tree)
    assert type(doubled) is OrderedDict
    assert list(doubled.items()) == [("b", 2.0), ("a", 4.0)]


def test_a_registered_class_is_a_tree():
    class Pair:
        def __init__(self, first, second):
            self.first, self.second = first, second

    register_container(Pair, lambda p: ((p.first, p.second), None), lambda _, c: Pair(*c))
    gradient = cr.grad(lambda p: p.first * np.sum(p.second))(Pair(2.0, np.ones(2)))
    assert gradient.first == 2.0
    np.testing.assert_array_equal(gradient.second, [2.0, 2.0])


def test_maps_over_unequal_trees_are_refused():
    with pytest.raises(cr.InvalidInput, match="trees differ in structure"):
        tree_map(lambda a, b: a, {"a": 1.0}, {"b": 1.0})
