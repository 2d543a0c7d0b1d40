"""Which rule of an update was got wrong: the walk is repeated with one choice altered at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np

from chainrule.checking.updates.rules import Array, UpdateRule, Walk, formula

#: An altered rule is named only if it gives every number of the path to this, relative to the
#: largest.
EXACT = 1e-9
#: Mistakes that are right where another convention is asked for.
CONVENTIONS = frozenset({"U201", "U206", "U207", "U403", "U501"})

_MOMENTUM = ("momentum", "nesterov")
_SQUARES = ("adagrad", "rmsprop", "adam")
_ROOT = {"adagrad": "√G", "rmsprop": "√s", "adam": "√ŝ"}


@dataclass(frozen=True)
class Altered:
    """A rule with one thing changed.

    Attributes
    ----------
    code : str
        Of `chainrule.checking.mistakes`.
    words : str
        What is done instead, as a sentence.
    changes : callable
        ``changes(walk)``: fields of its rule by name.
    """

    code: str
    words: str
    changes: Callable[[Walk], Mapping[str, Any]]


def diagnose(claims: Sequence[Array], walks: Sequence[Walk]) -> list[tuple[Altered, ...]]:
    """What gives exactly the paths that were claimed.

    Parameters
    ----------
    claims : sequence of array
        The wrong paths, of the shapes of those of ``walks``.
    walks : sequence of Walk
        With rules that differ in constants only.

    Returns
    -------
    list of tuple of Altered
        Each alone explains every number; several if they cannot be told apart. A tuple of two is
        given only where no single one does. Empty where none does: a guess is no finding.
    """
    known = list(_altered(walks[0]))
    for count in (1, 2):
        found = [
            together
            for together in combinations(known, count)
            if _explains(together, claims, walks)
        ]
        if found:
            return _distinct(found)
    return []


def _distinct(found: list[tuple[Altered, ...]]) -> list[tuple[Altered, ...]]:
    """One explanation for each set of codes."""
    by_codes = {tuple(each.code for each in together): together for together in reversed(found)}
    return list(by_codes.values())[::-1]


def _explains(
    together: tuple[Altered, ...], claims: Sequence[Array], walks: Sequence[Walk]
) -> bool:
    for claimed, walk in zip(claims, walks, strict=True):
        changes: dict[str, Any] = {}
        for each in together:
            new = each.changes(walk)
            if changes.keys() & new.keys():
                return False
            changes.update(new)
        if not _same(claimed, walk.path(**changes), alone=len(together) == 1):
            return False
    return True


def _same(claimed: Array, path: Array, alone: bool) -> bool:
    finite = np.isfinite(path)
    if claimed.shape != path.shape or not np.array_equal(finite, np.isfinite(claimed)):
        return False
    if not finite.all():
        # One division by zero looks like another: it is named only if nothing else is wrong.
        if not alone:
            return False
        claimed, path = np.where(finite, claimed, 0.0), np.where(finite, path, 0.0)
    scale = float(np.max(np.abs(path), initial=0.0))
    return bool(np.max(np.abs(claimed - path), initial=0.0) <= EXACT * scale)


def first_wrong_step(claims: Sequence[Array], walks: Sequence[Walk], rtol: float) -> int | None:
    """The first step, from 1, after which the parameters are wrong in some walk; None if none is.

    0 means the start itself.
    """
    steps = []
    for claimed, walk in zip(claims, walks, strict=True):
        path = walk.path()
        limit = rtol * (float(np.max(np.abs(path), initial=0.0)) or 1.0)
        wrong = ~(np.abs(claimed - path) <= limit).all(axis=1)
        if wrong.any():
            steps.append(int(np.argmax(wrong)) + (0 if walk.with_start else 1))
    return min(steps, default=None)


def _altered(walk: Walk) -> Iterator[Altered]:
    """Every mistake that can be made in a rule."""
    rule = walk.rule
    yield from _of_the_step(walk)
    if rule.method in _MOMENTUM:
        yield from _of_momentum(rule)
    if rule.method in _SQUARES:
        yield from _of_squares(rule)
    if rule.method == "adam":
        yield from _of_adam(walk)
    if rule.weight_decay:
        yield from _of_weight_decay(rule)
    yield _fixed(
        "U601", "The gradient of every step is added to those of the steps before: it is not set "
        "to zero in between.", gradients_kept=True,
    )  # fmt: skip
    yield _fixed(
        "U602", "Every row is the last: one array was changed in place and kept again and again; "
        "keep w.copy().", one_array=True,
    )  # fmt: skip


def _fixed(code: str, words: str, **changes: Any) -> Altered:
    return Altered(code, words, lambda walk: changes)


def _of_the_step(walk: Walk) -> Iterator[Altered]:
    yield _fixed("U101", "The step goes uphill: its sign is wrong.", ascends=True)
    yield _fixed("U102", "The learning rate is missing from the step.", rates="never")
    yield _fixed("U102", "The learning rate is multiplied in twice.", rates="twice")
    if len(set(walk.rates)) > 1:
        yield _fixed(
            "U103", "Every step has the learning rate of the first one.", first_rate_only=True
        )
    for name, value in walk.defaults.items():
        if name == "learning_rate":
            said, changes = "learning rate", {"fixed_rate": value}
        else:
            said, changes = name, {name: value}
        yield _fixed(
            "U104", f"The {said} that is asked for has no effect: every step is taken with "
            f"{value:g}.", **changes,
        )  # fmt: skip
    if len(walk.groups) > 1:
        for name in walk.groups:
            yield Altered("U105", f"{name} is never updated.", partial(_still, name))
    elif walk.start.size > 1:
        yield _fixed("U105", "The last coordinate is never updated.", still=(-1, None))


def _still(name: str, walk: Walk) -> dict[str, Any]:
    """The coordinates of one parameter stay what they were."""
    names = list(walk.groups)
    start = sum(walk.groups[each] for each in names[: names.index(name)])
    return {"still": (start, start + walk.groups[name])}


def _of_momentum(rule: UpdateRule) -> Iterator[Altered]:
    other = not rule.rate_in_velocity
    moved = UpdateRule("momentum", rate_in_velocity=other)
    yield _fixed(
        "U201", f"The learning rate stands {'inside' if other else 'outside'} the velocity: "
        f"{formula(moved)}, which is the convention of "
        f"{'Keras and of Sutskever and others (2013)' if other else 'PyTorch and optax'}. It makes "
        "a difference as soon as η changes.", rate_in_velocity=other,
    )  # fmt: skip
    yield _fixed("U202", "The velocity is forgotten after every step: v is only this step's own.",
                 velocity_kept=False)  # fmt: skip
    yield _fixed("U203", "The gradient enters the velocity with the factor 1 - ρ, as in an "
                 "average.", dampened=True)  # fmt: skip
    yield _fixed("U204", "ρ v enters the velocity with the wrong sign.", rho_sign=-1.0)
    yield _fixed("U205", "The parameters move by the velocity of the step before: v is updated "
                 "after it is used.", velocity_used="old")  # fmt: skip
    yield _fixed("U205", "The parameters move first, by the velocity of the step before, and v is "
                 "updated after it, with the gradient at the new place.",
                 velocity_used="old first")  # fmt: skip
    if rule.method == "momentum":
        yield _fixed("U206", "The gradient is taken ahead of the parameters: this is Nesterov's "
                     "momentum.", method="nesterov")  # fmt: skip
        yield _fixed("U206", "The step looks ahead by ρ v once more: this is Nesterov's momentum "
                     "as PyTorch and Keras have it.", framework=True)  # fmt: skip
    elif rule.framework:
        yield _fixed("U206", "The step does not look ahead: this is momentum.", framework=False,
                     look="here")  # fmt: skip
        yield _fixed("U207", "The iterates are those of the textbook, whose gradient is taken at "
                     "the look-ahead point.", framework=False)  # fmt: skip
    else:
        yield _fixed("U206", "The gradient is taken at w itself: this is momentum, without the "
                     "look-ahead.", look="here")  # fmt: skip
        yield _fixed("U206", "The gradient is taken at w + v: ρ is missing.", look="whole")
        yield _fixed("U206", "The gradient is taken at w - ρ v, behind w.", look="behind")
        yield _fixed("U207", "The iterates are the look-ahead points, with the gradient taken at "
                     "them: the convention of PyTorch and Keras.", framework=True)  # fmt: skip


def _of_squares(rule: UpdateRule) -> Iterator[Altered]:
    root = _ROOT[rule.method]
    yield _fixed("U303", "The step is divided by the accumulator of the step before: it is updated "
                 "after it is used.", old_square=True)  # fmt: skip
    yield _fixed("U304", "The accumulator is overwritten in every step instead of carried on.",
                 square_kept=False)  # fmt: skip
    yield _fixed("U305", "One number is accumulated for the whole parameter, the sum of its "
                 "squared gradients, not one for each coordinate.", scope="sum")  # fmt: skip
    yield _fixed("U305", "One number is accumulated for the whole parameter, the mean of its "
                 "squared gradients, not one for each coordinate.", scope="mean")  # fmt: skip
    if rule.initial:
        yield _fixed("U306", f"The accumulator starts at 0, not at {rule.initial:g}.", initial=0.0)
    yield _fixed("U307", "The root of the accumulator is not taken.", rooted=False)
    yield _fixed("U307", "The gradient is accumulated without its square.", squared=False)
    places = {
        "inside": f"ε stands inside the root: {_place(root, 'inside')}, as "
        f"{'optax has it with eps_root' if rule.method == 'adam' else 'Keras and optax have it'}.",
        "outside": f"ε stands outside the root: {_place(root, 'outside')}, as in PyTorch and in "
        "most papers.",
        "hat": "ε is added to √s before its bias correction, as in Keras and at the end of section "
        "2 of the paper.",
    }
    if rule.method != "adam":
        del places["hat"]
    for place, words in places.items():
        if place != rule.epsilon_place:
            yield _fixed("U403", words, epsilon_place=place)
    yield _fixed("U403", f"ε is missing beside {root}.", epsilon=0.0)
    if rule.method != "adagrad":
        yield from _of_averages("square", "g²", "α" if rule.method == "rmsprop" else "β₂")


def _place(root: str, place: str) -> str:
    return f"√({root[1:]} + ε)" if place == "inside" else f"{root} + ε"


def _of_averages(which: str, new: str, beta: str) -> Iterator[Altered]:
    yield _fixed(
        "U302", f"The average of {new} has its weights the wrong way round: (1 - {beta}) for what "
        f"was there and {beta} for the new.", **{f"{which}_weights": "swapped"},
    )  # fmt: skip
    yield _fixed(
        "U302", f"{new} enters its average without the weight 1 - {beta}.",
        **{f"{which}_weights": "new whole"},
    )  # fmt: skip


def _of_adam(walk: Walk) -> Iterator[Altered]:
    yield Altered("U301", "β₁ and β₂ are swapped.",
                  lambda walk: {"beta1": walk.rule.beta2, "beta2": walk.rule.beta1})  # fmt: skip
    yield from _of_averages("mean", "g", "β₁")
    yield _fixed("U202", "The average of g is forgotten after every step.", velocity_kept=False)
    yield _fixed("U401", "The bias correction is missing: m and s are used as they are.",
                 mean_corrected=False, square_corrected=False)  # fmt: skip
    yield _fixed("U401", "The bias correction of m is missing.", mean_corrected=False)
    yield _fixed("U401", "The bias correction of s is missing.", square_corrected=False)
    yield _fixed("U402", "t is one too large in the bias correction: it is 2 in the first step.",
                 first_count=2)  # fmt: skip
    yield _fixed("U402", "t is 0 in the first step, so that the bias correction divides by 0: "
                 "t must be 1 there.", first_count=0)  # fmt: skip
    yield _fixed("U402", "t stays 1 in the bias correction of every step.", counted="never")
    if len(walk.groups) > 1:
        yield _fixed("U402", "t counts parameters, not steps: it grows once for each parameter.",
                     counted="parameter")  # fmt: skip
    yield _fixed("U404", "m and s are replaced by their corrected values, which the next step "
                 "averages and corrects again.", correction_kept=True)  # fmt: skip


def _of_weight_decay(rule: UpdateRule) -> Iterator[Altered]:
    if rule.decoupled:
        yield _fixed("U501", "λ w is part of the gradient, an L2 penalty: decoupled weight decay "
                     "acts beside the step.", decoupled=False)  # fmt: skip
        yield _fixed("U503", "The weight decay is not multiplied by the learning rate.",
                     decay_rated=False)  # fmt: skip
    else:
        yield _fixed("U501", "The weight decay acts beside the step, decoupled: λ w is to be part "
                     "of the gradient.", decoupled=True)  # fmt: skip
    yield _fixed("U502", "The weight decay is missing.", weight_decay=0.0)
    yield _fixed("U503", "The weight decay has the wrong sign.", decay_sign=-1.0)
