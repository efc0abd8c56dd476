"""Probabilities of heads, and heads read by name whichever class they are."""

import json

import numpy as np
import pytest
import torch
from sklearn.datasets import make_blobs

from embetter_reg import pretrained
from embetter_reg.finetune import (
    ContrastiveLearner,
    ContrastiveTuner,
    FeedForwardTuner,
    LinearTuner,
    load_head,
)


@pytest.fixture(scope="module")
def blobs():
    """Vectors of three registers, their labels, and an indicator matrix with hybrids."""
    X, y = make_blobs(240, 6, centers=3, cluster_std=2, random_state=0)
    indicator = np.eye(3, dtype=int)[y]
    indicator[::6, 0] = 1
    return X.astype(np.float32), np.array(["HI", "NA", "OP"])[y], indicator


def logits(head, X):
    with torch.no_grad():
        return head.network_(torch.from_numpy(X)).numpy()


@pytest.mark.parametrize("tuner", [FeedForwardTuner, ContrastiveTuner])
def test_probabilities_of_labels_are_a_softmax(tuner, blobs):
    X, y, _ = blobs
    head = tuner(8, n_epochs=30, random_state=0).fit(X[:160], y[:160])
    outputs = np.exp(logits(head, X))
    expected = outputs / outputs.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(head.predict_proba(X), expected, atol=1e-5)
    assert head.predict(X).tolist() == head.classes_[expected.argmax(axis=1)].tolist()
    assert (head.predict(X[160:]) == y[160:]).mean() > 0.8
    assert (head.predict(X[160:]) == np.roll(y[160:], 1)).mean() < 0.6


@pytest.mark.parametrize("tuner", [FeedForwardTuner, ContrastiveTuner])
def test_probabilities_of_an_indicator_are_sigmoids(tuner, blobs):
    X, _, indicator = blobs
    head = tuner(8, n_epochs=30, random_state=0).fit(X[:160], indicator[:160])
    expected = 1 / (1 + np.exp(-logits(head, X)))
    np.testing.assert_allclose(head.predict_proba(X), expected, atol=1e-5)
    np.testing.assert_array_equal(head.predict(X), expected >= 0.5)
    np.testing.assert_array_equal(head.predict(X, 0.2), expected >= 0.2)
    limits = [0.1, 0.5, 0.9]
    np.testing.assert_array_equal(head.predict(X, limits), expected >= limits)
    head.output_temperature_ = 2.0
    cooler = 1 / (1 + np.exp(-logits(head, X) / 2))
    np.testing.assert_allclose(head.predict_proba(X), cooler, atol=1e-5)
    held = indicator[160:]
    assert (head.predict(X[160:]) == held).mean() > 0.75
    assert (head.predict(X[160:]) == held[:, ::-1]).mean() < 0.6


def test_a_head_of_pairs_has_no_probabilities(blobs):
    X, y, _ = blobs
    head = ContrastiveTuner(4, n_epochs=1, loss="cosine", random_state=0).fit(X, y)
    assert not hasattr(head, "predict")
    with pytest.raises(AttributeError) as error:
        head.predict_proba(X)
    assert "pass loss='prototype'" in str(error.value.__cause__)


@pytest.mark.parametrize(
    "head",
    [
        FeedForwardTuner(4, n_epochs=1, random_state=0),
        ContrastiveTuner(4, n_epochs=1, random_state=0),
        LinearTuner(),
        ContrastiveLearner(4, n_epochs=1, random_state=0),
    ],
    ids=lambda head: type(head).__name__,
)
def test_any_saved_head_is_read_by_its_folder(head, blobs, tmp_path):
    X, y, _ = blobs
    if isinstance(head, ContrastiveLearner):
        head.fit(X[:-1], X[1:], y[:-1] == y[1:])
    else:
        head.fit(X, y)
    head.save(tmp_path)
    loaded = load_head(tmp_path)
    assert type(loaded) is type(head) and loaded.card is None
    np.testing.assert_array_equal(loaded.transform(X), head.transform(X))
    if hasattr(head, "predict_proba"):
        np.testing.assert_array_equal(loaded.predict_proba(X), head.predict_proba(X))


def test_a_head_of_the_package_has_its_card(blobs, tmp_path, monkeypatch):
    X, _, indicator = blobs
    folder = tmp_path / "multilingual-e5-small-frozen"
    head = FeedForwardTuner(4, n_epochs=5, random_state=0).fit(X, indicator)
    head.save(folder)
    card = {
        "base_model": "intfloat/multilingual-e5-small",
        "layers": [3, 6],
        "classes": ["HI", "NA", "OP"],
        "threshold": [0.3, 0.4, 0.5],
        "temperature": 1.5,
    }
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    monkeypatch.setattr(pretrained._weights, "ROOT", tmp_path)
    for name in ("multilingual-e5-small", "multilingual-e5-small-frozen"):
        loaded = load_head(name)
        assert loaded.card.layers == [3, 6]
        expected = 1 / (1 + np.exp(-logits(head, X) / 1.5))
        np.testing.assert_allclose(loaded.predict_proba(X), expected, atol=1e-5)
        np.testing.assert_array_equal(loaded.predict(X), expected >= [0.3, 0.4, 0.5])
    loaded.save(tmp_path / "again")
    again = FeedForwardTuner.load(tmp_path / "again")
    np.testing.assert_array_equal(again.predict(X), loaded.predict(X))


def test_a_head_of_a_class_that_is_unknown_is_refused(blobs, tmp_path):
    X, y, _ = blobs
    LinearTuner().fit(X, y).save(tmp_path)
    text = (tmp_path / "head.json").read_text()
    (tmp_path / "head.json").write_text(text.replace("LinearTuner", "Other"))
    with pytest.raises(ValueError, match=r"got a saved Other .* expected one of"):
        load_head(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"head\.json"):
        load_head(tmp_path.parent)
