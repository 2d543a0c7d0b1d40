"""One worked example per mistake: a right file, one edit, and what the check says of it."""

from __future__ import annotations

import contextlib
import io
import linecache
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.checking import worked_files as files
from chainrule.checking.check import check
from chainrule.checking.report import Report
from chainrule.checking.updates.check import UpdateReport
from chainrule.checking.worked_updates import UPDATE_EDITS

_NOISE = "dz1 = da1 * (1 - a1**2) + 0.1 * np.sin(z1)"

# code -> (file, right, wrong)
EDITS: dict[str, tuple[str, str, str]] = {
    "G000": (files.CLASSIFIER, "dz1 = da1 * (1 - a1**2)", _NOISE),
    "G101": (files.CLASSIFIER, "db1 = dz1.sum(axis=0)", "db1 = dz1"),
    "G102": (files.CLASSIFIER, "db1 = dz1.sum(axis=0)", "db1 = dz1.sum(axis=0).astype(int)"),
    "G103": (
        files.CLASSIFIER, "dz1 = da1 * (1 - a1**2)", "dz1 = da1 * np.log(1 - np.exp(z1**2))"
    ),
    "G104": (files.CLASSIFIER, "da1 = dz2 @ W2.T", "W2 *= 1.01; da1 = dz2 @ W2.T"),
    "G105": (
        files.CLASSIFIER, "da1 = dz2 @ W2.T",
        "da1 = dz2 @ W2.T * (np.random.random(a1.shape) < 0.5) * 2",
    ),
    "G106": (
        files.CLASSIFIER, "db1 = dz1.sum(axis=0)",
        "gradient.kept = getattr(gradient, 'kept', 0) + dz1.sum(axis=0); db1 = gradient.kept",
    ),
    "G107": (files.CLASSIFIER, '"b1": db1, ', '"b1": None, '),
    "G201": (files.CLASSIFIER, "dz2 = (p - Y) / len(X)", "dz2 = p - Y"),
    "G202": (files.CLASSIFIER, "dz2 = (p - Y) / len(X)", "dz2 = (p - Y) / len(X) / len(X)"),
    "G203": (files.CLASSIFIER, "dz2 = (p - Y) / len(X)", "dz2 = (p - Y) / Y.size"),
    "G204": (files.REGRESSION, "dz2 = (p - Y) *", "dz2 = 2 * (p - Y) *"),
    "G205": (files.REGRESSION, "dz2 = (p - Y) *", "dz2 = (Y - p) *"),
    "G206": (files.REGRESSION, "dz2 = (p - Y) *", "dz2 = 0.01 * (p - Y) *"),
    "G301": (files.CLASSIFIER, "dW2 = a1.T @ dz2 + lam * W2", "dW2 = a1.T @ dz2"),
    "G302": (files.CLASSIFIER, "dz2 + lam * W2", "dz2 + 2 * lam * W2"),
    "G303": (files.CLASSIFIER, "dz2 + lam * W2", "dz2 - lam * W2"),
    "G304": (
        files.CLASSIFIER, "db1 = dz1.sum(axis=0)", "db1 = dz1.sum(axis=0) + lam * b1"
    ),
    "G401": (files.CLASSIFIER, "dz1 = da1 * (1 - a1**2)", "dz1 = da1"),
    "G402": (files.CLASSIFIER, "(1 - a1**2)", "(1 - np.tanh(a1)**2)"),
    "G403": (files.CLASSIFIER, "(1 - a1**2)", "(1 - z1**2)"),
    "G404": (files.REGRESSION, "dz1 = da1 * (z1 > 0)", "dz1 = da1 * (da1 > 0)"),
    "G405": (files.CLASSIFIER, "dz1 = da1 * (1 - a1**2)", "dz1 = 1 - a1**2"),
    "G501": (
        files.CLASSIFIER, "dz2 = (p - Y) / len(X)", "dz2 = (p - Y) * p * (1 - p) / len(X)"
    ),
    "G502": (files.REGRESSION, "(p - Y) * p * (1 - p) / len(X)", "(p - Y) / len(X)"),
    "G503": (files.CLASSIFIER, "dz2 = (p - Y) / len(X)", "dz2 = -Y * (1 - p) / len(X)"),
    "G601": (files.CLASSIFIER, "db1 = dz1.sum(axis=0)", "db1 = dz1.mean(axis=0)"),
    "G602": (files.CLASSIFIER, "db1 = dz1.sum(axis=0)", "db1 = dz1[0]"),
    "G603": (files.CLASSIFIER, "db1 = dz1.sum(axis=0)", "db1 = np.full(b1.shape, dz1.sum())"),
    "G604": (files.LINEAR, "r = p - y", "r = p - y[:, 0]"),
    "G701": (files.SQUARE, "dW2 = h.T @ dr", "dW2 = dr.T @ h"),
    "G702": (files.SQUARE, "dh = dr @ W2.T", "dh = dr @ W2"),
    "G703": (files.CLASSIFIER, "dW2 = a1.T @ dz2", "dW2 = z1.T @ dz2"),
    "G704": (files.SQUARE, '{"W1": dW1, "W2": dW2}', '{"W1": dW2, "W2": dW1}'),
    "G705": (files.SQUARE, "dW2 = h.T @ dr", "dW2 = (h.T @ dr)[::-1]"),
    "G801": (files.RESIDUAL, "dh = dr + du @ W2.T", "dh = du @ W2.T"),
    "G802": (files.CLASSIFIER, "dz2 = (p - Y) / len(X)", "dz2 = p - Y; dz2[1:] = 0"),
    "G803": (files.EMBEDDING, "np.add.at(dE, words, dx)", "dE[words] += dx"),
    "G804": (files.RESIDUAL, "dh = dr", "W2 = W2 - 0.1 * dW2; dh = dr"),
    "G901": (files.DROPOUT, "da = dh * mask / keep", "da = dh"),
    "G902": (files.DROPOUT, "da = dh * mask / keep", "da = dh * mask"),
    "G903": (files.BATCH_NORM, "(dx - dx.mean(axis=0) - xhat", "(dx - xhat"),
    "G904": (files.BATCH_NORM, " - xhat * (dx * xhat).sum(axis=0) / n", ""),
    "G905": (files.BATCH_NORM, ".sum(axis=0) / n)", ".sum(axis=0) / (n - 1))"),
    "G906": (files.CONVOLUTION, "for j in range(len(k))])", "for j in range(len(k))])[::-1]"),
    "G907": (files.POOLING, "axis=1) / X.shape[1]", "axis=1)"),
    "G908": (files.RECURRENT, "dh = dz @ U.T", "dh = np.zeros_like(dh)"),
    **UPDATE_EDITS,
}  # fmt: skip


@dataclass(frozen=True)
class WorkedExample:
    """A file with one mistake, and the report on it.

    Attributes
    ----------
    source : str
    line : int
        Of the edit, from 1.
    right, wrong : str
        The line before and after the edit.
    report : Report or UpdateReport
    said_by : str
        What makes the report.
    """

    source: str
    line: int
    right: str
    wrong: str
    report: Report | UpdateReport
    said_by: str


def worked_example(code: str) -> WorkedExample:
    """Make the worked example of a mistake: edit a right file and check it, or run its check."""
    source, right, wrong = EDITS[code]
    if source.count(right) != 1:
        raise AssertionError(f"{right!r} of the example of {code} is not there exactly once")
    line = source[: source.index(right)].count("\n") + 1
    edited = source.replace(right, wrong)
    filename = f"<example of {code}>"
    linecache.cache[filename] = (len(edited), None, edited.splitlines(keepends=True), filename)
    space: dict[str, Any] = {"np": np, "__name__": f"example_of_{code}"}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(edited, filename, "exec"), space)
    if code in UPDATE_EDITS:
        report, said_by = space["report"], "cr.check_optimizer"
    else:
        report = check(space["loss"], space["gradient"], space["example"])
        said_by = "chainrule check"
    first, count = line - 1, right.count("\n") + 1
    # An edit of several lines puts them in another order.
    before, after = (
        "; ".join(each.strip() for each in text.splitlines()[first : first + count])
        for text in (source, edited)
    )
    return WorkedExample(edited, line, before, after, report, said_by)
