"""How the parts of digits-3-vs-9 use a submission."""

import numpy as np


class _Given:
    """Stands for `DenseLayer`, which a hand-out gives; so parts do not depend on its copy."""

    def __init__(self, W, b, activation):
        self.W, self.b, self.activation = W, b, activation

    def getNumNodes(self):
        return len(self.W)

    def a(self, z):
        return self.activation.fx(z)

    def z(self, a):
        return self.W.dot(a) + self.b

    def dx(self, z):
        return self.activation.dx(z)

    def updateWeights(self, dW):
        self.W = self.W + dW

    def updateBias(self, db):
        self.b = self.b + db


def _model(work, layers):
    model = work["Model"](layers[0]["W"].shape[1])
    for layer in layers:
        activation = work[layer["activation"]]
        model.addLayer(_Given(layer["W"].copy(), layer["b"].copy(), activation))
    model.initialize(work["QuadraticCost"], False)
    return model


def compute_grad(work, layers, x, y):
    grad, a = _model(work, layers).compute_grad(x, y)
    if len(grad) != len(layers):
        raise ValueError(f"compute_grad gave {len(grad)} derivatives for {len(layers)} layers")
    # Counted from the output, where networks of every depth begin to go back.
    values = {f"grad[{i - len(layers)}]": each for i, each in enumerate(grad)}
    return {**values, **{f"a[{i}]": each for i, each in enumerate(a)}}


def update(work, layers, g, a, eta):
    placed = [_Given(each["W"].copy(), each["b"].copy(), None) for each in layers]
    optimizer = work["GDOptimizer"](eta)
    optimizer.initialize(placed)
    optimizer.update(placed, g, a)
    values = {}
    for i, (layer, before) in enumerate(zip(placed, layers, strict=True)):
        values[f"step of W{i + 1}"] = layer.W - before["W"]
        values[f"step of b{i + 1}"] = layer.b - before["b"]
    return values


class _Watched:
    """An optimizer that notes which examples it was given, and takes right steps."""

    def __init__(self, eta):
        self.eta, self.sizes, self.seen = eta, [], []

    def initialize(self, layers):
        pass

    def update(self, layers, g, a):
        m = a[0].shape[1]
        self.sizes.append(m)
        self.seen += list(a[0][0])
        for layer, gi, ai in zip(layers, g, a, strict=True):
            layer.updateWeights(-self.eta / m * gi.dot(ai.T))
            layer.updateBias(-self.eta / m * gi.sum(axis=1, keepdims=True))


def train_batch(work, layers, x, y, batchSize, numEpochs):
    def model_with_any_gradient():
        # What is trained does not matter here, so compute_grad of part d need not be right.
        model = _model(work, layers)
        model.compute_grad = lambda x, y: (
            [0.1 * z for z in model.evaluate(x)[2]], model.evaluate(x)[1]
        )  # fmt: skip
        return model

    model = model_with_any_gradient()
    optimizer = _Watched(0.05)
    hist = model.trainBatch(x, y, batchSize, numEpochs, optimizer)
    # The costs after each epoch, once more from the recorded order of examples.
    replayed = model_with_any_gradient()
    again, row = [], {value: i for i, value in enumerate(x[:, 0])}
    steps, start = _Watched(0.05), 0
    per_epoch = -(-len(x) // batchSize)
    for number, size in enumerate(optimizer.sizes, 1):
        batch = [row[value] for value in optimizer.seen[start : start + size]]
        start += size
        g, a = replayed.compute_grad(x[batch], y[batch])
        steps.update(replayed.layers, g, a)
        if number % per_epoch == 0:
            cost = work["QuadraticCost"].fx(y, replayed.predict(x))
            again.append(float(np.mean(cost)))
    epochs = [optimizer.seen[i : i + len(x)] for i in range(0, len(optimizer.seen), len(x))]
    history = np.asarray(hist, dtype=float).ravel()
    orders = {tuple(epoch) for epoch in epochs}
    return {
        "batch sizes": np.array(optimizer.sizes),
        "every example once in each epoch": all(
            sorted(epoch) == sorted(x[:, 0]) for epoch in epochs
        ),
        "a new order in each epoch": len(orders) == len(epochs),
        "the returned costs are those after each epoch": bool(
            history.size == len(again) and np.allclose(history, again, rtol=1e-9)
        ),
    }
