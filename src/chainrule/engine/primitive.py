"""What a primitive is: one declaration that evaluates, differentiates, prints and tests itself.

A rule is a function ``rule(g, y, *operands, **params)`` written in NumPy: ``g`` is the cotangent
of the result ``y``; it returns the cotangent of one operand. Rules ignore broadcasting and dtype,
which are undone once afterwards (`chainrule.engine.backward.project`), and may be called with
traced values, which is what makes second and higher derivatives come for free.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np

Rule = Callable[..., Any]


class _Zero:
    """The rule of a piecewise constant function: the derivative is zero wherever it exists."""

    def __repr__(self) -> str:
        return "ZERO"


ZERO: Final = _Zero()


class Primitive:
    """A function that the engine can record and differentiate.

    Parameters
    ----------
    name : str
        Unique name, the NumPy name where there is one.
    bind : callable
        Its signature is the accepted signature: ``bind(*args, **kwargs)`` returns
        ``(operands, params)``: a tuple of array operands and a dict of static parameters.
        Whatever it does not take is refused.
    evaluate : callable or None
        ``evaluate(*operands, **params)`` computes the value.
    rules : sequence of (Rule, ZERO or None), or callable
        One entry per operand: a rule, `ZERO` (piecewise constant), or None (no derivative: an
        error if one is needed). A callable ``rules(position, g, y, *operands, **params)`` serves
        functions of any number of operands.
    functions : sequence of callable
        The NumPy functions and ufuncs that record this primitive.
    text, latex : str or callable, optional
        Notation with ``{0}``, ``{1}`` for operands and names for parameters.
    source : str or callable, optional
        Python source in the same notation; by default ``np.name({0}, {1}, param=...)``.
    infix : str, optional
        The Python operator, for primitives written between their operands.
    view : bool
        The value may share memory with the first operand.
    writes_out : bool
        The value may be computed into a preallocated ``out=`` of its shape and dtype.
    outputs : int
        Number of results; more than one makes the value a tuple.
    accumulate : callable, optional
        ``accumulate(buffer, g, *operands, **params)`` adds the cotangent of the first operand
        into ``buffer`` in place; for primitives that read a small part of a large operand.
    literals : bool
        A callable ``rules`` is also told, as ``literals=``, which inputs are numbers written in
        the program (one bool per operand).
    domain : tuple of float
        Interval from which test operands are drawn.
    cases : sequence of callable
        ``case(draw) -> call(...)``: calls on which the primitive is tested.
    """

    __slots__ = (
        "__weakref__",
        "_defaults",
        "accumulate",
        "bind",
        "cases",
        "domain",
        "evaluate",
        "functions",
        "infix",
        "latex",
        "literals",
        "module",
        "name",
        "outputs",
        "rules",
        "source",
        "text",
        "view",
        "writes_out",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        bind: Callable[..., tuple[tuple[Any, ...], dict[str, Any]]] | None,
        evaluate: Callable[..., Any] | None,
        rules: Sequence[Any] | Rule,
        *,
        functions: Sequence[Callable[..., Any]] = (),
        text: str | Callable[..., str] | None = None,
        latex: str | Callable[..., str] | None = None,
        source: str | Callable[..., str] | None = None,
        infix: str | None = None,
        view: bool = False,
        writes_out: bool = False,
        outputs: int = 1,
        accumulate: Callable[..., None] | None = None,
        literals: bool = False,
        domain: tuple[float, float] = (-2.0, 2.0),
        cases: Sequence[Callable[..., Any]] = (),
    ) -> None:
        self.name = name
        self.bind = bind
        self.evaluate = evaluate
        self.rules = rules if callable(rules) else tuple(rules)
        self.functions = tuple(functions)
        self.text = text
        self.latex = latex
        self.source = source
        self.infix = infix
        self.view = view
        self.writes_out = writes_out
        self.outputs = outputs
        self.accumulate = accumulate
        self.literals = literals
        self.module = ""  # where it is declared; filled in by `register`
        self.domain = domain
        self.cases = tuple(cases)
        self._defaults: dict[str, Any] | None = None

    def rule(self, position: int, inputs: Sequence[Any] = ()) -> Any:
        """The rule of one operand of a node: a callable, `ZERO` or None."""
        if callable(self.rules):
            rules = self.rules
            told = {}
            if self.literals and inputs:
                told["literals"] = tuple([isinstance(x, (int, float, np.generic)) for x in inputs])
            return lambda g, y, *operands, **params: rules(
                position, g, y, *operands, **told, **params
            )
        return self.rules[position]

    @property
    def differentiable(self) -> bool:
        """Whether any operand has a rule other than `ZERO`."""
        return callable(self.rules) or any(callable(rule) for rule in self.rules)

    def shown_params(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters that differ from their defaults."""
        if self._defaults is None:
            found = inspect.signature(self.bind).parameters.values() if self.bind else ()
            self._defaults = {p.name: p.default for p in found if p.default is not p.empty}
        defaults = self._defaults
        return {
            name: value
            for name, value in params.items()
            if name not in defaults or not _same(value, defaults[name])
        }

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"


def _same(a: Any, b: Any) -> bool:
    return a is b or (type(a) is type(b) and not isinstance(a, np.ndarray) and a == b)


# Registries: every primitive by name, and what NumPy's two protocols look up.
PRIMITIVES: dict[str, Primitive] = {}
UFUNCS: dict[Any, Primitive] = {}
FUNCTIONS: dict[Any, Primitive] = {}
COMPOSITES: dict[Any, Callable[..., Any]] = {}
REFUSED: dict[Any, str] = {}


def register(primitive: Primitive) -> Primitive:
    """Enter a primitive into the registry."""
    if primitive.name in PRIMITIVES:
        raise ValueError(f"primitive {primitive.name!r} is declared twice")
    PRIMITIVES[primitive.name] = primitive
    frame = sys._getframe(1)
    while frame.f_globals["__name__"] == __name__ and frame.f_back is not None:
        frame = frame.f_back
    primitive.module = frame.f_globals["__name__"]
    for function in primitive.functions:
        (UFUNCS if isinstance(function, np.ufunc) else FUNCTIONS)[function] = primitive
    return primitive


def primitive(
    *functions: Callable[..., Any],
    rules: Sequence[Any] | Rule,
    name: str | None = None,
    evaluate: Callable[..., Any] | None = None,
    **declaration: Any,
) -> Callable[[Callable[..., Any]], Primitive]:
    """Declare a primitive; the decorated function is its accepted signature (``bind``)."""

    def declare(bind: Callable[..., tuple[tuple[Any, ...], dict[str, Any]]]) -> Primitive:
        return register(
            Primitive(
                name or bind.__name__.rstrip("_"), bind, evaluate or functions[0], rules,
                functions=functions, **declaration,
            )
        )  # fmt: skip

    return declare


def _bind_unary(x: Any, /) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (x,), {}


def _bind_binary(x1: Any, x2: Any, /) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (x1, x2), {}


def unary(function: Any, rule: Any, **declaration: Any) -> Primitive:
    """Declare an elementwise function of one operand: ``rule(g, y, x)``."""
    return register(_elementwise(function, (rule,), _bind_unary, declaration))


def binary(function: Any, first: Any, second: Any, **declaration: Any) -> Primitive:
    """Declare an elementwise function of two operands: ``rule(g, y, a, b)`` for each."""
    return register(_elementwise(function, (first, second), _bind_binary, declaration))


def _elementwise(function: Any, rules: Any, bind: Any, declaration: dict[str, Any]) -> Primitive:
    declaration.setdefault("functions", (function,))
    declaration.setdefault("writes_out", isinstance(function, np.ufunc))
    name = declaration.pop("name", function.__name__)
    return Primitive(name, bind, declaration.pop("evaluate", function), rules, **declaration)


def composite(*functions: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare how NumPy functions are expressed in other NumPy functions that have rules.

    The decorated function's signature is the accepted signature.
    """

    def declare(implementation: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            COMPOSITES[function] = implementation
        return implementation

    return declare


def refuse(*functions: Callable[..., Any], cure: str) -> None:
    """Declare that NumPy functions are not supported, and what to use instead."""
    for function in functions:
        REFUSED[function] = cure


PLACEHOLDER: Final = register(Primitive("placeholder", None, None, ()))
CONSTANT: Final = register(Primitive("constant", None, lambda x: x, (ZERO,), source="{0}"))
SELECT: Final = register(
    Primitive("select_output", None, lambda outputs, *, k: outputs[k], (None,), source="{0}[{k}]")
)


class Call:
    """Arguments of one call of a primitive, for its test table."""

    __slots__ = ("args", "kwargs")

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.args = args
        self.kwargs = kwargs

    def __repr__(self) -> str:
        shown = [np.shape(a) if isinstance(a, np.ndarray) else a for a in self.args]
        return f"call({', '.join(map(str, shown))}, {self.kwargs})"


def call(*args: Any, **kwargs: Any) -> Call:
    """The arguments of a test call."""
    return Call(args, kwargs)


class Draw:
    """Draws operands for test calls, away from kinks where asked.

    Parameters
    ----------
    rng : numpy.random.Generator
    low, high : float
        The interval of the primitive's domain.
    """

    def __init__(self, rng: np.random.Generator, low: float, high: float) -> None:
        self.rng = rng
        self.low = low
        self.high = high

    def __call__(self, *shape: int, low: float | None = None, high: float | None = None) -> Any:
        """Uniform numbers in the domain, a scalar for no shape."""
        drawn = self.rng.uniform(
            self.low if low is None else low, self.high if high is None else high, shape
        )
        return np.float64(drawn) if shape == () else drawn

    def distinct(self, *shape: int) -> Any:
        """Numbers at least 0.1 apart, in random order: no ties for max and sort."""
        count = int(np.prod(shape))
        values = self.rng.permutation(count) * 0.25 - count * 0.11
        return (values + self.rng.uniform(-0.07, 0.07, count)).reshape(shape)

    def positive_definite(self, *shape: int) -> Any:
        """Well-conditioned symmetric positive definite matrices, ``shape`` = (..., n)."""
        n = shape[-1]
        a = self.rng.normal(size=(*shape, n))
        return a @ np.swapaxes(a, -1, -2) / n + np.eye(n)

    def invertible(self, *shape: int) -> Any:
        """Well-conditioned square matrices, ``shape`` = (..., n)."""
        n = shape[-1]
        return self.rng.normal(size=(*shape, n)) / np.sqrt(n) + 2.0 * np.eye(n)

    def integers(self, high: int, *shape: int) -> Any:
        """Random integers in [0, high)."""
        return self.rng.integers(0, high, shape)
