"""What is made of a file that was handed in: its right forms, and the files with one mistake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.checking.corpus.case import Case


def made(
    name: str,
    source: str,
    wrong: Sequence[tuple[str, ...]],
    right: Sequence[tuple[str, str]] = (),
) -> Iterator[Case]:
    """The right file, its other right forms, and the files with one mistake.

    Parameters
    ----------
    name : str
    source : str
    wrong : sequence of (str, str, str) or (str, str, str, str)
        Code, a text that stands once in the file, and the text in its place; then what stands on
        the line of the mistake, where that is not the first line that differs.
    right : sequence of (str, str)
        Texts, and texts in their place that are right as well.
    """
    source = source.lstrip("\n")
    yield Case(f"handed-in-{name}/~0", source)
    for number, (old, new) in enumerate(right, 1):
        yield Case(f"handed-in-{name}/~{number}", _replaced(name, source, old, new))
    for number, (code, old, new, *mark) in enumerate(wrong):
        text = _replaced(name, source, old, new)
        line = _first_other(source, text)
        if mark:
            marked = [i for i, each in enumerate(text.split("\n"), 1) if mark[0] in each]
            line = next((i for i in marked if i >= line - 1), marked[0])
        yield Case(f"handed-in-{name}/!{code}.{number}", text, code, line)


def _replaced(name: str, source: str, old: str, new: str) -> str:
    if source.count(old) != 1:
        raise ValueError(f"{name}: {old!r} stands {source.count(old)} times in the file.")
    return source.replace(old, new)


def _first_other(source: str, text: str) -> int:
    """The first line of a text that stands otherwise in its source."""
    before, after = source.split("\n"), text.split("\n")
    for number, line in enumerate(after):
        if number >= len(before) or before[number] != line:
            return number + 1
    return len(after)
