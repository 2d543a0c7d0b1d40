"""Functions that have no rule on purpose, each with what to use instead.

Whatever NumPy dispatches is either supported or named here or in a family file, so that every
error carries a cure; docs/coverage.md lists them and its test notices new NumPy functions.
"""

from __future__ import annotations

import numpy as np

from chainrule.engine.primitive import refuse

refuse(
    np.apply_along_axis, np.apply_over_axes,
    cure="use axis= arguments, or np.stack of the results of a loop",
)  # fmt: skip
refuse(
    np.poly, np.polyadd, np.polysub, np.polymul, np.polydiv, np.polyder, np.polyint, np.roots,
    np.polynomial.polynomial.polyval2d, np.polynomial.polynomial.polygrid2d,
    cure="use np.polyval, np.convolve and arithmetic on the arrays of coefficients",
)  # fmt: skip
refuse(
    np.emath.sqrt, np.emath.log, np.emath.log2, np.emath.log10, np.emath.logn, np.emath.power,
    np.emath.arccos, np.emath.arcsin, np.emath.arctanh, np.sort_complex,
    cure="its results may be complex: use the function of the same name in np on real arguments",
)  # fmt: skip
refuse(
    np.packbits, np.unpackbits, np.isnat, np.is_busday, np.busday_count, np.busday_offset,
    np.datetime_as_string,
    cure="it has no meaning for floating-point numbers: convert before the traced function",
)  # fmt: skip
refuse(
    np.save, np.savetxt, np.savez, np.savez_compressed,
    cure="return the array (has_aux=True for extra results) and save it outside",
)  # fmt: skip
refuse(np.min_scalar_type, cure="use x.dtype")
refuse(
    np.einsum_path,
    cure="call it with arrays of the same shapes, np.einsum_path(subscripts, np.empty(x.shape), …)",
)  # fmt: skip
