"""What was returned, by name: taken apart, near names accepted, missing ones said."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.grading.child.wire import Opaque
from chainrule.grading.comparison import Difference
from chainrule.grading.exercise import Part, Values


def flattened(values: Values, true: Values) -> Values:
    """Values by name, with those of a dict or a tuple by names of their own.

    What is flattened is decided by the right values, so that a list of arrays that should be one
    array is not taken apart.
    """
    flat: Values = {}
    for name, value in values.items():
        wanted = true.get(name)
        if isinstance(wanted, dict) and isinstance(value, dict):
            alone = len(true) == 1
            for key, each in flattened(value, wanted).items():
                flat[key if alone else f"{name}[{key!r}]"] = each
        elif isinstance(wanted, list | tuple) and isinstance(value, list | tuple):
            # A tuple is several values, a list of numbers is one.
            if isinstance(wanted, list) and all(isinstance(w, int | float) for w in wanted):
                flat[name] = value
                continue
            inner = {f"{name}[{i}]": each for i, each in enumerate(value)}
            flat.update(flattened(inner, {f"{name}[{i}]": each for i, each in enumerate(wanted)}))
        else:
            flat[name] = value
    return flat


def renamed(values: Values, true: Values, notes: list[str]) -> Values:
    """Values under the names that are asked for, where a prefix or suffix is all that differs."""
    found = dict(values)
    for name in true:
        if name in values:
            continue
        for other in (f"d{name}", f"d_{name}", f"grad_{name}", f"{name}_grad", f"{name}_bar"):
            if other in values and other not in true:
                found[name] = found.pop(other)
                notes.append(f"{other} was taken for {name}; use the name that is asked for.")
                break
    return found


def missing_values(
    part: Part, missing: Sequence[str], names: Sequence[str], measured: Sequence[Values]
) -> Difference:
    """What was not returned, and what was in its place."""
    are = "is" if len(missing) == 1 else "are"
    said = f"{', '.join(missing)} {are} missing from what was returned."
    others = sorted({key for values in measured for key in values} - set(names))
    whole = [name for name in others if name in part.hands_in]
    if whole and len(whole) == len(others):
        value = next(values[whole[0]] for values in measured if whole[0] in values)
        kind = value.what if isinstance(value, Opaque) else f"a {type(value).__name__}"
        kind = "an array" if isinstance(value, np.ndarray) else kind
        said = f"{whole[0]} returned {kind}; what is asked for is {', '.join(names)}, by name."
    elif others:
        said += f" There is {', '.join(others)}, which is not asked for."
    return Difference("G107", said)
