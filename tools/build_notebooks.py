"""Execute the notebooks and store them: the same notebook is always the same file.

    python tools/build_notebooks.py [NAME ...]          execute, tidy and write
    python tools/build_notebooks.py --check [NAME ...]  execute, and compare with what is stored

The notebooks in `notebooks/` are their own source: they are edited in JupyterLab or as text, and
this program writes the outputs anew. A second text form would have to be kept in step; linters
read the notebooks as they are.
"""

from __future__ import annotations

import argparse
import base64
import importlib.util
import io
import math
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
#: Bytes of a stored notebook at most, so that code hosts show it.
LARGEST = 200_000
#: Colours of a stored figure.
COLOURS = 64
#: Cells with this tag need PyTorch and say so where it is missing.
NEEDS_TORCH = "vision"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
#: Variables that a notebook does not see: data of the user's, and where figures go.
UNSEEN = {"CHAINRULE_DATA", "MPLBACKEND"}
#: Run before the first cell: a warning in a notebook is a fault in it, one of the kernel is not.
PRELUDE = """\
import warnings
warnings.simplefilter("error")
warnings.filterwarnings("ignore", module="ipykernel|IPython|zmq|tornado|asyncio|traitlets")
"""
NUMBER = re.compile(r"(?<![\w.])[-−]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?", re.IGNORECASE)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
#: Elements that notebooks which are not trusted take away, or take the contents of away.
STRIPPED = {"script", "style", "svg", "iframe", "object", "embed", "link", "form"}


def main(arguments: list[str] | None = None) -> int:
    """Execute the notebooks that are named, or all; 1 if something is wrong with one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="without .ipynb; all if none")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    options = parser.parse_args(arguments)
    paths = [FOLDER / f"{name}.ipynb" for name in options.names] or sorted(FOLDER.glob("*.ipynb"))
    faults = 0
    for path in paths:
        stored = nbformat.read(path, as_version=4)
        started = time.perf_counter()
        try:
            executed = tidied(execute(stored))
        except CellExecutionError as error:
            print(f"{path.name}: {COLOUR.sub('', str(error))}")
            faults += 1
            continue
        seconds = time.perf_counter() - started
        found = list(untrusted(executed))
        if options.check:
            found += [*differences(stored, executed), *not_tidy(path, stored)]
        else:
            path.write_text(text(executed), encoding="utf-8", newline="\n")
        size = len(text(executed).encode())
        if size > LARGEST:
            found.append(f"it takes {size:,} bytes; at most {LARGEST:,} are shown everywhere.")
        print(f"{path.name}: {seconds:.1f} s, {size:,} bytes")
        print("".join(f"  {each}\n" for each in found), end="")
        faults += len(found)
    return int(faults > 0)


def execute(notebook: Any) -> Any:
    """A copy of a notebook with the outputs of a fresh kernel, in an empty folder."""
    copy = nbformat.from_dict({**notebook, "cells": [dict(cell) for cell in notebook.cells]})
    copy.cells.insert(0, nbformat.v4.new_code_cell(PRELUDE))
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **{name: value for name, value in os.environ.items() if name not in UNSEEN},
            **threads,
            "IPYTHONDIR": str(Path(folder) / "ipython"),
            # Where kernels are started without the package being installed, as in a checkout.
            "PYTHONPATH": os.pathsep.join(map(str, filter(None, sys.path))),
        }
        client = NotebookClient(
            copy, timeout=300, kernel_name="python3", record_timing=False,
            resources={"metadata": {"path": folder}}, extra_arguments=["--log-level=ERROR"],
        )  # fmt: skip
        client.execute(env=environment)
    del copy.cells[0]
    return copy


def tidied(notebook: Any) -> Any:
    """A notebook without what depends on the day, the machine or the editor."""
    cells = []
    for cell in notebook.cells:
        kept = {"cell_type": cell.cell_type, "id": cell.id, "source": cell.source}
        tags = cell.metadata.get("tags", [])
        kept["metadata"] = {"tags": list(tags)} if tags else {}
        if cell.cell_type == "code":
            kept["execution_count"] = count = sum(c["cell_type"] == "code" for c in cells) + 1
            kept["outputs"] = [_tidy_output(output, count) for output in _joined(cell.outputs)]
        cells.append(kept)
    return nbformat.from_dict(
        {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}
    )


def _joined(outputs: list[Any]) -> list[Any]:
    """The outputs with the pieces in which printed text happened to arrive put together."""
    found: list[Any] = []
    for output in outputs:
        if output.output_type == "stream" and found and found[-1].get("name") == output.name:
            found[-1] = {**found[-1], "text": found[-1]["text"] + output.text}
        else:
            found.append(output)
    return found


def _tidy_output(output: Any, count: int) -> dict[str, Any]:
    kept = {key: value for key, value in output.items() if key != "transient"}
    if picture := kept.get("data", {}).get("image/png"):
        kept["data"] = {**kept["data"], "image/png": _fewer_colours(picture)}
    if "execution_count" in kept:
        kept["execution_count"] = count
    if "metadata" in kept:
        kept["metadata"] = {}
    return kept


def _fewer_colours(picture: str) -> str:
    """A PNG in base64 with a palette, a third of the bytes; one that has a palette as it is."""
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        if image.mode == "P":
            return picture
        reduced = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    reduced.save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def text(notebook: Any) -> str:
    """The contents of the file."""
    return str(nbformat.writes(notebook)).rstrip("\n") + "\n"


def not_tidy(path: Path, stored: Any) -> Iterator[str]:
    """A sentence if the file is not what this program would have written."""
    if path.read_text(encoding="utf-8") != text(tidied(stored)):
        yield f"it is not stored tidily; run python tools/build_notebooks.py {path.stem}"


def differences(stored: Any, executed: Any) -> Iterator[str]:
    """What the stored outputs say that those of now do not; pictures are compared by kind only."""
    torch = importlib.util.find_spec("torch") is not None
    for old, new in zip(stored.cells, executed.cells, strict=True):
        if old.cell_type != "code" or (NEEDS_TORCH in old.metadata.get("tags", []) and not torch):
            continue
        before, after = (list(_texts(cell)) for cell in (old, new))
        if [kind for kind, _ in before] != [kind for kind, _ in after]:
            yield f"cell {old.id} shows {_kinds(after)}; stored are {_kinds(before)}."
            continue
        for (kind, one), (_, other) in zip(before, after, strict=True):
            if (line := _first_difference(one, other)) is not None:
                yield f"cell {old.id}, {kind}: {line}"


def _texts(cell: Any) -> Iterator[tuple[str, str]]:
    """Kind and text of each output; of pictures the kind alone."""
    for output in cell.outputs:
        if output.output_type == "stream":
            yield output.name, output.text
        elif output.output_type == "error":
            yield "error", output.ename
        else:
            for kind, data in sorted(output.data.items()):
                yield kind, "" if kind.startswith("image/") else re.sub(r"base64,[^\"]+", "", data)


def _kinds(outputs: list[tuple[str, str]]) -> str:
    return ", ".join(kind for kind, _ in outputs) or "nothing"


def _first_difference(one: str, other: str) -> str | None:
    """The first line that differs by more than the rounding of another linear algebra."""
    before, after = one.splitlines(), other.splitlines()
    for a, b in zip(before, after, strict=False):
        if NUMBER.sub("#", a).split() != NUMBER.sub("#", b).split() or not all(
            math.isclose(_value(x), _value(y), rel_tol=0.02, abs_tol=1e-9)
            for x, y in zip(NUMBER.findall(a), NUMBER.findall(b), strict=True)
        ):
            return f"{b!r}; stored is {a!r}."
    return None if len(before) == len(after) else f"{len(after)} lines; stored are {len(before)}."


def _value(number: str) -> float:
    return float(number.replace(",", "").replace("−", "-"))


def untrusted(notebook: Any) -> Iterator[str]:
    """What would not be shown, or should not be there, before anybody trusts the notebook."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                yield f"cell {cell.id} ends with {output.ename}: {output.evalue}"
            if output.output_type == "stream" and output.name == "stderr":
                yield f"cell {cell.id} writes to the error stream: {output.text[:200]}"
            data = output.get("data", {})
            if data and not data.keys() & {"text/html", "text/markdown", "text/plain", "image/png"}:
                yield f"cell {cell.id} shows only {', '.join(data)}."
            if "image/svg+xml" in data:
                yield f"cell {cell.id} shows an SVG, which is refused; use an <img>."
            if elements := _Elements(data.get("text/html", "")).found & STRIPPED:
                yield f"cell {cell.id} needs <{'>, <'.join(sorted(elements))}>, which is stripped."
            if found := _places(str(output)):
                yield f"cell {cell.id} shows a place on this computer: {', '.join(found)}"


def _places(shown: str) -> list[str]:
    """Paths of this checkout, of the interpreter and of temporary folders."""
    known = {str(ROOT), str(Path.home()), sys.prefix, tempfile.gettempdir()} - {"/"}
    return sorted(place for place in known if place + os.sep in shown)


class _Elements(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.add(tag)


if __name__ == "__main__":
    sys.exit(main())
