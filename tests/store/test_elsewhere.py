"""Parquet files that other programs wrote."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from embetter_reg.corpus import document_ids
from embetter_reg.store import Embeddings, read_embeddings, write_embeddings

TEXTS = ["One.", "Two.", "One."]
X = np.array([[1, 2], [3, 4], [5, 6]], np.float32)


def write(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


def test_what_pandas_writes(tmp_path):
    """Lists of float64, labels as strings, another name of the language, no id."""
    path = tmp_path / "docs.parquet"
    frame = pd.DataFrame(
        {
            "text": TEXTS,
            "language": ["en", "fi", "en"],
            "labels": ["NA", "NA NE", None],
            "embed_last": list(X),
        },
        index=[7, 8, 9],
    )
    frame.to_parquet(path)
    stored = read_embeddings(path)
    np.testing.assert_array_equal(stored.layers["last"], X)
    assert stored.layers["last"].dtype == np.float32
    documents = stored.documents
    assert documents["labels"].tolist() == [["NA"], ["NA", "ne"], []]
    assert documents["lang"].tolist() == ["en", "fi", "en"]
    assert documents["id"].tolist() == document_ids(documents["lang"], TEXTS)
    assert documents["id"].is_unique and documents.index.tolist() == [0, 1, 2]
    again = read_embeddings(write_embeddings(stored, tmp_path / "e"))
    assert again.documents["id"].tolist() == documents["id"].tolist()
    np.testing.assert_array_equal(again.layers["last"], X)


def test_the_index_of_pandas_is_a_column(tmp_path):
    frame = pd.DataFrame({"id": [3, 1, 9], "lang": "en", "embed_e": list(X)})
    frame.set_index("id").to_parquet(tmp_path / "a.parquet")
    stored = read_embeddings(tmp_path / "a.parquet")
    assert stored.documents["id"].tolist() == ["3", "1", "9"]
    assert stored.documents["labels"].tolist() == [[], [], []]


def test_large_lists_whole_numbers_and_several_row_groups(tmp_path):
    column = pa.array(X.astype(int).tolist(), pa.large_list(pa.int32()))
    table = pa.table({"id": ["a", "b", "c"], "lang": ["en"] * 3, "embed_e": column})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=1)
    stored = read_embeddings(tmp_path / "a.parquet")
    np.testing.assert_array_equal(stored.layers["e"], X)


def test_the_language_of_a_name(tmp_path):
    write(tmp_path / "fi_test.parquet", text=TEXTS, embed_e=X.tolist())
    stored = read_embeddings(tmp_path / "fi_test.parquet")
    assert stored.documents["lang"].tolist() == ["fi"] * 3
    write(tmp_path / "docs.parquet", text=TEXTS, embed_e=X.tolist())
    with pytest.raises(ValueError, match="without languages, expected a column lang"):
        read_embeddings(tmp_path / "docs.parquet")


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ([[1.0, 2.0], None, [5.0, 6.0]], "got no vector in row 2 of embed_e"),
        ([[1.0, 2.0], [3.0], [5.0, 6.0]], "got a vector of 1 numbers in row 2"),
        ([[1.0, 2.0], [3.0, None], [5.0, 6.0]], "not finite in row 2 of embed_e"),
        ([[1.0, 2.0], [3.0, np.inf], [5.0, 6.0]], "not finite in row 2 of embed_e"),
        ([[], [], []], "expected a list of numbers|expected one width above 0"),
        (["[1, 2]", "[3, 4]", "[5, 6]"], "as string, expected a list of numbers"),
        ([["1"], ["2"], ["3"]], "as list<.*string>, expected a list of numbers"),
        ([1.0, 2.0, 3.0], "as double, expected a list of numbers"),
    ],
)
def test_vectors_that_are_none(tmp_path, vectors, message):
    path = tmp_path / "a.parquet"
    write(path, id=["a", "b", "c"], lang=["en"] * 3, embed_e=pa.array(vectors))
    with pytest.raises(ValueError, match=message) as caught:
        read_embeddings(path)
    assert "a.parquet" in str(caught.value)


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (None, "got no vector in row 2 of embed_e"),
        ([3.0, None], "not finite in row 2 of embed_e"),
    ],
)
def test_gaps_in_lists_of_a_fixed_size(tmp_path, second, message):
    column = pa.array([[1.0, 2.0], second, [5.0, 6.0]], pa.list_(pa.float32(), 2))
    path = tmp_path / "a.parquet"
    write(path, id=["a", "b", "c"], lang=["en"] * 3, embed_e=column)
    with pytest.raises(ValueError, match=message):
        read_embeddings(path)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": ["a", None, "c"], "lang": ["en"] * 3}, "column id: got no id at posi"),
        ({"id": [0.5, 1.5, 2.5], "lang": ["en"] * 3}, "column id: position 0: got 0.5"),
        (
            {"id": ["a", "b", "c"], "lang": ["en"] * 3, "labels": ["NA", "XX", "na"]},
            "column labels: got the unknown register code 'XX'",
        ),
        (
            {"id": ["a", "b", "c"], "lang": ["en"] * 3, "labels": [1, 2, 3]},
            "column labels: got 1 as the labels",
        ),
    ],
)
def test_documents_that_cannot_be_told(tmp_path, columns, message):
    path = write(tmp_path / "a.parquet", **columns, embed_e=X.tolist())
    with pytest.raises((ValueError, TypeError), match=message):
        read_embeddings(path)


def test_no_rows(tmp_path):
    path = tmp_path / "a.parquet"
    write(
        path,
        id=pa.array([], pa.string()),
        embed_e=pa.array([], pa.list_(pa.float32(), 2)),
    )
    with pytest.raises(ValueError, match="with no rows"):
        read_embeddings(path)


def test_hidden_files_beside_them(tmp_path):
    """A Mac leaves ._ files in folders that it copies."""
    write(tmp_path / "en.parquet", text=TEXTS, embed_e=X.tolist())
    (tmp_path / "._en.parquet").write_bytes(b"\0")
    assert len(read_embeddings(tmp_path).documents) == 3


def test_a_notebook_shows_documents_by_language_and_register_and_layers():
    documents = pd.DataFrame(
        {
            "id": ["a", "b", "c"],
            "lang": ["fi", "en", "fi"],
            "labels": [["HI"], ["NA", "ne", "OP"], []],
        }
    )
    layers = {"0": np.zeros((3, 4)), "last": np.zeros((3, 6))}
    shown = Embeddings(documents, layers, [{"encoder": "<lite>"}])._repr_html_()
    cells = re.findall(r"<th.*?>(.*?)</th><td.*?>(.*?)</td>", shown)
    assert dict(cells) == {
        "documents": "3",
        "encoder": "&lt;lite&gt;",
        "layer 0": "4 dimensions",
        "layer last": "6 dimensions",
        "languages": "en 1, fi 2",
        "registers": "HI how-to or instruction 1, NA narrative + OP opinion 1, "
        "unlabeled 1",
    }
