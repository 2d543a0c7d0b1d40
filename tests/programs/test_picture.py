"""Pictures: right numbers, nothing twice, no text outside its card, light and dark."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.programs import drawn_functions as drawn

import chainrule as cr
from chainrule.programs.names import trace_named
from chainrule.programs.picture import Picture, picture
from chainrule.programs.sketch import sketch

SVG = "{http://www.w3.org/2000/svg}"


def graph_of(name: str) -> cr.Graph:
    if name == "neuron":
        return trace_named(drawn.neuron, *drawn.NEURON)
    if name == "two layers":
        return trace_named(drawn.two_layers, *drawn.two_layer_arguments())
    if name == "recurrent":
        return trace_named(drawn.recurrent, *drawn.recurrent_arguments())
    return trace_named(drawn.deep, *drawn.deep_arguments(int(name.split()[1])))


def cards_of(found: Picture) -> dict[str, list[list[str]]]:
    """The texts of every card, by its title; references come after what they refer to."""
    cards: dict[str, list[list[str]]] = {}
    for group in ElementTree.fromstring(found.svg).iter(f"{SVG}g"):
        if "cg-card" in group.get("class", "").split() and group.get("data-card") != "-1":
            texts = [text.text or "" for text in group.iter(f"{SVG}text")]
            cards.setdefault(texts[0], []).append(texts)
    return cards


def card(found: Picture, name: str) -> list[str]:
    return max(cards_of(found)[name], key=len)


def test_cards_of_numbers_show_value_and_derivative() -> None:
    found = picture(graph_of("neuron"))
    gradient = cr.grad(drawn.neuron, argnums=(0, 1, 2, 3, 4))(*drawn.NEURON)
    for name, value, slope in zip(
        ("x1", "x2", "w1", "w2", "b"), drawn.NEURON, gradient, strict=True
    ):
        texts = card(found, name)
        assert texts[texts.index("value") + 1] == f"{value:.4g}".replace("-", "−")
        assert texts[texts.index("grad") + 1] == f"{slope:.4g}".replace("-", "−")
    assert card(found, "o")[1] == "= tanh(n)"
    assert card(found, "loss")[-1] == "1"


def test_edges_between_numbers_carry_the_local_derivative() -> None:
    found = ElementTree.fromstring(picture(graph_of("neuron")).svg)
    labels = {}
    for group in found.iter(f"{SVG}g"):
        if group.get("class") == "cg-local":
            (text,) = group.iter(f"{SVG}text")
            labels[int(group.get("data-from", "")), int(group.get("data-to", ""))] = text.text
    names = {0: "x1", 2: "w1"}
    product = next(to for (source, to) in labels if source == 0)
    assert labels[0, product] == "−3", names  # ∂(x1 w1)/∂x1 = w1
    assert labels[2, product] == "2"
    assert len(labels) == 11


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        (
            np.array([[1.0, 2.0], [3.0, 4.0]]),
            ["value", "1", "2", "3", "4", "grad", "2", "4", "6", "8"],
        ),
        (
            np.arange(12.0),
            ["min", "mean", "max", "value", "0", "5.5", "11", "grad", "0", "11", "22"],
        ),
    ],
)
def test_small_arrays_are_shown_in_full_and_larger_ones_summarised(value: Any, rows: Any) -> None:
    found = card(picture(trace_named(lambda x: np.sum(x * x), value)), "x")
    texts = [text for text in found if "×" not in text and text not in ("x", "12")]
    if "mean" in texts:
        headings = sorted(texts[:3])
        assert headings == ["max", "mean", "min"]
        assert texts[3:] == rows[3:]
    else:
        assert texts == rows


@pytest.mark.parametrize("name", ["neuron", "two layers", "deep 6", "recurrent"])
@pytest.mark.parametrize("backward", ["values", "graph", None])
@pytest.mark.parametrize("direction", ["right", "down"])
def test_every_node_has_one_card_and_every_edge_is_drawn(
    name: str, backward: Any, direction: str
) -> None:
    graph = graph_of(name)
    found = picture(graph, backward=backward, direction=direction)
    root = ElementTree.fromstring(found.svg)
    shown: list[int] = []
    for group in root.iter(f"{SVG}g"):
        kinds = group.get("class", "").split()
        if "cg-card" in kinds and "cg-reference" not in kinds and group.get("data-card") != "-1":
            shown += map(int, group.get("data-nodes", "").split())
    assert len(shown) == len(set(shown))
    if backward != "graph":
        assert set(shown) == {node.index for node in graph.nodes}
        drawn_edges = sorted(
            (int(arrow.get("data-from", "")), int(arrow.get("data-to", "")))
            for arrow in root.iter(f"{SVG}g")
            if arrow.get("class") == "cg-arrow cg-arrow-flow"
        )
        wanted = [(u.index, v.index) for v in graph.nodes for u in v.parents]
        assert set(wanted) == set(drawn_edges)


def test_a_wide_graph_continues_in_rows_of_the_given_width() -> None:
    graph = graph_of("deep 6")
    narrow, wide = picture(graph, width=700), picture(graph, width=None)
    assert narrow.width <= 700 < wide.width
    assert narrow.height > wide.height
    assert "cg-reference" in narrow.svg
    assert ">z1<" in narrow.svg


def test_forward_and_backward_in_one_figure() -> None:
    found = picture(graph_of("two layers"), backward="graph")
    cards = cards_of(found)
    assert "= xᵀ @ z1_bar" in card(found, "W1_bar")
    assert "= h_bar * (1 - h * h)" in card(found, "z1_bar")
    assert {"x_bar", "b1_bar", "W2_bar", "b2_bar", "y_bar", "h_bar"} <= set(cards)
    assert {"cg-edge cg-edge-of", "cg-edge cg-edge-residual", "cg-edge cg-edge-back"} <= {
        path.get("class") for path in ElementTree.fromstring(found.svg).iter(f"{SVG}path")
    }


def test_a_transpose_that_several_gradients_read_is_written_in_each() -> None:
    def f(x: Any, W: Any, V: Any) -> Any:
        return np.sum(np.tanh(x @ W) * np.tanh(x @ V))

    graph = cr.trace(f, np.ones((3, 2)), np.ones((2, 4)), np.ones((2, 4)))
    found = picture(graph, backward="graph")
    assert "= xᵀ @ product_bar" in card(found, "W_bar")
    assert "= xᵀ @ product2_bar" in card(found, "V_bar")
    assert not any("transposed" in title for title in cards_of(found))


def test_the_backward_pass_lies_below_and_runs_the_other_way() -> None:
    found = picture(graph_of("two layers"), backward="graph", width=None)
    places: dict[str, tuple[float, float]] = {}
    for group in ElementTree.fromstring(found.svg).iter(f"{SVG}g"):
        kinds = group.get("class", "").split()
        if "cg-card" in kinds and group.get("data-card") != "-1":
            x, y = re.findall(r"-?[\d.]+", group.get("transform", ""))
            title = next(group.iter(f"{SVG}text")).text or ""
            places.setdefault(title, (float(x), float(y)))
    assert places["W1"][0] < places["h"][0] < places["loss"][0]
    assert places["W1_bar"][0] < places["h_bar"][0] < places["d_bar"][0]
    forward = [places[name][1] for name in ("x", "W1", "z1", "h", "W2", "out", "loss")]
    assert max(forward) < min(places[name][1] for name in ("W1_bar", "h_bar", "d_bar", "b2_bar"))
    assert places["h"][0] == pytest.approx(places["z1_bar"][0], abs=40)


def test_a_backward_pass_of_the_users_choice_is_drawn_as_it_is() -> None:
    graph = graph_of("two layers").backward(wrt=["W1"])
    found = cards_of(picture(graph, backward="graph", inline=False))
    assert "loss_bar" in found
    assert "W2_bar" not in found
    assert len(cards_of(picture(graph, backward="graph"))) < len(found)


def test_cotangents_are_named_as_asked() -> None:
    graph = graph_of("two layers")
    assert "dW1" in cards_of(picture(graph, backward="graph", cotangents="d"))
    assert "grad_W1" in cards_of(picture(graph, backward="graph", cotangents="grad"))


def test_a_shared_gradient_names_the_inputs_it_belongs_to() -> None:
    graph = trace_named(drawn.neuron, *drawn.NEURON)
    texts = cards_of(picture(graph, backward="graph"))["n_bar"]
    assert any("gradient of b" in text for found in texts for text in found)


@pytest.mark.parametrize("backward", ["values", "graph"])
def test_repeated_layers_are_one_card(backward: Any) -> None:
    whole, collapsed = (
        picture(graph_of("deep 12"), backward=backward, collapse=collapse)
        for collapse in (False, True)
    )
    texts = [text for found in cards_of(collapsed).values() for one in found for text in one]
    assert "× 12" in texts
    assert any(text.startswith("h2 = tanh(z2)") for text in texts)
    assert len(cards_of(collapsed)) < len(cards_of(whole)) / 2
    if backward == "values":
        profile = re.search(r'<g class="cg-profile">(.*?)</g>', collapsed.svg, re.S)
        assert profile is not None
        assert profile[1].count("<rect") == 12


def test_constants_are_in_expressions_or_have_cards() -> None:
    graph = trace_named(lambda x: 0.5 * x + np.zeros(2)[0], 3.0)
    folded, shown = picture(graph), picture(graph, constants=True)
    assert "cg-constant" not in re.sub(r"<style>.*</style>", "", folded.svg)
    assert "0.5" in shown.svg
    assert shown.svg.count('class="cg-card cg-constant"') == 3  # two literals and a swatch


def test_constant_arrays_keep_the_users_names() -> None:
    WEIGHTS = np.linspace(-1.0, 1.0, 60).reshape(12, 5)
    graph = trace_named(lambda x: np.sum(x @ WEIGHTS), np.arange(12.0))
    assert "= x @ WEIGHTS" in picture(graph).svg
    assert ">WEIGHTS 12 × 5<" in picture(graph, constants=True).svg


def test_a_function_without_derivative_is_drawn_forward_and_says_why() -> None:
    found = picture(trace_named(lambda x: x > 0, np.arange(3.0)))
    assert ">grad<" not in found.svg
    assert "no floating-point output" in found.description


def test_values_that_are_not_finite_stand_out() -> None:
    with np.errstate(divide="ignore"):
        graph = trace_named(lambda x: np.log(x), 0.0)
    assert 'class="cg-value cg-odd"' in picture(graph).svg


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("x", "y", "z"), set()),
        (("a", "b"), set()),
        (("x", "W", "b"), {"W", "b"}),
        (("x", "w1", "w2"), {"w1", "w2"}),
        (("data", "theta", "bias"), {"theta", "bias"}),
    ],
)
def test_parameters_are_told_by_their_names(names: tuple[str, ...], expected: set[str]) -> None:
    source = f"def f({', '.join(names)}): return {' + '.join(names)}"
    scope: dict[str, Any] = {}
    exec(source, scope)
    graph = cr.trace(scope["f"], *map(float, range(len(names))))
    assert {c.title for c in sketch(graph).cards if c.kind == "parameter"} == expected


def test_parameters_are_those_differentiated_or_named() -> None:
    graph = cr.trace(drawn.shared, 1.5, 0.5)
    chosen = sketch(graph.backward(wrt=["a"])).cards
    assert {c.title for c in chosen if c.kind == "parameter"} == {"a"}
    named = sketch(graph, parameters=["b"]).cards
    assert {c.title for c in named if c.kind == "parameter"} == {"b"}


def test_markup_in_names_is_text() -> None:
    found = picture(
        trace_named(lambda x: np.where(x < 0, x, x * x), np.arange(3.0)), title="a < b & c"
    )
    root = ElementTree.fromstring(found.svg)
    assert any(text.text == "a < b & c" for text in root.iter(f"{SVG}text"))
    assert any("x < 0" in (text.text or "") for text in root.iter(f"{SVG}text"))


def test_the_document_tells_what_it_shows() -> None:
    found = picture(graph_of("neuron"))
    root = ElementTree.fromstring(found.svg)
    labelled = root.get("aria-labelledby", "").split()
    texts = {element.get("id"): element.text or "" for element in root}
    assert "neuron" in texts[labelled[0]]
    assert "operation o = tanh(n); value" in texts[labelled[1]]
    assert repr(found).startswith(
        "Computational graph of neuron: 12 cards. Derivatives are of loss."
    )


def test_the_same_graph_gives_the_same_picture() -> None:
    assert picture(graph_of("deep 6")).svg == picture(graph_of("deep 6")).svg


def test_in_a_notebook_it_is_an_image_without_script_or_style() -> None:
    html = picture(graph_of("neuron"))._repr_html_()
    assert re.match(r'<img src="data:image/svg\+xml;base64,[A-Za-z0-9+/=]+" alt="', html)
    assert not re.search("<(script|style|svg)", html)


def test_saving(tmp_path: Path) -> None:
    found = picture(graph_of("neuron"))
    assert found.save(tmp_path / "graph.svg").read_text(encoding="utf-8") == str(found)
    with pytest.raises(cr.InvalidInput, match=r"graph\.png; name it graph\.svg"):
        found.save(tmp_path / "graph.png")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backward": "both"}, "backward is 'both'"),
        ({"direction": "up"}, "direction is 'up'"),
        ({"cotangents": "dot"}, "cotangents must be"),
    ],
)
def test_options_that_do_not_exist(options: Any, message: str) -> None:
    with pytest.raises(cr.InvalidInput, match=message):
        picture(graph_of("neuron"), **options)


def test_second_derivatives_can_be_drawn() -> None:
    graph = cr.trace(drawn.shared, 1.5, 0.5).backward(wrt=["a"])
    second = graph.backward(wrt=["b"], of=1)
    assert ElementTree.fromstring(picture(second, backward="graph").svg) is not None


# --- in a browser ---------------------------------------------------------------------------------

_OVERFLOWS = """() => [...document.querySelectorAll('.cg-card')].flatMap(card => {
  const box = card.querySelector('.cg-box').getBoundingClientRect();
  return [...card.querySelectorAll('text')].filter(text => {
    const t = text.getBoundingClientRect();
    return t.left < box.left + 2 || t.right > box.right - 2 ||
      t.top < box.top - 1 || t.bottom > box.bottom + 1;
  }).map(text => text.textContent);
})"""

_ON_EACH_OTHER = """() => {
  const found = [...document.querySelectorAll('.cg-card, .cg-local')];
  const boxes = found.map(card => card.getBoundingClientRect());
  let count = 0;
  boxes.forEach((a, i) => boxes.slice(i + 1).forEach(b => {
    const beside = a.left >= b.right - 1 || b.left >= a.right - 1;
    if (!beside && a.top < b.bottom - 1 && b.top < a.bottom - 1) count += 1;
  }));
  return count;
}"""


@pytest.mark.parametrize("name", ["neuron", "two layers", "deep 8", "recurrent"])
@pytest.mark.parametrize(
    "options", [{}, {"backward": "graph"}, {"collapse": True}, {"direction": "down"}]
)
def test_no_text_leaves_its_card_and_no_card_lies_on_another(
    opened: Any, name: str, options: Any
) -> None:
    page = opened(picture(graph_of(name), **options).svg, ".svg")
    assert page.evaluate(_OVERFLOWS) == []
    assert page.evaluate(_ON_EACH_OTHER) == 0


def test_long_names_and_numbers_fit_too(opened: Any) -> None:
    def f(a_variable_with_a_very_long_name_indeed: Any, größe数学: Any) -> Any:
        another_very_long_name_for_a_value = np.tanh(
            a_variable_with_a_very_long_name_indeed * -1e-9
        )
        return np.sum(another_very_long_name_for_a_value * größe数学 * -1.23456e-200)

    graph = trace_named(f, -1.2345e-101 * np.arange(1.0, 9.0), -9.87654e-9 * np.ones((2, 8)))
    page = opened(picture(graph).svg, ".svg")
    assert page.evaluate(_OVERFLOWS) == []


_CONTRASTS = """() => {
  const light = colour => {
    const c = colour.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2];
  };
  const paper = document.querySelector('.cg-paper');
  return [...document.querySelectorAll('text')].map(text => {
    const card = text.closest('.cg-card, .cg-local');
    const ground = card ? card.querySelector('.cg-box, rect') : paper;
    const [a, b] = [text, ground].map(element => light(getComputedStyle(element).fill));
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("name", "options"),
    [("neuron", {}), ("two layers", {"backward": "graph"}), ("deep 8", {"collapse": True})],
)
def test_text_can_be_read_in_both_schemes(
    opened: Any, scheme: str, name: str, options: Any
) -> None:
    page = opened(picture(graph_of(name), **options).svg, ".svg", color_scheme=scheme)
    assert min(page.evaluate(_CONTRASTS)) >= 4.5  # WCAG 2.2, 1.4.3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_as_an_image_on_a_dark_page_it_has_its_own_ground(opened: Any, scheme: str) -> None:
    found = picture(graph_of("two layers"), backward="graph")
    body = f'<body style="background:#111">{found._repr_html_()}</body>'
    page = opened(body, color_scheme=scheme)
    assert page.evaluate("document.images[0].naturalWidth") == found.width
    assert page.evaluate("document.images[0].alt").startswith("Computational graph of two_layers")
    assert 'class="cg-paper"' in found.svg
