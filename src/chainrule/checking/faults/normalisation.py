"""Mistakes at standardisations: paths through mean and variance, n against n - 1 (G903 to G905)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.checking.faults.rules import scaled
from chainrule.checking.hypothesis import Hypothesis, always
from chainrule.checking.regions import Normalisation, Standardisation
from chainrule.checking.replay import Alterations, NodeRule, dropped
from chainrule.checking.roles import Roles

#: A word for it, its codes, what is said of it, and what it alters.
_Variant = tuple[str, tuple[str, ...], str, Alterations]


def normalisation_faults(roles: Roles) -> list[Hypothesis]:
    """Mistakes at every standardisation, and in every pass of a loop that holds one."""
    groups: dict[tuple[Any, ...], list[tuple[int, list[_Variant]]]] = {}
    for normal in roles.normalisations:
        place = ("values", *roles.trial.place(roles.nodes[normal.normal]))
        groups.setdefault(place, []).append((normal.normal, list(_of_values(roles, normal))))
    for steps in roles.standardisations:
        place = ("steps", *roles.trial.place(roles.nodes[steps.divided]))
        groups.setdefault(place, []).append((steps.divided, list(_of_steps(steps))))
    for squares in roles.root_mean_squares:
        place = ("squares", *roles.trial.place(roles.nodes[squares.divided]))
        groups.setdefault(place, []).append((squares.divided, [_of_squares(squares)]))
    found: list[Hypothesis] = []
    for place, members in groups.items():
        for at, variants in members:
            key, what = roles.trial.keys[at], roles.trial.describe(at)
            for word, codes, said, alterations in variants:
                found.append(
                    Hypothesis(
                        ("normalisation", word, *key),
                        codes,
                        1,
                        f"at {what} {said}.",
                        always(alterations),
                    )
                )
        if len(members) > 1:
            found += _in_every_pass(roles, place, members)
    return found


def _in_every_pass(
    roles: Roles, place: tuple[Any, ...], members: list[tuple[int, list[_Variant]]]
) -> Iterator[Hypothesis]:
    what = roles.trial.describe(members[-1][0])
    for word, codes, said, alterations in members[0][1]:
        for _, variants in members[1:]:
            twin = next((each[-1] for each in variants if each[0] == word), None)
            if twin is None:
                break
            alterations = alterations.then(twin)
        else:
            yield Hypothesis(
                ("normalisations", word, *place), codes, 1, f"at {what} {said}.",
                always(alterations),
            )  # fmt: skip


def _of_squares(found: Standardisation) -> _Variant:
    said = "the path through the mean square is missing"
    return "square", ("G904",), said, Alterations(edges=dict.fromkeys(found.to_variance, dropped))


def _of_steps(found: Standardisation) -> Iterator[_Variant]:
    """What may go wrong where the steps of a standardisation stand one by one."""
    n = found.count
    mean, variance = dict.fromkeys(found.to_mean), dict.fromkeys(found.to_variance)
    yield (
        "mean",
        ("G903",),
        "the path through the mean is missing",
        Alterations(edges=dict.fromkeys(mean, dropped)),
    )
    yield (
        "variance",
        ("G904",),
        "the path through the variance is missing",
        Alterations(edges=dict.fromkeys(variance, dropped)),
    )
    yield (
        "both",
        ("G903", "G904"),
        "mean and variance are treated as constants",
        Alterations(edges=dict.fromkeys([*mean, *variance], dropped)),
    )
    said = "n and n - 1 are mixed in its backward pass"
    factor = n / (n - 1) if found.biased else (n - 1) / n
    yield (
        "variance by the other count",
        ("G905",),
        said,
        Alterations(edges=dict.fromkeys(variance, scaled(factor))),
    )
    yield (
        "mean by n-1",
        ("G905",),
        said,
        Alterations(edges=dict.fromkeys(mean, scaled(n / (n - 1)))),
    )


def _of_values(roles: Roles, found: Normalisation) -> Iterator[_Variant]:
    """What may go wrong where a value is recognised as another one standardised."""
    normal = np.asarray(roles.values[found.normal], dtype=float)
    x = np.asarray(roles.values[found.x], dtype=float)
    axis, inverse = found.axis, found.inverse
    n = normal.size // inverse.size

    def backward(
        mean: float, variance: float, scale: Any = inverse, unit: Any = normal
    ) -> NodeRule:
        def rule(g: Any) -> Any:
            of_mean = mean * np.mean(g, axis=axis, keepdims=True)
            of_variance = variance * unit * np.mean(g * unit, axis=axis, keepdims=True)
            return scale * (g - of_mean - of_variance)

        return rule

    own = 1.0 if _is_biased(x, inverse, axis) else n / (n - 1)
    variants: list[tuple[str, tuple[str, ...], str, NodeRule]] = [
        ("mean", ("G903",), "the path through the mean is missing", backward(0.0, own)),
        ("variance", ("G904",), "the path through the variance is missing", backward(1.0, 0.0)),
        ("both", ("G903", "G904"), "mean and variance are treated as constants",
         backward(0.0, 0.0)),
    ]  # fmt: skip
    for word, mean, variance in (
        ("variance by n-1", 1.0, n / (n - 1)),
        ("variance by n", 1.0, 1.0),
        ("variance by (n-1)/n", 1.0, (n - 1) / n),
        ("both by n-1", n / (n - 1), n / (n - 1)),
        ("mean by n-1", n / (n - 1), own),
    ):
        if not (mean == 1.0 and abs(variance - own) < 1e-12):
            said = "n and n - 1 are mixed in its backward pass"
            variants.append((word, ("G905",), said, backward(mean, variance)))
    scale = _other_inverse(x, inverse, axis)
    if scale is not None:
        unit = (x - x.mean(axis=axis, keepdims=True)) * scale
        said = "its backward pass divides by the other standard deviation, n against n - 1"
        for number, rule in enumerate(
            (
                backward(1.0, 1.0, scale, unit),
                backward(1.0, n / (n - 1), scale, unit),
                backward(1.0, 1.0, scale),
                backward(1.0, own, scale),
            )
        ):
            variants.append((f"deviation {number}", ("G905",), said, rule))
    for word, codes, said, rule in variants:
        yield word, codes, said, Alterations(bypasses={found.normal: (found.x, rule)})


def _is_biased(x: Any, inverse: Any, axis: tuple[int, ...]) -> bool:
    """Whether 1/inverse² exceeds the variance divided by n by one constant, the ε."""
    return _epsilon(x, inverse, axis, 0) is not None


def _epsilon(x: Any, inverse: Any, axis: tuple[int, ...], ddof: int) -> float | None:
    gap = np.ravel(1 / inverse**2 - x.var(axis=axis, ddof=ddof, keepdims=True))
    same = np.allclose(gap, gap[0], rtol=1e-6, atol=1e-12)
    return float(gap[0]) if same and gap[0] > -1e-12 else None


def _other_inverse(x: Any, inverse: Any, axis: tuple[int, ...]) -> Any:
    """1/√(variance + ε) with the other of the two counts."""
    for ddof in (0, 1):
        epsilon = _epsilon(x, inverse, axis, ddof)
        if epsilon is not None:
            variance = x.var(axis=axis, ddof=1 - ddof, keepdims=True)
            return 1 / np.sqrt(variance + max(epsilon, 0.0))
    return None
