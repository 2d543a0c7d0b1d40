"""Data for `momentum`: a seeded set of three classes, or a table that the user gives as CSV."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chainrule.experiments.experiment import ExperimentError


@dataclass(frozen=True)
class Classes:
    """Points as rows with the number of their class, for training and for testing.

    Attributes
    ----------
    X, test_X : arrays, shape (n, features)
        With mean 0 and standard deviation 1 of each feature over the training points.
    labels, test_labels : int arrays, shape (n,)
    names : list of str
        Of the classes.
    """

    X: np.ndarray
    labels: np.ndarray
    test_X: np.ndarray
    test_labels: np.ndarray
    names: list[str]


def three_classes(n: int, rng: np.random.Generator) -> Classes:
    """Three classes in five dimensions, each of two Gaussian clouds, half of 2n for testing."""
    centres = rng.normal(scale=1.5, size=(3, 2, 5))
    labels = np.arange(2 * n) % 3
    cloud = rng.integers(2, size=2 * n)
    X = centres[labels, cloud] + rng.normal(size=(2 * n, 5))
    return _split(X, labels, ["1", "2", "3"], n)


def read_classes(path: str | Path, rng: np.random.Generator, share: float = 0.75) -> Classes:
    """A table of numbers whose last column names the class.

    Parameters
    ----------
    path : str or Path
        A CSV file; a first row in which no cell but the last could be a number is its header.
    rng : Generator
        Shuffles the rows before they are split.
    share : float
        Of the rows for training; the rest is for testing.

    Raises
    ------
    ExperimentError
        The file cannot be read, is too small, has rows of unequal length, a cell that is not a
        finite number, or a single class. The message names the row, counted as in the file, and
        the column.
    """
    path = Path(path)
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise ExperimentError(f"The table {path} is not a file.")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ExperimentError(f"The table {path} cannot be read as CSV: {error}.") from None
    if not rows:
        raise ExperimentError(f"The table {path} is empty.")
    first = rows[0][1]
    columns = [f"{i}" for i in range(1, len(first) + 1)]
    if len(first) > 1 and all(_number(cell) is None for cell in first[:-1]):
        columns = [f"{i} ({cell.strip()})" for i, cell in enumerate(first, 1)]
        rows = rows[1:]
    if len(columns) < 2:
        raise ExperimentError(
            f"The table {path} has {len(columns)} column; it needs at least one of numbers, and "
            "the class last."
        )
    X = np.empty((len(rows), len(columns) - 1))
    classes = []
    for i, (line, row) in enumerate(rows):
        if len(row) != len(columns):
            raise ExperimentError(
                f"Row {line} of {path} has {len(row)} cells; the first row has {len(columns)}."
            )
        for j, cell in enumerate(row[:-1]):
            number = _number(cell)
            if number is None or not math.isfinite(number):
                raise ExperimentError(
                    f"Row {line}, column {columns[j]} of {path} is {cell!r}; it must be a finite "
                    "number."
                )
            X[i, j] = number
        if not row[-1].strip():
            raise ExperimentError(
                f"Row {line}, column {columns[-1]} of {path} is empty; it must name the class."
            )
        classes.append(row[-1].strip())
    names = sorted(set(classes))
    if len(names) < 2 or len(rows) < 8:
        raise ExperimentError(
            f"The table {path} has {len(rows)} rows of data and {len(names)} classes; at least 8 "
            "rows and 2 classes are needed."
        )
    labels = np.array([names.index(name) for name in classes])
    order = rng.permutation(len(rows))
    return _split(X[order], labels[order], names, round(share * len(rows)))


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _split(X: np.ndarray, labels: np.ndarray, names: list[str], n: int) -> Classes:
    """The first n points for training; all scaled by what those are like."""
    centre, spread = X[:n].mean(axis=0), X[:n].std(axis=0)
    # A feature that never changes has nothing to be scaled by.
    X = (X - centre) / np.where(spread > 0, spread, 1.0)
    return Classes(X[:n], labels[:n], X[n:], labels[n:], names)
