"""Sentence-transformers models: equal to the library, with prompts, long documents and
small types.
"""

import sys

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from embetter_reg.text import MatryoshkaEncoder, SentenceEncoder
from embetter_reg.text._int8 import Int8Linear
from embetter_reg.text._windows import split_long

TEXTS = [
    f"{word} {n} {'mix the flour' if n % 2 else 'the cat sat on'}"
    for n in range(15)
    for word in ("a", "the mat")
]
LONG = " ".join(TEXTS)


def test_sentence_encoder_reloads_when_its_name_changes(tiny_model):
    encoder = SentenceEncoder(tiny_model, device="cpu")
    X = encoder.transform(TEXTS)
    loaded = encoder._model()
    assert encoder.transform(TEXTS).shape == X.shape and encoder._model() is loaded
    with pytest.raises(OSError, match="could not be loaded"):
        encoder.set_params(name="no/such/model").transform(TEXTS)


def test_sentence_encoder_is_the_library(tiny_model):
    expected = SentenceTransformer(tiny_model, device="cpu").encode(TEXTS)
    for batch_size in (1, 7, 64):
        X = SentenceEncoder(tiny_model, device="cpu", batch_size=batch_size).transform(
            TEXTS
        )
        np.testing.assert_allclose(X, expected, atol=1e-5)
    unit = SentenceEncoder(tiny_model, device="cpu", normalize=True).transform(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-5)


def test_real_sentence_model(real_model):
    X = SentenceEncoder(real_model, device="cpu", normalize=True).transform(
        [
            "A cat sits on a mat.",
            "A kitten is on the rug.",
            "Interest rates rose again.",
        ]
    )
    cosine = X @ X.T
    assert cosine[0, 1] > cosine[0, 2] + 0.3


@pytest.fixture(scope="module")
def library(tiny_model):
    return SentenceTransformer(tiny_model, device="cpu")


def test_long_documents(tiny_model, library):
    encoder = SentenceEncoder(tiny_model, device="cpu", overlap=10)
    with pytest.warns(UserWarning, match="1 of 2 documents are longer than 64 tokens"):
        head = encoder.transform([LONG, "the cat"])
    np.testing.assert_allclose(head, library.encode([LONG, "the cat"]), atol=1e-5)
    assert encoder.n_truncated_ == 1
    ids = library.tokenizer(LONG, add_special_tokens=False)["input_ids"]
    windows = split_long(len(ids), 62, "chunks", 10)
    parts = [library.tokenizer.decode([ids[i] for i in window]) for window in windows]
    weights = [len(window) for window in windows]
    expected = np.average(library.encode(parts), axis=0, weights=weights)
    chunks = encoder.set_params(long="chunks").transform([LONG, "the cat"])
    np.testing.assert_allclose(chunks[0], expected, atol=1e-5)
    np.testing.assert_allclose(chunks[1], head[1], atol=1e-5)
    with pytest.warns(UserWarning, match="1 of 1"):
        short = encoder.set_params(long="head", max_length=10).transform(
            ["the cat sat on the mat and we baked flour mix"]
        )
    library.max_seq_length, before = 10, library.max_seq_length
    np.testing.assert_allclose(
        short,
        library.encode(["the cat sat on the mat and we baked flour mix"]),
        atol=1e-5,
    )
    library.max_seq_length = before
    with pytest.raises(ValueError, match="got max_length=65, expected 1 to 64"):
        encoder.set_params(max_length=65).transform(["a"])


def test_a_model_of_unit_vectors_gives_unit_vectors_for_chunks(real_model):
    text = "The cat sat on the mat and looked at the flour. " * 80
    X = SentenceEncoder(real_model, device="cpu", long="chunks").transform(
        [text, "A cat."]
    )
    np.testing.assert_allclose(np.linalg.norm(X, axis=1), 1, atol=1e-5)


def test_prompts_are_the_library(tiny_model, library, tmp_path):
    prompted = SentenceEncoder(tiny_model, prompt="the law ", device="cpu").transform(
        TEXTS
    )
    np.testing.assert_allclose(
        prompted, library.encode(TEXTS, prompt="the law "), atol=1e-5
    )
    assert not np.allclose(prompted, library.encode(TEXTS), atol=1e-3)
    library.prompts = {"query": "mix the "}
    library.save(str(tmp_path / "prompted"))
    named = SentenceEncoder(
        str(tmp_path / "prompted"), prompt_name="query", device="cpu"
    ).transform(TEXTS)
    np.testing.assert_allclose(
        named, library.encode(TEXTS, prompt="mix the "), atol=1e-5
    )
    library.prompts = {}
    with pytest.raises(ValueError, match="got prompt_name='passage'"):
        SentenceEncoder(
            str(tmp_path / "prompted"), prompt_name="passage", device="cpu"
        ).transform(TEXTS)


def test_a_prompt_that_pooling_leaves_out(tiny_model, tmp_path):
    model = SentenceTransformer(tiny_model, device="cpu")
    model[1].include_prompt = False
    model.save(str(tmp_path / "m"))
    ours = SentenceEncoder(
        str(tmp_path / "m"), prompt="the law ", device="cpu"
    ).transform(TEXTS)
    expected = SentenceTransformer(str(tmp_path / "m"), device="cpu").encode(
        TEXTS, prompt="the law "
    )
    np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_matryoshka_is_a_prefix(tiny_model, library):
    X = MatryoshkaEncoder(tiny_model, truncate_dim=5, device="cpu").transform(TEXTS)
    np.testing.assert_allclose(X, library.encode(TEXTS)[:, :5], atol=1e-5)
    unit = MatryoshkaEncoder(
        tiny_model, truncate_dim=5, device="cpu", normalize=True
    ).transform(TEXTS)
    np.testing.assert_allclose(
        unit, X / np.linalg.norm(X, axis=1, keepdims=True), atol=1e-5
    )
    with pytest.raises(ValueError, match="got truncate_dim=17, expected 1 to 16"):
        MatryoshkaEncoder(tiny_model, truncate_dim=17, device="cpu").transform(TEXTS)


def test_a_list_of_devices_is_left_to_the_library(tiny_model, monkeypatch):
    seen = {}

    def encode(self, texts, **options):
        seen.update(options)
        return np.ones((len(texts), 16))

    monkeypatch.setattr(SentenceTransformer, "encode", encode)
    X = SentenceEncoder(tiny_model, device=["cpu", "cpu"], batch_size=7).transform(
        TEXTS
    )
    assert X.shape == (30, 16) and X.dtype == np.float32
    assert seen["device"] == ["cpu", "cpu"] and seen["batch_size"] == 7
    assert seen["prompt"] == ""  # None would be the default of the model
    with pytest.raises(ValueError, match="with several devices"):
        SentenceEncoder(tiny_model, device=["cpu", "cpu"], long="chunks").transform(
            TEXTS
        )


def test_int8_is_near_the_full_result_whatever_the_batch(real_model):
    texts = [
        "A cat sits on a mat.",
        "Interest rates rose again.",
        "Mix the flour with two eggs. " * 40,
        "",
    ]
    full = SentenceEncoder(real_model, device="cpu").transform(texts)
    small = SentenceEncoder(real_model, device="cpu", dtype="int8").transform(texts)
    cosine = (full * small).sum(axis=1)
    assert small.dtype == np.float32 and cosine.min() > 0.98 and cosine.max() < 0.99999
    alone = SentenceEncoder(
        real_model, device="cpu", dtype="int8", batch_size=1
    ).transform(texts)
    assert (alone * small).sum(
        axis=1
    ).min() > 0.997  # floats that differ in the last bit may round to another int


@pytest.mark.parametrize("bias", [True, False])
def test_int8_linear_is_linear(bias):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        linear = torch.nn.Linear(64, 48, bias=bias)
        x = (
            torch.randn(3, 17, 64) * torch.logspace(-3, 3, 17)[:, None]
        )  # tokens of very different size
    expected, found = linear(x).detach(), Int8Linear(linear)(x)
    assert found.shape == (3, 17, 48)
    error = (found - expected).norm(dim=-1) / (
        expected - (0 if linear.bias is None else linear.bias)
    ).norm(dim=-1)
    assert error.max() < 0.02
    assert torch.equal(
        Int8Linear(linear)(torch.zeros(2, 64)), linear(torch.zeros(2, 64)).detach()
    )


def test_model_kwargs_reach_the_library(tiny_model):
    encoder = SentenceEncoder(
        tiny_model, device="cpu", model_kwargs={"attn_implementation": "eager"}
    )
    assert encoder._model()[0].auto_model.config._attn_implementation == "eager"


@pytest.mark.parametrize(
    ("backend", "module"),
    [("onnx", "optimum.onnxruntime"), ("openvino", "optimum.intel")],
)
def test_exported_backends(tiny_model, backend, module, monkeypatch):
    """They equal torch where their packages can be installed; elsewhere one sentence
    names the pip line.
    """
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        ImportError, match=rf"needs sentence-transformers\[{backend}\]: pip install"
    ):
        SentenceEncoder(tiny_model, backend=backend).transform(TEXTS)
    monkeypatch.undo()
    with pytest.raises(
        (ValueError, ImportError),
        match=f"got dtype='int8' with backend='{backend}'|pip install",
    ):
        SentenceEncoder(
            tiny_model, backend=backend, dtype="int8", device="cpu"
        ).transform(TEXTS)
    pytest.importorskip(
        module, reason=f"sentence-transformers[{backend}] is not installed"
    )
    X = SentenceEncoder(tiny_model, backend=backend, device="cpu").transform(TEXTS)
    np.testing.assert_allclose(
        X, SentenceEncoder(tiny_model, device="cpu").transform(TEXTS), atol=1e-2
    )


def test_bad_backends(tiny_model, monkeypatch):
    with pytest.raises(ValueError, match="got backend='jax'"):
        SentenceEncoder(tiny_model, backend="jax").transform(["a"])
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    with pytest.raises(ValueError, match="got dtype='int8' on mps"):
        SentenceEncoder(tiny_model, dtype="int8", device="mps").transform(["a"])
