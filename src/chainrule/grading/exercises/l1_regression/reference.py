"""Linear regression with absolute instead of squared errors.

X is n x d, y has n entries, w has d. Complete the functions that raise NotImplementedError.
"""

import itertools

import numpy as np


# Part a. The loss.
def l1_loss(X, y, w):
    """‖X w - y‖₁, a number."""
    # BEGIN SOLUTION
    return np.sum(np.abs(X @ w - y))
    # END SOLUTION


def l1_subgradient(X, y, w):
    """A subgradient by w (d,): Xᵀ sign(X w - y), with sign(0) = 0."""
    # BEGIN SOLUTION
    return X.T @ np.sign(X @ w - y)
    # END SOLUTION


# Part b-1. One feature: a median with weights.
def weighted_median(values, weights):
    """A number m that makes Σ weights |values - m| as small as possible; weights are positive."""
    # BEGIN SOLUTION
    order = np.argsort(values)
    half = np.cumsum(weights[order]) >= np.sum(weights) / 2
    return values[order][np.argmax(half)]
    # END SOLUTION


# Part b-2. Any number of features.
def l1_regression(X, y):
    """A w that makes l1_loss(X, y, w) as small as possible; n is at most 12 and d at most 3.

    Some best w fits as many points exactly as X has independent columns: try them all.
    """
    # BEGIN SOLUTION
    n, d = X.shape
    best, best_loss = None, np.inf
    for rows in itertools.combinations(range(n), d):
        square = X[list(rows)]
        if np.linalg.matrix_rank(square) < d:
            continue
        w = np.linalg.solve(square, y[list(rows)])
        loss = l1_loss(X, y, w)
        if loss < best_loss:
            best, best_loss = w, loss
    return best
    # END SOLUTION


# Part c. For comparison.
def least_squares(X, y):
    """The w that makes ‖X w - y‖₂ as small as possible."""
    # BEGIN SOLUTION
    return np.linalg.lstsq(X, y, rcond=None)[0]
    # END SOLUTION
