"""The notebooks run, show what is stored, and are shown before anybody trusts them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

pytest.importorskip(
    "nbclient", reason="notebooks are executed with the extra notebook, which is not installed"
)

import nbformat
from tools import build_notebooks as building

NAMES = sorted(path.stem for path in building.FOLDER.glob("*.ipynb"))


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_without_a_warning_and_shows_what_is_stored(name: str) -> None:
    command = [sys.executable, building.__file__, "--check", name]
    found = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert found.stderr == ""


def test_there_is_a_notebook_for_each_document() -> None:
    assert NAMES == ["000", "001", "003", "004"]


def notebook(*outputs: dict[str, Any], source: str = "1", cell: str = "one") -> Any:
    made = nbformat.v4.new_code_cell(
        source, id=cell, outputs=[nbformat.from_dict(o) for o in outputs]
    )
    return nbformat.v4.new_notebook(cells=[made])


def shown(**data: str) -> dict[str, Any]:
    kinds = {kind.replace("_", "/"): value for kind, value in data.items()}
    return {"output_type": "display_data", "data": kinds, "metadata": {}}


def printed(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


@pytest.mark.parametrize(
    ("output", "fault"),
    [
        (shown(text_html="<p>a</p><script>1</script>"), "needs <script>, which is stripped"),
        (shown(text_html="<svg></svg><style></style>"), "needs <style>, <svg>"),
        (shown(**{"image_svg+xml": "<svg/>", "text_plain": "a"}), "shows an SVG"),
        (shown(application_json="{}"), "shows only application/json"),
        (printed("a warning", "stderr"), "writes to the error stream"),
        (printed(f"{building.ROOT}/a"), "shows a place on this computer"),
        (
            {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []},
            "ends with ValueError: no",
        ),
    ],
)
def test_what_would_not_be_shown_is_found(output: dict[str, Any], fault: str) -> None:
    (found,) = building.untrusted(notebook(output))
    assert fault in found


def test_pictures_tables_and_text_are_shown() -> None:
    html = '<img src="data:image/svg+xml;base64,AA=="><details><table></table></details>'
    assert not list(building.untrusted(notebook(shown(text_html=html), printed("1"))))


@pytest.mark.parametrize(
    ("stored", "now", "same"),
    [
        ("loss 0.12345 after 10", "loss 0.12346 after 10", True),
        ("‖g‖ = 1.2e-16", "‖g‖ = 3.4e-16", True),
        ("1,234 × 5", "1,234  ×  5", True),
        ("loss 0.12", "loss 0.21", False),
        ("learned: True", "learned: False", False),
        ("a\nb", "a", False),
        ("-1", "1", False),
    ],
)
def test_numbers_are_compared_to_rounding_and_words_exactly(
    stored: str, now: str, same: bool
) -> None:
    found = list(building.differences(notebook(printed(stored)), notebook(printed(now))))
    assert (not found) == same, found


def test_another_kind_of_output_is_a_difference() -> None:
    found = building.differences(notebook(printed("a")), notebook(shown(text_plain="a")))
    assert list(found) == ["cell one shows text/plain; stored are stdout."]


def test_a_tidied_notebook_says_nothing_of_day_machine_or_editor() -> None:
    made = notebook(printed("a"), printed("b"), printed("c", "stderr"), shown(text_plain="d"))
    made.cells[0].metadata = {"tags": ["vision"], "execution": {"start": "today"}}
    made.cells[0].execution_count = 17
    made.metadata = {"language_info": {"name": "python", "version": "3.99"}, "editor": "x"}
    once = building.text(building.tidied(made))
    read = json.loads(once)
    assert read["metadata"] == building.METADATA
    (cell,) = read["cells"]
    assert (cell["execution_count"], cell["metadata"]) == (1, {"tags": ["vision"]})
    assert ["".join(o.get("text", "")) for o in cell["outputs"]] == ["ab", "c", ""]
    assert building.text(building.tidied(nbformat.reads(once, as_version=4))) == once


def test_a_warning_stops_a_notebook() -> None:
    made = notebook(source="import warnings\nwarnings.warn('old')")
    with pytest.raises(building.CellExecutionError, match="UserWarning"):
        building.execute(made)
