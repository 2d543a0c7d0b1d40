"""Tensors: the object style returns gradients by name and keeps nothing alive."""

import gc
import weakref

import numpy as np
import pytest

import chainrule as cr


def test_gradients_come_back_by_name():
    x = cr.tensor([1.0, 2.0], name="x")
    w = cr.tensor(3, name="w")
    y = np.sum(w * x**2)
    assert y.value == 15.0
    gradients = y.backward()
    np.testing.assert_array_equal(gradients["x"], [6.0, 12.0])
    assert gradients["w"] == 5.0
    np.testing.assert_array_equal(y.backward()["x"], [6.0, 12.0])  # nothing accumulates


def test_tensors_without_a_name_are_numbered():
    y = cr.tensor(2.0) * cr.tensor(5.0)
    assert y.backward() == {"tensor0": 5.0, "tensor1": 2.0}


def test_a_tensor_that_only_passes_a_step_has_a_zero_gradient():
    a, b = cr.tensor([1.5, 2.5], name="a"), cr.tensor(2.0, name="b")
    gradients = np.sum(np.floor(a) * b).backward()
    np.testing.assert_array_equal(gradients["a"], [0.0, 0.0])
    assert gradients["b"] == 3.0


def test_thousands_of_views_of_one_tensor_are_forgotten_with_them():
    x = cr.tensor([1.0, 2.0], name="x")
    total = x[0]
    for _ in range(3000):
        total = total + x[1]
    assert total.backward()["x"].tolist() == [1.0, 3000.0]
    x[:1] = 5.0
    assert x[0].value == 5.0


def test_a_cotangent_weighs_the_elements():
    x = cr.tensor([1.0, 2.0], name="x")
    np.testing.assert_array_equal((x**2).backward(np.array([1.0, 10.0]))["x"], [2.0, 40.0])


def test_float32_tensors_have_float32_gradients():
    x = cr.tensor(np.ones(2, np.float32), name="x")
    assert np.sum(x * x).backward()["x"].dtype == np.float32


def test_tensors_are_constants_to_the_transforms():
    x = cr.tensor(3.0, name="x")
    y = x * cr.grad(lambda z: z * z * x)(2.0)
    assert y.value == 36.0
    assert y.backward() == {"x": 24.0}


def test_memory_is_freed_with_the_tensors():
    x = cr.tensor(np.ones(3), name="x")
    y = np.tanh(x * 2.0)
    z = np.sum(y)
    dead = weakref.ref(y)
    del y, z
    gc.collect()
    assert dead() is None


def test_long_chains_need_no_recursion():
    x = cr.tensor(1.0, name="x")
    y = x
    for _ in range(20_000):
        y = y + 0.5
    assert y.backward() == {"x": 1.0}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cr.tensor([1.0, 2.0]).backward(), r"shape \(2,\) needs a cotangent"),
        (lambda: cr.tensor(1.0).backward(np.ones(2)), r"cotangent has shape \(2,\)"),
        (
            lambda: (cr.tensor(1.0, "x") * cr.tensor(2.0, "x")).backward(),
            "two tensors are named 'x'",
        ),
        (lambda: (cr.tensor(1.0) > 0).backward(), "bool tensor has no gradient"),
        (lambda: cr.tensor(np.arange(3)), "needs floating-point numbers, got dtype int64"),
        (lambda: cr.tensor("abc"), "needs floating-point numbers"),
        (lambda: cr.tensor(cr.tensor(1.0)), "traced already"),
    ],
)
def test_wrong_use_is_refused(make, message):
    with pytest.raises(cr.InvalidInput, match=message):
        make()


def test_float_of_a_tensor_names_the_cure():
    with pytest.raises(cr.TracingError, match=r"x\.value"):
        float(cr.tensor(1.0))
