"""The register classifier: probabilities, parents, thresholds and layers."""

import pickle
import shutil

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.metrics import f1_score
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from embetter_reg.text import CausalLMEncoder, RegisterEncoder, TokenEncoder
from embetter_reg.text._register import GRID, raise_parents

TEXTS = [
    "the cat sat",
    "mix the flour and bake",
    "we voted for the new law today",
    "",
    "the law",
] * 3
CLASSES = ["NA", "ne", "OP", "rv", "HI"]


@pytest.fixture
def encoder(tiny_folder):
    return RegisterEncoder(str(tiny_folder / "classifier"), device="cpu")


def library_logits(folder, texts):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        return torch.cat(
            [model(**tokenizer(text, return_tensors="pt")).logits for text in texts]
        )


def test_probabilities_are_the_library_with_raised_parents(encoder):
    raw = library_logits(encoder.name, TEXTS).sigmoid().numpy()
    found = encoder.predict_proba(TEXTS)
    assert encoder.classes_ == CLASSES and encoder.is_multi_label_
    np.testing.assert_allclose(found[:, [1, 3, 4]], raw[:, [1, 3, 4]], atol=1e-5)
    np.testing.assert_allclose(found[:, 0], raw[:, :2].max(axis=1), atol=1e-5)
    np.testing.assert_allclose(found[:, 2], raw[:, 2:4].max(axis=1), atol=1e-5)
    assert (raw[:, 0] < raw[:, 1]).any()  # so that raising is seen


def test_single_label_probabilities_are_a_softmax(encoder):
    encoder.set_params(multi_label=False)
    expected = library_logits(encoder.name, TEXTS).softmax(1).numpy()
    np.testing.assert_allclose(encoder.predict_proba(TEXTS), expected, atol=1e-5)
    assert encoder.predict(TEXTS).tolist() == [CLASSES[i] for i in expected.argmax(1)]
    with pytest.raises(ValueError, match="got a single-label model"):
        encoder.fit_threshold(TEXTS, ["NA"] * 15)


def test_raise_parents_leaves_unrelated_labels_alone():
    found = raise_parents(np.array([[0.2, 0.9, 0.1, 0.3]]), ["NA", "ne", "sr", "OP"])
    np.testing.assert_array_equal(found, [[0.9, 0.9, 0.1, 0.3]])
    np.testing.assert_array_equal(
        raise_parents(np.array([[0.2, 0.9]]), ["OP", "ne"]), [[0.2, 0.9]]
    )


def test_encode_is_transform_and_predict_proba_in_one_pass(encoder):
    found = encoder.encode(TEXTS, layers=("first", "half", "last", 0))
    for layer, X in found.layers.items():
        np.testing.assert_array_equal(
            clone(encoder).set_params(layers=layer).transform(TEXTS), X
        )
    np.testing.assert_array_equal(encoder.predict_proba(TEXTS), found.probabilities)
    assert not np.allclose(found.layers["first"], found.layers["last"])
    empty = encoder.encode([], layers=("first",))
    assert empty.layers["first"].shape == (0, 16) and empty.probabilities.shape == (
        0,
        5,
    )


def test_thresholds(encoder):
    p = encoder.predict_proba(TEXTS)
    np.testing.assert_array_equal(encoder.predict(TEXTS), p >= 0.5)
    np.testing.assert_array_equal(encoder.predict(TEXTS, 0.3), p >= 0.3)
    np.testing.assert_array_equal(
        encoder.predict(TEXTS, {"OP": 0.9}), p >= [0.5, 0.5, 0.9, 0.5, 0.5]
    )
    np.testing.assert_array_equal(
        encoder.predict(TEXTS, [0.1, 0.2, 0.3, 0.4, 0.5]),
        p >= [0.1, 0.2, 0.3, 0.4, 0.5],
    )
    assert encoder.label_sets([[1, 1, 0, 0, 0], [0] * 5]) == [["NA", "ne"], []]
    for wrong, message in (
        ("good", "got threshold='good'"),
        ("best", "call fit_threshold first"),
        (1.5, "expected a number from 0 to 1"),
        ([0.5, 0.5], "or 5 of them"),
        ({"XX": 0.5}, r"got thresholds for \['XX'\]"),
    ):
        with pytest.raises(ValueError, match=message):
            encoder.predict(TEXTS, wrong)


@pytest.mark.parametrize("planted", [0.4, 0.6])
def test_fit_threshold_finds_a_planted_one(encoder, planted):
    """Gold labels are those above a known threshold: the search must return it,
    globally and by label.
    """
    p = encoder.predict_proba(TEXTS)
    gold = (p >= planted).astype(int)
    encoder.fit_threshold(TEXTS, gold)
    scores = {t: f1_score(gold, p >= t, average="micro", zero_division=0) for t in GRID}
    assert scores[encoder.threshold_] == max(scores.values()) == 1.0
    np.testing.assert_array_equal(encoder.predict(TEXTS, "best"), gold)
    encoder.fit_threshold(TEXTS, gold, per_label=True)
    np.testing.assert_array_equal(encoder.predict(TEXTS, "best"), gold)
    names = encoder.label_sets(gold)
    for y in (names, [" ".join(labels) for labels in names]):
        if all(names):
            assert (
                clone(encoder).fit_threshold(TEXTS, y).threshold_
                == encoder.fit_threshold(TEXTS, gold).threshold_
            )


def test_documents_that_the_threshold_was_chosen_on_are_remembered(encoder):
    assert not encoder.chosen_on(TEXTS).any()
    encoder.fit_threshold(TEXTS[:3], [["NA"], ["HI"], ["OP"]])
    again = pickle.loads(pickle.dumps(encoder))
    for either in (encoder, again):
        assert either.chosen_on(["the law", "the cat sat", TEXTS[2]]).tolist() == [
            False,
            True,
            True,
        ]
        assert either.threshold_ == encoder.threshold_


def test_bad_gold_labels(encoder):
    for y, message in (
        ([["NA"]], "got 1 gold labels for 2 documents"),
        (np.ones((2, 3), int), r"got gold labels of shape \(2, 3\)"),
        (np.full((2, 5), 2), "expected a binary matrix"),
        ([["XX"], []], "got no gold label of this model"),
    ):
        with pytest.raises(ValueError, match=message):
            encoder.fit_threshold(["a", "b"], y)
    with pytest.raises(ValueError, match="got the grid"):
        encoder.fit_threshold(["a"], [["NA"]], grid=[0.5, 1.2])


def test_a_gpt_classifier_without_a_padding_token(tiny_folder, tmp_path):
    from transformers import GPT2ForSequenceClassification

    model = GPT2ForSequenceClassification.from_pretrained(
        tiny_folder / "gpt2", num_labels=3
    )
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_folder / "gpt2").save_pretrained(tmp_path)
    texts = TEXTS[:3]
    alone = np.concatenate(
        [
            RegisterEncoder(str(tmp_path), device="cpu").predict_proba([text])
            for text in texts
        ]
    )
    np.testing.assert_allclose(
        RegisterEncoder(str(tmp_path), device="cpu").predict_proba(texts),
        alone,
        atol=1e-5,
    )


def test_a_model_without_a_head_is_refused(tiny_folder):
    """Its head would be random: other labels at each run."""
    encoder = RegisterEncoder(str(tiny_folder / "bert"), device="cpu")
    message = "without the weights of classifier.bias.*expected a classification head"
    for use in (encoder.predict_proba, encoder.transform, encoder.encode):
        with pytest.raises(ValueError, match=message):
            use(["the cat"])


def test_a_model_without_a_layer_is_refused_by_every_encoder(tiny_folder, tmp_path):
    from safetensors.torch import load_file, save_file

    for name, kind, key in (
        ("classifier", RegisterEncoder, "bert.encoder.layer.1.output.dense.weight"),
        ("gpt2", CausalLMEncoder, "transformer.h.1.mlp.c_fc.weight"),
        ("bert", TokenEncoder, "encoder.layer.1.output.dense.weight"),
    ):
        folder = tmp_path / name
        shutil.copytree(tiny_folder / name, folder)
        weights = load_file(folder / "model.safetensors")
        del weights[key]
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(ValueError, match=f"without the weights of .*{key[-20:]}"):
            kind(str(folder), device="cpu").transform(["the cat"])
        (folder / "model.safetensors").write_bytes(b"junk")
        with pytest.raises(OSError, match="could not be loaded"):
            kind(str(folder), device="cpu").transform(["the cat"])


def test_a_causal_model_without_a_head_embeds_and_scores_nothing(tiny_folder, tmp_path):
    AutoModel.from_pretrained(tiny_folder / "neox").save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_folder / "neox").save_pretrained(tmp_path)
    encoder = CausalLMEncoder(str(tmp_path), device="cpu")
    whole = CausalLMEncoder(str(tiny_folder / "neox"), device="cpu")
    X = encoder.transform(["the cat"])
    np.testing.assert_allclose(X, whole.transform(["the cat"]), atol=1e-6)
    with pytest.raises(ValueError, match="expected a language-model head"):
        encoder.token_scores(["the cat"], tokens=[" good", " bad"])


def test_layers_are_refused_before_weights_are_loaded(tiny_folder, monkeypatch):
    monkeypatch.setattr(
        "embetter_reg.text._register.load_transformer", lambda *a, **k: 1 / 0
    )
    encoder = RegisterEncoder(str(tiny_folder / "classifier"), layers=9, device="cpu")
    for use in (encoder.transform, lambda X: encoder.encode(X, ["half", 5])):
        with pytest.raises(ValueError, match="expected a number from 0 to 4"):
            use(["the cat"])
