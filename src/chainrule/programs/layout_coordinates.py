"""Coordinates across the layers of a layered drawing, with long edges straight.

Brandes & Köpf, "Fast and simple horizontal coordinate assignment" (2002): vertices are aligned with
the median of their neighbours in four ways (from the first or the last layer, leaning to either
side), each is compacted, and the mean of the two middle ones is taken. Compaction is the longest
path through the aligned blocks, which keeps the distances where sizes differ.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

Segment = tuple[int, int]


def straight_coordinates(
    order: Sequence[Sequence[int]],
    segments: Mapping[Segment, int],
    extent: Sequence[float],
    gap: float,
) -> tuple[list[float], float]:
    """The middle of every vertex across the layers, and the extent of them all.

    Parameters
    ----------
    order : sequence of sequences of int
        The vertices of each layer in order.
    segments : mapping of (int, int) to int
        From a vertex to one of the next layer; those of a higher class are straight first.
    extent : sequence of float
        The size of each vertex across the layers.
    gap : float
        Least distance between neighbours of a layer.
    """
    if not extent:
        return [], 0.0
    position = [0] * len(extent)
    for rank in order:
        for i, v in enumerate(rank):
            position[v] = i
    crossed = _crossed(order, segments, position)
    candidates: list[list[float]] = []
    for backward in (False, True):
        for mirrored in (False, True):
            ranks = [list(rank) for rank in order]
            places = position
            if backward:
                ranks.reverse()
            if mirrored:
                ranks = [rank[::-1] for rank in ranks]
                places = [0] * len(extent)
                for rank in ranks:
                    for i, v in enumerate(rank):
                        places[v] = i
            neighbours: list[dict[int, int]] = [{} for _ in extent]
            for (u, v), kind in segments.items():
                if (u, v) not in crossed:
                    at, other = (u, v) if backward else (v, u)
                    neighbours[at][other] = kind
            root = _align(ranks, neighbours, places)
            found = _compact(ranks, root, extent, gap)
            candidates.append([-x for x in found] if mirrored else found)
    return _combine(candidates, extent)


def _crossed(
    order: Sequence[Sequence[int]], segments: Mapping[Segment, int], position: Sequence[int]
) -> set[Segment]:
    """The segments that cross one of a higher class, and so must not be aligned."""
    layer = {v: k for k, rank in enumerate(order) for v in rank}
    by_layer: dict[int, list[tuple[int, Segment]]] = {}
    for segment, kind in segments.items():
        by_layer.setdefault(layer[segment[0]], []).append((kind, segment))
    crossed: set[Segment] = set()
    for found in by_layer.values():
        for kind in {kind for kind, _ in found}:
            higher = sorted((position[u], position[v]) for k, (u, v) in found if k > kind)
            if not higher:
                continue
            starts = [start for start, _ in higher]
            farthest = _running(max, [end for _, end in higher])
            nearest = _running(min, [end for _, end in reversed(higher)])[::-1]
            for k, (u, v) in found:
                if k != kind:
                    continue
                left, right = bisect_left(starts, position[u]), bisect_right(starts, position[u])
                if (left and farthest[left - 1] > position[v]) or (
                    right < len(starts) and nearest[right] < position[v]
                ):
                    crossed.add((u, v))
    return crossed


def _running(choose: object, values: Sequence[int]) -> list[int]:
    result: list[int] = []
    for value in values:
        result.append(choose(result[-1], value) if result else value)  # type: ignore[operator]
    return result


def _align(
    ranks: Sequence[Sequence[int]], neighbours: Sequence[Mapping[int, int]], position: Sequence[int]
) -> list[int]:
    """The block every vertex belongs to, named by its first vertex."""
    root = list(range(len(position)))
    taken: set[int] = set()
    for rank in ranks[1:]:
        reached = -1
        for v in rank:
            if not neighbours[v]:
                continue
            highest = max(neighbours[v].values())
            near = sorted(
                (u for u, kind in neighbours[v].items() if kind == highest),
                key=lambda u: position[u],
            )
            for u in near[(len(near) - 1) // 2 : len(near) // 2 + 1]:
                if u not in taken and position[u] > reached:
                    root[v] = root[u]
                    taken.add(u)
                    reached = position[u]
                    break
    return root


def _compact(
    ranks: Sequence[Sequence[int]], root: Sequence[int], extent: Sequence[float], gap: float
) -> list[float]:
    """Coordinates of the blocks: as far to one side as fits, then back to close the gaps."""
    apart: list[dict[int, float]] = [{} for _ in root]
    for rank in ranks:
        for i in range(len(rank) - 1):
            v, w = rank[i], rank[i + 1]
            distance = (extent[v] + extent[w]) / 2 + gap
            known = apart[root[v]].get(root[w], 0.0)
            apart[root[v]][root[w]] = max(known, distance)
    waiting = [0] * len(root)
    for following in apart:
        for w in following:
            waiting[w] += 1
    order = [v for v in range(len(root)) if root[v] == v and not waiting[v]]
    at = [0.0] * len(root)
    for v in order:  # grows while it is read
        for w, distance in apart[v].items():
            at[w] = max(at[w], at[v] + distance)
            waiting[w] -= 1
            if not waiting[w]:
                order.append(w)
    for v in reversed(order):
        if apart[v]:
            at[v] = max(at[v], min(at[w] - distance for w, distance in apart[v].items()))
    return [at[root[v]] for v in range(len(root))]


def _combine(
    candidates: Sequence[Sequence[float]], extent: Sequence[float]
) -> tuple[list[float], float]:
    """The mean of the two middle coordinates, after moving all candidates to the narrowest."""
    bounds = []
    for found in candidates:
        low = min(x - size / 2 for x, size in zip(found, extent, strict=True))
        high = max(x + size / 2 for x, size in zip(found, extent, strict=True))
        bounds.append((low, high))
    low, high = min(bounds, key=lambda bound: bound[1] - bound[0])
    moved = []
    for number, found in enumerate(candidates):
        leaning = number % 2  # the mirrored ones lean to the other side
        shift = high - bounds[number][1] if leaning else low - bounds[number][0]
        moved.append([x + shift for x in found])
    middles = []
    for coordinates in zip(*moved, strict=True):
        ordered = sorted(coordinates)
        middles.append((ordered[1] + ordered[2]) / 2)
    first = min(x - size / 2 for x, size in zip(middles, extent, strict=True))
    last = max(x + size / 2 for x, size in zip(middles, extent, strict=True))
    return [x - first for x in middles], last - first
