"""What an experiment is: its description, its parameters and presets, and a function of a run."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chainrule.experiments.run import Run

__all__ = ["Experiment", "ExperimentError", "Parameter", "Run", "nearest", "written"]

DATA_KINDS = ("embedded", "real")
PRESETS = ("quick", "full")


class ExperimentError(Exception):
    """An experiment, parameter or value that does not exist or cannot be used."""


def nearest(name: str, names: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the name closest to `name`, or an empty string."""
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f" Did you mean {close[0]!r}?" if close else ""


@dataclass(frozen=True)
class Parameter:
    """One named setting of an experiment; its type is the type of its default.

    Attributes
    ----------
    name : str
    default : bool, int, float, str, or a non-empty tuple of one of these
    description : str
    minimum : float, optional
        The smallest value allowed, of each element for a tuple.
    choices : tuple, optional
        The only values allowed, of each element for a tuple.
    """

    name: str
    default: Any
    description: str
    minimum: float | None = None
    choices: tuple[Any, ...] | None = None

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"The parameter name {self.name!r} is not a Python identifier.")
        if self.kind not in (bool, int, float, str):
            raise ValueError(
                f"The default of parameter {self.name!r} is {self.default!r}; it must be a bool, "
                "int, float, str or a non-empty tuple of one of these."
            )
        self.check(self.default)

    @property
    def is_list(self) -> bool:
        """Whether the parameter takes several values."""
        return isinstance(self.default, tuple)

    @property
    def kind(self) -> type[Any]:
        """The type of the value, or of each of its elements."""
        if not self.is_list:
            return type(self.default)
        return type(self.default[0]) if self.default else tuple

    def parse(self, text: str) -> Any:
        """Return the value that `text` writes, checked; lists are separated by commas.

        Raises
        ------
        ExperimentError
            If it is not of the parameter's type, below the minimum, or not a choice.
        """
        if not self.is_list:
            return self.check(self._parse_one(text))
        parts = [part.strip() for part in text.strip().strip("()[]").split(",")]
        return self.check(tuple(self._parse_one(part) for part in parts if part))

    def check(self, value: Any) -> Any:
        """Return `value` as the parameter's type (an int becomes a float, a list a tuple).

        Raises
        ------
        ExperimentError
            If it is not of the parameter's type, below the minimum, or not a choice.
        """
        if not self.is_list:
            return self._check_one(value)
        if not isinstance(value, (list, tuple)) or not value:
            raise self._error(repr(value))
        return tuple(self._check_one(element) for element in value)

    def _parse_one(self, text: str) -> Any:
        """Return one element from its text."""
        text = text.strip()
        if self.kind is str:
            return text
        if self.kind is bool:
            words = {"true": True, "yes": True, "on": True, "1": True}
            words |= {"false": False, "no": False, "off": False, "0": False}
            if text.lower() not in words:
                raise self._error(repr(text))
            return words[text.lower()]
        try:
            return self.kind(text)
        except ValueError:
            raise self._error(repr(text)) from None

    def _check_one(self, value: Any) -> Any:
        """Return one element, of the right type and within bounds."""
        if self.kind is float and type(value) is int:
            value = float(value)
        if type(value) is not self.kind or value != value:
            raise self._error(repr(value))
        if self.choices is not None and value not in self.choices:
            raise self._error(repr(value))
        if self.minimum is not None and value < self.minimum:
            raise self._error(repr(value))
        return value

    def _error(self, given: str) -> ExperimentError:
        """Return the refusal of a value, saying what the parameter takes."""
        names = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}
        expected = names[self.kind]
        if self.choices is not None:
            expected = "one of " + ", ".join(str(choice) for choice in self.choices)
        elif self.minimum is not None:
            expected = f"{expected} of at least {self.minimum:g}"
        if self.is_list:
            expected = f"a comma-separated list, each {expected}"
        example = written(self.default)
        return ExperimentError(
            f"Parameter {self.name!r} cannot be {given}: it is {expected}, for example "
            f"{self.name}={example}."
        )


def written(value: Any) -> str:
    """Return a parameter's value as a user would write it after --set."""
    if isinstance(value, tuple):
        return ",".join(written(element) for element in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class Experiment:
    """An experiment: what it shows, its settings, its data, and the function that does it.

    Attributes
    ----------
    name : str
        As typed on the command line, for example "digits-3-vs-9".
    title : str
    document, question : str
        The source document ("001") and the question in it ("§1").
    summary : str
        What it shows, in Markdown.
    parameters : tuple of Parameter
    presets : mapping
        Exactly "quick" and "full", each mapping parameter names to values.
    data : mapping
        What "embedded" data, and optionally "real" data, are; embedded data is the default.
    run : callable
        Does the experiment through the `Run` it is given.
    needs : tuple of str
        Extras of the package that it needs, for example ("vision",).
    command : str
        What starts it, where ``chainrule run NAME`` does not: a command with data of its own, to
        which parameters are given as options. Its document is empty.
    """

    name: str
    title: str
    document: str
    question: str
    summary: str
    parameters: tuple[Parameter, ...]
    presets: Mapping[str, Mapping[str, Any]]
    data: Mapping[str, str]
    run: Callable[[Run], None]
    needs: tuple[str, ...] = ()
    command: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.name):
            raise ValueError(f"The experiment name {self.name!r} is not lower-case-with-dashes.")
        names = [parameter.name for parameter in self.parameters]
        if len(set(names)) < len(names):
            raise ValueError(f"Experiment {self.name!r} declares a parameter twice.")
        if tuple(sorted(self.presets)) != tuple(sorted(PRESETS)):
            raise ValueError(f"Experiment {self.name!r} must have the presets quick and full.")
        kinds = set(self.data)
        if not kinds <= set(DATA_KINDS) or ("embedded" not in kinds and not self.command):
            raise ValueError(
                f"Experiment {self.name!r} must describe embedded and optionally real data."
            )
        for preset in PRESETS:
            self.resolve(preset, {})

    def resolve(self, preset: str, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return the value of every parameter: default, then preset, then `settings`.

        Parameters
        ----------
        preset : {"quick", "full"}
        settings : mapping
            Values by parameter name.

        Raises
        ------
        ExperimentError
            For an unknown preset or parameter, or a value the parameter refuses.
        """
        if preset not in self.presets:
            raise ExperimentError(f"Unknown preset {preset!r}; choose quick or full.")
        parameters = {parameter.name: parameter for parameter in self.parameters}
        values = {name: parameter.default for name, parameter in parameters.items()}
        for name, value in {**self.presets[preset], **settings}.items():
            values[name] = self.parameter(name).check(value)
        return values

    def parameter(self, name: str) -> Parameter:
        """Return the parameter called `name`.

        Raises
        ------
        ExperimentError
            If there is none, with the nearest name.
        """
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        names = [parameter.name for parameter in self.parameters]
        raise ExperimentError(
            f"Experiment {self.name!r} has no parameter {name!r}.{nearest(name, names)} "
            f"Its parameters: {', '.join(names) or 'none'}."
        )
