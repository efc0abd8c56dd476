"""UMAP, with or without labels, on neighbors that several runs may share."""

import warnings
from collections.abc import Callable
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse.csgraph import connected_components
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from embetter_reg._random import RandomStateLike, draw_seed
from embetter_reg._validation import check_whole_number, validate_rows
from embetter_reg.analysis.reduce._kernels import keep_kernels
from embetter_reg.analysis.reduce._labels import known_classes
from embetter_reg.analysis.reduce._options import check_options
from embetter_reg.analysis.reduce._process import process_unchanged
from embetter_reg.analysis.reduce._shared_neighbors import (
    NeighborGraph,
    SharedNeighbors,
    check_metric_name,
)

_N_EPOCHS = 500  # of umap-learn's layout, at most, where options do not say


class UMAP(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Uniform manifold approximation and projection (McInnes, Healy & Melville 2018),
    by umap-learn.

    `transform` of the training rows: the whole array, unchanged, gives back
    `fit_transform`; a part of it, or another order, is placed anew among the fitted
    rows and lands near, not on, the first places. With a seed both repeat exactly, and
    the layout runs on one core; without one, they do not. The layout starts from the
    graph's eigenvectors ("spectral"); where copies of rows cut the graph into pieces,
    whose eigenvectors do not repeat, a seeded layout starts from the principal
    components of the rows.

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
    neighbor_recall_ : float
        Share of the neighbors, searched approximately beyond 10,000 rows, that are
        among the true nearest ones (see `NeighborGraph`); NaN where it is not known.
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
        n_components: int = 2,
        *,
        n_neighbors: int = 15,
        min_dist: float = 0.1,
        metric: str | Callable[..., float] = "cosine",
        supervised: bool = False,
        neighbors: SharedNeighbors | None = None,
        random_state: RandomStateLike = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.min_dist = min_dist
        self.metric = metric
        self.supervised = supervised
        self.neighbors = neighbors
        self.random_state = random_state
        self.options = options

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Lay out the rows of ``X`` (n_documents, n_dims), drawn together by ``y`` if
        ``supervised``.
        """
        import umap

        rows = validate_rows(self, X, dtype=np.float32, order="C", ensure_min_samples=3)
        self._check(umap.UMAP)
        keep_kernels()
        seed = None
        n_jobs = -1
        if self.random_state is not None:
            seed = draw_seed(self.random_state)
            n_jobs = 1  # threads would add up in another order each time
        settings = {
            "n_components": self.n_components,
            "n_neighbors": min(self.n_neighbors, len(rows) - 1),
            "min_dist": self.min_dist,
            "metric": self.metric,
            "random_state": seed,
            "n_jobs": n_jobs,
            "init": "random",  # a spectral start needs more rows than dimensions
            **(self.options or {}),
        }
        with process_unchanged():
            graph = self._graph(rows, settings)
        if "init" not in (self.options or {}) and len(rows) > self.n_components + 1:
            settings["init"] = "spectral"
            if seed is not None and graph is not None:
                with process_unchanged():
                    settings["init"] = self._start(rows, graph, settings)
        self.neighbor_recall_ = np.nan
        if graph is not None:
            self.neighbor_recall_ = graph.recall
            # umap-learn writes into the arrays that it is given.
            settings["precomputed_knn"] = (
                graph.indices.copy(),
                graph.distances.copy(),
                graph.index,
            )
        target = self._target(rows, y, settings)
        with warnings.catch_warnings(), process_unchanged():
            warnings.filterwarnings("ignore", r"precomputed_knn\[2\]")
            warnings.filterwarnings("ignore", "n_jobs value 1 overridden")
            self.reducer_ = umap.UMAP(**settings).fit(rows, target)
        self.embedding_ = self.reducer_.embedding_
        self._n_features_out = self.n_components
        return self

    def fit_transform(self, X: ArrayLike, y: ArrayLike | None = None) -> np.ndarray:
        """Fit on ``X`` and return the map, ``float32 (n_documents, n_components)``."""
        return self.fit(X, y).embedding_

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Place the rows of ``X`` among the fitted ones, ``float32 (n_documents,
        n_components)``.
        """
        check_is_fitted(self)
        rows = validate_rows(self, X, dtype=np.float32, order="C", reset=False)
        keep_kernels()
        with process_unchanged():
            return self.reducer_.transform(rows)

    def _check(self, library: Callable[..., Any]) -> None:
        check_whole_number("n_components", self.n_components)
        check_whole_number("n_neighbors", self.n_neighbors, 2)
        if not isinstance(self.min_dist, Real) or not 0 <= self.min_dist < np.inf:
            raise ValueError(
                f"got min_dist={self.min_dist!r}, expected a number of at least 0; "
                "pass for example 0.1"
            )
        own = self.get_params(deep=False)
        options = check_options("UMAP", self.options, library, own)
        if self.min_dist > options.get("spread", 1.0):
            raise ValueError(
                f"got min_dist={self.min_dist!r}, expected at most the option spread "
                "(1 where it is left out); pass less, or a larger spread"
            )
        if not callable(self.metric):
            check_metric_name(self.metric)
        if self.neighbors is not None and not hasattr(self.neighbors, "find"):
            raise TypeError(
                f"got neighbors of type {type(self.neighbors).__name__}, expected "
                "SharedNeighbors or None; pass SharedNeighbors()"
            )

    def _graph(
        self, rows: np.ndarray, settings: dict[str, Any]
    ) -> NeighborGraph | None:
        """Return the neighbors of the rows; None where umap-learn must search itself."""
        if not isinstance(self.metric, str) or self.metric == "precomputed":
            return None
        if settings.get("metric_kwds"):
            return None
        neighbors = self.neighbors
        if neighbors is None:
            neighbors = SharedNeighbors()
        return neighbors.find(
            rows,
            settings["n_neighbors"],
            metric=self.metric,
            random_state=settings["random_state"],
        )

    def _start(
        self, rows: np.ndarray, graph: NeighborGraph, settings: dict[str, Any]
    ) -> str:
        """Return how a layout starts so that it repeats with a seed.

        The eigenvectors of a piece in which rows are interchangeable, as copies are,
        do not repeat: ARPACK goes on from numbers that nobody can seed.
        """
        sizes = self._piece_sizes(rows, graph, settings)
        is_tiny = sizes.min() <= 2 * (self.n_components + 1) + 1
        if len(sizes) == 1 and not self.supervised:
            return "spectral"
        has_copies = len(np.unique(rows, axis=0)) < len(rows)
        if not has_copies and not is_tiny:
            return "spectral"
        if min(rows.shape) < self.n_components:
            return "random"
        return "pca"

    def _piece_sizes(
        self, rows: np.ndarray, graph: NeighborGraph, settings: dict[str, Any]
    ) -> np.ndarray:
        """Return the sizes of the pieces of the graph that umap-learn lays out."""
        from umap.umap_ import fuzzy_simplicial_set

        weights, *_ = fuzzy_simplicial_set(
            rows,
            settings["n_neighbors"],
            np.random.RandomState(0),
            self.metric,
            knn_indices=graph.indices.copy(),
            knn_dists=graph.distances.copy(),
        )
        # Edges too light to be drawn once in all epochs are left out, as there.
        n_epochs = settings.get("n_epochs") or 0
        if n_epochs <= 10:
            n_epochs = _N_EPOCHS
        weights.data[weights.data < weights.data.max() / n_epochs] = 0
        weights.eliminate_zeros()
        return np.bincount(connected_components(weights, directed=False)[1])

    def _target(
        self, rows: np.ndarray, y: ArrayLike | None, settings: dict[str, Any]
    ) -> Any:
        if not self.supervised:
            return None
        if settings.get("target_metric", "categorical") != "categorical":
            return y
        self.classes_, codes = known_classes(y, rows, "supervised UMAP")
        return codes

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.supervised
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
