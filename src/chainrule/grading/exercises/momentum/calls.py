"""How the parts of momentum use a submission: on the loss ½ wᵀA w - bᵀw + Σ cos w."""

import numpy as np


def _gradient(A, b):
    return lambda w: A @ w - b - np.sin(w)


def sgd(work, A, b, w0, rates):
    return {"iterates": work["sgd"](_gradient(A, b), w0, rates)}


def momentum(work, A, b, w0, rates, rho):
    return {"iterates": work["momentum"](_gradient(A, b), w0, rates, rho)}


def nesterov(work, A, b, w0, rates, rho):
    return {"iterates": work["nesterov"](_gradient(A, b), w0, rates, rho)}
