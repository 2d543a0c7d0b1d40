"""A computational graph, forwards and backwards: first one by hand, then any.

The graph is z1 = w1 x1, z2 = w2 x2, z3 = w4 x3, h1 = z1 + z2, h2 = w3 + z3, f = σ(h1) h2, where
σ(x) = 1 / (1 + e^(-x)). Complete the functions that raise NotImplementedError.
"""

import math


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


# Part ii. The forward pass.
def forward(x1, x2, x3, w1, w2, w3, w4):
    """The value of every node: a dict of "z1", "z2", "z3", "h1", "h2" and "f"."""
    # BEGIN SOLUTION
    z1, z2, z3 = w1 * x1, w2 * x2, w4 * x3
    h1, h2 = z1 + z2, w3 + z3
    return {"z1": z1, "z2": z2, "z3": z3, "h1": h1, "h2": h2, "f": sigmoid(h1) * h2}
    # END SOLUTION


# Part iii. The backward pass.
def backward(x1, x2, x3, w1, w2, w3, w4):
    """The derivative of f by every input and by z1, z2, z3: a dict with their names as keys."""
    # BEGIN SOLUTION
    z1, z2, z3 = w1 * x1, w2 * x2, w4 * x3
    h1, h2 = z1 + z2, w3 + z3
    s = sigmoid(h1)
    dh1, dh2 = h2 * s * (1 - s), s
    return {
        "x1": dh1 * w1,
        "x2": dh1 * w2,
        "x3": dh2 * w4,
        "w1": dh1 * x1,
        "w2": dh1 * x2,
        "w3": dh2,
        "w4": dh2 * x3,
        "z1": dh1,
        "z2": dh1,
        "z3": dh2,
    }
    # END SOLUTION


# Part iv. Any graph. A node is [name, operation, operand names]; operands stand before their use.
# Operations: "add", "sub", "mul" of two operands, "sigmoid", "exp", "neg" of one.
def evaluate(nodes, inputs):
    """The value of every input and every node: a dict by name. inputs is a dict of numbers."""
    # BEGIN SOLUTION
    values = dict(inputs)
    for name, operation, operands in nodes:
        a = [values[operand] for operand in operands]
        if operation == "add":
            values[name] = a[0] + a[1]
        elif operation == "sub":
            values[name] = a[0] - a[1]
        elif operation == "mul":
            values[name] = a[0] * a[1]
        elif operation == "sigmoid":
            values[name] = sigmoid(a[0])
        elif operation == "exp":
            values[name] = math.exp(a[0])
        elif operation == "neg":
            values[name] = -a[0]
        else:
            raise ValueError(f"unknown operation {operation}")
    return values
    # END SOLUTION


def derivatives(nodes, inputs, output):
    """The derivative of the node `output` by every input and every node: a dict by name.

    A value that is used more than once gets the sum over its uses, one that output does not depend
    on gets 0.
    """
    # BEGIN SOLUTION
    values = evaluate(nodes, inputs)
    bar = dict.fromkeys(values, 0.0)
    bar[output] = 1.0
    for name, operation, operands in reversed(nodes):
        g = bar[name]
        if operation in ("add", "sub"):
            bar[operands[0]] += g
            bar[operands[1]] += g if operation == "add" else -g
        elif operation == "mul":
            first, second = operands
            bar[first] += g * values[second]
            bar[second] += g * values[first]
        elif operation == "sigmoid":
            bar[operands[0]] += g * values[name] * (1 - values[name])
        elif operation == "exp":
            bar[operands[0]] += g * values[name]
        else:
            bar[operands[0]] -= g
    return bar
    # END SOLUTION
