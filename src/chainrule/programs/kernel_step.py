"""Steps of gradient descent as machine code: a whole epoch without returning to Python."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from chainrule.engine.graph import Graph, Node, dtype_of
from chainrule.engine.trees import flatten
from chainrule.programs.kernel_functions import HELPERS
from chainrule.programs.kernel_module import load
from chainrule.programs.kernel_source import KernelSource
from chainrule.programs.kernel_types import TYPES, UnsupportedKernel, value_of
from chainrule.programs.step import Step

_OPTIONS = 'cache=True, error_model="numpy", fastmath={"contract"}, nogil=True'


class KernelStep(Step):
    """A step run by a kernel that numba compiles.

    Of the liberties with arithmetic that compilers offer, only the contraction of a product and a
    sum into one operation with one rounding is taken, which is what BLAS does as well.
    """

    def _prepare(self, graph: Graph) -> None:
        self.source, self._constants = _module_source(graph, self)
        self._epoch = load(self.source).epoch
        self._value_type = dtype_of(value_of(graph.outputs[0])).type

    def _call(self, data: list[Any], order: np.ndarray, rate: float, update: bool) -> float:
        program = self.program
        return float(
            self._epoch(
                program.flat, program.gradient, order, program.flat.dtype.type(rate), update,
                *data, *self.variables, *self._constants,
            )
        )  # fmt: skip

    def evaluate(self) -> Any:
        size = len(self.batch[0])
        order = np.arange(size, dtype=np.intp)
        data = [np.ascontiguousarray(array) for array in self.batch]
        return self._value_type(self._call(data, order, 0.0, False))

    def run(self, data: tuple[np.ndarray, ...], order: np.ndarray, rate: float) -> float:
        contiguous = [np.ascontiguousarray(array) for array in data]
        return self._call(contiguous, order, rate, True) * len(self.batch[0])

    def explain(self) -> list[str]:
        return [f"  {line}" for line in self.source.splitlines()]


def _module_source(graph: Graph, step: Step) -> tuple[str, list[np.ndarray]]:
    """A module with one function ``epoch``, and the constant arrays to call it with."""
    program = step.program
    params = flatten(program.params)[0]
    data = [f"d{i}" for i in range(len(step.batch))]
    variables = [f"x{i}" for i in range(len(step.variables))]
    inputs = [
        name if not isinstance(value, np.ndarray) or value.ndim else f"{name}[()]"
        for name, value in zip(variables, step.variables, strict=True)
    ]
    inputs += [f"p{i}" if x.ndim else f"p{i}[0]" for i, x in enumerate(params)]
    inputs += [f"batch{i}" for i in range(len(data))]
    outputs = [None, *(f"g{i}" if x.ndim else f"g{i}[0]" for i, x in enumerate(params))]
    if type(graph.outputs[0]) is Node and graph.outputs[0].dtype.kind != "f":
        raise UnsupportedKernel(f"{graph.name} returns a {graph.outputs[0].dtype}.")
    kernel = KernelSource(graph, inputs, outputs)
    size = len(step.batch[0])
    arguments = ["flat", "gradient", "order", "rate", "update", *data, *variables]
    arguments += kernel.constants
    lines = [*_views(params, "p", "flat"), *_views(params, "g", "gradient")]
    for i, array in enumerate(step.batch):
        lines.append(f"batch{i} = np.empty({array.shape!r}, np.{array.dtype.name})")
    for name, (shape, dtype) in kernel.scratch.items():
        lines.append(f"{name} = np.empty({shape!r}, np.{'bool_' if dtype == 'bool' else dtype})")
    lines += ["total = 0.0", f"for start in range(0, order.size, {size}):"]
    lines += [f"    {line}" for line in _gather(step.batch)]
    lines += [f"    {line}" for line in kernel.body]
    lines += [f"    total += {kernel.results[0]}", "    if update:"]
    lines += ["        for k in range(flat.size):", "            flat[k] -= rate * gradient[k]"]
    words = set(re.findall(r"\w+", "\n".join(kernel.body)))
    types = [(name, short) for name, short in TYPES.items() if short in words]
    text = [
        f'"""Gradient descent on {graph.name}, batches of {size}; written by chainrule."""',
        "import math", "import numpy as np", "from numba import njit", "",
        *(f"{short} = np.{'bool_' if name == 'bool' else name}" for name, short in types),
        *(f"{name} = {_literal(value)}" for name, value in kernel.numbers.items()),
        *(HELPERS[name] for name in kernel.helpers), "",
        f"@njit({_OPTIONS})", f"def epoch({', '.join(arguments)}):",
        *(f"    {line}" for line in lines), "    return total",
    ]  # fmt: skip
    constants = [np.ascontiguousarray(array) for array in kernel.constants.values()]
    return "\n".join(text) + "\n", constants


def _views(params: list[np.ndarray], letter: str, flat: str) -> list[str]:
    lines, start = [], 0
    for i, x in enumerate(params):
        shape = f".reshape({x.shape!r})" if x.ndim > 1 else ""
        lines.append(f"{letter}{i} = {flat}[{start}:{start + x.size}]{shape}")
        start += x.size
    return lines


def _gather(batch: list[np.ndarray]) -> list[str]:
    """Copy the examples of a batch next to each other."""
    lines = [f"for r in range({len(batch[0])}):", "    row = order[start + r]"]
    for i, array in enumerate(batch):
        index, indent = "", "    "
        for axis, size in enumerate(array.shape[1:]):
            lines.append(f"{indent}for i{axis} in range({size}):")
            index, indent = f"{index}, i{axis}", indent + "    "
        lines.append(f"{indent}batch{i}[r{index}] = d{i}[row{index}]")
    return lines


def _literal(number: Any) -> str:
    """A number of NumPy as source, exactly."""
    kind = "bool_" if number.dtype == np.dtype(bool) else number.dtype.name
    value = number.item()
    if value != value or value in (float("inf"), float("-inf")):
        return f"np.{kind}({str(value)!r})"
    return f"np.{kind}({value!r})"
