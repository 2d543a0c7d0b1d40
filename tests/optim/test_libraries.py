"""Optimizers and schedules equal to PyTorch's, and to the formulas of optax and Keras."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim
from chainrule.engine.trees import flatten

RNG = np.random.default_rng(0)
MODEL = nn.Sequential(nn.Linear(3, 6), nn.elu, nn.Linear(6, 6), nn.elu, nn.Linear(6, 2))
X, Y = RNG.normal(size=(16, 3)), RNG.integers(0, 2, size=16)
STEPS = 200


def loss(params):
    return nn.cross_entropy(MODEL.apply(params, X), Y)


GRADIENT = cr.value_and_grad(loss, compile=True)


def warm(step):
    return 0.02 + 0.001 * (step % 7)


PAIRS = {
    "sgd": (optim.sgd(0.1), "SGD", {"lr": 0.1}),
    "momentum": (optim.momentum(0.05, 0.9), "SGD", {"lr": 0.05, "momentum": 0.9}),
    "nesterov": (
        optim.nesterov(0.05, 0.9), "SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True},
    ),
    "weight decay": (
        optim.chain(optim.weight_decay(0.01), optim.nesterov(0.05, 0.8)),
        "SGD", {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01},
    ),
    "adagrad": (optim.adagrad(0.1), "Adagrad", {"lr": 0.1}),
    "adagrad, other start": (
        optim.adagrad(0.1, epsilon=1e-3, initial_accumulator=0.1),
        "Adagrad", {"lr": 0.1, "eps": 1e-3, "initial_accumulator_value": 0.1},
    ),
    "rmsprop": (optim.rmsprop(0.01), "RMSprop", {"lr": 0.01}),
    "rmsprop, centred with momentum": (
        optim.rmsprop(0.01, decay=0.9, centered=True, rho=0.5, epsilon=1e-4),
        "RMSprop", {"lr": 0.01, "alpha": 0.9, "centered": True, "momentum": 0.5, "eps": 1e-4},
    ),
    "adam": (optim.adam(0.01), "Adam", {"lr": 0.01}),
    "adam, other rates": (
        optim.adam(0.02, beta1=0.7, beta2=0.99, epsilon=1e-4),
        "Adam", {"lr": 0.02, "betas": (0.7, 0.99), "eps": 1e-4},
    ),
    "adam, coupled decay": (
        optim.chain(optim.weight_decay(0.05), optim.adam(0.01)),
        "Adam", {"lr": 0.01, "weight_decay": 0.05},
    ),
    "adamw": (optim.adamw(0.01, weight_decay=0.1), "AdamW", {"lr": 0.01, "weight_decay": 0.1}),
    "scheduled momentum": (optim.momentum(warm), "SGD", {"lr": 1.0, "momentum": 0.9}),
    "scheduled adamw": (optim.adamw(warm), "AdamW", {"lr": 1.0}),
    "clipped": (
        optim.chain(optim.clip_by_norm(0.05, epsilon=1e-6), optim.sgd(0.5)), "SGD", {"lr": 0.5},
    ),
    "limited": (optim.chain(optim.clip_by_value(0.01), optim.sgd(0.5)), "SGD", {"lr": 0.5}),
}  # fmt: skip


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("case", PAIRS)
def test_equal_to_pytorch_over_200_steps(case, in_place):
    torch = pytest.importorskip("torch", reason="compares with PyTorch where it is installed")
    ours, name, options = PAIRS[case]
    params = MODEL.init(1)
    leaves, structure = flatten(params)
    tensors = [torch.nn.Parameter(torch.tensor(w)) for w in leaves]
    theirs = getattr(torch.optim, name)(tensors, **options)
    state = ours.init(params)
    for step in range(STEPS):
        grads = GRADIENT(params)[1]
        if in_place:
            state = ours.update_(grads, state, params)
        else:
            params, state = ours.update(grads, state, params)
        # the same gradient function on their parameters, so that only the updates are compared
        at = structure.unflatten([tensor.detach().numpy().copy() for tensor in tensors])
        for tensor, g in zip(tensors, flatten(GRADIENT(at)[1])[0], strict=True):
            tensor.grad = torch.tensor(g)
        if "scheduled" in case:
            theirs.param_groups[0]["lr"] = warm(step)
        if case == "clipped":
            torch.nn.utils.clip_grad_norm_(tensors, 0.05)
        if case == "limited":
            torch.nn.utils.clip_grad_value_(tensors, 0.01)
        theirs.step()
    for w, tensor in zip(flatten(params)[0], tensors, strict=True):
        np.testing.assert_allclose(w, tensor.detach().numpy(), rtol=1e-12, atol=1e-12)


# --- the formulas of optax 0.2 and Keras 3 --------------------------------------------------------

GRADIENTS = RNG.normal(size=(STEPS, 4)) * [1e-3, 1, 1, 30]


def by_formula(step, first, *slots):
    """w after all gradients; ``step(t, w, g, *slots) -> (w, *slots)``."""
    values = (np.full(4, first), *[np.full(4, slot) for slot in slots])
    for t, g in enumerate(GRADIENTS, start=1):
        values = step(t, values[0], g, *values[1:])
    return values[0]


def optax_adam(t, w, g, m, s):
    m, s = 0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g**2
    m_hat, s_hat = m / (1 - 0.9**t), s / (1 - 0.999**t)
    return w - 0.01 * (m_hat / (np.sqrt(s_hat + 1e-3) + 1e-8)), m, s


def optax_adamw(t, w, g, m, s):
    moved, m, s = optax_adam(t, 0.0, g, m, s)
    return w + moved - 0.01 * 0.1 * w, m, s


def optax_adagrad(t, w, g, total):
    total = total + g**2
    return w - 0.1 * g / np.sqrt(total + 1e-7), total


def optax_rmsprop(t, w, g, s, trace):
    s = 0.9 * s + 0.1 * g**2
    trace = 0.8 * trace - warm(t - 1) * g / np.sqrt(s + 1e-8)
    return w + trace, s, trace


def keras_adam(t, w, g, m, s):
    m, s = m + (g - m) * 0.1, s + (g**2 - s) * 0.001
    rate = 0.01 * math.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return w - rate * m / (np.sqrt(s) + 1e-7), m, s


def keras_nesterov(t, w, g, v):
    v = 0.9 * v - warm(t - 1) * g
    return w + (0.9 * v - warm(t - 1) * g), v


def optax_nesterov(t, w, g, trace):
    trace = g + 0.9 * trace
    return w - warm(t - 1) * (g + 0.9 * trace), trace


FORMULAS = [
    (optim.adam(0.01, epsilon_root=1e-3), optax_adam, (0.0, 0.0)),
    (optim.adamw(0.01, weight_decay=0.1, epsilon_root=1e-3), optax_adamw, (0.0, 0.0)),
    (
        optim.adagrad(0.1, epsilon=1e-7, initial_accumulator=0.1, epsilon_in_root=True),
        optax_adagrad, (0.1,),
    ),
    (
        optim.rmsprop(warm, decay=0.9, rho=0.8, epsilon_in_root=True, rate_in_velocity=True),
        optax_rmsprop, (0.0, 0.0),
    ),
    (optim.nesterov(warm), optax_nesterov, (0.0,)),
    (optim.adam(0.01, epsilon=1e-7, epsilon_hat=True), keras_adam, (0.0, 0.0)),
    (optim.nesterov(warm, rate_in_velocity=True), keras_nesterov, (0.0,)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("optimizer", "step", "slots"), FORMULAS, ids=lambda v: getattr(v, "__name__", None)
)
def test_equal_to_the_formulas_of_optax_and_keras(optimizer, step, slots):
    w = np.ones(4)
    state = optimizer.init(w)
    for g in GRADIENTS:
        w, state = optimizer.update(g, state, w)
    np.testing.assert_allclose(w, by_formula(step, 1.0, *slots), rtol=1e-12, atol=1e-13)


# --- schedules ------------------------------------------------------------------------------------

SCHEDULES = [
    (optim.exponential(0.3, 0.9), "ExponentialLR", {"gamma": 0.9}, 40),
    (optim.step_decay(0.3, 0.5, 7), "StepLR", {"gamma": 0.5, "step_size": 7}, 40),
    (optim.cosine(0.3, 40, 0.01), "CosineAnnealingLR", {"T_max": 40, "eta_min": 0.01}, 40),
    (optim.one_cycle(0.3, 40), "OneCycleLR", {"max_lr": 0.3, "total_steps": 40}, 39),
    (
        optim.one_cycle(0.3, 33, rise=0.25, initial_divisor=10, final_divisor=50, anneal="linear"),
        "OneCycleLR",
        {
            "max_lr": 0.3, "total_steps": 33, "pct_start": 0.25, "div_factor": 10,
            "final_div_factor": 50, "anneal_strategy": "linear",
        },
        32,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("schedule", "name", "options", "steps"), SCHEDULES)
def test_schedules_are_pytorchs(schedule, name, options, steps):
    torch = pytest.importorskip("torch", reason="compares with PyTorch where it is installed")
    theirs = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    scheduler = getattr(torch.optim.lr_scheduler, name)(theirs, **options)
    for step in range(steps):
        np.testing.assert_allclose(
            schedule(step), theirs.param_groups[0]["lr"], rtol=1e-11, err_msg=str(step)
        )
        theirs.step()
        scheduler.step()
    np.testing.assert_allclose(schedule(steps), theirs.param_groups[0]["lr"], rtol=1e-11)
