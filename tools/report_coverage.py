"""Say how much of the code the tests run, room by room, and whether it is what was promised.

Run by ``make coverage`` after the suite has run under coverage. Lines are promised of the whole
package, branches of the rooms on whose word others rely: the differentiator and the checker.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINES = 90.0
BRANCHES = {"engine": 95.0, "checking": 95.0}


def main() -> int:
    """Print a table of the rooms; return 1 when a promise is not kept."""
    written = ROOT / "build" / "coverage" / "coverage.json"
    run("combine", "--quiet")
    run("json", "--quiet", "-o", str(written))
    rooms = by_room(json.loads(written.read_text(encoding="utf-8"))["files"])
    kept = True
    print(f"{'room':<14}{'lines':>8}{'of':>8}{'branches':>10}{'of':>8}")
    for name, count in sorted(rooms.items()):
        lines = share(count["covered_lines"], count["num_statements"])
        branches = share(count["covered_branches"], count["num_branches"])
        wanted = BRANCHES.get(name)
        broken = lines < LINES if name == "all" else wanted is not None and branches < wanted
        kept = kept and not broken
        promise = f"  promised {LINES:g} % of lines" if name == "all" else ""
        promise = promise if wanted is None else f"  promised {wanted:g} % of branches"
        print(
            f"{name:<14}{lines:>7.1f}%{count['num_statements']:>8}{branches:>9.1f}%"
            f"{count['num_branches']:>8}{promise}{': not kept' if broken else ''}"
        )
    return 0 if kept else 1


def by_room(files: dict[str, dict[str, dict[str, int]]]) -> dict[str, Counter[str]]:
    """Add up the counts of the files of each room, and of all."""
    rooms: dict[str, Counter[str]] = defaultdict(Counter)
    for path, each in files.items():
        parts = Path(path).parts
        inside = parts[parts.index("chainrule") + 1 :]
        counts = {key: n for key, n in each["summary"].items() if isinstance(n, int)}
        for name in (inside[0] if len(inside) > 1 else "cli", "all"):
            rooms[name].update(counts)
    return rooms


def share(part: int, whole: int) -> float:
    """Return a percentage; of nothing, everything is covered."""
    return 100.0 * part / whole if whole else 100.0


def run(*words: str) -> None:
    """Run a command of coverage that must succeed."""
    subprocess.run([sys.executable, "-m", "coverage", *words], cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.exit(main())
