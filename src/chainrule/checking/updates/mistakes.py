"""The mistakes in update rules that have a name: momentum, AdaGrad, RMSProp, Adam, weight decay.

Notation: w parameters, g gradient, η learning rate, v velocity, m and s averages of g and g², G
their sum, t the number of the step from 1.
"""

from __future__ import annotations

from chainrule.checking.mistake_kind import Mistake

_REPLAYED = "Repeating the reference's steps with this one change gives every iterate to 1e-9"

UPDATE_MISTAKES = (
    Mistake(
        "U101", "uphill",
        "The step has the wrong sign: w + η g.",
        f"{_REPLAYED}.",
        "It rarely does: the loss grows from the first step on, which is blamed on η.",
        "Subtract: w = w - learning_rate * g. A velocity that already holds -η g is added.",
    ),
    Mistake(
        "U102", "learning rate missing or twice",
        "The step is g or η² g where η g is due.",
        f"{_REPLAYED}, under learning rates that differ from step to step.",
        "It acts like another learning rate, which is tuned anyway.",
        "Multiply by η in one place: within the velocity or at the step.",
    ),
    Mistake(
        "U103", "learning rate of another step",
        "Every step uses the first learning rate: the schedule is not followed.",
        f"{_REPLAYED}; with a constant learning rate it cannot be seen.",
        "The loss goes down; it only settles later, or not at all.",
        "Use the rate of the step: for rate in learning_rates.",
    ),
    Mistake(
        "U104", "setting without effect",
        "A constant stands in the code where an argument should: 0.9 for beta1, 0.001 for lr.",
        f"{_REPLAYED}, with the default in the place of what was asked for.",
        "With the default settings everything is right.",
        "Keep the argument, self.beta1 = beta1, and use it.",
    ),
    Mistake(
        "U105", "parameter not updated",
        "One of the parameters, often the bias, stays what it was.",
        f"{_REPLAYED}.",
        "The other parameters make up for it.",
        "Update every parameter in every step; a loop over them forgets none.",
    ),
    Mistake(
        "U201", "learning rate in another place of the velocity",
        "v ← ρ v + g, w ← w - η v for v ← ρ v - η g, w ← w + v, or the reverse: two conventions, "
        "each right where it is asked for.",
        f"{_REPLAYED}; the two differ only when η changes.",
        "With a constant η the iterates are the same.",
        "Write the formula that is asked for. PyTorch and optax keep η outside of the velocity, "
        "Keras and Sutskever et al. (2013) inside.",
    ),
    Mistake(
        "U202", "average forgotten",
        "The velocity, or Adam's average of g, starts at zero in every step.",
        f"{_REPLAYED}: only this step's gradient counts.",
        "It is plain gradient descent, which works, only more slowly.",
        "Keep v between the steps: outside of the loop, or in self.",
    ),
    Mistake(
        "U203", "velocity damped",
        "v ← ρ v + (1 - ρ) g: an average where a sum is asked for.",
        f"{_REPLAYED}.",
        "It acts like a learning rate smaller by 1 - ρ.",
        "Give the new gradient the weight 1: v = rho * v - learning_rate * g.",
    ),
    Mistake(
        "U204", "sign of the momentum",
        "v ← -ρ v - η g: the old velocity works against the new.",
        f"{_REPLAYED}.",
        "The gradient's own part is right, so the loss goes down.",
        "Add ρ v; only the gradient is subtracted.",
    ),
    Mistake(
        "U205", "step before velocity",
        "w moves by the velocity of the step before, and v is updated after it.",
        f"{_REPLAYED}; the first step moves nothing.",
        "It is late by one step, which a curve of the loss does not show.",
        "Update v first, then w = w + v.",
    ),
    Mistake(
        "U206", "look-ahead",
        "The gradient is taken at another point than the method says: at w for w + ρ v, at w + v, "
        "or ahead where plain momentum is asked for.",
        f"{_REPLAYED}.",
        "All of these are momentum of some kind, and go down.",
        "Nesterov's gradient is the one at w + ρ v (with v ← ρ v - η g); momentum's the one at w.",
    ),
    Mistake(
        "U207", "iterates of the other Nesterov form",
        "The same run seen at other points: PyTorch and Keras report the look-ahead points "
        "θ = w + ρ v, the textbook reports w.",
        f"{_REPLAYED}.",
        "It is the same method: only the iterates that are reported differ.",
        "Report w, and take the gradient at w + ρ v, where the textbook's form is asked for.",
    ),
    Mistake(
        "U301", "β₁ and β₂ swapped",
        "The average of g has the coefficient of that of g², and the reverse.",
        f"{_REPLAYED}.",
        "Both are near 1.",
        "β₁ (0.9) belongs to m, the average of g; β₂ (0.999) to s, the average of g².",
    ),
    Mistake(
        "U302", "weights of an average",
        "(1 - β) m + β g for β m + (1 - β) g, or the 1 - β is missing.",
        f"{_REPLAYED}.",
        "The average points the same way at first, and its scale is lost in the learning rate.",
        "m = beta * m + (1 - beta) * g.",
    ),
    Mistake(
        "U303", "accumulator used before its update",
        "The step is divided by the root of what was there before this gradient.",
        f"{_REPLAYED}; from 0 the first step is gigantic.",
        "After a few steps old and new accumulator are nearly the same.",
        "Update the accumulator first, then divide by its root.",
    ),
    Mistake(
        "U304", "accumulator overwritten",
        "G = g² for G += g²: the gradients of earlier steps are forgotten.",
        f"{_REPLAYED}: every step is η times the sign of g.",
        "Steps of constant length go down, too.",
        "Add to the accumulator, and keep it between the steps.",
    ),
    Mistake(
        "U305", "one accumulator for all coordinates",
        "The squares are summed or averaged over the parameter: np.sum(g**2) for g**2.",
        f"{_REPLAYED}.",
        "It is gradient descent with a step that shrinks, which goes down.",
        "Keep an array of the parameter's shape; squares and roots are elementwise.",
    ),
    Mistake(
        "U306", "first value of an accumulator",
        "The accumulator starts at 0 where another first value is asked for.",
        f"{_REPLAYED}.",
        "The start is forgotten after some steps, unless gradients are small.",
        "Start where it is asked: Keras' and optax's AdaGrad at 0.1, PyTorch's at 0.",
    ),
    Mistake(
        "U307", "root or square missing",
        "The step is divided by G for √G, or g is accumulated for g².",
        f"{_REPLAYED}.",
        "Where gradients are near 1, root and square change little.",
        "Accumulate g**2, divide by np.sqrt of it.",
    ),
    Mistake(
        "U401", "bias correction missing",
        "m or s is used as it is, though it started at 0 and is too small at first.",
        f"{_REPLAYED}.",
        "The correction goes to 1 within some 1/(1 - β) steps.",
        "m_hat = m / (1 - beta1**t) and s_hat = s / (1 - beta2**t), t = 1 in the first step.",
    ),
    Mistake(
        "U402", "count of steps",
        "t is too large, stays what it was, counts parameters, or is 0 in the first step, where "
        "the correction then divides by 0.",
        f"{_REPLAYED}; for t = 0 every number is NaN from the first step on.",
        "After some dozen steps one more or less makes no difference.",
        "t += 1 once in every step, before the correction uses it.",
    ),
    Mistake(
        "U403", "ε in another place",
        "√(s + ε) for √s + ε, or the reverse, or Adam's ε before the correction, or none: "
        "conventions, each right where it is asked for.",
        f"{_REPLAYED}, with gradients or an ε that make it visible.",
        "ε is tiny: the step differs only where gradients are near 0, there by much.",
        "Write the formula that is asked for; `docs/optimizers.md` has whose library does what.",
    ),
    Mistake(
        "U404", "corrected averages kept",
        "m and s are replaced by m̂ and ŝ, and corrected again in the next step.",
        f"{_REPLAYED}; the first step is right.",
        "The first step is right, and later the correction goes to 1.",
        "Give the corrected values names of their own.",
    ),
    Mistake(
        "U501", "weight decay: coupled or decoupled",
        "λ w is added to the gradient where w ← (1 - η λ) w is asked for beside the step, or the "
        "reverse.",
        f"{_REPLAYED}; for plain gradient descent the two are the same.",
        "Both shrink the weights.",
        "AdamW shrinks w beside the step; an L2 penalty is part of g, and Adam rescales it.",
    ),
    Mistake(
        "U502", "weight decay missing",
        "The step has no term in λ w.",
        f"{_REPLAYED}.",
        "λ is small.",
        "Decoupled: w = w - learning_rate * weight_decay * w, beside the step.",
    ),
    Mistake(
        "U503", "weight decay scaled or signed wrongly",
        "λ w without η, or added to w.",
        f"{_REPLAYED}.",
        "λ is small.",
        "Subtract η λ w; in the paper of AdamW only the schedule's factor stands there.",
    ),
    Mistake(
        "U601", "gradients not set to zero",
        "Every step uses the sum of all gradients so far.",
        f"{_REPLAYED}; the first step is right.",
        "It works like momentum that never fades.",
        "Set the gradients to zero before each backward pass, or compute them anew.",
    ),
    Mistake(
        "U602", "one array kept again and again",
        "Every row of the iterates is the last one: w is changed in place, and the list holds the "
        "same array many times.",
        f"{_REPLAYED}.",
        "The last iterate is right.",
        "Append w.copy(), or write w = w - step, which makes a new array.",
    ),
)  # fmt: skip
