"""Backpropagation of a digit classifier, every gradient by hand.

The network has two hidden layers with sigmoid and ends in softmax with cross-entropy. It sees
one example at a time, x (n_in,) with a one-hot y (n_out,). parameters is a dict of "W1", "b1",
"W2", "b2", "W3", "b3"; W_l is n_out x n_in of its layer, b_l has n_out entries. Complete the
functions that raise NotImplementedError.
"""

import numpy as np


# Part a. The functions.
def sigmoid(z):
    """1 / (1 + e^(-z)), without overflow for any z."""
    # BEGIN SOLUTION
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))
    # END SOLUTION


def dsigmoid(z):
    """The derivative of sigmoid at the pre-activation z."""
    # BEGIN SOLUTION
    s = sigmoid(z)
    return s * (1 - s)
    # END SOLUTION


def softmax(z):
    """Probabilities of a vector z, without overflow."""
    # BEGIN SOLUTION
    e = np.exp(z - np.max(z))
    return e / np.sum(e)
    # END SOLUTION


def dsoftmax(z):
    """The Jacobian: entry i, j is ∂ softmax_i / ∂ z_j."""
    # BEGIN SOLUTION
    p = softmax(z)
    return np.diag(p) - np.outer(p, p)
    # END SOLUTION


def cross_entropy_loss(y_pred, y):
    """-Σ y log y_pred; y_pred has no zeros."""
    # BEGIN SOLUTION
    return -np.sum(y * np.log(y_pred))
    # END SOLUTION


# Part b. The forward pass.
def feed_forward_sample(parameters, x):
    """The probabilities (n_out,)."""
    # BEGIN SOLUTION
    a1 = sigmoid(parameters["W1"] @ x + parameters["b1"])
    a2 = sigmoid(parameters["W2"] @ a1 + parameters["b2"])
    return softmax(parameters["W3"] @ a2 + parameters["b3"])
    # END SOLUTION


# Part c. The gradient of the loss of one example.
def gradients(parameters, x, y):
    """A dict with the keys and shapes of parameters."""
    # BEGIN SOLUTION
    z1 = parameters["W1"] @ x + parameters["b1"]
    a1 = sigmoid(z1)
    z2 = parameters["W2"] @ a1 + parameters["b2"]
    a2 = sigmoid(z2)
    dz3 = softmax(parameters["W3"] @ a2 + parameters["b3"]) - y
    dz2 = (parameters["W3"].T @ dz3) * dsigmoid(z2)
    dz1 = (parameters["W2"].T @ dz2) * dsigmoid(z1)
    return {
        "W1": np.outer(dz1, x),
        "b1": dz1,
        "W2": np.outer(dz2, a1),
        "b2": dz2,
        "W3": np.outer(dz3, a2),
        "b3": dz3,
    }
    # END SOLUTION


# Part d. One step of training.
def train_one_sample(parameters, x, y, learning_rate):
    """New parameters after one step of gradient descent; the old ones stay as they are."""
    # BEGIN SOLUTION
    found = gradients(parameters, x, y)
    return {name: value - learning_rate * found[name] for name, value in parameters.items()}
    # END SOLUTION
