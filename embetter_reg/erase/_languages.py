"""Languages of the documents and their means, for all erasers."""

import warnings

import numpy as np
from numpy.typing import ArrayLike

from embetter_reg._validation import check_labels


def language_codes(
    language: ArrayLike | None, n_documents: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the languages there are, sorted, and each document's number among them.

    Without ``language`` all documents count as one language, with a warning: nothing
    would be erased.
    """
    if language is None:
        warnings.warn(
            "got no language, expected one a document; nothing is erased (pass "
            "language=, in a pipeline by set_fit_request(language=True) with metadata "
            "routing enabled)",
            stacklevel=3,
        )
        return np.array([""]), np.zeros(n_documents, dtype=np.intp)
    return np.unique(
        check_labels("language", language, n_documents), return_inverse=True
    )


def language_means(X: np.ndarray, codes: np.ndarray, n_languages: int) -> np.ndarray:
    """Return the mean vector of each language, float64 ``(n_languages, n_dims)``."""
    return np.stack(
        [X[codes == code].mean(axis=0, dtype=np.float64) for code in range(n_languages)]
    )
