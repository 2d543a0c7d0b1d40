"""What is made of a fresh file: mistakes on one line, and lines left out or put in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.checking.corpus.blind_parts import made
from tests.checking.corpus.case import Case


def written(
    name: str,
    source: str,
    wrong: Sequence[tuple[str, str, str]],
    right: Sequence[Sequence[tuple[str, str]]] = (),
    lines: Sequence[tuple[str, str, str, str]] = (),
) -> Iterator[Case]:
    """The right file, its other right forms, and the files with one mistake.

    Parameters
    ----------
    name : str
    source : str
    wrong : sequence of (str, str, str)
        Code, a text that stands once in the file, and the text on the same line in its place.
    right : sequence of sequences of (str, str)
    lines : sequence of (str, str, str, str)
        Mistakes that change the number of lines: code, text, the text in its place, and a text
        that stands once in the wrong file, on the line that is to be marked.
    """
    yield from made(f"fresh-{name}", source, wrong, right)
    for number, (code, old, new, mark) in enumerate(lines):
        text = source.lstrip("\n")
        if text.count(old) != 1:
            raise ValueError(f"{name}: {old!r} stands {text.count(old)} times in the file.")
        text = text.replace(old, new)
        if text.count(mark) != 1:
            raise ValueError(f"{name}: {mark!r} stands {text.count(mark)} times in the wrong file.")
        line = text[: text.index(mark)].count("\n") + 1
        yield Case(f"fresh-{name}/={code}.{number}", text, code, line)
