"""One comparison for every function: the traced value is NumPy's, and the derivatives agree."""

import warnings

import numpy as np

import chainrule as cr
from chainrule.engine.errors import UnusedInputWarning
from chainrule.engine.transforms import trace, vjp
from chainrule.engine.trees import flatten


def assert_agrees(f, *arrays, order=2):
    """Value, dtype, graph replay, derivatives to ``order`` and float32 of a function of arrays."""
    plain = flatten(f(*[a.copy() for a in arrays]))[0]
    graph = trace(f, *arrays)
    graph.lint()
    replayed = graph.evaluate(*[a.copy() for a in arrays])
    for a, b, c in zip(plain, flatten(graph.value)[0], flatten(replayed)[0], strict=True):
        assert np.shape(a) == np.shape(b)
        assert np.result_type(a) == np.result_type(b)
        np.testing.assert_allclose(b, a, rtol=1e-13, atol=1e-15)
        np.testing.assert_array_equal(c, b)
    with np.errstate(all="raise", under="ignore"):
        cr.check_grads(f, [a.copy() for a in arrays], order=order)
    single = [a.astype(np.float32) for a in arrays]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusedInputWarning)
        value, pullback = vjp(f, *single)
        leaves, structure = flatten(value)
        ones = structure.unflatten([np.ones(np.shape(x), np.result_type(x))[()] for x in leaves])
        for cotangent in pullback(ones):
            assert np.result_type(cotangent) == np.float32
