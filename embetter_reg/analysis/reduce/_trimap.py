"""TriMap."""

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.validation import validate_data

from embetter_reg._optional import optional_import
from embetter_reg._random import draw_seed


class TriMap(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """A map that keeps triplets: "this row is nearer to that one than to a third" (Amid
    & Warmuth 2019), by trimap.

    There is no `transform`: new rows cannot be placed. With a seed `fit_transform`
    repeats exactly, on the CPU.

    Parameters
    ----------
    n_components : int
        Dimensions of the map, at least 2.
    n_inliers : int
        Near neighbors that a row's triplets are made of; fewer where there are fewer
        rows.
    random_state : int, RandomState or None
    options : dict or None
        More arguments of ``trimap.TorchTRIMAP``, such as ``{"distance": "cosine",
        "device": "cuda"}``.

    Attributes
    ----------
    embedding_ : ndarray of float32, shape (n_documents, n_components)

    Raises
    ------
    ValueError
        If ``n_components`` is below 2.
    ImportError
        If trimap is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import TriMap
    >>> X = np.random.default_rng(0).normal(size=(50, 8))
    >>> TriMap(n_inliers=8, random_state=0).fit_transform(X).shape  # doctest: +SKIP
    (50, 2)

    """

    def __init__(
        self, n_components=2, *, n_inliers=12, random_state=None, options=None
    ):
        self.n_components = n_components
        self.n_inliers = n_inliers
        self.random_state = random_state
        self.options = options

    def fit(self, X, y=None):
        """Lay out the rows of ``X`` (n_documents, n_dims)."""
        library = optional_import(
            "trimap", package="embetter-reg[reducers]", purpose="TriMap"
        )
        X = validate_data(
            self,
            X,
            dtype=np.float32,
            order="C",
            ensure_min_samples=8,
            ensure_min_features=self.n_components,
        )
        if self.n_components < 2:
            raise ValueError(
                f"got n_components={self.n_components}, expected at least 2 for "
                "TriMap; pass 2"
            )
        settings = {
            "n_dims": self.n_components,
            "n_inliers": min(self.n_inliers, len(X) - 6),
            "random_state": draw_seed(self.random_state),
            "device": "cpu",
            "knn_backend": "torch",  # exact, whatever else is installed
            **(self.options or {}),
        }
        self.embedding_ = library.TorchTRIMAP(**settings).fit_transform(X).cpu().numpy()
        self._n_features_out = self.n_components
        return self

    def fit_transform(self, X, y=None):
        """Fit on ``X`` and return the map, ``float32 (n_documents, n_components)``."""
        return self.fit(X).embedding_
