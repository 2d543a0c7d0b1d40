"""Constants of a recording: copied, or kept read-only, until the backward pass has read them."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput
from chainrule.engine.location import here
from chainrule.engine.refusals import unsupported_dtype

COPY_BYTES = 4096  # up to here a copy costs no more than locking does
_SAMPLED = 512  # elements by which a change of a larger array is noticed


class Keeper:
    """Keeps constants as they are when an operation reads them.

    What outlives the traced call copies them. Otherwise large ones are locked (made read-only)
    until `unlock`, so that a change raises instead of giving a wrong gradient.
    """

    __slots__ = ("lasting", "locked", "witnesses")

    lasting: bool
    locked: list[np.ndarray]
    witnesses: list[tuple[np.ndarray, bytes]]  # locked arrays and a sample of what they held

    def unlock(self) -> None:
        """Make the locked arrays writeable again."""
        for array in reversed(self.locked):
            array.flags.writeable = True
        self.locked.clear()

    def check_constants(self) -> None:
        """Notice a locked array that was changed through an older view of its memory.

        Such views stay writeable; that they were used shows in a sample of the array.
        """
        for array, sample in self.witnesses:
            if _sample(array) != sample:
                raise InvalidInput(
                    f"an array of shape {array.shape} that an operation reads was changed in place "
                    "through another view of its memory; the gradient would be wrong: work on a "
                    "copy."
                )

    def keep(self, constant: Any) -> Any:
        """A constant operand, safe from later changes by the user."""
        if type(constant) is np.ndarray:
            if constant.dtype.kind in "cO":
                raise InvalidInput(unsupported_dtype(constant.dtype))
            if is_fixed(constant):
                return constant
            flags = constant.flags
            if (
                self.lasting
                or constant.nbytes <= COPY_BYTES
                or not (flags.c_contiguous or flags.f_contiguous)
            ):
                return constant.copy(order="K")
            return self._lock(constant)
        if isinstance(constant, (bool, int, float, np.generic)):
            if isinstance(constant, np.generic) and constant.dtype.kind not in "fiub":
                raise InvalidInput(unsupported_dtype(constant.dtype))
            return constant
        if isinstance(constant, complex):
            raise InvalidInput(unsupported_dtype(np.dtype(complex)))
        if isinstance(constant, (list, tuple, np.ndarray)):
            if isinstance(constant, (np.ma.MaskedArray, np.matrix)):
                raise InvalidInput(
                    f"{type(constant).__name__} is not supported at {here()}; convert it with "
                    "np.asarray."
                )
            return self.keep(np.array(constant))
        if constant is None or isinstance(constant, str):
            raise InvalidInput(f"{constant!r} is not an array operand at {here()}.")
        return self.keep(np.array(constant))

    def _lock(self, array: np.ndarray) -> np.ndarray:
        chain = [array]
        while isinstance(chain[-1].base, np.ndarray):
            chain.append(chain[-1].base)
        if chain[-1].base is not None:  # memory owned by somebody else cannot be locked
            return array.copy(order="K")
        self.witnesses.append((array, _sample(array)))
        for member in chain:
            if member.flags.writeable:
                member.flags.writeable = False
                self.locked.append(member)
        return array


def is_fixed(array: np.ndarray) -> bool:
    """Whether an array is read-only together with all the memory that it looks into."""
    if array.flags.writeable:
        return False
    base = array.base
    if base is None or isinstance(base, np.ndarray):
        return base is None or is_fixed(base)
    try:
        owner = memoryview(base).obj
        return is_fixed(owner) if isinstance(owner, np.ndarray) else memoryview(owner).readonly
    except TypeError:
        return False


def _sample(array: np.ndarray) -> bytes:
    elements = array.ravel("K")  # a view, for the array is contiguous
    return elements[:: len(elements) // _SAMPLED or 1].tobytes()
