"""The cache: every unseen text once, never another encoder's vector, nothing lost,
nothing damaged trusted.
"""

import multiprocessing
import os
import pickle
import shutil
import signal
import sqlite3
import time

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer

from embetter_reg.text import (
    CachedEncoder,
    LiteTextEncoder,
    SentenceEncoder,
    SurfaceEncoder,
    fingerprint,
)
from embetter_reg.text._cache_file import identity_of, look_up, set_aside, store

TEXTS = [f"{word} {n}?" for n in range(20) for word in ("the cat", "mix flour")]


class Counting(TransformerMixin, BaseEstimator):
    """An encoder without a model, which notes in a file each text that it is given;
    only its scale counts.
    """

    def __init__(self, log=None, scale=1.0, pause=0.0):
        self.log = log
        self.scale = scale
        self.pause = pause

    def _cache_key(self):
        return self.scale

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        time.sleep(self.pause)
        if self.log:
            with open(self.log, "a") as file:
                file.writelines(f"{text}\n" for text in X)
        return (
            np.array(
                [[len(text), ord(text[0]), hash_of(text)] for text in X], np.float32
            ).reshape(-1, 3)
            * self.scale
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


def test_each_unseen_text_once_in_order(tmp_path, log):
    cached = CachedEncoder(Counting(log), tmp_path / "c")
    given = TEXTS[:10] + TEXTS[5:15] + TEXTS[:3]
    np.testing.assert_array_equal(cached.transform(given), Counting().transform(given))
    assert sorted(seen(log)) == sorted(set(given))
    cached.transform(TEXTS)
    assert sorted(seen(log)) == sorted(TEXTS)
    assert cached.stats()["misses"] == len(TEXTS) and cached.stats()["hits"] == 8 + 15
    assert cached.stats()["n_vectors"] == len(TEXTS) and cached.stats()["n_bytes"] > 0
    fresh = CachedEncoder(Counting(log), tmp_path / "c")
    np.testing.assert_array_equal(
        fresh.transform(TEXTS[::-1]), Counting().transform(TEXTS[::-1])
    )
    assert len(seen(log)) == len(TEXTS) and fresh.stats()["misses"] == 0


def test_encoders_never_share_vectors(tmp_path, tiny_folder, tiny_model):
    """Another class, parameter, learned state or model: each gives what it gives
    without a cache.
    """
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
        np.testing.assert_allclose(
            cached.transform(TEXTS[:9]), encoder.transform(TEXTS[:9]), atol=1e-6
        )
    before = CachedEncoder(
        SentenceEncoder(str(copied), device="cpu"), tmp_path / "c"
    ).transform(TEXTS[:3])
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(copied), device="cpu")
    model[0].auto_model.embeddings.word_embeddings.weight.data += 1
    model[0].auto_model.embeddings.word_embeddings.weight.data[:, ::2] *= -1
    model.save(str(copied))
    after = CachedEncoder(
        SentenceEncoder(str(copied), device="cpu"), tmp_path / "c"
    ).transform(TEXTS[:3])
    assert not np.allclose(before, after, atol=1e-3)


def test_batch_size_and_device_share_vectors(tmp_path, tiny_model):
    first = CachedEncoder(SentenceEncoder(tiny_model, device="cpu"), tmp_path)
    second = CachedEncoder(
        SentenceEncoder(tiny_model, device="cpu", batch_size=3), tmp_path
    )
    np.testing.assert_array_equal(first.transform(TEXTS), second.transform(TEXTS))
    assert second.stats()["misses"] == 0 and not hasattr(second.encoder, "_loaded")


def test_clone_pickle_set_params_and_clear(tmp_path, log):
    cached = CachedEncoder(Counting(log), tmp_path / "c")
    X = cached.transform(TEXTS)
    for again in (clone(cached), pickle.loads(pickle.dumps(cached))):
        np.testing.assert_array_equal(again.transform(TEXTS), X)
    assert len(seen(log)) == len(TEXTS)
    np.testing.assert_array_equal(
        cached.set_params(encoder__scale=2.0).transform(TEXTS), 2 * X
    )
    assert cached.stats()["n_vectors"] == 2 * len(TEXTS)
    cached.clear()
    assert cached.stats()["n_vectors"] == len(TEXTS)


def test_a_fitted_encoder_and_a_refit(tmp_path):
    cached = CachedEncoder(LiteTextEncoder(3, min_df=1, random_state=0), tmp_path)
    with pytest.raises(AttributeError, match="not fitted"):
        cached.transform(TEXTS)
    expected = LiteTextEncoder(3, min_df=1, random_state=0).fit(TEXTS).transform(TEXTS)
    np.testing.assert_allclose(cached.fit(TEXTS).transform(TEXTS), expected, atol=1e-6)
    other = (
        LiteTextEncoder(3, min_df=1, random_state=0).fit(TEXTS[::2]).transform(TEXTS)
    )
    np.testing.assert_allclose(
        cached.fit(TEXTS[::2]).transform(TEXTS), other, atol=1e-6
    )
    assert not np.allclose(other, expected)


def test_grid_search(tmp_path, log):
    y = ["cat", "flour"] * 20
    pipeline = make_pipeline(
        CachedEncoder(Counting(log), tmp_path / "c"), LogisticRegression()
    )
    grid = {
        "cachedencoder__encoder__scale": [0.0, 1.0],
        "logisticregression__C": [0.1, 1, 10],
    }
    search = GridSearchCV(pipeline, grid, cv=4).fit(TEXTS, y)
    assert (
        search.best_params_["cachedencoder__encoder__scale"] == 1.0
        and search.best_score_ == 1
    )
    assert len(seen(log)) == 2 * len(TEXTS)


def test_grid_search_over_an_encoder_that_learns(tmp_path):
    """Each fold's encoder has its own vectors, and the same search again finds them
    all.
    """
    encoder = LiteTextEncoder(3, min_df=1, random_state=0)
    sizes = []
    for _ in range(2):
        pipeline = Pipeline(
            [
                ("cached", CachedEncoder(encoder, tmp_path)),
                ("head", LogisticRegression()),
            ]
        )
        grid = {"cached__encoder__normalize": [True, False]}
        search = GridSearchCV(pipeline, grid, cv=2).fit(TEXTS, [0, 1] * 20)
        sizes.append(n_rows(tmp_path))
    assert (
        sizes == [2 * 2 * len(TEXTS) + len(TEXTS)] * 2
    )  # folds x values, and the refit on all
    vectors = search.best_estimator_["cached"].encoder_.transform(TEXTS)
    np.testing.assert_allclose(
        search.best_estimator_["cached"].transform(TEXTS), vectors, atol=1e-6
    )


def test_grid_search_over_processes(tmp_path):
    def search(encoder, name):
        pipeline = make_pipeline(encoder, LogisticRegression())
        grid = {f"{name}__max_chars": [None, 3], "logisticregression__C": [1]}
        return (
            GridSearchCV(pipeline, grid, cv=2, n_jobs=2)
            .fit(TEXTS, [0, 1] * 20)
            .cv_results_["mean_test_score"]
        )

    encoder = SurfaceEncoder(scale=False)
    scores = search(CachedEncoder(encoder, tmp_path), "cachedencoder__encoder")
    np.testing.assert_allclose(scores, search(encoder, "surfaceencoder"))
    again = [
        CachedEncoder(clone(encoder).set_params(max_chars=value), tmp_path)
        for value in (None, 3)
    ]
    assert not np.allclose(again[0].transform(TEXTS), again[1].transform(TEXTS))
    assert [cached.stats()["misses"] for cached in again] == [0, 0]
    assert again[0].stats()["n_vectors"] == 2 * len(TEXTS)


def write(folder, log, texts, pause):
    CachedEncoder(Counting(log, pause=pause), folder, block_size=25).transform(texts)


def run(target, *arguments):
    process = multiprocessing.get_context("fork").Process(target=target, args=arguments)
    process.start()
    return process


def n_rows(folder):
    with sqlite3.connect(folder / "embeddings.sqlite") as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return file.execute("SELECT COUNT(*) FROM vectors").fetchone()[0]


@pytest.mark.parametrize("damaged", [False, True])
def test_processes_at_once(tmp_path, log, damaged):
    """They end with one complete cache, also where all meet a damaged file first."""
    folder = tmp_path / "c"
    texts = [f"text {n}" for n in range(800)]
    if damaged:
        folder.mkdir()
        (folder / "embeddings.sqlite").write_bytes(b"junk" * 5000)
    processes = [
        run(write, folder, log, texts[start : start + 500], 0.005)
        for start in (0, 100, 200, 300)
    ]
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert n_rows(folder) == 800 and len(list(folder.glob("*.damaged-*"))) == damaged
    cached = CachedEncoder(Counting(log), folder)
    np.testing.assert_array_equal(cached.transform(texts), Counting().transform(texts))
    assert cached.stats()["misses"] == 0


def test_a_kill_loses_at_most_a_block(tmp_path, log):
    folder = tmp_path / "c"
    texts = [f"text {n}" for n in range(1000)]
    process = run(write, folder, log, texts, 0.01)
    while len(seen(log)) < 300:
        time.sleep(0.002)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    n_encoded, n_kept = len(seen(log)), n_rows(folder)
    assert n_kept < 1000 and n_kept % 25 == 0 and n_encoded - 25 <= n_kept <= n_encoded
    cached = CachedEncoder(Counting(log), folder)
    np.testing.assert_array_equal(cached.transform(texts), Counting().transform(texts))
    assert cached.stats()["misses"] == 1000 - n_kept and n_rows(folder) == 1000


def test_a_kill_in_the_middle_of_a_commit(tmp_path):
    """More than SQLite keeps in memory is written before the commit; the journal takes
    it back.
    """
    path = tmp_path / "embeddings.sqlite"
    names = [bytes([n]) * 16 for n in range(2)]
    vectors = {
        n.to_bytes(16, "little"): np.full(2000, n, np.float32) for n in range(600)
    }
    cached = CachedEncoder(Counting(), tmp_path)

    def store_and_die(file):
        store(file, names[1], vectors)
        os.kill(os.getpid(), signal.SIGKILL)

    cached._using(lambda file: store(file, names[0], vectors))
    size = path.stat().st_size
    process = run(cached._using, store_and_die)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert (
        path.stat().st_size > size
        and path.with_name(f"{path.name}-journal").stat().st_size > 0
    )
    found = cached._using(lambda file: [look_up(file, name, vectors) for name in names])
    assert len(found[0]) == 600 and not found[1] and n_rows(tmp_path) == 600


DAMAGE = {
    "junk": lambda path: path.write_bytes(b"junk" * 5000),
    "half": lambda path: path.write_bytes(
        path.read_bytes()[: path.stat().st_size // 2]
    ),
    "middle": lambda path: path.write_bytes(
        path.read_bytes()[:4096] + os.urandom(8192) + path.read_bytes()[12288:]
    ),
    "no table": lambda path: sqlite3.connect(path).execute("DROP TABLE vectors"),
    "another program's": lambda path: sqlite3.connect(path).execute(
        "PRAGMA application_id = 7"
    ),
    "another version's": lambda path: sqlite3.connect(path).execute(
        "PRAGMA user_version = 7"
    ),
    "another column": lambda path: sqlite3.connect(path).execute(
        "ALTER TABLE vectors RENAME vector TO v"
    ),
    "unknown format": lambda path: path.write_bytes(
        path.read_bytes()[:47] + b"\xff" + path.read_bytes()[48:]
    ),
    "junk in the schema": lambda path: path.write_bytes(
        path.read_bytes().replace(b"CREATE", b"\xff\x80\xccATE")
    ),
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
    np.testing.assert_array_equal(
        CachedEncoder(Counting(), tmp_path).transform(texts), X
    )


@pytest.mark.filterwarnings("ignore:.*damaged:UserWarning")
def test_random_damage_never_gives_a_wrong_vector(tmp_path):
    texts = [f"text {n}" for n in range(600)]
    X = CachedEncoder(Counting(), tmp_path).transform(texts)
    path = tmp_path / "embeddings.sqlite"
    sound = np.frombuffer(path.read_bytes(), np.uint8)
    rng = np.random.default_rng(0)
    for n in (1, 3, 10, 30, 100) * 4:
        data = sound.copy()
        data[rng.integers(0, len(data), n)] = rng.integers(0, 256, n)
        path.write_bytes(data.tobytes())
        for _ in range(2):
            np.testing.assert_array_equal(
                CachedEncoder(Counting(), tmp_path).transform(texts), X
            )


def test_a_rebuilt_file_is_not_taken_for_the_damaged_one(tmp_path):
    """Another process that saw the damage, and comes later, leaves the new file alone."""
    cached = CachedEncoder(Counting(), tmp_path)
    path = tmp_path / "embeddings.sqlite"
    path.write_bytes(b"junk" * 5000)
    damaged = identity_of(path)
    with pytest.warns(UserWarning, match="is damaged"):
        cached.transform(TEXTS)
    set_aside(path, damaged, ValueError())
    assert (
        n_rows(tmp_path) == len(TEXTS) and len(list(tmp_path.glob("*.damaged-*"))) == 1
    )


def test_a_damaged_vector_is_computed_anew(tmp_path, log):
    cached = CachedEncoder(Counting(log), tmp_path / "c")
    X = cached.transform(TEXTS)
    with sqlite3.connect(tmp_path / "c" / "embeddings.sqlite") as file:
        rows = file.execute("SELECT rowid, vector FROM vectors LIMIT 3").fetchall()
        file.execute(
            "UPDATE vectors SET vector = ? WHERE rowid = ?", (rows[1][1], rows[0][0])
        )  # another text's
        file.execute(
            "UPDATE vectors SET vector = ? WHERE rowid = ?", (b"abc", rows[2][0])
        )
    n_before = len(seen(log))
    with pytest.warns(UserWarning, match="2 damaged vectors"):
        np.testing.assert_array_equal(cached.transform(TEXTS), X)
    assert len(seen(log)) == n_before + 2
    np.testing.assert_array_equal(cached.transform(TEXTS), X)
    assert len(seen(log)) == n_before + 2


def test_an_empty_file_is_begun(tmp_path):
    (tmp_path / "embeddings.sqlite").touch()
    cached = CachedEncoder(Counting(), tmp_path)
    assert cached.transform([]).shape == (0, 3)
    np.testing.assert_array_equal(cached.transform(TEXTS), Counting().transform(TEXTS))


def test_hits_load_no_model(tmp_path, tiny_model):
    """Neither do an empty list and the names of columns."""
    names = SentenceEncoder(tiny_model, device="cpu").get_feature_names_out()
    CachedEncoder(SentenceEncoder(tiny_model, device="cpu"), tmp_path).transform(TEXTS)
    cached = CachedEncoder(SentenceEncoder(tiny_model, device="cpu"), tmp_path)
    assert cached.transform([]).shape == (0, 16)
    assert cached.transform(TEXTS).shape == (40, 16)
    assert list(cached.set_output(transform="pandas").transform(TEXTS).columns) == list(
        names
    )
    assert not hasattr(cached.encoder, "_loaded")


def test_names_of_an_encoder_without_names(tmp_path):
    frame = (
        CachedEncoder(Counting(), tmp_path)
        .set_output(transform="pandas")
        .transform(TEXTS)
    )
    assert list(frame.columns) == ["counting0", "counting1", "counting2"]


def test_stats_are_kept_by_a_pickle_and_not_by_a_clone(tmp_path):
    cached = CachedEncoder(Counting(), tmp_path)
    cached.transform(TEXTS)
    cached.transform(TEXTS[:3])
    stats = {
        "hits": 3,
        "misses": 40,
        "n_vectors": 40,
        "n_bytes": (tmp_path / "embeddings.sqlite").stat().st_size,
    }
    assert cached.stats() == pickle.loads(pickle.dumps(cached)).stats() == stats
    assert clone(cached).stats() == {**stats, "hits": 0, "misses": 0}


def dense(X):
    return X.toarray()


class Dense(FunctionTransformer):
    def __init__(self):
        super().__init__(dense, accept_sparse=True)

    def get_params(self, deep=True):
        return {}


def test_private_learned_state_counts(tmp_path):
    """TfidfVectorizer keeps its weights in ``_tfidf``: same words and parameters, other
    vectors.
    """
    corpora = ["one two", "one two", "one"], ["one two", "two", "two"]
    for _ in range(2):
        for corpus in corpora:
            cached = CachedEncoder(
                make_pipeline(TfidfVectorizer(norm=None), Dense()), tmp_path
            ).fit(corpus)
            expected = (
                TfidfVectorizer(norm=None).fit(corpus).transform(["one two"]).toarray()
            )
            np.testing.assert_allclose(
                cached.transform(["one two"]), expected, rtol=1e-6
            )
    assert cached.stats()["n_vectors"] == 2


def test_other_caches_in_the_encoder_do_not_count(tmp_path):
    """Their files change at every call."""
    inner = CachedEncoder(SurfaceEncoder(scale=False), tmp_path / "inner")
    pipeline = make_pipeline(inner, Normalizer(), memory=str(tmp_path / "memory"))
    cached = CachedEncoder(pipeline, tmp_path / "c").fit(TEXTS)
    for texts in (TEXTS, TEXTS, [*TEXTS, "new"], TEXTS):
        cached.transform(texts)
    assert cached.stats()["misses"] == len(TEXTS) + 1


def test_an_empty_prompt_is_not_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = fingerprint(SentenceEncoder("no/such", device="cpu", prompt=""))
    (tmp_path / "new").touch()
    assert fingerprint(SentenceEncoder("no/such", device="cpu", prompt="")) == before
    (tmp_path / "no" / "such" / "1_Pooling").mkdir(parents=True)
    (tmp_path / "no" / "such" / "1_Pooling" / "config.json").write_text("{}")
    assert fingerprint(SentenceEncoder("no/such", device="cpu", prompt="")) != before


class Wrong(Counting):
    def transform(self, X):
        right = Counting().transform(X)
        return {"rows": right[1:], "flat": right[:, 0], "ragged": [[1], [1, 2]]}[
            self.log
        ]


def test_bad_folders_and_bad_encoders(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "d" / "embeddings.sqlite").mkdir(parents=True)
    for folder, message in (
        ("file", "which cannot be made"),
        ("d", "which cannot be used"),
    ):
        with pytest.raises(OSError, match=message):
            CachedEncoder(Counting(), tmp_path / folder).transform(TEXTS)
    fitted = CachedEncoder(TfidfVectorizer(), tmp_path / "c").fit(TEXTS)  # sparse
    for cached in (
        fitted,
        CachedEncoder(Counting(scale=np.nan), tmp_path / "c"),
        *(
            CachedEncoder(Wrong(kind), tmp_path / "c")
            for kind in ("rows", "flat", "ragged")
        ),
    ):
        with pytest.raises(ValueError, match="expected one finite dense vector a text"):
            cached.transform(TEXTS)
    assert n_rows(tmp_path / "c") == 0
    with pytest.raises(ValueError, match="got block_size=0"):
        CachedEncoder(Counting(), tmp_path / "c", block_size=0).transform(TEXTS)
    with pytest.raises(TypeError, match="got function inside the encoder"):
        CachedEncoder(
            SurfaceEncoder(scale=False, max_chars=dense), tmp_path / "c"
        ).transform(TEXTS)
    learned = CachedEncoder(LiteTextEncoder(3, min_df=1), tmp_path / "c").fit(TEXTS)
    learned.encoder_.extra_ = object()
    with pytest.raises(TypeError, match="got object inside the encoder"):
        learned.transform(TEXTS)


def test_a_fingerprint_decides_by_weights_parameters_and_type(tiny_model):
    """Equal encoders agree, in whatever process; what changes a vector changes it."""
    encoder = SentenceEncoder(tiny_model, device="cpu")
    name = fingerprint(encoder)
    assert len(name) == 32 and int(name, 16) >= 0
    same = [
        clone(encoder),
        clone(encoder).set_params(dtype="float32", batch_size=3),
        pickle.loads(pickle.dumps(encoder)),
    ]
    assert {fingerprint(other) for other in same} == {name}
    for change in ({"dtype": "bfloat16"}, {"prompt": "the "}, {"max_length": 9}):
        assert fingerprint(clone(encoder).set_params(**change)) != name


def test_a_fingerprint_of_networks_and_tokenizers(tiny_model):
    """Learned torch modules count by their weights, not by how long they trained."""
    from sentence_transformers import SentenceTransformer

    class Trained(SurfaceEncoder):
        pass

    def trained(change=0.0, seconds=1.0):
        encoder = Trained().fit(TEXTS)
        encoder.model_ = SentenceTransformer(tiny_model, device="cpu")
        encoder.model_[0].auto_model.embeddings.word_embeddings.weight.data += change
        encoder.tokenizer_ = encoder.model_.tokenizer
        encoder.seconds_ = seconds
        return encoder

    assert fingerprint(trained()) == fingerprint(trained(seconds=2.0))
    assert fingerprint(trained()) != fingerprint(trained(change=0.1))
    shorter = trained()
    shorter.tokenizer_.model_max_length = 7
    assert fingerprint(shorter) != fingerprint(trained())
