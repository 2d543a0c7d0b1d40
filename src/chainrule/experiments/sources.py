"""Where the experiments come from: the documents, what each question asks, and what was found.

In our own words throughout. What was found is tied to claims: a page shows beside each sentence
whether all of its claims held, and ``{id}`` in a sentence stands for what that claim measured.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from chainrule.reporting.claims import Claim
from chainrule.reporting.numbers import shown_figures


class Document(NamedTuple):
    """A source document.

    Attributes
    ----------
    title : str
        Whose it is and what.
    notebook : str
        Ours, which works through it from question to question.
    """

    title: str
    notebook: str


class Finding(NamedTuple):
    """A sentence on what an experiment found.

    Attributes
    ----------
    text : str
        Markdown.
    claims : tuple of str
        The claims that measure it. Where a run has not all of them, the sentence is left out.
    """

    text: str
    claims: tuple[str, ...] = ()


class Question(NamedTuple):
    """What an experiment asks and answers.

    Attributes
    ----------
    asks : str
        The question of the source document.
    found : tuple of Finding
        The answer, and what to notice.
    """

    asks: str
    found: tuple[Finding, ...]


DOCUMENTS = {
    "000": Document(
        "Homework 5 of 10-605/10-805, Machine Learning with Large Datasets (Carnegie Mellon), with "
        "one student's answers",
        "notebooks/000.ipynb",
    ),
    "001": Document(
        "Homework 6 of CS 189, a course on machine learning (Berkeley, autumn 2019)",
        "notebooks/001.ipynb",
    ),
    "003": Document(
        "Exercise 2 of a course on deep learning, dated 27 November 2023", "notebooks/003.ipynb"
    ),
    "004": Document(
        "a homework of a course on deep learning (NYU, autumn 2023)", "notebooks/004.ipynb"
    ),
}

QUESTIONS = {
    "two-layer-gradients": Question(
        "One sample runs through a layer of ReLUs and a linear layer into a squared error. Which "
        "are the twelve partial derivatives from the prediction back to the first weights, why "
        "does backpropagation get them cheaply, and what does that say for frameworks?",
        (
            Finding(
                "Each of the twelve is a product of a few values that the two passes hold anyway. "
                "By hand, by the engine and by differences they are the same.",
                ("a-engine", "a-differences"),
            ),
            Finding(
                "**Notice the kink.** max(q, 0)/q, a student's derivative of the ReLU, is 0/0 for "
                "a unit at 0, and one such unit turns its part of the gradient into NaN.",
                ("b-student",),
            ),
            Finding(
                "Entry by entry, and by differences, the gradient takes {d-ratio} as many "
                "multiplications as by backpropagation.",
                ("d-ratio",),
            ),
        ),
    ),
    "covering-numbers": Question(
        "How many points does it take so that every point of a box has one within ε of it in each "
        "coordinate? For [0, 1] × [0, 2], for any box, and as the dimension grows.",
        (
            Finding(
                "The product of max(1, ⌈length/2ε⌉) over the sides, and no fewer: each time a "
                "cover and a packing of that size prove it.",
                ("a-formula", "b-certified"),
            ),
            Finding(
                "**Notice the side that is a single point.** Without the maximum the formula "
                "gives 0 points; and in floating point its ceiling jumps too early.",
                ("b-student", "b-float"),
            ),
            Finding(
                "What grows exponentially with the dimension is the number of balls, not the "
                "volume: that of the unit cube stays 1.",
                ("c-dimension",),
            ),
        ),
    ),
    "grid-vs-random": Question(
        "Of d hyperparameters only one matters. How many different models does a grid try, how "
        "many does random search, and which is better when the budget is too small for a cover?",
        (
            Finding(
                "A grid with n values on each axis tries n different models in nᵈ trials, random "
                "search a new one in every trial.",
                ("a-distinct",),
            ),
            Finding(
                "Random search comes closer to the best value as soon as there are two "
                "hyperparameters and two trials; for a single hyperparameter the grid does.",
                ("c-winner",),
            ),
            Finding(
                "**Notice what it gives up:** ten values at the right places cover [0, 1] within "
                "0.05; a hundred random ones do so with probability 0.99, never surely.",
                ("c-coverage",),
            ),
        ),
    ),
    "style-transfer": Question(
        "Paint the content of one picture in the style of another: which losses say so, what are "
        "their gradients, and how is the picture found?",
        (
            Finding(
                "Style is the Gram matrix of a layer's features, which forgets where things are. "
                "Both gradients are short formulas and agree with automatic differentiation.",
                ("gram", "gradient-engine", "gradient-torch"),
            ),
            Finding(
                "Only the pixels are trained: the loss is divided by {falls}, and the network's "
                "weights stay as they were, bit for bit.",
                ("falls", "weights-unchanged"),
            ),
            Finding(
                "**Notice the normalisation:** the hand-out's formulas are sums and its text asks "
                "for means, so the same weights of content and style mean different pictures.",
                ("reference-values",),
            ),
        ),
    ),
    "optimizers": Question(
        "Write gradient descent, stochastic gradient descent, AdaGrad and Adam by hand, fit a "
        "linear model with each, and compare them with those of a library.",
        (
            Finding(
                "Gradient descent follows a closed form, and converges for learning rates below "
                "2/λ<sub>max</sub> and for no others.",
                ("gd-closed-form", "gd-limit"),
            ),
            Finding(
                "SGD takes the same path on average, and then stays as far from the minimum as "
                "the noise of single samples keeps it.",
                ("sgd-unbiased", "sgd-floor"),
            ),
            Finding(
                "**Notice AdaGrad and Adam:** they divide the gradient by its own size, so their "
                "rate is a distance. With 0.1 AdaGrad is far from done when the others have "
                "arrived.",
                ("adam-first-step", "adagrad-reach"),
            ),
        ),
    ),
    "digits-3-vs-9": Question(
        "Write backpropagation in NumPy and teach a small network to tell a handwritten 3 from a "
        "9. How does the error on the training set depend on batch size and epochs, and on the "
        "width and activation of the hidden layer?",
        (
            Finding(
                "The gradients by hand agree with the engine's and with differences.",
                ("d-engine", "d-numerical"),
            ),
            Finding(
                "**Notice the number of updates:** it decides, more than the batch size itself. "
                "Small batches win because they make more updates of the same data.",
                ("e-batch-size", "e-equal-updates"),
            ),
            Finding(
                "Two ReLU units easily lose one for good: their training MSE is, in the mean, "
                "{f-relu} with sixteen.",
                ("f-relu",),
            ),
        ),
    ),
    "linear-networks": Question(
        "Layers without activations make a linear function. Which matrices can their product be, "
        "is the training loss convex, where are its global minima, and when is a critical point "
        "one of them?",
        (
            Finding(
                "The product can be every matrix of rank up to the narrowest width. The loss is "
                "convex in the product, but not in the layers.",
                ("a-if", "a-only-if", "b-not-convex"),
            ),
            Finding(
                "Without a bottleneck the minima are those of least squares, where W̄XᵀX = YᵀX. "
                "**Notice** that with a bottleneck this does not hold at the minimum.",
                ("d-no-bottleneck", "d-not-necessary"),
            ),
            Finding(
                "A critical point need not be a minimum, and some saddles are too flat for second "
                "derivatives to show the way down. Where all layers but one are invertible, it is "
                "a global minimum.",
                ("e-degenerate", "f-descent"),
            ),
        ),
    ),
    "parity": Question(
        "The label says whether an even or an odd number of hidden bits is set. Show that a small "
        "ReLU network can compute it, train one, and explain by the gradient why that fails for "
        "many bits. Would a deeper network with sigmoids help?",
        (
            Finding(
                "d units are enough. The parameters that the hand-out prints fail for one pair: "
                "all ones with all ones.",
                ("a-minimal", "a-printed"),
            ),
            Finding(
                "Training finds the parity of few bits and not of many; what counts is how many "
                "of v's bits are set, not the dimension.",
                ("b-chance", "b-ones"),
            ),
            Finding(
                "**Notice the gradient:** what it tells about v has the mean square 2⁻ᵈ E‖g‖², "
                "exactly. Deeper with sigmoids it vanishes altogether; with ReLUs it does not.",
                ("c-identity", "d-vanishing"),
            ),
        ),
    ),
    "cifar10": Question(
        "How hard is it to tell ten kinds of small pictures apart? Look at them in the plane by "
        "PCA and CCA, classify by linear regression, draw ResNet-18, and train it with crops, "
        "flips and three learning-rate schemes.",
        (
            Finding(
                "CCA sees the labels, PCA does not. Share of the variance in the plane that lies "
                "between classes, PCA and CCA: {a-cca-separates}.",
                ("a-cca-separates",),
            ),
            Finding(
                "Linear regression is no match for the problem. Share of right answers in "
                "training, in the test, and by always naming one class: {b-linear}.",
                ("b-linear",),
            ),
            Finding(
                "**Notice the crop:** without padding it is the picture itself. With four pixels "
                "of padding, and flips, there are 162 views of each.",
                ("d-views",),
            ),
            Finding(
                "ResNet-18, with the scheme that is best on validation pictures, is right on a "
                "share of {e-learns} of the test pictures.",
                ("e-learns",),
            ),
        ),
    ),
    "computational-graph": Question(
        "A small graph of inputs, weights and a sigmoid: write every node as an expression, "
        "compute it forward, and find each derivative of the result backward.",
        (
            Finding(
                "Every derivative is a sum of products of numbers that are there already; all of "
                "them agree with differences and with values of fifty digits.",
                ("iii-numerical", "reference-R1"),
            ),
            Finding(
                "**Notice R4,** whose sigmoid is saturated: σ(1 − σ) would come out as 0 there, "
                "while σ(h)σ(−h) keeps every digit.",
                ("reference-R4",),
            ),
            Finding(
                "The exercise's picture is lost, so six reconstructions stand in for it; any "
                "graph that is written as a file of nodes can take their place.",
                ("any-graph",),
            ),
        ),
    ),
    "deep-elu": Question(
        "Run a deep network of ELU layers forward, backpropagate through thirty of them, and plot "
        "the norm of each layer's gradient. What is to be seen, and why?",
        (
            Finding(
                "**Notice that the gradient does not vanish.** Over 31 layers its norms stay "
                "within a factor of 25, without a trend towards the first layer.",
                ("ii-no-vanishing",),
            ),
            Finding(
                "The reason is in the weights: He's variance makes each step back multiply the "
                "squared norm by 2 E[ELU′(z)²], which is above 1 whatever z's variance.",
                ("ii-moments", "ii-mean-field"),
            ),
            Finding(
                "With sigmoids in place of ELUs the same networks lose fifteen orders of "
                "magnitude.",
                ("ii-sigmoid",),
            ),
        ),
    ),
    "momentum": Question(
        "Train a network of five ELU layers with SGD, momentum and Nesterov momentum (ρ = 0.9), "
        "and follow the norm of its weights, its loss and its accuracy on training and test data.",
        (
            Finding(
                "At the same learning rate momentum and Nesterov reach a lower training loss than "
                "SGD, and larger weights.",
                ("faster", "norms-grow"),
            ),
            Finding(
                "**Notice why:** momentum moves about as fast as SGD with η/(1 − ρ). Beside that "
                "SGD, little of the difference is left.",
                ("effective-rate",),
            ),
            Finding(
                "What frameworks show as Nesterov's weights is another point of the same method, "
                "w + ρv.",
                ("torch-optim",),
            ),
        ),
    ),
    "sgd-rates": Question(
        "The loss has a Lipschitz gradient, and the gradient of a sample is bounded in the mean "
        "square. Prove how small the gradient becomes along SGD, and what the bound says for "
        "constant and for falling learning rates.",
        (
            Finding(
                "**Notice the misprint:** the last term of the one-step inequality needs the "
                "gradient of the sample. As printed, the inequality fails for a parabola.",
                ("i-literal", "i-corrected"),
            ),
            Finding(
                "Corrected, the bound holds at every step: exactly, over all sequences of noise, "
                "and in simulations, which come up to {iii-bound} of it.",
                ("ii-exact", "iii-bound"),
            ),
            Finding(
                "A constant rate stops at a floor of its own size; k<sup>−3/4</sup> falls like "
                "t<sup>−1/4</sup>, and k<sup>−1/2</sup> fastest, like ln t/√t.",
                ("iv-rates",),
            ),
        ),
    ),
    "dropout": Question(
        "Show that dropout multiplies a layer by noise around 1, what that adds to the expected "
        "loss to second order, and what it is for a linear model with squared error.",
        (
            Finding(
                "(1 + η) ⊙ h with E η = 0 drops units and scales the others up; to second order "
                "it adds ½ q/(1−q) Σ H<sub>kk</sub>h<sub>k</sub>² to the loss.",
                ("i-noise", "i-inverted"),
            ),
            Finding(
                "**Notice the condition:** the formula does not become exact for small q, as the "
                "exercise has it, but for small h.",
                ("ii-small-q", "ii-scale"),
            ),
            Finding(
                "For the linear model it is exact at every q: a ridge penalty that does not "
                "depend on the units in which inputs are measured.",
                ("iii-exact", "iii-units"),
            ),
        ),
    ),
    "face-masks": Question(
        "Tell faces with a mask from faces without one: by a small convolutional network, by the "
        "same with batch normalisation and dropout, and by ResNet-34 with and without pretrained "
        "weights. How do their losses and accuracies compare?",
        (
            Finding(
                "The best of the networks is right on a share of {best} of the validation "
                "pictures; table 2 has them side by side.",
                ("best",),
            ),
            Finding(
                "**Notice the words “add a linear layer”:** replacing ResNet-34's last layer takes "
                "1,026 new parameters, appending one to its thousand outputs 2,002.",
                ("counts",),
            ),
        ),
    ),
    "vector-calculus": Question(
        "What is the gradient of ‖x‖², and which point has the least sum of squared distances to "
        "given points?",
        (
            Finding("The gradient is 2x.", ("a-engine", "a-differences")),
            Finding(
                "The point is the mean, and no other one: F(μ) = F(x̄) + n‖x̄ − μ‖².",
                ("b-identity", "b-better"),
            ),
            Finding(
                "**Notice** that ‖x‖ is another function, with the gradient x/‖x‖, which does not "
                "exist at 0.",
                ("a-norm",),
            ),
        ),
    ),
    "l1-regression": Question(
        "Linear regression with absolute values in place of squares: write its loss, say whether "
        "its best weights have a formula, and which steps of the general recipe change.",
        (
            Finding(
                "There is no formula. The best weights pass exactly through some of the points; a "
                "linear program finds them, and its dual proves them.",
                ("b-vertices", "b-gap"),
            ),
            Finding(
                "**Notice the outlier:** as one point moves from 9 to a million, the line of "
                "absolute values stays where it is, and that of least squares follows.",
                ("b-robust",),
            ),
            Finding(
                "The best weights need not be unique, so losses are compared, never weights. Of "
                "model, loss and optimiser one is exchanged, and the formula goes with it.",
                ("b-not-unique", "c-recipe"),
            ),
        ),
    ),
    "curve-fitting": Question(
        "Choose the weights of four ReLUs so that they meet given points, write the gradient of "
        "the squared loss, and propagate x = 2 forward and backward through a network whose "
        "weights are all 1 or −1.",
        (
            Finding(
                "A unit makes a kink, and one more the slope on the left: four make every function "
                "with three kinks, some with four, and none with five.",
                ("a-random", "a-representable"),
            ),
            Finding(
                "The thirteen derivatives, in the order W<sub>H</sub>, b<sub>H</sub>, "
                "W<sub>O</sub>, b<sub>O</sub>, are {d-gradient}.",
                ("d-gradient", "d-engine"),
            ),
            Finding(
                "**Notice x = 1,** where three of the four units stand exactly on their kinks: "
                "the derivative is a convention there, and 0 here.",
                ("d-kink",),
            ),
        ),
    ),
    "fashion-mnist": Question(
        "Classify small pictures of clothes with three hidden layers of 256, 128 and 64 ReLUs. "
        "Show the losses on training and test pictures, and the class probabilities of three of "
        "them.",
        (
            Finding(
                "The network is right on a share of {accuracy} of the test images.", ("accuracy",)
            ),
            Finding(
                "**Notice where the test loss stops following** the train loss, which ends at "
                "{falls} of its first value: from there on, training images are learned by heart.",
                ("falls",),
            ),
            Finding(
                "A probability says what the network believes, not how often it is right: figure "
                "2 shows its surest mistake."
            ),
        ),
    ),
    "manual-backprop": Question(
        "Train a classifier of handwritten digits, two layers of sigmoids and a softmax, without "
        "automatic differentiation: every derivative by hand.",
        (
            Finding(
                "Softmax and cross-entropy together leave p − y; each layer below needs a "
                "transpose, σ′ and an outer product. At every step of the training the gradients "
                "by hand are the engine's.",
                ("jacobian", "every-step"),
            ),
            Finding(
                "**Notice two mistakes that still train:** σ′ of the activation in place of the "
                "pre-activation, and a matrix that is changed before the gradient has passed "
                "through it. Comparing gradients shows both at once.",
                ("mistakes",),
            ),
            Finding(
                "The network is right on a share of {accuracy} of the test images.", ("accuracy",)
            ),
        ),
    ),
}

#: The place of what a claim measured, and characters that Markdown would take for something else.
_CLAIM = re.compile(r"\{([\w.-]+)\}")
_SPECIAL = re.compile(r"([\\`*_\[\]<>])")


def asked(name: str) -> str:
    """Return what an experiment's question asks; "" for one that is not from a document."""
    return QUESTIONS[name].asks if name in QUESTIONS else ""


def answers(name: str) -> list[str]:
    """Return what an experiment finds, in the sentences that need no figure of a run."""
    findings = QUESTIONS[name].found if name in QUESTIONS else ()
    return [finding.text for finding in findings if not _CLAIM.search(finding.text)]


def found(name: str, claims: Iterable[Claim]) -> list[dict[str, Any]]:
    """Return what a run found, as its page shows it.

    Parameters
    ----------
    name : str
        Of the experiment.
    claims : iterable of Claim
        What the run claimed.

    Returns
    -------
    list of dict
        ``markdown``, the names of the ``claims`` behind it, and ``holds``: whether all of them do,
        None where one is not decided or there is none.
    """
    there = {claim.id: claim for claim in claims}
    return [
        {
            "markdown": _CLAIM.sub(
                lambda at: _SPECIAL.sub(r"\\\1", shown_figures(there[at[1]].measured)), finding.text
            ),
            "claims": list(finding.claims),
            "holds": together([there[id].holds for id in finding.claims]),
        }
        for finding in (QUESTIONS[name].found if name in QUESTIONS else ())
        if set(finding.claims) <= set(there)
    ]


def together(outcomes: Sequence[bool | None]) -> bool | None:
    """Return whether all of some claims hold; None where one is not decided, or there is none."""
    if not outcomes or None in outcomes:
        return False if False in outcomes else None
    return all(outcomes)


def title_of(name: str, document: str) -> str:
    """Return the title of an experiment's document; "" where the experiment is not ours."""
    return DOCUMENTS[document].title if name in QUESTIONS else ""


def about(name: str, document: str, question: str) -> str:
    """Return a sentence or two, in Markdown, on where an experiment's question comes from."""
    if name not in QUESTIONS:
        return ""
    source, place = DOCUMENTS[document], re.sub(r"^P(?=\d)", "problem ", question)
    return (
        f"Document {document} is {source.title}; this is its {place}. The notebook "
        f"`{source.notebook}` of the source works through the document from question to question: "
        "the mathematics in a few lines, then a cell that measures it."
    )
