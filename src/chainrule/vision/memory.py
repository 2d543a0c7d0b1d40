"""What to say when a batch does not fit into memory: the size that does."""

from __future__ import annotations

from collections.abc import Callable

from chainrule.vision.errors import VisionError

_SIGNS = ("out of memory", "can't allocate memory", "not enough memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of PyTorch or NumPy means that memory ran out, on a GPU or not."""
    message = str(error).lower()
    return isinstance(error, MemoryError) or any(sign in message for sign in _SIGNS)


def too_large(batch_size: int, attempt: Callable[[int], object]) -> VisionError:
    """The error for a batch that did not fit, naming the largest half, quarter, … that does.

    Parameters
    ----------
    batch_size : int
        That did not fit.
    attempt : callable
        Does the same with a given number of images, and raises if they do not fit either.
    """
    smaller = batch_size // 2
    while smaller >= 1:
        try:
            attempt(smaller)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            smaller //= 2
        else:
            return VisionError(
                f"A batch of {batch_size} images does not fit into memory; {smaller} fit. Set the "
                f"batch size to {smaller}; finished epochs are kept."
            )
    return VisionError(
        f"A batch of {batch_size} images does not fit into memory, nor does a single one. Choose "
        "smaller images or a narrower network."
    )
