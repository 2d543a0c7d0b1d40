"""TensorBoard event files with scalars, written without TensorBoard.

A file is a sequence of records, each framed as length, masked CRC-32C of the length, content, and
masked CRC-32C of the content; the content is an Event in Protocol Buffers' wire format. Sources:
TensorFlow's ``core/lib/io/record_writer.h`` (framing), ``core/lib/hash/crc32c.h`` (mask),
``core/util/event.proto`` and ``core/framework/summary.proto`` (field numbers); RFC 3720, appendix
B.4 (CRC-32C and its test values).
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from chainrule.engine.errors import InvalidInput

_POLYNOMIAL = 0x82F63B78  # Castagnoli's, reflected


def _table() -> tuple[int, ...]:
    rows = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
        rows.append(byte)
    return tuple(rows)


_TABLE = _table()


def crc32c(content: bytes) -> int:
    """CRC-32C (Castagnoli) of bytes.

    Examples
    --------
    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    crc = 0xFFFFFFFF
    for byte in content:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def masked_crc32c(content: bytes) -> int:
    """The CRC rotated right by 15 bits plus a constant, so that a CRC of CRCs stays useful."""
    crc = crc32c(content)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def record(content: bytes) -> bytes:
    """One framed record."""
    length = struct.pack("<Q", len(content))
    return b"".join(
        (
            length, struct.pack("<I", masked_crc32c(length)),
            content, struct.pack("<I", masked_crc32c(content)),
        )
    )  # fmt: skip


def scalar_event(wall_time: float, step: int, scalars: Mapping[str, float]) -> bytes:
    """An Event with a Summary of scalars; step may not be negative.

    Event: 1 wall_time (double), 2 step (int64), 5 summary. Summary: 1 value, repeated. Value: 1 tag
    (string), 2 simple_value (float).
    """
    summary = b"".join(
        _delimited(1, _delimited(1, tag.encode("utf-8")) + b"\x15" + _single(value))
        for tag, value in scalars.items()
    )
    return b"\x09" + struct.pack("<d", wall_time) + b"\x10" + _varint(step) + _delimited(5, summary)


def version_event(wall_time: float) -> bytes:
    """The Event that every file begins with: 3 file_version (string)."""
    return b"\x09" + struct.pack("<d", wall_time) + _delimited(3, b"brain.Event:2")


def _delimited(field: int, content: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def _single(value: float) -> bytes:
    try:
        return struct.pack("<f", value)
    except OverflowError:
        return struct.pack("<f", float("inf") if value > 0 else float("-inf"))


class EventWriter:
    """Scalars into a new event file of a directory; TensorBoard reads all files of one together.

    Parameters
    ----------
    directory : path
        Made if it is not there.

    Raises
    ------
    InvalidInput
        The directory cannot be written to.

    Examples
    --------
    >>> import tempfile
    >>> with EventWriter(tempfile.mkdtemp()) as writer:
    ...     writer.scalars(1, {"loss": 0.5})
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        now = time.time()
        folder = Path(directory)
        name = f"events.out.tfevents.{int(now)}.chainrule.{os.getpid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            number = 0
            while (folder / f"{name}.{number}").exists():
                number += 1
            self.path = folder / f"{name}.{number}"
            self._file = self.path.open("xb")
        except OSError as error:
            raise InvalidInput(
                f"TensorBoard's directory {folder} cannot be written to ({error.strerror}); give "
                f"another one."
            ) from error
        self._write(version_event(now))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write numbers that belong to a step."""
        self._write(scalar_event(time.time(), step, values))

    def _write(self, content: bytes) -> None:
        self._file.write(record(content))
        self._file.flush()

    def close(self) -> None:
        """End the file."""
        self._file.close()

    def __enter__(self) -> EventWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
