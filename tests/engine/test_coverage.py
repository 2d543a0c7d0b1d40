"""docs/coverage.md says what the registry holds, and the registry is complete and tested."""

from pathlib import Path

import numpy as np
import pytest

import chainrule.engine.rules.special  # noqa: F401  (SciPy's functions join the registry)
from chainrule.engine import coverage
from chainrule.engine.primitive import COMPOSITES, FUNCTIONS, PRIMITIVES, REFUSED, UFUNCS

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
SAME_NUMPY = f"with NumPy {'.'.join(np.__version__.split('.')[:2])};" in PAGE.read_text("utf-8")
OTHER_NUMPY = "docs/coverage.md describes another version of NumPy than the one installed"

# What HIPS autograd 1.9 differentiates of NumPy for real numbers, and what its users miss
# (its issue 788), apart from names that NumPy 2 removed.
AUTOGRAD = """
abs absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh array_split atleast_1d
atleast_2d atleast_3d broadcast_to cbrt ceil clip concatenate conj cos cosh cross cumsum deg2rad
degrees diag diagonal diff divide dot dsplit dstack einsum exp exp2 expand_dims expm1 fabs
float_power floor fmax fmin full gradient hsplit hstack inner kron linspace log log10 log1p log2
logaddexp logaddexp2 matmul max maximum mean min minimum mod moveaxis multiply nan_to_num negative
outer pad power prod rad2deg radians ravel real real_if_close reciprocal remainder repeat reshape
roll rollaxis rot90 select sign sin sinc sinh sort split sqrt square squeeze stack std subtract
sum swapaxes tan tanh tensordot tile trace transpose tril triu true_divide var vsplit vstack where
partition cumprod flip fliplr flipud take take_along_axis delete insert append ptp average interp
trapezoid meshgrid median percentile quantile modf nansum nanmean nanmax nanmin nanprod nanstd
nanvar hypot copysign heaviside unwrap ediff1d column_stack choose compress extract block i0 vdot
copy amax amin argmax argmin argsort any all isnan isfinite round around rint trunc count_nonzero
searchsorted linalg.norm linalg.inv linalg.det linalg.slogdet linalg.solve linalg.cholesky
linalg.eigh linalg.eig linalg.svd linalg.qr linalg.pinv linalg.lstsq linalg.matrix_power
linalg.multi_dot linalg.eigvalsh fft.fftshift fft.ifftshift
"""


@pytest.mark.skipif(not SAME_NUMPY, reason=OTHER_NUMPY)
def test_the_page_is_up_to_date():
    assert coverage.main(["--check", str(PAGE)]) == 0, "python -m chainrule.engine.coverage"


@pytest.mark.skipif(not SAME_NUMPY, reason=OTHER_NUMPY)
def test_every_function_that_numpy_dispatches_is_supported_or_refused():
    assert coverage.undecided() == []


def test_what_autograd_differentiates_and_what_its_users_miss_is_supported():
    created = {"full", "linspace"}  # constants, or written with like=
    missing = []
    for name in AUTOGRAD.split():
        place, _, attribute = name.rpartition(".")
        function = getattr(getattr(np, place) if place else np, attribute)
        if not any(function in table for table in (UFUNCS, FUNCTIONS, COMPOSITES)):
            missing.append(name)
    assert set(missing) <= created


def test_differentiable_primitives_have_cases():
    for primitive in PRIMITIVES.values():
        if primitive.differentiable and not primitive.cases:
            assert len(primitive.rules) in (1, 2), f"{primitive.name} has no test cases"
            assert primitive.bind.__name__ in (
                "_bind_unary",
                "_bind_binary",
                "_bind_one",
                "_bind_two",
            )


def test_nothing_is_both_supported_and_refused():
    supported = {*UFUNCS, *FUNCTIONS}
    assert not supported & set(COMPOSITES)
    assert not (supported | set(COMPOSITES)) & set(REFUSED)


def test_every_refusal_has_a_cure_and_a_name():
    for function, cure in REFUSED.items():
        assert coverage.names_of(function), function
        assert len(cure) > 8


def test_every_declaration_knows_its_file():
    for primitive in PRIMITIVES.values():
        if primitive.name not in ("placeholder", "constant", "select_output"):
            assert primitive.module.startswith("chainrule.engine."), primitive.name


@pytest.mark.parametrize(
    ("name", "signs", "arguments"),
    [
        ("multiply", "∂ ∂", "x1, x2"),
        ("floor", "0", "x"),
        ("where", "0 ∂ ∂", "condition, x=None, y=None"),
        ("gammainc", "– ∂", "x1, x2"),
        ("maximum", "∂…", "x1, x2"),
        ("mean", "∂ 0", "a, axis=None, dtype=None, keepdims=False, \\*, where=True"),
        ("max", "∂ 0", "a, axis=None, keepdims=False, initial=None, where=True"),
    ],
)
def test_signs_and_arguments(name, signs, arguments):
    primitive = PRIMITIVES[name]
    assert coverage.derivative_signs(primitive) == signs
    assert coverage.accepted_arguments(primitive.bind) == arguments


def test_names_are_public_and_the_function_s_own_comes_first():
    assert coverage.names_of(np.remainder) == ["np.remainder", "np.mod"]
    assert coverage.names_of(np.linalg.norm) == ["np.linalg.norm"]
    assert coverage.names_of(np._core.umath.clip) == []


def test_a_stale_page_is_noticed_and_written_again(tmp_path, capsys):
    path = tmp_path / "coverage.md"
    path.write_text("old", encoding="utf-8")
    assert coverage.main(["--check", str(path)]) == 1
    assert "is stale" in capsys.readouterr().out
    assert path.read_text(encoding="utf-8") == "old"
    assert coverage.main([str(path)]) == 0
    assert coverage.main(["--check", str(path)]) == 0
    assert path.read_text(encoding="utf-8").startswith("# Coverage")


def test_a_folder_that_does_not_exist_is_named(tmp_path, capsys):
    with pytest.raises(SystemExit) as exit_status:
        coverage.main([str(tmp_path / "nowhere" / "coverage.md")])
    assert exit_status.value.code == 2
    assert "nowhere" in capsys.readouterr().err
