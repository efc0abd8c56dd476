"""Take away the few directions along which languages lie apart."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from embetter_reg._validation import check_whole_number, validate_rows
from embetter_reg.erase._languages import language_codes, language_means


class LSAR(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Project out the low-rank subspace of language means (low-rank subtraction).

    The means of the languages are split into what they share and a subspace that tells
    them apart; vectors lose their part in that subspace (Yang et al. 2021, "A Simple
    and Effective Method To Eliminate the Self Language Bias in Multilingual
    Representations"). No language is needed to transform.

    Parameters
    ----------
    n_components : int or None
        Dimensions taken away; None takes the number of languages less one.

    Attributes
    ----------
    languages_ : ndarray of str, shape (n_languages,)
    components_ : ndarray of float64, shape (n_components, n_features)
        The subspace, orthonormal rows.
    shared_ : ndarray of float64, shape (n_features,)
        What the languages share, orthogonal to the subspace.

    Raises
    ------
    ValueError
        If there are more components than languages less one.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.erase import LSAR
    >>> X = np.array([[0.0, 1.0], [0.0, 3.0], [9.0, 1.0], [9.0, 3.0]])
    >>> LSAR().fit_transform(X, language=["en", "en", "fi", "fi"]).round(6) + 0.0
    array([[0., 1.],
           [0., 3.],
           [0., 1.],
           [0., 3.]])

    """

    def __init__(self, n_components: int | None = None) -> None:
        self.n_components = n_components

    def fit(
        self, X: ArrayLike, y: Any = None, *, language: ArrayLike | None = None
    ) -> Self:
        """Learn the subspace from ``X`` of shape (n_documents, n_features)."""
        rows = validate_rows(self, X, dtype=(np.float64, np.float32))
        self.languages_, codes = language_codes(language, len(rows))
        most = min(len(self.languages_) - 1, rows.shape[1])
        rank = most
        if self.n_components is not None and language is not None:
            rank = check_whole_number("n_components", self.n_components, 0)
        if rank > most:
            raise ValueError(
                f"got n_components={self.n_components} for {len(self.languages_)} "
                f"languages, expected at most {most}; pass fewer"
            )
        means = language_means(rows, codes, len(self.languages_)).T
        center = means.mean(axis=1, keepdims=True)
        directions, sizes, loadings = _leading(means - center, rank)
        approximation = center + directions * sizes @ loadings
        # The point of the means' affine hull nearest to the origin is orthogonal to the
        # subspace: it is what the languages share.
        weights = np.linalg.pinv(approximation).sum(axis=0)
        norm = weights @ weights
        self.shared_ = np.zeros(rows.shape[1])
        if norm > 0:
            self.shared_ = weights / norm
        directions, sizes, _ = _leading(approximation - self.shared_[:, None], rank)
        largest = max(sizes.max(initial=0), np.abs(means).max(initial=0), 1e-300)
        self.components_ = directions[:, sizes > 1e-10 * largest].T
        return self

    def fit_transform(
        self, X: ArrayLike, y: Any = None, *, language: ArrayLike | None = None
    ) -> np.ndarray:
        """Fit on ``X`` and return it without the subspace."""
        return self.fit(X, language=language).transform(X)

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Return ``X`` without its part in the subspace."""
        check_is_fitted(self)
        rows = validate_rows(self, X, dtype=(np.float64, np.float32), reset=False)
        part = rows @ self.components_.T @ self.components_
        return (rows - part).astype(rows.dtype)


def _leading(
    matrix: np.ndarray, rank: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the leading singular vectors and values of a matrix."""
    directions, sizes, loadings = np.linalg.svd(matrix, full_matrices=False)
    return directions[:, :rank], sizes[:rank], loadings[:rank]
