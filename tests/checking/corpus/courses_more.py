# ruff: noqa: E501  (the lines are the students')
"""More blind files: backward passes by hand through embeddings, recurrences, attention, convolutions and autoencoders."""

from __future__ import annotations

from tests.checking.corpus.case import Slot

BY_HAND = """import numpy as np

def forward(Xb, C, W1, b1, bngain, bnbias, W2, b2):
    n = Xb.shape[0]
    emb = C[Xb]
    embcat = emb.reshape(n, -1)
    hprebn = embcat @ W1 + b1
    bnmean = 1/n * hprebn.sum(0, keepdims=True)
    bndiff = hprebn - bnmean
    bnvar = 1/(n-1) * (bndiff**2).sum(0, keepdims=True)   # Bessel's correction
    bnvar_inv = (bnvar + 1e-5)**-0.5
    bnraw = bndiff * bnvar_inv
    hpreact = bngain * bnraw + bnbias
    h = np.tanh(hpreact)
    logits = h @ W2 + b2
    norm_logits = logits - logits.max(1, keepdims=True)
    counts = np.exp(norm_logits)
    counts_sum = counts.sum(1, keepdims=True)
    counts_sum_inv = counts_sum**-1
    probs = counts * counts_sum_inv
    logprobs = np.log(probs)
    return locals()

def loss(Xb, Yb, C, W1, b1, bngain, bnbias, W2, b2):
    logprobs = forward(Xb, C, W1, b1, bngain, bnbias, W2, b2)["logprobs"]
    return -logprobs[range(len(Yb)), Yb].mean()

def gradient(Xb, Yb, C, W1, b1, bngain, bnbias, W2, b2):
    f = forward(Xb, C, W1, b1, bngain, bnbias, W2, b2)
    n = f["n"]
    dlogprobs = np.zeros_like(f["logprobs"])
    dlogprobs[range(n), Yb] = <dlogprobs>
    dprobs = <dprobs>
    dcounts_sum_inv = (f["counts"] * dprobs).sum(1, keepdims=True)
    dcounts = f["counts_sum_inv"] * dprobs
    dcounts_sum = <dsum>
    dcounts <again> np.ones_like(f["counts"]) * dcounts_sum
    dnorm_logits = <dnorm>
    dlogits = dnorm_logits.copy()
    dlogits[range(n), f["logits"].argmax(1)] += -dnorm_logits.sum(1)
    dh = dlogits @ W2.T
    dW2 = f["h"].T @ dlogits
    db2 = <db2>
    dhpreact = <tanh> * dh
    dbngain = (f["bnraw"] * dhpreact).sum(0, keepdims=True)
    dbnraw = bngain * dhpreact
    dbnbias = dhpreact.sum(0, keepdims=True)
    dbndiff = f["bnvar_inv"] * dbnraw
    dbnvar_inv = (f["bndiff"] * dbnraw).sum(0, keepdims=True)
    dbnvar = -0.5 * (f["bnvar"] + 1e-5)**-1.5 * dbnvar_inv
    dbndiff2 = <bessel> * np.ones_like(f["bndiff"]) * dbnvar
    dbndiff += 2 * f["bndiff"] * dbndiff2
    dhprebn = dbndiff.copy()
    dbnmean = -dbndiff.sum(0, keepdims=True)
    dhprebn += 1.0/n * np.ones_like(f["hprebn"]) * dbnmean
    dembcat = dhprebn @ W1.T
    dW1 = f["embcat"].T @ dhprebn
    db1 = dhprebn.sum(0)
    demb = dembcat.reshape(f["emb"].shape)
    dC = np.zeros_like(C)
    for k in range(Xb.shape[0]):
        for j in range(Xb.shape[1]):
            ix = Xb[k, j]
            dC[ix] <acc> demb[k, j]
    return dict(C=dC, W1=dW1, bngain=dbngain, bnbias=dbnbias, W2=dW2, b2=db2)

def example():
    g = np.random.default_rng(2147483647)
    return dict(Xb=g.integers(0, 6, (10, 3)), Yb=g.integers(0, 6, 10), C=g.normal(size=(6, 2)), W1=g.normal(size=(6, 5)) * .5,
                b1=g.normal(size=5) * .1, bngain=g.normal(size=(1, 5)) * .1 + 1, bnbias=g.normal(size=(1, 5)) * .1,
                W2=g.normal(size=(5, 6)) * .5, b2=g.normal(size=6) * .1)
"""
BY_HAND_SLOTS = {
    "dlogprobs": Slot("-1.0/n", [("G201", "-1.0"), ("G205", "1.0/n"), ("G203", "-1.0/f['logits'].shape[1]")]),
    "dprobs": Slot("(1.0 / f['probs']) * dlogprobs", [("G205", "-(1.0 / f['probs']) * dlogprobs")], ["np.divide(dlogprobs, f['probs'])"]),
    "dsum": Slot("(-f['counts_sum']**-2) * dcounts_sum_inv", [("G205", "(f['counts_sum']**-2) * dcounts_sum_inv")], ["-dcounts_sum_inv * f['counts_sum_inv']**2"]),
    "again": Slot("+=", [("G801", "=")]),
    "dnorm": Slot("f['counts'] * dcounts", [("G401", "dcounts")], ["np.exp(f['norm_logits']) * dcounts"]),
    "db2": Slot("dlogits.sum(0)", [("G601", "dlogits.mean(0)"), ("G602", "dlogits[0]")]),
    "tanh": Slot("(1.0 - f['h']**2)", [("G403", "(1.0 - f['h'])"), ("G402", "(1.0 - np.tanh(f['h'])**2)"), ("G403", "(1.0 - f['hpreact']**2)")], ["(1.0 - f['h'])*(1.0 + f['h'])"]),
    "bessel": Slot("(1.0/(n-1))", [("G905", "(1.0/n)"), ("G904", "0")]),
    "acc": Slot("+=", [("G803", "=")]),
}  # fmt: skip

CHAR_RNN = """import numpy as np

hidden_size = 5

def forward(inputs, hprev, Wxh, Whh, Why, bh, by):
    xs, hs, ys, ps = {}, {}, {}, {}
    hs[-1] = np.copy(hprev)
    V = Wxh.shape[1]
    for t in range(len(inputs)):
        xs[t] = np.zeros((V, 1))   # one of V
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t-1]) + bh)
        ys[t] = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(ys[t]) / np.sum(np.exp(ys[t]))
    return xs, hs, ps

def loss(inputs, targets, hprev, Wxh, Whh, Why, bh, by):
    _, _, ps = forward(inputs, hprev, Wxh, Whh, Why, bh, by)
    return sum(-np.log(ps[t][targets[t], 0]) for t in range(len(inputs)))

def gradient(inputs, targets, hprev, Wxh, Whh, Why, bh, by):
    xs, hs, ps = forward(inputs, hprev, Wxh, Whh, Why, bh, by)
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += np.dot(dy, hs[t].T)
        dby <dby> dy
        dh = np.dot(Why.T, dy) + <next>
        dhraw = <raw> * dh
        dbh += dhraw
        dWxh += np.dot(dhraw, xs[t].T)
        dWhh <dWhh>
        dhnext = np.dot(<Whh>, dhraw)
    return {"Wxh": dWxh, "Whh": dWhh, "Why": dWhy, "bh": <bh>, "by": dby}

def example():
    np.random.seed(10)
    V = 4
    return {"inputs": np.array([0, 3, 1, 2, 3, 0]), "targets": np.array([3, 1, 2, 3, 0, 1]), "hprev": np.random.randn(hidden_size, 1) * .5,
            "Wxh": np.random.randn(hidden_size, V) * .5, "Whh": np.random.randn(hidden_size, hidden_size) * .4,
            "Why": np.random.randn(V, hidden_size) * .5, "bh": np.random.randn(hidden_size, 1) * .1, "by": np.random.randn(V, 1) * .1}
"""
CHAR_RNN_SLOTS = {
    "dby": Slot("+=", [("G801|G802", "=")]),
    "next": Slot("dhnext", [("G908", "0 * dhnext")]),
    "raw": Slot("(1 - hs[t] * hs[t])", [("G401", "1.0"), ("G402", "(1 - np.tanh(hs[t]) ** 2)"), ("G403", "(1 + hs[t] * hs[t])")], ["(1 - np.square(hs[t]))"]),
    "dWhh": Slot("+= np.dot(dhraw, hs[t-1].T)", [("G703", "+= np.dot(dhraw, hs[t].T)"), ("G701", "+= np.dot(hs[t-1], dhraw.T)"), ("G801|G802", "= np.dot(dhraw, hs[t-1].T)")], ["+= np.outer(dhraw, hs[t-1])"]),
    "Whh": Slot("Whh.T", [("G702", "Whh")]),
    "bh": Slot("dbh", [("G107", "None"), ("G107", "np.zeros_like(bh)")]),
}  # fmt: skip

NEURON = """import numpy as np

def loss(xs, ys, w, v, b):
    total = 0.0
    for (x1, x2), y in zip(xs, ys):
        n = x1 * w[0] + x2 * w[1] + b[0]
        o = np.tanh(n)
        q = v[0] * o + v[1] * o * o      # o is used twice
        total += (q - y) ** 2
    return float(total)

def gradient(xs, ys, w, v, b):
    dw = np.zeros(2); dv = np.zeros(2); db = np.zeros(1)
    for (x1, x2), y in zip(xs, ys):
        n = x1 * w[0] + x2 * w[1] + b[0]
        o = np.tanh(n)
        q = v[0] * o + v[1] * o * o
        # backward, value by value
        dq = <dq>
        dv[0] += o * dq
        dv[1] += <dv1>
        do = v[0] * dq
        do <two> 2 * o * v[1] * dq
        dn = <dn> * do
        dw[0] += x1 * dn
        dw[1] += x2 * dn
        db[0] <db> dn
    return {'w': dw, 'v': dv, 'b': db}

def example():
    rng = np.random.default_rng(5)
    return {'xs': rng.normal(size=(6, 2)), 'ys': rng.normal(size=6), 'w': rng.normal(size=2), 'v': rng.normal(size=2), 'b': rng.normal(size=1)}
"""
NEURON_SLOTS = {
    "dq": Slot("2 * (q - y)", [("G204", "(q - y)"), ("G205", "-2 * (q - y)")], ["2.0 * q - 2.0 * y"]),
    "dv1": Slot("o * o * dq", [("G204", "2 * o * o * dq")], ["o ** 2 * dq"]),
    "two": Slot("+=", [("G801", "=")]),
    "dn": Slot("(1 - o ** 2)", [("G402", "(1 - np.tanh(o) ** 2)"), ("G403", "(1 - n ** 2)"), ("G403", "o")], ["(1 - np.tanh(n) ** 2)"]),
    "db": Slot("+=", [("G802", "=")]),
}  # fmt: skip

ATTRIBUTES = """import numpy as np

class T:
    'an array with a place for its gradient'
    def __init__(self, a): self.a, self.g = a, 0.

def relu(x): return np.clip(x, 0, None)
def lin(x, w, b): return x @ w + b

def mse_grad(inp, targ):
    inp.g = <mse>

def relu_grad(inp, out):
    inp.g = <relu>

def lin_grad(inp, out, w, b):
    inp.g = out.g @ w.a.T
    w.g = <wg>
    b.g = out.g.sum(<axis>)

def loss(x, y, w1, b1, w2, b2):
    out = lin(relu(lin(x, w1, b1)), w2, b2)
    return ((out[:, 0] - y) ** 2).mean()

def gradient(x, y, w1, b1, w2, b2):
    inp, w1, b1, w2, b2 = map(T, (x, w1, b1, w2, b2))
    l1 = T(lin(inp.a, w1.a, b1.a))
    l2 = T(relu(l1.a))
    out = T(lin(l2.a, w2.a, b2.a))
    mse_grad(out, y)
    lin_grad(l2, out, w2, b2)
    relu_grad(l1, l2)
    lin_grad(inp, l1, w1, b1)
    return {'w1': w1.g, 'b1': b1.g, <last>}

def example():
    rng = np.random.default_rng(37)
    return {'x': rng.normal(size=(8, 5)), 'y': rng.normal(size=8), 'w1': rng.normal(size=(5, 4)), 'b1': rng.normal(size=4) * .1,
            'w2': rng.normal(size=(4, 1)), 'b2': rng.normal(size=1)}
"""
ATTRIBUTES_SLOTS = {
    "mse": Slot("2. * (inp.a[:, 0] - targ)[:, None] / inp.a.shape[0]", [("G204", "(inp.a[:, 0] - targ)[:, None] / inp.a.shape[0]"), ("G201", "2. * (inp.a[:, 0] - targ)[:, None]"), ("G202", "2. * (inp.a[:, 0] - targ)[:, None] / inp.a.shape[0] ** 2"), ("G205", "2. * (targ - inp.a[:, 0])[:, None] / inp.a.shape[0]")], ["2. * (inp.a.squeeze() - targ).reshape(-1, 1) / len(targ)"]),
    "relu": Slot("(inp.a > 0) * out.g", [("G404", "(out.g > 0) * out.g"), ("G405", "(inp.a > 0) * 1."), ("G403", "relu(inp.a) * out.g")], ["(out.a > 0) * out.g", "np.where(inp.a < 0, 0, out.g)"]),
    "wg": Slot("inp.a.T @ out.g", [], ["(inp.a[:, :, None] * out.g[:, None]).sum(0)", "np.einsum('bi,bj', inp.a, out.g)"]),
    "axis": Slot("0", [("G101", "0, keepdims=True")]),
    "last": Slot("'w2': w2.g, 'b2': b2.g", [("G107", "'w2': w2.g")]),
}  # fmt: skip

RESIDUAL = """import numpy as np

n_blocks = 3

def softplus(x): return np.logaddexp(0, x)
def expit(x): return .5 * (1 + np.tanh(.5 * x))

def blocks(x, W, V):
    hs, zs = [x], []
    for k in range(n_blocks):
        z = hs[-1] @ W[k]
        zs.append(z)
        hs.append(hs[-1] + softplus(z) @ V[k])
    return hs, zs

def loss(x, t, W, V):
    hs, _ = blocks(x, W, V)
    return np.mean((hs[-1] - t) ** 2)

def gradient(x, t, W, V):
    hs, zs = blocks(x, W, V)
    dW, dV = np.empty_like(W), np.empty_like(V)
    dh = 2 * (hs[-1] - t) / <count>
    for k in reversed(range(n_blocks)):
        dV[k] = softplus(<zk>).T @ dh
        dz = (dh @ <Vk>) * <act>
        dW[k] = hs[k].T @ dz
        dh <skip> dz @ W[k].T
    return {"W": dW, "V": dV}

def example():
    rng = np.random.default_rng(101)
    return {"x": rng.normal(size=(7, 4)), "t": rng.normal(size=(7, 4)), "W": .5 * rng.normal(size=(3, 4, 4)), "V": .5 * rng.normal(size=(3, 4, 4))}
"""
RESIDUAL_SLOTS = {
    "count": Slot("t.size", [("G203", "len(t)"), ("G201|G203", "t.shape[1]"), ("G201|G203", "1")], ["np.prod(t.shape)"]),
    "zk": Slot("zs[k]", [("G703", "zs[k - 1]")]),
    "Vk": Slot("V[k].T", [("G702", "V[k]"), ("G703", "V[k - 1].T")], ["np.swapaxes(V[k], 0, 1)"]),
    "act": Slot("expit(zs[k])", [("G403", "expit(zs[k]) * (1 - expit(zs[k]))"), ("G402", "expit(softplus(zs[k]))"), ("G403", "softplus(zs[k])"), ("G401", "1.0")], ["(1 - np.exp(-softplus(zs[k])))"]),
    "skip": Slot("+=", [("G801", "=")], ["= dh +"]),
}  # fmt: skip

BLOCK = """import numpy as np

def gelu(x):
    return .5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + .044715 * x ** 3)))

def dgelu(x):
    c = np.sqrt(2 / np.pi)
    u = np.tanh(c * (x + .044715 * x ** 3))
    return <dgelu>

def ln_forward(x, g, b):
    mean = x.mean(-1, keepdims=True)
    rstd = 1 / np.sqrt(((x - mean) ** 2).mean(-1, keepdims=True) + 1e-5)
    norm = (x - mean) * rstd
    return norm * g + b, (norm, rstd)

def ln_backward(dout, g, cache):
    norm, rstd = cache
    db = dout.sum((0, 1))
    dg = (<dg>).sum((0, 1))
    dnorm = dout * g
    dx = dnorm - <m1> - norm * <m2>
    dx *= rstd
    return dx, dg, db

def loss(x, y, g, b, w1, b1, w2):
    h, _ = ln_forward(x, g, b)
    out = x + gelu(h @ w1 + b1) @ w2
    return .5 * np.sum((out - y) ** 2)

def gradient(x, y, g, b, w1, b1, w2):
    h, cache = ln_forward(x, g, b)
    pre = h @ w1 + b1
    out = x + gelu(pre) @ w2
    dout = out - y
    B, T, D = x.shape
    dw2 = gelu(pre).reshape(B * T, -1).T @ dout.reshape(B * T, D)
    dpre = dout @ w2.T * dgelu(pre)
    dw1 = np.einsum(<ein>, h, dpre)
    db1 = dpre.sum(axis=<db1>)
    dh = dpre @ w1.T
    dx, dg, db = ln_backward(dh, g, cache)
    dx = <dx>      # the skip connection
    return {"x": dx, "g": dg, "b": db, "w1": dw1, "b1": db1, "w2": dw2}

def example():
    r = np.random.RandomState(124)
    return {"x": r.randn(2, 3, 4), "y": r.randn(2, 3, 4), "g": r.rand(4) + .5, "b": r.randn(4) * .1,
            "w1": r.randn(4, 6) * .6, "b1": r.randn(6) * .1, "w2": r.randn(6, 4) * .6}
"""
BLOCK_SLOTS = {
    "dgelu": Slot(".5 * (1 + u) + .5 * x * (1 - u ** 2) * c * (1 + 3 * .044715 * x ** 2)",
                  [("G403", ".5 * (1 + u)"), ("G403", ".5 * (1 + u) + .5 * x * (1 - u ** 2) * c"), ("G403", ".5 * (1 + u) + .5 * x * (1 - u) * c * (1 + 3 * .044715 * x ** 2)")],
                  [".5 * (1 + u + x * (1 - u * u) * (c + 3 * c * .044715 * x * x))"]),
    "dg": Slot("dout * norm", [("G405", "norm * np.ones_like(dout)")]),
    "m1": Slot("dnorm.mean(-1, keepdims=True)", [("G903", "0")]),
    "m2": Slot("(dnorm * norm).mean(-1, keepdims=True)", [("G904", "0"), ("G603", "(dnorm * norm).mean(1, keepdims=True)")]),
    "ein": Slot("'bti,bto->io'", [], ["'bti,bto'"]),
    "db1": Slot("(0, 1)", [("G101", "0")]),
    "dx": Slot("dx + dout", [("G801", "dx"), ("G801", "dout")]),
}  # fmt: skip

HEADS = """import numpy as np

H = 2

def softmax(s):
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)

def split(x):      # (T, D) -> (H, T, D/H)
    T, D = x.shape
    return x.reshape(T, H, D // H).transpose(1, 0, 2)

def merge(x):      # and back
    h, T, d = x.shape
    return x.transpose(1, 0, 2).reshape(T, h * d)

def attend(x, Wq, Wk, Wv):
    q, k, v = split(x @ Wq), split(x @ Wk), split(x @ Wv)
    s = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
    causal = np.triu(np.ones(s.shape[-2:], dtype=bool), 1)
    p = softmax(np.where(causal, -1e9, s))
    return q, k, v, p, merge(p @ v)

def loss(x, y, Wq, Wk, Wv, Wo):
    out = attend(x, Wq, Wk, Wv)[-1] @ Wo
    return np.sum((out - y) ** 2) / 2

def gradient(x, y, Wq, Wk, Wv, Wo):
    q, k, v, p, o = attend(x, Wq, Wk, Wv)
    dout = o @ Wo - y
    grads = {"Wo": o.T @ dout}
    do = <split>
    dv = <dv>
    dp = do @ v.transpose(0, 2, 1)
    ds = <ds>
    ds <scale>
    dq = ds @ k
    dk = <dk>
    for name, d in <names>:
        grads[name] = <outer>
    return grads

def example():
    rng = np.random.default_rng(6)
    return {"x": rng.normal(size=(5, 6)), "y": rng.normal(size=(5, 6)), **{w: rng.normal(size=(6, 6)) * .5 for w in ("Wq", "Wk", "Wv", "Wo")}}
"""
HEADS_SLOTS = {
    "split": Slot("split(dout @ Wo.T)", [("G702", "split(dout @ Wo)"), ("G705", "(dout @ Wo.T).reshape(H, 5, 3)")]),
    "dv": Slot("p.transpose(0, 2, 1) @ do", [("G702", "p @ do")], ["np.einsum('hij,hid->hjd', p, do)"]),
    "ds": Slot("p * (dp - np.sum(dp * p, axis=-1, keepdims=True))", [("G503", "p * (1 - p) * dp"), ("G603", "p * (dp - np.sum(dp * p, axis=-2, keepdims=True))")], ["p * dp - p * (p * dp).sum(-1)[..., None]"]),
    "scale": Slot("/= np.sqrt(q.shape[-1])", [("G206", "/= q.shape[-1]"), ("G206", "/= 1.0")], ["*= q.shape[-1] ** -0.5"]),
    "dk": Slot("ds.transpose(0, 2, 1) @ q", [("G702", "ds @ q")]),
    "outer": Slot("x.T @ merge(d)", [("G701", "merge(d).T @ x")], ["np.einsum('ti,tj->ij', x, merge(d))"]),
    "names": Slot('(("Wq", dq), ("Wk", dk), ("Wv", dv))', [("G704", '(("Wq", dk), ("Wk", dq), ("Wv", dv))')], ['zip(["Wq", "Wk", "Wv"], [dq, dk, dv])']),
}  # fmt: skip

CONV1D = """import numpy as np

stride, pool = 2, 3

def conv(x, w, b):
    N, C, L = x.shape
    F, _, K = w.shape
    Lo = (L - K) // stride + 1
    z = np.zeros((N, F, Lo))
    for i in range(Lo):
        z[:, :, i] = np.tensordot(x[:, :, i * stride:i * stride + K], w, axes=([1, 2], [1, 2])) + b
    return z

def avgpool(a):
    N, F, Lo = a.shape
    return a.reshape(N, F, Lo // pool, pool).mean(axis=-1)

def loss(x, t, w, b, v):
    a = np.tanh(conv(x, w, b))
    pred = np.tensordot(avgpool(a), v, axes=2)
    return np.mean((pred - t) ** 2)

def gradient(x, t, w, b, v):
    z = conv(x, w, b)
    a = np.tanh(z)
    q = avgpool(a)
    pred = np.tensordot(q, v, axes=2)
    N, K = x.shape[0], w.shape[2]
    e = 2 * (pred - t) / <N>
    dv = np.einsum('n,nfl->fl', e, q)
    dq = e[:, None, None] * v
    da = np.repeat(dq, pool, axis=-1) / <pool>
    dz = <act>
    dw = np.zeros_like(w)
    for n in range(N):
        for f in range(w.shape[0]):
            for i in range(z.shape[2]):
                s = i * <stride>
                dw[f] <acc> dz[n, f, i] * x[n, :, s:s + K]
    db = <db>
    return {'w': <dw>, 'b': db, 'v': dv}

def example():
    rng = np.random.default_rng(9)
    return {'x': rng.normal(size=(5, 3, 14)), 't': rng.normal(size=5), 'w': rng.normal(size=(4, 3, 3)) * .5, 'b': rng.normal(size=4) * .2, 'v': rng.normal(size=(4, 2))}
"""
CONV1D_SLOTS = {
    "N": Slot("N", [("G201", "1")], ["len(t)"]),
    "pool": Slot("pool", [("G907", "1")]),
    "act": Slot("da * (1 - a ** 2)", [("G401", "da"), ("G402", "da * (1 - np.tanh(a) ** 2)"), ("G405", "(1 - a ** 2)")], ["(1 - np.tanh(z) ** 2) * da"]),
    "stride": Slot("stride", [("G906", "1")]),
    "acc": Slot("+=", [("G801|G802", "=")]),
    "db": Slot("dz.sum(axis=(0, 2))", [("G601", "dz.mean(axis=(0, 2))"), ("G602", "dz[0].sum(axis=-1)"), ("G603", "np.full(4, dz.sum())")], ["dz.swapaxes(0, 1).reshape(4, -1).sum(1)"]),
    "dw": Slot("dw", [("G906", "dw[:, :, ::-1]"), ("G906", "dw[:, ::-1]"), ("G101", "dw.transpose(1, 0, 2)")]),
}  # fmt: skip

CONV2D_POOL = """import numpy as np

pad = 1

def conv_forward(x, w, b):
    N, C, Hh, Ww = x.shape
    F, _, HH, WW = w.shape
    xp = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    out = np.zeros((N, F, Hh + 2 * pad - HH + 1, Ww + 2 * pad - WW + 1))
    for n in range(N):
        for f in range(F):
            for i in range(out.shape[2]):
                for j in range(out.shape[3]):
                    out[n, f, i, j] = np.sum(xp[n, :, i:i+HH, j:j+WW] * w[f]) + b[f]
    return out, xp

def max_pool(x):
    N, C, Hh, Ww = x.shape
    out = np.zeros((N, C, Hh // 2, Ww // 2))
    for i in range(Hh // 2):
        for j in range(Ww // 2):
            out[:, :, i, j] = x[:, :, 2*i:2*i+2, 2*j:2*j+2].max(axis=(2, 3))
    return out

def loss(x, t, w, b):
    out, _ = conv_forward(x, w, b)
    return 0.5 * np.sum((max_pool(out) - t) ** 2)

def gradient(x, t, w, b):
    out, xp = conv_forward(x, w, b)
    dpool = max_pool(out) - t
    dout = np.zeros_like(out)
    N, F, Hp, Wp = dpool.shape
    for n in range(N):
        for f in range(F):
            for i in range(Hp):
                for j in range(Wp):
                    win = out[n, f, 2*i:2*i+2, 2*j:2*j+2]
                    mask = <mask>
                    dout[n, f, 2*i:2*i+2, 2*j:2*j+2] = <route>
    dxp = np.zeros_like(xp); dw = np.zeros_like(w); db = np.zeros_like(b)
    HH, WW = w.shape[2:]
    for n in range(N):
        for f in range(F):
            db[f] += <db>
            for i in range(dout.shape[2]):
                for j in range(dout.shape[3]):
                    dw[f] += xp[n, :, i:i+HH, j:j+WW] * dout[n, f, i, j]
                    dxp[n, :, i:i+HH, j:j+WW] <acc> <k> * dout[n, f, i, j]
    dx = dxp[<crop>]
    return {"x": dx, "w": dw, "b": db}

def example():
    np.random.seed(231)
    return {"x": np.random.randn(2, 3, 4, 4), "t": np.random.randn(2, 2, 2, 2), "w": np.random.randn(2, 3, 3, 3) * .3, "b": np.random.randn(2)}
"""
CONV2D_POOL_SLOTS = {
    "mask": Slot("win == win.max()", [("G907", "np.ones_like(win)"), ("G907", "np.arange(4).reshape(2, 2) == 0"), ("G907", "win == win.min()")], ["(np.arange(win.size) == win.argmax()).reshape(win.shape)"]),
    "route": Slot("mask * dpool[n, f, i, j]", [("G405", "mask * 1.0")], ["np.where(mask, dpool[n, f, i, j], 0.0)"]),
    "db": Slot("dout[n, f].sum()", [("G601", "dout[n, f].mean()"), ("G603", "dout[n].sum()")]),
    "acc": Slot("+=", [("G801", "=")]),
    "k": Slot("w[f]", [("G906", "w[f][:, ::-1, ::-1]"), ("G906", "w[f][::-1]")]),
    "crop": Slot(":, :, pad:-pad, pad:-pad", [("G906", ":, :, :-2 * pad, :-2 * pad"), ("G101", "...")], [":, :, 1:-1, 1:-1"]),
}  # fmt: skip

TABLE = """import numpy as np

sigma = lambda z: 1. / (1. + np.exp(-z))
ACT = {
    'elu': lambda z: np.where(z > 0, z, np.exp(np.minimum(z, 0)) - 1),
    'swish': lambda z: z * sigma(z),
    'leaky': lambda z: np.where(z > 0, z, .1 * z),
    'softsign': lambda z: z / (1 + np.abs(z)),
}
DER = {
    'elu': lambda z: <elu>,
    'swish': lambda z: <swish>,
    'leaky': lambda z: <leaky>,
    'softsign': lambda z: <softsign>,
}
NAMES = ['elu', 'swish', 'leaky', 'softsign']

def loss(X, Y, **Ws):
    A = X
    for i, name in enumerate(NAMES):
        A = ACT[name](A @ Ws[f'W{i}'])
    return ((A - Y) ** 2).sum(axis=1).mean() / 2

def gradient(X, Y, **Ws):
    A, Z = [X], []
    for i, name in enumerate(NAMES):
        Z.append(A[-1] @ Ws[f'W{i}'])
        A.append(ACT[name](Z[-1]))
    grads = {}
    D = (A[-1] - Y) / <n>
    for i in range(len(NAMES))[::-1]:
        D = D * DER[NAMES[i]](<at>)
        grads[f'W{i}'] = <A>.T @ D
        D = D @ Ws[f'W{i}'].T
    return grads

def example():
    rng = np.random.default_rng(77)
    sizes = [4, 5, 4, 6, 3]
    ex = {'X': rng.normal(size=(8, 4)), 'Y': rng.normal(size=(8, 3))}
    for i in range(4): ex[f'W{i}'] = rng.normal(size=(sizes[i], sizes[i + 1]))
    return ex
"""
TABLE_SLOTS = {
    "elu": Slot("np.where(z > 0, 1, np.exp(np.minimum(z, 0)))", [("G403", "np.where(z > 0, 1, np.exp(np.minimum(z, 0)) - 1)"), ("G401", "1")], ["np.exp(np.minimum(z, 0))", "np.where(z > 0, 1, ACT['elu'](z) + 1)"]),
    "swish": Slot("sigma(z) + z * sigma(z) * (1 - sigma(z))", [("G403", "sigma(z) * (1 - sigma(z))"), ("G403", "sigma(z)"), ("G403", "1 + z * (1 - sigma(z))")], ["sigma(z) * (1 + z * (1 - sigma(z)))"]),
    "leaky": Slot("np.where(z > 0, 1, .1)", [("G403", "np.where(z > 0, 1, 0)"), ("G404", "np.where(z > 0, .1, 1)"), ("G403", "np.where(z > 0, 1, .01)")], [".1 + .9 * (z >= 0)"]),
    "softsign": Slot("1 / (1 + np.abs(z)) ** 2", [("G403", "1 / (1 + np.abs(z))"), ("G403", "1 / (1 + z ** 2)"), ("G502|G401", "np.ones_like(z)")], ["(1 - np.abs(z / (1 + np.abs(z)))) ** 2"]),
    "n": Slot("len(X)", [("G203", "Y.size"), ("G204", "len(X) * 2")]),
    "at": Slot("Z[i]", [("G402", "A[i + 1]")]),
    "A": Slot("A[i]", [("G703", "(Z[i - 1] if i else X)")]),
}  # fmt: skip

GRU = """import numpy as np

def sig(x):
    return 1 / (1 + np.exp(-x))

def steps(xs, h0, Wz, Wr, Wh):
    h, tape = h0, []
    for x in xs:
        xh = np.concatenate([x, h])
        z, r = sig(Wz @ xh), sig(Wr @ xh)
        xrh = np.concatenate([x, r * h])
        c = np.tanh(Wh @ xrh)
        new = (1 - z) * h + z * c
        tape.append((xh, xrh, h, z, r, c))
        h = new
    return h, tape

def loss(xs, h0, y, Wz, Wr, Wh):
    h, _ = steps(xs, h0, Wz, Wr, Wh)
    return np.sum((h - y) ** 2)

def gradient(xs, h0, y, Wz, Wr, Wh):
    h, tape = steps(xs, h0, Wz, Wr, Wh)
    D = xs.shape[1]
    g = dict(Wz=np.zeros_like(Wz), Wr=np.zeros_like(Wr), Wh=np.zeros_like(Wh))
    dh = 2 * (h - y)
    while tape:
        xh, xrh, hp, z, r, c = tape.pop()
        dc = dh * z
        dz = dh * <dz>
        dhp = <keep>
        da = dc * <c>
        g['Wh'] <acc> np.outer(da, xrh)
        dxrh = Wh.T @ da
        dr = dxrh[D:] * hp
        dhp = dhp + <reset>
        daz = dz * <z>; dar = dr * r * (1 - r)
        g['Wz'] += np.outer(daz, xh); g['Wr'] += np.outer(dar, <xr>)
        dhp = dhp + (Wz.T @ daz)[D:] + (Wr.T @ dar)[D:]
        dh = <carry>
    return g

def example():
    rng = np.random.default_rng(55)
    return dict(xs=rng.normal(size=(4, 3)), h0=rng.normal(size=5), y=rng.normal(size=5), Wz=rng.normal(size=(5, 8)), Wr=rng.normal(size=(5, 8)), Wh=rng.normal(size=(5, 8)))
"""
GRU_SLOTS = {
    "dz": Slot("(c - hp)", [("G801", "c"), ("G205", "(hp - c)")]),
    "keep": Slot("dh * (1 - z)", [("G801|G908", "0")], ["dh - dh * z"]),
    "c": Slot("(1 - c ** 2)", [("G401", "1"), ("G403", "(1 - c)"), ("G403", "c * (1 - c)")], ["(1 - c * c)"]),
    "acc": Slot("+=", [("G801|G802", "=")]),
    "reset": Slot("dxrh[D:] * r", [("G801", "0")]),
    "z": Slot("z * (1 - z)", [("G402", "sig(z) * (1 - sig(z))"), ("G403", "z"), ("G401", "1.0")]),
    "carry": Slot("dhp", [("G908", "np.zeros_like(dhp)")], ["dhp.copy()"]),
    "xr": Slot("xh", [("G703", "xrh")], ["np.r_[xh[:D], hp]"]),
}  # fmt: skip

TIED = """import numpy as np

def encode(X, W, b):
    return 1 / (1 + np.exp(-(X @ W + b)))

def loss(X, W, b, c):
    H = encode(X, W, b)
    R = H @ W.T + c
    sparsity = 0.01 * np.abs(H).sum() / len(X)
    return np.sum((R - X) ** 2) / len(X) + sparsity + 0.05 * np.sum(W ** 2)

def gradient(X, W, b, c):
    n = len(X)
    H = encode(X, W, b)
    R = H @ W.T + c
    dR = <dR>
    dc = dR.sum(0)
    dW = <dec>                        # through the decoder
    dH = dR @ W + <l1>
    dA = dH * <act>
    dW <tie> X.T @ dA                 # through the encoder
    db = <db>
    <reg>
    return {"W": dW, "b": db, "c": dc}

def example():
    rng = np.random.RandomState(30)
    return {"X": rng.rand(9, 6), "W": rng.randn(6, 4) * .5, "b": rng.randn(4) * .2, "c": rng.randn(6) * .2}
"""
TIED_SLOTS = {
    "dR": Slot("2 * (R - X) / n", [("G204", "(R - X) / n"), ("G203", "2 * (R - X) / X.size"), ("G205", "2 * (X - R) / n")]),
    "dec": Slot("dR.T @ H", [("G801", "0 * W")], ["np.dot(H.T, dR).T", "np.einsum('ni,nk->ik', dR, H)"]),
    "l1": Slot("0.01 / n", [], ["0.01 * np.sign(H) / n"]),
    "act": Slot("H * (1 - H)", [("G401", "1"), ("G403", "(1 - H)"), ("G402", "1 / (1 + np.exp(-H)) * (1 - 1 / (1 + np.exp(-H)))")], ["(H - H ** 2)", "H * (1. - H)"]),
    "tie": Slot("+=", [("G801", "=")]),
    "db": Slot("dA.sum(0)", [("G601", "dA.mean(0)"), ("G603", "np.repeat(dA.sum(), 4)"), ("G602", "dA[0]")]),
    "reg": Slot("dW = dW + 0.1 * W", [("G302", "dW = dW + 0.05 * W"), ("G303", "dW -= 0.1 * W"), ("G104", "W *= 0.1; dW = dW + W")], ["dW += 2 * 0.05 * W"]),
}  # fmt: skip

PROGRAMS = [
    ("value by value", BY_HAND, BY_HAND_SLOTS),
    ("character recurrence", CHAR_RNN, CHAR_RNN_SLOTS),
    ("one neuron", NEURON, NEURON_SLOTS),
    ("gradients as attributes", ATTRIBUTES, ATTRIBUTES_SLOTS),
    ("residual blocks", RESIDUAL, RESIDUAL_SLOTS),
    ("transformer block", BLOCK, BLOCK_SLOTS),
    ("attention heads", HEADS, HEADS_SLOTS),
    ("conv1d and average pool", CONV1D, CONV1D_SLOTS),
    ("conv2d and max pool", CONV2D_POOL, CONV2D_POOL_SLOTS),
    ("table of activations", TABLE, TABLE_SLOTS),
    ("gru", GRU, GRU_SLOTS),
    ("tied autoencoder", TIED, TIED_SLOTS),
]
