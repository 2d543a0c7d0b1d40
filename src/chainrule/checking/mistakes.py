"""The mistakes that have a name: one stable code each, with what it is and how to mend it.

Notation: t true gradient, c claimed gradient, g cotangent (upstream gradient), n batch size,
C classes, z pre-activation, a activation. A code keeps its meaning once it is released.
"""

from __future__ import annotations

import difflib

from chainrule.checking.mistake_kind import Mistake
from chainrule.checking.updates.mistakes import UPDATE_MISTAKES
from chainrule.engine.errors import InvalidInput

_MISTAKES = (
    Mistake(
        "G000", "wrong, cause not recognised",
        "The gradient differs from the derivative of the loss, and no known mistake reproduces it.",
        "No alteration of the backward pass equals the claim to 1e-7 on two probes of different "
        "sizes. The answer stays open: a guess would cost more time than it saves.",
        "A wrong gradient that points roughly downhill still lowers the loss.",
        "Start at the first wrong line, if one is named, and compare the values before it.",
    ),
    Mistake(
        "G101", "wrong shape",
        "c.shape differs from the parameter's shape: an (n, h) bias gradient, a transposed W.",
        "Shapes are compared before any number.",
        "Broadcasting lets W -= η c run with a wrong shape, and W silently grows or is averaged.",
        "Sum a bias gradient over the batch, axis=0; write the factors of a weight gradient in the "
        "order that gives the shape of W.",
    ),
    Mistake(
        "G102", "wrong dtype, truncated to integers",
        "c is stored in integers, so every entry has lost its fraction.",
        "The dtype of c is an integer, or c is the true gradient cut off at the point.",
        "The largest entries keep their sign, and the loss goes down for a while.",
        "Make buffers with np.zeros_like(W, dtype=float), not from integer arrays.",
    ),
    Mistake(
        "G103", "not finite",
        "c holds NaN or infinity where the true gradient is finite.",
        "Finiteness is tested before any comparison; the example makes the loss finite.",
        "It appears only for large pre-activations or exact zeros, late in training.",
        "Use a sigmoid that does not overflow, add no log of 0, and multiply by a mask instead of "
        "dividing by z.",
    ),
    Mistake(
        "G104", "inputs changed",
        "Parameters, data or values kept for later differ after the call.",
        "Every argument is compared with a copy made before the call.",
        "Each call alone looks right; the next one starts from other numbers.",
        "Write dz = dz * mask instead of dz *= mask on arrays you were given, and copy before "
        "filling in.",
    ),
    Mistake(
        "G105", "not deterministic",
        "Two identical calls give different results.",
        "Loss and gradient are called twice with the state of every random generator restored.",
        "Averaged over many steps the noise cancels.",
        "Draw a dropout mask once, in the forward pass, and use the same one in the backward pass.",
    ),
    Mistake(
        "G106", "stale state",
        "A second identical call returns a different gradient, because something was kept.",
        "The second gradient is a multiple of the first, or their sum, without any randomness.",
        "With a small learning rate it works like momentum.",
        "Set the gradient buffers to zero at the start of every backward pass.",
    ),
    Mistake(
        "G107", "gradient missing",
        "A parameter has no gradient, None, or zeros where the true gradient is not zero.",
        "The keys of the result are compared with the parameters of the example.",
        "The other parameters make up for one that never learns.",
        "Return one array per parameter, with the parameter's name as its key.",
    ),
    Mistake(
        "G201", "missing 1/n",
        "c = n·t on the data part of the loss: the mean over the batch was differentiated as a "
        "sum.",
        "The factor follows the batch size from probe to probe, which no constant does.",
        "It acts like a larger learning rate, until the batch size changes.",
        "Divide the cotangent of the output by the batch size, once.",
    ),
    Mistake(
        "G202", "divided by n twice",
        "c = t/n: the batch mean is taken once more, or the loss is a sum.",
        "The factor is one over the batch size on every probe.",
        "It acts like a smaller learning rate.",
        "Divide by the batch size in one place only, best at the output.",
    ),
    Mistake(
        "G203", "divided by the wrong count",
        "c = t/C, t·n/(n·C), t·n/(n-1): the mean runs over another number of elements.",
        "The factor is a ratio of sizes of the example, and follows them from probe to probe.",
        "It acts like another learning rate.",
        "np.mean over an (n, C) array divides by n·C; use the count of the loss.",
    ),
    Mistake(
        "G204", "factor 2",
        "c = 2t or t/2.",
        "The factor is 2 or 1/2 on every probe, whatever the sizes.",
        "It acts like another learning rate.",
        "Look for the 1/2 in the loss: the derivative of x² is 2x, that of x²/2 is x.",
    ),
    Mistake(
        "G205", "sign",
        "c = -t.",
        "The factor is -1 on every probe.",
        "Where only one layer has it, the other layers still learn.",
        "The derivative of ½(p - y)² is p - y, prediction first.",
    ),
    Mistake(
        "G206", "other constant factor",
        "c = k·t with one k for every parameter, such as a learning rate.",
        "The same factor fits every gradient on every probe.",
        "It acts like another learning rate.",
        "Return the gradient and leave the learning rate to the update.",
    ),
    Mistake(
        "G301", "penalty missing",
        "c = t - λ-term: the derivative of the penalty was left out.",
        "c differs from t by exactly the penalty's share, on probes with different λ.",
        "λ is small, so the difference is too.",
        "Add λ·W (for λ/2·ΣW²) to the gradient of every penalised weight.",
    ),
    Mistake(
        "G302", "penalty scaled wrongly",
        "The λ-term has a factor 2, 1/2, n or 1/n too much.",
        "c - t is a multiple of the penalty's share, and the multiple follows the sizes.",
        "λ is small, and is tuned anyway.",
        "Differentiate the penalty as it stands in the loss, and keep it out of the batch mean if "
        "it stands outside of it.",
    ),
    Mistake(
        "G303", "penalty subtracted",
        "The λ-term has the wrong sign.",
        "c = t - 2·(the penalty's share).",
        "λ is small; the weights grow slowly instead of shrinking.",
        "Add the derivative of the penalty; the update subtracts the whole gradient.",
    ),
    Mistake(
        "G304", "penalty on the wrong parameter",
        "λ·b was added to a bias that is not penalised, or another layer's weights were used.",
        "c - t is a multiple of a parameter that the loss does not penalise there.",
        "λ is small, and biases are few.",
        "Penalise in the gradient exactly what the loss penalises.",
    ),
    Mistake(
        "G401", "activation derivative missing",
        "The cotangent passes the activation unchanged: the local ratio is 1 where f'(z) is due.",
        "Replaying the backward pass without f'(z) at this layer gives the claim.",
        "f' is between 0 and 1 and positive for most activations: the sign survives.",
        "Multiply the cotangent of a by f'(z), elementwise.",
    ),
    Mistake(
        "G402", "derivative taken at the activation",
        "f'(a) = f'(f(z)) instead of f'(z).",
        "Replaying with f' evaluated at a gives the claim.",
        "The two are similar near 0.",
        "A derivative written in a, such as a·(1 - a), takes a; one written in z takes z.",
    ),
    Mistake(
        "G403", "wrong derivative formula",
        "The local ratio is another function of z or a: 1 - z², 1 - a, a itself, …",
        "One of a table of near-miss formulas reproduces the claim.",
        "Any positive factor keeps the direction roughly right.",
        "tanh' = 1 - a², sigmoid' = a(1 - a), relu' = 1 where z > 0.",
    ),
    Mistake(
        "G404", "wrong ReLU mask",
        "The mask comes from the gradient's sign, another layer, or is flipped.",
        "Replaying with that mask gives the claim.",
        "About half of the units are masked either way.",
        "Use z > 0 of the same layer, from the forward pass.",
    ),
    Mistake(
        "G405", "upstream gradient dropped",
        "c holds f'(z) and does not depend on g: = was written for *=.",
        "Replaying with the cotangent replaced by the local derivative gives the claim.",
        "It goes unseen if the check uses a cotangent of ones.",
        "Multiply the local derivative into the cotangent that comes from above.",
    ),
    Mistake(
        "G501", "output derivative applied twice",
        "Softmax or sigmoid with cross-entropy gives p - y; a further factor p(1 - p) is wrong.",
        "At the output, and there only, the cotangent has the extra factor.",
        "The extra factor is positive: learning is slow where the network is sure and wrong.",
        "With cross-entropy the cotangent of the logits is (p - y)/n, without p(1 - p).",
    ),
    Mistake(
        "G502", "output derivative omitted",
        "Squared error through a sigmoid or tanh output without its derivative.",
        "At the output the cotangent passes the activation unchanged.",
        "It is the gradient of another loss, which also learns.",
        "With squared error the cotangent of the logits is (p - y)·p(1 - p)·2/n.",
    ),
    Mistake(
        "G503", "softmax Jacobian: diagonal only",
        "c = g⊙s(1 - s): the off-diagonal part -s_i s_j is missing.",
        "Rows of the claimed cotangent of the logits do not sum to 0.",
        "The diagonal points the right way.",
        "dz = s ⊙ (g - Σ_j g_j s_j), the sum along the classes.",
    ),
    Mistake(
        "G601", "bias gradient averaged or summed wrongly",
        "db = mean instead of sum over the batch, or the reverse, where W is right.",
        "Only the bias has the factor, and it follows the batch size.",
        "Biases matter little.",
        "db is the sum of dz over the batch if dz already holds the 1/n.",
    ),
    Mistake(
        "G602", "bias gradient of one sample",
        "db = dz[i].",
        "One row of the cotangent equals the claim.",
        "It has the right shape and is right on average.",
        "Sum dz over the batch: dz.sum(axis=0).",
    ),
    Mistake(
        "G603", "summed over the wrong axis",
        "The sum runs over everything, or over the features.",
        "The claim equals a sum of the cotangent over other axes.",
        "Broadcasting gives the update the right shape.",
        "Sum over the batch axis only.",
    ),
    Mistake(
        "G604", "(n,) against (n, 1)",
        "A silent (n, n) broadcast in the loss or in its gradient.",
        "An intermediate of shape (n, n) appears where (n,) and (n, 1) meet.",
        "The loss still falls: every prediction is pulled to the mean.",
        "Reshape the targets to the shape of the predictions.",
    ),
    Mistake(
        "G701", "transposed gradient",
        "c = tᵀ, possible for square layers only.",
        "The transposed claim equals t.",
        "The shape is right.",
        "dW = aᵀ dz for z = a W, and dW = dz aᵀ for z = W a.",
    ),
    Mistake(
        "G702", "weight not transposed",
        "The cotangent is propagated with W instead of Wᵀ.",
        "Replaying with W gives the claim for every lower layer, while this layer is right.",
        "Lower layers can learn from random feedback too (Lillicrap et al. 2016).",
        "da = dz Wᵀ for z = a W.",
    ),
    Mistake(
        "G703", "wrong layer's values",
        "The activation or weight of a neighbouring layer, or z in the place of a.",
        "Replaying with another value of the same shape gives the claim.",
        "Neighbouring values are correlated.",
        "dW of a layer uses that layer's input, after the activation below it.",
    ),
    Mistake(
        "G704", "results swapped",
        "c_A = t_B.",
        "The claim for one parameter is the true gradient of another of the same shape.",
        "Shapes agree, and magnitudes are similar.",
        "Give each result its own parameter's name.",
    ),
    Mistake(
        "G705", "permuted",
        "c holds the entries of t in another order: C/F order in reshape, rows or heads permuted.",
        "Sorted entries agree, and one permutation fits on every probe.",
        "Shape and norm are right.",
        "Undo in the backward pass exactly the reshape or transpose of the forward pass.",
    ),
    Mistake(
        "G801", "overwritten instead of accumulated",
        "Only one path's share arrives where a value is used twice.",
        "Leaving out the other paths gives the claim.",
        "One path is often the larger part.",
        "Add up the cotangents of every use: +=, not =.",
    ),
    Mistake(
        "G802", "only one sample counts",
        "c is the gradient of one sample: a loop overwrites, or returns early.",
        "The claim is one sample's contribution, with or without 1/n.",
        "It is stochastic gradient descent, unintended.",
        "Accumulate over the samples, and return after the loop.",
    ),
    Mistake(
        "G803", "duplicate indices",
        "Rows that are gathered more than once keep only one contribution.",
        "Only those rows are wrong, and they hold the last contribution.",
        "Rare rows are right.",
        "np.add.at(dE, index, g) instead of dE[index] += g.",
    ),
    Mistake(
        "G804", "weights updated before propagating",
        "Lower layers see W - η·dW.",
        "Lower layers are off by a term in η·dW, the layer itself is right.",
        "η is small.",
        "Compute all gradients first, then update all parameters.",
    ),
    Mistake(
        "G901", "dropout mask missing",
        "c ignores the mask.",
        "Replaying without the mask gives the claim.",
        "On average the mask is a constant.",
        "Multiply the cotangent by the mask of the forward pass.",
    ),
    Mistake(
        "G902", "dropout scale or fresh mask",
        "c is off by 1/(1 - q), or another mask was drawn.",
        "The factor follows the keep probability, or the claim changes from call to call.",
        "On average only the scale differs.",
        "Use the same mask and the same scale in both passes.",
    ),
    Mistake(
        "G903", "batch norm: mean path missing",
        "The batch mean was treated as a constant: column sums of dx are not 0.",
        "Replaying without the mean's path gives the claim.",
        "The neglected term is small for large batches.",
        "dx = (dx̂ - mean(dx̂) - x̂·mean(dx̂·x̂))/σ, means over the batch.",
    ),
    Mistake(
        "G904", "batch norm: variance path missing",
        "The batch variance was treated as a constant: ⟨dx, x̂⟩ is not 0.",
        "Replaying without the variance's path gives the claim.",
        "The neglected term is small for large batches.",
        "dx = (dx̂ - mean(dx̂) - x̂·mean(dx̂·x̂))/σ, means over the batch.",
    ),
    Mistake(
        "G905", "batch norm: n against n-1",
        "Biased and unbiased variance are mixed.",
        "The term of the variance has a factor n/(n-1).",
        "The factor is close to 1.",
        "np.var divides by n; use the same count in both passes.",
    ),
    Mistake(
        "G906", "convolution geometry",
        "The kernel is not flipped, a stride or padding is lost, channels are swapped.",
        "A flip or shift of the true gradient equals the claim.",
        "Kernels are nearly symmetric early in training.",
        "The cotangent of the input is a full convolution with the flipped kernel.",
    ),
    Mistake(
        "G907", "pooling",
        "Ties all get the gradient, the window is wrong, or it is not divided by its size.",
        "Replaying the pooling's rule with that alteration gives the claim.",
        "Ties are rare.",
        "Give the cotangent to the winner; for a mean divide it by the window's size.",
    ),
    Mistake(
        "G908", "recurrence cut",
        "The cotangent of the state is not carried back to the step before.",
        "T > 1 is wrong while T = 1 is right.",
        "The last step has the largest share.",
        "Add dh_next to the cotangent of h at every step.",
    ),
)  # fmt: skip

#: By code: G for gradients, U for the update rules of optimizers.
MISTAKES: dict[str, Mistake] = {each.code: each for each in (*_MISTAKES, *UPDATE_MISTAKES)}


def mistake(code: str) -> Mistake:
    """The mistake with a code.

    Raises
    ------
    InvalidInput
        There is no such code.
    """
    found = MISTAKES.get(code.upper())
    if found is None:
        near = difflib.get_close_matches(code.upper(), MISTAKES, n=1)
        rules = [each for each in MISTAKES if each.startswith("U")]
        gradients = [each for each in MISTAKES if each not in rules]
        ranges = [f"from {min(each)} to {max(each)}" for each in (gradients, rules)]
        hint = f"; did you mean {near[0]}" if near else f"; codes run {' and '.join(ranges)}"
        raise InvalidInput(f"there is no mistake {code!r}{hint}.")
    return found
