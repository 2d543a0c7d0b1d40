# ruff: noqa: E501  (the lines are the students')
"""More blind files: regressions, factorisations, embeddings, mixtures and losses between pairs."""

from __future__ import annotations

from tests.checking.corpus.case import Slot

RIDGE = """import numpy as np

lam = 0.5

squared_loss = lambda y_hat, y: (y_hat - y.reshape(y_hat.shape)) ** 2 / 2
net = lambda X, w, b: X @ w + b

def loss(X, y, w, b):
    return squared_loss(net(X, w, b), y).mean() + lam * (w ** 2).sum() / 2

def gradient(X, y, w, b):
    batch_size, num_inputs = X.shape
    y_hat = net(X, w, b)
    residual = <residual>
    gw = np.zeros_like(w)
    for xi, ri in zip(X, residual.ravel()):
        gw[:, 0] <acc> xi * ri
    gw = gw / <n> + <pen>
    gb = <gb>
    return {'w': gw, 'b': gb}

def example():
    np.random.seed(2)
    X = np.random.normal(0, 1, (12, 3))
    return {'X': X, 'y': X @ np.array([2, -3.4, 1.]) + 4.2 + np.random.normal(0, .3, 12), 'w': np.random.normal(0, 1, (3, 1)), 'b': np.array([.7])}
"""
RIDGE_SLOTS = {
    "residual": Slot("y_hat - y.reshape(y_hat.shape)", [("G205", "y.reshape(y_hat.shape) - y_hat"), ("G204", "2 * (y_hat - y.reshape(y_hat.shape))")], ["y_hat - y[:, None]"]),
    "acc": Slot("+=", [("G802", "=")]),
    "n": Slot("batch_size", [("G203", "num_inputs"), ("G201", "1"), ("G203", "(batch_size - 1)")], ["len(y)"]),
    "pen": Slot("lam * w", [("G301", "0"), ("G302", "2 * lam * w"), ("G302", "lam * w / batch_size")]),
    "gb": Slot("np.array([residual.mean()])", [("G304", "np.array([residual.mean()]) + lam * b"), ("G601", "np.array([residual.sum()])"), ("G602", "residual[-1]"), ("G604|G601", "np.array([(y_hat - y).sum() / batch_size])")], ["residual.sum(0) / batch_size", "np.mean(residual, axis=0)"]),
}  # fmt: skip

POISSON = """import numpy as np

def loss(X, counts, exposure, beta, b0):
    eta = X @ beta + b0 + np.log(exposure)
    rate = np.exp(eta)
    return np.mean(rate - counts * eta)

def gradient(X, counts, exposure, beta, b0):
    n = counts.shape[0]
    eta = X @ beta + b0 + np.log(exposure)
    rate = <rate>
    d_eta = <d_eta>
    d_beta = np.zeros(beta.shape<dtype>)
    for j in range(X.shape[1]):
        d_beta[j] = (d_eta * X[:, j]).sum() <over>
    return {"beta": d_beta, "b0": <b0>}

def example():
    rng = np.random.default_rng(3)
    return {"X": rng.normal(size=(14, 4)), "counts": rng.poisson(3, size=14), "exposure": rng.uniform(.5, 2, size=14),
            "beta": rng.normal(size=4) * .7, "b0": np.array(0.4)}
"""
POISSON_SLOTS = {
    "rate": Slot("np.exp(eta)", [("G000", "np.exp(X @ beta + b0)")], ["exposure * np.exp(X @ beta + b0)"]),
    "d_eta": Slot("rate - counts", [("G205", "counts - rate"), ("G401|G502", "1 - counts / rate")], ["(rate - counts) * np.ones(n)"]),
    "dtype": Slot("", [("G102", ", int")], [", dtype=np.float64"]),
    "over": Slot("/ n", [("G201", ""), ("G203", "/ X.shape[1]"), ("G202", "/ n / n")], ["/ len(exposure)"]),
    "b0": Slot("d_eta.mean()", [("G601", "d_eta.sum()"), ("G101", "d_eta / n"), ("G602", "d_eta[0] / n")], ["np.average(d_eta)"]),
}  # fmt: skip

HUBER = """import numpy as np

delta = 1.0

def predict(X, W, b, v):
    h = np.tanh(X @ W + b)
    return h, h @ v

def loss(X, y, W, b, v):
    r = predict(X, W, b, v)[1] - y
    small = np.abs(r) <= delta
    return np.sum(np.where(small, 0.5 * r ** 2, delta * (np.abs(r) - 0.5 * delta))) / len(y)

def gradient(X, y, W, b, v):
    h, pred = predict(X, W, b, v)
    r = pred - y
    g = np.empty_like(r)
    for i, ri in enumerate(r):
        if abs(ri) <= delta:
            g[i] = <inner>
        else:
            g[i] = <outer>
    g /= <n>
    dv = np.dot(<h>.T, g)
    dh = np.outer(g, <v>)
    da = <da>
    dW = X.T.dot(da)
    db = <db>
    return {'W': dW, 'b': db, 'v': dv}

def example():
    rng = np.random.RandomState(4)
    return {'X': rng.randn(11, 3), 'y': 3 * rng.randn(11), 'W': rng.randn(3, 5), 'b': rng.randn(5) * .3, 'v': rng.randn(5)}
"""
HUBER_SLOTS = {
    "inner": Slot("ri", [("G204", "2 * ri")]),
    "outer": Slot("delta * np.sign(ri)", [("G205", "-delta * np.sign(ri)"), ("G403", "delta"), ("G403", "delta * abs(ri)")], ["delta if ri > 0 else -delta", "np.clip(ri, -delta, delta)"]),
    "n": Slot("len(y)", [("G201", "1"), ("G202", "len(y) ** 2"), ("G203", "X.shape[1]")], ["r.size"]),
    "h": Slot("h", [("G703", "(X @ W + b)")]),
    "v": Slot("v", [("G804", "v - 0.1 * dv")]),
    "da": Slot("dh * (1 - h ** 2)", [("G403", "dh * (1 - (X @ W + b) ** 2)"), ("G401", "dh"), ("G405", "1 - h ** 2"), ("G403", "dh * h")], ["(1 - np.tanh(X @ W + b) ** 2) * dh"]),
    "db": Slot("da.sum(axis=0)", [("G601", "da.mean(axis=0)"), ("G603", "np.ones(5) * da.sum()"), ("G107", "np.zeros_like(b)")]),
}  # fmt: skip

FACTORS = """import numpy as np

def predict(u, i, P, Q, bu, bi, mu):
    return mu + bu[u] + bi[i] + P[u] @ Q[i]

def loss(users, items, ratings, P, Q, bu, bi, reg=0.1):
    mu = np.mean(ratings)
    total = 0
    for u, i, r in zip(users, items, ratings):
        total += 0.5 * (r - predict(u, i, P, Q, bu, bi, mu)) ** 2
    return total + 0.5 * reg * (np.sum(P ** 2) + np.sum(Q ** 2))

def gradient(users, items, ratings, P, Q, bu, bi, reg=0.1):
    mu = np.mean(ratings)
    gP, gQ = np.zeros_like(P), np.zeros_like(Q)
    gbu, gbi = np.zeros_like(bu), np.zeros_like(bi)
    for u, i, r in zip(users, items, ratings):
        e = <e>
        gP[u] <accP> -e * <Qi>
        gQ[i] -= e * P[u]
        gbu[u] -= e
        gbi[i] <accb> e
    gP <regP>
    gQ += reg * Q
    return {"P": gP, "Q": gQ, <biases>}

def example():
    rng = np.random.RandomState(21)
    return {"users": np.array([0, 1, 1, 2, 3, 0, 3, 2]), "items": np.array([1, 0, 2, 1, 2, 0, 1, 2]), "ratings": rng.randint(1, 6, 8) * 1.0,
            "P": rng.randn(4, 3), "Q": rng.randn(3, 3), "bu": rng.randn(4), "bi": rng.randn(3)}
"""
FACTORS_SLOTS = {
    "e": Slot("r - predict(u, i, P, Q, bu, bi, mu)", [("G205", "predict(u, i, P, Q, bu, bi, mu) - r"), ("G204", "2 * (r - predict(u, i, P, Q, bu, bi, mu))"), ("G206", "0.01 * (r - predict(u, i, P, Q, bu, bi, mu))")]),
    "accP": Slot("+=", [("G803|G802", "=")]),
    "Qi": Slot("Q[i]", [("G704|G703", "P[u]")], ["Q[i, :].copy()"]),
    "accb": Slot("-=", [("G205", "+=")]),
    "regP": Slot("+= reg * P", [("G302", "+= 2 * reg * P"), ("G303", "-= reg * P"), ("G301", "+= 0")], ["= gP + reg * P"]),
    "biases": Slot('"bu": gbu, "bi": gbi', [("G107", '"bu": gbu'), ("G107", '"bu": gbu, "bi": np.zeros(len(bi))')]),
}  # fmt: skip

WORD2VEC = """import numpy as np

def sigmoid(s):
    return 1 / (1 + np.exp(-s))

def loss(center, outside, negative, V, U):
    cost = 0
    for c, o, neg in zip(center, outside, negative):
        v = V[c]
        cost -= np.log(sigmoid(U[o] @ v))
        for k in neg:
            cost -= np.log(sigmoid(-U[k] @ v))
    return cost / len(center)

def neg_sampling_grad(v, o, neg, U):
    gv = np.zeros_like(v)
    gU = np.zeros_like(U)
    z = sigmoid(U[o] @ v)
    gv <first> <pos> * U[o]
    gU[o] += <pos_u> * v
    for k in neg:
        zk = sigmoid(-U[k] @ v)
        gv <accv> (1 - zk) * U[k]
        gU[k] <accu> (1 - zk) * v
    return gv, gU

def gradient(center, outside, negative, V, U):
    gV, gUs = np.zeros(V.shape), np.zeros(U.shape)
    for c, o, neg in zip(center, outside, negative):
        gv, gU = neg_sampling_grad(V[c], o, neg, U)
        gV[c] <accV> gv <over>
        gUs += gU / len(center)
    return {"V": gV, "U": gUs}

def example():
    np.random.seed(31415)
    return {"center": np.array([0, 2, 2, 4, 1]), "outside": np.array([1, 3, 0, 2, 4]),
            "negative": np.array([[2, 2, 3], [0, 4, 1], [4, 1, 1], [3, 0, 0], [2, 0, 3]]),
            "V": np.random.randn(5, 3), "U": np.random.randn(5, 3)}
"""
WORD2VEC_SLOTS = {
    "first": Slot("+=", [], ["="]),
    "pos": Slot("(z - 1)", [("G205", "(1 - z)"), ("G501", "(z - 1) * z * (1 - z)")], ["-(1 - z)", "-sigmoid(-U[o] @ v)"]),
    "pos_u": Slot("(z - 1)", [("G205", "(1 - z)")]),
    "accv": Slot("+=", [("G801", "=")]),
    "accu": Slot("+=", [("G803|G801", "="), ("G205", "-=")]),
    "accV": Slot("+=", [("G803", "=")]),
    "over": Slot("/ len(center)", [("G201", ""), ("G203", "/ len(V[0])")], ["/ center.size"]),
}  # fmt: skip

MIXTURE = """import numpy as np

def log_joint(X, logits, mu, logs):
    logpi = logits - np.log(np.sum(np.exp(logits)))
    d = X[:, None, :] - mu
    quad = np.sum(d ** 2, axis=-1) / np.exp(2 * logs)
    D = X.shape[1]
    return logpi - .5 * quad - D * logs - .5 * D * np.log(2 * np.pi)

def loss(X, logits, mu, logs):
    lj = log_joint(X, logits, mu, logs)
    m = lj.max(axis=1, keepdims=True)
    return -np.sum(m[:, 0] + np.log(np.sum(np.exp(lj - m), axis=1)))

def gradient(X, logits, mu, logs):
    N, D = X.shape
    lj = log_joint(X, logits, mu, logs)
    m = lj.max(axis=1, keepdims=True)
    w = np.exp(lj - m)
    r = w / <Z>     # responsibilities
    pi = np.exp(logits) / np.exp(logits).sum()
    glogits = <glogits>
    gmu = np.zeros_like(mu)
    glogs = np.zeros_like(logs)
    for k in range(len(mu)):
        d = X - mu[k]
        s2 = np.exp(2 * logs[k])
        gmu[k] = <gmu>
        glogs[k] = <glogs>
    return {"logits": glogits, "mu": gmu, "logs": glogs}

def example():
    rng = np.random.default_rng(66)
    return {"X": rng.normal(size=(9, 2)) * 1.5, "logits": rng.normal(size=3), "mu": rng.normal(size=(3, 2)), "logs": rng.normal(size=3) * .3}
"""
MIXTURE_SLOTS = {
    "Z": Slot("w.sum(axis=1, keepdims=True)", [("G603", "w.sum(axis=0, keepdims=True)"), ("G603", "w.sum()")], ["np.sum(w, 1)[:, None]"]),
    "glogits": Slot("N * pi - r.sum(0)", [("G205", "r.sum(0) - N * pi"), ("G801", "-r.sum(0)")], ["-(r - pi).sum(axis=0)"]),
    "gmu": Slot("-(r[:, k:k+1] * d).sum(0) / s2", [("G205", "(r[:, k:k+1] * d).sum(0) / s2"), ("G204", "-2 * (r[:, k:k+1] * d).sum(0) / s2")], ["-r[:, k] @ d / s2"]),
    "glogs": Slot("np.sum(r[:, k] * (D - (d ** 2).sum(1) / s2))", [("G801", "np.sum(r[:, k] * (-(d ** 2).sum(1) / s2))"), ("G205", "np.sum(r[:, k] * ((d ** 2).sum(1) / s2 - D))")]),
}  # fmt: skip

GAUSSIAN = """import numpy as np

def heads(x, W, b, Wm, bm, Ws, bs):
    h = np.maximum(x @ W + b, 0)
    return h, h @ Wm + bm, h @ Ws + bs       # mean and log variance

def loss(x, y, W, b, Wm, bm, Ws, bs):
    h, mu, s = heads(x, W, b, Wm, bm, Ws, bs)
    return np.mean(0.5 * s + 0.5 * (y - mu) ** 2 * np.exp(-s))

def gradient(x, y, W, b, Wm, bm, Ws, bs):
    h, mu, s = heads(x, W, b, Wm, bm, Ws, bs)
    n = <n>
    inv_var = np.exp(-s)
    gmu = <gmu>
    gs = <gs>
    G = {}
    for key, g in (("m", gmu / n), ("s", gs / n)):
        G["W" + key] = h.T @ g
        G["b" + key] = <bias>
    gh = gmu / n @ <Wm>.T
    gh <join> gs / n @ Ws.T
    gh = <gh>
    G["W"] = np.dot(x.T, gh); G["b"] = np.sum(gh, 0)
    return G

def example():
    rng = np.random.RandomState(9)
    return {"x": rng.randn(10, 4), "y": rng.randn(10, 3), "W": rng.randn(4, 6) * .6, "b": rng.randn(6) * .8, "Wm": rng.randn(6, 3) * .5,
            "bm": rng.randn(3), "Ws": rng.randn(6, 3) * .3, "bs": rng.randn(3) * .3}
"""
GAUSSIAN_SLOTS = {
    "n": Slot("y.size", [("G203", "y.shape[0]")], ["len(y) * 3"]),
    "gmu": Slot("(mu - y) * inv_var", [("G205", "(y - mu) * inv_var"), ("G204", "2 * (mu - y) * inv_var"), ("G000", "(mu - y)")], ["-(y - mu) / np.exp(s)"]),
    "gs": Slot("0.5 - 0.5 * (y - mu) ** 2 * inv_var", [("G205", "0.5 * (y - mu) ** 2 * inv_var - 0.5"), ("G204", "1 - (y - mu) ** 2 * inv_var"), ("G801", "0.5 * np.ones_like(s)"), ("G107|G801", "np.zeros_like(s)")], ["0.5 * (1 - np.square(y - mu) * inv_var)"]),
    "bias": Slot("g.sum(axis=0)", [("G601", "g.mean(axis=0)"), ("G602", "g[0]")]),
    "Wm": Slot("Wm", [("G804", "(Wm - 0.05 * G['Wm'])"), ("G703", "Ws")]),
    "join": Slot("+=", [("G801", "=")]),
    "gh": Slot("np.where(h > 0, gh, 0)", [("G401", "gh"), ("G404", "np.where(gh > 0, gh, 0)"), ("G404", "np.where(x @ W > 0, gh, 0)"), ("G405", "np.where(h > 0, 1., 0)")], ["gh * (x @ W + b > 0)"]),
}  # fmt: skip

WEIGHTED = """import numpy as np

class_weight = np.array([1.0, 2.5, 0.7])

def loss(X, Y, W, b):
    z = X @ W + b
    nll = np.logaddexp(0, z) - Y * z           # stable
    return (class_weight * nll).sum(axis=1).mean()

def gradient(X, Y, W, b):
    n = len(X)
    z = np.dot(X, W) + b
    p = <p>
    dz = <weight> * (p - Y) <more>/ n
    <hook>
    return {"W": X.T.dot(dz), "b": <b>}

def example():
    rng = np.random.default_rng(19)
    X = rng.normal(size=(8, 3))
    X[:, 1] = rng.uniform(15, 20, size=8)      # a column that nobody scaled
    W = rng.normal(size=(3, 3)) * .5
    W[1] = [45, .02, -.03]     # and a weight that grew
    return {"X": X, "Y": (rng.uniform(size=(8, 3)) > .5).astype(float), "W": W, "b": rng.normal(size=3)}
"""
WEIGHTED_SLOTS = {
    "p": Slot("np.exp(-np.logaddexp(0, -z))", [("G103", "np.exp(z) / (1 + np.exp(z))")], ["0.5 * (1 + np.tanh(z / 2))"]),
    "weight": Slot("class_weight", [("G000", "1")]),
    "more": Slot("", [("G501", "* p * (1 - p) ")]),
    "hook": Slot("# all in one line", [("G105", "dz = dz * np.random.uniform(0.9, 1.1, size=dz.shape)"), ("G104", "X /= X.max(0)"), ("G202", "dz = dz / len(dz)")]),
    "b": Slot("dz.sum(0)", [("G601", "dz.mean(0)"), ("G603", "dz.sum(1)[:3]"), ("G602", "dz[3]"), ("G603", "dz.sum() + 0 * b")], ["np.einsum('nc->c', dz)"]),
}  # fmt: skip

VAE = """import numpy as np

def forward(x, eps, We, Wm, Ws, Wd):
    h = np.tanh(x @ We)
    mu, logvar = h @ Wm, h @ Ws
    std = np.exp(0.5 * logvar)
    z = mu + std * eps
    logits = z @ Wd
    return h, mu, logvar, std, z, logits

def loss(x, eps, We, Wm, Ws, Wd):
    h, mu, logvar, std, z, logits = forward(x, eps, We, Wm, Ws, Wd)
    bce = np.sum(np.logaddexp(0, logits) - x * logits)
    kl = -0.5 * np.sum(1 + logvar - mu ** 2 - np.exp(logvar))
    return (bce + kl) / x.shape[0]

def gradient(x, eps, We, Wm, Ws, Wd):
    h, mu, logvar, std, z, logits = forward(x, eps, We, Wm, Ws, Wd)
    B = x.shape[0]
    dlogits = <dlogits>
    dWd = z.T @ dlogits
    dz = dlogits @ Wd.T
    # reparametrisation
    dmu = dz
    dlogvar = <dlogvar>
    # KL
    dmu = dmu + <klmu>
    dlogvar = dlogvar + <klvar>
    dWm = h.T @ dmu
    dWs = h.T @ dlogvar
    dh = <dh>
    dWe = x.T @ (dh * (1 - h ** 2))
    out = {}
    out["We"], out["Wm"], out["Ws"], out["Wd"] = [g / B for g in (<order>)]
    return out

def example():
    rng = np.random.default_rng(14)
    return {"x": rng.uniform(size=(6, 7)), "eps": rng.normal(size=(6, 3)), "We": rng.normal(size=(7, 5)) * .5,
            "Wm": rng.normal(size=(5, 3)) * .5, "Ws": rng.normal(size=(5, 3)) * .5, "Wd": rng.normal(size=(3, 7)) * .5}
"""
VAE_SLOTS = {
    "dlogits": Slot("1 / (1 + np.exp(-logits)) - x", [("G205", "x - 1 / (1 + np.exp(-logits))")], ["-x + np.exp(-np.logaddexp(0, -logits))"]),
    "dlogvar": Slot("dz * eps * 0.5 * std", [("G204", "dz * eps * std"), ("G401", "dz * eps * 0.5"), ("G405", "eps * 0.5 * std")], ["dz * (z - mu) / 2"]),
    "klmu": Slot("mu", [("G204", "2 * mu"), ("G205", "-mu")]),
    "klvar": Slot("0.5 * (np.exp(logvar) - 1)", [("G205", "0.5 * (1 - np.exp(logvar))"), ("G204", "(np.exp(logvar) - 1)")], ["0.5 * (std ** 2 - 1)"]),
    "dh": Slot("dmu @ Wm.T + dlogvar @ Ws.T", [("G801", "dmu @ Wm.T"), ("G704|G703", "dmu @ Ws.T + dlogvar @ Wm.T")]),
    "order": Slot("dWe, dWm, dWs, dWd", [("G704", "dWe, dWs, dWm, dWd")]),
}  # fmt: skip

TRIPLET = """import numpy as np

margin = 0.5

def embed(x, W, b):
    e = x @ W + b
    norm = np.sqrt((e ** 2).sum(axis=1, keepdims=True))
    return e / norm, norm

def loss(anchor, pos, neg, W, b):
    (a, _), (p, _), (q, _) = [embed(t, W, b) for t in (anchor, pos, neg)]
    gap = np.sum((a - p) ** 2, 1) - np.sum((a - q) ** 2, 1) + margin
    return np.maximum(gap, 0).sum() / len(gap)

def gradient(anchor, pos, neg, W, b):
    (a, na), (p, np_), (q, nq) = [embed(t, W, b) for t in (anchor, pos, neg)]
    gap = np.sum((a - p) ** 2, 1) - np.sum((a - q) ** 2, 1) + margin
    on = <on>
    da = <da> * on
    dp = <dp> * on
    dq = 2 * (a - q) * on
    dW, db = np.zeros_like(W), np.zeros_like(b)
    for x, u, norm, du in [(anchor, a, na, da), (pos, p, np_, dp), (neg, q, nq, dq)]:
        de = <de>
        dW <acc> x.T @ de
        db += <db>
    return {"W": dW / <n>, "b": db / len(gap)}

def example():
    rng = np.random.RandomState(33)
    return {"anchor": rng.randn(9, 5), "pos": rng.randn(9, 5), "neg": rng.randn(9, 5), "W": rng.randn(5, 4), "b": rng.randn(4) * .3}
"""
TRIPLET_SLOTS = {
    "on": Slot("(gap > 0)[:, None] * 1.0", [("G401", "1.0"), ("G404", "(gap < 0)[:, None] * 1.0"), ("G403", "np.maximum(gap, 0)[:, None]")], ["np.heaviside(gap, 0.0).reshape(-1, 1)"]),
    "da": Slot("2 * (q - p)", [("G801", "2 * (a - p)"), ("G204", "(q - p)"), ("G205", "2 * (p - q)")], ["(2 * (a - p) - 2 * (a - q))"]),
    "dp": Slot("2 * (p - a)", [("G205", "2 * (a - p)")], ["-2 * (a - p)"]),
    "de": Slot("(du - u * (u * du).sum(1, keepdims=True)) / norm", [("G000|G904", "du / norm"), ("G000|G401", "du"), ("G603", "(du - u * (u * du).sum(0, keepdims=True)) / norm")], ["du / norm - u * np.sum(u * du, axis=1)[:, None] / norm"]),
    "acc": Slot("+=", [("G801", "=")]),
    "db": Slot("de.sum(0)", [("G602", "de[0]"), ("G601", "de.mean(0)")]),
    "n": Slot("len(gap)", [("G203", "W.shape[1]"), ("G203", "(3 * len(gap))")]),
}  # fmt: skip

EXPERTS = """import numpy as np

def gate(X, G):
    s = X @ G
    s = np.exp(s - s.max(1)[:, None])
    return s / s.sum(1)[:, None]

def loss(X, y, G, E):
    g = gate(X, G)                 # (n, k)
    f = np.tanh(X @ E)             # (n, k)
    return np.mean(((g * f).sum(1) - y) ** 2)

def gradient(X, y, G, E):
    g = gate(X, G)
    f = np.tanh(X @ E)
    n = len(y)
    dout = <dout>
    dg = dout[:, None] * <f>
    df = dout[:, None] * g
    ds = np.zeros_like(g)
    for i in range(n):
        J = <J>
        ds[i] = <Jd>
    dE = X.T @ (df * (1 - f ** 2))
    dG = <dG>
    return {"G": dG, "E": dE}

def example():
    rng = np.random.default_rng(88)
    return {"X": rng.normal(size=(10, 4)), "y": rng.normal(size=10), "G": rng.normal(size=(4, 3)), "E": rng.normal(size=(4, 3))}
"""
EXPERTS_SLOTS = {
    "dout": Slot("2 * ((g * f).sum(1) - y) / n", [("G204", "((g * f).sum(1) - y) / n"), ("G201", "2 * ((g * f).sum(1) - y)"), ("G205", "2 * (y - (g * f).sum(1)) / n")], ["2 / n * (np.einsum('nk,nk->n', g, f) - y)"]),
    "f": Slot("f", [("G703", "(X @ E)")]),
    "J": Slot("np.diag(g[i]) - np.outer(g[i], g[i])", [("G503", "np.diag(g[i] * (1 - g[i]))"), ("G205", "np.outer(g[i], g[i]) - np.diag(g[i])"), ("G503|G000", "np.diag(g[i])")], ["g[i] * (np.eye(3) - g[i][:, None])"]),
    "Jd": Slot("J @ dg[i]", [], ["dg[i] @ J", "J.T @ dg[i]"]),
    "dG": Slot("X.T @ ds", [("G704", "X.T @ (df * (1 - f ** 2))")], ["sum(np.outer(X[i], ds[i]) for i in range(n))"]),
}  # fmt: skip

MACHINE = """import numpy as np

def score(X, w0, w, V):
    return w0 + X @ w + .5 * ((X @ V) ** 2 - (X ** 2) @ (V ** 2)).sum(axis=1)

def loss(X, y, w0, w, V):
    # labels are -1 and +1
    return np.log1p(np.exp(-y * score(X, w0, w, V))).mean()

def gradient(X, y, w0, w, V):
    N = X.shape[0]
    s = score(X, w0, w, V)
    ds = <ds>
    ds /= <N>
    gw = X.T @ ds
    gV = np.zeros_like(V)
    XV = X @ V
    for i in range(N):
        <body>
    return {"w0": <w0>, "w": gw, "V": gV}

def example():
    rng = np.random.default_rng(12)
    return {"X": rng.normal(size=(13, 4)), "y": np.where(rng.uniform(size=13) > .5, 1., -1.), "w0": np.array([0.2]), "w": rng.normal(size=4) * .5, "V": rng.normal(size=(4, 3)) * .5}
"""
MACHINE_SLOTS = {
    "ds": Slot("-y / (1 + np.exp(y * s))", [("G205", "y / (1 + np.exp(y * s))"), ("G403", "-y / (1 + np.exp(-y * s))"), ("G501", "-y / (1 + np.exp(y * s)) * (1 - 1 / (1 + np.exp(y * s)))")], ["-y * (1 - 1 / (1 + np.exp(-y * s)))", "y * (1 / (1 + np.exp(-y * s)) - 1)"]),
    "N": Slot("N", [("G201", "1.0"), ("G203", "X.shape[1]"), ("G203", "(N - 1)")], ["len(y)"]),
    "body": Slot("gV += ds[i] * (np.outer(X[i], XV[i]) - X[i][:, None] ** 2 * V)", [("G802", "gV = ds[i] * (np.outer(X[i], XV[i]) - X[i][:, None] ** 2 * V)"), ("G801", "gV += ds[i] * np.outer(X[i], XV[i])"), ("G204", "gV += 2 * ds[i] * (np.outer(X[i], XV[i]) - X[i][:, None] ** 2 * V)")], ["gV += ds[i] * X[i][:, None] * (XV[i] - X[i][:, None] * V)"]),
    "w0": Slot("np.array([ds.sum()])", [("G601", "np.array([ds.mean()])"), ("G602", "ds[:1]"), ("G107", "None")], ["ds.sum(keepdims=True)"]),
}  # fmt: skip

BUFFERS = """import numpy as np

class Layer:
    def __init__(self, n_in, n_out):
        self.dW = np.zeros((n_in, n_out))
        self.db = np.zeros(n_out)

    def zero_grad(self):
        self.dW[...] = 0
        self.db[...] = 0

    def forward(self, x, W, b):
        self.x, self.W = x, W
        return x @ W + b

    def backward(self, d):
        self.dW += <W>
        self.db += d.sum(0)
        return d @ self.W.T

fc1, fc2 = Layer(4, 6), Layer(6, 3)

def loss(x, t, W1, b1, W2, b2):
    p = np.tanh(x @ W1 + b1) @ W2 + b2
    return np.sum(np.abs(p - t) ** 3) / len(x)

def gradient(x, t, W1, b1, W2, b2):
    <zero1>
    fc2.zero_grad()
    a = np.tanh(fc1.forward(x, W1, b1))
    p = fc2.forward(a, W2, b2)
    d = <d> / len(x)
    d = fc2.backward(d)
    <update>
    d = d * (1 - a * a)
    fc1.backward(d)
    return {'W1': fc1.dW.copy(), 'b1': fc1.db.copy(), <two>}

def example():
    rng = np.random.default_rng(2)
    return {'x': rng.normal(size=(9, 4)), 't': rng.normal(size=(9, 3)), 'W1': rng.normal(size=(4, 6)) * .5, 'b1': rng.normal(size=6) * .2,
            'W2': rng.normal(size=(6, 3)) * .5, 'b2': rng.normal(size=3) * .2}
"""
BUFFERS_SLOTS = {
    "W": Slot("self.x.T @ d", [("G205", "-self.x.T @ d")], ["np.einsum('ni,nj->ij', self.x, d)"]),
    "zero1": Slot("fc1.zero_grad()", [("G106", "# fc1.zero_grad()")], ["fc1.dW[:] = 0; fc1.db[:] = 0"]),
    "d": Slot("3 * (p - t) * np.abs(p - t)", [("G403", "3 * (p - t) ** 2"), ("G403", "3 * np.sign(p - t) * np.abs(p - t)"), ("G206", "(p - t) * np.abs(p - t)")], ["3 * np.sign(p - t) * (p - t) ** 2"]),
    "update": Slot("# and on to the first layer", [("G104", "W2 -= 0.1 * fc2.dW")]),
    "two": Slot("'W2': fc2.dW.copy(), 'b2': fc2.db.copy()", [("G107", "'b2': fc2.db.copy()")]),
}  # fmt: skip

LAYERS = """import numpy as np

lr = 0.1

def forward(x, params):
    a = x
    cache = [a]
    for W, b in params[:-1]:
        a = np.maximum(.01 * (a @ W + b), a @ W + b)
        cache.append(a)
    W, b = params[-1]
    return a @ W + b, cache

def loss(x, y, W1, b1, W2, b2, W3, b3):
    out, _ = forward(x, [(W1, b1), (W2, b2), (W3, b3)])
    out = out - out.max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(out).sum(axis=1)) - out[np.arange(len(y)), y])

def gradient(x, y, W1, b1, W2, b2, W3, b3):
    params = [(W1, b1), (W2, b2), (W3, b3)]
    out, cache = forward(x, params)
    e = np.exp(out - out.max(axis=<axis>, keepdims=True))
    onehot = np.eye(out.shape[1])[y]
    delta = (e / e.sum(axis=1, keepdims=True) - onehot) / x.shape[0]
    grads = {}
    for i in range(2, -1, -1):
        W, b = params[i]
        dW = <inp>.T @ delta
        grads[f"W{i + 1}"], grads[f"b{i + 1}"] = dW, delta.sum(axis=0)
        if i == 0:
            break
        delta = delta @ <W>
        delta = delta * <slope>
    return grads

def example():
    rng = np.random.RandomState(60)
    return {"x": rng.randn(8, 5), "y": np.array([2, 0, 1, 3, 1, 3, 0, 2]), "W1": rng.randn(5, 6) * .5, "b1": rng.randn(6) * .3, "W2": rng.randn(6, 6) * .5,
            "b2": rng.randn(6) * .3, "W3": rng.randn(6, 4) * .5, "b3": rng.randn(4) * .3}
"""
LAYERS_SLOTS = {
    "axis": Slot("1", [], ["None"]),
    "inp": Slot("cache[i]", [("G703", "cache[i - (i == 2)]")]),
    "W": Slot("W.T", [("G804", "(W - lr * dW).T"), ("G702", "(W if W.shape[0] == W.shape[1] else W.T)")], ["params[i][0].T"]),
    "slope": Slot("np.where(cache[i] > 0, 1, .01)", [("G403", "cache[i]"), ("G404", "np.where(delta > 0, 1, .01)"), ("G403", "(cache[i] > 0)"), ("G401", "1")], ["(.01 + .99 * (cache[i] > 0))"]),
}  # fmt: skip

PROGRAMS = [
    ("ridge", RIDGE, RIDGE_SLOTS),
    ("poisson with exposure", POISSON, POISSON_SLOTS),
    ("huber", HUBER, HUBER_SLOTS),
    ("factors with biases", FACTORS, FACTORS_SLOTS),
    ("negative sampling", WORD2VEC, WORD2VEC_SLOTS),
    ("gaussian mixture", MIXTURE, MIXTURE_SLOTS),
    ("learned variance", GAUSSIAN, GAUSSIAN_SLOTS),
    ("variational autoencoder", VAE, VAE_SLOTS),
    ("weighted labels", WEIGHTED, WEIGHTED_SLOTS),
    ("triplets", TRIPLET, TRIPLET_SLOTS),
    ("mixture of experts", EXPERTS, EXPERTS_SLOTS),
    ("factorisation machine", MACHINE, MACHINE_SLOTS),
    ("buffers of layers", BUFFERS, BUFFERS_SLOTS),
    ("loop over layers", LAYERS, LAYERS_SLOTS),
]
