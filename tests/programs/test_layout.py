"""The layered layout: nothing overlaps, every edge joins its boxes and points forward."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.programs.layout import Layout, layered_layout
from chainrule.programs.layout_order import assign_layers, order_layers

Box = tuple[float, float, float, float]


@st.composite
def graphs(draw: Any, most: int = 24) -> tuple[list[tuple[float, float]], list[tuple[int, int]]]:
    count = draw(st.integers(1, most))
    sides = st.integers(10, 160).map(float)
    sizes = draw(st.lists(st.tuples(sides, sides), min_size=count, max_size=count))
    if count == 1:
        return sizes, []
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    chosen = draw(st.lists(pairs.filter(lambda p: p[0] != p[1]), max_size=2 * count))
    return sizes, [(min(pair), max(pair)) for pair in chosen]


def boxes(layout: Layout, sizes: list[tuple[float, float]]) -> list[Box]:
    return [(x, y, x + w, y + h) for (x, y), (w, h) in zip(layout.positions, sizes, strict=True)]


def points_on(route: list[tuple[float, float]], per_curve: int = 12) -> list[tuple[float, float]]:
    """Points along a chain of cubic curves."""
    found = []
    for k in range(0, len(route) - 1, 3):
        a, b, c, d = route[k : k + 4]
        for i in range(per_curve + 1):
            t = i / per_curve
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            found.append(
                tuple(
                    sum(w * p[axis] for w, p in zip(weights, (a, b, c, d), strict=True))
                    for axis in (0, 1)
                )
            )
    return found


def check(layout: Layout, sizes: Any, edges: Any, direction: str = "right") -> None:
    placed = boxes(layout, sizes)
    for (l1, t1, r1, b1), (l2, t2, r2, b2) in combinations(placed, 2):
        assert r1 <= l2 + 1e-6 or r2 <= l1 + 1e-6 or b1 <= t2 + 1e-6 or b2 <= t1 + 1e-6
    for left, top, right, bottom in placed:
        assert -1e-6 <= left <= right <= layout.width + 1e-6
        assert -1e-6 <= top <= bottom <= layout.height + 1e-6
    axis, across = (0, 1) if direction == "right" else (1, 0)
    for (u, v), route in zip(edges, layout.routes, strict=True):
        start, end = route[0], route[-1]
        assert len(route) % 3 == 1
        assert start[axis] == pytest.approx(placed[u][axis + 2])
        assert end[axis] == pytest.approx(placed[v][axis])
        assert placed[u][across] <= start[across] <= placed[u][across + 2]
        assert placed[v][across] <= end[across] <= placed[v][across + 2]
        assert placed[u][axis + 2] < placed[v][axis]
        along = [point[axis] for point in route]
        assert along == sorted(along)


@given(graphs())
def test_no_boxes_overlap_and_every_edge_joins_its_boxes_and_points_forward(drawn: Any) -> None:
    sizes, edges = drawn
    check(layered_layout(sizes, edges), sizes, edges)


@given(graphs(most=14))
def test_down_is_as_good_as_right(drawn: Any) -> None:
    sizes, edges = drawn
    check(layered_layout(sizes, edges, direction="down"), sizes, edges, "down")


@given(graphs())
def test_edges_pass_beside_the_boxes_they_do_not_join(drawn: Any) -> None:
    sizes, edges = drawn
    layout = layered_layout(sizes, edges)
    for (u, v), route in zip(edges, layout.routes, strict=True):
        for x, y in points_on(route):
            for k, (left, top, right, bottom) in enumerate(boxes(layout, sizes)):
                inside = left + 0.1 < x < right - 0.1 and top + 0.1 < y < bottom - 0.1
                assert k in (u, v) or not inside


@given(graphs())
def test_the_same_graph_gives_the_same_layout(drawn: Any) -> None:
    sizes, edges = drawn
    assert layered_layout(sizes, edges) == layered_layout(sizes, edges)


@given(graphs(most=12), st.randoms(use_true_random=False))
def test_lanes_lie_beyond_each_other_and_a_turned_lane_points_backward(
    drawn: Any, random: Any
) -> None:
    sizes, edges = drawn
    count = len(sizes)
    layers = assign_layers(count, edges)
    twice = [*sizes, *sizes]
    back = [(v + count, u + count) for u, v in edges]
    across = [(v, v + count) for v in range(count) if random.random() < 0.5]
    layout = layered_layout(
        twice,
        [*edges, *back, *across],
        layers=[*layers, *layers],
        lanes=[0] * count + [1] * count,
        turned=[1],
        lane_gap=25,
    )
    placed = boxes(layout, twice)
    lowest = max(box[3] for box in placed[:count])
    assert min(box[1] for box in placed[count:]) >= lowest + 25 - 1e-6
    for k, (u, v) in enumerate(back, start=len(edges)):
        start, end = layout.routes[k][0], layout.routes[k][-1]
        assert start[0] == pytest.approx(placed[u][0])
        assert end[0] == pytest.approx(placed[v][2])
        assert start[0] > end[0]
        assert placed[u][1] <= start[1] <= placed[u][3]
        assert placed[v][1] <= end[1] <= placed[v][3]


def test_a_long_edge_is_straight_and_the_chain_beside_it_too() -> None:
    edges = [(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)]
    layout = layered_layout([(40.0, 20.0)] * 5, edges)
    middles = [y for _, y in layout.positions[1:4]]
    assert max(middles) == min(middles)
    passing = {round(y, 6) for x, y in layout.routes[4] if 100 < x < layout.width - 100}
    assert len(passing) == 1


def test_an_input_stands_just_before_its_reader() -> None:
    # 0 -> 1 -> 2 -> 3, and 4 is read by 3 alone
    assert assign_layers(5, [(0, 1), (1, 2), (2, 3), (4, 3)]) == [0, 1, 2, 3, 2]


def test_only_heavy_edges_pull() -> None:
    # 0 -> 1 -> 2 -> 3 and 0 -> 4 -> 5 -> 3: 4 is torn between 0 and 5
    edges = [(0, 1), (1, 2), (2, 6), (6, 3), (0, 4), (4, 5), (5, 3)]
    late = assign_layers(7, edges, [True, True, True, True, False, True, True])
    early = assign_layers(7, edges, [True, True, True, True, True, False, False])
    assert late[4] == 2
    assert early[4] == 1


def test_crossings_are_removed() -> None:
    ranks = [[0, 1, 2], [3, 4, 5]]
    order = order_layers(ranks, [(0, 5), (1, 4), (2, 3)])
    position = {v: i for rank in order for i, v in enumerate(rank)}
    assert [position[0], position[1], position[2]] == [position[5], position[4], position[3]]


def test_a_known_graph_has_few_crossings() -> None:
    # two layers of a bipartite graph whose least number of crossings is 1 (K2,2 side by side)
    order = order_layers([[0, 1], [2, 3]], [(0, 2), (0, 3), (1, 2), (1, 3)])
    assert sorted(map(sorted, order)) == [[0, 1], [2, 3]]


def test_repeated_edges_arrive_apart() -> None:
    layout = layered_layout([(30.0, 40.0), (30.0, 40.0)], [(0, 1), (0, 1)])
    ends = [route[-1][1] for route in layout.routes]
    assert abs(ends[0] - ends[1]) >= 15


def test_nothing_is_a_layout_too() -> None:
    assert layered_layout([], []) == Layout([], [], [], 0.0, 0.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"direction": "left"}, "direction is 'left'"),
        ({"layers": [0, 0]}, "does not come after box 0"),
    ],
)
def test_options_that_cannot_be_meant(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layered_layout([(10.0, 10.0)] * 2, [(0, 1)], **options)


def test_a_cycle_is_refused() -> None:
    with pytest.raises(ValueError, match="cycle"):
        layered_layout([(10.0, 10.0)] * 3, [(0, 1), (1, 2), (2, 1)])
