"""Read one CIFAR-10 batch file, a pickle, without executing anything that the pickle asks for.

The official files are pickles of a dictionary that holds bytes, whole numbers and one NumPy array.
Three names occur in them: NumPy's array, its data type, and the function that rebuilds an array.
Each is replaced here by a class that only keeps what it is given; any other name is refused.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

from chainrule.data.errors import DataError

PIXELS = 3 * 32 * 32


class _Recorded:
    """Stands for a NumPy object in a pickle: keeps its state and does nothing with it."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


_ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED:
            return _Recorded
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no batch file needs")


def read_batch(content: bytes, path: object) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of one batch file.

    Parameters
    ----------
    content : bytes
        The file's content.
    path
        Named in messages.

    Returns
    -------
    images : uint8 array, shape (n, 3, 32, 32)
    labels : uint8 array, shape (n,)

    Raises
    ------
    DataError
        The content is no CIFAR-10 batch, or a pickle that asks for anything else than an array.
    """
    batch = _dictionary(content, path)
    labels = batch.get(b"labels")
    if not isinstance(labels, list) or not all(type(k) is int and 0 <= k < 10 for k in labels):
        raise _refusal(path, "its labels are not a list of whole numbers from 0 to 9")
    array = batch.get(b"data")
    pixels = _pixels(array.state) if isinstance(array, _Recorded) else None
    if pixels is None or len(pixels) != len(labels) * PIXELS:
        raise _refusal(path, f"its data are not {len(labels)} rows of {PIXELS} bytes")
    images = np.frombuffer(pixels, np.uint8).reshape(len(labels), 3, 32, 32)
    return images, np.array(labels, np.uint8)


def _dictionary(content: bytes, path: object) -> dict[Any, Any]:
    try:
        batch = _Unpickler(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # a damaged pickle may raise anything
        raise _refusal(path, str(error) or type(error).__name__) from error
    if not isinstance(batch, dict):
        raise _refusal(path, f"it holds a {type(batch).__name__} instead of a dictionary")
    return batch


def _pixels(state: Any) -> bytes | None:
    """The bytes of a pickled array of unsigned bytes in rows of one image; None for any other."""
    match state:
        case (_, (int(), int(width)), _Recorded(arguments=(kind, *_)), False, bytes(pixels)):
            return pixels if width == PIXELS and kind in (b"u1", "u1") else None
    return None


def _refusal(path: object, reason: str) -> DataError:
    return DataError(
        f"{path} is not a CIFAR-10 batch: {reason}. Replace it by the official file "
        "(`chainrule data cifar10`)."
    )
