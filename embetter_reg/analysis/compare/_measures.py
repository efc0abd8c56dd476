"""The figures of a space, each with what a single document adds to it, for intervals by
document.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from embetter_reg.analysis.metrics import (
    Neighbors,
    abroad_guesses,
    bras_samples,
    cilisi_samples,
    clisi_samples,
    cross_guesses,
    find_neighbors,
    graph_connectivity,
    ilisi_samples,
    kbet,
    mean_of_groups,
    purity_samples,
    register_purity,
    retrieval_samples,
    silhouette_samples,
)

MAX_QUERIES = 5_000  # beyond it, the neighbors of a seeded sample are searched
_MAX_FITTED = 10_000  # documents that a probe is fitted on
_N_FOLDS = 5
_NAN = float("nan")


class Measured(NamedTuple):
    """A figure of a space, and how to get it from any of the documents that it was
    measured on.

    ``beside`` is what a space without any structure would have (chance, or the most
    frequent label), NaN where there is no such value. ``documents`` is None for a
    figure that is no function of single documents.
    """

    value: float
    beside: float = _NAN
    documents: np.ndarray | None = None
    values: np.ndarray = np.empty(0)
    reduce: Callable[[np.ndarray], float] = np.nanmean


@dataclass(frozen=True)
class Space:
    """Vectors with their labels; what several figures read is computed once.

    Figures that draw share ``rng``, in the order of `FIGURES`.
    """

    X: np.ndarray
    register: np.ndarray
    language: np.ndarray
    n_permutations: int
    rng: np.random.RandomState
    max_queries: int | None = MAX_QUERIES

    @cached_property
    def neighbors(self) -> Neighbors:
        return find_neighbors(
            self.X,
            register=self.register,
            language=self.language,
            max_queries=self.max_queries,
            random_state=self.rng,
        )

    @cached_property
    def purity(self) -> dict[str, float]:
        return register_purity(
            self.neighbors, n_permutations=self.n_permutations, random_state=self.rng
        )

    @cached_property
    def retrieved(self) -> pd.DataFrame:
        return retrieval_samples(
            self.X, self.neighbors.queries, self.register, self.language
        )

    @cached_property
    def abroad(self) -> tuple[np.ndarray, np.ndarray]:
        return abroad_guesses(
            self.X, self.register, self.language, "linear", _MAX_FITTED, self.rng
        )


def _mean(documents: np.ndarray, values: np.ndarray, beside: float = _NAN) -> Measured:
    if np.isnan(values).all():
        raise ValueError(
            "got no register in two languages, expected some to cross between; pass "
            "more documents"
        )
    return Measured(float(np.nanmean(values)), beside, documents, values)


def _median(documents: np.ndarray, values: np.ndarray) -> Measured:
    value = float(np.nanmedian(values))
    return Measured(value, _NAN, documents, values, np.nanmedian)


def silhouette(space: Space, label: str) -> Measured:
    labels = getattr(space, label)
    samples = silhouette_samples(space.X, [labels], metric="cosine")[0]
    return _mean(np.arange(len(space.X)), samples)


def bras(space: Space) -> Measured:
    samples = bras_samples(space.X, register=space.register, language=space.language)
    documents = np.flatnonzero(~np.isnan(samples))
    registers = np.unique(space.register[documents], return_inverse=True)[1]
    pairs = np.stack([samples[documents], registers], axis=1)
    return Measured(_mean_of_groups(pairs), _NAN, documents, pairs, _mean_of_groups)


def clisi(space: Space) -> Measured:
    return _median(space.neighbors.queries, clisi_samples(space.neighbors))


def ilisi(space: Space) -> Measured:
    return _median(space.neighbors.queries, ilisi_samples(space.neighbors))


def cilisi(space: Space) -> Measured:
    return _mean(space.neighbors.queries, cilisi_samples(space.neighbors))


def purity(space: Space) -> Measured:
    chance = space.purity["chance"]
    return _mean(space.neighbors.queries, purity_samples(space.neighbors), chance)


def purity_null(space: Space) -> Measured:
    return Measured(space.purity["null"])


def average_precision(space: Space) -> Measured:
    samples = space.retrieved["average_precision"].to_numpy()
    return _mean(space.neighbors.queries, samples, space.retrieved["chance"].mean())


def wrong_beats_right(space: Space) -> Measured:
    samples = space.retrieved["wrong_beats_right"].to_numpy()
    return _mean(space.neighbors.queries, samples, 0.5)


def probe(space: Space, label: str, probe: str) -> Measured:
    labels = getattr(space, label)
    documents, guesses, usual = cross_guesses(
        space.X, labels, probe, _N_FOLDS, _MAX_FITTED, space.rng
    )
    hits = (guesses == labels[documents]).astype(float)
    return Measured(float(hits.mean()), usual, documents, hits)


def abroad_micro(space: Space) -> Measured:
    guesses, usual = space.abroad
    hits = (guesses == space.register).astype(float)
    beside = float((usual == space.register).mean())
    return Measured(float(hits.mean()), beside, np.arange(len(space.X)), hits)


def abroad_macro(space: Space) -> Measured:
    guesses, _ = space.abroad
    stacked = np.stack([space.register, guesses])
    names, codes = np.unique(stacked, return_inverse=True)
    pairs = codes.reshape(2, -1).T
    reduce = partial(_macro_f1, n=len(names))
    return Measured(reduce(pairs), _NAN, np.arange(len(space.X)), pairs, reduce)


def kbet_acceptance(space: Space) -> Measured:
    return Measured(kbet(space.neighbors))


def connectivity(space: Space) -> Measured:
    return Measured(graph_connectivity(space.neighbors))


def _mean_of_groups(pairs: np.ndarray) -> float:
    """Return the mean over groups of the means of rows of (value, group)."""
    return mean_of_groups(pairs[:, 0], pairs[:, 1].astype(int))


def _macro_f1(pairs: np.ndarray, n: int) -> float:
    """Return macro F1 of rows of (true code, guessed code), over codes that occur in
    either.
    """
    cells = pairs[:, 0] * n + pairs[:, 1]
    table = np.bincount(cells, minlength=n**2).reshape(n, n)
    occurrences = table.sum(axis=0) + table.sum(axis=1)
    occurs = occurrences > 0
    return float((2 * np.diag(table)[occurs] / occurrences[occurs]).mean())
