"""Many trainings of one architecture: seeds, learning rates, initialisations, as curves with bands.

Small networks are trained side by side in one program (`chainrule.training.stacked`), which is
several times faster than one after another; networks for which that would be slower, or that have
no such form, are trained one after another, and the result says which.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.engine.errors import InvalidInput
from chainrule.engine.trees import flatten, tree_map
from chainrule.engine.wording import counted
from chainrule.nn.layers import Layer
from chainrule.nn.sequential import Sequential
from chainrule.optim.optimizer import Optimizer, Schedule, as_schedule
from chainrule.training.batches import Batches, checked_data
from chainrule.training.given import (
    check_alike,
    check_options,
    converted,
    dtype_of_params,
    first_examples,
)
from chainrule.training.history import History
from chainrule.training.loop import fit
from chainrule.training.objective import NetworkObjective, accuracy_of
from chainrule.training.stacked import Stack, why_not_stacked

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Where stacks win: a network of more bytes does enough arithmetic in a step for the calls not to
# matter, while a stack of them leaves the cache in which one stays. benchmarks/training.py measures
# both sides of the border.
_RUN_BYTES = 1 << 18
_STACK_BYTES = 1 << 22


@dataclass(frozen=True)
class Many:
    """Several trainings of one architecture.

    Attributes
    ----------
    params : list of trees
        Of each run; all NaN where a loss was not finite.
    histories : list of History
        Of each run; NaN from the epoch in which its loss was not finite.
    runs_at_once : int
        How many runs one program held; 1 if they were trained one after another.
    notes : tuple of str
        Why they were not trained at once, if so.
    seconds : float
    """

    params: list[Any]
    histories: list[History]
    runs_at_once: int
    notes: tuple[str, ...]
    seconds: float

    def column(self, name: str) -> np.ndarray:
        """A column of the histories.

        Parameters
        ----------
        name : str
            Such as "train_loss".

        Returns
        -------
        array of shape (runs, epochs)
            NaN where a run did not measure it.

        Raises
        ------
        KeyError
            No run measured it; the message names the columns there are.
        """
        known = [history for history in self.histories if name in history]
        first = (known or self.histories)[0][name]  # its KeyError names the columns there are
        absent = np.full(len(first), np.nan)
        return np.array([h.get(name, absent) for h in self.histories])

    @property
    def finite(self) -> np.ndarray:
        """Whether the losses of each run stayed finite, shape (runs,)."""
        return np.isfinite(self.column("train_loss")).all(axis=1)

    def band(
        self, name: str, quantiles: Sequence[float] = (0.1, 0.5, 0.9)
    ) -> dict[str, np.ndarray]:
        """Mean, standard deviation and quantiles over the runs that stayed finite, by epoch.

        Parameters
        ----------
        name : str
            Of a column.
        quantiles : sequence of float
            Within 0 and 1.

        Returns
        -------
        dict
            ``epoch``, ``runs`` (how many), ``mean``, ``deviation`` (with n - 1) and ``q0.1`` and
            so on, each of shape (epochs,).

        Raises
        ------
        InvalidInput
            No run stayed finite, or a quantile is out of range.
        """
        if not all(0 <= q <= 1 for q in quantiles):
            raise InvalidInput(f"quantiles must be within 0 and 1, got {list(quantiles)}.")
        chosen = self.column(name)[self.finite]
        if not len(chosen):
            raise InvalidInput("no run stayed finite, so that there is no band; lower the rates.")
        deviation = chosen.std(axis=0, ddof=1) if len(chosen) > 1 else np.zeros(chosen.shape[1])
        band = {
            "epoch": self.histories[0]["epoch"], "runs": np.full(chosen.shape[1], len(chosen)),
            "mean": chosen.mean(axis=0), "deviation": deviation,
        }  # fmt: skip
        for q, row in zip(quantiles, np.quantile(chosen, quantiles, axis=0), strict=True):
            band[f"q{q:g}"] = row
        return band

    def figure(self, *names: str, low: float = 0.1, high: float = 0.9) -> Figure:
        """Medians of columns by epoch, with the band between two quantiles of the runs.

        Parameters
        ----------
        *names : str
            Columns; "train_loss" by default.
        low, high : float
            The quantiles.

        Returns
        -------
        matplotlib Figure
        """
        from matplotlib.ticker import MaxNLocator

        from chainrule.reporting.figures import house_style, subplots

        with house_style():
            figure, axes = subplots()
            for name in names or ("train_loss",):
                band = self.band(name, (low, 0.5, high))
                label = f"{name.replace('_', ' ')}, {counted(int(band['runs'][0]), 'run')}"
                (line,) = axes.plot(band["epoch"], band["q0.5"], label=label)
                edges = (band[f"q{low:g}"], band[f"q{high:g}"])
                axes.fill_between(
                    band["epoch"], *edges, color=line.get_color(), alpha=0.2, linewidth=0
                )
            axes.set_xlabel("epoch")
            axes.set_ylabel(f"median, with {low:.0%} to {high:.0%} of runs")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.legend()
        return figure


def train_many(
    model: Any,
    data: Any,
    *,
    optimizer: Optimizer,
    epochs: int,
    batch_size: int,
    loss: Callable[..., Any] | None = None,
    accuracy: Callable[..., Any] | None = None,
    seeds: Sequence[int] | None = None,
    params: Sequence[Any] | None = None,
    learning_rates: Sequence[float | Schedule] | None = None,
    order_seeds: Sequence[int] | int = 0,
    validation: Any = None,
    evaluate_train: bool | int = False,
    dtype: Any = np.float64,
    at_once: bool | None = None,
) -> Many:
    """Train one architecture several times, at once where that is faster.

    Parameters
    ----------
    model : chainrule.nn.Layer or callable
        As for `fit`.
    data : array or tuple of arrays
        As for `fit`.
    optimizer : Optimizer
        As for `fit`.
    epochs, batch_size : int
        As for `fit`.
    loss, accuracy : callable, optional
        As for `fit`.
    validation : like ``data``, optional
        As for `fit`.
    evaluate_train : bool or int
        As for `fit`.
    seeds : sequence of int, optional
        Of the initial parameters of each run, ``model.init(seed, dtype)``.
    params : sequence of trees, optional
        The initial parameters of each run instead.
    learning_rates : sequence of float or callable, optional
        Of each run, in place of the optimizer's. With one seed or tree, all runs begin there.
    order_seeds : int or sequence of int
        Of the order of examples: one number for all runs, which is fastest, or one for each.
    dtype : dtype
        Of parameters made from ``seeds``.
    at_once : bool, optional
        Whether to train in one program; None lets the size of the network decide.

    Returns
    -------
    Many
        A run gives what `fit` gives for its parameters, its learning rate and its order seed, to
        rounding.

    Raises
    ------
    InvalidInput
        As `fit`; sequences of different lengths; ``at_once=True`` for what has no such form.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule import nn, optim, training
    >>> x = np.random.default_rng(0).standard_normal((100, 2))
    >>> y = np.sign(x[:, :1] * x[:, 1:])
    >>> many = training.train_many(
    ...     nn.Sequential(nn.Linear(2, 8), nn.tanh, nn.Linear(8, 1)), (x, y), loss=nn.hinge,
    ...     optimizer=optim.adam(0.05), epochs=20, batch_size=10, seeds=range(8),
    ... )
    >>> many.column("train_loss").shape, many.runs_at_once
    ((8, 20), 8)
    """
    began = time.perf_counter()
    check_options(optimizer, epochs, evaluate_train)
    trees, schedules, orders = _runs(
        model, optimizer, seeds, params, learning_rates, order_seeds, dtype
    )
    why = why_not_stacked(model, loss, optimizer)
    size = sum(np.asarray(leaf).nbytes for leaf in flatten(trees[0])[0])
    group = len(trees)
    if at_once is None and not why and group > 1:
        if size > _RUN_BYTES:
            why = f"with {size:,} bytes of parameters that is faster"
        group = min(group, _STACK_BYTES // max(size, 1))
    if at_once and why:
        raise InvalidInput(f"these runs cannot be trained at once: {why}; leave at_once out.")
    if at_once is False or why:
        group = 1
    common = {
        "epochs": epochs, "batch_size": batch_size, "loss": loss, "accuracy": accuracy,
        "validation": validation, "evaluate_train": evaluate_train,
    }  # fmt: skip
    made: list[Any] = []
    histories: list[History] = []
    for start in range(0, len(trees), group):
        part = slice(start, start + group)
        if group == 1:
            found = [_alone(model, trees[start], data, optimizer, schedules[start],
                            orders[start], common)]  # fmt: skip
        else:
            found = _together(model, trees[part], data, optimizer, schedules[part], orders[part],
                              **common)  # fmt: skip
        made += [tree for tree, _ in found]
        histories += [history for _, history in found]
    notes = (f"trained one after another: {why}",) if why and group == 1 else ()
    return Many(made, histories, group, notes, time.perf_counter() - began)


def _runs(
    model: Any,
    optimizer: Optimizer,
    seeds: Sequence[int] | None,
    params: Sequence[Any] | None,
    learning_rates: Sequence[float | Schedule] | None,
    order_seeds: Sequence[int] | int,
    dtype: Any,
) -> tuple[list[Any], list[Schedule], list[int]]:
    """Initial parameters, learning rates and orders, one of each for every run."""
    if (seeds is None) == (params is None):
        raise InvalidInput("give either seeds or params, one for each run.")
    if params is not None:
        trees = list(params)
    elif isinstance(model, Layer):
        trees = [model.init(seed, dtype) for seed in seeds or ()]
    else:
        raise InvalidInput("seeds need a network, which makes its parameters; give params.")
    schedules = [as_schedule(rate) for rate in learning_rates or (optimizer.schedule,)]
    orders = [order_seeds] if isinstance(order_seeds, (int, np.integer)) else list(order_seeds)
    lengths = {"runs": len(trees), "learning_rates": len(schedules), "order_seeds": len(orders)}
    count = max(lengths.values())
    for name, length in lengths.items():
        if length not in (1, count) or not length:
            raise InvalidInput(
                f"there are {length} {name if name != 'runs' else 'seeds or params'} for {count} "
                f"runs; give one, or one for each."
            )
    return (
        trees * (count // len(trees)), schedules * (count // len(schedules)),
        [int(seed) for seed in orders] * (count // len(orders)),
    )  # fmt: skip


def _alone(
    model: Any, tree: Any, data: Any, optimizer: Optimizer, schedule: Schedule, order: int,
    common: dict[str, Any],
) -> tuple[Any, History]:  # fmt: skip
    """One run by `fit`."""
    own = dataclasses.replace(optimizer, schedule=schedule)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        result = fit(
            model, tree, data, optimizer=own, seed=order, norms=False, on_nonfinite="stop", **common
        )
    history, params = result.history, result.params
    if result.epochs < common["epochs"]:
        params = tree_map(lambda leaf: np.full_like(leaf, np.nan), params)
        steps = -(-len(checked_data(data)[0]) // common["batch_size"])
        for epoch in range(result.epochs + 1, common["epochs"] + 1):
            history.append({"epoch": epoch, "step": epoch * steps, "train_loss": np.nan})
    return params, history


def _together(
    model: Sequential,
    trees: list[Any],
    data: Any,
    optimizer: Optimizer,
    schedules: list[Schedule],
    orders: list[int],
    epochs: int,
    batch_size: int,
    loss: Any,
    accuracy: Callable[..., Any] | None,
    validation: Any,
    evaluate_train: bool | int,
) -> list[tuple[Any, History]]:
    """Several runs in one program."""
    dtype = dtype_of_params(trees[0])
    arrays = converted(checked_data(data), model, dtype)
    held_out = validation
    if validation is not None:
        held_out = converted(checked_data(validation, "validation"), model, dtype)
        check_alike(arrays, held_out)
    NetworkObjective(model, loss, accuracy, arrays, dtype)  # refuses what does not fit
    measure = accuracy or accuracy_of(loss, arrays[1])
    stack = Stack(model, loss, trees, optimizer, schedules)
    arrays, held_out = stack.as_rows(arrays), stack.as_rows(held_out)
    gather = _Gather([Batches(arrays, batch_size, seed) for seed in dict.fromkeys(orders)], orders)
    seen = first_examples(arrays, evaluate_train) if evaluate_train else None
    histories = [History() for _ in trees]
    failed = np.zeros(len(trees), bool)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for epoch in range(epochs):
            total, rates = np.zeros(len(trees)), stack.rates()
            for batch, size in gather.epoch(epoch):
                rates = stack.rates()
                total += stack.step(batch).astype(np.float64) * size
            columns = {"train_loss": total / len(arrays[0])}
            for given, names in (
                (seen, ("evaluated_train_loss", "train_accuracy")),
                (held_out, ("validation_loss", "validation_accuracy")),
            ):
                if given is not None:
                    for name, found in zip(names, stack.evaluate(given, measure), strict=True):
                        if found is not None:
                            columns[name] = found
            failed |= ~np.isfinite(columns["train_loss"])
            for k, history in enumerate(histories):
                row: dict[str, float] = {"epoch": epoch + 1, "step": stack.steps}
                row["learning_rate"] = rates[k]
                row.update({name: float(values[k]) for name, values in columns.items()})
                if failed[k]:
                    row = {**row, **dict.fromkeys(columns, np.nan)}
                history.append(row)
    made = []
    for k in range(len(trees)):
        tree = stack.network(k)
        if failed[k]:
            tree = tree_map(lambda leaf: np.full_like(leaf, np.nan), tree)
        made.append(tree)
    return list(zip(made, histories, strict=True))


class _Gather:
    """Batches of several runs: the same for all, or one of each side by side.

    Parameters
    ----------
    batches : list of Batches
        Of the different orders.
    orders : list of int
        The seed of each run's order.
    """

    def __init__(self, batches: list[Batches], orders: list[int]) -> None:
        self._batches = batches
        self._which = [[b.seed for b in batches].index(seed) for seed in orders]

    def epoch(self, epoch: int) -> Any:
        """Arrays of shape (samples, ...) or (runs, samples, ...), and the number of samples."""
        first = self._batches[0]
        size = first.batch_size
        orders = np.stack([batches.order(epoch) for batches in self._batches])
        for start in range(0, first.count, size):
            chosen = orders[:, start : start + size]
            if len(orders) == 1:
                yield first.gather(chosen[0]), chosen.shape[1]
                continue
            every = chosen[self._which]
            flat = first.gather(every.ravel())
            yield tuple(x.reshape(*every.shape, *x.shape[1:]) for x in flat), every.shape[1]
