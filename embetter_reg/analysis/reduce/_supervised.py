"""Reducers around reducers: fitted on averages only, or with the labels joined to the
vectors.
"""

from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.metrics import pairwise_distances_argmin
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from embetter_reg._validation import check_choice, validate_rows
from embetter_reg.analysis.reduce._labels import known_classes


class _NeedsLabels(TransformerMixin, BaseEstimator):
    reducer_: Any
    classes_: np.ndarray
    centers_: np.ndarray
    joined_: np.ndarray

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names that the inner reducer gives to its dimensions."""
        check_is_fitted(self)
        return self.reducer_.get_feature_names_out()

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags

    def _averages(
        self, X: ArrayLike, y: ArrayLike | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Store the classes and their averages; return checked rows and the class
        number of each, -1 for unknown.
        """
        rows = validate_rows(
            self, X, dtype=(np.float64, np.float32), ensure_min_samples=2
        )
        self.classes_, codes = known_classes(y, rows, type(self).__name__)
        self.centers_ = np.stack(
            [rows[codes == code].mean(axis=0) for code in range(len(self.classes_))]
        )
        return rows, codes


class CenterProjection(_NeedsLabels):
    """A reducer fitted on the averages of classes or clusters only, then applied to
    every document.

    Directions that tell the averages apart are kept, the spread inside a class has no
    say: with PCA, the first step of a discriminant analysis. `transform` of the
    training rows equals `fit_transform`. A seed in the reducer repeats.

    Parameters
    ----------
    reducer : transformer
        With a `transform` for new rows, such as PCA or UMAP. It is fitted on as many
        rows as there are classes: PCA can keep at most that many dimensions, and UMAP
        places documents well with ``n_neighbors`` of 2 or 3. A first step inside it
        sees the averages only; to scale by all documents, put the scaler before this in
        a pipeline.

    Attributes
    ----------
    reducer_ : transformer
        The fitted clone.
    classes_ : ndarray of str, shape (n_classes,)
    centers_ : ndarray, shape (n_classes, n_features)

    Raises
    ------
    ValueError
        If ``y`` is missing or has fewer than two known labels.
    TypeError
        If the reducer has no `transform`.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import CenterProjection, make_reducer
    >>> X = np.array([[0.0, -9.0], [0.0, 9.0], [2.0, -9.0], [2.0, 9.0]])
    >>> y = ["HI", "HI", "NA", "NA"]
    >>> line = CenterProjection(make_reducer("pca", 1)).fit_transform(X, y).ravel()
    >>> abs(line - line[0]).round(6)
    array([0., 0., 2., 2.])

    """

    def __init__(self, reducer: Any) -> None:
        self.reducer = reducer

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Fit on the averages of the labels ``y`` (None, NaN or -1: left out) over
        ``X`` (n_documents, n_dims).
        """
        _check_transforms(self.reducer)
        self._averages(X, y)
        self.reducer_ = clone(self.reducer).fit(self.centers_)
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return every row of ``X`` in the reduced space, ``(n_documents,
        n_components)``.
        """
        check_is_fitted(self)
        rows = validate_rows(self, X, dtype=(np.float64, np.float32), reset=False)
        return self.reducer_.transform(rows)


class LabelAppended(_NeedsLabels):
    """A reducer of vectors joined with the class or cluster of each document.

    A map drawn like this shows the clusters more clearly than the vectors do: it
    illustrates a clustering and is no evidence for it. A document without a label
    (None, NaN, -1, or given to `transform`) joins the class whose average is nearest.
    `transform` of the training rows therefore equals `fit_transform` where it does for
    the reducer and each row lies nearest to the average of its own class. A seed in the
    reducer repeats.

    Parameters
    ----------
    reducer : transformer
    weight : float
        Spread of the joined columns relative to the vectors': 0 joins nothing, 1 gives
        them the same total variance.
    kind : {"one_hot", "centroid"}
        Join an indicator of the class, or the average of the class; in the second, near
        classes stay near.

    Attributes
    ----------
    reducer_ : transformer
        The fitted clone.
    classes_ : ndarray of str, shape (n_classes,)
    centers_ : ndarray, shape (n_classes, n_features)
    joined_ : ndarray, shape (n_classes, n_joined)
        What is joined to a document of each class.

    Raises
    ------
    ValueError
        If ``y`` is missing or has fewer than two known labels, or a parameter is out of
        range.
    TypeError
        From `transform`, if the reducer has none.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.analysis import LabelAppended, make_reducer
    >>> X = np.array([[0.0, -9.0], [0.0, 9.0], [2.0, -9.0], [2.0, 9.0]])
    >>> reducer = LabelAppended(make_reducer("pca", 1), weight=9)
    >>> line = reducer.fit_transform(X, ["HI", "HI", "NA", "NA"]).ravel()
    >>> abs(line - line[0]).round()
    array([  0.,   0., 163., 163.])

    """

    def __init__(
        self, reducer: Any, weight: float = 1.0, *, kind: str = "one_hot"
    ) -> None:
        self.reducer = reducer
        self.weight = weight
        self.kind = kind

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Fit on ``X`` (n_documents, n_dims) joined with the labels ``y``."""
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X: ArrayLike, y: ArrayLike | None = None) -> np.ndarray:
        """Fit on ``X`` joined with the labels ``y`` and return it reduced,
        ``(n_documents, n_components)``.
        """
        check_choice("kind", self.kind, ("one_hot", "centroid"))
        if not isinstance(self.weight, Real) or not 0 <= self.weight < np.inf:
            raise ValueError(
                f"got weight={self.weight!r}, expected 0 or more; pass for example 1"
            )
        if not hasattr(self.reducer, "fit_transform"):
            raise TypeError(
                f"got {type(self.reducer).__name__}, expected a reducer with "
                "fit_transform; pass for example make_reducer('pca')"
            )
        rows, codes = self._averages(X, y)
        codes = np.where(codes < 0, self._nearest(rows), codes)
        joined = self.centers_
        if self.kind == "one_hot":
            joined = np.eye(len(self.classes_), dtype=rows.dtype)
        spread = _spread(joined[codes])
        scale = 0.0
        if spread > 0:
            scale = self.weight * _spread(rows) / spread
        self.joined_ = joined * rows.dtype.type(scale)
        self.reducer_ = clone(self.reducer)
        return self.reducer_.fit_transform(np.hstack([rows, self.joined_[codes]]), y)

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return ``X``, each row joined with the class of the nearest average, reduced."""
        check_is_fitted(self)
        _check_transforms(self.reducer)
        rows = validate_rows(self, X, dtype=(np.float64, np.float32), reset=False)
        joined = self.joined_[self._nearest(rows)]
        return self.reducer_.transform(np.hstack([rows, joined]))

    def _nearest(self, rows: np.ndarray) -> np.ndarray:
        return pairwise_distances_argmin(rows, self.centers_)


def _check_transforms(reducer: Any) -> None:
    if not hasattr(reducer, "transform"):
        last = reducer
        if isinstance(reducer, Pipeline):
            last = reducer[-1]
        raise TypeError(
            f"got {type(last).__name__}, expected a reducer with transform to place "
            "new documents; use PCA or UMAP"
        )


def _spread(rows: np.ndarray) -> float:
    """Return the root of the variance summed over dimensions."""
    return float(np.sqrt(rows.var(axis=0, dtype=np.float64).sum()))
