"""Hyperparameter search whose coverage is certified, and which survives being killed.

>>> from chainrule import search
>>> space = search.Space.of(rate=(1e-4, 1e-1, "log"), width=(2, 32), activation=["tanh", "relu"])
>>> search.cover_size(space, 0.1)
50
>>> plan = search.plan_search(space, "random", budget=60)
>>> found = search.covering_radius(space, plan.configurations)
>>> print(f"60 random trials leave a hole of radius {found.upper:.2f} ({found.kind})")
60 random trials leave a hole of radius 0.34 (exact)
"""

from __future__ import annotations

from chainrule.search.coverage import Coverage, covering_radius
from chainrule.search.errors import SearchError
from chainrule.search.halving import Halving
from chainrule.search.objective import Objective, batched
from chainrule.search.searching import Execution, Outcome, Search
from chainrule.search.space import Categorical, Continuous, Integer, Space
from chainrule.search.store import TrialStore
from chainrule.search.strategies import Plan, cover_size, coverable_radius, plan_search
from chainrule.search.trial import Trial

__all__ = [
    "Categorical",
    "Continuous",
    "Coverage",
    "Execution",
    "Halving",
    "Integer",
    "Objective",
    "Outcome",
    "Plan",
    "Search",
    "SearchError",
    "Space",
    "Trial",
    "TrialStore",
    "batched",
    "cover_size",
    "coverable_radius",
    "covering_radius",
    "plan_search",
]
