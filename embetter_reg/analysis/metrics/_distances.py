"""Distances in blocks, so that nothing of n_documents × n_documents is ever in memory."""

from collections.abc import Iterator

import numpy as np
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.preprocessing import normalize
from sklearn.utils import gen_batches

from embetter_reg._random import RandomStateLike, check_random_state
from embetter_reg._validation import check_choice, check_whole_number

METRICS = ("cosine", "euclidean")
_BLOCK = 16_000_000  # distances a block: 64 MB as float32


def distance_blocks(
    X: np.ndarray, queries: np.ndarray, metric: str
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield a slice of ``queries`` and their distances to all rows of ``X``, float32
    (n_rows, n_documents).

    ``queries`` are numbers of documents; a document's distance to itself is exactly 0.
    Cosine distances are 1 - cosine, in [0, 2].

    Raises
    ------
    ValueError
        If the metric is not "cosine" or "euclidean".

    """
    check_metric(metric)
    if metric == "cosine":
        rows = normalize(X.astype(np.float32, copy=False))
    else:
        rows = (X - X.mean(axis=0, dtype=np.float64)).astype(np.float32)
        squares = np.einsum("ij,ij->i", rows, rows)
    for batch in gen_batches(len(queries), max(1, _BLOCK // len(X))):
        documents = queries[batch]
        if metric == "cosine":
            block = rows[documents] @ rows.T
            np.maximum(np.subtract(1, block, out=block), 0, out=block)
        else:
            block = _euclidean(rows, squares, documents)
        block[np.arange(len(documents)), documents] = 0
        yield batch, block


def _euclidean(
    rows: np.ndarray, squares: np.ndarray, documents: np.ndarray
) -> np.ndarray:
    """Return the distances of the rows numbered ``documents`` to all.

    In float32 the difference of two large squares says little about near rows. Rows
    that have such neighbors, as most have in few dimensions, are computed in float64.
    """
    if rows.shape[1] <= 16:
        return euclidean_distances(rows[documents], rows)
    # |x - y|² = |x|² - 2 xy + |y|², from one product of matrices.
    block = (-2 * rows[documents]) @ rows.T
    block += squares
    block += squares[documents, None]
    block[np.arange(len(documents)), documents] = np.inf
    has_near = (block < 0.01 * squares[documents, None]).any(axis=1)
    np.sqrt(np.maximum(block, 0, out=block), out=block)
    if has_near.any():
        block[has_near] = euclidean_distances(rows[documents[has_near]], rows)
    return block


def check_metric(metric: str) -> None:
    """Refuse a metric that is neither cosine nor Euclidean."""
    check_choice("metric", metric, METRICS)


def draw_queries(
    candidates: np.ndarray, max_queries: int | None, random_state: RandomStateLike
) -> np.ndarray:
    """Return the numbers of at most ``max_queries`` candidates, drawn with the seed
    where there are more, sorted.
    """
    if max_queries is not None:
        check_whole_number("max_queries", max_queries)
    rng = check_random_state(random_state)
    if max_queries is None or len(candidates) <= max_queries:
        return candidates
    return np.sort(rng.choice(candidates, max_queries, replace=False))
