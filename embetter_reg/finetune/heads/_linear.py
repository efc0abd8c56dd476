"""A head for few labels: a linear classifier beside the space it was fitted on."""

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import normalize
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from embetter_reg.finetune.heads._saving import load_head, save_head, to_json


class LinearTuner(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Tune embeddings toward labels with a logistic regression; the space is what it
    says beside what was there.

    A vector is the given one at unit length, and next to it the classifier's scores of
    all labels at length ``weight``. So a map changes with the labels and does not
    forget the rest, which matters while labels are few: a network then puts documents
    that it knows nothing of in the middle of nowhere.

    Parameters
    ----------
    weight : float
        Length of the scores; 0 leaves the space as it was.
    C : float
        Inverse strength of the regularization.
    random_state : int, RandomState or None
        Nothing is random; heads take it.

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
    >>> from embetter_reg.label import LinearTuner
    >>> X = np.random.RandomState(0).normal(size=(60, 8)) + np.repeat([[0], [2]], 30, axis=0)
    >>> LinearTuner().fit_transform(X, np.repeat(["NA", "HI"], 30)).shape
    (60, 9)

    """

    def __init__(self, weight=1.0, *, C=10.0, random_state=None):
        self.weight = weight
        self.C = C
        self.random_state = random_state

    def fit(self, X, y):
        """Fit on labels, or on a binary indicator matrix."""
        X, y = validate_data(self, X, y, dtype=np.float32, multi_output=True)
        check_classification_targets(y)
        scorer = LogisticRegression(C=self.C, class_weight="balanced", max_iter=2000)
        several = y.ndim == 2 and y.shape[1] > 1
        if not several:
            y = np.ravel(y)
            if len(np.unique(y)) < 2:
                raise ValueError(
                    "got 1 class, expected at least two; pass documents of more labels"
                )
        fitted = (OneVsRestClassifier(scorer) if several else scorer).fit(
            normalize(X), y
        )
        self.classes_ = fitted.classes_
        parts = fitted.estimators_ if several else [fitted]
        # A label that every document has is a constant, which says nothing.
        known = [part for part in parts if hasattr(part, "coef_")]
        self.coef_ = np.vstack([part.coef_ for part in known]).astype(np.float32)
        self.intercept_ = np.concatenate([part.intercept_ for part in known]).astype(
            np.float32
        )
        return self

    def transform(self, X):
        """Return the tuned space, ``float32 (n_documents, n_dims + n_scores)``."""
        check_is_fitted(self)
        rows = normalize(validate_data(self, X, reset=False, dtype=np.float32))
        scores = rows @ self.coef_.T + self.intercept_
        return np.hstack([rows, self.weight * normalize(scores)]).astype(np.float32)

    def save(self, folder) -> None:
        """Write the fitted head into a folder: weights as safetensors, the rest as
        JSON.
        """
        import torch

        check_is_fitted(self)
        weights = {
            name: torch.from_numpy(getattr(self, name))
            for name in ("coef_", "intercept_")
        }
        parameters = {"weight": self.weight, "C": self.C}
        save_head(
            folder,
            weights,
            {
                "class": "LinearTuner",
                "parameters": parameters,
                "classes": to_json(self.classes_),
            },
        )

    @classmethod
    def load(cls, folder) -> "LinearTuner":
        """Return a head that `save` wrote."""
        weights, config = load_head(folder, "LinearTuner")
        head = cls(**config["parameters"])
        head.coef_, head.intercept_ = (
            weights["coef_"].numpy(),
            weights["intercept_"].numpy(),
        )
        head.classes_, head.n_features_in_ = (
            np.array(config["classes"]),
            head.coef_.shape[1],
        )
        return head

    @property
    def _n_features_out(self) -> int:
        return self.n_features_in_ + len(self.intercept_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
