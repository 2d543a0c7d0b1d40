"""The pytest fixture: a failed check is a failed test whose message is the diagnosis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.checking.two_layers import edited, example, gradient, loss

import chainrule as cr
from chainrule.checking.pytest_plugin import assert_gradient  # noqa: F401  (a fixture)


def test_a_right_gradient_passes(assert_gradient: Callable[..., Any]) -> None:  # noqa: F811
    assert assert_gradient(loss, gradient, example).ok


def test_a_wrong_gradient_fails_with_the_diagnosis_and_its_codes_as_properties(
    assert_gradient: Callable[..., Any],  # noqa: F811
    request: pytest.FixtureRequest,
) -> None:
    wrong = edited(("    dz2 /= n\n", ""))
    with pytest.raises(pytest.fail.Exception, match="G201 missing 1/n"):
        assert_gradient(loss, wrong, example)
    properties = dict(request.node.user_properties)
    assert properties == {"gradient_verdict": "wrong", "gradient_codes": "G201"}


def test_a_failed_assertion_shows_the_diagnosis_and_not_our_code() -> None:
    with pytest.raises(AssertionError, match="G201 missing 1/n") as caught:
        cr.assert_gradient(loss, edited(("    dz2 /= n\n", "")), example)
    shown = [entry for entry in caught.traceback if not entry.ishidden(caught)]
    assert [entry.path.name for entry in shown] == ["test_pytest_plugin.py"]
