"""The twelve partial derivatives of a two-layer network, and its gradient by backpropagation.

The network is q = W1 x + b1, h = max(q, 0), p = W2 h + b2, L = (p - y)ᵀ(p - y), with vectors
x (D,), b1 and h (H1,), b2, p and y (H2,), and matrices W1 (H1 x D), W2 (H2 x H1). The derivative of
max(q, 0) at q = 0 is taken as 0. Complete the functions that raise NotImplementedError.
"""

import numpy as np


def forward(W1, b1, W2, b2, x, y):
    """q, h, p and L."""
    q = W1 @ x + b1
    h = np.maximum(q, 0)
    p = W2 @ h + b2
    return q, h, p, np.sum((p - y) ** 2)


# Part a. Derivatives around the output.
def output_partials(W1, b1, W2, b2, x, y):
    """A dict of

    "dL_dp" (H2,), "dp_dW2" (H2, H2, H1), whose entry i, j, k is ∂p_i/∂W2_jk, "dL_dW2" (H2, H1),
    "dL_db2" (H2,) and "dp_dh" (H2, H1).
    """
    # BEGIN SOLUTION
    q, h, p, L = forward(W1, b1, W2, b2, x, y)
    dL_dp = 2 * (p - y)
    return {
        "dL_dp": dL_dp,
        "dp_dW2": np.eye(len(p))[:, :, None] * h,
        "dL_dW2": np.outer(dL_dp, h),
        "dL_db2": dL_dp.copy(),
        "dp_dh": W2.copy(),
    }
    # END SOLUTION


# Part b. Derivatives around the hidden layer.
def hidden_partials(W1, b1, W2, b2, x, y):
    """A dict of "dh_dq" (H1, H1), "dL_dh" (H1,) and "dL_dq" (H1,)."""
    # BEGIN SOLUTION
    q, h, p, L = forward(W1, b1, W2, b2, x, y)
    mask = (q > 0).astype(float)
    dL_dh = W2.T @ (2 * (p - y))
    return {"dh_dq": np.diag(mask), "dL_dh": dL_dh, "dL_dq": mask * dL_dh}
    # END SOLUTION


# Part c. Derivatives around the first layer.
def input_partials(W1, b1, W2, b2, x, y):
    """A dict of "dq_dW1" (H1, H1, D), "dq_db1" (H1, H1), "dL_dW1" (H1, D) and "dL_db1" (H1,)."""
    # BEGIN SOLUTION
    q, h, p, L = forward(W1, b1, W2, b2, x, y)
    dL_dq = (q > 0) * (W2.T @ (2 * (p - y)))
    identity = np.eye(len(q))
    return {
        "dq_dW1": identity[:, :, None] * x,
        "dq_db1": identity,
        "dL_dW1": np.outer(dL_dq, x),
        "dL_db1": dL_dq,
    }
    # END SOLUTION


# Part d. The gradient, with every shared factor computed once and no array of three indices.
def gradient(W1, b1, W2, b2, x, y):
    """A dict of the derivatives of L: "W1", "b1", "W2", "b2", each of its parameter's shape."""
    # BEGIN SOLUTION
    q, h, p, L = forward(W1, b1, W2, b2, x, y)
    dp = 2 * (p - y)
    dq = (q > 0) * (W2.T @ dp)
    return {"W1": np.outer(dq, x), "b1": dq, "W2": np.outer(dp, h), "b2": dp}
    # END SOLUTION
