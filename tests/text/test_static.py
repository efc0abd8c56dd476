"""Static vectors, against model2vec and by hand."""

import sys

import numpy as np
import pytest
from tokenizers import Tokenizer

from embetter_reg.text import TextEncoder


def test_it_is_the_mean_of_token_vectors(tiny_static):
    model2vec = pytest.importorskip("model2vec")
    texts = ["the cat sat", "mix flour " * 400]
    tokenizer = Tokenizer.from_file(f"{tiny_static}/tokenizer.json")
    table = model2vec.StaticModel.from_pretrained(tiny_static).embedding
    expected = [
        table[tokenizer.encode(text, add_special_tokens=False).ids].mean(axis=0)
        for text in texts
    ]
    np.testing.assert_allclose(
        TextEncoder(tiny_static).transform(texts), expected, atol=1e-5
    )
    unit = TextEncoder(tiny_static, normalize=True).transform(texts)
    np.testing.assert_allclose(
        unit, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-5
    )


def test_without_the_extra_the_pip_line_is_named(tiny_static, monkeypatch):
    monkeypatch.setitem(sys.modules, "model2vec", None)
    with pytest.raises(
        ImportError, match=r"TextEncoder needs embetter-reg\[static\]: pip install"
    ):
        TextEncoder(tiny_static).transform(["a"])
