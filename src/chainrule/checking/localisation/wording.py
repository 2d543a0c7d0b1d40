"""A fault in words: the line, what it should hold and what it holds, in the user's own names."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from chainrule.checking.localisation.edited import Change
from chainrule.checking.localisation.fault import Fault
from chainrule.checking.localisation.helpers import WrongHelper
from chainrule.checking.localisation.search import Search
from chainrule.engine.errors import ChainruleError
from chainrule.engine.graph import Graph
from chainrule.programs.names import node_names

_NAME = re.compile(r"(?<![\w.])[^\W\d]\w*")
_ASSIGNED = re.compile(r"^ +(\w+) = (.+)$", re.MULTILINE)
_LONGEST, _DEEPEST = 80, 4


@dataclass(frozen=True)
class FaultyLine:
    """A line that is wrong although everything it uses is right.

    Attributes
    ----------
    line, end_line : int
        In the file, from 1.
    text : str
        The line as it is written.
    function, filename : str
    target : str or None
        The variable, attribute or key that the line binds.
    expected : str
        What it should equal: "the cotangent of z1", "5 × the gradient of W1".
    formula : str or None
        The same as NumPy, in the user's own names, where those suffice.
    found : str or None
        What it equals instead, if that has a name.
    repaired : tuple of str
        Parameters whose gradient is right once the line's value is.
    inherited : tuple of int
        Later lines that are wrong only because this one is.
    confirmed : bool
        With the true value on this line every gradient is right; otherwise other lines are wrong
        as well.
    truncates : bool
        It makes an array of integers where fractions are due.
    change : str or None
        The change of its text that mends it, where no true value of its own does.
    shown : bool
        A change of its text is seen to mend what its true value mends.
    """

    line: int
    end_line: int
    text: str
    function: str
    filename: str
    target: str | None
    expected: str
    formula: str | None
    found: str | None
    repaired: tuple[str, ...]
    inherited: tuple[int, ...]
    confirmed: bool
    truncates: bool = False
    change: str | None = None
    shown: bool = False

    @property
    def should_be(self) -> str:
        """What it should equal, with the formula where there is one."""
        return f"{self.expected}, {self.formula}" if self.formula else self.expected

    def __str__(self) -> str:
        if self.change is not None:
            return f"line {self.line}: {self.text}\n  it is right with {self.change}"
        what = f"{self.target} should equal" if self.target else "it should make"
        instead = f"; it equals {self.found}" if self.found else ""
        return f"line {self.line}: {self.text}\n  {what} {self.should_be}{instead}"


def faulty_line(fault: Fault, search: Search, graph: Graph) -> FaultyLine:
    """A fault as the user reads it.

    Parameters
    ----------
    fault : Fault
    search : Search
        That found it.
    graph : Graph
        The loss with its backward pass.
    """
    site = fault.step.site
    filename, line = search.place(fault)
    end_line = max(line, site.end_line) if line == site.line else line
    # at the line of a call what the function gives is meant, and not what is made of it there
    called = (filename, line) == fault.step.caller and site.function.isidentifier()
    inside = f" in {site.function}(…)" if called else ""
    return FaultyLine(
        line=line,
        end_line=end_line,
        text=linecache.getline(filename, line).strip(),
        function=site.function,
        filename=filename,
        target=fault.step.name,
        expected=scaled(fault.scale, fault.called.meaning) + inside,
        formula=_formula(fault, search, graph),
        found=_found(fault),
        repaired=tuple(sorted(fault.repaired)),
        inherited=tuple(x for x in search.substitution.inherited(fault) if x != line),
        confirmed=fault.complete,
        truncates=_truncates(fault),
    )


def _truncates(fault: Fault) -> bool:
    """Whether an array of integers is to be written to, or holds true values cut off."""
    value = fault.step.value
    if value.dtype.kind not in "iu":
        return False
    due = np.asarray(fault.replaced[fault.step.places[0]])
    row = fault.step.rows()[0]
    if not np.any(value):
        return True
    mask = bool(np.all((value == 0) | (value == 1)))
    return not mask and row.shape == due.shape and bool(np.all(np.abs(row - due) < 1))


def helper_line(helper: WrongHelper, repaired: Iterable[str]) -> FaultyLine:
    """The line on which a helper returns another derivative than the one that is due."""
    site = helper.site
    return FaultyLine(
        line=site.line,
        end_line=site.end_line,
        text=linecache.getline(site.filename, site.line).strip(),
        function=site.function,
        filename=site.filename,
        target=None,
        expected=helper.quantity.meaning,
        formula=None,
        found=None,
        repaired=tuple(sorted(repaired)),
        inherited=(),
        confirmed=True,
    )


_INTEGERS = re.compile(r"(dtype=|astype\()['\"]?(np\.)?u?int")


def changed_line(change: Change, found: Sequence[FaultyLine], complete: bool) -> FaultyLine:
    """A line that a change of its text mends, where it was found at others."""
    edit = change.edit
    later = {line for each in found for line in (each.line, *each.inherited)}
    return FaultyLine(
        line=edit.line,
        end_line=edit.line,
        text=linecache.getline(change.filename, edit.line).strip(),
        function=change.function,
        filename=change.filename,
        target=None,
        expected="",
        formula=None,
        found=None,
        repaired=tuple(sorted(change.repaired)),
        inherited=tuple(sorted(line for line in later if line > edit.line)),
        confirmed=complete,
        truncates=bool(_INTEGERS.search(edit.change.before))
        and not _INTEGERS.search(edit.change.after),
        change=edit.said,
        shown=True,
    )


def _found(fault: Fault) -> str | None:
    """What a step holds, if that is a true quantity too."""
    own = fault.own
    match = own or fault.step.standing
    if match is None or not fault.step.matches:
        return None
    text = scaled(match.scale, fault.called.meaning if own else match.quantity.meaning)
    return f"{text}, transposed" if match.transposed and own else text


def scaled(scale: float, text: str) -> str:
    """``5 × the cotangent of z``."""
    if abs(scale - 1) < 1e-9:
        return text
    if abs(scale + 1) < 1e-9:
        return f"-1 × {text}"
    if abs(scale) < 1 and abs(1 / scale - round(1 / scale)) < 1e-6:
        return f"{'-' if scale < 0 else ''}1/{abs(round(1 / scale))} × {text}"
    return f"{scale:.6g} × {text}"


# --- formulas ------------------------------------------------------------------------------------


def _formula(fault: Fault, search: Search, graph: Graph) -> str | None:
    """What a step should hold as an expression of NumPy, in the user's names."""
    quantity = fault.called
    if quantity.kind != "cotangent" or fault.step.stacked:
        return None
    try:
        source = str(graph.source(cotangents="d"))
    except ChainruleError:
        return None
    made = {
        name: text for name, text in _ASSIGNED.findall(source) if text.count("(") == text.count(")")
    }
    known, cotangents = _users_names(fault, search, graph)
    same = [quantity, *(each for each in quantity.aliases if each.kind == "cotangent")]
    text = next((made[f"d{each.name}"] for each in same if f"d{each.name}" in made), None)
    for _ in range(_DEEPEST):
        if text is None or len(text) > _LONGEST or "np.float64(" in text:
            return None
        missing = [x for x in _NAME.findall(text) if x not in known and x not in cotangents]
        if not missing:
            break
        if missing[0] not in made or not missing[0].startswith("d"):
            return None
        inner = made[missing[0]]
        inner = inner if _NAME.fullmatch(inner) else f"({inner})"
        text = re.sub(rf"(?<![\w.]){missing[0]}\b", inner.replace("\\", r"\\"), text)
    else:
        return None
    # a sum of products with one cotangent each: a factor of theirs is a factor of it
    has_cotangent = any(x in cotangents for x in _NAME.findall(text))
    if abs(fault.scale - 1) > 1e-9 and not has_cotangent:
        return None
    text = _NAME.sub(lambda match: known.get(match[0]) or cotangents[match[0]], text)
    return text if _gives(text, fault, search, graph) else None


def _gives(text: str, fault: Fault, search: Search, graph: Graph) -> bool:
    """Whether a formula gives what a step should hold, with the user's values at that time."""
    if "zeros_like" in text:
        return False  # a sum over the passes of a loop, which is no formula of one line
    values = {"np": np, **{str(node.name): node.value for node in graph.inputs}}
    for step in sorted(search.steps, key=lambda step: step.time):
        if step.time < fault.step.time and step.site.target is not None and not step.stacked:
            values[step.site.target.split("[")[0]] = step.value
    try:
        with np.errstate(all="ignore"):
            found = np.asarray(eval(text, {"__builtins__": {}}, values))
    except Exception:  # a name that stands for something else there
        return False
    true = fault.scale * np.asarray(fault.called.value)
    return found.shape == true.shape and bool(np.allclose(found, true, rtol=1e-7, atol=1e-12))


def _users_names(
    fault: Fault, search: Search, graph: Graph
) -> tuple[dict[str, str], dict[str, str]]:
    """Names of chainrule's backward pass as the user's gradient has them: values, cotangents.

    Cotangents with the factor that the fault's own value should have.
    """
    known, cotangents = {"np": "np"}, {}
    names = node_names(graph, "d")
    for node in graph.inputs:
        known[names[node.index]] = names[node.index]
    for step in search.steps:
        match = step.standing
        target = step.site.target
        if target is not None and step.site.kind in ("augmented", "in place"):
            target = target.split("[")[0]
        if step.time >= fault.step.time or match is None or match.transposed or not step.matches:
            continue
        if target is None or not target.isidentifier() or step.stacked:
            continue
        every = (match.quantity, *match.quantity.aliases)
        own = [x for x in every if x.kind == "forward" and x.name == target]
        for quantity in own or every:
            if quantity.kind == "cotangent" and abs(match.scale - fault.scale) < 1e-9:
                cotangents[f"d{quantity.name}"] = target
            elif quantity.kind == "forward" and match.exact:
                known.setdefault(quantity.name, target)
    return known, cotangents
