"""A layered network in words and formulas: its equations, shapes and number of parameters.

The notation is zᵢ = Wᵢ aᵢ + bᵢ, aᵢ₊₁ = σ(zᵢ), counted from the input a₀, with Wᵢ of shape
nᵢ₊₁ × nᵢ. Formulas are marked up lightly for the drawing: ``*W*`` bold, ``~a~`` italic, ``_{i}``
below the line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

#: Per loss the formula for one output and for several, with A for the output vector.
_LOSSES = {
    "squared error": ("C = ½ (A − ~y~)²", "C = ½ Σ_{~j~} (A_{~j~} − ~y~_{~j~})²"),
    "hinge": ("C = max(0, 1 − ~y~ A)", "C = Σ_{~j~} max(0, 1 − ~y~_{~j~} A_{~j~})"),
    "cross-entropy": (
        "C = −~y~ log A − (1 − ~y~) log(1 − A)",
        "C = −Σ_{~j~} ~y~_{~j~} log A_{~j~}",
    ),
    "softmax cross-entropy": (
        "C = −log softmax(A)_{~y~}",
        "C = −Σ_{~j~} ~y~_{~j~} log softmax(A)_{~j~}",
    ),
}


def parameter_count(sizes: Sequence[int], biases: bool = True) -> int:
    """Number of weights and biases of a fully connected network.

    Parameters
    ----------
    sizes : sequence of int
        Units per layer from input to output, e.g. ``(784, 16, 1)``.
    biases : bool
        Whether every unit past the input has a bias.

    Returns
    -------
    int
        Σ nᵢ nᵢ₊₁, and Σ nᵢ₊₁ more with biases.

    Raises
    ------
    ValueError
        If there are fewer than two layers or a size is not a whole number of at least 1.

    Examples
    --------
    >>> parameter_count((784, 16, 1))
    12577
    """
    sizes = checked_sizes(sizes)
    return sum(m * (n + int(biases)) for n, m in pairwise(sizes))


def describe_network(
    sizes: Sequence[int],
    activations: Sequence[str] | str,
    loss: str = "squared error",
    biases: bool = True,
) -> str:
    """Describe the network in plain text, one layer per line; parameters as for `draw_network`."""
    sizes, names = checked_network(sizes, activations, loss)
    last = len(sizes) - 1
    shape = "-".join(str(size) for size in sizes)
    lines = [
        f"Fully connected network {shape} with {loss} loss.",
        f"Input layer: n_0 = {sizes[0]}, a_0 = x, the input.",
    ]
    for i, (n, m, name) in enumerate(zip(sizes, sizes[1:], names, strict=False)):
        equations = f"{affine_equation(i, biases)}, {activation_equation(i, name)}"
        shapes = f"W_{i} is {m} × {n}"
        if biases:
            shapes += f", b_{i} is {m} × 1, the weights of a dummy unit that is always 1"
        lines.append(
            f"{layer_role(i + 1, last).capitalize()}: n_{i + 1} = {m}, "
            f"{plain_text(equations)}; {shapes}."
        )
    lines.append(
        f"Loss: {plain_text(loss_formula(loss, sizes))}, with the prediction ŷ = a_{last} "
        f"and the target y of {sizes[-1]} × 1."
    )
    lines.append(f"Parameters: {count_formula(sizes, biases)}.")
    return "\n".join(lines)


def checked_sizes(sizes: Sequence[int]) -> tuple[int, ...]:
    """The sizes as whole numbers."""
    for size in sizes:
        if isinstance(size, bool) or not hasattr(size, "__index__") or int(size) < 1:
            raise ValueError(
                f"sizes holds {size!r}; expected whole numbers of at least 1, e.g. (784, 16, 1)."
            )
    if len(sizes) < 2:
        raise ValueError(
            f"sizes is {tuple(sizes)}; expected at least an input and an output layer, e.g. "
            "(784, 16, 1)."
        )
    return tuple(int(size) for size in sizes)


def checked_network(
    sizes: Sequence[int], activations: Sequence[str] | str, loss: str
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Sizes, and the activation of each layer past the input."""
    sizes = checked_sizes(sizes)
    layers = len(sizes) - 1
    names = (activations,) * layers if isinstance(activations, str) else tuple(activations)
    if len(names) != layers:
        raise ValueError(
            f"there are {len(names)} activations for {layers} layers past the input; give one "
            "each, or one name for all."
        )
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"activations holds {name!r}; expected names such as 'relu'.")
    if loss not in _LOSSES:
        raise ValueError(f"loss is {loss!r}; expected one of {', '.join(map(repr, _LOSSES))}.")
    return sizes, names


def layer_role(i: int, last: int) -> str:
    """What layer `i` is called."""
    if i == 0:
        return "input layer"
    if i == last:
        return "output layer"
    return "hidden layer" if last == 2 else f"hidden layer {i}"


def affine_equation(i: int, biases: bool) -> str:
    """Equation of the pre-activation of layer i + 1."""
    bias = f" + *b*_{{{i}}}" if biases else ""
    return f"*z*_{{{i}}} = *W*_{{{i}}} *a*_{{{i}}}{bias}"


def activation_equation(i: int, activation: str) -> str:
    """Equation of the output of layer i + 1."""
    return f"*a*_{{{i + 1}}} = {activation}(*z*_{{{i}}})"


def loss_formula(loss: str, sizes: tuple[int, ...]) -> str:
    """Cost of one sample as a formula of the prediction."""
    return _LOSSES[loss][sizes[-1] > 1].replace("A", "~ŷ~")


def count_formula(sizes: tuple[int, ...], biases: bool) -> str:
    """The sum that makes the number of parameters."""
    terms = []
    for n, m in pairwise(sizes):
        terms += [f"{n}·{m}", f"{m}"] if biases else [f"{n}·{m}"]
    # A thin space that does not break, as the number is set in the literature.
    return " + ".join(terms) + f" = {parameter_count(sizes, biases):,}".replace(",", "\u202f")


def plain_text(text: str) -> str:
    """A formula without its markup."""
    return re.sub(r"([_^])\{([^}]*)\}", r"\1\2", re.sub(r"[*~]", "", text))
