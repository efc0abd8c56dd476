"""t-SNE."""

from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_is_fitted

from embetter_reg._optional import optional_import
from embetter_reg._random import RandomStateLike, draw_seed
from embetter_reg._validation import check_whole_number, validate_rows
from embetter_reg.analysis.reduce._options import check_options


class TSNE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """t-distributed stochastic neighbor embedding (van der Maaten & Hinton 2008), by
    openTSNE.

    `transform` of the training rows does not equal `fit_transform`: each row is placed
    anew among the fitted ones and lands near its first place (Poličar, Stražar & Zupan
    2023). With a seed both repeat exactly.

    Parameters
    ----------
    n_components : int
        Dimensions of the map. Above two the slower Barnes-Hut gradient is used.
    perplexity : float
        Neighbors that a row attends to, softly; openTSNE warns and lowers it where
        there are fewer rows than three times as many.
    metric : str
        Any metric of openTSNE; "cosine" is Euclidean between rows of unit length.
    random_state : int, RandomState or None
    options : dict or None
        More arguments of ``openTSNE.TSNE``, such as ``{"n_jobs": 2, "exaggeration":
        2}``.

    Attributes
    ----------
    embedding_ : openTSNE.TSNEEmbedding, shape (n_documents, n_components)

    Raises
    ------
    ImportError
        If openTSNE is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import TSNE
    >>> X = np.random.default_rng(0).normal(size=(50, 8))
    >>> TSNE(perplexity=5, random_state=0).fit_transform(X).shape  # doctest: +SKIP
    (50, 2)

    """

    embedding_: Any

    def __init__(
        self,
        n_components: int = 2,
        *,
        perplexity: float = 30,
        metric: str = "cosine",
        random_state: RandomStateLike = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.n_components = n_components
        self.perplexity = perplexity
        self.metric = metric
        self.random_state = random_state
        self.options = options

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Lay out the rows of ``X`` (n_documents, n_dims)."""
        self.fit_transform(X)
        return self

    def fit_transform(self, X: ArrayLike, y: Any = None) -> np.ndarray:
        """Fit on ``X`` and return the map, ``(n_documents, n_components)``."""
        library = optional_import(
            "openTSNE", package="embetter-reg[reducers]", purpose="t-SNE"
        )
        rows = validate_rows(
            self,
            X,
            dtype=[np.float64, np.float32],
            ensure_min_samples=4,
            ensure_min_features=self.n_components,
        )
        check_whole_number("n_components", self.n_components)
        if not isinstance(self.perplexity, Real) or not 1 <= self.perplexity < np.inf:
            raise ValueError(
                f"got perplexity={self.perplexity!r}, expected a number of at least 1; "
                "pass for example 30"
            )
        own = self.get_params(deep=False)
        options = check_options("t-SNE", self.options, library.TSNE, own)
        metric = self.metric
        if metric == "cosine":
            metric = "euclidean"  # of rows of unit length
        gradient = "auto"
        if self.n_components > 2:
            gradient = "bh"  # interpolation is for one or two dimensions
        settings = {
            "n_components": self.n_components,
            "perplexity": self.perplexity,
            "metric": metric,
            # Always a seed: without one openTSNE draws from numpy's global state.
            "random_state": draw_seed(self.random_state),
            "negative_gradient_method": gradient,
            **options,
        }
        try:
            self.embedding_ = library.TSNE(**settings).fit(self._unit_rows(rows))
        except ValueError as error:
            raise ValueError(
                f"got settings that openTSNE refuses ({error}), expected those of its "
                "own; change metric or options"
            ) from error
        self._n_features_out = self.n_components
        return np.array(self.embedding_)

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Place the rows of ``X`` among the fitted ones, ``(n_documents,
        n_components)``.
        """
        check_is_fitted(self)
        rows = validate_rows(self, X, dtype=[np.float64, np.float32], reset=False)
        return np.array(self.embedding_.transform(self._unit_rows(rows)))

    def _unit_rows(self, rows: np.ndarray) -> np.ndarray:
        # openTSNE's own cosine depends on the number of rows, and fails on zeros.
        if self.metric == "cosine":
            return normalize(rows)
        return rows
