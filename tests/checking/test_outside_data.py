"""What functions find outside of their arguments is as it was after a check."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.checking.outside_data import OutsideData

GLOBAL_DATA = """import numpy as np

rng = np.random.default_rng(0)
X = rng.normal(size=(8, 5))
y = rng.integers(0, 3, 8)
W1, b1 = 0.1 * rng.normal(size=(5, 7)), np.zeros(7)
W2, b2 = 0.1 * rng.normal(size=(7, 3)), np.zeros(3)
sizes, names = [5, 7, 3], {"first": "W1"}

def forward(W1, b1, W2, b2):
    h = np.maximum(0, X @ W1 + b1)
    scores = h.dot(W2) + b2
    scores -= scores.max(axis=1, keepdims=True)
    return h, np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)

def loss(W1, b1, W2, b2):
    h, p = forward(W1, b1, W2, b2)
    return -np.log(p[np.arange(len(y)), y]).mean() + 0.05 * np.sum(W2 * W2)

def gradient(W1, b1, W2, b2):
    h, p = forward(W1, b1, W2, b2)
    ds = p
    ds[range(len(y)), y] -= 1
    ds /= len(y)
    dW2 = h.T.dot(ds) + 0.2 * W2
    dh = ds.dot(W2.T)
    dh[h < 0] = 0
    return {"W1": X.T @ dh, "b1": dh.sum(axis=0), "W2": dW2, "b2": ds.sum(axis=0)}

def example():
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
"""


def test_data_of_the_module_are_not_spoilt_by_changes_of_the_text(tmp_path, monkeypatch):
    """``X[range(len(y)), y] -= 1`` was tried, and right lines were blamed from then on."""
    (tmp_path / "global_data.py").write_text(GLOBAL_DATA)
    monkeypatch.syspath_prepend(tmp_path)
    import global_data as module  # type: ignore[import-not-found]

    before = {
        name: np.copy(value) if isinstance(value, np.ndarray) else value.copy()
        for name, value in vars(module).items()
        if isinstance(value, (np.ndarray, list)) or name == "names"
    }
    report = cr.check(module.loss, module.gradient, module.example)
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(module, name), value)
        assert not isinstance(value, np.ndarray) or getattr(module, name).flags.writeable
    assert set(report.codes) == {"G302", "G401"}
    assert report.first_wrong_line == 1 + GLOBAL_DATA.splitlines().index(
        "    dW2 = h.T.dot(ds) + 0.2 * W2"
    )


def functions(**space: Any) -> Any:
    exec("def f():\n    return 0", space)
    return [space["f"]]


def test_arrays_are_locked_and_lists_put_back() -> None:
    array, listed, table = np.arange(3.0), [1, 2], {"a": np.ones(2)}
    view, fixed = array[:2], np.ones(2)
    kept = fixed[:]
    fixed.flags.writeable = False
    space = {"array": array, "view": view, "listed": listed, "table": table, "kept": kept}
    data = OutsideData(functions(**space), lambda: True)
    with data.kept():
        table["b"] = listed.append(3)
        for each in (array, view, table["a"]):
            with pytest.raises(ValueError, match="read-only"):
                each[0] = 7
    assert (listed, list(table)) == ([1, 2], ["a"])
    for each in (array, view, table["a"], kept):
        each[0] = 5  # writable again


def test_arrays_that_the_text_itself_writes_into_are_put_back() -> None:
    buffer = np.zeros(3)

    def runs() -> bool:
        try:
            buffer[0] = 1.0
        except ValueError:
            return False
        return True

    data = OutsideData(functions(buffer=buffer), runs)
    with data.kept():
        buffer[:] = 9
    np.testing.assert_array_equal(buffer, 0)


def test_what_a_closure_and_an_object_hold_is_kept() -> None:
    class Holder:
        def __init__(self) -> None:
            self.array = np.zeros(2)

    holder, closed = Holder(), np.zeros(2)

    def f() -> Any:
        return holder, closed

    with pytest.raises(ValueError, match="read-only"), OutsideData([f], lambda: True).kept():
        closed += 1
    with pytest.raises(ValueError, match="read-only"), OutsideData([f], lambda: True).kept():
        holder.array += 1
