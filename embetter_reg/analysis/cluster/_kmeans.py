"""k-means and spherical k-means, many numbers of clusters at once."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import scipy.sparse as sp
from joblib import Parallel, cpu_count, delayed
from numpy.typing import ArrayLike
from sklearn.utils.extmath import row_norms, safe_sparse_dot
from threadpoolctl import threadpool_limits

from embetter_reg._random import RandomStateLike, check_random_state

_LOW_DIMS = 16  # up to here bounds on distances pay
_GRAM_ROWS = 8192  # up to here all inner products fit in 256 MB
_BLOCK = 8192
_START_ROWS = 20_000  # beyond them, starts are tried on a sample of so many rows
_MAX_PASS = 50
# Movement of centers, as a share of the variance, at which low-dimensional starts end:
# scikit-learn's. The best of them goes on.
_SETTLED = 1e-4
_POLISHED = 3  # starts that single rows are moved in
_TRIALS = 8  # rows of which the best becomes the middle of one more cluster

Rows = Any  # an array or a sparse matrix (n_documents, n_dims)
Draw = tuple[float, np.ndarray]  # the numbers in [0, 1) that seed one start
Run = tuple[np.ndarray, float, int]  # labels, objective and iterations of a start


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
    rows: Rows,
    ks: Sequence[int],
    *,
    spherical: bool = False,
    n_init: int = 10,
    max_iter: int = 300,
    tol: float = 0.0,
    sample_weight: ArrayLike | None = None,
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

    Beyond 20,000 such rows, starts are tried on a random sample of so many, and the
    best goes on over all rows.

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
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> X += np.repeat([[0, 0], [9, 9]], 100, axis=0)
    >>> [round(each.inertia) for each in cluster_rows(X, [2, 3], random_state=0)]
    [393, 325]

    """
    from embetter_reg._compiled import announce
    from embetter_reg.analysis.cluster import _kernels

    weights = np.ones(rows.shape[0])
    if sample_weight is not None:
        weights = np.asarray(sample_weight, dtype=np.float64)
    data = _Rows(rows, weights, spherical)
    starting = data
    if data.is_lowdim:
        announce(_kernels.start_lowdim, _kernels.finish_lowdim)
    elif data.has_gram:
        announce(_kernels.start_gram, _kernels.polish_gram)
    else:
        announce(_kernels.refill_empty_clusters)
    rng = check_random_state(random_state)
    if not data.is_lowdim and rows.shape[0] > _START_ROWS:
        sampled = np.sort(rng.choice(rows.shape[0], _START_ROWS, replace=False))
        starting = _Rows(rows[sampled], weights[sampled], spherical)
    draws = _Draws(rng, n_init, repeats=isinstance(random_state, Integral))
    rising = np.unique(ks)
    # One thread a matrix product, so that results do not depend on the cores.
    limit = nullcontext() if data.is_lowdim else threadpool_limits(1, user_api="blas")
    with limit, Parallel(n_jobs or cpu_count(), prefer="threads") as parallel:
        if data.is_lowdim:
            runs = _chained_runs(data, rising, draws, max_iter, tol, parallel)
        else:
            # The longest first, so that no core waits at the end.
            runs = parallel(
                delayed(starting.best_starts)(draws.of(k), max_iter, tol)
                for k in rising[::-1]
            )[::-1]
        if starting is not data:
            runs = parallel(
                delayed(data.go_on)(starting, k, best[0], max_iter, tol)
                for k, best in zip(rising, runs, strict=True)
            )
        clusterings = parallel(
            delayed(data.finish)(k, best, max_iter, tol)
            for k, best in zip(rising, runs, strict=True)
        )
        if data.is_lowdim or data.has_gram:
            _merge_larger(data, rising, clusterings, max_iter, tol)
        if data.is_lowdim:
            _split_smaller(data, rising, clusterings, max_iter, tol, rng)
    return [clusterings[step] for step in np.searchsorted(rising, ks)]


class _Draws:
    """The numbers that seed starts; with a whole number as seed the same for every k,
    as scikit-learn's ``KMeans`` would draw them.
    """

    def __init__(
        self, rng: np.random.RandomState, n_init: int, *, repeats: bool
    ) -> None:
        self.rng = rng
        self.n_init = n_init
        self.state = rng.get_state() if repeats else None

    def of(self, k: int) -> list[Draw]:
        if self.state is not None:
            self.rng.set_state(self.state)
        n_trials = 2 + int(np.log(k))
        return [
            (self.rng.random_sample(), self.rng.random_sample((k - 1, n_trials)))
            for _ in range(self.n_init)
        ]


def _chained_runs(
    data: "_Rows",
    rising: np.ndarray,
    draws: _Draws,
    max_iter: int,
    tol: float,
    parallel: Parallel,
) -> list[list[Run]]:
    """Return the best start of each k; starts go through consecutive ks in one run."""
    runs: list[list[Run]] = []
    for series in np.split(rising, np.flatnonzero(np.diff(rising) > 1) + 1):
        starts = parallel(
            delayed(data.chain)(each, series, max_iter, tol)
            for each in draws.of(series[-1])
        )
        best = np.argmax([objectives for _, objectives, _ in starts], axis=0)
        for step, start in enumerate(best):
            labelings, objectives, iterations = starts[start]
            runs.append([(labelings[step], objectives[step], iterations[step])])
    return runs


def _merge_larger(
    data: "_Rows",
    rising: np.ndarray,
    clusterings: list[Clustering],
    max_iter: int,
    tol: float,
) -> None:
    """Set each clustering against the next larger one with its nearest clusters merged,
    and keep the better.
    """
    from embetter_reg.analysis.cluster._kernels import merge

    for step in range(len(rising) - 2, -1, -1):
        larger = clusterings[step + 1]
        mass = np.bincount(larger.labels, data.weights, minlength=len(larger.centers))
        centers = larger.centers.astype(np.float64)
        labels = merge(larger.labels, centers, mass, rising[step])
        run = labels, 0.0, clusterings[step].n_iter
        other = data.finish(rising[step], [run], max_iter, tol)
        if other.inertia < clusterings[step].inertia:
            clusterings[step] = other


def _split_smaller(
    data: "_Rows",
    rising: np.ndarray,
    clusterings: list[Clustering],
    max_iter: int,
    tol: float,
    rng: np.random.RandomState,
) -> None:
    """Set each clustering against the one of k - 1 with one cluster split, and keep the
    better.
    """
    for step in (np.flatnonzero(np.diff(rising) == 1) + 1).tolist():
        labels = data.split(clusterings[step - 1], rng.random_sample(_TRIALS))
        run = labels, 0.0, clusterings[step].n_iter
        other = data.finish(rising[step], [run], max_iter, tol)
        if other.inertia < clusterings[step].inertia:
            clusterings[step] = other


class _Rows:
    """Rows made ready once for all starts."""

    def __init__(self, rows: Rows, weights: np.ndarray, spherical: bool) -> None:
        self.original = rows
        self.weights = weights
        self.spherical = spherical
        n, n_dims = rows.shape
        is_sparse = sp.issparse(rows)
        self.is_lowdim = not is_sparse and n_dims <= _LOW_DIMS
        self.has_gram = not is_sparse and not self.is_lowdim and n <= _GRAM_ROWS
        self.middle: float | np.ndarray = 0.0
        if not is_sparse and not spherical:
            # Near 0, differences of squares lose fewer digits.
            self.middle = rows.mean(axis=0, dtype=np.float64)
        if self.is_lowdim:
            rows = np.ascontiguousarray(rows - self.middle, dtype=np.float64)
            self.columns = np.ascontiguousarray(rows.T)
            self.settled = _SETTLED * float(rows.var(axis=0).mean())
        elif self.has_gram:
            rows = np.ascontiguousarray(rows - self.middle, dtype=np.float32)
            self.gram = rows @ rows.T
        self.rows = rows
        self.norms = row_norms(rows, squared=True).astype(np.float64)

    def chain(
        self, draw: Draw, ks: np.ndarray, max_iter: int, tol: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return labels, objectives and iterations of one low-dimensional start at each
        of rising ks.
        """
        from embetter_reg.analysis.cluster._kernels import start_lowdim

        return start_lowdim(
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

    def split(self, clustering: Clustering, shares: np.ndarray) -> np.ndarray:
        """Return low-dimensional labels with one cluster more."""
        from embetter_reg.analysis.cluster._kernels import split_lowdim

        return split_lowdim(
            self.rows,
            self.columns,
            self.weights,
            clustering.labels,
            clustering.centers - self.middle,
            shares,
        )

    def best_starts(self, draws: list[Draw], max_iter: int, tol: float) -> list[Run]:
        """Return the best starts for one k, the best first."""
        from embetter_reg.analysis.cluster._kernels import start_gram

        shared: tuple = (self.rows, self.norms, self.weights)
        start: Callable[..., Run] = _start_products
        if self.has_gram:
            shared = (self.rows, self.gram, self.norms, self.weights)
            start = start_gram
        runs = [start(*shared, *draw, max_iter, tol, self.spherical) for draw in draws]
        return sorted(runs, key=lambda run: -run[1])[:_POLISHED]

    def go_on(
        self, sample: "_Rows", k: int, run: Run, max_iter: int, tol: float
    ) -> list[Run]:
        """Return the run over all rows that a run over a sample of them leads to."""
        labels, _, n_iter = run
        old = _dense(sample.rows[:k])
        centers = _centers(sample.rows, sample.weights, labels, old, self.spherical)
        shared = self.rows, self.norms, self.weights
        more = _iterate(*shared, centers, max_iter, tol, self.spherical)
        return [(*more[:2], min(n_iter + more[2], max_iter))]

    def finish(self, k: int, runs: list[Run], max_iter: int, tol: float) -> Clustering:
        """Return the best clustering that runs lead to by moves of single rows."""
        from embetter_reg.analysis.cluster._kernels import finish_lowdim, polish_gram

        if self.is_lowdim:
            labels, _, n_iter = runs[0]
            centers, labels, inertia, more = finish_lowdim(
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
            centers = (centers + self.middle).astype(self.original.dtype)
            return Clustering(labels, inertia, centers, n_iter)
        if self.has_gram:
            shared = (self.rows, self.gram, self.norms, self.weights)
            runs = [
                (*polish_gram(*shared, run[0], k, _MAX_PASS, self.spherical), run[2])
                for run in runs
            ]
        labels, _, n_iter = max(runs, key=lambda run: run[1])
        centers = _centers(
            self.original,
            self.weights,
            labels,
            _dense(self.original[:k]),
            self.spherical,
        )
        labels, gaps = assign(self.original, centers, self.spherical)
        return Clustering(labels, float(gaps @ self.weights), centers, n_iter)


def _dense(rows: Rows) -> np.ndarray:
    if sp.issparse(rows):
        return rows.toarray()
    return rows


def assign(
    rows: Rows,
    centers: np.ndarray,
    spherical: bool,
    norms: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest center of each row, and its cosine distance or its squared
    Euclidean one; ``norms`` are the squared lengths of the rows, where they are known.
    """
    labels = np.empty(rows.shape[0], np.int32)
    gaps = np.empty(rows.shape[0])
    if norms is None:
        norms = row_norms(rows, squared=True)
    shift: float | np.ndarray = 0.0
    if not spherical:
        shift = row_norms(centers, squared=True) / 2
    for start in range(0, rows.shape[0], _BLOCK):
        block = slice(start, start + _BLOCK)
        scores = safe_sparse_dot(rows[block], centers.T) - shift
        labels[block] = scores.argmax(axis=1)
        best = scores[np.arange(len(scores)), labels[block]]
        if spherical:
            gaps[block] = 1 - best
        else:
            gaps[block] = np.maximum(norms[block] - 2 * best, 0)
    return labels, gaps


def sum_rows(rows: Rows, weights: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """Return the weighted sum of the rows of each cluster, float64 (k, n_dims)."""
    if sp.issparse(rows):
        members = sp.csr_array(
            (weights, (labels, np.arange(len(labels)))), shape=(k, len(labels))
        )
        return _dense(members @ rows)
    sums = np.zeros((k, rows.shape[1]))
    for start in range(0, len(rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        inside = labels[block]
        members = np.zeros((k, len(inside)), rows.dtype)
        members[inside, np.arange(len(inside))] = weights[block]
        sums += members @ rows[block]
    return sums


def _centers(
    rows: Rows,
    weights: np.ndarray,
    labels: np.ndarray,
    old: np.ndarray,
    spherical: bool,
) -> np.ndarray:
    """Return the mean of each cluster, on the sphere of unit length; one of no rows or
    direction keeps the old one.
    """
    sums = sum_rows(rows, weights, labels, len(old))
    if spherical:
        scale = np.linalg.norm(sums, axis=1, keepdims=True)
    else:
        scale = np.bincount(labels, weights, minlength=len(old))[:, None]
    centers = np.where(scale > 1e-12, sums / np.maximum(scale, 1e-12), old)
    return centers.astype(rows.dtype)


def _start_products(
    rows: Rows,
    norms: np.ndarray,
    weights: np.ndarray,
    first: float,
    others: np.ndarray,
    max_iter: int,
    tol: float,
    spherical: bool,
) -> Run:
    """Run one start, each iteration one matrix product; for many rows, and for sparse
    ones.
    """
    centers = _dense(rows[_seed(rows, norms, weights, first, others)])
    return _iterate(rows, norms, weights, centers, max_iter, tol, spherical)


def _iterate(
    rows: Rows,
    norms: np.ndarray,
    weights: np.ndarray,
    centers: np.ndarray,
    max_iter: int,
    tol: float,
    spherical: bool,
) -> Run:
    """Assign rows and move centers in turn, until at most ``tol`` of the rows move."""
    from embetter_reg.analysis.cluster._kernels import refill_empty_clusters

    labels = np.full(len(weights), -1, np.int32)
    n_iter = 0
    while n_iter < max_iter:
        n_iter += 1
        nearest, gaps = assign(rows, centers, spherical, norms)
        moved = np.count_nonzero(nearest != labels)
        labels = nearest
        if moved <= tol * len(labels):
            break
        mass = np.bincount(labels, weights, minlength=len(centers))
        refill_empty_clusters(labels, gaps.copy(), weights, mass)
        centers = _centers(rows, weights, labels, centers, spherical)
    return labels, -float(gaps @ weights), n_iter


def _seed(
    rows: Rows,
    norms: np.ndarray,
    weights: np.ndarray,
    first: float,
    others: np.ndarray,
) -> np.ndarray:
    """Return the rows that greedy k-means++ draws, as the compiled starts do."""

    def draw(mass: np.ndarray, shares: float | np.ndarray, side: Any) -> np.ndarray:
        total = np.cumsum(mass)
        drawn = np.searchsorted(total, np.multiply(shares, total[-1]), side=side)
        return np.minimum(drawn, len(mass) - 1)

    def distances_to(candidates: np.ndarray) -> np.ndarray:
        products = safe_sparse_dot(rows[candidates], rows.T, dense_output=True)
        return np.maximum(norms + norms[candidates][:, None] - 2 * products, 0)

    chosen = [int(draw(weights, first, "right"))]
    nearest = distances_to(np.array(chosen))[0]
    for shares in others:
        candidates = draw(weights * nearest, shares, "left")
        gaps = np.minimum(distances_to(candidates), nearest)
        best = (gaps @ weights).argmin()
        nearest = gaps[best]
        chosen.append(int(candidates[best]))
    return np.array(chosen)
