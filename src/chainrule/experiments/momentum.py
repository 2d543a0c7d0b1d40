"""Experiment `momentum`: SGD, momentum and Nesterov momentum on a network of five ELU layers.

Methods and network are in `momentum_methods`, the data in `momentum_data`, the figures in
`momentum_figures`.
"""

from __future__ import annotations

import functools
import importlib.util
from typing import Any

import numpy as np

from chainrule.experiments import momentum_figures as figures
from chainrule.experiments.deep_elu_network import initialize_weights
from chainrule.experiments.experiment import Experiment, ExperimentError, Parameter, Run
from chainrule.experiments.momentum_data import Classes, read_classes, three_classes
from chainrule.experiments.momentum_methods import (
    METHODS,
    Network,
    companion_radius,
    iterates,
    momentum_outside,
    nesterov_framework,
    stability_limit,
)

SOURCE = "003 P2 (iii)"


def rules(run: Run) -> None:
    """The update rules, on a parabola."""
    run.section("The methods")
    run.text(
        "- **SGD:** w ← w − η∇f(w), ∇f on one batch.\n"
        "- **Momentum:** v ← ρv − η∇f(w), w ← w + v.\n"
        "- **Nesterov momentum:** v ← ρv − η∇f(w + ρv), w ← w + v: the gradient is taken where "
        "the velocity alone would lead.\n\nTwo other ways to write them are in use. v ← ρv + ∇f, w "
        "← w − ηv is the same as momentum only while η is constant. Frameworks write Nesterov's as "
        "b ← ρb + ∇f(θ), θ ← θ − η(∇f(θ) + ρb); this is the same method for θ = w + ρv, so what "
        "they show as weights is not the textbook's w."
    )
    constant = [0.1] * 5

    def slope(w: np.ndarray) -> np.ndarray:
        return w

    paths = {name: iterates(method, slope, 1.0, constant, 0.9) for name, method in METHODS.items()}
    paths["Nesterov, θ"] = iterates(nesterov_framework, slope, 1.0, constant, 0.9)
    run.table(
        "parabola",
        "f = ½w² from 1, η = 0.1, ρ = 0.9: the first five iterates",
        ["method", "1", "2", "3", "4", "5"],
        [[name, *path] for name, path in paths.items()],
    )
    expected = {
        "SGD": (0.9, 0.81, 0.729, 0.6561, 0.59049),
        "momentum": (0.9, 0.72, 0.486, 0.2268, -0.02916),
        "Nesterov": (0.9, 0.729, 0.51759, 0.2945889, 0.0844991190),
        "Nesterov, θ": (0.81, 0.5751, 0.327321, 0.0938879100, -0.1045816839),
    }
    off = max(
        abs(a - b)
        for name, values in expected.items()
        for a, b in zip(paths[name], values, strict=True)
    )
    run.claim(
        "iterates",
        "The first five iterates of each method agree with the values worked out by hand: largest "
        "deviation",
        measured=off,
        expected="at most 1e-12",
        holds=off <= 1e-12,
        source=SOURCE,
    )
    changing = (0.1, 0.1, 0.01, 0.01)
    ends = [iterates(method, slope, 1.0, changing, 0.9)[-1]
            for method in (METHODS["momentum"], momentum_outside)]  # fmt: skip
    run.claim(
        "schedule",
        "With η = 0.1, 0.1, 0.01, 0.01 the two ways to write momentum end at different points: η "
        "inside v, η outside",
        measured=f"{ends[0]:.6f}, {ends[1]:.6f}",
        expected="0.393012, 0.668574",
        holds=abs(ends[0] - 0.393012) < 1e-12 and abs(ends[1] - 0.668574) < 1e-12,
        source=SOURCE,
    )


def quadratics(run: Run) -> None:
    """How fast, and up to which learning rate."""
    run.section("On a quadratic")
    run.text(
        "On ½λw² a step is a linear map of (w, v), and the largest |eigenvalue| of its matrix is "
        "the factor by which the error shrinks in the long run. For SGD it is |1 − ηλ|. With "
        "momentum the two eigenvalues are complex over a wide range, of absolute value **√ρ** "
        "(momentum) and **√(ρ(1 − ηλ))** (Nesterov), whatever the curvature λ: directions of very "
        "different curvature shrink equally fast. The methods diverge from ηλ = 2, **2(1 + ρ)** "
        "and **(2 + 2ρ)/(1 + 2ρ)** on."
    )
    rho = run.parameters["rho"]
    curvatures = np.linspace(0.002, 4, 800)
    radii = {name: [companion_radius(name, float(c), rho) for c in curvatures] for name in METHODS}
    run.figure(
        "radii",
        f"Factor per step on ½λw², ρ = {rho:g}",
        figures.draw_radii(curvatures, radii),
        alternative="SGD is a V with its tip at 1 that leaves 1 at 2; momentum is flat at 0.95 up "
        "to nearly 3.8; Nesterov falls to 0 at 1 and leaves 1 at 1.36.",
        table=(
            ["ηλ", *radii],
            [[float(curvatures[i]), *(radii[name][i] for name in radii)]
             for i in range(19, 800, 60)],
        ),
    )  # fmt: skip
    limits = [stability_limit(name, rho) for name in METHODS]
    known = [2.0, 2 * (1 + rho), (2 + 2 * rho) / (1 + 2 * rho)]
    off = max(abs(a - b) for a, b in zip(limits, known, strict=True))
    run.claim(
        "limits",
        "The ηλ from which on SGD, momentum and Nesterov diverge, by bisection on the eigenvalues",
        measured=", ".join(f"{limit:.9f}" for limit in limits),
        expected=", ".join(f"{limit:.9f}" for limit in known),
        holds=off <= 1e-9,
        source=SOURCE,
    )
    found = [companion_radius(name, 0.1, 0.9) for name in ("momentum", "Nesterov")]
    run.claim(
        "radii",
        "The factor of momentum and Nesterov for ρ = 0.9, ηλ = 0.1",
        measured=", ".join(f"{value:.12f}" for value in found),
        expected="√0.9 = 0.948683298051, √(0.9 · 0.9) = 0.900000000000",
        holds=abs(found[0] - 0.9**0.5) < 1e-12 and abs(found[1] - 0.9) < 1e-7,
        source=SOURCE,
    )


class Training:
    """One data set, and trainings on it that all see the same batches."""

    def __init__(self, run: Run, data: Classes, key: str) -> None:
        parameters = run.parameters
        size = parameters["batch_size"]
        if size > len(data.X):
            raise ExperimentError(
                f"A batch size of {size} is more than the {len(data.X)} training points; choose 1 "
                f"to {len(data.X)}."
            )
        self.data = data
        self.rho = parameters["rho"]
        width, classes = parameters["width"], len(data.names)
        self.network = Network(
            initialize_weights((data.X.shape[1], *[width] * parameters["layers"], classes))
        )
        rng = run.rng(f"batches {key}")
        orders = [rng.permutation(len(data.X)) for _ in range(parameters["epochs"])]
        self.batches = [order[k : k + size] for order in orders for k in range(0, len(order), size)]

    def run(self, method: str, eta: float, record: bool = True) -> dict[str, Any]:
        """Train from the start; what the figures show, at every iteration if `record`."""
        network, data = self.network, self.data
        w, v = network.start.copy(), np.zeros_like(network.start)
        curve: dict[str, Any] = {
            key: []
            for key in ("t", "norms", "train_loss", "train_accuracy", "test_loss", "test_accuracy")
        }
        stride = max(1, len(self.batches) // 200)
        for t in range(len(self.batches) + 1):
            if (record and t % stride == 0) or t == len(self.batches):
                train = network.measure(w, data.X, data.labels)
                test = network.measure(w, data.test_X, data.test_labels)
                row = (t, network.norms(w), *train, *test)
                for key, value in zip(curve, row, strict=True):
                    curve[key].append(value)
            if t < len(self.batches):
                rows = self.batches[t]
                gradient = functools.partial(
                    network.gradient, X=data.X[rows], labels=data.labels[rows]
                )
                w, v = METHODS[method](w, v, gradient, eta, self.rho)
        return {**curve, "with_biases": float(np.linalg.norm(w))}

    def deviations(self, steps: int) -> dict[str, float | None]:
        """Largest difference from `chainrule.optim` and `torch.optim` over the first steps."""
        found: dict[str, float | None] = {"chainrule.optim": 0.0, "torch.optim": None}
        if importlib.util.find_spec("torch") is not None:
            found["torch.optim"] = 0.0
        for name in METHODS:
            for library in [key for key, value in found.items() if value is not None]:
                found[library] = max(found[library] or 0.0, self._against(library, name, steps))
        return found

    def _against(self, library: str, method: str, steps: int) -> float:
        """Largest difference from one library; of Nesterov's framework iterates w + ρv."""
        network, data, eta, rho = self.network, self.data, 0.05, self.rho
        w, v = network.start.copy(), np.zeros_like(network.start)
        theirs, advance = _library(library, method, w.copy(), eta, rho)
        worst = 0.0
        for rows in self.batches[:steps]:
            gradient = functools.partial(network.gradient, X=data.X[rows], labels=data.labels[rows])
            theirs = advance(gradient(theirs))
            w, v = METHODS[method](w, v, gradient, eta, rho)
            shown = w + rho * v if method == "Nesterov" else w
            worst = max(worst, float(np.max(np.abs(shown - theirs))))
        return worst


def _library(library: str, method: str, w: np.ndarray, eta: float, rho: float) -> Any:
    """The start, and a function from a gradient to the library's next parameters."""
    if library == "torch.optim":
        import torch

        parameter = torch.nn.Parameter(torch.from_numpy(w))
        options = {} if method == "SGD" else {"momentum": rho, "nesterov": method == "Nesterov"}
        optimizer = torch.optim.SGD([parameter], lr=eta, **options)

        def advance_torch(g: np.ndarray) -> np.ndarray:
            parameter.grad = torch.from_numpy(g)
            optimizer.step()
            return w

        return w, advance_torch

    from chainrule import optim

    ours = {
        "SGD": optim.sgd(eta),
        "momentum": optim.momentum(eta, rho),
        "Nesterov": optim.nesterov(eta, rho),
    }[method]
    state = [ours.init(w)]

    def advance(g: np.ndarray) -> np.ndarray:
        state[0] = ours.update_(g, state[0], w)
        return w

    return w, advance


def training(run: Run) -> None:
    """The network."""
    parameters = run.parameters
    rho, eta, table = parameters["rho"], parameters["learning_rate"], parameters["csv"]
    data = (
        read_classes(table, run.rng("split"))
        if table
        else three_classes(parameters["points"], run.rng("points 0"))
    )
    one = Training(run, data, "0")
    fast = eta / (1 - rho)
    run.section("The network")
    run.text(
        f"{parameters['layers']} hidden layers of {parameters['width']} ELU units, weights as the "
        "hand-out draws them with seed 42, softmax and cross-entropy; "
        f"{len(data.X):,} training and {len(data.test_X):,} test points of {data.X.shape[1]} "
        f"features in {len(data.names)} classes, "
        + (f"read from {table}" if table else "drawn from six Gaussian clouds: the hand-out's "
           "data set is not part of it")
        + f"; batches of {parameters['batch_size']}, the same for all methods. ‖W<sub>t</sub>‖"
        "<sub>2</sub> is the norm of all weight matrices taken as one vector, without biases.\n\n"
        "As long as the gradient hardly changes, v tends to −η∇f/(1 − ρ): momentum moves like SGD "
        f"with the learning rate η/(1 − ρ) = {fast:g}. That is the fourth curve; what momentum "
        "does beyond being faster is its difference from that one."
    )  # fmt: skip
    ways = [*((name, name, eta) for name in METHODS), (f"SGD, η/(1 − ρ) = {fast:g}", "SGD", fast)]
    curves = {
        label: run.step(label, functools.partial(one.run, method, rate))
        for label, method, rate in ways
    }
    run.figure(
        "norms",
        f"The norm of the weights, η = {eta:g}, ρ = {rho:g}",
        figures.draw_norms(curves),
        alternative="All curves rise from the start; SGD's slowest, momentum's, Nesterov's and "
        "that of SGD with the larger learning rate close together.",
        table=(
            ["method", "‖W‖ at the end", *(f"‖W{i}‖" for i in range(1, one.network.layers + 1)),
             "with biases"],
            [[name, *curve["norms"][-1], curve["with_biases"]] for name, curve in curves.items()],
        ),
    )  # fmt: skip
    kinds = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
    run.figure(
        "training",
        "Loss and accuracy by iteration",
        figures.draw_training(curves),
        alternative="The training loss of momentum and Nesterov falls well below SGD's; the test "
        "loss falls first and then rises again where training has gone far.",
        table=(
            ["method", "training: loss", "accuracy", "test: loss", "accuracy"],
            [[name, *(curve[kind][-1] for kind in kinds)] for name, curve in curves.items()],
        ),
    )
    start = curves["SGD"]["norms"][0][0]
    grown = {name: curve["norms"][-1][0] - start for name, curve in curves.items()}
    run.claim(
        "norms-grow",
        "The norm grows in all trainings, with momentum and Nesterov more than with SGD at the "
        "same η: growth for SGD, momentum, Nesterov",
        measured=", ".join(f"{grown[name]:.3f}" for name in METHODS),
        expected="all positive, the first the smallest",
        holds=None if table else 0 < grown["SGD"] < min(grown["momentum"], grown["Nesterov"]),
        source=SOURCE,
    )
    libraries = run.step("libraries", lambda: one.deviations(100))
    for library, off in libraries.items():
        run.claim(
            library.replace(".", "-"),
            f"The three methods by hand agree with {library} for 100 steps on this network "
            "(Nesterov's w + ρv with its θ): largest deviation",
            measured="PyTorch is not installed" if off is None else off,
            expected="at most 1e-11",
            holds=None if off is None else off <= 1e-11,
            source=SOURCE,
        )
    if not table:
        many(run, fast)


def many(run: Run, fast: float) -> None:
    """The same on other data sets."""
    sets, eta = run.parameters["data_sets"], run.parameters["learning_rate"]

    def measure() -> list[list[float]]:
        rows = []
        for k in range(sets):
            data = three_classes(run.parameters["points"], run.rng(f"points {k}"))
            one = Training(run, data, f"{k}")
            ends = [one.run(name, eta, record=False) for name in METHODS]
            ends.append(one.run("SGD", fast, record=False))
            rows.append([value[kind][-1] for kind in ("train_loss", "test_loss") for value in ends])
        return rows

    rows = np.array(run.step("data sets", measure, f"{sets} data sets"))
    names = [*METHODS, f"SGD, η = {fast:g}"]
    run.table(
        "data-sets",
        f"{sets} data sets: mean loss at the end",
        ["method", "training", "test"],
        [[name, *rows.mean(axis=0)[[i, i + 4]]] for i, name in enumerate(names)],
    )
    faster = int(np.sum(rows[:, 1] < rows[:, 0])), int(np.sum(rows[:, 2] < rows[:, 0]))
    run.claim(
        "faster",
        f"In how many of {sets} data sets momentum, and Nesterov, end with a lower training loss "
        "than SGD at the same η",
        measured=f"{faster[0]}, {faster[1]}",
        expected=f"{sets}, {sets}",
        holds=faster == (sets, sets),
        source=SOURCE,
    )
    means = rows.mean(axis=0)
    gap, rest = means[0] - means[1], abs(means[3] - means[1])
    run.claim(
        "effective-rate",
        "SGD with η/(1 − ρ) explains the difference: mean training loss of SGD less momentum's, "
        "and what is left of it with the larger learning rate",
        measured=f"{gap:.4f}, {rest:.4f}",
        expected="the second below a third of the first",
        holds=bool(rest < gap / 3),
        source=SOURCE,
    )


def run_experiment(run: Run) -> None:
    """The sections in order."""
    if not run.parameters["rho"] < 1:
        raise ExperimentError(f"Parameter 'rho' is {run.parameters['rho']:g}; it must be below 1.")
    rules(run)
    quadratics(run)
    training(run)


EXPERIMENT = Experiment(
    name="momentum",
    title="SGD, momentum and Nesterov momentum",
    document="003",
    question="P2 (iii)",
    summary=(
        "The three methods by hand on a network of five ELU layers: norm of the weights, loss and "
        "accuracy on training and test set at every iteration; what they do on a quadratic, and "
        "that momentum with η is nearly SGD with η/(1 − ρ)."
    ),
    parameters=(
        Parameter("csv", "", "a table of your own: numbers, the class in the last column"),
        Parameter("learning_rate", 0.01, "learning rate η", minimum=0.0),
        Parameter("rho", 0.9, "momentum ρ, below 1", minimum=0.0),
        Parameter("batch_size", 20, "points in a batch", minimum=1),
        Parameter("epochs", 40, "epochs", minimum=1),
        Parameter("layers", 5, "hidden layers L", minimum=1),
        Parameter("width", 10, "units of each hidden layer", minimum=1),
        Parameter("points", 400, "training points, and as many for testing", minimum=30),
        Parameter("data_sets", 20, "other data sets for the comparison", minimum=1),
    ),
    presets={"quick": {"data_sets": 5}, "full": {}},
    data={"embedded": "Seeded draws from six Gaussian clouds in three classes, or your own CSV."},
    run=run_experiment,
)
