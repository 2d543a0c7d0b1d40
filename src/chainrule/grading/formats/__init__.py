"""A grade in the forms that people and graders read."""

from __future__ import annotations

from collections.abc import Callable

from chainrule.grading.formats.gradescope import gradescope
from chainrule.grading.formats.junit import junit
from chainrule.grading.formats.pages import html, markdown
from chainrule.grading.formats.plain import as_json, text
from chainrule.grading.result import Grade

FORMATS: dict[str, Callable[[Grade], str]] = {
    "text": text,
    "json": as_json,
    "markdown": markdown,
    "html": html,
    "gradescope": gradescope,
    "junit": junit,
}

#: What a file in each form is called.
ENDINGS = {
    "text": ".txt",
    "json": ".json",
    "markdown": ".md",
    "html": ".html",
    "gradescope": ".gradescope.json",
    "junit": ".xml",
}

__all__ = ["ENDINGS", "FORMATS", "as_json", "gradescope", "html", "junit", "markdown", "text"]
