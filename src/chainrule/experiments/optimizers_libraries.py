"""The same optimizer steps by hand and by libraries, for `optimizers`."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.experiments.optimizers_by_hand import GD, SGD, AdaGrad, Adam, Linear, train

#: `quadratic_iterates` as computed once with the libraries.
REFERENCE = {"GD 0.05": ((0.95, 0.5), (0.9025, 0.25), (0.857375, 0.125)),
        "AdaGrad 0.5, PyTorch": ((0.50000000005, 0.500000000005),
            (0.2763932023021325, 0.27639320225523223), (0.15639873606768326, 0.15639873602855917)),
        "AdaGrad 0.5, Keras": ((0.5232687270468066, 0.5002498129057389),
            (0.30004959939923814, 0.276643059810211), (0.17605115206886393, 0.15660291336389753)),
        "Adam 0.1, PyTorch": ((0.900000001, 0.9000000001),
            (0.8004122297123382, 0.8004122278753567), (0.701586274504415, 0.7015862716993226)),
        "Adam 0.1, Keras": ((0.900000316226766, 0.9000000316227666),
            (0.8004127762155153, 0.8004122825258162), (0.7015870148647835, 0.7015863457355402)),
}  # fmt: skip

Paths = tuple[np.ndarray, np.ndarray]


def chainrule_path(
    name: str,
    rate: float,
    X: np.ndarray,
    y: np.ndarray,
    steps: int,
    picks: np.ndarray,
) -> Paths:
    """The path by hand and by `chainrule.optim`, with Keras' conventions, shape (steps + 1, d + 1).

    Parameters
    ----------
    name : {"GD", "SGD", "AdaGrad", "Adam"}
    rate : float
        Learning rate.
    X, y : arrays, shape (n, d) and (n, 1)
    steps : int
    picks : int array, shape (steps,)
        The sample of each step of SGD.
    """
    import chainrule as cr
    from chainrule import optim

    keras = {"epsilon": 1e-7}
    optimizer = {
        "GD": optim.gradient_descent(rate),
        "SGD": optim.sgd(rate),
        "AdaGrad": optim.adagrad(rate, initial_accumulator=0.1, epsilon_in_root=True, **keras),
        "Adam": optim.adam(rate, epsilon_hat=True, **keras),
    }[name]
    gradient = cr.grad(_loss_as_written, argnums=(0, 1))
    start = Linear()
    params = (start.w, start.b)
    state = optimizer.init(params)
    path = [start.parameters]
    for rows in _rows(name, len(X), picks[:steps]):
        params, state = optimizer.update(gradient(*params, X[rows], y[rows]), state, params)
        path.append(np.append(*params))
    by_hand: Any = {"GD": GD, "SGD": _sgd(picks), "AdaGrad": AdaGrad, "Adam": Adam}[name]
    return train(by_hand(rate), X, y, Linear(), steps), np.array(path)


def torch_path(
    name: str,
    rate: float,
    X: np.ndarray,
    y: np.ndarray,
    steps: int,
    picks: np.ndarray,
) -> Paths | None:
    """As `chainrule_path` by `torch.optim`, with its conventions; None without PyTorch."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    start = Linear()
    w, b = (torch.nn.Parameter(torch.tensor(value)) for value in (start.w, start.b))
    theirs: Any = {
        "GD": torch.optim.SGD,
        "SGD": torch.optim.SGD,
        "AdaGrad": torch.optim.Adagrad,
        "Adam": torch.optim.Adam,
    }[name]([w, b], lr=rate)
    inputs, targets = torch.tensor(X), torch.tensor(y)
    path = [start.parameters]
    for rows in _rows(name, len(X), picks[:steps]):
        theirs.zero_grad()
        error = torch.nn.functional.linear(inputs[rows], w, b) - targets[rows]
        torch.mean(error**2).backward()
        theirs.step()
        path.append(np.append(w.detach().numpy(), b.detach().numpy()))
    by_hand: Any = {
        "GD": GD,
        "SGD": _sgd(picks),
        "AdaGrad": lambda lr: AdaGrad(lr, 1e-10, 0.0, epsilon_in_root=False),
        "Adam": lambda lr: Adam(lr, epsilon=1e-8, epsilon_hat=False),
    }[name]
    return train(by_hand(rate), X, y, Linear(), steps), np.array(path)


def quadratic_iterates() -> dict[str, np.ndarray]:
    """Three steps on f = ½(w₁² + 10w₂²) from (1, 1) by each method and convention, shape (3, 2)."""
    methods: dict[str, Any] = {
        "GD 0.05": GD(0.05),
        "AdaGrad 0.5, PyTorch": AdaGrad(0.5, 1e-10, 0.0, epsilon_in_root=False),
        "AdaGrad 0.5, Keras": AdaGrad(0.5),
        "Adam 0.1, PyTorch": Adam(0.1, epsilon=1e-8, epsilon_hat=False),
        "Adam 0.1, Keras": Adam(0.1),
    }
    iterates = {}
    for name, method in methods.items():
        # One weight and the bias of a model stand for w₁ and w₂.
        at = Linear((1.0,), 1.0)
        path = []
        for _ in range(3):
            method.apply_gradient((at.w.copy(), 10 * at.b), at)
            path.append(at.parameters)
        iterates[name] = np.array(path)
    return iterates


def _loss_as_written(w: Any, b: Any, X: Any, y: Any) -> Any:
    return np.mean((X @ w.T + b - y) ** 2)


def _rows(name: str, n: int, picks: np.ndarray) -> list[slice]:
    """The samples of each step."""
    if name != "SGD":
        return [slice(0, n)] * len(picks)
    return [slice(int(i), int(i) + 1) for i in picks]


class _Sequence(np.random.Generator):
    """A generator whose `integers` gives numbers drawn before, one after another."""

    def __init__(self, picks: np.ndarray) -> None:
        super().__init__(np.random.PCG64(0))
        self._picks = iter(picks.tolist())

    def integers(self, *arguments: Any, **options: Any) -> Any:
        """The next number."""
        return next(self._picks)


def _sgd(picks: np.ndarray) -> Callable[[float], SGD]:
    """SGD on given samples."""
    return lambda rate: SGD(rate, _Sequence(picks))
