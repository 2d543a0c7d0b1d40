"""The errors of the vision room."""

from __future__ import annotations

from chainrule.data.errors import DataError


class VisionError(DataError):
    """A setting, picture, model or weights file that cannot be used; the message says the cure."""


class PictureError(VisionError):
    """A file that is not a picture that can be read."""


class WeightsError(VisionError):
    """Weights that are missing, damaged, or of another architecture."""
