"""Input of heads: vectors, labels and weights of documents."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from embetter_reg._validation import validate_rows


def check_vectors(
    head: BaseEstimator, X: ArrayLike, y: Any = "no_validation", *, reset: bool
) -> Any:
    """Return vectors as float32 (n_documents, n_dims), with ``y`` where it is given.

    Raises
    ------
    ValueError, TypeError
        As `validate_rows` does.

    """
    options: dict[str, Any] = {"reset": reset, "dtype": np.float32}
    if isinstance(y, str) and y != "no_validation":
        raise TypeError(
            f"got the labels {y!r}, expected one label or a list of them for each "
            "document; pass a list or an array"
        )
    if not isinstance(y, str):
        options |= {"y": y, "multi_output": True}
    return validate_rows(head, X, **options)


def check_weights(sample_weight: ArrayLike | None, n_documents: int) -> np.ndarray:
    """Return what each document counts, ``float32 (n_documents,)``; None is 1 each.

    Raises
    ------
    ValueError
        If there is not one finite number of at least 0 a document, or all are 0.

    """
    if sample_weight is None:
        return np.ones(n_documents, np.float32)
    try:
        weights = np.asarray(sample_weight, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "got sample_weight that is not numeric, expected one number a document; "
            "convert it"
        ) from error
    if weights.ndim == 0:
        weights = np.full(n_documents, weights)
    if weights.shape != (n_documents,):
        raise ValueError(
            f"got sample_weight of shape {weights.shape} for {n_documents} documents, "
            "expected one number each; align the two"
        )
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(bad):
        raise ValueError(
            f"got sample_weight {weights[bad[0]]} at position {bad[0]}, expected "
            "finite numbers of at least 0, none negative; correct it"
        )
    if not weights.any():
        raise ValueError(
            "got sample_weight of zeros only, expected at least one non-zero; pass "
            "None to count all alike"
        )
    return weights
