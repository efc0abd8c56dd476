"""k-means and spherical k-means, many numbers of clusters at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from joblib import Parallel, cpu_count, delayed
from sklearn.utils import check_random_state
from sklearn.utils.extmath import row_norms, safe_sparse_dot
from threadpoolctl import threadpool_limits

_FEW_DIMS = 16  # where bounds on distances pay
_GRAM_ROWS = 8192  # where all inner products fit in 256 MB
_BLOCK = 8192
_MAX_PASS = 50
_SETTLED = 1e-4  # movement of centres, as a share of the variance, at which starts are compared
_LOOSE = 1e-3  # share of rows that change cluster, the same
_FEW, _MANY = 1, 3  # starts that go on from there


@dataclass(frozen=True)
class Clustering:
    """``centers (k, n_dims)``, the nearest one of each row as ``labels``, ``inertia`` and iterations.

    The inertia is the weighted sum of squared Euclidean distances, or of cosine distances on the sphere.
    """

    centers: np.ndarray
    labels: np.ndarray
    inertia: float
    n_iter: int


def cluster_rows(
    rows,
    ks: Sequence[int],
    *,
    spherical: bool = False,
    n_init: int = 10,
    max_iter: int = 300,
    tol: float = 0.0,
    sample_weight=None,
    random_state=None,
    n_jobs: int | None = None,
) -> list[Clustering]:
    """Cluster rows with each number of clusters and return the best of ``n_init`` starts of each.

    Every number of clusters is seeded from ``random_state`` anew (an int, or a generator that is drawn from on), by the
    draws that scikit-learn's ``KMeans`` would make. An int so gives scikit-learn's clusterings or, as a rule, better
    ones: the best start goes on until at most ``tol`` of the rows change cluster, and is then bettered by moves of
    single rows (Hartigan & Wong 1979). In single precision rounding may lead a start elsewhere.

    In up to 16 dimensions bounds by the triangle inequality save most distances (Hamerly 2010). In more, up to 8,192
    rows, all inner products are made once for all starts and all k. Otherwise, and for sparse rows, an iteration is one
    matrix product.

    Parameters
    ----------
    rows : array or sparse matrix (n_documents, n_dims)
        On the sphere of unit length, or 0.
    ks : sequence of int
    spherical : bool
        Keep centres on the unit sphere.
    n_init, max_iter : int
    tol : float
    sample_weight : array (n_documents,) or None
    random_state : int, RandomState or None
    n_jobs : int or None
        Threads; None takes all cores.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(200, 2)) + np.repeat([[0, 0], [9, 9]], 100, axis=0)
    >>> [round(found.inertia) for found in cluster_rows(X, [2, 3], random_state=0)]
    [393, 325]

    """
    from embetter_reg.analysis import _kernels

    _kernels.announce()
    rng = check_random_state(random_state)
    weights = np.ones(rows.shape[0]) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    data = _Rows(rows, weights, spherical)
    rising = np.unique(ks)
    shape = rising[-1] - 1, 2 + int(np.log(rising[-1]))
    draws = [(rng.random_sample(), rng.random_sample(shape)) for _ in range(n_init)]
    n_jobs = n_jobs or cpu_count()
    with threadpool_limits(1, user_api="blas"), Parallel(n_jobs, prefer="threads") as parallel:
        # results do not depend on the cores
        starts = parallel(delayed(data.start)(draw, rising, max_iter, tol) for draw in draws)
        worths = np.stack([worth for _, worth, _ in starts], axis=1)
        found = parallel(
            delayed(data.finish)([starts[n][0][step] for n in np.argsort(-worths[step])], k, max_iter, tol)
            for step, k in enumerate(rising)
        )
    return [found[step] for step in np.searchsorted(rising, ks)]


class _Rows:
    """Rows made ready once for all starts."""

    def __init__(self, rows, weights: np.ndarray, spherical: bool):
        self.given, self.weights, self.spherical = rows, weights, spherical
        n, n_dims = rows.shape
        is_sparse = sp.issparse(rows)
        self.is_few = not is_sparse and n_dims <= _FEW_DIMS
        self.has_gram = not is_sparse and not self.is_few and n <= _GRAM_ROWS
        self.middle = 0.0
        if not is_sparse and not spherical:  # distances lose fewer digits near 0
            self.middle = rows.mean(axis=0, dtype=np.float64)
        if self.is_few:
            rows = np.ascontiguousarray(rows - self.middle, dtype=np.float64)
            self.columns = np.ascontiguousarray(rows.T)
            self.settled = _SETTLED * float(rows.var(axis=0).mean())
        elif self.has_gram:
            rows = np.ascontiguousarray(rows - self.middle, dtype=np.float32)
            self.gram = rows @ rows.T
        self.rows, self.norms = rows, row_norms(rows, squared=True).astype(np.float64)

    def start(self, draw, ks, max_iter: int, tol: float):
        """Return labels of one start for each of rising ks, what is to be as large as can be, and iterations."""
        from embetter_reg.analysis import _kernels

        if self.is_few:
            return _kernels.start_few(
                self.rows, self.columns, self.weights, *draw, ks, max_iter, tol, self.settled, self.spherical
            )
        if self.has_gram:
            return _kernels.start_gram(
                self.rows, self.gram, self.norms, self.weights, *draw, ks, max_iter, max(tol, _LOOSE), self.spherical
            )
        return _start_products(self.rows, self.norms, self.weights, draw, ks, max_iter, tol, self.spherical)

    def finish(self, starts, k: int, max_iter: int, tol: float) -> Clustering:
        """Return the clustering that the best starts lead to."""
        from embetter_reg.analysis import _kernels

        how = k, max_iter, tol, _MAX_PASS, self.spherical
        if self.is_few:
            runs = [_kernels.finish_few(self.rows, self.norms, self.weights, labels, *how) for labels in starts[:_FEW]]
            centers, labels, inertia, n_iter = min(runs, key=lambda run: run[2])
            return Clustering((centers + self.middle).astype(self.given.dtype), labels, inertia, n_iter)
        labels, n_iter = starts[0], 0
        if self.has_gram:
            runs = [
                _kernels.finish_gram(self.rows, self.gram, self.norms, self.weights, labels, *how)
                for labels in starts[:_MANY]
            ]
            labels, _, n_iter = max(runs, key=lambda run: run[1])
        centers = _centers(self.given, self.weights, labels, _dense(self.given[:k]), self.spherical)
        labels, gaps = assign(self.given, centers, self.spherical)
        return Clustering(centers, labels, float(gaps @ self.weights), n_iter)


def _dense(rows) -> np.ndarray:
    return rows.toarray() if sp.issparse(rows) else rows


def assign(rows, centers: np.ndarray, spherical: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest centre of each row, and its cosine distance or its squared Euclidean one."""
    labels, gaps = np.empty(rows.shape[0], np.int32), np.empty(rows.shape[0])
    shift = 0.0 if spherical else row_norms(centers, squared=True) / 2
    for start in range(0, rows.shape[0], _BLOCK):
        block = slice(start, start + _BLOCK)
        scores = safe_sparse_dot(rows[block], centers.T) - shift
        labels[block] = scores.argmax(axis=1)
        best = scores[np.arange(len(scores)), labels[block]]
        gaps[block] = 1 - best if spherical else np.maximum(row_norms(rows[block], squared=True) - 2 * best, 0)
    return labels, gaps


def sum_rows(rows, weights: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Return the weighted sum of the rows of each cluster, float64 (k, n_dims)."""
    members = sp.csr_array((weights, (labels, np.arange(len(labels)))), shape=(k, len(labels)))
    sums = members @ rows
    return _dense(sums)


def _centers(rows, weights: np.ndarray, labels: np.ndarray, old: np.ndarray, spherical: bool) -> np.ndarray:
    """Return the mean of each cluster, on the sphere of unit length; one of no rows or direction keeps the old one."""
    sums = sum_rows(rows, weights, labels, len(old))
    mass = np.bincount(labels, weights, minlength=len(old))
    scale = np.linalg.norm(sums, axis=1) if spherical else mass
    scale = scale[:, None]
    return np.where(scale > 1e-12, sums / np.maximum(scale, 1e-12), old).astype(rows.dtype)


def _start_products(rows, norms, weights, draw, ks, max_iter: int, tol: float, spherical: bool):
    """Run one start, each iteration one matrix product; for many rows, and for sparse ones."""
    from embetter_reg.analysis._kernels import mend

    first, others = draw
    centers, nearest = None, np.ones(len(weights))
    found, worths, iterations = [], [], []
    for k in ks:
        while centers is None or len(centers) < k:
            shares = first if centers is None else others[len(centers) - 1]
            total = np.cumsum(weights * nearest)
            side = "right" if centers is None else "left"
            rows_drawn = np.minimum(np.searchsorted(total, np.atleast_1d(shares) * total[-1], side), len(total) - 1)
            products = safe_sparse_dot(rows[rows_drawn], rows.T, dense_output=True)
            gaps = np.maximum(norms + norms[rows_drawn][:, None] - 2 * products, 0)
            gaps = gaps if centers is None else np.minimum(gaps, nearest)
            best = (gaps @ weights).argmin()
            nearest, row = gaps[best], _dense(rows[rows_drawn[[best]]])
            centers = row if centers is None else np.vstack([centers, row])
        labels = np.full(len(weights), -1, np.int32)
        for n_iter in range(1, max_iter + 1):  # noqa: B007
            place, gaps = assign(rows, centers, spherical)
            moved = np.count_nonzero(place != labels)
            labels = place
            if moved <= tol * len(labels):
                break
            mass = np.bincount(labels, weights, minlength=k)
            mend(labels, gaps.copy(), weights, mass)
            centers = _centers(rows, weights, labels, centers, spherical)
        nearest = gaps * (2 if spherical else 1)
        found.append(labels)
        worths.append(-float(gaps @ weights))
        iterations.append(n_iter)
    return found, worths, iterations
