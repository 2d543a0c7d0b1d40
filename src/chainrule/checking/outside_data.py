"""What a user's functions find outside of their arguments, kept while they run altered.

A changed text may write where the user's does not: ``X[i] -= 1`` for ``scores[i] -= 1`` with an
``X`` of the module spoils the data of all that follows, and the user's own. A value put in the
place of another may stay in an object: ``layer.grad`` of another shape ends every later call.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator
from operator import is_
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from chainrule.checking.watch_functions import contents

_MOST_ITEMS = 256  # of a container
_DEEPEST = 4
#: Elements of an array up to which it is copied where it cannot be locked.
_FEW = 100_000


class OutsideData:
    """The arrays, lists, dicts and attributes of objects of modules, closures and defaults.

    Arrays are locked; where the user's own text writes into them, they are put back afterwards.

    Parameters
    ----------
    functions : iterable of function
        Whose modules and closures are searched.
    runs : callable
        Runs the user's text as it is, and tells whether it ended without an error.
    """

    def __init__(self, functions: Iterable[FunctionType], runs: Callable[[], bool]) -> None:
        self._arrays: list[np.ndarray[Any, Any]] = []
        self._containers: list[list[Any] | dict[Any, Any]] = []
        self._seen: set[int] = set()
        spaces: dict[int, dict[str, Any]] = {}
        for function in functions:
            spaces[id(function.__globals__)] = function.__globals__
            defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
            for value in (*map(contents, function.__closure__ or ()), *defaults):
                self._gather(value)
            if vars(function):
                self._containers.append(vars(function))
        for space in spaces.values():
            for name, value in list(space.items()):
                if not (name.startswith("__") and name.endswith("__")):  # such as all builtins
                    self._gather(value)
        # A view may be unlocked only after what it is a view of.
        self._arrays.sort(key=lambda array: array.base is not None)
        self._locks = True
        with self.kept():
            self._locks = runs()

    def _gather(self, thing: Any, depth: int = 0) -> None:
        if id(thing) in self._seen or depth > _DEEPEST:
            return
        if isinstance(thing, (type, FunctionType, ModuleType)):
            return
        self._seen.add(id(thing))
        if issubclass(type(thing), np.ndarray):
            self._arrays.append(thing)
        elif isinstance(thing, np.ndarray):
            return  # a traced value, which an object has kept
        elif isinstance(thing, (list, dict, tuple)):
            if not isinstance(thing, tuple):
                self._containers.append(thing)
            items = list(thing.values() if isinstance(thing, dict) else thing)
            for item in items[:_MOST_ITEMS]:
                self._gather(item, depth + 1)
        elif type(thing).__module__ != "builtins":
            attributes = getattr(thing, "__dict__", None)
            if isinstance(attributes, dict):
                self._containers.append(attributes)
                for item in list(attributes.values())[:_MOST_ITEMS]:
                    self._gather(item, depth + 1)

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Whatever runs inside, the data are afterwards as they were."""
        containers = [(each, each.copy()) for each in self._containers]
        arrays = self._locked() if self._locks else self._put_back()
        try:
            with arrays:
                yield
        finally:
            for container, before in containers:
                _restore(container, before)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        locked = [array for array in self._arrays if _may_be_locked(array)]
        for array in locked:
            array.setflags(write=False)
        try:
            yield
        finally:
            for array in locked:
                array.setflags(write=True)

    @contextlib.contextmanager
    def _put_back(self) -> Iterator[None]:
        before = [(array, array.copy()) for array in self._arrays if array.size <= _FEW]
        try:
            yield
        finally:
            for array, copy in before:
                if array.flags.writeable:
                    array[...] = copy


def _may_be_locked(array: np.ndarray[Any, Any]) -> bool:
    """Whether an array can be written to, and could be again: no view of what is locked itself."""
    if not array.flags.writeable:
        return False
    base = array.base
    return not isinstance(base, np.ndarray) or base.flags.writeable


def _restore(container: list[Any] | dict[Any, Any], before: Any) -> None:
    """Put a container's items back, unless they are the same objects."""
    if isinstance(container, list):
        if not _are_same(container, before):
            container[:] = before
    elif not (_are_same(container, before) and _are_same(container.values(), before.values())):
        container.clear()
        container.update(before)


def _are_same(some: Collection[Any], others: Collection[Any]) -> bool:
    """Whether two containers hold the same objects in the same order."""
    return len(some) == len(others) and all(map(is_, some, others))
