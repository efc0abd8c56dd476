"""t-SNE."""

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.preprocessing import normalize
from sklearn.utils.validation import check_is_fitted, validate_data

from embetter_reg._optional import optional_import
from embetter_reg._random import draw_seed


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

    def __init__(
        self,
        n_components=2,
        *,
        perplexity=30,
        metric="cosine",
        random_state=None,
        options=None,
    ):
        self.n_components = n_components
        self.perplexity = perplexity
        self.metric = metric
        self.random_state = random_state
        self.options = options

    def fit(self, X, y=None):
        """Lay out the rows of ``X`` (n_documents, n_dims)."""
        self.fit_transform(X)
        return self

    def fit_transform(self, X, y=None):
        """Fit on ``X`` and return the map, ``(n_documents, n_components)``."""
        library = optional_import(
            "openTSNE", package="embetter-reg[reducers]", purpose="t-SNE"
        )
        X = validate_data(
            self,
            X,
            dtype=[np.float64, np.float32],
            ensure_min_samples=4,
            ensure_min_features=self.n_components,
        )
        settings = {
            "n_components": self.n_components,
            "perplexity": self.perplexity,
            "metric": "euclidean" if self.metric == "cosine" else self.metric,
            "random_state": None
            if self.random_state is None
            else draw_seed(self.random_state),
            "negative_gradient_method": "auto" if self.n_components <= 2 else "bh",
            **(self.options or {}),
        }
        self.embedding_ = library.TSNE(**settings).fit(self._rows(X))
        self._n_features_out = self.n_components
        return np.array(self.embedding_)

    def transform(self, X):
        """Place the rows of ``X`` among the fitted ones, ``(n_documents,
        n_components)``.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return np.array(self.embedding_.transform(self._rows(X)))

    def _rows(self, X):
        # openTSNE's own cosine depends on the number of rows, and on a row of zeros it fails.
        return normalize(X) if self.metric == "cosine" else X
