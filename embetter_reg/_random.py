"""One ``random_state`` in, generators out; nothing global is seeded for good."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from sklearn.utils import check_random_state


def draw_seed(random_state) -> int:
    """Draw one 31-bit seed from an int, a ``RandomState`` or None (fresh entropy)."""
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


@contextmanager
def seeded_torch(random_state) -> Iterator[None]:
    """Seed torch inside the block only, for library calls that take no generator."""
    import torch

    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(draw_seed(random_state))
        yield


@contextmanager
def global_seeds_kept() -> Iterator[None]:
    """Give the caller's global random state back after a library that seeds it."""
    import torch

    python, legacy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
