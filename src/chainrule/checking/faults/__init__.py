"""The dictionary of mistakes: each file makes the hypotheses of one family for a trial."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chainrule.checking.faults.accumulation import accumulation_faults
from chainrule.checking.faults.activations import activation_faults
from chainrule.checking.faults.layers import layer_faults
from chainrule.checking.faults.normalisation import normalisation_faults
from chainrule.checking.faults.output import output_faults
from chainrule.checking.faults.products import product_faults
from chainrule.checking.faults.results import result_faults
from chainrule.checking.faults.scales import scale_faults
from chainrule.checking.faults.sums import sum_faults
from chainrule.checking.hypothesis import Hypothesis
from chainrule.checking.roles import Roles

FAMILIES: tuple[Callable[[Roles], list[Hypothesis]], ...] = (
    scale_faults,
    activation_faults,
    output_faults,
    sum_faults,
    product_faults,
    result_faults,
    accumulation_faults,
    layer_faults,
    normalisation_faults,
)


def hypotheses(roles: Roles) -> list[Hypothesis]:
    """Every mistake that could have been made in the backward pass of a trial."""
    families = FAMILIES if roles.trial.has_steps else (scale_faults, result_faults)
    with np.errstate(all="ignore"):  # near misses may divide by zero
        return [each for family in families for each in family(roles)]
