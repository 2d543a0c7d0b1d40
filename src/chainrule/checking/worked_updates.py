"""The worked examples of update rules: right files, and for each code one edit that breaks them."""

from __future__ import annotations

_HEAD = """import numpy as np

import chainrule as cr


"""

MOMENTUM = (
    _HEAD
    + """def momentum(gradient, w0, learning_rates):
    w = np.array(w0)
    v = np.zeros_like(w)
    iterates = [w]
    for rate in learning_rates:
        g = gradient(w)
        v = 0.9 * v - rate * g
        w = w + v
        iterates.append(w)
    return iterates


report = cr.check_optimizer(momentum, "momentum", rho=0.9, rate_in_velocity=True)
print(report)
"""
)

NESTEROV = (
    _HEAD
    + """def nesterov(gradient, w0, learning_rates):
    w = np.array(w0)
    v = np.zeros_like(w)
    iterates = [w]
    for rate in learning_rates:
        g = gradient(w + 0.9 * v)
        v = 0.9 * v - rate * g
        w = w + v
        iterates.append(w)
    return iterates


report = cr.check_optimizer(nesterov, "nesterov", rho=0.9, rate_in_velocity=True)
print(report)
"""
)

ADAGRAD = (
    _HEAD
    + """def adagrad(gradient, w0, learning_rates):
    w = np.array(w0)
    G = np.full(w.shape, 0.1)
    iterates = [w]
    for rate in learning_rates:
        g = gradient(w)
        G = G + g**2
        w = w - rate * g / (np.sqrt(G) + 1e-7)
        iterates.append(w)
    return iterates


report = cr.check_optimizer(adagrad, "adagrad", epsilon=1e-7, initial=0.1)
print(report)
"""
)

RMSPROP = (
    _HEAD
    + """def rmsprop(gradient, w0, learning_rates):
    w = np.array(w0)
    s = np.zeros_like(w)
    iterates = [w]
    for rate in learning_rates:
        g = gradient(w)
        s = 0.9 * s + 0.1 * g**2
        w = w - rate * g / (np.sqrt(s) + 1e-8)
        iterates.append(w)
    return iterates


report = cr.check_optimizer(rmsprop, "rmsprop", decay=0.9)
print(report)
"""
)

ADAM = (
    _HEAD
    + """def adam(gradient, w0, learning_rates, beta1=0.9, beta2=0.999, epsilon=1e-8):
    w = np.array(w0)
    m, s = np.zeros_like(w), np.zeros_like(w)
    iterates = [w]
    for t, rate in enumerate(learning_rates, 1):
        g = gradient(w)
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * g**2
        m_hat = m / (1 - beta1**t)
        s_hat = s / (1 - beta2**t)
        w = w - rate * m_hat / (np.sqrt(s_hat) + epsilon)
        iterates.append(w)
    return iterates


report = cr.check_optimizer(adam, "adam")
print(report)
"""
)

ADAMW = (
    ADAM.replace("def adam(", "def adamw(")
    .replace("g = gradient(w)\n", "g = gradient(w)\n        w = w - rate * 0.01 * w\n")
    .replace('(adam, "adam")', '(adamw, "adamw", weight_decay=0.01)')
)

PARAMETERS = (
    _HEAD
    + """def descent(gradient, w0, learning_rates):
    w, b = np.array(w0[:-1]), np.array(w0[-1:])
    iterates = [np.concatenate([w, b])]
    for rate in learning_rates:
        g = gradient(np.concatenate([w, b]))
        w = w - rate * g[:-1]
        b = b - rate * g[-1:]
        iterates.append(np.concatenate([w, b]))
    return iterates


report = cr.check_optimizer(descent, "gradient descent")
print(report)
"""
)

# code -> (file, right, wrong)
UPDATE_EDITS: dict[str, tuple[str, str, str]] = {
    "U101": (MOMENTUM, "- rate * g", "+ rate * g"),
    "U102": (ADAM, "w - rate * m_hat", "w - m_hat"),
    "U103": (RMSPROP, "w - rate * g", "w - learning_rates[0] * g"),
    "U104": (ADAM.replace("beta1=0.9", "beta1=0.8").replace('"adam")', '"adam", beta1=0.8)'),
             "beta1=0.8, beta2", "beta1=0.9, beta2"),
    "U105": (PARAMETERS, "b = b - rate * g[-1:]", "b = b - 0 * g[-1:]"),
    "U201": (MOMENTUM, "v = 0.9 * v - rate * g\n        w = w + v",
             "v = 0.9 * v + g\n        w = w - rate * v"),
    "U202": (MOMENTUM, "g = gradient(w)", "g, v = gradient(w), 0"),
    "U203": (MOMENTUM, "- rate * g", "- 0.1 * rate * g"),
    "U204": (MOMENTUM, "v = 0.9 * v", "v = -0.9 * v"),
    "U205": (MOMENTUM, "v = 0.9 * v - rate * g\n        w = w + v",
             "w = w + v\n        v = 0.9 * v - rate * g"),
    "U206": (NESTEROV, "gradient(w + 0.9 * v)", "gradient(w)"),
    "U207": (NESTEROV, "iterates.append(w)", "iterates.append(w + 0.9 * v)"),
    "U301": (ADAM, "beta1=0.9, beta2=0.999", "beta2=0.9, beta1=0.999"),
    "U302": (ADAM, "beta1 * m + (1 - beta1) * g", "(1 - beta1) * m + beta1 * g"),
    "U303": (RMSPROP, "s = 0.9 * s + 0.1 * g**2\n        w = w - rate * g / (np.sqrt(s) + 1e-8)",
             "w = w - rate * g / (np.sqrt(s) + 1e-8)\n        s = 0.9 * s + 0.1 * g**2"),
    "U304": (ADAGRAD, "G = G + g**2", "G = g**2"),
    "U305": (ADAGRAD, "g**2", "np.sum(g**2)"),
    "U306": (ADAGRAD, "np.full(w.shape, 0.1)", "np.zeros(w.shape)"),
    "U307": (ADAGRAD, "np.sqrt(G)", "G"),
    "U401": (ADAM, "m_hat = m / (1 - beta1**t)", "m_hat = m"),
    "U402": (ADAM, "enumerate(learning_rates, 1)", "enumerate(learning_rates, 2)"),
    "U403": (ADAM, "(np.sqrt(s_hat) + epsilon)", "np.sqrt(s_hat + epsilon)"),
    "U404": (ADAM, "m_hat = m / (1 - beta1**t)\n        s_hat = s / (1 - beta2**t)",
             "m = m_hat = m / (1 - beta1**t)\n        s = s_hat = s / (1 - beta2**t)"),
    "U501": (ADAMW, "g = gradient(w)\n        w = w - rate * 0.01 * w",
             "g = gradient(w)\n        g = g + 0.01 * w"),
    "U502": (ADAMW, "w = w - rate * 0.01 * w", "w = w"),
    "U503": (ADAMW, "w - rate * 0.01 * w", "w - 0.01 * w"),
    "U601": (MOMENTUM, "g = gradient(w)", "g = gradient(w) + (g if len(iterates) > 1 else 0)"),
    "U602": (MOMENTUM, "w = w + v", "w += v"),
}  # fmt: skip
