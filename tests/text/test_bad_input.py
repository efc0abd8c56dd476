"""Bad input of encoders and their functions is one sentence: got …, expected …; do …."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from embetter_reg.grab import ColumnGrabber, KeyGrabber
from embetter_reg.model import DifferenceClassifier
from embetter_reg.text import (
    CachedEncoder,
    CausalLMEncoder,
    LiteTextEncoder,
    MatryoshkaEncoder,
    RegisterEncoder,
    SentenceEncoder,
    SurfaceEncoder,
    TextEncoder,
    TokenEncoder,
    encode_layers,
    fingerprint,
)
from embetter_reg.text._tokens import TokenTable
from embetter_reg.utils import calc_distances

TEXTS = ["the cat sat", "mix the flour", "we voted", "the law"] * 3
NAN = float("nan")


@pytest.fixture
def make(tiny_folder, tiny_model, tiny_static, tmp_path):
    """Encoders by name, fitted where they need that."""
    encoders = {
        "lite": LiteTextEncoder(2, min_df=1, random_state=0).fit(TEXTS),
        "surface": SurfaceEncoder().fit(TEXTS),
        "counts": SurfaceEncoder(scale=False),
        "sentence": SentenceEncoder(tiny_model, device="cpu"),
        "matryoshka": MatryoshkaEncoder(tiny_model, truncate_dim=4, device="cpu"),
        "register": RegisterEncoder(str(tiny_folder / "classifier"), device="cpu"),
        "causal": CausalLMEncoder(str(tiny_folder / "gpt2"), device="cpu"),
        "static": TextEncoder(tiny_static),
        "tokens": TokenEncoder(str(tiny_folder / "bert"), device="cpu"),
        "cached": CachedEncoder(SurfaceEncoder(scale=False), tmp_path / "c"),
    }
    return encoders.__getitem__


NAMES = (
    "lite",
    "surface",
    "counts",
    "sentence",
    "matryoshka",
    "register",
    "causal",
    "static",
    "tokens",
    "cached",
)


def one_sentence(error):
    message = str(error.value)
    assert message.startswith("got ") and "expected" in message, message
    assert "; " in message and "\n" not in message, message


@pytest.mark.parametrize("name", NAMES)
def test_documents_that_are_none(make, name):
    encoder = make(name)
    for X in (
        None,
        "one document",
        b"bytes",
        3,
        {"a", "b"},
        frozenset("ab"),
        {"a": 1},
        (text for text in TEXTS),
        ["a", None],
        ["a", NAN],
        ["a", pd.NA],
        ["a", 3],
        [b"a"],
        [["a"]],
        np.ones(3),
        np.ones((2, 2)),
        np.array([["a", "b"]]),
        pd.Series(["a", None]),
        pl.Series(["a", None]),
        pd.DataFrame({"a": ["x"], "b": ["y"]}),
    ):
        with pytest.raises((TypeError, ValueError)) as error:
            encoder.transform(X)
        one_sentence(error)


@pytest.mark.parametrize("name", NAMES)
def test_documents_of_signs_and_odd_shapes(make, name):
    """Emoji, punctuation, white space, a lone surrogate: finite numbers for each."""
    encoder = make(name)
    texts = ["🙂🙂", "?!…", " \n\t ", "", "\u200b", "\ud83d", "a" * 500, "١٢٣", "𝔘"]
    if name in ("sentence", "matryoshka", "register", "causal", "static", "tokens"):
        texts.remove("\ud83d")  # tokenizers take Unicode text only
    texts[6] = "a" * 40
    for X in (texts, texts[:1], texts[1:2], pl.Series(texts[:2])):
        result = encoder.transform(X)
        vectors = getattr(result, "vectors", result)
        assert np.isfinite(vectors).all()
        assert name == "tokens" or len(vectors) == len(X)


@pytest.mark.parametrize("texts", [["🙂", "?!", ""], [""], [" ", "\n"]])
def test_lite_where_nothing_can_be_learned(texts):
    with pytest.raises(ValueError, match="no n-gram found in min_df=2") as error:
        LiteTextEncoder().fit(texts)
    one_sentence(error)
    X = LiteTextEncoder(min_df=1, random_state=0).fit_transform(["🙂", "🙂 ?!", ""])
    assert np.isfinite(X).all() and not X[2].any()
    assert LiteTextEncoder(min_df=1).fit_transform(["one text"]).shape == (1, 1)


BAD = {
    "lite": {
        "n_components": (0, 1.5, None, "3", NAN),
        "ngram_range": (None, 3, (3, 2), (0, 2), (1, 2, 3), ("a", "b")),
        "word_weight": (-1, NAN, None, "a"),
        "min_df": (0, 0.5, None, "a", NAN),
        "max_features": (0, 1.5, "a"),
        "n_bits": (7, 40, None),
        "max_chars": (0, -1, "a"),
        "n_iter": (-1, None, 1.5),
        "random_state": (-1, "a", 2**40, NAN),
    },
    "surface": {"max_chars": (0, -1, "a")},
    "sentence": {
        "name": (None, 3, "", " "),
        "layers": (9, "middle", 1.5, NAN, [], [1, 9], [None], {3}, True),
        "pooling": ("median", "cls", 3),
        "batch_size": (0, -1, None, 1.5, "a", True),
        "device": (None, "foo", 3, [], ["cpu", "foo"]),
        "truncate_dim": (0, -1, "a", 99),
        "prompt": (3, ["a"]),
        "prompt_name": (3, "nosuch"),
        "long": (None, "tail", 3),
        "overlap": (-1, None, 0.5),
        "max_length": (0, -1, "a", 999),
        "dtype": (None, "float64", 16),
        "backend": (None, "jax"),
        "model_kwargs": ("a", [1]),
        "revision": (3,),
    },
    "register": {
        "name": (None, ""),
        "layers": (None, 9, "middle", 1.5, NAN, [], [1, 9], [None]),
        "pooling": (None, "median"),
        "device": (None, "foo"),
        "dtype": (None, "int8"),
        "max_length": (2, 999),
    },
    "causal": {
        "layers": (None, 9, []),
        "prompt": (3,),
        "prompt_position": (None, "inside"),
        "soft_prompt": (3, "no/such/file"),
        "pooling": ("median",),
    },
    "static": {"model": (None, "", 3), "batch_size": (0, None), "max_length": (0,)},
    "tokens": {
        "unit": (None, "letter"),
        "duplicates": (None, "drop"),
        "n_sentences": (0, -1, "a", 99),
        "random_state": ("a",),
    },
    "cached": {"encoder": (None, "lite", SurfaceEncoder), "block_size": (0, None, "a")},
}


@pytest.mark.parametrize(
    ("name", "parameter"), [(name, key) for name, keys in BAD.items() for key in keys]
)
def test_parameters_out_of_range(make, name, parameter):
    encoder = make(name)
    before = getattr(encoder, parameter)
    use = encoder.fit if name == "lite" else encoder.transform
    for value in BAD[name][parameter]:
        encoder.set_params(**{parameter: value})
        with pytest.raises((ValueError, TypeError, OSError)) as error:
            use(TEXTS)
        one_sentence(error)
        encoder.set_params(**{parameter: before})
    use(TEXTS)


def test_a_cuda_device_that_is_not_here(make):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    for name in ("sentence", "register", "causal", "tokens"):
        with pytest.raises(ValueError, match="no CUDA device is here"):
            make(name).set_params(device="cuda").transform(TEXTS)


def test_functions_of_a_classifier(make):
    encoder = make("register")
    p = encoder.predict_proba(TEXTS)
    calls = [
        lambda: encoder.encode(TEXTS, "half"),
        lambda: encoder.encode(TEXTS, None),
        lambda: encoder.encode(TEXTS, 3),
        lambda: encoder.encode(TEXTS, ["nosuch"]),
        lambda: encoder.decide(None),
        lambda: encoder.decide(p[:, :2]),
        lambda: encoder.decide(np.full_like(p, np.nan)),
        lambda: encoder.decide(p[0]),
        lambda: encoder.decide(p, object()),
        lambda: encoder.decide(p, {"NA": "a"}),
        lambda: encoder.decide(p, NAN),
        lambda: encoder.decide(p, None),
        lambda: encoder.label_sets(None),
        lambda: encoder.label_sets([1, 0]),
        lambda: encoder.label_sets(np.ones((2, 3))),
        lambda: encoder.fit_threshold(TEXTS, None),
        lambda: encoder.fit_threshold(TEXTS[:2], "NA"),
        lambda: encoder.fit_threshold(TEXTS[:2], ["NA", NAN]),
        lambda: encoder.fit_threshold(TEXTS[:2], [["NA"], None]),
        lambda: encoder.fit_threshold(TEXTS[:2], [[0, 1, 0, 0, 0], [1]]),
        lambda: encoder.fit_threshold(TEXTS[:2], np.ones(2)),
        lambda: encoder.fit_threshold(TEXTS, [["NA"]] * 12, grid=None),
        lambda: encoder.fit_threshold(TEXTS, [["NA"]] * 12, grid=[NAN]),
        lambda: encoder.fit_threshold(TEXTS, [["NA"]] * 12, grid=["a"]),
        lambda: encoder.fit_threshold(TEXTS, [[]] * 12),
        lambda: encoder.best_threshold(None, [["NA"]] * 12),
        lambda: encoder.best_threshold(p[:, :1], [["NA"]] * 12),
        lambda: encoder.chosen_on(None),
    ]
    for number, call in enumerate(calls):
        with pytest.raises((ValueError, TypeError)) as error:
            pytest.fail(f"call {number} returned {call()!r}")
        one_sentence(error)


def test_other_functions(make, tiny_folder, tmp_path):
    causal = make("causal")
    folder = str(tiny_folder / "bert")
    (tmp_path / "junk").write_bytes(b"junk")
    lite = make("lite")
    pair = DifferenceClassifier(lite)
    calls = [
        lambda: causal.token_scores(TEXTS, None),
        lambda: causal.token_scores(TEXTS, " good"),
        lambda: causal.token_scores(TEXTS, [1, 2]),
        lambda: causal.token_scores(TEXTS, []),
        lambda: encode_layers(None, TEXTS),
        lambda: encode_layers(folder, None),
        lambda: encode_layers(folder, TEXTS, "half"),
        lambda: encode_layers(folder, TEXTS, [99]),
        lambda: encode_layers(folder, TEXTS, pooling="median"),
        lambda: encode_layers(folder, TEXTS, device="foo"),
        lambda: encode_layers(folder, TEXTS, dtype=3),
        lambda: encode_layers(folder, TEXTS, batch_size=None),
        lambda: encode_layers(folder, TEXTS, max_length="a"),
        lambda: fingerprint(None),
        lambda: fingerprint("lite"),
        lambda: LiteTextEncoder.load(tmp_path / "junk"),
        lambda: TokenTable.load(tmp_path / "junk"),
        lambda: TokenTable.load(tmp_path / "none"),
        lambda: ColumnGrabber("a").transform(None),
        lambda: ColumnGrabber(None).transform(pd.DataFrame({"a": [1]})),
        lambda: ColumnGrabber("a").transform(
            pd.DataFrame([[1, 2]], columns=["a", "a"])
        ),
        lambda: KeyGrabber("a").transform(None),
        lambda: KeyGrabber("a").transform([{1: 2, "b": 3}]),
        lambda: KeyGrabber("a").transform("text"),
        lambda: DifferenceClassifier(None).fit(TEXTS, TEXTS, [0, 1] * 6),
        lambda: pair.fit(None, TEXTS, [0, 1] * 6),
        lambda: pair.fit("texts", TEXTS, [0, 1] * 6),
        lambda: pair.fit(TEXTS, TEXTS, [1] * 12),
        lambda: pair.fit(TEXTS, TEXTS, [1, NAN] * 6),
        lambda: pair.fit(TEXTS, TEXTS, None),
        lambda: pair.fit(TEXTS, TEXTS[:3], [0, 1] * 6),
        lambda: calc_distances(None, TEXTS, lite),
        lambda: calc_distances(TEXTS, None, lite),
        lambda: calc_distances(TEXTS, "text", lite),
        lambda: calc_distances(TEXTS, TEXTS, None),
        lambda: calc_distances(TEXTS, TEXTS, lite, metric="nosuch"),
        lambda: calc_distances(TEXTS, TEXTS, lite, make("surface")),
    ]
    for number, call in enumerate(calls):
        with pytest.raises((ValueError, TypeError, OSError)) as error:
            pytest.fail(f"call {number} returned {call()!r}")
        one_sentence(error)
    assert calc_distances([], TEXTS, lite).shape == (0,)
