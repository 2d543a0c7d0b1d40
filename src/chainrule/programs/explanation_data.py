"""An explanation as data that JSON can hold: small arrays in full, larger ones summarised."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.programs.explanation import ExplainedValue, Explanation, Summand
from chainrule.programs.explanation_values import is_small

__all__ = ["as_data"]


def as_data(explanation: Explanation) -> dict[str, Any]:
    """The whole explanation as dictionaries, lists, strings and numbers.

    Numbers that JSON lacks are the strings "nan", "inf" and "-inf". A larger array is a dictionary
    of its shape, least, mean and largest entry and norm.
    """
    return {
        "function": explanation.function,
        "total": explanation.total.text,
        "results": list(explanation.results),
        "cotangent": explanation.cotangent,
        "values": [_value(value) for value in explanation.values],
        "backward": [value.name.text for value in explanation.backward],
    }


def _value(value: ExplainedValue) -> dict[str, Any]:
    statement = value.statement
    return {
        "name": value.name.text,
        "kind": value.kind,
        "expression": value.expression.text,
        "latex": value.expression.latex,
        "shape": None if isinstance(value.value, tuple) else list(np.shape(value.value)),
        "dtype": None if isinstance(value.value, tuple) else np.asarray(value.value).dtype.name,
        "value": _number(value.value),
        "line": None if statement is None else statement.line,
        "statement": None if statement is None else statement.text,
        "symbol": value.symbol.text,
        "derivative": None if value.derivative is None else _number(value.derivative),
        "seed": None if value.seed is None else _number(value.seed),
        "summands": [_summand(summand) for summand in value.summands],
        "note": value.note,
    }


def _summand(summand: Summand) -> dict[str, Any]:
    scalar = summand.symbol is not None
    return {
        "through": summand.through,
        "operand": summand.position,
        "rule": summand.rule.text,
        "latex": summand.rule.latex,
        "local": summand.local.text if summand.local is not None else None,
        "factor": _number(summand.factor) if scalar else None,
        "slope": _number(summand.slope) if scalar else None,
        "value": _number(summand.value),
    }


def _number(value: Any) -> Any:
    if isinstance(value, tuple):
        return None
    array = np.asarray(value)
    if is_small(array) or not array.size:
        return _plain(array.tolist())
    numbers = array.astype(float)
    found = {
        "min": float(numbers.min()),
        "mean": float(numbers.mean()),
        "max": float(numbers.max()),
        "norm": float(np.linalg.norm(numbers.ravel())),
    }
    return {"shape": list(array.shape), **{key: _plain(x) for key, x in found.items()}}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
