"""A walk over everything a function reads, which rebuilds it around other values.

Python functions read closed-over variables, globals, defaults, attributes of objects. The walk
visits each of them and makes the function anew around what the visitor gives in its place; what
refers to itself is rebuilt once. Classes and modules are shared by everybody and stay as they are:
their variables are visited as out of reach.
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
import sysconfig
import types
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from chainrule.engine.location import is_machinery
from chainrule.programs.held import (
    can_be_put_together,
    classes_of,
    put_together,
    take_apart,
)

Key = tuple[Any, ...]

# In Pyodide Python lies in "/" itself, and its folders are given as "//lib".
_LIBRARIES = tuple(
    os.path.join(os.path.abspath(path), "").replace("//", "/")
    for path in {
        *(sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib")),
        os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
    }
)
_NAMESPACES = (types.SimpleNamespace, argparse.Namespace)
_UNSET = object()
#: What reading a variable that is gone raises.
UNREADABLE = (ValueError, LookupError, AttributeError, TypeError)


class Variable(NamedTuple):
    """One variable that a function reads.

    Attributes
    ----------
    key : tuple
        Comparable across calls.
    name : str
    read : callable
        Gives the present value; raises where the variable is gone.
    """

    key: Key
    name: str
    read: Callable[[], Any]


class Circular(Exception):
    """Something that cannot be rebuilt refers to itself."""


# (variable, its value, whether leaves can be replaced) -> the leaves to be read instead
Visitor = Callable[[Variable, Any, bool], list[Any]]


class Walk:
    """Visits every variable once.

    Parameters
    ----------
    visit : callable
    """

    def __init__(self, visit: Visitor, rebuild: bool = True) -> None:
        self._visit = visit
        self._rebuild = rebuild
        self._variables: dict[tuple[Key, bool], Any] = {}
        self._made: dict[tuple[int, bool], Any] = {}
        self._spaces: dict[int, dict[str, Any]] = {}
        self._alive: list[Any] = []  # so that no identity is used twice

    def start(self, value: Any) -> Any:
        """Walk from the function itself, or from a static argument of it."""
        return self._reached(value, self._rebuild)

    def _at(self, variable: Variable, reach: bool) -> Any:
        """The value to be read instead of a variable's; unset ones stay unset."""
        key = (variable.key, reach)
        found = self._variables.get(key, _UNSET)
        if found is not _UNSET and found is not _OPEN:
            return found
        try:
            present = variable.read()
        except UNREADABLE:
            return _UNSET
        leaves = take_apart(present)[0]
        if found is _OPEN:
            return self._again(present, leaves, reach)
        self._variables[key] = _OPEN
        self._alive.append(present)
        possible = reach and can_be_put_together(present)
        for kind in classes_of(present):
            self._class(kind, False)
        given = self._visit(variable, present, possible)
        made = [
            self._reached(new, possible) if new is old else new
            for old, new in zip(leaves, given, strict=True)
        ]
        changed = any(new is not old for old, new in zip(leaves, made, strict=True))
        result = put_together(present, iter(made)) if changed and possible else present
        self._variables[key] = result
        return result

    def _again(self, present: Any, leaves: list[Any], reach: bool) -> Any:
        """A variable met again while it is being walked over."""
        if not reach:
            return present
        made = [self._made.get((id(leaf), reach), _OPEN) for leaf in leaves]
        if any(leaf is _OPEN for leaf in made) or not can_be_put_together(present):
            raise Circular
        return put_together(present, iter(made))

    def _reached(self, value: Any, reach: bool) -> Any:
        """A function or object, rebuilt; anything else unchanged."""
        known = self._made.get((id(value), reach))
        if known is not None:
            if known is not _OPEN:
                return known
            if reach:
                raise Circular
            return value
        if isinstance(value, types.FunctionType):
            return self._function(value, reach)
        if isinstance(value, functools.partial):
            return self._partial(value, reach)
        if isinstance(value, types.MethodType):
            return self._method(value, reach)
        if isinstance(value, type):
            return self._class(value, reach)
        if hasattr(type(value), "_with_function"):  # a compiled function
            self._remember(value, reach, _OPEN)
            inner = self._attribute(value, "_f", reach)
            return self._remember(value, reach, value._with_function(inner) if reach else value)
        if _has_attributes(value):
            return self._object(value, reach)
        if isinstance(value, types.BuiltinMethodType):
            if not isinstance(value.__self__, types.ModuleType):  # a method of a container
                self._attribute(value, "__self__", False)
        elif callable(value) and hasattr(value, "__wrapped__"):
            self._attribute(value, "__wrapped__", False)
        return value

    def _remember(self, value: Any, reach: bool, made: Any) -> Any:
        self._alive.append(value)
        self._made[id(value), reach] = made
        return made

    def _attribute(self, owner: Any, name: str, reach: bool) -> Any:
        read = functools.partial(getattr, owner, name)
        return self._at(Variable(("attribute", id(owner), name), name, read), reach)

    # --- functions -------------------------------------------------------------------------------

    def _function(self, f: types.FunctionType, reach: bool) -> types.FunctionType:
        own = _is_own(f.__code__.co_filename)
        space = f.__globals__
        if reach and own:
            space = self._spaces.setdefault(id(space), dict(space))
        cells = tuple([self._shell(cell, reach) for cell in f.__closure__ or ()])
        made = f
        if reach:
            made = types.FunctionType(f.__code__, space, f.__name__, None, cells)
        self._remember(f, reach, made)
        for name, old, new in zip(f.__code__.co_freevars, f.__closure__ or (), cells, strict=True):
            read = functools.partial(getattr, old, "cell_contents")
            value = self._at(Variable(("cell", id(old)), name, read), reach)
            self._named_attributes(value, f)
            if new is not old and value is not _UNSET:
                new.cell_contents = value
        if own:
            self._globals(f, space, reach)
        self._defaults(f, made, reach)
        return made

    def _shell(self, cell: types.CellType, reach: bool) -> types.CellType:
        """The cell that stands for another in every function that shares it."""
        if not reach:
            return cell
        known = self._made.get((id(cell), True))
        return self._remember(cell, True, types.CellType()) if known is None else known

    def _globals(self, f: types.FunctionType, space: dict[str, Any], reach: bool) -> None:
        for name in sorted(_names_in(f.__code__)):
            if name not in f.__globals__:
                continue
            value = self._global(f.__globals__, name, reach)
            if space is not f.__globals__ and value is not _UNSET:
                space[name] = value
            self._named_attributes(value, f)

    def _named_attributes(self, value: Any, f: types.FunctionType) -> None:
        """Variables of a module of the user's that a function with access to it names."""
        if isinstance(value, types.ModuleType) and _is_own(getattr(value, "__file__", None)):
            for name in sorted(_names_in(f.__code__)):
                if name in vars(value):
                    self._global(vars(value), name, False)

    def _global(self, space: dict[str, Any], name: str, reach: bool) -> Any:
        read = functools.partial(space.__getitem__, name)
        return self._at(Variable(("global", id(space), name), name, read), reach)

    def _defaults(self, f: types.FunctionType, made: types.FunctionType, reach: bool) -> None:
        for name in ("__defaults__", "__kwdefaults__"):
            if getattr(f, name) is not None:
                values = self._attribute(f, name, reach)
                if made is not f:
                    setattr(made, name, values)
        for name in list(vars(f)):
            value = self._attribute(f, name, reach)
            if made is not f and value is not _UNSET:
                setattr(made, name, value)

    def _partial(self, value: Any, reach: bool) -> Any:
        self._remember(value, reach, _OPEN)
        parts = [self._attribute(value, name, reach) for name in ("func", "args", "keywords")]
        made = functools.partial(parts[0], *parts[1], **parts[2]) if reach else value
        return self._remember(value, reach, made)

    def _method(self, value: Any, reach: bool) -> Any:
        self._remember(value, reach, _OPEN)
        function = self._attribute(value, "__func__", reach)
        owner = self._attribute(value, "__self__", reach)
        return self._remember(value, reach, types.MethodType(function, owner) if reach else value)

    # --- objects and classes ---------------------------------------------------------------------

    def _object(self, value: Any, reach: bool) -> Any:
        kind = type(value)
        slots, make = _slots(kind), cast(Any, kind.__new__)
        plain = make is object.__new__ and not slots
        reach = reach and (plain or kind in _NAMESPACES)
        made = self._remember(value, reach, make(kind) if reach else value)
        for name in list(getattr(value, "__dict__", ())):
            read = functools.partial(vars(value).__getitem__, name)
            found = self._at(Variable(("attribute", id(value), name), name, read), reach)
            if reach and found is not _UNSET:
                made.__dict__[name] = found
        for name in slots:
            self._attribute(value, name, False)
        self._class(kind, False)
        return made

    def _class(self, kind: type, _: bool) -> type:
        """Methods and attributes of a class of the user's, none of which can be replaced."""
        if (id(kind), False) in self._made:
            return kind
        self._remember(kind, False, kind)
        for base in kind.__mro__:
            if not _is_own(_file_of(base)) and base.__module__ != "__main__":
                continue
            for name, value in list(vars(base).items()):
                function = getattr(value, "__func__", getattr(value, "fget", value))
                if isinstance(function, types.FunctionType):
                    self._reached(function, False)
                elif not name.startswith("__"):
                    read = functools.partial(vars(base).__getitem__, name)
                    self._at(Variable(("class", id(base), name), name, read), False)
        return kind


_OPEN = object()  # being made


def _has_attributes(value: Any) -> bool:
    """Whether an object may hold variables of the user's."""
    if isinstance(value, (types.ModuleType, type)):
        return False
    if isinstance(value, _NAMESPACES):
        return True
    if _is_core(type(value).__module__):
        return False
    return hasattr(value, "__dict__") or bool(_slots(type(value)))


def _slots(kind: type) -> list[str]:
    names: list[str] = []
    for base in kind.__mro__[:-1]:
        slots = vars(base).get("__slots__", ())
        names += [slots] if isinstance(slots, str) else slots
    return [name for name in names if name not in ("__dict__", "__weakref__")]


def _names_in(code: types.CodeType) -> set[str]:
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names_in(constant)
    return names


def _file_of(kind: type) -> str | None:
    return getattr(sys.modules.get(kind.__module__), "__file__", None)


@functools.cache
def _is_own(filename: str | None) -> bool:
    """Whether code in a file is the user's own, whose globals may change, and not a library's."""
    if filename is None or is_machinery(filename):
        return False
    path = os.path.abspath(filename)
    return not path.startswith(_LIBRARIES)


def _is_core(module: str) -> bool:
    """Whether objects of a module's classes are taken to stay as they are."""
    top = module.partition(".")[0]
    if top == "chainrule":
        return module not in ("chainrule.engine.custom", "chainrule.programs.compiled")
    return top in sys.stdlib_module_names or top in ("numpy", "scipy")
