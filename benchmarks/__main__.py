"""Run measurements and print their ratios: ``python -m benchmarks [NAME ...] [--page]``."""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

NAMES = (
    "engine", "programs", "search", "checking", "localisation", "training", "experiments", "style",
    "images",
)  # fmt: skip


def main(words: Sequence[str] | None = None) -> int:
    """Run the named measurements, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(NAMES)}")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--threads", type=int, default=1, help="threads of linear algebra")
    parser.add_argument(
        "--page", action="store_true",
        help="put the figures into docs/performance.md, in the place of earlier ones of that name",
    )  # fmt: skip
    options = parser.parse_args(words)
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"no measurement named {unknown[0]!r}; there are: {', '.join(NAMES)}")
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, str(options.threads))

    # Only now: it imports NumPy, which reads the variables once.
    from benchmarks import page

    modules = {}
    for name in options.names or NAMES:
        try:
            modules[name] = importlib.import_module(f"benchmarks.{name}")
        except ModuleNotFoundError as error:
            parser.error(
                f"the measurement {name} needs {error.name}, which is not installed; "
                "install the extra bench, as make bench does"
            )
    run = page.circumstances()
    print(f"Python {run['python']}, NumPy {run['versions']['numpy']}, {run['computer']}")
    found = {}
    for name, module in modules.items():
        goals = module.run()
        found[name] = [asdict(goal) for goal in goals]
        print(f"\n{name}")
        for goal in goals:
            verdict = {True: "met", False: "NOT MET", None: ""}[goal.met]
            spread = f"[{goal.low:.3g} … {goal.high:.3g}]"
            figures = f"{goal.measured:>8.3g} {spread:<20} {goal.bound:<10} {verdict}"
            print(f"  {goal.statement:<82} {figures}")
        if options.page:
            page.add_section(page.RESULTS, name, inspect.getdoc(module) or "", goals, run)
            page.write_page(page.RESULTS, page.PAGE, NAMES)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
