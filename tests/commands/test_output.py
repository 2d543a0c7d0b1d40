"""What all commands print and write in the same way."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from chainrule.commands.output import print_json, write_text
from chainrule.commands.users_code import UserFileError


def test_json_is_strict_whatever_the_numbers_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"loss": math.nan, "norms": [1.0, math.inf], "name": "σ"})
    found = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert found == {"loss": "nan", "norms": [1.0, "inf"], "name": "σ"}


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserFileError, match=r"none/x\.py cannot be written: No such file"):
        write_text(tmp_path / "none" / "x.py", "text")
