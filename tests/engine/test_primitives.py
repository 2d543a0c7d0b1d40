"""Every registered primitive, on every call it declares: the registry is the test table."""

import warnings

import numpy as np
import pytest

import chainrule as cr
import chainrule.engine.rules.special
from chainrule.engine.custom import STOP_GRADIENT
from chainrule.engine.errors import UnusedInputWarning
from chainrule.engine.primitive import PRIMITIVES, Call, Draw, Primitive, call
from chainrule.engine.tracing import Traced, apply
from chainrule.engine.transforms import trace, vjp
from chainrule.engine.trees import flatten

INTERNAL = {"placeholder", "constant", "select_output"}  # made by the engine, never called


def automatic_cases(primitive):
    """Scalars, vectors, matrices and broadcasting for elementwise primitives without own cases."""
    count = len(primitive.rules)
    if count == 1:
        return [lambda draw, s=shape: call(draw(*s)) for shape in ((), (3,), (2, 3), (0,))]
    pairs = [((), ()), ((3,), (3,)), ((2, 3), (3,)), ((), (2,)), ((2, 1), (1, 3)), ((2, 3), ())]
    return [lambda draw, p=pair: call(draw(*p[0]), draw(*p[1])) for pair in pairs]


def table():
    for name, primitive in sorted(PRIMITIVES.items()):
        if name in INTERNAL:
            continue
        for number, case in enumerate(primitive.cases or automatic_cases(primitive)):
            yield pytest.param(primitive, case, id=f"{name}-{number}")


CALLS = list(table())


def draw_call(primitive, case, dtype=np.float64, seed=0):
    """The call, and a function of its floating-point arrays alone."""
    drawn: Call = case(Draw(np.random.default_rng(seed), *primitive.domain))
    leaves, structure = flatten((drawn.args, drawn.kwargs))
    floating = [
        i
        for i, x in enumerate(leaves)
        if isinstance(x, (np.ndarray, np.floating)) and x.dtype.kind == "f"
    ]
    for i in floating:
        leaves[i] = leaves[i].astype(dtype)

    def function(*arrays):
        full = list(leaves)
        for i, array in zip(floating, arrays, strict=True):
            full[i] = array
        args, kwargs = structure.unflatten(full)
        return apply(primitive, *args, **kwargs)

    function.__name__ = primitive.name
    return drawn, function, [leaves[i] for i in floating]


def is_floating(value):
    return all(np.result_type(x).kind == "f" for x in flatten(value)[0])


@pytest.mark.parametrize(("primitive", "case"), CALLS)
def test_value_equals_numpy(primitive: Primitive, case):
    """Traced and plain evaluation agree with NumPy's own function, dtype included."""
    drawn, function, arrays = draw_call(primitive, case)
    plain = function(*arrays)
    graph = trace(function, *arrays)
    public = primitive.functions[0] if primitive.functions else None
    expected = public(*drawn.args, **drawn.kwargs) if public is not None else plain
    for a, b, c in zip(
        flatten(expected)[0], flatten(plain)[0], flatten(graph.value)[0], strict=True
    ):
        assert np.shape(a) == np.shape(b) == np.shape(c)
        assert np.result_type(a) == np.result_type(b) == np.result_type(c)
        np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-14)
        np.testing.assert_array_equal(c, b)
    graph.lint()
    again = graph.evaluate(*[np.array(a)[()] for a in arrays])
    for a, b in zip(flatten(again)[0], flatten(plain)[0], strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("primitive", "case"), CALLS)
def test_derivatives_to_second_order(primitive: Primitive, case):
    """Differences, VJP and JVP agree for the function and for its derivative."""
    _, function, arrays = draw_call(primitive, case)
    if primitive is STOP_GRADIENT or not arrays:
        return
    if not is_floating(function(*arrays)):
        assert not primitive.differentiable
        return
    with np.errstate(all="raise", under="ignore"):
        cr.check_grads(function, arrays, order=2, rtol=2e-6)


@pytest.mark.parametrize(("primitive", "case"), CALLS)
def test_float32_stays_float32(primitive: Primitive, case):
    """Values have NumPy's dtype, cotangents are float32, and close to the float64 ones."""
    _, function, arrays = draw_call(primitive, case)
    _, function32, arrays32 = draw_call(primitive, case, np.float32)
    if not arrays or not is_floating(function(*arrays)):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusedInputWarning)
        value, pullback = vjp(function, *arrays)
        value32, pullback32 = vjp(function32, *arrays32)
    ones = [np.ones(np.shape(x), np.result_type(x))[()] for x in flatten(value)[0]]
    ones32 = [np.ones(np.shape(x), np.result_type(x))[()] for x in flatten(value32)[0]]
    structure = flatten(value)[1]
    found = pullback(structure.unflatten(ones))
    found32 = pullback32(structure.unflatten(ones32))
    plain32 = function32(*arrays32)  # mostly float32; NumPy decides
    for a, b in zip(flatten(plain32)[0], flatten(value32)[0], strict=True):
        assert np.result_type(b) == np.result_type(a)
    for a, b in zip(found, found32, strict=True):
        assert np.result_type(b) == np.float32
        scale = 1.0 + np.max(np.abs(a), initial=0.0)
        np.testing.assert_allclose(b, a, rtol=2e-3, atol=2e-3 * scale)


@pytest.mark.parametrize(("primitive", "case"), CALLS)
def test_rules_hand_out_neither_operands_nor_results(primitive: Primitive, case):
    """A cotangent never shares memory with an operand or the result, which the user may change."""
    _, function, arrays = draw_call(primitive, case)
    if not arrays or not is_floating(function(*arrays)):
        return
    value, pullback = vjp(function, *arrays)
    leaves, structure = flatten(value)
    cotangent = [np.ones(np.shape(x)) for x in leaves]
    found = pullback(structure.unflatten([c[()] for c in cotangent]))
    owned = [x for x in (*arrays, *leaves, *cotangent) if isinstance(x, np.ndarray)]
    for number, result in enumerate(found):
        if isinstance(result, np.ndarray):
            assert result.flags.writeable
            others = [*owned, *(x for i, x in enumerate(found) if i != number)]
            assert not any(np.shares_memory(result, other) for other in others)


def test_every_differentiable_primitive_declares_calls_or_is_elementwise():
    for name, primitive in PRIMITIVES.items():
        if name in INTERNAL or primitive.cases:
            continue
        assert not callable(primitive.rules), f"{name} has no test cases"
        assert primitive.bind is not None
        assert len(primitive.rules) in (1, 2), f"{name} has no test cases"


def test_traced_values_survive_every_elementwise_ufunc_call():
    """A scalar stays a scalar: no primitive turns a 0-d result into an array."""
    for name in ("sin", "exp", "tanh", "negative", "square"):
        graph = trace(lambda x, p=PRIMITIVES[name]: apply(p, x), 0.5)
        assert graph.outputs[0].shape == ()
        assert not isinstance(graph.outputs[0].value, Traced)
