"""Long statements over several lines, the way ruff formats them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

WIDTH = 88
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_INDENT = "    "


def wrapped(text: str, indent: int = 0, width: int = WIDTH) -> list[str]:
    """One statement as lines of at most ``width`` columns, as far as that is possible.

    Parameters
    ----------
    text : str
        A statement on one line.
    indent : int
        Columns in front of it.
    width : int

    Returns
    -------
    list of str
        With the indentation.
    """
    margin = " " * indent
    if indent + len(text) <= width:
        return [margin + text]
    name, sign, value = _assignment(text)
    if sign:
        split = _last_brackets(value)
        if split is not None:
            return _exploded(f"{name} = {split[0]}", split[1], split[2], indent, width)
        return _parenthesised(f"{name} = ", value, indent, width)
    split = _last_brackets(text)
    if split is None:
        return [margin + text]
    return _exploded(*split, indent, width)


def _assignment(text: str) -> tuple[str, bool, str]:
    """``name = value`` taken apart, if the text is one."""
    name, sign, value = text.partition(" = ")
    plain = sign and all(part.strip(" *").isidentifier() for part in name.split(","))
    return (name, True, value) if plain else ("", False, text)


def _last_brackets(text: str) -> tuple[str, str, str] | None:
    """Head, inside and tail of the brackets that end a text, ``np.sum(…)`` or ``def f(…):``."""
    body = text.removesuffix(":")
    if not body or body[-1] not in ")]}" or len(_weakest(body)) > 1:
        return None
    start = _opening(body)
    if start < 0 or not body[start + 1 : -1].strip():
        return None
    return text[: start + 1], body[start + 1 : -1], text[len(body) - 1 :]


def _opening(text: str) -> int:
    """Where the bracket opens that closes at the end of the text."""
    opened: list[int] = []
    last = -1
    for position, character, _ in _code(text):
        if character in _PAIRS:
            opened.append(position)
        elif character in ")]}" and opened:
            last = opened.pop()
    return last


def _code(text: str) -> list[tuple[int, str, int]]:
    """Position, character and depth of brackets of everything outside string literals."""
    found = []
    depth, quote = 0, ""
    previous = ""
    for position, character in enumerate(text):
        if quote:
            if character == quote and previous != "\\":
                quote = ""
        elif character in "\"'":
            quote = character
        else:
            depth -= character in ")]}"
            found.append((position, character, depth))
            depth += character in _PAIRS
        previous = character
    return found


_OPERATORS = (
    (" < ", " > ", " <= ", " >= ", " == ", " != "), (" | ",), (" ^ ",), (" & ",),
    (" + ", " - "), (" * ", " / ", " // ", " % ", " @ "), (" ** ",),
)  # fmt: skip


def top_level(text: str, separators: Sequence[str]) -> list[int]:
    """Where one of ``separators`` stands outside all brackets and strings."""
    wanted = tuple(separators)
    return [
        position
        for position, character, depth in _code(text)
        if depth == 0 and character in " ," and text.startswith(wanted, position)
    ]


def _exploded(head: str, inside: str, tail: str, indent: int, width: int) -> list[str]:
    margin = " " * indent
    inner = indent + len(_INDENT)
    if inner + len(inside) <= width and not _is_collection(head):
        body = [" " * inner + inside]
    else:
        body = []
        for part in split_arguments(inside):
            lines = _argument(part, inner, width - 1)
            lines[-1] += ","
            body += lines
    return [margin + head, *body, margin + tail]


def _is_collection(head: str) -> bool:
    """Whether a bracket opens a list, dict or tuple, whose parts stand on lines of their own."""
    before = head[-2:-1]
    return not (before.isalnum() or before in ("_", ")", "]"))


def _argument(text: str, indent: int, width: int) -> list[str]:
    if indent + len(text) <= width:
        return [" " * indent + text]
    split = _last_brackets(text)
    if split is not None:
        return _exploded(*split, indent, width)
    pieces = _operands(text)
    return [" " * indent + piece for piece in pieces]


def split_arguments(text: str) -> list[str]:
    """The parts between the commas outside all brackets."""
    parts, start = [], 0
    for place in top_level(text, (", ",)):
        parts.append(text[start:place])
        start = place + 2
    rest = text[start:].rstrip(",")
    return [*parts, rest] if rest else parts


def _parenthesised(head: str, value: str, indent: int, width: int) -> list[str]:
    margin = " " * indent
    inner = " " * (indent + len(_INDENT))
    lines = [value] if len(inner) + len(value) <= width else _operands(value)
    return [f"{margin}{head}(", *[inner + line for line in lines], f"{margin})"]


def _operands(text: str) -> list[str]:
    """An expression broken before its weakest operators."""
    bounds = [0, *[place + 1 for place in _weakest(text)], len(text)]
    return [text[a:b].rstrip() for a, b in itertools.pairwise(bounds)]


def _weakest(text: str) -> list[int]:
    """Where the operators stand that bind least strongly."""
    for group in _OPERATORS:
        places = top_level(text, group)
        if places:
            return places
    return []
