"""Take each language's mean away."""

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from embetter_reg._validation import check_choice, validate_rows
from embetter_reg.erase._languages import language_codes, language_means


class LanguageCentering(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Subtract from every document the mean of its language.

    The simplest eraser, and hard to beat where languages differ by a shift (Libovický,
    Rosa & Fraser 2020, "On the Language Neutrality of Pre-trained Multilingual
    Representations"). It is the only one here that needs the language of the documents
    that it transforms.

    Parameters
    ----------
    unseen : {"mean", "own", "error"}
        Documents of a language that `fit` did not see: subtract the mean of the known
        languages' means, or the mean of the given documents of that language, or
        refuse. The first two warn.

    Attributes
    ----------
    languages_ : ndarray of str, shape (n_languages,)
    means_ : ndarray of float64, shape (n_languages, n_features)

    Raises
    ------
    ValueError
        If a language is missing or, with ``unseen="error"``, unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from embetter_reg.erase import LanguageCentering
    >>> X = np.array([[0.0, 1.0], [2.0, 1.0], [10.0, 5.0], [12.0, 5.0]])
    >>> eraser = LanguageCentering().fit(X, language=["en", "en", "fi", "fi"])
    >>> eraser.transform([[1.0, 2.0], [11.0, 6.0]], language=["en", "fi"])
    array([[0., 1.],
           [0., 1.]])

    """

    def __init__(self, *, unseen: str = "mean") -> None:
        self.unseen = unseen

    def fit(
        self, X: ArrayLike, y: Any = None, *, language: ArrayLike | None = None
    ) -> Self:
        """Learn the mean of each language from ``X`` of shape (n_documents,
        n_features).
        """
        check_choice("unseen", self.unseen, ("mean", "own", "error"))
        rows = validate_rows(self, X, dtype=(np.float64, np.float32))
        self.languages_, codes = language_codes(language, len(rows))
        self.means_ = language_means(rows, codes, len(self.languages_))
        return self

    def fit_transform(
        self, X: ArrayLike, y: Any = None, *, language: ArrayLike | None = None
    ) -> np.ndarray:
        """Fit on ``X`` and return it centered."""
        return self.fit(X, language=language).transform(X, language=language)

    def transform(
        self, X: ArrayLike, *, language: ArrayLike | None = None
    ) -> np.ndarray:
        """Return ``X`` less the mean of each document's language."""
        check_is_fitted(self)
        rows = validate_rows(self, X, dtype=(np.float64, np.float32), reset=False)
        if language is None:
            if len(self.languages_) > 1:
                raise ValueError(
                    f"got no language, expected one of {self.languages_.tolist()} for "
                    "each document; pass language="
                )
            return (rows - self.means_[0]).astype(rows.dtype)
        names, codes = language_codes(language, len(rows))
        unseen = sorted(set(names.tolist()) - set(self.languages_.tolist()))
        if unseen:
            self._warn_of(unseen)
        means = language_means(rows, codes, len(names))
        if self.unseen == "mean":
            means[:] = self.means_.mean(axis=0)
        is_known = np.isin(names, self.languages_)
        places = np.searchsorted(self.languages_, names[is_known])
        means[is_known] = self.means_[places]
        return (rows - means[codes]).astype(rows.dtype)

    def _warn_of(self, unseen: list[str]) -> None:
        if self.unseen == "error":
            raise ValueError(
                f"got the languages {unseen}, expected some of "
                f"{self.languages_.tolist()}; fit on them too"
            )
        subtracted = "their own mean here"
        if self.unseen == "mean":
            subtracted = "the mean of all languages"
        warnings.warn(
            f"languages {unseen} were not there at fit; {subtracted} is subtracted",
            stacklevel=3,
        )
