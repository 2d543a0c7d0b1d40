"""Which functions are the user's: those of the modules that a function comes from."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

from chainrule.engine.location import is_machinery

_OWN = str(Path(__file__).resolve().parent.parent)
_MOST_ITEMS = 64  # of a table of functions


def users_functions(function: Callable[..., Any]) -> Iterator[FunctionType]:
    """The user's functions around a function: those of its modules, and those it closes over."""
    seen: set[int] = set()
    waiting: list[Any] = [function]
    spaces: dict[int, dict[str, Any]] = {}
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, FunctionType):
            filename = thing.__code__.co_filename
            waiting += [x for x in map(contents, thing.__closure__ or ()) if _may_hold(x)]
            waiting += [x for x in vars(thing).values() if _may_hold(x)]
            if _is_users(filename):
                yield thing
                if id(thing.__globals__) not in spaces:
                    spaces[id(thing.__globals__)] = thing.__globals__
                    waiting += [x for x in list(thing.__globals__.values()) if _may_hold(x)]
        elif isinstance(thing, type):
            waiting += [x for x in vars(thing).values() if _may_hold(x)]
        elif isinstance(thing, (types.MethodType, staticmethod, classmethod)):
            waiting.append(thing.__func__)
            waiting += [x for x in [getattr(thing, "__self__", None)] if _may_hold(x)]
        elif isinstance(thing, property):
            waiting += [x for x in (thing.fget, thing.fset) if x is not None]
        elif isinstance(thing, functools.partial):
            waiting.append(thing.func)
        elif isinstance(thing, (dict, list, tuple)):  # such as a table of activations
            items = list(thing.values()) if isinstance(thing, dict) else list(thing)
            waiting += [x for x in items[:_MOST_ITEMS] if _may_hold(x)]
        elif _may_hold(thing):
            waiting.append(type(thing))
            waiting += [x for x in getattr(thing, "__dict__", {}).values() if _may_hold(x)]


_HOLDING = (
    FunctionType, types.MethodType, staticmethod, classmethod, property, functools.partial,
)  # fmt: skip


def _may_hold(thing: Any) -> bool:
    """Whether functions of the user's may be found through something."""
    if isinstance(thing, _HOLDING) or type(thing) in (dict, list, tuple):
        return True
    kind = thing if isinstance(thing, type) else type(thing)
    if kind is types.ModuleType or kind.__module__ in ("builtins", "numpy"):
        return False
    module = sys.modules.get(kind.__module__)
    filename = getattr(module, "__file__", None) or ""
    return not filename or _is_users(filename) or filename.startswith(_OWN)


def _is_users(filename: str) -> bool:
    return (
        not filename.startswith(_OWN)
        and "site-packages" not in filename
        and "dist-packages" not in filename
        and not is_machinery(filename)
    )


def contents(cell: Any) -> Any:
    """What a cell of a closure holds; None if it is empty."""
    try:
        return cell.cell_contents
    except ValueError:  # an empty cell
        return None
