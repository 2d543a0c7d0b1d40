"""What a search covers, in sentences: before it runs, and of the trials that were run."""

from __future__ import annotations

import math
from typing import Any

from chainrule.engine.wording import counted
from chainrule.search.coverage import Coverage
from chainrule.search.space import Categorical, Space
from chainrule.search.strategies import Plan, cover_size, coverable_radius

__all__ = ["coverage_statement", "plan_statements"]


def plan_statements(space: Space, plan: Plan, planned: Coverage) -> list[str]:
    """Return what a plan is, how large a hole it leaves, and what a cover would take.

    Parameters
    ----------
    space : Space
    plan : Plan
    planned : Coverage
        The covering radius of the plan's configurations.
    """
    said = [plan.sentence]
    count = len(plan.configurations)
    if plan.strategy != "cover":
        said.append(coverage_statement(space, planned, "planned"))
    if not any(not isinstance(axis, Categorical) for axis in space.axes):
        return said
    best = coverable_radius(space, count)
    if plan.strategy != "cover" and best is not None:
        said.append(
            f"A minimal cover of {math.prod(best[1]):,} trials would leave none larger than "
            f"{float(best[0]):.3g}; a 0.1-cover needs "
            f"{_count(cover_size(space, 0.1))} trials."
        )
    return said


def coverage_statement(space: Space, coverage: Coverage, which: str = "finished") -> str:
    """Return the certificate of some trials as a sentence."""
    trials = counted(coverage.trials, f"{which} trial")
    verb = "leaves" if coverage.trials == 1 else "leave"
    if coverage.trials == 0:
        return f"There are no {which} trials, so nothing is covered."
    if coverage.missing:
        return (
            f"The {trials} {verb} {counted(coverage.missing, 'combination')} of choices out "
            f"altogether, as {_values(space, coverage.hole)}."
        )
    unit = " (in multiples of each axis's ε)" if coverage.unit == "epsilons" else ""
    if coverage.exact:
        radius = f"{coverage.upper:.3g}, exactly"
    else:
        radius = f"between {coverage.lower:.3g} and {_up(coverage.upper):.3g}, both certified"
    where = f", at {_values(space, coverage.hole)}" if coverage.lower > 1e-9 else ""
    return f"The {trials} {verb} a hole of radius {radius}{unit}{where}."


def _values(space: Space, configuration: Any) -> str:
    return ", ".join(
        f"{name} = {value:.3g}" if isinstance(value, float) else f"{name} = {value}"
        for name, value in (configuration or {}).items()
    )


def _count(count: int) -> str:
    return f"{count:,}" if count < 10**15 else f"about 10^{len(str(count)) - 1}"


def _up(value: float) -> float:
    """Round an upper bound to three digits, upwards, so that it stays one."""
    scale = 10 ** (math.floor(math.log10(value)) - 2)
    return math.ceil(value / scale) * scale
