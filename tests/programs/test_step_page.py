"""The step page: right without a script, complete with one, and usable with the keyboard."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import numpy as np
import pytest
from tests.programs import drawn_functions as drawn

import chainrule as cr
from chainrule.programs.explain import explain
from chainrule.programs.step_page import step_page
from chainrule.programs.steps import steps_of


class _Text(HTMLParser):
    """The text of every section of class "step"."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.sections: list[str] = []
        self.depth = 0
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "section" and "step" in dict(attrs).get("class", "").split():
            self.sections.append("")
            self.depth = 1
        elif tag == "section":
            self.depth = 0

    def handle_endtag(self, tag: str) -> None:
        if tag == "section":
            self.depth = 0

    def handle_data(self, data: str) -> None:
        if self.depth:
            self.sections[-1] += f" {data} "


def words(document: str) -> list[str]:
    return [" ".join(section.split()) for section in _Text(document).sections]


# --- steps as data --------------------------------------------------------------------------------


def test_steps_go_forward_turn_and_come_back() -> None:
    steps = steps_of(explain(drawn.shared, 1.5, 0.5))
    kinds = [step.kind for step in steps]
    assert kinds == ["inputs", *["forward"] * 5, "seed", *["backward"] * 5, "gradients"]
    assert [step.nodes[0] for step in steps if step.kind == "backward"] == [6, 5, 4, 3, 2]


def test_contributions_add_up_to_the_gradient() -> None:
    explanation = explain(drawn.shared, 1.5, 0.5)
    totals: dict[int, list[tuple[Any, bool]]] = {}
    for step in steps_of(explanation):
        for handed in step.handed:
            totals.setdefault(handed.to, []).append((handed.total, handed.complete))
    gradient = cr.grad(drawn.shared, argnums=(0, 1))(1.5, 0.5)
    assert [complete for _, complete in totals[0]] == [False, True]
    assert totals[0][-1][0] == pytest.approx(gradient[0])
    assert totals[1] == [(pytest.approx(gradient[1]), True)]


def test_a_result_that_is_read_again_starts_from_its_seed() -> None:
    def f(x: Any) -> Any:
        y = np.sin(x)
        return y, y * y

    steps = steps_of(explain(f, 0.5))
    (square,) = [step for step in steps if step.kind == "backward" and len(step.handed) == 2]
    last = square.handed[-1]
    assert last.received[0][0] == "the result itself"
    assert len(last.received) == 3
    assert last.complete
    assert last.total == pytest.approx(1 + 2 * np.sin(0.5))


# --- the document ---------------------------------------------------------------------------------


def test_every_step_is_in_the_document_without_a_script() -> None:
    sections = words(step_page(drawn.shared, 1.5, 0.5))
    assert len(sections) == 13
    assert "Forward: d = a + c Step 3 of 13 · line" in sections[2]
    assert "d 2.25 ∂d/∂a 1 ∂d/∂c 1" in sections[2]
    assert sections[6].startswith("Turn around: start with de/de = 1")
    assert "to a ∂d/∂a 1 contributes de/dd · ∂d/∂a = −0.0790494 · 1 = −0.0790494" in sections[10]
    assert "1 of 2 so far" in sections[10]
    assert "from d −0.0790494 from c 0.0131749 de/da −0.0658745 complete" in sections[11]
    assert sections[12].startswith("The gradients Step 13 of 13 de/da −0.0658745 de/db 0.0395247")


def test_constant_arrays_stand_beside_the_inputs() -> None:
    WEIGHTS = np.linspace(-1.0, 1.0, 60).reshape(12, 5)
    sections = words(step_page(lambda x: np.sum(x @ WEIGHTS), np.arange(12.0)))
    assert "WEIGHTS, constant 12 × 5, from −1 to 1" in sections[0]
    assert "= x @ WEIGHTS" in sections[1]


def test_the_document_needs_nothing_else() -> None:
    page = step_page(drawn.two_layers, *drawn.two_layer_arguments())
    assert "default-src 'none'" in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "http://www.w3.org/2000/svg" in page
    assert len(re.findall(r"https?://(?!www\.w3\.org)", page)) == 0


def test_the_script_is_small() -> None:
    script = files("chainrule.programs") / "templates" / "step_page.js"
    assert len(script.read_bytes()) < 15_000


def test_markup_in_names_values_and_source_is_text() -> None:
    def f(x: Any) -> Any:
        y = np.where(x < 0, x, x * 2.0)  # </script><script>bad()</script>
        return np.sum(y)

    page = step_page(f, np.array([-1.0, 2.0]))
    assert "<script>bad()" not in page
    assert "x &lt; 0" in page
    data = re.search(r'id="data">(.*?)</script>', page, re.S)
    assert data is not None
    assert "<" not in data[1]
    assert json.loads(data[1])["steps"][0]["back"] is False


def test_a_lambda_a_graph_and_a_function_without_source_have_pages() -> None:
    assert "with-source" in step_page(lambda x: np.tanh(x) * x, 0.5)
    graph = cr.trace(drawn.shared, 1.5, 0.5)
    assert words(step_page(graph))[0] == "The inputs Step 1 of 13 a 1.5 b 0.5"
    scope: dict[str, Any] = {}
    exec("def g(x): return x * x", scope)
    page = step_page(scope["g"], 3.0)
    assert '<div class="below">' in page
    assert "= 6" in page


def test_what_has_no_derivative_has_no_page() -> None:
    with pytest.raises(cr.InvalidInput, match="no floating-point output"):
        step_page(lambda x: x > 0, 1.0)


def test_a_graph_takes_no_arguments() -> None:
    with pytest.raises(cr.InvalidInput, match="a graph is explained with the values"):
        step_page(cr.trace(drawn.shared, 1.0, 2.0), 1.0)


# --- in a browser ---------------------------------------------------------------------------------


def at(page: Any) -> str:
    return page.inner_text("#count")


def visible(page: Any) -> str:
    (section,) = [s for s in page.query_selector_all(".step") if s.is_visible()]
    return " ".join(section.inner_text().split())


def card_text(page: Any, node: int) -> dict[str, str]:
    """The visible numbers of a card."""
    found = page.evaluate(
        """node => {
          const rows = [...document.querySelectorAll(`.picture [data-node="${node}"]`)];
          const shown = text => getComputedStyle(text).visibility === 'visible';
          return Object.fromEntries(rows.map(row => [
            row.querySelector('.cg-label').textContent,
            [...row.querySelectorAll('.cg-number')].filter(shown).map(t => t.textContent).join(' '),
          ]));
        }""",
        node,
    )
    return dict(found)


def test_keys_move_through_the_steps(opened: Any) -> None:
    page = opened(step_page(drawn.shared, 1.5, 0.5))
    assert at(page) == "Step 1 of 13"
    for key, expected in [
        ("ArrowRight", 2), ("Space", 3), ("ArrowLeft", 2), ("Shift+Space", 1), ("ArrowLeft", 1),
        ("End", 13), ("ArrowRight", 13), ("Home", 1),
    ]:  # fmt: skip
        page.keyboard.press(key)
        assert at(page) == f"Step {expected} of 13"
        assert visible(page).count("Step ") == 1
        assert f"Step {expected} of 13" in visible(page)


def test_buttons_slider_and_address_move_too(opened: Any) -> None:
    page = opened(step_page(drawn.shared, 1.5, 0.5))
    assert page.is_disabled("#first")
    page.click("#next")
    page.click("#next")
    page.click("#back")
    assert at(page) == "Step 2 of 13"
    page.click("#last")
    assert at(page) == "Step 13 of 13"
    assert page.is_disabled("#next")
    page.evaluate(
        "s => { s.value = 6; s.dispatchEvent(new Event('input')); }", page.query_selector("#slider")
    )
    assert at(page) == "Step 7 of 13"
    assert page.get_attribute("#slider", "aria-valuetext").startswith("7 of 13")
    assert page.url.endswith("#step-7")
    page.goto(page.url.split("#")[0] + "#step-11")
    assert at(page) == "Step 11 of 13"
    page.focus("#next")
    page.keyboard.press("Space")
    assert at(page) == "Step 12 of 13"  # once, by the button itself


def test_the_picture_fills_as_the_steps_come(opened: Any) -> None:
    page = opened(step_page(drawn.shared, 1.5, 0.5))
    assert card_text(page, 0) == {"value": "1.5", "grad": ""}
    assert card_text(page, 3) == {"value": "", "grad": ""}
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    assert card_text(page, 3) == {"value": "2.25", "grad": ""}
    page.keyboard.press("End")
    assert card_text(page, 0) == {"value": "1.5", "grad": "−0.06587"}
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")  # a has its first contribution only
    assert card_text(page, 0) == {"value": "1.5", "grad": "−0.07905"}
    assert card_text(page, 1) == {"value": "0.5", "grad": ""}


def test_the_current_card_edges_and_line_are_marked(opened: Any) -> None:
    page = opened(step_page(drawn.shared, 1.5, 0.5))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")

    def marked(selector: str) -> list[str]:
        return [e.get_attribute("data-nodes") for e in page.query_selector_all(selector)]

    assert marked(".cg-card.current") == ["3"]
    lit = page.query_selector_all(".cg-arrow.lit")
    assert sorted((e.get_attribute("data-from"), e.get_attribute("data-to")) for e in lit) == [
        ("0", "3"), ("2", "3"),
    ]  # fmt: skip
    assert page.inner_text(".source [aria-current=step]").split("\n")[-1].endswith("d = a + c")
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    assert marked(".cg-card.current-back") == ["2"]
    assert sorted(marked(".cg-card.receives")) == ["0", "1"]


def test_a_click_on_a_card_goes_to_its_step(opened: Any) -> None:
    page = opened(step_page(drawn.shared, 1.5, 0.5))
    page.click('.cg-card[data-nodes="3"]')
    assert "Forward: d = a + c" in visible(page)
    page.keyboard.press("End")
    page.click('.cg-card[data-nodes="3"]')
    assert "Backward through d = a + c" in visible(page)


def test_readers_of_screens_hear_the_step(opened: Any) -> None:
    page = opened(step_page(drawn.shared, 1.5, 0.5))
    live = page.query_selector("[aria-live=polite]")
    assert live.inner_text() == ""
    page.keyboard.press("ArrowRight")
    assert live.inner_text() == "Step 2 of 13. Forward: c = a * b = 0.75"
    names = page.evaluate("[...document.querySelectorAll('button')].map(b => b.ariaLabel)")
    assert names == ["First step", "One step back", "Next step", "Last step"]
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(opened: Any, width: int, scheme: str) -> None:
    page = opened(
        step_page(drawn.two_layers, *drawn.two_layer_arguments()), width=width, color_scheme=scheme
    )
    page.click("summary")
    for _ in range(19):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.keyboard.press("ArrowRight")
    assert at(page) == "Step 19 of 19"


def test_the_current_card_is_brought_into_view(opened: Any) -> None:
    page = opened(
        step_page(drawn.deep, *drawn.deep_arguments(8)), width=390, reduced_motion="reduce"
    )
    for key in ("End", "ArrowLeft", "Home", "ArrowRight"):
        page.keyboard.press(key)
        assert page.evaluate(
            """() => {
          const card = document.querySelector('.cg-card.current, .cg-card.current-back');
          const box = card.getBoundingClientRect();
          const frame = document.querySelector('.picture').getBoundingClientRect();
          const middle = (box.left + box.right) / 2;
          return middle > frame.left && middle < frame.right &&
            box.bottom > frame.top && box.top < frame.bottom;
        }"""
        )
        assert page.evaluate("scrollY") == 0


def test_without_a_script_all_steps_are_shown(opened: Any) -> None:
    document = step_page(drawn.shared, 1.5, 0.5)
    page = opened(re.sub(r"<script>.*?</script>", "", document, flags=re.S))
    assert sum(s.is_visible() for s in page.query_selector_all(".step")) == 13
    assert not page.is_visible(".controls")
    assert page.evaluate("getComputedStyle(document.querySelector('.cg-card')).opacity") == "1"


def test_on_paper_all_steps_are_shown(opened: Any) -> None:
    page = opened(step_page(drawn.shared, 1.5, 0.5))
    page.emulate_media(media="print")
    assert sum(s.is_visible() for s in page.query_selector_all(".step")) == 13
    assert not page.is_visible(".controls")
    page.emulate_media(media="screen")
