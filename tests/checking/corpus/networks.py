"""Generated networks: depths × activations × losses × layouts × ways to write them."""

# ruff: noqa: E501
from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case, Slot, cases

# activation -> (forward in z, derivative in z and a, wrong derivatives with codes, variants)
ACTIVATIONS: dict[str, tuple[str, str, list[tuple[str, str]], list[str]]] = {
    "tanh": (
        "np.tanh({z})", "(1 - {a} ** 2)",
        [
            ("G402", "(1 - np.tanh({a}) ** 2)"), ("G403", "(1 - {z} ** 2)"),
            ("G403", "(1 - {a})"), ("G403", "(1 + {a} ** 2)"), ("G403", "{a}"),
            ("G403", "{a} * (1 - {a})"),
        ],
        ["(1 - np.tanh({z}) ** 2)", "1 / np.cosh({z}) ** 2", "(1 + {a}) * (1 - {a})"],
    ),
    "sigmoid": (
        "1 / (1 + np.exp(-{z}))", "{a} * (1 - {a})",
        [
            ("G402", "(1 / (1 + np.exp(-{a}))) * (1 - 1 / (1 + np.exp(-{a})))"),
            ("G403", "{z} * (1 - {z})"), ("G403", "(1 - {a})"), ("G403", "{a}"),
            ("G403", "(1 - {a} ** 2)"),
        ],
        ["np.exp(-{z}) / (1 + np.exp(-{z})) ** 2", "({a} - {a} ** 2)"],
    ),
    "relu": (
        "np.maximum({z}, 0)", "({z} > 0)",
        [
            ("G404", "({z} < 0)"), ("G403", "np.maximum({z}, 0)"), ("G403", "{z}"),
        ],
        ["({a} > 0)", "np.where({z} > 0, 1.0, 0.0)", "(np.sign({z}) + 1) / 2"],
    ),
    "leaky": (
        "np.where({z} > 0, {z}, 0.1 * {z})", "np.where({z} > 0, 1.0, 0.1)",
        [("G403", "({z} > 0)"), ("G404", "np.where({z} > 0, 0.1, 1.0)")],
        ["np.where({a} > 0, 1.0, 0.1)"],
    ),
    "elu": (
        "np.where({z} > 0, {z}, np.exp(np.minimum({z}, 0)) - 1)",
        "np.where({z} > 0, 1.0, {a} + 1)",
        [
            ("G403", "np.where({z} > 0, 1.0, {a})"), ("G403", "({z} > 0)"),
            ("G402", "np.where({a} > 0, 1.0, np.exp({a}))"),
        ],
        ["np.where({z} > 0, 1.0, np.exp(np.minimum({z}, 0)))"],
    ),
    "softplus": (
        "np.log(1 + np.exp({z}))", "1 / (1 + np.exp(-{z}))",
        [("G403", "np.exp({z})"), ("G402", "1 / (1 + np.exp(-{a}))")],
        ["(1 - np.exp(-{a}))"],
    ),
}  # fmt: skip

# loss -> (extra arguments, targets of the example, forward lines, cotangent of the last z, wrong)
SOFTMAX = """\
    e = np.exp({z} - {z}.max(axis={axis}, keepdims=True))
    p = e / e.sum(axis={axis}, keepdims=True)
"""
LOSSES: dict[str, tuple[str, str, str, list[tuple[str, str]], list[str]]] = {
    "cross-entropy": (
        SOFTMAX, "-np.sum(Y * np.log(p)) / n", "(p - Y) / n",
        [
            ("G201", "(p - Y)"), ("G202", "(p - Y) / n / n"), ("G203", "(p - Y) / (n * {C})"),
            ("G203", "(p - Y) / (n - 1)"), ("G203", "(p - Y) / {C}"), ("G204", "2 * (p - Y) / n"),
            ("G205", "(Y - p) / n"), ("G501", "(p - Y) * p * (1 - p) / n"), ("G206", "0.1 * (p - Y) / n"),
            ("G502", "-Y / p / n"), ("G503", "-Y * (1 - p) / n"),
        ],
        ["(p - Y) * (1 / n)", "np.divide(p - Y, n)"],
    ),
    "binary cross-entropy": (
        "    p = 1 / (1 + np.exp(-{z}))\n",
        "-np.sum(Y * np.log(p) + (1 - Y) * np.log(1 - p)) / n", "(p - Y) / n",
        [
            ("G201", "(p - Y)"), ("G202", "(p - Y) / n ** 2"), ("G205", "(Y - p) / n"),
            ("G501", "(p - Y) * p * (1 - p) / n"), ("G204", "(p - Y) / (2 * n)"),
            ("G502", "((1 - Y) / (1 - p) - Y / p) / n"),
        ],
        ["(-Y / p + (1 - Y) / (1 - p)) * p * (1 - p) / n"],
    ),
    "squared error": (
        "    p = {z}\n", "0.5 * np.sum((p - Y) ** 2) / n", "(p - Y) / n",
        [
            ("G201", "(p - Y)"), ("G204", "2 * (p - Y) / n"), ("G205", "(Y - p) / n"),
            ("G203", "(p - Y) / (n * {C})"), ("G202", "(p - Y) / n / n"),
        ],
        ["-(Y - p) / n"],
    ),
    "mean squared error": (
        "    p = {z}\n", "np.mean((p - Y) ** 2)", "2 * (p - Y) / (n * {C})",
        [
            ("G203", "2 * (p - Y) / n"), ("G204", "(p - Y) / (n * {C})"),
            ("G201", "2 * (p - Y)"), ("G205", "2 * (Y - p) / (n * {C})"),
        ],
        ["2 * (p - Y) / Y.size"],
    ),
    "squared error of sigmoid": (
        "    p = 1 / (1 + np.exp(-{z}))\n", "0.5 * np.sum((p - Y) ** 2) / n",
        "(p - Y) * p * (1 - p) / n",
        [
            ("G502", "(p - Y) / n"), ("G201", "(p - Y) * p * (1 - p)"),
            ("G205", "(Y - p) * p * (1 - p) / n"),
        ],
        [],
    ),
}  # fmt: skip


def network(depth: int, activation: str, loss: str, columns: bool, penalty: bool) -> list[Case]:
    """The cases of one network of ``depth`` layers."""
    forward_of, derivative, wrong_derivatives, variants = ACTIVATIONS[activation]
    lines, value, cotangent, wrong_cotangents, right_cotangents = LOSSES[loss]
    axis = 0 if columns else 1
    last = depth
    names = ", ".join(f"W{k}, b{k}" for k in range(1, last + 1))
    classes = f"Y.shape[{0 if columns else 1}]"
    forward = [f"def forward(X, {names}):", "    a0 = X"]
    for k in range(1, last + 1):
        product = f"W{k} @ a{k - 1}" if columns else f"a{k - 1} @ W{k}"
        forward.append(f"    z{k} = {product} + b{k}")
        if k < last:
            forward.append(f"    a{k} = " + forward_of.format(z=f"z{k}"))
    everything = ", ".join(["a0"] + [f"z{k}, a{k}" for k in range(1, last)] + [f"z{last}"])
    forward.append(f"    return {everything}")
    weights = " + ".join(f"np.sum(W{k} ** 2)" for k in range(1, last + 1))
    unpack = f"    {everything} = forward(X, {names})\n"
    output = lines.format(z=f"z{last}", axis=axis)
    count = f"    n = X.shape[{1 if columns else 0}]\n"
    arguments = f"X, Y, {names}" + (", lam" if penalty else "")
    body = [f"def gradient({arguments}):\n{unpack}{output}{count}"]
    slots: dict[str, Slot] = {
        "out": Slot(
            cotangent.format(C=classes),
            [(c, t.format(C=classes)) for c, t in wrong_cotangents],
            [t.format(C=classes) for t in right_cotangents],
        )
    }
    body.append(f"    dz{last} = <out>")
    for k in range(last, 0, -1):
        product = (f"dz{k} @ a{k - 1}.T", f"a{k - 1}.T @ dz{k}")[0 if columns else 1]
        wrong: list[tuple[str, str]] = []
        if penalty:
            full = f"{product} + lam * W{k}"
            wrong += [
                ("G301", product),
                ("G302", f"{product} + 2 * lam * W{k}"),
                ("G303", f"{product} - lam * W{k}"),
                ("G302", f"{product} + lam * W{k} / n"),
            ]
        else:
            full = product
        wrong.append(("G205", full.replace(product, f"-({product})")))
        if k > 1:
            other = product.replace(f"a{k - 1}", f"z{k - 1}")
            wrong.append(("G703", full.replace(product, other)))
        sample = (f"np.outer(dz{k}[:, 0], a{k - 1}[:, 0])", f"np.outer(a{k - 1}[0], dz{k}[0])")
        wrong.append(("G802", full.replace(product, sample[0 if columns else 1])))
        slots[f"W{k}"] = Slot(full, wrong)
        body.append(f"    dW{k} = <W{k}>")
        total = f"dz{k}.sum(axis={1 if columns else 0}" + (", keepdims=True)" if columns else ")")
        mean = total.replace(".sum", ".mean")
        one = f"dz{k}[:, :1]" if columns else f"dz{k}[0]"
        everything_summed = f"np.full(b{k}.shape, dz{k}.sum())"
        slots[f"b{k}"] = Slot(
            total,
            [("G601", mean), ("G602", one)]
            + ([("G603", everything_summed)] if k < last or loss != "binary cross-entropy" else []),
        )
        body.append(f"    db{k} = <b{k}>")
        if k > 1:
            back = (f"W{k}.T @ dz{k}", f"dz{k} @ W{k}.T")[0 if columns else 1]
            local = derivative.format(z=f"z{k - 1}", a=f"a{k - 1}")
            body.append(f"    da{k - 1} = {back}")
            slots[f"z{k - 1}"] = Slot(
                f"da{k - 1} * {local}",
                [("G401", f"da{k - 1}"), ("G405", f"1.0 * {local}")]
                + [
                    (c, f"da{k - 1} * ({t.format(z=f'z{k - 1}', a=f'a{k - 1}')})")
                    for c, t in wrong_derivatives
                ]
                + ([("G404", f"da{k - 1} * (da{k - 1} > 0)")] if activation == "relu" else []),
                [f"da{k - 1} * ({t.format(z=f'z{k - 1}', a=f'a{k - 1}')})" for t in variants],
            )
            body.append(f"    dz{k - 1} = <z{k - 1}>")
    result = ", ".join(f'"W{k}": dW{k}, "b{k}": db{k}' for k in range(1, last + 1))
    body.append(f"    return {{{result}}}")
    added = f" + 0.5 * lam * ({weights})" if penalty else ""
    template = "\n".join(
        [
            "import numpy as np\n",
            *forward,
            "",
            f"def loss({arguments}):\n{unpack}{output}{count}    return {value}{added}",
            "",
            *body,
            "",
            _example(depth, loss, columns, penalty),
        ]
    )
    words = [f"{depth} layers", activation, loss]
    words += ["columns"] * columns + ["penalty"] * penalty
    return list(cases(" ".join(words), template, slots))


def _example(depth: int, loss: str, columns: bool, penalty: bool) -> str:
    sizes = [*[4, 5, 6, 7][:depth], 1 if loss == "binary cross-entropy" else 3]
    lines = ["def example():", "    rng = np.random.default_rng(0)", "    n = 8"]
    shape = f"({sizes[0]}, n)" if columns else f"(n, {sizes[0]})"
    lines.append(f'    given = {{"X": rng.normal(size={shape})}}')
    targets = f"({sizes[-1]}, n)" if columns else f"(n, {sizes[-1]})"
    if loss == "cross-entropy":
        rows = f"np.eye({sizes[-1]})[rng.integers(0, {sizes[-1]}, n)]"
        lines.append(f'    given["Y"] = {rows}{".T" if columns else ""}')
    elif loss == "squared error" or "mean" in loss:
        lines.append(f'    given["Y"] = rng.normal(size={targets})')
    else:
        lines.append(f'    given["Y"] = rng.integers(0, 2, {targets}).astype(float)')
    for k in range(1, depth + 1):
        a, b = sizes[k - 1], sizes[k]
        weight, bias = (f"({b}, {a})", f"({b}, 1)") if columns else (f"({a}, {b})", f"{b}")
        lines.append(f'    given["W{k}"] = rng.normal(size={weight}) * 0.5')
        lines.append(f'    given["b{k}"] = rng.normal(size={bias}) * 0.1')
    if penalty:
        lines.append('    given["lam"] = 0.01')
    return "\n".join([*lines, "    return given\n"])


def networks() -> Iterator[Case]:
    """The cases of all generated networks."""
    plans = [
        (1, "tanh", "cross-entropy", False, True),
        (1, "tanh", "squared error", False, True),
        (1, "tanh", "binary cross-entropy", True, False),
        (2, "tanh", "cross-entropy", False, True),
        (2, "sigmoid", "binary cross-entropy", True, False),
        (2, "relu", "cross-entropy", False, False),
        (2, "leaky", "squared error", True, True),
        (2, "elu", "mean squared error", False, False),
        (2, "softplus", "squared error of sigmoid", False, False),
        (3, "relu", "squared error", False, True),
        (3, "sigmoid", "cross-entropy", True, False),
        (3, "tanh", "mean squared error", True, True),
        (2, "sigmoid", "squared error of sigmoid", False, True),
    ]
    for plan in plans:
        yield from network(*plan)
