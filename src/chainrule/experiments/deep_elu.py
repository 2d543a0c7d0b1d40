"""Experiment `deep-elu`: feed-forward and backpropagation of a deep ELU network.

The passes and the mean field are in `deep_elu_network`, the figures in `deep_elu_figures`.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.experiments import deep_elu_figures as figures
from chainrule.experiments.deep_elu_network import (
    backward,
    elu_moments,
    forward,
    gradient_norms,
    initialize_weights,
    mean_field,
    moments,
)
from chainrule.experiments.experiment import Experiment, Parameter, Run
from chainrule.programs.step_page import step_page

SOURCE = "003 P2"
X = np.arange(1.0, 6.0)[:, None]
Y = np.array([[1.0], [0.0], [0.0]])
#: The hand-out's network for part (i), and for part (ii).
FIVE = (5, *[10] * 5, 3)
THIRTY = (5, *[10] * 30, 3)
#: δ_1 … δ_31 of part (ii), computed once with PyTorch in float64.
REFERENCE = (
    0.6476266412996095, 1.8791491405582323, 1.2176355400217274, 2.5143885475840344,
    3.7917768911588325, 2.7391949297473444, 1.3068913390163341, 1.2978235323320169,
    1.244250305685742, 1.5655521241402006, 1.2311840145380968, 1.0886566931316164,
    0.8243439257450038, 2.2249857049540176, 3.732086663593375, 3.478783455217329,
    3.401994001329246, 5.753018837758093, 7.183981487941994, 7.875310742676131,
    14.261457591138846, 13.186409500934957, 4.157022273595209, 3.7273216601017483,
    3.22799177981098, 4.813859621571913, 4.021047358414386, 5.368366037372704,
    4.421722791054591, 3.3574808576034765, 3.9494039768556064,
)  # fmt: skip


def as_dictionary(weights: list[np.ndarray]) -> dict[str, Any]:
    """The hand-out's dictionary: these matrices, and biases of zero."""
    parameters: dict[str, Any] = {f"W{layer}": W for layer, W in enumerate(weights, 1)}
    return parameters | {f"b{layer}": np.zeros((len(W), 1)) for layer, W in enumerate(weights, 1)}


def loss_as_written(parameters: dict[str, Any], x: Any, y: Any) -> Any:
    """ℓ(f(x), y) from the hand-out's dictionary of weights and biases, for the engine."""
    a = x
    layers = len(parameters) // 2
    for layer in range(1, layers + 1):
        z = parameters[f"W{layer}"] @ a + parameters[f"b{layer}"]
        a = nn.elu(z) if layer < layers else z
    top = np.max(a)
    return np.sum(y * (top + np.log(np.sum(np.exp(a - top))) - a))


def output(run: Run) -> None:
    """Part (i)."""
    run.section("(i) Feed-forward, L = 5")
    run.text(
        "z<sub>l</sub> = W<sub>l</sub>a<sub>l−1</sub> + b<sub>l</sub> with a<sub>0</sub> = x; "
        "a<sub>l</sub> = ELU(z<sub>l</sub>), which is z for z > 0 and eᶻ − 1 (as `expm1`) "
        "elsewhere; after the last layer softmax, with the largest logit subtracted first. L "
        "hidden layers make L + 1 matrices: `layer_dimensions = [5, 10, 10, 10, 10, 10, 3]`. The "
        "text also allows two other readings, given below: “applied to all layers” would put ELU "
        "before the softmax as well, and L could count the matrices."
    )
    weights = initialize_weights(FIVE)
    passed = forward(weights, X)
    logits = passed.z[-1]
    p = passed.probabilities.ravel()
    readings = [
        ["L hidden layers; softmax of the last z (used here)", *p],
        ["ELU before the softmax", *nn.softmax(nn.elu(logits.ravel()))],
        ["L matrices", *forward(initialize_weights((*FIVE[:5], 3)), X).probabilities.ravel()],
    ]
    run.table(
        "output",
        "The output for x = (1, 2, 3, 4, 5)",
        ["reading", "class 1", "class 2", "class 3"],
        readings,
    )
    run.value("output", p.tolist())
    run.steps("network", "Step through this network, forward and backward",
              step_page(loss_as_written, as_dictionary(weights), X, Y))  # fmt: skip
    first = (0.31414961391137586, -0.08744602215848599, 0.4096341989565872, 0.9632486581377107,
             -0.14809159718812812)  # fmt: skip
    run.claim(
        "i-weights",
        "The first row of W₁ that the hand-out's function draws with seed 42",
        measured=", ".join(f"{w:.6f}" for w in weights[0][0]),
        expected=", ".join(f"{w:.6f}" for w in first),
        holds=bool(np.max(np.abs(weights[0][0] - first)) < 1e-14),
        source=f"{SOURCE} (i)",
    )
    expected = (0.011585570351423371, 0.4053597314329454, 0.5830546982156313)
    entropy = float(passed.loss(Y))
    run.claim(
        "i-output",
        "The network's output, and the cross-entropy for y = (1, 0, 0)",
        measured=f"({p[0]:.12f}, {p[1]:.12f}, {p[2]:.12f}); {entropy:.12f}",
        expected="(0.011585570351, 0.405359731433, 0.583054698216); 4.457994890422",
        holds=bool(np.max(np.abs(p - expected)) < 1e-12)
        and abs(entropy - 4.4579948904215705) < 1e-11,
        source=f"{SOURCE} (i)",
    )
    others = ((0.06349367782397054, 0.38407164025064106, 0.5524346819253884),
              (0.18360802881974778, 0.40393061556344173, 0.4124613556168104))  # fmt: skip
    off = max(
        abs(a - b)
        for row, reference in zip(readings[1:], others, strict=True)
        for a, b in zip(row[1:], reference, strict=True)
    )
    run.claim(
        "i-readings",
        "The outputs of the two other readings: largest deviation from reference values",
        measured=off,
        expected="at most 1e-12",
        holds=off < 1e-12,
        source=f"{SOURCE} (i)",
    )


def by_hand(run: Run) -> None:
    """Part (ii): backpropagation, and whether it is right."""
    run.section("(ii) Backpropagation, L = 30")
    run.text(
        "For softmax with cross-entropy **∂ℓ/∂z<sub>L+1</sub> = p − y**. Below, **∂ℓ/∂z<sub>l</sub>"
        " = ELU′(z<sub>l</sub>) ⊙ W<sub>l+1</sub>ᵀ ∂ℓ/∂z<sub>l+1</sub>** with ELU′(z) = 1 for z > "
        "0 and eᶻ elsewhere; **∂ℓ/∂W<sub>l</sub> = ∂ℓ/∂z<sub>l</sub> a<sub>l−1</sub>ᵀ** and "
        "∂ℓ/∂b<sub>l</sub> = ∂ℓ/∂z<sub>l</sub>. For a single sample the gradient of a matrix is "
        "an outer product, so that every usual norm of it is the same number, δ<sub>l</sub> = "
        "‖∂ℓ/∂z<sub>l</sub>‖ ‖a<sub>l−1</sub>‖, and the hand-out need not say which it means."
    )

    def compare() -> dict[str, float]:
        import chainrule as cr

        weights = initialize_weights(THIRTY)
        passed = forward(weights, X)
        slopes = backward(weights, passed, Y)
        hand = {
            f"W{layer}": dz @ a.T
            for layer, (dz, a) in enumerate(zip(slopes, passed.a, strict=True), 1)
        }
        hand |= {f"b{layer}": dz for layer, dz in enumerate(slopes, 1)}
        parameters = as_dictionary(weights)
        engine = cr.grad(loss_as_written)(parameters, X, Y)
        return {
            "engine": max(
                float(np.linalg.norm(hand[name] - engine[name]) / np.linalg.norm(engine[name]))
                for name in parameters
            ),
            "norms": max(
                abs(
                    float(np.linalg.norm(hand[f"W{layer}"], 2) / np.linalg.norm(hand[f"W{layer}"]))
                    - 1
                )
                for layer in range(1, len(weights) + 1)
            ),
            "loss": float(passed.loss(Y)),
        }

    found = run.step("by hand", compare)
    run.claim(
        "ii-by-hand",
        "The gradient of each of the 31 matrices and biases by hand agrees with the engine's: "
        "largest relative error",
        measured=found["engine"],
        expected="at most 1e-12",
        holds=found["engine"] <= 1e-12,
        source=f"{SOURCE} (ii)",
    )
    run.claim(
        "ii-rank-one",
        "Spectral and Frobenius norm of each matrix's gradient are equal: largest relative "
        "difference",
        measured=found["norms"],
        expected="at most 1e-12",
        holds=found["norms"] <= 1e-12,
        source=f"{SOURCE} (ii)",
    )


def one_network(run: Run) -> None:
    """Part (ii): δ_l of the hand-out's network."""
    run.section("(ii) The gradient's norm by layer")
    weights = initialize_weights(THIRTY)
    passed = forward(weights, X)
    slopes = backward(weights, passed, Y)
    theory = mean_field(THIRTY, X, "ELU")
    norms = [gradient_norms(weights, X, y) for y in np.eye(3)[:, :, None]]
    delta = norms[0]
    predicted = theory.norms * (delta[-1] / theory.norms[-1])
    names = ["y = (1, 0, 0)", "y = (0, 1, 0)", "y = (0, 0, 1)"]
    run.figure(
        "norms",
        "The norm δ of each layer's gradient: hidden layers of ELU, weights of seed 42",
        figures.draw_one(
            {name: values.tolist() for name, values in zip(names, norms, strict=True)},
            predicted.tolist(),
        ),
        alternative="Three jagged curves without a trend to zero: for y = (1, 0, 0) between 0.65 "
        "and 14, highest at layer 21; the mean-field line rises and falls by a factor of 1.6.",
        table=(
            ["l", "‖∂ℓ/∂z_l‖", "‖a_{l−1}‖", "δ_l", "mean field", *names[1:]],
            [
                [layer, *row]
                for layer, row in enumerate(zip(
                    (np.linalg.norm(dz) for dz in slopes),
                    (np.linalg.norm(a) for a in passed.a),
                    delta, predicted, norms[1], norms[2], strict=True,
                ), 1)
            ],
        ),
    )  # fmt: skip
    run.value("delta", delta.tolist())
    off = float(np.max(np.abs(delta / np.array(REFERENCE) - 1)))
    run.claim(
        "ii-delta",
        "δ₁ … δ₃₁: largest relative deviation from values computed with PyTorch",
        measured=off,
        expected="at most 1e-11",
        holds=off <= 1e-11,
        source=f"{SOURCE} (ii)",
    )
    ratio = float(np.max(delta) / np.min(delta))
    peak = int(np.argmax(delta)) + 1
    run.claim(
        "ii-no-vanishing",
        "The gradient does not vanish towards the first layer: largest over smallest δ, the layer "
        "of the largest, δ₁ relative to δ₃₁",
        measured=f"{ratio:.1f}, {peak}, {delta[0] / delta[-1]:.3f}",
        expected="below 25, in the middle, above 0.1",
        holds=ratio < 25 and 5 < peak < 27 and delta[0] / delta[-1] > 0.1,
        source=f"{SOURCE} (ii)",
    )
    others = [float(values[0]) for values in norms[1:]]
    run.claim(
        "ii-classes",
        "δ₁ for the other two labels, at the same weights",
        measured=", ".join(f"{value:.4f}" for value in others),
        expected="0.0646, 0.0574",
        holds=abs(others[0] - 0.0646) < 5e-5 and abs(others[1] - 0.0574) < 5e-5,
        source=f"{SOURCE} (ii)",
    )
    matrices = float(gradient_norms(initialize_weights((*THIRTY[:30], 3)), X, Y)[0])
    run.claim(
        "ii-reading",
        "If L = 30 is to count the matrices, δ₁ is",
        measured=matrices,
        expected="0.033605013757",
        holds=abs(matrices - 0.033605013756658204) < 1e-12,
        source=f"{SOURCE} (ii)",
    )


def explanation(run: Run) -> None:
    """Part (ii): why, by mean-field theory and against sigmoid."""
    run.section("(ii) Why the norms stay")
    run.text(
        "The answer that is usually expected, “the gradient vanishes in a deep network”, is not "
        "what is measured. Each step back multiplies ∂ℓ/∂z by W<sub>l+1</sub>ᵀ and by ELU′. In a "
        "wide layer with weights of variance 2/n that multiplies ‖∂ℓ/∂z‖² by **2 E[ELU′(z)²]** on "
        "average, and the variance q of the pre-activations goes to **2 E[ELU(z)²]**, z ~ N(0, q):"
        "\n\n- E[ELU′(z)²] = ½ + e<sup>2q</sup>Φ(−2√q). ELU′ is 1 on the positive side, so the "
        "factor is above 2 · ½ = 1, whatever q is. He's 2 is made for ReLU, whose derivative "
        "contributes exactly ½; with ELU the gradient grows slightly.\n"
        "- E[ELU(z)²] = q/2 + e<sup>2q</sup>Φ(−2√q) − 2e<sup>q/2</sup>Φ(−√q) + ½.\n"
        "- For sigmoid σ′ ≤ ¼ and the factor is at most 2/16: over 30 layers ‖∂ℓ/∂z‖ falls below "
        "8<sup>−15</sup> = 3·10<sup>−14</sup> of what it was. There it vanishes.\n\n"
        "The rest of what the curve of one network shows, the peak at layer 21 included, is chance "
        "of only ten units: among many networks of width 100 the median follows the prediction, "
        "among those of width 10 the quartiles spread widely around it."
    )
    closed, summed = elu_moments(1.0), moments(1.0, "ELU")
    off = max(abs(a - b) for a, b in zip(closed, summed, strict=True))
    run.claim(
        "ii-moments",
        "E[ELU(z)²] and E[ELU′(z)²] for z ~ N(0, 1) in closed form; deviation from quadrature",
        measured=f"{closed[0]:.12f}, {closed[1]:.12f}; {off:.1g}",
        expected="0.644945417493, 0.668102001223; at most 1e-8",
        holds=abs(closed[0] - 0.6449454174929237) < 1e-14
        and abs(closed[1] - 0.6681020012231705) < 1e-14
        and off < 1e-8,
        source=f"{SOURCE} (ii)",
    )
    gain = float(np.prod(mean_field(THIRTY, X, "ELU").gains))
    run.claim(
        "ii-gain",
        "The 30 factors 2 E[ELU′²], from q₁ = 22 on, multiplied: growth of ‖∂ℓ/∂z‖²",
        measured=gain,
        expected="7.53 to 7.54, so 2.7 for the norm itself",
        holds=7.53 < gain < 7.54,
        source=f"{SOURCE} (ii)",
    )
    widths = run.parameters["widths"]
    panels: dict[str, dict[str, Any]] = {"ELU": {}, "sigmoid": {}}
    rows = []
    for activation, panel in panels.items():
        for width in widths:
            curve = run.step(
                f"{activation} of width {width}",
                functools.partial(many, width, run.parameters["seeds"], activation),
                f"{run.parameters['seeds']} networks, {activation}, width {width}",
            )
            panel[str(width)] = curve
            first = [curve[key][0] for key in ("lower", "median", "upper", "predicted")]
            rows.append([activation, width, *first, curve["median"][-1], curve["worst"]])
    run.figure(
        "seeds",
        f"The norm δ of each layer's gradient in {run.parameters['seeds']} networks: median, "
        "quartiles and prediction",
        figures.draw_many(panels),
        alternative="With ELU the medians stay level over 31 layers, those of the widest networks "
        "on the prediction; with sigmoid they fall in a straight line on the logarithmic axis, by "
        "15 orders of magnitude.",
        table=(
            ["activation", "width", "δ₁: lower quartile", "median", "upper quartile",
             "predicted", "δ₃₁: median", "furthest median from prediction (factor)"],
            rows,
        ),
        note="The prediction starts from the median at the last layer; one line for each width.",
    )  # fmt: skip
    wide = panels["ELU"][str(max(widths))]
    run.claim(
        "ii-mean-field",
        f"In networks of width {max(widths)} the median δ of every layer agrees with the "
        "prediction: largest factor between the two",
        measured=wide["worst"],
        expected="at most 1.25",
        holds=wide["worst"] <= 1.25
        if max(widths) >= 100 and run.parameters["seeds"] >= 40
        else None,
        source=f"{SOURCE} (ii); Schoenholz et al. 2017",
    )
    narrow = {name: panel[str(min(widths))]["median"] for name, panel in panels.items()}
    ratios = {name: curve[0] / curve[-1] for name, curve in narrow.items()}
    run.claim(
        "ii-sigmoid",
        f"Median δ₁/δ₃₁ at width {min(widths)}, the same draws of the weights: ELU, and sigmoid, "
        "which does vanish",
        measured=f"{ratios['ELU']:.2f}, {ratios['sigmoid']:.1e}",
        expected="above 0.1, below 1e-13",
        holds=ratios["ELU"] > 0.1 and ratios["sigmoid"] < 1e-13,
        source=f"{SOURCE} (ii)",
    )


def many(width: int, seeds: int, activation: str) -> dict[str, Any]:
    """Median and quartiles of δ_l over seeds, and the prediction."""
    dimensions = (5, *[width] * 30, 3)
    # A part at a time: all the weights of many wide networks would be hundreds of megabytes.
    parts = [
        gradient_norms(
            initialize_weights(dimensions, range(start, min(start + 10, seeds))), X, Y, activation
        )
        for start in range(0, seeds, 10)
    ]
    norms = np.concatenate(parts, axis=1)
    lower, median, upper = np.percentile(norms, (25, 50, 75), axis=1)
    theory = mean_field(dimensions, X, activation).norms
    predicted = theory * (median[-1] / theory[-1])
    return {
        "lower": lower,
        "median": median,
        "upper": upper,
        "predicted": predicted,
        "worst": math.exp(float(np.max(np.abs(np.log(median / predicted))))),
    }


def run_experiment(run: Run) -> None:
    """Parts (i) and (ii)."""
    output(run)
    by_hand(run)
    one_network(run)
    explanation(run)


EXPERIMENT = Experiment(
    name="deep-elu",
    title="Feed-forward and backpropagation of a deep ELU network",
    document="003",
    question="P2 (i), (ii)",
    summary=(
        "The output of a network with five hidden layers, exactly; backpropagation through thirty "
        "by hand, and the norm of every layer's gradient: it does not vanish. Why not is "
        "calculated, and shown on many networks beside sigmoid ones, where it does."
    ),
    parameters=(
        Parameter("seeds", 100, "networks of each width", minimum=10),
        Parameter("widths", (10, 30, 100), "hidden widths of these", minimum=2),
    ),
    presets={"quick": {"seeds": 40, "widths": (10, 100)}, "full": {}},
    data={"embedded": "x = (1, 2, 3, 4, 5), y = (1, 0, 0); weights of the hand-out's seed 42"},
    run=run_experiment,
)
