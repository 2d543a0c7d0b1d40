"""The folder of a user's file as a package, so that ``from .helpers import f`` works in it."""

from __future__ import annotations

import ast
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType


def join_package(module: ModuleType, path: Path, text: bytes | str) -> None:
    """Give a module the package that its relative imports mean.

    Parameters
    ----------
    module : module
        Made of the file, and not yet run.
    path : Path
        The file.
    text : bytes or str
        What stands in it; without a relative import nothing is done.
    """
    levels = (node.level for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom))
    folders = path.resolve().parents[: max(levels, default=0)]
    name = ""
    for folder in reversed(folders):
        # A name of its own: the folder may be called as an installed package is.
        name = f"{name}.{folder.name}" if name else f"user_folder_{folder.name}"
        _make_package(name, folder)
    if name:
        module.__package__, module.__spec__ = name, None


def _make_package(name: str, folder: Path) -> None:
    """Make a folder importable under a name, as it is now."""
    for known in [each for each in sys.modules if each.startswith(f"{name}.")]:
        del sys.modules[known]
    first = folder / "__init__.py"
    if first.is_file():
        found = importlib.util.spec_from_file_location(
            name, first, submodule_search_locations=[str(folder)]
        )
    else:
        found = ModuleSpec(name, None, is_package=True)
        found.submodule_search_locations = [str(folder)]
    assert found is not None
    package = importlib.util.module_from_spec(found)
    sys.modules[name] = package
    if found.loader is not None:
        found.loader.exec_module(package)
