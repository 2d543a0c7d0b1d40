"""The code of a notebook as one Python text, cell after cell, without magics."""

from __future__ import annotations

import json
from pathlib import Path

from chainrule.commands.user_file import UserFileError

_MAGIC = ("%", "!", "?")


def notebook_code(path: Path) -> str:
    """The code cells of a notebook as one text.

    Lines that only a notebook understands (``%matplotlib inline``, ``!pip``) become comments, so
    that line numbers count through the code cells.

    Raises
    ------
    UserFileError
        The file is no notebook.
    """
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        sources = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        texts = ["".join(source) for source in sources]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserFileError(f"{path} cannot be read as a notebook: {error}.") from None
    except RecursionError:
        raise UserFileError(f"{path} is nested too deeply to be a notebook.") from None
    return "\n".join(_plain(text) for text in texts) + "\n"


def _plain(text: str) -> str:
    lines = text.splitlines()
    if lines and lines[0].lstrip().startswith("%%"):
        return "\n".join(f"# {line}" for line in lines)
    return "\n".join(
        f"{line[: len(line) - len(line.lstrip())]}pass  # {line.strip()}"
        if line.lstrip().startswith(_MAGIC) or line.rstrip().endswith("?")
        else line
        for line in lines
    )
