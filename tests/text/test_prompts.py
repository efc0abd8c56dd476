"""Prompts: as if each document began or ended with them, window by window."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BertConfig,
    BertModel,
    PreTrainedTokenizerFast,
)

from embetter_reg.text import CausalLMEncoder, SentenceEncoder
from embetter_reg.text._windows import Splitter, split_long

WORDS = ["the", "cat", "sat", "on", "mat", "mix", "flour", "and", "bake", "law"]
RNG = np.random.default_rng(0)
TEXTS = [" ".join(RNG.choice(WORDS, size=n)) for n in (3, 40, 1, 17, 9)]
TEXTS += ["", " the cat", "!", "🙂", "mat.\nlaw"]
LONG = " ".join(RNG.choice(WORDS, size=150))
PROMPTS = ["the law: ", "the law:", "mix", "query: the\n", "🙂 "]


def cosine(A, B):
    return (A * B).sum(1) / np.linalg.norm(A, axis=1) / np.linalg.norm(B, axis=1)


def sentence_pieces():
    """A tokenizer like those of XLM-R and E5: spaces become a part of the next piece."""
    letters = sorted(set("".join(WORDS) + "query:!."))
    pieces = [("<pad>", 0.0), ("<s>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -4.0)]
    pieces += [(letter, -9.0) for letter in letters]
    pieces += [(f"▁{word}", -2.0) for word in WORDS]
    pieces += [("▁query", -3.0), ("mixthe", -1.0), ("law:", -2.5)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.normalizer = normalizers.Replace("\n", " ")
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        unk_token="<unk>",
        model_max_length=64,
    )


@pytest.fixture(scope="module")
def pieces_model(tmp_path_factory):
    """A folder with a tiny sentence-transformers model of sentence pieces."""
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    folder = tmp_path_factory.mktemp("pieces")
    tokenizer = sentence_pieces()
    config = BertConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        vocab_size=len(tokenizer),
        max_position_embeddings=64,
        initializer_range=0.3,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")
    modules = [Transformer(str(folder / "bert")), Pooling(16)]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder / "st"))
    return str(folder / "st")


@pytest.mark.parametrize("prompt", PROMPTS)
@pytest.mark.parametrize("kind", ["words", "pieces"])
def test_a_prompt_is_the_joined_text(request, kind, prompt):
    folder = request.getfixturevalue(
        "tiny_model" if kind == "words" else "pieces_model"
    )
    library = SentenceTransformer(folder, device="cpu")
    expected = library.encode([prompt + text for text in TEXTS])
    X = SentenceEncoder(folder, prompt=prompt, device="cpu").transform(TEXTS)
    np.testing.assert_allclose(cosine(X, expected), 1, atol=1e-6)
    np.testing.assert_allclose(X, library.encode(TEXTS, prompt=prompt), atol=1e-5)
    if kind == "pieces" and prompt == "the law: ":  # a stray piece counts
        ids = library.tokenizer(prompt, add_special_tokens=False)["input_ids"]
        together = library.tokenizer(f"{prompt}cat", add_special_tokens=False)
        assert together["input_ids"][: len(ids)] != ids


def test_the_real_model_with_prompts(real_model):
    texts = ["A cat sits on a mat.", "Interest rates rose. " * 90, "", "…", "🙂"]
    library = SentenceTransformer(real_model, device="cpu")
    for prompt in ("query: ", "Classify the regis"):
        with pytest.warns(UserWarning, match="1 of 5 documents"):
            encoder = SentenceEncoder(real_model, prompt=prompt, device="cpu")
            X = encoder.transform(texts)
        expected = library.encode([prompt + text for text in texts])
        np.testing.assert_allclose(cosine(X, expected), 1, atol=1e-6)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_window_of_a_long_document_has_the_prompt(pieces_model, prompt):
    """Each is the prompt joined to that part of the document."""
    library = SentenceTransformer(pieces_model, device="cpu")
    tokenizer = library.tokenizer
    splitter = Splitter(tokenizer, 20, prompt=prompt)
    windows, n_truncated = splitter.windows([LONG], long="chunks", overlap=3)
    joined = tokenizer(prompt + LONG, add_special_tokens=False)["input_ids"]
    assert n_truncated == 0 and windows[0].ids[1:-1] == joined[:18]
    parts = [window.ids[window.start : -1] for window in windows]
    n_prompt = windows[0].start - 1
    n_tokens = len(joined) - n_prompt
    places = split_long(n_tokens, 18 - n_prompt, "chunks", 3)
    for window, part, positions in zip(windows, parts, places, strict=True):
        assert window.ids[: window.start] == [1, *joined[:n_prompt]]
        assert part == [joined[n_prompt + i] for i in positions]
    assert splitter.windows([LONG], long="head", overlap=3)[0][0] == windows[0]
    encoder = SentenceEncoder(
        pieces_model,
        prompt=prompt,
        long="chunks",
        max_length=20,
        overlap=3,
        device="cpu",
    )
    words = LONG.split()
    for window in windows:
        if prompt[-1].isspace():  # each word is a piece
            text = prompt + " ".join(words[i] for i in window.positions)
            assert window.ids == tokenizer(text)["input_ids"]
    weights = [len(window.positions) for window in windows]
    with torch.no_grad():
        features = [
            {
                "input_ids": torch.tensor([window.ids]),
                "attention_mask": torch.ones(1, len(window.ids), dtype=torch.int64),
                "token_type_ids": torch.zeros(1, len(window.ids), dtype=torch.int64),
            }
            for window in windows
        ]
        vectors = [library(each)["sentence_embedding"][0].numpy() for each in features]
    expected = np.average(vectors, axis=0, weights=weights)
    np.testing.assert_allclose(encoder.transform([LONG])[0], expected, atol=1e-5)


@pytest.mark.parametrize("position", ["before", "after"])
@pytest.mark.parametrize("prompt", [" we voted", "we", ": ", " th"])
@pytest.mark.parametrize("kind", ["gpt2", "pieces"])
def test_a_prompt_of_a_causal_model(tiny_folder, tmp_path, kind, position, prompt):
    """Also where a token holds characters of both: it belongs to the document."""
    folder = tiny_folder / "gpt2"
    if kind == "pieces":
        AutoModelForCausalLM.from_pretrained(folder).save_pretrained(tmp_path)
        sentence_pieces().save_pretrained(tmp_path)
        folder = tmp_path
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    encoder = CausalLMEncoder(
        str(folder), prompt=prompt, prompt_position=position, device="cpu"
    )
    X = encoder.transform(TEXTS)
    mean = encoder.set_params(pooling="mean").transform(TEXTS)
    assert np.isfinite(mean).all()
    for row, text in enumerate(TEXTS):
        joined = prompt + text if position == "before" else text + prompt
        encoded = tokenizer(joined, return_offsets_mapping=True, return_tensors="pt")
        spans = encoded.pop("offset_mapping")[0].numpy()
        encoded.pop("token_type_ids", None)
        with torch.no_grad():
            states = model(**encoded, output_hidden_states=True).hidden_states[-1][0]
        np.testing.assert_allclose(X[row], states[-1], atol=1e-5)
        inside = spans[:, 0] < len(text)
        if position == "before":
            inside = spans[:, 1] > len(prompt)
        inside &= encoded["input_ids"][0].numpy() > (3 if kind == "pieces" else -1)
        if text.isascii() and text.strip() == text != "":
            np.testing.assert_allclose(mean[row], states[inside].mean(0), atol=1e-5)


def test_a_tokenizer_without_places_finds_nearly_the_same_border(pieces_model):
    """A slow one: the tokens that the prompt has by itself too are the prompt's."""
    fast = AutoTokenizer.from_pretrained(pieces_model)

    class Slow(SimpleNamespace):
        def __call__(self, texts, **options):
            assert not options.get("return_offsets_mapping")
            return fast(texts, **options)

    slow = Slow(is_fast=False, pad_token_id=0)
    for position, prompt in (("before", "the law: "), ("after", " the law")):
        windows, same = (
            Splitter(each, 64, prompt=prompt, prompt_position=position).windows(
                TEXTS[:5], long="chunks", overlap=2
            )
            for each in (fast, slow)
        )
        assert windows == same


def test_a_prompt_that_fills_the_window_is_refused(tiny_model):
    encoder = SentenceEncoder(tiny_model, prompt="the law " * 40, device="cpu")
    with pytest.raises(ValueError, match="got room for -18 tokens of a document"):
        encoder.transform(["the cat"])
