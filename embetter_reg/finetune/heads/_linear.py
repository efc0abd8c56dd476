"""A head for few labels: a linear classifier beside the space it was fitted on."""

from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import normalize
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from embetter_reg._parameters import ABOVE_0, AT_LEAST_0, check_parameters
from embetter_reg.finetune.heads._checks import check_vectors
from embetter_reg.finetune.heads._saving import Saved, to_json
from embetter_reg.finetune.heads._targets import check_targets, find_classes


class LinearTuner(
    Saved, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Tune embeddings toward labels with a logistic regression: its scores are
    appended to the vectors.

    A tuned vector is the original one at unit length, and beside it the classifier's
    scores of all labels at length ``weight``. So a map changes with the labels and does
    not forget the rest, which matters while labels are few: a network places documents
    that are unlike all labeled ones at random.

    Parameters
    ----------
    weight : float
        Length of the scores; 0 leaves the space unchanged.
    C : float
        Inverse strength of the regularization.
    random_state : int, RandomState or None
        Is ignored, since nothing is random; every head takes it.

    Attributes
    ----------
    classes_ : ndarray
        Labels in the order of the scores; column numbers where ``y`` was an indicator
        matrix.
    coef_ : ndarray of float32, shape (n_scores, n_dims)
    intercept_ : ndarray of float32, shape (n_scores,)
        Two classes have one score.

    Raises
    ------
    ValueError
        If there is one class only.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.finetune import LinearTuner
    >>> X = np.random.RandomState(0).normal(size=(60, 8)) + np.repeat([[0], [2]], 30, axis=0)
    >>> LinearTuner().fit_transform(X, np.repeat(["NA", "HI"], 30)).shape
    (60, 9)

    """

    def __init__(
        self,
        weight: float = 1.0,
        *,
        C: float = 10.0,
        random_state: int | np.random.RandomState | None = None,
    ):
        self.weight = weight
        self.C = C
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit on labels, or on a binary indicator matrix."""
        check_parameters(self, weight=AT_LEAST_0, C=ABOVE_0)
        vectors, labels = check_vectors(self, X, y, reset=True)
        several = check_targets(labels)
        find_classes(labels, several)
        scorer = LogisticRegression(C=self.C, class_weight="balanced", max_iter=2000)
        if several:
            fitted = OneVsRestClassifier(scorer).fit(normalize(vectors), labels)
            parts = fitted.estimators_
        else:
            fitted = scorer.fit(normalize(X), np.ravel(labels))
            parts = [fitted]
        self.classes_ = fitted.classes_
        # A label that every document has is a constant, which says nothing.
        parts = [part for part in parts if hasattr(part, "coef_")]
        self.coef_ = np.vstack([part.coef_ for part in parts]).astype(np.float32)
        intercept = np.concatenate([part.intercept_ for part in parts])
        self.intercept_ = intercept.astype(np.float32)
        return self

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return the tuned space, ``float32 (n_documents, n_dims + n_scores)``."""
        check_is_fitted(self)
        rows = normalize(check_vectors(self, X, reset=False))
        scores = rows @ self.coef_.T + self.intercept_
        return np.hstack([rows, self.weight * normalize(scores)]).astype(np.float32)

    def _contents(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        check_is_fitted(self)
        weights = {
            "coef_": torch.from_numpy(self.coef_),
            "intercept_": torch.from_numpy(self.intercept_),
        }
        config = {
            "parameters": {"weight": self.weight, "C": self.C},
            "classes": to_json(self.classes_),
            "feature_names_in": to_json(getattr(self, "feature_names_in_", None)),
        }
        return weights, config

    @classmethod
    def _from_contents(cls, weights: dict[str, Tensor], config: dict[str, Any]) -> Self:
        head = cls(**config["parameters"])
        head.coef_ = weights["coef_"].numpy()
        head.intercept_ = weights["intercept_"].numpy()
        head.classes_ = np.array(config["classes"])
        n_scores, head.n_features_in_ = head.coef_.shape
        if head.intercept_.shape != (n_scores,):
            raise ValueError("scores and intercepts differ in number")
        if config.get("feature_names_in") is not None:
            head.feature_names_in_ = np.array(
                list(config["feature_names_in"]), dtype=object
            )
        return head

    @property
    def _n_features_out(self) -> int:
        return self.n_features_in_ + len(self.intercept_)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
