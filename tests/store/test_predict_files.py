"""Predictions of files, by tasks: whole outputs, exact counts, a refusal of gaps."""

import errno
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from embetter_reg.analysis import label_counts
from embetter_reg.corpus import _documents, load_registers, read_documents
from embetter_reg.store import (
    count_predictions,
    folder_status,
    iter_predictions,
    predict_files,
)
from embetter_reg.text import RegisterEncoder


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    documents = load_registers().groupby("lang").head(4)
    documents["labels"] = documents["labels"].map(list)
    documents["text"] = documents["text"].str[:60]
    for number in range(3):
        part = documents.iloc[number::3]
        part.to_json(folder / f"{number}.jsonl", orient="records", lines=True)
    return folder


@pytest.fixture
def classifier(tiny_folder):
    return RegisterEncoder(
        str(tiny_folder / "classifier"), device="cpu", max_length=64, batch_size=1
    )


@pytest.mark.parametrize("output_format", ["jsonl", "parquet"])
def test_tasks_write_what_the_classifier_says(
    output_format, source, classifier, tmp_path
):
    out = tmp_path / "p"
    options = {"output_format": output_format, "threshold": 0.4}
    predict_files(classifier, source, out, shard=(2, 2), **options)
    with pytest.raises(ValueError, match="with 1 of 3 inputs, expected all; run"):
        list(iter_predictions(out))
    with pytest.raises(ValueError, match="with 1 of 3 inputs"):
        count_predictions(out)
    assert folder_status(out)["state"].tolist() == ["missing", "done", "missing"]
    assert len(list(iter_predictions(out, incomplete=True))) == 1
    predict_files(classifier, source, out, shard=(1, 2), **options)
    assert folder_status(out).to_numpy().tolist() == [
        [f"{number}.jsonl", 8, "done"] for number in range(3)
    ]
    documents = read_documents(source)
    written = pd.concat(iter_predictions(out), ignore_index=True)
    assert written["id"].tolist() == documents["id"].tolist()
    probabilities = classifier.predict_proba(documents["text"])
    expected = classifier.label_sets(probabilities >= 0.4)
    assert list(map(list, written["predicted"])) == expected
    stored = written["probabilities"]
    if output_format == "jsonl":
        stored = stored.map(lambda row: [row[name] for name in classifier.classes_])
    np.testing.assert_allclose(np.stack(stored), probabilities, atol=1e-4)
    pd.testing.assert_frame_equal(
        count_predictions(out),
        label_counts(expected, language=documents["lang"], classes=classifier.classes_),
        check_like=True,
    )


@pytest.mark.parametrize("output_format", ["jsonl", "parquet"])
def test_a_file_without_rows_has_no_predictions(
    output_format, source, classifier, tmp_path
):
    (tmp_path / "0.jsonl").write_text("")
    (tmp_path / "1.jsonl").write_text((source / "1.jsonl").read_text())
    out = tmp_path / "p"
    with pytest.warns(UserWarning, match="without rows"):
        predict_files(
            classifier, tmp_path, out, output_format=output_format, on_error="skip"
        )
    nothing, some = iter_predictions(out)
    assert len(nothing) == 0 and len(some) == 8
    columns = {"id", "lang", "labels", "predicted", "probabilities"}
    assert columns <= set(nothing) and set(nothing) == set(some)
    assert count_predictions(out)["n_documents"].iloc[-1] == 8


@pytest.mark.parametrize("moment", ["before it is opened", "while it is read"])
def test_a_file_that_goes_away_is_no_disk_that_is_full(
    moment, source, classifier, tmp_path, monkeypatch
):
    files = tmp_path / "files"
    shutil.copytree(source, files)
    if moment == "while it is read":
        rows_of = _documents.rows_of

        def lost(path, names):
            if path.name == "1.jsonl":
                raise OSError(errno.EIO, "Input/output error", str(path))
            return rows_of(path, names)

        monkeypatch.setattr(_documents, "rows_of", lost)
    else:
        classify = RegisterEncoder.predict_proba

        def move(self, X):
            (files / "1.jsonl").unlink(missing_ok=True)
            return classify(self, X)

        monkeypatch.setattr(RegisterEncoder, "predict_proba", move)
    with pytest.raises(ValueError, match=r"1\.jsonl, which cannot be read .*; put it"):
        predict_files(classifier, files, tmp_path / "p")
    assert folder_status(tmp_path / "p")["state"].tolist() == [
        "done",
        "missing",
        "missing",
    ]


def test_a_damaged_plan_and_embeddings_are_told(source, classifier, tmp_path):
    (tmp_path / "predictions.json").write_text("{")
    for read in (folder_status, iter_predictions, count_predictions):
        with pytest.raises(ValueError, match=r"predictions\.json, which is damaged"):
            read(tmp_path)
    (tmp_path / "predictions.json").rename(tmp_path / "manifest.json")
    with pytest.raises(ValueError, match="holds embeddings, expected a folder for"):
        predict_files(classifier, source, tmp_path)


def test_a_finished_output_is_left_and_a_damaged_one_made_again(
    source, classifier, tmp_path
):
    predict_files(classifier, source, tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.jsonl")}
    damaged = tmp_path / "part-00001.jsonl"
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-5])
    with pytest.raises(ValueError, match=r"part-00001\.jsonl, which is lost or not"):
        list(iter_predictions(tmp_path))
    predict_files(classifier, source, tmp_path)
    assert damaged.read_bytes() == content
    after = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.jsonl")}
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"part-00001.jsonl"}


def test_another_threshold_or_form_is_refused(source, classifier, tmp_path):
    predict_files(classifier, source, tmp_path)
    with pytest.raises(ValueError, match="holds predictions with other threshold"):
        predict_files(classifier, source, tmp_path, threshold=0.7)
    with pytest.raises(ValueError, match="with other output_format"):
        predict_files(classifier, source, tmp_path, output_format="parquet")
    with pytest.raises(ValueError, match="got output_format='csv'"):
        predict_files(classifier, source, tmp_path, output_format="csv")
    with pytest.raises(TypeError, match="got int as the classifier, expected one"):
        predict_files(3, source, tmp_path / "no")
    with pytest.raises(ValueError, match=r"without predictions\.json"):
        list(iter_predictions(source))
    with pytest.raises(ValueError, match="without a record of inputs"):
        folder_status(source)


def test_a_bad_row_leaves_no_half_of_an_output(source, classifier, tmp_path):
    bad = tmp_path / "bad.jsonl"
    lines = (source / "0.jsonl").read_text().splitlines()
    bad.write_text("\n".join([*lines, json.dumps({"lang": "en"})]))
    with pytest.raises(ValueError, match=r"bad\.jsonl:9: got no column 'text'"):
        predict_files(classifier, [source, bad], tmp_path / "p")
    assert folder_status(tmp_path / "p")["state"].tolist() == ["done"] * 3 + ["missing"]
    names = {path.name for path in (tmp_path / "p").iterdir()}
    assert not {name for name in names if name.startswith((".", "part-00003"))}
