"""``chainrule doctor``: what is found, what is missing, and the cure of each."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.cli import main
from chainrule.commands import doctor


def findings(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    status = main(["doctor", "--json", *words])
    return status, json.loads(capsys.readouterr().out)


def test_the_installation_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, found = findings(capsys, "--data-dir", str(tmp_path))
    assert status == 0
    assert {each["name"]: each["version"] for each in found["libraries"]}["numpy"] == np.__version__
    assert found["linear_algebra"][0]["threads"] >= 1
    assert {each["name"] for each in found["extras"]} == {"vision", "fast", "cluster", "notebook"}
    assert {each["data_set"] for each in found["data"]} >= {"mnist", "fashion-mnist"}


def test_the_base_libraries_are_those_of_the_package() -> None:
    required = {
        line.split(">")[0]
        for line in importlib.metadata.requires("chainrule") or []
        if "extra ==" not in line
    }
    assert required == set(doctor.BASE)


def test_missing_things_come_with_their_cure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    version = importlib.metadata.version

    def without(distribution: str) -> str:
        if distribution in ("scipy", "numba"):
            raise importlib.metadata.PackageNotFoundError(distribution)
        return version(distribution)

    monkeypatch.setattr(importlib.metadata, "version", without)
    monkeypatch.delenv("CHAINRULE_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert main(["doctor", "--data-dir", str(tmp_path)]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "missing: scipy pip install chainrule" in shown
    assert "extra fast missing pip install 'chainrule[fast]'" in shown
    assert "data mnist missing chainrule data mnist" in shown


def test_weights_are_found_where_they_are_looked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("CHAINRULE_DATA", "TORCH_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "weights").mkdir()
    file = tmp_path / "weights" / "resnet18-f37072fd.pth"
    file.write_bytes(b"")
    found = {
        each["name"]: each for each in findings(capsys, "--data-dir", str(tmp_path))[1]["weights"]
    }
    assert found["resnet18"] == {"name": "resnet18", "state": "found", "path": str(file)}
    assert found["vgg19"] == {"name": "vgg19", "state": "missing", "path": None}


def test_a_damaged_file_is_named_and_status_1(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from chainrule.data import DATA_SETS

    path = tmp_path / "mnist" / DATA_SETS["mnist"].files[0].served.name
    path.parent.mkdir()
    path.write_bytes(b"not an archive")
    status, found = findings(capsys, "--data-dir", str(tmp_path))
    damaged = [each for each in found["data"] if each["state"] == "damaged"]
    assert status == 1
    assert [each["path"] for each in damaged] == [str(path)]
    main(["doctor", "--data-dir", str(tmp_path)])
    assert "data mnist" in capsys.readouterr().out
