"""Recurrences, embeddings and attention."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.handed_in_parts import made


def sequences() -> Iterator[Case]:
    """Recurrences, embeddings and attention."""
    for program in PROGRAMS:
        yield from made(*program)


PROGRAMS = [
    (
        "minchar-rnn",
        r"""
import numpy as np


def loss(p, inputs, targets, hprev):
    h = hprev
    total = 0
    for t in range(len(inputs)):
        x = np.zeros((p['Wxh'].shape[1], 1))
        x[inputs[t]] = 1
        h = np.tanh(p['Wxh'] @ x + p['Whh'] @ h + p['bh'])
        y = p['Why'] @ h + p['by']
        prob = np.exp(y) / np.sum(np.exp(y))
        total += -np.log(prob[targets[t], 0])
    return total


def gradient(p, inputs, targets, hprev):
    Wxh, Whh, Why, bh, by = p['Wxh'], p['Whh'], p['Why'], p['bh'], p['by']
    vocab_size = Wxh.shape[1]
    xs, hs, ys, ps = {}, {}, {}, {}
    hs[-1] = np.copy(hprev)
    # the steps
    for t in range(len(inputs)):
        xs[t] = np.zeros((vocab_size, 1))  # one-hot
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        ys[t] = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(ys[t]) / np.sum(np.exp(ys[t]))
    # back through the steps
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1  # of the logits
        dWhy += np.dot(dy, hs[t].T)
        dby += dy
        dh = np.dot(Why.T, dy) + dhnext  # of the state
        dhraw = (1 - hs[t] * hs[t]) * dh  # of what tanh is given
        dbh += dhraw
        dWxh += np.dot(dhraw, xs[t].T)
        dWhh += np.dot(dhraw, hs[t - 1].T)
        dhnext = np.dot(Whh.T, dhraw)
    return {'Wxh': dWxh, 'Whh': dWhh, 'Why': dWhy, 'bh': dbh, 'by': dby}


def example():
    rng = np.random.default_rng(13)
    V, H = 4, 5
    p = {'Wxh': rng.normal(size=(H, V)), 'Whh': rng.normal(size=(H, H)) * 0.5, 'Why': rng.normal(size=(V, H)),
         'bh': rng.normal(size=(H, 1)) * 0.1, 'by': rng.normal(size=(V, 1)) * 0.1}
    return p, [0, 2, 1, 3, 1, 0], [2, 1, 3, 1, 0, 2], rng.normal(size=(H, 1)) * 0.2
""",
        [
            ("G908", "dh = np.dot(Why.T, dy) + dhnext ", "dh = np.dot(Why.T, dy) "),
            (
                "G908",
                "        dhnext = np.dot(Whh.T, dhraw)\n",
                "",
                "dh = np.dot(Why.T, dy) + dhnext",
            ),
            ("G702", "dhnext = np.dot(Whh.T, dhraw)", "dhnext = np.dot(Whh, dhraw)"),
            ("G801", "dWhh += np.dot(dhraw, hs[t - 1].T)", "dWhh = np.dot(dhraw, hs[t - 1].T)"),
            ("G703", "dWhh += np.dot(dhraw, hs[t - 1].T)", "dWhh += np.dot(dhraw, hs[t].T)"),
            ("G701", "dWhh += np.dot(dhraw, hs[t - 1].T)", "dWhh += np.dot(hs[t - 1], dhraw.T)"),
            ("G403", "dhraw = (1 - hs[t] * hs[t]) * dh ", "dhraw = (1 - hs[t]) * dh "),
            ("G401", "dhnext = np.dot(Whh.T, dhraw)", "dhnext = np.dot(Whh.T, dh)"),
            ("G801", "dby += dy", "dby = dy"),
            (
                "G205",
                "dy[targets[t]] -= 1  # of the logits",
                "dy[targets[t]] -= 1\n        dy = -dy",
                "dy = -dy",
            ),
            (
                "G402",
                "dhraw = (1 - hs[t] * hs[t]) * dh ",
                "dhraw = (1 - np.tanh(hs[t]) ** 2) * dh ",
            ),
        ],
        [
            ("dhraw = (1 - hs[t] * hs[t]) * dh ", "dhraw = dh - hs[t] ** 2 * dh "),
            (
                "        dWxh += np.dot(dhraw, xs[t].T)\n",
                "        dWxh[:, inputs[t]] += dhraw.ravel()\n",
            ),
        ],
    ),
    (
        "embedding-average",
        r'''
import numpy as np

def softmax(u):
    u = u - u.max(axis=-1, keepdims=True)
    e = np.exp(u)
    return e / e.sum(axis=-1, keepdims=True)

def loss(E, U, c, ctx, target):
    """continuous bag of words; ctx: (n, k) word ids"""
    v = E[ctx].mean(axis=1)
    p = softmax(v @ U + c)
    return -np.log(p[np.arange(len(target)), target]).mean()

def gradient(E, U, c, ctx, target):
    n, k = ctx.shape
    v = E[ctx].mean(axis=1)
    p = softmax(v @ U + c)
    err = p.copy()
    err[np.arange(n), target] -= 1.0
    err /= n
    gU = v.T @ err
    gc = err.sum(axis=0)
    gv = err @ U.T
    gE = np.zeros_like(E)
    for i in range(n):
        for word in ctx[i]:
            gE[word] += gv[i] / k
    return gE, gU, gc

def example():
    rng = np.random.default_rng(15)
    E = rng.normal(size=(6, 4))
    U = rng.normal(size=(4, 5))
    ctx = np.array([[0, 1, 3], [2, 2, 4], [5, 1, 0], [3, 3, 3], [1, 4, 5], [0, 2, 1], [4, 4, 0], [1, 5, 2]])
    return E, U, rng.normal(size=5), ctx, np.array([0, 4, 1, 3, 2, 2, 0, 1])
''',
        [
            ("G803", "gE[word] += gv[i] / k", "gE[word] = gv[i] / k"),
            (
                "G803",
                "    for i in range(n):\n        for word in ctx[i]:\n            gE[word] += gv[i] / k\n",
                "    gE[ctx] += gv[:, None, :] / k\n",
            ),
            ("G203", "gE[word] += gv[i] / k", "gE[word] += gv[i] / n"),
            ("G201", "    err /= n\n", "", "gU = v.T @ err"),
            ("G202", "gU = v.T @ err", "gU = v.T @ err / n"),
            ("G602", "gc = err.sum(axis=0)", "gc = err[0]"),
            (
                "G107",
                "gE = np.zeros_like(E)\n    for i in range(n):\n        for word in ctx[i]:\n            gE[word] += gv[i] / k",
                "gE = np.zeros_like(E)\n    for i in range(n):\n        for word in ctx[i]:\n            gE[word] + gv[i] / k",
            ),
            ("G203|G201", "gE[word] += gv[i] / k", "gE[word] += gv[i]"),
            ("G601", "gc = err.sum(axis=0)", "gc = err.mean(axis=0)"),
            (
                "G803",
                "    for i in range(n):\n        for word in ctx[i]:\n            gE[word] += gv[i] / k\n",
                "    for j in range(k):\n        gE[ctx[:, j]] += gv / k\n",
            ),
        ],
        [
            (
                "    for i in range(n):\n        for word in ctx[i]:\n            gE[word] += gv[i] / k\n",
                "    np.add.at(gE, ctx, gv[:, None, :] / k)\n",
            ),
            (
                "    for i in range(n):\n        for word in ctx[i]:\n            gE[word] += gv[i] / k\n",
                "    onehot = np.eye(E.shape[0])[ctx].mean(axis=1)\n    gE = onehot.T @ gv\n",
            ),
        ],
    ),
    (
        "attention-head",
        r"""
import numpy as np


def softmax(a, axis=-1):
    a = a - a.max(axis=axis, keepdims=True)
    e = np.exp(a)
    return e / e.sum(axis=axis, keepdims=True)


def loss(Wq, Wk, Wv, Wo, x, y):
    q, k, v = x @ Wq, x @ Wk, x @ Wv
    att = softmax(q @ k.T / np.sqrt(q.shape[-1]))
    o = (att @ v) @ Wo
    return 0.5 * np.sum((o - y) ** 2) / x.shape[0]


def gradient(Wq, Wk, Wv, Wo, x, y):
    T = x.shape[0]
    d_k = Wq.shape[1]
    q = x @ Wq
    k = x @ Wk
    v = x @ Wv
    scores = q @ k.T / np.sqrt(d_k)
    att = softmax(scores)
    ctx = att @ v
    o = ctx @ Wo
    grad_o = (o - y) / T
    grad_Wo = ctx.T @ grad_o
    grad_ctx = grad_o @ Wo.T
    grad_v = att.T @ grad_ctx
    grad_att = grad_ctx @ v.T
    grad_scores = att * (grad_att - np.sum(grad_att * att, axis=-1, keepdims=True))
    grad_scores = grad_scores / np.sqrt(d_k)
    grad_q = grad_scores @ k
    grad_k = grad_scores.T @ q
    grad_Wq = x.T @ grad_q
    grad_Wk = x.T @ grad_k
    grad_Wv = x.T @ grad_v
    return grad_Wq, grad_Wk, grad_Wv, grad_Wo


def example():
    rng = np.random.default_rng(19)
    T, d, dk, o = 6, 4, 3, 2
    return (rng.normal(size=(d, dk)), rng.normal(size=(d, dk)), rng.normal(size=(d, dk)), rng.normal(size=(dk, o)),
            rng.normal(size=(T, d)), rng.normal(size=(T, o)))
""",
        [
            (
                "G503",
                "grad_scores = att * (grad_att - np.sum(grad_att * att, axis=-1, keepdims=True))",
                "grad_scores = att * (1 - att) * grad_att",
            ),
            (
                "G704",
                "return grad_Wq, grad_Wk, grad_Wv, grad_Wo",
                "return grad_Wk, grad_Wq, grad_Wv, grad_Wo",
            ),
            (
                "G603",
                "np.sum(grad_att * att, axis=-1, keepdims=True)",
                "np.sum(grad_att * att, axis=0, keepdims=True)",
            ),
            ("G702", "grad_v = att.T @ grad_ctx", "grad_v = att @ grad_ctx"),
            ("G702", "grad_k = grad_scores.T @ q", "grad_k = grad_scores @ q"),
            ("G201", "grad_o = (o - y) / T", "grad_o = o - y"),
            ("G703", "grad_q = grad_scores @ k", "grad_q = grad_scores @ q"),
            (
                "G401",
                "grad_scores = att * (grad_att - np.sum(grad_att * att, axis=-1, keepdims=True))",
                "grad_scores = grad_att",
            ),
            ("G205", "grad_o = (o - y) / T", "grad_o = (y - o) / T"),
            ("G703", "grad_att = grad_ctx @ v.T", "grad_att = grad_ctx @ k.T"),
        ],
        [
            (
                "    grad_scores = att * (grad_att - np.sum(grad_att * att, axis=-1, keepdims=True))\n",
                "    grad_scores = np.stack([(np.diag(r) - np.outer(r, r)) @ g for r, g in zip(att, grad_att)])\n",
            ),
            ("grad_k = grad_scores.T @ q", "grad_k = np.einsum('ts,td->sd', grad_scores, q)"),
        ],
    ),
    (
        "lstm-small",
        r"""
import numpy as np


def sg(z):
    return 1 / (1 + np.exp(-z))


def step(x, h, c, Wx, Wh, b):
    H = h.shape[1]
    a = x @ Wx + h @ Wh + b
    i, f, o, g = sg(a[:, :H]), sg(a[:, H:2 * H]), sg(a[:, 2 * H:3 * H]), np.tanh(a[:, 3 * H:])
    cn = f * c + i * g
    tc = np.tanh(cn)
    return o * tc, cn, (x, h, c, i, f, o, g, tc)


def loss(Wx, Wh, b, V, xs, y):
    h = c = np.zeros((xs.shape[0], Wh.shape[0]))
    for t in range(xs.shape[1]):
        h, c, _ = step(xs[:, t], h, c, Wx, Wh, b)
    return 0.5 * np.sum((h @ V - y) ** 2) / xs.shape[0]


def gradient(Wx, Wh, b, V, xs, y):
    N, T, D = xs.shape
    h = c = np.zeros((N, Wh.shape[0]))
    caches = []
    for t in range(T):
        h, c, cache = step(xs[:, t], h, c, Wx, Wh, b)
        caches.append(cache)
    dout = (h @ V - y) / N
    dV = h.T @ dout
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)
    dh = dout @ V.T
    dc_next = np.zeros_like(c)
    for t in reversed(range(T)):
        x, hp, cp, i, f, o, g, tc = caches[t]
        do = dh * tc
        dc = dh * o * (1 - tc ** 2) + dc_next
        di = dc * g
        df = dc * cp
        dg = dc * i
        dc_next = dc * f
        da = np.hstack([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g ** 2)])
        dWx += x.T @ da
        dWh += hp.T @ da
        db += da.sum(axis=0)
        dh = da @ Wh.T
    return dWx, dWh, db, dV


def example():
    rng = np.random.default_rng(42)
    N, T, D, H, O = 5, 4, 3, 2, 1
    r = lambda *s: rng.normal(size=s)
    return r(D, 4 * H), r(H, 4 * H), r(4 * H), r(H, O), r(N, T, D), r(N, O)
""",
        [
            ("G908", "dc = dh * o * (1 - tc ** 2) + dc_next", "dc = dh * o * (1 - tc ** 2)"),
            ("G908", "        dh = da @ Wh.T\n", "        dh = np.zeros_like(dh)\n"),
            ("G801", "dWx += x.T @ da", "dWx = x.T @ da"),
            ("G403", "df * f * (1 - f)", "df * (1 - f ** 2)"),
            ("G401", "dg * (1 - g ** 2)])", "dg])"),
            ("G401", "dc = dh * o * (1 - tc ** 2) + dc_next", "dc = dh * o + dc_next"),
            ("G703", "df = dc * cp", "df = dc * c"),
            (
                "G705",
                "da = np.hstack([di * i * (1 - i), df * f * (1 - f),",
                "da = np.hstack([df * f * (1 - f), di * i * (1 - i),",
            ),
            ("G201", "dout = (h @ V - y) / N", "dout = h @ V - y"),
            ("G601", "db += da.sum(axis=0)", "db += da.mean(axis=0)"),
            ("G204", "dout = (h @ V - y) / N", "dout = 2 * (h @ V - y) / N"),
            ("G908", "        dc_next = dc * f\n", "        dc_next = np.zeros_like(dc)\n"),
        ],
        [
            ("dc = dh * o * (1 - tc ** 2) + dc_next", "dc = dc_next + dh * o - dh * o * tc * tc"),
            (
                "        da = np.hstack([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g ** 2)])\n",
                "        da = np.concatenate((di * (i - i ** 2), df * (f - f ** 2), do * (o - o ** 2), dg - dg * g ** 2), axis=1)\n",
            ),
        ],
    ),
    (
        "sgns",
        r"""
import numpy as np


def sigma(x):
    return 1.0 / (1.0 + np.exp(-x))


def loss(V_in, V_out, centers, contexts, negs):
    total = 0.0
    for c, o, ks in zip(centers, contexts, negs):
        total -= np.log(sigma(V_in[c] @ V_out[o]))
        for k in ks:
            total -= np.log(sigma(-V_in[c] @ V_out[k]))
    return total / len(centers)


def gradient(V_in, V_out, centers, contexts, negs):
    g_in = np.zeros_like(V_in)
    g_out = np.zeros_like(V_out)
    n = len(centers)
    for c, o, ks in zip(centers, contexts, negs):
        vc = V_in[c]
        pos = sigma(vc @ V_out[o]) - 1
        gc = pos * V_out[o]
        g_out[o] += pos * vc / n
        for k in ks:
            neg = sigma(vc @ V_out[k])
            gc = gc + neg * V_out[k]
            g_out[k] += neg * vc / n
        g_in[c] += gc / n
    return g_in, g_out


def example():
    rng = np.random.default_rng(43)
    V_in, V_out = rng.normal(size=(6, 3)), rng.normal(size=(7, 3))
    return V_in, V_out, [0, 2, 2, 5, 1], [3, 1, 6, 3, 0], [[1, 4], [0, 5], [2, 5], [5, 6], [4, 4]]
""",
        [
            ("G803", "g_in[c] += gc / n", "g_in[c] = gc / n"),
            ("G803", "g_out[k] += neg * vc / n", "g_out[k] = neg * vc / n"),
            ("G205", "pos = sigma(vc @ V_out[o]) - 1", "pos = 1 - sigma(vc @ V_out[o])"),
            ("G201", "g_in[c] += gc / n", "g_in[c] += gc"),
            ("G801", "            gc = gc + neg * V_out[k]\n", "            gc = neg * V_out[k]\n"),
            ("G801", "            gc = gc + neg * V_out[k]\n", "", "gc = pos * V_out[o]"),
            (
                "G703",
                "            gc = gc + neg * V_out[k]\n",
                "            gc = gc + neg * V_out[o]\n",
            ),
            ("G203", "    n = len(centers)\n", "    n = len(V_in)\n"),
        ],
        [
            (
                "            gc = gc + neg * V_out[k]\n",
                "            gc = gc - (sigma(-vc @ V_out[k]) - 1) * V_out[k]\n",
            ),
            ("pos = sigma(vc @ V_out[o]) - 1", "pos = -sigma(-(vc @ V_out[o]))"),
        ],
    ),
    (
        "multihead",
        r"""
import numpy as np


def split(a, heads):
    T, D = a.shape
    return a.reshape(T, heads, D // heads).transpose(1, 0, 2)


def merge(a):
    h, T, d = a.shape
    return a.transpose(1, 0, 2).reshape(T, h * d)


def att(q, k):
    s = np.einsum('htd,hsd->hts', q, k) / np.sqrt(q.shape[-1])
    s = np.exp(s - s.max(-1, keepdims=True))
    return s / s.sum(-1, keepdims=True)


def loss(P, x, y, heads):
    q, k, v = (split(x @ P[n], heads) for n in ('Q', 'K', 'V'))
    out = merge(att(q, k) @ v) @ P['O']
    return np.mean((out - y) ** 2)


def gradient(P, x, y, heads):
    q, k, v = (split(x @ P[n], heads) for n in ('Q', 'K', 'V'))
    A = att(q, k)
    ctx = merge(A @ v)
    out = ctx @ P['O']
    g = {}
    dout = 2 * (out - y) / y.size
    g['O'] = ctx.T @ dout
    dctx = split(dout @ P['O'].T, heads)
    dA = np.einsum('htd,hsd->hts', dctx, v)
    dv = np.einsum('hts,htd->hsd', A, dctx)
    ds = A * (dA - (A * dA).sum(-1, keepdims=True))
    ds /= np.sqrt(q.shape[-1])
    dq = np.einsum('hts,hsd->htd', ds, k)
    dk = np.einsum('hts,htd->hsd', ds, q)
    g['Q'] = x.T @ merge(dq)
    g['K'] = x.T @ merge(dk)
    g['V'] = x.T @ merge(dv)
    return g


def example():
    rng = np.random.default_rng(44)
    P = {n: rng.normal(size=(3, 4)) for n in ('Q', 'K', 'V')}
    P['O'] = rng.normal(size=(4, 2))
    return P, rng.normal(size=(5, 3)), rng.normal(size=(5, 2)), 2
""",
        [
            ("G503", "ds = A * (dA - (A * dA).sum(-1, keepdims=True))", "ds = A * (1 - A) * dA"),
            ("G705", "g['V'] = x.T @ merge(dv)", "g['V'] = x.T @ merge(dv[::-1])"),
            (
                "G705",
                "g['Q'] = x.T @ merge(dq)",
                "g['Q'] = x.T @ dq.transpose(1, 2, 0).reshape(len(x), -1)",
            ),
            ("G704", "g['K'] = x.T @ merge(dk)", "g['K'] = x.T @ merge(dq)"),
            ("G603", "(A * dA).sum(-1, keepdims=True)", "(A * dA).sum(1, keepdims=True)"),
            (
                "G702",
                "dv = np.einsum('hts,htd->hsd', A, dctx)",
                "dv = np.einsum('hts,hsd->htd', A, dctx)",
            ),
            ("G204", "dout = 2 * (out - y) / y.size", "dout = (out - y) / y.size"),
            ("G203", "dout = 2 * (out - y) / y.size", "dout = 2 * (out - y) / len(y)"),
            (
                "G703",
                "dk = np.einsum('hts,htd->hsd', ds, q)",
                "dk = np.einsum('hts,htd->hsd', ds, k)",
            ),
            ("G107", "    g['K'] = x.T @ merge(dk)\n", "", "dk = np.einsum"),
        ],
        [
            ("dv = np.einsum('hts,htd->hsd', A, dctx)", "dv = A.transpose(0, 2, 1) @ dctx"),
            (
                "    ds = A * (dA - (A * dA).sum(-1, keepdims=True))\n",
                "    ds = A * dA - A * np.einsum('hts,hts->ht', A, dA)[..., None]\n",
            ),
        ],
    ),
    (
        "tied-bigram",
        r"""
import numpy as np


def loss(E, W, prev, nxt):
    h = np.tanh(E[prev] @ W)
    logits = h @ E.T
    mx = logits.max(axis=1, keepdims=True)
    lse = mx[:, 0] + np.log(np.exp(logits - mx).sum(axis=1))
    return np.mean(lse - logits[np.arange(len(nxt)), nxt])


def gradient(E, W, prev, nxt):
    B = len(prev)
    e = E[prev]
    h = np.tanh(e @ W)
    logits = h @ E.T
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(B), nxt] -= 1
    dlogits = p / B
    dE = dlogits.T @ h                # output side
    dh = dlogits @ E
    dpre = dh * (1 - h * h)
    dW = e.T @ dpre
    de = dpre @ W.T
    np.add.at(dE, prev, de)           # input side
    return dE, dW


def example():
    rng = np.random.default_rng(45)
    return rng.normal(size=(6, 4)), rng.normal(size=(4, 4)), np.array([0, 3, 3, 1, 5, 0, 3]), np.array([3, 3, 1, 5, 0, 3, 2])
""",
        [
            (
                "G801",
                "    np.add.at(dE, prev, de)           # input side\n",
                "",
                "dE = dlogits.T @ h",
            ),
            (
                "G803",
                "np.add.at(dE, prev, de)           # input side",
                "dE[prev] += de           # input side",
            ),
            (
                "G801|G803",
                "np.add.at(dE, prev, de)           # input side",
                "dE[prev] = de           # input side",
            ),
            (
                "G801",
                "    np.add.at(dE, prev, de) ",
                "    dE = np.zeros_like(E)\n    np.add.at(dE, prev, de) ",
            ),
            ("G702", "de = dpre @ W.T", "de = dpre @ W"),
            ("G701", "dW = e.T @ dpre", "dW = dpre.T @ e"),
            ("G703", "dW = e.T @ dpre", "dW = h.T @ dpre"),
            ("G401", "dpre = dh * (1 - h * h)", "dpre = dh"),
            ("G402", "dpre = dh * (1 - h * h)", "dpre = dh * (1 - np.tanh(h) ** 2)"),
            ("G201", "dlogits = p / B", "dlogits = p"),
        ],
        [
            (
                "    np.add.at(dE, prev, de)           # input side\n",
                "    for row, idx in zip(de, prev):\n        dE[idx] += row\n",
            ),
            (
                "    np.add.at(dE, prev, de)           # input side\n",
                "    dE = dE + np.eye(len(E))[prev].T @ de\n",
            ),
        ],
    ),
    (
        "rnn-batch-final",
        r"""
import numpy as np


def rnn_forward(x, Wx, Wh, b):
    N, T, D = x.shape
    h = [np.zeros((N, Wh.shape[0]))]
    for t in range(T):
        h.append(np.tanh(x[:, t] @ Wx + h[-1] @ Wh + b))
    return h


def loss(params, x, y):
    Wx, Wh, b, V = params
    h = rnn_forward(x, Wx, Wh, b)
    return np.mean((h[-1] @ V - y) ** 2)


def gradient(params, x, y):
    Wx, Wh, b, V = params
    h = rnn_forward(x, Wx, Wh, b)
    T = x.shape[1]
    resid = h[-1] @ V - y
    dV = h[-1].T @ resid * 2 / resid.size
    dh = resid @ V.T * 2 / resid.size
    dWx, dWh, db = 0, 0, 0
    for t in range(T - 1, -1, -1):
        da = dh * (1 - h[t + 1] ** 2)
        dWx = dWx + x[:, t].T @ da
        dWh = dWh + h[t].T @ da
        db = db + da.sum(axis=0)
        dh = da @ Wh.T
    return [dWx, dWh, db, dV]


def example():
    rng = np.random.default_rng(52)
    n = lambda *s: rng.normal(scale=0.6, size=s)
    return [n(3, 4), n(4, 4), n(4), n(4, 2)], n(6, 5, 3), n(6, 2)
""",
        [
            ("G702", "dh = da @ Wh.T", "dh = da @ Wh"),
            ("G701", "dWh = dWh + h[t].T @ da", "dWh = dWh + da.T @ h[t]"),
            ("G703", "dWh = dWh + h[t].T @ da", "dWh = dWh + h[t + 1].T @ da"),
            ("G403", "da = dh * (1 - h[t + 1] ** 2)", "da = dh * (1 - h[t + 1])"),
            ("G703", "da = dh * (1 - h[t + 1] ** 2)", "da = dh * (1 - h[t] ** 2)"),
            ("G908", "for t in range(T - 1, -1, -1):", "for t in range(T - 1, T - 2, -1):"),
            ("G401", "dh = da @ Wh.T", "dh = dh @ Wh.T"),
            ("G801", "dWx = dWx + x[:, t].T @ da", "dWx = x[:, t].T @ da"),
            ("G203", "dh = resid @ V.T * 2 / resid.size", "dh = resid @ V.T * 2 / len(resid)"),
            ("G204", "dV = h[-1].T @ resid * 2 / resid.size", "dV = h[-1].T @ resid / resid.size"),
            ("G601", "db = db + da.sum(axis=0)", "db = db + da.mean(axis=0)"),
            ("G205", "resid = h[-1] @ V - y", "resid = y - h[-1] @ V"),
            ("G908", "        dh = da @ Wh.T\n", "        dh = np.zeros_like(da)\n"),
        ],
        [
            ("da = dh * (1 - h[t + 1] ** 2)", "da = (1 + h[t + 1]) * (1 - h[t + 1]) * dh"),
            ("    return [dWx, dWh, db, dV]", "    grads = [dWx, dWh, db, dV]\n    return grads"),
        ],
    ),
]
