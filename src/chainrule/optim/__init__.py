"""Optimizers and learning-rate schedules as pure functions over trees of parameters."""

from chainrule.optim.adaptive import (
    AdaGradState,
    AdamState,
    RMSPropState,
    adagrad,
    adam,
    adamw,
    rmsprop,
)
from chainrule.optim.descent import (
    DescentState,
    MomentumState,
    gradient_descent,
    momentum,
    nesterov,
    sgd,
)
from chainrule.optim.optimizer import (
    Optimizer,
    Schedule,
    Transform,
    chain,
    decoupled_weight_decay,
)
from chainrule.optim.schedules import (
    constant,
    cosine,
    exponential,
    one_cycle,
    power,
    special,
    step_decay,
)
from chainrule.optim.transforms import clip_by_norm, clip_by_value, global_norm, weight_decay

__all__ = [
    "AdaGradState",
    "AdamState",
    "DescentState",
    "MomentumState",
    "Optimizer",
    "RMSPropState",
    "Schedule",
    "Transform",
    "adagrad",
    "adam",
    "adamw",
    "chain",
    "clip_by_norm",
    "clip_by_value",
    "constant",
    "cosine",
    "decoupled_weight_decay",
    "exponential",
    "global_norm",
    "gradient_descent",
    "momentum",
    "nesterov",
    "one_cycle",
    "power",
    "rmsprop",
    "sgd",
    "special",
    "step_decay",
    "weight_decay",
]
