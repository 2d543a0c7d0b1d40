"""A differentiator of single numbers with +, ×, powers and ReLU: the second demo of 004 P5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Value:
    """A number that remembers what it was made of.

    Attributes
    ----------
    data : float
    grad : float
        After `backward` of a result: the derivative of the result by this number.
    """

    def __init__(
        self, data: float, inputs: tuple[Value, ...] = (), slopes: tuple[float, ...] = ()
    ) -> None:
        self.data = data
        self.grad = 0.0
        self._inputs = inputs
        self._slopes = slopes

    def __add__(self, other: Value | float) -> Value:
        other = _value(other)
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other: Value | float) -> Value:
        other = _value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, exponent: float) -> Value:
        if not isinstance(exponent, (int, float)):
            raise TypeError(
                f"the exponent must be a number, got {type(exponent).__name__}: the derivative by "
                "an exponent is not one of the demo's operations."
            )
        slope = exponent * self.data ** (exponent - 1) if exponent else 0.0
        return Value(self.data**exponent, (self,), (slope,))

    def relu(self) -> Value:
        """max(x, 0), with derivative 0 at 0."""
        return Value(max(self.data, 0.0), (self,), (float(self.data > 0),))

    def __neg__(self) -> Value:
        return self * -1.0

    def __sub__(self, other: Value | float) -> Value:
        return self + -_value(other)

    def __truediv__(self, other: Value | float) -> Value:
        return self * _value(other) ** -1.0

    __radd__ = __add__
    __rmul__ = __mul__

    def backward(self) -> None:
        """Set `grad` of everything that this number was made of, and of itself to 1.

        A number that is used several times receives the sum over its uses; it is passed on only
        when that sum is complete, so each number is visited once, after all that use it.
        """
        order = _topological(self)
        for value in order:
            value.grad = 0.0
        self.grad = 1.0
        for value in reversed(order):
            for source, slope in zip(value._inputs, value._slopes, strict=True):
                source.grad += slope * value.grad


def _value(number: Value | float) -> Value:
    return number if isinstance(number, Value) else Value(float(number))


def _topological(result: Value) -> list[Value]:
    """Everything `result` depends on, inputs before what uses them; no recursion, so any depth."""
    order: list[Value] = []
    seen: set[int] = set()
    pending = [(result, False)]
    while pending:
        value, inputs_done = pending.pop()
        if inputs_done:
            order.append(value)
        elif id(value) not in seen:
            seen.add(id(value))
            pending.append((value, True))
            pending.extend((source, False) for source in value._inputs)
    return order


def gradient(f: Callable[..., Any], *arguments: float) -> tuple[float, ...]:
    """∂f/∂(each argument) by `Value`."""
    values = [Value(argument) for argument in arguments]
    f(*values).backward()
    return tuple(value.grad for value in values)
