"""The search of the documentation in pages opened from a disk: its stand-in for a worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).parents[1] / "docs" / "javascripts" / "iframe-worker.js"
WORKER = 'addEventListener("message", (event) => postMessage(event.data * 2));'
PAGE = f"""<!DOCTYPE html><title>waiting</title><script src="{SCRIPT.as_uri()}"></script>
<body><script>
const found = [];
const worker = new Worker("worker.js");
worker.addEventListener("message", (event) => {{
  found.push(event.data);
  if (event.data < 80) worker.postMessage(event.data);
  else document.title = found.join(" ");
}});
worker.postMessage(21);
</script></body>"""


def test_messages_go_to_a_worker_in_a_file_and_back(opened: Any, tmp_path: Path) -> None:
    (tmp_path / "worker.js").write_text(WORKER, encoding="utf-8")
    page = opened(PAGE)
    page.wait_for_function("document.title !== 'waiting'")
    assert page.title() == "42 84"
