"""One step of gradient descent for batches of one size: gather, gradients, update."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.engine.errors import GuardMiss
from chainrule.engine.graph import Graph
from chainrule.engine.trees import flatten
from chainrule.engine.wording import counted
from chainrule.programs.compiled import Compiled
from chainrule.programs.environment import Environment
from chainrule.programs.plan import Plan
from chainrule.programs.plan_report import plan_report

if TYPE_CHECKING:
    from chainrule.programs.epochs import SgdProgram


class Step:
    """A step for batches of one size; how it is computed, subclasses say.

    Parameters
    ----------
    graph : Graph
        From the variables that the loss reads, the parameters and the batch to the value and the
        gradients; simplified.
    environment : Environment
        The variables.
    batch : list of arrays
        An example of a batch.
    program : SgdProgram
    """

    def __init__(
        self,
        graph: Graph,
        environment: Environment,
        batch: list[np.ndarray],
        program: SgdProgram,
    ) -> None:
        self.environment = environment
        self.batch = batch
        self.program = program
        values = [value for _, _, value in environment.lifted]
        self.variables = [x.copy() if isinstance(x, np.ndarray) else x for x in values]
        self._prepare(graph)

    def _prepare(self, graph: Graph) -> None:
        raise NotImplementedError

    def evaluate(self) -> Any:
        """The loss of the batch in the buffers; the gradient is left in the program."""
        raise NotImplementedError

    def run(self, data: tuple[np.ndarray, ...], order: np.ndarray, rate: float) -> float:
        """Take the steps of many full batches; the sum of the losses of all examples."""
        raise NotImplementedError

    def explain(self) -> list[str]:
        """Lines for `SgdProgram.explain`."""
        raise NotImplementedError

    def refresh(self) -> bool:
        """Read the variables again; False if the step does not hold for them any more."""
        values = self.environment.now()
        if values is None:
            return False
        for i, (own, value) in enumerate(zip(self.variables, values, strict=True)):
            if type(own) is not type(value):
                return False
            if not isinstance(own, np.ndarray):
                self.variables[i] = value
                continue
            if own.shape != value.shape or own.dtype != value.dtype:
                return False
            np.copyto(own, value)
        return True


class PlanStep(Step):
    """A step run by a plan whose inputs and results all have their place in memory."""

    def _prepare(self, graph: Graph) -> None:
        program = self.program
        inputs = [*self.variables, *flatten(program.params)[0], *self.batch]
        bound = [x if isinstance(x, np.ndarray) else None for x in inputs]
        self.plan = Plan(graph, bound, [None, *flatten(program.gradients)[0]], compact=True)
        # for batches that take another branch
        self._otherwise = Compiled(program.loss, (0, None, False), program.gradients)

    def _numbers(self) -> list[Any]:
        return [x for x in self.variables if not isinstance(x, np.ndarray)]

    def evaluate(self) -> Any:
        return self.plan.execute(self._numbers())[0]

    def run(self, data: tuple[np.ndarray, ...], order: np.ndarray, rate: float) -> float:
        program = self.program
        flat, gradient = program.flat, program.gradient
        size, scale = len(self.batch[0]), np.array(rate, flat.dtype)
        gathers = [(array.take, buffer) for array, buffer in zip(data, self.batch, strict=True)]
        numbers, execute = self._numbers(), self.plan.execute
        multiply, subtract = np.multiply, np.subtract
        total = 0.0
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            for take, buffer in gathers:
                take(chosen, 0, buffer, "clip")  # without checks: order is checked already
            try:
                (value,) = execute(numbers)
            except GuardMiss:
                value = self._otherwise(program.params, *self.batch)
            total += float(value)
            multiply(gradient, scale, gradient)
            subtract(flat, gradient, flat)
        return total * size

    def explain(self) -> list[str]:
        plan = self.plan
        return [
            f"  {counted(len(plan.statements), 'statement')}, "
            f"{plan.buffer_bytes:,} bytes of buffers",
            *plan_report(plan),
        ]
