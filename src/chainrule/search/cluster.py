"""Trials on a dask cluster: its workers run them, this process keeps the store."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager

from chainrule.search.errors import SearchError

__all__ = ["connected"]

#: Seconds to wait for the scheduler, and for a first worker.
PATIENCE = 20.0
#: Seconds for which the number of workers is taken as known; asking takes milliseconds.
FRESH = 1.0


@contextmanager
def connected(address: str) -> Iterator[tuple[Executor, Callable[[], int]]]:
    """Give the executor of a dask scheduler, and how many threads its workers have now.

    A trial whose worker dies is run by another one, by dask itself. The objective's module, or its
    file under the same path, must be there for every worker.

    Parameters
    ----------
    address : str
        As ``tcp://host:8786``.

    Raises
    ------
    SearchError
        If dask.distributed is not installed, the scheduler does not answer, or has no workers.
    """
    try:
        from distributed import Client
    except ImportError:
        raise SearchError(
            "A dask scheduler needs what is not installed. Install it with "
            "pip install 'chainrule[cluster]'."
        ) from None
    # The error below says the same in one sentence.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TimeoutError, ImportError) as error:
        raise SearchError(
            f"The scheduler {address} does not answer ({type(error).__name__}). Start one with "
            "`dask scheduler` and give its address, such as tcp://127.0.0.1:8786."
        ) from error
    try:
        try:
            client.wait_for_workers(1, timeout=PATIENCE)
        except TimeoutError:
            raise SearchError(
                f"The scheduler {address} has no workers. Start some with "
                f"`dask worker {address} --nthreads 1`."
            ) from None
        executor = client.get_executor()

        threads, asked = 0, -math.inf

        def slots() -> int:
            nonlocal threads, asked
            if time.monotonic() - asked > FRESH:
                threads, asked = sum(client.nthreads().values()), time.monotonic()
            # Twice as many calls as threads, so that none waits for the next one to arrive.
            return 2 * threads

        yield executor, slots
    finally:
        client.close(timeout=5)
