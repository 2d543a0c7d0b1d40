"""The page of measurements: every section with its date and computer, kept from run to run.

The figures lie in a JSON file, one section for each measurement. A run replaces the sections that
it measured and leaves the others, so partial runs add up; the page is written from that file.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.harness import Goal
from chainrule.reporting.files import write_json, write_text

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "docs" / "performance.md"

#: Libraries whose versions the figures depend on.
LIBRARIES = ("numpy", "scipy", "autograd", "jax", "mygrad", "numba", "torch", "scikit-learn")

_BUSY = 0.5


def circumstances() -> dict[str, Any]:
    """When and on what kind of computer a run was made; nothing that names the computer itself."""
    versions = {}
    for library in LIBRARIES:
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "date": time.strftime("%Y-%m-%d"),
        "computer": f"{platform.system()}, {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "versions": versions,
        "threads": int(os.environ.get("OMP_NUM_THREADS", "0")),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def add_section(
    results: Path, name: str, about: str, goals: Sequence[Goal], run: Mapping[str, Any]
) -> None:
    """Put one measurement's figures into the file, in the place of earlier ones."""
    sections = json.loads(results.read_text(encoding="utf-8")) if results.exists() else {}
    sections[name] = {"about": about, **run, "goals": [_plain(goal) for goal in goals]}
    write_json(results, sections)


def write_page(results: Path, page: Path, names: Sequence[str]) -> None:
    """Write the page of those sections that have figures, in the order of the names."""
    sections = json.loads(results.read_text(encoding="utf-8"))
    write_text(page, page_text({name: sections[name] for name in names if name in sections}))


def page_text(sections: Mapping[str, Mapping[str, Any]]) -> str:
    """The page as Markdown."""
    goals = [goal for section in sections.values() for goal in section["goals"]]
    promised = [goal for goal in goals if goal["met"] is not None]
    missed = [goal for goal in promised if not goal["met"]]
    lines = [
        "# Performance", "",
        "Written by `make bench` from its own measurements. Contestants take turns within one "
        "process, or runs alternate; a ratio is formed between neighbours in time, and the table "
        "gives its median and its quartiles. What a reader would run instead is the opponent. "
        "Ratios carry over to other computers, times do not.", "",
        "```sh", "make bench                             # all of it",
        "python -m benchmarks engine --page     # one section of it", "```", "",
        f"{len(goals)} figures, {len(promised)} of them with a bound that was set before: "
        f"{len(promised) - len(missed)} met, {len(missed)} not met"
        + (":" if missed else "."), "",
        *(f"- not met: {_escaped(goal['statement'])}: {_number(goal['measured'])}, "
          f"{_bound(goal['bound'])}" for goal in missed),
    ]  # fmt: skip
    for name, section in sections.items():
        lines += ["", *_section(name, section)]
    return "\n".join(lines).rstrip() + "\n"


def _section(name: str, section: Mapping[str, Any]) -> list[str]:
    versions = ", ".join(f"{library} {version}" for library, version in section["versions"].items())
    threads = section["threads"]
    lines = [
        f"## {name.capitalize()}", "", section["about"], "",
        "| what | measured | quartiles | bound | |", "|---|---:|---:|---:|---|",
    ]  # fmt: skip
    for goal in section["goals"]:
        low, high = _number(goal["low"]), _number(goal["high"])
        spread = f"{low} … {high}" if low != high else ""
        verdict = {True: "met", False: "**not met**", None: ""}[goal["met"]]
        lines.append(
            f"| {_escaped(goal['statement'])} | {_number(goal['measured'])} | {spread} | "
            f"{_bound(goal['bound'])} | {verdict} |"
        )
    lines += [
        "",
        f"{section['date']}: {section['computer']}, "
        + (f"{threads} thread{'s' * (threads > 1)} of linear algebra, " if threads else "")
        + f"Python {section['python']}, {versions}.",
    ]
    if section["load"] is not None and section["load"] > _BUSY:
        lines += [
            "",
            f"The computer was busy with other work when the run began (load {section['load']:g}): "
            "read these figures with care.",
        ]
    return lines


def _plain(goal: Goal) -> dict[str, Any]:
    """A goal as data, also if it was computed with NumPy's numbers."""
    return {
        key: value.item() if hasattr(value, "item") else value
        for key, value in asdict(goal).items()
    }


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def _bound(bound: str) -> str:
    return bound.replace("<=", "≤").replace(">=", "≥")


def _escaped(text: str) -> str:
    for mark in "\\|*_<[":
        text = text.replace(mark, "\\" + mark)
    return text
