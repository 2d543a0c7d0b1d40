"""Feed-forward and backpropagation of a deep network with ELU activations.

Vectors are columns. parameters is a dict of "W1", "b1", ..., "WL", "bL"; W_l is d_l x d_(l-1),
b_l is d_l x 1. All layers but the last are followed by ELU (α = 1), the last by softmax; the
loss is the cross-entropy -Σ y log f(x). Complete the functions that raise NotImplementedError.
"""

import numpy as np


def initialize_weights(layer_dimensions):
    """He initialization with a fixed seed, as the question gives it."""
    np.random.seed(42)
    parameters = {}
    for l in range(1, len(layer_dimensions)):
        fan_in = layer_dimensions[l - 1]
        parameters[f"W{l}"] = np.random.randn(layer_dimensions[l], fan_in) * np.sqrt(2 / fan_in)
        parameters[f"b{l}"] = np.zeros((layer_dimensions[l], 1))
    return parameters


# Part i. The activation functions, and the output of the network.
def elu(z):
    """z where z > 0, else e^z - 1; no overflow for any z."""
    # BEGIN SOLUTION
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))
    # END SOLUTION


def elu_derivative(z):
    """1 where z > 0, else e^z."""
    # BEGIN SOLUTION
    return np.exp(np.minimum(z, 0))
    # END SOLUTION


def softmax(z):
    """Probabilities of a column z; no overflow for any z."""
    # BEGIN SOLUTION
    e = np.exp(z - np.max(z))
    return e / np.sum(e)
    # END SOLUTION


def feed_forward(parameters, x):
    """The output probabilities, a column."""
    # BEGIN SOLUTION
    layers = len(parameters) // 2
    a = x
    for l in range(1, layers):
        a = elu(parameters[f"W{l}"] @ a + parameters[f"b{l}"])
    return softmax(parameters[f"W{layers}"] @ a + parameters[f"b{layers}"])
    # END SOLUTION


# Part ii. Backpropagation, and the norm of each layer's derivative.
def backpropagation(parameters, x, y):
    """Derivatives of the loss: a dict with the keys and shapes of parameters."""
    # BEGIN SOLUTION
    layers = len(parameters) // 2
    a, z = [x], []
    for l in range(1, layers + 1):
        z.append(parameters[f"W{l}"] @ a[-1] + parameters[f"b{l}"])
        a.append(elu(z[-1]))
    gradients = {}
    dz = softmax(z[-1]) - y
    for l in range(layers, 0, -1):
        gradients[f"W{l}"] = dz @ a[l - 1].T
        gradients[f"b{l}"] = dz
        if l > 1:
            dz = (parameters[f"W{l}"].T @ dz) * elu_derivative(z[l - 2])
    return gradients
    # END SOLUTION


def gradient_norms(gradients):
    """δ_1, ..., δ_L: the Frobenius norm of the derivative by each W_l, an array in that order."""
    # BEGIN SOLUTION
    layers = len(gradients) // 2
    return np.array([np.sqrt(np.sum(gradients[f"W{l}"] ** 2)) for l in range(1, layers + 1)])
    # END SOLUTION


if __name__ == "__main__":
    x = np.arange(1.0, 6.0).reshape(5, 1)
    parameters = initialize_weights([5] + [10] * 5 + [3])
    print(feed_forward(parameters, x))
    deep = initialize_weights([5] + [10] * 30 + [3])
    print(gradient_norms(backpropagation(deep, x, np.array([[1.0], [0.0], [0.0]]))))
