"""k-means and spherical k-means, many numbers of clusters at once."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import scipy.sparse as sp
from joblib import Parallel, cpu_count, delayed
from sklearn.utils.extmath import row_norms, safe_sparse_dot
from threadpoolctl import threadpool_limits

from embetter_reg._random import RandomStateLike, check_random_state

_FEW_DIMS = 16  # where bounds on distances pay
_GRAM_ROWS = 8192  # where all inner products fit in 256 MB
_BLOCK = 8192
_MAX_PASS = 50
_SETTLED = 1e-4  # movement of centers, as a share of the variance, at which starts end, as in scikit-learn
_POLISHED = 3  # starts that single rows are moved in
_TRIALS = 8  # rows of which the best becomes the middle of one more cluster


@dataclass(frozen=True, eq=False)
class Clustering:
    """A clustering, as `cluster` returns it.

    Attributes
    ----------
    labels : ndarray of int32, shape (n_documents,)
        The number of each document's nearest center; of the likeliest component for a
        Gaussian mixture.
    inertia : float
        Sum of squared Euclidean distances to the nearest center, of cosine distances
        for spherical k-means; lower is tighter. NaN for a Gaussian mixture.
    centers : ndarray, shape (k, n_dims)
        Means; of unit length for spherical k-means.
    n_iter : int
        Iterations of the best start.

    """

    labels: np.ndarray
    inertia: float
    centers: np.ndarray
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
    random_state: RandomStateLike = None,
    n_jobs: int | None = None,
) -> list[Clustering]:
    """Cluster rows with each number of clusters and return the best of ``n_init``
    starts of each.

    In up to 16 dimensions a start goes through rising numbers of clusters: each goes on
    from the clusters of the number before, if that is asked for, and otherwise seeds
    anew; bounds by the triangle inequality save most distances (Hamerly 2010). The best
    start goes on until at most ``tol`` of the rows change cluster.

    In more dimensions every number of clusters is seeded from ``random_state`` anew (an
    int, or a generator that is drawn from on), by the draws that scikit-learn's
    ``KMeans`` would make. Up to 8,192 rows, all inner products are made once for all
    starts and all k, in single precision; otherwise, and for sparse rows, an iteration
    is one matrix product.

    But for many rows, the best starts are then bettered by moves of single rows
    (Hartigan & Wong 1979), and each clustering is set against the next larger one with
    its nearest clusters merged (Ward 1963), and in few dimensions against the next
    smaller one with one cluster split. The inertia so is as a rule lower than
    scikit-learn's; it need not be, since no start is sure to lead to the lowest.

    Parameters
    ----------
    rows : array or sparse matrix (n_documents, n_dims)
        On the sphere of unit length, or 0.
    ks : sequence of int
    spherical : bool
        Keep centers on the unit sphere.
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
    from embetter_reg._compiled import announce
    from embetter_reg.analysis.cluster import _kernels

    state = (
        check_random_state(random_state).get_state()
        if isinstance(random_state, Integral)
        else None
    )
    rng = check_random_state(random_state)
    weights = (
        np.ones(rows.shape[0])
        if sample_weight is None
        else np.asarray(sample_weight, dtype=np.float64)
    )
    data = _Rows(rows, weights, spherical)
    if data.is_few:
        announce(_kernels.start_few, _kernels.finish_few)
    else:
        announce(
            *(
                [_kernels.start_gram, _kernels.polish_gram]
                if data.has_gram
                else [_kernels.mend]
            )
        )

    def draw(k):
        if state is not None:
            rng.set_state(state)
        return [
            (rng.random_sample(), rng.random_sample((k - 1, 2 + int(np.log(k)))))
            for _ in range(n_init)
        ]

    # One thread in each product of matrices, so that results do not depend on the cores.
    limit = nullcontext() if data.is_few else threadpool_limits(1, user_api="blas")
    with limit, Parallel(n_jobs or cpu_count(), prefer="threads") as parallel:
        rising = np.unique(ks)
        if data.is_few:
            runs = []
            for series in np.split(rising, np.flatnonzero(np.diff(rising) > 1) + 1):
                starts = parallel(
                    delayed(data.chain)(each, series, max_iter, tol)
                    for each in draw(series[-1])
                )
                best = np.argmax([worths for _, worths, _ in starts], axis=0)
                runs += [
                    [tuple(each[step] for each in starts[start])]
                    for step, start in enumerate(best)
                ]
        else:  # the longest first
            runs = parallel(
                delayed(data.best_starts)(draw(k), max_iter, tol) for k in rising[::-1]
            )[::-1]
        found = parallel(
            delayed(data.finish)(*each, max_iter, tol)
            for each in zip(rising, runs, strict=True)
        )

        def better(step, labels):
            other = data.finish(
                rising[step], [(labels, 0.0, found[step].n_iter)], max_iter, tol
            )
            found[step] = min(found[step], other, key=lambda each: each.inertia)

        if data.is_few or data.has_gram:
            for step in range(len(rising) - 2, -1, -1):
                larger = found[step + 1]
                mass = np.bincount(
                    larger.labels, weights, minlength=len(larger.centers)
                )
                better(
                    step,
                    _kernels.merge(
                        larger.labels,
                        larger.centers.astype(np.float64),
                        mass,
                        rising[step],
                    ),
                )
        if data.is_few:
            for step in (np.flatnonzero(np.diff(rising) == 1) + 1).tolist():
                better(step, data.split(found[step - 1], rng.random_sample(_TRIALS)))
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

    def chain(self, draw, ks, max_iter: int, tol: float):
        """Return labels of one start for each of rising ks, in few dimensions, and what
        is to be as large as can be.
        """
        from embetter_reg.analysis.cluster._kernels import start_few

        return start_few(
            self.rows,
            self.columns,
            self.weights,
            *draw,
            ks,
            max_iter,
            tol,
            self.settled,
            self.spherical,
        )

    def split(self, found: Clustering, shares: np.ndarray) -> np.ndarray:
        """Return labels of one cluster more, in few dimensions."""
        from embetter_reg.analysis.cluster._kernels import split_few

        return split_few(
            self.rows,
            self.columns,
            self.weights,
            found.labels,
            found.centers - self.middle,
            shares,
        )

    def best_starts(self, draws, max_iter: int, tol: float):
        """Return labels, what is to be as large as can be, and iterations of the best
        starts for one k.
        """
        from embetter_reg.analysis.cluster._kernels import start_gram

        how = max_iter, tol, self.spherical
        if self.has_gram:
            runs = [
                start_gram(self.rows, self.gram, self.norms, self.weights, *draw, *how)
                for draw in draws
            ]
        else:
            runs = [
                _start_products(self.rows, self.norms, self.weights, draw, *how)
                for draw in draws
            ]
        return sorted(runs, key=lambda run: -run[1])[:_POLISHED]

    def finish(self, k: int, runs, max_iter: int, tol: float) -> Clustering:
        """Return the best clustering that runs lead to by moves of single rows."""
        from embetter_reg.analysis.cluster._kernels import finish_few, polish_gram

        if self.is_few:
            labels, _, n_iter = runs[0]
            centers, labels, inertia, more = finish_few(
                self.rows,
                self.columns,
                self.norms,
                self.weights,
                labels,
                k,
                max_iter,
                tol,
                _MAX_PASS,
                self.spherical,
            )
            n_iter = min(n_iter + more, max_iter)
            centers = (centers + self.middle).astype(self.given.dtype)
            return Clustering(labels, inertia, centers, n_iter)
        if self.has_gram:
            shared = self.rows, self.gram, self.norms, self.weights
            runs = [
                (*polish_gram(*shared, run[0], k, _MAX_PASS, self.spherical), run[2])
                for run in runs
            ]
        labels, _, n_iter = max(runs, key=lambda run: run[1])
        centers = _centers(
            self.given, self.weights, labels, _dense(self.given[:k]), self.spherical
        )
        labels, gaps = assign(self.given, centers, self.spherical)
        return Clustering(labels, float(gaps @ self.weights), centers, n_iter)


def _dense(rows) -> np.ndarray:
    return rows.toarray() if sp.issparse(rows) else rows


def assign(rows, centers: np.ndarray, spherical: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest center of each row, and its cosine distance or its squared
    Euclidean one.
    """
    labels, gaps = np.empty(rows.shape[0], np.int32), np.empty(rows.shape[0])
    shift = 0.0 if spherical else row_norms(centers, squared=True) / 2
    for start in range(0, rows.shape[0], _BLOCK):
        block = slice(start, start + _BLOCK)
        scores = safe_sparse_dot(rows[block], centers.T) - shift
        labels[block] = scores.argmax(axis=1)
        best = scores[np.arange(len(scores)), labels[block]]
        gaps[block] = (
            1 - best
            if spherical
            else np.maximum(row_norms(rows[block], squared=True) - 2 * best, 0)
        )
    return labels, gaps


def sum_rows(rows, weights: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Return the weighted sum of the rows of each cluster, float64 (k, n_dims)."""
    members = sp.csr_array(
        (weights, (labels, np.arange(len(labels)))), shape=(k, len(labels))
    )
    sums = members @ rows
    return _dense(sums)


def _centers(
    rows, weights: np.ndarray, labels: np.ndarray, old: np.ndarray, spherical: bool
) -> np.ndarray:
    """Return the mean of each cluster, on the sphere of unit length; one of no rows or
    direction keeps the old one.
    """
    sums = sum_rows(rows, weights, labels, len(old))
    mass = np.bincount(labels, weights, minlength=len(old))
    scale = np.linalg.norm(sums, axis=1) if spherical else mass
    scale = scale[:, None]
    return np.where(scale > 1e-12, sums / np.maximum(scale, 1e-12), old).astype(
        rows.dtype
    )


def _start_products(
    rows, norms, weights, draw, max_iter: int, tol: float, spherical: bool
):
    """Run one start, each iteration one matrix product; for many rows, and for sparse
    ones.
    """
    from embetter_reg.analysis.cluster._kernels import mend

    centers = _dense(rows[_seed(rows, norms, weights, draw)])
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
    return labels, -float(gaps @ weights), n_iter


def _seed(rows, norms, weights, draw) -> np.ndarray:
    """Return the rows that greedy k-means++ picks, as the compiled starts do."""
    first, others = draw

    def pick(mass, shares, side):
        total = np.cumsum(mass)
        return np.minimum(
            np.searchsorted(total, np.multiply(shares, total[-1]), side=side),
            len(mass) - 1,
        )

    chosen = [int(pick(weights, first, "right"))]
    nearest = np.full(len(weights), np.inf)
    for shares in [None, *others]:
        candidates = (
            np.array(chosen)
            if shares is None
            else pick(weights * nearest, shares, "left")
        )
        products = safe_sparse_dot(rows[candidates], rows.T, dense_output=True)
        gaps = np.minimum(
            np.maximum(norms + norms[candidates][:, None] - 2 * products, 0), nearest
        )
        best = (gaps @ weights).argmin()
        nearest = gaps[best]
        if shares is not None:
            chosen.append(int(candidates[best]))
    return np.array(chosen)
