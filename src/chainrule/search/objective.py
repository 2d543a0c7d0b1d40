"""Objectives: what a search calls for each trial, named so that every process can load it."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from chainrule.search.errors import SearchError

__all__ = ["Call", "Loaded", "Objective", "batched"]

Function = TypeVar("Function", bound=Callable[..., Any])
#: Trials of one shape that are given to a batched objective at once, unless it says otherwise.
BATCH = 64


def batched(*, same: Sequence[str] = (), size: int = BATCH) -> Callable[[Function], Function]:
    """Declare that a function takes many configurations at once.

    It is called with a list of configurations, and with `seeds` (a list) and the budget if its
    signature names them, and returns as many results, each what an objective returns; one that is
    an exception fails its trial alone.

    Parameters
    ----------
    same : sequence of str
        Those of these that are axes must agree within a batch, such as the width of a network.
    size : int
        The largest batch.

    Returns
    -------
    callable
        A decorator, which returns the function.

    Raises
    ------
    ValueError
        The size is not a whole number of at least 1.

    Examples
    --------
    >>> @batched(same=["width"])
    ... def losses(configurations, seeds):
    ...     return [each["rate"] ** 2 for each in configurations]
    """
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise ValueError(f"size is {size!r}; expected a whole number of at least 1.")

    def declare(function: Function) -> Function:
        function.batched = True  # type: ignore[attr-defined]
        function.same, function.size = tuple(same), size  # type: ignore[attr-defined]
        return function

    return declare


@dataclass(frozen=True)
class Call:
    """What an objective is given for one trial.

    Attributes
    ----------
    parameters : dict
    seed : int
    budget : float or None
    key : str
        Names the trial within its search.
    """

    parameters: Mapping[str, Any]
    seed: int
    budget: float | None
    key: str


@dataclass(frozen=True)
class Loaded:
    """An objective in the process that calls it.

    Attributes
    ----------
    call : callable
        From a list of `Call` to as many returned values.
    same : tuple of str
    size : int
        The largest list; 1 unless the objective is batched.
    """

    call: Callable[[Sequence[Call]], Sequence[Any]]
    same: tuple[str, ...] = ()
    size: int = 1


@dataclass(frozen=True)
class Objective:
    """The name of an objective.

    Attributes
    ----------
    kind : {"function", "experiment", "callable"}
    target : str or callable
        ``module:function`` or ``path/file.py:function``; an experiment's name; or the callable,
        which other processes must be able to import.
    settings : tuple of (name, value)
        For a function, arguments that are the same for every trial. For an experiment: preset,
        data, data_directory, and output, the folder of its runs.
    folder : str
        Where modules and files are looked for first.
    budget : str
        The argument or parameter that takes the budget of successive halving.
    names : tuple of str
        The axes, which become its arguments.
    """

    kind: str
    target: Any
    settings: tuple[tuple[str, Any], ...] = ()
    folder: str = "."
    budget: str = "budget"
    names: tuple[str, ...] = field(default=())

    def load(self) -> Loaded:
        """Return the objective, loaded once per process.

        Raises
        ------
        SearchError
            If it cannot be imported, or does not take the names of the axes.
        """
        return _load(self)

    @property
    def title(self) -> str:
        """What to call it."""
        name = getattr(self.target, "__qualname__", None)
        return f"{self.target.__module__}:{name}" if name else str(self.target)


@cache
def _load(objective: Objective) -> Loaded:
    if objective.kind == "experiment":
        from chainrule.search.experiment_objective import load_experiment

        return load_experiment(objective)
    function = objective.target
    if objective.kind == "function":
        function = _import(objective.target, objective.folder)
    fixed = dict(objective.settings)
    if getattr(function, "batched", False):
        wanted = _accepted(function, {"seeds", objective.budget})
        _check_signature(objective, function, [[]], dict.fromkeys(wanted) | fixed)

        def call_batch(calls: Sequence[Call]) -> Sequence[Any]:
            offered = {
                "seeds": [call.seed for call in calls],
                objective.budget: calls[0].budget,
            }
            given = {name: offered[name] for name in wanted}
            returned = function([dict(call.parameters) for call in calls], **given, **fixed)
            if not isinstance(returned, Sequence) and not hasattr(returned, "tolist"):
                raise TypeError(
                    f"the batched objective returned a {type(returned).__name__}; expected a list"
                )
            if len(returned) != len(calls):
                raise ValueError(
                    f"the batched objective returned {len(returned)} results for {len(calls)} "
                    "configurations"
                )
            return returned

        return Loaded(call_batch, tuple(function.same), int(function.size))
    wanted = _accepted(function, {"seed", objective.budget}) - set(objective.names)
    _check_signature(objective, function, [], dict.fromkeys({*objective.names, *wanted}) | fixed)

    def call_one(calls: Sequence[Call]) -> Sequence[Any]:
        (call,) = calls
        offered = {"seed": call.seed, objective.budget: call.budget}
        given = {name: offered[name] for name in wanted}
        return [function(**call.parameters, **given, **fixed)]

    return Loaded(call_one)


def _import(target: str, folder: str) -> Callable[..., Any]:
    """Return the function that ``module:function`` or ``file.py:function`` names."""
    place, colon, name = target.replace("::", ":").rpartition(":")
    if not colon or not place or not name:
        raise SearchError(
            f"The objective {target!r} is not of the form module:function or file.py:function."
        )
    try:
        _look_first_in(folder)
        if place.endswith(".py"):
            module = _module_of_file(place, folder)
        else:
            module = importlib.import_module(place)
    except SearchError:
        raise
    except (Exception, SystemExit) as error:
        raise SearchError(
            f"The objective {target!r} cannot be imported: {type(error).__name__}: "
            f"{str(error).rstrip('.')}."
        ) from error
    function: Any = module
    for part in name.split("."):
        function = getattr(function, part, None)
    if not callable(function):
        raise SearchError(f"There is no function {name!r} in {place}.")
    found: Callable[..., Any] = function
    return found


def _module_of_file(place: str, folder: str) -> Any:
    path = (Path(folder) / place).resolve()
    if not path.is_file():
        raise SearchError(f"There is no file {path} for the objective.")
    # Under its own name, so that what the file defines can be found again, as by pickle.
    name = path.stem
    loaded = sys.modules.get(name)
    if loaded is not None:
        if Path(getattr(loaded, "__file__", None) or "").resolve() == path:
            return loaded
        name = f"objective_{name}"
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    _look_first_in(str(path.parent))
    try:
        specification.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _look_first_in(folder: str) -> None:
    """Let modules be found in a folder, now and by what they import later."""
    path = str(Path(folder).resolve())
    if path not in sys.path:
        sys.path.insert(0, path)
    importlib.invalidate_caches()


def _accepted(function: Callable[..., Any], names: set[str]) -> set[str]:
    """Return those of `names` that a function has as parameters."""
    try:
        return names & set(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return set()


def _check_signature(
    objective: Objective, function: Callable[..., Any], given: list[Any], named: dict[str, Any]
) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*given, **named)
    except TypeError as error:
        raise SearchError(
            f"The objective {objective.title} does not take what it is given: "
            f"{str(error).rstrip('.')}. Its "
            f"parameters are {signature}; the axes are {', '.join(objective.names)}."
        ) from None
