"""The one door to every clusterer: a name and a number of clusters give the same labels
wherever the library clusters.
"""

import warnings
from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import overload

import numpy as np
from joblib import Parallel, cpu_count, delayed
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from embetter_reg._random import RandomStateLike, as_seed
from embetter_reg._validation import check_choice, check_space, check_whole_number
from embetter_reg.analysis.cluster._kmeans import Clustering, cluster_rows

CLUSTERERS = ("kmeans", "spherical", "gaussian")
_FULL_COVARIANCE = 32  # dimensions
_MANY_ROWS = 50_000
_MANY_ROWS_TOL = 1e-4  # the last few rows of many change nothing that is looked at


@overload
def cluster(
    X: ArrayLike,
    name: str,
    k: int,
    *,
    n_init: int = 10,
    max_iter: int = 300,
    random_state: RandomStateLike = None,
    n_jobs: int | None = None,
) -> Clustering: ...
@overload
def cluster(
    X: ArrayLike,
    name: str,
    k: Iterable[int],
    *,
    n_init: int = 10,
    max_iter: int = 300,
    random_state: RandomStateLike = None,
    n_jobs: int | None = None,
) -> list[Clustering]: ...
def cluster(
    X: ArrayLike,
    name: str,
    k: int | Iterable[int],
    *,
    n_init: int = 10,
    max_iter: int = 300,
    random_state: RandomStateLike = None,
    n_jobs: int | None = None,
) -> Clustering | list[Clustering]:
    """Cluster the rows of ``X`` into ``k`` clusters; several k share one pass.

    ``"kmeans"`` minimizes the sum of squared Euclidean distances to the nearest center.
    It seeds as scikit-learn's ``KMeans`` does and goes on from there: single rows are
    moved while that lowers the inertia (Hartigan & Wong 1979), and numbers of clusters
    of one pass are compared with each other. From the same number of starts its inertia
    is as a rule equal to scikit-learn's or lower, and never from mini-batches.
    ``"spherical"`` minimizes the sum of cosine distances, with rows and centers on the
    unit sphere (Dhillon & Modha 2001); see `SphericalKMeans` for an estimator.
    ``"gaussian"`` is scikit-learn's ``BayesianGaussianMixture``, started from k-means
    clusters, whose weights have a Dirichlet distribution as prior, so that it may leave
    some of the k components empty; covariances are full up to 32 dimensions, beyond
    diagonal.

    Parameters
    ----------
    X : array of shape (n_documents, n_dims)
    name : {"kmeans", "spherical", "gaussian"}
    k : int or iterable of int
        Numbers of clusters, from 1 to n_documents.
    n_init : int
        Starts, of which the best is returned. Ignored by ``"gaussian"``, which starts
        once.
    max_iter : int
        Iterations a start.
    random_state : int, RandomState or None
    n_jobs : int or None
        Threads; None takes all cores. Results do not depend on it.

    Returns
    -------
    Clustering, or a list of them in the order of ``k``
        An int gives one, an iterable a list. Asked alone, a k may have a slightly
        higher inertia than in a pass with its neighbors.

    Raises
    ------
    ValueError
        If ``X`` is no finite 2-D array, there is no clusterer of that name, or a number
        is out of range.
    TypeError
        If a number is not a whole number.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import cluster
    >>> X = np.repeat([[0.0, 1.0], [0.0, 3.0], [9.0, 1.0], [9.0, 3.0]], 5, axis=0)
    >>> two = cluster(X, "kmeans", 2, random_state=0)
    >>> len(set(two.labels[:10])), round(two.inertia)
    (1, 20)
    >>> [round(each.inertia) for each in cluster(X, "kmeans", [2, 3, 4], random_state=0)]
    [20, 10, 0]

    """
    check_choice("name", name, CLUSTERERS)
    rows = check_space("X", X)
    ks = _check_ks(k, len(rows))
    check_whole_number("n_init", n_init)
    check_whole_number("max_iter", max_iter)
    if n_jobs is None:
        n_jobs = cpu_count()
    n_jobs = check_whole_number("n_jobs", n_jobs)
    if name == "gaussian":
        clusterings = _mixtures(rows, ks, max_iter, as_seed(random_state), n_jobs)
    else:
        spherical = name == "spherical"
        tol = 0.0
        if len(rows) > _MANY_ROWS:
            tol = _MANY_ROWS_TOL
        clusterings = cluster_rows(
            normalize(rows) if spherical else rows,
            ks,
            spherical=spherical,
            n_init=n_init,
            max_iter=max_iter,
            tol=tol,
            random_state=random_state,
            n_jobs=n_jobs,
        )
    if isinstance(k, Integral):
        return clusterings[0]
    return clusterings


def _check_ks(k: int | Iterable[int], n_documents: int) -> list[int]:
    if isinstance(k, Iterable) and not isinstance(k, str | bytes):
        ks: Sequence[int] = list(k)
    else:
        ks = [k]  # type: ignore[list-item]
    if not ks:
        raise ValueError("got no k, expected at least one number; pass for example 8")
    return [check_whole_number("k", each, 1, n_documents) for each in ks]


def _mixtures(
    rows: np.ndarray, ks: Sequence[int], max_iter: int, seed: int, n_jobs: int
) -> list[Clustering]:
    covariances = "diag"
    if rows.shape[1] <= _FULL_COVARIANCE:
        covariances = "full"

    def fit(k: int) -> Clustering:
        model = BayesianGaussianMixture(
            n_components=k,
            covariance_type=covariances,
            weight_concentration_prior_type="dirichlet_distribution",
            max_iter=max_iter,
            random_state=seed,
        )
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore", ConvergenceWarning)
            labels = model.fit_predict(rows)
        return Clustering(
            labels.astype(np.int32), float("nan"), model.means_, model.n_iter_
        )

    return Parallel(n_jobs, prefer="threads")(delayed(fit)(k) for k in ks)
