"""The folder of one run: its configuration, finished steps, results; resumed, never half-read."""

from __future__ import annotations

import contextlib
import csv
import fnmatch
import hashlib
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chainrule.programs.whole_files import TEMPORARY_SUFFIX
from chainrule.reporting.files import (
    RunDirectoryError,
    digest,
    finite,
    refuse_links,
    unsealed,
    unwritable,
    write_bytes,
    write_json,
    write_text,
)
from chainrule.reporting.lock import LOCK_NAME, FolderLock

FORMAT = 1
CONFIG, RESULT, PAGE, CLAIMS = "config.json", "result.json", "page.json", "claims.json"
METRICS, REPORT, STEPS = "metrics.csv", "report.html", "steps"
STEP_PAGE = ".steps.html"

RESULT_FIELDS = {
    "experiment", "preset", "data", "claims", "values", "figures", "report", "seconds",
}  # fmt: skip
CLAIM_FIELDS = {"id", "statement", "measured", "expected", "holds"}

#: What a run must share with the run it continues, as named in messages.
COMPARED = {
    "format": "format version",
    "experiment": "experiment",
    "preset": "preset",
    "data": "data",
    "seed": "seed",
    "parameters": "parameters",
    "package": "version of chainrule",
    "numpy": "version of NumPy",
}


@dataclass(frozen=True)
class Step:
    """The stored result of one step: its value, the metric rows it made, and its duration."""

    value: Any
    metrics: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0


class RunDirectory:
    """A run's folder. Everything in it is written whole or not at all.

    Parameters
    ----------
    path : Path
        The folder; `prepare` makes it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    # Opening -----------------------------------------------------------------------------------

    def make(self) -> None:
        """Make the folder, refusing one that holds other things than a run.

        Raises
        ------
        RunDirectoryError
            If it cannot be made, is a file, is a folder of something else, or holds links.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._refuse_links()
            strangers = [] if (self.path / CONFIG).exists() else self._strangers()
        except OSError as error:
            raise unwritable(self.path, error) from error
        if strangers:
            raise RunDirectoryError(
                f"{self.path} is not a run directory and holds other files, such as "
                f"{strangers[0]}. Choose a new or empty folder with --output."
            )

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder and be the only process in it for as long as the context is open.

        What fails before it keeps anything leaves no folder behind where there was none.

        Raises
        ------
        RunDirectoryError
            As `make` and `FolderLock`.
        """
        new = not self.path.exists()
        self.make()
        with FolderLock(self.path):
            try:
                yield
            except Exception:
                if new and not self._keeps_work():
                    self._withdraw()
                raise

    def prepare(self, config: Mapping[str, Any], *, fresh: bool = False) -> bool:
        """Make the folder ready for the run `config` describes; its lock must be held.

        Parameters
        ----------
        config : mapping
            The fields of `COMPARED` except "format".
        fresh : bool
            Remove what an earlier run left.

        Returns
        -------
        bool
            Whether the folder holds an earlier start of the same run.

        Raises
        ------
        RunDirectoryError
            If it holds another run, or cannot be written.
        """
        if fresh:
            self._clear()
        self.remove_partial_files()
        wanted = {"format": FORMAT, **config}
        if (self.path / CONFIG).exists():
            self._compare(self.config(), wanted)
            return True
        created = datetime.now(UTC).isoformat(timespec="seconds")
        try:
            (self.path / STEPS).mkdir(exist_ok=True)
        except OSError as error:
            raise unwritable(self.path / STEPS, error) from error
        write_json(self.path / CONFIG, finite({**wanted, "created": created}))
        return False

    def config(self) -> dict[str, Any]:
        """Return `config.json`.

        Raises
        ------
        RunDirectoryError
            If there is none, it cannot be read, or files of the run are links.
        """
        self._refuse_links()
        path = self.path / CONFIG
        try:
            config = _read(path)
        except FileNotFoundError:
            raise RunDirectoryError(
                f"{self.path} is not a run directory: it has no {CONFIG}. Give a folder that "
                "`chainrule run` wrote."
            ) from None
        except (OSError, ValueError):
            config = None
        if not isinstance(config, dict) or "format" not in config or not _describes(config):
            raise RunDirectoryError(
                f"{path} is damaged and cannot be read. Start the run over with --fresh, or "
                "remove the folder."
            )
        return config

    # Steps -------------------------------------------------------------------------------------

    def step(self, key: str) -> Step | None:
        """Return the stored result of the step `key`, or None if absent or damaged."""
        path = self._step_path(key)
        try:
            stored = _read(path)
            content = stored["content"]
            if stored["key"] != key or stored["sha256"] != digest(content):
                return None
            return Step(content["value"], content["metrics"], content["seconds"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def has_step_file(self, key: str) -> bool:
        """Return whether a file for the step `key` exists, readable or not."""
        return self._step_path(key).exists()

    def store_step(self, key: str, step: Step) -> None:
        """Store a finished step; all of its values must be `plain`."""
        content = {"value": step.value, "metrics": step.metrics, "seconds": step.seconds}
        write_json(
            self._step_path(key), {"key": key, "sha256": digest(content), "content": content}
        )

    def finished_steps(self) -> int:
        """Return how many steps are stored."""
        return len(list((self.path / STEPS).glob("*.json")))

    # Results -----------------------------------------------------------------------------------

    def result(self) -> dict[str, Any] | None:
        """Return `result.json` with its paths as they are now, or None while unfinished."""
        try:
            result = unsealed(_read(self.path / RESULT), RESULT_FIELDS)
            if not all(set(claim) >= CLAIM_FIELDS for claim in result["claims"]):
                return None
            figures = [str(self.path / Path(name).name) for name in result["figures"]]
            return {**result, "figures": figures, "report": str(self.path / REPORT)}
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def page(self) -> dict[str, Any] | None:
        """Return `page.json`, the content of the report page, or None if it cannot be read."""
        try:
            page = _read(self.path / PAGE)
        except (OSError, ValueError):
            return None
        return page if isinstance(page, dict) else None

    def write_metrics(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write `metrics.csv`; its columns are those of all rows, in order of appearance."""
        columns = list(dict.fromkeys(column for row in rows for column in row))
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, columns, restval="", lineterminator="\n")
        if columns:
            writer.writeheader()
        writer.writerows(rows)
        write_text(self.path / METRICS, buffer.getvalue())

    def write_figure(self, name: str, svg: str) -> Path:
        """Write the figure `name` as SVG and return its path."""
        path = self.path / f"{name}.svg"
        write_text(path, svg)
        return path

    def write_step_page(self, name: str, html: str) -> Path:
        """Write the page `name` on which one steps through a graph, and return its path."""
        path = self.path / f"{name}{STEP_PAGE}"
        write_text(path, html)
        return path

    def write_arrays(self, name: str, arrays: Mapping[str, Any]) -> Path:
        """Write named arrays as `name`.safetensors and return its path."""
        import numpy as np
        from safetensors.numpy import save

        path = self.path / f"{name}.safetensors"
        # safetensors stores memory as it lies: a transposed view would come back scrambled.
        content = {key: np.ascontiguousarray(value) for key, value in arrays.items()}
        write_bytes(path, save(content))
        return path

    # Private -----------------------------------------------------------------------------------

    def _compare(self, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        """Raise if the run in the folder is not the wanted one, naming what differs."""
        wanted = json.loads(json.dumps(finite(dict(wanted))))
        for name, words in COMPARED.items():
            here, now = found.get(name), wanted.get(name)
            if here == now:
                continue
            if isinstance(here, dict) and isinstance(now, dict):
                name = next(key for key in {**here, **now} if here.get(key) != now.get(key))
                words, here, now = f"parameter {name}", here.get(name), now.get(name)
            raise RunDirectoryError(
                f"{self.path} holds a run with another {words} ({_shown(here)} there, "
                f"{_shown(now)} now). Choose another folder with --output, or start over "
                "with --fresh."
            )

    def _ours(self) -> list[Path]:
        """Return the files a run writes, those that make it a run last."""
        named = (RESULT, REPORT, PAGE, CLAIMS, METRICS)
        kinds = ("*.svg", f"*{STEP_PAGE}", "*.safetensors", "*.checkpoint")
        return [
            *_listed(self.path, *named, *kinds),
            *_listed(self.path / STEPS, "*.json"),
            *_listed(self.path, CONFIG),
        ]

    def _refuse_links(self) -> None:
        """Raise if something that a run writes or removes is a link, which would be followed."""
        refuse_links((self.path / LOCK_NAME, self.path / STEPS))
        refuse_links(self._ours())

    def _clear(self) -> None:
        """Remove an earlier run; without its result first, so that a kill leaves it unfinished."""
        for path in self._ours():
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise unwritable(path, error) from error

    def _keeps_work(self) -> bool:
        """Return whether the folder holds what took time: a step, or part of one."""
        return self.finished_steps() > 0 or bool(_listed(self.path, "*.checkpoint"))

    def _withdraw(self) -> None:
        """Remove the folder, unless it holds what no run writes; its lock must be held."""
        with contextlib.suppress(OSError, RunDirectoryError):
            if set(self._strangers()) <= {path.name for path in self._ours()}:
                self._clear()
                self.remove_partial_files()
                if (self.path / STEPS).is_dir():
                    (self.path / STEPS).rmdir()
                (self.path / LOCK_NAME).unlink()
                self.path.rmdir()

    def _strangers(self) -> list[str]:
        """Return names in the folder that no run writes before its configuration."""
        return sorted(
            path.name
            for path in self.path.iterdir()
            if path.name not in (LOCK_NAME, STEPS) and not path.name.endswith(TEMPORARY_SUFFIX)
        )

    def remove_partial_files(self) -> None:
        """Remove what a killed process was writing."""
        for folder in (self.path, self.path / STEPS):
            for path in folder.glob(f".*{TEMPORARY_SUFFIX}"):
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    raise unwritable(path, error) from error

    def _step_path(self, key: str) -> Path:
        """Return the file of a step: its key where that is a safe file name, else with a hash."""
        readable = re.sub(r"[^a-z0-9.=_-]+", "-", key.lower()).strip("-.")[:60]
        if readable != key:
            readable = f"{readable}-{hashlib.sha256(key.encode()).hexdigest()[:10]}"
        return self.path / STEPS / f"{readable}.json"


def _listed(folder: Path, *patterns: str) -> list[Path]:
    """Return what a folder holds, pattern by pattern; unlike `glob` also links to nothing."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:  # not there, not a folder: who reads or writes there says so
        return []
    return [folder / name for pattern in patterns for name in fnmatch.filter(names, pattern)]


def _read(path: Path) -> Any:
    """Return what a JSON file holds; a ValueError if it is no JSON, also if nested too deeply."""
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise ValueError(f"{path} is not a file.")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError(f"{path} is nested too deeply.") from None


def _describes(config: Mapping[str, Any]) -> bool:
    """Return whether a configuration of this format says what every page shows of it."""
    shown = (config.get(name) for name in ("experiment", "preset", "data"))
    return config["format"] != FORMAT or all(isinstance(value, str) for value in shown)


def _shown(value: Any) -> str:
    """Return a value for a message, shortened."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
