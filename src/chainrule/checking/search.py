"""The search for mistakes: hypotheses are replayed on the probes until the claims are reproduced.

One mistake is tried before two; a mistake that explains more gradients before one that explains
fewer. What is left over stays unexplained.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule.checking.fitting import Fit, Fitting, applied, with_factor
from chainrule.checking.hypothesis import Hypothesis
from chainrule.checking.replay import Alterations, Pass
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


class Search(Fitting):
    """The search over one set of probes."""

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
            best = self.best(self.fits(states, matched), states if thrifty else None)
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
        touched = [
            name
            for name in self.trials[0].claims
            if any(self.differs(name, before, chosen.states, k) for k in range(len(self.trials)))
        ]
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
            second = self.best(self.fits(begun[0], matched, quick=True))
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
            if self.is_over:
                break
            if hypothesis.naming is not None:
                if any(
                    self._spanning(0, hypothesis, states[0], name) is not None for name in wanted
                ):
                    found.append(hypothesis)
                continue
            state = self.replayed(0, hypothesis, states[0])
            if state is None or not trial.matched(state) >= matched:
                continue
            touched = [name for name in wanted if self.differs(name, [states[0]], [state])]
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
        twice = applied(trial, state, alterations) if alterations is not None else None
        if twice is None:
            return None
        claim = trial.claims[name].ravel()
        now = np.asarray(trial.replay.gradient(state, name)).ravel()
        if claim.size != now.size or claim.size < _LEAST_ENTRIES:
            return None
        direction = np.asarray(trial.replay.gradient(twice, name)).ravel() - now
        if _in_span(direction, [now], 1e-9) is not None:
            return None  # one factor, however it is split in two
        weights = _in_span(claim, [now, direction], trial.exact)
        if weights is None or abs(weights[0]) < 1e-9:
            return None
        if hypothesis.key[0] == "scale penalty":  # the second is the factor of the data alone
            return float(weights[0] + weights[1])
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
            after, factor = self._made(number, twin, state, wanted)
            if after is None:
                return None
            passes.append(after)
            factors += [] if factor is None else [factor]
        return tuple(passes), factors

    def _made(
        self, number: int, hypothesis: Hypothesis, state: Pass, wanted: Collection[str]
    ) -> tuple[Pass | None, float | None]:
        """A first mistake made on one probe, with its factor if it has one."""
        if hypothesis.naming is None:
            return self.replayed(number, hypothesis, state), None
        found = (self._spanning(number, hypothesis, state, name) for name in sorted(wanted))
        factor = next((each for each in found if each is not None), None)
        alterations = hypothesis.build(self.trials[number], state)
        if factor is None or alterations is None:
            return None, None
        exact = with_factor(alterations, factor)
        return applied(self.trials[number], state, exact), factor

    def _as_fit(
        self,
        hypothesis: Hypothesis,
        begun: tuple[tuple[Pass, ...], list[float]],
        matched: frozenset[str],
    ) -> Fit | None:
        codes, evidence = hypothesis.codes, hypothesis.evidence
        if hypothesis.naming is not None:
            named = hypothesis.naming(begun[1], self.name)
            if named is None:
                return None
            codes, evidence = named
        return Fit(hypothesis, codes, evidence, begun[0], matched)

    def confirmed(self, trial: Trial, explanations: Sequence[Explanation]) -> set[str]:
        """The parameters whose claims on another probe the mistakes reproduce."""
        search = Search([trial])
        by_key = search.by_key[0]
        state = trial.replay.true
        for explanation in explanations:
            twin = by_key.get(explanation.alternatives[0].key)
            after: Pass | None = None
            if twin is not None and (twin.naming is None or not explanation.explains):
                after, _ = search._made(0, twin, state, explanation.touches)
            elif twin is not None:
                fits = search.fitted(0, twin, state, sorted(explanation.explains))
                after = max(
                    (fitted for fitted, _ in fits),
                    key=lambda fitted: len(trial.matched(fitted)),
                    default=None,
                )
            if after is None:
                continue
            state = after
        return trial.matched(state)


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
