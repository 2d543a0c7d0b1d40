"""What a person sees while a run works: bars and notes on a terminal, only notes in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress


class Progress:
    """A bar's handle; it does nothing where there is no terminal."""

    def __init__(self, bars: RichProgress | None = None, task: Any = None) -> None:
        self._bars = bars
        self._task = task

    def advance(self, n: float = 1, **shown: Any) -> None:
        """Move by `n` and show values beside the bar, as in ``advance(loss=0.3)``."""
        if self._bars is not None:
            text = "  ".join(f"{name} {_short(value)}" for name, value in shown.items())
            fields: dict[str, Any] = {"shown": text} if shown else {}
            self._bars.update(self._task, advance=n, **fields)


class Terminal:
    """Notes and progress bars on one stream.

    Parameters
    ----------
    stream : TextIO, optional
        Where to write, standard error if not given.
    quiet : bool
        Write nothing at all.
    """

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._quiet = quiet
        self._live = not quiet and self._stream.isatty()
        self._bars: RichProgress | None = None
        self._open = 0
        self._overviews = 0

    @property
    def live(self) -> bool:
        """Whether bars are shown."""
        return self._live

    def note(self, text: str) -> None:
        """Write one line."""
        if self._quiet:
            return
        if self._bars is not None:
            self._bars.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=self._stream, flush=True)

    @contextmanager
    def progress(self, title: str, total: float | None) -> Iterator[Progress]:
        """Show a bar of `total` units while the context is open."""
        if not self._live:
            yield Progress()
            return
        bars = self._start()
        task = bars.add_task(title, total=total, shown="")
        try:
            yield Progress(bars, task)
        finally:
            if total is not None:
                bars.refresh()
            bars.remove_task(task)
            self._open -= 1
            if self._open == 0:
                bars.stop()
                self._bars = None

    @contextmanager
    def overview(self, title: str, total: float) -> Iterator[Progress]:
        """Show a bar over work that shows its own bars below."""
        with self.progress(title, total) as bar:
            self._overviews += 1
            try:
                yield bar
            finally:
                self._overviews -= 1

    @contextmanager
    def working(self, title: str) -> Iterator[None]:
        """Show that something of unknown length is being done, unless a bar shows it already."""
        if self._open > self._overviews:
            yield
            return
        with self.progress(title, None):
            yield

    def _start(self) -> RichProgress:
        """Return the live bars, starting them for the first task."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Task, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress
        from rich.text import Text

        class Count(MofNCompleteColumn):
            """How much of how much, where that is known."""

            def render(self, task: Task) -> Text:
                return Text() if task.total is None else super().render(task)

        self._open += 1
        if self._bars is None:
            self._bars = RichProgress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=28),
                Count(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[shown]}", markup=False, style="dim"),
                console=Console(file=self._stream),
                transient=True,
            )
            self._bars.start()
        return self._bars


def _short(value: Any) -> str:
    """Return a value in a few characters."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
