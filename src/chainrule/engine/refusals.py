"""Errors of tracing: one sentence with the thing, the user's line and the cure."""

from __future__ import annotations

import os
import re
import sys
from types import CodeType, FrameType
from typing import Any

import numpy as np

from chainrule.engine.errors import (
    ChainruleError,
    TracingError,
    UnsupportedArgument,
    UnsupportedAttribute,
    UnsupportedFunction,
)
from chainrule.engine.location import here, locate, user_frame
from chainrule.engine.primitive import REFUSED


def unsupported_dtype(dtype: np.dtype[Any]) -> str:
    kind = "complex numbers are" if dtype.kind == "c" else f"dtype {dtype} is"
    return f"{kind} not supported at {here()}; chainrule differentiates real floating-point arrays."


def unsupported_argument(name: str, error: TypeError) -> Exception:
    """What to raise for an error of a signature; one that names line and cure stays as it is."""
    if isinstance(error, ChainruleError):
        return error
    reason = str(error).split("() ", 1)[-1]
    return UnsupportedArgument(
        f"np.{name} with these arguments has no differentiation rule ({reason}) at {here()}; "
        f"docs/coverage.md lists the accepted arguments."
    )


def unsupported_function(function: Any) -> UnsupportedFunction:
    name = _full_name(function)
    cure = REFUSED.get(function)
    if cure is None:
        cure = (
            "docs/coverage.md lists the supported functions; write it with those, give it a rule "
            "with "
            "chainrule.custom_vjp, or pass chainrule.stop_gradient(x) if no gradient is wanted"
        )
    return UnsupportedFunction(f"{name} has no differentiation rule at {here()}; {cure}.")


def _full_name(function: Any) -> str:
    name = getattr(function, "__name__", str(function))
    module = getattr(function, "__module__", None)
    if module is None:  # ufuncs do not say where they come from
        homes = ("numpy", "scipy.special")
        found = [m for m in homes if getattr(sys.modules.get(m), name, None) is function]
        module = found[0] if found else None
    return name if module is None else f"{module}.{name}"


def out_message(ufunc: Any, into_traced: bool) -> str:
    if into_traced:
        return (
            f"np.{ufunc.__name__}(..., out=...) cannot write into a traced array at {here()}; "
            f"assign the result instead."
        )
    return (
        f"a traced value cannot be written into an ordinary array (np.{ufunc.__name__} with "
        "out=, or "
        f"`a += x`) at {here()}; write a = a + x, or make the buffer with np.zeros_like(x)."
    )


def coercion_message(what: str) -> str:
    frame = user_frame(2)
    caller: FrameType | None = sys._getframe(2)
    called = None  # the function that the user's line called
    while caller is not None and caller is not frame:
        called = caller.f_code
        caller = caller.f_back
    where = locate(frame.f_code, frame.f_lasti)
    return (
        f"{what} would turn a traced value into a plain number and lose its gradient at "
        f"{where}; {_cure(where.text, called, frame)}."
    )


def _cure(text: str, called: CodeType | None, frame: FrameType) -> str:
    inside = "" if called is None else called.co_name
    if "logsumexp" in text or inside == "logsumexp":
        return "use chainrule.logsumexp"
    if "softmax" in text and "scipy" in str(frame.f_globals.get("softmax", text)):
        return "use chainrule.softmax"
    if called is not None and f"{os.sep}scipy{os.sep}" in called.co_filename:
        return (
            f"SciPy's {inside} cannot be traced: write its formula in NumPy, or give it a "
            "derivative with chainrule.custom_vjp"
        )
    for pattern, cure in _CURES:
        if re.search(pattern, text):
            return cure
    return (
        "use np.stack for np.array, np.sin for math.sin, np.zeros_like(x) for a buffer to assign "
        "to, x.astype for a conversion, or float(chainrule.stop_gradient(x)) to look at a number"
    )


# By what stands on the user's line; the first that is found there.
_CURES = (
    (r"math\.", "use the NumPy function (np.sin for math.sin)"),
    (r"ascontiguousarray|asfortranarray|np\.require", "leave it out, or use np.copy(x, order=...)"),
    (r"vectorize", "call the function with the whole array, or np.stack the results of a loop"),
    (r"np\.random|rng\.", "draw standard numbers and shift and scale them: mean + deviation * z"),
    (r"np\.arange", "use start + step * np.arange(n)"),
    (
        r"np\.(asarray|asanyarray|array)\([^\[(,]+[,)]",
        "leave it out, for x is an array already; np.asarray(x, like=x) takes both kinds",
    ),
    (r"np\.(r_|c_|array|asarray)", "use np.stack, np.concatenate or np.block"),
    (r"np\.full", "use value * np.ones(shape)"),
    (
        r"\] ?=[^=]",
        "make the array with np.zeros_like(x) or np.zeros(shape, like=x), then assign",
    ),
    (
        r"\bfloat\(|np\.float\d+\(",
        "leave it out, use x.astype for another dtype, or float(chainrule.stop_gradient(x)) to "
        "look at a number",
    ),
    (
        r"(?<!np)\.dot\(",
        "the method of an ordinary array does not see that its argument is traced: write x @ w or "
        "np.dot(x, w) for x.dot(w)",
    ),
)


_MEMORY = "the memory layout of traced values is not theirs to see; leave it out"
_MISSING = {
    **dict.fromkeys(("strides", "flags", "base", "data", "ctypes", "setflags"), _MEMORY),
    "view": "use x[...] for a view and x.astype for another dtype",
    "resize": "use np.resize, np.pad or a slice",
    "partition": "use np.partition",
    **dict.fromkeys(("tobytes", "tofile", "dump", "dumps"), "store what the function returns"),
    "imag": "chainrule differentiates real functions only",
    **dict.fromkeys(
        ("grad", "zero_grad", "requires_grad", "requires_grad_"),
        "nothing is stored: chainrule.grad and y.backward() return the gradients",
    ),
    **dict.fromkeys(("detach", "no_grad"), "use chainrule.stop_gradient(x)"),
    **dict.fromkeys(("numpy", "cpu"), "use chainrule.stop_gradient(x), or x.value of a Tensor"),
}


def missing_attribute(name: str) -> AttributeError:
    """The error for an attribute that traced values do not have."""
    if name.startswith("_"):  # asked for by programs, which expect a plain answer
        return AttributeError(name)
    cure = _MISSING.get(name, "docs/coverage.md lists what is supported")
    return UnsupportedAttribute(f"a traced value has no attribute {name!r} at {here()}; {cure}.")


def unhashable() -> TracingError:
    return TracingError(
        f"a traced value cannot be a key of a dictionary, a member of a set or an argument of a "
        f"cached function at {here()}; use a position or a plain number."
    )
