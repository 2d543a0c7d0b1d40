"""Layered layout of a directed acyclic graph: box sizes and edges in, positions and curves out.

The method is Sugiyama's (Sugiyama, Tagawa & Toda, "Methods for visual understanding of
hierarchical system structures", 1981): layers and the order within them (`layout_order`),
coordinates (`layout_coordinates`), then curves through the gaps between the boxes. Nothing is
random.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from chainrule.programs.layout_coordinates import straight_coordinates
from chainrule.programs.layout_order import assign_layers, order_layers

Point = tuple[float, float]


class Layout(NamedTuple):
    """Where boxes and edges are.

    Attributes
    ----------
    positions : list of (x, y)
        Left upper corner of every box.
    routes : list of list of (x, y)
        Per edge a chain of cubic curves: a start, then two control points and an end for each.
    layers : list of int
        The layer of every box.
    width, height : float
        Of the whole drawing, which starts at (0, 0).
    """

    positions: list[Point]
    routes: list[list[Point]]
    layers: list[int]
    width: float
    height: float


def layered_layout(
    sizes: Sequence[tuple[float, float]],
    edges: Sequence[tuple[int, int]],
    *,
    direction: str = "right",
    layers: Sequence[int] | None = None,
    lanes: Sequence[int] | None = None,
    turned: Collection[int] = (),
    heavy: Sequence[bool] | None = None,
    layer_gap: float = 48.0,
    box_gap: float = 18.0,
    approach: float = 14.0,
    lane_gap: float = 40.0,
) -> Layout:
    """Place boxes in layers so that every edge points forward and no two boxes overlap.

    Parameters
    ----------
    sizes : sequence of (width, height)
        Of every box.
    edges : sequence of (int, int)
        From box to box, by position in ``sizes``; repeats are drawn side by side.
    direction : {"right", "down"}
        Which way the edges point.
    layers : sequence of int, optional
        The layer of every box, if it is to be given.
    lanes : sequence of int, optional
        Boxes of a higher lane lie entirely beyond those of a lower one; lanes share the layers
        but are ordered on their own. Edges between lanes may point anywhere.
    turned : collection of int
        Lanes in which edges point backward, to an earlier layer.
    heavy : sequence of bool, optional
        Per edge, whether it is to be kept straight, or between lanes short, before others.
    layer_gap, box_gap, lane_gap : float
        Least distance of layers, of boxes in one layer, and of lanes.
    approach : float
        Length of the straight end of every edge.

    Raises
    ------
    ValueError
        The edges form a cycle, or the given layers do not agree with an edge.

    Examples
    --------
    >>> layout = layered_layout([(10, 10), (10, 10)], [(0, 1)], layer_gap=20)
    >>> layout.positions, layout.width, layout.height
    ([(0.0, 0.0), (44.0, 0.0)], 54.0, 10.0)
    """
    if direction not in ("right", "down"):
        raise ValueError(f'direction is {direction!r}; expected "right" or "down".')
    if direction == "down":
        sizes = [(height, width) for width, height in sizes]
    count = len(sizes)
    lane_of = [0] * count if lanes is None else list(lanes)
    inner = [k for k, (u, v) in enumerate(edges) if lane_of[u] == lane_of[v]]
    heavy = [True] * len(edges) if heavy is None else heavy
    if layers is None:
        ordered = [edges[k][::-1] if lane_of[edges[k][0]] in turned else edges[k] for k in inner]
        layers = assign_layers(count, ordered, [heavy[k] for k in inner])
    last = max(layers, default=0)
    # a turned lane is laid out from its own first layer and mirrored in the end
    own_layer = [last - layers[v] if lane_of[v] in turned else layers[v] for v in range(count)]
    for k in inner:
        u, v = edges[k]
        if own_layer[u] >= own_layer[v]:
            raise ValueError(f"box {v} in layer {layers[v]} does not come after box {u} before it.")

    middles = [0.0] * count  # across the direction of the edges
    chains: list[list[float]] = [[] for _ in edges]
    beyond = 0.0
    for lane in sorted(set(lane_of)):
        members = [v for v in range(count) if lane_of[v] == lane]
        own = [k for k in inner if lane_of[edges[k][0]] == lane]
        placed = _place_lane(members, own, edges, own_layer, sizes, heavy, box_gap)
        if _hangs(placed, lane, lane_of, edges, heavy):
            placed = _upside_down(placed)
        if beyond:
            beyond += lane_gap
        for v in members:
            middles[v] = placed.middles[v] + beyond
        for k in own:
            chains[k] = [y + beyond for y in placed.chains[k]]
        beyond += placed.extent
    starts, ends = _columns(sizes, layers, edges, inner, middles, layer_gap, approach)
    positions = [
        ((starts[layers[v]] + ends[layers[v]] - sizes[v][0]) / 2, middles[v] - sizes[v][1] / 2)
        for v in range(count)
    ]
    width, height = (ends[-1] if ends else 0.0), beyond
    bands = list(zip(starts, ends, strict=True))
    mirrored = [(width - end, width - start) for start, end in reversed(bands)]
    arrivals = _arrivals(edges, lane_of, middles, chains, sizes)
    routes: list[list[Point]] = []
    for k, (u, v) in enumerate(edges):
        if lane_of[u] != lane_of[v]:
            routes.append(_across(positions, sizes, u, v, layers[v] - layers[u]))
        elif lane_of[u] in turned:
            start, stop = width - positions[u][0], width - positions[v][0] - sizes[v][0]
            passed = range(own_layer[u], own_layer[v] + 1)
            heights = [middles[u], *chains[k], arrivals[k]]
            route = _through(start, stop, [mirrored[layer] for layer in passed], heights, approach)
            routes.append([(width - x, y) for x, y in route])
        else:
            start, stop = positions[u][0] + sizes[u][0], positions[v][0]
            passed = range(own_layer[u], own_layer[v] + 1)
            heights = [middles[u], *chains[k], arrivals[k]]
            routes.append(
                _through(start, stop, [bands[layer] for layer in passed], heights, approach)
            )
    if direction == "down":
        positions = [(y, x) for x, y in positions]
        routes = [[(y, x) for x, y in route] for route in routes]
        width, height = height, width
    return Layout(positions, routes, list(layers), width, height)


# --- one lane: dummies, order, coordinates --------------------------------------------------------


class _Lane(NamedTuple):
    """Middles of a lane's boxes, the middles each edge passes on its way, and the lane's extent."""

    middles: dict[int, float]
    chains: dict[int, list[float]]
    extent: float


def _place_lane(
    members: Sequence[int],
    own: Sequence[int],
    edges: Sequence[tuple[int, int]],
    layer: Sequence[int],
    sizes: Sequence[tuple[float, float]],
    heavy: Sequence[bool],
    gap: float,
) -> _Lane:
    """Order the boxes of one lane within their layers and give each its place across them.

    A long edge passes through one dummy per layer; edges from one box share their dummies, so that
    a value that is used often leaves as one line and branches.
    """
    ranks: list[list[int]] = [[] for _ in range(max((layer[v] for v in members), default=-1) + 1)]
    vertices = {v: i for i, v in enumerate(members)}
    extent = [sizes[v][1] for v in members]
    depth = [layer[v] for v in members]
    for v in members:
        ranks[layer[v]].append(vertices[v])
    real = len(members)
    dummies: dict[tuple[int, int], int] = {}
    segments: dict[tuple[int, int], int] = {}  # (vertex, vertex in the next layer) -> class
    for k in own:
        u, v = edges[k]
        previous = vertices[u]
        for passed in range(layer[u] + 1, layer[v]):
            dummy = dummies.get((u, passed))
            if dummy is None:
                dummy = dummies[u, passed] = len(extent)
                extent.append(0.0)
                depth.append(passed)
                ranks[passed].append(dummy)
            kind = 2 if previous >= real else int(heavy[k])
            segments[previous, dummy] = max(kind, segments.get((previous, dummy), 0))
            previous = dummy
        last = (previous, vertices[v])
        segments[last] = max(int(heavy[k]), segments.get(last, 0))
    order = order_layers(ranks, list(segments))
    found, size = straight_coordinates(order, segments, extent, gap)
    chains = {
        k: [
            found[dummies[edges[k][0], passed]]
            for passed in range(layer[edges[k][0]] + 1, layer[edges[k][1]])
        ]
        for k in own
    }
    return _Lane({v: found[i] for v, i in vertices.items()}, chains, size)


def _hangs(
    placed: _Lane,
    lane: int,
    lane_of: Sequence[int],
    edges: Sequence[tuple[int, int]],
    heavy: Sequence[bool],
) -> bool:
    """Whether the boxes with edges to other lanes would be nearer to them upside down."""
    pull = 0.0
    for k, (u, v) in enumerate(edges):
        if lane_of[u] != lane_of[v] and heavy[k] and lane in (lane_of[u], lane_of[v]):
            own, other = (u, v) if lane_of[u] == lane else (v, u)
            beyond = 1.0 if lane_of[other] > lane else -1.0
            pull += beyond * (placed.middles[own] - placed.extent / 2)
    return pull < 0.0


def _upside_down(placed: _Lane) -> _Lane:
    size = placed.extent
    middles = {v: size - y for v, y in placed.middles.items()}
    return _Lane(middles, {k: [size - y for y in ys] for k, ys in placed.chains.items()}, size)


# --- coordinates along the edges, and the curves --------------------------------------------------


def _columns(
    sizes: Sequence[tuple[float, float]],
    layer: Sequence[int],
    edges: Sequence[tuple[int, int]],
    inner: Sequence[int],
    middles: Sequence[float],
    gap: float,
    approach: float,
) -> tuple[list[float], list[float]]:
    """Where every layer starts and ends; gaps grow with the number of edges that bend in them."""
    count = max(layer, default=-1) + 1
    extent = [0.0] * count
    for v, (size, _) in enumerate(sizes):
        extent[layer[v]] = max(extent[layer[v]], size)
    bends = [0] * (count + 1)
    for k in inner:
        u, v = edges[k]
        if abs(middles[u] - middles[v]) > 1.0:
            bends[layer[v]] += 1
    starts, ends = [], []
    at = 0.0
    for k in range(count):
        if k:
            at += gap + approach + min(2.0 * bends[k], gap)
        starts.append(at)
        at += extent[k]
        ends.append(at)
    return starts, ends


def _through(
    start: float,
    stop: float,
    bands: Sequence[tuple[float, float]],
    heights: Sequence[float],
    approach: float,
) -> list[Point]:
    """The curve of an edge: bent in the gaps, straight past the boxes of the layers it passes."""
    route: list[Point] = [(start, heights[0])]
    _line(route, (bands[0][1], heights[0]))
    for (begin, end), y in zip(bands[1:-1], heights[1:-1], strict=True):
        _curve(route, (begin, y))
        _line(route, (end, y))
    _curve(route, (bands[-1][0] - approach, heights[-1]))
    _line(route, (stop, heights[-1]))
    return route


def _arrivals(
    edges: Sequence[tuple[int, int]],
    lane: Sequence[int],
    middles: Sequence[float],
    chains: Sequence[Sequence[float]],
    sizes: Sequence[tuple[float, float]],
) -> list[float]:
    """Where each edge meets its box: as straight on as the other edges of that box allow."""
    arriving: dict[int, list[int]] = {}
    for k, (u, v) in enumerate(edges):
        if lane[u] == lane[v]:
            arriving.setdefault(v, []).append(k)
    found = [0.0] * len(edges)
    for v, coming in arriving.items():
        wished = {k: chains[k][-1] if chains[k] else middles[edges[k][0]] for k in coming}
        coming.sort(key=lambda k: (wished[k], k))
        half = max(sizes[v][1] / 2 - 9.0, 0.0)
        low, high = middles[v] - half, middles[v] + half
        apart = min(18.0, 2 * half / max(len(coming) - 1, 1))
        at = low - apart
        for number, k in enumerate(coming):
            latest = high - apart * (len(coming) - 1 - number)
            at = max(min(wished[k], latest), at + apart)
            found[k] = at
    return found


def _across(
    positions: Sequence[Point],
    sizes: Sequence[tuple[float, float]],
    u: int,
    v: int,
    shift: int,
) -> list[Point]:
    """A curve between lanes: from side to side, or straight across within a layer."""
    (x, y), (w, h) = positions[u], sizes[u]
    (to_x, to_y), (to_w, to_h) = positions[v], sizes[v]
    if shift:
        x, to_x = (x + w, to_x) if shift > 0 else (x, to_x + to_w)
        y, to_y = y + h / 2, to_y + to_h / 2
        middle = (x + to_x) / 2
        return [(x, y), (middle, y), (middle, to_y), (to_x, to_y)]
    x, to_x = x + w / 2, to_x + to_w / 2
    y, to_y = (y + h, to_y) if y < to_y else (y, to_y + to_h)
    middle = (y + to_y) / 2
    return [(x, y), (x, middle), (to_x, middle), (to_x, to_y)]


def _line(route: list[Point], end: Point) -> None:
    """Continue a route straight, unless it is there already."""
    (x, y), (to_x, to_y) = route[-1], end
    if x != to_x or y != to_y:
        route += [(x + (to_x - x) / 3, y), (x + 2 * (to_x - x) / 3, to_y), end]


def _curve(route: list[Point], end: Point) -> None:
    """Continue a route with a curve that leaves and arrives along the direction of the edges."""
    (x, y), (to_x, to_y) = route[-1], end
    middle = (x + to_x) / 2
    route += [(middle, y), (middle, to_y), end]
