"""The cache: every unseen text once, never another encoder's vector, nothing lost, nothing damaged trusted."""

import multiprocessing
import os
import pickle
import shutil
import sqlite3
import time

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from embetter_reg.text import CachedEncoder, LiteTextEncoder, SentenceEncoder, SurfaceEncoder

TEXTS = [f"{word} {n}?" for n in range(20) for word in ("the cat", "mix flour")]


class Counting(TransformerMixin, BaseEstimator):
    """An encoder without a model, which notes in a file each text that it is given."""

    def __init__(self, log=None, scale=1.0, pause=0.0):
        self.log = log
        self.scale = scale
        self.pause = pause

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        time.sleep(self.pause)
        if self.log:
            with open(self.log, "a") as file:
                file.writelines(f"{text}\n" for text in X)
        return (
            np.array([[len(text), ord(text[0]), hash_of(text)] for text in X], np.float32).reshape(-1, 3) * self.scale
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


def hash_of(text):
    return sum(map(ord, text)) % 97


def seen(log):
    return log.read_text().splitlines() if log.exists() else []


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log"
    path.touch()
    return path


@pytest.fixture
def quiet(log, monkeypatch):
    """Keep the log's name and time out of the fingerprint: it grows with each call."""
    monkeypatch.setattr("embetter_reg.text._cached._NO_MATTER", {"log", "pause"})


def test_each_unseen_text_once_in_order(tmp_path, log, quiet):
    cached = CachedEncoder(Counting(log), tmp_path / "c")
    given = TEXTS[:10] + TEXTS[5:15] + TEXTS[:3]
    np.testing.assert_array_equal(cached.transform(given), Counting().transform(given))
    assert sorted(seen(log)) == sorted(set(given))
    cached.transform(TEXTS)
    assert sorted(seen(log)) == sorted(TEXTS)
    assert cached.stats()["misses"] == len(TEXTS) and cached.stats()["hits"] == 8 + 15
    assert cached.stats()["n_vectors"] == len(TEXTS) and cached.stats()["n_bytes"] > 0
    fresh = CachedEncoder(Counting(log), tmp_path / "c")
    np.testing.assert_array_equal(fresh.transform(TEXTS[::-1]), Counting().transform(TEXTS[::-1]))
    assert len(seen(log)) == len(TEXTS) and fresh.stats()["misses"] == 0


def test_encoders_never_share_vectors(tmp_path, tiny_folder, tiny_model):
    """Another class, parameter, learned state or model: each gives what it gives without a cache."""
    copied = tmp_path / "model"
    shutil.copytree(tiny_model, copied)
    encoders = [
        Counting(scale=2.0),
        Counting(scale=3.0),
        SurfaceEncoder(scale=False),
        SurfaceEncoder(scale=False, max_chars=3),
        LiteTextEncoder(3, min_df=1, random_state=0).fit(TEXTS),
        LiteTextEncoder(3, min_df=1, random_state=0).fit(TEXTS[:9]),
        SentenceEncoder(tiny_model, device="cpu"),
        SentenceEncoder(tiny_model, device="cpu", normalize=True),
        SentenceEncoder(tiny_model, device="cpu", prompt="the "),
        SentenceEncoder(tiny_model, device="cpu", dtype="bfloat16"),
        make_pipeline(SurfaceEncoder(scale=False)),
        FeatureUnion([("a", Counting()), ("b", SurfaceEncoder(scale=False))]),
    ]
    for encoder in encoders * 2:
        cached = CachedEncoder(encoder, tmp_path / "c")
        cached.encoder_ = encoder
        np.testing.assert_allclose(cached.transform(TEXTS[:9]), encoder.transform(TEXTS[:9]), atol=1e-6)
    before = CachedEncoder(SentenceEncoder(str(copied), device="cpu"), tmp_path / "c").transform(TEXTS[:3])
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(copied), device="cpu")
    model[0].auto_model.embeddings.word_embeddings.weight.data += 1
    model[0].auto_model.embeddings.word_embeddings.weight.data[:, ::2] *= -1
    model.save(str(copied))
    after = CachedEncoder(SentenceEncoder(str(copied), device="cpu"), tmp_path / "c").transform(TEXTS[:3])
    assert not np.allclose(before, after, atol=1e-3)


def test_batch_size_and_device_share_vectors(tmp_path, tiny_model):
    first = CachedEncoder(SentenceEncoder(tiny_model, device="cpu"), tmp_path)
    second = CachedEncoder(SentenceEncoder(tiny_model, device="cpu", batch_size=3), tmp_path)
    np.testing.assert_array_equal(first.transform(TEXTS), second.transform(TEXTS))
    assert second.stats()["misses"] == 0 and not hasattr(second.encoder, "_loaded")


def test_clone_pickle_set_params_and_clear(tmp_path, log, quiet):
    cached = CachedEncoder(Counting(log), tmp_path / "c")
    X = cached.transform(TEXTS)
    for again in (clone(cached), pickle.loads(pickle.dumps(cached))):
        np.testing.assert_array_equal(again.transform(TEXTS), X)
    assert len(seen(log)) == len(TEXTS)
    np.testing.assert_array_equal(cached.set_params(encoder__scale=2.0).transform(TEXTS), 2 * X)
    assert cached.stats()["n_vectors"] == 2 * len(TEXTS)
    cached.clear()
    assert cached.stats()["n_vectors"] == len(TEXTS)


def test_a_fitted_encoder_and_a_refit(tmp_path):
    cached = CachedEncoder(LiteTextEncoder(3, min_df=1, random_state=0), tmp_path)
    with pytest.raises(AttributeError, match="not fitted"):
        cached.transform(TEXTS)
    expected = LiteTextEncoder(3, min_df=1, random_state=0).fit(TEXTS).transform(TEXTS)
    np.testing.assert_allclose(cached.fit(TEXTS).transform(TEXTS), expected, atol=1e-6)
    other = LiteTextEncoder(3, min_df=1, random_state=0).fit(TEXTS[::2]).transform(TEXTS)
    np.testing.assert_allclose(cached.fit(TEXTS[::2]).transform(TEXTS), other, atol=1e-6)
    assert not np.allclose(other, expected)


def test_grid_search(tmp_path, log, monkeypatch):
    monkeypatch.setattr("embetter_reg.text._cached._NO_MATTER", {"log", "pause"})
    y = ["cat", "flour"] * 20
    pipeline = make_pipeline(CachedEncoder(Counting(log), tmp_path / "c"), LogisticRegression())
    grid = {"cachedencoder__encoder__scale": [0.0, 1.0], "logisticregression__C": [0.1, 1, 10]}
    search = GridSearchCV(pipeline, grid, cv=4).fit(TEXTS, y)
    assert search.best_params_["cachedencoder__encoder__scale"] == 1.0 and search.best_score_ == 1
    assert len(seen(log)) == 2 * len(TEXTS)


def test_grid_search_over_processes(tmp_path):
    def search(encoder):
        pipeline = make_pipeline(encoder, StandardScaler(), LogisticRegression())
        return GridSearchCV(pipeline, {"logisticregression__C": [0.1, 1]}, cv=2, n_jobs=2).fit(TEXTS, [0, 1] * 20)

    encoder = SurfaceEncoder(scale=False)
    cached = search(CachedEncoder(encoder, tmp_path))
    np.testing.assert_allclose(cached.cv_results_["mean_test_score"], search(encoder).cv_results_["mean_test_score"])
    assert CachedEncoder(encoder, tmp_path).stats()["n_vectors"] == len(TEXTS)


def write(folder, log, texts, pause):
    CachedEncoder(Counting(log, pause=pause), folder).transform(texts)


@pytest.mark.parametrize("kill", [False, True])
def test_processes_at_once_and_a_kill(tmp_path, log, monkeypatch, kill):
    monkeypatch.setattr("embetter_reg.text._cached._NO_MATTER", {"log", "pause"})
    monkeypatch.setattr("embetter_reg.text._cached._BLOCK", 25)
    texts = [f"text {n}" for n in range(1000)]
    processes = [
        multiprocessing.get_context("fork").Process(target=write, args=(tmp_path / "c", log, part, 0.02))
        for part in (texts[:700], texts[300:])
    ]
    for process in processes:
        process.start()
    if kill:
        while len(seen(log)) < 300:
            time.sleep(0.01)
        processes[0].kill()
    for process in processes:
        process.join()
    n_before = len(seen(log))
    cached = CachedEncoder(Counting(log), tmp_path / "c")
    np.testing.assert_array_equal(cached.transform(texts), Counting().transform(texts))
    n_lost = len(seen(log)) - n_before
    assert n_lost < 700 - 300 if kill else n_lost == 0
    with sqlite3.connect(tmp_path / "c" / "embeddings.sqlite") as file:
        assert file.execute("PRAGMA quick_check").fetchone() == ("ok",)


DAMAGE = {
    "junk": lambda path: path.write_bytes(b"junk" * 5000),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "middle": lambda path: path.write_bytes(path.read_bytes()[:4096] + os.urandom(8192) + path.read_bytes()[12288:]),
    "no table": lambda path: sqlite3.connect(path).execute("DROP TABLE vectors"),
    "another program's": lambda path: sqlite3.connect(path).execute("PRAGMA application_id = 7"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_file_is_set_aside_and_rebuilt(tmp_path, kind):
    cached = CachedEncoder(Counting(), tmp_path)
    texts = [f"text {n}" for n in range(600)]
    X = cached.transform(texts)
    DAMAGE[kind](tmp_path / "embeddings.sqlite")
    with pytest.warns(UserWarning, match="is damaged"):
        np.testing.assert_array_equal(cached.transform(texts), X)
    assert (tmp_path / "embeddings.sqlite.damaged-1").exists()
    np.testing.assert_array_equal(CachedEncoder(Counting(), tmp_path).transform(texts), X)


def test_a_damaged_vector_is_computed_anew(tmp_path, log, quiet):
    cached = CachedEncoder(Counting(log), tmp_path / "c")
    X = cached.transform(TEXTS)
    with sqlite3.connect(tmp_path / "c" / "embeddings.sqlite") as file:
        rows = file.execute("SELECT rowid, vector FROM vectors LIMIT 3").fetchall()
        file.execute("UPDATE vectors SET vector = ? WHERE rowid = ?", (rows[1][1], rows[0][0]))  # another text's
        file.execute("UPDATE vectors SET vector = ? WHERE rowid = ?", (b"abc", rows[2][0]))
    n_before = len(seen(log))
    with pytest.warns(UserWarning, match="2 damaged vectors"):
        np.testing.assert_array_equal(cached.transform(TEXTS), X)
    assert len(seen(log)) == n_before + 2
    np.testing.assert_array_equal(cached.transform(TEXTS), X)
    assert len(seen(log)) == n_before + 2


def test_an_empty_file_is_begun(tmp_path):
    (tmp_path / "embeddings.sqlite").touch()
    cached = CachedEncoder(Counting(), tmp_path)
    np.testing.assert_array_equal(cached.transform(TEXTS), Counting().transform(TEXTS))
    assert cached.transform([]).shape == (0, 3)


def test_bad_folders_and_bad_encoders(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "d" / "embeddings.sqlite").mkdir(parents=True)
    for folder, message in (("file", "which cannot be made"), ("d", "which cannot be used")):
        with pytest.raises(OSError, match=message):
            CachedEncoder(Counting(), tmp_path / folder).transform(TEXTS)
    for scale, message in ((np.nan, "expected one finite vector a text"),):
        with pytest.raises(ValueError, match=message):
            CachedEncoder(Counting(scale=scale), tmp_path / "c").transform(TEXTS)
    assert CachedEncoder(Counting(), tmp_path / "c").stats()["n_vectors"] == 0
    with pytest.raises(TypeError, match="got function inside the encoder"):
        CachedEncoder(Counting(scale=lambda: 1), tmp_path / "c").transform(TEXTS)
