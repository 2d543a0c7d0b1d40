"""What was measured while training: one row per epoch, as columns, rows, CSV and a figure."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.engine.errors import InvalidInput
from chainrule.engine.wording import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class History(Mapping[str, np.ndarray]):
    """Measurements by epoch; a mapping from the names of columns to arrays.

    ``epoch`` (from 1), ``step``, ``learning_rate`` (of the last step), ``train_loss`` (mean over
    the epoch's examples, each before its batch's step), and where measured ``train_accuracy``,
    ``evaluated_train_loss``, ``validation_loss``, ``validation_accuracy``, ``gradient_norm``,
    ``weight_norm`` and ``update_ratio`` (‖update‖ / ‖weights‖), each of these three also for every
    parameter, as in ``gradient_norm['linear1']['W']``; they belong to the last step of an epoch.

    Parameters
    ----------
    rows : list of dict, optional
        One dict of numbers per epoch; none by default.

    Examples
    --------
    >>> history = History()
    >>> history.append({"epoch": 1, "train_loss": 0.5})
    >>> history["train_loss"]
    array([0.5])
    """

    def __init__(self, rows: list[dict[str, float]] | None = None) -> None:
        self._rows = [dict(row) for row in rows or []]

    def append(self, row: Mapping[str, float]) -> None:
        """Add an epoch.

        Parameters
        ----------
        row : mapping of str to float
            Its measurements by name.
        """
        self._rows.append(dict(row))

    def rows(self) -> list[dict[str, float]]:
        """One dict per epoch."""
        return [dict(row) for row in self._rows]

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._names():
            raise KeyError(f"no column {name!r}; there are {', '.join(self._names()) or 'none'}")
        return np.array([row.get(name, math.nan) for row in self._rows])

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __repr__(self) -> str:
        if not self._rows:
            return "History of 0 epochs"
        shown = {k: v for k, v in self._rows[-1].items() if "[" not in k}
        last = ", ".join(f"{name} {value:.5g}" for name, value in shown.items())
        return f"History of {counted(len(self._rows), 'epoch')}; {last}"

    def _names(self) -> list[str]:
        return list(dict.fromkeys(name for row in self._rows for name in row))

    @property
    def epochs(self) -> int:
        """How many epochs were measured."""
        return len(self._rows)

    def csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """The rows as CSV, every number with all its digits.

        Parameters
        ----------
        path : path, optional
            A file to write, whole or not at all.

        Returns
        -------
        str
        """
        text = io.StringIO()
        writer = csv.DictWriter(text, self._names(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._rows)
        if path is not None:
            from chainrule.reporting.files import write_text

            write_text(Path(path), text.getvalue())
        return text.getvalue()

    def figure(self, norms: bool = False) -> Figure:
        """Loss by epoch, and accuracy beside it if measured.

        Parameters
        ----------
        norms : bool
            Whether the norms of the gradients are drawn, too.

        Returns
        -------
        matplotlib Figure

        Raises
        ------
        InvalidInput
            No epoch was measured, or no norms.
        """
        if not self._rows:
            raise InvalidInput("there is no epoch to draw.")
        from matplotlib.ticker import MaxNLocator

        from chainrule.reporting.figures import house_style, subplots

        panels = [("loss", _LOSSES), ("accuracy", _ACCURACIES)]
        drawn = [(label, [n for n in names if n in self]) for label, names in panels]
        if norms:
            found = [n for n in self if n.startswith("gradient_norm[")]
            if not found:
                raise InvalidInput("no norms were measured; train with norms=True.")
            drawn.append(("gradient norm at the last step", found))
        drawn = [(label, names) for label, names in drawn if names]
        with house_style():
            width = 4.8 * len(drawn)
            figure, panes = subplots(1, len(drawn), figsize=(width, 3.8), squeeze=False)
            for axes, (label, names) in zip(panes[0], drawn, strict=True):
                for name in names:
                    axes.plot(self["epoch"], self[name], label=_title(name))
                axes.set_xlabel("epoch")
                axes.set_ylabel(label)
                axes.xaxis.set_major_locator(MaxNLocator(integer=True))
                if label.startswith("gradient"):
                    axes.set_yscale("log")
                axes.legend()
        return figure


_LOSSES = ("train_loss", "evaluated_train_loss", "validation_loss")
_ACCURACIES = ("train_accuracy", "validation_accuracy")


def _title(name: str) -> str:
    if "[" in name:
        return name.split("[", 1)[1].replace("'", "").replace("][", " ").rstrip("]")
    return name.replace("_", " ").replace(" loss", "").replace(" accuracy", "")


def norms(
    paths: list[str],
    weights: list[np.ndarray],
    gradients: list[np.ndarray],
    before: list[np.ndarray],
) -> dict[str, Any]:
    """Euclidean norms of gradients and weights and update ratios, overall and per parameter."""
    columns: dict[str, dict[str, float]] = {"gradient_norm": {}, "weight_norm": {}}
    columns["update_ratio"] = {}
    squares = np.zeros(3)
    for path, w, g, old in zip(paths, weights, gradients, before, strict=True):
        own = np.array([_square(g), _square(w), _square(w - old)])
        squares += own
        _enter(columns, path, own)
    row: dict[str, Any] = {}
    _enter(columns, "", squares)
    for name, by_path in columns.items():
        row[name] = by_path.pop("")
        row.update({f"{name}{path}": value for path, value in by_path.items()})
    return row


def _square(array: np.ndarray) -> float:
    flat = np.ravel(array).astype(np.float64)
    return float(np.dot(flat, flat))


def _enter(columns: dict[str, dict[str, float]], path: str, squares: np.ndarray) -> None:
    gradient, weight, update = (float(x) for x in np.sqrt(squares))
    columns["gradient_norm"][path] = gradient
    columns["weight_norm"][path] = weight
    columns["update_ratio"][path] = update / weight if weight else math.nan
