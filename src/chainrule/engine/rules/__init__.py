"""Differentiation rules, one file per family; importing this package registers them.

Rules of SciPy's special functions (`special`) are loaded when one is first met.
"""

from chainrule.engine.rules import (
    assignment,  # noqa: F401
    conversion,  # noqa: F401
    creation,  # noqa: F401
    decompositions,  # noqa: F401
    differences,  # noqa: F401
    einsum,  # noqa: F401
    elementwise,  # noqa: F401
    indexing,  # noqa: F401
    joining,  # noqa: F401
    linalg,  # noqa: F401
    network,  # noqa: F401
    norms,  # noqa: F401
    ordering,  # noqa: F401
    piecewise,  # noqa: F401
    polynomials,  # noqa: F401
    pooling,  # noqa: F401
    products,  # noqa: F401
    reductions,  # noqa: F401
    refused,  # noqa: F401
    running,  # noqa: F401
    shape,  # noqa: F401
    softmax,  # noqa: F401
    statistics,  # noqa: F401
    vector_products,  # noqa: F401
)
