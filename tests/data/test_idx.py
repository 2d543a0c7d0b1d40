"""IDX files are read whole and exactly, or refused with the file, the fault and the cure."""

from __future__ import annotations

import gzip
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from chainrule.data import DataError, read_idx

Writer = Callable[[np.ndarray], bytes]
CODE_NAMES = {"uint8", "int8", "int16", "int32", "float32", "float64"}
IMAGES = np.arange(24, dtype=np.uint8).reshape(4, 2, 3)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("idx") / "file"


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
@given(
    array=st.sampled_from(["u1", "i1", "i2", "i4", "f4", "f8"]).flatmap(
        lambda code: npst.arrays(code, npst.array_shapes(min_dims=1, max_dims=4, min_side=0))
    )
)
def test_every_element_type_and_shape_comes_back_exactly(
    compress: Callable[[bytes], bytes], array: np.ndarray, file: Path, idx_bytes: Writer
) -> None:
    file.write_bytes(compress(idx_bytes(array)))
    read = read_idx(file)
    assert read.dtype == array.dtype
    assert read.dtype.isnative
    assert read.flags.writeable
    np.testing.assert_array_equal(read, array)


def header(*sizes: int, code: int = 8, zeros: bytes = b"\0\0") -> bytes:
    return zeros + bytes([code, len(sizes)]) + np.array(sizes, ">u4").tobytes()


REFUSED = {
    "empty": (b"", r"ends 4 bytes too early \(truncated\)"),
    "short magic": (b"\0\0\x08", "ends 1 byte too early"),
    "no magic": (b"\x89PNG\r\n\x1a\n", "begins with 89 50 4e 47, which is no IDX magic"),
    "first bytes not zero": (header(1, zeros=b"\0\1") + b"x", "no IDX magic"),
    "unknown element type": (header(1, code=0x0A) + b"x", "begins with 00 00 0a 01"),
    "no dimensions": (header() + b"x", "begins with 00 00 08 00"),
    "sizes missing": (header(2, 3)[:-2], "ends 2 bytes too early"),
    "elements missing": (header(2, 3) + b"12345", "ends 1 byte too early"),
    "elements follow": (header(2, 3) + b"1234567", r"bytes follow after the 6 that its shape"),
    "huge": (header(2**32 - 1, 2**32 - 1, 2**32 - 1), "more than the file can hold"),
    "huge but empty": (header(0, *[2**32 - 1] * 4), r"NumPy has no arrays of its shape"),
    "too many dimensions": (header(*[1] * 200) + b"x", r"NumPy has no arrays of its shape"),
}


@pytest.mark.parametrize(("content", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_plain_files_that_are_not_whole_are_refused(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "digits-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(DataError, match=reason) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)
    assert "Replace it by a whole one." in str(caught.value)


PACKED = gzip.compress(header(4, 2, 3) + IMAGES.tobytes(), mtime=0)
REFUSED_PACKED = {
    "cut in the elements": (PACKED[:-20], "truncated"),
    "cut in the checksum": (PACKED[:-3], "truncated"),
    "cut after the gzip magic": (PACKED[:2], "truncated"),
    "wrong checksum": (PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:], "corrupted .*CRC"),
    "wrong length": (PACKED[:-4] + b"\1\0\0\0", "corrupted .*length"),
    "bytes after the stream": (PACKED + b"junk", "corrupted"),
    "a second stream": (PACKED + PACKED, "bytes follow after the 24"),
    "stream that ends early": (gzip.compress(header(400) + b"x" * 8), "392 bytes too early"),
    "not deflate": (PACKED[:10] + b"\xff" * 20, "corrupted"),
    "stream that holds no IDX": (gzip.compress(b"hello world"), "68 65 6c 6c"),
    "huge": (gzip.compress(header(2**31, 2**31)), "more than the file can hold"),
}


@pytest.mark.parametrize(("content", "reason"), REFUSED_PACKED.values(), ids=REFUSED_PACKED.keys())
def test_gzip_files_that_are_not_whole_are_refused(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "digits-idx3-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=reason) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


def test_a_header_that_claims_much_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    # 60 kB of file may unpack to 60 MB by the rules of deflate, and claims just that.
    noise = np.random.default_rng(0).bytes(60_000)
    path.write_bytes(gzip.compress(header(60_000_000) + noise))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="truncated"):
            read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_the_expected_shape_is_demanded(tmp_path: Path, idx_bytes: Writer) -> None:
    path = tmp_path / "images"
    path.write_bytes(idx_bytes(IMAGES))
    np.testing.assert_array_equal(read_idx(path, (4, 2, 3)), IMAGES)
    with pytest.raises(DataError, match=r"declares the shape \(4, 2, 3\), expected \(4, 6\)"):
        read_idx(path, (4, 6))


def test_absent_and_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no file .*absent; put the IDX file there"):
        read_idx(tmp_path / "absent")
    with pytest.raises(DataError, match="it is not a file; put the IDX file there"):
        read_idx(tmp_path)


@given(cut=st.integers(0, len(PACKED) - 1))
def test_no_truncation_is_ever_read(cut: int, file: Path) -> None:
    whole = header(4, 2, 3) + IMAGES.tobytes()
    for content in (PACKED[:cut], whole[: min(cut, len(whole) - 1)]):
        file.write_bytes(content)
        with pytest.raises(DataError):
            read_idx(file)


@given(bits=st.sets(st.integers(0, 8 * len(PACKED) - 1), min_size=1, max_size=4))
def test_flipped_bits_of_a_gzip_file_give_an_error_or_the_same_array(
    bits: set[int], file: Path
) -> None:
    content = bytearray(PACKED)
    for bit in bits:
        content[bit // 8] ^= 1 << bit % 8
    file.write_bytes(content)
    try:
        read = read_idx(file)
    except DataError:
        return
    np.testing.assert_array_equal(read, IMAGES)


@given(bit=st.integers(0, 8 * 16 - 1))
def test_a_flipped_bit_in_a_plain_header_is_refused(bit: int, file: Path) -> None:
    content = bytearray(header(4, 2, 3) + IMAGES.tobytes())
    content[bit // 8] ^= 1 << bit % 8
    file.write_bytes(content)
    if content[2] == 9:  # signed bytes: as valid a file as the unsigned ones
        assert read_idx(file).dtype == np.int8
        return
    with pytest.raises(DataError):
        read_idx(file, (4, 2, 3))


@given(content=st.binary(max_size=200))
def test_any_bytes_give_an_error_or_an_array(content: bytes, file: Path) -> None:
    for candidate in (content, header(2, 2) + content, gzip.compress(content)):
        file.write_bytes(candidate)
        try:
            outcome = read_idx(file).dtype.name
        except DataError as error:
            outcome = str(error)
        assert outcome in CODE_NAMES or str(file) in outcome
