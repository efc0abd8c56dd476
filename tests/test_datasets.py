"""The bundled corpus keeps its plan, a full factorial that gives no register away;
examples keep their form.
"""

import itertools
import re
from collections import Counter

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import paired_cosine_distances
from sklearn.model_selection import GroupKFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from embetter_reg.corpus import label_column, load_examples, load_registers
from embetter_reg.corpus.bundled import EXAMPLES
from embetter_reg.corpus.registers import PARENT, parse
from embetter_reg.finetune import ContrastiveLearner, ContrastiveTuner, pairs
from embetter_reg.text import LiteTextEncoder, SurfaceEncoder

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
    return cross_val_score(
        model, X, corpus["register"], groups=corpus["topic"], cv=GroupKFold(5)
    ).mean()


def test_factorial(corpus):
    topics = corpus["topic"].unique()
    assert len(topics) >= 8
    cells = Counter(
        zip(corpus["lang"], corpus["register"], corpus["topic"], strict=True)
    )
    assert cells == {
        cell: 1 for cell in itertools.product(LANGUAGES, REGISTERS, topics)
    }
    assert corpus["id"].is_unique
    assert list(corpus.columns[:5]) == ["id", "lang", "labels", "topic", "text"]


def test_labels_are_core_codes(corpus):
    assert all(parse(labels) == labels for labels in corpus["labels"])
    for register in set(REGISTERS) - {"ID", "LY"}:
        assert all(
            len(labels) == 2
            for labels in corpus["labels"][corpus["register"] == register]
        )
    for language in LANGUAGES:
        subs = {
            labels[1]
            for labels in corpus["labels"][corpus["lang"] == language]
            if len(labels) > 1
        }
        assert {"ne", "sr", "nb", "en", "fi", "rv", "ds", "re", "it"} <= subs


def test_lengths(corpus):
    n_words = corpus["text"].str.split().map(len)
    assert n_words.between(50, 120).all()
    assert (
        accuracy(
            make_pipeline(StandardScaler(), LogisticRegression()),
            n_words.to_frame(),
            corpus,
        )
        < 2 * CHANCE
    )


def test_first_word_does_not_tell_the_register(corpus):
    first = corpus["text"].map(lambda text: words(text)[0])
    model = make_pipeline(CountVectorizer(token_pattern=r"\w+"), LogisticRegression())
    assert accuracy(model, first, corpus) < 2 * CHANCE


def test_no_phrase_gives_a_register_away(corpus):
    for (_, register), texts in corpus.groupby(["lang", "register"])["text"]:
        grams = Counter(
            gram
            for text in texts
            for gram in set(zip(*[words(text)[i:] for i in range(3)], strict=False))
        )
        gram, n = grams.most_common(1)[0]
        assert n <= len(texts) // 2, (
            f"{gram} stands in {n} of {len(texts)} documents of {register}"
        )


def test_no_two_documents_are_alike(corpus):
    counts = CountVectorizer(
        ngram_range=(4, 4), binary=True, token_pattern=r"\w+"
    ).fit_transform(corpus["text"])
    shared = (counts @ counts.T).toarray() / np.minimum.outer(
        *[np.asarray(counts.sum(axis=1)).ravel()] * 2
    )
    np.fill_diagonal(shared, 0)
    assert shared.max() < 0.2


def test_text_is_clean(corpus):
    assert not corpus["text"].str.contains(r"[ \t]{2}|^\s|\s$").any()
    assert not corpus["text"].str.contains("\ufffd").any()


# The examples in the form of pairs

NESTED = {
    "sentences": dict(PARENT),
    "messages": {
        sub: sub.split()[0]
        for sub in (
            "asks how",
            "asks which",
            "tells praise",
            "tells complaint",
            "offers sale",
            "offers help",
        )
    },
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_labels_are_nested_and_partly_unknown(name):
    examples, parents = load_examples(name), NESTED[name]
    mains = {label for example in examples for label in example["cats"]} - set(parents)
    assert mains == (
        set(REGISTERS) if name == "sentences" else {"asks", "tells", "offers"}
    )
    for example in examples:
        cats = example["cats"]
        assert set(example) == {"text", "cats", "lang"} and set(
            map(type, cats.values())
        ) == {bool}
        assert any(cats.get(main) for main in mains)
        for sub in set(cats) - mains:  # asked only where its main label is there
            assert cats[parents[sub]], example
    subs_unknown = [not set(example["cats"]) - mains for example in examples]
    mains_unknown = [not mains <= set(example["cats"]) for example in examples]
    assert 0.15 < np.mean(subs_unknown) < 0.6 and 0.15 < np.mean(mains_unknown) < 0.6


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_short_clean_and_even(name):
    examples = load_examples(name)
    counts = Counter(example["lang"] for example in examples)
    assert (
        set(counts) == {"en", "fr", "es", "fi"}
        and max(counts.values()) - min(counts.values()) <= 1
    )
    texts = [example["text"] for example in examples]
    assert len(set(texts)) == len(texts) and all(
        4 <= len(text.split()) <= 32 for text in texts
    )
    assert not any(re.search(r"[ \t]{2}|^\s|\s$|\ufffd", text) for text in texts)


def labels_of(example):
    return next(label for label, value in example["cats"].items() if value)


@pytest.mark.parametrize(
    ("name", "encoder", "gain"),
    [
        ("messages", SurfaceEncoder(), 0.07),
        ("sentences", LiteTextEncoder(random_state=0), 0.02),
    ],
)
def test_a_learner_and_a_tuner_learn_from_them(name, encoder, gain):
    """Pairs of documents that were not learned from: is the more similar one nearer, and
    more often than before?
    """
    found = []
    for seed in range(3):
        train, test = train_test_split(
            load_examples(name), test_size=0.35, random_state=seed
        )
        train_texts, sampler = pairs.from_examples(
            train, n_pos=20, n_neg=20, random_state=seed
        )
        texts, held_out = pairs.from_examples(
            test, n_pos=10, n_neg=10, random_state=seed
        )
        X_train, X = encoder.fit_transform(train_texts), encoder.transform(texts)
        first, second, similarity = sampler.draw()
        learner = ContrastiveLearner(
            32, n_epochs=30, dropout=0.2, standardize=True, random_state=seed
        )
        learner.fit(X_train[first], X_train[second], similarity)
        tuner = ContrastiveTuner(32, random_state=seed).fit(
            X_train, [labels_of(example) for example in train]
        )
        a, b, shared = held_out.draw()
        cosines = [
            paired_cosine_distances(X[a], X[b]),
            1 - learner.predict(X[a], X[b]),
            paired_cosine_distances(tuner.transform(X[a]), tuner.transform(X[b])),
        ]
        found.append([roc_auc_score(shared > 0, -distance) for distance in cosines])
    original, learned, tuned = np.mean(found, axis=0)
    assert learned - original > gain and tuned - original > gain


def test_unknown_labels_make_no_negatives():
    """A document of another main label whose own labels are unknown is no negative
    pair.
    """
    examples = load_examples("sentences")
    _, sampler = pairs.from_examples(examples, n_pos=0, n_neg=20, random_state=0)
    for first, second, _ in zip(*sampler.draw(), strict=True):
        a, b = examples[first]["cats"], examples[second]["cats"]
        known = set(a) & set(b)
        assert any(a[label] != b[label] for label in known)
        assert not any(a[label] and b[label] for label in known)


def test_other_names_are_told():
    with pytest.raises(
        ValueError,
        match=r"got name='tweets', expected one of \['sentences', 'messages'\]",
    ):
        load_examples("tweets")
