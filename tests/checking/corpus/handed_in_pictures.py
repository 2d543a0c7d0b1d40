"""Convolutions, pooling and Gram matrices in loops."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.handed_in_parts import made


def pictures() -> Iterator[Case]:
    """Convolutions, pooling and Gram matrices in loops."""
    for program in PROGRAMS:
        yield from made(*program)


PROGRAMS = [
    (
        "cs231n-conv",
        r"""
import numpy as np


def conv_forward_naive(x, w, b, stride, pad):
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    xp = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    Ho = 1 + (H + 2 * pad - HH) // stride
    Wo = 1 + (W + 2 * pad - WW) // stride
    out = np.zeros((N, F, Ho, Wo))
    for i in range(Ho):
        for j in range(Wo):
            window = xp[:, :, i * stride:i * stride + HH, j * stride:j * stride + WW]
            for f in range(F):
                out[:, f, i, j] = np.sum(window * w[f], axis=(1, 2, 3)) + b[f]
    return out


def loss(w, b, w2, b2, x, t):
    a = np.maximum(0, conv_forward_naive(x, w, b, 2, 1))
    out = conv_forward_naive(a, w2, b2, 1, 0)
    return 0.5 * np.sum((out - t) ** 2)


def conv_backward_naive(dout, x, w, stride, pad):
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    xp = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dxp = np.zeros_like(xp)
    dw = np.zeros_like(w)
    db = np.sum(dout, axis=(0, 2, 3))
    _, _, Ho, Wo = dout.shape
    for n in range(N):
        for f in range(F):
            for i in range(Ho):
                for j in range(Wo):
                    r, c = i * stride, j * stride
                    dw[f] += dout[n, f, i, j] * xp[n, :, r:r + HH, c:c + WW]
                    dxp[n, :, r:r + HH, c:c + WW] += dout[n, f, i, j] * w[f]
    dx = dxp[:, :, pad:pad + H, pad:pad + W]
    return dx, dw, db


def gradient(w, b, w2, b2, x, t):
    z = conv_forward_naive(x, w, b, 2, 1)
    a = np.maximum(0, z)
    out = conv_forward_naive(a, w2, b2, 1, 0)
    dout = out - t
    da, dw2, db2 = conv_backward_naive(dout, a, w2, 1, 0)
    dz = da * (z > 0)
    _, dw, db = conv_backward_naive(dz, x, w, 2, 1)
    return dw, db, dw2, db2


def example():
    rng = np.random.default_rng(14)
    x = rng.normal(size=(2, 2, 6, 8))
    w, b = rng.normal(size=(3, 2, 3, 3)) * 0.5, rng.normal(size=3)
    w2, b2 = rng.normal(size=(4, 3, 2, 2)) * 0.5, rng.normal(size=4)
    return w, b, w2, b2, x, rng.normal(size=(2, 4, 2, 3))
""",
        [
            (
                "G906",
                "dxp[n, :, r:r + HH, c:c + WW] += dout[n, f, i, j] * w[f]",
                "dxp[n, :, r:r + HH, c:c + WW] += dout[n, f, i, j] * w[f][:, ::-1, ::-1]",
            ),
            (
                "G906",
                "r, c = i * stride, j * stride\n                    dw",
                "r, c = i, j\n                    dw",
            ),
            (
                "G801",
                "dxp[n, :, r:r + HH, c:c + WW] += dout",
                "dxp[n, :, r:r + HH, c:c + WW] = dout",
            ),
            ("G602", "db = np.sum(dout, axis=(0, 2, 3))", "db = np.sum(dout[0], axis=(1, 2))"),
            ("G601", "db = np.sum(dout, axis=(0, 2, 3))", "db = np.mean(dout, axis=(0, 2, 3))"),
            ("G404", "dz = da * (z > 0)", "dz = da * (da > 0)"),
            ("G401", "dz = da * (z > 0)", "dz = da"),
            (
                "G906",
                "_, dw, db = conv_backward_naive(dz, x, w, 2, 1)",
                "_, dw, db = conv_backward_naive(dz, np.pad(x, ((0, 0), (0, 0), (0, 2), (0, 2))), w, 2, 0)",
            ),
            (
                "G801|G802",
                "dw[f] += dout[n, f, i, j] * xp[n, :, r:r + HH, c:c + WW]",
                "dw[f] = dout[n, f, i, j] * xp[n, :, r:r + HH, c:c + WW]",
            ),
            ("G204", "dout = out - t", "dout = 2 * (out - t)"),
            ("G603", "db = np.sum(dout, axis=(0, 2, 3))", "db = np.full(F, np.sum(dout))"),
        ],
        [
            (
                "                    dw[f] += dout[n, f, i, j] * xp[n, :, r:r + HH, c:c + WW]\n",
                "                    for ch in range(C):\n                        dw[f, ch] += dout[n, f, i, j] * xp[n, ch, r:r + HH, c:c + WW]\n",
            ),
            (
                "    db = np.sum(dout, axis=(0, 2, 3))\n",
                "    db = np.array([dout[:, f].sum() for f in range(F)])\n",
            ),
        ],
    ),
    (
        "gram-style",
        r"""
import numpy as np


def gram(F):
    return F @ F.T


def loss(img, W, content, style_gram, alpha, beta):
    F = np.maximum(W @ img, 0)
    C, M = F.shape
    G = gram(F)
    L_content = 0.5 * np.sum((F - content) ** 2)
    L_style = np.sum((G - style_gram) ** 2) / (4 * C ** 2 * M ** 2)
    return alpha * L_content + beta * L_style


def gradient(img, W, content, style_gram, alpha, beta):
    Z = W @ img
    F = np.maximum(Z, 0)
    C, M = F.shape
    G = gram(F)
    dF_content = alpha * (F - content)
    dF_style = beta * (G - style_gram) @ F / (C ** 2 * M ** 2)
    dF = dF_content + dF_style
    dZ = dF * (Z > 0)
    return W.T @ dZ


def example():
    rng = np.random.default_rng(21)
    C, M, K = 4, 7, 3
    S = rng.random((C, 6))
    return rng.normal(size=(K, M)), rng.normal(size=(C, K)), rng.random((C, M)), S @ S.T, 0.3, 40.0
""",
        [
            ("G801", "dF = dF_content + dF_style", "dF = dF_style"),
            ("G801", "dF = dF_content + dF_style", "dF = dF_content"),
            ("G401", "dZ = dF * (Z > 0)", "dZ = dF"),
            ("G404", "dZ = dF * (Z > 0)", "dZ = dF * (dF > 0)"),
            ("G205", "return W.T @ dZ", "return -W.T @ dZ"),
            ("G403", "dZ = dF * (Z > 0)", "dZ = dF * F"),
            ("G101", "return W.T @ dZ", "return dZ.T @ W"),
        ],
        [
            (
                "    dF_style = beta * (G - style_gram) @ F / (C ** 2 * M ** 2)\n",
                "    dG = 2 * (G - style_gram) / (4 * C ** 2 * M ** 2)\n    dF_style = beta * (dG + dG.T) @ F\n",
            ),
            ("dF_content = alpha * (F - content)", "dF_content = -alpha * (content - F)"),
        ],
    ),
    (
        "textcnn-pool",
        r'''
import numpy as np


def im2row(x, k):
    return np.stack([x[:, t:t + k].reshape(len(x), -1) for t in range(x.shape[1] - k + 1)], axis=1)


def loss(K, b, U, x, y):
    """1-d convolution, relu, max over time, softmax"""
    k = K.shape[0] // x.shape[2]
    m = np.maximum(im2row(x, k) @ K + b, 0).max(axis=1)
    o = m @ U
    o = o - o.max(1, keepdims=True)
    return np.mean(np.log(np.exp(o).sum(1)) - o[np.arange(len(y)), y])


def gradient(K, b, U, x, y):
    n = len(y)
    k = K.shape[0] // x.shape[2]
    rows = im2row(x, k)                       # (n, T, k*d)
    pre = rows @ K + b                        # (n, T, F)
    act = np.maximum(pre, 0)
    m = act.max(axis=1)                       # (n, F)
    o = m @ U
    o = o - o.max(1, keepdims=True)
    q = np.exp(o) / np.exp(o).sum(1, keepdims=True)
    q[np.arange(n), y] -= 1
    q /= n
    dU = m.T @ q
    dm = q @ U.T
    win = act.argmax(axis=1)                  # (n, F)
    dact = np.zeros_like(act)
    for i in range(n):
        for f in range(K.shape[1]):
            dact[i, win[i, f], f] = dm[i, f]
    dpre = dact * (pre > 0)
    dK = np.einsum('ntk,ntf->kf', rows, dpre)
    db = dpre.sum(axis=(0, 1))
    return dK, db, dU


def example():
    rng = np.random.default_rng(36)
    return (rng.normal(size=(6, 5)), rng.normal(size=5) * 0.2, rng.normal(size=(5, 4)),
            rng.normal(size=(7, 8, 3)), rng.integers(0, 4, 7))
''',
        [
            ("G907", "dact[i, win[i, f], f] = dm[i, f]", "dact[i, :, f] = dm[i, f]"),
            ("G907", "dact[i, win[i, f], f] = dm[i, f]", "dact[i, 0, f] = dm[i, f]"),
            ("G907", "win = act.argmax(axis=1)   ", "win = np.abs(pre).argmax(axis=1)   "),
            ("G602", "db = dpre.sum(axis=(0, 1))", "db = dpre[0].sum(axis=0)"),
            ("G601", "db = dpre.sum(axis=(0, 1))", "db = dpre.mean(axis=1).sum(axis=0)"),
            ("G201", "    q /= n\n", "", "dU = m.T @ q"),
            (
                "G705",
                "dK = np.einsum('ntk,ntf->kf', rows, dpre)",
                "dK = np.einsum('ntk,ntf->kf', rows, dpre).reshape(k, x.shape[2], -1).transpose(1, 0, 2).reshape(K.shape)",
            ),
            ("G405", "dact[i, win[i, f], f] = dm[i, f]", "dact[i, win[i, f], f] = 1"),
            (
                "G906",
                "dK = np.einsum('ntk,ntf->kf', rows, dpre)",
                "dK = np.einsum('ntk,ntf->kf', rows, dpre).reshape(k, x.shape[2], -1)[::-1].reshape(K.shape)",
            ),
        ],
        [
            (
                "            dact[i, win[i, f], f] = dm[i, f]\n",
                "            dact[i, np.argmax(act[i, :, f]), f] += dm[i, f]\n",
            ),
            (
                "    for i in range(n):\n        for f in range(K.shape[1]):\n            dact[i, win[i, f], f] = dm[i, f]\n",
                "    np.put_along_axis(dact, win[:, None, :], dm[:, None, :], axis=1)\n",
            ),
        ],
    ),
    (
        "avgpool-conv",
        r"""
import numpy as np


def conv2d(img, ker):
    kh, kw = ker.shape
    H, W = img.shape
    out = np.zeros((H - kh + 1, W - kw + 1))
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = np.sum(img[i:i + kh, j:j + kw] * ker)
    return out


def pool(a):
    return 0.25 * (a[0::2, 0::2] + a[1::2, 0::2] + a[0::2, 1::2] + a[1::2, 1::2])


def loss(k1, k2, v, images, t):
    s = 0
    for img, y in zip(images, t):
        c1 = np.tanh(conv2d(img, k1))
        c2 = conv2d(pool(c1), k2)
        s += 0.5 * (np.sum(v * c2) - y) ** 2
    return s / len(images)


def gradient(k1, k2, v, images, t):
    g1, g2, gv = np.zeros_like(k1), np.zeros_like(k2), np.zeros_like(v)
    for img, y in zip(images, t):
        c1 = np.tanh(conv2d(img, k1))
        p1 = pool(c1)
        c2 = conv2d(p1, k2)
        e = np.sum(v * c2) - y
        gv += e * c2
        dc2 = e * v
        g2 += conv2d(p1, dc2)
        kh, kw = k2.shape
        padded = np.pad(dc2, ((kh - 1, kh - 1), (kw - 1, kw - 1)))
        dp1 = conv2d(padded, k2[::-1, ::-1])
        dc1 = np.kron(dp1, np.ones((2, 2))) / 4
        dz1 = dc1 * (1 - c1 ** 2)
        g1 += conv2d(img, dz1)
    n = len(images)
    return g1 / n, g2 / n, gv / n


def example():
    rng = np.random.default_rng(37)
    return (rng.normal(size=(3, 2)), rng.normal(size=(2, 2)), rng.normal(size=(2, 3)),
            rng.normal(size=(5, 8, 9)), rng.normal(size=5))
""",
        [
            ("G906", "dp1 = conv2d(padded, k2[::-1, ::-1])", "dp1 = conv2d(padded, k2)"),
            ("G906", "dp1 = conv2d(padded, k2[::-1, ::-1])", "dp1 = conv2d(padded, k2.T)"),
            (
                "G907",
                "dc1 = np.kron(dp1, np.ones((2, 2))) / 4",
                "dc1 = np.kron(dp1, np.ones((2, 2)))",
            ),
            (
                "G907",
                "dc1 = np.kron(dp1, np.ones((2, 2))) / 4",
                "dc1 = np.kron(dp1, np.array([[1, 0], [0, 0]]))",
            ),
            (
                "G907|G705",
                "dc1 = np.kron(dp1, np.ones((2, 2))) / 4",
                "dc1 = np.tile(dp1, (2, 2)) / 4",
            ),
            ("G802", "g1 += conv2d(img, dz1)", "g1 = conv2d(img, dz1)"),
            ("G401", "dz1 = dc1 * (1 - c1 ** 2)", "dz1 = dc1"),
            ("G403", "dz1 = dc1 * (1 - c1 ** 2)", "dz1 = dc1 * (1 - c1) ** 2"),
            ("G201", "return g1 / n, g2 / n, gv / n", "return g1, g2, gv"),
            ("G906", "g2 += conv2d(p1, dc2)", "g2 += conv2d(p1, dc2)[::-1, ::-1]"),
            ("G204", "e = np.sum(v * c2) - y", "e = 2 * (np.sum(v * c2) - y)"),
        ],
        [
            (
                "dc1 = np.kron(dp1, np.ones((2, 2))) / 4",
                "dc1 = 0.25 * dp1.repeat(2, axis=0).repeat(2, axis=1)",
            ),
            (
                "        dp1 = conv2d(padded, k2[::-1, ::-1])\n",
                "        dp1 = np.zeros_like(p1)\n        for i in range(dc2.shape[0]):\n            for j in range(dc2.shape[1]):\n                dp1[i:i + kh, j:j + kw] += dc2[i, j] * k2\n",
            ),
        ],
    ),
    (
        "maxpool-linear",
        r"""
import numpy as np


def max_pool(x, s):
    N, H, W = x.shape
    return x.reshape(N, H // s, s, W // s, s).max(axis=(2, 4))


def loss(w, bias, V, x, y):
    z = np.einsum('nhwc,c->nhw', x, w) + bias
    p = max_pool(z, 2)
    pred = np.einsum('nij,ij->n', p, V)
    return 0.5 * np.mean((pred - y) ** 2)


def max_pool_backward(dout, x, s):
    N, H, W = x.shape
    dx = np.zeros_like(x)
    for n in range(N):
        for i in range(H // s):
            for j in range(W // s):
                win = x[n, i * s:(i + 1) * s, j * s:(j + 1) * s]
                r, c = np.unravel_index(np.argmax(win), win.shape)
                dx[n, i * s + r, j * s + c] = dout[n, i, j]
    return dx


def gradient(w, bias, V, x, y):
    z = np.einsum('nhwc,c->nhw', x, w) + bias
    p = max_pool(z, 2)
    pred = np.einsum('nij,ij->n', p, V)
    dpred = (pred - y) / len(y)
    dV = np.einsum('n,nij->ij', dpred, p)
    dp = dpred[:, None, None] * V
    dz = max_pool_backward(dp, z, 2)
    dw = np.einsum('nhw,nhwc->c', dz, x)
    dbias = np.array([dz.sum()])
    return dw, dbias, dV


def example():
    rng = np.random.default_rng(49)
    return rng.normal(size=3), rng.normal(size=1), rng.normal(size=(2, 4)), rng.normal(size=(5, 4, 8, 3)), rng.normal(size=5)
""",
        [
            (
                "G907",
                "dx[n, i * s + r, j * s + c] = dout[n, i, j]",
                "dx[n, i * s:(i + 1) * s, j * s:(j + 1) * s] = dout[n, i, j]",
            ),
            (
                "G907",
                "dx[n, i * s + r, j * s + c] = dout[n, i, j]",
                "dx[n, i * s, j * s] = dout[n, i, j]",
            ),
            (
                "G907",
                "dx[n, i * s + r, j * s + c] = dout[n, i, j]",
                "dx[n, i + r, j + c] += dout[n, i, j]",
            ),
            (
                "G907",
                "dx[n, i * s + r, j * s + c] = dout[n, i, j]",
                "dx[n, i * s + c, j * s + r] = dout[n, i, j]",
            ),
            (
                "G405",
                "dx[n, i * s + r, j * s + c] = dout[n, i, j]",
                "dx[n, i * s + r, j * s + c] = 1",
            ),
            ("G201", "dpred = (pred - y) / len(y)", "dpred = pred - y"),
            ("G601", "dbias = np.array([dz.sum()])", "dbias = np.array([dz.mean()])"),
            ("G204", "dpred = (pred - y) / len(y)", "dpred = 2 * (pred - y) / len(y)"),
            ("G101", "dbias = np.array([dz.sum()])", "dbias = dz.sum(axis=0)"),
            (
                "G703|G907",
                "dV = np.einsum('n,nij->ij', dpred, p)",
                "dV = np.einsum('n,nij->ij', dpred, z[:, ::2, ::2])",
            ),
            ("G102", "dx = np.zeros_like(x)", "dx = np.zeros(x.shape, dtype=np.int64)"),
            (
                "G202",
                "dV = np.einsum('n,nij->ij', dpred, p)",
                "dV = np.einsum('n,nij->ij', dpred, p) / len(y)",
            ),
            ("G602", "dbias = np.array([dz.sum()])", "dbias = np.array([dz[0].sum()])"),
        ],
        [
            (
                "                dx[n, i * s + r, j * s + c] = dout[n, i, j]\n",
                "                dx[n, i * s:(i + 1) * s, j * s:(j + 1) * s] = dout[n, i, j] * (win == win.max())\n",
            ),
            (
                "    dz = max_pool_backward(dp, z, 2)\n",
                "    up = p.repeat(2, axis=1).repeat(2, axis=2)\n    dz = (z == up) * dp.repeat(2, axis=1).repeat(2, axis=2)\n",
            ),
        ],
    ),
]
