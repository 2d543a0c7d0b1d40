"""A page as the tests read it: its elements with attributes and text, and what it would load."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "hr", "link", "input"}


@dataclass
class Element:
    """An element with the text in it, its descendants' included."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    inside: tuple[str, ...] = ()


@dataclass
class Page(HTMLParser):
    """The elements of a page in order; unbalanced tags are an error."""

    source: str
    elements: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.open: list[Element] = []
        self.feed(self.source)
        self.close()
        assert not self.open, [element.tag for element in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        inside = tuple(element.tag for element in self.open)
        element = Element(tag, {name: value or "" for name, value in attrs}, inside=inside)
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open[-1].tag == tag, (self.open[-1].tag, tag)
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data

    def all(self, tag: str) -> list[Element]:
        """Return the elements of one tag."""
        return [element for element in self.elements if element.tag == tag]

    def text(self) -> str:
        """Return what a person reads, spaces made single."""
        return " ".join(self.all("body")[0].text.split())


def check_page(page: Page) -> None:
    """Assert what every page promises: self-contained, without scripts, and well-formed."""
    assert page.source.startswith("<!DOCTYPE html>")
    assert page.all("html")[0].attributes["lang"] == "en"
    assert len(page.all("h1")) == 1
    assert page.all("title")[0].text
    assert not page.all("script")
    assert not page.all("link")
    assert not page.all("iframe")
    policy = [each for each in page.all("meta") if "http-equiv" in each.attributes]
    assert "default-src 'none'" in policy[0].attributes["content"]
    style = "".join(element.text for element in page.all("style"))
    assert "url(" not in style
    assert "@import" not in style
    identifiers = [each.attributes["id"] for each in page.elements if "id" in each.attributes]
    assert len(set(identifiers)) == len(identifiers)
    for element in page.elements:
        assert not [name for name in element.attributes if name.startswith("on")]
        if "src" in element.attributes:
            assert element.attributes["src"].startswith("data:image/svg+xml;base64,")
        if element.tag == "img":
            assert "alt" in element.attributes
        if element.tag == "th":
            assert element.attributes["scope"] in ("col", "row", "rowgroup")
        if element.attributes.get("href", "").startswith("#"):
            assert element.attributes["href"][1:] in identifiers
