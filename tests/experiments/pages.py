"""Running an experiment for a test, and what every page of results is held to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chainrule.experiments.experiment import Experiment
from chainrule.experiments.runner import run_experiment


def claims_of(experiment: Experiment, directory: Path, **arguments: Any) -> dict[str, dict]:
    """The claims of a run by name."""
    result = run_experiment(experiment, output=directory, **arguments).result
    return {claim["id"]: claim for claim in result["claims"]}


def not_held(claims: dict[str, dict]) -> list[str]:
    """The names of the claims that did not hold, or were not decided."""
    return [name for name, claim in claims.items() if claim["holds"] is not True]
