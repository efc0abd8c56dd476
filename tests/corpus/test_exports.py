"""What the labeling page exports is read back with labels, languages and ids."""

import numpy as np
import pandas as pd
import pytest

from embetter_reg.corpus import document_ids, read_documents
from embetter_reg.label import Workspace, export_labels

TEXTS = ["=1+1", "- a list", "plain", 'said "no", and left', "two\nlines", "ääni"]
LABELS = [["NA", "ne"], ["NA", "OP"], ["HI"], ["ID"], ["NA"], ["LY"]]


def exported(tmp_path, languages, kind):
    documents = pd.DataFrame(
        {
            "id": document_ids(languages, TEXTS),
            "lang": languages,
            "labels": LABELS,
            "text": TEXTS,
            "topic": list("abcdef"),
        }
    )
    places = np.arange(12.0).reshape(6, 2)
    work = Workspace(documents, places, tmp_path / "log.jsonl", places=places)
    path = tmp_path / ("labels.jsonl" if kind == "jsonl" else "labels.csv")
    path.write_text(export_labels(work, kind), encoding="utf-8", newline="")
    return documents, path


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_exports_are_read_back_whole(tmp_path, kind):
    documents, path = exported(tmp_path, ["en", "en", "fi", "fr", "no", "fi"], kind)
    columns = ["id", "lang", "labels", "text", "topic"]
    assert read_documents(path)[columns].to_dict("records") == documents[
        columns
    ].to_dict("records")


def test_the_form_of_bulk_is_read_back(tmp_path):
    documents, path = exported(tmp_path, ["en"] * 6, "bulk")
    columns = ["id", "lang", "labels", "text"]
    read = read_documents(path, language="en")
    assert read[columns].to_dict("records") == documents[columns].to_dict("records")


def test_pandas_reads_the_register_na(tmp_path):
    """As the page of the reference says."""
    _, path = exported(tmp_path, ["no"] * 6, "csv")
    table = pd.read_csv(path, keep_default_na=False)
    assert table["label"].tolist() == ["NA, ne", "NA, OP", "HI", "ID", "NA", "LY"]
    assert pd.read_csv(path)["label"].isna().sum() == 1
