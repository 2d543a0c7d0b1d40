"""Columns, rows and CSV hold the same numbers; the figure shows what was measured."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from chainrule import nn, optim, training
from chainrule.engine.errors import InvalidInput


@pytest.fixture(scope="module")
def history() -> training.History:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((30, 3)), rng.integers(0, 2, 30)
    model = nn.Sequential(nn.Linear(3, 2))
    return training.fit(
        model, None, (x, y), loss=nn.cross_entropy, optimizer=optim.sgd(0.1), epochs=3,
        batch_size=10, validation=(x, y),
    ).history  # fmt: skip


def test_columns_rows_and_csv_agree_to_the_last_digit(
    history: training.History, tmp_path: Path
) -> None:
    text = history.csv(tmp_path / "history.csv")
    assert (tmp_path / "history.csv").read_text() == text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == history.epochs == 3
    for name in history:
        assert [float(row[name]) for row in rows] == history[name].tolist()
        assert [row[name] for row in history.rows()] == history[name].tolist()


def test_norms_of_every_parameter_add_up(history: training.History) -> None:
    parts = [history[f"gradient_norm['linear1']['{name}']"] for name in "Wb"]
    np.testing.assert_allclose(np.hypot(*parts), history["gradient_norm"], rtol=1e-12)


def test_an_absent_column_names_those_there(history: training.History) -> None:
    with pytest.raises(KeyError, match="no column 'lost'; there are epoch, step"):
        history["lost"]
    assert "History of 3 epochs; epoch 3" in repr(history)
    assert repr(training.History()) == "History of 0 epochs"


def test_the_figure_has_a_panel_for_each_measure(history: training.History) -> None:
    figure = history.figure(norms=True)
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "loss", "accuracy", "gradient norm at the last step",
    ]  # fmt: skip
    lines = figure.axes[0].get_lines()
    assert [line.get_label() for line in lines] == ["train", "validation"]
    assert lines[1].get_ydata().tolist() == history["validation_loss"].tolist()
    assert [line.get_label() for line in figure.axes[2].get_lines()] == ["linear1 W", "linear1 b"]


def test_nothing_to_draw_is_said() -> None:
    with pytest.raises(InvalidInput, match="no epoch to draw"):
        training.History().figure()
    with pytest.raises(InvalidInput, match="no norms were measured"):
        training.History([{"epoch": 1, "train_loss": 1.0}]).figure(norms=True)
