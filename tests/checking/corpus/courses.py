# ruff: noqa: E501  (the lines are the students')
"""Blind files, written without sight of the checker: layers with caches, columns, classes, loops over samples."""

from __future__ import annotations

from collections.abc import Iterator

from tests.checking.corpus.case import Case, Slot, cases

AFFINE = """import numpy as np

reg = 0.3

def affine_forward(x, w, b):
    out = x.reshape(x.shape[0], -1).dot(w) + b
    return out, (x, w, b)

def affine_backward(dout, cache):
    x, w, b = cache
    N = x.shape[0]
    dx = <dx>.reshape(x.shape)
    dw = <dw>.T.dot(dout)
    db = <db>
    return dx, dw, db

def relu_forward(x):
    return np.maximum(0, x), x

def relu_backward(dout, cache):
    x = cache
    return <relu>

def softmax_loss(scores, y):
    N = scores.shape[0]
    scores = scores - scores.max(axis=1, keepdims=True)
    p = np.exp(scores)
    p /= p.sum(axis=1, keepdims=True)
    data_loss = -np.log(p[np.arange(N), y]).mean()
    dscores = p.copy()
    dscores[np.arange(N), y] -= 1
    return data_loss, dscores

def forward(x, W1, b1, W2, b2, W3, b3):
    a1, fc1 = affine_forward(x, W1, b1)
    h1, r1 = relu_forward(a1)
    a2, fc2 = affine_forward(h1, W2, b2)
    h2, r2 = relu_forward(a2)
    scores, fc3 = affine_forward(h2, W3, b3)
    return scores, (fc1, r1, fc2, r2, fc3)

def loss(x, y, W1, b1, W2, b2, W3, b3):
    scores, _ = forward(x, W1, b1, W2, b2, W3, b3)
    data_loss, _ = softmax_loss(scores, y)
    return data_loss + 0.5 * reg * (np.sum(W1 * W1) + np.sum(W2 * W2) + np.sum(W3 * W3))

def gradient(x, y, W1, b1, W2, b2, W3, b3):
    grads = {}
    scores, (fc1, r1, fc2, r2, fc3) = forward(x, W1, b1, W2, b2, W3, b3)
    _, dscores = softmax_loss(scores, y)
    dscores /= <count>
    dh2, grads['W3'], grads['b3'] = affine_backward(dscores, fc3)
    da2 = relu_backward(dh2, <r2>)
    dh1, grads['W2'], grads['b2'] = affine_backward(da2, fc2)
    da1 = relu_backward(dh1, r1)
    _, grads['W1'], grads['b1'] = affine_backward(da1, fc1)
    # don't forget the regularization
    grads['W1'] += reg * W1
    grads['W2'] += <reg2>
    grads['W3'] += reg * W3
    return grads

def example():
    np.random.seed(231)
    return {'x': np.random.randn(7, 2, 4), 'y': np.array([0, 2, 1, 1, 2, 0, 2]),
            'W1': 0.4 * np.random.randn(8, 5), 'b1': 0.1 * np.random.randn(5),
            'W2': 0.4 * np.random.randn(5, 5), 'b2': 0.1 * np.random.randn(5),
            'W3': 0.4 * np.random.randn(5, 3), 'b3': 0.1 * np.random.randn(3)}
"""
AFFINE_SLOTS = {
    "dx": Slot("dout.dot(w.T)", [], ["np.dot(w, dout.T).T"]),
    "dw": Slot("x.reshape(N, -1)", [("G705", "x.reshape(N, -1, order='F')")]),
    "db": Slot("np.sum(dout, axis=0)",
               [("G601", "np.mean(dout, axis=0)"), ("G602", "dout[0]"), ("G101", "dout")],
               ["np.ones(N) @ dout"]),
    "relu": Slot("dout * (x > 0)",
                 [("G405", "1.0 * (x > 0)"), ("G404", "dout * (dout > 0)"), ("G403", "dout * np.maximum(0, x)")],
                 ["np.where(x > 0, dout, 0)"]),
    "count": Slot("x.shape[0]", [("G203", "scores.shape[1]"), ("G203", "scores.size")], ["len(y)"]),
    "r2": Slot("r2", [("G404", "r1")], ["fc3[0]"]),
    "reg2": Slot("reg * W2", [("G302", "2 * reg * W2"), ("G302", "reg * W2 / len(y)")]),
}  # fmt: skip

SVM_NAIVE = """import numpy as np

REG = 0.05

def loss(W, X, y):
    total = 0.0
    for i in range(X.shape[0]):
        scores = X[i].dot(W)
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            margin = scores[j] - scores[y[i]] + 1
            if margin > 0:
                total += margin
    return total / X.shape[0] + REG * np.sum(W * W)

def gradient(W, X, y):
    dW = np.zeros(W.shape)
    num_classes = W.shape[1]
    num_train = X.shape[0]
    for i in range(num_train):
        scores = X[i].dot(W)
        correct = scores[y[i]]
        for j in range(num_classes):
            if j == y[i]: continue
            margin = scores[j] - correct + 1   # delta = 1
            if margin > 0:
                dW[:, j] <plus>
                dW[:, y[i]] <minus>
    dW /= <count>
    dW <reg>
    return {"W": dW}

def example():
    np.random.seed(3)
    return {"W": np.random.randn(5, 4) * 0.3, "X": np.random.randn(9, 5), "y": np.random.randint(4, size=9)}
"""
SVM_NAIVE_SLOTS = {
    "plus": Slot("+= X[i]", [("G802|G801", "= X[i]"), ("G205", "-= X[i]")], ["+= X[i, :].T"]),
    "minus": Slot("-= X[i]", [("G205", "+= X[i]")], ["+= -1 * X[i]"]),
    "count": Slot("num_train", [("G203", "num_classes"), ("G201", "1")]),
    "reg": Slot("+= 2 * REG * W", [("G302", "+= REG * W"), ("G301", "+= 0 * W"), ("G303", "-= 2 * REG * W")],
                ["+= REG * W + REG * W"]),
}  # fmt: skip

SVM_FAST = """import numpy as np

def margins_of(X, y, W):
    n = len(y)
    S = X @ W
    M = np.maximum(0, S - S[np.arange(n), y].reshape(-1, 1) + 1.0)
    M[np.arange(n), y] = 0
    return M

def loss(X, y, W):
    return margins_of(X, y, W).sum() / len(y) + 0.5 * 0.2 * (W ** 2).sum()

def gradient(X, y, W):
    n = X.shape[0]
    M = margins_of(X, y, W)
    binary = <binary>
    row_sum = binary.sum(axis=1)
    binary[np.arange(n), y] = <own>
    dW = <dW>
    return dict(W=dW + <reg>)

def example():
    r = np.random.RandomState(8)
    return dict(X=r.randn(10, 6), y=r.randint(0, 3, 10), W=r.randn(6, 3) * .2)
"""
SVM_FAST_SLOTS = {
    "binary": Slot("(M > 0).astype(float)", [("G403", "M.copy()")], ["np.where(M > 0, 1.0, 0.0)", "1.0 * (M != 0)"]),
    "own": Slot("-row_sum", [("G205", "row_sum")]),
    "dW": Slot("X.T @ binary / n",
               [("G201", "X.T @ binary"), ("G202", "X.T @ binary / n / n"), ("G205", "-X.T @ binary / n")],
               ["np.einsum('ni,nc->ic', X, binary) / n"]),
    "reg": Slot("0.2 * W", [("G302", "0.5 * 0.2 * W"), ("G303", "(-0.2) * W")]),
}  # fmt: skip

SOFTMAX_NAIVE = """import numpy as np

def loss(W, b, X, y):
    L = 0.
    for i in range(len(X)):
        f = X[i] @ W + b
        f -= f.max()
        L += -f[y[i]] + np.log(np.sum(np.exp(f)))
    return L / len(X) + 0.1 * np.sum(W * W)

def gradient(W, b, X, y):
    dW = np.zeros_like(W); db = np.zeros_like(b)
    N, C = X.shape[0], W.shape[1]
    for i in range(N):
        f = X[i] @ W + b
        f -= f.max()
        p = np.exp(f) / np.sum(np.exp(f))
        for k in range(C):
            coef = <coef>
            dW[:, k] <accW> coef * X[i]
            db[k] <accb> coef
    dW = dW / N
    db = <db>
    dW += <reg>
    return {'W': dW, 'b': db}

def example():
    rng = np.random.default_rng(42)
    return {'W': rng.standard_normal((4, 3)), 'b': rng.standard_normal(3),
            'X': rng.standard_normal((8, 4)), 'y': np.array([0, 1, 2, 2, 1, 0, 0, 1])}
"""
SOFTMAX_NAIVE_SLOTS = {
    "coef": Slot("p[k] - (k == y[i])",
                 [("G205", "(k == y[i]) - p[k]"), ("G501", "(p[k] - (k == y[i])) * p[k] * (1 - p[k])")],
                 ["(p[k] - 1) if k == y[i] else p[k]"]),
    "accW": Slot("+=", [("G802", "=")]),
    "accb": Slot("+=", [("G802", "=")]),
    "db": Slot("db / N", [("G601|G201", "db"), ("G202|G601", "db / N ** 2")], ["(1. / N) * db"]),
    "reg": Slot("0.2 * W", [("G302", "0.1 * W"), ("G302", "0.2 * W / N"), ("G302", "0.2 * N * W")]),
}  # fmt: skip

BATCHNORM = """import numpy as np

eps = 1e-5

def batchnorm_forward(x, gamma, beta):
    N, D = x.shape
    # step by step, as on the board
    mu = 1. / N * np.sum(x, axis=0)
    xmu = x - mu
    sq = xmu ** 2
    var = 1. / N * np.sum(sq, axis=0)
    sqrtvar = np.sqrt(var + eps)
    ivar = 1. / sqrtvar
    xhat = xmu * ivar
    out = gamma * xhat + beta
    return out, (xhat, gamma, xmu, ivar, sqrtvar, var)

def batchnorm_backward(dout, cache):
    xhat, gamma, xmu, ivar, sqrtvar, var = cache
    N, D = dout.shape
    dbeta = np.sum(dout, axis=0)
    dgamma = <dgamma>
    dxhat = dout * gamma
    # divide
    divar = np.sum(dxhat * xmu, axis=0)
    dxmu1 = dxhat * ivar
    # square root
    dsqrtvar = <dsqrt>
    dvar = <dvar>
    # variance
    dsq = 1. / N * np.ones((N, D)) * dvar
    dxmu2 = <dxmu2>
    # mean
    dx1 = <join>
    dmu = -1 * np.sum(<dmu>, axis=0)
    dx2 = 1. / N * np.ones((N, D)) * dmu
    return <dx>, dgamma, dbeta

def loss(x, t, w, gamma, beta):
    out, _ = batchnorm_forward(x.dot(w), gamma, beta)
    return np.sum((out - t) ** 2)

def gradient(x, t, w, gamma, beta):
    out, cache = batchnorm_forward(x.dot(w), gamma, beta)
    dh, dgamma, dbeta = batchnorm_backward(2 * (out - t), cache)
    return {'w': x.T.dot(dh), <order>}

def example():
    np.random.seed(12)
    return {'x': np.random.randn(9, 4), 't': np.random.randn(9, 5), 'w': np.random.randn(4, 5),
            'gamma': 1 + 0.3 * np.random.randn(5), 'beta': np.random.randn(5)}
"""
BATCHNORM_SLOTS = {
    "dgamma": Slot("np.sum(dout * xhat, axis=0)", [("G405", "np.sum(xhat, axis=0)")], ["(xhat * dout).sum(0)"]),
    "dsqrt": Slot("-1. / (sqrtvar ** 2) * divar", [("G205", "1. / (sqrtvar ** 2) * divar")], ["-divar * ivar ** 2", "-divar / (var + eps)"]),
    "dvar": Slot("0.5 * dsqrtvar / np.sqrt(var + eps)", [("G204", "dsqrtvar / np.sqrt(var + eps)")], ["0.5 * ivar * dsqrtvar"]),
    "dxmu2": Slot("2 * xmu * dsq", [("G204", "xmu * dsq"), ("G904", "0 * xmu * dsq")]),
    "join": Slot("dxmu1 + dxmu2", [("G904", "dxmu1")]),
    "dmu": Slot("dx1", [], ["dxmu1", "dxmu1 + dxmu2"]),
    "dx": Slot("dx1 + dx2", [("G903", "dx1")]),
    "order": Slot("'gamma': dgamma, 'beta': dbeta", [("G704", "'gamma': dbeta, 'beta': dgamma"), ("G107", "'gamma': dgamma, 'beta': None"), ("G107", "'gamma': dgamma")]),
}  # fmt: skip

BATCHNORM_FUSED = """import numpy as np

def stats(z):
    return z.mean(0), z.var(0, ddof=0)

def run(X, W1, gamma, beta, W2):
    z = X @ W1
    mu, v = stats(z)
    inv = (v + 1e-5) ** -0.5
    zhat = (z - mu) * inv
    y = gamma * zhat + beta
    h = np.maximum(y, 0)
    return z, zhat, inv, y, h, h @ W2

def loss(X, T, W1, gamma, beta, W2):
    out = run(X, W1, gamma, beta, W2)[-1]
    return .5 * ((out - T) ** 2).sum() / X.shape[0]

def gradient(X, T, W1, gamma, beta, W2):
    z, zhat, inv, y, h, out = run(X, W1, gamma, beta, W2)
    m = X.shape[0]
    d = (out - T) / m
    dW2 = h.T @ d
    d = d @ W2.T
    d = d * <mask>
    dbeta = <dbeta>; dgamma = (d * zhat).sum(axis=0)
    g = d * gamma
    dz = <inv> / <m> * (m * g - <mean> - zhat * (g * zhat).sum(axis=0))
    return dict(W1=X.T @ dz, gamma=dgamma, beta=dbeta, W2=dW2)

def example():
    rng = np.random.RandomState(5)
    return dict(X=rng.randn(11, 3), T=rng.randn(11, 2), W1=rng.randn(3, 6), gamma=rng.rand(6) + .5, beta=rng.randn(6) * .5, W2=rng.randn(6, 2))
"""
BATCHNORM_FUSED_SLOTS = {
    "mask": Slot("(y > 0)", [("G404", "(z > 0)"), ("G401", "1")], ["(h > 0)"]),
    "dbeta": Slot("d.sum(axis=0)", [("G601", "d.mean(axis=0)"), ("G603", "np.full_like(beta, d.sum())")]),
    "inv": Slot("inv", [("G905", "(z.var(0, ddof=1) + 1e-5) ** -0.5")], ["1 / np.sqrt(np.var(z, axis=0) + 1e-5)"]),
    "m": Slot("m", [("G203|G905", "(m - 1)")]),
    "mean": Slot("g.sum(axis=0)", [("G903", "0")], ["np.sum(g, 0, keepdims=True)"]),
}  # fmt: skip

DROPOUT = """import numpy as np

p = 0.6   # probability of keeping a unit

def forward(X, W1, b1, W2, b2, U):
    H1 = np.maximum(0, X @ W1 + b1)
    U1 = (U < p) / p
    D1 = H1 * U1
    out = D1 @ W2 + b2
    return H1, U1, D1, out

def loss(X, y, W1, b1, W2, b2, U):
    _, _, _, out = forward(X, W1, b1, W2, b2, U)
    out = out - np.max(out, axis=1, keepdims=True)
    logp = out - np.log(np.exp(out).sum(axis=1, keepdims=True))
    return -logp[range(len(y)), y].mean()

def gradient(X, y, W1, b1, W2, b2, U):
    H1, U1, D1, out = forward(X, W1, b1, W2, b2, U)
    n = len(y)
    P = np.exp(out - np.max(out, axis=1, keepdims=True))
    P /= P.sum(axis=1, keepdims=True)
    P[range(n), y] -= 1
    P /= n
    dW2 = <input2>.T @ P
    db2 = P.sum(axis=0)
    dH1 = P @ W2.T
    dH1 *= <mask>
    dH1[<dead>] = 0
    dW1 = X.T @ dH1
    db1 = <db1>
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}

def example():
    rs = np.random.RandomState(1)
    return {"X": rs.randn(12, 5), "y": rs.randint(3, size=12), "W1": rs.randn(5, 7), "b1": rs.randn(7) * .1,
            "W2": rs.randn(7, 3), "b2": rs.randn(3) * .1, "U": rs.rand(12, 7)}
"""
DROPOUT_SLOTS = {
    "input2": Slot("D1", [("G901", "H1"), ("G703|G901", "(X @ W1 + b1)")], ["(H1 * U1)"]),
    "mask": Slot("U1", [("G901", "1"), ("G902", "(U < p)"), ("G902", "(np.random.RandomState(7).rand(*H1.shape) < p) / p"), ("G105|G902", "(np.random.rand(*H1.shape) < p) / p")], ["(U < p) / p"]),
    "dead": Slot("H1 <= 0", [("G404", "H1 > 0")], ["H1 == 0", "X @ W1 + b1 < 0"]),
    "db1": Slot("dH1.sum(axis=0)", [("G602", "dH1[-1]"), ("G603", "np.sum(dH1) * np.ones(7)")]),
}  # fmt: skip

COLUMNS = """import numpy as np

def sigmoid(Z):
    A = 1 / (1 + np.exp(-Z))
    return A, Z

def relu(Z):
    return np.maximum(0, Z), Z

def sigmoid_backward(dA, cache):
    Z = cache
    s = 1 / (1 + np.exp(-Z))
    dZ = <sig>
    return dZ

def relu_backward(dA, cache):
    Z = cache
    dZ = np.array(dA, copy=True)
    dZ[Z <= 0] = 0
    return dZ

def model_forward(X, parameters):
    caches = []
    A = X
    L = len(parameters) // 2
    for l in range(1, L + 1):
        W, b = parameters["W" + str(l)], parameters["b" + str(l)]
        Z = np.dot(W, A) + b
        A_prev = A
        A, _ = sigmoid(Z) if l == L else relu(Z)
        caches.append(((A_prev, W, b), Z))
    return A, caches

def compute_cost(AL, Y, parameters, lambd):
    m = Y.shape[1]
    cross = -np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / m
    penalty = sum(np.sum(np.square(v)) for k, v in parameters.items() if k[0] == "W")
    return cross + lambd / (2 * m) * penalty

def loss(X, Y, lambd=0.7, **parameters):
    AL, _ = model_forward(X, parameters)
    return compute_cost(AL, Y, parameters, lambd)

def linear_backward(dZ, cache, lambd):
    A_prev, W, b = cache
    m = A_prev.shape[1]
    dW = 1. / m * np.dot(dZ, A_prev.T) + <reg>
    db = <db>
    dA_prev = np.dot(W.T, dZ)
    return dA_prev, dW, db

def gradient(X, Y, lambd=0.7, **parameters):
    grads = {}
    AL, caches = model_forward(X, parameters)
    L = len(caches)
    dAL = <dAL>
    linear_cache, activation_cache = caches[L - 1]
    dZ = sigmoid_backward(dAL, activation_cache)
    dA, grads["W" + str(L)], grads["b" + str(L)] = linear_backward(dZ, linear_cache, lambd)
    for l in reversed(range(L - 1)):
        linear_cache, activation_cache = caches[l]
        dZ = relu_backward(dA, <cache>)
        dA, dW, db = linear_backward(dZ, linear_cache, lambd)
        grads["W" + str(l + 1)] = dW
        grads["b" + str(l + 1)] = db
    return grads

def example():
    np.random.seed(3)
    return {"X": np.random.randn(4, 9), "Y": (np.random.rand(1, 9) > .5) * 1.,
            "W1": np.random.randn(5, 4) * .5, "b1": np.random.randn(5, 1) * .1,
            "W2": np.random.randn(5, 5) * .5, "b2": np.random.randn(5, 1) * .1,
            "W3": np.random.randn(1, 5) * .5, "b3": np.random.randn(1, 1) * .1}
"""
COLUMNS_SLOTS = {
    "sig": Slot("dA * s * (1 - s)", [("G403", "dA * (1 - s)"), ("G403", "dA * Z * (1 - Z)"), ("G405", "s * (1 - s)")], ["dA * (s - s ** 2)"]),
    "reg": Slot("lambd / m * W", [("G301", "0"), ("G302", "lambd * W"), ("G302", "lambd / (2 * m) * W"), ("G303", "-lambd / m * W")], ["(lambd * W) / m"]),
    "db": Slot("1. / m * np.sum(dZ, axis=1, keepdims=True)", [("G101", "1. / m * np.squeeze(np.sum(dZ, axis=1))"), ("G601", "np.sum(dZ, axis=1, keepdims=True)"), ("G304", "1. / m * np.sum(dZ, axis=1, keepdims=True) + lambd / m * b")], ["np.mean(dZ, axis=1, keepdims=True)"]),
    "dAL": Slot("-(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))", [("G205", "np.divide(Y, AL) - np.divide(1 - Y, 1 - AL)"), ("G501", "AL - Y")], ["(AL - Y) / (AL * (1 - AL))"]),
    "cache": Slot("activation_cache", [("G404", "dA")], ["caches[l][1]", "caches[l + 1][0][0]"]),
}  # fmt: skip

LOGISTIC = """import numpy as np

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def loss(theta, X, y):
    m = len(y)
    h = sigmoid(X @ theta)
    J = (-1 / m) * np.sum(y.ravel() * np.log(h) + (1 - y.ravel()) * np.log(1 - h))
    return J + 2.0 / (2 * m) * np.sum(theta[1:] ** 2)   # lambda = 2

def gradient(theta, X, y):
    lam = 2.0
    m, n = X.shape
    grad = np.zeros(n<dtype>)
    err = <err>
    for j in range(n):
        grad[j] = <gj>
        if j > <first>:
            grad[j] += <reg>
    return {'theta': grad}

def example():
    rng = np.random.RandomState(0)
    X = np.c_[np.ones(13), rng.randn(13, 4)]
    return {'theta': rng.randn(5), 'X': X, 'y': rng.randint(0, 2, (13, 1)).astype(float)}
"""
LOGISTIC_SLOTS = {
    "dtype": Slot("", [("G102", ", dtype=int")]),
    "err": Slot("sigmoid(X @ theta) - y.ravel()", [("G604", "sigmoid(X @ theta) - y"), ("G501", "(sigmoid(X @ theta) - y.ravel()) * sigmoid(X @ theta) * (1 - sigmoid(X @ theta))"), ("G205", "y.ravel() - sigmoid(X @ theta)")], ["(sigmoid(X @ theta).reshape(-1, 1) - y)[:, 0]"]),
    "gj": Slot("np.sum(err * X[:, j]) / m", [("G201", "np.sum(err * X[:, j])"), ("G203", "np.sum(err * X[:, j]) / n"), ("G203", "np.sum(err * X[:, j]) / (m - 1)")], ["np.mean(err * X[:, j])", "1 / m * err.dot(X[:, j])"]),
    "first": Slot("0", [("G304", "-1"), ("G301", "n")]),
    "reg": Slot("lam / m * theta[j]", [("G302", "lam * theta[j]"), ("G302", "lam / (2 * m) * theta[j]")]),
}  # fmt: skip

CLASSES = """import numpy as np

class QuadraticCost:
    @staticmethod
    def fx(y, yp):
        return 0.5 * np.square(yp - y)

    @staticmethod
    def dx(y, yp):
        return <cost>

class Tanh:
    @staticmethod
    def fx(z):
        return np.tanh(z)

    @staticmethod
    def dx(z):
        return <tanh>

class ReLU:
    @staticmethod
    def fx(z):
        return np.maximum(z, 0)

    @staticmethod
    def dx(z):
        return <relu>

class Linear:
    @staticmethod
    def fx(z):
        return z

    @staticmethod
    def dx(z):
        return np.ones_like(z)

class Dense:
    def __init__(self, W, b, act):
        self.W, self.b, self.act = W, b, act

    def z(self, a):
        return self.W.dot(a) + self.b

class Model:
    def __init__(self, layers):
        self.layers = layers

    def evaluate(self, x):
        a, zs, acts = x.T, [], []
        for layer in self.layers:
            acts.append(a)
            z = layer.z(a)
            zs.append(z)
            a = layer.act.fx(z)
        return a, acts, zs

    def compute_grad(self, x, y):
        yp, a, z = self.evaluate(x)
        delta = QuadraticCost.dx(y.T, yp)
        g = []
        for i in range(len(self.layers) - 1, -1, -1):
            layer = self.layers[i]
            delta = delta * layer.act.dx(<at>)
            g.insert(0, delta)
            delta = np.dot(<W>.T, delta)
        return g, a

def build(W0, b0, W1, b1, W2, b2):
    return Model([Dense(W0, b0, Tanh), Dense(W1, b1, ReLU), Dense(W2, b2, Linear)])

def loss(x, y, W0, b0, W1, b1, W2, b2):
    yp, _, _ = build(W0, b0, W1, b1, W2, b2).evaluate(x)
    return np.sum(QuadraticCost.fx(y.T, yp)) / x.shape[0]

def gradient(x, y, W0, b0, W1, b1, W2, b2):
    g, a = build(W0, b0, W1, b1, W2, b2).compute_grad(x, y)
    m = <m>
    out = {}
    for i in range(3):
        out["W%d" % i] = np.dot(g[i], <a>.T) / m
        out["b%d" % i] = <db>
    return out

def example():
    rng = np.random.default_rng(189)
    return dict(x=rng.normal(size=(10, 3)), y=rng.normal(size=(10, 2)), W0=rng.normal(size=(4, 3)), b0=rng.uniform(-1, 1, (4, 1)),
                W1=rng.normal(size=(4, 4)), b1=rng.uniform(-1, 1, (4, 1)), W2=rng.normal(size=(2, 4)), b2=rng.uniform(-1, 1, (2, 1)))
"""
CLASSES_SLOTS = {
    "cost": Slot("yp - y", [("G205", "y - yp"), ("G204", "2 * (yp - y)")]),
    "tanh": Slot("1 - np.tanh(z) ** 2", [("G403", "1 - z ** 2"), ("G403", "1 - np.tanh(z)"), ("G401", "np.ones_like(z)"), ("G402", "1 - np.tanh(np.tanh(z)) ** 2")], ["1 / np.cosh(z) ** 2", "(1 - np.tanh(z)) * (1 + np.tanh(z))"]),
    "relu": Slot("(z > 0).astype(float)", [("G403", "np.maximum(z, 0)"), ("G404", "(z < 0).astype(float)")], ["np.where(z < 0, 0.0, 1.0)", "np.heaviside(z, 0)"]),
    "at": Slot("z[i]", [("G402", "layer.act.fx(z[i])")]),
    "W": Slot("layer.W", [("G804", "(layer.W - 0.02 * np.dot(delta, a[i].T))")], ["self.layers[i].W"]),
    "m": Slot("a[0].shape[1]", [("G203", "a[0].shape[0]")]),
    "a": Slot("a[i]", [("G703", "a[min(i, 1)]")]),
    "db": Slot("g[i].sum(axis=1, keepdims=True) / m", [("G601", "g[i].sum(axis=1, keepdims=True)"), ("G602", "g[i][:, :1] / m")], ["g[i].mean(axis=1)[:, None]"]),
}  # fmt: skip

SAMPLES = """import numpy as np

def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))

def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))

def feedforward(a, biases, weights):
    for b, w in zip(biases, weights):
        a = sigmoid(np.dot(w, a) + b)
    return a

def loss(xs, ys, w1, b1, w2, b2, w3, b3):
    total = 0.0
    for x, y in zip(xs, ys):
        a = feedforward(x[:, None], [b1, b2, b3], [w1, w2, w3])
        total += 0.5 * np.linalg.norm(a - y[:, None]) ** 2
    return total / len(xs)

def backprop(x, y, biases, weights):
    nabla_b = [np.zeros(b.shape) for b in biases]
    nabla_w = [np.zeros(w.shape) for w in weights]
    activation = x
    activations = [x]
    zs = []
    for b, w in zip(biases, weights):
        z = np.dot(w, activation) + b
        zs.append(z)
        activation = sigmoid(z)
        activations.append(activation)
    # the last layer
    delta = <delta>
    nabla_b[-1] = delta
    nabla_w[-1] = np.dot(delta, activations[-2].T)
    for l in range(2, len(weights) + 1):
        sp = <sp>
        delta = <back> * sp
        nabla_b[-l] = delta
        nabla_w[-l] = np.dot(delta, <act>.T)
    return nabla_b, nabla_w

def gradient(xs, ys, w1, b1, w2, b2, w3, b3):
    biases, weights = [b1, b2, b3], [w1, w2, w3]
    nabla_b = [np.zeros(b.shape) for b in biases]
    nabla_w = [np.zeros(w.shape) for w in weights]
    for x, y in zip(xs, ys):
        delta_nabla_b, delta_nabla_w = backprop(x[:, None], y[:, None], biases, weights)
        nabla_b = [<nb> for nb, dnb in zip(nabla_b, delta_nabla_b)]
        nabla_w = [<nw> for nw, dnw in zip(nabla_w, delta_nabla_w)]
    n = <n>
    return {"w1": nabla_w[0] / n, "b1": nabla_b[0] / n, "w2": nabla_w[1] / n, "b2": nabla_b[1] / n,
            "w3": nabla_w[2] / n, "b3": nabla_b[2] / n}

def example():
    rng = np.random.RandomState(17)
    return {"xs": rng.randn(7, 4), "ys": rng.rand(7, 3), "w1": rng.randn(5, 4), "b1": rng.randn(5, 1),
            "w2": rng.randn(5, 5), "b2": rng.randn(5, 1), "w3": rng.randn(3, 5), "b3": rng.randn(3, 1)}
"""
SAMPLES_SLOTS = {
    "delta": Slot("(activations[-1] - y) * sigmoid_prime(zs[-1])", [("G502", "(activations[-1] - y)"), ("G402", "(activations[-1] - y) * sigmoid_prime(activations[-1])"), ("G205", "(y - activations[-1]) * sigmoid_prime(zs[-1])")], ["(activations[-1] - y) * activations[-1] * (1 - activations[-1])"]),
    "sp": Slot("sigmoid_prime(zs[-l])", [("G402", "sigmoid_prime(activations[-l])"), ("G401", "1"), ("G403", "sigmoid(zs[-l])")], ["activations[-l] * (1 - activations[-l])"]),
    "back": Slot("np.dot(weights[-l + 1].T, delta)", [("G405", "np.ones((5, 1))")], ["weights[-l + 1].transpose() @ delta"]),
    "act": Slot("activations[-l - 1]", [], ["activations[len(weights) - l]"]),
    "nb": Slot("nb + dnb", [("G802", "dnb")]),
    "nw": Slot("nw + dnw", [("G802", "dnw")], ["np.add(nw, dnw)"]),
    "n": Slot("len(xs)", [("G203", "xs.shape[1]"), ("G202", "len(xs) ** 2"), ("G206", "(len(xs) * 10)")]),
}  # fmt: skip


def courses() -> Iterator[Case]:
    """The cases of all blind files, of this module and its sequels."""
    from tests.checking.corpus import courses_losses, courses_more

    for name, template, slots in PROGRAMS + courses_more.PROGRAMS + courses_losses.PROGRAMS:
        yield from cases(name, template, slots)


PROGRAMS = [
    ("affine layers", AFFINE, AFFINE_SLOTS),
    ("svm loops", SVM_NAIVE, SVM_NAIVE_SLOTS),
    ("svm vectorised", SVM_FAST, SVM_FAST_SLOTS),
    ("softmax loops", SOFTMAX_NAIVE, SOFTMAX_NAIVE_SLOTS),
    ("batch norm in steps", BATCHNORM, BATCHNORM_SLOTS),
    ("batch norm fused", BATCHNORM_FUSED, BATCHNORM_FUSED_SLOTS),
    ("dropout net", DROPOUT, DROPOUT_SLOTS),
    ("columns with caches", COLUMNS, COLUMNS_SLOTS),
    ("logistic by feature", LOGISTIC, LOGISTIC_SLOTS),
    ("classes", CLASSES, CLASSES_SLOTS),
    ("sample by sample", SAMPLES, SAMPLES_SLOTS),
]
