"""How much memory an evaluation takes, how much there is, what fits, and keeping what is freed."""

from __future__ import annotations

import ctypes
import math
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from chainrule.vision.style.encoder import Encoder
from chainrule.vision.style.optimizers import MEMORY

#: Share of the free memory that may be used, and how far estimates may be off.
SHARE = 0.6
#: Bytes of PyTorch itself and of what convolutions need besides their operands.
BASE = 300 << 20

#: Parameters of glibc's `mallopt`, from its malloc.h.
TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4
#: What glibc itself arrives at once a program has freed a large block, and what it starts with.
LARGEST_THRESHOLD, USUAL_MAPPINGS = 32 << 20, 65536


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Keep what is freed for the next evaluation, rather than hand it back to the system.

    glibc maps blocks of 32 MiB and more, such as a picture's first features, anew each time, and
    the system hands out new memory page by page and zeroed. Where the C library is another one,
    nothing happens.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    library = ctypes.CDLL(None)
    library.malloc_trim(0)  # what was freed before lies in pieces of other sizes
    library.mallopt(MMAP_MAX, 0)
    library.mallopt(TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        library.mallopt(MMAP_MAX, USUAL_MAPPINGS)
        library.mallopt(MMAP_THRESHOLD, LARGEST_THRESHOLD)
        library.mallopt(TRIM_THRESHOLD, 2 * LARGEST_THRESHOLD)
        library.malloc_trim(0)


def bytes_needed(encoder: Encoder, pixels: float, whole: float | None = None) -> float:
    """Bytes that an evaluation of that many pixels at once takes, about.

    Parameters
    ----------
    encoder : Encoder
        Ending with the last layer in use.
    pixels : float
        Of one tile with its margin, or of the picture.
    whole : float, optional
        Pixels of the picture, which the optimizer keeps copies of.
    """
    size = torch.empty((), dtype=encoder.dtype).element_size()
    kept, largest, stride, channels = 0.0, 0.0, 1, 3
    for step in encoder.steps:
        if step.weight is not None:
            channels = int(step.weight.shape[0])
            largest = max(largest, channels * size / stride**2)
        elif step.kind == "relu":
            kept += channels * size / stride**2
        else:
            stride *= 2
            kept += channels * size / stride**2
            # Eight bytes for the index of each maximum, of one pooling at a time.
            largest = max(largest, channels * 8 / stride**2)
        if step.name in encoder.sides:
            kept += encoder.sides[step.name][0].shape[0] * size / stride**2
    return BASE + pixels * (kept + 3 * largest) + (whole or pixels) * 3 * 4 * (2 * MEMORY + 8)


def free_bytes(device: torch.device) -> float | None:
    """Bytes that can be used now, None where the system does not say."""
    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    found = []
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        found += [float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvail")]
    except (OSError, ValueError, IndexError):
        pass
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = Path("/sys/fs/cgroup/memory.current").read_text().strip()
        found.append(float(limit) - float(used))
    except (OSError, ValueError):
        pass
    if not found and hasattr(os, "sysconf") and "SC_AVPHYS_PAGES" in os.sysconf_names:
        found.append(float(os.sysconf("SC_AVPHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE"))
    return min(found, default=None)


def tile_that_fits(encoder: Encoder, height: int, width: int, free: float | None) -> int | None:
    """Side of the tiles needed, None if the whole picture fits or memory is not known."""
    if free is None or bytes_needed(encoder, height * width) <= SHARE * free:
        return None
    margin = 2 * encoder.reach()
    side = 1024
    while side > 128 and bytes_needed(encoder, (side + margin) ** 2, height * width) > SHARE * free:
        side //= 2
    return side


def size_that_fits(encoder: Encoder, height: int, width: int, free: float) -> int:
    """Pixels of the longer side of a picture of these proportions that fits without tiles."""
    size = max(height, width)
    while size > 64:
        factor = size / max(height, width)
        if bytes_needed(encoder, height * width * factor**2) <= SHARE * free:
            break
        size = math.floor(size * 0.9)
    return size // 16 * 16
