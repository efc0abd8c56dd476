"""Commands that need nothing but documents: the pretrained weights, on a tiny model."""

import json
import shutil
import warnings

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from embetter_reg.cli import app
from embetter_reg.corpus import text_digest
from embetter_reg.text import PretrainedRegisters

pytestmark = pytest.mark.usefixtures("quick_pictures")

TEXTS = [
    "the cat sat on the mat",
    "mix the flour and bake",
    "we voted for the new law today",
    "a cat voted",
    "bake the mat today",
    "the law of the flour",
]


def invoke(*arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return CliRunner().invoke(app, [str(argument) for argument in arguments])


def write(path, **columns):
    lines = [json.dumps(row) for row in pd.DataFrame(columns).to_dict("records")]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def read(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture
def unlabeled(tmp_path):
    return write(tmp_path / "docs.jsonl", lang=["en"] * 4 + ["sv"] * 2, text=TEXTS)


@pytest.fixture
def registers(tiny_pretrained, tiny_adapter):
    return PretrainedRegisters(str(tiny_pretrained), adapter=str(tiny_adapter))


def test_predict_needs_documents_only(unlabeled, tiny_pretrained, registers, tmp_path):
    base = ["--base-model", tiny_pretrained, "--no-download"]
    done = invoke("predict", unlabeled, *base, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.exception
    rows = read(tmp_path / "out" / "predictions.jsonl")
    expected = registers.predict_proba(TEXTS)
    classes = ["NA", "HI", "OP"]
    assert [list(row["probabilities"]) for row in rows] == [classes] * 6
    shown = [list(row["probabilities"].values()) for row in rows]
    np.testing.assert_allclose(shown, expected, atol=1e-4)
    chosen = expected >= 0.4  # the card's
    sets = [
        [label for label, x in zip(classes, row, strict=True) if x] for row in chosen
    ]
    assert [row["predicted"] for row in rows] == sets
    assert [row["seen"] for row in rows] == [True, True, False, False, False, False]
    assert [row["labels"] for row in rows] == [[]] * 6

    counts = pd.read_csv(tmp_path / "out" / "counts.csv", index_col="language")
    for language, part in (("en", chosen[:4]), ("sv", chosen[4:]), ("all", chosen)):
        assert counts.loc[language, classes].tolist() == part.sum(axis=0).tolist()
        assert counts.loc[language, "none"] == (~part.any(axis=1)).sum()
        assert counts.loc[language, "hybrid"] == (part.sum(axis=1) > 1).sum()
    assert counts["n_documents"].to_dict() == {"en": 4, "sv": 2, "all": 6}
    assert "Documents of each predicted register" in done.output
    several, none = counts.loc["all", ["hybrid", "none"]]
    said = f"Of several registers, counted in each: {several}. Of none: {none}.\n"
    assert said in done.output
    assert "no gold labels to report on" in done.output
    assert not (tmp_path / "out" / "reports.csv").exists()


def test_trained_documents_are_left_out_of_the_report(tiny_pretrained, tmp_path):
    labels = ["NA", "HI", "OP", "NA", "HI", "OP"]
    docs = write(tmp_path / "docs.jsonl", lang=["en"] * 6, text=TEXTS, labels=labels)
    base = ["--base-model", tiny_pretrained, "--no-download"]
    done = invoke("predict", docs, *base, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.exception
    assert "2 labeled documents trained the classifier" in done.output
    reports = pd.read_csv(tmp_path / "out" / "reports.csv")
    assert set(reports["n_documents"]) == {4}
    assert len(read(tmp_path / "out" / "predictions.jsonl")) == 6


def test_a_threshold_chosen_on_trained_documents_is_told(tiny_pretrained, tmp_path):
    labels = ["NA", "HI", "OP", "NA", "HI", "OP"]
    docs = write(tmp_path / "docs.jsonl", lang=["en"] * 6, text=TEXTS, labels=labels)
    other = write(tmp_path / "o.jsonl", lang=["en"], text=["a mat"], labels=["NA"])
    base = ["--base-model", tiny_pretrained, "--no-download", "--threshold-docs"]
    done = invoke("predict", other, *base, docs)
    assert "2 of 6 documents to choose a threshold on trained" in done.output
    done = invoke("predict", docs, *base, other)
    assert "to choose a threshold on trained" not in done.output


def test_documents_of_a_trained_model_are_known_too(tiny_folder, tmp_path):
    """A model that `embetter-reg finetune` trained says in split.csv on what."""
    model = shutil.copytree(tiny_folder / "classifier", tmp_path / "model")
    rows = [f"{text_digest(TEXTS[0])},train", f"{text_digest(TEXTS[1])},test"]
    (model / "split.csv").write_text("\n".join(["digest,part", *rows]))
    docs = write(tmp_path / "d.jsonl", lang=["en"] * 6, text=TEXTS, labels=["NA"] * 6)
    done = invoke("predict", docs, "--model", model, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.exception
    assert "1 labeled documents trained the classifier" in done.output
    rows = read(tmp_path / "out" / "predictions.jsonl")
    assert [row["seen"] for row in rows] == [True, *[False] * 5]
    reports = pd.read_csv(tmp_path / "out" / "reports.csv")
    assert set(reports["n_documents"]) == {5}


def test_a_threshold_of_the_command_is_taken(unlabeled, tiny_pretrained, tmp_path):
    base = ["--base-model", tiny_pretrained, "--no-download", "--out", tmp_path / "o"]
    for threshold, n_labels in (("0", 3), ("1", 0)):
        done = invoke("predict", unlabeled, *base, "--threshold", threshold)
        assert done.exit_code == 0, done.exception
        rows = read(tmp_path / "o" / "predictions.jsonl")
        assert [len(row["predicted"]) for row in rows] == [n_labels] * 6


def test_a_missing_base_model_is_one_sentence(unlabeled, tiny_pretrained):
    done = invoke("predict", unlabeled, "--base-model", "no/such", "--no-download")
    sentence = str(done.exception)
    assert isinstance(done.exception, OSError) and "\n" not in sentence
    for part in ("'no/such'", "--base-model", "folder", "'lite'"):
        assert part in sentence


QUICK = ["--k", "2", "--n-seeds", "1", "--figures", "none", "--controls", "none"]


def test_compare_trains_nothing(tiny_pretrained, tmp_path):
    texts = [f"{text} {n}" for n in range(8) for text in TEXTS]
    columns = {"lang": ["en", "fi", "sv"] * 16, "text": [*texts[:-2], *TEXTS[:2]]}
    base = ["--head", "pretrained", "--base-model", tiny_pretrained, "--no-download"]
    base += [*QUICK, "--out", tmp_path / "report"]
    unlabeled = write(tmp_path / "unlabeled.jsonl", **columns)
    refused = invoke("compare", unlabeled, *base)
    assert "--label-source predicted" in str(refused.exception)
    docs = write(tmp_path / "docs.jsonl", **columns, labels=["NA", "HI", "OP"] * 16)
    refused = invoke("compare", docs, "--test", docs, *base)
    assert "got --test with --head pretrained" in str(refused.exception)
    done = invoke("compare", docs, *base)
    assert done.exit_code == 0, done.exception
    record = json.loads((tmp_path / "report" / "report.json").read_text())
    assert list(record["verdict"]) == ["original", "pretrained"]
    assert record["fitted_on"] == [] and len(record["seen"]) == 2
    assert not set(record["seen"]) & set(record["compared"])
    assert len(record["compared"]) == 46
    assert "2 of 48" in record["about"]["documents that trained them"]
    assert "2 of 48" in (tmp_path / "report" / "report.md").read_text()


def test_label_predicts_in_a_space_of_its_own(unlabeled, tiny_pretrained, tmp_path):
    options = ["--predict", "--out", tmp_path / "labels.jsonl"]
    refused = invoke("label", unlabeled, *options, "--encoder", "surface")
    assert "got --predict with --encoder" in str(refused.exception)
    base = ["--base-model", "no/such", "--no-download"]
    refused = invoke("label", unlabeled, *options, *base)
    assert "got the model 'no/such'" in str(refused.exception)
    assert not (tmp_path / "labels.jsonl").exists()
