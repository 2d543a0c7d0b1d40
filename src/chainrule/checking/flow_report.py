"""The report on gradient flow: text, JSON, HTML, and its overall verdict."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.checking.flow_layers import (
    LARGE_UPDATE,
    ORDER,
    SMALL_UPDATE,
    FlowVerdict,
    LayerFlow,
)
from chainrule.engine.wording import counted

if TYPE_CHECKING:
    from chainrule.programs.picture import Picture

_HEAD = (
    "layer", "gradient", "weights", "relative", "× last", "update", "dead", "saturated", "verdict",
)  # fmt: skip


@dataclass(frozen=True)
class Flow:
    """How gradients flow through a network.

    Attributes
    ----------
    layers : tuple of LayerFlow
        From input to output.
    batches, samples : int
        What it was measured on.
    """

    layers: tuple[LayerFlow, ...]
    batches: int
    samples: int

    @property
    def verdict(self) -> FlowVerdict:
        """The gravest verdict of any layer."""
        return min((layer.verdict for layer in self.layers), key=ORDER.index)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth saying beside the verdicts."""
        return tuple(self._notes())

    def _notes(self) -> Iterator[str]:
        for layer in self.layers:
            ratio = layer.update_ratio
            if ratio is None:
                continue
            if ratio > LARGE_UPDATE:
                yield (
                    f"{layer.name}: one step changes the weights by {ratio:.2g} of their size; "
                    "about 0.001 is usual, so the learning rate may be too large."
                )
            elif 0 < ratio < SMALL_UPDATE and layer.verdict == "healthy":
                yield (
                    f"{layer.name}: one step changes the weights by {ratio:.2g} of their size; "
                    "about 0.001 is usual, so the learning rate may be too small."
                )

    def _reasons(self) -> Iterator[str]:
        """A sentence for every run of layers with one verdict, about its first layer."""
        for _, run in groupby(self.layers, lambda layer: layer.verdict):
            first, *others = run
            if first.verdict == "not enough data":
                yield f"{first.verdict}: {first.reason}."
            elif first.reason and others:
                yield (
                    f"{first.name} to {others[-1].name}: {first.verdict}. {first.name}: "
                    f"{first.reason}."
                )
            elif first.reason:
                yield f"{first.name}: {first.verdict}, {first.reason}."

    # --- forms -----------------------------------------------------------------------------------

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """One row of texts for each layer, under layer, gradient, weights, relative, …, verdict."""
        return [
            (
                layer.name,
                _number(layer.gradient_norm),
                _number(layer.weight_norm),
                _number(layer.relative_gradient),
                _number(layer.to_last),
                _number(layer.update_ratio),
                _share(layer.dead_units),
                _share(layer.saturated_values),
                layer.verdict,
            )
            for layer in self.layers
        ]

    def __str__(self) -> str:
        rows = [_HEAD, *self.rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(_HEAD))]
        lines = [
            "  ".join(
                cell.ljust(width) if i in (0, len(_HEAD) - 1) else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        reasons = list(self._reasons())
        head = (
            f"gradient flow: {self.verdict} "
            f"({counted(self.batches, 'batch', 'batches')}, {counted(self.samples, 'sample')})"
        )
        return "\n".join([head, "", *lines, *([""] if reasons or self.notes else []), *reasons,
                          *self.notes])  # fmt: skip

    __repr__ = __str__

    def to_json(self) -> dict[str, Any]:
        """The report as values that JSON can hold; what is not finite becomes null."""
        return {
            "verdict": self.verdict,
            "batches": self.batches,
            "samples": self.samples,
            "layers": [
                {key: _plain(value) for key, value in asdict(layer).items()}
                for layer in self.layers
            ],
            "notes": list(self.notes),
        }

    def svg(self) -> Picture:
        """A picture: the relative gradient of every layer on a logarithmic axis, and its units."""
        from chainrule.checking.flow_picture import picture

        return picture(self)

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file.

        Parameters
        ----------
        path : path
            Ending in ``.svg``.

        Returns
        -------
        Path

        Raises
        ------
        InvalidInput
            The name does not end in ``.svg``.
        """
        return self.svg().save(path)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in _HEAD)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self.rows
        )
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return (
            f"<p>gradient flow: <b>{self.verdict}</b></p>{self.svg()._repr_html_()}"
            "<details><summary>Numbers</summary>"
            f"<table><tr>{head}</tr>{body}</table></details>{notes}"
        )


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if math.isfinite(value) else "not finite"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return list(value) if isinstance(value, tuple) else value
