"""Random programs of every registered primitive, judged by differences and by one another.

A program calls primitives as their declared test calls do, with operands moved by values computed
earlier; between the calls it slices, assigns, joins, branches, loops, changes precision and
differentiates. Run as a script for a long campaign:

    python -m tests.programs.composed_programs --seconds 600 --first 1000
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from tests.programs.same_graph import assert_same_bits

import chainrule as cr
import chainrule.engine.rules.special  # registers SciPy's functions
from chainrule.engine.custom import STOP_GRADIENT
from chainrule.engine.primitive import PRIMITIVES, Draw, Primitive, call
from chainrule.engine.tracing import apply
from chainrule.engine.trees import flatten

INTERNAL = {"placeholder", "constant", "select_output"}
LARGEST = 60  # elements of a value; larger ones would only make the campaign slow
Values = list[Any]
Step = Callable[[Values], Any]


class Skipped(Exception):
    """A drawn program that says nothing: not finite, or at a kink."""


class Program(NamedTuple):
    """Steps that each add a value, and weights of the final sum."""

    steps: tuple[Step, ...]
    words: tuple[str, ...]
    inputs: tuple[Any, ...]
    single: bool

    def __call__(self, *inputs: Any) -> Any:
        values: Values = list(inputs)
        for step in self.steps:
            found = [x for x in flatten(step(values))[0] if _floating(x) and np.size(x) <= LARGEST]
            values += found or [np.sum(values[-1]) * 0.5]
        total = 0.0
        for number, value in enumerate(values):
            weights = np.cos(np.arange(1.0, np.size(value) + 1) + number)
            total = total + np.sum(np.tanh(0.3 * np.reshape(value, -1)) * weights)
        return total


def _floating(value: Any) -> bool:
    return np.result_type(value).kind == "f"


def _calls() -> dict[str, list[Callable[[Draw], Any]]]:
    """Each primitive's declared calls; those of an elementwise one by its number of operands."""
    found = {}
    for name, primitive in sorted(PRIMITIVES.items()):
        if name in INTERNAL or primitive is STOP_GRADIENT:
            continue
        if primitive.cases:
            found[name] = list(primitive.cases)
        elif len(primitive.rules) == 1:
            shapes: list[tuple[int, ...]] = [(), (3,), (2, 3)]
            found[name] = [lambda draw, s=s: call(draw(*s)) for s in shapes]
        else:
            pairs = [((), ()), ((3,), (3,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((2, 3), ())]
            found[name] = [lambda draw, p=p: call(draw(*p[0]), draw(*p[1])) for p in pairs]
    return found


CALLS = _calls()


def _moved(base: Any, value: Any, whole: bool) -> Any:
    """A declared operand, moved by a few percent: element by element, or as a whole."""
    # What keeps an operand in its domain (symmetric, definite, sorted) survives a factor.
    if whole or np.size(value) == 0:
        return base * (1 + 0.05 * np.tanh(np.sum(value)))
    if np.ndim(base) == 0:
        return base * (1 + 0.05 * np.tanh(np.reshape(value, -1)[0]))
    picked = np.reshape(value, -1)[np.arange(np.size(base)) % np.size(value)]
    return base * (1 + 0.05 * np.tanh(np.reshape(picked, np.shape(base))))


def _primitive_step(name: str, number: int, rng: np.random.Generator) -> Step:
    primitive: Primitive = PRIMITIVES[name]
    drawn = CALLS[name][number](Draw(rng, *primitive.domain))
    leaves, structure = flatten((drawn.args, drawn.kwargs))
    places = [i for i, x in enumerate(leaves) if isinstance(x, (np.ndarray, np.floating))]
    sources = {i: int(rng.integers(100)) for i in places if leaves[i].dtype.kind == "f"}
    linear_algebra = "linalg" in type(primitive).__module__ or "linalg" in str(primitive.source)
    wholes = {i: linear_algebra or bool(rng.integers(2)) for i in sources}

    def step(values: Values) -> Any:
        full = list(leaves)
        for i, source in sources.items():
            full[i] = _moved(leaves[i], values[-1 - source % min(len(values), 4)], wholes[i])
        args, kwargs = structure.unflatten(full)
        return apply(primitive, *args, **kwargs)

    return step


def _branch(values: Values) -> Any:
    x = values[-1]
    return x * 2.0 if np.sum(x) > 0.1 else np.sin(x) - 1.0


def _loop(values: Values) -> Any:
    x = values[-1]
    count = 0
    while np.sum(np.abs(x)) > 1.0 and count < 3:
        x = x * 0.5 + 0.01
        count += 1
    return x


def _assign(values: Values) -> Any:
    # Traced whatever it was: NumPy cannot put a traced number into an array of its own.
    x = np.reshape(values[-1], np.shape(values[-1]) or (1,)) + 0.0 * np.sum(values[0])
    if len(x):
        x[0] = np.sum(values[0]) * 0.3
        x[-1:] *= 1.5
        x[::2] += values[-1] if np.ndim(values[-1]) == 0 else 0.25
    return x


def _views(values: Values) -> Any:
    x = np.reshape(values[-1], -1)
    return x[::-1] * 0.5 + x if np.size(x) else np.sum(x)


def _join(values: Values) -> Any:
    return np.concatenate([np.reshape(v, -1)[:4] for v in values[-3:]])


def _where(values: Values) -> Any:
    x = values[-1]
    return np.where(x > 0.2, np.sin(x), x * values[0] if np.ndim(values[0]) == 0 else 0.1 * x)


def _einsum(values: Values) -> Any:
    a = np.reshape(np.concatenate([np.reshape(values[-1], -1), np.ones(4)])[:4], (2, 2))
    return np.einsum("ij,kj,k->i", a, np.tanh(a), np.array([0.3, -0.6]))


def _contract(values: Values) -> Any:
    a = np.outer(np.reshape(values[-1], -1)[:3], np.reshape(values[0], -1)[:3])
    return np.mean(a, axis=0, keepdims=True) @ np.tanh(a.T)


def _single(values: Values) -> Any:
    return np.tanh(np.astype(np.reshape(values[-1], -1), np.float32)) * np.float32(0.5)


def _double(values: Values) -> Any:
    return values[-1] * np.ones(1)


def _inner(values: Values) -> Any:
    return cr.grad(lambda y: np.sum(np.sin(y) * y) * np.sum(values[0]))(values[-1])


def _stopped(values: Values) -> Any:
    # The difference quotient sees through a stop, so only a constant is stopped.
    return values[-1] * cr.stop_gradient(np.float64(0.7))


def _kept(values: Values) -> Any:
    return cr.checkpoint(lambda y: np.tanh(y) * y)(values[-1])


STATEMENTS: dict[str, Step] = {
    "branch": _branch, "loop": _loop, "assign": _assign, "views": _views, "join": _join,
    "where": _where, "einsum": _einsum, "contract": _contract, "double": _double,
    "inner": _inner, "stopped": _stopped, "kept": _kept,
}  # fmt: skip
SINGLE: dict[str, Step] = {"single": _single}


def draw_program(seed: int) -> Program:
    """The program of a seed: which primitives come up is even, so that none is left out."""
    rng = np.random.default_rng(seed)
    names = sorted(CALLS)
    single = seed % 5 == 4
    statements = {**STATEMENTS, **(SINGLE if single else {})}
    steps: list[Step] = []
    words = []
    for place in range(int(rng.integers(3, 7))):
        if place % 2 == 0:
            # A walk through all of them in turn, the other draws at random.
            name = names[(seed * 2 + place // 2) % len(names)]
            number = int(rng.integers(len(CALLS[name])))
            steps.append(_primitive_step(name, number, rng))
            words.append(f"{name}-{number}")
        elif rng.integers(2):
            word = str(rng.choice(sorted(statements)))
            steps.append(statements[word])
            words.append(word)
        else:
            name = names[int(rng.integers(len(names)))]
            number = int(rng.integers(len(CALLS[name])))
            steps.append(_primitive_step(name, number, rng))
            words.append(f"{name}-{number}")
    shapes: list[tuple[int, ...]] = [(), (3,), (2, 3), (1, 3), (2, 1)]
    inputs = tuple(
        np.array(rng.normal(size=shapes[int(rng.integers(len(shapes)))]))[()]
        for _ in range(int(rng.integers(1, 4)))
    )
    return Program(tuple(steps), tuple(words), inputs, single)


def judge(seed: int) -> str:
    """Judge a program in every way there is; "judged", or why nothing can be said.

    Raises
    ------
    AssertionError
        Two ways disagree.
    """
    program = draw_program(seed)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", cr.UnusedInputWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            _judge(program, np.random.default_rng([seed, 1]))
        except Skipped as reason:
            return str(reason)
    return "judged"


def _judge(program: Program, rng: np.random.Generator) -> None:
    inputs = program.inputs
    plain = program(*inputs)
    if not np.isfinite(plain):
        raise Skipped("not finite")
    everything = tuple(range(len(inputs)))
    graph = cr.trace(program, *inputs)
    assert_same_bits(graph.value, plain)
    graph.lint()
    both = cr.value_and_grad(program, argnums=everything)
    value, gradient = both(*inputs)
    assert_same_bits(value, plain)
    backward = graph.backward()
    interpreted = backward.evaluate(*inputs)
    assert_same_bits(flatten(interpreted)[0], flatten((value, gradient))[0])
    compiled = cr.value_and_grad(program, argnums=everything, compile=True)
    for _ in range(2):
        assert_same_bits(compiled(*inputs), (value, gradient))
    written = cr.source(program, *inputs)
    assert_same_bits(flatten(written.function(*inputs))[0], flatten(interpreted)[0])
    others = tuple(np.asarray(x + rng.normal(size=np.shape(x)))[()] for x in inputs)
    for elsewhere in (others, inputs, tuple(-x for x in others)):
        assert_same_bits(compiled(*elsewhere), both(*elsewhere))
        try:
            replayed = graph.evaluate(*elsewhere)
        except cr.GuardMiss:
            continue
        assert_same_bits(replayed, program(*elsewhere))
    _differences(program, both, gradient, rng)


def _differences(program: Program, both: Any, gradient: Any, rng: np.random.Generator) -> None:
    """First and second order along a random direction."""
    inputs = program.inputs
    direction = [rng.normal(size=np.shape(x)) for x in inputs]
    other = [rng.normal(size=np.shape(x)) for x in inputs]

    def at(t: float) -> tuple[Any, ...]:
        return tuple(np.asarray(x + t * v)[()] for x, v in zip(inputs, direction, strict=True))

    step, tolerance = (1e-2, 3e-2) if program.single else (2e-4, 2e-6)
    first = _derivative(lambda t: float(program(*at(t))), step, tolerance)
    found = _along(gradient, direction)
    scale = 1.0 + sum(float(np.sum(np.abs(g))) for g in gradient)
    assert abs(found - first) <= tolerance * scale, f"first order {found} against {first}"
    if program.single:
        return

    def slope(*x: Any) -> Any:
        return _along(both(*x)[1], other)

    second = _derivative(lambda t: float(slope(*at(t))), step, tolerance)
    hessian = cr.grad(slope, argnums=tuple(range(len(inputs))))(*inputs)
    found = _along(hessian, direction)
    scale += sum(float(np.sum(np.abs(g))) for g in hessian)
    assert abs(found - second) <= 1e-5 * scale, f"second order {found} against {second}"


def _along(trees: Any, direction: Any) -> Any:
    return sum(np.sum(g * v) for g, v in zip(trees, direction, strict=True))


def _derivative(f: Callable[[float], float], step: float, tolerance: float) -> float:
    """The derivative at 0 by differences extrapolated; skipped where two steps disagree."""
    far, near = ((f(t) - f(-t)) / (2 * t) for t in (step, step / 2))
    # One-sided slopes that differ: a kink, where the written policy answers, not differences.
    middle = f(0.0)
    bend = (f(step / 2) + f(-step / 2) - 2 * middle) / (step / 2)
    if not all(map(np.isfinite, (far, near, bend))):
        raise Skipped("not finite nearby")
    if abs(far - near) > 100 * tolerance * (1 + abs(near)) or abs(bend) > 0.05 * (1 + abs(near)):
        raise Skipped("kink or steep")
    return (4 * near - far) / 3


def seeds(first: int, seconds: float) -> Iterator[int]:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield first
        first += 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    outcomes: Counter[str] = Counter()
    failed = []
    for seed in seeds(options.first, options.seconds):
        try:
            outcomes[judge(seed)] += 1
        except Exception:
            words = " ".join(draw_program(seed).words)
            failed.append(seed)
            print(f"seed {seed}: {words}", file=sys.stderr)
            traceback.print_exc(limit=-2)
    print(f"{sum(outcomes.values()) + len(failed)} programs: {dict(outcomes)}, failed: {failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
