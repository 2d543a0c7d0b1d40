"""Build the documentation into build/site, strictly: a broken link or a missing page is an error.

Run by ``make docs``. Pages written by hand lie in ``docs/``; those of experiments and the API are
generated from the code into ``build/docs``, so that none of them is out of date.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import chainrule
from chainrule.experiments import registry
from chainrule.experiments.experiment import Experiment

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"

#: Pages written by hand, by the part of the menu they stand in; what is not listed comes last.
MENU: dict[str, list[str]] = {
    "": ["index.md", "tour.md", "notebooks.md"],
    "How to": [
        "source.md", "explain.md", "pictures.md", "compile.md", "checking.md", "flow.md",
        "grading.md", "training.md", "optimizers.md", "search.md", "style.md", "classify.md",
    ],
    "Reference": ["policy.md", "coverage.md", "performance.md", "architecture.md"],
}  # fmt: skip

#: Rooms of the API reference: page, title, and the module whose public names it shows.
ROOMS = {
    "derivatives": ("Derivatives and graphs", "chainrule"),
    "nn": ("Networks", "chainrule.nn"),
    "optim": ("Optimizers and schedules", "chainrule.optim"),
    "training": ("Training", "chainrule.training"),
    "checking": ("Checking", "chainrule.checking"),
    "grading": ("Grading", "chainrule.grading"),
    "data": ("Data", "chainrule.data"),
    "theory": ("Theory", "chainrule.theory"),
    "search": ("Search", "chainrule.search"),
    "vision": ("Vision", "chainrule.vision"),
}


def main() -> int:
    """Write every page into build/docs and build the site from them."""
    pages = BUILD / "docs"
    shutil.rmtree(pages, ignore_errors=True)
    shutil.copytree(ROOT / "docs", pages)
    menu = [entry for part in hand_written(pages) for entry in part]
    menu.append({"Experiments": list(experiment_pages(pages))})
    menu.append({"API": list(api_pages(pages))})
    configuration = BUILD / "mkdocs.yml"
    settings = {
        "INHERIT": str(ROOT / "mkdocs.yml"),
        "docs_dir": str(pages),
        "site_dir": str(BUILD / "site"),
        "nav": menu,
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
        print(BUILD / "site" / "index.html")
    return status


def hand_written(pages: Path) -> Iterator[list[object]]:
    """Yield the parts of the menu; a page of docs/ that no part names is added to the how-tos."""
    there = {page.name for page in pages.glob("*.md")}
    named = {name for names in MENU.values() for name in names}
    for part, names in MENU.items():
        wanted = names + (sorted(there - named) if part == "How to" else [])
        present: list[object] = [name for name in wanted if name in there]
        yield present if not part else [{part: present}]


def experiment_pages(pages: Path) -> Iterator[str]:
    """Write one page for each experiment, and a page that lists them."""
    folder = pages / "experiments"
    folder.mkdir()
    rows = []
    names = registry.names()
    yield "experiments/index.md"
    for name in names:
        experiment = registry.get(name)
        (folder / f"{name}.md").write_text(experiment_page(experiment), encoding="utf-8")
        source = f"{experiment.document} {experiment.question}"
        rows.append(f"| [{name}]({name}.md) | {source} | {experiment.title} |")
        yield f"experiments/{name}.md"
    head = (
        "# Experiments\n\n`chainrule run NAME` runs one, `chainrule run --all` all of them; every "
        "claim is measured.\n\n| name | source | shows |\n|---|---|---|\n"
    )
    (folder / "index.md").write_text(head + "\n".join(rows) + "\n", encoding="utf-8")


def experiment_page(experiment: Experiment) -> str:
    """Return the page of one experiment, from its declaration."""
    data = "\n".join(f"- **{kind}**: {text}" for kind, text in experiment.data.items())
    quick, full = (experiment.resolve(preset, {}) for preset in ("quick", "full"))
    rows = "\n".join(
        f"| `{each.name}` | {cell(quick[each.name])} | {cell(full[each.name])} | "
        f"{cell(each.description)} |"
        for each in experiment.parameters
    )
    settings = (
        f"## Settings\n\n| name | quick | full | meaning |\n|---|---|---|---|\n{rows}\n"
        if rows
        else ""
    )
    needs = ", ".join(f"`pip install 'chainrule[{extra}]'`" for extra in experiment.needs)
    real = (
        f"chainrule run {experiment.name} --preset full --data real\n"
        if "real" in experiment.data
        else ""
    )
    return (
        f"# {experiment.title}\n\nDocument {experiment.document}, {experiment.question}"
        f"{'; needs ' + needs if needs else ''}.\n\n{experiment.summary}\n\n"
        f"```sh\nchainrule run {experiment.name}\n{real}```\n\n## Data\n\n{data}\n\n{settings}"
    )


def cell(value: object) -> str:
    """Return a value as it stands in a Markdown table."""
    text = ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
    return text.replace("|", "\\|").replace("\n", " ") or " "


def api_pages(pages: Path) -> Iterator[str]:
    """Write one page for each room, with the public names it exports."""
    folder = pages / "api"
    folder.mkdir()
    for page, (title, module_name) in ROOMS.items():
        names = public_names(module_name)
        if not names:
            continue
        blocks = "\n".join(f"::: {name}\n" for name in names)
        (folder / f"{page}.md").write_text(f"# {title}\n\n{blocks}", encoding="utf-8")
        yield f"api/{page}.md"


def public_names(module_name: str) -> list[str]:
    """Return the full names of what a module exports, where each is defined."""
    try:
        module = __import__(module_name, fromlist=["*"])
    except ModuleNotFoundError:
        return []
    exported = getattr(module, "__all__", None)
    if exported is None:
        exported = [name for name in dir(module) if not name.startswith("_")]
    found = []
    for name in exported:
        value = getattr(module, name)
        defined = getattr(value, "__module__", "") or ""
        if callable(value) and defined.startswith("chainrule.") and getattr(value, "__doc__", None):
            # What a factory returned is documented where it got its name.
            qualified = getattr(value, "__qualname__", name)
            found.append(f"{defined}.{name if '<locals>' in qualified else qualified}")
    return list(dict.fromkeys(found))


if __name__ == "__main__":
    print(f"chainrule {chainrule.__version__}")
    sys.exit(main())
