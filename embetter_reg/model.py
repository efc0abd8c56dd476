"""Models on top of encoders."""

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from embetter_reg._validation import check_same_length


class DifferenceClassifier(ClassifierMixin, BaseEstimator):
    """Classify pairs of documents by the absolute difference of their embeddings.

    Parameters
    ----------
    enc : transformer
        Encodes the documents. It is cloned; one that needs fitting is fitted on both
        sides together.
    clf_head : classifier or None
        Classifies ``|enc(X1) - enc(X2)|``. It is cloned; None is a class-balanced
        logistic regression.

    Attributes
    ----------
    enc_, clf_head_ : the fitted clones
    classes_ : ndarray
        What ``y`` held.

    Raises
    ------
    TypeError
        If a side is no list of documents, or ``enc`` no transformer.
    ValueError
        If the two sides or ``y`` differ in length, or ``y`` lacks a label or holds only
        one class.

    Examples
    --------
    >>> from embetter_reg.model import DifferenceClassifier
    >>> from embetter_reg.text import LiteTextEncoder
    >>> one = ["a cat", "the law", "a cat", "the law"]
    >>> other = ["a cat", "the law", "the law", "a cat"]
    >>> encoder = LiteTextEncoder(n_components=2, min_df=1, random_state=0)
    >>> DifferenceClassifier(encoder).fit(one, other, [1, 1, 0, 0]).predict(["a law"], ["a law"])
    array([1])

    """

    def __init__(self, enc: Any, clf_head: Any = None):
        self.enc = enc
        self.clf_head = clf_head

    def fit(self, X1: Any, X2: Any, y: ArrayLike) -> Self:
        """Fit on pairs ``X1[i], X2[i]`` with labels ``y``."""
        if not hasattr(self.enc, "transform"):
            raise TypeError(
                f"got {type(self.enc).__name__} as enc, expected a transformer; pass a "
                "text encoder"
            )
        _check_pairs(X1, X2)
        labels = np.asarray(y)
        if labels.ndim != 1 or pd.isna(labels).any():
            raise ValueError(
                f"got y of shape {labels.shape}, expected one label a pair and none "
                "missing; pass a 1-D array"
            )
        check_same_length(X1=X1, X2=X2, y=labels)
        if len(set(labels.tolist())) < 2:
            raise ValueError(
                f"got the classes {sorted(set(labels.tolist()))}, expected at least "
                "two; pass pairs of both"
            )
        self.enc_ = clone(self.enc).fit([*X1, *X2])
        head = self.clf_head
        if head is None:
            head = LogisticRegression(class_weight="balanced")
        self.clf_head_ = clone(head).fit(self._difference(X1, X2), labels)
        self.classes_ = self.clf_head_.classes_
        return self

    def predict(self, X1: Any, X2: Any) -> np.ndarray:
        """Return the class of each pair."""
        check_is_fitted(self)
        return self.clf_head_.predict(self._difference(X1, X2))

    def predict_proba(self, X1: Any, X2: Any) -> np.ndarray:
        """Return the probability of each class for each pair, ``(n_pairs, n_classes)``."""
        check_is_fitted(self)
        return self.clf_head_.predict_proba(self._difference(X1, X2))

    def score(
        self, X1: Any, X2: Any, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Return the accuracy on pairs."""
        from sklearn.metrics import accuracy_score

        return accuracy_score(y, self.predict(X1, X2), sample_weight=sample_weight)

    def _difference(self, X1: Any, X2: Any) -> np.ndarray:
        _check_pairs(X1, X2)
        check_same_length(X1=X1, X2=X2)
        return np.abs(self.enc_.transform(X1) - self.enc_.transform(X2))


def _check_pairs(X1: Any, X2: Any) -> None:
    for name, side in (("X1", X1), ("X2", X2)):
        if isinstance(side, str | bytes | dict | set) or not hasattr(side, "__len__"):
            raise TypeError(
                f"got {type(side).__name__} as {name}, expected a list of documents; "
                "pass one"
            )
