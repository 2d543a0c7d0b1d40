"""Parity: labels, the exact network, and the hinge loss."""

from __future__ import annotations

import itertools

import numpy as np

from chainrule.grading.exercise import Exercise, Inputs, Part, Values


def cube(d: int) -> np.ndarray:
    """All rows of zeros and ones."""
    return np.array(list(itertools.product((0.0, 1.0), repeat=d)))


def masks(rng: np.random.Generator) -> list[Inputs]:
    """Masks of even and odd lengths: all ones, where the most bumps are needed, and others."""
    some = [rng.integers(0, 2, size=d).astype(float) for d in (4, 7)]
    return [{"v": v} for v in (np.ones(1), np.ones(2), np.ones(5), np.ones(6), *some)]


def labelled(rng: np.random.Generator) -> list[Inputs]:
    """Masks and rows."""
    return [
        {"v": rng.integers(0, 2, size=d).astype(float), "X": cube(d)[rng.permutation(2**d)[:9]]}
        for d in (4, 6)
    ] + [{"v": np.ones(3), "X": cube(3)}]


def networks(rng: np.random.Generator) -> list[Inputs]:
    """Any parameters."""
    return [
        {
            "W": rng.normal(size=(k, d)), "b": rng.normal(size=k), "alpha": rng.normal(size=k),
            "beta": float(rng.normal()), "X": rng.normal(size=(n, d)),
        }
        for k, d, n in ((7, 3, 5), (4, 5, 6))
    ]  # fmt: skip


def outputs(rng: np.random.Generator) -> list[Inputs]:
    """Outputs on both sides of the hinge, and exactly on it."""
    cases = []
    for n in (6, 9):
        labels = np.sign(rng.normal(size=n))
        values = 2 * rng.normal(size=n)
        values[0] = labels[0]
        cases.append({"outputs": values, "labels": labels})
    return cases


def on_the_cube(inputs: Inputs, values: Values) -> Values:
    """What the network with the returned parameters gives for every x, in exact arithmetic."""
    v = inputs["v"]
    d = len(v)
    found = values["parity_parameters"]
    if not isinstance(found, tuple | list) or len(found) != 4:
        raise ValueError("parity_parameters must return four things: (W, b, alpha, beta).")
    W, b, alpha, beta = (np.asarray(each, dtype=float) for each in found)
    if W.shape != (10 * d, d) or b.shape != (10 * d,) or alpha.shape != (10 * d,):
        raise ValueError(
            f"For d = {d} the shapes must be W {(10 * d, d)}, b and alpha {(10 * d,)}; they are "
            f"{W.shape}, {b.shape} and {alpha.shape}."
        )
    X = cube(d)
    made = np.maximum(X @ W.T + b, 0) @ alpha + float(beta.reshape(()))
    wrong = int(np.sum(np.abs(made - (1.0 - 2.0 * ((X @ v) % 2))) > 1e-9))
    if wrong:
        raise ValueError(
            f"For a v with {int(v.sum())} ones of d = {d} the network is wrong for {wrong} of "
            f"{len(X)} x."
        )
    return {"the network equals parity": True}


EXERCISE = Exercise(
    name="parity",
    title="Parity: an exact network, and a loss",
    document="001",
    question="§3 a-b",
    summary="Label the corners of the cube by parity, set the weights of a ReLU network so that it "
    "is exact for every x, and write the hinge loss with its derivative.",
    parts=(
        Part("a-1", "labels", 1, ("parity_labels",), labelled),
        Part("a-2", "the network", 2, ("network",), networks),
        Part("a-3", "parameters of an exact network", 4, ("parity_parameters",), masks,
             measure=on_the_cube),
        Part("b", "the hinge loss and its derivative", 3, ("hinge_loss", "hinge_gradient"), outputs,
             hint="Where f(x) y is exactly 1 the derivative is 0."),
    ),
)  # fmt: skip
