"""The pretrained head in a comparison: nothing fitted, nothing seen, planted truth."""

import numpy as np
import pandas as pd
import pytest

from embetter_reg import compare_documents
from embetter_reg.store import Embeddings, write_embeddings
from embetter_reg.text import Encoded, PretrainedRegisters

REGISTERS = ["NA", "HI", "OP"]
LANGUAGES = ["en", "fi"]
QUICK = {
    "k": [3],
    "n_seeds": 1,
    "n_bootstrap": 20,
    "n_null": 20,
    "figures": [],
    "clusterers": ["kmeans"],
    "controls": [],
}


def planted(names, choices):
    """Return vectors that tell which of the choices each name is, with some noise."""
    rng = np.random.default_rng(0)
    truth = np.eye(len(choices))[[choices.index(name) for name in names]]
    noise = rng.normal(scale=0.2, size=(len(names), 6))
    return (np.pad(truth, ((0, 0), (0, 6 - len(choices)))) + noise).astype(np.float32)


class ByLanguage:
    """The model as it was: a space by language."""

    def transform(self, X):
        return planted([text.split()[1] for text in X], LANGUAGES)


class Planted(PretrainedRegisters):
    """Reads register and language out of texts such as "NA en 7"."""

    def encode(self, X, layers=("last",)):
        names = [text.split()[0] for text in X]
        probabilities = np.eye(3)[[REGISTERS.index(name) for name in names]]
        hybrid = [text.endswith("1") for text in X]
        probabilities[hybrid] = [0.9, 0.9, 0]
        return Encoded({"last": planted(names, REGISTERS)}, probabilities, REGISTERS)

    def untuned(self):
        return ByLanguage()


@pytest.fixture
def registers(tiny_adapter):
    return Planted(adapter=str(tiny_adapter))


def with_labels(documents, labels):
    column = pd.Series(labels, index=documents.index, dtype=object)
    return documents.assign(labels=column)


def test_a_space_by_register_needs_no_training_documents(documents, registers):
    options = {**QUICK, "controls": ["language-centered"]}
    result = compare_documents(None, documents, head=registers, **options)
    assert list(result.spaces) == ["original", "pretrained"]
    assert result.verdict.word == "register"
    assert result.comparison.verdicts["original"].word == "language"
    assert len(result.train) == 0 and len(result.test) == 72
    fitted_on = result.comparison.parameters["controls_fitted_on"]
    assert fitted_on["erasers"] == "the compared documents"


def test_swapped_labels_fail(documents, registers):
    rng = np.random.default_rng(0)
    order = rng.permutation(len(documents))
    swapped = with_labels(documents, [documents["labels"][row] for row in order])
    result = compare_documents(None, swapped, head=registers, **QUICK)
    assert result.verdict.word == "undecided"
    by_language = documents.assign(
        labels=[[{"en": "NA", "fi": "HI"}[name]] for name in documents["lang"]],
        lang=[labels[0] for labels in documents["labels"]],
    )
    result = compare_documents(None, by_language, head=registers, **QUICK)
    assert result.verdict.word == "language"


def test_seen_documents_are_counted_and_left_out(documents, registers, tmp_path):
    from embetter_reg.pretrained import text_numbers

    weights = tmp_path / "weights"
    weights.mkdir()
    for name in ("card.json", "adapter_config.json", "adapter_model.safetensors"):
        (weights / name).symlink_to(f"{registers.adapter}/{name}")
    texts = documents["text"].tolist()
    np.save(weights / "seen.npy", np.sort(text_numbers(texts[:30])))
    registers.set_params(adapter=str(weights))
    with pytest.warns(UserWarning, match="30 documents trained the pretrained weights"):
        result = compare_documents(None, documents, head=registers, **QUICK)
    assert result.seen == documents["id"][:30].tolist()
    assert result.test["id"].tolist() == documents["id"][30:].tolist()
    facts = result.about
    assert facts["documents that trained them"].startswith("30 of 72, left out")
    assert facts["languages that they were trained on"] == "en"
    assert facts["languages that they were not trained on"] == "fi"

    kept = compare_documents(None, documents, head=registers, keep_seen=True, **QUICK)
    assert len(kept.test) == 72 and len(kept.seen) == 30
    assert "too good" in kept.about["documents that trained them"]
    with pytest.raises(ValueError, match="got only documents that trained"):
        compare_documents(None, documents[:20], head=registers, **QUICK)


def test_an_encoder_of_pretrained_weights_leaves_seen_documents_out_too(
    documents, tiny_folder, tiny_adapter
):
    texts = [
        *documents["text"][:-1],
        "mix the flour and bake",
    ]  # the last is trained on
    given = documents.assign(text=texts)
    encoder = PretrainedRegisters(str(tiny_folder / "bert"), adapter=str(tiny_adapter))
    options = {"encoders": [encoder], "head": None, **QUICK}
    with pytest.warns(UserWarning, match="1 documents trained the pretrained weights"):
        result = compare_documents(given[:30], given[30:], **options)
    assert result.seen == [given["id"].iloc[-1]]
    assert result.seen[0] not in set(result.test["id"])


def test_without_labels_the_models_own_predictions_are_compared(documents, registers):
    unlabeled = with_labels(documents, [[] for _ in range(72)])
    with pytest.raises(
        ValueError, match=r"no document with a gold label .*'predicted'"
    ):
        compare_documents(None, unlabeled, head=registers, **QUICK)
    options = {"head": registers, "label_source": "predicted", **QUICK}
    with pytest.warns(UserWarning, match="12 of 72 documents are predicted none or"):
        result = compare_documents(None, unlabeled, **options)
    # Those whose number ends in 1 are predicted two registers.
    single = ~documents["text"].str.endswith("1")
    expected = documents[single]
    assert result.test["id"].tolist() == expected["id"].tolist()
    assert result.test["labels"].tolist() == expected["labels"].tolist()
    assert len(result.spaces["pretrained"]) == len(expected)
    assert result.verdict.word == "register"
    assert "predictions, not gold labels" in result.verdict.sentence
    assert "pretrained model itself" in result.about["predictions"]


def test_documents_without_a_label_are_left_out(documents, registers):
    labels = [[] if n < 6 else labels for n, labels in enumerate(documents["labels"])]
    with pytest.warns(UserWarning, match="6 of 72 documents have no gold label"):
        result = compare_documents(
            None, with_labels(documents, labels), head=registers, **QUICK
        )
    assert len(result.test) == 66


def test_a_stored_space_is_judged_as_it_is(documents, tmp_path):
    X = planted([labels[0] for labels in documents["labels"]], REGISTERS)
    write_embeddings(Embeddings(documents, {"embedding": X}), tmp_path / "space")
    options = {"encoders": [], "embeddings": tmp_path / "space", "head": None}
    result = compare_documents(None, documents, **options, **QUICK)
    assert list(result.spaces) == ["original"] and result.verdict.word == "register"
    X = planted(documents["lang"], LANGUAGES)
    write_embeddings(Embeddings(documents, {"embedding": X}), tmp_path / "other")
    options["embeddings"] = tmp_path / "other"
    result = compare_documents(None, documents, **options, **QUICK)
    assert result.verdict.word == "language" and result.seen == []


@pytest.mark.parametrize("other", ["train", "encoders", "models"])
def test_what_would_be_fitted_is_refused(documents, registers, other):
    values = {
        "train": documents,
        "encoders": ["lite"],
        "models": ("one", "two"),
    }
    options = {"train": None, other: values[other]}
    with pytest.raises(ValueError, match=f"got {other} with the head 'pretrained'"):
        compare_documents(test=documents, head=registers, **options, **QUICK)


def test_the_model_as_it_was_is_read_in_the_same_way(tiny_folder, tiny_adapter):
    base = str(tiny_folder / "bert")
    registers = PretrainedRegisters(base, adapter=str(tiny_adapter), layers=[1, 3])
    untuned = registers.untuned()
    assert (untuned.prompt, untuned.max_length, untuned.layers) == ("the ", 32, [1, 3])
    texts = ["mix the flour", "we voted"]
    assert untuned.transform(texts).shape == registers.transform(texts).shape
    difference = untuned.transform(texts) - registers.transform(texts)
    assert np.abs(difference).max() > 0.01
