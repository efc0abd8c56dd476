"""Input of heads, checked by scikit-learn and refused in this library's words."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data


def check_vectors(
    head: BaseEstimator, X: ArrayLike, y: Any = "no_validation", *, reset: bool
) -> Any:
    """Return vectors as float32 (n_documents, n_dims), with ``y`` where it is given.

    Raises
    ------
    ValueError, TypeError
        As `sklearn.utils.validation.validate_data` does, whose message is quoted.

    """
    try:
        return validate_data(
            head, X, y, reset=reset, dtype=np.float32, **_options_of(y)
        )
    except (ValueError, TypeError) as error:
        raise type(error)(
            f"got vectors or labels that do not fit ({_in_words(error)}), expected finite "
            "numbers of shape (n_documents, n_dims), as wide as at fit, and as many "
            "labels; align them"
        ) from error


def _options_of(y: Any) -> dict[str, bool]:
    if isinstance(y, str):
        return {}
    return {"multi_output": True}


def _in_words(error: Exception) -> str:
    """Return scikit-learn's message without the array that it may print."""
    lines = str(error).strip().splitlines()
    words = [
        line for line in lines if line and not line.startswith(("array=", "[", " "))
    ]
    return " ".join(words).rstrip(".")


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
