"""Four hidden ReLUs that fit a curve: by hand, forwards, backwards.

The network is f(x) = b_O + Σ_i W_O[i] max(0, W_H[i] x + b_H[i]) for a number x; W_H, b_H and W_O
have 4 entries, b_O is a number. The derivative of max(0, z) is 1 where z > 0, else 0. Complete
the functions that raise NotImplementedError.
"""

import numpy as np


# Part a. Weights for a piecewise linear curve.
def fit_curve(knots, slopes, value):
    """(W_H, b_H, W_O, b_O) of a network that equals a curve for every x.

    The curve bends at the knots t_1 < ... < t_m, m = 1, 2 or 3; slopes are its m + 1 slopes from
    left to right, and value is its height at t_1. Units that are not needed get zeros.
    """
    # BEGIN SOLUTION
    W_H, b_H, W_O = np.zeros(4), np.zeros(4), np.zeros(4)
    # To the left of the first knot only a unit that looks left is active.
    W_H[0], b_H[0], W_O[0] = -1.0, knots[0], -slopes[0]
    W_H[1], b_H[1], W_O[1] = 1.0, -knots[0], slopes[1]
    for j in range(1, len(knots)):
        W_H[j + 1], b_H[j + 1], W_O[j + 1] = 1.0, -knots[j], slopes[j + 1] - slopes[j]
    return W_H, b_H, W_O, float(value)
    # END SOLUTION


# Part c. Forward.
def forward(W_H, b_H, W_O, b_O, x):
    """f(x), a number."""
    # BEGIN SOLUTION
    return b_O + W_O @ np.maximum(W_H * x + b_H, 0)
    # END SOLUTION


# Part d. Backward.
def gradient(W_H, b_H, W_O, b_O, x):
    """Derivatives of f at x by the parameters: a dict of "W_H", "b_H", "W_O" and "b_O"."""
    # BEGIN SOLUTION
    z = W_H * x + b_H
    active = z > 0
    return {"W_H": W_O * active * x, "b_H": W_O * active, "W_O": np.maximum(z, 0), "b_O": 1.0}
    # END SOLUTION


# Part b. The loss L = Σ (y_i - f(x_i))².
def loss_gradient(W_H, b_H, W_O, b_O, x, y):
    """Derivatives of L by the parameters, for data x (n,) and y (n,): a dict as in part d."""
    # BEGIN SOLUTION
    total = {"W_H": np.zeros(4), "b_H": np.zeros(4), "W_O": np.zeros(4), "b_O": 0.0}
    for xi, yi in zip(x, y):
        residual = yi - forward(W_H, b_H, W_O, b_O, xi)
        for name, df in gradient(W_H, b_H, W_O, b_O, xi).items():
            total[name] = total[name] - 2 * residual * df
    return total
    # END SOLUTION


if __name__ == "__main__":
    W_H, b_H = np.array([-1.0, 1, 1, -1]), np.array([1.0, 1, -1, 1])
    W_O, b_O = np.array([-1.0, -1, -1, 1]), 1.0
    print(forward(W_H, b_H, W_O, b_O, 2.0))
    print(gradient(W_H, b_H, W_O, b_O, 2.0))
