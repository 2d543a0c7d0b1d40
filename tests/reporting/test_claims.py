"""Claims have an outcome in words and an exit status."""

from __future__ import annotations

import pytest

from chainrule.reporting.claims import Claim, exit_status, verdict


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ([], 0),
        ([True, True], 0),
        ([True, False], 1),
        ([None, True], 3),
        ([None, False, True], 1),
    ],
)
def test_exit_status(outcomes: list[bool | None], status: int) -> None:
    assert exit_status(iter(outcomes)) == status


def test_verdicts() -> None:
    assert [verdict(holds) for holds in (True, False, None)] == ["held", "not held", "not decided"]


def test_the_result_has_the_five_fields_of_the_command_line() -> None:
    claim = Claim("a", "A holds.", 1.0, "1", True, "001 §1")
    assert claim.result() == {
        "id": "a", "statement": "A holds.", "measured": 1.0, "expected": "1", "holds": True,
    }  # fmt: skip
    assert claim.as_dict() == {**claim.result(), "source": "001 §1"}
