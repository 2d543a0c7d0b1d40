"""Files that are either whole or absent, and values as strict JSON."""

from __future__ import annotations

import errno
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from chainrule.programs.whole_files import replacing

SEAL = "sha256 of the rest"


class RunDirectoryError(Exception):
    """A run directory cannot be used; the message says why and what to do."""


class FullDiskError(RunDirectoryError):
    """The disk is full, or the user's share of it."""


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` so that a reader never sees a part of it.

    Parameters
    ----------
    path : Path
        The file; its folder must exist.
    content : bytes
        All of it.

    Raises
    ------
    RunDirectoryError
        If the file system refuses (full, read-only, not a folder); `path` keeps what it held.
    """
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise unwritable(path, error) from error


def write_text(path: Path, content: str) -> None:
    """Write `content` to `path` as UTF-8, whole or not at all (see `write_bytes`)."""
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as indented JSON, whole or not at all (see `write_bytes`)."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def unwritable(path: Path, error: OSError) -> RunDirectoryError:
    """Return the sentence for an `OSError` met while writing `path`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return FullDiskError(
            f"Cannot write {path}: the disk is full. Free some space and run the same command; "
            "the finished steps are kept."
        )
    reason = (error.strerror or str(error)).lower()
    return RunDirectoryError(
        f"Cannot write {path}: {reason}. Choose a folder you can write to with --output."
    )


def refuse_links(paths: Iterable[Path], error: type[Exception] = RunDirectoryError) -> None:
    """Refuse files of a run that are links: what is written or removed there would lie elsewhere.

    Raises
    ------
    RunDirectoryError
        Or `error`, naming the first link.
    """
    for path in paths:
        if path.is_symlink():
            raise error(
                f"{path} is a link, which leads out of the folder. Remove the link, or choose "
                "another folder with --output."
            )


def plain(value: Any, where: str) -> Any:
    """Return `value` as what JSON reads back: lists for tuples and arrays, Python numbers.

    Parameters
    ----------
    value : number, str, bool, None, NumPy scalar or array, list, tuple or mapping of these
    where : str
        What the value belongs to, for the error message.

    Raises
    ------
    TypeError
        If JSON cannot hold the value.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Mapping):
        return {_key(key, where): plain(item, where) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, where) for item in value]
    if type(value).__module__.split(".")[0] == "numpy" and hasattr(value, "tolist"):
        return plain(value.tolist(), where)
    raise TypeError(
        f"{where} holds a {type(value).__name__}; it must be made of numbers, strings, lists, "
        "dictionaries and NumPy arrays, so that it can be stored as JSON."
    )


def sealed(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object with the SHA-256 of what it holds, so that damage is noticed."""
    return {**value, SEAL: digest(value)}


def unsealed(value: Any, fields: set[str]) -> dict[str, Any]:
    """Return a JSON object without its seal.

    Raises
    ------
    ValueError
        If it has other fields than these, or a seal of other content. One without a seal, as
        earlier versions wrote it, is taken as it is.
    """
    if not isinstance(value, dict) or set(value) - {SEAL} != fields:
        raise ValueError("it has other fields than were written")
    content = {name: item for name, item in value.items() if name != SEAL}
    if value.get(SEAL, None) not in (None, digest(content)):
        raise ValueError("its content is not what was written")
    return content


def digest(content: Any) -> str:
    """Return the SHA-256 of a JSON value, the same before it is written and after it is read."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def finite(value: Any) -> Any:
    """Return a `plain` value with NaN and infinities as strings, which strict JSON can hold."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return value


def _key(key: Any, where: str) -> str:
    """Return a mapping's key, which JSON wants to be a string."""
    if not isinstance(key, str):
        raise TypeError(
            f"{where} has the dictionary key {key!r} of type {type(key).__name__}; "
            "keys must be strings, so that they are the same when read back."
        )
    return key
