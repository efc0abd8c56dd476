"""The bundled corpus keeps its plan: a full factorial that gives no register away."""

import itertools
import re
from collections import Counter

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from embetter_reg.corpus import label_column, load_registers
from embetter_reg.corpus.registers import parse

LANGUAGES = ["en", "fi", "fr", "sv", "es", "tr"]
REGISTERS = ["NA", "IN", "OP", "IP", "HI", "ID", "SP", "LY"]
CHANCE = 1 / len(REGISTERS)


@pytest.fixture(scope="module")
def corpus():
    frame = load_registers()
    frame["register"] = label_column(frame)
    return frame


def words(text):
    return re.findall(r"\w+", text.lower())


def accuracy(model, X, corpus):
    """Accuracy on topics that were not seen, so that only the register can help."""
    return cross_val_score(model, X, corpus["register"], groups=corpus["topic"], cv=GroupKFold(5)).mean()


def test_factorial(corpus):
    topics = corpus["topic"].unique()
    assert len(topics) >= 8
    cells = Counter(zip(corpus["lang"], corpus["register"], corpus["topic"], strict=True))
    assert cells == {cell: 1 for cell in itertools.product(LANGUAGES, REGISTERS, topics)}
    assert corpus["id"].is_unique
    assert list(corpus.columns[:5]) == ["id", "lang", "labels", "topic", "text"]


def test_labels_are_core_codes(corpus):
    assert all(parse(labels) == labels for labels in corpus["labels"])
    for register in set(REGISTERS) - {"ID", "LY"}:
        assert all(len(labels) == 2 for labels in corpus["labels"][corpus["register"] == register])
    for language in LANGUAGES:
        subs = {labels[1] for labels in corpus["labels"][corpus["lang"] == language] if len(labels) > 1}
        assert {"ne", "sr", "nb", "en", "fi", "rv", "ds", "re", "it"} <= subs


def test_lengths(corpus):
    n_words = corpus["text"].str.split().map(len)
    assert n_words.between(50, 120).all()
    assert accuracy(make_pipeline(StandardScaler(), LogisticRegression()), n_words.to_frame(), corpus) < 2 * CHANCE


def test_first_word_does_not_tell_the_register(corpus):
    first = corpus["text"].map(lambda text: words(text)[0])
    model = make_pipeline(CountVectorizer(token_pattern=r"\w+"), LogisticRegression())
    assert accuracy(model, first, corpus) < 2 * CHANCE


def test_no_phrase_gives_a_register_away(corpus):
    for (_, register), texts in corpus.groupby(["lang", "register"])["text"]:
        grams = Counter(gram for text in texts for gram in set(zip(*[words(text)[i:] for i in range(3)], strict=False)))
        gram, n = grams.most_common(1)[0]
        assert n <= len(texts) // 2, f"{gram} stands in {n} of {len(texts)} documents of {register}"


def test_no_two_documents_are_alike(corpus):
    counts = CountVectorizer(ngram_range=(4, 4), binary=True, token_pattern=r"\w+").fit_transform(corpus["text"])
    shared = (counts @ counts.T).toarray() / np.minimum.outer(*[np.asarray(counts.sum(axis=1)).ravel()] * 2)
    np.fill_diagonal(shared, 0)
    assert shared.max() < 0.2


def test_text_is_clean(corpus):
    assert not corpus["text"].str.contains(r"[ \t]{2}|^\s|\s$").any()
    assert not corpus["text"].str.contains("\ufffd").any()
