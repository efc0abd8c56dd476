"""Linear discriminant analysis as a reducer."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from embetter_reg._validation import check_whole_number, validate_rows
from embetter_reg.analysis.reduce._labels import known_classes
from embetter_reg.analysis.reduce._options import check_options


class LDA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """The directions that tell classes apart best relative to their inner spread
    (Fisher 1936), by scikit-learn.

    `transform` of the training rows equals `fit_transform`, and nothing is random.

    Parameters
    ----------
    n_components : int
        Dimensions kept, fewer than there are classes.
    options : dict or None
        More arguments of ``LinearDiscriminantAnalysis``, such as ``{"solver": "eigen",
        "shrinkage": "auto"}``.

    Attributes
    ----------
    reducer_ : LinearDiscriminantAnalysis
    classes_ : ndarray of str

    Raises
    ------
    ValueError
        If ``y`` is missing, or there are not more classes and at least as many features
        as components.

    Examples
    --------
    >>> from typing import Any, Self

    import numpy as np
    >>> from embetter_reg.analysis import LDA
    >>> X = np.array([[0.0, -9.0], [0.1, 9.0], [2.0, -9.0], [2.1, 9.0], [7.0, 0.0]])
    >>> LDA(1).fit_transform(X, ["HI", "HI", "NA", "NA", None]).shape
    (5, 1)

    """

    def __init__(
        self, n_components: int = 2, *, options: dict[str, Any] | None = None
    ) -> None:
        self.n_components = n_components
        self.options = options

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Fit on the rows of ``X`` (n_documents, n_dims) whose label ``y`` is not None,
        NaN or -1.
        """
        rows = validate_rows(
            self, X, dtype=(np.float64, np.float32), ensure_min_samples=2
        )
        check_whole_number("n_components", self.n_components)
        options = check_options("LDA", self.options, LinearDiscriminantAnalysis)
        self.classes_, codes = known_classes(y, rows, "LDA")
        most = min(len(self.classes_) - 1, rows.shape[1])
        if self.n_components > most:
            raise ValueError(
                f"got n_components={self.n_components} for {len(self.classes_)} "
                f"classes in {rows.shape[1]} dimensions, "
                f"expected at most {most} for LDA; pass fewer"
            )
        known = codes >= 0
        self.reducer_ = LinearDiscriminantAnalysis(
            n_components=self.n_components, **options
        )
        self.reducer_.fit(rows[known], codes[known])
        self._n_features_out = self.n_components
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the rows of ``X`` along the directions, ``(n_documents,
        n_components)``.
        """
        check_is_fitted(self)
        rows = validate_rows(self, X, dtype=(np.float64, np.float32), reset=False)
        return self.reducer_.transform(rows)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
