"""What is made of a right file by hand: one line put wrong, or another right form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.checking.corpus.case import Case


def made(
    name: str,
    source: str,
    wrong: Sequence[tuple[str, str, str]],
    right: Sequence[Sequence[tuple[str, str]]] = (),
) -> Iterator[Case]:
    """The right file, its other right forms, and the files with one mistake.

    Parameters
    ----------
    name : str
    source : str
        The right file; an empty first line is left out.
    wrong : sequence of (str, str, str)
        Code, a text that stands once in the file, and the text on the same line in its place.
    right : sequence of sequences of (str, str)
        Each one form: texts that stand once in the file, and those in their places.
    """
    source = source.lstrip("\n")
    yield Case(name, source)
    for number, pairs in enumerate(right):
        text = source
        for old, new in pairs:
            text = _replaced(name, text, old, new)
        yield Case(f"{name}/~{number}", text)
    for number, (code, old, new) in enumerate(wrong):
        text = _replaced(name, source, old, new)
        pairs = zip(source.splitlines(), text.splitlines(), strict=True)
        (line,) = (i for i, (its, mine) in enumerate(pairs, start=1) if its != mine)
        yield Case(f"{name}/!{code}.{number}", text, code, line)


def _replaced(name: str, text: str, old: str, new: str) -> str:
    if text.count(old) != 1:
        raise ValueError(f"{name}: {old!r} stands {text.count(old)} times in the file.")
    return text.replace(old, new)
