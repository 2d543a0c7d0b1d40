"""Layers of a graph and the order within them: short edges first, then few crossings."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence


def assign_layers(
    count: int, edges: Sequence[tuple[int, int]], heavy: Sequence[bool] | None = None
) -> list[int]:
    """The layer of every box: all edges point to a later layer, and are short.

    First the earliest possible layer (the longest path), then every box moves toward the side on
    which it has more edges, the later one if equal; where there are heavy edges, only they
    count. A box that nothing points to stands before the first one it points to.

    Raises
    ------
    ValueError
        The edges form a cycle.
    """
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    pull = [0] * count
    for k, (u, v) in enumerate(edges):
        before[v].append(u)
        after[u].append(v)
        if heavy is None or heavy[k]:
            pull[u] += 1
            pull[v] -= 1
    waiting = [len(found) for found in before]
    order = [v for v in range(count) if not waiting[v]]
    layer = [0] * count
    for u in order:  # grows while it is read
        for v in after[u]:
            layer[v] = max(layer[v], layer[u] + 1)
            waiting[v] -= 1
            if not waiting[v]:
                order.append(v)
    if len(order) < count:
        stuck = next(v for v in range(count) if waiting[v] > 0)
        raise ValueError(f"the edges form a cycle through box {stuck} or before it.")
    for _ in range(12):
        moved = False
        for v in reversed(order):
            if after[v] and (pull[v] >= 0 or not before[v]):
                latest = min(layer[w] for w in after[v]) - 1
                moved |= latest != layer[v]
                layer[v] = latest
        for v in order:
            if before[v] and pull[v] < 0:
                earliest = max(layer[u] for u in before[v]) + 1
                moved |= earliest != layer[v]
                layer[v] = earliest
        if not moved:
            break
    first = min(layer, default=0)
    return [found - first for found in layer]


def order_layers(
    ranks: Sequence[Sequence[int]], segments: Sequence[tuple[int, int]], sweeps: int = 24
) -> list[list[int]]:
    """An order of each layer's vertices with few crossings, by sweeps of barycentres.

    Parameters
    ----------
    ranks : sequence of sequences of int
        The vertices of each layer, in an order to start from.
    segments : sequence of (int, int)
        From a vertex to one of the next layer.
    sweeps : int
        At most so many, half of them forward.
    """
    above: dict[int, list[int]] = {v: [] for rank in ranks for v in rank}
    below: dict[int, list[int]] = {v: [] for rank in ranks for v in rank}
    for u, v in segments:
        above[v].append(u)
        below[u].append(v)
    best: list[list[int]] = []
    fewest = -1
    for order in (_depth_first(ranks, above), [list(rank) for rank in ranks]):
        position = {v: i for rank in order for i, v in enumerate(rank)}
        stale = 0
        for sweep in range(sweeps + 1):
            crossings = sum(_crossings(rank, below, position) for rank in order)
            if fewest < 0 or crossings < fewest:
                best, fewest, stale = [list(rank) for rank in order], crossings, 0
            else:
                stale += 1
            if not crossings or stale > 6:
                break
            forward = sweep % 2 == 0
            neighbours = above if forward else below
            for rank in order if forward else reversed(order):
                _sort_by_barycentre(rank, neighbours, position, sweep % 4 >= 2)
        if not fewest:
            break
    if fewest > 0:
        _exchange_neighbours(best, above, below)
    return best


def _depth_first(ranks: Sequence[Sequence[int]], above: dict[int, list[int]]) -> list[list[int]]:
    """The layers as met on the way back from the last, so that what belongs together is near."""
    depth = {v: k for k, rank in enumerate(ranks) for v in rank}
    order: list[list[int]] = [[] for _ in ranks]
    seen: set[int] = set()
    for rank in reversed(ranks):
        for root in rank:
            stack = [root]
            while stack:
                v = stack.pop()
                if v not in seen:
                    seen.add(v)
                    order[depth[v]].append(v)
                    stack.extend(reversed(above[v]))
    return order


def _sort_by_barycentre(
    rank: list[int], neighbours: dict[int, list[int]], position: dict[int, int], reverse: bool
) -> None:
    """Sort one layer by the mean position of the neighbours; vertices without any stay in place."""
    fixed = {i: v for i, v in enumerate(rank) if not neighbours[v]}
    moving = [v for v in rank if neighbours[v]]
    if reverse:
        moving.reverse()
    moving.sort(key=lambda v: sum(position[u] for u in neighbours[v]) / len(neighbours[v]))
    following = iter(moving)
    rank[:] = [fixed[i] if i in fixed else next(following) for i in range(len(rank))]
    for i, v in enumerate(rank):
        position[v] = i


def _crossings(rank: Sequence[int], below: dict[int, list[int]], position: dict[int, int]) -> int:
    """How often the segments from one layer to the next cross."""
    crossings = 0
    passed: list[int] = []
    for v in rank:
        ends = [position[w] for w in below[v]]
        crossings += sum(len(passed) - bisect_right(passed, end) for end in ends)
        for end in ends:
            insort(passed, end)
    return crossings


def _exchange_neighbours(
    order: list[list[int]], above: dict[int, list[int]], below: dict[int, list[int]]
) -> None:
    """Exchange neighbours within layers as long as that removes crossings."""
    position = {v: i for rank in order for i, v in enumerate(rank)}
    for _ in range(8):
        improved = False
        for rank in order:
            for i in range(len(rank) - 1):
                v, w = rank[i], rank[i + 1]
                gain = 0
                for neighbours in (above, below):
                    first = sorted(position[u] for u in neighbours[v])
                    second = sorted(position[u] for u in neighbours[w])
                    for p in second:
                        gain += len(first) - bisect_right(first, p) - bisect_left(first, p)
                if gain > 0:
                    rank[i], rank[i + 1] = w, v
                    position[v], position[w] = i + 1, i
                    improved = True
        if not improved:
            return
