"""chainrule: backpropagation you can read, check and run.

>>> import numpy as np, chainrule as cr
>>> cr.grad(lambda x: np.sum(np.tanh(x)))(np.zeros(2))
array([1., 1.])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from chainrule.engine import gradient as _gradient
from chainrule.engine import rules as _rules  # noqa: F401
from chainrule.engine.check_grads import check_grads
from chainrule.engine.custom import checkpoint, custom_vjp, stop_gradient
from chainrule.engine.errors import (
    ChainruleError,
    GuardMiss,
    InvalidInput,
    LeakedTrace,
    NotDifferentiable,
    StaleView,
    TracingError,
    UnsupportedArgument,
    UnsupportedAttribute,
    UnsupportedFunction,
    UnusedInputWarning,
)
from chainrule.engine.gradient import grad, value_and_grad
from chainrule.engine.graph import Graph, Node
from chainrule.engine.rules.network import conv1d, conv2d
from chainrule.engine.rules.pooling import avg_pool2d, embedding, max_pool2d
from chainrule.engine.rules.softmax import log_softmax, logsumexp, softmax
from chainrule.engine.tensor import Tensor, tensor
from chainrule.engine.transforms import (
    elementwise_grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    trace,
    vjp,
)
from chainrule.engine.trees import register_container, tree_map

if TYPE_CHECKING:
    from chainrule import data as data
    from chainrule import nn as nn
    from chainrule import optim as optim
    from chainrule import search as search
    from chainrule import theory as theory
    from chainrule import training as training
    from chainrule import vision as vision
    from chainrule.checking.assertion import assert_gradient as assert_gradient
    from chainrule.checking.check import check as check
    from chainrule.checking.compare import compare as compare
    from chainrule.checking.compare import comparing as comparing
    from chainrule.checking.flow import flow as flow
    from chainrule.checking.updates.check import check_optimizer as check_optimizer
    from chainrule.programs.compiled import compile as compile
    from chainrule.programs.explain import explain as explain
    from chainrule.programs.source import source as source

__version__ = "0.1.0"

# Imported when first used, so that ``import chainrule`` stays quick.
_ROOMS = ("data", "nn", "optim", "programs", "search", "theory", "training", "vision")
_LATER = {
    "assert_gradient": "chainrule.checking.assertion",
    "check": "chainrule.checking.check",
    "check_optimizer": "chainrule.checking.updates.check",
    "compare": "chainrule.checking.compare",
    "comparing": "chainrule.checking.compare",
    "compile": "chainrule.programs.compiled",
    "explain": "chainrule.programs.explain",
    "flow": "chainrule.checking.flow",
    "source": "chainrule.programs.source",
}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"chainrule.{name}")
    if name in _LATER:
        found = getattr(importlib.import_module(_LATER[name]), name)
        globals()[name] = found
        return found
    raise AttributeError(f"module 'chainrule' has no attribute {name!r}")


def _compiled_value_and_grad(*arguments: Any) -> Any:
    from chainrule.programs.compiled import compiled_value_and_grad

    return compiled_value_and_grad(*arguments)


_gradient.compiler = _compiled_value_and_grad

__all__ = [
    "ChainruleError",
    "Graph",
    "GuardMiss",
    "InvalidInput",
    "LeakedTrace",
    "Node",
    "NotDifferentiable",
    "StaleView",
    "Tensor",
    "TracingError",
    "UnsupportedArgument",
    "UnsupportedAttribute",
    "UnsupportedFunction",
    "UnusedInputWarning",
    "assert_gradient",
    "avg_pool2d",
    "check",
    "check_grads",
    "check_optimizer",
    "checkpoint",
    "compare",
    "comparing",
    "compile",
    "conv1d",
    "conv2d",
    "custom_vjp",
    "elementwise_grad",
    "embedding",
    "explain",
    "flow",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "log_softmax",
    "logsumexp",
    "max_pool2d",
    "register_container",
    "softmax",
    "source",
    "stop_gradient",
    "tensor",
    "trace",
    "tree_map",
    "value_and_grad",
    "vjp",
]
