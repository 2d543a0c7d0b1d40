"""What an experiment's function is given: parameters, generators, resumable steps, a page."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from chainrule.reporting.claims import Claim
from chainrule.reporting.files import finite, plain
from chainrule.reporting.run_directory import RunDirectory, Step

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

    from chainrule.reporting.terminal import Progress, Terminal

Table = tuple[Sequence[str], Sequence[Sequence[Any]]]


class Run:
    """One run of an experiment. Steps are kept across interruptions; the page is rebuilt from them.

    The calls of `section`, `text`, `table`, `figure` and `claim` make the report page in their
    order. They belong outside of steps: a step that is already stored is not called again.

    Attributes
    ----------
    parameters : mapping
        Every parameter's value; lists are tuples.
    data : {"embedded", "real"}
    data_directory : Path or None
        Where real data lies, if the user named a place.
    preset : {"quick", "full"}
    seed : int
    """

    def __init__(
        self,
        directory: RunDirectory,
        *,
        parameters: Mapping[str, Any],
        preset: str,
        data: str,
        data_directory: Path | None,
        seed: int,
        terminal: Terminal,
    ) -> None:
        self.parameters: Mapping[str, Any] = MappingProxyType(dict(parameters))
        self.preset = preset
        self.data = data
        self.data_directory = data_directory
        self.seed = seed
        self.claims: list[Claim] = []
        self.values: dict[str, Any] = {}
        self.figures: list[str] = []
        self.metrics: list[dict[str, Any]] = []
        self.blocks: list[dict[str, Any]] = []
        self.kept_seconds = 0.0
        self._directory = directory
        self._terminal = terminal
        self._used: set[tuple[str, str]] = set()
        self._step: str | None = None

    # Work --------------------------------------------------------------------------------------

    def rng(self, key: str) -> np.random.Generator:
        """Return a generator that depends on the run's seed and `key` only.

        A step that asks for its own key draws the same numbers whether or not the steps before it
        were computed in the same process.
        """
        import numpy as np

        words = np.frombuffer(hashlib.sha256(key.encode()).digest(), dtype="<u4")
        return np.random.default_rng([self.seed, *(int(word) for word in words)])

    def step(self, key: str, function: Callable[[], Any], title: str | None = None) -> Any:
        """Return the result of one unit of work, computed once per run directory.

        Parameters
        ----------
        key : str
            Unique in the run.
        function : callable
            Returns numbers, strings, None, lists, dictionaries with string keys, or NumPy arrays.
        title : str, optional
            Shown on a terminal while the step runs.

        Returns
        -------
        value
            What JSON reads back: arrays and tuples are lists, whether computed now or earlier.

        Raises
        ------
        TypeError
            If the result cannot be stored.
        """
        self._outside_steps("step")
        self._once("step", key)
        step = self._directory.step(key)
        if step is None:
            if self._directory.has_step_file(key):
                self._terminal.note(f"The stored step {key!r} is damaged; it is computed again.")
            step = self._compute(key, function, title)
        else:
            self.kept_seconds += step.seconds
        self.metrics.extend(step.metrics)
        return step.value

    def progress(self, title: str, total: int) -> AbstractContextManager[Progress]:
        """Return a context whose `advance(n=1, **shown)` moves a bar on a terminal."""
        return self._terminal.progress(title, total)

    def metric(self, **columns: Any) -> None:
        """Add one row to `metrics.csv`; rows made in a step are kept with it."""
        self.metrics.append(plain(columns, "A metric"))

    # Results -----------------------------------------------------------------------------------

    def value(self, name: str, value: Any) -> None:
        """Add a number or list to the "values" of the result."""
        self._outside_steps("value")
        self._once("value", name)
        self.values[name] = finite(plain(value, f"The value {name!r}"))

    def claim(
        self,
        id: str,
        statement: str,
        *,
        measured: str | float,
        expected: str | float,
        holds: bool | None,
        source: str = "",
    ) -> None:
        """State what should hold, the measured figure, the bound, and whether it held.

        Parameters
        ----------
        id : str
            Unique in the run; letters, digits, "-", "_" and ".".
        statement : str
        measured, expected : str or number
        holds : bool or None
            None where this run cannot decide it.
        source : str, optional
            Where the statement comes from.
        """
        self._outside_steps("claim")
        self._identify("claim", id)
        judged = plain(holds, f"The claim {id!r}")
        if not (judged is None or isinstance(judged, bool)):
            raise TypeError(f"The claim {id!r} has holds={holds!r}; it must be a bool or None.")
        figures = finite(plain([measured, expected], f"The claim {id!r}"))
        self.claims.append(Claim(id, statement, figures[0], figures[1], judged, source))
        self.blocks.append({"kind": "claim", **self.claims[-1].as_dict()})

    def parameters_file(self, name: str, arrays: Mapping[str, Any]) -> Path:
        """Write named arrays to `name`.safetensors and return its path."""
        _check_id("parameters file", name)
        return self._directory.write_arrays(name, arrays)

    def checkpoint(self, name: str) -> Path:
        """Return the path at which a long step may keep what it needs to continue."""
        _check_id("checkpoint", name)
        return self._directory.path / f"{name}.checkpoint"

    # Page --------------------------------------------------------------------------------------

    def section(self, title: str) -> None:
        """Begin a section of the page."""
        self._outside_steps("section")
        self.blocks.append({"kind": "section", "title": title})

    def text(self, markdown: str) -> None:
        """Add Markdown to the page: paragraphs, emphasis, code, lists, links, <sub> and <sup>."""
        self._outside_steps("text")
        self.blocks.append({"kind": "text", "markdown": markdown})

    def table(
        self,
        id: str,
        title: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
        note: str = "",
    ) -> None:
        """Add a table; each row has as many cells as there are columns."""
        self._outside_steps("table")
        self._identify("table", id)
        table = _table(f"The table {id!r}", columns, rows)
        self.blocks.append({"kind": "table", "id": id, "title": title, "note": note, **table})

    def figure(
        self,
        id: str,
        title: str,
        figure: Figure | str,
        *,
        alternative: str,
        table: Table | None = None,
        note: str = "",
    ) -> None:
        """Add a figure, saved as `id`.svg.

        Parameters
        ----------
        id : str
            Unique in the run; the file's name.
        title : str
            The caption.
        figure : matplotlib Figure or str
            A figure, which is closed, or SVG.
        alternative : str
            What the figure shows, for those who cannot see it.
        table : (columns, rows), optional
            Its numbers.
        note : str, optional
        """
        from chainrule.reporting.figures import to_svg

        self._outside_steps("figure")
        self._identify("figure", id)
        if not alternative.strip():
            raise ValueError(f"The figure {id!r} needs an alternative text.")
        path = self._directory.write_figure(id, to_svg(figure, id))
        self.figures.append(str(path))
        numbers = None if table is None else _table(f"The figure {id!r}", *table)
        self.blocks.append(
            {
                "kind": "figure",
                "id": id,
                "title": title,
                "file": path.name,
                "alternative": alternative,
                "table": numbers,
                "note": note,
            }
        )

    def steps(self, id: str, title: str, page: str, note: str = "") -> None:
        """Add a page on which one steps through a graph, saved as `id`.steps.html and linked.

        Parameters
        ----------
        id : str
            Unique in the run; the file's name.
        title : str
            What the link says.
        page : str
            As `chainrule.programs.step_page.step_page` makes it.
        note : str, optional
        """
        self._outside_steps("steps")
        self._identify("steps", id)
        path = self._directory.write_step_page(id, page)
        self.blocks.append({"kind": "steps", "title": title, "file": path.name, "note": note})

    # Private -----------------------------------------------------------------------------------

    def _compute(self, key: str, function: Callable[[], Any], title: str | None) -> Step:
        """Call a step's function and store its result with the metric rows it made."""
        outer, self.metrics = self.metrics, []
        self._step = key
        start = time.perf_counter()
        try:
            with self._terminal.working(title or key):
                value = plain(function(), f"The result of step {key!r}")
            rows = self.metrics
        finally:
            self._step = None
            self.metrics = outer
        step = Step(value, rows, time.perf_counter() - start)
        self._directory.store_step(key, step)
        return step

    def _outside_steps(self, call: str) -> None:
        """Raise if a step is running: what it adds would be missing after a resume."""
        if self._step is not None:
            raise RuntimeError(
                f"run.{call} was called inside the step {self._step!r}; call it outside, from "
                "the step's result."
            )

    def _once(self, kind: str, name: str) -> None:
        """Raise if the run already has a `kind` of this name."""
        if (kind, name) in self._used:
            raise ValueError(f"The run already has a {kind} called {name!r}.")
        self._used.add((kind, name))

    def _identify(self, kind: str, id: str) -> None:
        """Raise if `id` is not a name, or already one of its kind."""
        _check_id(kind, id)
        self._once(kind, id)


def _check_id(kind: str, id: str) -> None:
    """Raise if `id` cannot be a file name and an anchor."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", id):
        raise ValueError(f"The {kind} id {id!r} must be made of letters, digits, '-', '_' and '.'.")


def _table(where: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Return a table as JSON, checked to be rectangular."""
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(
                f"{where} has {len(columns)} columns and a row of {len(row)} cells: {list(row)!r}."
            )
    return {
        "columns": [str(column) for column in columns],
        "rows": finite(plain([list(row) for row in rows], where)),
    }
