import csv
import io
import json

import pandas as pd
import pytest

from embetter_reg.label import export_labels, import_labels
from embetter_reg.label._load import load_corpus

TRICKY = 'Say "hi", then\nleave;\t<script>alert(1)</script>\u2028=1+1'


@pytest.fixture
def work(make_work, documents):
    work = make_work()
    work.documents.loc[2, "text"] = work.text[2] = TRICKY
    work.log.apply(work.ids[:2], ["NA", "ne"], by="ann")
    work.log.apply([work.ids[2]], ["OP", "HI"], by="bo")
    return work


def empty(make_work, tmp_path, work):
    other = make_work()
    other.log.path.unlink()
    other.log.refresh()
    other.documents.loc[2, "text"] = other.text[2] = TRICKY
    assert not any(other.labels)
    return other


def test_json_lines(work):
    lines = [
        json.loads(line) for line in export_labels(work, "jsonl").split("\n") if line
    ]
    assert [line["label"] for line in lines] == [
        ["NA", "ne"],
        ["NA", "ne"],
        ["OP", "HI"],
    ]
    assert lines[2]["text"] == TRICKY
    assert lines[0]["meta"] == {
        "id": work.ids[0],
        "lang": "en",
        "topic": "sport",
        "by": "ann",
    }


def test_csv(work):
    rows = list(csv.DictReader(io.StringIO(export_labels(work, "csv"), newline="")))
    assert list(rows[0]) == ["id", "lang", "label", "text", "topic"]
    assert [row["label"] for row in rows] == ["NA, ne", "NA, ne", "OP, HI"] and rows[2][
        "text"
    ] == TRICKY


def test_the_columns_of_bulk_hold_every_document(work):
    rows = pd.read_csv(io.StringIO(export_labels(work, "bulk")))
    assert list(rows) == ["text", "x", "y", "label"] and len(rows) == 480
    assert abs(rows[["x", "y"]].to_numpy() - work.last_round.places).max() < 1e-4


def test_an_unknown_kind_is_refused(work):
    with pytest.raises(ValueError, match="got the kind 'xml'"):
        export_labels(work, "xml")


@pytest.mark.parametrize(
    ("kind", "name"), [("jsonl", "a.jsonl"), ("csv", "a.csv"), ("bulk", "b.csv")]
)
def test_what_is_exported_is_imported_again(work, make_work, tmp_path, kind, name):
    content, before = export_labels(work, kind), list(work.labels)
    other = empty(make_work, tmp_path, work)
    found = import_labels(other, content.encode(), name, by="ann")
    assert found.n_labeled == 3 and other.labels == before
    assert "3 documents" in found.sentence()
    other.log.undo("ann")
    assert not any(other.labels)


def test_prodigy_is_imported(work):
    lines = [
        {"text": work.text[10], "accept": ["LY"], "answer": "accept"},
        {"text": work.text[11], "label": "NA", "answer": "reject"},
        {"text": "nobody wrote this", "label": "NA", "answer": "accept"},
    ]
    found = import_labels(work, "\n".join(map(json.dumps, lines)), "out.jsonl")
    assert tuple(found) == (1, 1, 1)
    assert work.labels[10] == ("LY",) and work.labels[11] == ()
    assert "1 rows are of other documents" in found.sentence()


def test_a_text_that_two_documents_share_is_matched_by_id_only(work):
    work.text[20] = work.text[21]
    row = {"text": work.text[21], "label": "NA"}
    with pytest.raises(ValueError, match="1 labeled rows of unknown documents"):
        import_labels(work, json.dumps(row), "x.jsonl")
    import_labels(work, json.dumps({**row, "meta": {"id": work.ids[21]}}), "x.jsonl")
    assert work.labels[20:22] == [(), ("NA",)]


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"\xff\xfe", "x.jsonl", "not UTF-8"),
        (b"{", "x.jsonl", r"x\.jsonl:1: got invalid JSON"),
        (b"[1]", "x.jsonl", "expected a JSON object"),
        (b"text,y\na,b\n", "x.csv", "expected one called label"),
        (b"", "x.jsonl", "expected labels of these documents"),
    ],
)
def test_a_file_that_cannot_be_imported_says_why_and_changes_nothing(
    work, content, name, message
):
    before = work.log.path.read_bytes()
    with pytest.raises(ValueError, match=message):
        import_labels(work, content, name)
    assert work.log.path.read_bytes() == before


def test_a_corpus_from_documents_with_a_map_and_from_embeddings(embeddings, documents):
    read = load_corpus(
        [embeddings / "docs.jsonl"],
        embeddings=embeddings / "embeddings",
        keep_labels=0.05,
    )
    assert read.X.shape == (480, 16) and list(read.documents["id"]) == list(
        documents["id"]
    )
    assert abs(read.places - documents[["x", "y"]].to_numpy()).max() < 1e-6
    assert sum(map(bool, read.documents["labels"])) == 24
    stored = load_corpus([embeddings / "embeddings"], keep_labels=0)
    assert stored.places is None and not stored.documents["labels"].map(bool).any()
    assert (stored.X == read.X).all()


def test_a_share_of_labels_outside_0_and_1_is_refused(embeddings):
    with pytest.raises(ValueError, match="expected a share in"):
        load_corpus([embeddings / "docs.jsonl"], keep_labels=5)


def test_embeddings_of_other_documents_are_refused(embeddings, tmp_path):
    (tmp_path / "en.jsonl").write_text('{"text": "a"}\n', encoding="utf-8")
    with pytest.raises(ValueError, match="without the document 'en-1'"):
        load_corpus([tmp_path / "en.jsonl"], embeddings=embeddings / "embeddings")
