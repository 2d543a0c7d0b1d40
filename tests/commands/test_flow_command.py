"""`chainrule flow`: the verdict on a user's file, its exit status, and errors in one sentence."""

from __future__ import annotations

import json
import xml.etree.ElementTree

import pytest

from chainrule.cli import main

LOSS = """
import numpy as np
RNG = np.random.default_rng(0)

def loss(X, y, W1, b1, W2):
    h = np.maximum(X @ W1 + b1, 0)
    return np.mean((h @ W2 - y) ** 2)

def example():
    return {"X": RNG.normal(size=(40, 3)), "y": RNG.normal(size=(40, 2)),
            "W1": RNG.normal(size=(3, 6)), "b1": BIAS * np.ones(6), "W2": RNG.normal(size=(6, 2))}

def batches():
    for _ in range(3):
        yield {"X": RNG.normal(size=(40, 3)), "y": RNG.normal(size=(40, 2))}
"""

MODEL = """
import numpy as np
from chainrule import nn
model = nn.Sequential(*[x for _ in range(25) for x in (nn.Linear(6, 6), nn.sigmoid)],
                      nn.Linear(6, 2))
loss = nn.cross_entropy
def batches():
    r = np.random.default_rng(0)
    return [(r.normal(size=(40, 6)), r.integers(0, 2, 40)) for _ in range(2)]
"""


def write(tmp_path, text):
    path = tmp_path / "net.py"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(("bias", "status", "verdict"), [("0.0", 0, "healthy"), ("-99", 1, "dead")])
def test_a_loss_and_example_are_measured(tmp_path, capsys, bias, status, verdict):
    path = write(tmp_path, LOSS.replace("BIAS", bias))
    assert main(["flow", path, "--learning-rate", "0.01"]) == status
    out = capsys.readouterr().out
    assert out.startswith(f"gradient flow: {verdict} (3 batches, 120 samples)")
    assert "layer 1" in out
    assert "layer 2" in out


def test_a_network_is_measured_and_drawn(tmp_path, capsys):
    picture = tmp_path / "flow.svg"
    assert main(["flow", write(tmp_path, MODEL), "--json", "-o", str(picture)]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "vanishing"
    assert len(found["layers"]) == 26
    xml.etree.ElementTree.parse(picture)


def test_one_batch_is_not_enough(tmp_path, capsys):
    text = LOSS.replace("BIAS", "0.0").partition("def batches")[0]
    assert main(["flow", write(tmp_path, text)]) == 3
    assert "not enough data: 40 samples in 1 batch" in capsys.readouterr().out


def test_parameters_are_named_by_option_by_gradient_or_by_their_names(tmp_path, capsys):
    text = LOSS.replace("BIAS", "0.0")
    assert main(["flow", write(tmp_path, text), "--json", "--parameters", "W2"]) == 0
    assert [x["name"] for x in json.loads(capsys.readouterr().out)["layers"]] == ["layer 2"]
    text += "\ndef gradient(X, y, W1, b1, W2):\n    return {'W1': W1, 'b1': b1}\n"
    assert main(["flow", write(tmp_path, text), "--json"]) == 0
    assert [x["parameters"] for x in json.loads(capsys.readouterr().out)["layers"]] == [
        ["W1", "b1"]
    ]


def test_layers_inside_of_one_argument_are_told_apart(tmp_path, capsys):
    text = """
import numpy as np
def loss(params, X):
    h = X
    for W in params["W"]:
        h = np.tanh(h @ W)
    return np.mean(h ** 2)
def gradient(params, X):
    params["W"][0] *= 0
    return {"params": params}
def example():
    r = np.random.default_rng(0)
    return {"params": {"W": [r.normal(size=(5, 5)) for _ in range(3)]}, "X": r.normal(size=(64, 5))}
"""
    assert main(["flow", write(tmp_path, text), "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert [layer["name"] for layer in found["layers"]] == ["layer 0", "layer 1", "layer 2"]
    assert found["layers"][0]["weight_norm"] > 1  # the gradient may do what it will with its own


def test_a_module_of_pytorch_is_measured(tmp_path, capsys):
    pytest.importorskip("torch", reason="PyTorch modules need PyTorch")
    text = """
import numpy as np, torch
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
loss = torch.nn.CrossEntropyLoss()
batches = [(torch.randn(40, 4), torch.randint(0, 2, (40,))) for _ in range(2)]
"""
    assert main(["flow", write(tmp_path, text)]) == 0
    assert "healthy" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("x = 1", [], "has neither a model nor loss(); `chainrule flow --help`"),
        ("class A:\n def forward(self, x): ...\n", [], "loss(); add model = A() to it; `chainrule"),
        ("def loss(w): return w", [], "has neither a model nor example()"),
        (MODEL.partition("def batches")[0], [], "has a model and no batches()"),
        (MODEL, ["--parameters", "W1"], "--parameters names arguments of a loss"),
        (LOSS.replace("BIAS", "0.0"), ["--parameters", "W9"], "has no 'W9'; it has X, y, W1"),
        (LOSS.replace("BIAS", "0.0"), ["-o", "flow.png"], "flow.png must end in .svg"),
        (LOSS.replace("BIAS", "0.0"), ["-o", "/nowhere/flow.svg"], "cannot be written"),
        (LOSS.replace("BIAS", "1 / 0"), [], "raised ZeroDivisionError"),
        (MODEL + "batches = 3\n", [], "batches of {path} is of type int; it must be a list"),
        (LOSS.replace("BIAS", "0.0") + "batches = [3]\n", [], "gives a batch of type int; beside"),
        ("def loss(q): return q.sum()\ndef example(): return {'q': 1.0}", [], "--parameters"),
    ],
)
def test_what_is_wrong_is_one_sentence(tmp_path, capsys, text, options, message):
    assert main(["flow", write(tmp_path, text), *options]) == 2
    error = capsys.readouterr().err
    assert message.replace("{path}", str(tmp_path / "net.py")) in error
    assert error.count("\n") <= 2
    assert "Traceback" not in error
