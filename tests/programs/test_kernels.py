"""Machine-code kernels: the numbers of the ordinary program, to rounding."""

from __future__ import annotations

import builtins
import math
import os
import re
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from tests.programs.losses import LOSSES, classifier, examples, parameters, relu_network
from tests.programs.test_epochs import ORDER

import chainrule as cr
from chainrule.programs import kernel_module, kernel_step
from chainrule.programs.epochs import SgdProgram
from chainrule.programs.kernel_functions import HELPERS, helpers_of
from chainrule.programs.kernel_module import MissingExtra, cache_directory, load
from chainrule.programs.kernel_types import UnsupportedKernel

pytestmark = pytest.mark.filterwarnings("ignore::chainrule.UnusedInputWarning")
needs_numba = pytest.mark.skipif(
    __import__("importlib.util").util.find_spec("numba") is None,
    reason="needs the extra 'fast' (numba)",
)


@pytest.fixture
def interpreted(monkeypatch):
    """Kernels run by Python instead of numba: the same source, no compiler to wait for."""

    def run(source):
        module = types.ModuleType("interpreted_kernel")
        head = "def njit(**options):\n    return lambda f: f\n"
        exec(source.replace("from numba import njit\n", head), vars(module))
        return module

    monkeypatch.setattr(kernel_step, "load", run)
    monkeypatch.setattr(kernel_module, "require_numba", lambda: "none")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path))
    return tmp_path / "kernels"


def both(loss, data, dtype=np.float64, epochs=2, batch_size=5, rate=0.01):
    ordinary, fast = (SgdProgram(loss, parameters(dtype), fast=fast) for fast in (False, True))
    means = [
        [program.epoch(data, ORDER, batch_size, rate) for _ in range(epochs)]
        for program in (ordinary, fast)
    ]
    return means, ordinary, fast


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_kernels_compute_what_plans_compute(name, interpreted):
    (expected, found), ordinary, fast = both(LOSSES[name], examples())
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(fast.flat, ordinary.flat, rtol=1e-11, atol=1e-14)


@needs_numba
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-12), (np.float32, 2e-5)])
@pytest.mark.parametrize("loss", [relu_network, classifier], ids=["regression", "classes"])
def test_compiled_kernels(loss, dtype, rtol, cache):
    (expected, found), ordinary, fast = both(loss, examples(dtype=dtype), dtype)
    np.testing.assert_allclose(found, expected, rtol=rtol)
    np.testing.assert_allclose(fast.flat, ordinary.flat, rtol=rtol, atol=rtol)
    assert fast.flat.dtype == dtype
    assert len(list(cache.glob("chainrule_kernel_*.py"))) == 2  # the last batch is smaller


@needs_numba
def test_many_functions_in_one_compiled_kernel(cache):
    def loss(p, x, y):
        return sum(LOSSES[name](p, x, y) for name in NAMES)

    NAMES = (
        "exponentials", "kinks", "larger of two", "steps", "three axes", "rows and columns",
        "assigned", "large product", "logsumexp",
    )  # fmt: skip
    (expected, found), ordinary, fast = both(loss, examples(), batch_size=13, epochs=1, rate=1e-3)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(fast.flat, ordinary.flat, rtol=1e-13)


@needs_numba
@pytest.mark.parametrize(
    ("dtype", "kinds"), [(np.float64, (np.float32, np.uint8)), (np.float32, (np.uint8, np.int64))]
)
def test_data_of_another_type_than_the_parameters(dtype, kinds, cache):
    def loss(p, x, y):
        e = x / 4 @ p["w"] + p["b"] - y[:, None]
        return np.mean(e**2) + np.mean((x @ p["wide"]) ** 2) / 500

    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 5, (12, 3)).astype(kinds[0]), rng.integers(0, 5, 12).astype(kinds[1])
    params = {"w": rng.normal(size=(3, 4)), "b": np.zeros(4), "wide": rng.normal(size=(3, 200))}
    params = {name: value.astype(dtype) for name, value in params.items()}
    ordinary, fast = (SgdProgram(loss, params, fast=fast) for fast in (False, True))
    a, b = (program.epoch((x, y), np.arange(12), 6, 1e-3) for program in (ordinary, fast))
    rtol = 1e-12 if dtype is np.float64 else 2e-6
    np.testing.assert_allclose(b, a, rtol=rtol)
    np.testing.assert_allclose(fast.flat, ordinary.flat, rtol=10 * rtol, atol=rtol)


def test_what_the_loss_closes_over_is_read_at_every_epoch(interpreted):
    weight, strength = np.ones(4), 0.1

    def loss(p, x, y):
        return np.mean((x @ p["w"] + p["b"]) ** 2 * weight) + strength * np.sum(p["v"]) + p["s"]

    ordinary, fast = (SgdProgram(loss, parameters(), fast=fast) for fast in (False, True))
    for strength in (0.1, 0.2, 0.3, 0.4):  # noqa: B007
        weight *= 1.5
        a, b = (program.epoch(examples(), ORDER, 4, 0.1) for program in (ordinary, fast))
        np.testing.assert_allclose(b, a, rtol=1e-13)
    np.testing.assert_allclose(fast.flat, ordinary.flat, rtol=1e-12)


def test_evaluating_leaves_parameters_alone(interpreted):
    def loss(p, x):
        return np.mean(np.log(x @ p))

    program = SgdProgram(loss, np.zeros(3), fast=True)
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="math domain error"):
        program.epoch((np.ones((2, 3)),), np.array([0, 1]), 2, 0.1)
    np.testing.assert_array_equal(program.flat, np.zeros(3))


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda p, x, y: np.mean(np.sort(x @ p["w"])), r"np.sort.* \(line \d+ of test_kernels.py"),
        (lambda p, x, y: np.sum(np.cumsum(p["b"])), "np.cumsum"),
        (lambda p, x, y: np.mean(np.linalg.inv(p["w"] @ p["w"].T)), "np.(linalg.)?inv"),
        (lambda p, x, y: np.mean(cr.softmax(x @ p["w"], axis=0)), "softmax along axis 0"),
        (lambda p, x, y: np.mean(cr.logsumexp(x @ p["w"])), "logsumexp along axis None"),
        (lambda p, x, y: np.mean(np.einsum("ij,jk->ik", x, p["w"])), "np."),
        (lambda p, x, y: np.sum(p["b"]) if np.sum(x) > 0 else p["s"], "takes a branch .*line"),
        (lambda p, x, y: np.mean((x @ p["w"])[:, np.array([0, 1])]), "with this index"),
        (lambda p, x, y: np.mean(x[None] @ p["w"]), "np.matmul of shapes"),
        (lambda p, x, y: np.prod(p["b"]), "np.prod"),
    ],
    ids=["sort", "cumsum", "inv", "axis", "all axes", "einsum", "branch", "index", "stack", "prod"],
)
def test_functions_without_a_kernel_are_named(loss, message, interpreted):
    program = SgdProgram(loss, parameters(), fast=True)
    with pytest.raises(UnsupportedKernel, match=f"{message}.*fast=False"):
        program.epoch(examples(), ORDER, 4, 0.1)
    SgdProgram(loss, parameters()).epoch(examples(), ORDER, 4, 0.01)


def test_indices_out_of_range(interpreted):
    x, y = examples()
    program = SgdProgram(classifier, parameters(), fast=True)
    program.epoch((x, y), ORDER, 13, 0.1)
    wrong = y.copy()
    wrong[4] = 4
    with pytest.raises(IndexError, match="out of bounds for axis 1 with size 4"):
        program.epoch((x, wrong), ORDER, 13, 0.1)
    a = program.epoch((x, y), ORDER, 13, 0.0)
    assert program.epoch((x, y - 4), ORDER, 13, 0.0) == a


def test_explain_shows_the_source(interpreted):
    program = SgdProgram(relu_network, parameters(), fast=True)
    program.epoch(examples(), ORDER, 4, 0.1)
    text = program.explain()
    assert "def epoch(flat, gradient, order, rate, update, d0, d1):" in text
    assert "for start in range(0, order.size, 4):" in text


def test_without_numba(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "numba":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtra, match=re.escape("pip install 'chainrule[fast]'")):
        SgdProgram(relu_network, parameters(), fast=True)


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"CHAINRULE_CACHE": "/somewhere"}, "/somewhere/kernels"),
        ("linux", {"XDG_CACHE_HOME": "/xdg"}, "/xdg/chainrule/kernels"),
        ("linux", {"HOME": "/home/me"}, "/home/me/.cache/chainrule/kernels"),
        ("darwin", {"HOME": "/Users/me"}, "/Users/me/Library/Caches/chainrule/kernels"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/chainrule/kernels"),
    ],
)
def test_cache_directory(platform, variables, expected, monkeypatch):
    for name in ("CHAINRULE_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_directory() == Path(expected)


@needs_numba
def test_kernels_are_kept_on_disk(cache):
    source = (
        '"""A kernel."""\nfrom numba import njit\n\n'
        "@njit(cache=True)\ndef twice(x):\n    return 2 * x\n"
    )
    program = (
        "import sys; from chainrule.programs.kernel_module import load; "
        f"f = load({source!r}).twice; assert f(2.0) == 4.0; "
        "print(sum(f.stats.cache_hits.values()), sum(f.stats.cache_misses.values()))"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True,
            env={**os.environ, "CHAINRULE_CACHE": str(cache.parent)},
        ).stdout.split()
        for _ in range(2)
    ]  # fmt: skip
    assert found == [["0", "1"], ["1", "0"]]
    assert load(source) is load(source)
    changed = load(source.replace("2 * x", "3 * x"))
    assert changed.twice(2.0) == 6.0
    assert len(list(cache.glob("*.py"))) == 2


@needs_numba
def test_a_damaged_kernel_is_written_again(cache):
    source = '"""Another kernel."""\nvalue = 7\n'
    path = Path(load(source).__file__)
    del sys.modules[path.stem]
    path.write_text("broken(")
    assert load(source).value == 7


@needs_numba
def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    occupied = tmp_path / "file"
    occupied.write_text("")
    monkeypatch.setenv("CHAINRULE_CACHE", str(occupied))
    module = load('"""A third kernel."""\nvalue = 8\n')
    assert module.value == 8
    assert not str(module.__file__).startswith(str(tmp_path))


@needs_numba
def test_a_user_without_a_home(monkeypatch):
    def nowhere():
        raise RuntimeError("Could not determine home directory.")

    for name in ("CHAINRULE_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    assert load('"""A fourth kernel."""\nvalue = 9\n').value == 9


def test_a_module_that_fails_leaves_nothing_behind(cache, monkeypatch):
    monkeypatch.setattr(kernel_module, "require_numba", lambda: "none")
    before = set(sys.modules)
    with pytest.raises(ZeroDivisionError):
        load("1 / 0\n")
    assert set(sys.modules) == before


def test_numbers_are_written_exactly():
    for value in (0.1, -0.0, 1e300, math.inf, -math.inf, math.nan):
        for dtype in (np.float64, np.float32):
            with np.errstate(over="ignore"):
                number = dtype(value)
            again = eval(kernel_step._literal(number))
            assert again.tobytes() == number.tobytes()
            assert again.dtype == number.dtype
    assert eval(kernel_step._literal(np.bool_(True))) is np.True_


@pytest.mark.parametrize(
    ("name", "function", "ulps"),
    [
        ("exponential", np.exp, 2),
        ("exponential_less_one", np.expm1, 4),
        ("hyperbolic_tangent", np.tanh, 6),
    ],
)
def test_functions_of_our_own_are_accurate(name, function, ulps):
    space = {"np": np, "math": math, "njit": lambda **options: lambda f: f}
    for helper in helpers_of(f"{name}("):
        exec(HELPERS[helper], space)
    rng = np.random.default_rng(0)
    near = rng.uniform(-1e-3, 1e-3, 200)
    for x in [*near, *rng.uniform(-3, 3, 500), *rng.uniform(-700, 700, 300), 0.0, 709.7, 1e-300]:
        expected = function(x)
        assert abs(space[name](x) - expected) <= ulps * np.spacing(abs(expected)), x
    with np.errstate(over="ignore"):
        for x in (710.0, -800.0, np.inf, -np.inf):
            assert space[name](x) == function(x)
    assert np.isnan(space[name](np.nan))
