"""What `FeedForwardTuner` and `ContrastiveTuner` share: weights, languages, files,
streams.
"""

import json
import pickle
import shutil

import numpy as np
import pytest
import sklearn
import torch
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.pipeline import make_pipeline

from embetter_reg.finetune import ContrastiveLearner, ContrastiveTuner, FeedForwardTuner
from embetter_reg.finetune.heads._targets import find_regions, independence_weights

TUNERS = [FeedForwardTuner(8, random_state=0), ContrastiveTuner(8, random_state=0)]
both = pytest.mark.parametrize("tuner", TUNERS, ids=lambda tuner: type(tuner).__name__)


def epochs(tuner, n):
    return clone(tuner).set_params(n_epochs=n)


@pytest.fixture
def confounded():
    """Registers of which each language has its own mixture, and vectors that tell the
    language best.
    """
    rng = np.random.default_rng(0)
    language = rng.integers(4, size=1600)
    y = np.where(rng.random(1600) < 0.5, language, rng.integers(4, size=1600))
    X = (
        rng.normal(scale=0.7, size=(1600, 20))
        + 3 * np.eye(20)[language]
        + np.eye(20)[6 + y]
    )
    X = X.astype(np.float32)
    y, language = (
        np.array(["HI", "IN", "NA", "OP"])[y],
        np.array(["en", "fi", "fr", "sv"])[language],
    )
    return X[:800], y[:800], language[:800], X[800:], y[800:], language[800:]


def ami(X, labels):
    return adjusted_mutual_info_score(
        labels, KMeans(4, n_init=5, random_state=0).fit_predict(X)
    )


def test_independence_weights_make_labels_independent():
    rng = np.random.default_rng(0)
    a = rng.integers(3, size=3000)
    b = np.where(rng.random(3000) < 0.4, a, rng.integers(3, size=3000))
    weights = independence_weights(a, b)
    table = np.zeros((3, 3))
    np.add.at(table, (a, b), weights)
    np.testing.assert_allclose(
        table, table.sum(1, keepdims=True) * table.sum(0) / table.sum(), rtol=1e-9
    )
    np.testing.assert_allclose(table.sum(1), np.bincount(a))
    assert (
        independence_weights(
            np.repeat([0, 1], 500), np.r_[np.zeros(499), 1, np.ones(500)]
        ).max()
        == 10
    )


def test_regions_are_the_languages_of_an_original_space(confounded):
    X, _, language, *_ = confounded
    assert adjusted_mutual_info_score(find_regions(X, 4, seed=0), language) > 0.9
    assert find_regions(np.ones((5, 2), np.float32), 8, seed=0).tolist() == [0] * 5


@both
def test_weights_of_languages_and_regions_untie_the_space_from_language(
    tuner, confounded
):
    X, y, language, X_new, y_new, language_new = confounded

    def found(**change):
        tuned = (
            clone(tuner)
            .set_params(**change)
            .fit(X, y, language=language)
            .transform(X_new)
        )
        return ami(tuned, language_new), ami(tuned, y_new)

    tied, regions, languages = (
        found(region_weight=0),
        found(region_weight=1, n_regions=4),
        found(language_weight=1),
    )
    floor = adjusted_mutual_info_score(y_new, language_new)
    assert languages[0] < tied[0] - 0.05 and regions[0] < tied[0] - 0.05
    assert languages[0] < floor + 0.1
    assert languages[1] > 0.3


@both
def test_language_by_metadata_routing(tuner, confounded):
    X, y, language, X_new, *_ = confounded
    tuner = epochs(tuner, 2).set_params(language_weight=1.0)
    direct = tuner.fit(X, y, language=language).transform(X_new)
    with sklearn.config_context(enable_metadata_routing=True):
        step = clone(tuner).set_fit_request(language=True)
        routed = (
            make_pipeline(step, LogisticRegression())
            .fit(X, y, language=language)[0]
            .transform(X_new)
        )
    np.testing.assert_array_equal(direct, routed)
    with pytest.raises(ValueError, match="without language"):
        tuner.fit(X, y)


@both
def test_sample_weight(tuner, confounded):
    """Documents with wrong labels and no weight do no harm."""
    X, y, _, X_new, y_new, _ = confounded
    wrong = np.roll(y, 7)
    X2, y2, weight = (
        np.concatenate([X, X]),
        np.concatenate([y, wrong]),
        np.repeat([1.0, 0.0], len(X)),
    )
    tuner = clone(tuner).set_params(region_weight=0)
    probe = LogisticRegression(max_iter=1000)

    def accuracy(head):
        return probe.fit(head.transform(X), y).score(head.transform(X_new), y_new)

    silenced = accuracy(tuner.fit(X2, y2, sample_weight=weight))
    assert silenced > accuracy(clone(tuner).fit(X, y)) - 0.03
    same = clone(tuner).fit(X, y, sample_weight=np.full(len(X), 3.0)).transform(X_new)
    np.testing.assert_allclose(same, clone(tuner).fit(X, y).transform(X_new), atol=1e-5)
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        tuner.fit(X, y, sample_weight=-np.ones(len(X)))


@both
@pytest.mark.parametrize("labels", ["text", "numbers", "indicator", "frame"])
def test_saved_and_loaded(tuner, labels, confounded, tmp_path):
    import pandas as pd

    X, y, _, X_new, *_ = confounded
    table = pd.DataFrame(X).add_prefix("d") if labels == "frame" else X
    targets = {
        "text": y,
        "frame": y,
        "numbers": np.unique(y, return_inverse=True)[1],
    }.get(labels)
    if labels == "indicator":
        targets = (y[:, None] == np.unique(y)).astype(int)
    tuner = (
        epochs(tuner, 2)
        .set_params(hidden_layers=(5,), class_weight="balanced")
        .fit(table, targets)
    )
    tuner.save(tmp_path / "head")
    loaded = type(tuner).load(tmp_path / "head")
    new = pd.DataFrame(X_new).add_prefix("d") if labels == "frame" else X_new
    np.testing.assert_array_equal(loaded.transform(new), tuner.transform(new))
    assert loaded.get_params() == tuner.get_params()
    assert (
        loaded.classes_.tolist() == tuner.classes_.tolist()
        and loaded.history_ == tuner.history_
    )
    loaded.partial_fit(table, targets)
    assert len(loaded.history_) == 3
    assert {path.name for path in (tmp_path / "head").iterdir()} == {
        "head.json",
        "head.safetensors",
    }


def test_a_learner_saved_and_loaded(confounded, tmp_path):
    X, *_ = confounded
    learner = ContrastiveLearner(
        4, n_epochs=1, random_state=np.random.RandomState(0)
    ).fit(X[:10], X[10:20], np.ones(10))
    learner.save(tmp_path)
    np.testing.assert_array_equal(
        ContrastiveLearner.load(tmp_path).predict(X[:5], X[5:10]),
        learner.predict(X[:5], X[5:10]),
    )


def test_class_weights_survive_saving(confounded, tmp_path):
    X, y, *_ = confounded
    tuner = (
        epochs(TUNERS[0], 1).set_params(class_weight={"NA": 2.0, "HI": 0.5}).fit(X, y)
    )
    tuner.save(tmp_path)
    assert FeedForwardTuner.load(tmp_path).class_weight == {"NA": 2.0, "HI": 0.5}


def test_bad_files(confounded, tmp_path):
    X, y, *_ = confounded
    epochs(TUNERS[0], 1).fit(X, y).save(tmp_path / "head")
    with pytest.raises(
        ValueError, match="got a saved FeedForwardTuner, expected a ContrastiveTuner"
    ):
        ContrastiveTuner.load(tmp_path / "head")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"expected a folder with head.json"):
        FeedForwardTuner.load(tmp_path / "empty")
    with pytest.raises(
        FileNotFoundError, match="expected a folder or a model on the hub"
    ):
        FeedForwardTuner.load(tmp_path / "nothing here")
    with pytest.raises(sklearn.exceptions.NotFittedError):
        FeedForwardTuner().save(tmp_path / "unfitted")


def test_to_the_hub_and_back(confounded, tmp_path, monkeypatch):
    """The hub is a local folder here: what is uploaded there is what is downloaded."""
    import huggingface_hub

    hub = tmp_path / "hub"
    asked = {}

    class Hub:
        def __init__(self, token=None):
            asked["token"] = token

        def create_repo(self, repo_id, *, private, exist_ok):
            asked["private"] = private and exist_ok
            return type("Address", (), {"repo_id": repo_id})

        def upload_folder(self, *, repo_id, folder_path, commit_message):
            shutil.copytree(folder_path, hub / repo_id)
            return f"https://hub/{repo_id}"

    def download(name, **options):
        asked["revision"] = options.get("revision")
        return str(hub / name)

    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    X, y, *_ = confounded
    tuner = epochs(TUNERS[1], 1).fit(X, y)
    assert (
        tuner.push_to_hub("me/registers", private=True, token="t")
        == "https://hub/me/registers"
    )
    loaded = ContrastiveTuner.load("me/registers", revision="main")
    np.testing.assert_array_equal(loaded.transform(X), tuner.transform(X))
    assert asked == {"token": "t", "private": True, "revision": "main"}
    assert (
        json.loads((hub / "me" / "registers" / "head.json").read_text())["class"]
        == "ContrastiveTuner"
    )


@both
def test_a_pickle_holds_no_documents(tuner, confounded):
    X, y, _, X_new, *_ = confounded
    tuner = epochs(tuner, 2).set_params(early_stopping=True, batch_size=1000).fit(X, y)
    kept = pickle.dumps(tuner)
    assert len(kept) < 20_000 < X.nbytes
    loaded = pickle.loads(kept)
    np.testing.assert_array_equal(loaded.transform(X_new), tuner.transform(X_new))
    assert len(loaded.partial_fit(X, y).history_) == 3


@both
def test_a_stream(tuner, confounded):
    X, y, _, X_new, y_new, _ = confounded
    tuner = clone(tuner)
    for _ in range(20):
        for rows in np.array_split(np.arange(800), 4):
            tuner.partial_fit(X[rows], y[rows], classes=np.unique(y))
    streamed = (
        LogisticRegression(max_iter=1000)
        .fit(tuner.transform(X), y)
        .score(tuner.transform(X_new), y_new)
    )
    fitted = clone(tuner).fit(X, y)
    whole = (
        LogisticRegression(max_iter=1000)
        .fit(fitted.transform(X), y)
        .score(fitted.transform(X_new), y_new)
    )
    assert streamed > whole - 0.05


@both
def test_input_in_other_layouts(tuner, confounded):
    X, y, _, X_new, *_ = confounded
    tuner = epochs(tuner, 2)
    expected = tuner.fit(X, y).transform(X_new)
    wide = np.asfortranarray(X)
    np.testing.assert_allclose(
        clone(tuner).fit(wide, y).transform(np.asfortranarray(X_new)),
        expected,
        atol=1e-5,
    )
    strided = np.repeat(X, 2, axis=1)[:, ::2]
    np.testing.assert_allclose(
        clone(tuner).fit(strided, y).transform(X_new), expected, atol=1e-5
    )
    half = clone(tuner).fit(X.astype(np.float16), y).transform(X_new.astype(np.float16))
    assert half.dtype == np.float32 and np.abs(half - expected).mean() < 0.05


@both
def test_nothing_global_changes(tuner, confounded):
    X, y, *_ = confounded
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    epochs(tuner, 2).fit(X, y)
    assert (
        torch.equal(state, torch.get_rng_state()) and threads == torch.get_num_threads()
    )
