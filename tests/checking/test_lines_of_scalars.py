"""Where a gradient goes one number, or one object, at a time, its wrong line is named as well."""

from __future__ import annotations

import pytest
from tests.checking.student_files import load

import chainrule as cr

MARK = "  # <-"

NUMBER_BY_NUMBER = """
import math
import numpy as np

def loss(W, V, X, Y):
    total = 0.0
    for s in range(len(X)):
        h = [math.tanh(sum(W[j, i] * X[s, i] for i in range(len(W[0])))) for j in range(len(W))]
        for k in range(len(V)):
            out = 0.0
            for j in range(len(W)):
                out += V[k, j] * h[j]
            total += (out - Y[s, k]) ** 2
    return total / len(X)

def gradient(W, V, X, Y):
    dW, dV = np.zeros(W.shape), np.zeros(V.shape)
    for s in range(len(X)):
        h = []
        for j in range(len(W)):
            z = 0.0
            for i in range(len(W[0])):
                z += W[j, i] * X[s, i]
            h.append(math.tanh(z))
        back = [0.0] * len(W)
        for k in range(len(V)):
            out = 0.0
            for j in range(len(W)):
                out += V[k, j] * h[j]
            d = 2 * (out - Y[s, k]) / len(X)
            for j in range(len(W)):
                dV[k, j] += d * h[j]
                back[j] += d * V[k, j]
        for j in reversed(range(len(W))):
            dz = back[j] * (1 - h[j] ** 2)
            for i in range(len(W[0])):
                dW[j, i] += dz * X[s, i]
    return {"W": dW, "V": dV}

def example():
    r = np.random.default_rng(5)
    return {"W": r.normal(size=(4, 2)), "V": r.normal(size=(3, 4)), "X": r.normal(size=(5, 2)),
            "Y": r.normal(size=(5, 3))}
"""

WHOLE_ARRAYS = """def loss(W, V, X, Y):
    return np.sum((np.tanh(X @ W.T) @ V.T - Y) ** 2) / len(X)
"""

SLIPS = {
    "the derivative is left out": (
        "            dz = back[j] * (1 - h[j] ** 2)\n",
        "            dz = back[j]  # <-\n",
    ),
    "the derivative stands alone": (
        "            dz = back[j] * (1 - h[j] ** 2)\n",
        "            dz = 1 - h[j] ** 2  # <-\n",
    ),
    "the derivative is that of another function": (
        "            dz = back[j] * (1 - h[j] ** 2)\n",
        "            dz = back[j] * h[j] * (1 - h[j])  # <-\n",
    ),
    "the sum over the outputs is none": (
        "                back[j] += d * V[k, j]\n",
        "                back[j] = d * V[k, j]  # <-\n",
    ),
    "the cotangent of the output has the wrong sign": (
        "            d = 2 * (out - Y[s, k]) / len(X)\n",
        "            d = 2 * (Y[s, k] - out) / len(X)  # <-\n",
    ),
}


def _named_line(source: str) -> int | None:
    space = load(source)
    return cr.check(space["loss"], space["gradient"], space["example"]).first_wrong_line


def _marked(source: str) -> int:
    return next(n for n, line in enumerate(source.splitlines(), 1) if line.endswith(MARK))


IN_ARRAYS = list(SLIPS)[:3]


@pytest.mark.parametrize(
    ("name", "whole"), [(name, False) for name in SLIPS] + [(name, True) for name in IN_ARRAYS]
)
def test_the_wrong_line_of_a_gradient_in_nested_loops(name, whole):
    source = NUMBER_BY_NUMBER.replace(*SLIPS[name])
    if whole:
        start, end = source.index("def loss"), source.index("\ndef gradient")
        source = source[:start] + WHOLE_ARRAYS + source[end:]
    assert _named_line(source) == _marked(source)


ROW_BY_ROW = """
import numpy as np

def slide(row, kernel):
    n = len(row) - len(kernel) + 1
    out = np.zeros(n)
    for i in range(n):
        out[i] = np.sum(row[i:i + len(kernel)] * kernel)
    return out

def loss(k, v, rows, t):
    total = 0
    for row, target in zip(rows, t):
        a = np.tanh(slide(row, k))
        p = (a[0::2] + a[1::2]) / 2
        total += 0.5 * (slide(p, v)[0] - target) ** 2
    return total / len(rows)

def gradient(k, v, rows, t):
    dk, dv = np.zeros_like(k), np.zeros_like(v)
    for row, target in zip(rows, t):
        a = np.tanh(slide(row, k))
        p = (a[0::2] + a[1::2]) / 2
        dout = slide(p, v) - target
        dv += slide(p, dout)
        dp = slide(np.pad(dout, len(v) - 1), v[::-1])
        da = np.repeat(dp, 2) / 2
        dz = da * (1 - a ** 2)
        dk += slide(row, dz)
    return {"k": dk / len(rows), "v": dv / len(rows)}

def example():
    r = np.random.default_rng(8)
    return {"k": r.normal(size=3), "v": r.normal(size=4), "rows": r.normal(size=(5, 10)),
            "t": r.normal(size=5)}
"""

SLIPS_OF_ROWS = {
    "the derivative is left out": (
        "        dz = da * (1 - a ** 2)\n",
        "        dz = da  # <-\n",
    ),
    "a helper that the loss runs is called with the kernel unturned": (
        "        dp = slide(np.pad(dout, len(v) - 1), v[::-1])\n",
        "        dp = slide(np.pad(dout, len(v) - 1), v)  # <-\n",
    ),
    "the mean of two is spread as their sum": (
        "        da = np.repeat(dp, 2) / 2\n",
        "        da = np.repeat(dp, 2)  # <-\n",
    ),
}


@pytest.mark.parametrize("name", SLIPS_OF_ROWS)
def test_the_wrong_line_of_a_gradient_that_calls_a_helper_for_each_sample(name):
    source = ROW_BY_ROW.replace(*SLIPS_OF_ROWS[name])
    assert _named_line(source) == _marked(source)


OBJECTS = """
import numpy as np

class Number:
    def __init__(self, value, inputs=()):
        self.value, self.inputs, self.slope = value, inputs, 0.0
        self.push = lambda: None

    def __add__(self, other):
        made = Number(self.value + other.value, (self, other))

        def push():
            self.slope += made.slope
            other.slope += made.slope

        made.push = push
        return made

    def __mul__(self, other):
        made = Number(self.value * other.value, (self, other))

        def push():
            self.slope += other.value * made.slope
            other.slope += self.value * made.slope

        made.push = push
        return made

    def squared(self):
        made = Number(self.value ** 2, (self,))

        def push():
            self.slope += 2 * self.value * made.slope

        made.push = push
        return made

    def logistic(self):
        s = 1 / (1 + np.exp(-self.value))
        made = Number(s, (self,))

        def push():
            self.slope += s * (1 - s) * made.slope

        made.push = push
        return made

    def back(self):
        order, seen = [], set()

        def visit(number):
            if number not in seen:
                seen.add(number)
                for each in number.inputs:
                    visit(each)
                order.append(number)

        visit(self)
        self.slope = 1.0
        for number in reversed(order):
            number.push()

def loss(W, v, X, y):
    return np.sum((1 / (1 + np.exp(-X @ W)) @ v - y) ** 2)

def gradient(W, v, X, y):
    weights = [[Number(w) for w in row] for row in W]
    heads = [Number(each) for each in v]
    total = Number(0.0)
    for x, target in zip(X, y):
        out = Number(-target)
        for j, head in enumerate(heads):
            z = Number(0.0)
            for i, each in enumerate(x):
                z = z + weights[i][j] * Number(each)
            out = out + head * z.logistic()
        total = total + out.squared()
    total.back()
    return {"W": np.array([[w.slope for w in row] for row in weights]),
            "v": np.array([head.slope for head in heads])}

def example():
    r = np.random.default_rng(4)
    return {"W": r.normal(size=(2, 4)), "v": r.normal(size=4), "X": r.normal(size=(3, 2)),
            "y": r.normal(size=3)}
"""

SLIPS_OF_OBJECTS = {
    "the derivative is that of the argument": (
        "            self.slope += s * (1 - s) * made.slope\n",
        "            self.slope += self.value * (1 - self.value) * made.slope  # <-\n",
    ),
    "what comes from above is left out": (
        "            self.slope += s * (1 - s) * made.slope\n",
        "            self.slope += s * (1 - s)  # <-\n",
    ),
    "the derivative is left out, and what it is made of is read nowhere else": (
        "            self.slope += s * (1 - s) * made.slope\n",
        "            self.slope += made.slope  # <-\n",
    ),
    "the value of the other factor is its own": (
        "            other.slope += self.value * made.slope\n",
        "            other.slope += other.value * made.slope  # <-\n",
    ),
}


@pytest.mark.parametrize("name", SLIPS_OF_OBJECTS)
def test_the_wrong_line_in_a_closure_of_an_object(name):
    source = OBJECTS.replace(*SLIPS_OF_OBJECTS[name])
    assert _named_line(source) == _marked(source)
