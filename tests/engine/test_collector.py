"""Large graphs are built without the garbage collector in between, and it is left as it was."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.collector import collector_paused
from chainrule.engine.graph import Graph
from chainrule.programs.plan import Plan
from chainrule.programs.simplify import simplify
from chainrule.programs.source import graph_source


def recurrence(w: Any, h: Any) -> Any:
    for _ in range(10_000):
        h = np.tanh(w * h)
    return h


@pytest.mark.parametrize("step", [Graph.backward, simplify, Plan, graph_source])
def test_no_collection_starts_while_a_graph_is_built(step: Callable[[Graph], Any]) -> None:
    graph = cr.trace(recurrence, 0.5, 0.1)
    begun: list[str] = []
    gc.callbacks.append(lambda phase, info: begun.append(phase))
    try:
        kept = step(graph)
        # What has been put off starts at the end; building would start a hundred and more.
        assert begun.count("start") <= 20
    finally:
        gc.callbacks.pop()
    assert kept is not None
    assert gc.isenabled()


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_is_left_as_it_was_even_after_an_error(enabled: bool) -> None:
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with contextlib.suppress(KeyError), collector_paused():
            assert not gc.isenabled()
            raise KeyError
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if before else gc.disable)()
