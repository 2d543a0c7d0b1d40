"""A page opened in a browser, and everything that is asked of it there."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

AUDIT = (Path(__file__).parent / "page_audit.js").read_text(encoding="utf-8")
LOOKS = {
    "light": {"width": 1280, "color_scheme": "light"},
    "dark": {"width": 1280, "color_scheme": "dark"},
    "phone": {"width": 390, "color_scheme": "light"},
    "phone, dark": {"width": 390, "color_scheme": "dark"},
}
PRINTED = """() => [
  ...[...document.querySelectorAll("nav, .skip, .controls")]
    .filter((e) => e.checkVisibility()).map((e) => `printed: ${e.className || e.tagName}`),
  ...[...document.querySelectorAll("figure img")]
    .filter((e) => !e.checkVisibility() || e.getBoundingClientRect().width < 15)
    .map((e) => `not printed: ${e.alt}`)]"""
#: Number what a keyboard must reach, and say how many there are.
TABBABLE = """() => {
  const all = [...document.querySelectorAll("a[href], button, input, summary, [tabindex='0']")]
    .filter((e) => e.checkVisibility() && !e.disabled && e.tabIndex >= 0);
  all.forEach((e, index) => { e.dataset.stop = index; });
  document.activeElement.blur();
  return all.map((e) => e.outerHTML.slice(0, 80));
}"""
FOCUSED = """() => {
  const e = document.activeElement, style = getComputedStyle(e);
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
  return [e.dataset.stop ?? null, ring || style.boxShadow !== "none"];
}"""


def problems(page: Any, path: Path) -> list[str]:
    """Open a file in every look and return what is wrong with it, a sentence each."""
    found: list[str] = []
    page.on("console", lambda said: found.append(f"console: {said.text}"))
    page.on("requestfailed", lambda asked: found.append(f"not loaded: {asked.url[:80]}"))
    for name, look in LOOKS.items():
        page.set_viewport_size({"width": look["width"], "height": 900})
        page.emulate_media(color_scheme=look["color_scheme"], media="screen")
        page.goto(path.as_uri())
        found += [f"{name}: {each}" for each in page.evaluate(AUDIT)]
        if name == "light":
            found += _links(page, path) + _keyboard(page)
    page.emulate_media(media="print")
    found += page.evaluate(PRINTED)
    return list(dict.fromkeys(found))


def _links(page: Any, path: Path) -> list[str]:
    """Links to files that are not there."""
    addresses = page.evaluate("[...document.links].map((each) => each.getAttribute('href'))")
    files = [urlsplit(each) for each in addresses if not each.startswith(("#", "http"))]
    return [
        f"a link to {each.path}, which is not there"
        for each in files
        if not (path.parent / unquote(each.path)).is_file()
    ]


def _keyboard(page: Any) -> list[str]:
    """What Tab does not reach, and what does not show that it is reached."""
    stops = page.evaluate(TABBABLE)
    reached: dict[int, bool] = {}
    for _ in range(len(stops) + 40):  # a browser adds what scrolls
        page.keyboard.press("Tab")
        stop, visible = page.evaluate(FOCUSED)
        if stop is not None:
            reached[int(stop)] = visible
        if len(reached) == len(stops):
            break
    return [
        f"{'focus does not show' if index in reached else 'Tab does not reach'}: {stop}"
        for index, stop in enumerate(stops)
        if not reached.get(index, False)
    ]
