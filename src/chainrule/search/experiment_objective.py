"""An experiment as an objective: each trial is a run of it, in a folder of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chainrule.experiments import registry
from chainrule.experiments.experiment import ExperimentError
from chainrule.experiments.runner import run_experiment
from chainrule.reporting.files import refuse_links
from chainrule.search.errors import SearchError
from chainrule.search.objective import Call, Loaded, Objective

__all__ = ["load_experiment"]


def load_experiment(objective: Objective) -> Loaded:
    """Return an objective that runs an experiment and returns the numbers among its values.

    An interrupted trial continues in its folder, as every run does.

    Raises
    ------
    SearchError
        If the experiment, a parameter that an axis names, or an extra does not exist.
    """
    settings = dict(objective.settings)
    try:
        experiment = registry.get(objective.target)
        for name in objective.names:
            experiment.parameter(name)
        missing = registry.missing_extras(experiment)
        experiment.resolve(settings.get("preset", "quick"), {})
    except ExperimentError as error:
        raise SearchError(str(error)) from error
    if missing:
        raise SearchError(
            f"Experiment {experiment.name!r} needs pip install 'chainrule[{','.join(missing)}]'."
        )
    output = Path(settings["output"])

    def call(calls: Sequence[Call]) -> Sequence[Any]:
        (one,) = calls
        refuse_links([output / one.key], SearchError)
        parameters = dict(one.parameters)
        if one.budget is not None:
            kind = experiment.parameter(objective.budget).kind
            parameters[objective.budget] = kind(one.budget)
        outcome = run_experiment(
            experiment,
            preset=settings.get("preset", "quick"),
            data=settings.get("data", "embedded"),
            data_directory=settings.get("data_directory"),
            seed=one.seed,
            settings=parameters,
            output=output / one.key,
        )
        return [
            {
                name: value
                for name, value in outcome.result["values"].items()
                if isinstance(value, (int, float)) and not isinstance(value, bool)
            }
        ]

    return Loaded(call)
