"""The loss, gradient and example of a user's file, and the report on them."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

from chainrule.checking.check import check
from chainrule.checking.models import model_functions
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
        A path, or ``PATH::NAME`` for a class.
    loss, gradient, example : str
        Names in the file; by default the first of the usual ones that is there.
    parameters : tuple of str
    seed : int

    Raises
    ------
    UserFileError
        The file cannot be run, or lacks a function.
    """
    name, sign, model = file.partition("::")
    path = Path(name)
    module = run_file(path)
    if sign:
        given = _example(module, path, example)
        found = _model(module, path, model, given)
        with users_code(path, "was checked"):
            functions = model_functions(found, given, loss, gradient)
            report = check(*functions, parameters=parameters, seed=seed)
    else:
        losses = _function(module, path, loss, _LOSSES, "loss")
        gradients = _function(module, path, gradient, _GRADIENTS, "gradient")
        given = _example(module, path, example)
        with users_code(path, "was checked"):
            report = check(losses, gradients, given, parameters=parameters, seed=seed)
    return dataclasses.replace(report, subject=path.name)


def _example(module: ModuleType, path: Path, name: str) -> Any:
    found = _function(module, path, name, _EXAMPLES, "example")
    if not callable(found):
        return found
    with users_code(path, f"ran {name or 'example'}()"):
        return found()


def _model(module: ModuleType, path: Path, name: str, given: Any) -> Any:
    """The object that FILE::NAME means: one that example() makes, or a class of the file."""
    if isinstance(given, dict) and "model" in given:
        return given.pop("model")
    found = getattr(module, name, None)
    if found is None:
        classes = [key for key, value in vars(module).items() if inspect.isclass(value)]
        known = f"; it has {', '.join(classes)}" if classes else ""
        raise UserFileError(f"{path} has no class {name!r}{known}.")
    return found


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
