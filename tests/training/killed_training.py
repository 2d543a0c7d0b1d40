"""A training run by test_checkpoints in a process of its own, to be killed at any moment."""

from __future__ import annotations

import sys

import numpy as np
from safetensors.numpy import save_file

from chainrule import nn, optim, training
from chainrule.engine.trees import flatten

EPOCHS = 40


def train(directory: str | None, epochs: int = EPOCHS) -> training.Result:
    """With dropout, running statistics, Adam and early stopping: everything that is kept."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((203, 4))
    labels = (x[:, 0] > x[:, 1]).astype(int)
    model = nn.Sequential(
        nn.Linear(4, 8), nn.BatchNorm(8), nn.relu, nn.Dropout(0.2), nn.Linear(8, 2)
    )
    return training.fit(
        model, None, (x, labels), loss=nn.cross_entropy, optimizer=optim.adam(0.01), epochs=epochs,
        batch_size=20, seed=5, validation=(x[:50], labels[:50]), checkpoint=directory,
        early_stopping=training.EarlyStopping(1000),
    )  # fmt: skip


def arrays_of(result: training.Result) -> dict[str, np.ndarray]:
    """Everything that must agree to the last bit."""
    found = {}
    for name, tree in (
        ("params", result.params), ("state", result.state),
        ("optimizer", result.optimizer_state._replace(steps=np.array(result.steps))),
        ("history", dict(result.history)),
    ):  # fmt: skip
        leaves, structure = flatten(tree)
        found.update(zip(structure.paths(name), map(np.asarray, leaves), strict=True))
    return found


if __name__ == "__main__":
    directory, output = sys.argv[1:]
    save_file(arrays_of(train(directory)), output)
