"""A document opened in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def opened(page: Any, tmp_path: Path) -> Any:
    """Open a document in the page: ``opened(text, suffix, **emulated media)``."""

    def open_(text: str, suffix: str = ".html", width: int = 1280, **media: Any) -> Any:
        path = tmp_path / f"document{suffix}"
        path.write_text(text, encoding="utf-8")
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(**media)
        page.goto(path.as_uri())
        return page

    return open_
