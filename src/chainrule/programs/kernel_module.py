"""Generated kernels as Python modules: written to a cache directory, compiled once by numba."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

from chainrule.engine.errors import ChainruleError
from chainrule.programs.whole_files import replacing

VARIABLE = "CHAINRULE_CACHE"
_PREFIX = "chainrule_kernel_"


class MissingExtra(ChainruleError, ImportError):
    """An optional dependency is not installed."""


def require_numba() -> str:
    """The version of numba.

    Raises
    ------
    MissingExtra
        It is not installed.
    """
    try:
        import numba
    except ImportError:
        raise MissingExtra(
            "fast=True needs numba, which is not installed: pip install 'chainrule[fast]'."
        ) from None
    return str(numba.__version__)


def cache_directory() -> Path:
    """Where kernels are kept: the directory named by CHAINRULE_CACHE, or the user's cache."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser() / "kernels"
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "chainrule" / "kernels"


@cache
def _temporary_directory() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="chainrule-kernels-")


def load(source: str) -> ModuleType:
    """A module with this source; its compiled functions are kept next to it on disk.

    The file is named for a hash of the source and of the versions that the machine code depends
    on; numba keeps apart processors and Python versions itself. Without a directory that can be
    written to, kernels live as long as the process.

    Raises
    ------
    MissingExtra
        numba is not installed.
    """
    import numpy

    version = require_numba()
    key = "\n".join([source, version, numpy.__version__])
    name = _PREFIX + hashlib.sha256(key.encode()).hexdigest()[:24]
    if name in sys.modules:
        return sys.modules[name]
    try:
        path = _written(cache_directory(), name, source)
    except (OSError, RuntimeError):  # the latter where a user has no home
        path = _written(Path(_temporary_directory().name), name, source)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"the kernel {path} cannot be loaded.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # numba looks functions up by the name of their module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _written(directory: Path, name: str, source: str) -> Path:
    """The module's file, written whole or not at all."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.py"
    if not path.exists() or path.read_text(encoding="utf-8") != source:
        with replacing(path) as temporary:
            temporary.write_text(source, encoding="utf-8")
    return path
