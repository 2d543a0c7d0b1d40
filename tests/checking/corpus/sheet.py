"""A file to check, written statement by statement, with the mistakes people make in each."""

from __future__ import annotations

import itertools
import random
import re
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from tests.checking.corpus.case import Case

OMITTED = None
"""The text of a statement left out; it counts at the last one that wrote the same name."""

HYGIENE = {"G101", "G102", "G103", "G104", "G105", "G106", "G107"}

Wrong = tuple[str, str | None]
Arrays = Mapping[str, Any]


@dataclass(frozen=True)
class Statement:
    """The right text of one or more lines, and wrong ones with their codes."""

    depth: int
    right: str
    wrong: tuple[Wrong, ...] = ()


def _lines_in_common(right: str, wrong: str) -> int:
    """How many lines of a statement stand before the one that is wrong."""
    pairs = zip(right.splitlines(), wrong.splitlines(), strict=False)
    return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))


class Sheet:
    """Statements of one file; the choices of its writer come from ``random``."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.statements: list[Statement] = []
        self.depth = 0

    def __call__(self, right: str, *wrong: Wrong) -> None:
        self.statements.append(Statement(self.depth, right, wrong))

    @contextmanager
    def block(self, header: str, *wrong: Wrong) -> Iterator[None]:
        """The statements within are indented under ``header``."""
        self(header, *wrong)
        self.depth += 1
        yield
        self.depth -= 1

    @contextmanager
    def function(self, header: str) -> Iterator[None]:
        """A function at the top of the file, two blank lines before it."""
        self("\n\n")
        with self.block(header):
            yield

    def pick(self, *choices: Any) -> Any:
        return self.random.choice(choices)

    def maybe(self, share: float = 0.5) -> bool:
        return self.random.random() < share

    def remark(self, *texts: str) -> None:
        """One of these comments, or none."""
        if self.maybe(0.4):
            self(f"# {self.pick(*texts)}")

    def right(self, name: str) -> Case:
        return Case(name, self._text({}))

    def mutants(self, name: str) -> Iterator[Case]:
        """Every file with one mistake."""
        for place, statement in enumerate(self.statements):
            for code, text in statement.wrong:
                written = self._written_before(place) if text is OMITTED else place
                before = Sheet(0)
                before.statements = self.statements[:written]
                line = before._text({}).count("\n") + 1
                if text is not OMITTED:
                    line += _lines_in_common(statement.right, text)
                label = code + ("-omitted" if text is OMITTED else "")
                yield Case(f"{name}!{label}", self._text({place: text}), code, line)

    def _written_before(self, place: int) -> int:
        """The last statement before this one that assigns to the same name."""
        name = re.match(r"\w+", self.statements[place].right)[0]
        target = re.compile(rf"(.*, )?{name}\b.*[^=]=[^=]")
        earlier = range(place - 1, -1, -1)
        return next(k for k in earlier if target.match(self.statements[k].right))

    def _text(self, instead: Mapping[int, str | None]) -> str:
        parts = []
        for place, statement in enumerate(self.statements):
            text = instead.get(place, statement.right)
            if text is OMITTED:
                continue
            # A statement of newlines only is that many blank lines.
            text = text if text.strip() else text[1:]
            parts.append(textwrap.indent(text, "    " * statement.depth) + "\n")
        return "".join(parts)


def called(functions: Mapping[str, Any], arrays: Arrays) -> dict[str, Any]:
    """The claimed gradients at copies of ``arrays``."""
    with np.errstate(all="ignore"):
        claimed = functions["gradient"](**{k: np.copy(v) for k, v in arrays.items()})
    return {k: v if v is None else np.copy(v) for k, v in claimed.items()}


def differences(functions: Mapping[str, Any], arrays: Arrays, name: str, step: float) -> np.ndarray:
    """Central differences of fourth order of the loss by ``arrays[name]``."""
    point = {k: np.array(v, copy=True) for k, v in arrays.items()}
    value = point[name]
    slope = np.zeros(value.shape)
    for index in np.ndindex(value.shape):
        kept = value[index]
        for steps, weight in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
            value[index] = kept + steps * step
            slope[index] += weight * functions["loss"](**point) / (12 * step)
        value[index] = kept
    return slope


def distance(claimed: Any, true: np.ndarray) -> float:
    """Relative in the norm; infinite where they cannot be compared."""
    claimed = np.asarray(claimed)
    if claimed.shape != true.shape or not np.all(np.isfinite(claimed)):
        return np.inf
    size = float(np.linalg.norm(true))
    return float(np.linalg.norm(claimed - true)) / max(size, 1e-3)


def truth(case: Case) -> dict[str, np.ndarray] | None:
    """The gradients of a right file, confirmed by central differences to 1e-6.

    None where the loss itself has no clear slope: differences of two steps disagree, as beside a
    kink.

    Raises
    ------
    AssertionError
        The file is not right.
    """
    functions = case.functions()
    arrays = functions["example"]()
    gradients = called(functions, arrays)
    for name, gradient in gradients.items():
        slope = differences(functions, arrays, name, 1e-4)
        error = distance(gradient, slope)
        if error < 1e-6:
            continue
        if distance(differences(functions, arrays, name, 1e-5), slope) > 1e-7:
            return None
        raise AssertionError(f"{case.name}: {name} is off by {error:.1e}\n{case.source}")
    return gradients


def confirmed(case: Case, true: Mapping[str, np.ndarray]) -> Case | None:
    """The mutant with the code its gradients bear out; None where the mistake has no effect."""
    functions = case.functions()
    arrays = functions["example"]()
    try:
        first = called(functions, arrays)
        second = called(functions, arrays)
    except (ValueError, IndexError, TypeError):
        return None
    given = {name: first.get(name) for name in true}
    errors = {k: np.inf if v is None else distance(v, true[k]) for k, v in given.items()}
    wrong = max(errors.values()) > 1e-3
    code = case.code
    if not HYGIENE & set(code.split("|")):
        if any(v is not None and v.shape != true[k].shape for k, v in given.items()):
            return replace(case, code=f"G101|{code}")
        if not wrong or not np.isfinite(max(errors.values())):
            return None
        doubled = all(
            min(distance(given[k], factor * true[k]) for factor in (0.5, 2.0)) < 1e-9
            for k in true
            if errors[k] > 1e-9
        )
        return replace(case, code="G203|G204") if doubled and code == "G203" else case
    if "G104" in code:
        touched = {k: np.copy(v) for k, v in arrays.items()}
        functions["gradient"](**touched)
        wrong = any(not np.array_equal(touched[k], arrays[k]) for k in arrays)
    elif "G105" in code or "G106" in code:
        wrong = any(distance(second[k], first[k]) > 1e-3 for k in true)
    elif "G103" in code:
        wrong = any(not np.all(np.isfinite(v)) for v in given.values())
    elif "G101" in code:
        wrong = any(v.shape != true[k].shape for k, v in given.items())
    return case if wrong else None
