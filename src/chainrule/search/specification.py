"""A search written down in a TOML file: its objective, space, strategy and execution."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chainrule.reporting.files import refuse_links
from chainrule.search.errors import SearchError
from chainrule.search.halving import Halving
from chainrule.search.objective import Objective
from chainrule.search.searching import Execution, Search
from chainrule.search.space import Axis, Categorical, Continuous, Integer, Space
from chainrule.search.strategies import LIMIT, plan_search

__all__ = ["STORE", "Specification", "read_specification"]

#: The file of the trials in the folder of a search, and the folder of an experiment's runs.
STORE, RUNS = "trials.sqlite", "runs"

TABLES = ("objective", "space", "search", "halving", "execution")
AXIS_KINDS = {"continuous": Continuous, "integer": Integer, "categorical": Categorical}


@dataclass(frozen=True)
class Specification:
    """What a specification says.

    Attributes
    ----------
    path : Path
    search : Search
    execution : Execution
    """

    path: Path
    search: Search
    execution: Execution


def read_specification(path: Path, output: Path, **overrides: Any) -> Specification:
    """Return the search that a TOML file describes.

    Parameters
    ----------
    path : Path
    output : Path
        The folder of the search.
    overrides : executor, workers, scheduler, time_limit
        Used instead of what the file says, where not None.

    Raises
    ------
    SearchError
        If the file cannot be read, or something in it is missing, unknown or out of range; the
        message begins with the file and the table.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise SearchError(f"Cannot read {path}: it is not a file. Give a TOML file.")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise SearchError(f"Cannot read {path}: {reason.lower()}. Give a TOML file.") from error
    except tomllib.TOMLDecodeError as error:
        raise SearchError(f"{path} is not TOML: {error}.") from error
    except RecursionError:
        raise SearchError(f"{path} is nested too deeply to be a search.") from None
    try:
        return _specification(path, output, content, overrides)
    except SearchError as error:
        raise SearchError(f"{path}: {error}") from error


def _specification(
    path: Path, output: Path, content: Mapping[str, Any], overrides: Mapping[str, Any]
) -> Specification:
    _known("the file", content, TABLES)
    for name in TABLES:
        if not isinstance(content.get(name, {}), dict):
            raise SearchError(f"[{name}] is {content[name]!r}; expected a table.")
    for name in ("objective", "space"):
        if name not in content:
            raise SearchError(f"There is no table [{name}]; every search needs one.")
    space = Space(tuple(_axis(name, given) for name, given in content["space"].items()))
    settings = dict(content.get("search", {}))
    _known("[search]", settings, ("strategy", "budget", "epsilon", "points", "seed", "limit"))
    if "strategy" not in settings:
        settings["strategy"] = "grid" if "points" in settings else "cover"
    limit = settings.pop("limit", LIMIT)
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise SearchError(f"The limit is {limit!r}; expected a number of trials of at least 1.")
    plan = plan_search(space, limit=limit, **settings)
    objective, metric, goal = _objective(path, output, content["objective"], space)
    halving = None
    if "halving" in content:
        given = content["halving"]
        _known("[halving]", given, ("minimum", "maximum", "factor"))
        if not {"minimum", "maximum"} <= set(given):
            raise SearchError("[halving] needs minimum and maximum, the budgets.")
        halving = Halving(**given)
    search = Search(
        objective, space, plan, output / STORE, metric, goal, settings.get("seed", 0), halving
    )
    chosen = dict(content.get("execution", {}))
    _known("[execution]", chosen, ("executor", "workers", "scheduler", "time_limit"))
    chosen |= {name: value for name, value in overrides.items() if value is not None}
    return Specification(path, search, Execution(**chosen))


def _axis(name: str, given: Any) -> Axis:
    """Return an axis from its table, or from a list of choices."""
    if isinstance(given, list):
        return Categorical(name, tuple(given))
    where = f"[space.{name}]"
    if not isinstance(given, dict):
        raise SearchError(f"{where} is {given!r}; expected a table with low and high, or choices.")
    _known(where, given, ("type", "low", "high", "scale", "choices"))
    if "choices" in given:
        if set(given) - {"choices", "type"} or given.get("type", "categorical") != "categorical":
            raise SearchError(f"{where} has choices; then it has no low, high or scale.")
        return Categorical(name, given["choices"])
    if not {"low", "high"} <= set(given):
        raise SearchError(f"{where} needs low and high, or choices.")
    low, high = given["low"], given["high"]
    whole = all(isinstance(end, int) and not isinstance(end, bool) for end in (low, high))
    kind = given.get("type", "integer" if whole else "continuous")
    if kind not in ("continuous", "integer"):
        raise SearchError(f"{where} has type {kind!r}; choose continuous or integer, or choices.")
    made: Axis = AXIS_KINDS[kind](name, low, high, given.get("scale", "linear"))
    return made


def _objective(
    path: Path, output: Path, given: Mapping[str, Any], space: Space
) -> tuple[Objective, str | None, str]:
    """Return the objective, its metric and its goal."""
    common = ("metric", "goal", "budget")
    metric, goal = given.get("metric"), given.get("goal", "minimise")
    if metric is not None and not isinstance(metric, str):
        raise SearchError(f"[objective] has metric = {metric!r}; expected a name.")
    budget = given.get("budget", "budget")
    names, folder = tuple(space.names), str(path.parent.resolve())
    if ("function" in given) == ("experiment" in given):
        raise SearchError("[objective] needs either function or experiment, and not both.")
    for name in ("function", "experiment", "budget"):
        if not isinstance(given.get(name, ""), str):
            raise SearchError(f"[objective] has {name} = {given[name]!r}; expected a text.")
    if "function" in given:
        _known("[objective]", given, (*common, "function", "arguments"))
        arguments = given.get("arguments", {})
        if not isinstance(arguments, dict) or set(arguments) & set(names):
            raise SearchError(
                "[objective] needs arguments to be a table of names that no axis has."
            )
        settings = tuple((name, _frozen(value)) for name, value in arguments.items())
        objective = Objective("function", given["function"], settings, folder, budget, names)
    else:
        _known("[objective]", given, (*common, "experiment", "preset", "data", "data_directory"))
        if metric is None:
            raise SearchError("[objective] needs a metric: which of the experiment's values it is.")
        chosen = [
            (name, given[name]) for name in ("preset", "data", "data_directory") if name in given
        ]
        refuse_links([output / RUNS], SearchError)
        chosen.append(("output", str((output / RUNS).resolve())))
        objective = Objective(
            "experiment", given["experiment"], tuple(chosen), folder, budget, names
        )
    return objective, metric, goal


def _frozen(value: Any) -> Any:
    """Return a value that can be a key: lists become tuples."""
    if isinstance(value, list):
        return tuple(_frozen(each) for each in value)
    if isinstance(value, dict):
        raise SearchError(
            "[objective] has a table among its arguments; use texts, numbers or lists."
        )
    return value


def _known(where: str, given: Iterable[str], names: Iterable[str]) -> None:
    """Refuse a name that means nothing there, with the nearest that does."""
    names = tuple(names)
    for name in given:
        if name not in names:
            close = difflib.get_close_matches(name, names, 1)
            hint = f" Did you mean {close[0]!r}?" if close else f" It takes {', '.join(names)}."
            raise SearchError(f"{where} has {name!r}, which means nothing here.{hint}")
