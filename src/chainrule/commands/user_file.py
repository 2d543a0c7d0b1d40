"""A function in a user's file, named FILE::FUNCTION, and arguments to call it with."""

from __future__ import annotations

import ast
import difflib
import importlib.util
import inspect
import linecache
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from chainrule.commands.users_code import UserFileError, forget_output, users_code
from chainrule.commands.users_package import join_package

EXAMPLE = "example"


class UserFunction(NamedTuple):
    """A function of a user's file.

    Attributes
    ----------
    function : callable
    name : str
        As it was asked for.
    path : Path
    module : module
        The file, run.
    """

    function: Callable[..., Any]
    name: str
    path: Path
    module: ModuleType


def load_function(where: str) -> UserFunction:
    """The function that ``FILE::FUNCTION`` names.

    Parameters
    ----------
    where : str
        Such as ``hw.py::loss``; a name inside an object is dotted, ``hw.py::model.loss``.

    Returns
    -------
    UserFunction

    Raises
    ------
    UserFileError
        The file does not exist, does not parse or fails, or has no such function.
    """
    file, sign, name = where.partition("::")
    path = Path(file)
    if not (file and sign and name):
        shown = _functions_in(path) or "FUNCTION, such as hw.py::loss"
        raise UserFileError(f"Name a file and a function in it, as {file or 'FILE'}::{shown}.")
    module = run_file(path)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise UserFileError(f"{path} has no function {name!r}{_near(name, module)}.")
        found = getattr(found, part)
    if not callable(found):
        raise UserFileError(f"{name} in {path} is a {type(found).__name__}, not a function.")
    return UserFunction(found, name, path, module)


def _functions_in(path: Path) -> str:
    """The functions that a file defines, without running it; nothing if it cannot be read."""
    try:
        body = ast.parse(path.read_bytes()).body
    except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
        return ""
    return " or ::".join(item.name for item in body if isinstance(item, ast.FunctionDef))


def _near(name: str, module: ModuleType) -> str:
    """What may have been meant."""
    functions = [
        key
        for key, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    ]
    close = difflib.get_close_matches(name, functions, n=3, cutoff=0.5)
    if close:
        return f"; did you mean {' or '.join(close)}"
    return f"; it has {', '.join(functions)}" if functions else "; it has no functions at all"


def run_file(path: Path) -> ModuleType:
    """Run a Python file as a module.

    Raises
    ------
    UserFileError
        It does not exist, is no Python, or raises.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise UserFileError(f"{path} {what}; give the path of a Python file.")
    try:
        text: bytes | str = path.read_bytes()
        if path.suffix == ".ipynb":
            from chainrule.commands.notebook import notebook_code

            text = notebook_code(path)
            lines = text.splitlines(keepends=True)
            linecache.cache[str(path)] = (len(text), None, lines, str(path))
        code = compile(text, str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        if error.lineno is None:
            reason = "it is no UTF-8 text" if "null bytes" in str(error.msg) else error.msg
            raise UserFileError(
                f"{path} cannot be read as Python: {reason}; save it as UTF-8 text."
            ) from None
        quoted = f": {error.text.strip()}" if error.text else ""
        raise UserFileError(
            f"{path} does not parse ({error.msg}) at line {error.lineno}{quoted}."
        ) from None
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        reason = str(error) or "it is nested too deeply"
        raise UserFileError(f"{path} cannot be read as Python: {reason}.") from None
    forget_output(path)
    name = f"user_file_{path.stem}"
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader=None))  # type: ignore[arg-type]
    module.__file__ = str(path)
    sys.modules[name] = module
    folder = str(path.resolve().parent)
    if folder not in sys.path:  # so that it can import what stands beside it, also later
        sys.path.insert(0, folder)
    with users_code(path, "was run; put what only a script does under `if __name__ == ...`"):
        join_package(module, path, text)
        exec(code, module.__dict__)
    return module


def arguments(
    user: UserFunction,
    shapes: Sequence[str] = (),
    values: Sequence[str] = (),
    seed: int = 0,
) -> dict[str, Any]:
    """Arguments for a function, by parameter.

    Parameters
    ----------
    user : UserFunction
    shapes : sequence of str
        ``x=64,784``: standard normal numbers of this shape; ``x=`` for one number.
    values : sequence of str
        ``n=3``, ``y=[0, 1, 1]``: a Python literal; lists of numbers become arrays.
    seed : int
        Seeds the random numbers.

    Returns
    -------
    dict of str to object
        What ``example()`` in the same file gives for the function's parameters, and what was given
        by hand.

    Raises
    ------
    UserFileError
        Nothing gives a parameter its argument, or something cannot be understood.
    """
    rng = np.random.default_rng(seed)
    by_hand: dict[str, Any] = {}
    for text in shapes:
        name, shape = _split(text, "--shape x=64,784")
        by_hand[name] = _random(text, shape, rng)
    for text in values:
        name, value = _split(text, "--arg n=3")
        by_hand[name] = _literal(text, value)
    parameters = _parameters(user)
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    named = {
        name: p for name, p in parameters.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    }
    for name in by_hand:
        if name not in named and not takes_any:
            raise UserFileError(
                f"{user.name} has no parameter {name!r}; its parameters are {', '.join(named)}."
            )
    given = _example(user)
    if given is not None and not takes_any:
        given = {name: value for name, value in given.items() if name in named}
    found = {**(given or {}), **by_hand}
    missing = [name for name, p in named.items() if name not in found and p.default is p.empty]
    if missing:
        raise UserFileError(_what_is_missing(user, missing, given is not None))
    return found


def bind(user: UserFunction, found: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments by parameter as positional and keyword arguments, in the function's order."""
    args: list[Any] = []
    kwargs = dict(found)
    for name, parameter in _parameters(user).items():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            if name not in kwargs:
                break
            args.append(kwargs.pop(name))
    return tuple(args), kwargs


def _parameters(user: UserFunction) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(user.function).parameters)
    except (TypeError, ValueError):
        raise UserFileError(f"the parameters of {user.name} in {user.path} are unknown.") from None


def _what_is_missing(user: UserFunction, missing: Sequence[str], has_example: bool) -> str:
    names = ", ".join(missing)
    if has_example:
        return (
            f"{EXAMPLE}() in {user.path} gives no {names} for {user.name}; add "
            f'"{missing[0]}" to its dict, or give --shape {missing[0]}=3,4.'
        )
    return (
        f"{user.path} has no {EXAMPLE}() that gives arguments for {user.name}({names}); write "
        f'def {EXAMPLE}(): return {{"{missing[0]}": ...}} there, or give --shape {missing[0]}=3,4.'
    )


def _example(user: UserFunction) -> dict[str, Any] | None:
    """What the file's ``example()`` returns; None if there is none."""
    function = getattr(user.module, EXAMPLE, None)
    if function is None:
        return None
    with users_code(user.path, f"ran {EXAMPLE}()"):
        found = function()
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise UserFileError(
            f"{EXAMPLE}() in {user.path} returned a {type(found).__name__}; it must return a dict "
            "of arguments by parameter name."
        )
    return found


def _split(text: str, form: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip().isidentifier():
        raise UserFileError(f"{text!r} names no parameter; write it as in {form}.")
    return name.strip(), value.strip()


def _random(text: str, shape: str, rng: np.random.Generator) -> Any:
    try:
        sizes = tuple(int(part) for part in shape.strip("()").split(",") if part.strip())
    except ValueError:
        sizes = (-1,)
    if any(size < 0 for size in sizes):
        raise UserFileError(f"--shape {text} gives no shape; write it as in --shape x=64,784.")
    return rng.normal(size=sizes)


def _literal(text: str, value: str) -> Any:
    try:
        found = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        raise UserFileError(
            f"--arg {text} gives no Python number, string or list; write it as in --arg n=3."
        ) from None
    if isinstance(found, (list, tuple)):
        try:
            array = np.array(found)
        except ValueError:
            raise UserFileError(f"--arg {text} gives rows of different lengths.") from None
        if array.dtype.kind in "fiub":
            return array
    return found
