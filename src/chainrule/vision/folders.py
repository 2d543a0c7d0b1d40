"""Folders of pictures, one folder for each class, as arrays: read once, cached, checked, split.

What cannot be read is named and skipped, the same picture twice is kept once, and pictures that
are nearly the same stay on the same side of the split, so that nothing judged was trained on.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from chainrule.programs.whole_files import replacing
from chainrule.vision.errors import PictureError, VisionError
from chainrule.vision.images import read_picture, resize, to_bytes

Array = np.ndarray[Any, Any]

#: Bits of the 256 of `fingerprints` in which nearly equal pictures may differ.
NEAR = 6
FORMAT = 1
#: Shorter sides of a picture that its longer one is cut to before a square is taken.
LONGEST = 8


@dataclass(frozen=True)
class Pictures:
    """The pictures of a folder.

    Attributes
    ----------
    classes : tuple of str
        Names of the class folders, sorted.
    names : tuple of str
        Path of each picture in the folder.
    images : uint8 array, shape (n, 3, size, size)
    labels : uint8 array, shape (n,)
    skipped : tuple of (str, str)
        Path and reason of each file that is not among them.
    """

    classes: tuple[str, ...]
    names: tuple[str, ...]
    images: Array
    labels: Array
    skipped: tuple[tuple[str, str], ...]


def read_square(path: str | os.PathLike[str], size: int) -> Array:
    """The middle square of a picture, uint8, shape (3, size, size).

    Raises
    ------
    PictureError
        Not a picture, damaged or unreadable.
    """
    picture = read_picture(path, _longer_side(path, size))
    # Of a strip only the middle is enlarged: all of it could take gigabytes.
    keep = LONGEST * min(picture.shape[:2])
    top, left = (max(0, side - keep) // 2 for side in picture.shape[:2])
    picture = np.ascontiguousarray(picture[top : top + keep, left : left + keep])
    height, width = picture.shape[:2]
    side = min(height, width)
    factor = size / side
    picture = resize(picture, max(size, round(height * factor)), max(size, round(width * factor)))
    top, left = (picture.shape[0] - size) // 2, (picture.shape[1] - size) // 2
    square = picture[top : top + size, left : left + size]
    return np.ascontiguousarray(to_bytes(square).transpose(2, 0, 1))


def _longer_side(path: str | os.PathLike[str], size: int) -> int | None:
    """Longer side to which a large picture may be shrunk while it is decoded, which is cheap."""
    if not Path(path).is_file():
        return None
    try:
        with Image.open(path) as picture:
            shorter, longer = sorted(picture.size)
    except Exception:  # whatever is wrong with the file, reading it says so
        return None
    return round(2 * size * longer / shorter) if shorter > 3 * size else None


def read_folder(
    folder: str | os.PathLike[str],
    size: int = 128,
    cache: str | os.PathLike[str] | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> Pictures:
    """All pictures under DIR/CLASS/…, resized to squares.

    Parameters
    ----------
    folder : path
        Each folder in it is a class; pictures may lie in folders below that. Hidden files and
        folders are left alone.
    size : int
        Pixels of each side.
    cache : path, optional
        Folder in which the resized pictures are kept; the user's cache if not given. They are
        read again when a file was added, removed or changed.
    advance : callable, optional
        Called with the number of files read and their total.

    Returns
    -------
    Pictures

    Raises
    ------
    VisionError
        There is no such folder, it has fewer than two classes, or a class without a picture.
    """
    root = Path(folder)
    classes, files = class_files(root)
    place = Path(cache) if cache is not None else _user_cache()
    stamp = [FORMAT, size, str(root.resolve())]
    stamp += [[str(path), path.stat().st_size, path.stat().st_mtime_ns] for path, _ in files]
    key = hashlib.sha256(json.dumps(stamp).encode()).hexdigest()[:32]
    found = _cached(place / f"{key}.npz", classes)
    if found is None:
        found = _unique(_read(root, classes, files, size, advance))
        _keep(place / f"{key}.npz", found)
    for number, name in enumerate(classes):
        if not np.any(found.labels == number):
            reasons = [f"{path}: {why}" for path, why in found.skipped if path.startswith(name)]
            detail = f" ({reasons[0]})" if reasons else ""
            raise VisionError(
                f"The class folder {root / name} has no picture that can be used{detail}. Put "
                "pictures there, or remove the folder."
            )
    return found


def split(
    pictures: Pictures, validation: float = 0.2, seed: int = 0
) -> tuple[Array, Array, list[tuple[str, str]]]:
    """Indices for training and validation, the same share of each class.

    Parameters
    ----------
    pictures : Pictures
    validation : float
        Share of the pictures, between 0 and 1; at least one of each class.
    seed : int

    Returns
    -------
    training, validation : int arrays
    near : list of (str, str)
        Pairs of pictures so much alike that they were kept on the same side.

    Raises
    ------
    VisionError
        A class has fewer than two pictures, or fewer than two that differ.
    """
    if not 0 < validation < 1:
        raise VisionError(f"The validation share is {validation}; expected between 0 and 1.")
    groups, near = _groups(fingerprints(pictures.images))
    generator = np.random.default_rng([seed, 11])
    held: list[int] = []
    for number, name in enumerate(pictures.classes):
        mine = np.flatnonzero(pictures.labels == number)
        heads = generator.permutation(np.unique(groups[mine]))
        wanted = max(1, round(validation * len(mine)))
        taken: list[int] = []
        for head in heads[:-1]:  # one group at least is left for training
            if len(taken) >= wanted:
                break
            taken += [int(i) for i in mine[groups[mine] == head]]
        if not taken:
            raise VisionError(
                f"The class {name!r} has {len(mine)} picture(s), all alike; at least two that "
                "differ are needed, one to train on and one to validate on."
            )
        held += taken
    # A picture that is nearly another class's validation picture cannot be trained on.
    held_groups = set(groups[held].tolist())
    chosen = np.zeros(len(groups), bool)
    chosen[held] = True
    training = [i for i in range(len(groups)) if not chosen[i] and groups[i] not in held_groups]
    pairs = [(pictures.names[a], pictures.names[b]) for a, b in near]
    return np.array(training), np.sort(np.array(held)), pairs


def fingerprints(images: Array) -> Array:
    """256 bits of each picture, shape (n, 4), uint64: which of two neighbours is brighter.

    A difference hash of a 17 × 16 reduction, which survives resizing and compression.
    """
    n, _, height, width = images.shape
    rows = np.linspace(0, height, 17).astype(int)
    columns = np.linspace(0, width, 18).astype(int)
    grey = images.mean(1, dtype=np.float32)
    sums = np.add.reduceat(np.add.reduceat(grey, rows[:-1], 1), columns[:-1], 2)
    area = np.diff(np.append(rows[:-1], height))[:, None] * np.diff(np.append(columns[:-1], width))
    small = sums / np.maximum(area, 1)
    bits = np.packbits((small[:, :, 1:] > small[:, :, :-1] + 1).reshape(n, -1), 1)
    return np.ascontiguousarray(bits).view(np.uint64)


def class_files(root: Path) -> tuple[tuple[str, ...], list[tuple[Path, int]]]:
    """Names of the classes, and every file with the number of its class; nothing is opened.

    Raises
    ------
    VisionError
        There is no folder, or it does not have a folder for each of at least two classes.
    """
    if not root.is_dir():
        raise VisionError(f"There is no folder {root}; name one with a folder for each class.")
    try:
        folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError as error:
        raise VisionError(f"The folder {root} cannot be read: {error.strerror}.") from error
    if len(folders) < 2:
        found = f"only {folders[0].name!r}" if folders else "none"
        raise VisionError(
            f"{root} needs a folder of pictures for each of at least two classes; it has {found}."
        )
    files = []
    for number, folder in enumerate(folders):
        for path in sorted(folder.rglob("*")):
            hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
            if path.is_file() and not hidden:
                files.append((path, number))
    return tuple(folder.name for folder in folders), files


def _read(
    root: Path,
    classes: tuple[str, ...],
    files: list[tuple[Path, int]],
    size: int,
    advance: Callable[[int, int], None] | None,
) -> Pictures:
    try:
        images = np.empty((len(files), 3, size, size), np.uint8)
    except (MemoryError, ValueError) as error:
        raise VisionError(
            f"{len(files):,} pictures of {size} × {size} pixels need "
            f"{len(files) * 3 * size**2 / 1e9:.1f} GB; choose a smaller size."
        ) from error
    names: list[str] = []
    labels: list[int] = []
    skipped: list[tuple[str, str]] = []
    for number, (path, label) in enumerate(files):
        name = path.relative_to(root).as_posix()
        try:
            images[len(names)] = read_square(path, size)
        except PictureError as error:
            skipped.append((name, str(error).rstrip(".")))
        else:
            names.append(name)
            labels.append(label)
        if advance is not None:
            advance(number + 1, len(files))
    return Pictures(
        classes, tuple(names), images[: len(names)], np.array(labels, np.uint8), tuple(skipped)
    )


def _unique(pictures: Pictures) -> Pictures:
    """Each picture once; one that is in two classes in neither, as its class is unknown."""
    places: dict[bytes, list[int]] = {}
    for number, image in enumerate(pictures.images):
        places.setdefault(hashlib.sha256(image.tobytes()).digest(), []).append(number)
    keep, skipped = [], list(pictures.skipped)
    for same in places.values():
        first = pictures.names[same[0]]
        if len({int(pictures.labels[k]) for k in same}) > 1:
            others = [pictures.names[k] for k in same]
            skipped += [(name, f"the same picture is in two classes: {', '.join(others)}")
                        for name in others]  # fmt: skip
            continue
        keep.append(same[0])
        skipped += [(pictures.names[k], f"the same picture as {first}") for k in same[1:]]
    keep.sort()
    return Pictures(
        pictures.classes,
        tuple(pictures.names[k] for k in keep),
        pictures.images[keep],
        pictures.labels[keep],
        tuple(skipped),
    )


def _groups(marks: Array) -> tuple[Array, list[tuple[int, int]]]:
    """Group number of each picture, nearly equal ones sharing one, and the pairs found."""
    groups = np.arange(len(marks))
    near = []
    for number in range(1, len(marks)):
        apart = np.bitwise_count(marks[:number] ^ marks[number]).sum(1)
        for other in np.flatnonzero(apart <= NEAR):
            near.append((int(other), number))
            old, new = groups[number], groups[other]
            groups[groups == old] = new
    return groups, near


def _user_cache() -> Path:
    import pooch

    return Path(pooch.os_cache("chainrule")) / "folders"


def _cached(path: Path, classes: tuple[str, ...]) -> Pictures | None:
    if not path.is_file():
        return None
    try:
        with np.load(path) as file:
            lists = json.loads(file["lists"].tobytes())
            images, labels = file["images"], file["labels"]
        skipped = tuple((name, reason) for name, reason in lists["skipped"])
        return Pictures(classes, tuple(lists["names"]), images, labels, skipped)
    except Exception:  # damaged, which raises many kinds: the pictures themselves are read
        return None


def _keep(path: Path, pictures: Pictures) -> None:
    """Write the cache, whole or not at all; where that is impossible the next run reads again."""
    lists = json.dumps({"names": pictures.names, "skipped": pictures.skipped}).encode()
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, temporary.open("wb") as stream:
            np.savez(
                stream,
                images=pictures.images,
                labels=pictures.labels,
                lists=np.frombuffer(lists, np.uint8),
            )
