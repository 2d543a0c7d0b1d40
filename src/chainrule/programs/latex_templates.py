r"""Filling LaTeX notation with expressions: parentheses where they are needed, and only there.

What stands between brackets, braces or bars needs none (``\sigma(…)``, ``\frac{…}{…}``); what is
raised to a power does (``\left(e^{x}\right)^{2}``: TeX refuses two superscripts).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from chainrule.programs.terms import ATOM, POWER, PRODUCT, SUM, UNARY

__all__ = ["fill_latex"]

_OPENING = ("(", "[", "|", ",", r"\left", r"\langle", r"\|")
_CLOSING = (")", "]", "|", ",", r"\right", r"\rangle", r"\|")
_SIGNS = (r"\cdot", r"\otimes", r"\odot", r"\times", r"\star")


def fill_latex(
    template: str | Callable[..., str],
    texts: Sequence[str],
    precedences: Sequence[int],
    params: dict[str, Any],
) -> tuple[str, int]:
    """A notation with its operands, and how strongly its outermost operator binds.

    Parameters
    ----------
    template : str or callable
        With ``{0}``, ``{1}`` for operands and names for parameters, or a function of them.
    texts, precedences : sequence of str and of int
        The operands, and how strongly their outermost operators bind.
    params : dict
    """
    marks = [f"OPERAND{k}." for k in range(len(texts))]
    pattern = (
        template(*marks, **params) if callable(template) else template.format(*marks, **params)
    )
    needed = _needed(pattern)
    text, at = "", 0
    for match in re.finditer(r"OPERAND(\d+)\.", pattern):
        k = int(match[1])
        bare = precedences[k] >= needed[match.start()]
        text += pattern[at : match.start()] + (texts[k] if bare else rf"\left({texts[k]}\right)")
        at = match.end()
    return text + pattern[at:], _strength(pattern)


@lru_cache(maxsize=1024)
def _needed(pattern: str) -> dict[int, int]:
    """By position of an operand, how strongly its place binds."""
    return {
        match.start(): _place(pattern[: match.start()].rstrip(), pattern[match.end() :])
        for match in re.finditer(r"OPERAND\d+\.", pattern)
    }


def _place(before: str, after: str) -> int:
    following = after.lstrip()
    if following.startswith(("^", "_")):
        return ATOM
    if before.endswith("{") and following.startswith("}"):
        # an argument of a command or an exponent is enclosed, the base of a power is not
        return 0 if before[:-1].rstrip()[-1:] in set("^_}]") or _ends_in_command(before) else ATOM
    if before.endswith(_OPENING) and following.startswith(_CLOSING):
        return 0
    if before.endswith(("+", " -")):
        return SUM + 1
    if before.endswith(_SIGNS):
        return PRODUCT + 1
    if before.endswith("/") or following.startswith("/"):
        return ATOM
    if re.search(r"(\\[a-zA-Z]+|\\operatorname\{\w+\}|_\{?\d+\}?)$", before):
        return ATOM  # a function written without parentheses
    if not before or before.endswith(("(", "{", "-")):
        return SUM if following.startswith(("+", "-")) else PRODUCT
    return PRODUCT + 1


def _ends_in_command(before: str) -> bool:
    return re.search(r"\\[a-zA-Z]+\{$", before) is not None


@lru_cache(maxsize=1024)
def _strength(pattern: str) -> int:
    """How strongly the outermost operator of a notation binds."""
    bare = re.sub(r"\\left.*?\\right(\\?\W)?|\\langle.*?\\rangle", "", pattern)
    bare = re.sub(r"OPERAND\d+\.", "X", bare)
    previous = None
    while previous != bare:
        previous, bare = bare, re.sub(r"\{[^{}]*\}|\([^()]*\)|\[[^\[\]]*\]", "", bare)
    bare = bare.strip()
    if " + " in bare or " - " in bare:
        return SUM
    if bare.startswith("-"):
        return UNARY
    if " " in bare:
        return PRODUCT
    return POWER if "^" in bare else ATOM
