"""Adam's update as one loop in machine code instead of twelve passes of NumPy over the arrays.

The operations and their order are those of `chainrule.optim.adam`, so are the bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from chainrule.optim.optimizer import Optimizer
from chainrule.programs.kernel_module import load

_ADAM = '''"""Adam on flat arrays."""
import numba
import numpy as np


@numba.njit(error_model="numpy", cache=True)
def step(w, g, m, s, shrink, b1, c1, b2, c2, e, scale):
    for i in range(w.size):
        mean = m[i] * b1 + c1 * g[i]
        square = s[i] * b2 + c2 * (g[i] * g[i])
        m[i] = mean
        s[i] = square
        w[i] = w[i] * shrink - mean / (np.sqrt(square) + e) * scale
'''

Update = Callable[..., None]


def one_pass(optimizer: Optimizer) -> Update | None:
    """Return the update of flat arrays ``(rate, t, w, g, *slots)``, or None if none is known.

    Raises
    ------
    MissingExtra
        numba is not installed.
    """
    if optimizer.method != "adam" or optimizer.transforms or optimizer.lookahead is not None:
        return None
    step = load(_ADAM).step
    given = optimizer.settings
    beta1, beta2, epsilon = given["beta1"], given["beta2"], given["epsilon"]

    def update(rate: float, t: int, w: Any, g: Any, m: Any, s: Any) -> None:
        root = math.sqrt(1 - beta2**t)
        constants = (
            1.0 - rate * optimizer.decay, beta1, 1 - beta1, beta2, 1 - beta2,
            epsilon if given["epsilon_hat"] else epsilon * root, rate * root / (1 - beta1**t),
        )  # fmt: skip
        # Constants of the arrays' type: float64 ones would widen every operation.
        step(w, g, m, s, *map(w.dtype.type, constants))

    return update
