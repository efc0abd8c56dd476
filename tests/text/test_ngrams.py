"""The hashed counts against scikit-learn's own n-grams."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from embetter_reg.text._ngrams import count_ngrams

TEXTS = [
    "the cat sat on the mat",
    "Äiti  söi\n\nkalaa, eikö?",
    "",
    "a",
    "😀 emoji 😀",
    "cat\tcat cat",
    "\ud800 lone",
]


def longer_words_only(n):
    """char_wb n-grams; scikit-learn also keeps a padded word shorter than n, which ours
    leaves out.
    """
    analyze = CountVectorizer(
        analyzer="char_wb", ngram_range=(n, n), lowercase=False
    ).build_analyzer()
    return lambda text: [gram for gram in analyze(text) if len(gram) == n]


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_counts_are_scikit_learns(n):
    analyze = longer_words_only(n)
    ours = count_ngrams(TEXTS, (n, n), 24)
    for row, text in enumerate(TEXTS):
        _, expected = np.unique(analyze(text), return_counts=True)
        assert sorted(ours[row].data) == sorted(expected.astype(float))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_word_counts_are_scikit_learns(n):
    texts = [*TEXTS, "The cat, the cat!\nThe end."]
    analyze = CountVectorizer(
        ngram_range=(n, n), lowercase=False, token_pattern=r"\w+|[^\w\s]|\n"
    ).build_analyzer()
    ours = count_ngrams(texts, (n, n), 24, words=True)
    for row, text in enumerate(texts):
        _, expected = np.unique(analyze(text), return_counts=True)
        assert sorted(ours[row].data) == sorted(expected.astype(float))


def test_same_ngram_same_column_whatever_the_document():
    counts = count_ngrams(["cat", "a cat", "dog"] * 100, (2, 4), 18).toarray()
    shared = (counts[0] > 0) & (counts[1] > 0)
    assert shared.sum() == (counts[0] > 0).sum() == 4 + 3 + 2
    assert not ((counts[0] > 0) & (counts[2] > 0)).any()
    np.testing.assert_array_equal(counts[:3], counts[297:])  # batches do not matter


def test_orders_add_up():
    together = count_ngrams(TEXTS, (2, 4), 22).sum(axis=1)
    apart = sum(count_ngrams(TEXTS, (n, n), 22).sum(axis=1) for n in (2, 3, 4))
    np.testing.assert_array_equal(together, apart)


def test_no_documents():
    assert count_ngrams([], (2, 3), 10).shape == (0, 1024)
