"""Pictures of every kind that cameras and editors write, and files that are none; no PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from chainrule.vision import PictureError, images
from chainrule.vision.images import fitted, read_picture, resize, to_bytes, write_picture

CORNERS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)


def saved(path: Path, array: np.ndarray, mode: str | None = None, **options: object) -> Path:
    picture = Image.fromarray(array)
    (picture if mode is None else picture.convert(mode)).save(path, **options)
    return path


def test_a_picture_is_read_as_it_was_written(tmp_path):
    levels = np.random.default_rng(0).integers(0, 256, (7, 9, 3)).astype(np.uint8)
    found = read_picture(saved(tmp_path / "a.png", levels))
    assert found.dtype == np.float32
    assert np.array_equal(to_bytes(found), levels)


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, CORNERS),
        (2, CORNERS[:, ::-1]),
        (3, CORNERS[::-1, ::-1]),
        (4, CORNERS[::-1]),
        (5, CORNERS.transpose(1, 0, 2)),
        (6, np.rot90(CORNERS, -1)),
        (7, CORNERS[::-1, ::-1].transpose(1, 0, 2)),
        (8, np.rot90(CORNERS)),
    ],
)
def test_every_orientation_that_a_camera_notes_is_applied(tmp_path, orientation, expected):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "a.png", CORNERS, exif=exif)
    assert np.array_equal(to_bytes(read_picture(path)), expected)


def test_transparent_pixels_are_laid_on_white(tmp_path):
    rgba = np.zeros((1, 3, 4), np.uint8)
    rgba[0, :, 3] = (0, 51, 255)
    found = read_picture(saved(tmp_path / "a.png", rgba))
    assert np.allclose(found[0, :, 0], [1.0, 0.8, 0.0], atol=1e-6)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "LA"])
def test_other_modes_become_rgb(tmp_path, mode):
    grey = np.full((4, 5, 3), 255, np.uint8)
    suffix = "jpg" if mode == "CMYK" else "png"
    found = read_picture(saved(tmp_path / f"a.{suffix}", grey, mode))
    assert found.shape == (4, 5, 3)
    assert np.allclose(found, 1, atol=0.02)


def test_sixteen_bits_keep_their_range(tmp_path):
    levels = np.array([[0, 32768, 65535]], np.uint16)
    found = read_picture(saved(tmp_path / "a.png", levels))
    assert np.allclose(found[0, :, 1], [0, 0.50001, 1], atol=1e-5)
    larger = read_picture(saved(tmp_path / "b.tif", np.repeat(levels, 3, 0)), size=6)
    assert larger.shape == (6, 6, 3)


def test_of_an_animation_the_first_picture_is_taken(tmp_path):
    first, second = (Image.new("RGB", (3, 2), color) for color in ((255, 0, 0), (0, 255, 0)))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    assert to_bytes(read_picture(tmp_path / "a.gif"))[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((20, 10, 3), 40, (40, 20, 3)),
        ((1, 1, 3), 8, (8, 8, 3)),
        ((1, 500, 3), 50, (1, 50, 3)),
        ((300, 400, 3), 100, (75, 100, 3)),
    ],
)
def test_the_longer_side_gets_the_size(tmp_path, shape, size, expected):
    path = saved(tmp_path / "a.png", np.full(shape, 77, np.uint8))
    assert read_picture(path, size).shape == expected


def test_a_jpeg_decoded_at_a_part_of_its_size_has_the_same_size(tmp_path):
    smooth = np.linspace(0, 255, 800)[None, :, None] * np.ones((640, 1, 3))
    path = saved(tmp_path / "a.jpg", smooth.astype(np.uint8))
    found = read_picture(path, 100)
    assert found.shape == (80, 100, 3)
    assert np.allclose(found, resize(read_picture(path), 80, 100), atol=0.02)


def broken(path: Path, kind: str) -> Path:
    if kind == "text":
        path.write_text("not a picture")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "truncated":
        noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3)).astype(np.uint8)
        saved(path, noise)
        path.write_bytes(path.read_bytes()[:2000])
    elif kind == "folder":
        path.mkdir()
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("text", "is not a picture that can be read"),
        ("empty", "is not a picture that can be read"),
        ("truncated", "truncated"),
        ("folder", "Is a directory"),
        ("missing", "No such file"),
    ],
)
def test_what_is_no_picture_is_refused_by_name(tmp_path, kind, message):
    path = broken(tmp_path / "a.png", kind)
    with pytest.raises(PictureError, match=message) as caught:
        read_picture(path)
    assert str(path) in str(caught.value)


def test_a_picture_of_too_many_pixels_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "LARGEST", 10)
    path = saved(tmp_path / "a.png", np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(PictureError, match="4 × 4 pixels; save it with fewer than 10"):
        read_picture(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2)
    with pytest.raises(PictureError, match="too many pixels"):
        read_picture(path)


def test_a_size_of_zero_is_refused(tmp_path):
    with pytest.raises(PictureError, match="expected 1 or more"):
        read_picture(tmp_path / "a.png", 0)


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".tif", ".bmp"])
def test_pictures_are_written_whole(tmp_path, ending):
    picture = np.full((8, 8, 3), 0.5, np.float32)
    picture[0, 0] = (-3, 0.5, 7)  # clipped, not wrapped
    path = tmp_path / f"out{ending}"
    write_picture(path, picture)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    found = read_picture(path)
    assert np.allclose(found[5:, 5:], 0.5, atol=0.1)
    if ending in (".png", ".tif", ".bmp"):
        assert to_bytes(found)[0, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("out.txt", "does not end like a picture"),
        ("out", "does not end like a picture"),
        ("missing/out.png", "there is no folder"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused(tmp_path, name, message):
    with pytest.raises(PictureError, match=message):
        write_picture(tmp_path / name, np.zeros((2, 2, 3)))


def test_an_output_that_is_a_folder_is_refused_and_nothing_is_left(tmp_path):
    (tmp_path / "out.png").mkdir()
    with pytest.raises(PictureError, match="cannot be written"):
        write_picture(tmp_path / "out.png", np.zeros((2, 2, 3)))
    assert [file.name for file in tmp_path.iterdir()] == ["out.png"]


@given(
    st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 4000)
)  # fmt: skip
def test_fitted_sides_keep_the_proportion(width, height, size):
    found = fitted((width, height), size)
    assert max(found) == size
    assert min(found) >= 1
    assert abs(min(found) - min(width, height) * size / max(width, height)) <= 1
