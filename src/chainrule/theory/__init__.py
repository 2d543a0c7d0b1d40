"""Closed forms of small models, exact where they can be, to hold against what is computed.

Each file is one subject; its public functions can be had from here too, and are imported when they
are first used.

>>> from chainrule import theory
>>> theory.covering_number([(0, 1), (0, 2)], 0.05)
200
"""

from __future__ import annotations

import importlib
from typing import Any

#: The public names of each file of this room.
PUBLIC = {
    "boxes": ("Box", "ProductGrid", "box_of"),
    "covering_numbers": (
        "CoveringBounds", "CoveringCertificate", "covered_fraction_bound", "covering_certificate",
        "covering_number", "covering_volume_bounds", "minimal_cover", "minimal_cover_axes",
        "packing_certificate",
    ),
    "covers": ("is_epsilon_cover", "is_epsilon_packing", "uncovered_point"),
    "dropout": (
        "apply_dropout", "dropout_linear_penalty", "dropout_linear_regression", "dropout_noise",
        "dropout_noise_moment", "dropout_ratio_limit", "dropout_second_order",
        "exact_dropout_expectation",
    ),
    "grid_and_random": (
        "GridDistinct", "SearchComparison", "compare_search", "expected_best_gap_grid",
        "expected_best_gap_random", "expected_distinct", "grid_distinct", "grid_search_configs",
        "integer_root", "prob_all_distinct", "prob_random_cover", "random_search_configs",
    ),
    "linear_critical_points": (
        "CriticalPoint", "Descent", "SufficientCondition", "classify_critical_point",
        "sufficient_condition",
    ),
    "linear_networks": (
        "GlobalMinimum", "balancedness", "best_error_of_rank", "factorize_linear_network",
        "is_global_minimizer", "linear_network_global_minimum", "linear_network_gradients",
        "linear_network_hessian", "linear_network_loss", "linear_network_product",
        "product_gradient",
    ),
    "parity": (
        "ParityCheck", "ParityNetwork", "binary_vectors", "check_parity", "minimal_units",
        "parity_label", "parity_network", "printed_parity_network", "tent_units",
    ),
    "parity_gradients": (
        "GradientSpread", "parity_gradient_decomposition", "parity_gradient_spread",
        "parity_parameters", "parity_risk", "parity_risk_gradient",
    ),
    "piecewise_linear": (
        "ExactReluNetwork", "NotRepresentable", "relu_network_from_knots", "units_needed",
    ),
    "piecewise_linear_data": ("MinimalKinks", "fit_piecewise_linear", "minimal_kinks"),
    "relu_curve_loss": ("squared_loss", "squared_loss_gradient"),
    "relu_curves": ("HANDOUT", "Forward", "ReluCurve"),
    "robust_regression": (
        "L1Fit", "l1_loss", "l1_regression", "l1_subgradient", "weighted_median",
    ),
    "stochastic_gradient": (
        "SGDBound", "SGDMoments", "StochasticProblem", "cosine_problem", "exact_sgd_moments",
        "quadratic_problem", "schedule", "sgd_bound", "sgd_bound_schedule", "simulate_sgd",
    ),
    "two_layers": (
        "FORMULAS", "BackpropCost", "TwoLayerPartials", "backprop_cost", "relu_derivative",
        "student_relu_derivative", "two_layer_partials",
    ),
    "vector_calculus": (
        "grad_squared_norm", "hessian_of_squared_distances", "minimiser_of_squared_distances",
        "sum_of_squared_distances",
    ),
}  # fmt: skip

_FILES = {name: file for file, names in PUBLIC.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _FILES:
        raise AttributeError(f"module 'chainrule.theory' has no attribute {name!r}")
    return getattr(importlib.import_module(f"chainrule.theory.{_FILES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_FILES])
