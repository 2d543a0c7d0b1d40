"""The loss, gradient and example of a user's file, and the report on them."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

from chainrule.checking.check import check
from chainrule.checking.report import Report
from chainrule.commands.user_file import UserFileError, run_file, users_code

_LOSSES = ("loss", "cost", "compute_loss", "compute_cost", "objective", "loss_fn")
_GRADIENTS = (
    "gradient", "gradients", "grad", "grads", "backward", "compute_gradient", "compute_gradients",
    "compute_grad", "backprop", "backpropagation",
)  # fmt: skip
_EXAMPLES = ("example", "example_inputs", "inputs")


def check_file(
    file: str,
    loss: str = "",
    gradient: str = "",
    example: str = "",
    parameters: tuple[str, ...] = (),
    seed: int = 0,
) -> Report:
    """Run a user's file and check the gradient in it.

    Parameters
    ----------
    file : str
        A path.
    loss, gradient, example : str
        Names in the file; by default the first of the usual ones that is there.
    parameters : tuple of str
    seed : int

    Raises
    ------
    UserFileError
        The file cannot be run, or lacks a function.
    """
    path = Path(file)
    module = run_file(path)
    functions = [
        _function(module, path, given, usual, role)
        for given, usual, role in (
            (loss, _LOSSES, "loss"),
            (gradient, _GRADIENTS, "gradient"),
            (example, _EXAMPLES, "example"),
        )
    ]
    with users_code(path, f"ran {example or 'example'}()"):
        arguments = functions[2]() if callable(functions[2]) else functions[2]
    with users_code(path, "was checked"):
        report = check(functions[0], functions[1], arguments, parameters=parameters, seed=seed)
    return dataclasses.replace(report, subject=path.name)


def _function(module: ModuleType, path: Path, given: str, usual: tuple[str, ...], role: str) -> Any:
    names = (given,) if given else usual
    for name in names:
        found = getattr(module, name, None)
        if found is not None:
            return found
    own = [key for key, value in vars(module).items() if inspect.isfunction(value)]
    near = difflib.get_close_matches(names[0], own, n=1, cutoff=0.5)
    hint = f"; did you mean --{role} {near[0]}" if near else ""
    raise UserFileError(
        f"{path} has no {names[0]}{hint}. A file to check has {_SIGNATURES[role]}; name another "
        f"with --{role}."
    )


_SIGNATURES = {
    "loss": "loss(**arrays) -> float",
    "gradient": "gradient(**arrays) -> {name: array}",
    "example": "example() -> {name: array}",
}
