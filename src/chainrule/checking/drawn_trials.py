"""Probes with the claims made on them: loss and gradient called with other sizes and numbers."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.checking.probes import Probe, draw_probe, size_plans, sizes_of
from chainrule.checking.reference import Reference, forward_graph, reference_at
from chainrule.checking.sharing import shared
from chainrule.checking.sizes import (
    Sizes,
    sizes_by_equality,
    sizes_by_graph,
    sizes_by_rows,
    with_batch_of_one,
)
from chainrule.checking.subject import SubjectError
from chainrule.checking.surrogate import linear_graph, loosened
from chainrule.checking.trial import Trial
from chainrule.engine.errors import ChainruleError

#: How many are drawn.
PROBES = 2
_NOISY = 1e-5
#: Draws of one probe, of which some may lie on one side of a kink alone, or have no gradient.
_ATTEMPTS = 6
_WITH_OWN_SIZES = 3  # masks that a function draws by itself stay as long as the sizes do


def draw_trials(
    reference: Reference,
    claimed: list[str],
    single: bool,
    seed: int,
    blind_spots: list[str],
) -> list[Trial]:
    """Two probes on which loss and gradient can be called, of sizes as different as possible.

    Parameters
    ----------
    reference : Reference
    claimed : list of str
        The parameters whose gradients are looked at.
    single : bool
        They are of single precision.
    seed : int
    blind_spots : list of str
        What the probes cannot show is added to it.

    Returns
    -------
    list of Trial
        Empty where the functions cannot be called with other numbers.
    """
    subject = reference.subject
    plans: list[Sizes] = []
    if not reference.untraceable:
        graph = forward_graph(subject, reference.point)
        plans.append(sizes_by_graph(graph, subject.example, claimed))
        batch = [axis for axis, symbol in plans[0].axes.items() if symbol == plans[0].batch]
        if batch:
            plans.append(sizes_by_equality(subject.example, claimed, batch))
    plans.append(sizes_by_equality(subject.example, claimed))
    plans = [*(p for p in map(with_batch_of_one(subject.example, claimed), plans) if p), *plans]
    for sizes, fixed in size_plans(plans, sizes_by_rows(subject.example, claimed)):
        trials = []
        for number in range(PROBES):
            trial = drawn_trial(reference, sizes, fixed, claimed, number, single, seed)
            if trial is None:
                break
            trials.append(trial)
        if len(trials) == PROBES:
            idle = _idle_sizes(reference, trials, sizes)
            if idle - {*fixed}:
                fixed = (*fixed, *sorted(idle - {*fixed}))
                again = [
                    drawn_trial(reference, sizes, fixed, claimed, number, single, seed)
                    for number in range(PROBES)
                ]
                trials = [trial for trial in again if trial is not None]
                if len(trials) < PROBES:
                    continue
            if fixed:
                kept = ", ".join(f"{symbol} = {sizes.symbols[symbol]}" for symbol in fixed)
                blind_spots.append(
                    f"the functions do not run with other sizes than the example's for {kept}; "
                    "factors of these sizes cannot be told from constants."
                )
            return trials
    return []


def _idle_sizes(reference: Reference, trials: Sequence[Trial], sizes: Sizes) -> set[str]:
    """The sizes that the loss does not follow: what a probe adds along them has no gradient.

    A number of layers or steps that stands in the file leaves the rest of longer arrays unused.
    """
    found: set[str] = set()
    for (name, axis), symbol in sizes.axes.items():
        if name not in trials[0].claims or not np.any(reference.gradients[name]):
            continue
        own = np.shape(reference.gradients[name])[axis]
        idle: list[bool] = []  # on one probe alone it may be a unit that happens to be off
        for trial in trials:
            true = np.moveaxis(trial.replay.gradient(trial.replay.true, name), axis, 0)
            used = [bool(np.any(part)) for part in true]
            if len(used) > own:
                idle.append(all(used[:own]) and not any(used[own:]))
        if idle and all(idle):
            found.add(symbol)
    return found


def drawn_trial(
    reference: Reference,
    sizes: Sizes,
    fixed: tuple[str, ...],
    claimed: list[str],
    number: int,
    single: bool,
    seed: int,
) -> Trial | None:
    """A probe with the claims made on it; None if the functions cannot be called there."""
    subject = reference.subject
    fallback: Trial | None = None
    empty = True
    for attempt in range(_ATTEMPTS):
        skip = max(0, attempt + 1 - _WITH_OWN_SIZES)
        chosen = sizes_of(sizes, number, fixed, skip)
        probe = draw_probe(subject.example, sizes, chosen, number, seed + attempt)
        try:
            trial = _tried(reference, probe, sizes, claimed, single)
        except SubjectError:
            return fallback
        except (ChainruleError, _NotFinite):
            continue
        shows = all(
            np.any(trial.replay.gradient(trial.replay.true, name))
            for name in claimed
            if np.any(reference.gradients[name])
        )
        if shows and not _is_one_sided(trial):
            return trial
        if fallback is None or (shows and empty):
            fallback, empty = trial, not shows
    return fallback


def _is_one_sided(trial: Trial) -> bool:
    """Whether a kink has all of its values on one side, so that its masks show nothing."""
    for node in trial.graph.nodes:
        if node.primitive.name in ("maximum", "minimum", "relu") and node.shape:
            value = np.asarray(node.operands[0])
            same = value.shape == node.shape and np.asarray(node.value) == value
            if np.size(node.value) > 2 and (np.all(same) or not np.any(same)):
                return True
    return False


class _NotFinite(Exception):
    """A probe at which the loss or the claim is not a number."""


def _tried(
    reference: Reference,
    probe: Probe,
    sizes: Sizes,
    claimed: list[str],
    single: bool,
) -> Trial:
    subject = reference.subject
    if not np.isfinite(subject.loss_value(probe.point)):
        raise _NotFinite
    named, _ = subject.named(subject.gradient(probe.point))
    claims: dict[str, Any] = {}
    for name in claimed:
        claim = np.asarray(named[name], dtype=float) if name in named else None
        if claim is None or claim.shape != np.shape(probe.point[name]):
            raise SubjectError(f"the gradient of {name} has another shape on a probe.")
        if not np.all(np.isfinite(claim)):
            raise _NotFinite
        claims[name] = claim
    if reference.untraceable:
        true = reference_at(subject, probe.point, claimed, referee=False)
        if true.method == "none":
            raise SubjectError("a probe has too many parameters for differences.")
        graph = linear_graph(true.gradients, probe.point)
        trial = Trial(graph, probe.point, probe.sizes, sizes, claims, single)
        return loosened(trial, _NOISY if any(true.noise.values()) else 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            graph = shared(forward_graph(subject, probe.point))
        except ChainruleError:
            raise
        except Exception as error:  # tracing runs the user's code, which may raise anything
            raise SubjectError(f"loss raised {type(error).__name__} on a probe.") from error
        return Trial(graph, probe.point, probe.sizes, sizes, claims, single)
