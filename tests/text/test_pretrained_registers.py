"""Registers by pretrained weights: merged, checked, and known to have been trained."""

import json
import pickle
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.base import clone
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from embetter_reg.store import encode_documents, read_embeddings
from embetter_reg.text import (
    CachedEncoder,
    PretrainedRegisters,
    RegisterEncoder,
    fingerprint,
)

TEXTS = ["the cat sat on the mat", "mix the flour", "we voted for the new law", ""]


@pytest.fixture
def registers(tiny_folder, tiny_adapter):
    return PretrainedRegisters(
        str(tiny_folder / "bert"), adapter=str(tiny_adapter), device="cpu"
    )


@pytest.fixture
def copied(tiny_adapter, tmp_path):
    """A copy of the weights that a test may change."""
    return shutil.copytree(tiny_adapter, tmp_path / "adapter")


@pytest.fixture(scope="module")
def merged_by_peft(tiny_folder, tiny_adapter):
    from peft import PeftModel

    base = AutoModelForSequenceClassification.from_pretrained(
        tiny_folder / "bert",
        id2label={0: "NA", 1: "HI", 2: "OP"},
        label2id={"NA": 0, "HI": 1, "OP": 2},
        problem_type="multi_label_classification",
    )
    return PeftModel.from_pretrained(base, tiny_adapter).merge_and_unload().eval()


def test_merged_weights_are_those_of_peft(registers, merged_by_peft, tiny_folder):
    _, model = registers._model()
    expected = merged_by_peft.state_dict()
    found = model.state_dict()
    assert found.keys() == expected.keys()
    for name, weights in found.items():
        torch.testing.assert_close(weights, expected[name], atol=1e-6, rtol=1e-5)
    untouched = AutoModel.from_pretrained(tiny_folder / "bert").state_dict()
    query = "encoder.layer.0.attention.self.query.weight"
    assert (found[f"bert.{query}"] - untouched[query]).abs().max() > 0.1
    key = query.replace("query", "key")
    torch.testing.assert_close(found[f"bert.{key}"], untouched[key])


def test_a_rank_stabilized_adapter_has_its_own_scale(
    registers, copied, tiny_folder, merged_by_peft
):
    config = json.loads((copied / "adapter_config.json").read_text())
    stabilized = {**config, "use_rslora": True}
    (copied / "adapter_config.json").write_text(json.dumps(stabilized))
    other = clone(registers).set_params(adapter=str(copied))._model()[1]
    base = AutoModel.from_pretrained(tiny_folder / "bert").state_dict()
    name = "encoder.layer.0.attention.self.query.weight"
    plain = merged_by_peft.state_dict()[f"bert.{name}"] - base[name]
    found = other.state_dict()[f"bert.{name}"] - base[name]
    # alpha / sqrt(4) in place of alpha / 4
    torch.testing.assert_close(found, 2 * plain, atol=1e-5, rtol=1e-4)


def test_space_and_probabilities_are_those_of_the_merged_model(
    registers, merged_by_peft, tiny_folder, tmp_path
):
    merged_by_peft.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_folder / "bert").save_pretrained(tmp_path)
    plain = RegisterEncoder(str(tmp_path), prompt="the ", max_length=32, device="cpu")
    np.testing.assert_allclose(
        registers.transform(TEXTS), plain.transform(TEXTS), atol=1e-5
    )
    np.testing.assert_allclose(
        registers.predict_proba(TEXTS), plain.predict_proba(TEXTS), atol=1e-6
    )
    without = clone(plain).set_params(prompt="")
    assert np.abs(without.transform(TEXTS) - plain.transform(TEXTS)).max() > 0.01


def test_the_prompt_is_read_and_left_out_of_the_mean(tiny_folder):
    """A prompt alone, in front of nothing, is what special tokens see of it."""
    folder = str(tiny_folder / "classifier")
    prompted = RegisterEncoder(folder, prompt="the law ", device="cpu")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    inputs = tokenizer("the law mix the flour", return_tensors="pt")
    with torch.no_grad():
        output = model(**inputs, output_hidden_states=True)
    n_prompt = len(tokenizer("the law", add_special_tokens=False)["input_ids"])
    hidden = output.hidden_states[-1][0]
    counted = torch.cat([hidden[:1], hidden[1 + n_prompt :]])
    found = prompted.encode(["mix the flour"], ["last"])
    np.testing.assert_allclose(found.layers["last"][0], counted.mean(0), atol=1e-5)
    logits = output.logits.sigmoid()[0]
    np.testing.assert_allclose(found.probabilities[0, 4], logits[4], atol=1e-5)


def test_what_is_none_is_the_cards(registers):
    card = registers.card
    assert (card.prompt, card.max_length, card.threshold) == ("the ", 32, 0.4)
    assert registers.classes_ == ["NA", "HI", "OP"] and registers.is_multi_label_
    same = clone(registers).set_params(prompt="the ", max_length=32, pooling="mean")
    np.testing.assert_array_equal(same.transform(TEXTS), registers.transform(TEXTS))
    for change in ({"prompt": ""}, {"pooling": "cls"}, {"layers": 2}):
        other = clone(registers).set_params(**change)
        assert np.abs(other.transform(TEXTS) - same.transform(TEXTS)).max() > 0.01


def test_the_threshold_is_the_cards(registers):
    probabilities = np.array([[0.39, 0.41, 0.9], [0.4, 0.1, 0.45]])
    assert registers.decide(probabilities).tolist() == [[0, 1, 1], [1, 0, 1]]
    assert registers.decide(probabilities, 0.5).tolist() == [[0, 0, 1], [0, 0, 0]]
    probabilities = registers.predict_proba(TEXTS)
    expected = (probabilities >= 0.4).astype(int)
    assert registers.predict(TEXTS).tolist() == expected.tolist()
    assert 0 < expected.sum() < expected.size


def test_a_threshold_a_label_may_stand_on_the_card(registers, copied):
    card = json.loads((copied / "card.json").read_text())
    (copied / "card.json").write_text(json.dumps({**card, "threshold": [0.2, 0.5, 1]}))
    registers.set_params(adapter=str(copied))
    assert registers.decide([[0.3, 0.3, 0.99]]).tolist() == [[1, 0, 0]]


def test_probabilities_are_calibrated_by_the_cards_temperature(registers, copied):
    plain = registers.predict_proba(TEXTS)
    card = json.loads((copied / "card.json").read_text())
    (copied / "card.json").write_text(json.dumps({**card, "temperature": 2.0}))
    logits = np.log(plain / (1 - plain))
    found = clone(registers).set_params(adapter=str(copied)).predict_proba(TEXTS)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-logits / 2)), atol=1e-5)


def test_trained_documents_are_known(registers):
    others = ["a text of mine", "the cat sat on the mat"]
    assert registers.seen(["mix the flour and bake", *others]).tolist() == [
        True,
        False,
        True,
    ]
    assert registers.seen([]).shape == (0,)


def test_a_threshold_on_trained_documents_warns(registers):
    gold = ["NA", "HI"]
    with pytest.warns(UserWarning, match=r"1 of 2 documents .* trained the pretrained"):
        registers.fit_threshold(["the cat sat on the mat", "mine"], gold)
    registers.fit_threshold(["mine", "yours"], gold)
    assert registers.threshold_ in (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65)


def test_another_model_of_the_same_shape_is_refused(registers, tiny_folder, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder / "bert")
    tokenizer.save_pretrained(tmp_path)
    model = AutoModel.from_pretrained(tiny_folder / "bert")
    embeddings = model.get_input_embeddings().weight
    noise = torch.randn(embeddings.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        embeddings += 0.1 * embeddings.std() * noise
    model.save_pretrained(tmp_path)
    near = clone(registers).set_params(name=str(tmp_path))
    assert near.transform(TEXTS).shape == (4, 16)  # as a copy in a few bits
    with torch.no_grad():
        embeddings += 3 * embeddings.std() * noise
    model.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"word embeddings are not those of made/tiny"):
        near.transform(TEXTS)


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("classifier", "which is a classifier already, expected made/tiny"),
        ("roberta", "got the model .*roberta"),
    ],
)
def test_a_model_of_another_kind_is_refused(registers, tiny_folder, folder, message):
    with pytest.raises((ValueError, OSError), match=message):
        registers.set_params(name=str(tiny_folder / folder)).transform(TEXTS)


def test_a_missing_model_is_one_sentence(registers):
    registers.set_params(name="nobody/nothing", local_files_only=True)
    with pytest.raises(OSError, match=r"got the model 'nobody/nothing'") as error:
        registers.transform(TEXTS)
    sentence = str(error.value)
    assert "--base-model" in sentence and "'lite'" in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("adapter_config.json", {"use_dora": True}, r"use_dora.*expected a LoRA"),
        ("adapter_config.json", {"bias": "all"}, r"bias.*expected a LoRA"),
        ("adapter_config.json", None, "missing or damaged"),
        ("card.json", None, "which is damaged"),
    ],
)
def test_files_that_cannot_be_read_are_refused(
    registers, copied, file, change, message
):
    content = "{"
    if change is not None:
        content = json.dumps({**json.loads((copied / file).read_text()), **change})
    (copied / file).write_text(content)
    with pytest.raises(ValueError, match=message):
        registers.set_params(adapter=str(copied)).transform(TEXTS)


def test_an_adapter_that_does_not_fit_is_refused(registers, copied):
    weights = load_file(copied / "adapter_model.safetensors")
    head = "base_model.model.classifier.weight"
    save_file(
        {**weights, head: weights[head][:2]}, copied / "adapter_model.safetensors"
    )
    registers.set_params(adapter=str(copied))
    with pytest.raises(ValueError, match=r"whose weight classifier.weight is missing"):
        registers.transform(TEXTS)
    del weights[head]
    save_file(weights, copied / "adapter_model.safetensors")
    with pytest.raises(ValueError, match=r"without classifier.weight"):
        registers.transform(TEXTS)


def test_unknown_weights_name_what_there_is(registers):
    with pytest.raises(FileNotFoundError, match=r"'multilingual-e5-small'.*card.json"):
        registers.set_params(adapter="multilingual-e5-large").transform(TEXTS)


def test_an_adapter_that_is_trained_anew_gives_other_keys(registers, copied, tmp_path):
    before = registers.set_params(adapter=str(copied)).transform(TEXTS)
    cached = CachedEncoder(registers, tmp_path / "cache")
    cached.transform(TEXTS)
    key = fingerprint(registers)
    file = copied / "adapter_model.safetensors"
    content = file.read_bytes()
    save_file({name: 2 * value for name, value in load_file(file).items()}, file)
    assert fingerprint(registers) != key
    after = registers.transform(TEXTS)
    assert np.abs(after - before).max() > 0.01
    np.testing.assert_allclose(cached.transform(TEXTS), after, atol=1e-6)
    file.write_bytes(content)
    assert fingerprint(registers) == key


def test_half_types_and_int8_are_near(registers):
    expected = registers.predict_proba(TEXTS)
    for dtype in ("bfloat16", "int8"):
        found = clone(registers).set_params(dtype=dtype).predict_proba(TEXTS)
        assert np.abs(found - expected).max() < 0.1, dtype
        assert np.abs(found - expected).max() > 0, dtype


def test_a_pickle_carries_no_weights(registers):
    registers.transform(TEXTS)
    content = pickle.dumps(registers)
    assert len(content) < 2000
    np.testing.assert_allclose(
        pickle.loads(content).transform(TEXTS), registers.transform(TEXTS), atol=1e-6
    )


def test_stored_predictions_take_the_cards_threshold(registers, tmp_path):
    documents = pd.DataFrame(
        {
            "id": list("abcd"),
            "lang": "en",
            "labels": [["NA"], ["HI"], [], []],
            "text": ["a cat", "the law", "we voted today", "bake"],
        }
    )
    encode_documents(registers, documents, tmp_path / "e", layers=["last"])
    stored = read_embeddings(tmp_path / "e")
    np.testing.assert_allclose(
        stored.layers["last"], registers.transform(documents["text"]), atol=1e-5
    )
    expected = registers.label_sets(registers.predict(documents["text"]))
    assert stored.documents["predicted_best"].tolist() == expected
    assert not stored.threshold_saw_gold

    trained = documents.assign(text=[*documents["text"][:3], "mix the flour and bake"])
    encode_documents(registers, trained, tmp_path / "trained", layers=["last"])
    assert read_embeddings(tmp_path / "trained").threshold_saw_gold
