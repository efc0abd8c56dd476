"""One ``random_state`` in, generators out; nothing global is seeded for good."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral

import numpy as np
from numpy.random import MT19937, RandomState, SeedSequence
from sklearn import utils

RandomStateLike = int | RandomState | None


def check_random_state(random_state: RandomStateLike) -> RandomState:
    """Return a ``RandomState`` from an int or a ``RandomState``; None gives a new one.

    scikit-learn's function of this name answers None with numpy's global generator,
    so that every draw advances the state of the calling program.

    Raises
    ------
    ValueError
        If it is anything else.

    """
    if random_state is None:
        return RandomState(MT19937(SeedSequence()))
    try:
        return utils.check_random_state(random_state)
    except ValueError as error:
        raise ValueError(
            f"got random_state={random_state!r}, expected None, a whole number from 0 "
            "to 4294967295 or a numpy RandomState; pass one"
        ) from error


def draw_seed(random_state: RandomStateLike) -> int:
    """Draw one 31-bit seed from an int, a ``RandomState`` or None (fresh entropy)."""
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def as_seed(random_state: RandomStateLike) -> int:
    """Return an int as it is, and draw one from anything else."""
    if isinstance(random_state, Integral):
        check_random_state(random_state)  # refuses one that is out of range
        return int(random_state)
    return draw_seed(random_state)


@contextmanager
def seeded_torch(random_state: RandomStateLike) -> Iterator[None]:
    """Seed torch inside the block only, for library calls that take no generator."""
    import torch

    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(draw_seed(random_state))
        yield


@contextmanager
def global_seeds_kept() -> Iterator[None]:
    """Give the caller's global random state back after a library that seeds it."""
    import torch

    python = random.getstate()
    numpy = np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
