"""The functions under check, called safely: fresh copies in, one float or named arrays out.

Example arguments may hold containers (``params={"W1": …}``); here they are flat, by short names.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import linecache
import os
import random
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.checking.argument_names import sounds_like_data
from chainrule.checking.plain_numbers import as_data, is_traced, plain_numbers_pass
from chainrule.checking.positional import by_position, by_shape, returned_names, values_of
from chainrule.checking.stopping import Overdue, Stopped
from chainrule.engine.errors import ChainruleError
from chainrule.engine.trees import flatten

Point = Mapping[str, Any]
#: Arguments by name, or all of them in order, or a function that makes them.
Example = Mapping[str, Any] | Sequence[Any] | Callable[[], Mapping[str, Any] | Sequence[Any]]
Keys = tuple[Any, ...]
#: Above this many numbers, copies are spared and what needs every value is done on probes.
LARGE = 100_000
_PREFIXES = ("grad_", "gradient_", "d_", "d", "nabla_", "g_", "delta_")
_SUFFIXES = ("_grad", "_gradient", "_bar", ".grad")
#: What stands before a parameter's name in that of its gradient, without underscores.
_MARKS = frozenset({"d", "g", "grad", "gradient", "delta", "nabla", "dl", "dj", "dloss", "gradof"})
_DEEPEST = 16  # levels of a result


class SubjectError(ChainruleError):
    """The functions under check cannot be called as they are; the message says why and the cure."""


class UserCodeError(SubjectError):
    """The user's own code raised."""


def example_of(loss: Callable[..., Any], example: Example) -> Any:
    """The arguments that an example gives, by name if the loss says which is which."""
    found: Any = example
    if callable(example):
        with calling("example"):
            found = example()
    if isinstance(found, (tuple, list)):
        return by_position(loss, found) or found
    return found


class Subject:
    """A loss, a hand-written gradient, and arguments to call them with.

    Parameters
    ----------
    loss : callable
        ``loss(**arrays) -> float``.
    gradient : callable
        ``gradient(**arrays) -> {name: array}``, or the arrays in order.
    example : mapping of str to object
        The arguments by name.

    Attributes
    ----------
    converts : bool
        The loss makes plain numbers or buffers, which are passed over when it is traced.
    autograd : callable or None
        Another differentiator of the loss, where it is written in another library.
    in_order : list of str or None
        The arguments that gradients returned in order were found to belong to; None where they
        come by name.

    Raises
    ------
    SubjectError
        The example is no mapping, or lacks an argument of the functions.
    """

    def __init__(
        self,
        loss: Callable[..., Any],
        gradient: Callable[..., Any],
        example: Mapping[str, Any],
    ) -> None:
        if not isinstance(example, Mapping) or not all(isinstance(key, str) for key in example):
            raise SubjectError(
                f"the example is {described(example)}; it must be a dict of arguments by name, "
                'such as {"X": X, "y": y, "W1": W1}, or a tuple of all arguments of loss in order.'
            )
        self.autograd: Callable[[Point, Sequence[str]], dict[str, Any]] | None = None
        self.converts = False
        self.in_order: list[str] | None = None
        self.user_loss = loss
        self.user_gradient = gradient
        example = {name: _arrays(value) for name, value in example.items()}
        leaves, self.structure = flatten(example)
        self._sequences = {
            name: len(value) for name, value in example.items() if isinstance(value, (list, tuple))
        }
        self.keys = self.structure.keys()
        self.names = _short_names(self.keys)
        self.flat = self.names == list(example)
        self.example: dict[str, Any] = {
            name: _as_array(leaf) for name, leaf in zip(self.names, leaves, strict=True)
        }
        self.large = sum(np.size(value) for value in self.example.values()) > LARGE
        self._loss_takes = _accepted(loss, example, "loss")
        self._gradient_takes = _accepted(gradient, example, "gradient")

    def arguments(
        self,
        point: Point,
        accepted: set[str] | None,
        prepared: Callable[[Any], Any] | None = None,
    ) -> dict[str, Any]:
        """The keyword arguments of a user's function, as containers, each array a fresh copy."""
        leaves = [(prepared or _copied)(point[name]) for name in self.names]
        found: dict[str, Any] = self.structure.unflatten(leaves)
        return found if accepted is None else {k: v for k, v in found.items() if k in accepted}

    def loss(self, point: Point) -> Any:
        """The loss at a point, whatever the user's function returns.

        Raises
        ------
        UserCodeError
        """
        with calling("loss"):
            if self.large:  # without a copy, as long as the loss leaves its arguments alone
                try:
                    return self.user_loss(**self.arguments(point, self._loss_takes, _guarded))
                except ValueError as error:
                    if "read-only" not in str(error):
                        raise
                    self.large = False
            return self.user_loss(**self.arguments(point, self._loss_takes))

    def loss_value(self, point: Point) -> float:
        """The loss as a float.

        Raises
        ------
        UserCodeError
            It raised, or returned no real number.
        """
        return as_number(self.loss(point))

    @cached_property
    def in_single(self) -> bool:
        """Whether the loss computes in single precision, though it is given double precision.

        Its values say so: those that fit into 24 bits and need more than 12 of them. One may do
        so by chance, as that of whole numbers does.
        """
        if not _is_single(self.loss_value(self.example)):
            return False  # without another copy of the example
        moved = {
            name: value * (1 + np.pi / 1000) if is_floating(value) else value
            for name, value in self.example.items()
        }
        return _is_single(self.loss_value(moved))

    def flat_loss(self, **leaves: Any) -> Any:
        """The loss as a function of the flat arguments; what is traced."""
        anchor = next((leaf for leaf in leaves.values() if is_traced(leaf)), None)
        converts = self.converts and anchor is not None
        values = [as_data(leaves[name]) if converts else leaves[name] for name in self.names]
        found: dict[str, Any] = self.structure.unflatten(values)
        accepted = self._loss_takes
        taken = found if accepted is None else {k: v for k, v in found.items() if k in accepted}
        if converts:
            with plain_numbers_pass(self.user_loss, anchor):
                value = self.user_loss(**taken)
        else:
            value = self.user_loss(**taken)
        return value if np.shape(value) == () else np.reshape(value, ())

    @property
    def traceable(self) -> Callable[..., Any]:
        """What to trace: the user's own loss where its arguments are flat."""
        whole = self.flat and self._loss_takes is None and not self.converts
        return self.user_loss if whole else self.flat_loss

    def gradient(self, point: Point) -> Any:
        """What the user's gradient returns at a point.

        Raises
        ------
        UserCodeError
        """
        return self.gradient_of(self.gradient_arguments(point))

    def gradient_arguments(self, point: Point) -> dict[str, Any]:
        """Fresh keyword arguments for the user's gradient."""
        return self.arguments(point, self._gradient_takes)

    def loss_arguments(self, point: Point) -> dict[str, Any]:
        """Fresh keyword arguments for the user's loss."""
        return self.arguments(point, self._loss_takes)

    def loss_of(self, arguments: dict[str, Any]) -> Any:
        """The user's loss called with arguments that the caller made."""
        with calling("loss"):
            return self.user_loss(**arguments)

    def gradient_of(self, arguments: dict[str, Any]) -> Any:
        """The user's gradient called with arguments that the caller made."""
        with calling("gradient"):
            return self.user_gradient(**arguments)

    def named(self, result: Any) -> tuple[dict[str, Any], list[str]]:
        """A gradient's result by the names of the example, and keys that fit none.

        ``dW1``, ``grad_W1`` and ``W1_bar`` are read as ``W1``. A tuple is read in its order, where
        that has only one meaning.

        Raises
        ------
        SubjectError
            The result is no dict, and no tuple that can be read.
        """
        by_name = _fields(result)
        if by_name is None and isinstance(result, (list, tuple)):
            alike = [x for x, count in self._sequences.items() if count == len(result)]
            if len(alike) == len(self._sequences) == 1:  # built as the parameters are
                by_name = {alike[0]: result}
        if by_name is None:
            values = values_of(result)
            if values is None:
                raise SubjectError(
                    f"gradient returned {described(result)}; it must return a dict of gradients by "
                    f"parameter name, such as {{{self._some_keys()}}}.{_cure_of(result)}"
                )
            names = self._in_order(values)
            if len(names) != len(values):
                raise SubjectError(
                    f"gradient returned {described(result)}, and it cannot be told which "
                    "arguments they belong to; let it return a dict of gradients by parameter "
                    f"name, such as {{{self._some_keys()}}}."
                )
            return dict(zip(names, values, strict=True)), []
        found: dict[str, Any] = {}
        unknown: list[str] = []
        for keys, value in _leaves(by_name):
            name = self._parameter(keys)
            if name is None or name in found:
                unknown.append(_shown(keys))
            else:
                found[name] = value
        return {name: found[name] for name in self.names if name in found}, unknown

    def _in_order(self, values: Sequence[Any]) -> Sequence[str]:
        """The arguments that a tuple of gradients belongs to: their order decides, where it fits,
        else the names that are returned.
        """
        if self.in_order is None:
            found = by_shape(values, self.example) or []
            if not found:
                names = returned_names(self.user_gradient) or ()
                said = [self._meant_by(name) for name in names]
                found = [name for name in said if name is not None]
                found = found if len(set(found)) == len(said) == len(values) else []
            self.in_order = found
        return self.in_order

    def _meant_by(self, name: str) -> str | None:
        """The argument that a returned variable is the gradient of; ``gWH`` is that of ``W_H``."""
        found = self._parameter((name,))
        if found is not None:
            return found
        plain = name.replace("_", "")
        alike = [
            own
            for own in self.names
            if plain.endswith(ending := own.replace("_", ""))
            and plain != ending
            and plain[: -len(ending)].lower() in _MARKS
        ]
        return alike[0] if len(alike) == 1 else None

    def _parameter(self, keys: Keys) -> str | None:
        """The argument that a key of the result means; a list of numbers is one array."""
        for candidate in _spellings(keys):
            ends = [
                name
                for own, name in zip(self.keys, self.names, strict=True)
                if own[-len(candidate) :] == candidate
            ]
            if len(ends) == 1:
                return ends[0]
        return None

    def _some_keys(self) -> str:
        """Keys that a gradient may have: floating-point arguments that do not sound like data."""
        floats = [name for name, value in self.example.items() if is_floating(value)]
        named = [name for name in floats if not sounds_like_data(name)] or floats
        return ", ".join(f'"{name}": d{name}' for name in named[:2] or list(self.example)[:1])


def _leaves(tree: Any, keys: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    """The leaves of dicts, and of lists and tuples that hold arrays, with their keys."""
    if len(keys) > _DEEPEST:
        raise SubjectError(
            f"{_shown(keys[:2])} … is nested more than {_DEEPEST} levels deep: does a dict or list "
            "hold itself? Give arrays by name."
        )
    by_name = _fields(tree)
    if by_name is not None:
        for key, value in by_name.items():
            yield from _leaves(value, (*keys, key))
    elif (
        isinstance(tree, (list, tuple))
        and any(_holds_more(item) for item in tree)
        and not _is_table(tree)
    ):
        for index, value in enumerate(tree):
            yield from _leaves(value, (*keys, index))
    else:
        yield keys, tree


def _holds_more(item: Any) -> bool:
    """Whether an item makes the list that holds it a container, rather than a list of numbers."""
    return isinstance(item, (np.ndarray, list, tuple)) or _fields(item) is not None


def _fields(tree: Any) -> Mapping[Any, Any] | None:
    """What a dict, a dataclass or a named tuple holds by name; None for anything else."""
    if isinstance(tree, Mapping):
        return tree
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        return {field.name: getattr(tree, field.name) for field in dataclasses.fields(tree)}
    names = getattr(tree, "_fields", None) if isinstance(tree, tuple) else None
    return None if names is None else dict(zip(names, tree, strict=True))


def _arrays(tree: Any) -> Any:
    """A tree in which lists of numbers have become arrays."""
    if isinstance(tree, Mapping):
        return {key: _arrays(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        if tree and _is_table(tree):
            try:
                return np.array(tree)
            except ValueError:  # rows of different lengths
                return tree
        return type(tree)(_arrays(item) for item in tree) if type(tree) in (list, tuple) else tree
    return tree


def _is_table(tree: Any) -> bool:
    """Whether nested lists are one array of numbers."""
    return all(
        _is_table(item) if isinstance(item, (list, tuple)) else isinstance(item, (int, float))
        for item in tree
    )


def _spellings(keys: Keys) -> Iterator[Keys]:
    """The keys, and the keys without the marks of a gradient: ``dW1`` is ``W1``."""
    yield keys
    for position, key in enumerate(keys):
        if not isinstance(key, str):
            continue
        for prefix in _PREFIXES:
            if key.startswith(prefix) and len(key) > len(prefix):
                yield (*keys[:position], key[len(prefix) :], *keys[position + 1 :])
        for suffix in _SUFFIXES:
            if key.endswith(suffix) and len(key) > len(suffix):
                yield (*keys[:position], key[: -len(suffix)], *keys[position + 1 :])
    if len(keys) > 1:
        yield from _spellings(keys[1:])


def _short_names(every: list[Keys]) -> list[str]:
    """The shortest end of each leaf's keys that begins with a word and names it alone."""

    def names_one(end: Keys) -> bool:
        alone = sum(other[-len(end) :] == end for other in every) == 1
        return alone and isinstance(end[0], str)

    ends = ([keys[-count:] for count in range(1, len(keys) + 1)] for keys in every)
    return [_shown(next(filter(names_one, each))) for each in ends]


def _shown(keys: Keys) -> str:
    return str(keys[0]) + "".join(f"[{key}]" for key in keys[1:]) if keys else "the result"


def _accepted(
    function: Callable[..., Any], example: Mapping[str, Any], role: str
) -> set[str] | None:
    """The example's names that a function takes; None if it takes them all."""
    if not callable(function):
        raise SubjectError(f"{role} is {described(function)}, not a function.")
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    unnamed = [p for p in parameters if p.kind is p.POSITIONAL_ONLY and p.default is p.empty]
    if unnamed or [p.kind for p in parameters] == [inspect.Parameter.VAR_POSITIONAL]:
        raise SubjectError(
            f"{role}{inspect.signature(function)} takes its arguments by position, and is called "
            f"with the example's by name; write it as {role}({', '.join(example)})."
        )
    named = {p.name: p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    missing = [name for name, p in named.items() if p.default is p.empty and name not in example]
    if missing:
        raise SubjectError(
            f"the example gives no {', '.join(missing)} for {role}({', '.join(named)}); add "
            f"{_quoted(missing)} to its dict."
        )
    return None if set(named) >= set(example) else set(named)


def _as_array(leaf: Any) -> Any:
    """Arrays in float64; lists of numbers as arrays; everything else as it is."""
    if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f" and leaf.dtype != np.float64:
        return leaf.astype(np.float64)
    if isinstance(leaf, np.floating):
        return float(leaf)
    return leaf


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value


def _guarded(value: Any) -> Any:
    """A view that cannot be written to."""
    if not isinstance(value, np.ndarray):
        return value
    view = value.view()
    view.flags.writeable = False
    return view


def is_floating(value: Any) -> bool:
    """Whether an argument can have a gradient."""
    return isinstance(value, float) or (isinstance(value, np.ndarray) and value.dtype.kind == "f")


def _is_single(value: float) -> bool:
    """Whether a number fits into the 24 bits of single precision, and needs more than 12."""
    with np.errstate(all="ignore"):
        if not np.isfinite(value) or float(np.float32(value)) != value:
            return False
    return float(np.frexp(value)[0]) * 2**12 % 1 != 0


def as_number(value: Any) -> float:
    """A loss as a float.

    Raises
    ------
    UserCodeError
        It is no real number.
    """
    if isinstance(value, (bool, str)) or value is None:
        raise UserCodeError(f"loss returned {described(value)}; it must return one real number.")
    try:
        array = np.asarray(value)
        if array.size != 1 or array.dtype.kind not in "fiu":
            raise TypeError
        return float(array.reshape(()))
    except (TypeError, ValueError):
        cure = (
            " Of (loss, gradients) let a loss of its own return the first, and a gradient the "
            "second."
            if isinstance(value, (list, tuple)) and value and is_floating(_as_array(value[0]))
            else _cure_of(value)
        )
        raise UserCodeError(
            f"loss returned {described(value)}; it must return one real number.{cure}"
        ) from None


def described(value: Any) -> str:
    """What a value is, where a sentence names it: "an int", "a list of 2"."""
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _cure_of(value: Any) -> str:
    """How a function comes to return what it should, where its result shows what went wrong."""
    if inspect.iscoroutine(value):
        value.close()  # or Python warns that nobody has waited for it
        return " Define it with def, without async."
    if inspect.isgenerator(value):
        return " Write return in the place of yield."
    if isinstance(value, tuple) and value and isinstance(value[-1], Mapping):
        return " Of (loss, gradients) return the second alone."
    return ""


def _quoted(names: Sequence[str]) -> str:
    """Names as the keys of a dict: "X", "Y" and "W"."""
    keys = [f'"{name}"' for name in names]
    return " and ".join([", ".join(keys[:-1]), keys[-1]] if len(keys) > 1 else keys)


@contextlib.contextmanager
def calling(role: str) -> Iterator[None]:
    """Call code of the user's: no warnings, and one sentence for whatever it raises."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    except ChainruleError:
        raise
    except SystemExit as error:
        raise UserCodeError(f"{role} ended the program with exit({error.code!r}).") from error
    except EOFError as error:
        raise UserCodeError(
            f"{role} asks for input{_place(error)}, and nobody is there to answer; give it the "
            "value as an argument."
        ) from error
    except (KeyboardInterrupt, Overdue, Stopped):
        raise
    except BaseException as error:
        raise UserCodeError(f"{role} raised {told(error)}{_place(error, quoted=True)}.") from error


def told(error: BaseException) -> str:
    """An error of the user's code: its type, and the first line of its message."""
    try:
        message = str(error).split("\n")[0].rstrip(".")
    except Exception:  # its own __str__ raises
        message = ""
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _place(error: BaseException, quoted: bool = False) -> str:
    """The line of the user's code that raised, with its text if that is asked for and known."""
    from chainrule.engine.location import INSTALLED, is_machinery

    house = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
    places: list[tuple[str, int]] = []
    trace = error.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if not name.startswith(house) and not is_machinery(name):
            places.append((name, trace.tb_lineno))
        trace = trace.tb_next
    own = [each for each in places if not any(folder in each[0] for folder in INSTALLED)]
    if not places:
        return ""
    name, line = (own or places)[-1]  # a line of theirs, and not of a library that they call
    text = linecache.getline(name, line).strip().rstrip(".")
    return f" at line {line}: {text}" if quoted and text else f" at line {line}"


@contextlib.contextmanager
def same_randomness() -> Iterator[None]:
    """Run with the state of the global random generators restored afterwards."""
    numpy_state = np.random.get_state()  # noqa: NPY002  (the user's code may use it)
    python_state = random.getstate()
    try:
        yield
    finally:
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)
