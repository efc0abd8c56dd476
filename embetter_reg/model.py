"""Models on top of encoders."""

import numpy as np
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
    ValueError
        If the two sides or ``y`` differ in length.

    Examples
    --------
    >>> from embetter_reg.model import DifferenceClassifier
    >>> from embetter_reg.text import LiteTextEncoder
    >>> one, other = ["a cat", "the law", "a cat", "the law"], ["a cat", "the law", "the law", "a cat"]
    >>> encoder = LiteTextEncoder(n_components=2, min_df=1, random_state=0)
    >>> DifferenceClassifier(encoder).fit(one, other, [1, 1, 0, 0]).predict(["a law"], ["a law"])
    array([1])

    """

    def __init__(self, enc, clf_head=None):
        self.enc = enc
        self.clf_head = clf_head

    def fit(self, X1, X2, y):
        """Fit on pairs ``X1[i], X2[i]`` with labels ``y``."""
        check_same_length(X1=X1, X2=X2, y=y)
        self.enc_ = clone(self.enc).fit([*X1, *X2])
        head = (
            LogisticRegression(class_weight="balanced")
            if self.clf_head is None
            else clone(self.clf_head)
        )
        self.clf_head_ = head.fit(self._difference(X1, X2), y)
        self.classes_ = self.clf_head_.classes_
        return self

    def predict(self, X1, X2):
        """Return the class of each pair."""
        check_is_fitted(self)
        return self.clf_head_.predict(self._difference(X1, X2))

    def predict_proba(self, X1, X2):
        """Return the probability of each class for each pair, ``(n_pairs, n_classes)``."""
        check_is_fitted(self)
        return self.clf_head_.predict_proba(self._difference(X1, X2))

    def score(self, X1, X2, y, sample_weight=None):
        """Return the accuracy on pairs."""
        from sklearn.metrics import accuracy_score

        return accuracy_score(y, self.predict(X1, X2), sample_weight=sample_weight)

    def _difference(self, X1, X2) -> np.ndarray:
        check_same_length(X1=X1, X2=X2)
        return np.abs(self.enc_.transform(X1) - self.enc_.transform(X2))
