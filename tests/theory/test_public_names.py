"""The public names of the room are those of its files, imported when first used."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

from chainrule import theory


def test_every_file_is_listed_with_the_names_it_calls_public():
    files = {module.name for module in pkgutil.iter_modules(theory.__path__)} - {"inputs"}
    assert set(theory.PUBLIC) == files
    for file, names in theory.PUBLIC.items():
        module = importlib.import_module(f"chainrule.theory.{file}")
        assert set(module.__all__) == set(names), file
        for name in names:
            assert getattr(theory, name) is getattr(module, name)
            assert name in dir(theory)
    listed = [name for names in theory.PUBLIC.values() for name in names]
    assert len(listed) == len(set(listed))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'covering_nummer'"):
        _ = theory.covering_nummer


def test_importing_the_room_imports_no_scipy():
    program = (
        "import sys; from chainrule import theory;"
        "names = [n for f in theory.PUBLIC.values() for n in f];"
        "[getattr(theory, n) for n in names];"
        "print('scipy' in sys.modules, 'matplotlib' in sys.modules)"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == ["False", "False"]
