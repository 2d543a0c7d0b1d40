"""Layers that keep their gradients in attributes: what a trial leaves there spoils no later one."""

from __future__ import annotations

import pytest
from tests.checking.student_files import load

import chainrule as cr

LAYERS = """
import numpy as np

class Weights:
    def __init__(self, *shape):
        self.now, self.slope = np.zeros(shape), np.zeros(shape)

class Affine:
    def __init__(self, wide, deep):
        self.matrix, self.shift = Weights(wide, deep), Weights(deep)

    def forward(self, x):
        self.seen = x
        return x @ self.matrix.now + self.shift.now

    def backward(self, up):
        self.matrix.slope += self.seen.T @ up
        self.shift.slope += up.sum(axis=0)
        return up @ self.matrix.now.T

    def clear(self):
        for each in (self.matrix, self.shift):
            each.slope = np.zeros_like(each.slope)

class Model:
    def __init__(self):
        self.parts = [Affine(3, 5), Affine(5, 2)]

    def forward(self, x):
        self.inner = self.parts[0].forward(x)
        return self.parts[1].forward(np.arctan(self.inner))

    def backward(self, up):
        up = self.parts[1].backward(up)
        self.parts[0].backward(up / (1 + self.inner ** 2))

model = Model()

def set_all(A, a, B, b):
    for part, matrix, shift in zip(model.parts, (A, B), (a, b)):
        part.matrix.now, part.shift.now = matrix, shift

def loss(A, a, B, b, x, y):
    set_all(A, a, B, b)
    return np.mean((model.forward(x) - y) ** 2)

def gradient(A, a, B, b, x, y):
    set_all(A, a, B, b)
    for part in model.parts:
        part.clear()
    gap = model.forward(x) - y
    model.backward(2 * gap / gap.size)
    one, two = model.parts
    return {"A": one.matrix.slope, "a": one.shift.slope,
            "B": two.matrix.slope, "b": two.shift.slope}

def example():
    rng = np.random.default_rng(8)
    return {"A": rng.normal(size=(3, 5)), "a": rng.normal(size=5), "B": rng.normal(size=(5, 2)),
            "b": rng.normal(size=2), "x": rng.normal(size=(7, 3)), "y": rng.normal(size=(7, 2))}
"""

SLIPS = [
    ("up / (1 + self.inner ** 2)", "up", "G401"),
    ("up / (1 + self.inner ** 2)", "up / (1 + self.inner)", "G403"),
    ("2 * gap / gap.size", "gap / gap.size", "G204"),
    ("2 * gap / gap.size", "2 * gap / len(gap)", "G203"),  # 2 outputs: it may be a 2 as well
    ("2 * gap / gap.size", "2 * gap", "G201"),
    ("up @ self.matrix.now.T", "-up @ self.matrix.now.T", "G205"),
]


def test_the_right_file_is_right():
    space = load(LAYERS)
    assert cr.check(space["loss"], space["gradient"], space["example"]).verdict == "ok"


@pytest.mark.parametrize(("right", "wrong", "code"), SLIPS)
def test_a_mistake_has_its_name(right, wrong, code):
    assert LAYERS.count(right) == 1
    space = load(LAYERS.replace(right, wrong))
    report = cr.check(space["loss"], space["gradient"], space["example"])
    assert code in report.codes
    assert not any("fault of chainrule" in note for note in report.notes)
    layer = space["model"].parts[0]
    assert layer.shift.slope.shape == (5,)
