"""Take each language's mean away."""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

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

    def __init__(self, *, unseen="mean"):
        self.unseen = unseen

    def fit(self, X, y=None, *, language=None):
        """Learn the mean of each language from ``X`` of shape (n_documents,
        n_features).
        """
        if self.unseen not in ("mean", "own", "error"):
            raise ValueError(
                f"got unseen={self.unseen!r}, expected 'mean', 'own' or 'error'; pick "
                "one"
            )
        X = validate_data(self, X, dtype=(np.float64, np.float32))
        self.languages_, codes = language_codes(language, len(X))
        self.means_ = language_means(X, codes, len(self.languages_))
        return self

    def fit_transform(self, X, y=None, *, language=None):
        """Fit on ``X`` and return it centered."""
        return self.fit(X, language=language).transform(X, language=language)

    def transform(self, X, *, language=None):
        """Return ``X`` less the mean of each document's language."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=(np.float64, np.float32), reset=False)
        if language is None and len(self.languages_) > 1:
            raise ValueError(
                f"got no language, expected one of {self.languages_.tolist()} for "
                "each document; pass language="
            )
        if language is None:
            return (X - self.means_[0]).astype(X.dtype)
        given, codes = language_codes(language, len(X))
        known = {
            name: mean for name, mean in zip(self.languages_, self.means_, strict=True)
        }
        unseen = [str(name) for name in given if name not in known]
        if unseen and self.unseen == "error":
            raise ValueError(
                f"got the languages {unseen}, expected some of "
                f"{self.languages_.tolist()}; fit on them too"
            )
        if unseen:
            what = (
                "the mean of all languages"
                if self.unseen == "mean"
                else "their own mean here"
            )
            warnings.warn(
                f"languages {unseen} were not there at fit; {what} is subtracted",
                stacklevel=2,
            )
        own = language_means(X, codes, len(given))
        overall = self.means_.mean(axis=0)
        means = [
            known.get(name, overall if self.unseen == "mean" else own[i])
            for i, name in enumerate(given)
        ]
        return (X - np.stack(means)[codes]).astype(X.dtype)
