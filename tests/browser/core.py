"""The core at work on NumPy alone: what it prints is the same in every Python."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import chainrule as cr
from chainrule import nn, optim, training
from chainrule.checking.watch_functions import users_functions


def show(title, *values):
    print(f"--- {title}")
    for value in values:
        print(np.round(value, 9) if isinstance(value, np.ndarray | float) else value)


def loss(W1, b1, W2, x, y):
    z1 = x @ W1 + b1
    a1 = np.tanh(z1)
    p = a1 @ W2
    return np.mean((p - y) ** 2)


def gradient(W1, b1, W2, x, y):
    z1 = x @ W1 + b1
    a1 = np.tanh(z1)
    p = a1 @ W2
    p_bar = 2 * (p - y) / y.size
    W2_bar = a1.T @ p_bar
    a1_bar = p_bar @ W2.T
    z1_bar = a1_bar * (1 - a1**2)
    return {"W1": x.T @ z1_bar, "b1": z1_bar.sum(axis=0), "W2": W2_bar}


def forgotten_tanh(W1, b1, W2, x, y):
    z1 = x @ W1 + b1
    a1 = np.tanh(z1)
    p = a1 @ W2
    p_bar = 2 * (p - y) / y.size
    W2_bar = a1.T @ p_bar
    a1_bar = p_bar @ W2.T
    z1_bar = a1_bar * 1
    return {"W1": x.T @ z1_bar, "b1": z1_bar.sum(axis=0), "W2": W2_bar}


def example():
    place = np.linspace
    return {
        "W1": place(-1, 1.3, 12).reshape(3, 4) ** 3, "b1": place(0.1, 0.4, 4),
        "W2": np.cos(place(0, 3, 8)).reshape(4, 2), "x": np.sin(place(0, 9, 15)).reshape(5, 3),
        "y": place(-1, 2, 10).reshape(5, 2),
    }  # fmt: skip


arrays = example()
arguments = tuple(arrays.values())

show("gradients", *cr.grad(loss, argnums=(0, 1, 2))(*arguments))
show("second derivatives", cr.hessian(loss, argnums=1)(*arguments))
show("forward derivative", float(cr.jvp(np.tanh, (0.3,), (1.0,))[1]))
cr.check_grads(loss, arguments)
show("source", cr.source(loss, *arguments, argnums=(0, 1, 2)))
show("explanation", cr.explain(loss, *arguments))
graph = cr.trace(loss, *arguments)
show("table", graph.table())
show("picture", str(graph.svg())[:4], str(graph.svg()).count("<path"))
show("pages", "</html>" in graph.step_page(), "<details" in cr.explain(loss, *arguments).html())

compiled = cr.value_and_grad(loss, compile=True)
W1 = arrays["W1"]
for _ in range(50):
    value, slope = compiled(W1, *arguments[1:])
    W1 = W1 - 0.1 * slope
show("compiled", float(value))

show("check: right", cr.check(loss, gradient, example))
show("check: wrong", cr.check(loss, forgotten_tanh, example))
try:
    cr.assert_gradient(loss, forgotten_tanh, example)
except AssertionError as error:
    show("assertion", str(error).splitlines()[0])
# Python's own functions, such as those of Path, are watched by nobody.
show("watched", *sorted({each.__name__ for each in users_functions(gradient)}))

rng = np.random.default_rng(0)
layers = [layer for _ in range(6) for layer in (nn.Linear(10, 10), nn.sigmoid)]
model = nn.Sequential(*layers, nn.Linear(10, 3))
batches = [(rng.normal(size=(64, 10)), rng.integers(0, 3, 64)) for _ in range(3)]
show("flow", cr.flow(model, model.init(0), batches, loss=nn.cross_entropy).verdict)

small = nn.Sequential(nn.Linear(10, 8), nn.tanh, nn.Linear(8, 3))
fitted = training.fit(
    small, None, batches[0], loss=nn.cross_entropy, optimizer=optim.adam(0.01), epochs=3,
    batch_size=16, seed=0,
)  # fmt: skip
show("training", fitted.steps, np.array(fitted.history["train_loss"]))

if sys.platform == "emscripten":
    from chainrule import grading

    exercise = grading.load(grading.names()[0])
    Path("submission.py").write_text(exercise.reference_path.read_text("utf-8"), "utf-8")
    try:
        grading.grade(exercise, "submission.py")
    except grading.GradingError as error:
        print("grading:", error, file=sys.stderr)
