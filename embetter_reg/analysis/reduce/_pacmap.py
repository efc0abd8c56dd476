"""PaCMAP."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted, validate_data

from embetter_reg._optional import optional_import
from embetter_reg._random import draw_seed


class PaCMAP(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Pairwise controlled manifold approximation (Wang, Huang, Rudin & Shaposhnik
    2021), by pacmap.

    `transform` of the training rows does not equal `fit_transform`: each row is treated
    as a new one, and some land far from their first place. With a seed both repeat
    exactly, and the neighbors are searched on one core.

    Parameters
    ----------
    n_components : int
        Dimensions of the map.
    n_neighbors : int
        Near neighbors a row is drawn to; fewer where there are fewer rows.
    random_state : int, RandomState or None
    options : dict or None
        More arguments of ``pacmap.PaCMAP``, such as ``{"distance": "angular"}``.

    Attributes
    ----------
    embedding_ : ndarray of float32, shape (n_documents, n_components)
    reducer_ : pacmap.PaCMAP

    Raises
    ------
    ImportError
        If pacmap is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import PaCMAP
    >>> X = np.random.default_rng(0).normal(size=(50, 8))
    >>> PaCMAP(n_neighbors=8, random_state=0).fit_transform(X).shape  # doctest: +SKIP
    (50, 2)

    """

    def __init__(
        self, n_components=2, *, n_neighbors=10, random_state=None, options=None
    ):
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.random_state = random_state
        self.options = options

    def fit(self, X, y=None):
        """Lay out the rows of ``X`` (n_documents, n_dims)."""
        library = optional_import(
            "pacmap", package="embetter-reg[reducers]", purpose="PaCMAP"
        )
        X = validate_data(
            self,
            X,
            dtype=np.float32,
            order="C",
            ensure_min_samples=8,
            ensure_min_features=self.n_components,
        )
        settings = {
            "n_components": self.n_components,
            "n_neighbors": self.n_neighbors,
            "random_state": None
            if self.random_state is None
            else draw_seed(self.random_state),
            "save_tree": True,
            **(self.options or {}),
        }
        with _process_unchanged():
            self.reducer_ = library.PaCMAP(**settings).fit(X)
        self.embedding_ = self.reducer_.embedding_
        self._n_features_out = self.n_components
        return self

    def fit_transform(self, X, y=None):
        """Fit on ``X`` and return the map, ``float32 (n_documents, n_components)``."""
        return self.fit(X).embedding_

    def transform(self, X):
        """Place the rows of ``X`` among the fitted ones, ``float32 (n_documents,
        n_components)``.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, order="C", reset=False)
        with _process_unchanged():
            return self.reducer_.transform(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


@contextmanager
def _process_unchanged() -> Iterator[None]:
    """Silence pacmap's remarks on seeds, and undo that it sets the number of threads
    for the whole process.
    """
    import faiss

    logger = logging.getLogger("pacmap.pacmap")
    level, n_threads = logger.level, faiss.omp_get_max_threads()
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
        faiss.omp_set_num_threads(n_threads)
