"""Linear discriminant analysis as a reducer."""

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.utils.validation import check_is_fitted, validate_data

from embetter_reg.analysis.reduce._labels import known_classes


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
    >>> import numpy as np
    >>> from embetter_reg.analysis import LDA
    >>> X = np.array([[0.0, -9.0], [0.1, 9.0], [2.0, -9.0], [2.1, 9.0], [7.0, 0.0]])
    >>> LDA(1).fit_transform(X, ["HI", "HI", "NA", "NA", None]).shape
    (5, 1)

    """

    def __init__(self, n_components=2, *, options=None):
        self.n_components = n_components
        self.options = options

    def fit(self, X, y=None):
        """Fit on the rows of ``X`` (n_documents, n_dims) whose label ``y`` is not None,
        NaN or -1.
        """
        X = validate_data(self, X, dtype=(np.float64, np.float32), ensure_min_samples=2)
        self.classes_, codes = known_classes(y, X, "LDA")
        most = min(len(self.classes_) - 1, X.shape[1])
        if self.n_components > most:
            raise ValueError(
                f"got n_components={self.n_components} for {len(self.classes_)} "
                f"classes in {X.shape[1]} dimensions, "
                f"expected at most {most} for LDA; pass fewer"
            )
        known = codes >= 0
        self.reducer_ = LinearDiscriminantAnalysis(
            n_components=self.n_components, **(self.options or {})
        )
        self.reducer_.fit(X[known], codes[known])
        self._n_features_out = self.n_components
        return self

    def transform(self, X):
        """Return the rows of ``X`` along the directions, ``(n_documents,
        n_components)``.
        """
        check_is_fitted(self)
        return self.reducer_.transform(
            validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
