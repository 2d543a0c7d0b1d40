"""Event files byte for byte: CRC-32C, framing and messages against published values."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from chainrule import optim, training
from chainrule.engine.errors import InvalidInput
from chainrule.training.tensorboard import (
    EventWriter,
    crc32c,
    masked_crc32c,
    record,
    scalar_event,
    version_event,
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # RFC 3720, appendix B.4, and the check value of the catalogue of CRCs
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"123456789", 0xE3069283),
        (b"", 0),
    ],
)
def test_crc32c_of_published_values(content: bytes, expected: int) -> None:
    assert crc32c(content) == expected


def test_the_mask_can_be_undone() -> None:
    # TensorFlow's Unmask: rotate left by 15 after taking the constant away
    rotated = (masked_crc32c(b"foo") - 0xA282EAD8) & 0xFFFFFFFF
    assert (rotated >> 17 | rotated << 15) & 0xFFFFFFFF == crc32c(b"foo")


def test_a_scalar_event_byte_by_byte() -> None:
    expected = (
        b"\x09" + struct.pack("<d", 1.5)  # field 1, 64 bits
        + b"\x10\xac\x02"  # field 2, 300 as a varint
        + b"\x2a\x0d"  # field 5, 13 bytes
        + b"\x0a\x0b"  # value, 11 bytes
        + b"\x0a\x04loss" + b"\x15" + struct.pack("<f", 0.25)
    )  # fmt: skip
    assert scalar_event(1.5, 300, {"loss": 0.25}) == expected
    assert version_event(0.0) == b"\x09" + bytes(8) + b"\x1a\x0dbrain.Event:2"


def records(content: bytes) -> list[bytes]:
    """The contents of the records of a file, their checksums verified."""
    found = []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        assert struct.unpack("<I", content[8:12])[0] == masked_crc32c(content[:8])
        inside = content[12 : 12 + length]
        assert struct.unpack("<I", content[12 + length : 16 + length])[0] == masked_crc32c(inside)
        assert record(inside) == content[: 16 + length]
        found.append(inside)
        content = content[16 + length :]
    return found


def test_the_loop_writes_its_history(tmp_path: Path) -> None:
    result = training.fit(
        lambda w, x: np.mean((x - w) ** 2), np.array(0.0), np.ones(4), optimizer=optim.sgd(0.1),
        epochs=2, batch_size=2, tensorboard=tmp_path,
    )  # fmt: skip
    (path,) = tmp_path.iterdir()
    assert path.name.startswith("events.out.tfevents.")
    first, *events = records(path.read_bytes())
    assert first.endswith(b"brain.Event:2")
    assert len(events) == 2
    for event, row in zip(events, result.history.rows(), strict=True):
        assert b"train_loss\x15" + struct.pack("<f", row["train_loss"]) in event
        assert event[9:11] == bytes([0x10, int(row["step"])])


def test_every_run_has_a_file_of_its_own(tmp_path: Path) -> None:
    for _ in range(2):
        with EventWriter(tmp_path) as writer:
            writer.scalars(1, {"huge": 1e300, "nan": float("nan")})
    assert len(list(tmp_path.iterdir())) == 2


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match=r"TensorBoard's directory .*file cannot be written"):
        EventWriter(tmp_path / "file")
