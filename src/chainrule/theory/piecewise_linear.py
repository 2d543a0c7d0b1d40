"""Continuous piecewise-linear functions as networks of k ReLUs, exactly, or a reasoned refusal.

NYU Deep Learning, fall 2023, Problem 3 (a). A network y = b_O + Σ_j a_j max(0, w_j x + b_j) of one
variable has at most one kink per unit. A function with the kinks t_1 < … < t_m, the slopes
S_0, …, S_m and the changes c_j = S_j − S_(j−1) ≠ 0 is one of k units on the whole line exactly if

- k ≥ m + 1, for m ≥ 1 (k ≥ 2 for a sloped line, k ≥ 0 for a constant), or
- k = m and some set J of kinks has S_0 + Σ_{j∈J} c_j = 0: the units of J face left.

All arithmetic is rational.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, pairwise
from typing import Any

from chainrule.theory.inputs import exact_number, whole_number
from chainrule.theory.relu_curves import ReluCurve

__all__ = ["ExactReluNetwork", "NotRepresentable", "relu_network_from_knots", "units_needed"]


class NotRepresentable(ValueError):
    """No network of so many units is the function, or none was found.

    Attributes
    ----------
    kinks : int
        Kinks that the function has, or that data need at least.
    n_hidden : int
    proved : bool
        Whether it is certain that there is none.
    certificate : dict
        What shows it: for data, "runs", the lengths of the runs of equal curvature; for a function,
        "sums", the values S_0 + Σ_J c_j over all sets J of kinks, none of them 0.
    """

    def __init__(
        self, message: str, kinks: int, n_hidden: int, proved: bool, certificate: dict[str, Any]
    ) -> None:
        super().__init__(message)
        self.kinks = kinks
        self.n_hidden = n_hidden
        self.proved = proved
        self.certificate = certificate


@dataclass(frozen=True)
class ExactReluNetwork:
    """y = b_O + Σ_j W_O,j max(0, W_H,j x + b_H,j) with rational parameters.

    Attributes
    ----------
    W_H, b_H, W_O : tuple of Fraction
    b_O : Fraction
    """

    W_H: tuple[Fraction, ...]
    b_H: tuple[Fraction, ...]
    W_O: tuple[Fraction, ...]
    b_O: Fraction

    def __call__(self, x: Any) -> Fraction:
        """The exact value at a number, taken as `exact_number` takes it."""
        x = exact_number(x, "x")
        units = zip(self.W_O, self.W_H, self.b_H, strict=True)
        return self.b_O + sum((a * max(Fraction(0), w * x + b) for a, w, b in units), Fraction(0))

    @property
    def units(self) -> int:
        """Units that contribute: those with W_O ≠ 0."""
        return sum(a != 0 for a in self.W_O)

    def curve(self) -> ReluCurve:
        """The same network in floating point."""
        W_H, b_H, W_O = (
            [float(value) for value in part] for part in (self.W_H, self.b_H, self.W_O)
        )
        return ReluCurve.of(W_H, b_H, W_O, float(self.b_O))

    def mirrored(self) -> ExactReluNetwork:
        """The network of x ↦ y(−x)."""
        return ExactReluNetwork(tuple(-w for w in self.W_H), self.b_H, self.W_O, self.b_O)


def units_needed(slopes: Sequence[Any]) -> int:
    """The least number of ReLUs that make a function of these slopes on the whole line.

    Parameters
    ----------
    slopes : sequence of numbers
        S_0, …, S_m; equal neighbours make no kink.

    Returns
    -------
    int

    Raises
    ------
    ValueError, TypeError
        A slope is not a finite real number.
    """
    exact = _distinct([exact_number(slope, "slopes") for slope in slopes])
    kinks = len(exact) - 1
    if kinks == 0:
        return 2 if exact[0] else 0
    return kinks if left_facing(exact) is not None else kinks + 1


def relu_network_from_knots(
    knots: Sequence[Any], slopes: Sequence[Any], value: tuple[Any, Any], n_hidden: int = 4
) -> ExactReluNetwork:
    """The network that is a given continuous piecewise-linear function on the whole line.

    With k = m units, one per kink: (W, b) = (1, −t_j), or (−1, t_j) for the kinks of J, and output
    weight c_j. With k = m + 1, the first kink is shared by a unit that faces right, with c_1 + S_0,
    and one that faces left, with −S_0. Spare units are 0.

    Parameters
    ----------
    knots : sequence of numbers
        t_1 < … < t_m, as in `exact_number`; may be empty.
    slopes : sequence of numbers
        S_0, …, S_m, one more than knots. Equal neighbours are allowed and make no kink.
    value : (x, y)
        One point of the graph.
    n_hidden : int
        Number of units.

    Returns
    -------
    ExactReluNetwork

    Raises
    ------
    NotRepresentable
        There is no such network of `n_hidden` units; its certificate says why.
    ValueError, TypeError
        Knots that do not increase, a wrong number of slopes, or numbers that are not finite.

    Examples
    --------
    >>> tent = relu_network_from_knots([-1, 1], [0, 1, -1], (0, 1), n_hidden=2)
    >>> [float(tent(x)) for x in (-2, 0, 1, 3)]
    [0.0, 1.0, 2.0, 0.0]
    """
    n_hidden = whole_number(n_hidden, "n_hidden", 0)
    t = [exact_number(knot, "knots") for knot in knots]
    S = [exact_number(slope, "slopes") for slope in slopes]
    if len(S) != len(t) + 1:
        raise ValueError(
            f"There are {len(t)} knots and {len(S)} slopes; expected one slope more than knots."
        )
    if any(b <= a for a, b in pairwise(t)):
        raise ValueError("knots must increase strictly; sort them and leave out repetitions.")
    x0, y0 = (exact_number(number, "value") for number in value)
    kinks = [(at, a, b) for at, a, b in zip(t, S, S[1:], strict=False) if a != b]
    m = len(kinks)
    if m == 0:
        units = [(Fraction(1), -x0, S[0]), (Fraction(-1), x0, -S[0])] if S[0] else []
    else:
        changes = [after - before for _, before, after in kinks]
        facing = left_facing(_distinct(S)) if n_hidden == m else None
        if facing is not None:
            units = [
                (Fraction(-1), at, c) if j in facing else (Fraction(1), -at, c)
                for j, ((at, _, _), c) in enumerate(zip(kinks, changes, strict=True))
            ]
        else:
            at = kinks[0][0]
            units = [(Fraction(1), -at, changes[0] + S[0]), (Fraction(-1), at, -S[0])]
            units += [
                (Fraction(1), -k, c) for (k, _, _), c in zip(kinks[1:], changes[1:], strict=True)
            ]
            units = [unit for unit in units if unit[2]]
    if len(units) > n_hidden:
        raise _refusal(m, n_hidden, _distinct(S))
    units += [(Fraction(0), Fraction(0), Fraction(0))] * (n_hidden - len(units))
    raised = ExactReluNetwork(
        tuple(w for w, _, _ in units),
        tuple(b for _, b, _ in units),
        tuple(a for _, _, a in units),
        Fraction(0),
    )
    return ExactReluNetwork(raised.W_H, raised.b_H, raised.W_O, y0 - raised(x0))


def left_facing(slopes: Sequence[Fraction]) -> set[int] | None:
    """A smallest set J of kinks with S_0 + Σ_J c_j = 0, or None if there is none."""
    changes = [b - a for a, b in pairwise(slopes)]
    for size in range(len(changes) + 1):
        for chosen in combinations(range(len(changes)), size):
            if slopes[0] + sum((changes[j] for j in chosen), Fraction(0)) == 0:
                return set(chosen)
    return None


def _refusal(m: int, n_hidden: int, slopes: list[Fraction]) -> NotRepresentable:
    if m == 0:
        return NotRepresentable(
            f"A sloped line takes 2 units on the whole line, and n_hidden is {n_hidden}.",
            0, n_hidden, True, {},
        )  # fmt: skip
    if n_hidden < m:
        return NotRepresentable(
            f"The function has {m} kinks, and n_hidden is {n_hidden}: each unit makes at most one "
            "kink.",
            m, n_hidden, True, {},
        )  # fmt: skip
    changes = [b - a for a, b in pairwise(slopes)]
    sums = [
        slopes[0] + sum((changes[j] for j in chosen), Fraction(0))
        for size in range(m + 1)
        for chosen in combinations(range(m), size)
    ]
    return NotRepresentable(
        f"The function has {m} kinks and n_hidden is {n_hidden}, but no way for the units to face "
        f"gives its first slope: of the {len(sums)} sums S_0 + Σ_J c_j none is 0 (the nearest is "
        f"{min(sums, key=abs)}). One more unit is enough.",
        m, n_hidden, True, {"sums": sums},
    )  # fmt: skip


def _distinct(slopes: Sequence[Fraction]) -> list[Fraction]:
    """The slopes without those equal to their predecessor."""
    return [S for i, S in enumerate(slopes) if i == 0 or slopes[i - 1] != S]
