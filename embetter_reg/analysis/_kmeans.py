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
    state = rng.get_state() if isinstance(random_state, int | np.integer) else None
    weights = np.ones(rows.shape[0]) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    data = _Rows(rows, weights, spherical)
    draws = []
    for k in ks:
        if state is not None:
            rng.set_state(state)
        trials = 2 + int(np.log(k))
        draws.append([(rng.random_sample(), rng.random_sample((k - 1, trials))) for _ in range(n_init)])
    jobs = sorted(range(len(ks)), key=lambda job: -ks[job])  # the longest first
    with threadpool_limits(1, user_api="blas"):  # results then do not depend on the cores
        found = Parallel(min(n_jobs or cpu_count(), len(ks)), prefer="threads")(
            delayed(data.best)(draws[job], max_iter, tol) for job in jobs
        )
    return [found[jobs.index(job)] for job in range(len(ks))]


class _Rows:
    """Rows made ready once for all starts."""

    def __init__(self, rows, weights: np.ndarray, spherical: bool):
        self.given, self.weights, self.spherical = rows, weights, spherical
        n, n_dims = rows.shape
        self.is_sparse = sp.issparse(rows)
        self.is_few = not self.is_sparse and n_dims <= _FEW_DIMS
        if not self.is_sparse:
            if not spherical:  # distances lose fewer digits near 0
                rows = (rows - rows.mean(axis=0, dtype=np.float64)).astype(rows.dtype)
            rows = np.ascontiguousarray(rows, dtype=np.float64 if self.is_few else None)
        self.rows = rows
        self.columns = np.ascontiguousarray(rows.T) if self.is_few else np.empty((0, 0))
        self.settled = _SETTLED * float(rows.var(axis=0).mean()) if self.is_few else 0.0
        self.norms = row_norms(rows, squared=True).astype(np.float64)
        self.has_gram = not self.is_sparse and not self.is_few and n <= _GRAM_ROWS
        self.gram = rows @ rows.T if self.has_gram else np.empty((0, 0), rows.dtype)

    def best(self, draws, max_iter: int, tol: float) -> Clustering:
        """Return the best of as many starts as there are draws."""
        from embetter_reg.analysis import _kernels

        k = len(draws[0][1]) + 1
        runs = [self._start(draw, max_iter, tol) for draw in draws]
        _, labels, n_iter, chosen, centers = max(runs, key=lambda run: run[0])
        if self.is_few:  # starts were compared once they had settled; the best one goes on
            labels, more = _kernels.lloyd_bounded(
                self.rows, self.columns, self.weights, centers, max_iter, tol, -1.0, self.spherical
            )
            n_iter = min(n_iter + more, max_iter)
        if self.is_few or self.has_gram:
            labels = _kernels.polish(
                self.rows, self.gram, self.norms, self.weights, labels.copy(), k, self.spherical, _MAX_PASS
            )
        centers = _centers(self.given, self.weights, labels, _dense(self.given[chosen]), self.spherical)
        labels, gaps = assign(self.given, centers, self.spherical)
        return Clustering(centers, labels, float(gaps @ self.weights), n_iter)

    def _start(self, draw, max_iter: int, tol: float):
        """Return what is to be as large as can be, labels, iterations, the rows that seeded, and centres."""
        from embetter_reg.analysis import _kernels

        rows, weights = self.rows, self.weights
        k = len(draw[1]) + 1
        if not (self.is_few or self.has_gram):
            return _lloyd_products(rows, self.norms, weights, draw, max_iter, tol, self.spherical)
        chosen = _kernels.seed(self.columns, self.gram, self.norms, weights, draw)
        centers = rows[chosen]
        if self.is_few:
            labels, n_iter = _kernels.lloyd_bounded(
                rows, self.columns, weights, centers, max_iter, tol, self.settled, self.spherical
            )
        else:
            labels, n_iter = _kernels.lloyd_gram(
                rows, self.gram, self.norms, weights, chosen, max_iter, tol, self.spherical
            )
        return _kernels.total_worth(rows, weights, labels, k, self.spherical), labels, n_iter, chosen, centers


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


def _lloyd_products(rows, norms, weights, draw, max_iter: int, tol: float, spherical: bool):
    """Run Lloyd's iterations, each one matrix product; for many rows, and for sparse ones."""
    from embetter_reg.analysis._kernels import mend

    chosen = _seed(rows, norms, weights, draw)
    centers = _dense(rows[chosen])
    labels = np.full(len(weights), -1, np.int32)
    for n_iter in range(1, max_iter + 1):  # noqa: B007
        place, gaps = assign(rows, centers, spherical)
        moved = np.count_nonzero(place != labels)
        labels = place
        if moved <= tol * len(labels):
            break
        mass = np.bincount(labels, weights, minlength=len(centers))
        mend(labels, gaps.copy(), weights, mass)
        centers = _centers(rows, weights, labels, centers, spherical)
    return -float(gaps @ weights), labels, n_iter, chosen, centers


def _seed(rows, norms, weights, draw) -> np.ndarray:
    """Return the rows that greedy k-means++ picks, as the compiled `seed` does."""
    first, others = draw

    def pick(mass, shares, side):
        total = np.cumsum(mass)
        return np.minimum(np.searchsorted(total, np.multiply(shares, total[-1]), side=side), len(mass) - 1)

    chosen = [int(pick(weights, first, "right"))]
    nearest = np.full(len(weights), np.inf)
    for shares in [None, *others]:
        candidates = np.array(chosen) if shares is None else pick(weights * nearest, shares, "left")
        products = safe_sparse_dot(rows[candidates], rows.T, dense_output=True)
        gaps = np.minimum(np.maximum(norms + norms[candidates][:, None] - 2 * products, 0), nearest)
        best = (gaps @ weights).argmin()
        nearest = gaps[best]
        if shares is not None:
            chosen.append(int(candidates[best]))
    return np.array(chosen)
