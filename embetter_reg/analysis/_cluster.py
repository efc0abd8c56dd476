"""Spherical k-means."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.preprocessing import normalize
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data


class SphericalKMeans(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator):
    """k-means with rows and centres on the unit sphere, so that only directions count.

    Minimises the sum of cosine distances to the nearest centre (Dhillon & Modha 2001), seeded by
    k-means++ on the sphere. A row of zeros has no direction; it joins the first cluster at distance 1.

    Parameters
    ----------
    n_clusters : int
    n_init : int
        Starts; the one of lowest inertia is kept.
    max_iter : int
        Iterations a start.
    tol : float
        A start ends when the inertia falls by less than this share.
    random_state : int, RandomState or None

    Attributes
    ----------
    cluster_centers_ : ndarray, shape (n_clusters, n_dims)
        Of unit length.
    labels_ : ndarray of int32, shape (n_documents,)
    inertia_ : float
        Sum of cosine distances (1 - cosine, in [0, 2] each) to the nearest centre; lower is tighter.
    n_iter_ : int
        Iterations of the best start.

    Raises
    ------
    ValueError
        If there are fewer rows than clusters.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import SphericalKMeans
    >>> rays = np.array([[1.0, 0.0], [9.0, 0.1], [0.0, 1.0], [0.1, 9.0]])
    >>> labels = SphericalKMeans(n_clusters=2, random_state=0).fit_predict(rays)
    >>> bool(labels[0] == labels[1] and labels[2] == labels[3] and labels[0] != labels[2])
    True

    """

    def __init__(self, n_clusters=8, *, n_init=3, max_iter=100, tol=1e-4, random_state=None):
        self.n_clusters = n_clusters
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(self, X, y=None):
        """Cluster the rows of ``X`` (n_documents, n_dims)."""
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        for name in ("n_clusters", "n_init", "max_iter"):
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < 1:
                raise ValueError(f"got {name}={value!r}, expected a whole number of at least 1; pass one")
        if len(X) < self.n_clusters:
            raise ValueError(
                f"got n_samples={len(X)} for n_clusters={self.n_clusters}, expected at least as many rows as "
                "clusters; pass fewer clusters"
            )
        rng = check_random_state(self.random_state)
        rows = normalize(X)
        runs = [self._run(rows, rng) for _ in range(self.n_init)]
        self.cluster_centers_, self.labels_, self.inertia_, self.n_iter_ = min(runs, key=lambda run: run[2])
        self._n_features_out = self.n_clusters
        return self

    def predict(self, X):
        """Return the nearest centre of each row, ``int32 (n_documents,)``."""
        return self.transform(X).argmin(axis=1).astype(np.int32)

    def transform(self, X):
        """Return cosine distances to the centres, ``(n_documents, n_clusters)``, in [0, 2]."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return 1 - normalize(X) @ self.cluster_centers_.T

    def _run(self, rows, rng):
        """Alternate assignment and means until they settle; return centres, labels, inertia, n_iter."""
        centers = self._seed(rows, rng)
        previous = np.inf
        for n_iter in range(1, self.max_iter + 1):  # noqa: B007
            labels, distances = self._assign(rows, centers)
            inertia = distances.sum(dtype=np.float64)
            if previous - inertia <= self.tol * inertia:
                break
            previous = inertia
            centers = self._means(rows, labels, distances, centers)
        # The labels belong to these centres: both come from the last assignment.
        return centers, labels.astype(np.int32), float(inertia), n_iter

    def _seed(self, rows, rng):
        """k-means++ on the sphere: each new centre is a row, drawn by its distance to those chosen."""
        centers = np.empty((self.n_clusters, rows.shape[1]), rows.dtype)
        centers[0] = rows[rng.randint(len(rows))]
        nearest = np.maximum(1 - rows @ centers[0], 0)
        for k in range(1, self.n_clusters):
            mass = np.cumsum(nearest, dtype=np.float64)
            # With no mass left, every row equals a centre and any row will do.
            draw = rng.random_sample() * mass[-1]
            row = min(np.searchsorted(mass, draw, side="right"), len(rows) - 1)
            centers[k] = rows[row]
            nearest = np.minimum(nearest, np.maximum(1 - rows @ centers[k], 0))
        return centers

    @staticmethod
    def _assign(rows, centers):
        cosines = rows @ centers.T
        labels = cosines.argmax(axis=1)
        return labels, 1 - cosines[np.arange(len(rows)), labels]

    def _means(self, rows, labels, distances, centers):
        """Return unit means; an empty cluster takes the row that fits its own cluster worst."""
        sums = one_hot(labels, self.n_clusters, rows.dtype).T @ rows
        empty = np.flatnonzero(np.bincount(labels, minlength=self.n_clusters) == 0)
        if len(empty):
            sums[empty] = rows[np.argsort(-distances, kind="stable")[: len(empty)]]
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        # Opposite rows can cancel out; such a cluster keeps its centre.
        return np.where(norms > 1e-12, sums / np.maximum(norms, 1e-12), centers)


def one_hot(codes: np.ndarray, n: int, dtype) -> np.ndarray:
    """Return ``codes`` in 0 … n-1 as an indicator matrix (len(codes), n)."""
    return (codes[:, None] == np.arange(n)).astype(dtype)
