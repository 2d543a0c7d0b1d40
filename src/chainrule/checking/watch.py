"""Run a user's function and see the value that every line binds, or put another in its place.

The functions of the user's module are exchanged, while a `Watcher` is open, for versions that
report (`chainrule.checking.watch_rewriting`); afterwards they are themselves again.
"""

from __future__ import annotations

import contextlib
import copy
import linecache
import math
import random
import sys
import types
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from types import CodeType, FrameType, FunctionType
from typing import Any, NamedTuple

import numpy as np

from chainrule.checking.stopping import Overdue, Stopped, now, silent
from chainrule.checking.watch_functions import users_functions
from chainrule.checking.watch_rewriting import Site, rewrite
from chainrule.checking.watch_syntax import WATCH
from chainrule.engine.errors import ChainruleError

_MOST_EVENTS = 20_000  # of one run
_MOST_AT_ONE_SITE = 2_000  # a site seen more often works on single numbers
_MOST_BYTES = 256 * 2**20  # of copies kept from one run
_SELDOM = 256  # events between two looks at the clock
_INNER = frozenset({"<listcomp>", "<dictcomp>", "<genexpr>", "<setcomp>", "<lambda>"})
_PARTS = 64  # components of a tuple, list or dict that are looked at

Part = tuple[Any, ...]
Place = tuple[int, Part, int]  # site, component, how many times before


class CannotWatch(ChainruleError):
    """A function's lines cannot be watched; the message says why."""


class Event(NamedTuple):
    """A value bound while the function ran.

    Attributes
    ----------
    place : tuple
        Index of the site, component of the value, and how often that was bound before.
    time : int
        Events are numbered as they happen.
    value : ndarray or number
        A copy. An array that is written in place is kept after the last write of each place.
    origin : bool
        The value was computed here; otherwise an earlier one is handed on.
    key : object
        The key or index under which the value was stored, if it was.
    holder : int or None
        For an array written in place, which one of the arrays of the run.
    caller : tuple or None
        The file and line that the function was called from.
    """

    place: Place
    time: int
    value: Any
    origin: bool
    key: Any
    holder: int | None
    caller: tuple[str, int] | None


@dataclass
class Run:
    """What one call returned and what was seen of it.

    Attributes
    ----------
    result : object
    error : BaseException or None
        What the function raised.
    events : list of Event
    loops : list of tuple
        ``(time, site, target)`` at the start of every iteration, ``(time, site, END)`` at the end
        of every loop.
    writes : dict
        For arrays written in place: ``(site, component, array)`` and the number of the last write.
    truncated : bool
        More happened than was kept.
    changing : int or None
        The first site that wrote into an argument.
    """

    result: Any = None
    error: BaseException | None = None
    events: list[Event] = field(default_factory=list)
    loops: list[tuple[int, int, Any]] = field(default_factory=list)
    writes: dict[tuple[int, Part, int], int] = field(default_factory=dict)
    truncated: bool = False
    changing: int | None = None


END = object()


class Watcher:
    """The user's functions around one function, ready to be watched.

    Parameters
    ----------
    function : callable
        A function, a method, or something that calls one: a closure, `functools.partial`, an
        object with ``__call__``. Watched are all functions of the modules it comes from.

    Raises
    ------
    CannotWatch
        The source of none of them can be read.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.sites: list[Site] = []
        self._codes: list[tuple[FunctionType, CodeType]] = []
        self._rewritten: dict[str, dict[CodeType, CodeType]] = {}
        self.texts: dict[str, tuple[str, CodeType]] = {}  # by file, with a code compiled from it
        functions = list(users_functions(function))
        problem = "it is not written in Python"
        for found in functions:
            try:
                codes = self._rewritten_file(found)
            except (SyntaxError, ValueError, OSError) as error:
                problem = str(error)
                continue
            watched = codes.get(found.__code__)
            if watched is None:
                problem = f"{found.__code__.co_filename} has changed since it was loaded"
            else:
                self._codes.append((found, watched))
        if not self._codes:
            raise CannotWatch(f"the lines of {_name(function)} cannot be watched: {problem}.")

    def _rewritten_file(self, function: FunctionType) -> dict[CodeType, CodeType]:
        filename = function.__code__.co_filename
        if filename not in self._rewritten:
            self._rewritten[filename] = {}
            linecache.checkcache(filename)
            lines = linecache.getlines(filename, function.__globals__)
            if not lines:
                raise OSError(f"the source in {filename} cannot be read")
            text = "".join(lines)
            sites, codes = rewrite(text, filename, len(self.sites), function.__code__)
            self.sites += sites
            self.texts[filename] = text, function.__code__
            self._rewritten[filename] = codes
        return self._rewritten[filename]

    def run(
        self,
        example: Mapping[str, Any],
        replaced: Mapping[Place, Any] | None = None,
        record: bool = False,
        finals: Mapping[tuple[int, Part], set[int]] | None = None,
        deadline: float = math.inf,
    ) -> Run:
        """Call the function with a copy of the arguments, inside ``with watcher:``.

        Parameters
        ----------
        example : mapping
            Keyword arguments.
        replaced : mapping of place to value, optional
            Values to put where the function binds its own.
        record : bool
            Keep the events.
        finals : mapping, optional
            For arrays written in place, at which of the writes a copy is kept.
        deadline : float
            `now` after which the run is broken off, with a TimeoutError: a loop may not
            end on a value that was put in its place.

        Returns
        -------
        Run
            Errors of the function are in it, never raised.
        """
        reporter = _Reporter(replaced or {}, record, finals, deadline)
        arguments = {name: _own_copy(value) for name, value in example.items()}
        if record:
            reporter.arguments = list(_arrays(arguments))
        function = _fresh(self.function)
        for space in self._spaces:
            space[WATCH] = reporter
        state, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
        try:
            reporter.run.result = function(**arguments)
        except Overdue:
            reporter.run.error = TimeoutError("the gradient did not end in time")
        except (KeyboardInterrupt, Stopped):
            raise
        except BaseException as error:  # such as `pytest.fail` of a changed text
            reporter.run.error = error
        finally:
            random.setstate(state)
            np.random.set_state(legacy)  # noqa: NPY002
        return reporter.run

    def __enter__(self) -> Watcher:
        """Exchange the functions; `run` works from here to the end of the block."""
        self._exits = contextlib.ExitStack()
        self._exits.enter_context(silent())
        self._exits.enter_context(self._exchanged())
        return self

    def __exit__(self, *exception: object) -> None:
        self._exits.close()

    @property
    def functions(self) -> list[FunctionType]:
        """The user's functions that are watched."""
        return [function for function, _ in self._codes]

    @property
    def codes(self) -> set[CodeType]:
        """The code of these, as it is while nothing is exchanged."""
        return {own for _, own in self._before}

    @contextlib.contextmanager
    def edited(
        self, codes: Mapping[CodeType, CodeType], watched: Collection[tuple[str, int]] = ()
    ) -> Iterator[None]:
        """Run the user's functions as they are, or other code, inside ``with watcher:``.

        Parameters
        ----------
        codes : mapping of code to code
            Instead of the user's own.
        watched : collection of (str, int)
            Files and first lines of functions that stay watched where they are not exchanged.
        """
        before: list[tuple[FunctionType, CodeType]] = []
        try:
            for function, own in self._before:
                if own in codes or (own.co_filename, own.co_firstlineno) not in watched:
                    before.append((function, function.__code__))
                    function.__code__ = codes.get(own, own)
            yield
        finally:
            for function, code in before:
                function.__code__ = code

    @contextlib.contextmanager
    def _exchanged(self) -> Iterator[None]:
        before = [(function, function.__code__) for function, _ in self._codes]
        self._before = before
        self._spaces = list({id(f.__globals__): f.__globals__ for f, _ in self._codes}.values())
        try:
            for function, code in self._codes:
                function.__code__ = code
            yield
        finally:
            for function, code in before:
                function.__code__ = code
            for space in self._spaces:
                space.pop(WATCH, None)


class _Reporter:
    """Receives what a watched run binds, and hands back what is to be bound."""

    def __init__(
        self, replaced: Mapping[Place, Any], record: bool, finals: Any, deadline: float
    ) -> None:
        self.deadline = deadline
        self.replaced = replaced
        self.record = record
        self.finals = finals
        self.run = Run()
        self.time = 0
        self.bytes = 0
        self.counts: dict[tuple[int, Part], int] = {}
        self.seen: dict[int, tuple[Any, Any]] = {}  # arrays bound so far, and their last value
        self.holders: dict[int, int] = {}
        self.arguments: list[np.ndarray] = []

    # --- what rewritten code calls ---------------------------------------------------------------

    def value(self, site: int, value: Any, key: Any = None) -> Any:
        return self._bound(site, (), value, key)

    def augmented(self, site: int, value: Any) -> Any:
        if type(value) is np.ndarray:
            return self._written(site, value, None)
        return self._bound(site, (), value, None)

    def attribute(self, site: int, base: Any, name: str) -> None:
        value = getattr(base, name)
        bound = self.augmented(site, value)
        if bound is not value:
            setattr(base, name, bound)

    def item(self, site: int, base: Any, key: Any) -> None:
        if type(base) is np.ndarray:
            self._written(site, base, None)
            return
        value = base[key]
        in_place = type(value) is np.ndarray
        bound = self._written(site, value, key) if in_place else self._bound(site, (), value, key)
        if bound is not value:
            base[key] = bound

    def container(self, site: int, base: Any) -> None:
        if type(base) is np.ndarray:
            self._written(site, base, None)

    def tick(self) -> None:
        self.time += 1
        if self.time % _SELDOM == 0 and now() > self.deadline:
            raise Overdue

    def loop(self, site: int, target: Any) -> None:
        self.tick()
        if self.record and len(self.run.loops) < _MOST_EVENTS:
            kept = target[0] if type(target) is tuple and target else target
            kept = kept if isinstance(kept, (int, np.integer)) else None
            self.run.loops.append((self.time, site, kept))

    def end(self, site: int) -> None:
        self.time += 1
        if self.record:
            self.run.loops.append((self.time, site, END))

    # --- values ----------------------------------------------------------------------------------

    def _bound(self, site: int, part: Part, value: Any, key: Any) -> Any:
        kind = type(value)
        if kind is np.ndarray or kind is float or isinstance(value, np.generic):
            place = self._place(site, part)
            if self.record:
                self._keep(place, value, key, None)
            return self._other(place, value)
        if isinstance(value, dict) and len(value) <= _PARTS and len(part) < 2:
            other = value
            for name, each in list(value.items()):
                bound = self._bound(site, (*part, name), each, name)
                if bound is not each:
                    other = dict(value) if other is value else other
                    other[name] = bound
            return other
        if kind in (list, tuple) and len(value) <= _PARTS and len(part) < 2:
            bound = [self._bound(site, (*part, i), x, None) for i, x in enumerate(value)]
            if any(a is not b for a, b in zip(bound, value, strict=True)):
                return kind(bound)
        return value

    def _written(self, site: int, array: np.ndarray, key: Any) -> Any:
        """An array after something has been written into it."""
        if self.run.changing is None and any(np.may_share_memory(array, x) for x in self.arguments):
            self.run.changing = site
        place = self._place(site, ())
        if self.record:
            self._keep(place, array, key, self.holders.setdefault(id(array), len(self.holders)))
        other = self._other(place, array)
        if other is array:
            return array
        if np.shape(other) != array.shape or array.dtype.kind != "f":
            return other
        array[...] = other
        return array

    def _place(self, site: int, part: Part) -> Place:
        self.tick()
        count = self.counts.get((site, part), 0)
        self.counts[site, part] = count + 1
        return site, part, count

    def _other(self, place: Place, value: Any) -> Any:
        if place not in self.replaced:
            return value
        other = self.replaced[place]
        return other.copy() if isinstance(other, np.ndarray) else other

    def _keep(self, place: Place, value: Any, key: Any, holder: int | None) -> None:
        run = self.run
        if holder is not None:
            run.writes[place[0], place[1], holder] = place[2]
            if self.finals is None or place[2] not in self.finals.get(place[:2], ()):
                return
        elif place[2] >= _MOST_AT_ONE_SITE:
            run.truncated = True
            return
        kept = _own_copy(value)
        self.bytes += getattr(kept, "nbytes", 8)
        if self.bytes > _MOST_BYTES or len(run.events) >= _MOST_EVENTS:
            run.truncated = True
            return
        origin = True
        if type(value) is np.ndarray:
            present, last = self.seen.get(id(value), (None, None))
            origin = holder is not None or present is not value or not _same(last, kept)
            self.seen[id(value)] = (value, kept)
        run.events.append(Event(place, self.time, kept, origin, key, holder, _caller()))


def _caller() -> tuple[str, int] | None:
    """From where the function was called that is being watched."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    frame = None if frame is None else frame.f_back
    while frame is not None and frame.f_code.co_name in _INNER:
        frame = frame.f_back
    return None if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def _same(a: Any, b: Any) -> bool:
    return (
        a is not None
        and b is not None
        and a.shape == b.shape
        and np.array_equal(a, b, a.dtype.kind == "f")
    )


def _own_copy(value: Any) -> Any:
    """A value that the user's function may write into."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, (list, tuple, dict)):
        return copy.deepcopy(value)
    return value


def _arrays(tree: Any) -> Iterator[np.ndarray]:
    """The arrays among arguments, those in containers too."""
    if isinstance(tree, np.ndarray):
        yield tree
    elif isinstance(tree, (dict, list, tuple)):
        for each in tree.values() if isinstance(tree, dict) else tree:
            yield from _arrays(each)


def _fresh(function: Callable[..., Any]) -> Callable[..., Any]:
    """A method of a copy of its object, so that one call does not see what another one left."""
    instance = getattr(function, "__self__", None)
    if instance is None or isinstance(instance, (types.ModuleType, type)):
        return function
    try:
        return types.MethodType(function.__func__, copy.deepcopy(instance))  # type: ignore[attr-defined]
    except Exception:  # objects that hold files, locks or modules
        return function


def _name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)
