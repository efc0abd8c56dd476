"""Labels as targets, and what each document counts."""

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.preprocessing import normalize
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

_MOST_FITTED = 10_000  # documents that regions are looked for in
_LARGEST_WEIGHT = 10.0


def check_targets(y: np.ndarray) -> bool:
    """Check labels, and return whether they are an indicator matrix.

    Raises
    ------
    ValueError
        If a label is missing, a row of the matrix is empty, or the values are neither
        labels nor an indicator matrix.

    """
    missing = np.flatnonzero(pd.isna(y).reshape(len(y), -1).any(axis=1))
    if len(missing):
        raise ValueError(
            f"got a missing label at position {missing[0]}, expected one label a "
            "document; drop the document"
        )
    several = y.ndim == 2 and y.shape[1] > 1
    try:
        check_classification_targets(y)
        kind = type_of_target(y)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"got y of shape {y.shape} and type {y.dtype} ({_first_line(error)}), "
            "expected one label a document or an indicator matrix; pass one of them"
        ) from error
    if not several:
        return False
    # scikit-learn takes any two numbers for an indicator matrix.
    if kind != "multilabel-indicator" or not np.isin(y, (0, 1)).all():
        raise ValueError(
            f"got y of shape {y.shape} that is not binary, expected an indicator "
            "matrix of 0 and 1; "
            "pass one label a document or an indicator matrix"
        )
    empty = np.flatnonzero(~np.asarray(y, dtype=bool).any(axis=1))
    if len(empty):
        raise ValueError(
            f"got no label at position {empty[0]} (a row of zeros), expected at least "
            "one in every row; drop the document"
        )
    return True


def find_classes(y: np.ndarray, multilabel: bool, classes=None) -> np.ndarray:
    """Return the labels in sorted order, or the column numbers of an indicator matrix;
    ``classes`` may name more labels than ``y`` has.
    """
    if multilabel:
        return np.arange(y.shape[1])
    if classes is None:
        classes = column_or_1d(y, warn=True)
    try:
        names = np.unique(np.asarray(classes))
    except TypeError as error:
        raise ValueError(
            "got labels of several types, expected all of one; convert them to str"
        ) from error
    if len(names) < 2:
        raise ValueError(
            "got 1 class, expected at least two; pass documents of more labels"
        )
    return names


def encode_targets(y: np.ndarray, classes: np.ndarray, multilabel: bool) -> np.ndarray:
    """Return labels as targets, ``float32 (n_documents, n_classes)``."""
    if multilabel:
        if y.ndim != 2 or y.shape[1] != len(classes):
            raise ValueError(
                f"got y of shape {y.shape}, expected {len(classes)} columns; "
                "pass the indicator matrix with the same columns as at the first "
                "call"
            )
        return np.asarray(y, dtype=np.float32)
    y = column_or_1d(y)
    unknown = [label for label in pd.unique(y).tolist() if label not in set(classes)]
    if unknown:
        raise ValueError(
            f"got the unknown label {unknown[0]!r}, expected one of "
            f"{classes.tolist()}; "
            "name all labels in classes= at the first call"
        )
    return (y[:, None] == classes).astype(np.float32)


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
    _, a = np.unique(first, return_inverse=True)
    _, b = np.unique(second, return_inverse=True)
    together = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(together, (a, b), 1)
    expected = together.sum(axis=1, keepdims=True) * together.sum(axis=0) / len(a)
    return np.minimum(expected[a, b] / together[a, b], _LARGEST_WEIGHT)


def find_regions(X: np.ndarray, n_regions: int, seed: int) -> np.ndarray:
    """Return the k-means cluster of each document among directions of ``X``; in an
    original space, mostly languages.
    """
    rows = normalize(X)
    sample = rows
    if len(rows) > _MOST_FITTED:
        rng = np.random.default_rng(seed)
        sample = rows[rng.choice(len(rows), _MOST_FITTED, replace=False)]
    n_regions = min(n_regions, len(np.unique(sample, axis=0)))
    return KMeans(n_regions, n_init=1, random_state=seed).fit(sample).predict(rows)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
