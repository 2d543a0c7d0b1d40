"""Compiled functions behave like the functions they are made of, only faster."""

from __future__ import annotations

import collections
import dataclasses
import gc
import itertools
import threading
import warnings
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from tests.programs.random_programs import programs

import chainrule as cr
from chainrule.engine.trees import flatten
from chainrule.programs.compiled import Compiled
from chainrule.programs.entry import MISS
from chainrule.programs.flat import flat_tree

rng = np.random.default_rng(5)
X = np.array([0.3, -0.2, 0.6])


def loss(params, x, y=0.0, power=2):
    h = np.tanh(x @ params["W"] + params["b"])
    return np.mean(np.abs(h - y) ** power)


def parameters(dtype=np.float64):
    return {"W": rng.normal(size=(3, 2)).astype(dtype), "b": rng.normal(size=2).astype(dtype)}


@dataclasses.dataclass
class Layer:
    W: np.ndarray
    b: np.ndarray


Pair = collections.namedtuple("Pair", "first second")


def same(a, b, rtol=1e-13):
    first, structure = flatten(a)
    second, other = flatten(b)
    assert structure == other
    for p, q in zip(first, second, strict=True):
        if isinstance(q, str):
            assert p == q
            continue
        assert isinstance(p, type(q))
        assert np.result_type(p) == np.result_type(q)
        np.testing.assert_allclose(p, q, rtol=rtol, atol=1e-300)


CALLS = {
    "array": (lambda x: np.sum(np.sin(x)), {}, (X,), {}),
    "number": (lambda x: x * x, {}, (1.5,), {}),
    "scalar of NumPy": (lambda x: x * x, {}, (np.float32(1.5),), {}),
    "dict": (loss, {}, (parameters(), np.ones((4, 3))), {}),
    "single precision": (loss, {}, (parameters(np.float32), np.ones((4, 3), np.float32)), {}),
    "keyword": (loss, {}, (parameters(), np.ones((4, 3))), {"y": 0.5}),
    "static integer": (loss, {}, (parameters(), np.ones((4, 3))), {"power": 4}),
    "second argument": (loss, {"argnums": 1}, (parameters(), np.ones((4, 3))), {}),
    "several": (loss, {"argnums": (0, 1)}, (parameters(), np.ones((4, 3))), {}),
    "from the end": (loss, {"argnums": -1}, (parameters(), np.ones((4, 3))), {}),
    "all": (loss, {"argnums": None}, (parameters(), np.ones((4, 3)), 0.5), {}),
    "by name": (loss, {"argnames": "y"}, (parameters(), np.ones((4, 3))), {"y": 0.5}),
    "by names": (loss, {"argnames": ("y", "params")}, (parameters(), np.ones((4, 3))), {"y": 0.5}),
    "extra": (lambda x: (np.sum(x**2), {"half": x / 2, "n": 3, "text": "a"}), {"has_aux": True},
              (X,), {}),
    "dataclass": (lambda layer, x: np.sum(np.tanh(x @ layer.W + layer.b)), {},
                  (Layer(np.ones((3, 2)), np.zeros(2)), X), {}),
    "named tuple": (lambda p: np.sum(p.first * p.second), {}, (Pair(X, X + 1.0),), {}),
    "nested": (lambda t: np.sum(t[0][0] * t[1]["a"]) + t[1]["b"][1], {},
               (([X], {"a": X, "b": (None, 2.0)}),), {}),
    "ordered dict": (lambda p: np.sum(p["a"] ** 2), {}, (collections.OrderedDict(a=X),), {}),
    "ordered dict in a list": (lambda p: np.sum(p[0]["a"] ** 2), {},
                               ([collections.OrderedDict(a=X)],), {}),
    "unused": (lambda x, y: np.sum(x), {"argnums": (0, 1)}, (X, X), {}),
    "constant": (lambda x: 3.0, {}, (X,), {}),
    "itself": (lambda x: x, {}, (np.float64(2.0),), {}),
    "shared": (lambda x, y: np.sum(x * y), {"argnums": (0, 1)}, (X, X), {}),
    "strided": (lambda x, a: np.sum(np.tanh(a @ x)), {},
                (np.arange(6.0)[::2], np.arange(18.0).reshape(3, 6)[:, ::2]), {}),
    "no gradient through a mask": (lambda x: np.sum(np.where(x > 0, x, 0.0)), {}, (X,), {}),
    "labels": (lambda z, y: -np.mean(cr.log_softmax(z)[np.arange(2), y]), {},
               (np.ones((2, 3)), np.array([0, 2])), {}),
}  # fmt: skip


@pytest.mark.parametrize(("f", "options", "args", "kwargs"), CALLS.values(), ids=CALLS.keys())
@pytest.mark.filterwarnings("ignore::chainrule.UnusedInputWarning")
def test_value_and_gradient_are_those_of_the_ordinary_function(f, options, args, kwargs):
    compiled = cr.value_and_grad(f, **options, compile=True)
    expected = cr.value_and_grad(f, **options)(*args, **kwargs)
    for _ in range(3):
        same(compiled(*args, **kwargs), expected)
    assert compiled.retraces == 1
    for gradient in flatten(compiled(*args, **kwargs)[1])[0]:
        if isinstance(gradient, np.ndarray):
            assert gradient.flags.writeable
            assert gradient.flags.owndata or gradient.base.base is None
    same(cr.compile(f)(*args, **kwargs), f(*args, **kwargs))


@settings(max_examples=60)
@given(programs())
def test_random_programs(drawn):
    program, inputs = drawn
    for f in (program, lambda *a: (np.sum(a[0]), program(*a))):
        compiled = cr.compile(f)
        expected = f(*inputs)
        for _ in range(2):
            for a, b in zip(flatten(compiled(*inputs))[0], flatten(expected)[0], strict=True):
                np.testing.assert_array_equal(a, b)


def test_results_and_arguments_stay_as_they_are():
    f = cr.value_and_grad(loss, compile=True)
    params, x = parameters(), np.ones((4, 3))
    kept = [np.copy(leaf) for leaf in flatten((params, x))[0]]
    first = f(params, x)
    saved = [np.copy(leaf) for leaf in flatten(first)[0]]
    second = f(parameters(), 2 * x)
    for leaf, copy in zip(flatten(first)[0], saved, strict=True):
        np.testing.assert_array_equal(leaf, copy)
    for leaf, copy in zip(flatten((params, x))[0], kept, strict=True):
        np.testing.assert_array_equal(leaf, copy)
    first[1]["W"][...] = np.nan
    second[1]["b"][...] = np.nan
    same(f(params, x), cr.value_and_grad(loss)(params, x))


def test_results_that_are_arguments_are_copies():
    f = cr.compile(lambda x, t: (x, x.T, t[0], np.zeros(2), x[0]))
    x = np.ones((2, 2))
    found = f(x, [x])
    for i, array in enumerate(found):
        assert not np.shares_memory(array, x)
        assert not any(np.shares_memory(array, other) for other in found[:i])
        array += 1.0
    np.testing.assert_array_equal(f(x, [x])[3], np.zeros(2))
    np.testing.assert_array_equal(x, np.ones((2, 2)))


def test_a_new_kind_of_argument_gets_its_own_plan():
    f = cr.compile(lambda x, n=1: np.sum(np.tanh(x) * n))
    kinds = [
        (np.ones(3),), (np.ones(4),), (np.ones(3, np.float32),), (np.ones((3, 1)),),
        (np.ones(6)[::2],), (np.ones(9)[::3],), (np.ones(3), 2), (np.float64(1.0),), (1.0,),
    ]  # fmt: skip
    for _ in range(2):
        for args in kinds:
            assert f(*args) == np.sum(np.tanh(args[0]) * (args[1:] or (1,))[0])
    assert f.retraces == len(f.plans) == len(kinds)
    assert f.misses == 0


@pytest.mark.parametrize(
    "other",
    [
        np.ones((2, 2), np.float32), np.ones((2, 1)), np.ones((2, 2)).T[:, ::-1],
        np.asfortranarray(np.ones((2, 2))), np.ones((2, 2)).astype(">f8"), np.ones((2, 2), int),
        np.ma.ones((2, 2)), [[1.0, 1.0], [1.0, 1.0]], 1.0, None, "text",
    ],
)  # fmt: skip
def test_a_plan_is_not_used_for_another_kind_of_argument(other):
    f = cr.compile(lambda x: x if x is None else np.tanh(x))
    f(np.ones((2, 2)))
    assert f._latest.run((np.ones((2, 2)),), {}) is not MISS
    assert f._latest.run((other,), {}) is MISS
    assert f._latest.run((np.ones((2, 2)), other), {}) is MISS
    assert f._latest.run((np.ones((2, 2)),), {"y": other}) is MISS


def test_ever_new_static_arguments_run_as_written_in_the_end():
    f = cr.compile(lambda x, n: np.sum(x) * n)
    for n in range(100):
        assert f(np.ones(2), n) == 2.0 * n
    assert len(f.plans) == 64
    assert "no more plans" in f.explain(statements=False)


def test_branches():
    def f(x):
        return np.sum(np.sqrt(x)) if np.min(x) >= 0 else -np.sum(x)

    compiled = cr.value_and_grad(f, compile=True)
    eager = cr.value_and_grad(f)
    positive, negative = np.array([1.0, 4.0]), np.array([1.0, -4.0])
    for x in (positive, negative, positive, negative, negative):
        same(compiled(x), eager(x))
    assert compiled.retraces == 2
    assert compiled.misses == 1
    assert "2 plan(s), 2 trace(s), 1 guard miss(es)" in compiled.explain()


def test_more_than_eight_branches():
    def f(x):
        return x * int(cr.stop_gradient(x))

    compiled = cr.compile(f)
    for _ in range(2):
        for number in range(20):
            assert compiled(number + 0.5) == f(number + 0.5)
    assert len(compiled.plans) == 8
    assert "no more plans" in compiled.explain()


@pytest.mark.parametrize(
    ("f", "good", "bad"),
    [
        (lambda x, y: np.sum(x @ y), (np.ones((2, 3)), np.ones(3)), (np.ones((2, 3)), np.ones(4))),
        (lambda x: np.sum(np.linalg.inv(x)), (np.eye(2),), (np.zeros((2, 2)),)),
        (lambda d: np.sum(d["a"]), ({"a": X},), ({"b": X},)),
        (lambda x: np.sum(x), (X,), (np.array([1, 2]),)),
        (lambda x: np.sum(x), (X,), ("text",)),
        (lambda x: np.sum(x), (X,), ()),
        (lambda x: np.sum(x), (X,), (X, X)),
        (lambda x: np.tanh(x) if x.ndim else x, (np.float64(1.0),), (X,)),
        (lambda x: np.sum(np.fft.fft(x).real) if x.size > 3 else np.sum(x), (X,), (np.ones(4),)),
    ],
    ids=[
        "shapes",
        "singular",
        "key",
        "integers",
        "text",
        "too few",
        "too many",
        "array",
        "no rule",
    ],
)
@pytest.mark.filterwarnings("error")
def test_errors_are_those_of_the_ordinary_function(f, good, bad):
    compiled, eager = cr.value_and_grad(f, compile=True), cr.value_and_grad(f)
    same(compiled(*good), eager(*good))
    with pytest.raises(Exception) as expected:  # noqa: PT011
        eager(*bad)
    for _ in range(2):
        with pytest.raises(type(expected.value)) as found:
            compiled(*bad)
        assert type(found.value) is type(expected.value)
        assert str(found.value).split(" at line")[0] == str(expected.value).split(" at line")[0]
    same(compiled(*good), eager(*good))


def test_an_error_of_the_users_own_on_another_branch():
    def f(x):
        if np.any(x < 0):
            raise ValueError("negative")
        return np.sum(np.sqrt(x))

    compiled = cr.compile(f)
    assert compiled(np.ones(4)) == 4.0
    with pytest.raises(ValueError, match=r"^negative$"):
        compiled(-np.ones(4))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cr.compile(3), "the function to compile must be callable, got int"),
        (lambda: cr.value_and_grad(3, compile=True), "must be callable, got int"),
        (lambda: cr.compile(lambda x: {1, 2})(X), "returned a set; the result of a compiled"),
        (lambda: cr.compile(np.sum).into(X), "needs a gradient; use value_and_grad"),
        (lambda: cr.value_and_grad(loss, compile=True).into({"W": 1.0}),
         r"gradients\['W'\] must be an array that can be written to, got float"),
        (lambda: cr.value_and_grad(loss, compile=True).into([np.broadcast_to(1.0, (2,))]),
         r"gradients\[0\] must be .* got a read-only array"),
        (lambda: cr.value_and_grad(loss, compile=True).into([X, X]),
         r"gradients\[1\] shares memory with another"),
        (lambda: cr.value_and_grad(np.sum, compile=True).into(np.ones(2))(X),
         r"gradients given to sum.into is float64\[2\], the gradient float64\[3\]"),
        (lambda: cr.value_and_grad(np.sum, compile=True).into(np.ones(3, np.float32))(X),
         r"is float32\[3\], the gradient float64\[3\]"),
        (lambda: cr.value_and_grad(np.sum, compile=True).into([np.ones(3)])(X),
         r"have the structure \[\*\], the gradient \*"),
    ],
)  # fmt: skip
def test_wrong_use(call, message):
    with pytest.raises(cr.InvalidInput, match=message):
        call()


def test_differentiating_a_compiled_function():
    f = cr.compile(lambda x: np.sum(np.sin(x) ** 2))
    f(X)
    slope = cr.value_and_grad(lambda x: np.sum(np.sin(x) ** 2), compile=True)
    slope(X)
    same(cr.grad(f)(X), cr.grad(lambda x: np.sum(np.sin(x) ** 2))(X))
    hessian = cr.jacobian(lambda x: slope(x)[1])(X)
    np.testing.assert_allclose(hessian, np.diag(2 * np.cos(2 * X)), rtol=1e-12, atol=1e-15)
    assert len(f.plans) == len(slope.plans) == 1


def test_compiled_in_a_closure_over_traced_values():
    inner = []

    def outer(w):
        f = cr.compile(lambda x: np.sum(np.tanh(w * x)))
        inner.append(f)
        return f(X)

    same(cr.grad(outer)(X), cr.grad(lambda w: np.sum(np.tanh(w * X)))(X))
    assert not inner[0].plans


def test_a_plan_made_before_a_closed_over_value_becomes_traced():
    w = np.array([1.0, 2.0, 3.0])
    f = cr.compile(lambda x: np.sum(np.tanh(w * x)))
    f(X)

    def outer(value):
        nonlocal w
        w = value
        return f(X)

    same(cr.grad(outer)(X), cr.grad(lambda w: np.sum(np.tanh(w * X)))(X))


def test_a_traced_value_from_an_iterator():
    def outer(w):
        numbers = itertools.repeat(w)
        return cr.compile(lambda x: np.sum(next(numbers) * x))(X)

    same(cr.grad(outer)(X), X)


def test_methods():
    class Model:
        def __init__(self):
            self.w = np.array([1.0, 2.0, 3.0])

        @cr.compile
        def loss(self, x):
            return np.sum(np.tanh(self.w * x))

    first, second = Model(), Model()
    second.w = second.w * 2.0
    for _ in range(3):
        first.w = first.w + 1.0
        assert first.loss(X) == np.sum(np.tanh(first.w * X))
        assert second.loss(X) == np.sum(np.tanh(second.w * X))
    assert isinstance(Model.loss, Compiled)
    assert Model.loss.retraces == 2


def test_threads():
    f = cr.value_and_grad(loss, compile=True)
    inputs = [(parameters(), rng.normal(size=(size, 3))) for size in (2, 3, 4)]
    expected = [cr.value_and_grad(loss)(*args) for args in inputs]
    failures = []

    def work():
        for _ in range(40):
            for args, answer in zip(inputs, expected, strict=True):
                value, gradient = f(*args)
                if not (np.isclose(value, answer[0], rtol=1e-12) and all(
                    np.allclose(gradient[k], answer[1][k], rtol=1e-12) for k in gradient
                )):  # fmt: skip
                    failures.append(args)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_compiled_function_that_calls_itself():
    def f(x, n):
        return np.sum(x) if n == 0 else compiled(np.tanh(x), n - 1)

    compiled = cr.compile(f)
    for _ in range(2):
        assert compiled(X, 3) == np.sum(np.tanh(np.tanh(np.tanh(X))))


def test_no_argument_stays_alive():
    class Array(np.ndarray):
        """An array that can be watched."""

    f = cr.value_and_grad(lambda w, x: np.sum(np.tanh(x * w)), compile=True)
    x = np.ones((20, 3)).view(Array)
    watched = weakref.ref(x)
    f(X, np.asarray(x))
    del x
    gc.collect()
    assert watched() is None


def test_a_closed_over_array_that_is_replaced_does_not_stay_alive():
    class Array(np.ndarray):
        """An array that can be watched."""

    base = np.ones(3).view(Array)
    w, watched = np.asarray(base), weakref.ref(base)
    f = cr.compile(lambda x: np.sum(w * x))
    f(X)
    del base
    w = np.zeros(3)
    gc.collect()
    assert watched() is None
    assert f(X) == 0.0


def test_explain_lists_statements_with_bytes_and_times():
    f = cr.value_and_grad(loss, compile=True)
    f(parameters(), np.ones((4, 3)))
    text = f.explain()
    assert "loss: 1 plan(s), 1 trace(s), 0 guard miss(es)" in text
    assert "params['W']: float64[3, 2]" in text
    assert "tanh(" in text
    assert "us" in text
    assert "48 B" in text
    assert len(f.explain(statements=False).splitlines()) == 3
    assert repr(f) == "<compiled loss: 1 plan(s)>"


def test_explain_of_statements_that_random_numbers_make_fail():
    f = cr.compile(lambda x: np.sum(np.linalg.cholesky(x)))
    f(np.eye(3))
    assert "nan us" in f.explain()


def test_warnings_come_once():
    f = cr.value_and_grad(lambda x, y: np.sum(x), argnums=(0, 1), compile=True)
    with pytest.warns(cr.UnusedInputWarning, match="y does not influence"):
        f(X, X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        f(X, X)


# --- gradients written where the caller wants them ------------------------------------------------


def test_gradients_written_into_one_flat_array():
    flat, params = flat_tree(parameters())
    gradient, views = flat_tree(parameters())
    x = rng.normal(size=(4, 3))
    f = cr.value_and_grad(loss, compile=True).into(views)
    for _ in range(5):
        expected_value, expected = cr.value_and_grad(loss)(params, x)
        value = f(params, x)
        same(value, expected_value)
        same(views, expected)
        flat -= 0.1 * gradient
    assert f.retraces == 1


def test_extra_results_beside_gradients_written_in_place():
    gradient = np.empty(3)
    f = cr.value_and_grad(lambda x: (np.sum(x**2), 2 * x), has_aux=True, compile=True)
    value, extra = f.into(gradient)(X)
    assert value == np.sum(X**2)
    np.testing.assert_array_equal(extra, gradient)
    assert not np.shares_memory(extra, gradient)


@pytest.mark.parametrize("order", ["C", "F"])
def test_any_layout_can_be_written_into(order):
    a, x = rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    gradients = (np.empty((3, 3), order=order), np.empty((3, 6))[:, ::2])
    f = cr.value_and_grad(lambda a, x: np.sum(np.tanh(a @ x)), argnums=(0, 1), compile=True)
    value = f.into(gradients)(a, x)
    same((value, gradients), cr.value_and_grad(lambda a, x: np.sum(np.tanh(a @ x)), (0, 1))(a, x))


def test_arguments_that_lie_where_gradients_go():
    flat = np.array([0.3, -0.2, 0.6, 0.1])
    f = cr.value_and_grad(lambda x: np.sum(np.tanh(x) ** 2), compile=True)
    for destination, argument in ((flat[:3], flat[:3]), (flat[:3], flat[1:]), (flat[1:], flat[:3])):
        flat[...] = [0.3, -0.2, 0.6, 0.1]
        value, gradient = cr.value_and_grad(lambda x: np.sum(np.tanh(x) ** 2))(argument.copy())
        into = f.into(destination)
        into(np.ones(3))
        flat[...] = [0.3, -0.2, 0.6, 0.1]
        np.testing.assert_allclose(into(argument), value, rtol=1e-14)
        np.testing.assert_allclose(destination, gradient, rtol=1e-14)


def test_arguments_that_a_gradient_is_written_over_too_early():
    def f(a, b):
        return np.sum(np.tanh(a * b))

    def numbers():
        return np.array([0.3, -0.2]), np.array([0.7, 0.4])

    expected_value, expected = cr.value_and_grad(f, argnums=(0, 1))(*numbers())
    for first in (0, 1):
        into_a, into_b = numbers()
        into = cr.value_and_grad(f, argnums=(0, 1), compile=True).into((into_a, into_b))
        into(*numbers())
        args = list(numbers())
        args[first] = (into_a, into_b)[first]
        args[first][...] = numbers()[first]
        assert into(*args) == expected_value
        same((into_a, into_b), expected)


def test_a_closed_over_array_that_lies_where_gradients_go():
    w = np.array([1.0, 2.0, 3.0])
    f = cr.value_and_grad(lambda x: np.sum(np.tanh(w * x)), compile=True).into(w)
    expected = cr.value_and_grad(lambda x: np.sum(np.tanh(np.array([1.0, 2.0, 3.0]) * x)))(X)
    same((f(X), w), expected)


def test_gradients_in_memory_of_somebody_else():
    memory = bytearray(24)
    gradient = np.frombuffer(memory)
    f = cr.value_and_grad(lambda x: np.sum(x**2), compile=True).into(gradient)
    assert f(X) == np.sum(X**2)
    np.testing.assert_array_equal(np.frombuffer(memory), 2 * X)
    assert f(gradient) == np.sum((2 * X) ** 2)
    np.testing.assert_array_equal(gradient, 4 * X)


def test_branches_beside_gradients_written_in_place():
    gradient = np.empty(3)

    def f(x):
        return np.sum(x) if np.sum(x) > 0 else np.sum(x * x)

    into = cr.value_and_grad(f, compile=True).into(gradient)
    for x in (X, -X, X, -X):
        same((into(x), gradient), cr.value_and_grad(f)(x))
    assert into.retraces == 2
