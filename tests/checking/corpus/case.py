"""A file to check, made from a template with slots: the right text, or one of the wrong ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """One file of the corpus.

    Attributes
    ----------
    name : str
    source : str
        Holds loss, gradient and example.
    code : str
        The mistake in it; empty for a right one. Names that are equally right stand side by side,
        the first the likelier: ``G203|G905``.
    line : int
        Of the mistake, from 1; 0 for a right one.
    """

    name: str
    source: str
    code: str = ""
    line: int = 0

    def functions(self) -> dict[str, Any]:
        """The file, run."""
        import linecache

        filename = f"<corpus {self.name}>"
        lines = self.source.splitlines(keepends=True)
        linecache.cache[filename] = (len(self.source), None, lines, filename)
        space: dict[str, Any] = {"np": np, "__name__": "corpus"}
        exec(compile(self.source, filename, "exec"), space)
        return space


@dataclass(frozen=True)
class Slot:
    """A place where a mistake can be made.

    Attributes
    ----------
    right : str
    wrong : sequence of (str, str)
        Codes and texts.
    variants : sequence of str
        Other texts that are right.
    """

    right: str
    wrong: Sequence[tuple[str, str]] = ()
    variants: Sequence[str] = ()


def cases(name: str, template: str, slots: Mapping[str, Slot]) -> Iterator[Case]:
    """The right file, its right variants, and every file with one mistake."""
    right = {key: slot.right for key, slot in slots.items()}
    yield Case(name, filled(template, right))
    for key, slot in slots.items():
        for number, text in enumerate(slot.variants):
            yield Case(f"{name}/{key}~{number}", filled(template, {**right, key: text}))
        for number, (code, text) in enumerate(slot.wrong):
            source = filled(template, {**right, key: text})
            before = filled(template[: template.index(f"<{key}>")], right)
            line = before.count("\n") + 1
            yield Case(f"{name}/{key}!{code}.{number}", source, code, line)


def filled(template: str, texts: Mapping[str, str]) -> str:
    """A template with its slots filled in."""
    for key, text in texts.items():
        template = template.replace(f"<{key}>", text)
    return template
