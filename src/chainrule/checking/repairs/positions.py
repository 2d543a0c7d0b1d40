"""Where an expression stands in a statement, as far as the name of a mistake depends on it."""

from __future__ import annotations

import ast
import re
from typing import TypeGuard

from chainrule.checking.repairs.sites import Place

_ACTIVATIONS = re.compile(
    r"tanh|sigm|expit|exp|relu|soft|act|logistic|elu|gelu|swish|^f$|^g$", re.I
)


def is_root(place: Place) -> bool:
    """Whether it is all that a statement computes."""
    return len(place.above) == 1


def is_sum(node: ast.AST) -> TypeGuard[ast.BinOp]:
    """Whether a node is a sum or a difference."""
    return isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub))


def terms_of(node: ast.expr) -> set[str]:
    """What a sum adds and subtracts, as text."""
    if is_sum(node):
        return terms_of(node.left) | terms_of(node.right)
    return {ast.unparse(node)}


def is_term(place: Place) -> bool:
    """Whether a factor on it is not also one on what it is part of."""
    parent = place.parent
    if is_root(place) or is_sum(parent):
        return True
    if isinstance(place.above[0], ast.Expr) and len(place.above) == 2:
        return True  # np.add.at(total, index, term)
    return isinstance(parent, (ast.Dict, ast.Tuple, ast.List, ast.DictComp, ast.ListComp)) or (
        isinstance(parent, ast.keyword) and len(place.above) <= 2
    )


def is_factor(place: Place) -> bool:
    """Whether it is summed over, or is a factor of a product."""
    parent = place.parent
    if isinstance(parent, ast.BinOp):
        return isinstance(parent.op, (ast.MatMult, ast.Mult))
    return isinstance(parent, (ast.Call, ast.Attribute))


def in_matrix_product(place: Place | None) -> bool:
    """Whether an expression is a factor of a matrix product."""
    for node in reversed(place.above if place is not None else ()):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            return True
        if isinstance(node, ast.Call) and re.search(
            r"dot|matmul|outer|einsum", ast.unparse(node.func)
        ):
            return True
        if not isinstance(node, (ast.Attribute, ast.Call, ast.Subscript)):
            return False
    return False


def is_divisor(place: Place) -> bool:
    """Whether an expression divides, or is a factor of what divides, or under a root of it."""
    child: ast.AST = place.expression
    for node in reversed(place.above):
        if isinstance(node, ast.Call) and child in node.args:
            child = node
            continue
        if not isinstance(node, ast.BinOp):
            return False
        if isinstance(node.op, ast.Div) and node.right is child:
            return True
        child = node
    return False


def calls_an_activation(name: str) -> bool:
    """Whether a function's name is one of activations."""
    return _ACTIVATIONS.search(name) is not None


def in_logarithm_or_root(place: Place) -> bool:
    """Whether an expression is an argument of a function that turns powers into factors."""
    return any(
        isinstance(node, ast.Call) and re.search(r"\b(log\w*|sqrt)$", ast.unparse(node.func))
        for node in place.above
    )


def is_argument(place: Place) -> bool:
    """Whether an expression is an argument of a function that is not linear."""
    return any(
        isinstance(node, ast.Call) and calls_an_activation(ast.unparse(node.func))
        for node in place.above
    )


def is_reduced(place: Place | None) -> bool:
    """Whether an expression is what a sum runs over."""
    node = place.above[-1] if place is not None else None
    return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in (
        "sum", "mean", "max", "min",
    )  # fmt: skip


def in_slice(place: Place | None) -> bool:
    """Whether an expression is a bound of a slice, or part of one."""
    return place is not None and any(isinstance(x, ast.Slice) for x in place.above)


def is_added_to_a_number(place: Place) -> bool:
    """Whether an expression is added to a number: ``1 - a**2``."""
    parent = place.parent
    if not is_sum(parent):
        return False
    other = parent.right if place.field == "left" else parent.left
    return isinstance(other, ast.Constant)


def in_formula(place: Place) -> bool:
    """Whether an expression is part of something that is added to a number, or of a power."""
    for node in place.above:
        if isinstance(node, ast.BinOp):
            if isinstance(node.op, ast.Pow):
                return True
            if is_sum(node) and any(isinstance(x, ast.Constant) for x in (node.left, node.right)):
                return True
    return False


def picks_a_winner(place: Place) -> bool:
    """Whether an expression is what the place of a maximum is taken of."""
    calls = (node for node in place.above if isinstance(node, ast.Call))
    return any(re.search(r"\b(argmax|argmin)$", ast.unparse(call.func)) for call in calls)
