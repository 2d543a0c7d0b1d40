"""A network that computes parity exactly, and the hinge loss that fails to find it.

v and x are vectors of d zeros and ones; the label is (-1)^(v·x). The network is f(x) = Σ_i
alpha_i max(0, W_i·x + b_i) + beta with k = 10 d hidden units. Complete the functions that raise
NotImplementedError.
"""

import numpy as np


# Part a-1. Labels.
def parity_labels(v, X):
    """+1 or -1 for each row of X (n x d), an array (n,)."""
    # BEGIN SOLUTION
    return 1.0 - 2.0 * ((X @ v) % 2)
    # END SOLUTION


# Part a-2. The network.
def network(W, b, alpha, beta, X):
    """The outputs (n,) for the rows of X; W is k x d, b and alpha are (k,), beta is a number."""
    # BEGIN SOLUTION
    return np.maximum(X @ W.T + b, 0) @ alpha + beta
    # END SOLUTION


# Part a-3. The parameters.
def parity_parameters(v):
    """(W, b, alpha, beta) of a network with 10 d units that equals the label of v for every x.

    The settings printed in the question give too few units the weights v: try x = v = (1,), and
    count how many units a bump at every even number up to d needs.
    """
    # BEGIN SOLUTION
    d = len(v)
    k = 10 * d
    W, b, alpha = np.zeros((k, d)), np.zeros(k), np.zeros(k)
    for i in range(d // 2 + 1):
        units = slice(3 * i, 3 * i + 3)
        W[units] = v
        b[units] = -(2 * i - 0.5), -2 * i, -(2 * i + 0.5)
        alpha[units] = 4, -8, 4
    return W, b, alpha, -1.0
    # END SOLUTION


# Part b. The loss for training.
def hinge_loss(outputs, labels):
    """The mean of max(0, 1 - f(x) y), a number."""
    # BEGIN SOLUTION
    return np.mean(np.maximum(0, 1 - outputs * labels))
    # END SOLUTION


def hinge_gradient(outputs, labels):
    """The derivative of hinge_loss by the outputs (n,); 0 where f(x) y = 1."""
    # BEGIN SOLUTION
    return np.where(outputs * labels < 1, -labels, 0.0) / len(labels)
    # END SOLUTION
