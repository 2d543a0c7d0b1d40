"""One node as an expression in its inputs: Python source, plain text or LaTeX.

Precedence is kept with the text (`Term`), so that expressions can stand inside expressions with no
more parentheses than a person would write. What a primitive looks like is told by its declaration
(``infix``, ``text``, ``latex``, ``source``); `chainrule.programs.numpy_notation` adds what people
write instead of ``np.name(…)``.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.engine.graph import Node, shape_of
from chainrule.engine.primitive import CONSTANT, PLACEHOLDER, Primitive
from chainrule.programs.latex_templates import fill_latex
from chainrule.programs.literals import latex_literal, literal, text_literal
from chainrule.programs.numpy_notation import SOURCE, TEXT
from chainrule.programs.terms import (
    AND,
    ATOM,
    COMPARISON,
    INFIX,
    NOTHING,
    OR,
    POWER,
    PRODUCT,
    SHIFT,
    SUM,
    UNARY,
    XOR,
    Form,
    Term,
    call,
    infix,
    number_term,
    shown,
)

_LATEX_INFIX = {
    "*": r"\odot", "@": "", "<=": r"\le", ">=": r"\ge", "==": "=", "!=": r"\ne", "%": r"\bmod",
    "&": r"\wedge", "|": r"\vee",
}  # fmt: skip


_READ_WHOLE = 8  # characters of a number that is not rounded for reading
Names = Mapping[int, str | Term]
ConstantNames = Callable[[Any], str | None]


def expression(
    node: Node,
    names: Names,
    form: Form = "text",
    *,
    constants: ConstantNames | None = None,
) -> str:
    """A node as an expression in its inputs.

    Parameters
    ----------
    node : Node
    names : mapping of int to str or Term
        What stands for each input, by its index: a name, or an expression with its precedence.
    form : {"text", "latex", "source"}
        Plain text (``z²``), LaTeX, or Python that NumPy runs (``z**2``, ``np.sum(z, axis=0)``).
    constants : callable, optional
        Gives a constant array a name, or None to have it written out.

    Returns
    -------
    str
        For an input of the graph its name.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> graph = cr.trace(lambda x, w: np.sum(x * w, axis=0) ** 2, np.ones((2, 3)), np.ones(3))
    >>> [expression(n, {0: "x", 1: "w", 2: "p", 3: "s"}, "source") for n in graph][2:]
    ['x * w', 'np.sum(p, axis=0)', 's**2']
    """
    return term(node, names, form, constants=constants).text


def term(
    node: Node,
    names: Names,
    form: Form = "text",
    *,
    constants: ConstantNames | None = None,
) -> Term:
    """As `expression`, with the precedence of the outermost operator."""
    operands = [operand_term(x, names, form, constants) for x in node.inputs]
    primitive = node.primitive
    if primitive is PLACEHOLDER:
        return _as_term(names[node.index], form)
    if primitive is CONSTANT:
        return operands[0]
    if form == "latex":
        return _latex(node, operands)
    special = (SOURCE if form == "source" else TEXT).get(primitive.name)
    if special is not None:
        found = special(node, operands)
        if found is not None:
            return found
    if primitive.infix is not None and len(operands) == 2:
        return infix(primitive.infix, *operands)
    template = primitive.source if form == "source" else primitive.text
    if template is not None:
        return _from_template(node, operands, template, form)
    function = f"np.{primitive.name}" if form == "source" else primitive.name
    if form == "source" and primitive.bind is not None and primitive.functions:
        function = numpy_name(primitive) or function
    return call(function, operands, shown(node), form)


def operand_term(
    operand: Any, names: Names, form: Form = "text", constants: ConstantNames | None = None
) -> Term:
    """An input of a node: its name or expression, or the constant written out."""
    if type(operand) is Node:
        return _as_term(names[operand.index], form)
    name = constants(operand) if constants is not None else None
    if name is not None:
        return _as_term(name, form)
    write = {"source": literal, "text": text_literal, "latex": latex_literal}[form]
    return number_term(write(operand if form == "source" else _rounded(operand)))


def _rounded(number: Any) -> Any:
    """A long number to six digits, which is what a reader reads of it."""
    if not isinstance(number, (float, np.floating)) or len(f"{number!s}") <= _READ_WHOLE:
        return number
    return float(f"{number:.6g}")


def _as_term(given: str | Term, form: Form) -> Term:
    if isinstance(given, Term):
        return given
    return Term(latex_name(given) if form == "latex" else given)


@functools.cache
def numpy_name(primitive: Primitive) -> str | None:
    """Where NumPy or SciPy keeps the primitive's function, such as ``np.linalg.inv``."""
    for prefix, module in _modules():
        for function in primitive.functions:
            name = getattr(function, "__name__", "")
            if getattr(module, name, None) is function:
                return f"{prefix}.{name}"
    return None


def _modules() -> list[tuple[str, Any]]:
    import sys

    found = [("np", np), ("np.linalg", np.linalg), ("np.lib.stride_tricks", np.lib.stride_tricks)]
    special = sys.modules.get("scipy.special")
    return found if special is None else [*found, ("scipy.special", special)]


def _from_template(node: Node, operands: list[Term], template: Any, form: Form) -> Term:
    """Fill a declared notation; operands get parentheses where their place binds more strongly."""
    params = _template_params(node, template)
    marks = [f"operand{i}_" for i in range(len(operands))]
    if callable(template):
        pattern = template(*marks, **params)
        if pattern.startswith("chainrule.engine."):  # the engine's own functions have no defaults
            pattern = template(*marks, **node.params)
    else:
        pattern = template.format(*marks, **params, operands=", ".join(marks))
    if form != "source":
        return _fill_text(pattern, operands)
    places, outermost = _places(pattern)
    text = pattern
    for i in range(len(operands) - 1, -1, -1):
        text = text.replace(marks[i], operands[i].within(places.get(marks[i], ATOM)))
    return Term(text, outermost)


def _template_params(node: Node, template: Any) -> dict[str, Any]:
    if not callable(template):
        return node.params
    required = {
        name
        for name, parameter in inspect.signature(template).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
    }
    visible = shown(node)
    return {k: v for k, v in node.params.items() if k in visible or k in required}


@functools.lru_cache(maxsize=4096)
def _places(pattern: str) -> tuple[dict[str, int], int]:
    """For each mark in a piece of Python, how strongly its place binds; and the whole."""
    tree = ast.parse(pattern, mode="eval").body
    places: dict[str, int] = {}
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.Name) and child.id.startswith("operand"):
                    needed = _needed(parent, field)
                    places[child.id] = max(places.get(child.id, NOTHING), needed)
    return places, _strength(tree)


_AST_STRENGTH: dict[type, int] = {
    ast.Pow: POWER, ast.Mult: PRODUCT, ast.Div: PRODUCT, ast.FloorDiv: PRODUCT, ast.Mod: PRODUCT,
    ast.MatMult: PRODUCT, ast.Add: SUM, ast.Sub: SUM, ast.LShift: SHIFT, ast.RShift: SHIFT,
    ast.BitAnd: AND, ast.BitXor: XOR, ast.BitOr: OR,
}  # fmt: skip


def _strength(tree: ast.expr) -> int:
    if isinstance(tree, ast.BinOp):
        return _AST_STRENGTH[type(tree.op)]
    if isinstance(tree, ast.UnaryOp):
        return NOTHING if isinstance(tree.op, ast.Not) else UNARY
    if isinstance(tree, ast.Compare):
        return COMPARISON
    return NOTHING if isinstance(tree, (ast.Tuple, ast.BoolOp, ast.IfExp, ast.Lambda)) else ATOM


def _needed(parent: ast.AST, field: str) -> int:
    if isinstance(parent, ast.BinOp):
        strength = _AST_STRENGTH[type(parent.op)]
        if isinstance(parent.op, ast.Pow):
            return POWER + 1 if field == "left" else UNARY
        return strength if field == "left" else strength + 1
    if isinstance(parent, ast.UnaryOp):
        return UNARY
    if isinstance(parent, ast.Compare):
        return COMPARISON + 1
    if isinstance(parent, (ast.Attribute, ast.Subscript)) and field == "value":
        return ATOM
    return ATOM if isinstance(parent, ast.Slice) else NOTHING


def _fill_text(pattern: str, operands: list[Term]) -> Term:
    """Fill a notation that is not Python: an operand between brackets or commas stands bare."""
    text = pattern
    for i in range(len(operands) - 1, -1, -1):
        mark = f"operand{i}_"
        pieces = text.split(mark)
        filled = pieces[0]
        for piece in pieces[1:]:
            before, after = filled.rstrip()[-1:], piece.lstrip()[:1]
            bare = (before in "([{,|" or not filled.strip()) and after in ")]},|"
            alone = pattern == mark
            filled += operands[i].within(NOTHING if (bare and before) or alone else ATOM) + piece
        text = filled
    if re.fullmatch(r"\W?[\w.]+(\(.*\)|\[.*\])?|\|.*\|", pattern):
        return Term(text)
    return Term(text, UNARY if pattern.startswith("-") else _weakest(pattern))


def _weakest(pattern: str) -> int:
    for sign, strength in ((" + ", SUM), (" - ", SUM), (" / ", PRODUCT), (" ", NOTHING)):
        if sign in pattern:
            return strength
    return POWER


# --- LaTeX ----------------------------------------------------------------------------------------

_GREEK = frozenset(
    [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "epsilon",
        "zeta",
        "eta",
        "theta",
        "iota",
        "kappa",
        "lambda",
        "mu",
        "nu",
        "xi",
        "pi",
        "rho",
        "sigma",
        "tau",
        "upsilon",
        "phi",
        "chi",
        "psi",
        "omega",
        "Gamma",
        "Delta",
        "Theta",
        "Lambda",
        "Xi",
        "Pi",
        "Sigma",
        "Upsilon",
        "Phi",
        "Psi",
        "Omega",
    ]
)


def latex_name(name: str) -> str:
    r"""A Python name in LaTeX: ``W1`` -> ``W_{1}``, ``h_bar`` -> ``\bar{h}``, ``mu`` -> ``\mu``."""
    head, bar, tail = name.partition("_bar")
    if bar and head and (not tail or tail.startswith("_")):
        below = f"_{{{latex_name(tail)}}}" if tail else ""
        return rf"\bar{{{latex_name(head)}}}{below}"
    parts = [part for part in re.split(r"_+|(?<=[^\W\d])(?=\d)", name) if part]
    if not parts:
        return r"\_"
    words = [
        rf"\{part}" if part in _GREEK
        else part if len(part) == 1 or part.isdigit()
        else rf"\mathrm{{{part}}}"
        for part in parts
    ]  # fmt: skip
    return words[0] if len(words) == 1 else f"{words[0]}_{{{','.join(words[1:])}}}"


def _latex(node: Node, operands: list[Term]) -> Term:
    primitive = node.primitive
    if primitive.latex is not None:
        params = _template_params(node, primitive.latex)
        return Term(
            *fill_latex(
                primitive.latex,
                [operand.text for operand in operands],
                [operand.precedence for operand in operands],
                params,
            )
        )
    if primitive.infix is not None and len(operands) == 2:
        strength = INFIX[primitive.infix]
        sign = _LATEX_INFIX.get(primitive.infix, primitive.infix)
        if primitive.infix == "*" and () in (_shape(x) for x in node.inputs):
            sign = r"\cdot" if type(node.inputs[1]) is not Node else ""
        left = _latex_within(operands[0], strength)
        right = _latex_within(operands[1], strength + 1)
        return Term(f"{left} {sign} {right}".replace("  ", " "), strength)
    if primitive.text == "-{0}":
        return Term(f"-{_latex_within(operands[0], UNARY)}", UNARY)
    special = TEXT.get(primitive.name)
    if special is not None and primitive.name in ("select_output", "getitem"):
        found = special(node, operands)
        return found if found is not None else operands[0]
    inside = ", ".join(operand.text for operand in operands)
    name = {"maximum": "max", "minimum": "min"}.get(primitive.name, primitive.name)
    name = name.rpartition(".")[2].replace("_", r"\_")
    given = "".join(rf",\ \mathrm{{{k}}}={text_literal(v)}" for k, v in shown(node).items())
    given = given.replace("_", r"\_")
    return Term(rf"\operatorname{{{name}}}({inside}{given})")


def _shape(operand: Any) -> tuple[int, ...]:
    return shape_of(operand.value if type(operand) is Node else operand)


def _latex_within(operand: Term, precedence: int) -> str:
    if operand.precedence >= precedence:
        return operand.text
    return rf"\left({operand.text}\right)"
