"""What the labeling page exports is read back with labels, languages and ids."""

import numpy as np
import pandas as pd
import pytest

from embetter_reg.corpus import document_ids, read_documents
from embetter_reg.label import Workspace, export_labels, import_labels

TEXTS = {
    "=": ["NA", "ne"],
    "-": ["NA", "OP"],
    "'=": ["HI"],
    "=1+1": ["ID"],
    "- a list": ["NA"],
    "'=1+1": ["LY"],
    "''=": ["IN", "dtp"],
    "+1 for that": ["OP", "rv"],
    "@all": ["SP"],
    "\tindented": ["IP"],
    "'tis": ["LY"],
    'a = b, said "no", and left': ["HI", "re"],
    "two\nlines\r\nand a third": ["ID"],
    "ääni 声": ["NA"],
    "plain": ["OP", "ob"],
    " a space on each side ": ["SP", "it"],
}
LANGUAGES = ["en", "fi", "no", "zh"] * 4
IDS = ["=1", "-2", "'=3", "'4", "007", "NA", "None", "5.0", *map(str, range(8))]


def exported(tmp_path, kind, ids=None, labels=None):
    """Write an export, and return the documents and the file."""
    documents = pd.DataFrame(
        {
            "id": ids or document_ids(LANGUAGES, list(TEXTS)),
            "lang": LANGUAGES,
            "labels": labels or list(TEXTS.values()),
            "text": list(TEXTS),
            "topic": list("abcdefghijklmnop"),
        }
    )
    places = np.arange(32.0).reshape(16, 2)
    work = Workspace(documents, places, tmp_path / "log.jsonl", places=places)
    path = tmp_path / ("labels.jsonl" if kind == "jsonl" else "labels.csv")
    path.write_text(export_labels(work, kind), encoding="utf-8", newline="")
    return documents, path


@pytest.mark.parametrize("ids", [None, IDS], ids=["of the texts", "given"])
@pytest.mark.parametrize("kind", ["jsonl", "csv", "bulk"])
def test_exports_are_read_back_whole(tmp_path, kind, ids):
    documents, path = exported(tmp_path, kind, ids)
    columns = ["id", "lang", "labels", "text"]
    if kind != "bulk":
        columns.append("topic")
    read = read_documents(path)
    assert read[columns].to_dict("records") == documents[columns].to_dict("records")


OWN = [["love letter"], ["=spam", "-ham"], ["NA", "'=x"], ["spam"]] * 4


@pytest.mark.parametrize("labels", [list(TEXTS.values()), OWN], ids=["CORE", "own"])
@pytest.mark.parametrize("kind", ["jsonl", "csv", "bulk"])
def test_exports_are_imported_whole(tmp_path, kind, labels):
    documents, path = exported(tmp_path, kind, labels=labels)
    unlabeled = documents.assign(labels=[[]] * 16)
    places = np.arange(32.0).reshape(16, 2)
    work = Workspace(unlabeled, places, tmp_path / "other.jsonl", places=places)
    assert import_labels(work, path.read_bytes(), path.name).n_labeled == 16
    assert list(work.labels) == list(map(tuple, labels))


def test_pandas_reads_the_register_na(tmp_path):
    """As the page of the reference says."""
    _, path = exported(tmp_path, "csv")
    table = pd.read_csv(path, keep_default_na=False)
    assert table["label"].tolist()[:3] == ["NA, ne", "NA, OP", "HI"]
    assert pd.read_csv(path)["label"].isna().sum() == 2
