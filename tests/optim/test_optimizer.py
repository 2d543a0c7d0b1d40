"""Every optimizer on trees and flat arrays: table of functions and dtypes, purity, errors."""

from typing import NamedTuple

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.engine.errors import InvalidInput
from chainrule.engine.trees import flatten

# name: optimizer, steps to the minimum of Rosenbrock's function within 1e-2
OPTIMIZERS = {
    "gradient_descent": (optim.gradient_descent(1e-3), 20000),
    "sgd": (optim.sgd(1e-3), 20000),
    "momentum": (optim.momentum(1e-3), 4000),
    "momentum, rate inside": (optim.momentum(1e-3, rate_in_velocity=True), 4000),
    "nesterov": (optim.nesterov(1e-3), 4000),
    "nesterov, rate inside": (optim.nesterov(1e-3, rate_in_velocity=True), 4000),
    "nesterov, look-ahead": (optim.nesterov(1e-3, iterate="lookahead"), 4000),
    "adagrad": (optim.adagrad(0.5), 10000),
    "adagrad, Keras": (
        optim.adagrad(0.5, epsilon=1e-7, initial_accumulator=0.1, epsilon_in_root=True), 10000,
    ),
    "rmsprop": (optim.rmsprop(optim.power(0.1, 0.6)), 5000),
    "rmsprop, centred": (optim.rmsprop(optim.power(0.1, 0.6), centered=True, rho=0.5), 5000),
    "adam": (optim.adam(0.02), 4000),
    "adam, epsilon hat": (optim.adam(0.02, epsilon=1e-7, epsilon_hat=True), 4000),
    "adam, epsilon in root": (optim.adam(0.02, epsilon_root=1e-10), 4000),
    "adamw": (optim.adamw(0.02, weight_decay=1e-5), 4000),
    "chain": (optim.chain(optim.clip_by_norm(10.0), optim.momentum(1e-3)), 4000),
}  # fmt: skip
TABLE = pytest.mark.parametrize("name", OPTIMIZERS)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


class Pair(NamedTuple):
    a: np.ndarray
    b: list


def tree(dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "first": Pair(rng.normal(size=(3, 2)).astype(dtype), [rng.normal(size=3).astype(dtype)]),
        "second": (np.asarray(rng.normal(), dtype), None, rng.normal(size=(0, 4)).astype(dtype)),
    }


def rosenbrock_gradient(w):
    x, y = w
    return np.array([-2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)], w.dtype)


@TABLE
@DTYPES
def test_parabola(name, dtype):
    optimizer, _ = OPTIMIZERS[name]
    scale = np.array([10.0, 30.0], dtype)
    w = np.array([0.3, -0.2], dtype)
    state = optimizer.init(w)
    for _ in range(1000):
        state = optimizer.update_(scale * optimizer.gradient_point(state, w), state, w)
    assert w.dtype == dtype
    assert np.all(np.abs(w) < 2e-2)
    assert {leaf.dtype for leaf in flatten(state[1:])[0]} <= {np.dtype(dtype)}


@TABLE
@DTYPES
def test_rosenbrock(name, dtype):
    optimizer, steps = OPTIMIZERS[name]
    w = np.array([-1.0, 1.2], dtype)
    state = optimizer.init(w)
    for _ in range(steps):
        g = rosenbrock_gradient(optimizer.gradient_point(state, w))
        state = optimizer.update_(g, state, w)
    np.testing.assert_allclose(w, 1, atol=0.02 if dtype == np.float64 else 0.03)
    assert state.steps == steps


@TABLE
@DTYPES
def test_a_tree_is_its_leaves_and_in_place_is_the_same(name, dtype):
    optimizer, _ = OPTIMIZERS[name]
    params, structure = flatten(tree(dtype))
    together = structure.unflatten(params)
    inside = cr.tree_map(np.copy, together)
    state, inside_state = optimizer.init(together), optimizer.init(inside)
    states = [optimizer.init(w) for w in params]
    for step in range(3):
        grads = tree(dtype, seed=step + 1)
        together, state = optimizer.update(grads, state, together)
        before = flatten((inside, inside_state))[0]
        inside_state = optimizer.update_(grads, inside_state, inside)
        after = flatten((inside, inside_state))[0]
        written = [(a, b) for a, b in zip(before, after, strict=True) if isinstance(a, np.ndarray)]
        assert all(a is b for a, b in written)
        for i, g in enumerate(flatten(grads)[0]):
            params[i], states[i] = optimizer.update(g, states[i], params[i])
    if name != "chain":  # whose norm is that of the whole tree
        for found, expected in zip(flatten(together)[0], params, strict=True):
            np.testing.assert_array_equal(found, expected)
    cr.tree_map(np.testing.assert_array_equal, (together, state), (inside, inside_state))
    assert {leaf.dtype for leaf in flatten(together)[0]} == {np.dtype(dtype)}


@TABLE
def test_arrays_of_any_order_are_updated_in_place(name):
    optimizer, _ = OPTIMIZERS[name]
    rng = np.random.default_rng(3)
    w = rng.normal(size=(3, 50)).astype(np.float32)
    transposed = np.asfortranarray(w)
    every_other = np.zeros((3, 100), np.float32)[:, ::2]
    every_other[...] = w
    expected, state = w.copy(), optimizer.init(w)
    states = [optimizer.init(w) for _ in range(3)]
    for _ in range(2):
        g = rng.normal(size=w.shape).astype(np.float32)
        expected, state = optimizer.update(g, state, expected)
        for i, array in enumerate((w, transposed, every_other)):
            states[i] = optimizer.update_(g, states[i], array)
    for array, own in zip((w, transposed, every_other), states, strict=True):
        np.testing.assert_array_equal(array, expected)
        cr.tree_map(np.testing.assert_array_equal, own, state)


@TABLE
def test_update_touches_no_argument(name):
    optimizer, _ = OPTIMIZERS[name]
    params, grads = tree(), tree(seed=1)
    state = optimizer.update(grads, optimizer.init(params), params)[1]
    for leaf in flatten((params, grads, state))[0]:
        if isinstance(leaf, np.ndarray):
            leaf.flags.writeable = False
    new, renewed = optimizer.update(grads, state, params)
    assert renewed.steps == state.steps + 1 == 2
    assert not np.array_equal(new["first"].a, params["first"].a)


def test_without_parameters_there_is_nothing_to_do():
    for optimizer, _ in OPTIMIZERS.values():
        params, state = optimizer.update({}, optimizer.init({}), {})
        assert params == {}
        assert state.steps == 1


def test_numbers_are_parameters_too():
    w, state = optim.momentum(0.5).update(2.0, optim.momentum(0.5).init(1.0), 1.0)
    assert (w, state.velocity) == (0.0, 2.0)


def test_gradients_of_another_precision_take_that_of_the_parameters():
    w = np.ones(2, np.float32)
    new, state = optim.adam().update(np.ones(2), optim.adam().init(w), w)
    assert new.dtype == state.mean.dtype == state.square.dtype == np.float32


@pytest.mark.parametrize(
    "optimizer",
    [
        optim.momentum(0.1, 0.5),
        optim.nesterov(0.1, 0.5, rate_in_velocity=True),
        optim.adam(0.1, epsilon_root=1e-3),
        optim.chain(optim.weight_decay(0.1), optim.adagrad(0.1, initial_accumulator=0.1)),
    ],
)
def test_updates_can_be_differentiated(optimizer):
    """Hypergradients: ½ w² after three steps on ½ c w², as a function of c, w and the velocity."""

    def after(c, w, slots):
        state = optimizer.init(np.zeros(2))
        state = type(state)(state.steps, *slots)
        for _ in range(3):
            w, state = optimizer.update(c * w, state, w)
        return 0.5 * np.sum(w * w)

    slots = [np.array([0.3, 0.1])] * len(optimizer.slots)
    w = np.array([1.0, 2.0])
    cr.check_grads(after, (np.array([0.3, 2.0]), w, slots))
    cr.check_grads(lambda slots: after(1.0, w, slots), (slots,))
    np.testing.assert_array_equal(w, [1.0, 2.0])


# --- combination ----------------------------------------------------------------------------------


def test_transforms_apply_in_their_order():
    w, g = np.array([1.0, -1.0]), np.array([3.0, 4.0])
    one = optim.chain(optim.clip_by_norm(1.0), optim.weight_decay(0.5), optim.sgd(1.0))
    other = optim.chain(optim.weight_decay(0.5), optim.clip_by_norm(1.0), optim.sgd(1.0))
    np.testing.assert_allclose(one.update(g, one.init(w), w)[0], w - [1.1, 0.3], rtol=1e-14)
    mixed = np.array([3.5, 3.5])
    expected = w - mixed / np.linalg.norm(mixed)
    np.testing.assert_allclose(other.update(g, other.init(w), w)[0], expected, rtol=1e-14)
    nested = optim.chain(
        optim.clip_by_norm(1.0), optim.chain(optim.weight_decay(0.5), optim.sgd(1.0))
    )
    np.testing.assert_array_equal(
        nested.update(g, nested.init(w), w)[0], one.update(g, one.init(w), w)[0]
    )


def test_decoupled_decay_shrinks_by_the_scheduled_rate():
    optimizer = optim.decoupled_weight_decay(0.1, optim.sgd([0.5, 0.2].__getitem__))
    w = np.array([1.0, -2.0])
    state = optimizer.init(w)
    g = np.array([1.0, 1.0])
    first, state = optimizer.update(g, state, w)
    np.testing.assert_allclose(first, 0.95 * w - 0.5 * g, rtol=1e-15)
    second, state = optimizer.update(g, state, first)
    np.testing.assert_allclose(second, 0.98 * first - 0.2 * g, rtol=1e-15)


def test_clipping_by_norm():
    grads = {"a": np.array([3.0, 0.0]), "b": np.array([[4.0]])}
    clip = optim.clip_by_norm(2.5)
    cr.tree_map(
        lambda found, g: np.testing.assert_allclose(found, g / 2, rtol=1e-15),
        clip(grads, None), grads,
    )  # fmt: skip
    assert optim.clip_by_norm(5.0)(grads, None) is grads
    pytorch = optim.clip_by_norm(2.5, epsilon=1e-6)(grads, None)
    np.testing.assert_allclose(pytorch["b"], 4 * 2.5 / (5 + 1e-6), rtol=1e-15)
    single = optim.clip_by_norm(1.0)(np.full(4, 10, np.float32), None)
    assert single.dtype == np.float32


@pytest.mark.parametrize(
    ("grads", "expected"),
    [
        (np.array([1e200, 1e200]), np.sqrt(2) * 1e200),
        (np.array([3e30, 4e30], np.float32), 5e30),
        (np.array([3e-200, 4e-200]), 5e-200),
        ([np.zeros(3), np.zeros(0)], 0.0),
        ([], 0.0),
        ([np.array([np.nan]), np.array([1.0])], np.nan),
        ([np.array([1.0]), np.array([np.nan])], np.nan),
        ([np.array([np.inf]), np.array([1.0])], np.inf),
    ],
)
def test_global_norm_neither_overflows_nor_hides_what_is_not_finite(grads, expected):
    np.testing.assert_allclose(optim.global_norm(grads), expected, rtol=1e-6)


def test_global_norm_of_float32_is_summed_in_float64():
    g = np.random.default_rng(5).normal(size=10**5).astype(np.float32)
    expected = np.linalg.norm(g.astype(np.float64))
    np.testing.assert_allclose(optim.global_norm([g[:10], g[10:]]), expected, rtol=1e-13)


def test_clipping_by_value():
    found = optim.clip_by_value(0.5)(np.array([-3.0, 0.2, 0.7], np.float32), None)
    np.testing.assert_array_equal(found, np.array([-0.5, 0.2, 0.5], np.float32))


# --- errors ---------------------------------------------------------------------------------------

NAN = float("nan")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: optim.sgd(-0.1), "learning rate must be at least 0 and finite, got -0.1"),
        (lambda: optim.gradient_descent(NAN), "got nan"),
        (lambda: optim.adam(np.inf), "got inf"),
        (lambda: optim.momentum(0.1, 1.0), "rho must be at least 0 and below 1, got 1.0"),
        (lambda: optim.momentum(0.1, -0.1), "rho must be at least 0 and below 1, got -0.1"),
        (lambda: optim.nesterov(0.1, NAN), "rho must be"),
        (lambda: optim.nesterov(0.1, iterate="ahead"), "'lookahead', got 'ahead'"),
        (lambda: optim.adagrad(epsilon=-1.0), "epsilon must be at least 0"),
        (lambda: optim.adagrad(initial_accumulator=-1.0), "initial_accumulator must be"),
        (lambda: optim.rmsprop(decay=1.0), "decay must be at least 0 and below 1"),
        (lambda: optim.rmsprop(rho=1.5), "rho must be at least 0 and below 1"),
        (lambda: optim.rmsprop(epsilon=NAN), "epsilon must be"),
        (lambda: optim.rmsprop(initial_square=-1.0), "initial_square must be"),
        (lambda: optim.adam(beta1=1.0), "beta1 must be at least 0 and below 1, got 1.0"),
        (lambda: optim.adam(beta2=-0.5), "beta2 must be at least 0 and below 1, got -0.5"),
        (lambda: optim.adam(epsilon=-1e-8), "epsilon must be"),
        (lambda: optim.adam(epsilon_root=-1e-8), "epsilon_root must be"),
        (lambda: optim.adam(epsilon_root=1e-8, epsilon_hat=True), "set one only"),
        (lambda: optim.adamw(weight_decay=-1.0), "weight decay must be at least 0"),
        (lambda: optim.weight_decay(NAN), "weight decay must be at least 0"),
        (lambda: optim.clip_by_norm(0.0), "maximum must be positive and finite, got 0.0"),
        (lambda: optim.clip_by_norm(1.0, epsilon=-1.0), "epsilon must be"),
        (lambda: optim.clip_by_value(-1.0), "maximum must be positive"),
        (lambda: optim.chain(), "ends with an optimizer, got None"),
        (lambda: optim.chain(optim.sgd(0.1), optim.clip_by_norm(1.0)), "ends with an optimizer"),
        (lambda: optim.chain(optim.sgd(0.1), optim.sgd(0.1)), "transforms before its optimizer"),
        (lambda: optim.chain(3, optim.sgd(0.1)), "got 3"),
        (lambda: optim.sgd(0.1).init({"W": np.ones(2, int)}), r"params\['W'\] must be floating"),
    ],
)
def test_refused_when_made(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()


W = {"W": np.ones((2, 3)), "b": np.ones(2)}
G = {"W": np.ones((2, 3)), "b": np.ones(2)}
BAD = {"W": np.ones((2, 3)), "b": np.array([np.nan, np.inf])}
ADAM = optim.adam()


@pytest.mark.parametrize("method", ["update", "update_"])
@pytest.mark.parametrize(
    ("optimizer", "grads", "state", "message"),
    [
        (ADAM, BAD, None, r"gradient of params\['b'\] has 2 NaN or infinite values of 2 at step 1"),
        (optim.chain(optim.clip_by_norm(1.0), ADAM), BAD, None, "nothing was updated"),
        (ADAM, {"W": G["W"]}, None, "grads have the structure"),
        (ADAM, {"W": np.ones((2, 1)), "b": G["b"]}, None, r"has shape \(2, 1\)"),
        (ADAM, G, optim.sgd(0.1).init(W), "must be a AdamState as from init, got DescentState"),
        (ADAM, G, ADAM.init({"W": G["W"]}), "state.mean has another structure"),
        (ADAM, G, ADAM.init({"W": G["W"].T, "b": G["b"]}), "belongs to other parameters"),
        (optim.sgd(lambda step: -1.0), G, None, "learning rate -1.0 after 0 steps"),
        (optim.sgd(lambda step: NAN), G, None, "learning rate nan after 0 steps"),
    ],
)
def test_refused_steps_change_nothing(method, optimizer, grads, state, message):
    params = cr.tree_map(np.copy, W)
    state = optimizer.init(params) if state is None else state
    before = cr.tree_map(np.copy, state)
    with pytest.raises(InvalidInput, match=message):
        getattr(optimizer, method)(grads, state, params)
    cr.tree_map(np.testing.assert_array_equal, (params, state), (W, before))


def test_large_finite_gradients_are_no_error():
    g = np.full(3, 1e30, np.float32)
    w, _ = optim.sgd(1e-30).update(g, optim.sgd(0.1).init(g), np.zeros(3, np.float32))
    np.testing.assert_allclose(w, -1, rtol=1e-6)


@pytest.mark.parametrize("w", [1.0, np.float64(1.0), "read-only"])
def test_update_in_place_needs_writable_arrays(w):
    if isinstance(w, str):
        w = np.ones(2)
        w.flags.writeable = False
    optimizer = optim.sgd(0.1)
    with pytest.raises(InvalidInput, match="params must be a writable NumPy array for update_"):
        optimizer.update_(np.ones_like(w), optimizer.init(w), w)


def test_update_in_place_needs_a_writable_state():
    w, optimizer = {"W": np.ones(2)}, optim.adam()
    state = optimizer.init(w)
    state.square["W"].flags.writeable = False
    with pytest.raises(InvalidInput, match=r"square\['W'\] must be a writable NumPy array"):
        optimizer.update_({"W": np.ones(2)}, state, w)
    np.testing.assert_array_equal(w["W"], [1.0, 1.0])
