"""Read IDX files, plain or gzip-compressed, whole or not at all.

An IDX file is a magic number (two zero bytes, an element type, the number of dimensions), one
big-endian 32-bit size per dimension, and the elements in C order, big-endian. Source: Y. LeCun,
C. Cortes and C. J. C. Burges, "The MNIST database of handwritten digits", section "The IDX file
format".
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from chainrule.data.errors import DataError
from chainrule.engine.wording import counted

ELEMENT_TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype(np.uint8),
    0x09: np.dtype(np.int8),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
GZIP_MAGIC = b"\x1f\x8b"
# Deflate cannot expand a byte to more than this (zlib, "Maximum expansion factor", 1032 : 1).
LARGEST_EXPANSION = 1032
CHUNK = 1 << 20


def read_idx(
    path: str | os.PathLike[str], shape: Sequence[int] | None = None
) -> np.ndarray[Any, Any]:
    """Array stored in an IDX file.

    Parameters
    ----------
    path
        The file; compression is recognised by content, not by name.
    shape
        The shape that the array must have; any shape when absent.

    Returns
    -------
    numpy.ndarray
        The elements in native byte order, in the shape that the file declares.

    Raises
    ------
    DataError
        The file is absent, truncated, corrupted, longer than it declares, not IDX, or of another
        shape. Memory stays proportional to the data present, whatever sizes the header claims.
    """
    path = Path(path)
    if os.path.exists(path) and not path.is_file():  # a pipe would be waited for
        raise DataError(f"Cannot read {path}: it is not a file; put the IDX file there.")
    try:
        with path.open("rb") as file:
            compressed = file.read(2) == GZIP_MAGIC
            file.seek(0)
            available = os.fstat(file.fileno()).st_size
            if compressed:
                with gzip.GzipFile(fileobj=file) as stream:
                    return _read(stream, path, available * LARGEST_EXPANSION, shape)
            return _read(file, path, available, shape)
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}; put the IDX file there.") from error
    except EOFError as error:
        raise _refusal(path, "the gzip stream ends too early (truncated)") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _refusal(path, f"the gzip stream is corrupted ({error})") from error
    except OSError as error:
        raise DataError(
            f"Cannot read {path}: {error.strerror or error}; make it a readable file."
        ) from error


def _read(
    stream: BinaryIO | gzip.GzipFile, path: Path, most_bytes: int, shape: Sequence[int] | None
) -> np.ndarray[Any, Any]:
    magic = _exactly(stream, 4, path)
    element = ELEMENT_TYPES.get(magic[2])
    rank = magic[3]
    if magic[:2] != b"\0\0" or element is None or rank == 0:
        raise _refusal(path, f"it begins with {magic.hex(' ')}, which is no IDX magic number")
    sizes = tuple(int(n) for n in np.frombuffer(_exactly(stream, 4 * rank, path), ">u4"))
    if shape is not None and sizes != tuple(shape):
        raise _refusal(path, f"it declares the shape {sizes}, expected {tuple(shape)}")
    count = math.prod(sizes) * element.itemsize
    if count > most_bytes:
        raise _refusal(
            path, f"it declares the shape {sizes}, {count} bytes, more than the file can hold"
        )
    data = _exactly(stream, count, path)
    if stream.read(1):
        raise _refusal(path, f"bytes follow after the {count} that its shape {sizes} declares")
    try:
        elements = np.frombuffer(data, element).reshape(sizes)
    except ValueError as error:
        raise _refusal(path, f"NumPy has no arrays of its shape {sizes}") from error
    return elements.astype(element.newbyteorder("="), copy=False)


def _exactly(stream: BinaryIO | gzip.GzipFile, count: int, path: Path) -> bytearray:
    """Read in chunks: a single read would allocate all that a hostile header asks for."""
    data = bytearray()
    while len(data) < count:
        chunk = stream.read(min(CHUNK, count - len(data)))
        if not chunk:
            raise _refusal(
                path, f"it ends {counted(count - len(data), 'byte')} too early (truncated)"
            )
        data += chunk
    return data


def _refusal(path: Path, reason: str) -> DataError:
    return DataError(f"{path} is not a whole IDX file: {reason}. Replace it by a whole one.")
