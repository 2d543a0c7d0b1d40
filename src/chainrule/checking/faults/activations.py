"""Mistakes at activations: derivative missing, taken elsewhere, wrong, wrong mask (G4, G5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chainrule.checking.faults.rules import passed, times
from chainrule.checking.hypothesis import Hypothesis, always
from chainrule.checking.regions import Activation
from chainrule.checking.replay import Alterations
from chainrule.checking.roles import Roles
from chainrule.engine.graph import Node

#: Of which a parameter is made that is not written in its own scale.
_FUNCTIONS = frozenset({"exp", "log", "sqrt", "tanh", "sigmoid", "logaddexp", "log1p", "expm1"})

Ratio = Callable[[Any], Any]  # cotangent of a -> contribution to z


def activation_faults(roles: Roles) -> list[Hypothesis]:
    """For every activation, every local ratio that is not f'(z); alone, and in all layers."""
    found: list[Hypothesis] = []
    families: dict[tuple[Any, ...], list[tuple[Activation, Ratio]]] = {}
    for activation in roles.activations:
        key = roles.trial.keys[activation.a]
        what = roles.trial.describe(activation.a)
        for variant, codes, said, ratio in _ratios(roles, activation, activation.is_output):
            alterations = Alterations(bypasses={activation.a: (activation.z, ratio)})
            found.append(
                Hypothesis(
                    ("activation", variant, *key),
                    codes,
                    1 if codes[0] != "G403" else 2,
                    f"at {what} {said}.",
                    always(alterations),
                )
            )
        for family, output in _families(roles, activation):
            for variant, codes, said, ratio in _ratios(roles, activation, output):
                families.setdefault((variant, codes, said, family), []).append((activation, ratio))
    found += _of_numbers(roles)
    found += _alone_at_parameters(roles)
    for (variant, codes, said, family), members in families.items():
        if len(members) > 1:
            every = Alterations(bypasses={m.a: (m.z, ratio) for m, ratio in members})
            found.append(
                Hypothesis(
                    ("activations", variant, codes, family),
                    codes,
                    1 if codes[0] != "G403" else 2,
                    f"at every activation {said}.",
                    always(every),
                )
            )
    return found


def _alone_at_parameters(roles: Roles) -> Iterator[Hypothesis]:
    """One parameter of a layer gets f'(z) without the cotangent; the others are right."""
    n = roles.trial.batch
    for activation in roles.activations:
        if activation.is_last:
            continue  # what arrives there is a number, such as 1/n: a factor
        for k, position in _steps_into(roles, activation.z):
            node = roles.nodes[k]
            name = node.inputs[position].name
            d = activation.derivative
            if d.shape != node.shape or not np.ptp(d):
                continue
            what = roles.trial.describe(activation.a)
            for averaged in (False, True) if n is not None else (False,):
                rule = _without_cotangent(roles, k, position, d / n if averaged and n else d)
                yield Hypothesis(
                    ("alone at parameter", name, averaged, *roles.trial.keys[k], position),
                    ("G405",), 2,
                    f"the gradient of {name} is made of f'(z) at {what} alone, without the "
                    "cotangent.",
                    always(Alterations(edges={(k, position): rule})),
                )  # fmt: skip


def _steps_into(roles: Roles, z: int) -> Iterator[tuple[int, int]]:
    """The steps in which parameters enter a value through sums alone, with their positions."""
    waiting = [z]
    while waiting:
        node = roles.nodes[waiting.pop()]
        adds = node.primitive.name in ("add", "subtract")
        for position, x in enumerate(node.inputs):
            if not isinstance(x, Node):
                continue
            if x.index in roles.parameter_indices:
                if (node.index, position) in roles.replay.rules:
                    yield node.index, position
            elif adds and roles.replay.active[x.index] and x.shape == node.shape:
                waiting.append(x.index)


def _without_cotangent(roles: Roles, k: int, position: int, d: Any) -> Callable[[Any, Any], Any]:
    def rule(g: Any, contribution: Any) -> Any:
        found = roles.replay.contribution(roles.nodes[k], position, d)
        return contribution if found is None else found

    return rule


def _of_numbers(roles: Roles) -> Iterator[Hypothesis]:
    """The derivative of a function of a single number is missing, such as of exp(log σ)."""
    for k, position in roles.replay.rules:
        node = roles.nodes[k]
        if node.shape or node.primitive.name not in _FUNCTIONS or k in roles.penalty:
            continue
        if roles.depends_on_data[k]:
            continue  # on its way to the loss, and no parameter in another scale
        what = roles.trial.describe(k)
        yield Hypothesis(
            ("number", *roles.trial.keys[k]), ("G401",), 2,
            f"at {what} the cotangent passes without the derivative of {node.primitive.name}.",
            always(Alterations(edges={(k, position): passed})),
        )  # fmt: skip


def _families(roles: Roles, activation: Activation) -> Iterator[tuple[tuple[Any, ...], bool]]:
    """What activations have in common, each with whether it is at the output: the line that made
    them, as a whole or as far as it is at the output or hidden, and the function.
    """
    line = _line_of(roles, activation)
    of_line = [each for each in roles.activations if _line_of(roles, each) == line]
    mixed = len({each.is_output for each in of_line}) > 1
    yield ("line", *line), activation.is_output and not mixed
    if mixed:
        yield ("part of line", activation.is_output, *line), activation.is_output
    function = tuple(roles.nodes[k].primitive.name for k in activation.inside)
    yield ("function", activation.is_output, *function), activation.is_output


def _line_of(roles: Roles, activation: Activation) -> tuple[Any, ...]:
    nodes = roles.nodes
    return (roles.trial.place(nodes[activation.z]), roles.trial.place(nodes[activation.a]))


def _ratios(
    roles: Roles, activation: Activation, output: bool
) -> Iterator[tuple[str, tuple[str, ...], str, Ratio]]:
    z = np.asarray(roles.values[activation.z], dtype=float)
    a = np.asarray(roles.values[activation.a], dtype=float)
    d = activation.derivative
    seen: set[bytes] = set()

    def new(ratio: Any) -> bool:
        """Whether a ratio is finite, differs from f'(z), and was not tried before."""
        gap = float(np.max(np.abs(ratio - d), initial=0.0))
        if not np.isfinite(gap) or gap <= 1e-9 or _is_multiple(ratio, d) or not np.any(ratio):
            return False
        digest = np.round(np.asarray(ratio, dtype=float), 9).tobytes()
        if digest in seen:
            return False
        seen.add(digest)
        return True

    if new(np.ones_like(z)):
        said = "the cotangent passes without f'(z)"
        if output:
            yield "missing at the output", ("G502",), said, lambda g: g
        # A gate, or a rate exp(z), may be last and is no output that is squashed.
        rate = np.all(a > 0) and np.any(a > 1)
        if not output or roles.is_hidden(activation.a) or rate:
            yield "missing", ("G401",), said, lambda g: g
    with np.errstate(all="ignore"):
        if _is_mask(d):
            yield from _masks(roles, activation, z, d, new)
        at_a = roles.local_derivative(activation.z, activation.a, activation.inside, a)
        if at_a is not None and new(at_a):
            yield "at a", ("G402",), "the derivative is f'(a) instead of f'(z)", times(at_a)
        squared = d * d
        if new(squared):
            code = "G501" if output else "G403"
            yield "twice", (code,), "the derivative f'(z) is applied twice", times(squared)
        said = "the contribution is f'(z) alone, without the cotangent"
        last = activation.is_last and not output
        if not last:
            yield "dropped", ("G405",), said, _alone(d)
        if not last and roles.trial.batch is not None:
            yield "dropped, averaged", ("G405",), said, _alone(d, 1 / roles.trial.batch)
        absorbed = d * (1 - np.abs(d))  # of log(1 + exp(-z)) f' is p - 1
        if activation.is_last and _is_sigmoid(z, d) and new(absorbed):
            said = "the derivative p(1 - p) is applied though the loss has absorbed it"
            yield "sigmoid twice", ("G501",), said, times(absorbed)
        for text, ratio in _formulas(z, a, d):
            if new(ratio):
                said = f"the local derivative is {text} instead of f'(z)"
                code = "G403"
                if np.ptp(ratio) <= 1e-12 * np.max(np.abs(ratio)):  # such as of a root: a·f'(z)
                    said = (
                        f"the cotangent passes with the number {np.ravel(ratio)[0]:.6g} for f'(z)"
                    )
                    code = "G401"
                yield text, (code,), said, times(ratio)


def _is_multiple(ratio: Any, d: Any) -> bool:
    """Whether a ratio is f'(z) times a number, which is a factor and no other derivative."""
    length = float(np.sum(d * d))
    if not length or np.ptp(np.asarray(ratio, dtype=float)) == 0:
        return False
    factor = float(np.sum(ratio * d)) / length
    return bool(np.max(np.abs(ratio - factor * d)) <= 1e-12 * np.max(np.abs(ratio)))


def _alone(d: Any, scale: float = 1.0) -> Ratio:
    """f'(z) without the cotangent; where that is constant, the two differ by a factor only."""

    def rule(g: Any) -> Any:
        arriving = g[g != 0]
        if arriving.size and np.ptp(arriving) <= 1e-12 * np.max(np.abs(arriving)):
            return g * d
        return scale * d + 0 * g

    return rule


def _is_sigmoid(z: Any, d: Any) -> bool:
    """Whether f' is the sigmoid, up to its sign: f is log(1 + exp(z)), the logistic loss."""
    with np.errstate(all="ignore"):
        p = 1 / (1 + np.exp(-z))
    return any(np.allclose(d, each, rtol=1e-9) for each in (p, p - 1))


def _is_mask(d: Any) -> bool:
    return len(np.unique(np.round(d, 12))) <= 2


def _masks(
    roles: Roles, activation: Activation, z: Any, d: Any, new: Callable[[Any], bool]
) -> Iterator[tuple[str, tuple[str, ...], str, Ratio]]:
    """Masks that are not z > 0 of the same layer."""
    low, high = float(np.min(d)), float(np.max(d))
    if low == high:
        return
    for word, flipped in (("flipped", np.where(d == high, low, high)),
                          ("flipped at 0", np.where(z > 0, low, high))):  # fmt: skip
        if new(flipped):
            yield word, ("G404",), "the mask is flipped, z < 0", times(flipped)
    yield (
        "sign of g",
        ("G404",),
        "the mask is taken from the sign of the cotangent",
        (lambda g: np.where(g > 0, high, low) * g),
    )
    yield (
        "both signs",
        ("G404",),
        "the mask is taken from z and the cotangent's sign",
        (lambda g: np.where((g > 0) & (z > 0), high, low) * g),
    )
    for other in roles.activations:
        value = roles.values[other.z]
        if other.z != activation.z and value is not None and value.shape == z.shape:
            mask = np.where(value > 0, high, low)
            if new(mask):
                where = roles.trial.describe(other.z)
                yield (
                    f"mask {roles.trial.keys[other.z]}",
                    ("G404",),
                    (f"the mask is that of {where}"),
                    times(mask),
                )


def _formulas(z: Any, a: Any, d: Any) -> Iterator[tuple[str, Any]]:
    """Near misses, by their text."""
    sigmoid = 1 / (1 + np.exp(-z))
    positive = np.where(z > 0, 1.0, 0.0)
    yield from (
        ("a", a),
        ("z", z),
        ("1 - a", 1 - a),
        ("1 - z", 1 - z),
        ("1 - a²", 1 - a * a),
        ("1 - z²", 1 - z * z),
        ("a(1 - a)", a * (1 - a)),
        ("z(1 - z)", z * (1 - z)),
        ("1 + a²", 1 + a * a),
        ("1 + z²", 1 + z * z),
        ("1 + a", 1 + a),
        ("1 + z", 1 + z),
        ("a²", a * a),
        ("z²", z * z),
        ("a(1 + a)", a * (1 + a)),
        ("(1 - a)²", (1 - a) ** 2),
        ("√(1 - a²)", np.sqrt(np.abs(1 - a * a))),
        ("1 - |a|", 1 - np.abs(a)),
        ("1 - tanh(z)²", 1 - np.tanh(z) ** 2),
        ("1 - tanh(a)²", 1 - np.tanh(a) ** 2),
        ("1 - tanh(z)", 1 - np.tanh(z)),
        ("σ(z)", sigmoid),
        ("σ(z)(1 - σ(z))", sigmoid * (1 - sigmoid)),
        ("σ(a)(1 - σ(a))", np.exp(-a) / (1 + np.exp(-a)) ** 2),
        ("σ(a)", 1 / (1 + np.exp(-a))),
        ("1 - σ(z)", 1 - sigmoid),
        ("exp(z)", np.exp(z)),
        ("exp(-z)", np.exp(-z)),
        ("exp(a)", np.exp(a)),
        ("1[z > 0]", positive),
        ("1[z < 0]", 1 - positive),
        ("z·1[z > 0]", z * positive),
        ("a·f'(z)", a * d),
        ("z·f'(z)", z * d),
        ("sign(z)", np.sign(z)),
        ("|z|", np.abs(z)),
        ("1 - f'(z)", 1 - d),
        ("1/f'(z)", 1 / d),
        ("√f'(z)", np.sqrt(np.abs(d))),
        ("1[z > 0] + 1[z ≤ 0]·a", np.where(z > 0, 1.0, a)),
        ("1[z > 0] + 1[z ≤ 0]·(a + 1)", np.where(z > 0, 1.0, a + 1)),
        ("1[z > 0] + 1[z ≤ 0]·exp(z)", np.where(z > 0, 1.0, np.exp(z))),
        ("1[z > 0] + 1[z ≤ 0]·exp(a)", np.where(z > 0, 1.0, np.exp(a))),
        ("1[z > 0]·f'(z)", positive * d),
        ("1[z > 0] + 1[z ≤ 0]·z", np.where(z > 0, 1.0, z)),
        ("max(a, f'(z))", np.maximum(a, d)),
    )
