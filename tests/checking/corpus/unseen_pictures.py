"""Unseen files: convolutions, pooling and masks of pictures and texts."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.unseen_parts import written


def pictures() -> Iterator[Case]:
    yield from written(
        "conv-pool-from-scratch",
        """
import numpy as np


def conv(image, filters, bias):
    K, f, _ = filters.shape
    h, w = image.shape
    out = np.zeros((K, h - f + 1, w - f + 1))
    for k in range(K):
        for i in range(h - f + 1):
            for j in range(w - f + 1):
                out[k, i, j] = np.sum(image[i:i + f, j:j + f] * filters[k]) + bias[k]
    return out


def pool(maps):
    K, h, w = maps.shape
    out = np.zeros((K, h // 2, w // 2))
    for k in range(K):
        for i in range(h // 2):
            for j in range(w // 2):
                out[k, i, j] = np.max(maps[k, 2 * i:2 * i + 2, 2 * j:2 * j + 2])
    return out


def softmax(s):
    e = np.exp(s - np.max(s))
    return e / e.sum()


def loss(filters, bias, W, b, images, labels):
    total = 0
    for image, label in zip(images, labels):
        pooled = pool(np.maximum(conv(image, filters, bias), 0))
        p = softmax(W @ pooled.flatten() + b)
        total -= np.log(p[label])
    return total / len(images)


def gradient(filters, bias, W, b, images, labels):
    dfilters, dbias = np.zeros_like(filters), np.zeros_like(bias)
    dW, db = np.zeros_like(W), np.zeros_like(b)
    f = filters.shape[1]
    for image, label in zip(images, labels):
        maps = conv(image, filters, bias)
        relu = np.maximum(maps, 0)
        pooled = pool(relu)
        dscore = softmax(W @ pooled.flatten() + b)
        dscore[label] -= 1
        dW += np.outer(dscore, pooled.flatten())
        db += dscore
        dpooled = (W.T @ dscore).reshape(pooled.shape)
        dmaps = np.zeros_like(maps)
        for k in range(pooled.shape[0]):
            for i in range(pooled.shape[1]):
                for j in range(pooled.shape[2]):
                    window = relu[k, 2 * i:2 * i + 2, 2 * j:2 * j + 2]
                    r, c = np.unravel_index(np.argmax(window), window.shape)
                    dmaps[k, 2 * i + r, 2 * j + c] = dpooled[k, i, j]
        dmaps[maps <= 0] = 0
        for k in range(maps.shape[0]):
            for i in range(maps.shape[1]):
                for j in range(maps.shape[2]):
                    dfilters[k] += dmaps[k, i, j] * image[i:i + f, j:j + f]
                    dbias[k] += dmaps[k, i, j]
    n = len(images)
    return {"filters": dfilters / n, "bias": dbias / n, "W": dW / n, "b": db / n}


def example():
    rng = np.random.default_rng(8)
    return {
        "filters": rng.normal(size=(2, 3, 3)),
        "bias": np.array([-2.2, -2.9]),
        "W": rng.normal(size=(3, 8)) * 0.5,
        "b": rng.normal(size=3),
        "images": rng.normal(size=(4, 6, 7)),
        "labels": np.array([0, 2, 1, 2]),
    }
""",
        [
            ("G801|G802", "dfilters[k] += dmaps[k, i, j]", "dfilters[k] = dmaps[k, i, j]"),
            (
                "G906",
                "dmaps[k, i, j] * image[i:i + f, j:j + f]",
                "dmaps[k, i, j] * image[i:i + f, j:j + f][::-1, ::-1]",
            ),
            ("G404", "dmaps[maps <= 0] = 0", "dmaps[dmaps <= 0] = 0"),
            ("G907", "dmaps[k, 2 * i + r, 2 * j + c] =", "dmaps[k, i + r, j + c] ="),
            ("G907|G705", "dmaps[k, 2 * i + r, 2 * j + c] =", "dmaps[k, 2 * i + c, 2 * j + r] ="),
        ],
        [
            [("dmaps[maps <= 0] = 0", "dmaps *= maps > 0")],
        ],
        [
            (
                "G401|G404",
                "        dmaps[maps <= 0] = 0\n",
                "",
                "dmaps[k, 2 * i + r, 2 * j + c] = dpooled[k, i, j]",
            ),
        ],
    )
    yield from written(
        "text-convolution-max-over-time",
        """
import numpy as np


def loss(emb, conv_w, conv_b, out_w, tokens, labels):
    width = conv_w.shape[0]
    losses = []
    for sent, y in zip(tokens, labels):
        e = emb[sent]
        steps = len(sent) - width + 1
        maps = np.stack([
            np.einsum("kd,kdf->f", e[t:t + width], conv_w) + conv_b for t in range(steps)
        ])
        feature = np.tanh(maps.max(axis=0))
        losses.append(np.log1p(np.exp(-y * (feature @ out_w))))
    return np.mean(losses)


def gradient(emb, conv_w, conv_b, out_w, tokens, labels):
    width = conv_w.shape[0]
    d_emb, d_w = np.zeros_like(emb), np.zeros_like(conv_w)
    d_b, d_out = np.zeros_like(conv_b), np.zeros_like(out_w)
    for sent, y in zip(tokens, labels):
        e = emb[sent]
        steps = len(sent) - width + 1
        maps = np.stack([
            np.einsum("kd,kdf->f", e[t:t + width], conv_w) + conv_b for t in range(steps)
        ])
        best = maps.argmax(axis=0)
        feature = np.tanh(maps.max(axis=0))
        margin = y * (feature @ out_w)
        d_score = -y / (1 + np.exp(margin)) / len(tokens)
        d_out += d_score * feature
        d_feature = d_score * out_w
        d_max = d_feature * (1 - feature ** 2)
        for f, t in enumerate(best):
            d_w[:, :, f] += d_max[f] * e[t:t + width]
            d_b[f] += d_max[f]
            for k in range(width):
                d_emb[sent[t + k]] += d_max[f] * conv_w[k, :, f]
    return {"emb": d_emb, "conv_w": d_w, "conv_b": d_b, "out_w": d_out}


def example():
    rng = np.random.default_rng(90)
    return {
        "emb": rng.normal(size=(7, 3)),
        "conv_w": rng.normal(size=(2, 3, 4)) * 0.5,
        "conv_b": rng.normal(size=4) * 0.1,
        "out_w": rng.normal(size=4),
        "tokens": np.array([[0, 3, 3, 5, 1, 2], [6, 2, 3, 4, 3, 0], [1, 1, 5, 6, 2, 4]]),
        "labels": np.array([1, -1, 1]),
    }
""",
        [
            ("G803|G801", "d_emb[sent[t + k]] += d_max", "d_emb[sent[t + k]] = d_max"),
            ("G000|G906", "d_emb[sent[t + k]] +=", "d_emb[sent[k]] +="),
            ("G205", "d_score = -y / (1", "d_score = y / (1"),
            (
                "G403|G205",
                "d_score = -y / (1 + np.exp(margin))",
                "d_score = -y / (1 + np.exp(-margin))",
            ),
            ("G401", "d_max = d_feature * (1 - feature ** 2)", "d_max = d_feature"),
            ("G906", "d_max[f] * conv_w[k, :, f]", "d_max[f] * conv_w[width - 1 - k, :, f]"),
        ],
        [
            [
                (
                    "d_max = d_feature * (1 - feature ** 2)",
                    "d_max = d_feature * (1 - np.tanh(maps.max(0)) ** 2)",
                )
            ],
        ],
        [
            (
                "G201",
                "d_score = -y / (1 + np.exp(margin)) / len(tokens)",
                "d_score = -y / (1 + np.exp(margin))",
                "d_score = -y",
            ),
        ],
    )
    yield from written(
        "upsampling-decoder",
        """
import numpy as np


def up2(x):
    return x.repeat(2, axis=0).repeat(2, axis=1)


def down2(g):
    h, w = g.shape
    return g.reshape(h // 2, 2, w // 2, 2).sum(axis=(1, 3))


def same_conv(x, kernel):
    padded = np.pad(x, 1)
    out = np.zeros_like(x)
    for di in range(3):
        for dj in range(3):
            out += kernel[di, dj] * padded[di:di + x.shape[0], dj:dj + x.shape[1]]
    return out


def loss(code, k1, k2, target):
    h = np.maximum(same_conv(up2(code), k1), 0)
    image = same_conv(h, k2)
    return np.mean((image - target) ** 2)


def same_conv_grad(x, kernel, g):
    h, w = x.shape
    padded = np.pad(x, 1)
    gpadded = np.pad(g, 1)
    gk = np.zeros((3, 3))
    gx = np.zeros_like(x)
    for di in range(3):
        for dj in range(3):
            gk[di, dj] = np.sum(g * padded[di:di + h, dj:dj + w])
            gx += kernel[di, dj] * gpadded[2 - di:2 - di + h, 2 - dj:2 - dj + w]
    return gk, gx


def gradient(code, k1, k2, target):
    big = up2(code)
    pre = same_conv(big, k1)
    h = np.maximum(pre, 0)
    image = same_conv(h, k2)
    g = 2 * (image - target) / target.size
    gk2, gh = same_conv_grad(h, k2, g)
    gpre = gh * (pre > 0)
    gk1, gbig = same_conv_grad(big, k1, gpre)
    return {"code": down2(gbig), "k1": gk1, "k2": gk2}


def example():
    rng = np.random.default_rng(16)
    return {
        "code": rng.normal(size=(2, 3)),
        "k1": rng.normal(size=(3, 3)),
        "k2": rng.normal(size=(3, 3)) * 0.5,
        "target": rng.normal(size=(4, 6)),
    }
""",
        [
            (
                "G906",
                "gpadded[2 - di:2 - di + h, 2 - dj:2 - dj + w]",
                "gpadded[di:di + h, dj:dj + w]",
            ),
            ("G203", "(image - target) / target.size", "(image - target) / len(target)"),
            ("G203|G206|G907", ".sum(axis=(1, 3))", ".mean(axis=(1, 3))"),
            (
                "G907|G705|G000",
                "g.reshape(h // 2, 2, w // 2, 2).sum(axis=(1, 3))",
                "g.reshape(2, h // 2, 2, w // 2).sum(axis=(0, 2))",
            ),
            ("G703", "same_conv_grad(h, k2, g)", "same_conv_grad(pre, k2, g)"),
            ("G404", "gpre = gh * (pre > 0)", "gpre = gh * (big > 0)"),
        ],
        [
            [
                (
                    "return g.reshape(h // 2, 2, w // 2, 2).sum(axis=(1, 3))",
                    "return g[::2, ::2] + g[1::2, ::2] + g[::2, 1::2] + g[1::2, 1::2]",
                )
            ],
        ],
    )
    yield from written(
        "segmentation-dice",
        """
import numpy as np


def loss(features, weight, bias, mask, smooth, alpha):
    p = 1 / (1 + np.exp(-(np.tensordot(features, weight, axes=([1], [0])) + bias)))
    bce = -np.mean(mask * np.log(p) + (1 - mask) * np.log(1 - p))
    inter = np.sum(p * mask, axis=(1, 2))
    union = np.sum(p, axis=(1, 2)) + np.sum(mask, axis=(1, 2))
    dice = (2 * inter + smooth) / (union + smooth)
    return alpha * bce + (1 - alpha) * np.mean(1 - dice)


def gradient(features, weight, bias, mask, smooth, alpha):
    # features: (batch, channel, height, width), mask: (batch, height, width)
    p = 1 / (1 + np.exp(-(np.tensordot(features, weight, axes=([1], [0])) + bias)))
    inter = np.sum(p * mask, axis=(1, 2), keepdims=True)
    union = np.sum(p, axis=(1, 2), keepdims=True) + np.sum(mask, axis=(1, 2), keepdims=True)
    d_bce = (p - mask) / mask.size
    num, den = 2 * inter + smooth, union + smooth
    d_dice = (2 * mask * den - num) / den ** 2
    d_dice = d_dice / mask.shape[0]
    dz = alpha * d_bce - (1 - alpha) * d_dice * p * (1 - p)
    return {"weight": np.einsum("bchw,bhw->c", features, dz), "bias": np.sum(dz)}


def example():
    rng = np.random.default_rng(3)
    return {
        "features": rng.normal(size=(3, 2, 4, 5)),
        "weight": np.array([0.8, -1.1]),
        "bias": 0.2,
        "mask": (rng.random((3, 4, 5)) < 0.3).astype(float),
        "smooth": 1.0,
        "alpha": 0.4,
    }
""",
        [
            ("G204|G206", "(2 * mask * den - num) / den ** 2", "(mask * den - num) / den ** 2"),
            ("G203", "d_bce = (p - mask) / mask.size", "d_bce = (p - mask) / mask.shape[0]"),
            ("G401", "(1 - alpha) * d_dice * p * (1 - p)", "(1 - alpha) * d_dice"),
            ("G205", "dz = alpha * d_bce - (1 - alpha)", "dz = alpha * d_bce + (1 - alpha)"),
            (
                "G501",
                "d_bce = (p - mask) / mask.size",
                "d_bce = (p - mask) * p * (1 - p) / mask.size",
            ),
            ("G601|G203", '"bias": np.sum(dz)', '"bias": np.mean(dz)'),
        ],
        [
            [
                (
                    "d_dice = (2 * mask * den - num) / den ** 2",
                    "d_dice = 2 * mask / den - num / den**2",
                )
            ],
        ],
        [
            ("G201", "    d_dice = d_dice / mask.shape[0]\n", "", "d_dice = (2 * mask"),
        ],
    )
    yield from written(
        "maxout-with-dropout",
        """
import numpy as np


def loss(W, b, V, X, Y, mask, keep):
    pieces = np.einsum("nd,dhk->nhk", X, W) + b
    h = pieces.max(axis=2)
    h = h * mask / keep
    return 0.5 * np.mean(np.sum((h @ V - Y) ** 2, axis=1))


def gradient(W, b, V, X, Y, mask, keep):
    n = X.shape[0]
    pieces = np.einsum("nd,dhk->nhk", X, W) + b
    h = pieces.max(axis=2)
    h_drop = h * mask / keep
    err = (h_drop @ V - Y) / n
    gV = h_drop.T @ err
    gh = err @ V.T
    gh = gh * mask / keep
    winner = pieces == pieces.max(axis=2, keepdims=True)
    gpieces = winner * gh[:, :, None]
    gb = gpieces.sum(axis=0)
    gW = np.einsum("nd,nhk->dhk", X, gpieces)
    return {"W": gW, "b": gb, "V": gV}


def example():
    rng = np.random.default_rng(55)
    return {
        "W": 0.4 * rng.normal(size=(4, 5, 3)),
        "b": rng.normal(size=(5, 3)) * 0.2,
        "V": rng.normal(size=(5, 2)),
        "X": rng.normal(size=(7, 4)),
        "Y": rng.normal(size=(7, 2)),
        "mask": (rng.random((7, 5)) < 0.7).astype(float),
        "keep": 0.7,
    }
""",
        [
            ("G902", "    gh = gh * mask / keep", "    gh = gh * mask"),
            ("G901", "    gh = gh * mask / keep", "    gh = gh / keep"),
            ("G703|G901", "gV = h_drop.T @ err", "gV = h.T @ err"),
            (
                "G907|G404|G401",
                "winner = pieces == pieces.max(axis=2, keepdims=True)",
                "winner = pieces > 0",
            ),
            ("G601", "gb = gpieces.sum(axis=0)", "gb = gpieces.mean(axis=0)"),
            (
                "G105|G902",
                "    gh = gh * mask / keep",
                "    gh = gh * (np.random.rand(*mask.shape) < keep) / keep",
            ),
        ],
        [
            [
                (
                    "winner = pieces == pieces.max(axis=2, keepdims=True)",
                    "winner = pieces.argmax(2)[..., None] == np.arange(3)",
                )
            ],
        ],
    )
