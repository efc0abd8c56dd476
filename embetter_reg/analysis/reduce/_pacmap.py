"""PaCMAP."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from embetter_reg._optional import optional_import
from embetter_reg._random import RandomStateLike, draw_seed
from embetter_reg._validation import check_whole_number, validate_rows
from embetter_reg.analysis.reduce._options import check_options
from embetter_reg.analysis.reduce._process import process_unchanged


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
        self,
        n_components: int = 2,
        *,
        n_neighbors: int = 10,
        random_state: RandomStateLike = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.n_components = n_components
        self.n_neighbors = n_neighbors
        self.random_state = random_state
        self.options = options

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Lay out the rows of ``X`` (n_documents, n_dims)."""
        library = optional_import(
            "pacmap", package="embetter-reg[reducers]", purpose="PaCMAP"
        )
        rows = validate_rows(
            self,
            X,
            dtype=np.float32,
            order="C",
            ensure_min_samples=8,
            ensure_min_features=self.n_components,
        )
        check_whole_number("n_components", self.n_components)
        check_whole_number("n_neighbors", self.n_neighbors)
        own = self.get_params(deep=False)
        options = check_options("PaCMAP", self.options, library.PaCMAP, own)
        seed = None  # with a seed, pacmap searches neighbors on one core
        if self.random_state is not None:
            seed = draw_seed(self.random_state)
        settings = {
            "n_components": self.n_components,
            "n_neighbors": self.n_neighbors,
            "random_state": seed,
            "save_tree": True,
            **options,
        }
        with process_unchanged():
            self.reducer_ = library.PaCMAP(**settings).fit(rows)
        self.embedding_ = self.reducer_.embedding_
        self._n_features_out = self.n_components
        return self

    def fit_transform(self, X: ArrayLike, y: Any = None) -> np.ndarray:
        """Fit on ``X`` and return the map, ``float32 (n_documents, n_components)``."""
        return self.fit(X).embedding_

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Place the rows of ``X`` among the fitted ones, ``float32 (n_documents,
        n_components)``.
        """
        check_is_fitted(self)
        rows = validate_rows(self, X, dtype=np.float32, order="C", reset=False)
        with process_unchanged():
            return self.reducer_.transform(rows)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
