"""Tracing: control flow, refusals with line and cure, and the trap list of other engines."""

import copy
import math
import pickle
import statistics
import threading

import numpy as np
import pytest
import scipy.linalg
import scipy.special

import chainrule as cr
from chainrule.engine.tracing import Traced

X = np.array([1.0, 2.0, 3.0])


def gradient_of(f, *args, argnums=0):
    return cr.grad(f, argnums=argnums)(*args)


# --- the trap list: what HIPS autograd 1.9.1 gets wrong (reference study, section 5) -------------

TRAPS = [
    ("sum where", lambda x: np.sum(x, where=np.array([1, 0, 1], bool)), X, [1, 0, 1]),
    ("mean where", lambda x: np.mean(x, where=np.array([1, 0, 1], bool)), X, [0.5, 0, 0.5]),
    ("tensordot by keyword", lambda x: np.tensordot(a=x, b=np.arange(3.0), axes=1), X, [0, 1, 2]),
    ("where of a scalar", lambda s: np.sum(np.where(X != 2, s, X)), 5.0, 2.0),
    ("prod with a zero", np.prod, np.array([0.0, 2.0, 3.0]), [6, 0, 0]),
    ("sinc at 0", np.sinc, 0.0, 0.0),
    ("norm of zeros", np.linalg.norm, np.zeros(3), [0, 0, 0]),
    ("std of a constant", np.std, np.ones(3), [0, 0, 0]),
    ("broadcast_to", lambda x: np.sum(np.broadcast_to(x, (2, 3))), X, [2, 2, 2]),
    (
        "sort 2-D",
        lambda x: np.sum(np.sort(x, axis=0)[0]),
        np.array([[2.0, 1], [1, 2]]),
        [[0, 1], [1, 0]],
    ),
    ("einsum trace", lambda x: np.einsum("ii->", x), np.eye(2), [[1, 0], [0, 1]]),
    ("diff prepend", lambda x: np.sum(np.diff(x, prepend=0.0)), X, [0, 0, 1]),
    ("roll tuple", lambda x: np.roll(x, (1, 1), (0, 1))[0, 0], np.eye(2), [[0, 0], [0, 1]]),
    ("repeat counts", lambda x: np.sum(np.repeat(x, [1, 2, 3])), X, [1, 2, 3]),
    ("cumprod", lambda x: np.sum(np.cumprod(x)), X, [9, 4, 2]),
    ("flip", lambda x: np.flip(x)[0], X, [0, 0, 1]),
    ("take", lambda x: np.sum(np.take(x, [0, 0, 2])), X, [2, 0, 1]),
    ("delete", lambda x: np.sum(np.delete(x, 1)), X, [1, 0, 1]),
    ("ptp", np.ptp, X, [-1, 0, 1]),
    ("average", lambda x: np.average(x, weights=[1, 0, 3]), X, [0.25, 0, 0.75]),
    ("interp", lambda x: np.interp(x, [0.0, 2.0], [0.0, 6.0]), 1.0, 3.0),
    ("trapezoid", np.trapezoid, X, [0.5, 1, 0.5]),
    ("median", np.median, X, [0, 1, 0]),
    ("modf", lambda x: np.modf(x)[0], 1.25, 1.0),
    ("nansum", np.nansum, np.array([1.0, np.nan]), [1, 0]),
    ("add.reduce", np.add.reduce, X, [1, 1, 1]),
    ("method dot", lambda x: x.dot(x), X, [2, 4, 6]),
    ("method copy", lambda x: np.sum(x.copy()), X, [1, 1, 1]),
    ("method item", lambda x: x[1].item() * 2, X, [0, 2, 0]),
    ("attribute real", lambda x: np.sum(x.real), X, [1, 1, 1]),
    ("attribute flat", lambda x: x.flat[1], X, [0, 1, 0]),
    ("unary plus", lambda x: np.sum(+x), X, [1, 1, 1]),
    ("divmod", lambda x: divmod(x, 2.0)[1], 3.5, 1.0),
    ("array like", lambda x: np.sum(x * np.array([1.0, 2.0, 4.0], like=x)), X, [1, 2, 4]),
    ("array of an array", lambda x: np.sum(np.array(x, like=x)), X, [1, 1, 1]),
    ("list of truths", lambda x: np.sum(x * (x > 1).tolist()), X, [0, 1, 1]),
    ("add with a dtype", lambda x: np.sum(np.add(x, 1, dtype=np.float32)), X, [1, 1, 1]),
    (
        "reduce where",
        lambda x: x[0] * np.add.reduce(np.arange(3), dtype=float, where=x > 1),
        X,
        [3, 0, 0],
    ),
    ("repeat by a tuple", lambda x: np.sum(np.repeat(x, (2,))), X, [2, 2, 2]),
    ("trim in front", lambda x: np.sum(np.trim_zeros(x, "f")), np.array([0.0, 2, 0]), [0, 1, 1]),
    ("axis of NumPy's", lambda x: np.sum(x[None], axis=np.int64(1))[0], X, [1, 1, 1]),
    ("correlation with itself", np.corrcoef, X, [0, 0, 0]),
    ("meshgrid", lambda x: np.sum(np.meshgrid(x, np.ones(2))[0]), X, [2, 2, 2]),
]


@pytest.mark.parametrize(("f", "x", "expected"), [t[1:] for t in TRAPS], ids=[t[0] for t in TRAPS])
def test_trap_list(f, x, expected):
    np.testing.assert_allclose(gradient_of(f, x), expected, atol=1e-15)


@pytest.mark.parametrize("f", [np.mean, np.std, lambda x: np.sum(np.log2(x)), np.linalg.norm])
def test_float32_is_kept(f):
    assert cr.grad(f)(np.array([1, 2, 4], np.float32)).dtype == np.float32


def test_exceptions_leave_nothing_behind():
    def broken(x):
        raise ZeroDivisionError

    array = np.ones(5000)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            cr.grad(lambda x: broken(np.sum(x * array)))(np.ones(5000))
    assert array.flags.writeable
    assert cr.grad(lambda x: x * cr.grad(lambda y: x * y)(1.0))(2.0) == 4.0


# --- control flow and guards ---------------------------------------------------------------------


def test_python_control_flow_follows_the_values():
    def f(x):
        total = x
        while total < 10:
            total = total * x
        return total if total > 20 else total + 0.0

    assert gradient_of(f, 3.0) == 27.0
    assert gradient_of(f, 4.0) == 8.0


def test_every_escape_is_a_guard():
    def f(x):
        if x.sum() > 3:
            return x * int(x[0])
        return x * np.argmax(x).__index__()

    graph = cr.trace(f, X)
    assert [g.kind for g in graph.guards] == ["bool", "int"]
    np.testing.assert_array_equal(graph.evaluate(X), X)
    with pytest.raises(cr.GuardMiss, match=r"bool.*would take False now.*line"):
        graph.evaluate(np.zeros(3))


def test_replay_refuses_other_shapes_and_structures():
    graph = cr.trace(lambda x: x * 2, X)
    with pytest.raises(cr.InvalidInput, match=r"traced as float64\[3\], got float64\[2\]"):
        graph.evaluate(np.ones(2))
    with pytest.raises(cr.InvalidInput, match=r"traced with arguments"):
        graph.evaluate(X, X)


# --- refusals: the line and the cure -------------------------------------------------------------

REFUSALS = [
    (lambda x: np.array([x, x]), "np.array.*np.stack"),
    (lambda x: np.asarray([x[0]]), "np.stack"),
    (lambda x: np.r_[x, x], "np.concatenate"),
    (lambda x: np.full(3, x[0]), "value . np.ones"),
    (lambda x: math.sin(x[0]), "np.sin for math.sin"),
    (lambda x: np.ones((2, len(x))).dot(x), r"np\.dot\(x, w\) for x\.dot\(w\)"),
    (lambda x: float(x[0]), "lose its gradient"),
    (lambda x: complex(x[0]), "lose its gradient"),
    (lambda x: x.tolist(), "tolist"),
    (lambda x: np.fft.fft(x), "fft"),
    (lambda x: scipy.special.logsumexp(x), "chainrule.logsumexp"),
    (lambda x: np.add(x, 1, out=np.zeros(3)), "assign the result|a = a . x"),
    (lambda x: np.add(x, 1, where=np.array([True, False, True])), "use np.where"),
    (lambda x: np.sum(x, out=np.zeros(())), "no differentiation rule"),
    (lambda x: pickle.dumps(x), "cannot be pickled"),
    (lambda x: {}[x[0]], "key of a dictionary"),
    (lambda x: np.asarray(x), "leave it out.*like=x"),
    (lambda x: np.random.default_rng(0).normal(x), "mean . deviation"),
    (lambda x: np.vectorize(lambda v: v)(x), "call the function with the whole array"),
    (lambda x: scipy.linalg.expm(np.diag(x)), "SciPy's .* custom_vjp"),
    (lambda x: x.strides, "no attribute 'strides'.*leave it out"),
    (lambda x: x.detach(), "no attribute 'detach'.*stop_gradient"),
    (lambda x: np.clip(x, 0, 1, out=x), "^np.clip with out= has no"),
    (lambda x: np.quantile(x, 0.3, method="hazen"), "^np.quantile with method='hazen'"),
    (lambda x: scipy.special.voigt_profile(x, 1.0, 1.0), "^scipy.special.voigt_profile has no"),
    (lambda x: x * 1j, "complex"),
    (lambda x: np.abs(x * np.complex64(1j)), "complex numbers .* at line"),
    (lambda x: x * np.ma.array([1.0, 2.0, 3.0]), "MaskedArray.*np.asarray"),
    (lambda x: np.arange(5)[x[0]], "int\\(x\\)|index"),
    (lambda x: x * np.full((2000, 3), 1j), "complex numbers are not supported at line"),
    (lambda x: np.multiply(3.0, 2.0 * X, out=x), "into a traced array .*assign the result"),
    (lambda x: scipy.special.softmax(x), "use chainrule.softmax"),
    (lambda x: pow(x, 2, 5), "unsupported operand"),
    (lambda x: list(np.sum(x)), "iteration over a 0-d array"),
    (lambda x: np.array(x, ndmin=2, like=x), "np.array .* takes no ndmin .*leave it out"),
    (lambda x: np.round(x, x[0]), "np.round with a traced decimals= .*pass a plain number"),
    (lambda x: np.linalg.norm(x, ord=x[0]), "np.linalg.norm with a traced ord="),
    (lambda x: np.sum(x, initial=x[0]), "a traced initial="),
    (lambda x: np.ediff1d(x, to_end=1j), "at the ends must be convertible to float64"),
    (lambda x: np.block((x, x)), "tuple"),
]


@pytest.mark.parametrize(("f", "message"), REFUSALS)
def test_what_cannot_be_traced_names_the_cure(f, message):
    with pytest.raises(TypeError, match=message):
        cr.grad(lambda x: np.sum(f(x)))(X)


@pytest.mark.parametrize(
    "call",
    [
        math.sin,
        float,
        hash,
        np.fft.fft,
        np.unique,
        np.array,
        lambda x: np.sum(x, out=np.zeros(())),
        lambda x: np.round(x, decimals=x),
        lambda x: np.linalg.norm(np.stack([x]), ord=0),
        lambda x: np.reshape(np.ones((2, 3)) * x, (3, 2), order="A"),
        lambda x: np.add.reduceat(x, [0]),
        lambda x: x.foo,
        lambda x: x * None,
        lambda x: x + 1j,
        statistics.fmean,
    ],
)
def test_refusals_name_the_user_s_line(call):
    def f(x):
        x = x + 1.0
        call(x if call is not statistics.fmean else [x, x])  # the line
        return x

    if "lambda" in call.__name__:
        line, text = call.__code__.co_firstlineno, "lambda x:"
    else:
        line, text = f.__code__.co_firstlineno + 2, "# the line"
    with pytest.raises(cr.ChainruleError, match=rf"line {line} of test_tracing.py: .*{text}"):
        cr.grad(f)(1.0)


def test_rounding_to_an_integer_is_an_escape_to_python():
    def f(x):
        return (round(x) + math.floor(x) + math.ceil(x) + math.trunc(x)) * x

    assert cr.grad(f)(2.6) == 3 + 2 + 3 + 2
    assert cr.grad(lambda x: round(x, 1) * x)(2.54) == 2.5
    graph = cr.trace(f, 2.6)
    assert graph.evaluate(2.7) == 10 * 2.7
    with pytest.raises(cr.GuardMiss, match="int"):
        graph.evaluate(2.4)


def test_isinstance_takes_the_branch_that_it_takes_without_tracing():
    def f(x):
        if isinstance(x, np.ndarray):
            return np.sum(x)
        return 7.0 * x if isinstance(x, float) and np.isscalar(x) else 0.0 * x

    np.testing.assert_array_equal(cr.grad(f)(X), np.ones(3))
    assert cr.grad(f)(2.0) == 7.0
    np.testing.assert_array_equal(cr.hessian(lambda x: f(x * x))(X), 2 * np.eye(3))


def test_positions_and_masks_index_ordinary_arrays():
    """They have no gradient to lose; that their values were used is a guard."""

    def f(x):
        return np.sum(X[np.argsort(-x)] * x) + np.sum(X[x > 1.5] * x[x > 1.5])

    np.testing.assert_array_equal(cr.grad(f)(X), [3, 4, 4])
    graph = cr.trace(f, X)
    assert graph.evaluate(X * 1.1) == f(X * 1.1)
    with pytest.raises(cr.GuardMiss):
        graph.evaluate(-X)


def test_assigning_into_an_ordinary_array_is_refused():
    def f(x):
        buffer = np.zeros(3)
        buffer[0] = x[0]
        return np.sum(buffer)

    with pytest.raises((cr.TracingError, ValueError), match=r"np\.zeros_like\(x\)|sequence"):
        cr.grad(f)(X)


def test_adding_to_an_ordinary_array_in_place_is_refused():
    def f(x):
        total = np.zeros(3)
        total += x
        return np.sum(total)

    with pytest.raises(cr.TracingError, match=r"a = a . x"):
        cr.grad(f)(X)


@pytest.mark.parametrize(
    "make", [lambda x: np.zeros_like(x), lambda x: np.zeros(3, like=x), lambda x: np.empty_like(x)]
)
def test_buffers_made_like_a_traced_array_can_be_assigned(make):
    def f(x):
        buffer = make(x)
        for i in range(3):
            buffer[i] = x[i] ** 2
        return np.sum(buffer * np.arange(3.0))

    np.testing.assert_array_equal(gradient_of(f, X), [0, 4, 12])


def test_a_leaked_value_is_refused():
    kept = []

    def f(x):
        kept.append(x * 2)
        return np.sum(x)

    cr.grad(f)(X)
    with pytest.raises(cr.LeakedTrace, match=r"after its trace had ended.*has_aux"):
        kept[0] + 1
    with pytest.raises(cr.LeakedTrace):
        cr.grad(lambda x: np.sum(x * kept[0]))(X)


@pytest.mark.parametrize("look", [lambda b: bool(b[0]), lambda b: b.tolist(), np.any])
def test_a_leaked_condition_decides_nothing_later(look):
    kept = []

    def f(x):
        kept.append(x > 1)
        return np.sum(x)

    cr.grad(f)(X)
    with pytest.raises(cr.LeakedTrace, match=r"line \d+ .*kept.append.*after its trace had ended"):
        look(kept[0])


def test_a_constant_changed_during_tracing_cannot_go_unnoticed():
    """Small constants are copied; large ones are locked, so that writing to them raises."""
    small, large = np.ones(3), np.ones(5000)

    def changes_small(x):
        y = x * small
        small[:] = 7.0
        return np.sum(y)

    np.testing.assert_array_equal(gradient_of(changes_small, X), np.ones(3))

    def changes_large(x):
        y = x * large
        large[:] = 7.0
        return np.sum(y)

    with pytest.raises(cr.InvalidInput, match=r"in place at line \d+ .*large\[:\] = 7.*copy"):
        cr.grad(changes_large)(2.0)
    assert large.flags.writeable
    view = large[10:]
    assert cr.grad(lambda x: np.sum(x * view))(2.0) == 4990.0
    assert view.flags.writeable


def test_a_constant_changed_through_another_view_cannot_go_unnoticed():
    large = np.ones(5000)
    older = large[::2]

    def changes(x, target):
        y = np.sum(x * large)
        target[:] = 7.0
        return y

    with pytest.raises(cr.InvalidInput, match=r"shape \(5000,\).*another view.*copy"):
        cr.grad(changes)(2.0, older)
    assert large.flags.writeable
    assert older.flags.writeable


@pytest.mark.parametrize("size", [3, 5000])
def test_a_constant_that_nobody_can_change_is_not_copied(size):
    constant = np.ones(size)
    constant.flags.writeable = False
    graph = cr.trace(lambda x: np.sum(x * constant), 2.0)
    assert any(operand is constant for node in graph for operand in node.inputs)


def test_memory_of_somebody_else_is_copied():
    memory = bytearray(np.ones(5000).tobytes())
    view = np.frombuffer(memory)

    def changes(x):
        y = np.sum(x * view)
        memory[:8] = np.array(7.0).tobytes()
        return y

    assert cr.grad(changes)(2.0) == 5000.0
    assert view.flags.writeable


@pytest.mark.parametrize("size", [3, 5000])
@pytest.mark.parametrize(
    "look",
    [
        lambda c: np.broadcast_to(c, (2, len(c))),
        lambda c: np.lib.stride_tricks.sliding_window_view(c, 2),
        lambda c: memoryview(c).toreadonly(),
    ],
)
def test_a_read_only_view_of_a_constant_is_as_safe_as_the_constant(size, look):
    constant = np.ones(size)
    view = np.asarray(look(constant))
    assert not view.flags.writeable

    def changes(x):
        y = np.sum(x * view)
        constant[:] = 7.0
        return y

    assert cr.grad(changes)(2.0) == view.size
    constant[:] = 1.0
    pullback = cr.vjp(lambda x: np.sum(x * view), 2.0)[1]
    constant[:] = 7.0
    assert pullback(1.0) == (view.size,)


def test_values_print_and_copy_like_numbers():
    seen = []

    def f(x):
        seen.append(f"{x[0]:.2f} {x[1]}")
        seen.append(repr(x))
        return np.sum(copy.copy(x) * copy.deepcopy(x))

    np.testing.assert_array_equal(gradient_of(f, X), 2 * X)
    assert seen[0] == "1.00 2.0"
    assert "traced" in seen[1]


def test_array_attributes_answer_with_plain_numbers():
    def f(x):
        assert (x.shape, x.ndim, x.size, x.dtype, len(x)) == ((3,), 1, 3, np.dtype(float), 3)
        assert x.nbytes == 24
        assert x.itemsize == 8
        assert np.shape(x) == (3,)
        assert np.ndim(x) == 1
        assert np.size(x) == 3
        assert isinstance(x, Traced)
        assert 2.0 in x
        return sum(x)

    np.testing.assert_array_equal(gradient_of(f, X), np.ones(3))


def test_threads_do_not_disturb_each_other():
    def f(x):
        for _ in range(50):
            x = np.sin(x) * cr.grad(lambda y: y * y)(1.0)
        return x

    expected = cr.grad(f)(0.5)
    results = []
    threads = [threading.Thread(target=lambda: results.append(cr.grad(f)(0.5))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 4


def test_a_hundred_thousand_operations_need_no_recursion():
    def f(x):
        for _ in range(100_000):
            x = x * 0.9999 + 0.0001
        return x

    assert gradient_of(f, 0.5) == pytest.approx(0.9999**100_000, rel=1e-9)
