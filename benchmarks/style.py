"""Style transfer: time and memory of an evaluation, what 16 bits cost, a picture in all.

The opponents: the tutorial form, which runs all of VGG19's convolutions in float32 with weights
that require gradients, and the same frozen and cut after the last layer in use. All have the same
weights of full width: those of the file VGG19_WEIGHTS as far as it goes, random ones after it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.harness import Comparison, Goal, compare, peak_megabytes, ratio_goal, time_goal
from chainrule.vision.style import Objective, Settings, Weights, stylize
from chainrule.vision.style.assignment import compute_content_loss, compute_style_loss, gram_matrix
from chainrule.vision.style.encoder import Encoder, load_encoder, random_encoder
from chainrule.vision.style.memory import freed_memory_kept
from chainrule.vision.style.optimizers import State, adam, lbfgs
from chainrule.vision.style.precision import chosen_encoder

SIDE, ROUNDS, FEW = 512, 3, 30
#: Sides, steps and starts of the comparisons under L-BFGS.
SMALL, MANY, STARTS = 96, 200, 4
STYLE = {f"relu{block}_1": float(block) for block in range(1, 6)}
WEIGHTS = Weights(STYLE, {"relu4_2": 1.0})
FULL_WIDTHS = (64, 128, 256, 512, 512)
#: The loss of a picture, its gradient computed too.
Evaluation = Callable[[torch.Tensor], float]


def full_encoder() -> Encoder:
    """VGG19 of full width."""
    encoder = random_encoder(0, FULL_WIDTHS)
    path = os.environ.get("VGG19_WEIGHTS")
    if path:
        known = load_encoder("vgg19", path).steps
        encoder = replace(encoder, steps=(*known, *encoder.steps[len(known) :]))
    return encoder


def run() -> list[Goal]:
    """All measurements of this file."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    return [*evaluation(), *memory(), *final_loss(), *whole_picture()]


def pictures(side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Scikit-learn's two photographs, square."""
    from sklearn.datasets import load_sample_image

    found = []
    for name in ("china.jpg", "flower.jpg"):
        picture = torch.from_numpy(load_sample_image(name).astype(np.float32) / 255)
        picture = picture.permute(2, 0, 1)[None, :, :427, :427]
        found.append(
            torch.nn.functional.interpolate(picture, (side, side), mode="bilinear").clamp(0, 1)
        )
    return found[0], found[1]


class Tutorial:
    """The common form: modules, automatic differentiation, everything in float32 NCHW.

    Parameters
    ----------
    encoder : Encoder
    content, style : tensor
    frozen : bool
        Without gradients of weights, and cut after the last layer in use.
    """

    def __init__(
        self, encoder: Encoder, content: torch.Tensor, style: torch.Tensor, frozen: bool
    ) -> None:
        self.encoder = encoder.upto(WEIGHTS.layers) if frozen else encoder
        self.modules: list[tuple[str, torch.nn.Module]] = []
        for step in self.encoder.steps:
            if step.weight is not None:
                width, channels = step.weight.shape[:2]
                module: torch.nn.Module = torch.nn.Conv2d(channels, width, 3, padding=1)
                module.load_state_dict({"weight": step.weight, "bias": step.bias})
            else:
                module = torch.nn.ReLU() if step.kind == "relu" else torch.nn.MaxPool2d(2)
            module.requires_grad_(not frozen)
            self.modules.append((step.name, module))
        with torch.no_grad():
            features = self.features(style)
            self.grams = {name: gram_matrix(features[name]) for name in STYLE}
            self.target = self.features(content)["relu4_2"]

    def features(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Of the layers in use, (height, width, channels)."""
        offset = self.encoder.offset.view(1, 3, 1, 1)
        x = torch.einsum("ck,nkhw->nchw", self.encoder.colour, image) + offset
        found = {}
        for name, module in self.modules:
            x = module(x)
            if name in STYLE or name == "relu4_2":
                found[name] = x[0].permute(1, 2, 0)
        return found

    def __call__(self, image: torch.Tensor) -> tuple[float, torch.Tensor]:
        """Loss and gradient, with the relative weights of `Objective`."""
        variable = image.clone().requires_grad_()
        features = self.features(variable)
        loss = compute_content_loss(features["relu4_2"], self.target) / (self.target**2).mean()
        for name, weight in STYLE.items():
            target = self.grams[name]
            style = compute_style_loss(gram_matrix(features[name]), target)
            loss = loss + weight * style / (target**2).mean()
        loss.backward()
        for _, module in self.modules:
            module.zero_grad(set_to_none=True)
        assert variable.grad is not None
        return loss.item(), variable.grad


def evaluation() -> list[Goal]:
    """One loss and gradient at 512 × 512, each form in a process of its own as a user has it."""
    with ExitStack() as stack:
        forms = {kind: stack.enter_context(alone(kind)) for kind in ("ours", "tutorial", "frozen")}
        losses = {kind: evaluate() for kind, evaluate in forms.items()}
        assert abs(losses["ours"] / losses["frozen"] - 1) < 0.01
        assert abs(losses["tutorial"] / losses["frozen"] - 1) < 1e-4
        found = compare(forms, rounds=ROUNDS)
    return [
        ratio_goal(found, "evaluation at 512²: the tutorial form takes longer by", "tutorial",
                   "ours", at_least=4.0),
        ratio_goal(found, "evaluation at 512²: frozen and truncated float32 takes longer by",
                   "frozen", "ours", at_least=1.5),
        time_goal(found, "evaluation at 512², seconds", "ours", 1.0),
    ]  # fmt: skip


@contextmanager
def alone(kind: str) -> Iterator[Callable[[], float]]:
    """A function that has a process of its own evaluate once, and gives the loss."""
    with subprocess.Popen(
        **started(f"serve({kind!r})"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        requests, answers = process.stdin, process.stdout

        def evaluate() -> float:
            requests.write("again\n")
            requests.flush()
            return float(answers.readline())

        yield evaluate
        requests.close()


def started(call: str) -> dict[str, Any]:
    """What `subprocess` needs to call a function of this file in a process of its own."""
    root = Path(__file__).parents[1]
    path = os.pathsep.join([str(root / "src"), str(root)])
    return {
        "args": [sys.executable, "-c", f"import benchmarks.style as style; style.{call}"],
        "env": {**os.environ, "PYTHONPATH": path},
        "cwd": root,
        "text": True,
    }


@contextmanager
def form(kind: str, content: torch.Tensor, style: torch.Tensor) -> Iterator[Evaluation]:
    """One of the forms of loss and gradient, its targets computed."""
    encoder = full_encoder()
    if kind != "ours":
        other = Tutorial(encoder, content, style, frozen=kind == "frozen")
        yield lambda image: other(image)[0]
        return
    encoder, _ = chosen_encoder(encoder.upto(WEIGHTS.layers), WEIGHTS, content, style)
    print(f"  the probe chose {encoder.precision}", file=sys.stderr)
    with freed_memory_kept():
        ours = Objective(encoder, WEIGHTS, content, [(style, 1.0)])
        yield lambda image: ours(image)[0].total


def serve(kind: str) -> None:
    """Evaluate once for every line read, and print the loss."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    content, style = pictures(SIDE)
    with form(kind, content, style) as evaluate:
        for _ in sys.stdin:
            print(evaluate(content.flip(3)), flush=True)


def peak(kind: str) -> float:
    """Megabytes of resident memory at most of a process that evaluates twice at 512 × 512."""
    done = subprocess.run(**started(f"evaluate_alone({kind!r})"), check=True, capture_output=True)
    return float(done.stdout.split()[-1])


def evaluate_alone(kind: str) -> None:
    """Evaluate twice and print the peak memory beyond that of the imports, in megabytes."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    content, style = pictures(SIDE)
    before = peak_megabytes()
    with form(kind, content, style) as evaluate:
        for _ in range(2):
            evaluate(content)
    print(peak_megabytes() - before)


def memory() -> list[Goal]:
    """Peak memory of one evaluation, in processes of their own."""
    measured = {kind: [peak(kind) for _ in range(2)] for kind in ("ours", "tutorial", "frozen")}
    found = Comparison(measured)
    statement = "peak memory at 512² beyond the imports, relative to the"
    return [
        ratio_goal(found, f"{statement} tutorial form", "ours", "tutorial", at_most=0.5),
        ratio_goal(found, f"{statement} frozen and truncated form", "ours", "frozen"),
    ]


def final_loss() -> list[Goal]:
    """Loss at the end in 16 bits, against float32: 30 steps of Adam, 200 of L-BFGS.

    L-BFGS ends elsewhere if the start changes by one part in ten thousand, so that its goal
    compares the means over a few starts, and says how far float32 is from itself.
    """
    content, style = pictures(192)
    encoder = full_encoder().upto(WEIGHTS.layers)
    last = {}
    exact = Objective(encoder.to(torch.float32), WEIGHTS, content, [(style, 1.0)])
    for dtype in (torch.float32, torch.bfloat16):
        objective = Objective(encoder.to(dtype, True), WEIGHTS, content, [(style, 1.0)])
        last[dtype] = exact(finished(adam(objective, content), FEW))[0].total  # scored in float32
    off = abs(last[torch.bfloat16] / last[torch.float32] - 1)
    statement = f"final Gatys loss after {FEW} steps, bfloat16 against float32: difference"
    goals = [Goal(statement, off, off, off, "<= 0.01", off <= 0.01)]
    for name, encoder, weights in real_encoders():
        goals += final_loss_of_lbfgs(name, encoder, weights)
    return goals


def finished(states: Iterator[State], steps: int) -> torch.Tensor:
    """The picture after that many evaluations."""
    for state in islice(states, steps):
        image = state.image
    return image


def real_encoders() -> Iterator[tuple[str, Encoder, Weights]]:
    """Encoders with trained weights, as far as they are there, and layers that they have."""
    path = os.environ.get("VGG19_WEIGHTS")
    if path:
        first = {f"relu{block}_1": float(block) for block in range(1, 4)}
        weights = Weights(first, {"relu3_2": 1.0})
        yield "VGG19 to relu3_2", load_encoder("vgg19", path, weights.layers), weights
    try:
        yield "vgg19-16x", load_encoder("vgg19-16x", download=False), WEIGHTS
    except ValueError:
        print("  the distilled encoder's weights are not there: set CHAINRULE_DATA")


def final_loss_of_lbfgs(name: str, encoder: Encoder, weights: Weights) -> list[Goal]:
    """Two pairs of pictures, STARTS starts each, in the precision that the probe chooses."""
    generator = torch.Generator().manual_seed(0)
    pair = pictures(SMALL)
    found: dict[str, list[float]] = {"float32": [], "chosen": []}
    for content, style in (pair, pair[::-1]):
        exact = Objective(encoder.to(torch.float32, True), weights, content, [(style, 1.0)])
        chosen, _ = chosen_encoder(encoder, weights, content, style)
        forms = {"float32": exact, "chosen": Objective(chosen, weights, content, [(style, 1.0)])}
        for _ in range(STARTS):
            noise = 1e-4 * torch.randn(content.shape, generator=generator)
            start = (content + noise).clamp(0, 1)
            for kind, objective in forms.items():
                found[kind].append(exact(finished(lbfgs(objective, start), MANY))[0].total)
    exactly, shortly = (np.reshape(found[kind], (2, STARTS)) for kind in ("float32", "chosen"))
    middle = exactly.mean(axis=1, keepdims=True)
    apart = (shortly / middle - 1).ravel()
    spread = (exactly / middle - 1).ravel()
    statement = f"final loss after {MANY} steps of L-BFGS, {name}"
    off = float(apart.mean())
    return [
        Goal(f"{statement}, {chosen.precision} against float32: mean difference", off,
             float(apart.min()), float(apart.max()), "<= 0.01", off <= 0.01),
        Goal(f"{statement}, float32 against itself from starts that differ by 1e-4",
             float(spread.std()), float(spread.min()), float(spread.max()), "", None),
    ]  # fmt: skip


def whole_picture() -> list[Goal]:
    """A 512-pixel picture with the distilled encoder and the default settings."""
    try:
        encoder = load_encoder("vgg19-16x", download=False)
    except ValueError:
        print("  the distilled encoder's weights are not there: set CHAINRULE_DATA")
        return []
    from sklearn.datasets import load_sample_image

    content, style = (
        load_sample_image(name).astype(np.float32) / 255 for name in ("china.jpg", "flower.jpg")
    )
    begin = time.perf_counter()
    stylize(content, style, Settings(size=SIDE), encoder=encoder)
    seconds = time.perf_counter() - begin
    statement = "512 × 342 pixels with the distilled encoder and the default settings, seconds"
    return [Goal(statement, seconds, seconds, seconds, "<= 30", seconds <= 30)]
