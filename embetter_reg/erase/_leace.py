"""Take away what is linear in the language, and as little else as possible."""

from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from embetter_reg._validation import validate_rows
from embetter_reg.erase._languages import language_codes


class LEACE(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Least-squares concept erasure: no linear classifier can find the language.

    Among all affine maps after which no linear probe beats the majority language, the
    one that moves the vectors least (Belrose et al. 2023, "LEACE: Perfect linear
    concept erasure in closed form"). The guarantee is exact on the documents fitted on;
    a non-linear probe may still tell languages apart. No language is needed to
    transform.

    Parameters
    ----------
    tol : float
        Directions with less than this share of the largest variance count as empty.

    Attributes
    ----------
    languages_ : ndarray of str, shape (n_languages,)
    mean_ : ndarray of float64, shape (n_features,)
    readout_ : ndarray of float64, shape (n_features, rank)
        ``(x - mean_) @ readout_`` is the part of a document that tells its language.
    writeback_ : ndarray of float64, shape (rank, n_features)
        What that part looks like in the space; it is subtracted.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.erase import LEACE
    >>> X = np.array([[0.0, 1.0], [0.0, 3.0], [9.0, 1.0], [9.0, 3.0]])
    >>> LEACE().fit_transform(X, language=["en", "en", "fi", "fi"]).round(6)
    array([[4.5, 1. ],
           [4.5, 3. ],
           [4.5, 1. ],
           [4.5, 3. ]])

    """

    mean_: np.ndarray
    readout_: np.ndarray
    writeback_: np.ndarray

    def __init__(self, *, tol: float = 1e-8) -> None:
        self.tol = tol

    def fit(
        self, X: ArrayLike, y: Any = None, *, language: ArrayLike | None = None
    ) -> Self:
        """Learn the map from ``X`` of shape (n_documents, n_features)."""
        rows = validate_rows(self, X, dtype=(np.float64, np.float32))
        self.languages_, codes = language_codes(language, len(rows))
        if not isinstance(self.tol, Real) or not 0 <= self.tol < 1:
            raise ValueError(
                f"got tol={self.tol!r}, expected a number from 0 to below 1; pass for "
                "example 1e-8"
            )
        rows = rows.astype(np.float64)
        self.mean_ = rows.mean(axis=0)
        rows -= self.mean_
        members = np.eye(len(self.languages_))[codes]
        crossed = rows.T @ (members - members.mean(axis=0)) / len(rows)
        variances, axes = np.linalg.eigh(rows.T @ rows / len(rows))
        is_full = variances > self.tol * max(variances[-1], 0)
        roots = np.sqrt(variances[is_full])
        axes = axes[:, is_full]
        # Whitened rows have equal variance along every axis: there the least change that
        # erases is an orthogonal projection.
        whitened = (axes / roots).T @ crossed
        directions, strengths, _ = np.linalg.svd(whitened, full_matrices=False)
        smallest = self.tol * max(strengths.max(initial=0), 1e-300)
        directions = directions[:, strengths > smallest]
        directions = directions[:, : len(self.languages_) - 1]
        self.readout_ = (axes / roots) @ directions
        self.writeback_ = ((axes * roots) @ directions).T
        return self

    def fit_transform(
        self, X: ArrayLike, y: Any = None, *, language: ArrayLike | None = None
    ) -> np.ndarray:
        """Fit on ``X`` and return it without its language."""
        return self.fit(X, language=language).transform(X)

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return ``X`` without what tells its language."""
        check_is_fitted(self)
        rows = validate_rows(self, X, dtype=(np.float64, np.float32), reset=False)
        part = (rows - self.mean_) @ self.readout_ @ self.writeback_
        return (rows - part).astype(rows.dtype)
