"""Where weights lie: the folders searched, checksums, and downloading what is not there."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from chainrule.data import storage
from chainrule.data.download import CHUNK, TIMEOUT_SECONDS, download, keep
from chainrule.data.errors import Unavailable
from chainrule.vision.errors import WeightsError
from chainrule.vision.weights_part import fetch_part
from chainrule.vision.weights_registry import WEIGHTS, Weights

FOLDER = "weights"


def find_weights(
    name: str, data_dir: str | os.PathLike[str] | None = None, fetch: bool = True
) -> Path:
    """Path of a whole, checked weights file, downloaded if it is not there.

    Parameters
    ----------
    name : str
        In `WEIGHTS`.
    data_dir : path, optional
        Directory searched first, in its folder ``weights``, and the one that downloads go to.
    fetch : bool
        Whether it may be downloaded.

    Raises
    ------
    WeightsError
        Unknown name; not there and not to be had. The message says what to put where.
    """
    weights = _known(name)
    searched = _folders(data_dir)
    for folder in (*searched, _torch_folder()):
        path = folder / weights.file_name
        if os.path.exists(path) and _usable(weights, path, own=folder == searched[-1]):
            return path
    if not fetch:
        raise WeightsError(f"The weights of {name} are not there. {_cure(weights, searched[0])}")
    with _locked(searched[:1] if data_dir else searched) as folder:
        path = folder / weights.file_name
        if not (os.path.exists(path) and _usable(weights, path, own=True)):
            try:
                _fetch(weights, path)
            except Unavailable as error:
                cure = _cure(weights, folder)
                raise WeightsError(
                    f"The weights of {name} cannot be downloaded ({error}). {cure}"
                ) from error
    return path


def present_weights(data_dir: str | os.PathLike[str] | None = None) -> dict[str, Path | None]:
    """Where the file of each known network lies, None if nowhere; a part of one counts too.

    Nothing is opened: whether a file is whole is checked when it is used.
    """
    folders = [*_folders(data_dir), _torch_folder()]
    found: dict[str, Path | None] = {}
    for name, weights in WEIGHTS.items():
        whole = [folder / weights.file_name for folder in folders]
        parts = [
            path for folder in folders for path in sorted(folder.glob(f"{name}.*.safetensors"))
        ]
        found[name] = next((path for path in whole + parts if os.path.exists(path)), None)
    return found


def find_part(
    name: str,
    wanted: Sequence[str],
    label: str,
    data_dir: str | os.PathLike[str] | None = None,
    fetch: bool = True,
) -> Path:
    """Path of a weights file that holds at least the wanted tensors.

    The whole file if it is there; else the part of it, fetched with range requests where the
    server answers them; else the whole file after all.

    Parameters
    ----------
    name : str
        In `WEIGHTS`.
    wanted : sequence of str
        Names of tensors.
    label : str
        Distinguishes this part in the name of its file.
    data_dir, fetch
        As in `find_weights`.

    Raises
    ------
    WeightsError
        As in `find_weights`.
    """
    weights = _known(name)
    with suppress(WeightsError):
        return find_weights(name, data_dir, fetch=False)
    searched = _folders(data_dir)
    part_name = f"{name}.{label}.safetensors"
    for folder in searched:
        if _holds(folder / part_name, wanted):
            return folder / part_name
    if fetch and weights.part is not None:
        with suppress(Unavailable), _locked(searched[:1] if data_dir else searched) as folder:
            path = folder / part_name
            if not _holds(path, wanted):
                with _shown(f"{name} ({label})") as shown:
                    fetch_part(weights.part, wanted, path, shown)
            return path
    return find_weights(name, data_dir, fetch)


def _known(name: str) -> Weights:
    if name not in WEIGHTS:
        raise WeightsError(f"There are no weights of {name!r}; there are {', '.join(WEIGHTS)}.")
    return WEIGHTS[name]


def _folders(data_dir: str | os.PathLike[str] | None) -> list[Path]:
    """Folders searched; the last one is the user's cache, where damaged files may be deleted."""
    return [directory / FOLDER for directory in storage.directories(data_dir)]


def _torch_folder() -> Path:
    """Where PyTorch keeps the files that its own scripts download."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("TORCH_HOME") or os.path.join(cache, "torch")
    return Path(home).expanduser() / "hub" / "checkpoints"


def _usable(weights: Weights, path: Path, own: bool) -> bool:
    """Whether a file that is there is the right one; a damaged one of our own is deleted."""
    if weights.whole is not None:
        problem = weights.whole.served.problem(path)
    else:
        problem = _tensor_problem(weights, path)
    if not problem:
        return True
    if not own:
        raise WeightsError(
            f"{path} is not the weights file of {weights.name}: {problem}. Delete it, and it will "
            "be downloaded, or name another file with --weights."
        )
    path.unlink()
    return False


def _tensor_problem(weights: Weights, path: Path) -> str:
    """What is wrong with a file whose tensors are pinned, empty when they are the right ones."""
    import torch

    from chainrule.vision.weights import digest, read_weights

    assert weights.tensors is not None
    try:
        found = digest(read_weights(path), getattr(torch, weights.tensors.dtype))
    except WeightsError as error:
        return str(error).rstrip(".")
    return "" if found == weights.tensors.digest else "its tensors are others"


def _holds(path: Path, wanted: Sequence[str]) -> bool:
    """Whether a safetensors file is whole and holds the wanted tensors."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            return set(wanted) <= set(file.keys())
    except (OSError, SafetensorError):
        return False


def _fetch(weights: Weights, path: Path) -> None:
    """Download a file; one whose checksum is wrong is fetched once more."""
    if weights.tensors is not None:
        from chainrule.vision.weights import fetch_tensors

        fetch_tensors(weights.name, path, _receive)
        return
    assert weights.whole is not None
    size = weights.whole.served.size
    with _shown(f"{weights.name} {path.name}") as shown:
        try:
            download(weights.whole, path, lambda held: shown(held, size))
        except Unavailable as error:
            if "SHA-256" not in str(error):
                raise
            download(weights.whole, path, lambda held: shown(held, size))


def _receive(address: str, largest: int, path: Path) -> None:
    """Bring a small file whose size is not known to `path`."""
    request = urllib.request.Request(address, headers={"User-Agent": "chainrule"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            path.unlink(missing_ok=True)
            held = 0
            while chunk := response.read(CHUNK):
                keep(path, chunk)
                held += len(chunk)
                if held > largest:
                    raise Unavailable(f"{address}: it sends more than {largest} bytes")
    except urllib.error.HTTPError as error:
        error.close()
        raise Unavailable(f"{address}: HTTP status {error.code}") from error
    except OSError as error:
        reason = getattr(error, "reason", None) or error
        raise Unavailable(f"{address}: {reason}") from error


def _cure(weights: Weights, folder: Path) -> str:
    """What to put where, in one sentence."""
    if weights.whole is not None:
        served = weights.whole.served
        file = (
            f"{served.name} ({served.size} bytes, SHA-256 {served.sha256}, from "
            f"{' or '.join(weights.whole.addresses)})"
        )
        return f"Put {file} into {folder}, or name a file with --weights."
    assert weights.tensors is not None
    return f"Name a file with --weights, such as a copy of {weights.tensors.address}."


@contextmanager
def _locked(folders: Sequence[Path]) -> Iterator[Path]:
    """The first writable folder, held against other processes."""
    refusals = []
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / ".lock").open("a")
        except OSError as error:
            refusals.append(f"{folder} ({error.strerror})")
            continue
        with lock:
            with suppress(ImportError, OSError):  # without locks the checksums guard
                import fcntl

                fcntl.flock(lock.fileno(), fcntl.LOCK_EX)
            yield folder
        return
    raise WeightsError(
        f"Weights cannot be downloaded, as no folder is writable: {', '.join(refusals)}. Name a "
        f"writable directory with --data-dir or {storage.VARIABLE}."
    )


@contextmanager
def _shown(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar of bytes on a terminal, nothing in a pipe."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    console = Console(stderr=True)
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=None)
        yield lambda held, total: progress.update(task, completed=held, total=total)
