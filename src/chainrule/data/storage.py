"""Where data files lie: the directories searched, the state of each file, and filling the gaps.

A data directory holds one folder per data set with the files under their official names, gzip or
unpacked. Searched in turn: the directory given, the one named by CHAINRULE_DATA, the user's cache
directory. Every file is checked against its pinned checksum each time it is used.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from chainrule.data.errors import DataError, Unavailable
from chainrule.data.registry import DATA_SETS, DataSet, RemoteFile

VARIABLE = "CHAINRULE_DATA"

DirectoryName = str | os.PathLike[str]


@dataclass(frozen=True)
class FileState:
    """A data file as found.

    Attributes
    ----------
    data_set, name : str
    state : {"present", "missing", "damaged"}
    path : Path
        Where it is, or where a missing one would be put.
    size : int or None
        In bytes; None when missing.
    problem : str
        What is wrong with a damaged file.
    """

    data_set: str
    name: str
    state: Literal["present", "missing", "damaged"]
    path: Path
    size: int | None
    problem: str = ""


def directories(data_dir: DirectoryName | None = None) -> list[Path]:
    """Data directories in the order in which they are searched.

    Raises
    ------
    DataError
        `data_dir` or the directory named by CHAINRULE_DATA exists and is not a directory.
    """
    named = [("data_dir", data_dir), (VARIABLE, os.environ.get(VARIABLE))]
    found = []
    for origin, name in named:
        if not name:
            continue
        path = Path(name).expanduser()
        if os.path.exists(path) and not path.is_dir():
            raise DataError(f"{origin} is {path}, which is not a directory; name a directory.")
        found.append(path)
    return [*found, _cache_directory()]


def status(data_dir: DirectoryName | None = None) -> list[FileState]:
    """State of every file of every data set, checksums included.

    Parameters
    ----------
    data_dir
        Directory searched first.

    Returns
    -------
    list of FileState
    """
    from chainrule.data.cifar import cifar10_states

    searched = directories(data_dir)
    return [
        state
        for data_set in DATA_SETS.values()
        for state in (
            cifar10_states(searched)
            if data_set.name == "cifar10"
            else [_state(data_set, file, searched) for file in data_set.files]
        )
    ]


def state_of(data_set: DataSet, searched: Sequence[Path]) -> FileState:
    """State of the first file of a data set, which for an archive is the only one."""
    return _state(data_set, data_set.files[0], searched)


def fetch(name: str, data_dir: DirectoryName | None = None) -> list[Path]:
    """Download what is missing of a data set and check what is there.

    Parameters
    ----------
    name
        "mnist", "fashion-mnist" or "cifar10".
    data_dir
        Directory that shall hold the files. When absent, files found in the directory named by
        CHAINRULE_DATA or in the user's cache directory count, and downloads go to the first of
        these that can be written.

    Returns
    -------
    list of Path
        The data set's files.

    Raises
    ------
    DataError
        Unknown name; a file there is damaged; no mirror could be reached; no folder is writable.
    """
    if name not in DATA_SETS:
        raise DataError(f"There is no data set {name!r}; known are {', '.join(DATA_SETS)}.")
    if name == "cifar10":
        from chainrule.data.cifar import fetch_cifar10

        return fetch_cifar10(data_dir)
    data_set = DATA_SETS[name]
    searched = directories(data_dir)[: 1 if data_dir else None]
    return obtain(data_set, data_set.files, searched, searched)


def obtain(
    data_set: DataSet,
    files: Sequence[RemoteFile],
    searched: Sequence[Path],
    destinations: Sequence[Path],
) -> list[Path]:
    """Paths of whole, checked files, downloading the missing to the first writable destination.

    `destinations` are among `searched`; without any, a missing file is an error.
    """
    states = _checked(data_set, files, searched)
    if all(state.state == "present" for state in states):
        return [state.path for state in states]
    if not destinations:
        folders = " or ".join(str(directory / data_set.name) for directory in searched)
        raise DataError(
            f"{data_set.title} is not whole in {folders}: run `chainrule data {data_set.name}`, "
            f"or put there {_wanted(files, states)}."
        )
    with _locked_folder(data_set, destinations) as folder:
        states = _checked(data_set, files, searched)  # another process may have downloaded
        try:
            _download_missing(data_set, files, states, folder)
        except Unavailable as error:
            wanted = _wanted(files, _checked(data_set, files, searched))
            raise DataError(
                f"{data_set.title} cannot be downloaded ({error}). Put into {folder}: {wanted}."
            ) from error
        return [state.path for state in _checked(data_set, files, searched)]


def _cache_directory() -> Path:
    import pooch

    return Path(pooch.os_cache("chainrule"))


def _state(data_set: DataSet, file: RemoteFile, searched: Sequence[Path]) -> FileState:
    for directory in searched:
        for form in (file.served, file.unpacked):
            path = directory / data_set.name / form.name
            if os.path.exists(path):  # unlike Path.exists, False for what may not be looked at
                problem = form.problem(path)
                size = path.stat().st_size
                state: Literal["damaged", "present"] = "damaged" if problem else "present"
                return FileState(data_set.name, form.name, state, path, size, problem)
    path = searched[0] / data_set.name / file.served.name
    return FileState(data_set.name, file.served.name, "missing", path, None)


def _checked(
    data_set: DataSet, files: Sequence[RemoteFile], searched: Sequence[Path]
) -> list[FileState]:
    """States of files, none of them damaged."""
    states = [_state(data_set, file, searched) for file in files]
    for state in states:
        if state.state == "damaged":
            raise DataError(
                f"{state.path} is not the {data_set.title} file: {state.problem}. Delete it and "
                f"run `chainrule data {data_set.name}`, or put the official file there."
            )
    return states


def _wanted(files: Sequence[RemoteFile], states: Sequence[FileState]) -> str:
    """The missing files with size, checksum and addresses, as a person needs them."""
    return "; ".join(
        f"{file.served.name} ({file.served.size} bytes, SHA-256 {file.served.sha256}, "
        f"from {' or '.join(file.addresses)})"
        for file, state in zip(files, states, strict=True)
        if state.state == "missing"
    )


@contextmanager
def _locked_folder(data_set: DataSet, destinations: Sequence[Path]) -> Iterator[Path]:
    """The data set's folder in the first writable destination, held against other processes."""
    refusals = []
    for destination in destinations:
        folder = destination / data_set.name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = (folder / ".lock").open("a")
        except OSError as error:
            refusals.append(f"{folder} ({error.strerror})")
            continue
        with lock:
            _wait_for(lock.fileno())
            yield folder
        return
    raise DataError(
        f"{data_set.title} cannot be downloaded, as no folder is writable: {', '.join(refusals)}. "
        f"Name a writable directory with --data-dir or {VARIABLE}."
    )


def _wait_for(descriptor: int) -> None:
    """Lock an open file until it is closed; where there are no locks only the checksums guard."""
    with suppress(ImportError, OSError):
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _download_missing(
    data_set: DataSet, files: Sequence[RemoteFile], states: Sequence[FileState], folder: Path
) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TransferSpeedColumn

    from chainrule.data.download import download

    console = Console(stderr=True)
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        for file, state in zip(files, states, strict=True):
            if state.state == "present":
                continue
            label = f"{data_set.title} {file.served.name}"
            task = progress.add_task(label, total=file.served.size)

            def report(held: int, task: TaskID = task) -> None:
                progress.update(task, completed=held)

            download(file, folder / file.served.name, report)
