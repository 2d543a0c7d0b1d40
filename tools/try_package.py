"""Build wheel and sdist, install each in an empty environment with base dependencies, and use it.

Run by ``make package``. What a user gets is tested, not the checkout: the smoke test runs in an
empty folder with nothing of the project on its path.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

SMOKE = """
import importlib.metadata, json, subprocess, sys, sysconfig
from pathlib import Path

import numpy as np
import chainrule as cr

assert Path(sysconfig.get_path("purelib")) in Path(cr.__file__).resolve().parents, cr.__file__
assert importlib.metadata.version("chainrule") == cr.__version__
extras = {"torch", "numba", "distributed", "pytest", "hypothesis"}
assert not extras & {each.metadata["Name"] for each in importlib.metadata.distributions()}

def loss(W, x, y):
    return np.mean((np.tanh(x @ W) - y) ** 2)

W, x, y = np.ones((3, 1)), np.arange(6.0).reshape(2, 3), np.zeros((2, 1))
value, gradient = cr.value_and_grad(loss)(W, x, y)
step = 1e-6 * np.eye(3)[:, :1]
numeric = (loss(W + step, x, y) - loss(W - step, x, y)) / 2e-6
assert abs(gradient[0, 0] - numeric) < 1e-8
compiled_value, compiled_gradient = cr.value_and_grad(loss, compile=True)(W, x, y)
assert compiled_value == value and (compiled_gradient == gradient).all()
assert "W_bar" in cr.source(loss, W, x, y)
assert "<svg" in str(cr.trace(loss, W, x, y).svg())

command = str(Path(sysconfig.get_path("scripts")) / "chainrule")
run = lambda *words: subprocess.run([command, *words], check=True, capture_output=True, text=True)
assert run("--version").stdout.split() == ["chainrule", cr.__version__]
assert len(json.loads(run("list", "--json").stdout)) >= 12
result = json.loads(run("run", "vector-calculus", "--json").stdout)
assert all(claim["holds"] for claim in result["claims"]), result
assert Path(result["report"]).is_file()
run("doctor")
print("smoke test passed:", cr.__file__)
"""


def main() -> int:
    """Build into dist/ and try what was built; return 0 when everything held."""
    distributions = ROOT / "dist"
    for old in distributions.glob("chainrule-*"):
        old.unlink()
    run(sys.executable, "-m", "build", "--outdir", str(distributions), str(ROOT))
    (wheel,) = distributions.glob("chainrule-*.whl")
    (sdist,) = distributions.glob("chainrule-*.tar.gz")
    contents = zipfile.ZipFile(wheel).namelist()
    outside = [name for name in contents if not name.startswith(("chainrule/", "chainrule-"))]
    assert not outside, f"The wheel holds files outside the package: {outside[:5]}"
    assert "chainrule/py.typed" in contents
    assert wheel.name.endswith("-py3-none-any.whl"), wheel.name
    for distribution in (wheel, sdist):
        with tempfile.TemporaryDirectory() as folder:
            try_distribution(distribution, Path(folder))
        print(f"{distribution.name}: {distribution.stat().st_size / 1e6:.2f} MB, works")
    return 0


def try_distribution(distribution: Path, folder: Path) -> None:
    """Install one distribution in a new environment and run the smoke test there."""
    venv.create(folder / "environment", with_pip=True)
    python = folder / "environment" / ("Scripts" if os.name == "nt" else "bin") / "python"
    run(
        str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "--constraint", str(ROOT / "constraints.txt"), str(distribution),
    )  # fmt: skip
    empty = folder / "empty"
    empty.mkdir()
    run(str(python), "-c", SMOKE, folder=empty)


def run(*words: str, folder: Path | None = None) -> None:
    """Run a command that must succeed, with nothing of the checkout on Python's path."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    if subprocess.run(words, cwd=folder, env=environment, check=False).returncode:
        sys.exit(f"failed: {' '.join(words)[:100]}")


if __name__ == "__main__":
    sys.exit(main())
