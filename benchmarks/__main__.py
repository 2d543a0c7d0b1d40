"""Run measurements and print their ratios: ``python -m benchmarks [NAME ...] [--json FILE]``."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path

NAMES = (
    "engine", "programs", "search", "checking", "localisation", "training", "experiments", "style",
    "images",
)  # fmt: skip


def main() -> int:
    """Run the named measurements, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(NAMES)}")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--threads", type=int, default=1, help="threads of linear algebra")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in NAMES]
    if unknown:
        parser.error(f"no measurement named {unknown[0]!r}; there are: {', '.join(NAMES)}")
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, str(options.threads))

    import numpy

    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    print(f"Python {platform.python_version()}, NumPy {numpy.__version__}, {machine}")
    found = {}
    for name in options.names or NAMES:
        goals = importlib.import_module(f"benchmarks.{name}").run()
        found[name] = [asdict(goal) for goal in goals]
        print(f"\n{name}")
        for goal in goals:
            verdict = {True: "met", False: "NOT MET", None: ""}[goal.met]
            spread = f"[{goal.low:.3g} … {goal.high:.3g}]"
            figures = f"{goal.measured:>8.3g} {spread:<20} {goal.bound:<10} {verdict}"
            print(f"  {goal.statement:<82} {figures}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
