"""What is checked before any mathematics: results of the right kind, inputs left alone, no chance.

Every finding is a cause with its code, or a note where nothing is wrong.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np

from chainrule.checking.argument_names import sounds_like_data, sounds_like_parameter
from chainrule.checking.broadcasting import is_crossed
from chainrule.checking.mistakes import MISTAKES
from chainrule.checking.numerical import same_but_for_rounding, slope_along
from chainrule.checking.outside_data import OutsideData
from chainrule.checking.reference import forward_graph
from chainrule.checking.report import Cause
from chainrule.checking.sizes import sizes_by_graph
from chainrule.checking.stopping import silent
from chainrule.checking.subject import (
    Subject,
    SubjectError,
    described,
    is_floating,
    same_randomness,
)
from chainrule.checking.watch_functions import users_functions


@dataclass
class Hygiene:
    """What the calls of a gradient on the example gave.

    Attributes
    ----------
    claims : dict of str to array
        The gradients of the first call that can be compared with a derivative, in float64.
    causes : dict of str to list of Cause
        What is wrong with a gradient before its numbers are looked at.
    everywhere : list of Cause
        What concerns every gradient.
    notes : list of str
    single : bool
        A gradient came in single precision.
    unknown : list of str
        Keys of the result that are no arguments.
    absent : set of str
        What looks like a parameter and has no gradient, which nobody has asked for.
    steady : bool
        Identical calls give identical results, so that other calls mean something.
    """

    claims: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    causes: dict[str, list[Cause]] = field(default_factory=dict)
    everywhere: list[Cause] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    single: bool = False
    unknown: list[str] = field(default_factory=list)
    absent: set[str] = field(default_factory=set)
    steady: bool = True

    def blame(self, name: str, code: str, evidence: str) -> None:
        """Record a mistake in one gradient."""
        self.causes.setdefault(name, []).append(cause(code, evidence))


def cause(code: str, evidence: str, repaired: bool | None = None) -> Cause:
    """A cause with the name that belongs to its code."""
    return Cause(code, MISTAKES[code].name, evidence, repaired)


def examine(subject: Subject, expected: tuple[str, ...] = ()) -> Hygiene:
    """Call the gradient on the example, twice or more, and examine what comes back.

    Parameters
    ----------
    subject : Subject
    expected : tuple of str
        Parameters that must have a gradient; by default those that look like parameters.

    Raises
    ------
    UserCodeError
        The gradient raises.
    SubjectError
        It returns no dict.
    """
    with same_randomness():
        return _examined(subject, expected)


def _examined(subject: Subject, expected: tuple[str, ...]) -> Hygiene:
    found = Hygiene()
    named = _first_call(subject, found)
    returned = list(named)
    first = digests({name: _as_plain(value) for name, value in named.items()})
    # in order, a gradient that is missing would have moved the others
    missing = [] if subject.in_order else likely_parameters(subject, list(named))
    wanted = expected or tuple(dict.fromkeys([*named, *missing]))
    for name in wanted:
        if named.get(name) is None:
            found.blame(name, "G107", _missing(name, name in named, returned, found.unknown))
            if not expected:
                found.absent.add(name)
            continue
        claim = _checked(name, named.pop(name), subject.example[name], found)
        if claim is not None:
            found.claims[name] = claim if subject.large else claim.copy()
    if not expected:
        _note_data(subject, wanted, found)
    with silent():
        _repeat(subject, first, found)
    return found


def _note_data(subject: Subject, wanted: Sequence[str], found: Hygiene) -> None:
    """Say what is taken as data though its name is not one of data: its gradient may be missing."""
    silently = [
        name
        for name, value in subject.example.items()
        if name not in wanted
        and isinstance(value, np.ndarray)
        and value.ndim
        and is_floating(value)
        and not sounds_like_data(name)
    ]
    if silently:
        have, are = ("has", "it is") if len(silently) == 1 else ("have", "they are")
        found.notes.append(
            f"{', '.join(silently)} {have} no gradient in the result; {are} taken as data."
        )


def _missing(name: str, there: bool, returned: list[str], unknown: list[str]) -> str:
    """Why a parameter has no gradient."""
    if there:
        return f"the gradient of {name} is None."
    keys = [*returned, *unknown]
    if not keys:
        return f'the result is an empty dict; it has no key "{name}".'
    hint = f': is "{unknown[0]}" meant to be "{name}"?' if len(unknown) == 1 else "."
    return f'the result has no key "{name}"; its keys are {", ".join(map(repr, keys))}{hint}'


def _first_call(subject: Subject, found: Hygiene) -> dict[str, Any]:
    """The gradients by name; what is wrong with the call itself is noted."""
    arguments = subject.gradient_arguments(subject.example)
    before = digests(arguments)
    named, unknown = subject.named(subject.gradient_of(arguments))
    changed = [name for name, digest in digests(arguments).items() if before[name] != digest]
    if changed:
        what = ", ".join(changed)
        found.everywhere.append(
            cause("G104", f"{what} differ{'s' if len(changed) == 1 else ''} after the call.")
        )
    known = ", ".join(name for name, value in subject.example.items() if is_floating(value))
    found.unknown = unknown
    if len(subject.in_order or ()) > 1:
        read = ", ".join(subject.in_order or ())
        found.notes.append(f"the gradients come in order, without names: read as those of {read}.")
    for key in unknown:
        found.notes.append(
            f"gradient returned {key!r}, which is no argument of the example ({known}); it was "
            "not checked."
        )
    _views(arguments, named, found)
    return named


def likely_parameters(subject: Subject, claimed: list[str]) -> list[str]:
    """Floating-point arrays that have no gradient but look like the parameters that have one.

    An array is data if it shares the size that only data have, or has the name of data. What
    stands in one container with parameters is one, whatever it is called.
    """
    own = [np.shape(subject.example[name]) for name in claimed if np.ndim(subject.example[name])]
    sizes = {size for shape in own for size in shape}
    containers = {
        name: keys[0] if len(keys) > 1 else None
        for name, keys in zip(subject.names, subject.keys, strict=True)
    }
    with_gradients = {containers[name] for name in claimed} - {None}
    found = []
    for name, value in subject.example.items():
        if name not in claimed and type(value) is float and _is_computed(subject, name):
            found.append(name)
        if name in claimed or not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            continue
        if sounds_like_data(name) or value.size == 0:
            continue
        if not (sounds_like_parameter(name) or containers[name] in with_gradients):
            continue
        if not sizes or any(size in sizes or size == 1 for size in value.shape):
            found.append(name)
    return [name for name in found if not claimed or not _has_a_batch(subject, claimed, name)]


def _is_computed(subject: Subject, name: str) -> bool:
    """Whether the user's gradient computes that of a number, under a name for it, and keeps it."""
    code = getattr(subject.user_gradient, "__code__", None)
    called = re.compile(rf"(d|g|grad|delta|D)_?{re.escape(name)}|{re.escape(name)}_(grad|bar)")
    own = [each for each in code.co_varnames if called.fullmatch(each)] if code is not None else []
    if not own:
        return False
    found: list[float] = []

    def returned(frame: FrameType, event: str, value: Any) -> None:
        if event == "return" and frame.f_code is code:
            here = (frame.f_locals.get(each) for each in own)
            found.extend(float(x) for x in here if isinstance(x, (float, np.number)))

    before = sys.getprofile()
    sys.setprofile(returned)
    try:
        subject.gradient(subject.example)
    finally:
        sys.setprofile(before)
    if not any(found):
        return False
    slope = slope_along(subject.loss_value, subject.example, name, np.ones(()))
    return any(slope.agrees(each, abs(each)) for each in found)


def _has_a_batch(subject: Subject, claimed: list[str], name: str) -> bool:
    """Whether an argument has one entry per sample, such as the weights of the samples."""
    if sum(size > 1 for size in np.shape(subject.example[name])) > 1:
        return False
    try:
        graph = forward_graph(subject, subject.example)
    except Exception:  # a loss that cannot be traced tells nothing
        return False
    sizes = sizes_by_graph(graph, subject.example, claimed)
    owners = {owner for (owner, _), symbol in sizes.axes.items() if symbol == sizes.batch}
    return sizes.batch is not None and name in owners and bool(owners - {name, *claimed})


def _as_plain(value: Any) -> Any:
    """A result as an array, so that it has a fingerprint."""
    try:
        return np.asarray(value)
    except ValueError:
        return np.array(repr(value))


def digests(arguments: Mapping[str, Any], prefix: str = "") -> dict[str, bytes]:
    """A fingerprint of every array, so that changes show without a second copy."""
    found: dict[str, bytes] = {}
    for name, value in arguments.items():
        label = f"{prefix}{name}"
        if isinstance(value, Mapping):
            found.update(digests(value, f"{label}."))
        elif isinstance(value, (list, tuple)):
            found.update(digests({str(i): item for i, item in enumerate(value)}, f"{label}."))
        elif isinstance(value, np.ndarray):
            data = np.ascontiguousarray(value)
            head = f"{value.shape}{value.dtype}".encode()
            body = repr(value.tolist()).encode() if value.dtype.kind == "O" else data.data
            found[label] = hashlib.blake2b(body, digest_size=16, key=head[:64]).digest()
    return found


def _views(arguments: Mapping[str, Any], named: Mapping[str, Any], found: Hygiene) -> None:
    """Results that share memory with an argument change when it does."""
    for name, value in named.items():
        for other, argument in arguments.items():
            if (
                isinstance(value, np.ndarray)
                and isinstance(argument, np.ndarray)
                and np.shares_memory(value, argument)
            ):
                found.notes.append(
                    f"the gradient of {name} is a view of the argument {other}; return a copy, or "
                    "an update of one changes the other."
                )


def _repeat(subject: Subject, first: Mapping[str, bytes], found: Hygiene) -> None:
    """Call again: the same arguments must give the same gradients."""
    second = digests(_called(subject))
    changed = [name for name in first if first[name] != second.get(name)]
    if not changed:
        return
    calls = [_called(subject) for _ in range(3)]
    rounded = [name for name in changed if _agree_but_for_rounding(name, calls)]
    if rounded:
        found.notes.append(
            f"identical calls give gradients of {', '.join(rounded)} that differ in their last "
            "digits: they are summed in another order, as when a set is gone through."
        )
        changed = [name for name in changed if name not in rounded]
    found.steady = not changed
    kept = changed and _is_kept(subject, changed)
    for name in changed:
        try:
            a, b, c = (np.asarray(each.get(name), dtype=float) for each in calls)
        except (TypeError, ValueError):
            continue  # no numbers, which has been said
        if a.shape == b.shape == c.shape and a.size:
            scale = float(np.max(np.abs(a), initial=0.0)) + float(np.max(np.abs(c), initial=0.0))
            steps = float(np.max(np.abs((c - b) - (b - a)), initial=0.0)) <= 1e-9 * scale
            settled = np.array_equal(b, c, equal_nan=True)
            if steps or settled or kept:
                grows = "changes with every" if kept else "changes after the first"
                grows = "grows by as much with every" if steps else grows
                found.blame(
                    name, "G106",
                    f"the gradient of {name} {grows} call with the same arguments; something is "
                    "kept between the calls.",
                )  # fmt: skip
                continue
        found.blame(name, "G105", f"two identical calls returned different gradients of {name}.")


def _is_kept(subject: Subject, names: Sequence[str]) -> bool:
    """Whether calls differ by what is kept between them, in the module, an object or a default:
    with that put back they do not.
    """

    def runs() -> bool:
        try:
            subject.gradient(subject.example)
        except SubjectError:
            return False
        return True

    outside = OutsideData(users_functions(subject.user_gradient), runs)
    calls = []
    for _ in range(2):
        with outside.kept():
            calls.append(_called(subject))
    return all(
        name in calls[0] and name in calls[1] and _agree_but_for_rounding(name, calls)
        for name in names
    )


def _agree_but_for_rounding(name: str, calls: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the gradients of several calls are the same but for the order of summation."""
    first, *others = (np.asarray(each.get(name)) for each in calls)
    return all(same_but_for_rounding(first, x) for x in others)


def _called(subject: Subject) -> dict[str, Any]:
    named, _ = subject.named(subject.gradient(subject.example))
    return {name: _as_plain(value).copy() for name, value in named.items()}  # it may be kept


def _checked(name: str, value: Any, parameter: Any, found: Hygiene) -> Any:
    """A claim as an array of the parameter's shape; None if it cannot be one."""
    if isinstance(value, (list, tuple)):
        found.notes.append(f"the gradient of {name} is a {type(value).__name__}; return an array.")
    try:
        claim = np.asarray(value)
        if claim.dtype.kind not in "fiub":
            raise TypeError
    except (ValueError, TypeError):
        found.blame(
            name, "G102", f"the gradient of {name} is {described(value)}; it must be an array of "
            "real numbers."
        )  # fmt: skip
        return None
    shape = np.shape(parameter)
    if claim.shape != shape:
        _wrong_shape(name, claim, shape, found)
        return None
    if claim.dtype.kind in "iub" and claim.size:
        found.blame(name, "G102", f"the gradient of {name} has dtype {claim.dtype}.")
    elif claim.dtype.itemsize < 8:
        found.single = True
        found.notes.append(
            f"the gradient of {name} has dtype {claim.dtype} though the arguments are float64; "
            "it is compared to single precision only."
        )
    claim = claim.astype(float, copy=False)
    if not np.all(np.isfinite(claim)):
        count = int(np.sum(~np.isfinite(claim)))
        found.blame(name, "G103", f"{count} of {claim.size} entries of the gradient of {name} are "
                    "NaN or infinite.")  # fmt: skip
        return None
    return claim


def _wrong_shape(name: str, claim: Any, shape: tuple[int, ...], found: Hygiene) -> None:
    if is_crossed(claim, shape):
        found.blame(
            name, "G604",
            f"the columns of the claimed gradient of {name}, shape {claim.shape}, differ by "
            "multiples of one vector: (n,) met (n, 1) and grew to (n, n).",
        )  # fmt: skip
    text = f"the gradient of {name} has shape {claim.shape}; {name} has shape {shape}"
    if claim.shape == shape[::-1]:
        text += "; it is transposed"
    elif claim.size == int(np.prod(shape)):
        text += f"; the numbers are as many: reshape it to {shape}"
    elif claim.ndim == len(shape) + 1:
        text += "; is a sum over the batch missing?"
    found.blame(name, "G101", text if text.endswith("?") else text + ".")
