"""Tracing: array-like values that record every NumPy call made with them.

The parts: `recording` (traces and traced values), `constants` (what they read), `operators`
(Python's operators, NumPy's methods), `index` (reading and assignment), `protocols` (NumPy's
functions), `aliasing` (views), `refusals` (what cannot be traced, with the line and the cure).
"""

from chainrule.engine import operators as _operators  # noqa: F401  (gives Traced its operators)
from chainrule.engine.index import Slot, as_index, bind_index, fill_index
from chainrule.engine.protocols import ACCUMULATIONS, REDUCTIONS
from chainrule.engine.recording import (
    Trace,
    Traced,
    apply,
    belongs,
    record,
    snapshot,
    stack_traced,
)

__all__ = [
    "ACCUMULATIONS", "REDUCTIONS", "Slot", "Trace", "Traced", "apply", "as_index", "belongs",
    "bind_index", "fill_index", "record", "snapshot", "stack_traced",
]  # fmt: skip
