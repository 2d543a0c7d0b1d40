"""Gradient descent, SGD, AdaGrad and Adam by hand, on linear regression.

An optimizer computes the gradient of the mean squared error of a model, and applies it. X is n x
d, y is n x 1, the model has w (1 x d) and b (1,) and predicts X wᵀ + b. Complete the functions
that raise NotImplementedError.
"""

import numpy as np


# Part model. The model and its loss.
class LinearModel:
    def __init__(self):
        self.w = np.array([[5.0, 5.0]])
        self.b = np.array([10.0])

    def __call__(self, X):
        """Predictions, n x 1."""
        # BEGIN SOLUTION
        return X @ self.w.T + self.b
        # END SOLUTION


def loss(y_true, y_pred):
    """The mean squared error, a number."""
    # BEGIN SOLUTION
    return np.mean((y_true - y_pred) ** 2)
    # END SOLUTION


# Part gd. All examples at once.
class GD:
    def __init__(self, lr=0.01):
        self.lr = lr

    def calculate_gradient(self, X, y, model):
        """(grad_w, grad_b): derivatives of the mean squared error, of the shapes of w and b."""
        # BEGIN SOLUTION
        error = model(X) - y
        return 2 / len(X) * error.T @ X, 2 / len(X) * np.sum(error, axis=0)
        # END SOLUTION

    def apply_gradient(self, grads, model):
        """Take one step: w ← w - lr grad_w, b ← b - lr grad_b."""
        # BEGIN SOLUTION
        model.w = model.w - self.lr * grads[0]
        model.b = model.b - self.lr * grads[1]
        # END SOLUTION


# Part sgd. One random example for each step.
class SGD:
    def __init__(self, lr=0.01):
        self.lr = lr

    def calculate_gradient(self, X, y, model):
        """The gradient of the squared error of one example, drawn anew in every call."""
        # BEGIN SOLUTION
        i = np.random.randint(len(X))
        error = model(X[i : i + 1]) - y[i : i + 1]
        return 2 * error.T @ X[i : i + 1], 2 * error[0]
        # END SOLUTION

    def apply_gradient(self, grads, model):
        # BEGIN SOLUTION
        model.w = model.w - self.lr * grads[0]
        model.b = model.b - self.lr * grads[1]
        # END SOLUTION


# Part adagrad. Steps divided by the root of the sum of squared gradients, for each coordinate.
class AdaGrad:
    def __init__(self, lr=0.001, epsilon=1e-7):
        """The accumulators of w and b start at 0.1."""
        self.lr = lr
        self.epsilon = epsilon
        # BEGIN SOLUTION
        self.accumulator = (0.1, 0.1)
        # END SOLUTION

    def calculate_gradient(self, X, y, model):
        """The gradient of all examples, as in GD."""
        # BEGIN SOLUTION
        error = model(X) - y
        return 2 / len(X) * error.T @ X, 2 / len(X) * np.sum(error, axis=0)
        # END SOLUTION

    def apply_gradient(self, grads, model):
        """Add grad² to the accumulator G, then step by lr grad / √(G + epsilon)."""
        # BEGIN SOLUTION
        G = [old + g**2 for old, g in zip(self.accumulator, grads)]
        self.accumulator = tuple(G)
        model.w = model.w - self.lr * grads[0] / np.sqrt(G[0] + self.epsilon)
        model.b = model.b - self.lr * grads[1] / np.sqrt(G[1] + self.epsilon)
        # END SOLUTION


# Part adam. Momentum and scale, both freed from their bias towards zero.
class Adam:
    def __init__(self, lr=0.001, beta1=0.9, beta2=0.999, epsilon=1e-7):
        """The moments m and v start at 0, the count of steps t too."""
        self.lr = lr
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        # BEGIN SOLUTION
        self.m = [0.0, 0.0]
        self.v = [0.0, 0.0]
        self.t = 0
        # END SOLUTION

    def calculate_gradient(self, X, y, model):
        """The gradient of all examples, as in GD."""
        # BEGIN SOLUTION
        error = model(X) - y
        return 2 / len(X) * error.T @ X, 2 / len(X) * np.sum(error, axis=0)
        # END SOLUTION

    def apply_gradient(self, grads, model):
        """Step by lr m̂ / (√v̂ + epsilon), with m̂ = m / (1 - beta1^t) and v̂ = v / (1 - beta2^t)."""
        # BEGIN SOLUTION
        self.t += 1
        steps = []
        for i, g in enumerate(grads):
            self.m[i] = self.beta1 * self.m[i] + (1 - self.beta1) * g
            self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * g**2
            m = self.m[i] / (1 - self.beta1**self.t)
            v = self.v[i] / (1 - self.beta2**self.t)
            steps.append(self.lr * m / (np.sqrt(v) + self.epsilon))
        model.w = model.w - steps[0]
        model.b = model.b - steps[1]
        # END SOLUTION


if __name__ == "__main__":
    np.random.seed(10605)
    X = np.random.normal(size=(2000, 2))
    y = X @ np.array([[4.0], [3.0]]) + 2 + np.random.normal(size=(2000, 1))
    for optimizer in (GD(0.01), SGD(0.01), AdaGrad(0.1), Adam(0.1)):
        model = LinearModel()
        for _ in range(300):
            optimizer.apply_gradient(optimizer.calculate_gradient(X, y, model), model)
        print(type(optimizer).__name__, loss(y, model(X)), model.w, model.b)
