"""SciPy's special functions: identities, extreme arguments, refusals, lazy loading."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from scipy import special

import chainrule as cr
from chainrule.engine.errors import NotDifferentiable, TracingError, UnsupportedFunction
from chainrule.engine.primitive import PRIMITIVES, UFUNCS


def slope(function, x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return cr.elementwise_grad(function)(x)


@pytest.mark.parametrize(
    ("function", "points", "expected"),
    [
        (special.expit, [-800.0, 0.0, 800.0], [0.0, 0.25, 0.0]),
        (special.logit, [0.5], [4.0]),
        (special.log_expit, [-800.0, 0.0], [1.0, 0.5]),
        (special.erf, [0.0], [2 / np.sqrt(np.pi)]),
        (special.ndtr, [0.0], [1 / np.sqrt(2 * np.pi)]),
        # the Mills ratio: φ/Φ at -x is x + 1/x - 2/x³ + 10/x⁵ + O(x⁻⁷)
        (special.log_ndtr, [-1e4], [1e4 + 1e-4 - 2e-12]),
        (special.log_ndtr, [60.0], [0.0]),
        (special.psi, [1.0, 0.5], [np.pi**2 / 6, np.pi**2 / 2]),
        (special.digamma, [-0.5], [np.pi**2 / 2 + 4]),
        (special.gammaln, [1.0], [-np.euler_gamma]),
        (special.gamma, [1.0, 4.0], [-np.euler_gamma, 6 * (11 / 6 - np.euler_gamma)]),
        (special.rgamma, [0.0, -1.0, -2.0, 1.0], [1.0, -1.0, 2.0, np.euler_gamma]),
        (lambda x: special.beta(x, 1.0), [2.0], [-0.25]),
        (lambda x: special.betaln(1.0, x), [2.0], [-0.5]),
        (lambda x: special.gammainc(1.0, x), [0.0, 2.0], [1.0, np.exp(-2.0)]),
        (lambda x: special.gammaincc(2.0, x), [0.0, 3.0], [0.0, -3 * np.exp(-3.0)]),
        (lambda x: special.betainc(1.0, 1.0, x), [0.3], [1.0]),
        (lambda x: special.betainc(2.0, 3.0, x), [0.0, 0.5], [0.0, 1.5]),
        (lambda x: special.xlogy(0.0, x), [0.0, 2.0], [0.0, 0.0]),
        (lambda x: special.xlogy(x, 1.0), [0.0], [0.0]),
        (lambda x: special.xlogy(2.0, x), [4.0], [0.5]),
        (lambda x: special.xlog1py(0.0, x), [-1.0], [0.0]),
        (special.entr, [1.0, np.exp(-1.0)], [-1.0, 0.0]),
        (lambda x: special.rel_entr(0.0, x), [0.0, 1.0], [0.0, 0.0]),
        (lambda x: special.kl_div(x, 2.0), [2.0], [0.0]),
        (lambda x: special.huber(1.0, x), [-3.0, -1.0, 0.5, 1.0, 3.0], [-1.0, -1.0, 0.5, 1.0, 1.0]),
        (lambda x: special.huber(x, 3.0), [1.0], [2.0]),
        (lambda x: special.pseudo_huber(1.0, x), [0.0], [0.0]),
        (lambda x: special.pseudo_huber(x, 0.0), [1.0], [0.0]),
        (special.j0, [0.0], [0.0]),
        (special.j1, [0.0], [0.5]),
        (special.i0, [0.0], [0.0]),
        (special.i1, [0.0], [0.5]),
        (special.i0e, [0.0], [0.0]),
        (lambda x: special.jn(2, x), [0.0], [0.0]),
        (lambda x: special.expn(2, x), [1.0], [-special.exp1(1.0)]),
        (special.exp10, [0.0], [np.log(10.0)]),
        (special.expm1, [-50.0], [np.exp(-50.0)]),
        (lambda x: special.sici(x)[0], [0.0], [1.0]),
        (lambda x: special.fresnel(x)[1], [0.0], [1.0]),
        (lambda x: special.sindg(x), [0.0], [np.pi / 180]),
    ],
)  # fmt: skip
def test_derivatives_at_points(function, points, expected):
    np.testing.assert_allclose(slope(function, np.array(points)), expected, rtol=4e-14, atol=1e-16)


@pytest.mark.parametrize(
    ("function", "derivative", "x"),
    [
        (lambda x: special.jv(1.5, x), lambda x: special.jvp(1.5, x), [0.3, 2.0, 30.0]),
        (lambda x: special.yv(0.5, x), lambda x: special.yvp(0.5, x), [0.3, 2.0, 30.0]),
        (lambda x: special.iv(2, x), lambda x: special.ivp(2, x), [0.3, 2.0, 30.0]),
        (lambda x: special.kv(2, x), lambda x: special.kvp(2, x), [0.3, 2.0, 30.0]),
        (special.psi, lambda x: special.polygamma(1, x), [0.1, 0.7, 3.0, 1e4]),
        (lambda x: special.airy(x)[0], lambda x: special.airy(x)[1], [-5.0, 0.0, 3.0]),
        (lambda x: special.airy(x)[3], lambda x: x * special.airy(x)[2], [-5.0, 0.0, 3.0]),
    ],
)
def test_derivatives_equal_those_of_scipy(function, derivative, x):
    x = np.array(x)
    np.testing.assert_allclose(slope(function, x), derivative(x), rtol=2e-13)


@pytest.mark.parametrize(
    ("function", "inverse", "x"),
    [
        (special.erfinv, special.erf, [-0.8, 0.1, 0.6]),
        (special.erfcinv, special.erfc, [0.2, 1.0, 1.7]),
        (special.ndtri, special.ndtr, [0.01, 0.5, 0.9]),
        (special.logit, special.expit, [0.01, 0.5, 0.9]),
        (lambda x: special.gammaincinv(1.7, x), lambda x: special.gammainc(1.7, x), [0.2, 0.8]),
        (
            lambda x: special.betaincinv(2.0, 0.7, x),
            lambda x: special.betainc(2.0, 0.7, x),
            [0.2, 0.8],
        ),
    ],
)
def test_slopes_of_inverse_functions_are_reciprocal(function, inverse, x):
    x = np.array(x)
    np.testing.assert_allclose(slope(function, x) * slope(inverse, function(x)), 1.0, rtol=1e-12)


def test_trigamma_and_its_derivative_on_the_negative_axis():
    x = np.array([-3.7, -2.2, -0.4, 0.3])
    np.testing.assert_allclose(  # the recurrence ψ'(x) = ψ'(x + 1) + 1/x²
        slope(special.psi, x), slope(special.psi, x + 1) + 1 / x**2, rtol=1e-12
    )
    second = cr.elementwise_grad(cr.elementwise_grad(special.psi))
    np.testing.assert_allclose(second(x), second(x + 1) - 2 / x**3, rtol=1e-11)


@pytest.mark.parametrize(
    ("function", "position", "args"),
    [
        (special.gammainc, 1, (1.5, 2.0)),
        (special.gammaincc, 1, (1.5, 2.0)),
        (special.betainc, 1, (1.5, 2.0, 0.5)),
        (special.betainc, 2, (1.5, 2.0, 0.5)),
        (special.jv, 1, (1.5, 2.0)),
        (special.iv, 1, (1.5, 2.0)),
        (special.kv, 1, (1.5, 2.0)),
        (special.expn, 1, (2.0, 2.0)),
        (special.boxcox, 2, (2.0, 0.5)),
        (special.zeta, 1, (2.0, 1.5)),
    ],
)
def test_orders_and_shapes_have_no_derivative(function, position, args):
    with pytest.raises(NotDifferentiable, match=f"operand {position}.*stop_gradient"):
        cr.grad(function, argnums=position - 1)(*args)


def test_a_true_pole_stays_infinite():
    assert cr.grad(special.entr)(0.0) == np.inf
    assert cr.grad(lambda x: special.xlogy(x, 0.0))(1.0) == -np.inf


@pytest.mark.parametrize(
    ("function", "cure"),
    [
        (lambda x: special.logsumexp(x), "chainrule.logsumexp"),
        (lambda x: special.softmax(x), "chainrule.softmax"),
        (lambda x: special.log_softmax(x), "chainrule."),
        (lambda x: special.polygamma(1, x), "lose its gradient"),
        (lambda x: special.multigammaln(x[0], 2), "lose its gradient"),
    ],
)
def test_functions_that_scipy_does_not_dispatch_are_refused(function, cure):
    with pytest.raises(TracingError, match=cure) as caught:
        cr.grad(lambda x: np.sum(function(x)))(np.array([1.0, 2.0]))
    assert "line " in str(caught.value)


def test_ufuncs_without_a_rule_are_refused():
    with pytest.raises(UnsupportedFunction, match="owens_t has no differentiation rule"):
        cr.grad(lambda x: special.owens_t(x, 1.0))(0.5)


def test_softplus_is_logaddexp():
    if not hasattr(special, "softplus"):
        pytest.skip("this SciPy has no softplus")
    np.testing.assert_allclose(slope(special.softplus, np.array([-800.0, 0.0, 800.0])), [0, 0.5, 1])


AUTOGRAD = (
    "psi digamma gamma gammaln gammainc gammaincc gammasgn rgamma j0 y0 j1 y1 jn yn i0 i1 iv ive "
    "erf erfc erfinv erfcinv logit expit beta betainc betaln"
)


def test_every_ufunc_that_autograd_differentiates_is_here():
    for name in AUTOGRAD.split():
        assert getattr(special, name) in UFUNCS


def test_sources_name_the_scipy_function():
    assert PRIMITIVES["erf"].source == "scipy.special.erf({0})"
    assert PRIMITIVES["betainc"].source == "scipy.special.betainc({0}, {1}, {2})"


def test_the_rules_are_loaded_only_when_a_special_function_is_met():
    program = (
        "import sys, chainrule as cr, numpy as np\n"
        "assert 'scipy' not in sys.modules\n"
        "import scipy.special as sp\n"
        "assert 'chainrule.engine.rules.special' not in sys.modules\n"
        "assert cr.grad(lambda x: sp.expit(x))(0.0) == 0.25\n"
        "assert 'chainrule.engine.rules.special' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
