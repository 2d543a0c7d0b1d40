"""Ten networks that differ from the two-layer network in one line, and a check of their gradients.

Nobody derives anything for them: the engine's gradient is held against the complex step and
central differences (CMU 10-605, Homework 5, §1.1 (e)).
"""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.experiments.differences import central_differences, complex_step

__all__ = ["BASE", "CHANGES", "changed_line", "changed_source", "check", "shapes"]

#: The network of the exercise, for one sample; P holds the parameters by name.
BASE = """\
def loss(P, x, y):
    q = P["W1"] @ x + P["b1"]
    h = np.maximum(q, 0)
    p = P["W2"] @ h + P["b2"]
    L = np.sum((p - y) ** 2)
    return L
"""

#: What each network changes: the line that is replaced begins with the same "name =".
CHANGES = {
    "the network of the exercise": "",
    "tanh": "h = np.tanh(q)",
    "sigmoid": "h = 1 / (1 + np.exp(-q))",
    "softplus": "h = np.log1p(np.exp(q))",
    "leaky ReLU": "h = np.where(q > 0, q, 0.1 * q)",
    "one more layer": 'h = np.tanh(P["W3"] @ np.maximum(q, 0) + P["b3"])',
    "skip connection": 'p = P["W2"] @ h + P["b2"] + P["W4"] @ x',
    "normalised hidden layer": "h = (q - np.mean(q)) / np.sqrt(np.mean(q**2) + 0.01)",
    "cross-entropy": "L = np.log(np.sum(np.exp(p))) * np.sum(y) - np.sum(y * p)",
    "pseudo-Huber loss": "L = np.sum(np.sqrt(1 + (p - y) ** 2) - 1)",
}


def changed_source(change: str) -> str:
    """The network's source with one line replaced."""
    if not change:
        return BASE
    target = change.split("=")[0].strip()
    lines = BASE.splitlines(keepends=True)
    places = [i for i, line in enumerate(lines) if line.strip().startswith(f"{target} = ")]
    if len(places) != 1:
        raise ValueError(f"the network has no line {target} = …, which {change!r} would replace.")
    lines[places[0]] = f"    {change}\n"
    return "".join(lines)


def shapes(D: int, H1: int, H2: int) -> dict[str, tuple[int, ...]]:
    """Shapes of all the parameters that the networks use."""
    return {
        "W1": (H1, D),
        "b1": (H1,),
        "W2": (H2, H1),
        "b2": (H2,),
        "W3": (H1, H1),
        "b3": (H1,),
        "W4": (H2, D),
    }


def check(change: str, rng: np.random.Generator, sizes: tuple[int, int, int]) -> dict[str, float]:
    """Compare the engine's gradient of one network with numerical ones at a random point.

    Drawn again while a pre-activation lies within 1e-3 of the kink at 0.

    Returns
    -------
    dict
        Number of ``parameters``; largest ``complex`` and ``central`` deviation, absolute where
        derivatives are below 1 and relative above.
    """
    import chainrule as cr

    source = changed_source(change)
    loss = _compiled(source, f"<two layers: {change or 'unchanged'}>")
    used = [name for name in shapes(*sizes) if f'P["{name}"]' in source]
    while True:
        P = {name: rng.normal(size=shapes(*sizes)[name]) for name in used}
        x, y = rng.normal(size=sizes[0]), rng.normal(size=sizes[2])
        if np.min(np.abs(P["W1"] @ x + P["b1"])) > 1e-3:
            break
    gradients = cr.grad(loss)(P, x, y)
    deviation = {"complex": 0.0, "central": 0.0}
    for name in used:

        def along(value: Any, name: str = name) -> Any:
            return loss({**P, name: value}, x, y)

        scale = max(1.0, float(np.max(np.abs(gradients[name]))))
        for kind, numerical in (("complex", complex_step), ("central", central_differences)):
            error = np.max(np.abs(gradients[name] - numerical(along, P[name]))) / scale
            deviation[kind] = max(deviation[kind], float(error))
    return {"parameters": float(sum(value.size for value in P.values())), **deviation}


def _compiled(source: str, filename: str) -> Callable[..., Any]:
    # tracebacks and the engine's messages quote the line from here
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    namespace: dict[str, Any] = {"np": np}
    exec(compile(source, filename, "exec"), namespace)
    function: Callable[..., Any] = namespace["loss"]
    return function


def changed_line(change: str) -> str:
    """The line a change replaces, for the table."""
    target = change.split("=")[0].strip()
    found = re.search(rf"^ *({target} = .*)$", BASE, re.MULTILINE) if change else None
    return found.group(1) if found else ""
