"""Reductions, running totals, order statistics, differences: values, derivatives, traps."""

import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.errors import UnsupportedArgument, UnsupportedFunction

MASK = np.array([[True, False, True], [True, True, False]])
X = np.array([[0.3, -1.2, 2.5], [1.7, 0.6, -0.4]])
CUBE = np.array([0.7, -1.1, 2.3, 0.2, 1.9, -0.6, 3.1, -2.4, 0.9, 1.3, -1.8, 2.8]).reshape(2, 3, 2)
LINE = np.array([0.5, 2.0, -1.0, 3.5, 1.25])
HOLES = np.array([[0.3, np.nan, 2.5], [1.7, 0.6, np.nan]])
WEIGHTS = np.array([0.2, 0.5, 0.3])
KNOTS = np.array([-1.0, 0.0, 0.7, 2.0])

COMPOSITES = {
    "median odd": (lambda x: np.median(x), LINE),
    "median even": (lambda x: np.median(x, axis=0), X),
    "median axes": (lambda x: np.median(x, axis=(0, -1), keepdims=True), CUBE),
    "quantile": (lambda x: np.quantile(x, 0.3), LINE),
    "quantile ends": (lambda x: np.quantile(x, [0.0, 0.5, 1.0]), LINE),
    "quantile axis": (lambda x: np.quantile(x, 0.8, axis=1, keepdims=True), X),
    "quantile table": (lambda x: np.quantile(x, np.array([[0.1, 0.4], [0.6, 0.95]]), axis=0), X),
    "quantile axes": (lambda x: np.quantile(x, [0.2, 0.9], axis=(0, 2), keepdims=True), CUBE),
    "quantile of one": (lambda x: np.quantile(x, 0.7), np.array([2.0])),
    "percentile": (lambda x: np.percentile(x, 30, axis=0), X),
    "average": (lambda x: np.average(x), X),
    "average axis": (lambda x: np.average(x, axis=1, keepdims=True), X),
    "average weights": (lambda x: np.average(x, axis=1, weights=WEIGHTS), X),
    "average same shape": (lambda x: np.average(x, weights=np.abs(X)), X),
    "average axes": (lambda x: np.average(x, axis=(2, 0), weights=np.abs(X[:, :2])), CUBE),
    "average returned": (lambda x: np.average(x, axis=0, weights=[1.0, 3.0], returned=True)[0], X),
    "ptp": (lambda x: np.ptp(x, axis=1), X),
    "ptp all": (lambda x: np.ptp(x, keepdims=True), X),
    "cov": (lambda x: np.cov(x), X),
    "cov columns": (lambda x: np.cov(x, rowvar=False, bias=True), X),
    "cov one": (lambda x: np.cov(x, ddof=0), LINE),
    "cov two": (lambda x: np.cov(x, x[::-1] ** 2), LINE),
    "corrcoef": (lambda x: np.corrcoef(x)[0, 1], X),
    "nansum": (lambda x: np.nansum(x), X),
    "nanprod": (lambda x: np.nanprod(x, axis=0, keepdims=True), X),
    "nanmean": (lambda x: np.nanmean(x, axis=1), X),
    "nanvar": (lambda x: np.nanvar(x, ddof=1, axis=1), X),
    "nanstd": (lambda x: np.nanstd(x, axis=0, where=MASK[:, :1]), X),
    "nanmax": (lambda x: np.nanmax(x, axis=0), X),
    "nanmin": (lambda x: np.nanmin(x, axis=1, keepdims=True), X),
    "nanmax initial": (lambda x: np.nanmax(x, axis=0, initial=1.0), X),
    "nancumsum": (lambda x: np.nancumsum(x, axis=1), X),
    "nancumprod": (lambda x: np.nancumprod(x), X),
    "diff": (lambda x: np.diff(x), X),
    "diff 2": (lambda x: np.diff(x, n=2, axis=0), CUBE[0]),
    "diff 0": (lambda x: 2 * np.diff(x, n=0), X),
    "diff ends": (lambda x: np.diff(x, prepend=0.0, append=X[:, :1]), X),
    "ediff1d": (lambda x: np.ediff1d(x), X),
    "ediff1d ends": (lambda x: np.ediff1d(x, to_begin=[7.0, 8.0], to_end=1.0), LINE),
    "trapezoid": (lambda y: np.trapezoid(y), X),
    "trapezoid dx": (lambda y: np.trapezoid(y, dx=0.5, axis=0), X),
    "trapezoid x": (lambda y: np.trapezoid(y, KNOTS[:3], axis=-1), X),
    "trapezoid grid": (lambda y: np.trapezoid(y, X**2, axis=1), X),
    "gradient": (lambda f: np.gradient(f), LINE),
    "gradient edges": (lambda f: np.gradient(f, 0.5, edge_order=2), LINE),
    "gradient axes": (lambda f: np.stack(np.gradient(f)), X),
    "gradient axis": (lambda f: np.gradient(f, 2.0, axis=1), CUBE),
    "gradient uneven": (lambda f: np.gradient(f, [0.0, 0.5, 2.0, 2.25, 4.0]), LINE),
    "gradient uneven edges": (
        lambda f: np.gradient(f, np.array([0.0, 0.5, 2.0]), axis=1, edge_order=2), X,
    ),
    "cumulative_sum": (lambda x: np.cumulative_sum(x, axis=1, include_initial=True), X),
    "cumulative_prod": (lambda x: np.cumulative_prod(x, axis=-1, include_initial=True), X),
    "cumulative_sum 1-d": (lambda x: np.cumulative_sum(x), LINE),
    "fftshift": (lambda x: np.fft.fftshift(x), X),
    "ifftshift": (lambda x: np.fft.ifftshift(x, axes=1), X),
    "interp x": (lambda x: np.interp(x, KNOTS, np.array([1.0, 3.0, 2.0, 5.0])), X / 2),
    "interp fp": (lambda f: np.interp([-2.0, 0.3, 0.7, 5.0], KNOTS, f), LINE[:4]),
    "interp xp": (lambda xp: np.interp([-0.5, 0.3, 1.9], xp, LINE[:4]), KNOTS),
    "interp ends": (lambda x: np.interp(x, KNOTS, LINE[:4], left=-9.0, right=9.0), X),
    "interp one knot": (lambda f: np.interp([0.0, 1.0, 2.0], [1.0], f), np.array([4.0])),
    "add.reduce": (lambda x: np.add.reduce(x), X),
    "add.reduce axis": (lambda x: np.add.reduce(x, axis=1, keepdims=True), X),
    "multiply.reduce": (lambda x: np.multiply.reduce(x, axis=1), X),
    "maximum.reduce": (lambda x: np.maximum.reduce(x), X),
    "logaddexp.reduce": (lambda x: np.logaddexp.reduce(x), X),
    "logaddexp.reduce axis": (lambda x: np.logaddexp.reduce(x, axis=1), X),
    "add.accumulate": (lambda x: np.add.accumulate(x), X),
    "multiply.accumulate": (lambda x: np.multiply.accumulate(x, axis=1), X),
    "methods": (lambda x: x.sum(0) * x.mean(axis=0) + x.std(0) - x.max(0) * x.prod(axis=0), X),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPOSITES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_composites_equal_numpy(name, dtype):
    function, x = COMPOSITES[name]
    x = x.astype(dtype)
    expected = function(x)
    graph = cr.trace(function, x)
    assert np.shape(graph.value) == np.shape(expected)
    assert np.result_type(graph.value) == np.result_type(expected)
    tolerance = 1e-14 if dtype is np.float64 else 1e-6
    np.testing.assert_allclose(graph.value, expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(graph.evaluate(x), graph.value)


@pytest.mark.parametrize("name", COMPOSITES)
def test_composites_have_right_derivatives(name):
    function, x = COMPOSITES[name]
    with np.errstate(all="raise", under="ignore"):
        cr.check_grads(function, (x,), order=2, rtol=2e-6)


SEVERAL = {
    "quantile q": (lambda x, q: np.quantile(x, q, axis=1), (X, np.float64(0.3))),
    "percentile q": (lambda x, q: np.percentile(x, q), (LINE, np.array([10.0, 35.0]))),
    "average weights": (lambda x, w: np.average(x, axis=1, weights=w), (X, WEIGHTS)),
    "trapezoid x": (lambda y, x: np.trapezoid(y, x, axis=1), (X, KNOTS[:3])),
    "gradient spacing": (lambda f, h: np.gradient(f, h), (LINE, np.float64(0.5))),
    "gradient grid": (lambda f, x: np.gradient(f, x, axis=1, edge_order=2), (X, KNOTS[:3])),
    "diff prepend": (lambda x, p: np.diff(x, axis=0, prepend=p), (X, np.float64(0.2))),
    "diff append": (lambda x, p: np.diff(x, axis=1, append=p), (X, X[:, :2] ** 2)),
    "interp all": (lambda x, xp, fp: np.interp(x, xp, fp), (X / 3, KNOTS, LINE[:4])),
    "interp ends": (
        lambda x, a, b: np.interp(x, KNOTS, LINE[:4], left=a, right=b),
        (X * 2, np.float64(1.0), np.float64(2.0)),
    ),
    "logsumexp b": (lambda x, b: cr.logsumexp(x, axis=1, b=b), (X, np.abs(X))),
}


@pytest.mark.parametrize("name", SEVERAL)
def test_every_operand_has_its_derivative(name):
    function, args = SEVERAL[name]
    cr.check_grads(function, args, order=2, rtol=2e-6)


@pytest.mark.parametrize(
    ("function", "x", "expected"),
    [
        (lambda x: np.sum(x, where=[True, False, True]), [1.0, 2.0, 3.0], [1.0, 0.0, 1.0]),
        (lambda x: np.mean(x, where=[True, False, True]), [1.0, 2.0, 3.0], [0.5, 0.0, 0.5]),
        (lambda x: np.prod(x), [0.0, 2.0, 3.0], [6.0, 0.0, 0.0]),
        (lambda x: np.prod(x), [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]),
        (lambda x: np.prod(x, initial=3.0), [2.0, 5.0], [15.0, 6.0]),
        (lambda x: np.cumprod(x)[-1], [2.0, 0.0, 3.0], [0.0, 6.0, 0.0]),
        (lambda x: np.std(x), [0.1, 0.1, 0.1], [0.0, 0.0, 0.0]),
        (lambda x: np.std(x), [2.0, 2.0], [0.0, 0.0]),
        (lambda x: np.max(x), [1.0, 3.0, 3.0], [0.0, 0.5, 0.5]),
        (lambda x: np.min(x), [1.0, 1.0, 1.0, 5.0], [1 / 3, 1 / 3, 1 / 3, 0.0]),
        (lambda x: np.max(x, initial=3.0), [1.0, 3.0, 3.0], [0.0, 1 / 3, 1 / 3]),
        (lambda x: np.max(x, initial=9.0), [1.0, 3.0], [0.0, 0.0]),
        (lambda x: np.max(x, initial=0.0, where=[True, False]), [1.0, 3.0], [1.0, 0.0]),
        (lambda x: np.median(x), [1.0, 2.0, 4.0, 9.0], [0.0, 0.5, 0.5, 0.0]),
        (lambda x: np.quantile(x, 0.25), [4.0, 0.0, 2.0], [0.0, 0.5, 0.5]),
        (lambda x: np.ptp(x), [3.0, 1.0, 7.0], [0.0, -1.0, 1.0]),
        (lambda x: np.nansum(x), [1.0, np.nan, 3.0], [1.0, 0.0, 1.0]),
        (lambda x: np.nanmean(x), [1.0, np.nan, 3.0], [0.5, 0.0, 0.5]),
        (lambda x: np.nanprod(x), [2.0, np.nan, 3.0], [3.0, 0.0, 2.0]),
        (lambda x: np.nanmax(x), [1.0, np.nan, 3.0], [0.0, 0.0, 1.0]),
        (lambda x: np.nanvar(x), [1.0, np.nan, 3.0], [-1.0, 0.0, 1.0]),
        (lambda x: np.nanstd(x), [1.0, np.nan, 3.0], [-0.5, 0.0, 0.5]),
        (lambda x: np.nancumsum(x)[-1], [1.0, np.nan, 3.0], [1.0, 0.0, 1.0]),
        (lambda x: np.average(x, weights=[1.0, 3.0]), [1.0, 2.0], [0.25, 0.75]),
        (lambda x: np.interp(0.25, [0.0, 1.0], x), [1.0, 2.0], [0.75, 0.25]),
        (lambda x: np.trapezoid(x), [1.0, 2.0, 3.0], [0.5, 1.0, 0.5]),
        (lambda x: np.sum(x, axis=None, keepdims=True)[0], [1.0, 2.0], [1.0, 1.0]),
        (lambda x: cr.logsumexp(x), [0.0, 0.0], [0.5, 0.5]),
        (lambda x: cr.logsumexp(x), [-np.inf, -np.inf], [0.0, 0.0]),
        (lambda x: cr.logsumexp(x), [-np.inf, 1.0], [0.0, 1.0]),
        (lambda x: cr.logsumexp(x, b=np.array([0.0, 2.0])), [5.0, 1.0], [0.0, 1.0]),
        (lambda x: cr.log_softmax(x)[0], [1000.0, 0.0], [0.0, 0.0]),
    ],
)  # fmt: skip
def test_reference_gradients(function, x, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = cr.grad(function)(np.array(x))
    np.testing.assert_allclose(found, expected, rtol=1e-15, atol=1e-15)


def test_second_derivative_of_a_product_with_zeros():
    found = cr.hessian(np.prod)(np.array([0.0, 2.0, 0.0]))
    np.testing.assert_array_equal(found, [[0, 0, 2], [0, 0, 0], [2, 0, 0]])


def test_second_derivative_passes_by_a_hidden_nan():
    found = cr.hessian(lambda x: np.nanvar(x))(np.array([1.0, np.nan, 3.0]))
    np.testing.assert_allclose(found, [[0.5, 0, -0.5], [0, 0, 0], [-0.5, 0, 0.5]])


def test_third_derivative_of_cumprod():
    def last(x):
        return np.cumprod(np.stack([x, x, x]))[-1]

    third = cr.grad(cr.grad(cr.grad(last)))
    assert third(2.0) == pytest.approx(6.0, rel=1e-15)
    assert third(0.0) == pytest.approx(6.0, rel=1e-15)


def test_a_nan_makes_the_median_and_quantile_nan():
    x = np.array([1.0, np.nan, 3.0])
    for function in (np.median, lambda x: np.quantile(x, 0.5)):
        with np.errstate(invalid="ignore"):
            assert np.isnan(cr.trace(function, x).value)


def test_all_hidden_gives_what_numpy_gives():
    x = np.array([np.nan, np.nan])
    assert np.isnan(cr.trace(np.nanmax, x).value)
    assert cr.trace(np.nansum, x).value == 0.0


def test_counts_and_positions_are_integers_without_gradient():
    for function in (np.argmax, np.argmin, np.count_nonzero, np.any, np.all, np.nanargmax):
        graph = cr.trace(lambda x, f=function: f(x, axis=1), X)
        np.testing.assert_array_equal(graph.value, function(X, axis=1))
        assert graph.value.dtype == function(X, axis=1).dtype


def test_a_mask_may_be_traced():
    masked = cr.trace(lambda x: np.any(x > 1, axis=1, where=x > 2), X).value
    np.testing.assert_array_equal(masked, np.any(X > 1, axis=1, where=X > 2))
    assert cr.trace(lambda x: np.sum(np.ones((2, 3)), where=x > 0), X).value == 4.0
    assert cr.trace(lambda x: np.max(np.ones((2, 3)), where=x > 0, initial=0), X).value == 1.0
    np.testing.assert_array_equal(
        cr.grad(lambda x: np.sum(x * x, where=x > 0))(X), np.where(X > 0, 2 * X, 0)
    )


def test_accuracy_of_logsumexp_and_softmax():
    from scipy import special

    x = np.array([[1e3, -1e3, 999.0], [-1e4, -1e4 - 3, -1e4 + 2]])
    np.testing.assert_allclose(cr.logsumexp(x, axis=1), special.logsumexp(x, axis=1), rtol=1e-15)
    np.testing.assert_allclose(cr.softmax(x), special.softmax(x, axis=-1), rtol=1e-15)
    np.testing.assert_allclose(cr.log_softmax(x), special.log_softmax(x, axis=-1), rtol=1e-15)
    np.testing.assert_allclose(
        cr.grad(lambda x: np.sum(cr.logsumexp(x, axis=1)))(x),
        special.softmax(x, axis=1),
        rtol=1e-12,
    )
    assert cr.logsumexp(np.array([-np.inf, -np.inf])) == -np.inf
    assert cr.logsumexp(np.array([np.inf, 0.0])) == np.inf
    assert cr.logsumexp([0.0, 0.0]) == pytest.approx(np.log(2.0))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: np.sum(x, out=np.zeros(3)), "assign the result"),
        (lambda x: np.sum(x, axis=0, initial=x[0, 0]), "a traced initial="),
        (lambda x: np.var(x, ddof=x[0, 0]), "a traced ddof="),
        (lambda x: np.sum(x, dtype=int), "astype"),
        (lambda x: np.cumsum(x, dtype=int), "astype"),
        (lambda x: np.var(x, mean=np.zeros(())), "leave it out"),
        (lambda x: np.quantile(x, 0.5, method="nearest"), "np.sort"),
        (lambda x: np.quantile(x, 0.5, method="inverted_cdf", weights=np.ones((2, 3))), "np.sort"),
        (lambda x: np.interp(x, [0.0, 1.0], [0.0, 1.0], period=2.0), "extend xp and fp"),
        (lambda x: np.gradient(x, edge_order=3), "use 1 or 2"),
        (lambda x: np.median(x, out=np.zeros(())), "assign the result"),
        (lambda x: np.cov(x, aweights=np.ones(3)), "np.average"),
        (lambda x: np.cov(x, dtype=float), "astype"),
    ],
)
def test_arguments_without_a_rule_are_refused(function, message):
    with pytest.raises(UnsupportedArgument, match=message) as caught:
        cr.trace(function, X)
    assert "line " in str(caught.value)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (np.nanmedian, "isnan"),
        (lambda x: np.histogram(x), "stop_gradient"),
    ],
)
def test_functions_without_a_rule_are_refused(function, message):
    with pytest.raises(UnsupportedFunction, match=message):
        cr.trace(function, X)


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (lambda x: np.quantile(x, 1.5), ValueError),
        (lambda x: np.diff(x, n=-1), ValueError),
        (lambda x: np.gradient(x[:, :1], axis=1), ValueError),
        (lambda x: np.gradient(x, 1.0, 2.0, 3.0), TypeError),
        (lambda x: np.gradient(x, [0.0, 1.0], axis=1), ValueError),
        (lambda x: np.cumulative_sum(x), ValueError),
        (lambda x: np.average(x, weights=[1.0, 2.0]), TypeError),
        (lambda x: np.average(x, axis=0, weights=np.ones((3, 3))), ValueError),
        (lambda x: np.std(x, ddof=1, correction=1), ValueError),
        (lambda x: np.max(x[:0]), ValueError),
        (lambda x: np.sum(x, axis=2), ValueError),
    ],
)
def test_wrong_arguments_raise_what_numpy_raises(function, kind):
    with pytest.raises(kind) as ours:
        cr.trace(function, X)
    with pytest.raises(kind):
        function(X)
    assert str(ours.value)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: np.sum(x), "np.sum(x)"),
        (lambda x: np.sum(x, axis=1, where=x > 0), "np.sum(x, axis=1, where=m)"),
        (lambda x: np.std(x, ddof=1, keepdims=True), "np.std(x, keepdims=True, ddof=1)"),
        (lambda x: np.sum(x, dtype=np.longdouble), f"np.sum(x, dtype=np.{np.dtype('g').name})"),
        (lambda x: np.max(x, initial=-np.inf), "np.max(x, initial=-np.inf)"),
        (lambda x: cr.logsumexp(x, keepdims=True), "chainrule.logsumexp(x, keepdims=True)"),
        (lambda x: cr.logsumexp(x, 1, np.abs(X)), "chainrule.logsumexp(x, axis=1, b=m)"),
    ],
)
def test_source_shows_what_differs_from_the_defaults(function, expected):
    node = cr.trace(function, X).nodes[-1]
    operands = ("x", "m")[: len(node.inputs)]
    text = node.primitive.source(*operands, **node.params)
    assert text == expected
    namespace = {"np": np, "chainrule": cr, "x": X, "m": node.operands[-1]}
    np.testing.assert_array_equal(eval(text, namespace), node.value)
