"""Networks as others train them: PyTorch, JAX, hand-written NumPy, hand-fused loops.

Every contestant trains on the same arrays in memory, in the same dtype, and returns the mean loss
of an epoch; each is given its best reasonable form, and is warm before it is timed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numba
import numpy as np
import torch


@dataclass(frozen=True)
class Task:
    """A network, its data, and how it is trained.

    Attributes
    ----------
    sizes : tuple of int
        Units of each layer; ReLU between layers.
    x, y : arrays
        All examples; ``y`` holds labels for a classifier, else targets of shape (n, outputs).
    order : array of int
        The examples of one epoch.
    batch_size : int
    rate : float
    """

    sizes: tuple[int, ...]
    x: np.ndarray
    y: np.ndarray
    order: np.ndarray
    batch_size: int
    rate: float = 0.01

    @property
    def classifies(self) -> bool:
        """Softmax cross-entropy; otherwise half the mean squared error."""
        return self.y.ndim == 1

    @property
    def steps(self) -> int:
        """Batches of one epoch, all of them full."""
        return len(self.order) // self.batch_size

    def parameters(self) -> list[dict[str, np.ndarray]]:
        """Initial weights (inputs, outputs) and biases, layer by layer."""
        rng = np.random.default_rng(1)
        layers = []
        for fan_in, fan_out in zip(self.sizes, self.sizes[1:], strict=False):
            weights = rng.normal(size=(fan_in, fan_out)) * np.sqrt(2 / fan_in)
            layers.append({"W": weights.astype(self.x.dtype), "b": np.zeros(fan_out, self.x.dtype)})
        return layers


def make_task(sizes: tuple[int, ...], examples: int, batch_size: int, steps: int) -> Task:
    """Random data in single precision, for a classifier if there is more than one output."""
    rng = np.random.default_rng(0)
    x = rng.random((examples, sizes[0]), dtype=np.float32)
    labels = rng.integers(0, sizes[-1], examples)
    y = labels if sizes[-1] > 1 else rng.choice([-1.0, 1.0], (examples, 1)).astype(np.float32)
    return Task(sizes, x, y, rng.permutation(examples)[: batch_size * steps], batch_size)


# --- PyTorch --------------------------------------------------------------------------------------


def torch_script(task: Task, threads: int = 1, compiled: bool = False) -> Callable[[], float]:
    """As PyTorch's tutorials train: ``nn.Sequential``, a loss, ``optim.SGD``."""
    layers: list[torch.nn.Module] = []
    for fan_in, fan_out in zip(task.sizes, task.sizes[1:], strict=False):
        layers += [torch.nn.Linear(fan_in, fan_out), torch.nn.ReLU()]
    model: Any = torch.nn.Sequential(*layers[:-1])
    for own, given in zip(
        [m for m in layers if isinstance(m, torch.nn.Linear)], task.parameters(), strict=True
    ):
        own.weight.data = torch.tensor(given["W"].T.copy())
        own.bias.data = torch.tensor(given["b"])
    optimizer = torch.optim.SGD(model.parameters(), lr=task.rate)
    x, y, order = torch.tensor(task.x), torch.tensor(task.y), torch.tensor(task.order)
    cross_entropy, squared = torch.nn.CrossEntropyLoss(), torch.nn.MSELoss()
    classifies = task.classifies
    if compiled:
        model = torch.compile(model)

    def epoch() -> float:
        torch.set_num_threads(threads)
        total = torch.zeros(())
        for chosen in order.split(task.batch_size):
            optimizer.zero_grad()
            found = model(x[chosen])
            loss = cross_entropy(found, y[chosen]) if classifies else squared(found, y[chosen]) / 2
            loss.backward()
            optimizer.step()
            total += loss.detach()
        return total.item() / task.steps

    return epoch


def torch_functional(task: Task, threads: int = 1) -> Callable[[], float]:
    """The least that PyTorch's automatic differentiation asks for: no modules, no optimizer."""
    params = [torch.tensor(layer[k], requires_grad=True) for layer in task.parameters()
              for k in ("W", "b")]  # fmt: skip
    x, y, order = torch.tensor(task.x), torch.tensor(task.y), torch.tensor(task.order)
    classifies = task.classifies

    def epoch() -> float:
        torch.set_num_threads(threads)
        total = torch.zeros(())
        for chosen in order.split(task.batch_size):
            h = x[chosen]
            for i in range(0, len(params) - 2, 2):
                h = torch.relu(torch.addmm(params[i + 1], h, params[i]))
            found = torch.addmm(params[-1], h, params[-2])
            if classifies:
                loss = torch.nn.functional.cross_entropy(found, y[chosen])
            else:
                difference = found - y[chosen]
                loss = (difference * difference).mean() / 2
            gradients = torch.autograd.grad(loss, params)
            with torch.no_grad():
                for p, g in zip(params, gradients, strict=True):
                    p.sub_(g, alpha=task.rate)
            total += loss.detach()
        return total.item() / task.steps

    return epoch


# --- JAX ------------------------------------------------------------------------------------------


def _jax_loss(task: Task) -> Callable[..., Any]:
    def loss(params: Any, x: Any, y: Any) -> Any:
        h = x
        for layer in params[:-1]:
            h = jnp.maximum(h @ layer["W"] + layer["b"], 0)
        found = h @ params[-1]["W"] + params[-1]["b"]
        if task.classifies:
            return -jnp.mean(jax.nn.log_softmax(found)[jnp.arange(len(y)), y])
        return jnp.mean((found - y) ** 2) / 2

    return loss


def jax_step(task: Task) -> Callable[[], float]:
    """One jitted step per batch, updating donated parameters in place."""
    gradient = jax.value_and_grad(_jax_loss(task))

    @jax.jit
    def gather(x: Any, y: Any, chosen: Any) -> Any:
        return x[chosen], y[chosen]

    def step(params: Any, x: Any, y: Any, chosen: Any) -> Any:
        loss, slope = gradient(params, x[chosen], y[chosen])
        return jax.tree.map(lambda p, g: p - task.rate * g, params, slope), loss

    step = jax.jit(step, donate_argnums=0)
    state = [jax.tree.map(jnp.array, task.parameters())]
    x, y = jnp.array(task.x), jnp.array(task.y)
    batches = list(jnp.array(task.order.reshape(task.steps, -1)))

    def epoch() -> float:
        params, total = state[0], []
        for chosen in batches:
            params, loss = step(params, x, y, chosen)
            total.append(loss)
        state[0] = params
        return float(sum(map(float, total))) / task.steps

    return epoch


def jax_scan(task: Task, gather_first: bool) -> Callable[[], float]:
    """A whole epoch in one jitted ``lax.scan``.

    Batches are gathered one by one inside, or all at once before, which costs memory and is faster
    for small ones.
    """
    gradient = jax.value_and_grad(_jax_loss(task))

    def update(params: Any, x: Any, y: Any) -> Any:
        loss, slope = gradient(params, x, y)
        return jax.tree.map(lambda p, g: p - task.rate * g, params, slope), loss

    def run(params: Any, x: Any, y: Any, order: Any) -> Any:
        if gather_first:
            batches = (x[order], y[order])
            return jax.lax.scan(lambda p, batch: update(p, *batch), params, batches)
        return jax.lax.scan(lambda p, chosen: update(p, x[chosen], y[chosen]), params, order)

    run = jax.jit(run, donate_argnums=0)
    state = [jax.tree.map(jnp.array, task.parameters())]
    x, y = jnp.array(task.x), jnp.array(task.y)
    order = jnp.array(task.order.reshape(task.steps, -1))

    def epoch() -> float:
        state[0], losses = run(state[0], x, y, order)
        return float(losses.mean())

    return epoch


# --- by hand --------------------------------------------------------------------------------------


def planned_numpy(task: Task) -> Callable[[], float]:
    """Two layers, squared error, written for speed: nothing allocated, every ``out=`` used."""
    flat, (W1, b1, W2, b2) = _flat_parameters(task)
    gradient = np.empty_like(flat)
    dW1, db1, dW2, db2 = _views(gradient, [p.shape for p in (W1, b1, W2, b2)])
    size, dtype = task.batch_size, task.x.dtype
    x = np.empty((size, task.sizes[0]), dtype)
    y, o, squares = (np.empty((size, 1), dtype) for _ in range(3))
    z, h, dz = (np.empty((size, task.sizes[1]), dtype) for _ in range(3))
    mask = np.empty(z.shape, bool)
    rate, share, zero = (np.array(v, dtype) for v in (task.rate, 1 / size, 0.0))
    dot, add, subtract, multiply = np.dot, np.add, np.subtract, np.multiply
    maximum, greater, total_of = np.maximum, np.greater, np.add.reduce
    take_x, take_y, order = task.x.take, task.y.take, task.order

    def epoch() -> float:
        total = 0.0
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            take_x(chosen, 0, x, "clip")
            take_y(chosen, 0, y, "clip")
            dot(x, W1, z)
            add(z, b1, z)
            maximum(z, zero, out=h)
            dot(h, W2, o)
            add(o, b2, o)
            subtract(o, y, o)
            multiply(o, o, squares)
            total += float(total_of(squares, None)) / (2 * size)
            multiply(o, share, o)
            dot(h.T, o, dW2)
            total_of(o, 0, None, db2)
            dot(o, W2.T, dz)
            greater(z, zero, mask)
            multiply(dz, mask, dz)
            dot(x.T, dz, dW1)
            total_of(dz, 0, None, db1)
            multiply(gradient, rate, gradient)
            subtract(flat, gradient, flat)
        return total / task.steps

    return epoch


def fused_loop(task: Task) -> Callable[[], float]:
    """Two layers, squared error, as a person writes it for numba: BLAS twice, and one loop."""
    _, (W1, b1, W2, b2) = _flat_parameters(task)
    size, dtype = task.batch_size, task.x.dtype

    @numba.njit(fastmath=True, error_model="numpy")
    def run(X: Any, Y: Any, order: Any, W1: Any, b1: Any, W2: Any, b2: Any, rate: Any) -> Any:
        inputs, units = W1.shape
        x, dW1 = np.empty((size, inputs), dtype), np.empty((inputs, units), dtype)
        z, dz = np.empty((size, units), dtype), np.empty((size, units), dtype)
        dW2, db1 = np.empty(units, dtype), np.empty(units, dtype)
        total = 0.0
        for start in range(0, order.size, size):
            for r in range(size):
                x[r] = X[order[start + r]]
            np.dot(x, W1, z)
            dW2[:] = 0
            db1[:] = 0
            db2 = b2[0] * 0
            for r in range(size):
                o = b2[0]
                for j in range(units):
                    z[r, j] += b1[j]
                    if z[r, j] > 0:
                        o += z[r, j] * W2[j, 0]
                e = o - Y[order[start + r], 0]
                total += e * e / 2
                e /= size
                db2 += e
                for j in range(units):
                    dz[r, j] = 0
                    if z[r, j] > 0:
                        dW2[j] += z[r, j] * e
                        dz[r, j] = e * W2[j, 0]
                    db1[j] += dz[r, j]
            np.dot(x.T, dz, dW1)
            for k in range(inputs):
                for j in range(units):
                    W1[k, j] -= rate * dW1[k, j]
            for j in range(units):
                W2[j, 0] -= rate * dW2[j]
                b1[j] -= rate * db1[j]
            b2[0] -= rate * db2
        return total / order.size

    rate = dtype.type(task.rate)
    return lambda: run(task.x, task.y, task.order, W1, b1, W2, b2, rate)


def _flat_parameters(task: Task) -> tuple[np.ndarray, list[np.ndarray]]:
    arrays = [layer[k] for layer in task.parameters() for k in ("W", "b")]
    flat = np.concatenate([array.ravel() for array in arrays])
    return flat, _views(flat, [array.shape for array in arrays])


def _views(flat: np.ndarray, shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    views, start = [], 0
    for shape in shapes:
        size = int(np.prod(shape))
        views.append(flat[start : start + size].reshape(shape))
        start += size
    return views


def products_alone(task: Task) -> Callable[[], None]:
    """The matrix products of an epoch's steps, on arrays of their shapes, and nothing else."""
    rng = np.random.default_rng(0)
    size, sizes = task.batch_size, task.sizes
    a = [rng.random((size, n)).astype(task.x.dtype) for n in sizes]
    weights = [layer["W"] for layer in task.parameters()]
    slopes = [np.empty_like(w) for w in weights]

    def epoch() -> None:
        for _ in range(task.steps):
            for i, w in enumerate(weights):
                a[i].dot(w, a[i + 1])
            for i in reversed(range(len(weights))):
                a[i].T.dot(a[i + 1], slopes[i])
                if i:
                    a[i + 1].dot(weights[i].T, a[i])

    return epoch


warnings.filterwarnings("ignore", message=".*torch.jit.*")
