"""The experiments by name; each one's module is imported when it is asked for."""

from __future__ import annotations

import importlib
import importlib.util

from chainrule.experiments.experiment import Experiment, ExperimentError, nearest

#: Module in this package of each experiment, in the order of the source documents.
MODULES = {
    "two-layer-gradients": "two_layer_gradients",
    "covering-numbers": "covering_numbers",
    "grid-vs-random": "grid_vs_random",
    "style-transfer": "style_transfer",
    "optimizers": "optimizers",
    "digits-3-vs-9": "digits_3_vs_9",
    "linear-networks": "linear_networks",
    "parity": "parity",
    "cifar10": "cifar10",
    "computational-graph": "computational_graph",
    "deep-elu": "deep_elu",
    "momentum": "momentum",
    "sgd-rates": "sgd_rates",
    "dropout": "dropout",
    "face-masks": "face_masks",
    "vector-calculus": "vector_calculus",
    "l1-regression": "l1_regression",
    "curve-fitting": "curve_fitting",
    "fashion-mnist": "fashion_mnist",
    "manual-backprop": "manual_backprop",
}

#: Module whose presence shows that an extra of the package is installed.
EXTRAS = {"vision": "torch", "fast": "numba", "cluster": "distributed"}

_registered: dict[str, Experiment] = {}


def register(experiment: Experiment) -> Experiment:
    """Add an experiment that is not part of the package, or replace one, for this process.

    Returns
    -------
    Experiment
        The same one, so that a module can write ``EXPERIMENT = register(Experiment(...))``.
    """
    _registered[experiment.name] = experiment
    return experiment


def unregister(name: str) -> None:
    """Take back what `register` added under `name`."""
    _registered.pop(name, None)


def names() -> list[str]:
    """Return the names of all experiments, in the order of the source documents."""
    return list(dict.fromkeys([*MODULES, *_registered]))


def get(name: str) -> Experiment:
    """Return the experiment called `name`.

    Raises
    ------
    ExperimentError
        If there is none, with the nearest name.
    """
    if name in _registered:
        return _registered[name]
    if name not in MODULES:
        raise ExperimentError(
            f"There is no experiment {name!r}.{nearest(name, names())} "
            "`chainrule list` shows them all."
        )
    module = importlib.import_module(f"chainrule.experiments.{MODULES[name]}")
    experiment: Experiment = module.EXPERIMENT
    return experiment


def known_to_all(name: str) -> Experiment | str:
    """Return what another process can get an experiment from: its name, or itself if registered."""
    return _registered.get(name, name)


def missing_extras(experiment: Experiment) -> list[str]:
    """Return the extras that the experiment needs and that are not installed."""
    return [
        extra
        for extra in experiment.needs
        if importlib.util.find_spec(EXTRAS.get(extra, extra)) is None
    ]
