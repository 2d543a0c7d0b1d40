"""Values over a pipe: a JSON header, then the arrays' bytes; nothing that arrives is executed."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

#: One reply may hold this many bytes.
LIMIT = 64 * 2**20
#: What is no array is text, and takes many times its length once it is read.
TEXT_LIMIT = 8 * 2**20
_LENGTH = struct.Struct(">Q")
_DEPTH = 20


class WireError(Exception):
    """A message cannot be written, or what arrived is none."""


@dataclass(frozen=True)
class Opaque:
    """A value that does not travel; what it was, in words."""

    what: str


def encode(message: Any) -> bytes:
    """A message as bytes.

    Parameters
    ----------
    message : tree
        Of dicts with text keys, lists, tuples, numbers, text, None, fractions and numeric arrays.
        Anything else travels as `Opaque`.
    """
    arrays: list[np.ndarray[Any, Any]] = []
    tree = _packed(message, arrays, 0)
    header = json.dumps(
        {"tree": tree, "arrays": [[a.dtype.str, list(a.shape)] for a in arrays]}
    ).encode()
    if len(header) > TEXT_LIMIT:
        raise WireError("it is too long; large values travel as arrays only")
    body = b"".join(a.tobytes() for a in arrays)
    if len(body) > LIMIT:
        raise WireError(f"the values take {len(body) // 2**20} MB; {LIMIT // 2**20} MB is the most")
    return _LENGTH.pack(len(header)) + _LENGTH.pack(len(body)) + header + body


def decode(read: Callable[[int], bytes]) -> Any:
    """The next message.

    Parameters
    ----------
    read : callable
        ``read(n)`` returns the next n bytes.

    Raises
    ------
    WireError
        What arrives is no message.
    """
    sizes = read(2 * _LENGTH.size)
    header_size, body_size = (x[0] for x in _LENGTH.iter_unpack(sizes))
    if header_size > TEXT_LIMIT or body_size > LIMIT:
        raise WireError("the message is too long")
    header, body = read(header_size), read(body_size)
    try:
        found = json.loads(header)
        arrays = []
        start = 0
        for name, shape in found["arrays"]:
            dtype = np.dtype(name)
            if dtype.kind not in "fiubc" or any(not isinstance(n, int) or n < 0 for n in shape):
                raise WireError(f"arrays of {dtype} do not travel")
            count = int(np.prod(shape, dtype=object))
            stop = start + count * dtype.itemsize
            if stop > len(body):
                raise WireError("an array is cut short")
            arrays.append(np.frombuffer(body[start:stop], dtype).reshape(shape).copy())
            start = stop
        return _unpacked(found["tree"], arrays)
    except (
        ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError,
        SyntaxError,
    ) as error:  # fmt: skip
        raise WireError(f"the message cannot be read ({type(error).__name__})") from None


def _packed(value: Any, arrays: list[np.ndarray[Any, Any]], depth: int) -> Any:
    if depth > _DEPTH:
        return {"opaque": "a value nested too deeply"}
    if value is None or isinstance(value, bool | str):
        return {"plain": value}
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.kind not in "fiubc":
            return {"opaque": f"an array of {value.dtype}"}
        arrays.append(np.asarray(value))
        return {"array": len(arrays) - 1, "scalar": not isinstance(value, np.ndarray)}
    if isinstance(value, int):
        return {"int": hex(value)}
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, Fraction):
        return {"fraction": [hex(value.numerator), hex(value.denominator)]}
    if isinstance(value, Opaque):
        return {"opaque": value.what}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_packed(each, arrays, depth + 1) for each in value]}
    if isinstance(value, dict):
        return {"dict": [[str(k), _packed(v, arrays, depth + 1)] for k, v in value.items()]}
    return {"opaque": f"a {type(value).__name__}"}


def _unpacked(tree: Any, arrays: list[np.ndarray[Any, Any]]) -> Any:
    if "plain" in tree:
        plain = tree["plain"]
        if not (plain is None or isinstance(plain, bool | str)):
            raise WireError("a plain value is a container")
        return _text(plain) if isinstance(plain, str) else plain
    if "array" in tree:
        array = arrays[tree["array"]]
        return array[()] if tree["scalar"] else array
    if "int" in tree:
        return int(tree["int"], 16)
    if "float" in tree:
        return float.fromhex(tree["float"])
    if "fraction" in tree:
        numerator, denominator = (int(each, 16) for each in tree["fraction"])
        if denominator == 0:
            raise WireError("a fraction over zero")
        return Fraction(numerator, denominator)
    if "opaque" in tree:
        return Opaque(_text(tree["opaque"]))
    if "list" in tree:
        return [_unpacked(each, arrays) for each in tree["list"]]
    if "tuple" in tree:
        return tuple(_unpacked(each, arrays) for each in tree["tuple"])
    return {_text(key): _unpacked(value, arrays) for key, value in tree["dict"]}


def _text(value: Any) -> str:
    """Text that every file can hold: half of a character can travel, but not be written."""
    return str(value).encode(errors="replace").decode()
