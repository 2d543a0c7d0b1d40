"""Fresh files about images and signals: convolutions, pooling, smoothing."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case
from tests.checking.corpus.fresh_parts import written


def images() -> Iterator[Case]:
    yield from written(
        "naive-conv",
        """
import numpy as np


def conv_forward(x, w, b):
    # x (N, C, H, W), w (F, C, HH, WW), no padding, stride 1
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    out = np.zeros((N, F, H - HH + 1, W - WW + 1))
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            patch = x[:, :, i:i + HH, j:j + WW]
            out[:, :, i, j] = np.tensordot(patch, w, axes=([1, 2, 3], [1, 2, 3])) + b
    return out


def loss(x, w, b, target):
    out = np.maximum(conv_forward(x, w, b), 0)
    pooled = out.mean(axis=(2, 3))
    return 0.5 * np.sum((pooled - target) ** 2) / len(x)


def gradient(x, w, b, target):
    N = len(x)
    HH, WW = w.shape[2:]
    pre = conv_forward(x, w, b)
    out = np.maximum(pre, 0)
    oh, ow = out.shape[2:]
    dpooled = (out.mean(axis=(2, 3)) - target) / N
    dout = np.ones_like(out) * dpooled[:, :, None, None] / (oh * ow)
    dpre = dout * (pre > 0)

    db = dpre.sum(axis=(0, 2, 3))
    dw = np.zeros_like(w)
    dx = np.zeros_like(x)
    for i in range(oh):
        for j in range(ow):
            g = dpre[:, :, i, j]
            dw += np.tensordot(g, x[:, :, i:i + HH, j:j + WW], axes=(0, 0))
            dx[:, :, i:i + HH, j:j + WW] += np.tensordot(g, w, axes=(1, 0))
    return {"x": dx, "w": dw, "b": db}


def example():
    rng = np.random.default_rng(123)
    return {
        "x": rng.normal(size=(4, 2, 5, 6)),
        "w": rng.normal(size=(3, 2, 2, 3)),
        "b": rng.normal(size=3),
        "target": rng.normal(size=(4, 3)),
    }
""",
        [
            ("G907", "dpooled[:, :, None, None] / (oh * ow)", "dpooled[:, :, None, None]"),
            ("G801", "dx[:, :, i:i + HH, j:j + WW] += np", "dx[:, :, i:i + HH, j:j + WW] = np"),
            (
                "G601|G203",
                "db = dpre.sum(axis=(0, 2, 3))",
                "db = dpre.mean(axis=(2, 3)).sum(axis=0)",
            ),
            (
                "G906",
                "np.tensordot(g, w, axes=(1, 0))",
                "np.tensordot(g, w[:, :, ::-1, ::-1], axes=(1, 0))",
            ),
            ("G404", "dpre = dout * (pre > 0)", "dpre = dout * (dout > 0)"),
        ],
        [
            [("/ len(x)\n\n\ndef gradient", "/ x.shape[0]\n\n\ndef gradient")],
            [("db = dpre.sum(axis=(0, 2, 3))", 'db = np.einsum("nfij->f", dpre)')],
        ],
    )
    yield from written(
        "im2col-strided",
        """
import numpy as np

K, STRIDE, PAD = 3, 2, 1


def patches(img):
    p = np.pad(img, PAD)
    rows = range(0, p.shape[0] - K + 1, STRIDE)
    cols = range(0, p.shape[1] - K + 1, STRIDE)
    return np.array([p[r:r + K, c:c + K].ravel() for r in rows for c in cols]), rows, cols


def loss(imgs, kernels, bias, readout, labels):
    total = 0.0
    for img, label in zip(imgs, labels):
        cols, _, _ = patches(img)
        fmap = np.tanh(cols @ kernels + bias)
        logit = np.sum(fmap * readout)
        total += np.log(1 + np.exp(-label * logit))
    return total / len(imgs)


def gradient(imgs, kernels, bias, readout, labels):
    n = len(imgs)
    d_imgs = np.zeros_like(imgs)
    d_kernels = np.zeros_like(kernels)
    d_bias = np.zeros_like(bias)
    d_readout = np.zeros_like(readout)
    for idx in range(n):
        cols, rs, cs = patches(imgs[idx])
        fmap = np.tanh(cols @ kernels + bias)
        logit = np.sum(fmap * readout)
        d_logit = -labels[idx] / (1 + np.exp(labels[idx] * logit)) / n
        d_readout += d_logit * fmap
        d_pre = d_logit * readout * (1 - fmap ** 2)
        d_kernels += cols.T @ d_pre
        d_bias += d_pre.sum(axis=0)
        # col2im
        d_cols = d_pre @ kernels.T
        padded = np.zeros(np.array(imgs[idx].shape) + 2 * PAD)
        k = 0
        for r in rs:
            for c in cs:
                padded[r:r + K, c:c + K] += d_cols[k].reshape(K, K)
                k += 1
        d_imgs[idx] = padded[PAD:-PAD, PAD:-PAD]
    return {"imgs": d_imgs, "kernels": d_kernels, "bias": d_bias, "readout": d_readout}


def example():
    rng = np.random.default_rng(64)
    imgs = rng.normal(size=(5, 6, 7))
    out = 3 * 4
    return {
        "imgs": imgs,
        "kernels": rng.normal(size=(K * K, 2)) * 0.5,
        "bias": rng.normal(size=2),
        "readout": rng.normal(size=(out, 2)) * 0.5,
        "labels": np.array([1, -1, -1, 1, 1]),
    }
""",
        [
            ("G906|G705", "d_cols[k].reshape(K, K)", "d_cols[k].reshape(K, K).T"),
            ("G906", "padded[PAD:-PAD, PAD:-PAD]", "padded[:-2 * PAD, :-2 * PAD]"),
            ("G801", "padded[r:r + K, c:c + K] += d_cols", "padded[r:r + K, c:c + K] = d_cols"),
            ("G205", "d_logit = -labels[idx]", "d_logit = labels[idx]"),
            ("G802", "d_bias += d_pre.sum(axis=0)", "d_bias = d_pre.sum(axis=0)"),
        ],
        [
            [("* (1 - fmap ** 2)", "/ np.cosh(cols @ kernels + bias) ** 2")],
        ],
    )
    yield from written(
        "maxpool-flatten",
        """
import numpy as np


def max_pool(a):
    n, h, w = a.shape
    return a.reshape(n, h // 2, 2, w // 2, 2).max(axis=(2, 4))


def loss(images, W, b, y):
    flat = max_pool(images).reshape(len(images), -1)
    z = flat @ W + b
    z = z - z.max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(y)), y])


def gradient(images, W, b, y):
    n, h, w = images.shape
    pooled = max_pool(images)
    flat = pooled.reshape(n, -1)
    z = flat @ W + b
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    p[np.arange(n), y] -= 1
    dz = p / n
    dW = flat.T @ dz
    db = dz.sum(axis=0)
    dpooled = (dz @ W.T).reshape(pooled.shape)
    # route the gradient to the winner of each 2x2 window
    dimages = np.zeros_like(images)
    for s in range(n):
        for i in range(h // 2):
            for j in range(w // 2):
                window = images[s, 2 * i:2 * i + 2, 2 * j:2 * j + 2]
                r, c = np.unravel_index(window.argmax(), window.shape)
                dimages[s, 2 * i + r, 2 * j + c] = dpooled[s, i, j]
    return {"images": dimages, "W": dW, "b": db}


def example():
    rng = np.random.RandomState(0)
    return {
        "images": rng.randn(5, 4, 6),
        "W": rng.randn(6, 3),
        "b": rng.randn(3),
        "y": rng.randint(0, 3, 5),
    }
""",
        [
            (
                "G907",
                "np.unravel_index(window.argmax(), ",
                "np.unravel_index(np.abs(window).argmax(), ",
            ),
            ("G907|G705", "dimages[s, 2 * i + r, 2 * j + c]", "dimages[s, 2 * i + c, 2 * j + r]"),
            ("G601|G203", "db = dz.sum(axis=0)", "db = dz.mean(axis=0)"),
            (
                "G705",
                "(dz @ W.T).reshape(pooled.shape)",
                '(dz @ W.T).reshape(pooled.shape, order="F")',
            ),
        ],
        [
            [("dz = p / n", "dz = p / float(len(y))")],
        ],
        [
            (
                "G907",
                "                r, c = np.unravel_index(window.argmax(), window.shape)\n"
                "                dimages[s, 2 * i + r, 2 * j + c] = dpooled[s, i, j]\n",
                "                dimages[s, 2 * i:2 * i + 2, 2 * j:2 * j + 2] = "
                "dpooled[s, i, j] / 4\n",
                "= dpooled[s, i, j] / 4",
            ),
        ],
    )
    yield from written(
        "temporal-conv",
        """
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def loss(signal, kernel, gain, spikes):
    # rate model: softplus of a filtered stimulus, Poisson spike counts
    windows = sliding_window_view(signal, kernel.size)
    drive = gain * (windows @ kernel)
    rate = np.logaddexp(0, drive)
    return np.sum(rate - spikes * np.log(rate))


def gradient(signal, kernel, gain, spikes):
    windows = sliding_window_view(signal, kernel.size)
    filtered = windows @ kernel
    drive = gain * filtered
    rate = np.logaddexp(0, drive)
    d_rate = 1 - spikes / rate
    d_drive = d_rate / (1 + np.exp(-drive))
    d_gain = np.sum(d_drive * filtered)
    d_filtered = gain * d_drive
    d_kernel = windows.T @ d_filtered
    d_signal = np.convolve(d_filtered, kernel)
    return {"signal": d_signal, "kernel": d_kernel, "gain": d_gain}


def example():
    rng = np.random.default_rng(77)
    T, k = 12, 4
    return {
        "signal": rng.normal(size=T),
        "kernel": rng.normal(size=k),
        "gain": 1.3,
        "spikes": rng.poisson(1.5, size=T - k + 1).astype(float),
    }
""",
        [
            ("G906", "np.convolve(d_filtered, kernel)", "np.convolve(d_filtered, kernel[::-1])"),
            ("G401", "d_drive = d_rate / (1 + np.exp(-drive))", "d_drive = d_rate"),
            ("G205", "d_rate = 1 - spikes / rate", "d_rate = spikes / rate - 1"),
            ("G206", "d_filtered = gain * d_drive", "d_filtered = d_drive"),
            ("G402", "d_rate / (1 + np.exp(-drive))", "d_rate / (1 + np.exp(-rate))"),
        ],
        [
            [
                (
                    "d_kernel = windows.T @ d_filtered",
                    'd_kernel = np.correlate(signal, d_filtered, "valid")',
                )
            ],
        ],
    )
    yield from written(
        "smoothed-denoising",
        """
import numpy as np


def loss(u, f, lam, eps):
    # quadratic data term and smoothed total variation
    gx = np.diff(u, axis=1)
    gy = np.diff(u, axis=0)
    tv = np.sum(np.sqrt(gx ** 2 + eps)) + np.sum(np.sqrt(gy ** 2 + eps))
    return 0.5 * np.sum((u - f) ** 2) + lam * tv


def gradient(u, f, lam, eps):
    g = u - f
    gx = np.diff(u, axis=1)
    gy = np.diff(u, axis=0)
    px = lam * gx / np.sqrt(gx ** 2 + eps)
    py = lam * gy / np.sqrt(gy ** 2 + eps)
    g[:, 1:] += px
    g[:, :-1] -= px
    g[1:, :] += py
    g[:-1, :] -= py
    return {"u": g}


def example():
    rng = np.random.default_rng(9)
    f = np.outer(np.arange(5.0), np.ones(7)) + 0.5 * rng.normal(size=(5, 7))
    return {"u": f + rng.normal(size=f.shape), "f": f, "lam": 0.8, "eps": 0.01}
""",
        [
            ("G205|G801", "g[:, :-1] -= px", "g[:, :-1] += px"),
            ("G801", "g[1:, :] += py", "g[1:, :] = py"),
            ("G204", "px = lam * gx /", "px = 2 * lam * gx /"),
        ],
        [
            [
                (
                    "py = lam * gy / np.sqrt(gy ** 2 + eps)",
                    "py = lam * gy / np.hypot(gy, eps ** 0.5)",
                )
            ],
        ],
        [
            ("G801", "py\n    g[:-1, :] -= py\n", "py\n", "g[1:, :] += py"),
            ("G104", "    g = u - f\n", "    g = u\n    g -= f\n", "g -= f"),
        ],
    )
