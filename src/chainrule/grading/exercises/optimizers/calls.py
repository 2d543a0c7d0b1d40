"""How the parts of optimizers use a submission."""

import numpy as np


class _Model:
    """A right linear model, so that an optimizer is judged on its own."""

    def __init__(self, w, b):
        self.w, self.b = w.copy(), b.copy()

    def __call__(self, X):
        return X @ self.w.T + self.b


def predict(work, X, w, b):
    model = work["LinearModel"]()
    first = model(np.array([[1.0, 2.0]]))
    model.w, model.b = w, b
    return {"prediction of the first model": first, "prediction": model(X)}


def _gradient(grads):
    grad_w, grad_b = grads
    return {"grad_w": grad_w, "grad_b": grad_b}


def gradient_of(work, name, X, y, w, b):
    return _gradient(work[name]().calculate_gradient(X, y, _Model(w, b)))


def gradient_of_gd(work, X, y, w, b, **_):
    found = gradient_of(work, "GD", X, y, w, b)
    return {f"{name} of GD": value for name, value in found.items()}


def apply_all(work, name, options, w, b, grads, X=None, y=None):
    """The path of the parameters under gradients that are given; with data, the gradient too."""
    model, optimizer = _Model(w, b), work[name](**options)
    path, values = [], {}
    if X is not None:
        values = _gradient(optimizer.calculate_gradient(X, y, model))
    for grad_w, grad_b in grads:
        optimizer.apply_gradient((grad_w, grad_b), model)
        path.append(np.concatenate([np.ravel(model.w), np.ravel(model.b)]))
    return {**values, "the parameters after each step": np.array(path)}


def draw(work, X, y, w, b, count):
    """Gradients of many calls; each should be that of one example."""
    optimizer, model = work["SGD"](), _Model(w, b)
    found = [optimizer.calculate_gradient(X, y, model) for _ in range(count)]
    return {
        "grad_w": np.array([np.ravel(each[0]) for each in found]),
        "grad_b": np.array([np.ravel(each[1]) for each in found]),
    }
