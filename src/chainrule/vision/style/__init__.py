"""Style transfer: the picture of one, the manner of another (Gatys, Ecker, Bethge 2016)."""

from __future__ import annotations

from chainrule.vision.style.encoder import ENCODERS, Encoder, load_encoder
from chainrule.vision.style.objective import Losses, Objective, Weights
from chainrule.vision.style.settings import Settings
from chainrule.vision.style.transfer import Moment, Stylised, stylize

__all__ = [
    "ENCODERS",
    "Encoder",
    "Losses",
    "Moment",
    "Objective",
    "Settings",
    "Stylised",
    "Weights",
    "load_encoder",
    "stylize",
]
