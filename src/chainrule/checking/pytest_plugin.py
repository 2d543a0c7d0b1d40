"""The fixture ``assert_gradient`` for pytest, and the diagnosis as the message of a failed test.

Registered under the entry point ``pytest11``; the check itself is imported when it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def assert_gradient(record_property: Callable[[str, object], None]) -> Callable[..., Any]:
    """`chainrule.assert_gradient`; the codes found become properties of the JUnit report.

    Returns
    -------
    callable
        ``assert_gradient(loss, gradient, example, **options) -> Report``.
    """
    from chainrule.checking.check import check

    def asserted(loss: Any, gradient: Any, example: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        report = check(loss, gradient, example, **options)
        record_property("gradient_verdict", report.verdict)
        if report.codes:
            record_property("gradient_codes", " ".join(report.codes))
        if not report.ok:
            pytest.fail(report.text(), pytrace=False)
        return report

    return asserted
