"""What comes of a changed text: which gradients become right, and with which factor.

A change counts if it makes the gradients right on every probe and at the example.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.checking.repairs.exchange import Clock, hook_set
from chainrule.checking.repairs.sites import Site
from chainrule.checking.stopping import Overdue, longest_run, now
from chainrule.checking.subject import Subject, SubjectError
from chainrule.checking.trial import Trial
from chainrule.engine.errors import ChainruleError


class Confirmation:
    """What a changed text is held against.

    Parameters
    ----------
    subject : Subject
    trials : sequence of Trial
    point, truth : mapping
        The example and its true gradients.
    left : collection of str
        The parameters whose gradients must become right.

    Attributes
    ----------
    clock : Clock
        Ends a run that a change has made endless, once `time_one_run` has set it.
    everything, right : frozenset of str
        The parameters, and those whose gradients are right as the text is.
    """

    def __init__(
        self,
        subject: Subject,
        trials: Sequence[Trial],
        point: Mapping[str, Any],
        truth: Mapping[str, Any],
        left: frozenset[str],
    ) -> None:
        self.subject = subject
        self.trials = trials
        self.point = point
        self.truth = truth
        self.left = left
        self.clock = Clock()
        self.true = [
            {name: trial.replay.gradient(trial.replay.true, name) for name in trial.claims}
            for trial in trials
        ]
        self.everything = frozenset(trials[0].claims)
        self.right = frozenset.intersection(
            *(frozenset(trial.matched(trial.replay.true)) for trial in trials)
        )

    def runs(self) -> bool:
        """Whether the text as it is now gives gradients on the first probe."""
        return self.claims(self.trials[0].point) is not None

    def time_one_run(self) -> None:
        """From here on a run that takes far longer than this one is given up."""
        start = now()
        self.runs()
        self.clock.seconds = longest_run(now() - start)

    def is_enough(self, mended: frozenset[str]) -> bool:
        """Whether what had to become right is right, and what was right still is."""
        return mended >= self.left | self.right

    def claims(self, point: Mapping[str, Any]) -> dict[str, Any] | None:
        """The gradients that the text as it is now gives at a point; None where it gives none."""
        self.clock.start()
        try:
            named, _ = self.subject.named(self.subject.gradient(point))
            return {name: np.asarray(value, dtype=float) for name, value in named.items()}
        except (ChainruleError, SubjectError, TypeError, ValueError, Overdue):
            return None

    def mended_on(self, number: int) -> frozenset[str]:
        """The parameters whose gradients are right on a probe as the text is now."""
        return self.mended(number, self.claims(self.trials[number].point))

    def mended(self, number: int, claims: Mapping[str, Any] | None) -> frozenset[str]:
        """The parameters whose gradients are right on a probe."""
        if claims is None:
            return frozenset()
        trial = self.trials[number]
        return frozenset(
            name
            for name, true in self.true[number].items()
            if name in claims and _equal(claims[name], true, trial.exact, trial.largest)
        )

    def confirmed(self) -> frozenset[str] | None:
        """The gradients right on every probe and at the example; None if they are not enough."""
        found = self.everything
        for each in range(len(self.trials)):
            found &= self.mended_on(each)
            if not self.is_enough(found):
                return None
        claims = self.claims(self.point)
        for name in found & frozenset(self.truth):
            if claims is None or name not in claims:
                return None
            true = np.asarray(self.truth[name], dtype=float)
            if np.shape(claims[name]) != true.shape:
                return None
            gap = float(np.linalg.norm(claims[name] - true))
            if gap > 1e-6 * float(np.linalg.norm(true)) + 1e-12:
                return None
        return found

    def floating(self, site: Site) -> frozenset[str] | None:
        """What is mended if nothing is cut off."""
        with hook_set(site.unit, lambda found, here: np.asarray(found) * 1.0):
            return self.confirmed()

    def fitted(
        self, site: Site, change: Callable[[Any, float, Any], Any], neutral: float
    ) -> tuple[list[float], frozenset[str]] | None:
        """The factor of a hook that makes the gradients right on every probe, in which they are
        linear.
        """
        values: list[float] = []
        mended = self.everything
        for number, trial in enumerate(self.trials):
            moved = self._with(site, number, change, neutral + 1.0)
            if moved is None:
                return None
            names = [
                n
                for n in sorted(self.left)
                if n in moved and moved[n].shape == trial.claims[n].shape
            ]
            if len(names) < len(self.left):
                return None
            direction = np.concatenate([np.ravel(moved[n] - trial.claims[n]) for n in names])
            gap = np.concatenate([np.ravel(self.true[number][n] - trial.claims[n]) for n in names])
            length = float(direction @ direction)
            if not length > 0 or not np.isfinite(length):
                return None
            extra = float(gap @ direction) / length
            rest = float(np.max(np.abs(gap - extra * direction)))
            if rest > 1e-6 * float(np.max(np.abs(gap))) or gap.size < 2:
                return None
            values.append(neutral + extra)
            mended &= self.mended(number, self._with(site, number, change, values[-1]))
            if not self.is_enough(mended):
                return None
        return values, mended

    def guessed(self, site: Site) -> tuple[list[float], frozenset[str]] | None:
        """The same for a step of a recurrence, in which gradients are not linear."""
        guesses = [[factor] * len(self.trials) for factor in (-1.0, 2.0, 0.5)]
        sizes = [float(trial.batch or 1) for trial in self.trials]
        guesses += [sizes, [1 / n for n in sizes]]
        for name in self.trials[0].scalars:
            values = [trial.scalars.get(name, 1.0) for trial in self.trials]
            guesses += [values, [1 / value for value in values]]
        for factors in guesses:
            mended = self.everything
            for number, factor in enumerate(factors):
                mended &= self.mended(number, self._with(site, number, multiplied, factor))
                if not self.is_enough(mended):
                    break
            else:
                return factors, mended
        return None

    def _with(
        self, site: Site, number: int, change: Callable[[Any, float, Any], Any], k: float
    ) -> dict[str, Any] | None:
        with hook_set(site.unit, lambda value, here: change(value, k, here)):
            return self.claims(self.trials[number].point)


def multiplied(value: Any, k: float, here: Any) -> Any:
    """A hook's value with a factor."""
    return value * k


def divided(value: Any, k: float, here: Any) -> Any:
    """A hook's value with a divisor."""
    return value / k


def _equal(claim: Any, true: Any, exact: float, largest: float) -> bool:
    if claim.shape != true.shape:
        return False
    with np.errstate(all="ignore"):
        gap = float(np.max(np.abs(claim - true), initial=0.0))
        scale = float(np.max(np.abs(true), initial=0.0))
    return gap <= exact * scale + 1e-14 * largest
