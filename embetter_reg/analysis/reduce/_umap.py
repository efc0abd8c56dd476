"""UMAP, with or without labels, on neighbors that several runs may share."""

import warnings

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted, validate_data

from embetter_reg._random import draw_seed
from embetter_reg.analysis.reduce._labels import known_classes
from embetter_reg.analysis.reduce._shared_neighbors import SharedNeighbors


class UMAP(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Uniform manifold approximation and projection (McInnes, Healy & Melville 2018),
    by umap-learn.

    `transform` of the training rows: the whole array, unchanged, gives back
    `fit_transform`; a part of it, or another order, is placed anew among the fitted
    rows and lands near, not on, the first places. With a seed both repeat exactly, and
    the layout runs on one core; without one, they do not.

    Parameters
    ----------
    n_components : int
        Dimensions of the map.
    n_neighbors : int
        Neighbors a row is drawn to, itself included; fewer where there are fewer rows.
    min_dist : float
        How close rows may come, in units of the map.
    metric : str or callable
        Any metric of umap-learn.
    supervised : bool
        Draw rows of one label together. `fit` then needs ``y``, of str or numbers, with
        None, NaN or -1 where a label is unknown; without ``supervised`` it ignores
        ``y``.
    neighbors : SharedNeighbors or None
        Give several UMAPs the same object, and the neighbors of the same rows are
        searched once.
    random_state : int, RandomState or None
    options : dict or None
        More arguments of ``umap.UMAP``, such as ``{"target_weight": 0.7}``.

    Attributes
    ----------
    embedding_ : ndarray of float32, shape (n_documents, n_components)
    reducer_ : umap.UMAP
    classes_ : ndarray of str
        With ``supervised`` only: the known labels.

    Raises
    ------
    ValueError
        If ``supervised`` and ``y`` is missing or has fewer than two known labels.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import UMAP, SharedNeighbors
    >>> X = np.random.default_rng(0).normal(size=(50, 8))
    >>> neighbors = SharedNeighbors()
    >>> maps = [UMAP(n, random_state=0, neighbors=neighbors).fit_transform(X) for n in (2, 3)]
    >>> [map.shape for map in maps], neighbors.n_searches
    ([(50, 2), (50, 3)], 1)

    """

    def __init__(
        self,
        n_components=2,
        *,
        n_neighbors=15,
        min_dist=0.1,
        metric="cosine",
        supervised=False,
        neighbors=None,
        random_state=None,
        options=None,
    ):
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.min_dist = min_dist
        self.metric = metric
        self.supervised = supervised
        self.neighbors = neighbors
        self.random_state = random_state
        self.options = options

    def fit(self, X, y=None):
        """Lay out the rows of ``X`` (n_documents, n_dims), drawn together by ``y`` if
        ``supervised``.
        """
        import umap

        X = validate_data(self, X, dtype=np.float32, order="C", ensure_min_samples=3)
        seed = None if self.random_state is None else draw_seed(self.random_state)
        settings = {
            "n_components": self.n_components,
            "n_neighbors": min(self.n_neighbors, len(X) - 1),
            "min_dist": self.min_dist,
            "metric": self.metric,
            "random_state": seed,
            "n_jobs": -1 if seed is None else 1,
            "init": "spectral" if len(X) > self.n_components + 1 else "random",
            **(self.options or {}),
        }
        if (
            isinstance(self.metric, str)
            and self.metric != "precomputed"
            and not settings.get("metric_kwds")
        ):
            neighbors = SharedNeighbors() if self.neighbors is None else self.neighbors
            graph = neighbors.find(
                X, settings["n_neighbors"], metric=self.metric, seed=seed
            )
            # umap-learn writes into the arrays that it is given.
            settings["precomputed_knn"] = (
                graph.indices.copy(),
                graph.distances.copy(),
                graph.index,
            )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"precomputed_knn\[2\]")
            warnings.filterwarnings("ignore", "n_jobs value 1 overridden")
            self.reducer_ = umap.UMAP(**settings).fit(X, self._target(X, y, settings))
        self.embedding_ = self.reducer_.embedding_
        self._n_features_out = self.n_components
        return self

    def fit_transform(self, X, y=None):
        """Fit on ``X`` and return the map, ``float32 (n_documents, n_components)``."""
        return self.fit(X, y).embedding_

    def transform(self, X):
        """Place the rows of ``X`` among the fitted ones, ``float32 (n_documents,
        n_components)``.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, order="C", reset=False)
        return self.reducer_.transform(X)

    def _target(self, X, y, settings):
        if not self.supervised:
            return None
        if settings.get("target_metric", "categorical") != "categorical":
            return y
        self.classes_, codes = known_classes(y, X, "supervised UMAP")
        return codes

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.supervised
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
