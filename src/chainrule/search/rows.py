"""What stands in the store's columns as text and numbers, read back or refused as damaged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chainrule.search.errors import SearchError
from chainrule.search.trial import Trial

__all__ = ["document", "text_of", "trial_of"]

_NUMBER: tuple[type, ...] = (int, float, type(None))
#: What each column of a trial may hold once its JSON is read, in the order of `Trial`'s fields.
_TYPES: tuple[type | tuple[type, ...], ...] = (
    int, int, int, _NUMBER, dict, int, str, str, int, _NUMBER, _NUMBER, _NUMBER, dict,
    (str, type(None)),
)  # fmt: skip


def text_of(value: Any) -> str:
    """Return a plain value as the store keeps it."""
    return json.dumps(value, sort_keys=False, ensure_ascii=False)


def document(path: Path, text: Any) -> dict[str, Any]:
    """Return the mapping that a column holds as JSON.

    Raises
    ------
    SearchError
        If it holds anything else.
    """
    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _damaged(path)
    return found


def trial_of(path: Path, row: Sequence[Any]) -> Trial:
    """Return the trial of a row.

    Raises
    ------
    SearchError
        If a column holds what the store never writes there.
    """
    fields = list(row)
    fields[4] = document(path, fields[4])
    fields[12] = document(path, fields[12]) if fields[12] else {}
    if not all(isinstance(field, kind) for field, kind in zip(fields, _TYPES, strict=True)):
        raise _damaged(path)
    return Trial(*fields)


def _damaged(path: Path) -> SearchError:
    return SearchError(
        f"{path} is damaged: a column holds what no search writes there. Give another output "
        "folder, or start over with --fresh; this file is left as it is."
    )
