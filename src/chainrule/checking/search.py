"""The search for mistakes: hypotheses are replayed on the probes until the claims are reproduced.

One mistake is tried before two; a mistake that explains more gradients before one that explains
fewer. What is left over stays unexplained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule.checking.factors import Factor, name_factor
from chainrule.checking.faults import hypotheses
from chainrule.checking.hypothesis import Hypothesis
from chainrule.checking.replay import Alterations, EdgeRule, NodeRule, Pass
from chainrule.checking.roles import Roles
from chainrule.checking.trial import Trial

_MOST_MISTAKES = 6
_MOST_FIRSTS = 12
#: A claim of fewer entries lies in too many spans to say anything.
_LEAST_ENTRIES = 5


class Alternative(NamedTuple):
    """A hypothesis that fits: its key, its codes, and its evidence."""

    key: tuple[Any, ...]
    codes: tuple[str, ...]
    evidence: str


@dataclass(frozen=True)
class Explanation:
    """One mistake that was found.

    Attributes
    ----------
    alternatives : tuple of Alternative
        Every hypothesis of the best rank that fits; they reproduce the same gradients.
    explains : frozenset of str
        The parameters whose claims are reproduced once this mistake is made too.
    touches : frozenset of str
        The parameters whose gradients it changes.
    own : frozenset of str
        Those of them whose own step holds the mistake; the others inherit it.
    """

    alternatives: tuple[Alternative, ...]
    explains: frozenset[str]
    touches: frozenset[str]
    own: frozenset[str]


@dataclass(frozen=True)
class Fit:
    """A hypothesis with its factor, replayed on every probe."""

    hypothesis: Hypothesis
    codes: tuple[str, ...]
    evidence: str
    states: tuple[Pass, ...]
    matched: frozenset[str]


class Search:
    """The search over one set of probes.

    Parameters
    ----------
    trials : sequence of Trial
        At least two, of different sizes.
    """

    def __init__(self, trials: Sequence[Trial]) -> None:
        self.trials = list(trials)
        self.roles = [Roles(trial) for trial in trials]
        self.lists = [hypotheses(roles) for roles in self.roles]
        self.by_key = [{each.key: each for each in found} for found in self.lists]
        self.states = tuple(trial.replay.true for trial in trials)

    def matched(self, states: Sequence[Pass]) -> frozenset[str]:
        """The parameters whose claims are reproduced on every probe."""
        found = [trial.matched(state) for trial, state in zip(self.trials, states, strict=True)]
        return frozenset(set.intersection(*found))

    def explain(self) -> tuple[list[Explanation], frozenset[str]]:
        """The mistakes found, and the parameters left unexplained.

        Of two accounts the one with fewer mistakes is given.
        """
        accounts = [self._account(thrifty=True)]
        found, left = accounts[0]
        if len(found) > 1 or left:
            accounts.append(self._account(thrifty=False))
        return min(
            accounts,
            key=lambda each: (len(each[1]), sum(len(e.alternatives[0].codes) for e in each[0])),
        )

    def _account(self, thrifty: bool) -> tuple[list[Explanation], frozenset[str]]:
        """Mistakes one after the other, until everything is explained or nothing fits.

        A thrifty account prefers mistakes that change nothing but what they explain.
        """
        states = self.states
        found: list[Explanation] = []
        matched = self.matched(states)
        everything = frozenset(self.trials[0].claims)
        while matched != everything and len(found) < _MOST_MISTAKES:
            best = self._best(self._fits(states, matched), states if thrifty else None)
            chain = [best] if best else self._pair(states, matched)
            if not chain:
                break
            for fits in chain:
                chosen = fits[0]
                found.append(self._explanation(fits, states, matched))
                states, matched = chosen.states, chosen.matched
        return found, everything - matched

    def _explanation(
        self, fits: list[Fit], before: Sequence[Pass], matched: frozenset[str]
    ) -> Explanation:
        chosen = fits[0]
        touched = [n for n in self.trials[0].claims if self._differs(n, before, chosen.states)]
        alterations = chosen.hypothesis.build(self.trials[0], before[0])
        return Explanation(
            tuple(Alternative(f.hypothesis.key, f.codes, f.evidence) for f in fits),
            chosen.matched - matched,
            frozenset(touched),
            frozenset(touched) & self._own(alterations) if alterations else frozenset(),
        )

    def _own(self, alterations: Alterations) -> frozenset[str]:
        """The parameters that an alteration reaches without passing another parameter's factor."""
        replay = self.trials[0].replay
        by_index = {node.index: name for name, node in replay.parameters.items()}
        free = self.roles[0].depends_on_data
        start = {replay.nodes[k].inputs[position].index for k, position in alterations.edges}
        start |= set(alterations.nodes) | {z for z, _ in alterations.bypasses.values()}
        found: set[str] = set()
        waiting, seen = list(start), set(start)
        while waiting:
            k = waiting.pop()
            if k in by_index:
                found.add(by_index[k])
            node = replay.nodes[k]
            linear = node.primitive.name in ("add", "subtract")
            for position in replay.outgoing.get(k, ()):
                at = node.inputs[position].index
                crosses = not linear and any(
                    replay.active[x.index] and not free[x.index] and x.index != at
                    for x in node.parents
                )
                if at not in seen and not crosses:
                    seen.add(at)
                    waiting.append(at)
        return frozenset(found)

    def _pair(self, states: Sequence[Pass], matched: frozenset[str]) -> list[list[Fit]]:
        """Two mistakes that explain together what neither does alone.

        The first is one after which a claim lies in the span of the gradient and its penalty's
        share: what is left is a factor.
        """
        wanted = frozenset(self.trials[0].claims) - matched
        for hypothesis in self._firsts(states, matched, wanted)[:_MOST_FIRSTS]:
            begun = self._advanced(hypothesis, states, wanted)
            if begun is None:
                continue
            second = self._best(self._fits(begun[0], matched, quick=True))
            if not second:
                continue
            fit = self._as_fit(hypothesis, begun, matched)
            if fit is not None:
                return [[fit], second]
        return []

    def _firsts(
        self, states: Sequence[Pass], matched: frozenset[str], wanted: frozenset[str]
    ) -> list[Hypothesis]:
        """Hypotheses that could be the first of two, the likeliest first."""
        trial = self.trials[0]
        found: list[Hypothesis] = []
        for hypothesis in self.lists[0]:
            if hypothesis.naming is not None:
                if any(
                    self._spanning(0, hypothesis, states[0], name) is not None for name in wanted
                ):
                    found.append(hypothesis)
                continue
            state = self._replayed(0, hypothesis, states[0])
            if state is None or not trial.matched(state) >= matched:
                continue
            touched = [name for name in wanted if self._differs(name, [states[0]], [state])]
            if any(self._near(name, state) for name in touched):
                found.append(hypothesis)
        return sorted(found, key=lambda each: each.rank)

    def _near(self, name: str, state: Pass) -> bool:
        """Whether a claim is a combination of a pass's gradient and its penalty's share."""
        trial = self.trials[0]
        claim = trial.claims[name].ravel()
        gradient = np.asarray(trial.replay.gradient(state, name)).ravel()
        if claim.size != gradient.size or claim.size < _LEAST_ENTRIES:
            return False
        spanning = [gradient]
        node = trial.replay.parameters[name]
        edges = [e for e in self.roles[0].edges_into(node.index) if e[0] in self.roles[0].penalty]
        shares = state.shares.get(node.index, {})
        penalty = [np.asarray(shares[edge]).ravel() for edge in edges if edge in shares]
        if penalty:
            spanning.append(np.asarray(sum(penalty)))
        return _in_span(claim, spanning, trial.exact) is not None

    def _spanning(
        self, number: int, hypothesis: Hypothesis, state: Pass, name: str
    ) -> float | None:
        """The factor of a hypothesis after which the claim is a multiple of the gradient."""
        trial = self.trials[number]
        alterations = hypothesis.build(trial, state)
        twice = _applied(trial, state, alterations) if alterations is not None else None
        if twice is None:
            return None
        claim = trial.claims[name].ravel()
        now = np.asarray(trial.replay.gradient(state, name)).ravel()
        if claim.size != now.size or claim.size < _LEAST_ENTRIES:
            return None
        direction = np.asarray(trial.replay.gradient(twice, name)).ravel() - now
        weights = _in_span(claim, [now, direction], trial.exact)
        if weights is None or abs(weights[0]) < 1e-9:
            return None
        return 1.0 + float(weights[1] / weights[0])

    def _advanced(
        self, hypothesis: Hypothesis, states: Sequence[Pass], wanted: frozenset[str]
    ) -> tuple[tuple[Pass, ...], list[float]] | None:
        """A first mistake made on every probe, with its factors."""
        passes: list[Pass] = []
        factors: list[float] = []
        for number, state in enumerate(states):
            twin = self.by_key[number].get(hypothesis.key)
            if twin is None:
                return None
            after: Pass | None = None
            if hypothesis.naming is None:
                after = self._replayed(number, twin, state)
            else:
                factor = next(
                    (
                        found
                        for name in sorted(wanted)
                        if (found := self._spanning(number, twin, state, name)) is not None
                    ),
                    None,
                )
                alterations = twin.build(self.trials[number], state)
                if factor is not None and alterations is not None:
                    factors.append(factor)
                    exact = _with_factor(alterations, factor)
                    after = _applied(self.trials[number], state, exact)
            if after is None:
                return None
            passes.append(after)
        return tuple(passes), factors

    def _as_fit(
        self,
        hypothesis: Hypothesis,
        begun: tuple[tuple[Pass, ...], list[float]],
        matched: frozenset[str],
    ) -> Fit | None:
        codes, evidence = hypothesis.codes, hypothesis.evidence
        if hypothesis.naming is not None:
            named = hypothesis.naming(begun[1], self._name)
            if named is None:
                return None
            codes, evidence = named
        return Fit(hypothesis, codes, evidence, begun[0], matched)

    def confirmed(self, trial: Trial, explanations: Sequence[Explanation]) -> set[str]:
        """The parameters whose claims on another probe the mistakes reproduce."""
        by_key = {each.key: each for each in hypotheses(Roles(trial))}
        search = Search.__new__(Search)
        search.trials = [trial]
        state = trial.replay.true
        for explanation in explanations:
            twin = by_key.get(explanation.alternatives[0].key)
            after: Pass | None = None
            if twin is not None and twin.naming is None:
                after = search._replayed(0, twin, state)
            elif twin is not None:
                fits = search._fitted(0, twin, state, sorted(explanation.explains))
                after = max(
                    (fitted for fitted, _ in fits),
                    key=lambda fitted: len(trial.matched(fitted)),
                    default=None,
                )
            if after is None:
                continue
            state = after
        return trial.matched(state)

    def _differs(self, name: str, before: Sequence[Pass], after: Sequence[Pass]) -> bool:
        trial = self.trials[0]
        old = trial.replay.gradient(before[0], name)
        new = trial.replay.gradient(after[0], name)
        return old.shape != new.shape or not np.allclose(old, new, rtol=1e-9, atol=0)

    def _best(self, fits: list[Fit], before: Sequence[Pass] | None = None) -> list[Fit]:
        """The fits that explain most, and of those the most telling."""
        if not fits:
            return []
        most = max(len(fit.matched) for fit in fits)
        fits = [fit for fit in fits if len(fit.matched) == most]
        if before is not None:
            strays = [self._strays(fit, before) for fit in fits]
            fits = [f for f, count in zip(fits, strays, strict=True) if count == min(strays)]
        first = max(fits, key=lambda fit: -fit.hypothesis.rank).matched
        fits = [fit for fit in fits if fit.matched == first]
        fewest = min(len(fit.codes) for fit in fits)
        fits = [fit for fit in fits if len(fit.codes) == fewest]
        rank = min(fit.hypothesis.rank for fit in fits)
        fits = [fit for fit in fits if fit.hypothesis.rank == rank]
        by_codes: dict[tuple[str, ...], Fit] = {}
        for fit in fits:
            by_codes.setdefault(fit.codes, fit)
        return list(by_codes.values())

    def _strays(self, fit: Fit, before: Sequence[Pass]) -> int:
        """How many gradients a fit changes without explaining them."""
        left = frozenset(self.trials[0].claims) - fit.matched
        return sum(self._differs(name, before, fit.states) for name in left)

    def _fits(
        self, states: Sequence[Pass], matched: frozenset[str], quick: bool = False
    ) -> list[Fit]:
        """Every hypothesis that reproduces more claims on all probes and loses none."""
        found: list[Fit] = []
        wanted = frozenset(self.trials[0].claims) - matched
        for hypothesis in self.lists[0]:
            if hypothesis.naming is None:
                first = self._replayed(0, hypothesis, states[0])
                if first is None:
                    continue
                candidates: list[tuple[Pass, float | None]] = [(first, None)]
            else:
                candidates = [*self._fitted(0, hypothesis, states[0], wanted)]
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
                state = self._replayed(number, twin, states[number])
            else:
                state = None
                for fitted, factor in self._fitted(number, twin, states[number], gained):
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
        codes, evidence = hypothesis.codes, hypothesis.evidence
        if hypothesis.naming is not None:
            factors = [float(each) for each in values if each is not None]
            named = hypothesis.naming(factors, self._name)
            if named is None:
                return None
            codes, evidence = named
        return Fit(hypothesis, codes, evidence, tuple(passes), everywhere)

    def _name(self, values: Sequence[float]) -> Factor | None:
        return name_factor(
            values,
            [trial.sizes for trial in self.trials],
            [trial.scalars for trial in self.trials],
            self.trials[0].symbols,
            [trial.means for trial in self.trials],
        )

    def _replayed(self, number: int, hypothesis: Hypothesis, state: Pass) -> Pass | None:
        trial = self.trials[number]
        alterations = hypothesis.build(trial, state)
        return None if alterations is None else _applied(trial, state, alterations)

    def _fitted(
        self, number: int, hypothesis: Hypothesis, state: Pass, wanted: Any
    ) -> list[tuple[Pass, float]]:
        """The hypothesis with each factor that reproduces a claim."""
        trial = self.trials[number]
        alterations = hypothesis.build(trial, state)
        if alterations is None:
            return []
        twice = _applied(trial, state, alterations)
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
            exact = _with_factor(alterations, factor)
            found.append((trial.replay.altered(state, exact), factor))
        return found


def _applied(trial: Trial, state: Pass, alterations: Alterations) -> Pass | None:
    """The pass with alterations; None where they do not fit the shapes."""
    try:
        return trial.replay.altered(state, alterations)
    except (ValueError, IndexError):
        return None


def _with_factor(alterations: Alterations, factor: float) -> Alterations:
    """Alterations that double, with another factor."""

    def edge(rule: EdgeRule) -> EdgeRule:
        return lambda g, c: c + (factor - 1.0) * (rule(g, c) - c)

    def node(rule: NodeRule) -> NodeRule:
        return lambda g: g + (factor - 1.0) * (rule(g) - g)

    return Alterations(
        edges={key: edge(rule) for key, rule in alterations.edges.items()},
        nodes={at: node(rule) for at, rule in alterations.nodes.items()},
    )


def _in_span(
    claim: np.ndarray[Any, Any], spanning: Sequence[np.ndarray[Any, Any]], exact: float
) -> Any:
    """The weights of a combination that equals the claim; None if there is none."""
    basis = np.stack(spanning, axis=1)
    if not np.all(np.isfinite(basis)) or not np.any(claim):
        return None
    weights = np.linalg.lstsq(basis, claim, rcond=1e-12)[0]
    gap = float(np.max(np.abs(basis @ weights - claim)))
    return weights if gap <= 2 * exact * float(np.max(np.abs(claim))) else None
