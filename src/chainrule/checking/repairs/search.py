"""The search for a change of one expression after which the gradient is right.

Where no altered backward pass reproduces a claim, the text of the gradient is altered instead: a
sign turned, an axis, a factor or a name exchanged, a sum accumulated. A change counts if it makes
the gradients right on every probe and at the example, and is named by what it undoes.
"""

from __future__ import annotations

import ast
import itertools
import linecache
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.checking.factors import Factor
from chainrule.checking.fitting import factor_on_probes
from chainrule.checking.outside_data import OutsideData
from chainrule.checking.repairs.atoms import atoms, in_loops, is_quiet
from chainrule.checking.repairs.changes import Change, mistaken_names, quoted, slips
from chainrule.checking.repairs.confirmation import Confirmation, divided, multiplied
from chainrule.checking.repairs.context import Context
from chainrule.checking.repairs.exchange import exchanged, hook_set, hooked, observed, timed
from chainrule.checking.repairs.meanings import Meanings
from chainrule.checking.repairs.naming import (
    Codes,
    codes_of,
    is_permuted,
    of_factor,
    of_missing_factor,
    of_missing_term,
    of_order,
    of_turned,
    of_wrong_derivative,
)
from chainrule.checking.repairs.positions import (
    is_factor,
    is_root,
    is_sum,
    is_term,
    terms_of,
)
from chainrule.checking.repairs.sites import Place, Site, Unit, sites_of, units_of
from chainrule.checking.roles import Roles
from chainrule.checking.stopping import now
from chainrule.checking.subject import Subject, same_randomness
from chainrule.checking.trial import Trial

_MOST_ATOMS = 24

#: What an array may be turned into before it is multiplied with.
_FORMS: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("{}", lambda v: v),
    ("(1 - {0}**2)", lambda v: 1 - v * v),
    ("{0} * (1 - {0})", lambda v: v * (1 - v)),
    ("({0} > 0)", lambda v: (v > 0) * 1.0),
    ("np.sign({})", np.sign),
    ("np.exp({})", np.exp),
    ("(1 - {})", lambda v: 1 - v),
    ("1 / {}", lambda v: 1 / v),
    ("sigmoid({})", lambda v: 1 / (1 + np.exp(-v))),
)


@dataclass(frozen=True)
class Repair:
    """A change of one line that makes gradients right.

    Attributes
    ----------
    line : int
    text : str
        The line as it is written.
    codes : tuple of str
        The mistakes that it undoes; empty where it has no name.
    evidence : str
    change : str
        The change in words.
    rank : int
        Of several at one line, those of the lowest rank are reported.
    repairs : frozenset of str
        The parameters whose gradients it makes right.
    complete : bool
        Every gradient is right with it.
    plain : bool
        What stands there is written slightly otherwise, and no value that stands elsewhere is used.
    written : bool
        It is what stands there, written otherwise or scaled; no other value is put in.
    """

    line: int
    text: str
    codes: Codes
    evidence: str
    change: str
    rank: int
    repairs: frozenset[str]
    complete: bool
    plain: bool = False
    written: bool = False


class RepairSearch:
    """The search for a repair of one gradient.

    Parameters
    ----------
    subject : Subject
    trials : sequence of Trial
    roles : sequence of Roles
        Of the trials.
    point, truth : mapping
        The example and its true gradients.
    left : collection of str
        The parameters whose gradients must become right.
    seconds : float
        Of computing, whatever else the machine does.
    """

    def __init__(
        self,
        subject: Subject,
        trials: Sequence[Trial],
        roles: Sequence[Roles],
        point: Mapping[str, Any],
        truth: Mapping[str, Any],
        left: frozenset[str],
        seconds: float,
    ) -> None:
        self.subject = subject
        self.trials = trials
        self.ends = now() + seconds
        self.confirmation = Confirmation(subject, trials, point, truth, left)
        self.everything, self.right = self.confirmation.everything, self.confirmation.right
        self.every = [Meanings(each) for each in roles]
        self.meanings = self.every[0]
        self.biases = {
            name
            for name in roles[0].replay.parameters
            if roles[0].bias_edges(name) or roles[0].is_gain(name)
        }

    @property
    def is_over(self) -> bool:
        """Whether the time is used up."""
        return now() > self.ends

    def find(self, first: int | None) -> list[Repair]:
        """The repairs of the first line that has any, the likeliest lines first.

        A plain change of a line that is known to be wrong, if nothing gives it a name, is not
        overruled by a change elsewhere.

        Parameters
        ----------
        first : int or None
            A line that is likely to be wrong.
        """
        try:
            units = units_of(self.subject.user_gradient)
        except (OSError, TypeError, ValueError):
            return []
        with same_randomness(), timed(units, self.confirmation.clock):
            self._outside = OutsideData(
                (function for unit in units for _, function in unit.functions),
                self.confirmation.runs,
            )
            self.confirmation.time_one_run()
            self._observe(units)
            sites = [site for site in self.wanted if self.counts[0][site]]
            near = [site for site in sites if first in site.lines]
            far = [site for site in reversed(sites) if site not in near]
            order = (
                (near, (0, 1)), (far, (0,)), (near, (2, 3, 4)), (far, (1,)), (far, (2, 3, 4)),
            )  # fmt: skip
            unnamed: list[Repair] = []
            unclear = False  # the line is known, and what its change means is not
            for group, tiers in order:
                for site in group if group is near or not unclear else ():
                    found = self._at(site, tiers)
                    if any(repair.codes for repair in found):
                        return self._likeliest(found)
                    unnamed = unnamed or found
                    unclear |= group is near and any(repair.complete for repair in found)
                    if self.is_over:
                        return self._likeliest(unnamed)
        return self._likeliest(unnamed)

    def _likeliest(self, found: list[Repair]) -> list[Repair]:
        """The repairs that mend most, and of those the most telling; each code once."""
        if not found:
            return []
        complete = [repair for repair in found if repair.complete] or found
        named = [repair for repair in complete if repair.codes] or complete
        rank = min(repair.rank for repair in named)
        by_codes: dict[Codes, Repair] = {}
        for repair in named:
            if repair.rank == rank:
                by_codes.setdefault(repair.codes, repair)
        return list(by_codes.values())

    # --- what is there ---------------------------------------------------------------------------

    def _observe(self, units: Sequence[Unit]) -> None:
        """What runs, how often, and what expressions are worth there."""
        self.wanted: dict[Site, list[tuple[str, Any]]] = {}
        self.atoms: dict[Site, list[str]] = {}
        known: dict[Any, list[str]] = {}
        for unit in units:
            for site in sites_of(unit):
                if site.function not in known:
                    known[site.function] = list(atoms(site.function))
                texts = dict.fromkeys(known[site.function])
                texts.update(
                    dict.fromkeys(
                        ast.unparse(place.expression)
                        for place in site.places()
                        if is_quiet(place.expression)
                    )
                )
                own = [*known[site.function], *in_loops(site, known[site.function])]
                texts.update(dict.fromkeys(own))
                self.atoms[site] = own
                self.wanted[site] = [(text, _compiled(text)) for text in texts]
        self.counts: list[Counter[Site]] = []
        self.seen: dict[Site, dict[str, Any]] = {}
        for number, trial in enumerate(self.trials):
            wanted = self.wanted if not number else dict.fromkeys(self.wanted, ())
            counts, values = observed(self.subject, units, trial.point, wanted)
            self.counts.append(counts)
            self.seen = self.seen or values

    def _within(self, site: Site) -> list[str]:
        """What stands for a value at a statement, each value once, the nearest names first."""
        seen = self.seen.get(site, {})
        own = {ast.unparse(place.expression) for place in site.places()}
        ends = tuple(text[text.index("[") :] for text in own if text.endswith("]"))
        found: dict[Any, str] = {}
        for text in sorted(
            self.atoms[site], key=lambda text: (text not in own, not text.endswith(ends))
        ):
            if text in seen:
                value = seen[text]
                found.setdefault((value.shape, value.dtype.kind, value.tobytes()), text)
        return list(found.values())

    def _context(self, site: Site, gained: frozenset[str]) -> Context:
        return Context(
            self.meanings,
            self.seen.get(site, {}),
            gained,
            self.biases,
            [counts[site] for counts in self.counts],
            [trial.batch for trial in self.trials],
        )

    # --- changes ---------------------------------------------------------------------------------

    def _at(self, site: Site, tiers: Sequence[int]) -> list[Repair]:
        kinds = (self._of_text, self._of_factors, self._of_names, self._of_values,
                 self._of_derivatives, self._of_order)  # fmt: skip
        found: list[Repair] = []
        for tier in tiers:
            for kind in kinds[:2] if not tier else kinds[tier + 1 : tier + 2]:
                found += kind(site)
            if any(repair.codes for repair in found):
                break
        return found

    def _of_text(self, site: Site) -> Iterator[Repair]:
        """What stands there, written slightly otherwise."""
        seen = self.seen.get(site, {})
        integers = [
            text
            for text in self.atoms[site]
            if text in seen and seen[text].ndim == 0 and seen[text].dtype.kind in "iu"
        ]
        space = site.unit.functions[0][1].__globals__
        integers += [name for name, value in space.items() if type(value) is int]
        yield from self._changed(site, list(slips(site, seen, integers)))

    def _of_names(self, site: Site) -> Iterator[Repair]:
        """Another value in the place of one."""
        seen = self.seen.get(site, {})
        own = self._within(site)[:_MOST_ATOMS]
        yield from self._changed(site, list(mistaken_names(site, seen, own)))

    def _changed(self, site: Site, changes: Sequence[Change]) -> Iterator[Repair]:
        for change in changes:
            if self.is_over:
                return
            change.make(site)
            try:
                with self._outside.kept(), exchanged(site.unit):
                    mended = self.confirmation.confirmed()
            except (SyntaxError, ValueError, RecursionError):
                mended = None
            finally:
                change.undo(site)
            if mended is not None:
                gained = mended - self.right
                codes = codes_of(change, site, self._context(site, gained))
                rank = _RANKS.get(change.kind, 1)
                at = change.moved or change.old
                found = self._repair(site, at, codes, mended, rank, change.said(site))
                yield replace(found, plain=rank < 2, written=True)

    def _hooks(self, site: Site) -> Iterator[tuple[Place, ast.expr]]:
        """The expressions on which a hook makes sense, each with the hook in the tree."""
        seen = self.seen.get(site, {})
        for place in list(site.places()):
            old = place.expression
            value = seen.get(ast.unparse(old))
            if place.in_index or place.in_test or value is None or value.dtype.kind not in "fiub":
                continue
            if isinstance(old, ast.Constant) and not is_root(place):
                continue
            if isinstance(old, (ast.Tuple, ast.List, ast.Dict)):
                continue
            place.put(hooked(old))
            try:
                with self._outside.kept(), exchanged(site.unit):
                    yield place, old
            except (SyntaxError, ValueError, RecursionError):
                pass
            finally:
                place.put(old)

    def _of_factors(self, site: Site) -> Iterator[Repair]:
        """A factor on a value, or on a term of it."""
        for place, old in self._hooks(site):
            if self.is_over:
                return
            if not is_term(place):
                continue
            if self.seen[site][ast.unparse(old)].dtype.kind in "iu":
                mended = self.confirmation.floating(site)
                if mended is not None:
                    said = f"{quoted(old)} as floating-point numbers"
                    yield self._repair(site, old, ("G102",), mended, 0, said)
                    continue
            divides = isinstance(place.parent, ast.AugAssign) and isinstance(
                place.parent.op, ast.Div
            )
            found = self.confirmation.fitted(site, divided if divides else multiplied, 1.0)
            if found is None and self.counts[0][site] > 1:
                found = self.confirmation.guessed(site)
            if found is None:
                continue
            values, mended = found
            if all(abs(value) < 1e-6 for value in values):
                continue
            at = self._context(site, mended - self.right)
            factor = self._factor([1 / value for value in values])
            batches = [trial.batch for trial in self.trials]
            codes = of_factor([1 / value for value in values], factor, old, place, batches, at)
            rank = 4 if "G206" in codes else 1
            text = factor.text if factor is not None else f"{1 / values[0]:.6g}"
            said = f"{quoted(old)} {'times' if divides else 'divided by'} {text}"
            for code in codes if factor is None else ("",):
                own = (code,) if code else codes
                repair = self._repair(site, old, own, mended, rank, said)
                yield replace(repair, written=True)

    def _of_values(self, site: Site) -> Iterator[Repair]:
        """Another value as a factor or as an addend."""
        seen = self.seen.get(site, {})
        atoms = [
            text
            for text in self._within(site)
            if seen[text].dtype.kind in "fb" or seen[text].ndim == 0
        ][:_MOST_ATOMS]
        for place, old in self._hooks(site):
            value = seen[ast.unparse(old)]
            if not (is_term(place) or is_factor(place)):
                continue
            if ast.unparse(old) in atoms and is_factor(place):
                yield from self._turned(site, place, old)
            for atom in atoms:
                if self.is_over:
                    return
                other = seen[atom]
                rows = other.ndim == 1 and value.ndim == 2 and len(other) == len(value)
                if rows and is_factor(place):
                    text = f"{atom}[:, None]"
                    yield from self._multiplied(site, place, old, text, other[:, None])
                if other.ndim == 0 and value.ndim:
                    if not is_term(place):
                        continue
                elif not _spreads(other.shape, value.shape):
                    continue
                if other.ndim or not value.ndim or self.counts[0][site] > 1:
                    yield from self._multiplied(site, place, old, atom, other)
                if is_term(place) and (place.parent is site.statement or is_sum(place.parent)):
                    yield from self._added(site, old, atom, other)

    def _multiplied(
        self, site: Site, place: Place, old: ast.expr, atom: str, value: Any
    ) -> Iterator[Repair]:
        code = _compiled(atom)
        space = site.unit.functions[0][1].__globals__
        forms = _FORMS if value.dtype.kind == "f" else _FORMS[:1]
        for text, form in forms:
            with hook_set(site.unit, _times(code, space, form)):
                mended = self.confirmation.confirmed()
            if mended is not None:
                with np.errstate(all="ignore"):
                    factor = form(np.asarray(value))
                if not np.any(factor):
                    continue  # nothing is left of it: no factor is missing
                at = self._context(site, mended - self.right)
                said = f"{quoted(old)} times {text.format(atom)}"
                codes = of_missing_factor(factor, ast.unparse(old), text, place, at, atom)
                for code in codes or ("",):
                    own = (code,) if code else ()
                    yield self._repair(site, old, own, mended, 2, said)

    def _turned(self, site: Site, place: Place, old: ast.expr) -> Iterator[Repair]:
        """A value where a function of it is due, such as ``1 - a**2`` for ``a``."""
        for text, form in _FORMS[1:]:
            with hook_set(site.unit, lambda found, here, form=form: form(np.asarray(found))):
                mended = self.confirmation.confirmed()
            if mended is not None:
                said = f"{text.format(ast.unparse(old))} in the place of {quoted(old)}"
                value = self.seen[site][ast.unparse(old)]
                with np.errstate(all="ignore"):
                    constant = not np.ptp(form(np.asarray(value)))
                # Of one number throughout, it is left out: (noise > 0) for noise.
                at = self._context(site, mended - self.right)
                with np.errstate(all="ignore"):
                    turned = form(np.asarray(value))
                codes = () if constant else of_turned(value, turned, place, site, at)
                yield self._repair(site, old, codes, mended, 2, said)

    def _added(self, site: Site, old: ast.expr, atom: str, value: Any) -> Iterator[Repair]:
        code = _compiled(atom)
        space = site.unit.functions[0][1].__globals__

        def hook(found: Any, k: float, here: Mapping[str, Any]) -> Any:
            return found + k * np.asarray(eval(code, space, dict(here)))

        fitted = self.confirmation.fitted(site, hook, 0.0)
        if fitted is None:
            return
        weights, mended = fitted
        at = self._context(site, mended - self.right)
        codes = of_missing_term(value, weights, self._factor(weights), at)
        if atom in terms_of(old):
            codes = ()  # it is there, and not due or of another sign
        yield self._repair(
            site, old, codes, mended, 2, f"{quoted(old)} plus {weights[0]:.6g} * {atom}"
        )

    def _of_derivatives(self, site: Site) -> Iterator[Repair]:
        """The true derivative of an elementwise function in the place of an expression."""
        seen = self.seen.get(site, {})
        every = [each.derivatives for each in self.every]
        if len({len(each) for each in every}) > 1:
            return
        for place, old in self._hooks(site):
            value = seen[ast.unparse(old)]
            series = self._series(site, place, value)
            for numbers, scale in itertools.product(series, (1.0, 2.0, 0.5)):
                if self.is_over:
                    return
                mended = self.everything
                for probe, derivatives in enumerate(every):
                    exact = iter([scale * derivatives[n][0].derivative for n in numbers])
                    with hook_set(
                        site.unit, lambda found, here, exact=exact: _in_shape(next(exact), found)
                    ):
                        mended &= self.confirmation.mended_on(probe)
                    if not self.confirmation.is_enough(mended):
                        break
                else:
                    activation, output = self.meanings.derivatives[numbers[0]]
                    at = self._context(site, mended - self.right)
                    true = scale * activation.derivative
                    codes = of_wrong_derivative(value, true, output, at)
                    what = self.meanings.roles.trial.describe(activation.a)
                    yield self._repair(
                        site, old, codes, mended, 3,
                        f"the derivative at {what} in the place of {quoted(old)}",
                    )  # fmt: skip

    def _of_order(self, site: Site) -> Iterator[Repair]:
        """A true cotangent in the place of its own numbers in another order."""
        if any(counts[site] != 1 for counts in self.counts):
            return
        seen = self.seen.get(site, {})
        for place, old in self._hooks(site):
            value = seen[ast.unparse(old)]
            if value.ndim < 2 or not (is_root(place) or isinstance(place.parent, ast.Call)):
                continue
            for number, scale in self._reordered(value):
                mended = self.everything
                for probe, trial in enumerate(self.trials):
                    there = scale * np.asarray(trial.replay.true.cotangents[number])
                    with hook_set(site.unit, lambda found, here, t=there: _in_shape(t, found)):
                        mended &= self.confirmation.mended_on(probe)
                if self.confirmation.is_enough(mended):
                    yield self._repair(
                        site, old, of_order(site), mended, 3,
                        f"the entries of {quoted(old)} in another order",
                    )  # fmt: skip

    def _reordered(self, value: Any) -> Iterator[tuple[int, float]]:
        """The cotangents that hold the numbers of an array, up to a factor."""
        if any(len(trial.graph) != len(self.trials[0].graph) for trial in self.trials):
            return
        size = float(np.max(np.abs(value), initial=0.0))
        for number, true in enumerate(self.trials[0].replay.true.cotangents):
            if true is None or isinstance(true, tuple) or np.shape(true) != value.shape:
                continue
            scale = size / max(float(np.max(np.abs(true), initial=0.0)), 1e-300)
            for sign in (scale, -scale):
                if is_permuted(value, sign * true):
                    yield number, sign

    def _series(self, site: Site, place: Place, value: Any) -> Iterator[list[int]]:
        """Which derivatives could be due in the passes of a loop: one each, first or last first."""
        runs = self.counts[0][site]
        nodes = self.meanings.roles.nodes
        groups: dict[Any, list[int]] = {}
        for number, (each, _) in enumerate(self.meanings.derivatives):
            if runs == 1:
                groups[number] = [number]
            else:
                kind = tuple(nodes[k].primitive.name for k in each.inside)
                groups.setdefault(kind, []).append(number)
        if any(counts[site] != runs for counts in self.counts):
            return
        shapes = [each.derivative.shape for each, _ in self.meanings.derivatives]
        for group in groups.values():
            for first in range(len(group) - runs + 1):
                series = group[first : first + runs]
                for numbers in (series, series[::-1])[: min(runs, 2)]:
                    if shapes[numbers[0]] == value.shape and value.ndim:
                        yield numbers

    def _factor(self, values: Sequence[float]) -> Factor | None:
        return factor_on_probes(values, [each.roles for each in self.every])

    def _repair(
        self, site: Site, at: Any, codes: Codes, mended: frozenset[str], rank: int, said: str
    ) -> Repair:
        line = getattr(at, "lineno", site.lines.start)
        every = "every gradient" if mended == self.everything else "it"
        return Repair(
            line,
            linecache.getline(site.unit.filename, line).strip(),
            codes,
            f"line {line}: with {said} {every} is right on probes of different sizes.",
            said,
            rank,
            mended - self.right,
            mended == self.everything,
        )


_RANKS = {
    "crossed": 0, "dtype": 0, "turned index": 0, "kept axis": 0, "other": 2, "exchanged": 2,
    "number": 2, "index added": 2, "power": 2, "formula": 2,
}  # fmt: skip


def _spreads(shape: tuple[int, ...], over: tuple[int, ...]) -> bool:
    """Whether an array can be combined with another without making it larger."""
    try:
        return np.broadcast_shapes(shape, over) == over
    except ValueError:
        return False


def _times(code: Any, space: dict[str, Any], form: Callable[[Any], Any]) -> Callable[..., Any]:
    """A hook that multiplies by a function of another value."""
    return lambda found, here: found * form(np.asarray(eval(code, space, dict(here))))


def _in_shape(value: Any, like: Any) -> Any:
    if np.shape(value) != np.shape(like):
        raise ValueError("another shape")
    return value.copy()


def _compiled(text: str) -> Any:
    return compile(text, "<value>", "eval")
