"""Blind files about pictures: convolution in loops and by im2col, pooling, Gram matrices."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.blind_parts import made
from tests.checking.corpus.case import Case


def images() -> Iterator[Case]:
    yield from made(
        "conv-loops",
        """
import numpy as np

STRIDE, PAD = 1, 1


def conv_forward(x, w, b):
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    x_pad = np.pad(x, ((0, 0), (0, 0), (PAD, PAD), (PAD, PAD)))
    Ho = 1 + (H + 2 * PAD - HH) // STRIDE
    Wo = 1 + (W + 2 * PAD - WW) // STRIDE
    out = np.zeros((N, F, Ho, Wo))
    for n in range(N):
        for f in range(F):
            for i in range(Ho):
                for j in range(Wo):
                    window = x_pad[n, :, i * STRIDE:i * STRIDE + HH, j * STRIDE:j * STRIDE + WW]
                    out[n, f, i, j] = np.sum(window * w[f]) + b[f]
    return out, x_pad


def conv_backward(dout, x, x_pad, w, b):
    F, _, HH, WW = w.shape
    dx_pad = np.zeros_like(x_pad)
    dw = np.zeros_like(w)
    db = np.zeros_like(b)
    N, _, Ho, Wo = dout.shape
    for n in range(N):
        for f in range(F):
            db[f] += np.sum(dout[n, f])
            for i in range(Ho):
                for j in range(Wo):
                    si, sj = i * STRIDE, j * STRIDE
                    dw[f] += dout[n, f, i, j] * x_pad[n, :, si:si + HH, sj:sj + WW]
                    dx_pad[n, :, si:si + HH, sj:sj + WW] += dout[n, f, i, j] * w[f]
    dx = dx_pad[:, :, PAD:-PAD, PAD:-PAD]
    return dx, dw, db


def loss(x, t, w, b):
    out, _ = conv_forward(x, w, b)
    return 0.5 * np.sum((out - t) ** 2)


def gradient(x, t, w, b):
    out, x_pad = conv_forward(x, w, b)
    dx, dw, db = conv_backward(out - t, x, x_pad, w, b)
    return {"x": dx, "w": dw, "b": db}


def example():
    rng = np.random.default_rng(231)
    return {
        "x": rng.normal(size=(2, 2, 4, 4)), "t": rng.normal(size=(2, 3, 4, 4)),
        "w": rng.normal(size=(3, 2, 3, 3)), "b": rng.normal(size=3),
    }
""",
        [
            (
                "G801|G906",
                "sj:sj + WW] += dout[n, f, i, j] * w[f]",
                "sj:sj + WW] = dout[n, f, i, j] * w[f]",
            ),
            ("G802|G801", "dw[f] += dout[n, f, i, j]", "dw[f] = dout[n, f, i, j]"),
            ("G906", "+= dout[n, f, i, j] * w[f]", "+= dout[n, f, i, j] * w[f, :, ::-1, ::-1]"),
            (
                "G906",
                "dx = dx_pad[:, :, PAD:-PAD, PAD:-PAD]",
                "dx = dx_pad[:, :, 2 * PAD:, 2 * PAD:]",
            ),
            ("G601", "db[f] += np.sum(dout[n, f])", "db[f] += np.mean(dout[n, f])"),
            ("G802|G602", "db[f] += np.sum(dout[n, f])", "db[f] = np.sum(dout[n, f])"),
        ],
        [
            [
                ("            db[f] += np.sum(dout[n, f])\n", ""),
                ("db = np.zeros_like(b)", "db = dout.sum(axis=(0, 2, 3))"),
            ],
            [
                (
                    "dx = dx_pad[:, :, PAD:-PAD, PAD:-PAD]",
                    "dx = dx_pad[:, :, PAD:PAD + x.shape[2], PAD:PAD + x.shape[3]]",
                )
            ],
        ],
    )
    yield from made(
        "conv-im2col",
        """
import numpy as np


def im2col(x, k, stride):
    \"\"\"Rows are windows of the pictures x (n, h, w), flattened.\"\"\"
    n, h, w = x.shape
    rows = []
    for i in range(0, h - k + 1, stride):
        for j in range(0, w - k + 1, stride):
            rows.append(x[:, i:i + k, j:j + k].reshape(n, k * k))
    return np.stack(rows, axis=1)


def col2im(cols, shape, k, stride):
    n, h, w = shape
    x = np.zeros(shape)
    p = 0
    for i in range(0, h - k + 1, stride):
        for j in range(0, w - k + 1, stride):
            x[:, i:i + k, j:j + k] += cols[:, p].reshape(n, k, k)
            p += 1
    return x


def loss(img, labels, K, c, V):
    n = len(img)
    cols = im2col(img, 2, 2)
    act = np.maximum(cols @ K + c, 0)
    scores = act.reshape(n, -1) @ V
    scores = scores - scores.max(axis=1, keepdims=True)
    prob = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return -np.log(prob[np.arange(n), labels]).mean()


def gradient(img, labels, K, c, V):
    n = len(img)
    cols = im2col(img, 2, 2)
    pre = cols @ K + c
    act = np.maximum(pre, 0)
    flat = act.reshape(n, -1)
    scores = flat @ V
    scores = scores - scores.max(axis=1, keepdims=True)
    prob = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)

    dscores = prob.copy()
    dscores[np.arange(n), labels] -= 1
    dscores = dscores / n
    dV = flat.T @ dscores
    dact = (dscores @ V.T).reshape(act.shape)
    dpre = dact * (pre > 0)
    dK = np.tensordot(cols, dpre, axes=([0, 1], [0, 1]))
    dc = dpre.sum(axis=(0, 1))
    dimg = col2im(dpre @ K.T, img.shape, 2, 2)
    return {"img": dimg, "K": dK, "c": dc, "V": dV}


def example():
    rng = np.random.default_rng(50)
    return {
        "img": rng.normal(size=(3, 4, 6)), "labels": np.array([1, 0, 1]),
        "K": rng.normal(size=(4, 3)), "c": 0.2 * rng.normal(size=3),
        "V": 0.5 * rng.normal(size=(18, 2)),
    }
""",
        [
            ("G603|G602", "dc = dpre.sum(axis=(0, 1))", "dc = dpre[0].sum(axis=0)"),
            (
                "G705|G000",
                "dact = (dscores @ V.T).reshape(act.shape)",
                "dact = (dscores @ V.T).reshape(act.shape, order='F')",
            ),
            ("G404", "dpre = dact * (pre > 0)", "dpre = dact * (dact > 0)"),
            ("G601", "dc = dpre.sum(axis=(0, 1))", "dc = dpre.mean(axis=0).sum(axis=0)"),
            ("G201", "dscores = dscores / n", "dscores = dscores * 1.0"),
            (
                "G906|G705",
                "cols[:, p].reshape(n, k, k)",
                "cols[:, p].reshape(n, k, k)[:, ::-1, ::-1]",
            ),
            (
                "G705|G906",
                "cols[:, p].reshape(n, k, k)",
                "cols[:, p].reshape(n, k, k).transpose(0, 2, 1)",
            ),
        ],
        [
            [
                (
                    "np.tensordot(cols, dpre, axes=([0, 1], [0, 1]))",
                    "np.einsum('npi,npf->if', cols, dpre)",
                )
            ],
            [("dc = dpre.sum(axis=(0, 1))", "dc = dpre.reshape(-1, dpre.shape[-1]).sum(0)")],
        ],
    )
    yield from made(
        "max-pool",
        """
import numpy as np


def max_pool(a, size):
    n, h, w = a.shape
    out = np.zeros((n, h // size, w // size))
    for i in range(h // size):
        for j in range(w // size):
            patch = a[:, i * size:(i + 1) * size, j * size:(j + 1) * size]
            out[:, i, j] = patch.max(axis=(1, 2))
    return out


def unpool(dout, a, size):
    da = np.zeros(a.shape)
    for n in range(dout.shape[0]):
        for i in range(dout.shape[1]):
            for j in range(dout.shape[2]):
                patch = a[n, i * size:(i + 1) * size, j * size:(j + 1) * size]
                r, c = np.unravel_index(np.argmax(patch), patch.shape)
                da[n, i * size + r, j * size + c] += dout[n, i, j]
    return da


def loss(A, M, y, w):
    # A: feature maps, M: mixing of the columns
    pooled = max_pool(np.tanh(A @ M), 2)
    score = pooled.reshape(len(y), -1) @ w
    return np.mean(np.log(1 + np.exp(-y * score)))


def gradient(A, M, y, w):
    n = len(y)
    maps = np.tanh(A @ M)
    pooled = max_pool(maps, 2)
    flat = pooled.reshape(n, -1)
    score = flat @ w

    dscore = -y / (1 + np.exp(y * score)) / n
    dw = flat.T @ dscore
    dpooled = np.outer(dscore, w).reshape(pooled.shape)
    dmaps = unpool(dpooled, maps, 2)
    dpre = dmaps * (1 - maps ** 2)
    dM = np.einsum("nhi,nhj->ij", A, dpre)
    dA = dpre @ M.T
    return {"A": dA, "M": dM, "w": dw}


def example():
    rng = np.random.default_rng(33)
    return {
        "A": rng.normal(size=(4, 4, 4)), "M": rng.normal(size=(4, 4)),
        "y": np.array([1.0, -1.0, -1.0, 1.0]), "w": rng.normal(size=4),
    }
""",
        [
            ("G907", "np.argmax(patch), patch.shape)", "np.argmin(patch), patch.shape)"),
            (
                "G907",
                "da[n, i * size + r, j * size + c] += dout[n, i, j]",
                "da[n, i * size:(i + 1) * size, j * size:(j + 1) * size] += dout[n, i, j]",
            ),
            ("G907", "da[n, i * size + r, j * size + c] += dout", "da[n, i + r, j + c] += dout"),
            ("G702", "dA = dpre @ M.T", "dA = dpre @ M"),
            ("G402", "dpre = dmaps * (1 - maps ** 2)", "dpre = dmaps * (1 - np.tanh(maps) ** 2)"),
            ("G205", "dscore = -y / (1", "dscore = y / (1"),
            ("G000|G403", "(1 + np.exp(y * score)) / n", "(1 + np.exp(-y * score)) / n"),
        ],
        [
            [
                ("                r, c = np.unravel_index(np.argmax(patch), patch.shape)\n", ""),
                (
                    "da[n, i * size + r, j * size + c] += dout[n, i, j]",
                    "da[n, i * size:(i + 1) * size, j * size:(j + 1) * size] += "
                    "(patch == patch.max()) * dout[n, i, j]",
                ),
            ],
            [
                (
                    'dM = np.einsum("nhi,nhj->ij", A, dpre)',
                    "dM = sum(A[k].T @ dpre[k] for k in range(n))",
                )
            ],
        ],
    )
    yield from made(
        "gram-style",
        """
import numpy as np


def gram(F):
    \"\"\"Correlations of the channels; F has a row for each place, a column for each channel.\"\"\"
    return F.T @ F / F.shape[0]


def loss(F, F_content, G_style, a, b):
    content = np.mean((F - F_content) ** 2)
    style = np.mean((gram(F) - G_style) ** 2)
    return a * content + b * style


def gradient(F, F_content, G_style, a, b):
    n, C = F.shape
    d_content = 2 * (F - F_content) / F.size
    dG = 2 * (gram(F) - G_style) / C ** 2
    d_style = F @ (dG + dG.T) / n
    return {"F": a * d_content + b * d_style}


def example():
    rng = np.random.default_rng(19)
    S = rng.normal(size=(8, 3))
    return {
        "F": rng.normal(size=(8, 3)), "F_content": rng.normal(size=(8, 3)),
        "G_style": S.T @ S / 8, "a": 1.0, "b": 5.0,
    }
""",
        [
            ("G801|G204", "F @ (dG + dG.T) / n", "F @ dG / n"),
            ("G203|G201|G000", "F @ (dG + dG.T) / n", "F @ (dG + dG.T)"),
            ("G203", "(gram(F) - G_style) / C ** 2", "(gram(F) - G_style) / C"),
            ("G000|G801", "a * d_content + b * d_style", "a * d_content"),
            ("G704|G000", "a * d_content + b * d_style", "b * d_content + a * d_style"),
            ("G205", "2 * (F - F_content) / F.size", "2 * (F_content - F) / F.size"),
        ],
        [
            [("F @ (dG + dG.T) / n", "2 * F @ dG / n")],
            [('{"F": a * d_content + b * d_style}', '{"F": b * d_style + d_content * a}')],
        ],
    )
