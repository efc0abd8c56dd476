"""A light encoder: hashed character n-grams and words, TF-IDF, then SVD. No download."""

import warnings
from pathlib import Path
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.preprocessing import normalize
from sklearn.utils.extmath import svd_flip
from sklearn.utils.validation import check_is_fitted

from embetter_reg._random import seeded_torch
from embetter_reg._skops import dump_estimator, load_estimator
from embetter_reg._validation import check_texts
from embetter_reg.text._ngrams import count_ngrams
from embetter_reg.text._rules import check_encoder

_TRANSFORM_BATCH = 4096
_OVERSAMPLING = 16
_FEW = 2000  # documents up to which the exact SVD is the faster one


class LiteTextEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """TF-IDF of character n-grams and words reduced by a truncated SVD.

    Surface habits (punctuation, function words, inflection) carry much of what makes a
    register, and character n-grams see them in any language. Same idea as
    ``TfidfVectorizer(analyzer="char_wb", sublinear_tf=True)`` before ``TruncatedSVD``,
    with hashed n-grams, the ``max_features`` most widely used of them, and, above 2,000
    documents, a randomized SVD (Halko, Martinsson & Tropp 2011) on all cores.

    Parameters
    ----------
    n_components : int
        Width of the embedding; as many as there are documents or n-grams to fit on,
        where that is fewer.
    ngram_range : tuple of two ints
        Shortest and longest n-gram of characters.
    word_weight : float
        Length of the part of a document's vector that counts whole words, punctuation
        marks and line ends, beside the n-grams' length of 1; 0 leaves it out.
    lowercase : bool
        Fold case first.
    min_df : int
        Drop n-grams found in fewer documents than this.
    max_features : int or None
        Keep the n-grams, and as many words, found in most documents; None keeps all.
    n_bits : int
        N-grams are hashed into ``2**n_bits`` columns, 8 to 26, and words into as many
        others.
    max_chars : int or None
        Read only this many characters of a document; None reads all.
    n_iter : int
        Power iterations of the randomized SVD. More is slower and closer to the exact SVD.
    normalize : bool
        Give every document unit length.
    random_state : int, RandomState or None
        Seeds the randomized SVD.

    Attributes
    ----------
    columns_ : ndarray of int, shape (n_ngrams,)
        The hash columns that are used.
    idf_ : ndarray of float32, shape (n_ngrams,)
    components_ : ndarray of float32, shape (n_components, n_ngrams)

    Raises
    ------
    ValueError
        If a document is missing, or no n-gram is left to fit on.

    Examples
    --------
    >>> from embetter_reg.text import LiteTextEncoder
    >>> texts = ["Mix flour and milk.", "The minister resigned."]
    >>> texts += ["Mix eggs and flour.", "The vote passed."]
    >>> LiteTextEncoder(n_components=2, min_df=1, random_state=0).fit_transform(texts).shape
    (4, 2)

    """

    def __init__(
        self,
        n_components=384,
        *,
        ngram_range=(2, 5),
        word_weight=1.0,
        lowercase=True,
        min_df=2,
        max_features=30_000,
        n_bits=18,
        max_chars=None,
        n_iter=4,
        normalize=True,
        random_state=None,
    ):
        self.n_components = n_components
        self.ngram_range = ngram_range
        self.word_weight = word_weight
        self.lowercase = lowercase
        self.min_df = min_df
        self.max_features = max_features
        self.n_bits = n_bits
        self.max_chars = max_chars
        self.n_iter = n_iter
        self.normalize = normalize
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the n-grams, their weights and the projection from documents ``X``."""
        self.fit_transform(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Fit on ``X`` and return its embedding, ``float32 (n_documents,
        n_components)``.
        """
        check_encoder(self)
        counts = self._count(check_texts(X))
        n_documents = counts.shape[0]
        df = np.bincount(counts.indices, minlength=counts.shape[1])
        columns = np.concatenate(
            [self._widest(part) + start for start, part in self._parts(df)]
        )
        if len(columns) == 0:
            raise ValueError(
                f"got {n_documents} documents with no n-gram found in "
                f"min_df={self.min_df} of them, "
                "expected some text to fit on; pass more documents or a smaller min_df"
            )
        self.columns_ = columns
        self.idf_ = (np.log((1 + n_documents) / (1 + df[columns])) + 1).astype(
            np.float32
        )
        weights = self._weigh(counts)
        self.components_ = self._svd(weights)
        self._n_features_out = self.components_.shape[0]
        return self._project(weights)

    def transform(self, X: Any) -> np.ndarray:
        """Return the embedding of documents ``X``, ``float32 (n_documents,
        n_components)``.
        """
        check_is_fitted(self)
        texts = check_texts(X)
        out = np.empty((len(texts), self._n_features_out), np.float32)
        for start in range(0, len(texts), _TRANSFORM_BATCH):
            batch = slice(start, start + _TRANSFORM_BATCH)
            out[batch] = self._project(self._weigh(self._count(texts[batch])))
        return out

    def save(self, path: str | Path) -> None:
        """Write the fitted encoder to ``path`` with skops (no pickle); equal encoders
        give equal bytes.
        """
        check_is_fitted(self)
        dump_estimator(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return an encoder written by `save`.

        Nothing of the file is run before its types are found among the trusted ones.

        Raises
        ------
        ValueError
            If the file holds anything but a fitted encoder of this class.

        """
        encoder = load_estimator(path, cls)
        if not hasattr(encoder, "components_"):
            raise ValueError(
                f"got {path}, which holds an encoder that is not fitted, expected a "
                f"file written by {cls.__name__}.save; pass another file"
            )
        return encoder

    def _count(self, texts: list[str]) -> sp.csr_matrix:
        if self.max_chars is not None:
            texts = [text[: self.max_chars] for text in texts]
        if self.lowercase:
            texts = [text.lower() for text in texts]
        ngrams = count_ngrams(texts, self.ngram_range, self.n_bits)
        if not self.word_weight:
            return ngrams
        return sp.hstack(
            [ngrams, count_ngrams(texts, (1, 1), self.n_bits, words=True)], format="csr"
        )

    def _parts(self, values: np.ndarray) -> list[tuple[int, np.ndarray]]:
        """Return where the columns of n-grams and of words begin, and their values."""
        middle = 1 << self.n_bits
        return [(0, values[:middle]), (middle, values[middle:])]

    def _widest(self, df: np.ndarray) -> np.ndarray:
        columns = np.flatnonzero(df >= self.min_df)
        if self.max_features is None or len(columns) <= self.max_features:
            return columns
        return np.sort(
            columns[np.argsort(-df[columns], kind="stable")[: self.max_features]]
        )

    def _weigh(self, counts: sp.csr_matrix) -> sp.csr_matrix:
        """Sublinear TF-IDF with rows of unit length, those of n-grams and of words
        weighed against each other.
        """
        weights = counts[:, self.columns_]
        weights.data = (1 + np.log(weights.data)) * self.idf_[weights.indices]
        if self.word_weight:
            middle = np.searchsorted(self.columns_, 1 << self.n_bits)
            ngrams, words = (
                normalize(weights[:, :middle]),
                normalize(weights[:, middle:]),
            )
            weights = sp.hstack(
                [ngrams, words * self.word_weight], format="csr", dtype=np.float32
            )
        return normalize(weights, copy=False)

    def _svd(self, weights: sp.csr_matrix) -> np.ndarray:
        n_components = min(self.n_components, *weights.shape)
        if weights.shape[0] <= _FEW:
            return _exact_components(weights, n_components)
        import torch

        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message="Sparse", category=UserWarning
            )  # beta notices
            matrix = torch.sparse_csr_tensor(
                torch.from_numpy(weights.indptr.astype(np.int64)),
                torch.from_numpy(weights.indices.astype(np.int64)),
                torch.from_numpy(weights.data),
                weights.shape,
            )
        with seeded_torch(self.random_state):
            rank = min(n_components + _OVERSAMPLING, *weights.shape)
            u, _, v = torch.svd_lowrank(matrix, q=rank, niter=self.n_iter)
        _, components = svd_flip(u.numpy(), v.numpy().T, u_based_decision=False)
        return np.ascontiguousarray(components[:n_components])

    def _project(self, weights: sp.csr_matrix) -> np.ndarray:
        embedding = np.asarray(weights @ self.components_.T, dtype=np.float32)
        return normalize(embedding, copy=False) if self.normalize else embedding

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags


def _exact_components(weights: sp.csr_matrix, n_components: int) -> np.ndarray:
    """Return the first right singular vectors, by way of the products of documents,
    which are a small matrix where there are few.
    """
    from scipy.linalg import eigh

    weights = weights.astype(np.float64)
    n_documents = weights.shape[0]
    last = (n_documents - n_components, n_documents - 1)
    values, u = eigh((weights @ weights.T).toarray(), subset_by_index=last)
    order = np.argsort(-values)
    singular = np.sqrt(np.maximum(values[order], 0))
    components = (weights.T @ u[:, order]).T
    # What has no length, as where documents are copies of others, stays zero.
    has_length = singular > 1e-6 * singular.max()
    components[has_length] /= singular[has_length, None]
    components[~has_length] = 0
    _, components = svd_flip(u[:, order], components, u_based_decision=False)
    return np.ascontiguousarray(components, dtype=np.float32)
