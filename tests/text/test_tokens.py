"""Token tables: vectors against the library, words, duplicates, subsets, Parquet."""

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from embetter_reg.text import TokenEncoder
from embetter_reg.text._tokens import TokenTable

TEXTS = ["the cat sat on the mat", "bakeat flour", "", "we voted, the law"]


@pytest.fixture
def encoder(tiny_folder):
    return TokenEncoder(
        str(tiny_folder / "bert"), layer="half", device="cpu", overlap=16
    )


def library(folder, text):
    tokenizer, model = (
        AutoTokenizer.from_pretrained(folder),
        AutoModel.from_pretrained(folder).eval(),
    )
    inputs = tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        hidden = (
            model(**inputs, output_hidden_states=True).hidden_states[2][0, 1:-1].numpy()
        )
    return (
        tokenizer.convert_ids_to_tokens(inputs["input_ids"][0, 1:-1]),
        inputs.word_ids(0)[1:-1],
        hidden,
    )


def test_tokens_are_the_library(encoder):
    found = encoder.transform(TEXTS)
    assert (
        list(found.tokens.columns) == ["document", "position", "token", "n"]
        and (found.tokens["n"] == 1).all()
    )
    assert set(found.tokens["document"]) == {0, 1, 3}
    for document in (0, 1, 3):
        tokens, _, hidden = library(encoder.name, TEXTS[document])
        own = found.tokens["document"] == document
        assert found.tokens["token"][own].tolist() == tokens
        np.testing.assert_allclose(found.vectors[own.to_numpy()], hidden, atol=1e-5)


def test_sub_words_become_words(encoder):
    found = encoder.set_params(unit="word").transform(TEXTS)
    own = (found.tokens["document"] == 1).to_numpy()
    tokens, words, hidden = library(encoder.name, TEXTS[1])
    assert len(tokens) > 2 and found.tokens["token"][own].tolist() == [
        "bakeat",
        "flour",
    ]
    for word in (0, 1):
        expected = hidden[np.array(words) == word].mean(axis=0)
        np.testing.assert_allclose(found.vectors[own][word], expected, atol=1e-5)
    assert found.tokens["n"][own].tolist() == [words.count(0), words.count(1)]


def test_duplicates_are_averaged(encoder):
    every = encoder.transform(TEXTS)
    is_the = (every.tokens["token"] == "the").to_numpy()
    within = encoder.set_params(duplicates="document").transform(TEXTS)
    assert within.tokens.query("token == 'the'")["document"].tolist() == [0, 3]
    anywhere = encoder.set_params(duplicates="all").transform(TEXTS)
    (row,) = np.flatnonzero(anywhere.tokens["token"] == "the")
    assert (
        anywhere.tokens["n"][row] == is_the.sum() == 3
        and anywhere.tokens["token"].is_unique
    )
    np.testing.assert_allclose(
        anywhere.vectors[row], every.vectors[is_the].mean(axis=0), atol=1e-5
    )


def test_a_seeded_subset(encoder):
    encoder.set_params(n_sentences=2, random_state=1)
    first, second = encoder.transform(TEXTS * 5), encoder.transform(TEXTS * 5)
    pd.testing.assert_frame_equal(first.tokens, second.tokens)
    assert first.tokens["document"].nunique() <= 2
    draws = {
        tuple(encoder.set_params(random_state=seed)._choose(20)) for seed in range(10)
    }
    assert len(draws) > 5
    with pytest.raises(ValueError, match="got n_sentences=9 of 4 texts"):
        encoder.set_params(n_sentences=9).transform(TEXTS)


def test_long_documents(encoder):
    text = " ".join(["the cat sat on the mat"] * 20)
    with pytest.warns(UserWarning, match="1 of 1 documents"):
        assert len(encoder.transform([text])) == 62
    whole = encoder.set_params(long="chunks").transform([text])
    assert whole.tokens["position"].tolist() == list(range(120)) and set(
        whole.tokens["n"]
    ) == {1, 2}


def test_parquet_and_back(encoder, tmp_path):
    found = encoder.transform(TEXTS)
    found.save(tmp_path / "tokens.parquet")
    again = TokenTable.load(tmp_path / "tokens.parquet")
    pd.testing.assert_frame_equal(again.tokens, found.tokens, check_dtype=False)
    np.testing.assert_array_equal(again.vectors, found.vectors)
    assert len(encoder.transform([""])) == len(encoder.transform([])) == 0


def test_bad_parameters(encoder):
    with pytest.raises(ValueError, match="got unit='sentence'"):
        encoder.set_params(unit="sentence").transform(TEXTS)
    with pytest.raises(ValueError, match="got duplicates='sum'"):
        encoder.set_params(unit="token", duplicates="sum").transform(TEXTS)
