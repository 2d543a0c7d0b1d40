"""The policy page is executable: every line of docs/policy.md is one test."""

import ast
import builtins
import contextlib
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr

PAGE = Path(__file__).parents[2] / "docs" / "policy.md"


ROW = re.compile(r"\| `(.+?)` +\| `(.+?)` +\| `(.+?)` +\|(.*)\|")


def rows():
    """The rows of the page's tables: expression, point, derivative, reason."""
    section = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line[3:].split(":")[0]
        elif line.startswith("| `"):
            expression, point, derivative, why = ROW.fullmatch(line).groups()
            yield pytest.param(
                expression, point, derivative, why, id=f"{section}: {expression} at {point}"
            )


def function_of(code):
    """``statement; statement; expression`` as a function of ``x``; an array result is summed."""
    *statements, last = ast.parse(code).body
    body = [*statements, ast.Return(last.value)]
    module = ast.parse("def function(x): pass")
    module.body[0].body = body
    namespace = {"np": np, "cr": cr}
    exec(compile(ast.fix_missing_locations(module), "<policy>", "exec"), namespace)

    def summed(x):
        value = namespace["function"](x)
        return np.sum(value) if np.ndim(value) else value

    return summed


def number(code):
    found = eval(code, {"np": np})
    return np.array(found) if isinstance(found, list) else found


@pytest.mark.parametrize(("expression", "point", "derivative", "why"), list(rows()))
def test_policy(expression, point, derivative, why):
    function = function_of(expression)
    x = number(point)
    before = np.array(x)
    if derivative.startswith("raises "):
        with pytest.raises(error_named(derivative[7:])):
            cr.grad(function)(x)
        return
    warning = re.search(r"`warns (\w+)`", why)
    with contextlib.ExitStack() as stack:
        if warning:
            stack.enter_context(pytest.warns(error_named(warning[1])))
        else:
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("error")
        found = cr.grad(function)(x)
    expected = number(derivative)
    np.testing.assert_allclose(found, expected, rtol=1e-15, atol=0)
    assert np.result_type(found) == np.result_type(expected)
    np.testing.assert_array_equal(x, before)


def error_named(name):
    return getattr(cr, name, None) or getattr(builtins, name)


def test_the_page_was_read():
    assert len(list(rows())) == PAGE.read_text(encoding="utf-8").count("\n| `")
    assert len(list(rows())) > 80
