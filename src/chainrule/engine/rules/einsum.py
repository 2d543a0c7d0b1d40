"""The rule of Einstein summation: the gradient of an einsum is another einsum.

Swap the operand's subscripts with the output's and sum: for y = einsum('ij,jk->ik', A, B) the
cotangent of A is einsum('ik,jk->ij', ȳ, B). An index that only this operand carries gets a vector
of ones, a repeated index an identity matrix that spreads the cotangent along the diagonal.
"""

from __future__ import annotations

import functools
import string
from typing import Any

import numpy as np

from chainrule.engine.primitive import call, primitive
from chainrule.engine.rules.arguments import Bound


@functools.lru_cache(maxsize=1024)
def _explicit(subscripts: str, ndims: tuple[int, ...]) -> tuple[tuple[str, ...], str]:
    """One letter per axis for every operand and the result, ellipses and output made explicit."""
    subscripts = subscripts.replace(" ", "")
    inputs, arrow, output = subscripts.partition("->")
    terms = inputs.split(",")
    named = [term.replace("...", "") for term in terms]
    widths = [
        ndim - len(letters) if "..." in term else 0
        for term, letters, ndim in zip(terms, named, ndims, strict=True)
    ]
    unused = [letter for letter in string.ascii_letters if letter not in subscripts]
    dots = "".join(unused[: max(widths)])
    if not arrow:
        together = "".join(named)
        single = sorted(letter for letter in set(together) if together.count(letter) == 1)
        output = "..." + "".join(single)
    expanded = [
        term.replace("...", dots[len(dots) - width :])
        for term, width in zip(terms, widths, strict=True)
    ]
    return tuple(expanded), output.replace("...", dots)


def _einsum_rule(
    position: int, g: Any, y: Any, *operands: Any, subscripts: str, optimize: Any
) -> Any:
    terms, output = _explicit(subscripts, tuple([np.ndim(x) for x in operands]))
    labels = [output, *terms[:position], *terms[position + 1 :]]
    factors = [g, *operands[:position], *operands[position + 1 :]]
    present = set("".join(labels))
    used = present.union(terms[position])
    unused = (letter for letter in string.ascii_letters if letter not in used)
    target = ""
    for letter, size in zip(terms[position], np.shape(operands[position]), strict=True):
        if letter in target:
            other = next(unused)
            factors.append(np.eye(size, dtype=g.dtype))
            labels.append(letter + other)
            target += other
            continue
        if letter not in present:
            factors.append(np.ones(size, g.dtype))
            labels.append(letter)
        target += letter
    # a contraction path given by the user fits the forward operands only
    return np.einsum(f"{','.join(labels)}->{target}", *factors, optimize=bool(optimize))


def _einsum(*operands: Any, subscripts: str, optimize: Any) -> Any:
    return np.einsum(subscripts, *operands, optimize=optimize)


def _source(*operands: str, subscripts: str, optimize: Any = False) -> str:
    suffix = f", optimize={optimize!r}" if optimize is not False else ""
    return f"np.einsum({subscripts!r}, {', '.join(operands)}{suffix})"


@primitive(
    np.einsum,
    rules=_einsum_rule,
    evaluate=_einsum,
    view=True,
    source=_source,
    text=lambda *operands, subscripts, **_: f"einsum({subscripts!r}, {', '.join(operands)})",
    cases=(
        lambda draw: call("ij,jk->ik", draw(2, 3), draw(3, 4)),
        lambda draw: call("ij,jk", draw(2, 3), draw(3, 4)),
        lambda draw: call("ba", draw(2, 3)),
        lambda draw: call("ij->ji", draw(2, 3)),
        lambda draw: call("ij->", draw(2, 3)),
        lambda draw: call("ij->j", draw(2, 3)),
        lambda draw: call("ii", draw(3, 3)),
        lambda draw: call("ii->i", draw(3, 3)),
        lambda draw: call("iij->ji", draw(3, 3, 2)),
        lambda draw: call("iii->i", draw(2, 2, 2)),
        lambda draw: call("iij->j", draw(3, 3, 2)),
        lambda draw: call("ij,j->", draw(2, 3), draw(3)),
        lambda draw: call("ij,k->k", draw(2, 3), draw(4)),
        lambda draw: call("i,j,k->ijk", draw(2), draw(3), draw(2)),
        lambda draw: call("ij,jk,kl->il", draw(2, 3), draw(3, 2), draw(2, 4), optimize=True),
        lambda draw: call(
            "ij,jk,kl->il",
            draw(2, 3),
            draw(3, 2),
            draw(2, 4),
            optimize=["einsum_path", (1, 2), (0, 1)],
        ),
        lambda draw: call("bij,bjk->bik", draw(2, 3, 4), draw(2, 4, 2), optimize="greedy"),
        lambda draw: call("...ij,...jk->...ik", draw(2, 3, 4), draw(4, 2)),
        lambda draw: call("...ij,...jk", draw(2, 1, 3, 4), draw(5, 4, 2)),
        lambda draw: call("i...,i...->...", draw(3, 2), draw(3, 4, 2)),
        lambda draw: call("i...j->j...", draw(2, 3, 4)),
        lambda draw: call("...,...", draw(), draw(3)),
        lambda draw: call("ij,ij->ij", draw(1, 3), draw(4, 3)),
        lambda draw: call("ij,jk->ik", draw(2, 1), draw(3, 4)),
        lambda draw: call("ii,i->", draw(3, 3), draw(3)),
        lambda draw: call(draw(2, 3), [0, 1], draw(3, 4), [1, 2]),
        lambda draw: call(draw(2, 3), [0, 1], draw(3, 4), [1, 2], [2, 0]),
        lambda draw: call(draw(2, 3), [Ellipsis, 30], draw(3), [30], [Ellipsis]),
        lambda draw: call(" i , i -> ", draw(3), draw(3)),
    ),
)
def einsum(*operands: Any, optimize: Any = False) -> Bound:
    if not isinstance(operands[0], str):
        operands = _from_lists(operands)
    return operands[1:], {"subscripts": operands[0], "optimize": optimize}


def _from_lists(operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """``einsum(a, [0, 1], b, [1, 2], [0, 2])`` in the notation with letters."""
    pairs = len(operands) // 2
    subscripts = ",".join(_letters(operands[2 * k + 1]) for k in range(pairs))
    if len(operands) % 2:
        subscripts += "->" + _letters(operands[-1])
    return (subscripts, *operands[: 2 * pairs : 2])


def _letters(labels: Any) -> str:
    # capitals come first, so that the order of the numbers is the order of the letters
    alphabet = string.ascii_uppercase + string.ascii_lowercase
    return "".join("..." if label is Ellipsis else alphabet[label] for label in labels)
