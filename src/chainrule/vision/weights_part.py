"""The beginning of a network out of a large safetensors file on a server, by range requests.

A safetensors file is eight bytes of length, a JSON header with each tensor's offsets, and the
tensors. The server must name the whole file's SHA-256 (as the Hugging Face hub does in
X-Linked-ETag), because a part cannot be checked against it.
"""

from __future__ import annotations

import http.client
import json
import struct
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from chainrule.data.download import CHUNK, MOST_TRIES, TIMEOUT_SECONDS, keep, keeping
from chainrule.data.errors import Unavailable
from chainrule.programs.whole_files import replacing
from chainrule.vision.weights_registry import PartOfFile

#: Two ranges closer than this are one request.
GAP = 1 << 20
LARGEST_HEADER = 16 << 20


class _Headers(urllib.request.HTTPRedirectHandler):
    """Follows redirects and keeps the file's identity, which only the first answer may carry."""

    def __init__(self) -> None:
        self.identity = ""

    def redirect_request(self, *arguments: Any) -> Any:
        headers = arguments[4]
        self.identity = self.identity or _identity(headers)
        return super().redirect_request(*arguments)


def fetch_part(
    part: PartOfFile,
    wanted: Iterable[str],
    destination: Path,
    report: Callable[[int, int], None],
) -> None:
    """Write the wanted tensors to `destination`, a safetensors file, whole or not at all.

    Parameters
    ----------
    part : PartOfFile
    wanted : iterable of str
        Names of tensors.
    destination : Path
        In an existing, writable folder; bytes received so far stay beside it and are resumed.
    report : callable
        Called with the bytes held and the bytes needed.

    Raises
    ------
    Unavailable
        The server cannot be reached, does not answer ranges, holds another file, or does not
        hold the tensors.
    """
    length = struct.unpack("<Q", _bytes(part, 0, 8))[0]
    if length > LARGEST_HEADER:
        raise Unavailable(f"{part.address}: it is not a safetensors file")
    try:
        header = json.loads(_bytes(part, 8, 8 + length))
        spans = {name: tuple(header[name]["data_offsets"]) for name in wanted}
    except (ValueError, TypeError) as error:
        raise Unavailable(f"{part.address}: it is not a safetensors file") from error
    except KeyError as error:
        raise Unavailable(f"{part.address}: it does not hold {error}") from error
    first = 8 + length
    ranges = _merged(spans.values())
    total = sum(end - start for start, end in ranges)
    held = 0
    pieces: list[tuple[int, Path]] = []
    for start, end in ranges:
        piece = destination.with_name(f"{destination.name}.{start}-{end}.part")

        def progress(size: int, before: int = held) -> None:
            report(before + size, total)

        _receive(part, first + start, first + end, piece, progress)
        pieces.append((start, piece))
        held += end - start
    _assemble(header, spans, pieces, destination, part)
    for _, piece in pieces:
        piece.unlink()


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges of bytes that cover the spans, with small gaps filled."""
    ranges: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if ranges and start - ranges[-1][1] <= GAP:
            ranges[-1] = (ranges[-1][0], max(end, ranges[-1][1]))
        else:
            ranges.append((start, end))
    return ranges


def _assemble(
    header: dict[str, Any],
    spans: dict[str, tuple[int, int]],
    pieces: list[tuple[int, Path]],
    destination: Path,
    part: PartOfFile,
) -> None:
    """Write the safetensors file of the wanted tensors from the pieces received."""
    entries: dict[str, Any] = {"__metadata__": {"part_of_sha256": part.sha256}}
    offset = 0
    for name, (start, end) in spans.items():
        entries[name] = {**header[name], "data_offsets": [offset, offset + end - start]}
        offset += end - start
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)  # readers want the tensors aligned
    with keeping(destination), replacing(destination) as temporary, temporary.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for start, end in spans.values():
            base, piece = max((p for p in pieces if p[0] <= start), key=lambda p: p[0])
            with piece.open("rb") as source:
                source.seek(start - base)
                file.write(source.read(end - start))


def _receive(
    part: PartOfFile, start: int, end: int, path: Path, report: Callable[[int], None]
) -> None:
    """Bring `path` to the bytes from `start` to `end`, over as many connections as bring some."""
    for _ in range(MOST_TRIES):
        before = held = path.stat().st_size if path.exists() else 0
        if held >= end - start:
            return
        reason = "the connection ended too early"
        try:
            for chunk in _chunks(part, start + held, end):
                keep(path, chunk)
                held += len(chunk)
                report(held)
        except (OSError, http.client.HTTPException) as error:
            reason = str(getattr(error, "reason", None) or error) or type(error).__name__
        if held <= before:
            break
    if held < end - start:
        raise Unavailable(f"{part.address}: {reason}")


def _bytes(part: PartOfFile, start: int, end: int) -> bytes:
    try:
        return b"".join(_chunks(part, start, end))
    except (OSError, http.client.HTTPException) as error:
        reason = str(getattr(error, "reason", None) or error) or type(error).__name__
        raise Unavailable(f"{part.address}: {reason}") from error


def _chunks(part: PartOfFile, start: int, end: int) -> Iterator[bytes]:
    """The bytes from `start` to `end` of the pinned file, as they arrive."""
    request = urllib.request.Request(
        part.address,
        headers={
            "User-Agent": "chainrule",
            "Accept-Encoding": "identity",
            "Range": f"bytes={start}-{end - 1}",
        },
    )
    headers = _Headers()
    with urllib.request.build_opener(headers).open(request, timeout=TIMEOUT_SECONDS) as response:
        identity = headers.identity or _identity(response.headers)
        if identity != part.sha256:
            raise Unavailable(
                f"{part.address}: the server names its file {identity or 'without a checksum'}, "
                f"expected SHA-256 {part.sha256}"
            )
        answered = response.headers.get("Content-Range", "")
        if response.status != 206 or not answered.startswith(f"bytes {start}-{end - 1}/"):
            raise Unavailable(f"{part.address}: the server does not answer ranges of the file")
        while chunk := response.read(CHUNK):
            yield chunk


def _identity(headers: Any) -> str:
    """The SHA-256 that the server names, without the quotes of an entity tag."""
    return str(headers.get("X-Linked-ETag", "")).strip().strip('"')
