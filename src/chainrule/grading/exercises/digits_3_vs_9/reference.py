"""A network that tells the digits 3 and 9 apart, trained by your own backpropagation.

Complete the functions that raise NotImplementedError. Arrays inside the network have one column
for each example (width x n); data sets have one row for each (n x width). Keep all names and
signatures. `chainrule grade digits-3-vs-9 FILE` shows what is right so far.
"""

import numpy as np


# Part b. The cost of a prediction, element by element; the mean over a batch is taken elsewhere.
class QuadraticCost:
    @staticmethod
    def fx(y, yp):
        """Half the squared error of each entry: (y - yp)² / 2, of the shape of y."""
        # BEGIN SOLUTION
        return np.square(y - yp) / 2
        # END SOLUTION

    @staticmethod
    def dx(y, yp):
        """Derivative of fx by the prediction yp, of the shape of y."""
        # BEGIN SOLUTION
        return yp - y
        # END SOLUTION


class SigmoidActivation:
    @staticmethod
    def fx(z):
        return 1 / (1 + np.exp(-z))

    @staticmethod
    def dx(z):
        a = SigmoidActivation.fx(z)
        return a * (1 - a)


# Part c. Activation functions and their derivatives by the pre-activation z.
class TanhActivation:
    @staticmethod
    def fx(z):
        # BEGIN SOLUTION
        return np.tanh(z)
        # END SOLUTION

    @staticmethod
    def dx(z):
        # BEGIN SOLUTION
        return 1 - np.tanh(z) ** 2
        # END SOLUTION


class ReLUActivation:
    @staticmethod
    def fx(z):
        # BEGIN SOLUTION
        return np.maximum(z, 0)
        # END SOLUTION

    @staticmethod
    def dx(z):
        """1 where z > 0, else 0."""
        # BEGIN SOLUTION
        return np.where(z > 0, 1.0, 0.0)
        # END SOLUTION


class LinearActivation:
    @staticmethod
    def fx(z):
        # BEGIN SOLUTION
        return z.copy()
        # END SOLUTION

    @staticmethod
    def dx(z):
        # BEGIN SOLUTION
        return np.ones_like(z)
        # END SOLUTION


class DenseLayer:
    """z = W a + b, then the activation; W is nodes x fan-in, b is nodes x 1."""

    def __init__(self, numNodes, activation):
        self.numNodes = numNodes
        self.activation = activation

    def getNumNodes(self):
        return self.numNodes

    def initialize(self, fanIn, scale=1.0):
        s = scale * np.sqrt(6.0 / (self.numNodes + fanIn))
        self.W = np.random.normal(0, s, (self.numNodes, fanIn))
        self.b = np.random.uniform(-1, 1, (self.numNodes, 1))

    def a(self, z):
        """The activation of z."""
        return self.activation.fx(z)

    def z(self, a):
        """The pre-activation of the input a (fan-in x n)."""
        return self.W.dot(a) + self.b

    def dx(self, z):
        """The derivative of the activation at z."""
        return self.activation.dx(z)

    def updateWeights(self, dW):
        self.W = self.W + dW

    def updateBias(self, db):
        self.b = self.b + db


class Model:
    def __init__(self, inputSize):
        self.layers = []
        self.inputSize = inputSize

    def addLayer(self, layer):
        self.layers.append(layer)

    def getLayerSize(self, index):
        """Number of nodes of a layer; below 0, of the input."""
        if index >= len(self.layers):
            raise IndexError(f"there is no layer {index}")
        return self.inputSize if index < 0 else self.layers[index].getNumNodes()

    def initialize(self, cost, initializeLayers=True):
        self.cost = cost
        if initializeLayers:
            for i, layer in enumerate(self.layers):
                layer.initialize(self.getLayerSize(i - 1))

    def evaluate(self, x):
        """Predictions (out x n), the inputs of each layer and the pre-activations of each layer.

        x is n x inputSize.
        """
        a, z = [], []
        current = x.T
        for layer in self.layers:
            a.append(current)
            z.append(layer.z(current))
            current = layer.a(z[-1])
        return current, a, z

    def predict(self, x):
        return self.evaluate(x)[0].T

    # Part d. From the output backwards.
    def compute_grad(self, x, y):
        """Derivatives of the cost by the pre-activations of each layer, and the layers' inputs.

        Returns (grad, a): grad[i] is d cost / d z_i (nodes x n) for each example on its own, in the
        order of the layers; a[i] is the input of layer i. Start from self.cost.dx(y.T, yp).
        """
        yp, a, z = self.evaluate(x)
        # BEGIN SOLUTION
        grad = []
        da = self.cost.dx(y.T, yp)
        for layer, zi in zip(reversed(self.layers), reversed(z)):
            dz = da * layer.dx(zi)
            grad.append(dz)
            da = layer.W.T.dot(dz)
        return grad[::-1], a
        # END SOLUTION

    def train(self, x, y, numEpochs, optimizer):
        """Full-batch training; returns the mean cost after each epoch."""
        hist = []
        for _ in range(numEpochs):
            g, a = self.compute_grad(x, y)
            optimizer.update(self.layers, g, a)
            yp = self.predict(x)
            hist.append(np.mean(self.cost.fx(y, yp)))
        return hist

    # Part f. The same on mini-batches.
    def trainBatch(self, x, y, batchSize, numEpochs, optimizer):
        """Mini-batch training; returns the mean cost over all of x after each epoch.

        Each epoch visits every example once, in a new random order (np.random.permutation), in
        batches of batchSize; the last batch may be smaller.
        """
        # BEGIN SOLUTION
        hist = []
        for _ in range(numEpochs):
            order = np.random.permutation(len(x))
            for start in range(0, len(x), batchSize):
                batch = order[start : start + batchSize]
                g, a = self.compute_grad(x[batch], y[batch])
                optimizer.update(self.layers, g, a)
            hist.append(np.mean(self.cost.fx(y, self.predict(x))))
        return hist
        # END SOLUTION


# Part e. Gradient descent with the learning rate eta.
class GDOptimizer:
    def __init__(self, eta):
        self.eta = eta

    def initialize(self, layers):
        pass

    def update(self, layers, g, a):
        """Take one step on all layers, by layer.updateWeights and layer.updateBias.

        g[i] is d cost / d z_i (nodes x m), a[i] the input of layer i (fan-in x m). The step follows
        the mean over the m examples of the batch.
        """
        # BEGIN SOLUTION
        m = a[0].shape[1]
        for layer, gi, ai in zip(layers, g, a):
            layer.updateWeights(-self.eta / m * gi.dot(ai.T))
            layer.updateBias(-self.eta / m * np.sum(gi, axis=1, keepdims=True))
        # END SOLUTION


if __name__ == "__main__":
    # Try it on data of your own: `chainrule run digits-3-vs-9` shows what a right network reaches.
    np.random.seed(0)
    x = np.random.normal(size=(200, 10))
    y = np.sign(x[:, :1] * x[:, 1:2])
    model = Model(10)
    model.addLayer(DenseLayer(16, TanhActivation))
    model.addLayer(DenseLayer(1, LinearActivation))
    model.initialize(QuadraticCost)
    print(model.train(x, y, 50, GDOptimizer(0.1)))
