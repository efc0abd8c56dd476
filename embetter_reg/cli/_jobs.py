"""The number of processes and threads that a command may use."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
)


@contextmanager
def limit_jobs(jobs: int | None) -> Iterator[None]:
    """Limit libraries that are loaded, and those that will be, to so many threads; give
    the numbers back.
    """
    if jobs is None:
        yield
        return
    from threadpoolctl import threadpool_limits

    before = {name: os.environ.get(name) for name in _VARIABLES}
    os.environ.update(dict.fromkeys(_VARIABLES, str(jobs)))
    if "numba" not in sys.modules:  # it refuses another number later
        os.environ["NUMBA_NUM_THREADS"] = str(jobs)
    torch = sys.modules.get("torch")
    n_threads = torch.get_num_threads() if torch else None
    if torch:
        torch.set_num_threads(jobs)
    try:
        with threadpool_limits(limits=jobs):
            yield
    finally:
        if torch:
            torch.set_num_threads(n_threads)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
