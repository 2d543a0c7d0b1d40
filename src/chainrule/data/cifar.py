"""CIFAR-10: the official archive or its unpacked batch files, whole or the part that is present.

A. Krizhevsky, "Learning multiple layers of features from tiny images" (2009), chapter 3. The MD5
of the archive and of each batch are those that torchvision publishes; the SHA-256 of the archive
is the one of the mirrors named in the registry.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.data.cifar_pickle import read_batch
from chainrule.data.errors import DataError
from chainrule.data.registry import CIFAR10
from chainrule.data.storage import DirectoryName, FileState, directories, obtain, state_of

FOLDER = "cifar-10-batches-py"
#: MD5 of each file in the archive's folder.
TRAIN = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
}
TEST = {"test_batch": "40351d587109b95175f43aff81a1287e"}
META = {"batches.meta": "5ff9c542aee3614f3951f8cda6e48888"}
CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
#: A batch has 31 million bytes; nothing larger is read from an archive.
LARGEST = 1 << 25

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Cifar10:
    """One split of CIFAR-10.

    Attributes
    ----------
    images : uint8 array, shape (n, 3, 32, 32)
        Red, green and blue, 0 to 255.
    labels : uint8 array, shape (n,)
        Class numbers; `CLASSES` names them.
    batches, missing : tuple of str
        The batch files that were read, and those of the split that are absent.
    """

    images: Array
    labels: Array
    batches: tuple[str, ...]
    missing: tuple[str, ...]


def load_cifar10(
    split: str = "train",
    data_dir: DirectoryName | None = None,
    download: bool = True,
    partial: bool = False,
) -> Cifar10:
    """CIFAR-10: 50,000 images for training in five batches, 10,000 for testing.

    Parameters
    ----------
    split
        "train" or "test".
    data_dir
        Directory searched first, and the one that a download goes to. Then come the directory
        named by CHAINRULE_DATA and the user's cache directory. In each, ``cifar10/`` holds
        cifar-10-python.tar.gz or the folder cifar-10-batches-py.
    download
        Whether the archive is downloaded when the split is not whole.
    partial
        Take the batches that are present, if there is at least one, and download nothing then.

    Returns
    -------
    Cifar10
        Its `missing` names the batch files that a partial set lacks.

    Raises
    ------
    DataError
        Unknown split; batch files are missing (each is named), damaged, or not downloadable.
    """
    if split not in ("train", "test"):
        raise DataError(f"split is {split!r}; expected 'train' or 'test'.")
    wanted = TRAIN if split == "train" else TEST
    searched = directories(data_dir)
    archive = state_of(CIFAR10, searched)
    place = _folder(searched, wanted)
    present = [name for name in wanted if place and (place / name).exists()]
    whole = len(present) == len(wanted)
    if place is not None and (whole or (partial and present)):
        contents = {name: _checked(place / name, wanted[name]) for name in present}
    elif archive.state == "present" or download:
        destinations = searched[: 1 if data_dir else None] if download else []
        path = _obtain(searched, destinations, place, wanted, present)
        contents = _unpack(path, wanted)
    else:
        raise DataError(_missing_sentence(searched, place, wanted, present))
    images, labels = zip(*(read_batch(contents[n], n) for n in contents), strict=True)
    missing = tuple(name for name in wanted if name not in contents)
    return Cifar10(np.concatenate(images), np.concatenate(labels), tuple(contents), missing)


def fetch_cifar10(data_dir: DirectoryName | None = None) -> list[Path]:
    """Files of CIFAR-10, all of them checked; the archive is downloaded unless batches are whole.

    Raises
    ------
    DataError
        A file is damaged; no mirror could be reached; no folder is writable.
    """
    searched = directories(data_dir)[: 1 if data_dir else None]
    wanted = TRAIN | TEST | META
    place = _folder(searched, wanted)
    if place is not None and all((place / name).exists() for name in wanted):
        for name, md5 in wanted.items():
            _checked(place / name, md5)
        return [place / name for name in wanted]
    return obtain(CIFAR10, CIFAR10.files, searched, searched)


def cifar10_states(searched: Sequence[Path]) -> list[FileState]:
    """State of the archive, or of each batch file when a folder of them is there instead."""
    archive = state_of(CIFAR10, searched)
    wanted = TRAIN | TEST | META
    place = _folder(searched, wanted)
    if archive.state != "missing" or place is None:
        return [archive]
    states = []
    for name, md5 in wanted.items():
        path = place / name
        if not path.exists():
            states.append(FileState(CIFAR10.name, name, "missing", path, None))
            continue
        problem = _problem(path, md5)
        size = path.stat().st_size
        states.append(
            FileState(CIFAR10.name, name, "damaged" if problem else "present", path, size, problem)
        )
    return states


def _folder(searched: Sequence[Path], wanted: Iterable[str]) -> Path | None:
    """The first unpacked folder that holds any of the files."""
    for directory in searched:
        folder = directory / CIFAR10.name / FOLDER
        if any(os.path.exists(folder / name) for name in wanted):
            return folder
    return None


def _obtain(
    searched: Sequence[Path],
    destinations: Sequence[Path],
    place: Path | None,
    wanted: dict[str, str],
    present: Sequence[str],
) -> Path:
    try:
        return obtain(CIFAR10, CIFAR10.files, searched, destinations)[0]
    except DataError as error:
        if not present:
            raise
        raise DataError(f"{_missing_sentence(searched, place, wanted, present)} {error}") from error


def _missing_sentence(
    searched: Sequence[Path], place: Path | None, wanted: dict[str, str], present: Sequence[str]
) -> str:
    folder = place or searched[0] / CIFAR10.name / FOLDER
    missing = ", ".join(name for name in wanted if name not in present)
    cure = "`chainrule data cifar10` downloads the archive"
    if present:
        cure += f", and partial=True works with {', '.join(present)} alone"
    return f"CIFAR-10 is not whole: {missing} missing in {folder}; {cure}."


def _checked(path: Path, md5: str) -> bytes:
    content, problem = _read(path, md5)
    if problem:
        raise DataError(
            f"{path} is not the CIFAR-10 file: {problem}. Delete it and run `chainrule data "
            "cifar10`, or put the official file there."
        )
    return content


def _problem(path: Path, md5: str) -> str:
    return _read(path, md5)[1]


def _read(path: Path, md5: str) -> tuple[bytes, str]:
    """The content of a file and what is wrong with it; nothing oversized is read."""
    try:
        if not path.is_file():
            return b"", "it is not a file"
        size = path.stat().st_size
        if size > LARGEST:
            return b"", f"it has {size} bytes, more than any official batch"
        content = path.read_bytes()
    except OSError as error:
        return b"", f"it cannot be read ({error.strerror})"
    found = _md5(content)
    return content, "" if found == md5 else f"its MD5 is {found}, the official file's is {md5}"


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _unpack(archive: Path, wanted: dict[str, str]) -> dict[str, bytes]:
    """Contents of batch files in the archive, read in memory: nothing is extracted to disk."""
    contents = {}
    if not archive.is_file():  # a pipe would be waited for
        raise DataError(f"{archive} is not a file. Delete it and fetch it again.")
    try:
        with tarfile.open(archive, "r|gz") as stream:
            for member in stream:
                name = member.name.removeprefix(f"{FOLDER}/")
                if name not in wanted or not member.isfile() or member.size > LARGEST:
                    continue
                file = stream.extractfile(member)
                contents[name] = file.read() if file else b""
    except (tarfile.TarError, EOFError, OSError) as error:
        raise DataError(
            f"{archive} cannot be unpacked: {error}. Delete it and fetch it again."
        ) from error
    for name, md5 in wanted.items():
        if _md5(contents.get(name, b"")) != md5:
            raise DataError(f"{archive} lacks the official {name}. Delete it and fetch it again.")
    return {name: contents[name] for name in wanted}
