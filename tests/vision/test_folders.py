"""Folders of pictures: what is read, skipped, cached; duplicates never lie across the split."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from chainrule.data.faces import synthetic_faces
from chainrule.vision import folders
from chainrule.vision.errors import PictureError, VisionError
from chainrule.vision.folders import Pictures, fingerprints, read_folder, read_square, split

IMAGES, LABELS = synthetic_faces(24, seed=1, size=40)


def write(path: Path, image: np.ndarray, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(image).transpose(1, 2, 0)).save(path, **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of twelve pictures, with the same file names in both."""
    root = tmp_path / "photos"
    for number, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True)):
        write(root / ("mask", "none")[label] / f"{number // 2:02d}-{number % 2}.png", image)
    return root


def read(folder: Path, size: int = 32) -> Pictures:
    return read_folder(folder, size, folder.parent / "cache")


def test_classes_are_the_sorted_folders(folder: Path) -> None:
    found = read(folder)
    assert found.classes == ("mask", "none")
    assert found.images.shape == (24, 3, 32, 32)
    assert np.bincount(found.labels).tolist() == [12, 12]
    assert found.skipped == ()
    for name, label in zip(found.names, found.labels, strict=True):
        assert name.startswith(found.classes[label] + "/")


def test_the_middle_square_is_taken_upright(tmp_path: Path) -> None:
    wide = np.zeros((3, 20, 40), np.uint8)
    wide[0, :, 10:30] = 255
    write(tmp_path / "wide.png", wide)
    square = read_square(tmp_path / "wide.png", 20)
    np.testing.assert_array_equal(square, wide[:, :, 10:30])
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned by a quarter
    write(tmp_path / "turned.png", wide, exif=exif)
    turned = read_square(tmp_path / "turned.png", 20)
    np.testing.assert_array_equal(turned[0] > 127, np.full((20, 20), True))
    grey = Image.fromarray(np.full((7, 5), 128, np.uint8))
    grey.save(tmp_path / "grey.png")
    assert set(read_square(tmp_path / "grey.png", 16).ravel().tolist()) == {128}


def test_what_is_no_picture_is_named_and_skipped(folder: Path) -> None:
    (folder / "mask" / "notes.txt").write_text("not a picture")
    whole = (folder / "mask" / read(folder).names[0].split("/")[1]).read_bytes()
    (folder / "none" / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (folder / "none" / "empty.jpg").write_bytes(b"")
    (folder / "mask" / ".hidden").write_text("left alone")
    write(folder / "none" / "deep" / "below.png", IMAGES[0][:, ::-1])
    found = read(folder)
    assert "none/deep/below.png" in found.names
    reasons = dict(found.skipped)
    assert reasons.keys() == {"mask/notes.txt", "none/truncated.png", "none/empty.jpg"}
    assert "is not a picture" in reasons["mask/notes.txt"]
    assert len(found.images) == 25


def test_an_unreadable_file_is_named_and_skipped(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, size: int) -> Any:
        if path.name.endswith("-1.png"):
            raise PictureError(f"{path} cannot be read as a picture: Permission denied.")
        return read_square(path, size)

    monkeypatch.setattr(folders, "read_square", refuse)
    found = read(folder)
    assert 0 < len(found.images) < 24
    assert len(found.images) + len(found.skipped) == 24
    assert all("Permission denied" in reason for _, reason in found.skipped)


def test_a_picture_twice_is_kept_once_and_one_in_two_classes_not_at_all(folder: Path) -> None:
    first = read(folder).names[0]
    content = (folder / first).read_bytes()
    (folder / "mask" / "again.png").write_bytes(content)
    found = read(folder)
    assert dict(found.skipped) == {"mask/again.png": f"the same picture as {first}"}
    (folder / "none" / "also.png").write_bytes(content)
    reasons = dict(read(folder).skipped)
    assert reasons.keys() == {first, "mask/again.png", "none/also.png"}
    assert all("in two classes" in reason for reason in reasons.values())


def test_pictures_are_resized_once_and_again_after_a_change(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = []
    monkeypatch.setattr(
        folders, "read_square", lambda path, size: (count.append(path), read_square(path, size))[1]
    )
    first, again = read(folder), read(folder)
    assert len(count) == 24
    np.testing.assert_array_equal(first.images, again.images)
    assert first.names == again.names
    os.utime(folder / first.names[0], (1, 1))
    read(folder)
    assert len(count) == 48
    read(folder, 16)
    assert len(count) == 72
    for kept in (folder.parent / "cache").iterdir():
        kept.write_bytes(b"damaged")
    np.testing.assert_array_equal(read(folder).images, first.images)


def test_a_cache_that_cannot_be_written_is_done_without(folder: Path) -> None:
    (folder.parent / "cache").write_text("a file")
    assert len(read(folder).images) == 24


def test_near_duplicates_are_found_and_stay_on_one_side() -> None:
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (24, 3, 8, 8)).astype(np.uint8)
    originals = np.kron(coarse, np.ones((8, 8), np.uint8))
    blurred = originals.astype(float)
    blurred = (blurred + np.roll(blurred, 1, 2) + np.roll(blurred, 1, 3)) / 3
    brighter = originals * 0.9 + 10
    every = np.concatenate([originals, brighter + generator.normal(0, 2, brighter.shape)])
    every = np.concatenate([every.clip(0, 255), blurred]).astype(np.uint8)
    names = tuple(map(str, range(len(every))))
    found = Pictures(("mask", "none"), names, every, np.tile(LABELS, 3), ())
    training, held, near = split(found, 0.25, seed=3)
    together = {frozenset((int(a) % 24, int(b) % 24)) for a, b in near}
    assert {len(pair) for pair in together} == {1}
    assert len(near) >= 24
    assert not {k % 24 for k in training if _near(near, k)} & {
        k % 24 for k in held if _near(near, k)
    }
    assert len(training) + len(held) == 72


def _near(pairs: list[tuple[str, str]], number: int) -> bool:
    return any(str(number) in pair for pair in pairs)


def test_different_pictures_have_different_fingerprints() -> None:
    marks = fingerprints(synthetic_faces(200, seed=2, size=64)[0])
    apart = np.bitwise_count(marks[:, None] ^ marks).sum(2)[np.triu_indices(200, 1)]
    assert np.min(apart) > folders.NEAR


@pytest.mark.parametrize("seed", range(3))
def test_a_split_takes_the_share_of_each_class(seed: int) -> None:
    images, labels = synthetic_faces(100, seed=seed, size=32)
    found = Pictures(("a", "b"), tuple(map(str, range(100))), images, labels, ())
    training, held, near = split(found, 0.2, seed)
    assert near == []
    assert np.bincount(labels[held]).tolist() == [10, 10]
    assert sorted([*training, *held]) == list(range(100))
    assert np.any(split(found, 0.2, seed + 1)[1] != held)


def test_folders_that_cannot_be_used(folder: Path, tmp_path: Path) -> None:
    def refused(path: Path, reason: str) -> None:
        with pytest.raises(VisionError, match=reason):
            read(path)

    refused(tmp_path / "none-such", "There is no folder .*none-such; name one with a folder")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "at least two classes; it has none")
    (tmp_path / "empty" / "cats").mkdir()
    refused(tmp_path / "empty", "at least two classes; it has only 'cats'")
    (folder / "third").mkdir()
    refused(folder, "class folder .*third has no picture that can be used. Put")
    (folder / "third" / "x.png").write_text("x")
    refused(folder, r"third has no picture that can be used \(third/x.png: .* not a picture")
    write(folder / "third" / "x.png", IMAGES[0][::-1])
    with pytest.raises(VisionError, match=r"class 'third' has 1 picture\(s\), all alike"):
        split(read(folder))
    with pytest.raises(VisionError, match="validation share is 1; expected between 0 and 1"):
        split(read(folder), 1)
    with pytest.raises(VisionError, match=r"pictures of 100000000 × 100000000 pixels need .* GB"):
        read(folder, 100_000_000)
