"""Programs for PyTorch: the same numbers on tensors, without automatic differentiation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.programs.functions import CASES, WEIGHTS, Case

import chainrule as cr
from chainrule.engine.trees import flatten, tree_map
from chainrule.programs.source import source

torch = pytest.importorskip("torch", reason="the extra chainrule[vision] is not installed")

pytestmark = pytest.mark.filterwarnings("ignore::chainrule.UnusedInputWarning")

WITHOUT_COUNTERPART = {
    "increment": "last_assigned", "indexing": "getitem", "gather": "roll", "joined": "getitem",
    "singular_values": "linalg.svd", "distances": "linalg.norm", "convolution": "convolve",
    "power_laws": "cbrt", "sorting": "sort",
}  # fmt: skip


def _tensors(tree: Any) -> Any:
    def tensor(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray | np.generic):
            return torch.tensor(leaf)
        return torch.tensor(leaf, dtype=torch.float64) if isinstance(leaf, float) else leaf

    return tree_map(tensor, tree)


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_programs_give_the_numbers_of_numpy(case: Case) -> None:
    name = case.f.__name__
    if name in WITHOUT_COUNTERPART:
        primitive = WITHOUT_COUNTERPART[name]
        with pytest.raises(cr.UnsupportedFunction, match=rf"np\.{primitive} has no counterpart"):
            source(case.f, *case.args, **case.kwargs, backend="torch")
        return
    program = source(case.f, *case.args, **case.kwargs, backend="torch")
    assert ("import torch\n" in program) == ("torch." in program)
    assert "np." not in "\n".join(x for x in program.splitlines() if not x.lstrip().startswith("#"))
    with torch.inference_mode():
        found = program.function(*_tensors(case.args), **_tensors(case.kwargs))
    wanted = cr.value_and_grad(case.f, argnums=None)(*case.args, **case.kwargs)
    assert list(found[1]) == list(wanted[1])
    for a, b in zip(flatten(found)[0], flatten(wanted)[0], strict=True):
        single = np.asarray(b).dtype == np.float32
        np.testing.assert_allclose(np.asarray(a), b, rtol=1e-4 if single else 1e-9, atol=1e-7)
        assert np.asarray(a).dtype == np.asarray(b).dtype


def test_gradient_is_that_of_torchs_own_differentiation() -> None:
    case = next(case for case in CASES if case.f.__name__ == "two_layer")
    program = source(case.f, *case.args, backend="torch")
    tensors = [torch.tensor(x, requires_grad=True) for x in case.args]
    x, y, W1, b1, W2, b2 = tensors
    p = W2 @ torch.relu(W1 @ x + b1) + b2
    ((p - y) @ (p - y)).backward()
    with torch.no_grad():
        _, gradient = program.function(*tensors)
    for tensor, found in zip(tensors, gradient.values(), strict=True):
        np.testing.assert_allclose(found.numpy(), tensor.grad.numpy(), rtol=1e-12)


def test_a_layer_reads_like_torch() -> None:
    def loss(x: Any, W: Any) -> Any:
        h = np.maximum(x @ W, 0)
        return np.mean(np.sum(h, axis=1, keepdims=True))

    program = source(loss, np.ones((4, 3)), np.ones((3, 2)), argnums=1, backend="torch")
    assert "    h = torch.clamp(x @ W, min=0)\n" in program
    assert "torch.sum(h, dim=1, keepdim=True)" in program


def test_constants_become_tensors() -> None:
    case = next(case for case in CASES if case.f.__name__ == "constants")
    program = source(case.f, *case.args, backend="torch")
    assert torch.equal(program.constants["WEIGHTS"], torch.tensor(WEIGHTS))
    assert "SIGNS = torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)\n" in program
