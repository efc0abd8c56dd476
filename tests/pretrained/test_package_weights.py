"""The weights in the package: whole, small, and right on documents of the bundled corpus.

`vectors.npz` holds what the encoder gives for these documents, so that nothing is
downloaded; `benchmarks/pretrained.py` makes it.
"""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from embetter_reg.corpus import load_registers
from embetter_reg.corpus.registers import mains
from embetter_reg.finetune import load_head
from embetter_reg.pretrained import PRETRAINED, pretrained_folder, read_card, seen
from embetter_reg.text import SentenceEncoder

VECTORS = Path(__file__).with_name("vectors.npz")
ADAPTER = pretrained_folder("multilingual-e5-small")


@pytest.fixture(scope="module")
def bundled():
    stored = np.load(VECTORS)
    documents = load_registers().set_index("id").loc[stored["ids"]]
    registers = [mains(labels)[0] for labels in documents["labels"]]
    return documents, np.array(registers), stored["vectors"].astype(np.float32)


@pytest.mark.parametrize("name", PRETRAINED)
def test_cards_say_what_the_weights_reach(name):
    card = read_card(name)
    by_language = {row["language"]: row for row in card.figures}
    classes = {"NA", "IN", "OP", "IP", "HI", "ID", "SP", "LY"}
    if name.startswith("multilingual"):
        assert card.languages == ["en", "fi", "fr", "sv", "tr"]
        assert set(card.classes) == classes | {"MT"}
        assert not by_language["id"]["seen"]
    else:
        assert card.languages == ["en"]
        assert set(card.classes) == classes
    assert by_language["en"]["seen"]
    assert all(0.5 < row["micro_f1"] < 1 for row in card.figures)
    numbers = np.load(pretrained_folder(name) / "seen.npy")
    assert len(np.unique(numbers)) == card.n_documents
    assert (np.diff(numbers.astype(np.float64)) >= 0).all()


def test_the_adapter_is_small_and_whole():
    path = ADAPTER / "adapter_model.safetensors"
    assert path.stat().st_size < 3_000_000
    tensors = load_file(path)
    down = [
        tensor for name, tensor in tensors.items() if name.endswith("lora_A.weight")
    ]
    assert len(down) == 12 * 6
    assert all(tensor.shape[0] == 16 for tensor in down)
    up = [tensor for name, tensor in tensors.items() if name.endswith("lora_B.weight")]
    assert all(np.isfinite(tensor).all() and np.abs(tensor).max() > 0 for tensor in up)


def test_the_bundled_corpus_trained_nothing(bundled):
    documents, _, _ = bundled
    for name in PRETRAINED:
        assert not seen(name, documents["text"].tolist()).any()


def test_the_head_knows_registers_in_languages_it_never_saw(bundled):
    documents, registers, vectors = bundled
    head = load_head("multilingual-e5-small")
    classes = np.array(head.card.classes)
    probabilities = head.predict_proba(vectors)
    guesses = classes[probabilities.argmax(axis=1)]
    is_new = ~documents["lang"].isin(head.card.languages).to_numpy()
    assert is_new.sum() >= 20
    majority = max(np.mean(registers[is_new] == name) for name in classes)
    reached = np.mean(guesses[is_new] == registers[is_new])
    assert reached > majority + 0.3
    shifted = np.roll(vectors, 1, axis=0)  # vectors of other documents know nothing
    wrong = classes[head.predict_proba(shifted).argmax(axis=1)]
    assert np.mean(wrong[is_new] == registers[is_new]) < majority + 0.2


def test_the_head_of_a_quick_model_knows_registers_in_english(real_model):
    documents = load_registers().query("lang == 'en'")
    registers = np.array([mains(labels)[0] for labels in documents["labels"]])
    head = load_head("all-MiniLM-L6-v2")
    encoder = SentenceEncoder(
        real_model, layers=head.card.layers, max_length=head.card.max_length
    )
    X = encoder.transform(documents["text"])
    guesses = np.array(head.card.classes)[head.predict_proba(X).argmax(axis=1)]
    is_known = registers != "MT"
    majority = max(np.mean(registers == name) for name in head.card.classes)
    assert np.mean((guesses == registers)[is_known]) > majority + 0.3
