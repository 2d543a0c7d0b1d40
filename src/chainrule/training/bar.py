"""A progress bar over epochs, on a terminal only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def epochs_bar(total: int, done: int) -> Iterator[Callable[[dict[str, float]], None]]:
    """A function to call with the row of every epoch."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("training", total=total, completed=done)

        def report(row: dict[str, float]) -> None:
            shown = f"loss {row['train_loss']:.4g}"
            if "validation_loss" in row:
                shown += f", validation {row['validation_loss']:.4g}"
            bar.update(task, advance=1, description=shown)

        yield report
