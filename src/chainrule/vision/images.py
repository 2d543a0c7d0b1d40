"""Pictures as arrays: whatever a camera or editor wrote becomes RGB in [0, 1], and back to a file.

Needs NumPy and Pillow only.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from chainrule.programs.whole_files import replacing
from chainrule.vision.errors import PictureError

Array = np.ndarray[Any, Any]

#: Pixels that a file may have; more would need gigabytes before it can be made smaller.
LARGEST = 400_000_000
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
#: Written with high quality rather than the default.
LOSSY = (".jpg", ".jpeg", ".webp")
#: What is behind transparent pixels.
BACKGROUND = 1.0
#: Formats whose decoding runs the file as a program of another interpreter.
_PROGRAMS = ("EPS",)
#: Modes of one channel of more than eight bits, with the value that is white.
_DEEP = {"I;16": 65535.0, "I;16B": 65535.0, "I;16L": 65535.0, "I;16N": 65535.0, "I": 65535.0}


def read_picture(path: str | os.PathLike[str], size: int | None = None) -> Array:
    """Read a picture.

    Parameters
    ----------
    path : path
        Of any format that Pillow reads. The orientation that the camera noted is applied,
        transparent pixels are laid on white, grey becomes RGB, of an animation the first picture
        is taken.
    size : int, optional
        Pixels of the longer side; the other keeps the proportion.

    Returns
    -------
    float32 array, shape (height, width, 3)
        RGB in [0, 1].

    Raises
    ------
    PictureError
        Not a picture, damaged, unreadable, or too large; the message names the file.
    """
    path = Path(path)
    if size is not None and size < 1:
        raise PictureError(f"The size is {size} pixels; expected 1 or more.")
    if path.is_fifo() or path.is_char_device():  # it would be waited for
        raise PictureError(f"{path} is not a file; give the path of a picture.")
    try:
        with warnings.catch_warnings():
            # Sizes are judged here, against one limit with one sentence.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            # What is odd about metadata does not concern the pixels.
            warnings.filterwarnings("ignore", module="PIL")
            with Image.open(path) as picture:
                return _array(_loaded(picture, path, size), size)
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(f"{path} is not a picture that can be read.") from error
    except (Image.DecompressionBombError, MemoryError) as error:
        raise PictureError(
            f"{path} has too many pixels to read; save it with fewer than {LARGEST:,}."
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise PictureError(f"{path} cannot be read as a picture: {reason}.") from error
    except Exception as error:  # decoders of damaged files raise many kinds
        reason = str(error) or type(error).__name__
        raise PictureError(f"{path} is a damaged picture: {reason}.") from error


def _loaded(picture: Image.Image, path: Path, size: int | None) -> Image.Image:
    """The picture with its pixels read and turned upright."""
    if picture.format in _PROGRAMS:
        raise PictureError(
            f"{path} is a PostScript program, not a picture; save it as PNG or JPEG."
        )
    width, height = picture.size
    if width * height > LARGEST:
        raise PictureError(
            f"{path} has {width} × {height} pixels; save it with fewer than {LARGEST:,}."
        )
    if size is not None and picture.format == "JPEG":
        # The decoder itself can give a half, a quarter or an eighth of the size.
        picture.draft(None, (2 * size, 2 * size))
    picture.load()
    return ImageOps.exif_transpose(picture)


def _array(picture: Image.Image, size: int | None) -> Array:
    """RGB in [0, 1], resized."""
    if picture.mode in _DEEP or picture.mode == "F":
        white = _DEEP.get(picture.mode, 1.0)
        grey = np.clip(np.asarray(picture, np.float32) / white, 0.0, 1.0)
        # Each channel is resized on its own, in floating point.
        channels = [_resized(Image.fromarray(grey), size)] * 3
        return np.clip(np.stack([np.asarray(channel) for channel in channels], 2), 0.0, 1.0)
    if picture.has_transparency_data:
        picture = _resized(picture.convert("RGBA"), size)
        rgba = np.asarray(picture, np.float32) / 255
        alpha = rgba[:, :, 3:]
        return rgba[:, :, :3] * alpha + BACKGROUND * (1 - alpha)
    return np.asarray(_resized(picture.convert("RGB"), size), np.float32) / 255


def _resized(picture: Image.Image, size: int | None) -> Image.Image:
    """The picture with the longer side of that many pixels."""
    if size is None:
        return picture
    return picture.resize(fitted(picture.size, size), Image.Resampling.LANCZOS)


def fitted(sides: tuple[int, int], longer: int) -> tuple[int, int]:
    """Two sides in (nearly) the same proportion, the longer one as given, none below 1."""
    factor = longer / max(sides)
    first, second = (max(1, round(side * factor)) for side in sides)
    return first, second


def resize(picture: Array, height: int, width: int) -> Array:
    """Resize a float32 array, shape (h, w, 3), to (height, width, 3), with values in [0, 1]."""
    if picture.shape[:2] == (height, width):
        return picture
    channels = [
        np.asarray(
            Image.fromarray(np.ascontiguousarray(picture[:, :, c])).resize(
                (width, height), Image.Resampling.LANCZOS
            )
        )
        for c in range(3)
    ]
    return np.clip(np.stack(channels, 2), 0.0, 1.0)


def to_bytes(picture: Array) -> Array:
    """RGB in [0, 1] as uint8, rounded to the nearest level and clipped."""
    return np.rint(np.clip(picture, 0.0, 1.0) * 255).astype(np.uint8)


def write_picture(path: str | os.PathLike[str], picture: Array) -> None:
    """Write RGB in [0, 1], shape (height, width, 3), to a picture file, whole or not at all.

    Raises
    ------
    PictureError
        Unknown ending, or a folder that cannot be written.
    """
    path = check_output(path)
    options: dict[str, Any] = {"quality": 95} if path.suffix.lower() in LOSSY else {}
    form = Image.registered_extensions()[path.suffix.lower()]
    try:
        with replacing(path) as temporary:
            Image.fromarray(to_bytes(picture)).save(temporary, form, **options)
    except OSError as error:
        raise PictureError(f"{path} cannot be written: {error.strerror or error}.") from error


def check_output(path: str | os.PathLike[str]) -> Path:
    """A path that a picture can be written to.

    Raises
    ------
    PictureError
        Unknown ending, or its folder does not exist.
    """
    path = Path(path)
    if path.suffix.lower() not in ENDINGS:
        raise PictureError(
            f"{path} does not end like a picture; choose one of {', '.join(ENDINGS)}."
        )
    if not path.parent.is_dir():
        raise PictureError(f"{path} cannot be written: there is no folder {path.parent}.")
    return path
