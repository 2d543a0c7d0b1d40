"""``chainrule doctor``: what is installed, what each extra would add, which data are here."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from chainrule.commands.output import AsJson, print_json
from chainrule.engine.wording import counted

#: What each extra of the package adds, the distribution that shows it, and the module it is.
EXTRAS = {
    "vision": ("torch", "style transfer, CIFAR-10, image classification; PyTorch in checks"),
    "fast": ("numba", "compiled kernels and whole epochs without returning to Python"),
    "cluster": ("distributed", "searches on several machines with dask.distributed"),
    "notebook": ("nbclient", "notebooks that are run from here"),
}
BASE = (
    "numpy", "scipy", "matplotlib", "scikit-learn", "rich", "typer", "jinja2", "markdown-it-py",
    "pooch", "pillow", "safetensors", "threadpoolctl",
)  # fmt: skip
FOUND, MISSING, BROKEN = "found", "missing", "damaged"


def doctor(
    data_directory: Annotated[
        Path | None,
        typer.Option("--data-dir", help="Folder of real data files; else CHAINRULE_DATA."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Show what is installed, what is missing and what would add it.

    Exit status 1 if a library of the base installation is missing or a data file is damaged.

    \b
    chainrule doctor
    chainrule doctor --json
    """
    findings = examine(data_directory)
    if as_json:
        print_json(findings)
    else:
        _show(findings)
    missing = [each for each in findings["libraries"] if each["version"] is None]
    damaged = [each for each in findings["data"] if each["state"] == BROKEN]
    return 1 if missing or damaged else 0


def examine(data_directory: Path | None = None) -> dict[str, Any]:
    """Return what this installation has, as JSON.

    Parameters
    ----------
    data_directory : Path, optional
        Where real data files are looked for, as everywhere.

    Returns
    -------
    dict
        ``chainrule``, ``python``, ``platform``, ``processors``, ``linear_algebra`` (library,
        version and threads of each pool), ``libraries``, ``extras``, ``torch`` (None, or its
        version, threads and GPU), ``data``, ``weights`` of pretrained networks, and ``runs`` (free
        bytes where runs are written).
    """
    from chainrule import __version__

    return {
        "chainrule": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "linear_algebra": _linear_algebra(),
        "libraries": [{"name": name, "version": _version(name)} for name in BASE],
        "extras": [
            {
                "name": name,
                "library": library,
                "version": _version(library),
                "adds": adds,
                "install": f"pip install 'chainrule[{name}]'",
            }
            for name, (library, adds) in EXTRAS.items()
        ],
        "torch": _torch(),
        "data": _data(data_directory),
        "weights": _weights(data_directory),
        "runs": {
            "folder": str(Path("runs").absolute()),
            "writable": os.access(Path(), os.W_OK),
            "free_bytes": shutil.disk_usage(Path()).free,
        },
    }


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _linear_algebra() -> list[dict[str, Any]]:
    """Return the thread pools that NumPy brings along."""
    import numpy  # noqa: F401  (loads the pool that is asked for)
    from threadpoolctl import threadpool_info

    return [
        {
            "library": pool["internal_api"],
            "version": pool.get("version"),
            "threads": pool["num_threads"],
        }
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    ]


def _torch() -> dict[str, Any] | None:
    """Return PyTorch's version, threads and GPU, or None; a broken installation says so."""
    if importlib.util.find_spec("torch") is None:
        return None
    try:
        import torch
    except (ImportError, OSError) as error:
        return {"version": _version("torch"), "problem": f"It cannot be imported: {error}"}
    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return {"version": torch.__version__, "threads": torch.get_num_threads(), "gpu": gpu}


def _data(data_directory: Path | None) -> list[dict[str, Any]]:
    from chainrule.data import status

    return [
        {
            "data_set": state.data_set,
            "file": state.name,
            "state": state.state,
            "problem": state.problem,
            "path": str(state.path),
        }
        for state in status(data_directory)
    ]


def _weights(data_directory: Path | None) -> list[dict[str, Any]]:
    """Return which pretrained networks are here; they are checked when they are used."""
    from chainrule.vision.weights_store import present_weights

    return [
        {"name": name, "state": FOUND if path else MISSING, "path": str(path) if path else None}
        for name, path in present_weights(data_directory).items()
    ]


def _show(findings: dict[str, Any]) -> None:
    """Print the findings as one table, missing things with their cure."""
    from chainrule.reporting.console import print_table

    rows = [
        ["chainrule", findings["chainrule"], ""],
        ["Python", findings["python"], sys.executable],
        ["platform", findings["platform"], counted(findings["processors"], "processor")],
    ]
    rows += [
        [
            "linear algebra",
            f"{pool['library']} {pool['version']}",
            counted(pool["threads"], "thread"),
        ]
        for pool in findings["linear_algebra"]
    ]
    missing = [each["name"] for each in findings["libraries"] if each["version"] is None]
    there = [f"{each['name']} {each['version']}" for each in findings["libraries"]]
    rows.append(
        ["libraries", f"{MISSING}: {', '.join(missing)}", "pip install chainrule"]
        if missing
        else ["libraries", FOUND, ", ".join(there)]
    )
    rows += [
        [f"extra {each['name']}", f"{each['library']} {each['version']}", each["adds"]]
        if each["version"]
        else [f"extra {each['name']}", MISSING, f"{each['install']} adds {each['adds']}"]
        for each in findings["extras"]
    ]
    if findings["torch"]:
        torch = findings["torch"]
        rows.append(
            [
                "GPU",
                torch.get("gpu") or "none",
                torch.get("problem") or f"PyTorch uses {counted(torch['threads'], 'thread')}",
            ]
        )
    for name in dict.fromkeys(each["data_set"] for each in findings["data"]):
        files = [each for each in findings["data"] if each["data_set"] == name]
        damaged = [each for each in files if each["state"] == BROKEN]
        there = [each for each in files if each["state"] not in (BROKEN, MISSING)]
        state = BROKEN if damaged else FOUND if len(there) == len(files) else MISSING
        cure = damaged[0]["problem"] if damaged else f"chainrule data {name}"
        where = str(Path(files[0]["path"]).parent)
        rows.append([f"data {name}", state, where if state == FOUND else cure])
    rows += [
        [
            f"weights {each['name']}",
            each["state"],
            each["path"] or "downloaded when first used, or put under weights/ of --data-dir",
        ]
        for each in findings["weights"]
    ]
    free = findings["runs"]["free_bytes"] / 2**30
    writable = f"{free:.1f} GiB free" if findings["runs"]["writable"] else "cannot be written"
    rows.append(["runs", writable, findings["runs"]["folder"]])
    print_table(["what", "here", "more"], rows, fixed=2, outcome=False)
