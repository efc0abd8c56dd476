"""Spherical k-means as an estimator."""

from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
)
from sklearn.preprocessing import normalize
from sklearn.utils import Tags
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
)

from embetter_reg._random import RandomStateLike
from embetter_reg._validation import check_whole_number, validate_rows
from embetter_reg.analysis.cluster._kmeans import assign, cluster_rows, sum_rows


class SphericalKMeans(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator
):
    """k-means with rows and centers on the unit sphere, so that only directions count.

    Minimizes the sum of cosine distances to the nearest center (Dhillon & Modha 2001),
    seeded by k-means++ on the sphere. A row of zeros has no direction; it joins the
    first cluster at distance 1. A cluster that becomes empty takes the row that fits
    its own cluster worst.

    Parameters
    ----------
    n_clusters : int
    n_init : int
        Starts; the one of lowest inertia is kept, and bettered by moves of single rows.
    max_iter : int
        Iterations a start.
    tol : float
        A start ends when no more than this share of the rows change cluster.
    random_state : int, RandomState or None

    Attributes
    ----------
    cluster_centers_ : ndarray, shape (n_clusters, n_dims)
        Of unit length.
    labels_ : ndarray of int32, shape (n_documents,)
        Of the rows of ``fit``, or of the last ``partial_fit``.
    inertia_ : float
        Weighted sum of their cosine distances (1 - cosine, in [0, 2] each) to the
        nearest center; lower is tighter.
    n_iter_ : int
        Iterations of the best start, or calls of ``partial_fit``.

    Raises
    ------
    ValueError
        If there are fewer rows than clusters, or no row has a weight.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.metrics import adjusted_rand_score
    >>> from embetter_reg.analysis import SphericalKMeans
    >>> rays = np.array([[1.0, 0.0], [9.0, 0.1], [0.0, 1.0], [0.1, 9.0]])
    >>> labels = SphericalKMeans(n_clusters=2, random_state=0).fit_predict(rays)
    >>> adjusted_rand_score([0, 0, 1, 1], labels)
    1.0

    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        n_init: int = 3,
        max_iter: int = 300,
        tol: float = 1e-4,
        random_state: RandomStateLike = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Cluster the rows of ``X`` (n_documents, n_dims), dense or sparse.

        A row of weight 2 counts as two equal rows, one of weight 0 as none.
        """
        rows, weights = self._check(X, sample_weight, reset=True)
        # Equal rows become one, in an order that only their values decide, so that a
        # weight of 2 is a row that occurs twice.
        direction = np.random.default_rng(0).standard_normal(rows.shape[1])
        _, first, member = np.unique(
            (rows @ direction).round(12), return_index=True, return_inverse=True
        )
        mass = np.bincount(member, weights)
        clustering = cluster_rows(
            rows[first[mass > 0]],
            [self.n_clusters],
            spherical=True,
            n_init=self.n_init,
            max_iter=self.max_iter,
            tol=self.tol,
            sample_weight=mass[mass > 0],
            random_state=self.random_state,
        )[0]
        self.cluster_centers_ = clustering.centers
        self.n_iter_ = clustering.n_iter
        self.labels_, gaps = assign(rows, self.cluster_centers_, spherical=True)
        self.inertia_ = float(gaps @ weights)
        self._sums = sum_rows(rows, weights, self.labels_, self.n_clusters)
        self._n_features_out = self.n_clusters
        return self

    def partial_fit(
        self, X: ArrayLike, y: Any = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Bring the centers up to date with the next rows of a stream; the first call
        is `fit`.

        Each center is the direction of all rows that it was ever given. A cluster
        without rows takes the row of the batch that fits worst.
        """
        if not hasattr(self, "cluster_centers_"):
            return self.fit(X, y, sample_weight)
        rows, weights = self._check(X, sample_weight, reset=False)
        labels, gaps = assign(rows, self.cluster_centers_, spherical=True)
        self._sums = self._sums + sum_rows(rows, weights, labels, self.n_clusters)
        norms = np.linalg.norm(self._sums, axis=1, keepdims=True)
        for cluster, row in zip(
            np.flatnonzero(norms < 1e-12),
            np.argsort(-gaps, kind="stable"),
            strict=False,
        ):
            worst = rows[[row]]
            if hasattr(worst, "toarray"):
                worst = worst.toarray()
            self._sums[cluster] = worst[0]
            norms[cluster] = np.linalg.norm(self._sums[cluster])
        moved = self._sums / np.maximum(norms, 1e-12)
        centers = np.where(norms > 1e-12, moved, self.cluster_centers_)
        self.cluster_centers_ = centers.astype(rows.dtype)
        self.labels_, gaps = assign(rows, self.cluster_centers_, spherical=True)
        self.inertia_ = float(gaps @ weights)
        self.n_iter_ += 1
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Return the nearest center of each row, ``int32 (n_documents,)``."""
        # The nearest center by cosine does not depend on a row's length.
        return assign(self._checked(X), self.cluster_centers_, spherical=True)[0]

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return cosine distances to the centers, ``(n_documents, n_clusters)``, in [0,
        2].
        """
        return 1 - safe_sparse_dot(self._rows(X), self.cluster_centers_.T)

    def _rows(self, X: ArrayLike) -> Any:
        return normalize(self._checked(X))

    def _checked(self, X: ArrayLike) -> Any:
        check_is_fitted(self)
        return validate_rows(
            self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=False
        )

    def _check(
        self, X: ArrayLike, sample_weight: ArrayLike | None, reset: bool
    ) -> tuple[Any, np.ndarray]:
        """Return unit rows, sparse where ``X`` is, and their weights."""
        rows = validate_rows(
            self, X, accept_sparse="csr", dtype=[np.float64, np.float32], reset=reset
        )
        for name in ("n_clusters", "n_init", "max_iter"):
            check_whole_number(name, getattr(self, name))
        if not isinstance(self.tol, Real) or not 0 <= self.tol < 1:
            raise ValueError(
                f"got tol={self.tol!r}, expected a share of the rows from 0 to below 1; "
                "pass for example 1e-4"
            )
        try:
            weights = _check_sample_weight(
                sample_weight, rows, dtype=np.float64, ensure_non_negative=True
            )
        except (ValueError, TypeError) as error:
            raise type(error)(
                f"got sample_weight that does not fit ({error}), expected one number "
                "of at least 0 a document; pass those"
            ) from error
        if reset and np.count_nonzero(weights) < self.n_clusters:
            raise ValueError(
                f"got n_samples={np.count_nonzero(weights)} for "
                f"n_clusters={self.n_clusters}, expected at least as "
                "many rows (with a weight) as clusters; pass fewer clusters"
            )
        return normalize(rows), weights

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
