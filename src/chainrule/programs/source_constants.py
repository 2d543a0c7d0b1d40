"""Constant arrays of a program: written where they are used, at the top, or bound by name.

Tracing copies what a function closes over, so a constant is recognised by its contents among the
variables the function can see; it then keeps the user's name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from chainrule.engine.graph import Graph
from chainrule.engine.primitive import CONSTANT
from chainrule.programs.literals import literal
from chainrule.programs.names import Namespace
from chainrule.programs.simplify import freeze

INLINE = 40  # characters of an array that is written where it is used
WRITTEN = 400  # characters of an array that is written at the top


class Constants:
    """Decides how each constant array of a graph appears in its source.

    Parameters
    ----------
    graph : Graph
    seen : mapping of str to array
        Arrays that the user's variables held.
    space : Namespace
        Where names are taken from.
    write : callable
        Gives the source of an array.
    copy : str
        The method that copies one.
    """

    def __init__(
        self,
        graph: Graph,
        seen: Mapping[str, Any],
        space: Namespace,
        write: Callable[[Any], str] = literal,
        copy: str = "copy",
    ) -> None:
        self._write = write
        self._copy = copy
        self.definitions: dict[str, str] = {}  # name: source, for arrays written at the top
        self.bound: dict[str, np.ndarray] = {}  # name: array, for the others
        self._texts: dict[int, str] = {}
        self._held: list[Any] = []  # keeps the identities above alive
        by_contents = {_contents(array): name for name, array in reversed(list(seen.items()))}
        counts: dict[Any, int] = {}
        arrays: dict[Any, np.ndarray] = {}
        for array in _arrays(graph):
            key = _contents(array)
            counts[key] = counts.get(key, 0) + 1
            arrays.setdefault(key, array)
            self._held.append(array)
        texts: dict[Any, str] = {}
        for key, array in arrays.items():
            texts[key] = self._transposed(array, arrays, by_contents, texts, space) or self._text(
                array, counts[key], by_contents.get(key), space
            )
        for array in self._held:
            self._texts[id(array)] = texts[_contents(array)]

    def _text(self, array: np.ndarray, count: int, name: str | None, space: Namespace) -> str:
        flags = array.flags
        laid_out = flags.c_contiguous or flags.f_contiguous or not any(array.strides)
        text = None
        if laid_out and (array.size <= WRITTEN or _is_uniform(array)):
            text = self._write(array)
        written = text is not None and len(text) <= WRITTEN
        once = count == 1 and name is None
        if text is not None and len(text) <= INLINE and (once or "array" not in text):
            return text
        name = space.create(name or _KINDS[array.dtype.kind])
        if written and text is not None:
            self.definitions[name] = text
        else:
            self.bound[name] = array
        return name

    def _transposed(
        self,
        array: np.ndarray,
        arrays: Mapping[Any, np.ndarray],
        variables: Mapping[Any, str],
        texts: Mapping[Any, str],
        space: Namespace,
    ) -> str | None:
        """A name for an array that is another constant transposed, as rules of products make it."""
        if array.ndim != 2 or min(array.shape) < 2 or _contents(array) in variables:
            return None
        key = _contents(np.ascontiguousarray(array.T))
        other = texts.get(key)
        if other is None or key not in arrays or not other.isidentifier():
            return None
        name = space.create(f"{other}_T")
        self.definitions[name] = f"{other}.T.{self._copy}()"
        return name

    def __call__(self, constant: Any) -> str | None:
        """The text of a constant array; None for anything else."""
        return self._texts.get(id(constant))


_KINDS = {"f": "constants", "i": "indices", "u": "indices", "b": "selected"}


def _arrays(graph: Graph) -> Iterator[np.ndarray]:
    for node in graph.nodes:
        if node.primitive is not CONSTANT:
            for x in node.inputs:
                if type(x) is np.ndarray and x.ndim:
                    yield x
        elif type(node.inputs[0]) is np.ndarray:
            yield node.inputs[0]
    for output in graph.outputs:
        if type(output) is np.ndarray and output.ndim:
            yield output


def _contents(array: np.ndarray) -> Any:
    return freeze(array)[1:]


def _is_uniform(array: np.ndarray) -> bool:
    return array.size > 0 and bool(np.all(array == array.flat[0]))


def visible_arrays(f: Callable[..., Any] | None, local: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays a function can see, by name: what it closes over, globals it reads, locals."""
    found: dict[str, Any] = {}
    try:
        variables = inspect.getclosurevars(inspect.unwrap(f))  # type: ignore[arg-type]
        found.update({**variables.globals, **variables.nonlocals})
    except (TypeError, ValueError):
        pass
    found.update(local)
    return {name: x for name, x in found.items() if type(x) is np.ndarray and x.ndim}
