"""Layers of any transformer as an embedding, against the library called document by
document.
"""

import pickle
import shutil
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sklearn.base import clone
from sklearn.pipeline import FeatureUnion
from transformers import AutoModel, AutoTokenizer

from embetter_reg.store import encode_documents, read_embeddings
from embetter_reg.text import (
    CachedEncoder,
    CausalLMEncoder,
    MatryoshkaEncoder,
    RegisterEncoder,
    SentenceEncoder,
    SurfaceEncoder,
    fingerprint,
    join_layers,
    make_encoder,
)
from embetter_reg.text._known_prompts import known_prompt
from embetter_reg.text._windows import split_long

TEXTS = ["the cat sat on the mat", "mix the flour", "we voted for the new law", ""]
LONG = " ".join(["the cat sat on the mat and we bake the flour"] * 12)
SEVERAL = [1, "half", "last"]


@pytest.fixture(scope="module", params=["st", "bert"])
def folder(request, tiny_folder, tiny_model):
    """A sentence-transformers folder, and a plain one."""
    return str(tiny_folder / request.param)


@pytest.fixture(scope="module")
def states(tiny_folder):
    """Hidden states of a text, ``(n_layers + 1, n_tokens, n_dims)``."""
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder / "bert")
    model = AutoModel.from_pretrained(tiny_folder / "bert").eval()

    def of(text):
        with torch.no_grad():
            inputs = tokenizer(text, return_tensors="pt")
            output = model(**inputs, output_hidden_states=True)
        return torch.stack(output.hidden_states)[:, 0].numpy()

    return of


def joined_by_hand(*layers):
    units = [X / np.linalg.norm(X, axis=1, keepdims=True) for X in layers]
    return np.hstack(units) / np.sqrt(len(layers))


def means(states, texts, layer):
    return np.array([states(text)[layer].mean(0) for text in texts])


@pytest.mark.parametrize("pooling", [None, "mean", "cls", "last_token", "max"])
def test_a_layer_is_the_library(folder, states, pooling):
    encoder = SentenceEncoder(folder, layers=3, pooling=pooling, device="cpu")
    pool = {
        "cls": lambda tokens: tokens[0],
        "last_token": lambda tokens: tokens[-1],
        "max": lambda tokens: tokens.max(0),
    }.get(pooling, lambda tokens: tokens.mean(0))
    expected = [pool(states(text)[3]) for text in TEXTS]
    np.testing.assert_allclose(encoder.transform(TEXTS), expected, atol=1e-5)
    named = encoder.set_params(layers="three_quarters").transform(TEXTS)
    np.testing.assert_allclose(named, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["roberta", "classifier", "gpt2", "neox"])
def test_any_transformer(tiny_folder, name):
    folder = str(tiny_folder / name)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).eval()
    layers = SentenceEncoder(folder, device="cpu").encode(TEXTS[:3], [0, 3]).layers
    for row, text in enumerate(TEXTS[:3]):
        with torch.no_grad():
            inputs = tokenizer(text, return_tensors="pt")
            hidden = model(**inputs, output_hidden_states=True).hidden_states
        for layer, X in layers.items():
            expected = hidden[layer][0].mean(0)
            np.testing.assert_allclose(X[row], expected, atol=1e-5)


def test_several_layers_are_joined_at_the_same_scale(folder, states):
    encoder = SentenceEncoder(folder, layers=SEVERAL, device="cpu")
    X = encoder.transform(TEXTS)
    layers = [means(states, TEXTS, layer) for layer in (1, 2, 4)]
    np.testing.assert_allclose(X, joined_by_hand(*layers), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(X, axis=1), 1, atol=1e-6)
    assert X.dtype == np.float32 and len(encoder.get_feature_names_out()) == 48
    for each in (clone(encoder), pickle.loads(pickle.dumps(encoder))):
        np.testing.assert_array_equal(each.transform(TEXTS), X)


def test_encode_gives_each_layer_in_one_pass(folder, states, monkeypatch):
    encoder = SentenceEncoder(folder, device="cpu")
    own = encoder.transform(TEXTS)
    passes = []
    module = encoder._model()[0].auto_model
    module.register_forward_pre_hook(lambda *_: passes.append(1))
    encoded = encoder.encode(TEXTS, SEVERAL)
    assert len(passes) == 1 and list(encoded.layers) == SEVERAL
    assert encoded.probabilities is None
    for layer, number in zip(SEVERAL, (1, 2, 4), strict=True):
        expected = means(states, TEXTS, number)
        np.testing.assert_allclose(encoded.layers[layer], expected, atol=1e-5)
    np.testing.assert_array_equal(
        join_layers(encoded.layers), encoder.set_params(layers=SEVERAL).transform(TEXTS)
    )
    whole = encoder.set_params(layers=None).encode(TEXTS).layers
    assert list(whole) == ["embedding"]
    np.testing.assert_allclose(whole["embedding"], own, atol=1e-6)


def test_normalize_gives_unit_length_to_every_layer(tiny_model, states):
    encoder = SentenceEncoder(tiny_model, layers=3, normalize=True, device="cpu")
    expected = joined_by_hand(means(states, TEXTS, 3))
    np.testing.assert_allclose(encoder.transform(TEXTS), expected, atol=1e-5)
    layer = encoder.encode(TEXTS, [3]).layers[3]
    np.testing.assert_allclose(layer, expected, atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "max", "cls"])
def test_a_prompt_is_written_in_front(folder, states, pooling):
    prompt = "we bake the "
    encoder = SentenceEncoder(folder, layers=SEVERAL, pooling=pooling, device="cpu")
    plain = encoder.transform(TEXTS)
    written = encoder.transform([prompt + text for text in TEXTS])
    prompted = encoder.set_params(prompt=prompt).transform(TEXTS)
    np.testing.assert_allclose(prompted, written, atol=1e-6)
    assert np.abs(prompted - plain).max() > 0.01
    if pooling == "mean":
        layer = means(states, [prompt + text for text in TEXTS], 2)
        ours = encoder.encode(TEXTS, [2]).layers[2]
        np.testing.assert_allclose(ours, layer, atol=1e-5)


def test_a_named_prompt_and_one_that_pooling_leaves_out(tiny_model, tmp_path):
    library = SentenceTransformer(tiny_model, device="cpu")
    library.prompts = {"news": "we voted "}
    library.save(str(tmp_path / "counted"))
    library[1].include_prompt = False
    library.save(str(tmp_path / "left out"))
    options = {"layers": "last", "device": "cpu"}
    named = SentenceEncoder(str(tmp_path / "counted"), prompt_name="news", **options)
    written = SentenceEncoder(tiny_model, prompt="we voted ", **options)
    X = written.transform(TEXTS[:3])
    np.testing.assert_allclose(named.transform(TEXTS[:3]), X, atol=1e-6)
    left_out = SentenceEncoder(
        str(tmp_path / "left out"), prompt_name="news", **options
    )
    tokens = [
        library[0].tokenizer(f"we voted {text}", return_tensors="pt")
        for text in TEXTS[:3]
    ]
    with torch.no_grad():
        hidden = [library[0].auto_model(**each).last_hidden_state[0] for each in tokens]
    expected = [torch.cat([rows[:1], rows[3:]]).mean(0).numpy() for rows in hidden]
    np.testing.assert_allclose(left_out.transform(TEXTS[:3]), expected, atol=1e-5)


def test_chunks_are_averaged_before_layers_are_joined(tiny_model, states):
    encoder = SentenceEncoder(
        tiny_model, layers=[2, 4], long="chunks", overlap=10, device="cpu"
    )
    tokenizer = encoder._model().tokenizer
    ids = tokenizer(LONG, add_special_tokens=False)["input_ids"]
    windows = split_long(len(ids), 62, "chunks", 10)
    parts = [tokenizer.decode([ids[i] for i in window]) for window in windows]
    lengths = [len(window) for window in windows]
    assert len(parts) > 2
    layers = [
        np.average(means(states, parts, layer), axis=0, weights=lengths)[None]
        for layer in (2, 4)
    ]
    X = encoder.transform([LONG, TEXTS[0]])
    np.testing.assert_allclose(X[:1], joined_by_hand(*layers), atol=1e-5)
    assert encoder.n_truncated_ == 0
    with pytest.warns(UserWarning, match="1 of 2 documents are longer than 20 tokens"):
        encoder.set_params(long="head", max_length=20).transform([LONG, TEXTS[0]])


def test_small_types_are_near_the_full_result(real_model):
    texts = ["A cat sits on a mat.", "Interest rates rose again.", "Mix. " * 90]
    options = {"layers": [3, 6], "device": "cpu"}
    full = SentenceEncoder(real_model, **options).transform(texts)
    for dtype in ("bfloat16", "int8"):
        small = SentenceEncoder(real_model, dtype=dtype, **options).transform(texts)
        cosine = (full * small).sum(axis=1)
        assert small.dtype == np.float32
        assert cosine.min() > 0.98 and cosine.max() < 0.999999


@pytest.mark.parametrize("kind", [RegisterEncoder, CausalLMEncoder])
def test_other_encoders_join_layers_too(kind, tiny_folder):
    name = {RegisterEncoder: "classifier", CausalLMEncoder: "gpt2"}[kind]
    encoder = kind(str(tiny_folder / name), layers=SEVERAL, device="cpu")
    layers = encoder.encode(TEXTS, SEVERAL).layers
    X = encoder.transform(TEXTS)
    np.testing.assert_allclose(X, joined_by_hand(*layers.values()), atol=1e-6)
    assert len(encoder.get_feature_names_out()) == X.shape[1] == 48
    one = encoder.set_params(layers="half").transform(TEXTS)
    np.testing.assert_array_equal(one, layers["half"])


def test_in_a_union_and_behind_a_cache(tiny_model, tmp_path):
    encoder = SentenceEncoder(tiny_model, layers=[2, 4], device="cpu")
    X = encoder.transform(TEXTS)
    union = FeatureUnion([("layers", encoder), ("surface", SurfaceEncoder())])
    np.testing.assert_allclose(union.fit_transform(TEXTS)[:, :32], X, atol=1e-6)
    cached = CachedEncoder(encoder, tmp_path)
    np.testing.assert_array_equal(cached.transform(TEXTS), X)
    np.testing.assert_array_equal(clone(cached).transform(TEXTS), X)
    for change in ({"layers": [2]}, {"pooling": "max"}, {"prompt": "the "}):
        other = CachedEncoder(clone(encoder).set_params(**change), tmp_path)
        expected = clone(encoder).set_params(**change).transform(TEXTS)
        np.testing.assert_array_equal(other.transform(TEXTS), expected)
        assert expected.shape != X.shape or np.abs(expected - X).max() > 0.001


@pytest.fixture
def documents():
    return pd.DataFrame(
        {
            "id": [f"d{n}" for n in range(9)],
            "lang": "en",
            "labels": [["NA"]] * 9,
            "text": [f"{TEXTS[n % 3]} {n}" for n in range(9)],
        }
    )


def test_stored_layers_join_to_the_same_embedding(folder, documents, tmp_path):
    encoder = SentenceEncoder(folder, device="cpu")
    encode_documents(encoder, documents, tmp_path, layers=[1, "half", -1])
    stored = read_embeddings(tmp_path)
    assert list(stored.layers) == ["1", "half", "-1"]
    X = encoder.set_params(layers=[1, "half", -1]).transform(documents["text"])
    np.testing.assert_allclose(join_layers(stored.layers), X, atol=1e-6)
    chosen = [stored.layers["1"], stored.layers["half"]]
    X = encoder.set_params(layers=[1, "half"]).transform(documents["text"])
    np.testing.assert_allclose(join_layers(chosen), X, atol=1e-6)


def test_without_layers_the_embedding_is_stored(tiny_model, documents, tmp_path):
    for number, layers in enumerate((None, [2, 4])):
        encoder = SentenceEncoder(tiny_model, layers=layers, device="cpu")
        out = encode_documents(encoder, documents, tmp_path / str(number))
        stored = read_embeddings(out).layers
        assert list(stored) == ["embedding"]
        X = encoder.transform(documents["text"])
        np.testing.assert_allclose(stored["embedding"], X, atol=1e-6)


def test_a_run_goes_on_with_the_same_layers_and_prompt_only(
    tiny_model, documents, tmp_path
):
    made = {"prompt": "the law ", "device": "cpu"}
    encoder = SentenceEncoder(tiny_model, **made)
    encode_documents(encoder, documents, tmp_path, layers=[1, 4], shard_size=3)
    before = read_embeddings(tmp_path).layers
    (tmp_path / "part-00001.parquet").unlink()
    for layers, change in (([1, 2], {}), ([1, 4], {"prompt": "the "})):
        other = SentenceEncoder(tiny_model, **{**made, **change})
        with pytest.raises(ValueError, match="holds embeddings with other"):
            encode_documents(other, documents, tmp_path, layers=layers, shard_size=3)
    encode_documents(encoder, documents, tmp_path, layers=[1, 4], shard_size=3)
    for layer, X in read_embeddings(tmp_path).layers.items():
        np.testing.assert_allclose(X, before[layer], atol=1e-6)


def test_which_models_are_known_to_need_a_prompt():
    for name in (
        "intfloat/multilingual-e5-small",
        "intfloat/multilingual-e5-base",
        "intfloat/e5-large-v2",
        "intfloat/e5-small-unsupervised",
        "/models/multilingual-e5-small/",
    ):
        assert known_prompt(name) == "query: ", name
    for name in (
        "intfloat/multilingual-e5-large-instruct",
        "intfloat/e5-mistral-7b-instruct",
        "all-MiniLM-L6-v2",
        "multilingual-e5-small/tuned",
        "",
    ):
        assert known_prompt(name) is None, name


@pytest.fixture
def e5(tiny_model, tmp_path):
    """A folder that looks like one of E5."""
    folder = tmp_path / "multilingual-e5-small"
    shutil.copytree(tiny_model, folder)
    return str(folder)


@pytest.mark.parametrize("layers", [None, [2, 4]])
def test_known_models_bring_their_prompt_and_say_so_once(e5, tiny_model, layers):
    options = {"layers": layers, "device": "cpu"}
    plain = SentenceEncoder(tiny_model, **options)
    with pytest.warns(UserWarning, match="was trained with 'query: ' in front") as said:
        encoder = SentenceEncoder(e5, batch_size=1, **options)
        for _ in range(2):
            X = encoder.transform(TEXTS)
    assert len(said) == 1
    expected = plain.transform([f"query: {text}" for text in TEXTS])
    np.testing.assert_allclose(X, expected, atol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        without = SentenceEncoder(e5, prompt="", **options).transform(TEXTS)
        own = SentenceEncoder(e5, prompt="the ", **options).transform(TEXTS)
    np.testing.assert_allclose(without, plain.transform(TEXTS), atol=1e-6)
    plain.set_params(prompt="the ")
    np.testing.assert_allclose(own, plain.transform(TEXTS), atol=1e-6)


def test_a_prompt_that_the_model_brings_goes_first(tiny_model, tmp_path):
    library = SentenceTransformer(
        tiny_model,
        device="cpu",
        prompts={"news": "we voted "},
        default_prompt_name="news",
    )
    library.save(str(tmp_path / "e5-base"))
    encoder = SentenceEncoder(str(tmp_path / "e5-base"), layers="last", device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        X = encoder.transform(TEXTS)
    written = SentenceEncoder(tiny_model, layers="last", device="cpu")
    expected = written.transform([f"we voted {text}" for text in TEXTS])
    np.testing.assert_allclose(X, expected, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*was trained with")
def test_the_prompt_in_use_is_in_the_key_and_a_run_refuses_another(
    e5, documents, tmp_path, monkeypatch
):
    encoder = SentenceEncoder(e5, device="cpu")
    without = SentenceEncoder(e5, prompt="", device="cpu")
    keys = {fingerprint(encoder), fingerprint(without)}
    out = tmp_path / "vectors"
    encode_documents(encoder, documents, out, layers=[2], shard_size=3)
    (out / "part-00001.parquet").unlink()
    with pytest.raises(ValueError, match="with other parameters"):
        encode_documents(without, documents, out, layers=[2], shard_size=3)
    # As with a version of this package that knew no prompt of the model.
    monkeypatch.setattr("embetter_reg.text._sentence.known_prompt", lambda name: None)
    assert fingerprint(encoder) not in keys
    assert fingerprint(without) in keys
    with pytest.raises(ValueError, match=r"with other .*prompt"):
        encode_documents(encoder, documents, out, layers=[2], shard_size=3)


def test_join_layers_in_closed_form():
    one, other = np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([[0.0, 2.0], [5.0, 0.0]])
    expected = np.array([[0.6, 0.8, 0, 1], [0, 0, 1, 0]]) / np.sqrt(2)
    for given in ({"3": one, "6": other}, [one, other], (one, other)):
        np.testing.assert_allclose(join_layers(given), expected, atol=1e-7)
    assert join_layers([one, other]).dtype == np.float32
    np.testing.assert_array_equal(join_layers({"last": one}), one)
    stored = [layer.astype(np.float16) for layer in (one, other)]
    np.testing.assert_allclose(join_layers(stored), expected, atol=1e-3)
    assert join_layers([np.empty((0, 2)), np.empty((0, 3))]).shape == (0, 5)
    for given, message in (
        ([], "got no layers, expected at least one"),
        ([one, other[:1]], "got different lengths"),
        ([one[0], other], "got the space 'layer 0' of shape"),
    ):
        with pytest.raises(ValueError, match=message):
            join_layers(given)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layers": 5}, "got the layer 5, expected a number from 0 to 4"),
        ({"layers": ["half", "middle"]}, "got the layer 'middle'"),
        ({"layers": []}, r"got layers=\[\], expected a layer, such as 6 or 'half'"),
        ({"layers": 1.5}, "got layers=1.5, expected a layer"),
        ({"layers": "last", "pooling": "median"}, "got pooling='median'"),
        ({"pooling": "cls"}, "got pooling='cls' without layers"),
        ({"layers": 2, "truncate_dim": 8}, "got truncate_dim=8 with layers"),
        ({"layers": 2, "device": ["cpu", "cpu"]}, "with layers, expected one device"),
        ({"layers": 2, "backend": "onnx"}, "backend='onnx' with layers"),
        ({"layers": 2, "max_length": 65}, "got max_length=65, expected 1 to 64"),
    ],
)
def test_what_layers_cannot_be_combined_with(tiny_model, change, message):
    encoder = SentenceEncoder(tiny_model, **{"device": "cpu", **change})
    with pytest.raises(ValueError, match=message):
        encoder.transform(TEXTS)


def test_wrong_calls_of_encode(tiny_model, tiny_static):
    encoder = SentenceEncoder(tiny_model, device="cpu")
    with pytest.raises(TypeError, match="got layers='last', expected a list"):
        encoder.encode(TEXTS, "last")
    with pytest.raises(ValueError, match="got the layer 9, expected a number"):
        encoder.encode([], [9])
    assert encoder.encode([], [2]).layers[2].shape == (0, 16)
    short = MatryoshkaEncoder(tiny_model, truncate_dim=8, device="cpu")
    with pytest.raises(ValueError, match="got truncate_dim=8 with layers"):
        short.encode(TEXTS, ["last"])


def test_encoders_by_name_take_layers_and_prompts(tiny_model, tiny_folder):
    encoder = make_encoder(tiny_model, layers=[2, 4], prompt="the ", device="cpu")
    written = SentenceEncoder(tiny_model, layers=[2, 4], prompt="the ", device="cpu")
    np.testing.assert_array_equal(encoder.transform(TEXTS), written.transform(TEXTS))
    classifier = make_encoder(str(tiny_folder / "classifier"), layers=[2, 4])
    assert type(classifier) is RegisterEncoder and classifier.layers == [2, 4]
    with pytest.raises(ValueError, match="got layers for LiteTextEncoder"):
        make_encoder("lite", layers=[2])
