"""What is made of an unseen file; as of a fresh one, under another name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.checking.corpus import fresh_parts
from tests.checking.corpus.case import Case


def written(
    name: str,
    source: str,
    wrong: Sequence[tuple[str, str, str]],
    right: Sequence[Sequence[tuple[str, str]]] = (),
    lines: Sequence[tuple[str, str, str, str]] = (),
) -> Iterator[Case]:
    """The right file, its other right forms, and the files with one mistake: see `fresh_parts`."""
    for case in fresh_parts.written(name, source, wrong, right, lines):
        yield replace(case, name="unseen-" + case.name.removeprefix("fresh-"))
