"""The command `chainrule style`, as it is typed."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.cli import main
from chainrule.commands.style import style
from chainrule.vision.images import read_picture, write_picture

SMALL = ("--encoder", "random", "--size", "64", "--steps", "6", "--scales", "1",
         "--precision", "float32")  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    rows, columns = np.mgrid[0:40, 0:60] / 10
    waves = [0.5 + 0.4 * np.sin(a * rows + columns) for a in (1, 2, 3)]
    write_picture(tmp_path / "cat.png", np.stack(waves, 2))
    write_picture(tmp_path / "wave.png", np.stack(waves[::-1], 2)[:, ::-1])
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHAINRULE_DATA", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("chainrule.data.storage._cache_directory", lambda: tmp_path / "cache")
    return tmp_path


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch", reason="style transfer needs PyTorch")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["style", *words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_a_picture_is_made(folder, torch, capsys):
    status, out, err = run(capsys, "cat.png", "wave.png", "-o", "out.png", *SMALL)
    assert (status, out) == (0, "out.png\n")
    assert err == (
        "chainrule: The encoder is an untrained one of random weights: expect textures and "
        "colours, less of the forms.\n"
    )
    assert read_picture("out.png").shape == (43, 64, 3)


def test_the_command_and_the_library_paint_with_the_same_defaults(folder, torch):
    from chainrule.vision.style import Settings

    library = {field.name: field.default for field in dataclasses.fields(Settings)}
    parameters = inspect.signature(style).parameters
    shared = {name: p.default for name, p in parameters.items() if name in library}
    for layers in ("style_layers", "content_layers"):
        assert shared.pop(layers) is None  # what the library has
    assert len(shared) >= 16
    assert shared == {name: library[name] for name in shared}


def test_json_says_what_was_done(folder, torch, capsys):
    status, out, _ = run(
        capsys, "cat.png", "wave.png=2", "cat.png=1", "-o", "out.jpg", "--json", "--optimizer",
        "adam", "--style-layers", "relu1_1=1,relu2_1=0.5", "--content-layers", "conv2_2", *SMALL,
    )  # fmt: skip
    found = json.loads(out)
    assert status == 0
    assert (found["width"], found["height"], found["evaluations"]) == (64, 43, 6)
    assert found["encoder"] == "random"
    assert found["losses"]["total"] == pytest.approx(
        sum(found["losses"][part] for part in ("style", "content", "variation"))
    )
    assert Path("out.jpg").exists()


def test_a_page_holds_everything_it_shows(folder, torch, capsys):
    status, out, _ = run(
        capsys, "cat.png", "wave.png", "-o", "out.png", "--report", "out.html", *SMALL
    )
    assert out.split() == ["out.png", "out.html"]
    page = Path("out.html").read_text(encoding="utf-8")
    assert status == 0
    assert "cat in the style of wave" in page
    assert page.count('<img alt="') == 3
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "Losses on the way" in page


def test_a_long_name_is_shortened_in_the_title_and_whole_among_the_settings(folder, torch, capsys):
    long = "x" * 240 + ".png"
    (folder / "cat.png").rename(folder / long)
    words = [long, "wave.png=2", "-o", "out.png", "--report", "out.html", *SMALL]
    status, _, error = run(capsys, *words)
    assert status == 0, error
    page = Path("out.html").read_text(encoding="utf-8")
    title = re.search(r"<h1>(.*)</h1>", page)[1]
    assert title == f"{'x' * 27}…{'x' * 12} in the style of wave"
    for whole in (long, "wave.png × 2"):
        assert f'<td class="words">{whole}</td>' in page
    # A name of which nothing longer fits into a folder is written as well.
    assert run(capsys, long, "wave.png", "-o", "y" * 250 + ".png", *SMALL)[0] == 0


def test_previews_are_written_on_the_way(folder, torch, capsys, monkeypatch):
    written: list[str] = []
    from chainrule.vision import images

    right = images.write_picture
    monkeypatch.setattr(
        images, "write_picture", lambda path, picture: (written.append(str(path)),
                                                        right(path, picture))[1]
    )  # fmt: skip
    run(capsys, "cat.png", "wave.png", "-o", "out.png", "--preview", "2", *SMALL)
    assert written == ["out.png"] * 3  # after 2 and 4 evaluations, and the result


def test_an_interruption_keeps_the_picture_so_far(folder, torch, capsys, monkeypatch):
    from chainrule.commands import style

    right = style._Watch.step

    def interrupted(self: Any, moment: Any) -> None:
        right(self, moment)
        if moment.step == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(style._Watch, "step", interrupted)
    status, out, err = run(capsys, "cat.png", "wave.png", "-o", "out.png", *SMALL)
    assert (status, out) == (130, "")
    assert err.endswith("Interrupted; the picture after 4 of 6 evaluations is in out.png.\n")
    assert read_picture("out.png").shape == (43, 64, 3)


def test_without_weights_a_visible_note_says_what_stands_in(folder, torch, capsys):
    status, _, err = run(capsys, "cat.png", "wave.png", "-o", "out.png", "--offline", *SMALL[2:])
    assert status == 0
    assert err.startswith("chainrule: An untrained encoder of random weights stands in for vgg19")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("cat.png", "wave.png", "-o", "out.txt"), "does not end like a picture"),
        (("cat.png", "wave.png", "-o", "no/out.png"), "there is no folder no"),
        (("dog.png", "wave.png", "-o", "out.png"), "dog.png cannot be read"),
        (("cat.png", "text.png", "-o", "out.png"), "text.png is not a picture"),
        (("cat.png", "wave.png", "-o", "out.png", "--tile", "big"), "--tile big is not a number"),
        (("cat.png", "wave.png", "-o", "out.png", "--size", "3"), "size is 3"),
        (("cat.png", "wave.png", "-o", "out.png", "--style-layers", "relu1_1=x"), "no number"),
        (("cat.png", "wave.png", "-o", "out.png", "--style-layers", "relu9_1"), "no layer 'relu9"),
        (("cat.png", "wave.png=-1", "-o", "out.png"), "must be positive"),
        (("cat.png", "wave.png", "-o", "out.png", "--weights", "text.png"), "is not a file of"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(folder, torch, capsys, words, message):
    (folder / "text.png").write_text("no picture, no weights")
    extra = () if "--weights" in words else ("--encoder", "random")
    status, out, err = run(capsys, *words, *extra)
    assert (status, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


def test_without_pytorch_the_cure_is_named(folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    status, _, err = run(capsys, "cat.png", "wave.png", "-o", "out.png")
    assert status == 2
    assert err == (
        "chainrule: PyTorch is not installed, which this needs: pip install 'chainrule[vision]'.\n"
    )
