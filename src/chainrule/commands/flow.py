"""``chainrule flow``: how gradients flow through the network of a user's file."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chainrule.commands.output import AsJson, Seconds, print_json

if TYPE_CHECKING:
    from chainrule.checking.flow_report import Flow

_STATUS = {"healthy": 0, "not enough data": 3}  # anything else is 1
# What parameters are called where nothing else says which arguments they are.
_PARAMETER = re.compile(
    r"(w|b|u|v|k|theta|beta|gamma|alpha|weights?|biase?s?|params?|parameters?|kernels?)_?\w{0,3}",
    re.IGNORECASE,
)


def flow(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A Python file with a network.")],
    parameters: Annotated[
        str | None,
        typer.Option("--parameters", metavar="NAMES", help="Arguments of loss, W1,b1; guessed."),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option("--learning-rate", help="For the size of updates.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the picture to this .svg file.")
    ] = None,
    time_limit: Seconds = None,
    as_json: AsJson = False,
) -> int:
    """Show per layer where gradients vanish or explode.

    Dead and saturated units are found as well.

    \b
    FILE holds one of
      loss(**arrays) and example(), as for `chainrule check`; if it has batches(), dicts of
      the arguments that change from batch to batch, these are used as well
      model, loss(outputs, targets) and batches(), pairs of inputs and targets; model is a
      chainrule network (its parameters are params, or drawn) or a PyTorch module

    \b
    chainrule flow hw.py --learning-rate 0.1 -o flow.svg

    The exit status is 0 if all is healthy, 1 if not, 3 if there is not enough data.
    """
    from chainrule.commands.time_limit import limited
    from chainrule.commands.user_file import run_file
    from chainrule.commands.users_code import UserFileError, users_code

    if output is not None and output.suffix.lower() != ".svg":
        raise UserFileError(f"{output.name} must end in .svg; the numbers are printed, or --json.")
    with limited(file, time_limit):
        module = run_file(file)
        measure = _of_model if hasattr(module, "model") else _of_loss
        with users_code(file, "ran its network"):
            found = measure(module, file, parameters, learning_rate)
    if output is not None:
        try:
            found.save(output)
        except OSError as error:
            raise UserFileError(f"{output} cannot be written: {error.strerror or error}.") from None
    if as_json:
        print_json({"file": str(file), **found.to_json()})
    else:
        print(found)
        if output is not None:
            print(output)
    return _STATUS.get(found.verdict, 1)


def _of_model(
    module: ModuleType, file: Path, parameters: str | None, learning_rate: float | None
) -> Flow:
    from chainrule.checking.flow import flow as measure
    from chainrule.commands.users_code import UserFileError

    if parameters is not None:
        raise UserFileError("--parameters names arguments of a loss; a model has its own.")
    model, loss = module.model, getattr(module, "loss", None)
    if not hasattr(module, "batches"):
        raise UserFileError(
            f"{file} has a model and no batches(); write def batches() that returns a list of "
            "(inputs, targets)."
        )
    params = getattr(module, "params", None)
    if params is None and hasattr(model, "apply_training"):
        params = model.init(0)
    state = model.init_state() if hasattr(model, "init_state") else None
    batches = _called(module.batches, file)
    return measure(model, params, batches, loss=loss, state=state, learning_rate=learning_rate)


def _of_loss(
    module: ModuleType, file: Path, parameters: str | None, learning_rate: float | None
) -> Flow:
    from chainrule.checking.flow import flow as measure
    from chainrule.commands.users_code import UserFileError

    for name in ("loss", "example"):
        if not callable(getattr(module, name, None)):
            networks = [
                key
                for key, value in vars(module).items()
                if isinstance(value, type)
                and value.__module__ == module.__name__
                and hasattr(value, "forward")
            ]
            cure = f"add model = {networks[-1]}() to it; " if networks else ""
            raise UserFileError(
                f"{file} has neither a model nor {name}(); {cure}`chainrule flow --help` says what "
                "it must hold."
            )
    example = dict(module.example())
    names = _parameters(module, example, parameters, file)
    params = {name: example.pop(name) for name in names}
    batches: list[dict[str, Any]] = [example]
    if hasattr(module, "batches"):
        batches = []
        for batch in _called(module.batches, file):
            if not isinstance(batch, dict):
                raise UserFileError(
                    f"batches() in {file} gives a batch of type {type(batch).__name__}; beside a "
                    "loss it must give dicts of arguments, as example() does."
                )
            batches.append({**example, **batch})
    loss = module.loss

    def of_tree(params: Any, **arrays: Any) -> Any:
        return loss(**params, **arrays)

    return measure(of_tree, params, batches, learning_rate=learning_rate)


def _parameters(
    module: ModuleType, example: dict[str, Any], given: str | None, file: Path
) -> list[str]:
    """Which arguments are parameters: as told, those of gradient(), or by their names."""
    from chainrule.commands.users_code import UserFileError

    if given is not None:
        names = [name.strip() for name in given.split(",") if name.strip()]
        unknown = [name for name in names if name not in example]
        if unknown or not names:
            raise UserFileError(
                f"example() in {file} has no {unknown[0] if unknown else 'parameter'!r}; it has "
                f"{', '.join(example)}."
            )
        return names
    gradient = getattr(module, "gradient", None)
    if callable(gradient):
        returned = gradient(**copy.deepcopy(example))  # which may change what it is given
        if isinstance(returned, dict) and returned and all(name in example for name in returned):
            return [name for name in example if name in returned]
    names = [name for name in example if _PARAMETER.fullmatch(name)]
    if not names:
        raise UserFileError(
            f"none of {', '.join(example)} looks like a parameter; name them, as in "
            "--parameters W1,b1."
        )
    return names


def _called(batches: Callable[[], Any] | Any, file: Path) -> list[Any]:
    from chainrule.commands.users_code import UserFileError

    found = batches() if callable(batches) else batches
    if not isinstance(found, Iterable):
        raise UserFileError(
            f"batches of {file} is of type {type(found).__name__}; it must be a list of batches, "
            "or a function that returns one."
        )
    return list(found)
