"""The blind corpus judged by central differences alone: right is right, every mistake shows."""

from __future__ import annotations

import copy
import re
import warnings
from collections import Counter
from functools import cache
from itertools import groupby
from typing import Any

import numpy as np
import pytest
from tests.checking.corpus.case import Case
from tests.checking.corpus.courses import courses

CASES = list(courses())
PROGRAMS = {
    name: list(files) for name, files in groupby(CASES, key=lambda case: case.name.split("/")[0])
}
STEP = 1e-5
TOLERANCE = 1e-6


def inputs(case: Case) -> dict[str, np.ndarray]:
    """The file's example; its own arrays, to be changed at will."""
    return {name: np.array(value) for name, value in case.functions()["example"]().items()}


@cache
def differences(name: str) -> dict[str, np.ndarray]:
    """Central differences of a program's loss for each parameter that its right file returns."""
    case = PROGRAMS[name][0]
    functions, arrays = case.functions(), inputs(case)
    slopes = {}
    for key in functions["gradient"](**inputs(case)):
        value = arrays[key] = arrays[key].astype(float)
        slopes[key] = np.zeros(value.shape)
        for index in np.ndindex(value.shape):
            kept = value[index]
            value[index] = kept + STEP
            above = functions["loss"](**arrays)
            value[index] = kept - STEP
            below = functions["loss"](**arrays)
            value[index] = kept
            slopes[key][index] = (above - below) / (2 * STEP)
    return slopes


def faults(case: Case) -> list[str]:
    """What is wrong with a file's gradient on its own example, seen from outside."""
    true = differences(case.name.split("/")[0])
    functions, arrays = case.functions(), inputs(case)
    before = copy.deepcopy(arrays)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        first: dict[str, Any] = copy.deepcopy(functions["gradient"](**arrays))
        second = functions["gradient"](**copy.deepcopy(before))
    found = [f"{key} changed" for key in arrays if not np.array_equal(arrays[key], before[key])]
    for key, slope in true.items():
        claimed = first.get(key)
        if claimed is None:
            found.append(f"{key} missing")
        elif np.shape(claimed) != slope.shape:
            found.append(f"{key} has shape {np.shape(claimed)}, not {slope.shape}")
        elif not np.abs(claimed - slope).max() <= TOLERANCE * max(1.0, np.abs(slope).max()):
            found.append(f"{key} differs")
        elif not np.allclose(second[key], claimed, rtol=1e-12, atol=0):
            found.append(f"{key} differs at the second call")
    return found


@pytest.mark.parametrize("files", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_a_file_is_wrong_exactly_when_it_says_so(files: list[Case]) -> None:
    found = {case.name: faults(case) for case in files}
    assert {name for name, wrong in found.items() if wrong} == {
        case.name for case in files if case.code
    }, found


@pytest.mark.parametrize("files", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_all_files_of_a_program_have_its_loss(files: list[Case]) -> None:
    losses = {case.name: float(case.functions()["loss"](**inputs(case))) for case in files}
    assert len(set(losses.values())) == 1, losses


@pytest.mark.parametrize("files", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_a_mistake_stands_alone_on_its_line(files: list[Case]) -> None:
    right = files[0].source.splitlines()
    for case in filter(lambda case: case.code, files):
        pairs = zip(case.source.splitlines(), right, strict=True)
        changed = [number for number, (mine, its) in enumerate(pairs, start=1) if mine != its]
        assert changed == [case.line], case.name


def test_codes_are_well_formed_and_names_unique() -> None:
    assert max(Counter(case.name for case in CASES).values()) == 1
    for case in CASES:
        assert re.fullmatch(r"(G\d{3}(\|G\d{3})*)?", case.code), case.name


def test_the_corpus_is_large() -> None:
    assert len(PROGRAMS) >= 30
    assert sum(bool(case.code) for case in CASES) >= 110
    assert sum(not case.code for case in CASES) >= 40
