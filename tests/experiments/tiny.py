"""A small experiment for the tests, and the command line with it when run as a script."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import chainrule
from chainrule.experiments import registry
from chainrule.experiments.experiment import Experiment, Parameter, Run

#: Environment variable naming the part at which the experiment waits to be killed.
HOLD = "TINY_HOLD"
#: Where and how to start this module, or another, in a process of its own.
ROOT = Path(__file__).parents[2]
SOURCES = Path(chainrule.__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{SOURCES}{os.pathsep}{ROOT}"}

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="10"><circle r="5"/></svg>'


def run(run: Run) -> None:
    """Draw a few numbers, a step each, and claim something about their mean."""
    parameters = run.parameters
    print("this belongs on standard error")

    def part(index: int) -> float:
        if os.environ.get(HOLD) == str(index):
            time.sleep(600)
        draw = float(run.rng(f"part {index}").random())
        run.metric(part=index, draw=draw)
        return draw

    run.section("Draws")
    run.text(f"One draw for each part of **{parameters['label']}**.")
    with run.progress("parts", parameters["parts"]) as bar:
        draws = []
        for index in range(parameters["parts"]):
            draws.append(run.step(f"part {index}", lambda index=index: part(index)))
            bar.advance(draw=draws[-1])
    run.value("draws", draws)
    run.table("draws", "Every draw", ["part", "draw"], list(enumerate(draws)), note="Uniform.")
    run.figure("disc", "A disc", SVG, alternative="A black disc", table=(["x"], [[1.5]]))
    run.parameters_file("weights", {"W1": np.array(draws)})
    outcome = {"held": True, "failed": False, "undecided": None}[parameters["outcome"]]
    mean = sum(draws) / len(draws)
    run.claim("mean", "The mean is below one", measured=mean, expected="below 1", holds=outcome)


TINY = Experiment(
    name="tiny",
    title="A tiny experiment",
    document="001",
    question="§9",
    summary="Draws *numbers*.",
    parameters=(
        Parameter("parts", 3, "how many draws", minimum=1),
        Parameter("rate", 0.1, "a number that does nothing", minimum=0),
        Parameter("label", "nothing", "a word on the page"),
        Parameter("outcome", "held", "of the claim", choices=("held", "failed", "undecided")),
        Parameter("rates", (0.5, 1.0), "a list that does nothing", minimum=0),
        Parameter("loud", False, "a switch that does nothing"),
    ),
    presets={"quick": {}, "full": {"parts": 5}},
    data={"embedded": "Seeded draws.", "real": "More of them."},
    run=run,
)


def crash(run: Run) -> None:
    """Store one step, then meet an error that nobody foresaw."""
    run.step("first", lambda: 1)
    raise ZeroDivisionError("no way back")


CRASHING = replace(TINY, name="crashing", title="An experiment that crashes", run=crash)
NEEDY = replace(TINY, name="needy", title="An experiment of an extra", needs=("no_such_extra",))
OFFLINE = replace(TINY, name="offline", title="Without real data", data={"embedded": "Draws."})


if __name__ == "__main__":
    from chainrule.cli import main

    known = {each.name: each for each in (TINY, CRASHING, NEEDY, OFFLINE)}
    names = sys.argv.pop(1)
    registry.MODULES.clear()
    for name in names.split(","):
        registry.register(known[name])
    sys.exit(main())
