"""The contract that every text encoder keeps."""

import pickle
import shutil
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone

from embetter_reg import text
from embetter_reg.text import (
    CachedEncoder,
    CausalLMEncoder,
    LiteTextEncoder,
    MatryoshkaEncoder,
    PretrainedRegisters,
    RegisterEncoder,
    SentenceEncoder,
    SurfaceEncoder,
    TextEncoder,
    TokenEncoder,
)

TEXTS = [
    f"{word} {n} {'mix the flour' if n % 2 else 'the cat sat on'}"
    for n in range(15)
    for word in ("a", "the mat")
]


ENCODERS = {
    "lite": lambda folder: LiteTextEncoder(n_components=5, min_df=1, random_state=0),
    "surface": lambda folder: SurfaceEncoder(),
    "sentence": lambda folder: SentenceEncoder(str(folder / "st"), device="cpu"),
    "sentence chunks": lambda folder: SentenceEncoder(
        str(folder / "st"), device="cpu", long="chunks", overlap=4
    ),
    "matryoshka": lambda folder: MatryoshkaEncoder(
        str(folder / "st"), truncate_dim=8, device="cpu"
    ),
    "register": lambda folder: RegisterEncoder(
        str(folder / "classifier"), device="cpu"
    ),
    "pretrained": lambda folder: PretrainedRegisters(
        str(folder / "bert"), adapter=str(folder / "adapter"), device="cpu"
    ),
    "causal": lambda folder: CausalLMEncoder(str(folder / "gpt2"), device="cpu"),
    "static": lambda folder: TextEncoder(str(folder / "static")),
    "cached": lambda folder: CachedEncoder(
        SentenceEncoder(str(folder / "st"), device="cpu"), folder / "cache"
    ),
}


@pytest.fixture(params=ENCODERS)
def encoder(request, tiny_folder, tiny_model, tiny_static, tiny_adapter):
    return ENCODERS[request.param](tiny_folder)


def test_every_public_encoder_is_in_the_list():
    """Adding an encoder means one line in ENCODERS; TokenEncoder gives a table and has
    its own tests.
    """
    listed = {type(make(Path("x"))).__name__ for make in ENCODERS.values()}
    encoders = {name for name in text.__all__ if name.endswith("Encoder")}
    assert listed == encoders - {"TokenEncoder"} | {"PretrainedRegisters"}


def test_shape_type_and_order(encoder):
    X = encoder.fit(TEXTS).transform(TEXTS)
    assert (
        X.dtype == np.float32 and X.shape == (30, X.shape[1]) and np.isfinite(X).all()
    )
    order = np.random.default_rng(0).permutation(30)
    np.testing.assert_allclose(
        encoder.transform([TEXTS[i] for i in order]), X[order], atol=1e-5
    )


def test_every_container(encoder):
    X = encoder.fit(TEXTS).transform(TEXTS)
    for given in (
        pd.Series(TEXTS),
        pl.Series(TEXTS),
        np.array(TEXTS, object),
        pd.DataFrame({"text": TEXTS}),
    ):
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
    np.testing.assert_allclose(
        pickle.loads(pickle.dumps(encoder)).transform(TEXTS), X, atol=1e-6
    )
    np.testing.assert_allclose(encoder.fit(TEXTS).transform(TEXTS), X, atol=1e-5)
    assert repr(clone(encoder).get_params()) == repr(encoder.get_params())


def test_set_output(encoder):
    frame = encoder.set_output(transform="pandas").fit_transform(
        pd.Series(TEXTS, name="text")
    )
    names = list(encoder.get_feature_names_out())
    assert (
        list(frame.columns) == names
        and len(frame) == 30
        and len(set(names)) == len(names)
    )
    np.testing.assert_allclose(
        frame.to_numpy(), clone(encoder).set_output().fit_transform(TEXTS), atol=1e-5
    )
    assert type(encoder).__name__ in repr(encoder)


CHANGES = {
    "surface": {"scale": False},
    "sentence": {"dtype": "bfloat16"},
    "sentence chunks": {"long": "head"},
    "matryoshka": {"truncate_dim": 4},
    "register": {"layers": "first"},
    "causal": {"prompt": "the law"},
    "static": {"normalize": True},
    "cached": {"encoder__long": "chunks", "encoder__overlap": 4},
}


@pytest.mark.parametrize("name", CHANGES)
def test_set_params_after_a_transform_is_heard(
    name, tiny_folder, tiny_model, tiny_static
):
    texts = [*TEXTS, " ".join(TEXTS)]
    encoder = ENCODERS[name](tiny_folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = encoder.fit(texts).transform(texts)
        after = encoder.set_params(**CHANGES[name]).transform(texts)
        fresh = clone(encoder).fit(texts).transform(texts)
    assert before.shape != after.shape or not np.allclose(before, after, atol=1e-6)
    np.testing.assert_allclose(after, fresh, atol=1e-6)


@pytest.mark.parametrize(
    "kind",
    [
        SentenceEncoder,
        MatryoshkaEncoder,
        RegisterEncoder,
        CausalLMEncoder,
        TokenEncoder,
        TextEncoder,
    ],
)
def test_construction_loads_nothing(kind):
    encoder = kind("no/such/model")
    assert (
        "no/such" in repr(encoder)
        and clone(encoder).get_params() == encoder.get_params()
    )
    with pytest.raises(
        OSError, match="got the model 'no/such/model', which could not be loaded"
    ):
        encoder.transform(["a"])


@pytest.mark.parametrize("word_weight", [0, 1, 2])
def test_lite_is_tfidf_and_svd(word_weight):
    """Against scikit-learn: the same cosines as TfidfVectorizer and TruncatedSVD at
    full rank.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [
        f"{a} {b}"
        for a in ("cats sleep", "dogs bark", "birds sing")
        for b in ("at night", "all day", "often")
    ]
    texts = [
        f"{text}!{line}" for text, line in zip(texts, ["", "\n"] * 5, strict=False)
    ]
    grams = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(2, 3), sublinear_tf=True
    ).fit_transform(texts)
    words = TfidfVectorizer(
        token_pattern=r"\w+|[^\w\s]|\n", sublinear_tf=True
    ).fit_transform(texts)
    expected = (grams @ grams.T + word_weight**2 * (words @ words.T)).toarray() / (
        1 + word_weight**2
    )
    encoder = LiteTextEncoder(
        n_components=9,
        ngram_range=(2, 3),
        word_weight=word_weight,
        min_df=1,
        n_bits=22,
        random_state=0,
    )
    ours = encoder.fit_transform(texts)
    np.testing.assert_allclose(ours @ ours.T, expected, atol=1e-5)


def test_lite_seed_saving_and_loading(tmp_path):
    encoder = LiteTextEncoder(n_components=4, min_df=1, random_state=3)
    X = encoder.fit_transform(TEXTS)
    np.testing.assert_array_equal(X, clone(encoder).fit_transform(TEXTS))
    encoder.save(tmp_path / "lite.skops")
    np.testing.assert_array_equal(
        LiteTextEncoder.load(tmp_path / "lite.skops").transform(TEXTS),
        encoder.transform(TEXTS),
    )
    with pytest.raises(FileNotFoundError, match="expected a LiteTextEncoder"):
        LiteTextEncoder.load(tmp_path / "nothing.skops")


def test_lite_parameters():
    assert LiteTextEncoder(min_df=1).fit_transform(
        ["one cat", "two cats", "no dog"]
    ).shape == (3, 3)
    short = LiteTextEncoder(n_components=3, min_df=1, max_chars=3, random_state=0)
    X = short.fit_transform(["cat one", "dog two", "cow", "hen"])
    np.testing.assert_allclose(short.transform(["cat", "cat xyz"])[0], X[0], atol=1e-5)
    with pytest.raises(ValueError, match="no n-gram found in min_df=2"):
        LiteTextEncoder().fit(["", " "])
    for change in (
        {"ngram_range": (3, 2)},
        {"word_weight": -1},
        {"n_components": 0},
        {"n_bits": 40},
    ):
        with pytest.raises(ValueError, match=f"got {next(iter(change))}="):
            LiteTextEncoder(**change).fit(TEXTS)


LOADED = ("sentence", "register", "causal", "static")


@pytest.mark.parametrize("name", LOADED)
def test_threads_share_one_loading(
    name, tiny_folder, tiny_model, tiny_static, monkeypatch
):
    """Four threads on an unloaded encoder, more than once: one model, equal vectors."""
    expected = ENCODERS[name](tiny_folder).transform(TEXTS)
    kind = type(ENCODERS[name](tiny_folder))
    load = kind._load_model
    loaded = []

    def counted(self):
        loaded.append(1)
        time.sleep(0.05)
        return load(self)

    monkeypatch.setattr(kind, "_load_model", counted)
    for _ in range(3):
        encoder = ENCODERS[name](tiny_folder)
        loaded.clear()
        with ThreadPoolExecutor(4) as pool:
            for X in pool.map(lambda _, e=encoder: e.transform(TEXTS), range(4)):
                np.testing.assert_allclose(X, expected, atol=1e-5)
        assert len(loaded) == 1
        assert pickle.loads(pickle.dumps(encoder)).transform(TEXTS[:1]).shape[0] == 1


def test_threads_share_the_real_model(real_model):
    """Its tokenizer file asks for truncation, which a first call takes out."""
    texts = [f"{text} " * (1 + n % 9) for n, text in enumerate(TEXTS * 4)]
    expected = SentenceEncoder(real_model, device="cpu").transform(texts[::6])
    for _ in range(2):
        encoder = SentenceEncoder(real_model, device="cpu")
        with ThreadPoolExecutor(4) as pool:
            for X in pool.map(lambda _, e=encoder: e.transform(texts[::6]), range(4)):
                np.testing.assert_allclose(X, expected, atol=1e-5)


def test_a_folder_trained_anew_is_loaded_anew(tiny_model, tmp_path):
    """Also through a cache, which would keep old vectors under the new files' name."""
    from sentence_transformers import SentenceTransformer

    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    encoder = SentenceEncoder(str(folder), device="cpu")
    cached = CachedEncoder(SentenceEncoder(str(folder), device="cpu"), tmp_path / "c")
    before = encoder.transform(TEXTS)
    np.testing.assert_allclose(cached.transform(TEXTS), before, atol=1e-6)
    model = SentenceTransformer(str(folder), device="cpu")
    model[0].auto_model.embeddings.word_embeddings.weight.data *= -1
    model.save(str(folder))
    after = model.encode(TEXTS)
    assert not np.allclose(before, after, atol=1e-3)
    np.testing.assert_allclose(encoder.transform(TEXTS), after, atol=1e-5)
    np.testing.assert_allclose(cached.transform(TEXTS), after, atol=1e-5)
