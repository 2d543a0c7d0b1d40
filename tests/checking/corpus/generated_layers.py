"""Files about a layer beyond dense ones: masks, normalisation, skips, shared weights."""

from __future__ import annotations

from tests.checking.corpus.generated_parts import SIGMOID, SOFTMAX, example, naming, normal
from tests.checking.corpus.sheet import OMITTED, Sheet


def dropout(s: Sheet) -> None:
    """A mask given from outside, inverted dropout."""
    g, act = naming(s), s.pick("tanh", "relu")
    n, d, h, c = 6, s.random.randint(3, 5), s.random.randint(4, 6), 3
    keep = s.pick("keep", "KEEP_PROB", "keep_prob")
    s("import numpy as np")
    s("")
    s(f"{keep} = {s.pick('0.8', '0.5', '0.6')}")
    s("\n\n")
    s(SOFTMAX.format(v="scores", k=1))
    call, slope = (
        ("np.tanh(z1)", "(1 - a1**2)") if act == "tanh" else ("np.maximum(z1, 0)", "(z1 > 0)")
    )
    arguments = "X, y, mask, W1, b1, W2, b2"

    def forward() -> None:
        s("z1 = X @ W1 + b1")
        s(f"a1 = {call}")
        s(f"a1_drop = a1 * mask / {keep}")
        s("probs = softmax(a1_drop @ W2 + b2)")

    with s.function(f"def loss({arguments}):"):
        forward()
        s("return -np.log(probs[np.arange(len(y)), y]).mean()")
    with s.function(f"def gradient({arguments}):"):
        forward()
        scores, drop, a1, z1 = g("scores"), g("drop"), g("a1"), g("z1")
        s(f"{scores} = probs.copy()")
        s(f"{scores}[range(len(y)), y] -= 1")
        s(f"{scores} /= len(y)", ("G201", OMITTED), ("G203", f"{scores} /= {scores}.shape[1]"))
        s(
            f"{g('W2')} = a1_drop.T @ {scores}",
            ("G901|G902|G703", f"{g('W2')} = a1.T @ {scores}"),
            ("G902", f"{g('W2')} = (a1 * mask).T @ {scores}"),
            ("G703", f"{g('W2')} = z1.T @ {scores}"),
        )
        s(f"{g('b2')} = {scores}.sum(0)", ("G601", f"{g('b2')} = {scores}.mean(0)"))
        s(f"{drop} = {scores} @ W2.T")
        fresh = f"(np.random.rand(*a1.shape) < {keep})"
        s(
            f"{a1} = {drop} * mask / {keep}",
            ("G901", f"{a1} = {drop}"),
            ("G902", f"{a1} = {drop} * mask"),
            ("G902", f"{a1} = {drop} * mask * {keep}"),
            ("G901|G902", f"{a1} = {drop} / {keep}"),
            ("G105|G902", f"{a1} = {drop} * {fresh} / {keep}"),
            ("G902", f"{a1} = {drop} * (1 - mask) / {keep}"),
        )
        s(f"{z1} = {a1} * {slope}", ("G401", f"{z1} = {a1}"))
        s(f"{g('W1')} = X.T @ {z1}", ("G205", f"{g('W1')} = -X.T @ {z1}"))
        s(f"{g('b1')} = {z1}.sum(0)", ("G602", f"{g('b1')} = {z1}[0]"))
        names = ("W1", "b1", "W2", "b2")
        s("return {" + ", ".join(f'"{p}": {g(p)}' for p in names) + "}")
    example(
        s,
        {
            "X": normal(n, d),
            "y": f"rng.integers(0, {c}, size={n})",
            "mask": f"(rng.random(({n}, {h})) < 0.7).astype(float)",
            "W1": normal(d, h, scale="0.6 * "),
            "b1": normal(h, scale="0.1 * "),
            "W2": normal(h, c, scale="0.6 * "),
            "b2": normal(c, scale="0.1 * "),
        },
    )


def batch_norm(s: Sheet) -> None:
    """Normalised over the batch; long or fused backward."""
    g = naming(s)
    n, d = s.random.randint(5, 8), s.random.randint(3, 5)
    d_out = s.pick(d, 3)
    s("import numpy as np")
    s("")
    s("eps = 1e-5")
    arguments = "X, Y, W, gamma, beta, V"

    def forward() -> None:
        s("h = X @ W")
        s("mu = h.mean(axis=0)")
        s("xc = h - mu")
        s("var = (xc**2).mean(axis=0)")
        s("std = np.sqrt(var + eps)")
        s("xhat = xc / std")
        s("out = gamma * xhat + beta")
        s("pred = np.tanh(out) @ V")

    with s.function(f"def loss({arguments}):"):
        forward()
        s("return 0.5 * np.sum((pred - Y) ** 2) / len(X)")
    with s.function(f"def gradient({arguments}):"):
        s("N = X.shape[0]")
        forward()
        s("")
        pred, out, xhat, h = g("pred"), g("out"), g("xhat"), g("h")
        s(
            f"{pred} = (pred - Y) / N",
            ("G201", f"{pred} = pred - Y"),
            ("G205", f"{pred} = (Y - pred) / N"),
        )
        s(f"{g('V')} = np.tanh(out).T @ {pred}", ("G703", f"{g('V')} = out.T @ {pred}"))
        s(f"{out} = ({pred} @ V.T) * (1 - np.tanh(out) ** 2)", ("G401", f"{out} = {pred} @ V.T"))
        s(
            f"{g('gamma')} = np.sum({out} * xhat, axis=0)",
            ("G703", f"{g('gamma')} = np.sum({out} * h, axis=0)"),
            ("G703", f"{g('gamma')} = np.sum({out} * xc, axis=0)"),
            ("G601", f"{g('gamma')} = np.mean({out} * xhat, axis=0)"),
        )
        s(
            f"{g('beta')} = {out}.sum(axis=0)",
            ("G601", f"{g('beta')} = {out}.mean(axis=0)"),
            ("G603", f"{g('beta')} = np.full_like(beta, {out}.sum())"),
        )
        s(f"{xhat} = {out} * gamma", ("G703", f"{xhat} = {out} * beta"))
        form = s.pick("fused", "long", "means")
        if form == "fused":
            mean, var = f" - {xhat}.sum(0)", f" - xhat * np.sum({xhat} * xhat, axis=0)"
            s(
                f"{h} = (N * {xhat}{mean}{var}) / (N * std)",
                ("G903", f"{h} = (N * {xhat}{var}) / (N * std)"),
                ("G904", f"{h} = (N * {xhat}{mean}) / (N * std)"),
                ("G905", f"{h} = (N * {xhat}{mean}) / (N * std){var} / ((N - 1) * std)"),
                ("G903|G904", f"{h} = {xhat} / std"),
            )
        elif form == "means":
            mean, var = f" - {xhat}.mean(0)", f" - xhat * np.mean({xhat} * xhat, axis=0)"
            s(
                f"{h} = ({xhat}{mean}{var}) / std",
                ("G903", f"{h} = ({xhat}{var}) / std"),
                ("G904", f"{h} = ({xhat}{mean}) / std"),
                ("G903|G904", f"{h} = {xhat} / std"),
            )
        else:
            dvar, dmu, dxc = g("var"), g("mu"), g("xc")
            s(f"{dvar} = np.sum({xhat} * xc, axis=0) * -0.5 / std**3")
            s(
                f"{dxc} = {xhat} / std + 2 * xc * {dvar} / N",
                ("G904", f"{dxc} = {xhat} / std"),
                ("G905", f"{dxc} = {xhat} / std + 2 * xc * {dvar} / (N - 1)"),
            )
            s(f"{dmu} = -{dxc}.sum(axis=0)")
            s(
                f"{h} = {dxc} + {dmu} / N",
                ("G903", f"{h} = {dxc}"),
                ("G903|G201", f"{h} = {dxc} + {dmu}"),
            )
        s(f"{g('W')} = X.T @ {h}")
        names = ("W", "gamma", "beta", "V")
        s("return {" + ", ".join(f'"{p}": {g(p)}' for p in names) + "}")
    example(
        s,
        {
            "X": normal(n, d),
            "Y": normal(n, d_out),
            "W": normal(d, d),
            "gamma": f"1 + 0.2 * rng.normal(size={d})",
            "beta": normal(d, scale="0.3 * "),
            "V": normal(d, d_out),
        },
    )


def layer_norm(s: Sheet) -> None:
    """Each row normalised, after a residual connection."""
    g = naming(s)
    n, d = s.random.randint(4, 7), s.random.randint(4, 6)
    s("import numpy as np")
    arguments = "X, T, W, b, gain, shift"

    def forward() -> None:
        s("h = np.tanh(X @ W + b)")
        s("r = X @ W + h" if twice else "r = X + h")
        s("centred = r - r.mean(axis=1, keepdims=True)")
        s("sigma = np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-6)")
        s("u = centred / sigma")
        s("out = u * gain + shift")

    twice = s.maybe()
    with s.function(f"def loss({arguments}):"):
        forward()
        s("return np.mean((out - T) ** 2)")
    with s.function(f"def gradient({arguments}):"):
        forward()
        out, u, r, z = g("out"), g("u"), g("r"), g("z")
        s(
            f"{out} = 2 * (out - T) / T.size",
            ("G204", f"{out} = (out - T) / T.size"),
            ("G203", f"{out} = 2 * (out - T) / len(T)"),
            ("G201", f"{out} = 2 * (out - T)"),
        )
        s(
            f"{g('gain')} = ({out} * u).sum(axis=0)",
            ("G603", f"{g('gain')} = ({out} * u).sum()"),
            ("G703", f"{g('gain')} = ({out} * centred).sum(axis=0)"),
        )
        s(f"{g('shift')} = {out}.sum(axis=0)", ("G601", f"{g('shift')} = {out}.mean(axis=0)"))
        s(f"{u} = {out} * gain")
        mean = f" - {u}.mean(axis=1, keepdims=True)"
        var = f" - u * ({u} * u).mean(axis=1, keepdims=True)"
        s(
            f"{r} = ({u}{mean}{var}) / sigma",
            ("G903", f"{r} = ({u}{var}) / sigma"),
            ("G904", f"{r} = ({u}{mean}) / sigma"),
            ("G603", f"{r} = ({u}{mean.replace('axis=1', 'axis=0')}{var}) / sigma"),
        )
        if twice:
            s(
                f"{z} = {r} * (1 - h**2) + {r}",
                ("G801", f"{z} = {r} * (1 - h**2)"),
                ("G801|G401", f"{z} = {r}"),
            )
        else:
            s(
                f"{z} = {r} * (1 - h**2)",
                ("G401", f"{z} = {r}"),
                ("G402", f"{z} = {r} * (1 - np.tanh(h) ** 2)"),
                ("G405", f"{z} = 1 - h**2"),
            )
        s(f"{g('W')} = X.T @ {z}", ("G701", f"{g('W')} = {z}.T @ X"))
        if twice:
            s(f"{g('b')} = ({r} * (1 - h**2)).sum(axis=0)", ("G801", f"{g('b')} = {z}.sum(axis=0)"))
        else:
            s(f"{g('b')} = {z}.sum(axis=0)", ("G602", f"{g('b')} = {z}[-1]"))
        names = ("W", "b", "gain", "shift")
        s("return {" + ", ".join(f'"{p}": {g(p)}' for p in names) + "}")
    example(
        s,
        {
            "X": normal(n, d),
            "T": normal(n, d),
            "W": normal(d, d, scale="0.5 * "),
            "b": normal(d, scale="0.1 * "),
            "gain": f"1 + 0.3 * rng.normal(size={d})",
            "shift": normal(d, scale="0.2 * "),
        },
    )


def residual(s: Sheet) -> None:
    """Blocks with skip connections, and two heads on one trunk."""
    g, heads = naming(s), s.maybe()
    n, d = s.random.randint(4, 7), s.random.randint(3, 5)
    s("import numpy as np")
    arguments = "X, y1, y2, W1, W2, V1, V2" if heads else "X, y1, W1, W2, V1"

    def forward() -> None:
        s("h1 = np.tanh(X @ W1)")
        s("h2 = h1 + np.tanh(h1 @ W2)")
        s("s1 = h2 @ V1")
        if heads:
            s("s2 = h2 @ V2")

    with s.function(f"def loss({arguments}):"):
        forward()
        s("J = 0.5 * np.mean((s1 - y1) ** 2)")
        if heads:
            s("J += np.mean(np.logaddexp(0, -y2 * s2))")
        s("return J")
    with s.function(f"def gradient({arguments}):"):
        forward()
        h1, h2, t2 = g("h1"), g("h2"), g("t2")
        s(
            f"{g('s1')} = (s1 - y1) / y1.size",
            ("G204", f"{g('s1')} = 2 * (s1 - y1) / y1.size"),
            ("G205", f"{g('s1')} = (y1 - s1) / y1.size"),
        )
        s(f"{g('V1')} = h2.T @ {g('s1')}", ("G703", f"{g('V1')} = h1.T @ {g('s1')}"))
        s(f"{h2} = {g('s1')} @ V1.T")
        if heads:
            s(
                f"{g('s2')} = -y2 / (1 + np.exp(y2 * s2)) / y2.size",
                ("G205", f"{g('s2')} = y2 / (1 + np.exp(y2 * s2)) / y2.size"),
                ("G403", f"{g('s2')} = -y2 / (1 + np.exp(-y2 * s2)) / y2.size"),
                ("G201", f"{g('s2')} = -y2 / (1 + np.exp(y2 * s2))"),
            )
            s(f"{g('V2')} = h2.T @ {g('s2')}", ("G704", f"{g('V2')} = {g('V1')}"))
            s(
                f"{h2} += {g('s2')} @ V2.T",
                ("G801", f"{h2} = {g('s2')} @ V2.T"),
                ("G801", OMITTED),
                ("G703", f"{h2} += {g('s2')} @ V1.T"),
            )
        s(
            f"{t2} = {h2} * (1 - (h2 - h1) ** 2)",
            ("G403|G703", f"{t2} = {h2} * (1 - h2**2)"),
            ("G401", f"{t2} = {h2}"),
        )
        s(
            f"{g('W2')} = h1.T @ {t2}",
            ("G703", f"{g('W2')} = h2.T @ {t2}"),
            ("G701", f"{g('W2')} = {t2}.T @ h1"),
        )
        if s.maybe():
            s(
                f"{h1} = {h2} + {t2} @ W2.T",
                ("G801", f"{h1} = {t2} @ W2.T"),
                ("G801", f"{h1} = {h2}"),
                ("G702", f"{h1} = {h2} + {t2} @ W2"),
            )
        else:
            s(f"{h1} = {h2}.copy()", ("G801", f"{h1} = np.zeros_like({h2})"))
            s(
                f"{h1} += {t2} @ W2.T",
                ("G801", f"{h1} = {t2} @ W2.T"),
                ("G702", f"{h1} += {t2} @ W2"),
            )
        s(
            f"{g('W1')} = X.T @ ({h1} * (1 - h1**2))",
            ("G401", f"{g('W1')} = X.T @ {h1}"),
            ("G403", f"{g('W1')} = X.T @ ({h1} * (1 - h1))"),
        )
        names = ["W1", "W2", "V1"] + (["V2"] if heads else [])
        s("return {" + ", ".join(f'"{p}": {g(p)}' for p in names) + "}")
    entries = {"X": normal(n, d), "y1": normal(n, 1)}
    if heads:
        entries["y2"] = f"rng.choice([-1.0, 1.0], size=({n}, 1))"
    entries |= {
        "W1": normal(d, d, scale="0.7 * "),
        "W2": normal(d, d, scale="0.7 * "),
        "V1": normal(d, 1),
    }
    if heads:
        entries["V2"] = normal(d, 1)
    example(s, entries)


def tied(s: Sheet) -> None:
    """An autoencoder whose decoder is the encoder's transpose."""
    g = naming(s)
    n, d, h = s.random.randint(4, 7), s.random.randint(4, 6), s.pick(3, 4)
    s("import numpy as np")
    s("\n\n")
    s(SIGMOID)

    def forward() -> None:
        s("H = sigmoid(X @ W + b)")
        s("R = H @ W.T + c")

    with s.function("def loss(X, W, b, c):"):
        forward()
        s("return np.sum((R - X) ** 2) / (2 * len(X))")
    with s.function("def gradient(X, W, b, c):"):
        s("n = len(X)")
        forward()
        r, h_, a = g("R"), g("H"), g("A")
        s(
            f"{r} = (R - X) / n",
            ("G201", f"{r} = R - X"),
            ("G205", f"{r} = (X - R) / n"),
            ("G204", f"{r} = 2 * (R - X) / n"),
        )
        s(f"{g('c')} = {r}.sum(axis=0)", ("G601", f"{g('c')} = {r}.mean(axis=0)"))
        s(f"{h_} = {r} @ W")
        s(
            f"{a} = {h_} * H * (1 - H)",
            ("G401", f"{a} = {h_}"),
            ("G403", f"{a} = {h_} * (1 - H)"),
            ("G402", f"{a} = {h_} * sigmoid(H) * (1 - sigmoid(H))"),
        )
        s(f"{g('b')} = {a}.sum(axis=0)", ("G602", f"{g('b')} = {a}[0]"))
        w = g("W")
        if s.maybe():
            s(
                f"{w} = X.T @ {a} + {r}.T @ H",
                ("G801", f"{w} = X.T @ {a}"),
                ("G801", f"{w} = {r}.T @ H"),
                ("G205|G801", f"{w} = X.T @ {a} - {r}.T @ H"),
            )
        else:
            s(f"{w} = {r}.T @ H", ("G801", f"{w} = np.zeros_like(W)"))
            s(f"{w} += X.T @ {a}", ("G801", f"{w} = X.T @ {a}"), ("G801", OMITTED))
        s("return {" + ", ".join(f'"{p}": {g(p)}' for p in ("W", "b", "c")) + "}")
    example(
        s,
        {
            "X": normal(n, d),
            "W": normal(d, h),
            "b": normal(h, scale="0.1 * "),
            "c": normal(d, scale="0.1 * "),
        },
    )


LAYERS = {
    "dropout": dropout,
    "batch norm": batch_norm,
    "layer norm": layer_norm,
    "residual": residual,
    "tied": tied,
}
