"""Experiments are found by name, quickly, and a wrong name is met with the nearest one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.experiments.tiny import CRASHING, ENVIRONMENT, NEEDY, OFFLINE, TINY

from chainrule.experiments import registry
from chainrule.experiments.batch import run_every_experiment
from chainrule.experiments.experiment import Experiment, ExperimentError
from chainrule.reporting.terminal import Terminal


@pytest.fixture
def only_tiny_ones(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "MODULES", {})
    experiments = (TINY, CRASHING, NEEDY, OFFLINE)
    for experiment in experiments:
        registry.register(experiment)
    yield
    for experiment in experiments:
        registry.unregister(experiment.name)


@pytest.mark.parametrize("name", registry.MODULES)
def test_every_module_of_the_table_holds_the_experiment_of_its_name(name: str) -> None:
    experiment = registry.get(name)
    assert isinstance(experiment, Experiment)
    assert experiment.name == name
    assert set(experiment.needs) <= set(registry.EXTRAS)


def test_an_experiment_can_be_added_replaced_and_taken_back() -> None:
    registry.register(TINY)
    assert "tiny" in registry.names()
    other = registry.register(replace(TINY, title="Another"))
    assert registry.get("tiny") is other
    assert registry.names().count("tiny") == 1
    registry.unregister("tiny")
    assert "tiny" not in registry.names()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("digits-3-v-9", "Did you mean 'digits-3-vs-9'?"),
        ("zzz", "There is no experiment 'zzz'. `chainrule list`"),
    ],
)
def test_an_unknown_name_is_met_with_the_nearest(name: str, words: str) -> None:
    with pytest.raises(ExperimentError) as caught:
        registry.get(name)
    assert words in str(caught.value)


def test_listing_imports_nothing_heavy() -> None:
    program = (
        "import json, sys, chainrule.cli; chainrule.cli.main(['list']);"
        "print(json.dumps(sorted(name.split('.')[0] for name in sys.modules)))"
    )
    process = subprocess.run(
        [sys.executable, "-c", program], text=True, capture_output=True, check=True, env=ENVIRONMENT
    )
    loaded = set(json.loads(process.stdout.splitlines()[-1]))
    assert not loaded & {"torch", "matplotlib", "sklearn", "scipy", "pooch", "jinja2"}


@pytest.mark.usefixtures("only_tiny_ones")
def test_every_experiment_is_run_whatever_happens_to_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    attempts = {
        attempt.name: attempt
        for attempt in run_every_experiment(
            tmp_path,
            preset="quick",
            data="real",
            data_directory=None,
            seed=0,
            fresh=False,
            terminal=Terminal(),
        )
    }
    assert list(attempts) == ["tiny", "crashing", "needy", "offline"]
    assert attempts["tiny"].outcome is not None
    assert attempts["tiny"].outcome.directory == tmp_path / "tiny-quick-real"
    assert isinstance(attempts["crashing"].error, ZeroDivisionError)
    assert attempts["needy"].missing == ("no_such_extra",)
    assert attempts["offline"].outcome is not None
    assert attempts["offline"].outcome.directory == tmp_path / "offline-quick-embedded"
    assert "offline: it has no real data; its embedded data are used." in capsys.readouterr().err
