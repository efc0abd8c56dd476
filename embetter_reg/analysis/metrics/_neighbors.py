"""Neighbors: searched once, passed along to every figure that needs them."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from embetter_reg._random import RandomStateLike
from embetter_reg._validation import check_groups, check_space, check_whole_number
from embetter_reg.analysis.metrics._distances import (
    check_metric,
    distance_blocks,
    draw_queries,
)


class Ranking(NamedTuple):
    """Neighbors of each query, nearest first: both arrays have the shape (n_queries,
    n_neighbors).

    ``documents`` (int32) are their numbers, -1 where there are no more, and
    ``distances`` (float32) there infinity.
    """

    documents: np.ndarray
    distances: np.ndarray


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The neighbors of documents, none its own, with the labels by which they were
    searched.

    Attributes
    ----------
    queries : ndarray of int, shape (n_queries,)
        Numbers of the documents whose neighbors these are: all, or a seeded sample.
    register, language : ndarray of str, shape (n_documents,)
    nearest : Ranking
        Among all documents.
    same_register : Ranking
        Among documents of the query's register.
    other_language : Ranking
        Among documents in other languages than the query's.
    metric : str

    """

    queries: np.ndarray
    register: np.ndarray
    language: np.ndarray
    nearest: Ranking
    same_register: Ranking
    other_language: Ranking
    metric: str


def label_codes(labels: ArrayLike) -> np.ndarray:
    """Return each document's label as its number in the sorted order of labels."""
    return np.unique(labels, return_inverse=True)[1]


def check_neighbors(neighbors: Neighbors) -> None:
    """Raise TypeError unless these are the neighbors that `find_neighbors` returns."""
    if not isinstance(neighbors, Neighbors):
        raise TypeError(
            f"got neighbors of type {type(neighbors).__name__}, expected Neighbors; "
            "pass what find_neighbors returns"
        )


def find_neighbors(
    X: ArrayLike,
    *,
    register: ArrayLike,
    language: ArrayLike,
    n_neighbors: int = 90,
    metric: str = "cosine",
    max_queries: int | None = 20_000,
    random_state: RandomStateLike = 0,
) -> Neighbors:
    """Return exact nearest neighbors: of all documents, within the register, and in
    other languages.

    One pass over the distances in blocks; memory grows with ``max_queries *
    n_neighbors``, never with ``n_documents ** 2``.

    Parameters
    ----------
    X : array of shape (n_documents, n_dims)
    register, language : arrays of labels (n_documents,)
    n_neighbors : int
        At most so many for each document; three times the perplexity of `lisi` is its
        source's choice.
    metric : {"cosine", "euclidean"}
    max_queries : int or None
        Above so many documents, a sample of that size is asked for its neighbors
        (among all). None asks all.
    random_state : int or RandomState
        Decides the sample.

    Returns
    -------
    Neighbors

    Raises
    ------
    ValueError
        If there is one register or one language only, labels do not fit, or a number is
        below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import find_neighbors
    >>> X = np.array([[0.0], [1.0], [3.0], [7.0]])
    >>> labels = {"register": ["NA", "NA", "HI", "HI"], "language": ["en", "fi"] * 2}
    >>> neighbors = find_neighbors(X, **labels, metric="euclidean")
    >>> neighbors.nearest.documents
    array([[1, 2, 3],
           [0, 2, 3],
           [1, 0, 3],
           [2, 1, 0]], dtype=int32)
    >>> neighbors.other_language.documents[0]
    array([ 1,  3, -1], dtype=int32)

    """
    rows = check_space("X", X)
    registers = check_groups("register", register, len(rows))
    languages = check_groups("language", language, len(rows))
    check_whole_number("n_neighbors", n_neighbors)
    check_metric(metric)
    queries = draw_queries(np.arange(len(rows)), max_queries, random_state)
    k = min(n_neighbors, len(rows) - 1)
    nearest, same_register, other_language = (
        Ranking(
            np.empty((len(queries), k), np.int32),
            np.empty((len(queries), k), np.float32),
        )
        for _ in range(3)
    )
    register_codes = label_codes(registers)
    language_codes = label_codes(languages)
    for batch, block in distance_blocks(rows, queries, metric):
        documents = queries[batch]
        block[np.arange(len(documents)), documents] = np.inf
        is_same_register = register_codes[documents][:, None] == register_codes
        is_same_language = language_codes[documents][:, None] == language_codes
        for ranking, allowed in (
            (nearest, block),
            (same_register, np.where(is_same_register, block, np.inf)),
            (other_language, np.where(is_same_language, np.inf, block)),
        ):
            ranking.documents[batch], ranking.distances[batch] = _nearest(allowed, k)
    return Neighbors(
        queries, registers, languages, nearest, same_register, other_language, metric
    )


def _nearest(block: np.ndarray, k: int) -> Ranking:
    """Return the k smallest distances of each row, in order; infinite ones are no
    neighbors.

    A limit is guessed from a part of each row, since partitioning it whole takes most
    of the search; where the guess leaves too few, every distance is looked at.
    """
    step = max(1, block.shape[1] // 4096) | 1
    part = block[:, ::step]
    place = min(k - 1 if step == 1 else 3 * k // (2 * step) + 10, part.shape[1] - 1)
    limit = np.partition(part, place, axis=1)[:, [place]]
    limit[(block <= limit).sum(axis=1) < k] = np.inf
    rows, columns = divmod(
        np.flatnonzero(block <= np.minimum(limit, np.finfo(np.float32).max)),
        block.shape[1],
    )
    counts = np.bincount(rows, minlength=len(block))
    places = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    documents = np.full((len(block), max(k, counts.max())), -1, np.int32)
    distances = np.full(documents.shape, np.inf, np.float32)
    documents[rows, places] = columns
    distances[rows, places] = block[rows, columns]
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return Ranking(
        np.take_along_axis(documents, order, axis=1),
        np.take_along_axis(distances, order, axis=1),
    )
