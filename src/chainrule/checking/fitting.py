"""Hypotheses replayed on every probe: which of them reproduce the claims, and with which factor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.checking.factors import Factor, name_factor
from chainrule.checking.faults import hypotheses
from chainrule.checking.hypothesis import Hypothesis
from chainrule.checking.numerical import CANCELLED
from chainrule.checking.replay import Alterations, EdgeRule, NodeRule, Pass
from chainrule.checking.roles import Roles
from chainrule.checking.stopping import now
from chainrule.checking.trial import Trial

_SECONDS = 10.0
#: The rank of a lost sign, which on a part of a formula is tried as any factor is.
_OF_A_SIGN = 2


@dataclass(frozen=True)
class Fit:
    """A hypothesis with its factor, replayed on every probe."""

    hypothesis: Hypothesis
    codes: tuple[str, ...]
    evidence: str
    states: tuple[Pass, ...]
    matched: frozenset[str]

    @property
    def rank(self) -> int:
        """The hypothesis's; a lost sign is as likely as another formula of a derivative."""
        usual = self.hypothesis.rank
        return min(usual, _OF_A_SIGN) if self.codes == ("G205",) else usual


def factor_on_probes(values: Sequence[float], roles: Sequence[Roles]) -> Factor | None:
    """What a factor is, from its value on the probe of each of the roles."""
    trials = [each.trial for each in roles]
    return name_factor(
        values,
        [trial.sizes for trial in trials],
        [trial.scalars for trial in trials],
        trials[0].symbols,
        [trial.means for trial in trials],
        [trial.sums for trial in trials],
        roles[0].rates,
        [trial.divisors for trial in trials],
        [trial.totals for trial in trials],
    )


class Fitting:
    """Hypotheses on one set of probes.

    Parameters
    ----------
    trials : sequence of Trial
        At least two, of different sizes, unless only known mistakes are replayed.
    """

    def __init__(self, trials: Sequence[Trial]) -> None:
        self.trials = list(trials)
        self.roles = [Roles(trial) for trial in trials]
        self.states = tuple(trial.replay.true for trial in trials)
        self.ends = now() + _SECONDS

    @cached_property
    def lists(self) -> list[list[Hypothesis]]:
        """The hypotheses on each probe."""
        return [hypotheses(roles) for roles in self.roles]

    @cached_property
    def by_key(self) -> list[dict[tuple[Any, ...], Hypothesis]]:
        """The same by their keys."""
        return [{each.key: each for each in found} for found in self.lists]

    @property
    def is_over(self) -> bool:
        """Whether the search has used its time: long loops have thousands of steps."""
        return now() > self.ends

    def matched(self, states: Sequence[Pass]) -> frozenset[str]:
        """The parameters whose claims are reproduced on every probe."""
        found = [trial.matched(state) for trial, state in zip(self.trials, states, strict=True)]
        return frozenset(set.intersection(*found))

    def differs(
        self, name: str, before: Sequence[Pass], after: Sequence[Pass], number: int = 0
    ) -> bool:
        trial = self.trials[number]
        old = trial.replay.gradient(before[number], name)
        new = trial.replay.gradient(after[number], name)
        rounding = CANCELLED * trial.largest
        return old.shape != new.shape or not np.allclose(old, new, rtol=1e-9, atol=rounding)

    def best(self, fits: list[Fit], before: Sequence[Pass] | None = None) -> list[Fit]:
        """The fits that explain most, and of those the most telling."""
        if not fits:
            return []
        most = max(len(fit.matched) for fit in fits)
        fits = [fit for fit in fits if len(fit.matched) == most]
        if before is not None:
            strays = [self._strays(fit, before) for fit in fits]
            fits = [f for f, count in zip(fits, strays, strict=True) if count == min(strays)]
        first = max(fits, key=lambda fit: -fit.rank).matched
        fits = [fit for fit in fits if fit.matched == first]
        fewest = min(len(fit.codes) for fit in fits)
        fits = [fit for fit in fits if len(fit.codes) == fewest]
        rank = min(fit.rank for fit in fits)
        fits = [fit for fit in fits if fit.rank == rank]
        by_codes: dict[tuple[str, ...], Fit] = {}
        for fit in fits:
            by_codes.setdefault(fit.codes, fit)
        return list(by_codes.values())

    def _strays(self, fit: Fit, before: Sequence[Pass]) -> int:
        """How many gradients a fit changes without explaining them."""
        left = frozenset(self.trials[0].claims) - fit.matched
        return sum(self.differs(name, before, fit.states) for name in left)

    def fits(
        self, states: Sequence[Pass], matched: frozenset[str], quick: bool = False
    ) -> list[Fit]:
        """Every hypothesis that reproduces more claims on all probes and loses none."""
        found: list[Fit] = []
        wanted = frozenset(self.trials[0].claims) - matched
        for hypothesis in self.lists[0]:
            if self.is_over:
                break
            if hypothesis.naming is None:
                first = self.replayed(0, hypothesis, states[0])
                if first is None:
                    continue
                candidates: list[tuple[Pass, float | None]] = [(first, None)]
            else:
                candidates = [*self.fitted(0, hypothesis, states[0], wanted)]
            for state, value in candidates:
                on_first = self.trials[0].matched(state)
                if not on_first & wanted or not on_first >= matched:
                    continue
                fit = self._confirmed(hypothesis, state, value, states, matched, on_first & wanted)
                if fit is not None:
                    found.append(fit)
                    if quick and fit.matched >= frozenset(self.trials[0].claims):
                        return found
        return found

    def _confirmed(
        self,
        hypothesis: Hypothesis,
        first: Pass,
        value: float | None,
        states: Sequence[Pass],
        matched: frozenset[str],
        gained: set[str],
    ) -> Fit | None:
        """The hypothesis on the other probes; None if it does not hold there."""
        passes = [first]
        values = [value]
        for number in range(1, len(self.trials)):
            twin = self.by_key[number].get(hypothesis.key)
            if twin is None:
                return None
            state: Pass | None
            if twin.naming is None:
                state = self.replayed(number, twin, states[number])
            else:
                state = None
                for fitted, factor in self.fitted(number, twin, states[number], gained):
                    if self.trials[number].matched(fitted) & gained:
                        state, value = fitted, factor
                        values.append(value)
                        break
            if state is None:
                return None
            passes.append(state)
        everywhere = self.matched(passes)
        if not everywhere & gained or not everywhere >= matched:
            return None
        if str(hypothesis.key[0]).startswith("recurrence") and not any(
            np.any(self.trials[0].claims[name]) for name in everywhere & gained
        ):
            return None  # zeros are left whatever is cut
        codes, evidence = hypothesis.codes, hypothesis.evidence
        if hypothesis.naming is not None:
            factors = [float(each) for each in values if each is not None]
            named = hypothesis.naming(factors, self.name)
            if named is None:
                return None
            codes, evidence = named
            entries = sum(self.trials[0].claims[name].size for name in everywhere & gained)
            if "G206" in codes and entries < 2:
                return None  # any number is some multiple of any other
            share = codes == ("G206",) and hypothesis.key[0] in ("scale edge", "scale line")
            followed = self.name(factors) if share else None
            if followed is not None and followed.follows == "root":
                share = False  # it follows the sizes, and is no number of a formula
            if share and not all(self._is_multiple(x, states[0], values[0]) for x in gained):
                return None  # a number in a formula, no factor on a gradient
        return Fit(hypothesis, codes, evidence, tuple(passes), everywhere)

    def _is_multiple(self, name: str, state: Pass, factor: float | None) -> bool:
        """Whether the claim is this multiple of the gradient of a pass."""
        trial = self.trials[0]
        gradient = np.asarray(trial.replay.gradient(state, name), dtype=float)
        return factor is not None and trial.matches(name, factor * gradient)

    def name(self, values: Sequence[float]) -> Factor | None:
        return factor_on_probes(values, self.roles)

    def replayed(self, number: int, hypothesis: Hypothesis, state: Pass) -> Pass | None:
        trial = self.trials[number]
        alterations = hypothesis.build(trial, state)
        return None if alterations is None else applied(trial, state, alterations)

    def fitted(
        self, number: int, hypothesis: Hypothesis, state: Pass, wanted: Any
    ) -> list[tuple[Pass, float]]:
        """The hypothesis with each factor that reproduces a claim."""
        trial = self.trials[number]
        alterations = hypothesis.build(trial, state)
        if alterations is None:
            return []
        twice = applied(trial, state, alterations)
        if twice is None:
            return []
        found: list[tuple[Pass, float]] = []
        for name in wanted:
            claim = trial.claims[name]
            now = trial.replay.gradient(state, name)
            if claim.shape != now.shape:
                continue
            direction = trial.replay.gradient(twice, name) - now
            length = float(np.sum(direction * direction))
            if not length > 0 or not np.isfinite(length):
                continue
            gap = claim - now
            with np.errstate(all="ignore"):
                extra = float(np.sum(gap * direction)) / length
                rest = float(np.max(np.abs(gap - extra * direction), initial=0.0))
            scale = max(float(np.max(np.abs(claim))), float(np.max(np.abs(now))))
            if not rest <= 2 * trial.exact * scale:
                continue
            factor = 1.0 + extra
            if any(abs(factor - known) <= 1e-6 * max(1.0, abs(known)) for _, known in found):
                continue
            exact = with_factor(alterations, factor)
            found.append((trial.replay.altered(state, exact), factor))
        return found


def applied(trial: Trial, state: Pass, alterations: Alterations) -> Pass | None:
    """The pass with alterations; None where they do not fit the shapes."""
    try:
        return trial.replay.altered(state, alterations)
    except (ValueError, IndexError):
        return None


def with_factor(alterations: Alterations, factor: float) -> Alterations:
    """Alterations that double, with another factor."""

    def edge(rule: EdgeRule) -> EdgeRule:
        return lambda g, c: c + (factor - 1.0) * (rule(g, c) - c)

    def node(rule: NodeRule) -> NodeRule:
        return lambda g: g + (factor - 1.0) * (rule(g) - g)

    return Alterations(
        edges={key: edge(rule) for key, rule in alterations.edges.items()},
        nodes={at: node(rule) for at, rule in alterations.nodes.items()},
    )
