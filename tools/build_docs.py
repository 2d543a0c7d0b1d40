"""Build the documentation into build/site, strictly: a broken link or a missing page is an error.

Run by ``make docs``. Pages written by hand lie in ``docs/``; those of experiments, mistakes and the
API are generated from the code into ``build/docs``, so that none of them is out of date.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import browser_page
from generated_pages import api_pages, experiment_pages, mistake_pages

import chainrule

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"

#: Pages written by hand, by the part of the menu they stand in; what is not listed comes last.
MENU: dict[str, list[str]] = {
    "Start": ["index.md", "tour.md", "browser.md", "notebooks.md"],
    "For whom": [
        "for-students.md", "for-teachers.md", "for-authors.md", "for-engineers.md",
        "for-everyone.md",
    ],
    "How to": [
        "checking.md", "localisation.md", "flow.md", "source.md", "explain.md", "pictures.md",
        "compile.md", "training.md", "optimizers.md", "search.md", "grading.md", "style.md",
        "classify.md",
    ],
    "Reference": ["policy.md", "coverage.md", "performance.md", "architecture.md"],
}  # fmt: skip

#: The page of measurements before there are any.
UNMEASURED = "# Performance\n\nNothing has been measured yet: `make bench` writes this page.\n"


def main() -> int:
    """Write every page into build/docs and build the site from them."""
    pages = BUILD / "docs"
    shutil.rmtree(pages, ignore_errors=True)
    shutil.copytree(ROOT / "docs", pages)
    browser_page.write_page(pages)
    if not (pages / "performance.md").exists():
        (pages / "performance.md").write_text(UNMEASURED, encoding="utf-8")
    menu = hand_written(pages)
    reference = menu.pop("Reference")
    menu["Experiments"] = list(experiment_pages(pages))
    menu["Mistakes"] = list(mistake_pages(pages))
    menu["Reference"] = [*reference, {"API": list(api_pages(pages))}]
    configuration = BUILD / "mkdocs.yml"
    settings = {
        "INHERIT": str(ROOT / "mkdocs.yml"),
        "docs_dir": str(pages),
        "site_dir": str(BUILD / "site"),
        "nav": [{part: entries} for part, entries in menu.items()],
    }
    # JSON is YAML.
    configuration.write_text(json.dumps(settings, indent=1), encoding="utf-8")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
    status = subprocess.run(
        [*command, "--config-file", str(configuration)],
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        check=False,
    ).returncode
    if status == 0:
        without_empty_descriptions(BUILD / "site")
        foreign = list(fetched_from_elsewhere(BUILD / "site"))
        status = 1 if foreign else 0
        print("\n".join(foreign) or BUILD / "site" / "index.html")
    return status


def hand_written(pages: Path) -> dict[str, list[object]]:
    """Return the parts of the menu; a page of docs/ that no part names is added to the how-tos."""
    there = {page.name for page in pages.glob("*.md")}
    named = {name for names in MENU.values() for name in names}
    return {
        part: [
            name
            for name in names + (sorted(there - named) if part == "How to" else [])
            if name in there
        ]
        for part, names in MENU.items()
    }


def without_empty_descriptions(site: Path) -> None:
    """Take away the dashes after which the reference says nothing more."""
    empty = re.compile(r"\s*–\s*<div class=\"doc-md-description\">\s*</div>")
    for page in (site / "api").glob("*.html"):
        text = page.read_text(encoding="utf-8")
        page.write_text(empty.sub("", text), encoding="utf-8")


def fetched_from_elsewhere(site: Path) -> Iterator[str]:
    """Yield what a browser that opens a page of the site would fetch from another place."""
    loading = re.compile(
        r'<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc="?((?:https?:)?//[^">\s]+)'
        r'|<link\b(?=[^>]*\brel="?(?:stylesheet|preload|icon|preconnect|prefetch))[^>]*'
        r'\bhref="?((?:https?:)?//[^">\s]+)|(?:url\(|@import\s)["\']?((?:https?:)?//[^"\')\s]+)'
    )
    for page in sorted([*site.rglob("*.html"), *site.rglob("*.css")]):
        for found in loading.finditer(page.read_text(encoding="utf-8")):
            address = next(filter(None, found.groups()))
            yield f"{page.relative_to(site)} fetches {address}; keep a copy in docs/ instead"


if __name__ == "__main__":
    print(f"chainrule {chainrule.__version__}")
    sys.exit(main())
