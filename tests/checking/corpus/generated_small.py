"""Small files where mistakes are those of shapes, types, state and overflow."""

from __future__ import annotations

from tests.checking.corpus.generated_parts import example, naming, normal
from tests.checking.corpus.sheet import OMITTED, Sheet


def regression(s: Sheet) -> None:
    """Linear or logistic regression with targets of shape (n,) or (n, 1)."""
    column, logistic = s.maybe(), s.maybe()
    n, d = s.random.randint(5, 8), s.random.randint(3, 5)
    g = naming(s)
    s("import numpy as np")
    target = "y.ravel()" if column else "y"
    model = "1 / (1 + np.exp(-(X @ w + b)))" if logistic else "X @ w + b"
    with s.function("def loss(X, y, w, b):"):
        s(f"p = {model}")
        if logistic:
            s(f"return -np.mean({target} * np.log(p) + (1 - {target}) * np.log(1 - p))")
        else:
            s(f"return np.mean((p - {target}) ** 2)")
    two = "" if logistic else "2 * "
    with s.function("def gradient(X, y, w, b):"):
        s("n = len(X)")
        s(f"p = {model}")
        if column:
            s(
                "err = p - y[:, 0]",
                ("G604", "err = (p - y).mean(axis=1)"),
                ("G604", "err = (p - y).sum(axis=0)"),
                ("G205", "err = y[:, 0] - p"),
            )
        else:
            s(
                "err = p - y",
                ("G604", "err = (p[:, None] - y).mean(axis=1)"),
                ("G604", "err = (p - y[:, None]).mean(axis=0)"),
                ("G205", "err = y - p"),
            )
        form = s.pick("matrix", "loop", "mean")
        if form == "matrix":
            s(
                f"{g('w')} = {two}X.T @ err / n",
                ("G203", f"{g('w')} = {two}X.T @ err / (n - 1)"),
                ("G201", f"{g('w')} = {two}X.T @ err"),
                ("G203", f"{g('w')} = {two}X.T @ err / X.shape[1]"),
            )
        elif form == "mean":
            s(
                f"{g('w')} = {two}(err[:, None] * X).mean(axis=0)",
                ("G603", f"{g('w')} = {two}(err[:, None] * X).mean()"),
                ("G201", f"{g('w')} = {two}(err[:, None] * X).sum(axis=0)"),
                ("G202", f"{g('w')} = {two}(err[:, None] * X).mean(axis=0) / n"),
            )
        else:
            s(f"{g('w')} = np.zeros_like(w)")
            with s.block("for i in range(n):"):
                s(
                    f"{g('w')} += {two}err[i] * X[i] / n",
                    ("G802", f"{g('w')} = {two}err[i] * X[i] / n"),
                    ("G703", f"{g('w')} += {two}err[0] * X[i] / n"),
                    ("G201", f"{g('w')} += {two}err[i] * X[i]"),
                    ("G802", f'return {{"w": {two}err[i] * X[i], "b": {two}err[i]}}'),
                )
        s(
            f"{g('b')} = {two}err.mean()",
            ("G601", f"{g('b')} = {two}err.sum()"),
            ("G602", f"{g('b')} = {two}err[0]"),
        )
        s(
            f'return {{"w": {g("w")}, "b": {g("b")}}}',
            ("G206", f'return {{"w": 0.1 * {g("w")}, "b": 0.1 * {g("b")}}}'),
            ("G107", f'return {{"w": {g("w")}, "b": None}}'),
        )
    shape = (n, 1) if column else (n,)
    y = f"rng.integers(0, 2, size={shape}).astype(float)" if logistic else normal(*shape)
    example(s, {"X": normal(n, d), "y": y, "w": normal(d), "b": "np.array(0.3)"})


def careless(s: Sheet) -> None:
    """Small networks whose mistakes are those of programming: types, state, noise, overflow."""
    g = naming(s)
    n, d, h = s.random.randint(5, 7), s.random.randint(3, 5), s.random.randint(3, 5)
    kind = s.pick("labels", "binary")
    lam = s.pick("LAM", "decay")
    s("import numpy as np")
    s("")
    s(f"{lam} = 0.1")
    s(s.pick("cache = {}", "store = {}", "grads = {}"))
    kept = s.statements[-1].right.split()[0]
    c = 3 if kind == "labels" else 1

    def forward() -> None:
        s("hidden = np.tanh(X @ W + b)")
        s("scores = hidden @ V")

    with s.function("def loss(X, y, W, b, V):"):
        forward()
        if kind == "labels":
            s("scores = scores - scores.max(axis=1, keepdims=True)")
            s("logp = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))")
            s("data = -np.sum(y * logp) / len(X)")
        else:
            s("data = np.sum(np.logaddexp(0, scores) - y * scores) / len(X)")
        s(f"return data + 0.5 * {lam} * np.sum(W**2)")
    with s.function("def gradient(X, y, W, b, V):"):
        forward()
        o, hid = g("scores"), g("hidden")
        if kind == "labels":
            s(
                "e = np.exp(scores - scores.max(axis=1, keepdims=True))",
                ("G103", "e = np.exp(scores)"),
            )
            s("p = e / e.sum(axis=1, keepdims=True)")
        else:
            s(
                "p = 0.5 * (1 + np.tanh(scores / 2))",
                ("G103", "p = np.exp(scores) / (1 + np.exp(scores))"),
            )
        if s.maybe():
            s(
                f"{o} = np.zeros_like(p)",
                ("G102", f"{o} = np.zeros_like(y)"),
                ("G102", f"{o} = np.zeros(y.shape, dtype=int)"),
            )
            s(
                f"{o}[:] = (p - y) / len(X)",
                ("G105", f"{o}[:] = (p - y + 0.01 * np.random.randn(*p.shape)) / len(X)"),
            )
        else:
            s(f"{o} = p - y", ("G102", f"{o} = (p - y).astype(y.dtype)"))
            s(f"{o} = {o} / len(X)", ("G201", OMITTED))
        s(
            f"{g('V')} = hidden.T @ {o}",
            ("G105", f"{g('V')} = (hidden * (np.random.rand(*hidden.shape) > 0.2)).T @ {o}"),
        )
        s(f"{hid} = ({o} @ V.T) * (1 - hidden**2)")
        w, b = g("W"), g("b")
        s(
            f"{w} = {lam} * W",
            ("G104", f"{w} = W; {w} *= {lam}"),
            ("G301", f"{w} = np.zeros_like(W)"),
            ("G302", f"{w} = {lam} * W / len(X)"),
            ("G303", f"{w} = -{lam} * W"),
            ("G304", f"{w} = {lam} * (W + b)"),
        )
        s(f"{w} += X.T @ {hid}", ("G801|G301", f"{w} = X.T @ {hid}"))
        s(
            f"{b} = {hid}.sum(axis=0)",
            ("G304", f"{b} = {hid}.sum(axis=0) + {lam} * b"),
            ("G101", f"{b} = {hid}.sum(axis=0, keepdims=True)"),
            ("G101", f"{b} = {hid}.sum(axis=1)"),
        )
        result = f'return {{"W": {w}, "b": {b}, "V": {g("V")}}}'
        if s.maybe():
            s(
                f'{kept}["W"], {kept}["b"] = {w}, {b}',
                ("G106", f'{kept}["W"] = {w} = {kept}.get("W", 0) + {w}'),
                ("G104", f"W -= 0.1 * {w}"),
            )
        else:
            s(
                f'{kept}["V"] = {g("V")}',
                ("G106", f'{kept}["V"] = {g("V")} = {kept}.get("V", 0) + {g("V")}'),
                ("G104", f"b -= 0.1 * {b}"),
            )
        s(
            result,
            ("G107", f'return {{"W": {w}, "b": None, "V": {g("V")}}}'),
            ("G107", f'return {{"W": {w}, "V": {g("V")}}}'),
        )
    wide = "1e3 * " if s.maybe(0.35) else ""
    y = (
        f"np.eye({c}, dtype=int)[rng.integers(0, {c}, size={n})]"
        if c > 1
        else f"rng.integers(0, 2, size=({n}, 1))"
    )
    example(
        s,
        {
            "X": normal(n, d),
            "y": y,
            "W": normal(d, h, scale="0.5 * "),
            "b": normal(h, scale="0.1 * "),
            "V": normal(h, c, scale=wide),
        },
    )


SMALL = {
    "regression": regression,
    "careless": careless,
}
