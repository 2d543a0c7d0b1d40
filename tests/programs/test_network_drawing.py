"""The drawing of a layered network: every label is there, it is valid, and nothing overlaps."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ElementTree

import pytest

from chainrule.programs.network_drawing import describe_network, draw_network, parameter_count

SVG = "{http://www.w3.org/2000/svg}"
NETWORKS = [
    ((784, 16, 1), ("relu", "linear"), "squared error", True, 12_577),
    ((784, 4, 1), ("relu", "linear"), "squared error", True, 3_145),
    ((2, 3, 3, 1), "tanh", "squared error", True, 25),
    ((784, 256, 128, 64, 10), ("relu", "relu", "relu", "softmax"), "cross-entropy", True, 242_762),
    ((1, 1), "linear", "squared error", True, 2),
    ((1, 1), "linear", "hinge", False, 1),
    ((4, 7, 2), ("elu", "sigmoid"), "squared error", False, 42),
    ((64, 6, 3), ("gelu", "linear"), "softmax cross-entropy", True, 411),
    ((2, 1), "sigmoid", "cross-entropy", True, 3),
]
network = pytest.mark.parametrize(("sizes", "activations", "loss", "biases", "count"), NETWORKS)


def parsed(*arguments):
    return ElementTree.fromstring(draw_network(*arguments).svg)


def texts(element):
    return ["".join(text.itertext()) for text in element.iter(f"{SVG}text")]


def groups(root, kind):
    return [g for g in root.iter(f"{SVG}g") if g.get("class") == kind]


@network
def test_every_layer_unit_and_parameter_is_labelled(sizes, activations, loss, biases, count):
    root = parsed(sizes, activations, loss, biases)
    names = [activations] * (len(sizes) - 1) if isinstance(activations, str) else activations
    layers = groups(root, "layer")
    assert [int(g.get("data-size")) for g in layers] == list(sizes)
    for i, (layer, size) in enumerate(zip(layers, sizes, strict=True)):
        written = texts(layer)
        assert f"n{i} = {size}" in written
        shown = range(1, size + 1) if size <= 5 else (1, 2, 3, size)
        assert [t for t in written if re.fullmatch(rf"a{i},\d+", t)] == [f"a{i},{k}" for k in shown]
        if i:
            assert [t for t in written if re.fullmatch(rf"z{i - 1},\d+", t)] == [
                f"z{i - 1},{k}" for k in shown
            ]
            assert names[i - 1] in written
            bias = f" + b{i - 1}" if biases else ""
            assert f"z{i - 1} = W{i - 1} a{i - 1}{bias}" in written
            assert f"a{i} = {names[i - 1]}(z{i - 1})" in written
    everything = texts(root)
    for i, (n, m) in enumerate(itertools.pairwise(sizes)):
        assert f"W{i}  {m} × {n}" in everything
        assert (f"b{i}  {m} × 1" in everything) is biases
    assert root.get("data-parameters") == str(count)
    assert any(t.startswith("parameters:") and t.endswith(f"{count:,}".replace(",", "\u202f"))
               for t in everything)  # fmt: skip


@network
def test_constant_units_and_their_edges_stand_for_the_biases(
    sizes, activations, loss, biases, count
):
    root = parsed(sizes, activations, loss, biases)
    constants, fans = groups(root, "constant-unit"), groups(root, "biases")
    assert len(constants) == len(fans) == (len(sizes) - 1 if biases else 0)
    for unit in constants:
        assert "1" in texts(unit)
    for i, fan in enumerate(fans):
        size = sizes[i + 1]
        assert len(fan.findall(f"{SVG}line")) == (size if size <= 5 else 4)
        assert fan.get("data-shape") == f"{size}x1"


@network
def test_every_drawn_unit_is_connected_to_every_drawn_unit_of_the_next_layer(
    sizes, activations, loss, biases, count
):
    shown = [size if size <= 5 else 4 for size in sizes]
    weights = groups(parsed(sizes, activations, loss, biases), "weights")
    assert [len(g.findall(f"{SVG}line")) for g in weights] == [
        n * m for n, m in itertools.pairwise(shown)
    ]
    assert [g.get("data-shape") for g in weights] == [
        f"{m}x{n}" for n, m in itertools.pairwise(sizes)
    ]


@pytest.mark.parametrize(
    ("sizes", "loss", "formula"),
    [
        ((784, 16, 1), "squared error", "C = ½ (ŷ − y)²"),
        ((2, 3), "squared error", "C = ½ Σj (ŷj − yj)²"),
        ((2, 1), "hinge", "C = max(0, 1 − y ŷ)"),
        ((2, 1), "cross-entropy", "C = −y log ŷ − (1 − y) log(1 − ŷ)"),
        ((2, 3), "cross-entropy", "C = −Σj yj log ŷj"),
        ((2, 3), "softmax cross-entropy", "C = −Σj yj log softmax(ŷ)j"),
    ],
)
def test_loss_node_has_its_formula_prediction_and_target(sizes, loss, formula):
    root = parsed(sizes, "linear", loss)
    (node,) = groups(root, "loss")
    assert {formula, loss, "ŷ"} <= set(texts(node))
    (target,) = groups(root, "target")
    assert texts(target) == [f"target y,  {sizes[-1]} × 1"]


@network
def test_nothing_overlaps_and_nothing_leaves_the_card(sizes, activations, loss, biases, count):
    root = parsed(sizes, activations, loss, biases)
    width, height = float(root.get("width")), float(root.get("height"))
    boxes = []
    for text in root.iter(f"{SVG}text"):
        size = float(text.get("font-size"))
        length = 0.0
        for span in text.iter(f"{SVG}tspan"):
            length += 0.62 * float(span.get("font-size", size)) * len(span.text or "")
        x, y = float(text.get("x")), float(text.get("y"))
        boxes.append((x - length / 2, y - 0.75 * size, x + length / 2, y + 0.2 * size))
    for left, top, right, bottom in boxes:
        assert 0 < left < right < width
        assert 0 < top < bottom < height
    for a, b in itertools.combinations(boxes, 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, (a, b)


@network
def test_drawing_explains_itself_and_stands_alone(sizes, activations, loss, biases, count):
    svg = draw_network(sizes, activations, loss, biases).svg
    root = ElementTree.fromstring(svg)
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert "-".join(map(str, sizes)) in title.text
    assert description.text == describe_network(sizes, activations, loss, biases)
    assert root.get("role") == "img"
    assert root.get("aria-labelledby").split() == [title.get("id"), description.get("id")]
    card = root.find(f"{SVG}rect")
    assert (card.get("fill"), card.get("x")) == ("#fdfcf9", "0.5")
    assert not re.search(r"href|url\(|<style|<script|currentColor", svg)
    assert svg == draw_network(sizes, activations, loss, biases).svg


def test_names_are_escaped():
    root = parsed((2, 1), "a<b & c")
    assert "a1 = a<b & c(z0)" in texts(root)


def test_description_names_every_part_of_the_network():
    assert describe_network((784, 16, 1), ("relu", "linear")).splitlines() == [
        "Fully connected network 784-16-1 with squared error loss.",
        "Input layer: n_0 = 784, a_0 = x, the input.",
        "Hidden layer: n_1 = 16, z_0 = W_0 a_0 + b_0, a_1 = relu(z_0); W_0 is 16 × 784, b_0 is "
        "16 × 1, the weights of a dummy unit that is always 1.",
        "Output layer: n_2 = 1, z_1 = W_1 a_1 + b_1, a_2 = linear(z_1); W_1 is 1 × 16, b_1 is "
        "1 × 1, the weights of a dummy unit that is always 1.",
        "Loss: C = ½ (ŷ − y)², with the prediction ŷ = a_2 and the target y of 1 × 1.",
        "Parameters: 784·16 + 16 + 16·1 + 1 = 12\u202f577.",
    ]


@network
def test_parameter_count(sizes, activations, loss, biases, count):
    assert parameter_count(sizes, biases) == count


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (((784,), ()), ValueError, "at least an input and an output layer"),
        (((784, 0), "relu"), ValueError, "sizes holds 0; expected whole numbers"),
        (((784, 2.5), "relu"), ValueError, "sizes holds 2.5"),
        (((784, True), "relu"), ValueError, "sizes holds True"),
        (((784, 16, 1), ("relu",)), ValueError, "1 activations for 2 layers"),
        (((2, 1), (max,)), TypeError, "activations holds <built-in"),
        (((2, 1), "relu", "absolute error"), ValueError, "loss is 'absolute error'; expected one"),
    ],
)
def test_wrong_networks_are_refused(arguments, error, message):
    for function in (draw_network, describe_network):
        with pytest.raises(error, match=message):
            function(*arguments)
