"""Nearest neighbors, searched once for several UMAPs."""

from dataclasses import dataclass
from typing import Any, Self

import joblib
import numpy as np
from numpy.typing import ArrayLike
from sklearn.neighbors import VALID_METRICS, NearestNeighbors

from embetter_reg._random import check_random_state
from embetter_reg._validation import check_choice, check_space, check_whole_number
from embetter_reg.analysis.reduce._process import process_unchanged

_EXACT_ROWS = 10_000
_RECALL_ROWS = 500  # that an approximate search is checked on


@dataclass(frozen=True, eq=False)
class NeighborGraph:
    """The nearest neighbors of every row, the row itself first.

    Attributes
    ----------
    indices : ndarray of int32, shape (n_documents, n_neighbors)
    distances : ndarray of float32, shape (n_documents, n_neighbors)
        In [0, inf), rising along each row; 0 in the first column.
    index : object
        Its ``query(X, k, epsilon)`` finds the neighbors of new rows.
    recall : float
        Share of neighbors that are among the true nearest ones, in [0, 1], higher is
        better: 1 for an exact search, on 500 random rows for an approximate one, and
        NaN for a metric that scikit-learn cannot search by.

    """

    indices: np.ndarray
    distances: np.ndarray
    index: Any
    recall: float


def check_metric_name(metric: str) -> None:
    """Raise ValueError unless umap-learn or scikit-learn's search has the metric."""
    from umap.distances import named_distances

    check_choice("metric", metric, sorted({*VALID_METRICS["brute"], *named_distances}))


class SharedNeighbors:
    """Nearest neighbors, searched once and lent to every `UMAP` that holds this
    object.

    Rows are known by their content: the same vectors with the same metric and number of
    neighbors are searched once, whatever the number of dimensions, ``min_dist`` or the
    labels of the UMAP that asks. A clone of a reducer holds the same object; a copy
    sent to another process searches for itself.

    Up to 10,000 rows the search is exact and knows no seed; beyond, it is NN-descent
    (Dong, Moses & Li 2011), whose result is kept for each seed and whose first search
    in a process compiles for up to a minute. What it misses is in the graph's
    ``recall``.

    Parameters
    ----------
    n_kept : int
        Graphs kept; the oldest goes first.

    Attributes
    ----------
    n_searches : int
        Searches so far.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import SharedNeighbors
    >>> X = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
    >>> neighbors = SharedNeighbors()
    >>> neighbors.find(X, 2).indices.tolist()
    [[0, 1], [1, 0], [2, 3], [3, 2]]
    >>> neighbors.find(X, 2) is neighbors.find(X, 2), neighbors.n_searches
    (True, 1)

    """

    def __init__(self, n_kept: int = 4) -> None:
        self.n_kept = n_kept
        self.n_searches = 0
        self._graphs: dict[tuple, NeighborGraph] = {}

    def __repr__(self) -> str:
        return f"SharedNeighbors(n_kept={self.n_kept})"

    def __sklearn_clone__(self) -> Self:
        return self

    def find(
        self,
        X: ArrayLike,
        n_neighbors: int,
        *,
        metric: str = "cosine",
        random_state: int | None = None,
    ) -> NeighborGraph:
        """Return the ``n_neighbors`` nearest of each row of ``X`` (n_documents,
        n_dims), the row itself among them.

        Raises
        ------
        ValueError
            If ``X`` is no finite 2-D array, the metric is unknown to umap-learn, or
            there are not from 2 to n_documents neighbors.
        TypeError
            If ``n_neighbors`` is not a whole number.

        """
        rows = check_space("X", X)
        check_whole_number("n_neighbors", n_neighbors, 1, len(rows))
        check_metric_name(metric)
        is_exact = len(rows) <= _EXACT_ROWS and metric in VALID_METRICS["brute"]
        key: tuple = (joblib.hash(rows), n_neighbors, metric)
        if not is_exact:
            key = (*key, random_state)
        if key not in self._graphs:
            if is_exact:
                graph = _exact(rows, n_neighbors, metric)
            else:
                graph = _approximate(rows, n_neighbors, metric, random_state)
            self._graphs[key] = graph
            self.n_searches += 1
            for oldest in list(self._graphs)[: -self.n_kept]:
                del self._graphs[oldest]
        return self._graphs[key]


class _ExactIndex:
    """What UMAP asks of an index of neighbors, by comparing with every row."""

    _angular_trees = False

    def __init__(self, search: NearestNeighbors) -> None:
        self.search = search

    def query(
        self, X: np.ndarray, k: int, epsilon: float = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        distances, indices = self.search.kneighbors(X, k)
        return indices, distances


def _exact(rows: np.ndarray, n_neighbors: int, metric: str) -> NeighborGraph:
    search = NearestNeighbors(metric=metric, algorithm="brute").fit(rows)
    # Without rows to ask about, a row is no neighbor of its own.
    distances, indices = search.kneighbors(n_neighbors=n_neighbors - 1)
    itself = np.arange(len(rows))[:, None]
    return NeighborGraph(
        np.hstack([itself, indices]).astype(np.int32),
        np.hstack([np.zeros_like(itself), np.maximum(distances, 0)]).astype(np.float32),
        _ExactIndex(search),
        recall=1.0,
    )


def _approximate(
    rows: np.ndarray, n_neighbors: int, metric: str, random_state: int | None
) -> NeighborGraph:
    from umap.umap_ import nearest_neighbors

    n_jobs = -1
    if random_state is not None:
        n_jobs = 1
    with process_unchanged():
        indices, distances, index = nearest_neighbors(
            rows,
            n_neighbors,
            metric,
            {},
            False,
            check_random_state(random_state),
            n_jobs=n_jobs,
        )
    recall = np.nan
    if metric in VALID_METRICS["brute"] and n_neighbors > 1:
        recall = _recall(rows, indices, metric, random_state)
    return NeighborGraph(indices, distances, index, recall)


def _recall(
    rows: np.ndarray, indices: np.ndarray, metric: str, random_state: int | None
) -> float:
    """Return the share of neighbors, the rows themselves aside, that an exact search
    finds too, on a sample of rows.
    """
    rng = check_random_state(random_state)
    sampled = rng.choice(len(rows), min(_RECALL_ROWS, len(rows)), replace=False)
    search = NearestNeighbors(metric=metric, algorithm="brute").fit(rows)
    nearest = search.kneighbors(rows[sampled], indices.shape[1], return_distance=False)
    others = indices[sampled, 1:]
    is_nearest = (others[:, :, None] == nearest[:, None, :]).any(axis=2)
    return float(is_nearest.mean())
