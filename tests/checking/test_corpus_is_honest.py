"""The blind corpora judged by central differences alone: right is right, every mistake shows."""

from __future__ import annotations

import copy
import inspect
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from typing import Any

import numpy as np
import pytest
from tests.checking.corpus.blind import blind
from tests.checking.corpus.blind_held import held
from tests.checking.corpus.case import Case
from tests.checking.corpus.courses import courses
from tests.checking.corpus.fresh import fresh
from tests.checking.corpus.handed_in import handed_in, handed_in_kept
from tests.checking.corpus.unseen import seen_since, unseen

BLIND = [*blind(), *held(), *fresh(), *seen_since(), *unseen()]
CASES = [*courses(), *BLIND]
HANDED_IN = [*handed_in(), *handed_in_kept()]


def programs(cases: list[Case]) -> dict[str, list[Case]]:
    """The files of each program, the right one first."""
    by_program = groupby(cases, key=lambda case: case.name.split("/")[0])
    return {name: list(files) for name, files in by_program}


OTHERS = programs(CASES)
PROGRAMS = {**OTHERS, **programs(HANDED_IN)}
STEP = 1e-5
TOLERANCE = 1e-6


Path = tuple[Any, ...]


def leaves(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The arrays in dicts, lists and tuples, each with the keys that lead to it."""
    if isinstance(tree, dict | list | tuple):
        for key, part in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from leaves(part, (*path, key))
    else:
        yield path, tree


def replaced(tree: Any, path: Path, value: Any) -> Any:
    """A tree with another value at a path; the tree itself stays as it is."""
    if not path:
        return value
    parts = dict(tree) if isinstance(tree, dict) else list(tree)
    parts[path[0]] = replaced(tree[path[0]], path[1:], value)
    return parts


def functions_of(case: Case) -> dict[str, Any]:
    """The file's functions, with arguments and gradients by name where they come in order."""
    functions = case.functions()
    example, gradient = functions["example"](), functions["gradient"]
    names = list(inspect.signature(functions["loss"]).parameters)
    arguments = example if isinstance(example, dict) else dict(zip(names, example, strict=True))
    parameter, first = next(iter(arguments.items()))

    def named(**given: Any) -> dict[str, Any]:
        result = gradient(**given)
        if isinstance(result, dict):
            return result if set(result) <= set(arguments) else {parameter: result}
        nested = isinstance(first, list | tuple) and isinstance(first[0], list | tuple | dict)
        flat = isinstance(result, list | tuple) and not isinstance(result[0], list | tuple | dict)
        whole = nested or (isinstance(first, list | tuple) and flat)
        if whole or not isinstance(result, list | tuple):
            return {parameter: result}
        return dict(zip(arguments, result, strict=False))

    return {**functions, "example": lambda: arguments, "gradient": named}


def inputs(case: Case) -> dict[str, Any]:
    """The file's example; its own arrays, to be changed at will."""
    example: dict[str, Any] = copy.deepcopy(functions_of(case)["example"]())
    for path, value in list(leaves(example)):
        example = replaced(example, path, np.array(value))
    return example


@cache
def differences(name: str) -> dict[Path, np.ndarray]:
    """Central differences of a program's loss for each parameter that its right file returns."""
    case = PROGRAMS[name][0]
    functions, arrays = functions_of(case), inputs(case)
    at = dict(leaves(arrays))
    slopes = {}
    for path, _ in leaves(functions["gradient"](**inputs(case))):
        value = at[path].astype(float)
        moved = replaced(arrays, path, value)
        slopes[path] = np.zeros(value.shape)
        for index in np.ndindex(value.shape):
            kept = value[index]
            value[index] = kept + STEP
            above = functions["loss"](**moved)
            value[index] = kept - STEP
            below = functions["loss"](**moved)
            value[index] = kept
            slopes[path][index] = (above - below) / (2 * STEP)
    return slopes


def faults(case: Case, least: float = 0.0) -> list[str]:
    """What is wrong with a file's gradient on its own example, seen from outside.

    A difference below ``least`` of the larger of claim and truth does not count.
    """
    true = differences(case.name.split("/")[0])
    functions, arrays = functions_of(case), inputs(case)
    before = copy.deepcopy(arrays)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        first = dict(leaves(copy.deepcopy(functions["gradient"](**arrays))))
        second = dict(leaves(functions["gradient"](**copy.deepcopy(before))))
    kept = dict(leaves(before))
    found = [
        f"{path} changed" for path, value in leaves(arrays) if not np.array_equal(value, kept[path])
    ]
    for path, slope in true.items():
        claimed = first.get(path)
        if claimed is None:
            found.append(f"{path} missing")
        elif np.shape(claimed) != slope.shape:
            found.append(f"{path} has shape {np.shape(claimed)}, not {slope.shape}")
        elif not np.isfinite(claimed).all():
            found.append(f"{path} is not finite")
        elif (off := np.abs(claimed - slope).max()) > TOLERANCE * max(1.0, np.abs(slope).max()):
            larger = max(np.linalg.norm(claimed), np.linalg.norm(slope))
            if off > least * larger:
                found.append(f"{path} differs")
        elif not np.allclose(second[path], claimed, rtol=1e-12, atol=0):
            found.append(f"{path} differs at the second call")
    return found


def loss(case: Case) -> float:
    """The loss at the file's example."""
    return float(np.squeeze(case.functions()["loss"](**inputs(case))))


@pytest.mark.parametrize("files", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_a_file_is_wrong_exactly_when_it_says_so(files: list[Case]) -> None:
    true = loss(files[0])  # in a few files that are handed in the mistake is in the loss
    found = {case.name: faults(case) or ["loss"] * (loss(case) != true) for case in files}
    assert {name for name, wrong in found.items() if wrong} == {
        case.name for case in files if case.code
    }, found


@pytest.mark.parametrize("files", OTHERS.values(), ids=OTHERS.keys())
def test_all_files_of_a_program_have_its_loss(files: list[Case]) -> None:
    losses = {case.name: loss(case) for case in files}
    assert len(set(losses.values())) == 1, losses


@pytest.mark.parametrize("files", OTHERS.values(), ids=OTHERS.keys())
def test_a_mistake_stands_alone_on_its_line(files: list[Case]) -> None:
    right = files[0].source.splitlines()
    # What is left out, or stands a line later, moves the lines after it.
    for case in filter(lambda case: case.code and "/=" not in case.name, files):
        pairs = zip(case.source.splitlines(), right, strict=True)
        changed = [number for number, (mine, its) in enumerate(pairs, start=1) if mine != its]
        assert changed == [case.line], case.name


@pytest.mark.parametrize("case", [case for case in BLIND if case.code], ids=lambda case: case.name)
def test_a_mistake_of_the_blind_files_is_no_matter_of_digits(case: Case) -> None:
    assert faults(case, least=1e-3)


def test_codes_are_well_formed_and_names_unique() -> None:
    every = [*CASES, *HANDED_IN]
    assert max(Counter(case.name for case in every).values()) == 1
    for case in every:
        assert re.fullmatch(r"(G\d{3}(\|G\d{3})*)?", case.code), case.name


@pytest.mark.parametrize(
    ("cases", "files", "mistakes", "right"),
    [(CASES, 110, 640, 290), (BLIND, 80, 530, 250), (HANDED_IN, 60, 640, 180)],
)
def test_the_corpora_are_large(cases: list[Case], files: int, mistakes: int, right: int) -> None:
    assert len(programs(cases)) >= files
    assert sum(bool(case.code) for case in cases) >= mistakes
    assert sum(not case.code for case in cases) >= right
