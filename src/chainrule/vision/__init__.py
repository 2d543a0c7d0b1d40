"""Vision: classical convolutional networks, their weights and style transfer, on PyTorch.

Everything that computes with PyTorch is imported when it is first used; reading and writing
pictures needs only NumPy and Pillow.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from chainrule.vision.errors import PictureError, VisionError, WeightsError

if TYPE_CHECKING:
    from chainrule.vision import images as images
    from chainrule.vision import models as models
    from chainrule.vision import style as style
    from chainrule.vision import weights as weights

_ROOMS = ("images", "models", "style", "weights")
_NEEDS_TORCH = "PyTorch is not installed, which this needs: pip install 'chainrule[vision]'."


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"chainrule.vision.{name}")
    raise AttributeError(f"module 'chainrule.vision' has no attribute {name!r}")


def require_torch() -> Any:
    """The module `torch`.

    Raises
    ------
    VisionError
        PyTorch is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module("torch")
    except ModuleNotFoundError as error:
        raise VisionError(_NEEDS_TORCH) from error


__all__ = ["PictureError", "VisionError", "WeightsError", "require_torch"]
