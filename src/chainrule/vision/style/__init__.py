"""Style transfer: the picture of one, the manner of another (Gatys, Ecker, Bethge 2016).

The losses of the assignment are plain arithmetic; what needs PyTorch is imported when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from chainrule.vision.style.assignment import (
    calculate_loss,
    compute_content_loss,
    compute_features,
    compute_style_loss,
    deprocess_img,
    gram_matrix,
    load_and_process_img,
    process_img,
)
from chainrule.vision.style.settings import Settings

if TYPE_CHECKING:
    from chainrule.vision.style.encoder import Encoder as Encoder
    from chainrule.vision.style.encoder import load_encoder as load_encoder
    from chainrule.vision.style.objective import Losses as Losses
    from chainrule.vision.style.objective import Objective as Objective
    from chainrule.vision.style.objective import Weights as Weights
    from chainrule.vision.style.transfer import Moment as Moment
    from chainrule.vision.style.transfer import Stylised as Stylised
    from chainrule.vision.style.transfer import stylize as stylize

_LATER = {
    "Encoder": "encoder",
    "load_encoder": "encoder",
    "Losses": "objective",
    "Objective": "objective",
    "Weights": "objective",
    "Moment": "transfer",
    "Stylised": "transfer",
    "stylize": "transfer",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'chainrule.vision.style' has no attribute {name!r}")
    from chainrule.vision import require_torch

    require_torch()
    return getattr(importlib.import_module(f"chainrule.vision.style.{_LATER[name]}"), name)


__all__ = [
    "Encoder",
    "Losses",
    "Moment",
    "Objective",
    "Settings",
    "Stylised",
    "Weights",
    "calculate_loss",
    "compute_content_loss",
    "compute_features",
    "compute_style_loss",
    "deprocess_img",
    "gram_matrix",
    "load_and_process_img",
    "load_encoder",
    "process_img",
    "stylize",
]
