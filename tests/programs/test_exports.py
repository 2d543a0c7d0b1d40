"""Graphs for other programs."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from tests.programs import drawn_functions as drawn

import chainrule as cr
from chainrule.programs.exports import GraphDescription, describe_graph, to_dot, to_json, to_mermaid
from chainrule.programs.names import trace_named


def example() -> cr.Graph:
    return trace_named(drawn.two_layers, *drawn.two_layer_arguments())


def edges_of(graph: cr.Graph) -> list[tuple[int, int]]:
    return [(u.index, v.index) for v in graph.nodes for u in v.parents]


def test_dot_has_every_node_and_edge() -> None:
    graph = example().backward()
    text = to_dot(graph)
    assert re.findall(r"^  n(\d+) \[label=", text, re.M) == [str(n.index) for n in graph.nodes]
    found = [tuple(map(int, pair)) for pair in re.findall(r"^  n(\d+) -> n(\d+);", text, re.M)]
    assert found == edges_of(graph)
    assert 'label="W1  [7 × 5]", shape=oval' in text
    assert text.count("style=dashed") == sum(node.of is not None for node in graph.nodes)


def test_dot_quotes_what_it_must() -> None:
    text = to_dot(trace_named(lambda x: np.einsum("i,i->", x, x), np.arange(3.0)))
    assert '\\"i,i->\\"' in text or "'i,i->'" in text
    assert text.startswith('digraph "<lambda>" {')


def test_dot_quotes_names() -> None:
    def f(x: Any) -> Any:
        return x * x

    f.__name__ = 'a\\b "c"'
    assert to_dot(cr.trace(f, 1.0)).startswith('digraph "a\\\\b \\"c\\"" {')


def test_mermaid_has_every_node_and_edge_and_no_markup() -> None:
    graph = trace_named(lambda x: np.sum(np.where(x < 0, -x, x)), np.arange(3.0)).backward()
    text = to_mermaid(graph)
    assert text.startswith("flowchart LR\n")
    found = [tuple(map(int, pair)) for pair in re.findall(r"^  n(\d+) --> n(\d+)$", text, re.M)]
    assert found == edges_of(graph)
    labels = re.findall(r'"([^"]*)"', text)
    assert len(labels) == len(graph)
    assert not any(re.search("[<>]", label.replace("<br/>", "")) for label in labels)
    assert "x #60; 0" in text


@pytest.mark.parametrize("backward", [False, True])
def test_json_is_read_back_unchanged(backward: bool) -> None:
    graph = example().backward() if backward else example()
    text = to_json(graph)
    found = GraphDescription.from_json(text)
    assert found == describe_graph(graph)
    assert found.to_json() == text
    assert json.loads(text)["schema"] == "chainrule.graph"


def test_json_describes_the_nodes() -> None:
    graph = example()
    found = describe_graph(graph.backward())
    names = {node.name: node for node in found.nodes}
    assert names["h"].expression == "tanh(z1)"
    assert names["h"].shape == (16, 5)
    assert names["h"].text == "h = np.tanh(z1)"
    assert names["h"].file == "drawn_functions.py"
    assert found.nodes[names["h"].cotangent or 0].name == "h_bar"
    assert names["h_bar"].direction == "backward"
    assert names["h_bar"].of == next(
        node.index for node in found.nodes if node.name == "out_product"
    )
    np.testing.assert_array_equal(names["W1"].value, graph.inputs[1].value)
    assert names["x"].value is None  # 112 numbers


def test_json_of_odd_values() -> None:
    with np.errstate(all="ignore"):
        graph = trace_named(
            lambda x: (np.log(x), np.linalg.qr(np.outer(x, x))[0], 3.0), np.zeros(2)
        )
    text = to_json(graph)
    found = GraphDescription.from_json(text)
    assert found.to_json() == text
    assert found.nodes[1].value == ["-inf", "-inf"]
    assert found.outputs[-1] == {"constant": 3.0}
    assert any(node.shape is None for node in found.nodes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "not a graph"),
        ('{"schema": "other"}', "not a graph"),
        ('{"schema": "chainrule.graph", "version": 9}', "version 9"),
        ('{"schema": "chainrule.graph", "version": 1}', "incomplete: 'nodes'"),
        (
            '{"schema": "chainrule.graph", "version": 1, "name": "f", "nodes": [{"shape": []}]}',
            "incomplete: 'inputs'",
        ),
    ],
)
def test_json_that_is_no_graph(text: str, message: str) -> None:
    with pytest.raises(cr.InvalidInput, match=message):
        GraphDescription.from_json(text)


def test_names_follow_the_cotangent_style() -> None:
    graph = example().backward()
    for write in (to_dot, to_mermaid, to_json):
        found: Any = write(graph, cotangents="d")
        assert "dW1" in found
        assert "W1_bar" not in found
