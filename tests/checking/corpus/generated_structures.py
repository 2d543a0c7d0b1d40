"""Files about tables, sequences and sets: embeddings, convolution, recurrence, attention."""

from __future__ import annotations

from tests.checking.corpus.generated_parts import example, naming, normal
from tests.checking.corpus.sheet import OMITTED, Sheet


def embedding(s: Sheet) -> None:
    """Words looked up in a table, some of them twice; their mean is classified."""
    g = naming(s)
    n, t, v, d, c = s.random.randint(4, 6), 3, s.random.randint(5, 7), s.random.randint(3, 4), 3
    table, words = s.pick(("E", "idx"), ("C", "tokens"), ("emb", "words"))
    arguments = f"{words}, y, {table}, U, c"
    s("import numpy as np")

    def forward() -> None:
        s(f"x = {table}[{words}]")
        s("h = x.mean(axis=1)")
        s("logits = h @ U + c")
        s("logits -= logits.max(axis=1, keepdims=True)")
        s("p = np.exp(logits)")
        s("p /= p.sum(axis=1, keepdims=True)")

    with s.function(f"def loss({arguments}):"):
        forward()
        s("return -np.mean(np.log(p[np.arange(len(y)), y]))")
    with s.function(f"def gradient({arguments}):"):
        forward()
        logits, h, dt = g("logits"), g("h"), g(table)
        s(f"n, T = {words}.shape")
        s(f"{logits} = p - np.eye({c})[y]", ("G205", f"{logits} = np.eye({c})[y] - p"))
        s(f"{logits} /= n", ("G201", OMITTED), ("G203", f"{logits} /= n * T"))
        s(f"{g('U')} = h.T @ {logits}")
        s(
            f"{g('c')} = {logits}.sum(axis=0)",
            ("G602", f"{g('c')} = {logits}[0]"),
            ("G601", f"{g('c')} = {logits}.mean(axis=0)"),
        )
        s(f"{h} = {logits} @ U.T / T", ("G206|G203|G201", f"{h} = {logits} @ U.T"))
        s(f"{dt} = np.zeros_like({table})", ("G102", f"{dt} = np.zeros({table}.shape, dtype=int)"))
        form = s.pick("add.at", "loop", "loops", "one-hot")
        if form == "add.at":
            s(
                f"np.add.at({dt}, {words}, {h}[:, None, :])",
                ("G803", f"{dt}[{words}] += {h}[:, None, :]"),
                ("G803", f"{dt}[{words}] = {h}[:, None, :]"),
            )
        elif form == "loop":
            with s.block("for j in range(T):"):
                s(f"np.add.at({dt}, {words}[:, j], {h})", ("G803", f"{dt}[{words}[:, j]] += {h}"))
        elif form == "loops":
            with s.block("for i in range(n):"), s.block("for j in range(T):"):
                s(
                    f"{dt}[{words}[i, j]] += {h}[i]",
                    ("G803|G801|G802", f"{dt}[{words}[i, j]] = {h}[i]"),
                    ("G703", f"{dt}[{words}[i, j]] += {h}[j]"),
                )
        else:
            s(f"counts = np.zeros((n, len({table})))")
            with s.block("for i in range(n):"), s.block(f"for w in {words}[i]:"):
                s("counts[i, w] += 1", ("G803", "counts[i, w] = 1"))
            s(f"{dt} = counts.T @ {h}")
        s("return {" + ", ".join(f'"{p}": {g(p)}' for p in (table, "U", "c")) + "}")
    example(
        s,
        {
            words: f"rng.integers(0, {v}, size=({n}, {t}))",
            "y": f"rng.integers(0, {c}, size={n})",
            table: normal(v, d),
            "U": normal(d, c),
            "c": normal(c, scale="0.1 * "),
        },
    )


def factors(s: Sheet) -> None:
    """Matrix factorisation by a list of ratings, users and items more than once."""
    g = naming(s)
    users, items, ratings, k = 4, s.pick(4, 5), s.random.randint(8, 10), s.pick(2, 3)
    s("import numpy as np")
    s("")
    s("REG = 0.1")
    with s.function("def loss(user, item, rating, P, Q):"):
        s("err = np.sum(P[user] * Q[item], axis=1) - rating")
        s("return 0.5 * np.sum(err**2) + 0.5 * REG * (np.sum(P**2) + np.sum(Q**2))")
    with s.function("def gradient(user, item, rating, P, Q):"):
        p, q = g("P"), g("Q")
        if s.maybe():
            s(
                f"{p} = REG * P",
                ("G301", f"{p} = np.zeros_like(P)"),
                ("G302", f"{p} = 2 * REG * P"),
                ("G303", f"{p} = -REG * P"),
            )
            s(
                f"{q} = REG * Q",
                ("G301", f"{q} = np.zeros_like(Q)"),
                ("G302", f"{q} = 0.5 * REG * Q"),
                ("G303", f"{q} = -REG * Q"),
            )
            with s.block("for u, i, r in zip(user, item, rating):"):
                s("e = P[u] @ Q[i] - r", ("G205", "e = r - P[u] @ Q[i]"))
                s(
                    f"{p}[u] += e * Q[i]",
                    ("G703", f"{p}[u] += e * P[u]"),
                    ("G803|G801", f"{p}[u] = e * Q[i] + REG * P[u]"),
                )
                s(
                    f"{q}[i] += e * P[u]",
                    ("G803|G801", f"{q}[i] = e * P[u] + REG * Q[i]"),
                    ("G804", f"{q}[i] += e * (P[u] - 0.1 * {p}[u])"),
                )
        else:
            s(
                "err = np.sum(P[user] * Q[item], axis=1) - rating",
                ("G205", "err = rating - np.sum(P[user] * Q[item], axis=1)"),
            )
            s(
                f"{p}, {q} = REG * P, REG * Q",
                ("G301", f"{p}, {q} = np.zeros_like(P), np.zeros_like(Q)"),
            )
            s(
                f"np.add.at({p}, user, err[:, None] * Q[item])",
                ("G803", f"{p}[user] += err[:, None] * Q[item]"),
                ("G704|G703", f"np.add.at({p}, user, err[:, None] * P[user])"),
            )
            s(
                f"np.add.at({q}, item, err[:, None] * P[user])",
                ("G803", f"{q}[item] += err[:, None] * P[user]"),
                ("G204", f"np.add.at({q}, item, 2 * err[:, None] * P[user])"),
            )
        s(
            f'return {{"P": {p}, "Q": {q}}}',
            ("G704", f'return {{"P": {q}, "Q": {p}}}'),
            ("G107", f'return {{"P": {p}}}'),
        )
    example(
        s,
        {
            "user": f"rng.integers(0, {users}, size={ratings})",
            "item": f"rng.integers(0, {items}, size={ratings})",
            "rating": normal(ratings),
            "P": normal(users, k),
            "Q": normal(items, k),
        },
    )


def convolution(s: Sheet) -> None:
    """One-dimensional convolution, ReLU or tanh, pooling, a linear read-out."""
    g = naming(s)
    n, channels, length, filters, k = s.random.randint(4, 5), 2, 9, 3, 3
    stride = s.pick(1, 1, 2)
    pool = s.pick("max", "mean", "none")
    steps = (length - k) // stride + 1
    width = steps // 2 if pool != "none" else steps
    s("import numpy as np")
    s("")
    s(f"STRIDE = {stride}")
    with s.function("def conv(x, w, b):"):
        s("n, _, length = x.shape")
        s("f, _, k = w.shape")
        s("steps = (length - k) // STRIDE + 1")
        s("out = np.zeros((n, f, steps))")
        with s.block("for t in range(steps):"):
            s("patch = x[:, :, t * STRIDE : t * STRIDE + k]")
            s("out[:, :, t] = np.einsum('nck,fck->nf', patch, w) + b")
        s("return out")
    arguments = "x, y, w0, b0, w, b, v"

    def forward() -> None:
        s("x1 = np.tanh(w0[:, :, None] * x[:, None, :] + b0[:, :, None])")
        s("z = conv(x1, w, b)")
        s("a = np.tanh(z)")
        if pool != "none":
            s("windows = a[:, :, : a.shape[2] // 2 * 2].reshape(*a.shape[:2], -1, 2)")
            s(f"q = windows.{pool}(axis=3)")
        else:
            s("q = a")
        s("scores = q.reshape(len(x), -1) @ v")

    with s.function(f"def loss({arguments}):"):
        forward()
        s("return 0.5 * np.mean((scores - y) ** 2)")
    with s.function(f"def gradient({arguments}):"):
        forward()
        s("")
        sc, q, a, z, x1, pre = g("scores"), g("q"), g("a"), g("z"), g("x1"), g("pre")
        s(
            f"{sc} = (scores - y) / len(y)",
            ("G201", f"{sc} = scores - y"),
            ("G205", f"{sc} = (y - scores) / len(y)"),
        )
        s(
            f"{g('v')} = q.reshape(len(x), -1).T @ {sc}",
            ("G705", f"{g('v')} = q.transpose(0, 2, 1).reshape(len(x), -1).T @ {sc}"),
        )
        s(
            f"{q} = np.outer({sc}, v).reshape(q.shape)",
            ("G705", f"{q} = np.outer({sc}, v).reshape(q.shape, order='F')"),
            (
                "G705",
                f"{q} = np.outer({sc}, v).reshape(len(x), -1, q.shape[1]).transpose(0, 2, 1)",
            ),
        )
        if pool == "none":
            s(f"{a} = {q}")
        else:
            s(f"{a} = np.zeros_like(a)")
            s(f"used = {q}.shape[2] * 2")
            if pool == "mean":
                s(
                    f"{a}[:, :, :used] = np.repeat({q}, 2, axis=2) / 2",
                    ("G907", f"{a}[:, :, :used] = np.repeat({q}, 2, axis=2)"),
                    ("G907|G705", f"{a}[:, :, :used] = np.tile({q}, 2) / 2"),
                )
            else:
                s(
                    "best = windows == q[..., None]",
                    ("G907", "best = np.ones_like(windows)"),
                    ("G907", "best = windows < q[..., None]"),
                    ("G907", "best = np.arange(2) == np.zeros_like(q, int)[..., None]"),
                )
                s(f"{a}[:, :, :used] = (best * {q}[..., None]).reshape(*a.shape[:2], -1)")
        s(
            f"{z} = {a} * (1 - a**2)",
            ("G401", f"{z} = {a}"),
            ("G402", f"{z} = {a} * (1 - np.tanh(a) ** 2)"),
            ("G403", f"{z} = {a} * (1 - z**2)"),
        )
        s(
            f"{g('b')} = {z}.sum(axis=(0, 2))",
            ("G603", f"{g('b')} = {z}.sum(axis=(0, 1))"),
            ("G601", f"{g('b')} = {z}.mean(axis=(0, 2))"),
        )
        s(f"{g('w')} = np.zeros_like(w)")
        s(f"{x1} = np.zeros_like(x1)")
        s("k = w.shape[2]")
        lost: tuple[tuple[str, str], ...] = (("G906", "lo = t"),) if stride > 1 else ()
        with s.block(f"for t in range({z}.shape[2]):"):
            s("lo = t * STRIDE", *lost)
            s(
                "patch = x1[:, :, lo : lo + k]",
                ("G906|G705", "patch = x1[:, ::-1, lo : lo + k]"),
            )
            grad_w = f"np.einsum('nf,nck->fck', {z}[:, :, t], patch)"
            s(
                f"{g('w')} += {grad_w}",
                ("G802|G801", f"{g('w')} = {grad_w}"),
                ("G906", f"{g('w')} += {grad_w}[..., ::-1]"),
            )
            back = f"np.einsum('nf,fck->nck', {z}[:, :, t], w)"
            s(
                f"{x1}[:, :, lo : lo + k] += {back}",
                ("G801", f"{x1}[:, :, lo : lo + k] = {back}"),
                ("G906", f"{x1}[:, :, lo : lo + k] += {back.replace('w)', 'w[:, :, ::-1])')}"),
            )
        s(f"{pre} = {x1} * (1 - x1**2)", ("G401", f"{pre} = {x1}"))
        s(
            f"{g('w0')} = ({pre} * x[:, None, :]).sum(axis=(0, 2))[None]",
            ("G205", f"{g('w0')} = -({pre} * x[:, None, :]).sum(axis=(0, 2))[None]"),
        )
        s(f"{g('b0')} = {pre}.sum(axis=(0, 2))[None]")
        s("return {" + ", ".join(f'"{p}": {g(p)}' for p in ("w0", "b0", "w", "b", "v")) + "}")
    example(
        s,
        {
            "x": normal(n, length),
            "y": normal(n),
            "w0": normal(1, channels),
            "b0": normal(1, channels, scale="0.3 * "),
            "w": normal(filters, channels, k, scale="0.6 * "),
            "b": normal(filters, scale="0.1 * "),
            "v": normal(filters * width, scale="0.5 * "),
        },
    )


def recurrent(s: Sheet) -> None:
    """A simple recurrent network over a few steps, read out at the end or at every step."""
    g, every = naming(s), s.maybe()
    n, steps, d, h = s.random.randint(4, 5), s.random.randint(4, 5), s.pick(3, 4), 4
    c = s.pick(3, 4)
    s("import numpy as np")
    arguments = "X, Y, Wx, Wh, b, V"

    def forward() -> None:
        s("n, T, _ = X.shape")
        s("hs = [np.zeros((n, len(b)))]")
        with s.block("for t in range(T):"):
            s("hs.append(np.tanh(X[:, t] @ Wx + hs[-1] @ Wh + b))")

    with s.function(f"def loss({arguments}):"):
        forward()
        if every:
            s("total = 0.0")
            with s.block("for t in range(T):"):
                s("total += 0.5 * np.sum((hs[t + 1] @ V - Y[:, t]) ** 2)")
            s("return total / n")
        else:
            s("return 0.5 * np.sum((hs[-1] @ V - Y) ** 2) / n")
    with s.function(f"def gradient({arguments}):"):
        forward()
        s("")
        for p in ("Wx", "Wh", "b") + (("V",) if every else ()):
            s(f"{g(p)} = np.zeros_like({p})")
        carried, raw, out = s.pick("dh_next", "carry", "dnext"), g("a"), g("out")
        dh = g("h")
        if every:
            s(f"{carried} = np.zeros((n, len(b)))")
        else:
            s(
                f"{out} = (hs[-1] @ V - Y) / n",
                ("G201", f"{out} = hs[-1] @ V - Y"),
                ("G205", f"{out} = (Y - hs[-1] @ V) / n"),
            )
            s(f"{g('V')} = hs[-1].T @ {out}", ("G703", f"{g('V')} = hs[-2].T @ {out}"))
            s(f"{dh} = {out} @ V.T")
        with s.block(
            "for t in reversed(range(T)):",
            *(() if every else (("G908|G802", "for t in [T - 1]:"),)),
        ):
            if every:
                s(
                    f"{out} = (hs[t + 1] @ V - Y[:, t]) / n",
                    ("G203", f"{out} = (hs[t + 1] @ V - Y[:, t]) / (n * T)"),
                )
                s(
                    f"{g('V')} += hs[t + 1].T @ {out}",
                    ("G703", f"{g('V')} += hs[t].T @ {out}"),
                    ("G801|G802", f"{g('V')} = hs[t + 1].T @ {out}"),
                )
                s(
                    f"{dh} = {out} @ V.T + {carried}",
                    ("G908", f"{dh} = {out} @ V.T"),
                    ("G801", f"{dh} = {carried}"),
                )
            s(
                f"{raw} = {dh} * (1 - hs[t + 1] ** 2)",
                ("G703", f"{raw} = {dh} * (1 - hs[t] ** 2)"),
                ("G401", f"{raw} = {dh}"),
                ("G403", f"{raw} = {dh} * (1 - hs[t + 1])"),
            )
            s(f"{g('Wx')} += X[:, t].T @ {raw}", ("G801", f"{g('Wx')} = X[:, t].T @ {raw}"))
            s(
                f"{g('Wh')} += hs[t].T @ {raw}",
                ("G703", f"{g('Wh')} += hs[t + 1].T @ {raw}"),
                ("G801", f"{g('Wh')} = hs[t].T @ {raw}"),
                ("G701", f"{g('Wh')} += {raw}.T @ hs[t]"),
            )
            s(
                f"{g('b')} += {raw}.sum(axis=0)",
                ("G601", f"{g('b')} += {raw}.mean(axis=0)"),
                ("G801", f"{g('b')} = {raw}.sum(axis=0)"),
            )
            target = carried if every else dh
            s(
                f"{target} = {raw} @ Wh.T",
                ("G702", f"{target} = {raw} @ Wh"),
                ("G908", f"{target} = np.zeros_like({raw})"),
            )
        s("return {" + ", ".join(f'"{p}": {g(p)}' for p in ("Wx", "Wh", "b", "V")) + "}")
    example(
        s,
        {
            "X": normal(n, steps, d),
            "Y": normal(n, steps, c) if every else normal(n, c),
            "Wx": normal(d, h, scale="0.5 * "),
            "Wh": normal(h, h, scale="0.6 * "),
            "b": normal(h, scale="0.1 * "),
            "V": normal(h, c),
        },
    )


def attention(s: Sheet) -> None:
    """Self-attention with one or two heads."""
    g = naming(s)
    n, d, heads = s.random.randint(4, 6), 4, s.pick(1, 2)
    width = d // heads
    s("import numpy as np")
    s("")
    s(f"HEADS, WIDTH = {heads}, {width}")
    with s.function("def split(M):"):
        s("return M.reshape(len(M), HEADS, WIDTH).transpose(1, 0, 2)")
    with s.function("def merge(M):"):
        s("return M.transpose(1, 0, 2).reshape(M.shape[1], -1)")

    def forward() -> None:
        s("Q, K, V = split(X @ Wq), split(X @ Wk), split(X @ Wv)")
        s("S = Q @ K.transpose(0, 2, 1) / np.sqrt(WIDTH)")
        s("A = np.exp(S - S.max(axis=-1, keepdims=True))")
        s("A /= A.sum(axis=-1, keepdims=True)")
        s("out = merge(A @ V)")

    arguments = "X, Y, Wq, Wk, Wv"
    with s.function(f"def loss({arguments}):"):
        forward()
        s("return np.sum((out - Y) ** 2) / 2")
    with s.function(f"def gradient({arguments}):"):
        forward()
        o, a, sc, q, k, v = g("O"), g("A"), g("S"), g("Q"), g("K"), g("V")
        permuted: tuple[tuple[str, str], ...] = ()
        if heads > 1:
            permuted = (
                ("G705", f"{o} = (out - Y).reshape(HEADS, len(X), WIDTH)"),
                ("G705", f"{o} = split(out - Y)[::-1]"),
            )
        s(
            f"{o} = split(out - Y)",
            *permuted,
            ("G205", f"{o} = split(Y - out)"),
            ("G204", f"{o} = split(2 * (out - Y))"),
        )
        s(f"{a} = {o} @ V.transpose(0, 2, 1)")
        s(f"{v} = A.transpose(0, 2, 1) @ {o}", ("G702|G701", f"{v} = A @ {o}"))
        s(
            f"{sc} = A * ({a} - np.sum({a} * A, axis=-1, keepdims=True))",
            ("G503", f"{sc} = {a} * A * (1 - A)"),
            ("G401", f"{sc} = {a}"),
            ("G603", f"{sc} = A * ({a} - np.sum({a} * A, axis=-2, keepdims=True))"),
        )
        scale = " / np.sqrt(WIDTH)"
        unscaled = "G206|G204" if width == 4 else "G206"
        s(
            f"{q} = {sc} @ K{scale}",
            (unscaled, f"{q} = {sc} @ K"),
            ("G703", f"{q} = {sc} @ Q{scale}"),
        )
        s(
            f"{k} = {sc}.transpose(0, 2, 1) @ Q{scale}",
            ("G702|G701", f"{k} = {sc} @ Q{scale}"),
            (unscaled, f"{k} = {sc}.transpose(0, 2, 1) @ Q"),
        )
        entries = {"Wq": q, "Wk": k, "Wv": v}

        def text(table: dict[str, str]) -> str:
            return (
                "return {" + ", ".join(f'"{p}": X.T @ merge({x})' for p, x in table.items()) + "}"
            )

        s(
            text(entries),
            ("G704", text({**entries, "Wq": k, "Wk": q})),
            ("G107", text({"Wq": q, "Wv": v})),
        )
    weights = {p: normal(d, d, scale="0.7 * ") for p in ("Wq", "Wk", "Wv")}
    example(s, {"X": normal(n, d), "Y": normal(n, d), **weights})


STRUCTURES = {
    "embedding": embedding,
    "factors": factors,
    "convolution": convolution,
    "recurrent": recurrent,
    "attention": attention,
}
