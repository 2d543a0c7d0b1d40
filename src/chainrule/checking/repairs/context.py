"""What is known where a change of the text was made: values, what they stand for, how often."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.checking.repairs.meanings import Meanings
from chainrule.checking.repairs.names import parsed

_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.Pow: operator.pow,
}  # fmt: skip


class Context:
    """What is known where a change was made.

    Parameters
    ----------
    meanings : Meanings
    seen : mapping of str to array
        What expressions are worth at the statement, by their text.
    gained : collection of str
        The parameters whose gradients the change mends.
    biases : collection of str
        The parameters whose gradients are sums over the batch.
    runs : sequence of int
        How often the statement runs, on each probe.
    batches : sequence of int or None
        The batch size of each probe.
    """

    def __init__(
        self,
        meanings: Meanings,
        seen: Mapping[str, Any],
        gained: Collection[str],
        biases: Collection[str],
        runs: Sequence[int],
        batches: Sequence[int | None],
    ) -> None:
        self.meanings = meanings
        self.seen = seen
        self.gained = gained
        self.biases = biases
        self.runs = runs
        self.batches = batches

    def words(self, text: str) -> set[str]:
        """What an expression stands for; an entry of an array, for what the array does."""
        value = self.value(text)
        if value is None:
            return set()
        found = self.meanings.of(value)
        if value.ndim or not text.endswith("]"):
            return found
        array = ast.unparse(node.value) if isinstance(node := parsed(text), ast.Subscript) else ""
        return found | (self.words(array) if array else set())

    def value(self, text: str) -> Any:
        """What an expression is worth, by itself or from its parts; None if that is not known."""
        found = self.seen.get(text)
        return found if found is not None else self._calculated(parsed(text))

    def _calculated(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant):
            return np.asarray(node.value) if isinstance(node.value, (int, float)) else None
        if not isinstance(node, ast.BinOp) or type(node.op) not in _OPERATORS:
            return None
        both = [self.value(ast.unparse(x)) for x in (node.left, node.right)]
        if any(x is None or x.dtype.kind not in "fiub" for x in both):
            return None
        try:
            with np.errstate(all="ignore"):
                return np.asarray(_OPERATORS[type(node.op)](*both))
        except (ValueError, TypeError):
            return None

    @property
    def only_biases(self) -> bool:
        """Whether nothing but gradients of biases is mended."""
        return bool(self.gained) and set(self.gained) <= set(self.biases)

    @property
    def per_sample(self) -> bool:
        """Whether the statement runs once for every sample, or several times."""
        return all(
            n is not None and runs >= n and runs % n == 0
            for runs, n in zip(self.runs, self.batches, strict=True)
        )
