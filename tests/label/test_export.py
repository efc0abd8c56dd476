import csv
import io
import json
import re

import numpy as np
import pandas as pd
import pytest

from embetter_reg._files import unescape_formula
from embetter_reg.label import export_labels, import_labels
from embetter_reg.label._load import load_corpus
from embetter_reg.store import Embeddings, write_embeddings
from embetter_reg.text import SentenceEncoder, join_layers

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
    rows = pd.read_csv(io.StringIO(export_labels(work, "bulk")), keep_default_na=False)
    assert list(rows) == ["text", "x", "y", "label", "id", "lang"] and len(rows) == 480
    assert rows["label"].tolist()[:4] == ["NA, ne", "NA, ne", "OP, HI", ""]
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
    imported = import_labels(other, content.encode(), name, by="ann")
    assert imported.n_labeled == 3 and list(other.labels) == before
    assert "3 documents" in imported.sentence()
    other.log.undo("ann")
    assert not any(other.labels)


def test_prodigy_is_imported(work):
    lines = [
        {"text": work.text[10], "accept": ["LY"], "answer": "accept"},
        {"text": work.text[11], "label": "NA", "answer": "reject"},
        {"text": "nobody wrote this", "label": "NA", "answer": "accept"},
    ]
    imported = import_labels(work, "\n".join(map(json.dumps, lines)), "out.jsonl")
    assert tuple(imported) == (1, 1, 1, [], [], 0)
    assert work.labels[10] == ("LY",) and work.labels[11] == ()
    assert "1 rows are of other documents" in imported.sentence()


def test_a_text_that_two_documents_share_is_matched_by_id_only(work):
    work.text[20] = work.text[21]
    row = {"text": work.text[21], "label": "NA"}
    with pytest.raises(ValueError, match="1 labeled rows of unknown documents"):
        import_labels(work, json.dumps(row), "x.jsonl")
    import_labels(work, json.dumps({**row, "meta": {"id": work.ids[21]}}), "x.jsonl")
    assert work.labels[20:22] == [(), ("NA",)]


def test_an_id_with_the_text_of_another_document_is_left_out_and_named(work):
    right = {"text": work.text[30], "label": "LY", "id": work.ids[30]}
    wrong = {"text": work.text[31], "label": "HI", "id": work.ids[32]}
    spaced = {"text": f" {work.text[33]}\r\n", "label": "IN", "id": work.ids[33]}
    content = "\n".join(map(json.dumps, [right, wrong, spaced]))
    imported = import_labels(work, content, "x.jsonl")
    assert work.labels[30:34] == [("LY",), (), (), ("IN",)]
    assert imported.other_texts == [work.ids[32]]
    assert f"'{work.ids[32]}'" in imported.sentence()
    with pytest.raises(ValueError, match="1 with the text of another document"):
        import_labels(work, json.dumps(wrong), "x.jsonl")


def test_rows_of_one_document_that_differ_are_left_out_and_named(work):
    rows = [
        {"id": work.ids[40], "label": "NA"},
        {"id": work.ids[41], "label": "NA"},
        {"id": work.ids[40], "label": "HI"},
        {"id": work.ids[41], "label": ["NA"]},
    ]
    imported = import_labels(work, "\n".join(map(json.dumps, rows)), "x.jsonl")
    assert work.labels[40:42] == [(), ("NA",)]
    assert imported.n_labeled == 1 and imported.conflicts == [work.ids[40]]
    assert f"1 id ('{work.ids[40]}') with several labels" in imported.sentence()


def test_an_import_says_how_many_labels_it_changes(work):
    rows = [{"id": work.ids[n], "label": "NA ne"} for n in (0, 1, 2, 3)]
    imported = import_labels(work, "\n".join(map(json.dumps, rows)), "x.jsonl")
    assert (imported.n_labeled, imported.n_changed) == (4, 1)
    assert "1 of them had another label before" in imported.sentence()


@pytest.mark.parametrize(
    "label", ["NaN", "3", "true", "[1]", "[null]", '[["NA"]]', '{"a": 1}', '"NA XY"']
)
def test_a_label_that_is_no_text_is_refused_and_nothing_is_lost(work, label):
    before = work.log.path.read_bytes()
    good = json.dumps({"id": work.ids[9], "label": "NA"})
    bad = f'{{"id": "{work.ids[8]}", "label": {label}}}'
    with pytest.raises(ValueError, match=r"x\.jsonl:2: got the label"):
        import_labels(work, f"{good}\n{bad}", "x.jsonl")
    assert work.log.path.read_bytes() == before


FORMULAS = [
    "=cmd|' /C calc'!A0",
    "+1",
    "-1 and",
    "@SUM(A1)",
    "\t=2",
    "\r=3",
    "'=quoted",
]


@pytest.mark.parametrize("kind", ["csv", "bulk"])
def test_no_cell_is_a_formula_and_all_are_read_back(make_work, kind):
    work = make_work()
    for row, text in enumerate(FORMULAS):
        work.documents.loc[row, "text"] = work.text[row] = text
        work.documents.loc[row, "topic"] = text
    ids = work.ids[: len(FORMULAS)]
    work.log.apply(ids, ["NA"])
    content = export_labels(work, kind)
    rows = list(csv.reader(io.StringIO(content, newline="")))
    number = re.compile(r"-?\d+(\.\d+)?(e-\d+)?")
    for cell in (cell for row in rows for cell in row):
        assert not cell.startswith(tuple("=+-@\t\r")) or number.fullmatch(cell)
    place = rows[0].index("text")
    texts = [unescape_formula(row[place]) for row in rows[1 : len(FORMULAS) + 1]]
    assert texts == FORMULAS
    work.log.undo()
    without_ids = content.replace(",id", ",no_id").replace("id,", "no_id,")
    assert import_labels(work, without_ids, "x.csv").n_labeled == len(FORMULAS)
    assert set(work.log.state.labels) == set(ids)


def test_missing_values_are_no_json_and_empty_in_csv(make_work):
    work = make_work()
    values = [float("nan"), None, pd.NaT, np.float32(1.5), float("inf"), [np.nan, 1]]
    column = [*values, *[np.nan] * 474]
    work.documents["more"] = pd.Series(column, dtype=object)
    work.log.apply(work.ids[:6], ["NA"])

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    lines = [
        json.loads(line, parse_constant=refuse)["meta"].get("more", "left out")
        for line in export_labels(work, "jsonl").splitlines()
    ]
    assert lines == ["left out"] * 3 + [1.5, "inf", [None, 1]]
    table = csv.DictReader(io.StringIO(export_labels(work, "csv"), newline=""))
    assert [row["more"] for row in table] == ["", "", "", "1.5", "inf", "[None, 1]"]


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"\xff\xfe", "x.jsonl", "not UTF-8"),
        (b"{", "x.jsonl", r"x\.jsonl:1: got invalid JSON"),
        (b"[1]", "x.jsonl", "expected a JSON object"),
        (b"text,y\na,b\n", "x.csv", "expected one called label"),
        (b"", "x.jsonl", "expected labels of these documents"),
        (b"[" * 100_000, "x.jsonl", "deeply nested JSON"),
        (b'id,label\na,"NA\n', "x.csv", "expected quotes in pairs"),
        (b"id,label\na,NA,b\n", "x.csv", "row of another width"),
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
    with pytest.raises(ValueError, match="without the document 'en-"):
        load_corpus([tmp_path / "en.jsonl"], embeddings=embeddings / "embeddings")


@pytest.mark.filterwarnings("ignore:9 of 9 documents are longer")
def test_layers_of_an_encoder_or_of_embeddings_are_joined(
    documents, tiny_model, tmp_path
):
    few = documents.head(9)
    few.to_json(tmp_path / "docs.jsonl", orient="records", lines=True)
    docs = [tmp_path / "docs.jsonl"]
    encoder = SentenceEncoder(tiny_model, prompt="the ", device="cpu")
    encoded = encoder.encode(few["text"], [3, "last"]).layers
    expected = join_layers(encoded)
    read = load_corpus(docs, encoder=tiny_model, layers=[3, "last"], prompt="the ")
    np.testing.assert_allclose(read.X, expected, atol=1e-5)
    stored = tmp_path / "e"
    layers = {str(layer): X for layer, X in encoded.items()}
    write_embeddings(Embeddings(few, layers), stored)
    for paths, embeddings in (([stored], None), (docs, stored)):
        options = {"embeddings": embeddings}
        read = load_corpus(paths, layers=[3, "last"], **options)
        np.testing.assert_allclose(read.X, expected, atol=1e-6)
        turned = load_corpus(paths, layers=["last", 3], **options)
        np.testing.assert_allclose(turned.X[:, :16], expected[:, 16:], atol=1e-6)
        last = load_corpus(paths, **options)
        np.testing.assert_allclose(last.X, encoded["last"], atol=1e-6)
        with pytest.raises(ValueError, match="got prompt='the ' with embeddings"):
            load_corpus(paths, prompt="the ", **options)
