"""One call of a submission's function: fresh copies in, values and observations out."""

from __future__ import annotations

import copy
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from .guards import TookTooLong
from .statements import described


class MissingName(Exception):
    """The submission does not define what the exercise asks for."""


class Work:
    """A submission's names: ``work["QuadraticCost.fx"]``.

    Parameters
    ----------
    module : module
    oracle : callable
        ``oracle(name, arguments)`` gives the right value of an earlier part's function.
    """

    def __init__(
        self, module: types.ModuleType, oracle: Callable[[str, tuple[Any, ...]], Any] | None = None
    ) -> None:
        self._module, self._oracle = module, oracle

    def __getitem__(self, name: str) -> Any:
        found: Any = self._module
        for part in name.split("."):
            if not hasattr(found, part):
                raise MissingName(name)
            found = getattr(found, part)
        return found

    def replace(self, names: list[str]) -> None:
        """Put right functions in the place of the submission's, for the parts built on them."""
        for name in names:
            holder, _, last = name.rpartition(".")
            try:
                owner = self[holder] if holder else self._module
            except MissingName:
                # Then the part itself says so.
                continue
            setattr(owner, last, staticmethod(self._right(name)) if holder else self._right(name))

    def _right(self, name: str) -> Callable[..., Any]:
        def right(*arguments: Any) -> Any:
            if self._oracle is None:
                raise MissingName(name)
            return self._oracle(name, arguments)

        return right


def perform(driver: dict[str, Any], work: Work, job: dict[str, Any]) -> dict[str, Any]:
    """Run one call of an exercise.

    Parameters
    ----------
    driver : dict
        The functions of the exercise's ``calls.py``.
    work : Work
    job : dict
        ``call``: a function of the driver, or empty to call ``names`` directly; ``inputs``.

    Returns
    -------
    dict
        ``values`` by name, ``errors`` by name, and the names of inputs that were ``changed`` or
        ``shared`` with a value.
    """
    inputs = job["inputs"]
    given = copy.deepcopy(inputs)
    values: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    # What a submission draws must not depend on what ran before it.
    np.random.seed(job["seed"])  # noqa: NPY002
    if job["call"]:
        values = driver[job["call"]](work, **given)
        if not isinstance(values, dict):
            values = {"value": values}
    else:
        for name in job["names"]:
            try:
                values[name] = work[name](*given.values())
            except TookTooLong:
                raise
            except Exception as error:
                errors[name] = described(error)
    return {
        "values": values,
        "errors": errors,
        "changed": [name for name in inputs if not _same(inputs[name], given[name])],
        "shared": sorted(
            {f"{v} {i}" for v, a in values.items() for i, b in given.items() if _shared(a, b)}
        ),
    }


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, dict) and isinstance(after, dict):
        return list(before) == list(after) and all(_same(before[k], after[k]) for k in before)
    if isinstance(before, list | tuple) and isinstance(after, list | tuple):
        return len(before) == len(after) and all(map(_same, before, after))
    if isinstance(before, np.ndarray) and isinstance(after, np.ndarray):
        return before.shape == after.shape and before.tobytes() == after.tobytes()
    return bool(type(before) is type(after) and before == after)


def _shared(value: Any, given: Any) -> bool:
    if isinstance(value, dict | list | tuple):
        inner = value.values() if isinstance(value, dict) else value
        return any(_shared(each, given) for each in inner)
    if isinstance(given, dict | list | tuple):
        inner = given.values() if isinstance(given, dict) else given
        return any(_shared(value, each) for each in inner)
    if isinstance(value, np.ndarray) and isinstance(given, np.ndarray) and value.size:
        return bool(np.may_share_memory(value, given))
    return False
