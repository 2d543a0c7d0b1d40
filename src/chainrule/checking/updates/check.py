"""An optimizer written by hand, checked: is it the method it is meant to be, and if not, which."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

from chainrule.checking.mistakes import mistake
from chainrule.checking.report import Cause, Verdict
from chainrule.checking.stopping import Overdue, Stopped
from chainrule.checking.subject import described, told
from chainrule.checking.updates.faults import EXACT, diagnose, first_wrong_step
from chainrule.checking.updates.rules import METHODS, Array, UpdateRule, Walk, formula
from chainrule.engine.errors import InvalidInput

_RATES = (0.1, 0.1, 0.03, 0.05, 0.02, 0.04)
_FLOAT32 = 1e-4
#: Constants and conventions of a rule; its other fields are mistakes.
_SETTINGS = (
    "rho", "beta1", "beta2", "decay", "epsilon", "initial", "weight_decay", "rate_in_velocity",
    "framework", "epsilon_place", "decoupled",
)  # fmt: skip


@dataclass(frozen=True)
class UpdateReport:
    """What `check_optimizer` found.

    Attributes
    ----------
    verdict : {"ok", "wrong", "error"}
    method : str
    formula : str
        What is asked for.
    relative_error : float
        Largest difference of the iterates, relative to how far the parameters move; 1 where they
        cannot be compared.
    first_wrong_step : int or None
        From 1; None if every step is right or there is nothing to compare.
    causes : tuple of Cause
        What explains every iterate.
    together : bool
        Whether the causes are needed together; else each explains everything alone.
    message : str
        For the verdict "error": what prevented the check.
    notes : tuple of str
    """

    verdict: Verdict
    method: str
    formula: str
    relative_error: float = 0.0
    first_wrong_step: int | None = None
    causes: tuple[Cause, ...] = ()
    together: bool = False
    message: str = ""
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every iterate is right."""
        return self.verdict == "ok"

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the causes."""
        return tuple(dict.fromkeys(cause.code for cause in self.causes))

    def to_json(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "verdict": self.verdict,
            "method": self.method,
            "formula": self.formula,
            "relative_error": self.relative_error,
            "first_wrong_step": self.first_wrong_step,
            "causes": [
                {"code": each.code, "name": each.name, "evidence": each.evidence}
                for each in self.causes
            ],
            "together": self.together,
            "message": self.message,
            "notes": list(self.notes),
        }

    def _sentences(self) -> list[str]:
        said = [self.message] if self.message else []
        if self.first_wrong_step is not None:
            step = self.first_wrong_step
            error = f"{self.relative_error:.2g} times the way that the parameters go"
            said.append(
                f"the iterates are wrong from step {step} on, off by {error}"
                if step
                else "the iterates do not begin with w0"
            )
        return said

    def text(self) -> str:
        """The report for a terminal."""
        head = {"ok": "it is", "wrong": "it is not", "error": "not checked whether it is"}
        lines = [f"{self.verdict}: {head[self.verdict]} {self.method}"]
        lines += textwrap.wrap(self.formula, 92, initial_indent="    ", subsequent_indent="      ")
        for said in self._sentences():
            lines += textwrap.wrap(said, 92, initial_indent="    ", subsequent_indent="    ")
        for number, each in enumerate(self.causes):
            joined = ("and " if self.together else "or ") if number else ""
            lines += ["", f"{joined}{each.code} {each.name}"]
            lines += textwrap.wrap(
                each.evidence, 92, initial_indent="    ", subsequent_indent="    "
            )
        if self.notes:
            lines += ["", "notes:", *(f"  - {note}" for note in self.notes)]
        if self.causes:
            lines += ["", f"more about a code: chainrule explain {self.codes[0]}"]
        return "\n".join(lines)

    def html(self) -> str:
        """The report as an HTML fragment without scripts and style sheets."""
        parts = [
            f"<div><p><b>{self.verdict}</b>: {escape(self.method)}, {escape(self.formula)}</p>"
        ]
        parts += [f"<p>{escape(said)}</p>" for said in (*self._sentences(), *self.notes)]
        parts += [
            f"<p><b>{each.code} {escape(each.name)}</b>: {escape(each.evidence)}</p>"
            for each in self.causes
        ]
        return "".join(parts) + "</div>"

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return self.html()


def check_optimizer(
    run: Callable[..., Any],
    method: str,
    *,
    learning_rates: Sequence[float] = _RATES,
    seed: int = 0,
    **settings: Any,
) -> UpdateReport:
    """Check an optimizer written by hand, and name the rule that it got wrong.

    It is run on two small problems, one with gradients near 1e-6, where ε counts; if its iterates
    are not those of the method, the method is repeated with one rule altered at a time, until
    every iterate agrees to 1e-9.

    Parameters
    ----------
    run : callable
        ``run(gradient, w0, learning_rates) -> iterates``: w0 and the parameters after each step, a
        list or an array with one row more than there are steps. ``gradient(w)`` gives the gradient
        at w.
    method : str
        "gradient descent" ("sgd"), "momentum", "nesterov", "adagrad", "rmsprop", "adam" or
        "adamw".
    learning_rates : sequence of float
        One for each step. They change, so that it shows where the learning rate stands; give
        ``[0.1] * 6`` for a program that knows one only.
    seed : int
        Of the problems.
    **settings
        Constants and conventions where they are not PyTorch's: ``rho``, ``beta1``, ``beta2``,
        ``decay``, ``epsilon``, ``initial`` (of an accumulator), ``weight_decay``, ``decoupled``,
        ``rate_in_velocity``, ``framework`` (Nesterov with the gradient at the iterates),
        ``epsilon_place`` ("outside", "inside", "hat").

    Returns
    -------
    UpdateReport
        ``report.ok``, ``report.codes``; printed, it is the diagnosis.

    Raises
    ------
    InvalidInput
        There is no such method or setting, or no learning rate.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> def momentum(gradient, w0, learning_rates):
    ...     w, v, iterates = w0, 0.0, [w0]
    ...     for rate in learning_rates:
    ...         v = 0.9 * v - rate * gradient(w)
    ...         w = w + v
    ...         iterates.append(w)
    ...     return iterates
    >>> cr.check_optimizer(momentum, "momentum", rate_in_velocity=True).verdict
    'ok'
    >>> cr.check_optimizer(momentum, "momentum").codes
    ('U201',)
    """
    rule = _rule(method, settings)
    if not callable(run):
        raise InvalidInput(f"check_optimizer takes a function, got {described(run)}.")
    if not len(learning_rates) or not np.all(np.isfinite(learning_rates)):
        raise InvalidInput(
            f"learning_rates gives a number for each step, one at least, got {learning_rates!r}."
        )
    walks = [_problem(rule, np.random.default_rng([seed, i]), learning_rates, i) for i in (0, 1)]
    name, asked = method, formula(rule)
    claims: list[Array] = []
    notes: list[str] = []
    for walk in walks:
        claimed, message = _called(run, walk, notes)
        if claimed is None:
            return UpdateReport("error", name, asked, message=message)
        claims.append(claimed)
    single = any(claimed.dtype == np.float32 for claimed in claims)
    tolerance = _FLOAT32 if single else EXACT
    error = max(_error(c, walk, single) for c, walk in zip(claims, walks, strict=True))
    if single:
        notes.append("The iterates are in single precision; they were compared to 1e-4 only.")
    told = tuple(dict.fromkeys(notes))
    if error <= tolerance:
        return UpdateReport("ok", name, asked, error, notes=told)
    found = diagnose(claims, walks)
    step = first_wrong_step(claims, walks, tolerance)
    error = error if np.isfinite(error) else 1.0
    causes = tuple(Cause(each.code, mistake(each.code).name, each.words) for each in sum(found, ()))
    if not causes:
        causes = (Cause("G000", mistake("G000").name, "No altered rule gives these iterates."),)
    return UpdateReport(
        "wrong", name, asked, error, step, causes, bool(found) and len(found[0]) > 1, notes=told
    )


def _rule(method: str, settings: dict[str, Any]) -> UpdateRule:
    known = {"sgd": "gradient descent", "adamw": "adam"}.get(method, method)
    if known not in METHODS:
        raise InvalidInput(
            f"there is no method {method!r} to compare with; there are sgd, adamw, "
            f"{', '.join(METHODS)}."
        )
    for name, value in settings.items():
        if name not in _SETTINGS:
            raise InvalidInput(f"there is no setting {name!r}; there are {', '.join(_SETTINGS)}.")
        if name != "epsilon_place" and not isinstance(value, bool | int | float | np.number):
            raise InvalidInput(f"{name} is a number, got {described(value)}.")
    if method == "adamw":
        settings = {"weight_decay": 0.01, "decoupled": True, **settings}
    place = settings.get("epsilon_place", "outside")
    if place not in ("outside", "inside", "hat"):
        raise InvalidInput(f"epsilon_place is 'outside', 'inside' or 'hat', got {place!r}.")
    return UpdateRule(known, **settings)


def _problem(rule: UpdateRule, rng: Any, rates: Sequence[float], number: int) -> Walk:
    """A loss ½ wᵀA w - bᵀw + Σ cos w, large or tiny."""
    size, scale = ((3, 1.0), (5, 1e-6))[number]
    root = rng.normal(size=(size, size))
    A, b = root @ root.T / size + np.eye(size), rng.normal(size=size)
    w0 = rng.normal(size=size)
    usual = UpdateRule(rule.method)
    defaults = {
        name: getattr(usual, name)
        for name in ("rho", "beta1", "beta2", "decay", "epsilon")
        if getattr(usual, name) != getattr(rule, name)
    }
    return Walk(
        rule, lambda w, t: scale * (A @ w - b - np.sin(w)), w0, tuple(rates), defaults=defaults
    )


def _called(run: Callable[..., Any], walk: Walk, notes: list[str]) -> tuple[Array | None, str]:
    """The iterates of one problem, or why there are none."""
    w0 = walk.start.copy()
    try:
        with np.errstate(all="ignore"):
            found = run(lambda w: walk.gradient(np.asarray(w), 1), w0, list(walk.rates))
    except (KeyboardInterrupt, Overdue, Stopped):
        raise
    except SystemExit as error:
        return None, f"it ended the program with exit({error.code!r})."
    except BaseException as error:
        return None, f"it raised {told(error)}"
    rows = len(walk.rates) + 1
    try:
        path = np.asarray(found)
        if path.dtype.kind not in "fiu":
            raise ValueError
    except ValueError:
        return None, (
            f"it returned {described(found)}; return the {rows} iterates as a list of arrays of "
            "real numbers."
        )
    if path.shape != (rows, w0.size):
        return None, (
            f"the iterates have shape {path.shape}; {(rows, w0.size)} is expected: w0 and the "
            "parameters after each step."
        )
    lost = ~np.all(np.isfinite(path), axis=1)
    if np.any(lost):
        notes.append(f"The iterates are NaN or infinite from row {int(np.argmax(lost))} on.")
    if not np.array_equal(w0, walk.start):
        notes.append("w0 was changed in place; work on a copy.")
    return path, ""


def _error(claimed: Array, walk: Walk, single: bool) -> float:
    path = walk.path()
    # Steps may be tiny beside the parameters; they count all the same, as far as there are digits.
    moved = float(np.max(np.abs(path - path[0])))
    scale = max(moved, (1.0 if single else 1e-4) * float(np.max(np.abs(path)))) or 1.0
    return float(np.max(np.abs(claimed - path))) / scale
