"""Labels as targets, and what each document counts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.preprocessing import normalize
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

_MOST_FITTED = 10_000  # documents that regions are looked for in
_LARGEST_WEIGHT = 10.0


@dataclass(frozen=True)
class Labels:
    """The classes there are, and labels as targets over them."""

    classes: np.ndarray
    multilabel: bool

    @classmethod
    def of(cls, y, classes=None) -> "Labels":
        """Find them in one label a document or an indicator matrix; ``classes`` may
        name more.
        """
        missing = np.flatnonzero(pd.isna(y).reshape(len(y), -1).any(axis=1))
        if len(missing):
            raise ValueError(
                f"got a missing label at position {missing[0]}, expected one label a "
                "document; drop the document"
            )
        check_classification_targets(y)
        multilabel = y.ndim == 2 and y.shape[1] > 1
        if multilabel and type_of_target(y) != "multilabel-indicator":
            raise ValueError(
                f"got y of shape {y.shape} that is not binary, expected an indicator "
                "matrix of 0 and 1; "
                "pass one label a document or an indicator matrix"
            )
        if multilabel:
            return cls(np.arange(y.shape[1]), True)
        found = np.unique(column_or_1d(y, warn=True) if classes is None else classes)
        if len(found) < 2:
            raise ValueError(
                "got 1 class, expected at least two; pass documents of more labels"
            )
        return cls(found, False)

    def encode(self, y) -> np.ndarray:
        """Return labels as float32 (n_documents, n_classes) targets."""
        if self.multilabel:
            if y.ndim != 2 or y.shape[1] != len(self.classes):
                raise ValueError(
                    f"got y of shape {y.shape}, expected {len(self.classes)} columns; "
                    "pass the indicator matrix with the same columns as at the first "
                    "call"
                )
            return np.asarray(y, dtype=np.float32)
        y = column_or_1d(y)
        unknown = np.setdiff1d(y, self.classes)
        if len(unknown):
            raise ValueError(
                f"got the unknown label {unknown.tolist()[0]!r}, expected one of "
                f"{self.classes.tolist()}; "
                "name all labels in classes= at the first call"
            )
        return (y[:, None] == self.classes).astype(np.float32)

    def class_weights(self, class_weight, targets: np.ndarray) -> np.ndarray:
        """Return a weight a class; with several labels a document, of a label's
        presence against its absence.
        """
        if class_weight is None:
            weights = np.ones(len(self.classes))
        elif not self.multilabel:
            y = self.classes[targets.argmax(axis=1)]
            present = np.isin(self.classes, y)
            weights = np.ones(len(self.classes))
            if isinstance(class_weight, dict):
                class_weight = {
                    key: value for key, value in class_weight.items() if key in set(y)
                }
            weights[present] = compute_class_weight(
                class_weight, classes=self.classes[present], y=y
            )
        elif isinstance(class_weight, dict):
            weights = np.array([class_weight.get(label, 1.0) for label in self.classes])
        else:
            positive = targets.sum(axis=0)
            weights = (len(targets) - positive) / np.maximum(positive, 1)
        return weights.astype(np.float32)


def independence_weights(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return document weights that make two labelings independent: p(a) p(b) / p(a, b),
    at most 10.

    The weighting of Kamiran & Calders (2012, "Data preprocessing techniques for
    classification without discrimination").

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.finetune.heads._targets import independence_weights
    >>> independence_weights(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])).tolist()
    [0.75, 0.75, 1.5, 0.5]

    """
    a, b = (np.unique(values, return_inverse=True)[1] for values in (first, second))
    together = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(together, (a, b), 1)
    expected = together.sum(axis=1, keepdims=True) * together.sum(axis=0) / len(a)
    return np.minimum(expected[a, b] / together[a, b], _LARGEST_WEIGHT)


def find_regions(X: np.ndarray, n_regions: int, seed: int) -> np.ndarray:
    """Return the k-means cluster of each document among directions of ``X``; in an
    original space, mostly languages.
    """
    rows = normalize(X)
    rng = np.random.default_rng(seed)
    sample = (
        rows
        if len(rows) <= _MOST_FITTED
        else rows[rng.choice(len(rows), _MOST_FITTED, replace=False)]
    )
    n_regions = min(n_regions, len(np.unique(sample, axis=0)))
    return KMeans(n_regions, n_init=1, random_state=seed).fit(sample).predict(rows)
