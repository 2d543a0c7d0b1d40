"""Gradient descent, momentum and Nesterov momentum.

Each method starts at w0 and takes one step for each learning rate. gradient(w) is the gradient of
the loss at w. Complete the functions that raise NotImplementedError.
"""

import numpy as np


# Part iii-1. Plain gradient descent.
def sgd(gradient, w0, learning_rates):
    """The iterates w_0, ..., w_T, an array with T + 1 rows: w ← w - η ∇f(w)."""
    # BEGIN SOLUTION
    w = np.array(w0, dtype=float)
    iterates = [w]
    for rate in learning_rates:
        w = w - rate * gradient(w)
        iterates.append(w)
    return np.array(iterates)
    # END SOLUTION


# Part iii-2. Momentum.
def momentum(gradient, w0, learning_rates, rho=0.9):
    """The iterates: v ← ρ v - η ∇f(w), w ← w + v, from v = 0."""
    # BEGIN SOLUTION
    w = np.array(w0, dtype=float)
    v = np.zeros_like(w)
    iterates = [w]
    for rate in learning_rates:
        v = rho * v - rate * gradient(w)
        w = w + v
        iterates.append(w)
    return np.array(iterates)
    # END SOLUTION


# Part iii-3. Nesterov momentum.
def nesterov(gradient, w0, learning_rates, rho=0.9):
    """The iterates: v ← ρ v - η ∇f(w + ρ v), w ← w + v, from v = 0."""
    # BEGIN SOLUTION
    w = np.array(w0, dtype=float)
    v = np.zeros_like(w)
    iterates = [w]
    for rate in learning_rates:
        v = rho * v - rate * gradient(w + rho * v)
        w = w + v
        iterates.append(w)
    return np.array(iterates)
    # END SOLUTION


# Part iii-4. The quantity to plot.
def weight_norm(parameters):
    """‖W‖₂: the root of the sum of squares over all weight matrices "W1", "W2", ...; no biases."""
    # BEGIN SOLUTION
    return np.sqrt(sum(np.sum(w**2) for name, w in parameters.items() if name.startswith("W")))
    # END SOLUTION
