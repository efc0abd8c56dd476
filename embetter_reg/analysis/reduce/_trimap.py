"""TriMap."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)

from embetter_reg._optional import optional_import
from embetter_reg._random import RandomStateLike, draw_seed
from embetter_reg._validation import check_whole_number, validate_rows
from embetter_reg.analysis.reduce._options import check_options


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
        self,
        n_components: int = 2,
        *,
        n_inliers: int = 12,
        random_state: RandomStateLike = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        self.n_components = n_components
        self.n_inliers = n_inliers
        self.random_state = random_state
        self.options = options

    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Lay out the rows of ``X`` (n_documents, n_dims)."""
        library = optional_import(
            "trimap", package="embetter-reg[reducers]", purpose="TriMap"
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
        check_whole_number("n_inliers", self.n_inliers)
        if self.n_components < 2:
            raise ValueError(
                f"got n_components={self.n_components}, expected at least 2 for "
                "TriMap; pass 2"
            )
        own = self.get_params(deep=False)
        options = check_options("TriMap", self.options, library.TorchTRIMAP, own)
        settings = {
            "n_dims": self.n_components,
            "n_inliers": min(self.n_inliers, len(rows) - 6),
            "random_state": draw_seed(self.random_state),
            "device": "cpu",
            "knn_backend": "torch",  # exact, whatever else is installed
            **options,
        }
        self.embedding_ = (
            library.TorchTRIMAP(**settings).fit_transform(rows).cpu().numpy()
        )
        self._n_features_out = self.n_components
        return self

    def fit_transform(self, X: ArrayLike, y: Any = None) -> np.ndarray:
        """Fit on ``X`` and return the map, ``float32 (n_documents, n_components)``."""
        return self.fit(X).embedding_
