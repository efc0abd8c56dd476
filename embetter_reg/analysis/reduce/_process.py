"""Libraries that seed, draw from or set what belongs to the whole process."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from embetter_reg._random import draw_seed


@contextmanager
def process_unchanged() -> Iterator[None]:
    """Give numpy's global generator and the numbers of threads back afterward.

    Inside the block the global generator is seeded anew: a library that draws from it,
    as umap-learn does without a seed, would otherwise draw the same numbers at every
    call. Remarks of pacmap on seeds are silenced.
    """
    torch = sys.modules.get("torch")
    faiss = sys.modules.get("faiss")
    logger = logging.getLogger("pacmap.pacmap")
    level = logger.level
    state = np.random.get_state()  # noqa: NPY002
    n_torch = torch.get_num_threads() if torch else 0
    n_faiss = faiss.omp_get_max_threads() if faiss else 0
    np.random.seed(draw_seed(None))  # noqa: NPY002
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
        np.random.set_state(state)  # noqa: NPY002
        if torch and torch.get_num_threads() != n_torch:
            torch.set_num_threads(n_torch)
        if faiss:
            faiss.omp_set_num_threads(n_faiss)
