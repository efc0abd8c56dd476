"""Silhouettes of many labellings in one pass over the distances."""

from collections.abc import Sequence

import numpy as np
from joblib import Parallel, cpu_count, delayed
from sklearn.preprocessing import normalize
from sklearn.utils.extmath import row_norms
from threadpoolctl import threadpool_limits

from embetter_reg._validation import check_space
from embetter_reg.analysis._contingency import label_codes

_ROWS, _COLUMNS = 512, 8192  # a tile of distances: 16 MB
_FEW_DIMS = 16
METRICS = ("euclidean", "cosine")


def silhouettes(X, labelings: Sequence, metric: str = "euclidean", *, n_jobs: int | None = None) -> np.ndarray:
    """Return the mean silhouette of each labelling, in [-1, 1]; higher means tighter and better apart.

    Exact (Rousseeuw 1987), and equal to scikit-learn's ``silhouette_score`` of each labelling, but every distance is
    made once for all of them, in float32 tiles; the memory does not grow with the square of the rows. In up to 16
    dimensions bounds on mean distances leave out most clusters of each labelling. Under the cosine metric no distance
    is made at all: those of a row to a cluster add up to ``size - row · sum of unit vectors``.

    Parameters
    ----------
    X : array (n_documents, n_dims)
    labelings : sequence of arrays (n_documents,)
    metric : {"euclidean", "cosine"}
    n_jobs : int or None
        Threads; None takes all cores.

    Returns
    -------
    ndarray of float64, shape (n_labelings,)
        NaN where a labelling has one label only, or a label for every row.

    Raises
    ------
    ValueError
        If the metric has another name, or a labelling another length than ``X``.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [9.0, 0.0], [9.0, 1.0]])
    >>> silhouettes(X, [["a", "a", "b", "b"], ["a", "b", "a", "b"]]).round(3).tolist()
    [0.889, -0.441]

    """
    if metric not in METRICS:
        raise ValueError(f"got metric={metric!r}, expected one of {list(METRICS)}; pick one")
    X = check_space("X", X)
    found = np.full(len(labelings), np.nan)
    coded = [label_codes(labels, len(X)) for labels in labelings]
    fit = [place for place, codes in enumerate(coded) if 1 <= codes.max() < len(X) - 1]
    if fit and metric == "euclidean" and X.shape[1] <= _FEW_DIMS:
        from embetter_reg.analysis._kernels import announce, silhouette

        announce()
        rows = X.astype(np.float64)
        rows -= rows.mean(axis=0)
        calls = (delayed(silhouette)(rows, coded[place], coded[place].max() + 1) for place in fit)
        found[fit] = Parallel(min(n_jobs or cpu_count(), len(fit)), prefer="threads")(calls)
    elif fit:
        found[fit] = _means(X, np.stack([coded[place] for place in fit]), metric, n_jobs or cpu_count())
    return found


def _means(X, codes: np.ndarray, metric: str, n_jobs: int) -> np.ndarray:
    """Return the mean silhouettes of labellings ``codes (n_labelings, n)``, each from 0 to its number of labels."""
    counts = codes.max(axis=1) + 1
    offsets = np.concatenate([[0], np.cumsum(counts)[:-1]])
    columns = (codes + offsets[:, None]).T  # of each row and labelling, among the clusters of all labellings
    sizes = np.bincount(columns.ravel(), minlength=counts.sum()).astype(np.float64)
    if metric == "cosine":
        rows = normalize(X.astype(np.float64, copy=False))
        sums = np.zeros((len(sizes), rows.shape[1]))
        for start in range(0, len(rows), _COLUMNS):
            block = slice(start, start + _COLUMNS)
            sums += _members(columns[block], len(sizes), rows.dtype).T @ rows[block]
        lonely = 1 - row_norms(rows, squared=True)  # a row's distance to itself: 0, or 1 for a row of zeros

        def score(block):
            return _score(sizes - rows[block] @ sums.T, columns[block], sizes, offsets, lonely[block])
    else:
        centered = (X - X.mean(axis=0, dtype=np.float64)).astype(np.float32)
        norms = row_norms(centered, squared=True)

        def score(block):
            totals = _totals(centered, norms, columns, block, len(sizes))
            return _score(totals, columns[block], sizes, offsets, 0.0)

    blocks = [slice(start, start + _ROWS) for start in range(0, len(X), _ROWS)]
    with threadpool_limits(1, user_api="blas"):
        parts = Parallel(min(n_jobs, len(blocks)), prefer="threads")(delayed(score)(block) for block in blocks)
    return np.sum(parts, axis=0) / len(X)


def _totals(X, norms, columns, block: slice, n_clusters: int) -> np.ndarray:
    """Return the summed Euclidean distances of a block of rows to every cluster of every labelling."""
    own = X[block]
    totals = np.zeros((len(own), n_clusters))
    for start in range(0, len(X), _COLUMNS):
        others = slice(start, start + _COLUMNS)
        gaps = own @ X[others].T
        gaps *= -2
        gaps += norms[block, None]
        gaps += norms[others]
        np.sqrt(np.maximum(gaps, 0, out=gaps), out=gaps)
        shared = np.arange(max(block.start, start), min(block.start + len(own), start + gaps.shape[1]))
        gaps[shared - block.start, shared - start] = 0
        totals += gaps @ _members(columns[others], n_clusters, np.float32)
    return totals


def _members(columns: np.ndarray, n_clusters: int, dtype) -> np.ndarray:
    members = np.zeros((len(columns), n_clusters), dtype)
    members[np.arange(len(columns))[:, None], columns] = 1
    return members


def _score(totals, columns, sizes, offsets, lonely) -> np.ndarray:
    """Return the silhouettes of each labelling added up over a block of rows."""
    rows = np.arange(len(totals))[:, None]
    own_sizes = sizes[columns]
    own = (totals[rows, columns] - np.reshape(lonely, (-1, 1))) / np.maximum(own_sizes - 1, 1)
    totals /= sizes
    totals[rows, columns] = np.inf
    other = np.minimum.reduceat(totals, offsets, axis=1)
    larger = np.maximum(own, other)
    scores = np.divide(other - own, larger, out=np.zeros_like(own), where=larger > 0)
    return np.where(own_sizes > 1, scores, 0.0).sum(axis=0)
