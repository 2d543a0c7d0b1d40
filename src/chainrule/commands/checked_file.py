"""The loss, gradient and example of a user's file, and the report on them, in limited time."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from chainrule.checking.check import Check
from chainrule.checking.models import model_functions
from chainrule.checking.report import Report
from chainrule.checking.stopping import Stopped
from chainrule.commands.time_limit import TimeLimit
from chainrule.commands.user_file import run_file
from chainrule.commands.users_code import UserFileError, users_code

_LOSSES = (
    "loss", "cost", "compute_loss", "compute_cost", "objective", "loss_fn", "loss_function",
    "cost_function",
)  # fmt: skip
_GRADIENTS = (
    "gradient", "gradients", "grad", "grads", "backward", "compute_gradient", "compute_gradients",
    "compute_grad", "backprop", "backpropagation", "backward_propagation", "back_propagation",
    "backpropagate", "backward_pass",
)  # fmt: skip
_EXAMPLES = ("example", "example_inputs", "inputs")


class FileCheck:
    """The check of the gradient in a user's file.

    Parameters
    ----------
    file : str
        A path, or ``PATH::NAME`` for a class.
    loss, gradient, example : str
        Names in the file; by default the first of the usual ones that is there.
    parameters : tuple of str
    seed : int

    Attributes
    ----------
    interrupted : bool
        The user ended it.
    """

    def __init__(
        self,
        file: str,
        loss: str = "",
        gradient: str = "",
        example: str = "",
        parameters: tuple[str, ...] = (),
        seed: int = 0,
    ) -> None:
        name, _, self._model = file.partition("::")
        self._path = Path(name)
        self._names = (loss, gradient, example)
        self._options: dict[str, Any] = {"parameters": parameters, "seed": seed}
        self._check: Check | None = None
        self.interrupted = False

    def run(self, seconds: float | None, at_last: Callable[[Report], int]) -> Report:
        """Run the file and check the gradient in it.

        Parameters
        ----------
        seconds : float or None
            The time that it may take, see `TimeLimit`.
        at_last : callable
            ``at_last(report) -> status`` prints what was found where the process must be ended.

        Raises
        ------
        UserFileError
            The file cannot be run, or lacks a function.
        """
        limit = TimeLimit(self._path, seconds, lambda sentence: at_last(self._so_far(sentence)))
        try:
            with limit:
                report = self._run()
        except Stopped as stopped:
            report = self._so_far(str(stopped))
            self.interrupted = limit.interrupted
        except KeyboardInterrupt:  # a signal other than Ctrl-C, or the file's own
            report = self._so_far(f"the check of {self._path} was interrupted.")
            self.interrupted = True
        return self._named(report)

    def _run(self) -> Report:
        loss, gradient, example = self._names
        path, module = self._path, run_file(self._path)
        functions: tuple[Any, Any, Any]
        if self._model:
            given = _example(module, path, example)
            found = _model(module, path, self._model, given)
            with users_code(path, "was checked"):
                functions = model_functions(found, given, loss, gradient)
        else:
            losses = _function(module, path, loss, _LOSSES, "loss")
            gradients = _function(module, path, gradient, _GRADIENTS, "gradient")
            functions = losses, gradients, _example(module, path, example)
        self._check = Check(*functions, **self._options)
        with users_code(path, "was checked"):
            return self._check.run()

    def _so_far(self, sentence: str) -> Report:
        if self._check is None:
            return self._named(Report("error", message=sentence))
        return self._named(self._check.so_far(sentence))

    def _named(self, report: Report) -> Report:
        notes = report.notes
        first = report.first_wrong
        if first is not None and self._path.suffix == ".ipynb":
            from chainrule.commands.notebook import place_in_notebook

            notes = (f"line {first.line} is {place_in_notebook(self._path, first.line)}.", *notes)
        return dataclasses.replace(report, subject=self._path.name, notes=notes)


def _example(module: ModuleType, path: Path, name: str) -> Any:
    found = _function(module, path, name, _EXAMPLES, "example")
    if not callable(found):
        return found
    needed = _needed(found)
    if needed:
        raise UserFileError(
            f"{name or 'example'}() in {path} needs {', '.join(needed)}; it must run without "
            "arguments and return the arguments of loss and gradient."
        )
    with users_code(path, f"ran {name or 'example'}()"):
        return found()


def _needed(function: Any) -> list[str]:
    """The arguments that a function cannot be called without."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    named = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD,
             inspect.Parameter.KEYWORD_ONLY)  # fmt: skip
    return [p.name for p in parameters if p.default is p.empty and p.kind in named]


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
    if role == "loss":
        _suggest_class(module, path, names)
    own = [key for key, value in vars(module).items() if inspect.isfunction(value)]
    near = difflib.get_close_matches(names[0], own, n=1, cutoff=0.5)
    hint = f"; did you mean --{role} {near[0]}" if near else ""
    raise UserFileError(
        f"{path} has no {names[0]}{hint}. A file to check has {_SIGNATURES[role]}; name another "
        f"with --{role}."
    )


def _suggest_class(module: ModuleType, path: Path, names: tuple[str, ...]) -> None:
    """Say how a class of the file is checked, if it has the loss that the file lacks.

    Raises
    ------
    UserFileError
    """
    known = {name.rpartition(".")[2] for name in (*names, *_LOSSES)}
    for key, value in vars(module).items():
        if inspect.isclass(value) and value.__module__ == module.__name__:
            methods = [name for name in vars(value) if name in known]
            if methods:
                raise UserFileError(
                    f"{path} has no {names[0]}, but a class {key} with {methods[0]}(): check it "
                    f"with `chainrule check {path}::{key}`."
                )


_SIGNATURES = {
    "loss": "loss(**arrays) -> float",
    "gradient": "gradient(**arrays) -> {name: array}",
    "example": "example() -> {name: array}",
}
